"""A service session is open until kefu closes it, or is silent for a day."""

from __future__ import annotations

import trio
import trio.testing
from trio.testing import wait_all_tasks_blocked

from slackkefu.bridge.open_sessions import OPEN_S, OpenSessions
from slackkefu.easemob.names import ImUser

MIA, LEO = ImUser("t1_mia_d1"), ImUser("t1_leo_d2")


class Told:
    """What was told, with the time."""

    def __init__(self) -> None:
        self.lines: list[tuple[ImUser, bool, float]] = []

    def __call__(self, user: ImUser, is_open: bool) -> None:
        """Note it."""
        self.lines.append((user, is_open, trio.current_time()))

    @property
    def ends(self) -> list[tuple[ImUser, float]]:
        """Whose session ended when."""
        return [(user, at) for user, is_open, at in self.lines if not is_open]


async def test_a_word_opens_and_a_closing_closes(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Both are told at once, and a closed session does not end a second time."""
    told = Told()
    sessions = OpenSessions(told)
    await nursery.start(sessions.run)
    sessions.heard(MIA)
    await trio.sleep(10)
    sessions.closed(MIA)
    await trio.sleep(2 * OPEN_S)

    assert [(MIA, True, 0.0), (MIA, False, 10.0)] == told.lines

    nursery.cancel_scope.cancel()


async def test_silence_ends_a_session(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Each session ends a day after its own last word, also when it began while another's end was waited for."""
    told = Told()
    sessions = OpenSessions(told)
    await nursery.start(sessions.run)
    # The task sleeps without a date when the first one opens.
    await trio.sleep(5)
    sessions.heard(MIA)
    await trio.sleep(100)
    sessions.heard(LEO)
    await trio.sleep(100)
    sessions.heard(MIA)
    await trio.sleep(2 * OPEN_S)

    assert [(LEO, 105 + OPEN_S), (MIA, 205 + OPEN_S)] == told.ends

    nursery.cancel_scope.cancel()


async def test_sessions_after_each_other(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """When all sessions have ended the next one is still ended in its time."""
    told = Told()
    sessions = OpenSessions(told)
    await nursery.start(sessions.run)
    sessions.heard(MIA)
    sessions.closed(MIA)
    sessions.heard(LEO)
    await trio.sleep(OPEN_S + 1)
    sessions.heard(MIA)
    await trio.sleep(OPEN_S + 1)

    assert [(MIA, 0.0), (LEO, OPEN_S), (MIA, 2 * OPEN_S + 1)] == told.ends

    nursery.cancel_scope.cancel()


async def test_the_run_before_counts(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """A session last heard of before a restart ends a day after that, earlier than those heard of since."""
    told = Told()
    sessions = OpenSessions(told)
    await nursery.start(sessions.run)
    sessions.heard(LEO)
    await wait_all_tasks_blocked()
    sessions.heard(MIA, ago_s=OPEN_S - 60)
    await trio.sleep(2 * OPEN_S)

    assert [(MIA, 60.0), (LEO, OPEN_S)] == told.ends

    nursery.cancel_scope.cancel()
