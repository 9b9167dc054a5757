"""Who is asked for at the second channel, how often, and how many at once."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.bridge.kefu_to_slack.arrivals import Arrivals
from slackkefu.bridge.kefu_to_slack.polling import AT_ONCE, FAST_S, SLOW_S, WROTE_S, Polling, Watched
from slackkefu.easemob.names import ImUser
from slackkefu.errors import KefuUnavailable
from slackkefu.store.spill import Spilled
from tests.bridge.handing_out import QUEUE, Channel, Delivery, received
from tests.bridge.people import MIA, Spill, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from slackkefu.store.spill import Piece

USER = ImUser(MIA)
UNAVAILABLE = KefuUnavailable("GET imgateway/messages", "HTTP 503")


class Bench:
    """Polling of a channel, with a way to Slack."""

    def __init__(self, *, second: bool = True) -> None:
        self.channel = Channel()
        self.spill = Spill()
        self.delivery = Delivery()
        self.missing: set[ImUser] = set()
        arrivals = Arrivals(shelf=self.spill, deliver=self.delivery, queue=QUEUE, world=world())
        self.polling = Polling(
            channel=self.channel if second else None, arrivals=arrivals, is_missing=lambda user: user in self.missing
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Polling]:
        """Run it, for a ``with`` block."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.polling.run)
            yield self.polling
            nursery.cancel_scope.cancel()


# How often.


@pytest.mark.parametrize(
    ("is_missing", "is_open", "wrote_ago_s", "expected"),
    [
        (True, True, 1e6, FAST_S),
        (True, False, 0.0, FAST_S),
        (True, False, WROTE_S - 1, FAST_S),
        (True, False, WROTE_S, None),
        (False, True, 0.0, SLOW_S),
        (False, True, 1e6, SLOW_S),
        (False, False, 0.0, None),
        (False, False, WROTE_S, None),
    ],
)
def test_how_often(is_missing: bool, is_open: bool, wrote_ago_s: float, expected: float | None) -> None:
    """A failing login often, an open session now and then, everybody else never."""
    now = 1e7
    watched = Watched(is_open=is_open, wrote_at=now - wrote_ago_s, asked_at=0.0)
    is_asked = watched.is_expecting(now) and watched.is_asked_for(is_missing=is_missing)

    assert expected == (watched.next_at(is_missing=is_missing) if is_asked else None)


def test_a_channel_without_answers_is_asked_less_and_less() -> None:
    """The pause doubles with each failure, up to the slow one."""
    pauses = [Watched(asked_at=0.0, failures=failures).next_at(is_missing=True) for failures in (0, 1, 2, 4, 5, 99)]

    assert [20, 40, 80, 320, SLOW_S, SLOW_S] == pauses


async def test_a_visitor_who_cannot_log_in(autojump_clock: trio.testing.MockClock) -> None:
    """It is asked for every 20 s for half an hour after it wrote, or as long as its session is open."""
    bench = Bench()
    bench.missing.add(USER)
    async with bench.running() as polling:
        polling.wrote(USER)
        await trio.sleep(WROTE_S + 100)

        assert [FAST_S * number for number in range(1, 90)] == bench.channel.times()
        assert 0 == polling.statistics().watched

        polling.set_open(USER, is_open=True)
        await trio.sleep(3600)
        polling.set_open(USER, is_open=False)
        asked = len(bench.channel.asked)
        await trio.sleep(3600)

        assert 89 + 179 <= asked <= len(bench.channel.asked) <= asked + 1


async def test_an_open_session(autojump_clock: trio.testing.MockClock) -> None:
    """It is looked after every ten minutes while its login works, and at once more often when that is lost."""
    bench = Bench()
    async with bench.running() as polling:
        polling.set_open(USER, is_open=True)
        for _ in range(100):
            polling.set_open(USER, is_open=True)
            await trio.sleep(15)

        assert [600.0, 1200.0] == bench.channel.times()

        await trio.sleep(50)
        bench.missing.add(USER)
        polling.lost(USER)
        await trio.sleep(65)

        assert [1570.0, 1590.0, 1610.0] == bench.channel.times()[2:]

        bench.missing.clear()
        await trio.sleep(SLOW_S)

        assert [2210.0] == bench.channel.times()[5:]


async def test_a_login_that_comes_back_by_itself_is_not_asked_for(autojump_clock: trio.testing.MockClock) -> None:
    """Most losses are over within seconds; and who expects nothing is not watched for losing a login."""
    bench = Bench()
    async with bench.running() as polling:
        polling.wrote(USER)
        polling.lost(USER)
        polling.lost(ImUser("t1_leo_d2"))
        await trio.sleep(300)

        assert [] == bench.channel.asked
        assert 1 == polling.statistics().watched


async def test_without_a_second_channel_nobody_is_watched(autojump_clock: trio.testing.MockClock) -> None:
    """But what an earlier run has left is brought."""
    bench = Bench(second=False)
    await bench.spill.put(*await pieces("left over"))
    bench.polling.restore([Spilled(1, MIA, "left over")])
    bench.missing.add(USER)
    async with bench.running() as polling:
        polling.wrote(USER)
        polling.set_open(USER, is_open=True)
        polling.lost(USER)
        await trio.sleep(600)

        assert 0 == polling.statistics().watched
    assert ["left over"] == bench.delivery.texts


async def pieces(*texts: str) -> list[Piece]:
    """Return what a run leaves on disk of such messages."""
    bench = Bench()
    await bench.polling._arrivals.keep(USER, [received(text) for text in texts])
    return bench.spill.pieces


# One at a time.


async def test_what_was_left_comes_first(autojump_clock: trio.testing.MockClock) -> None:
    """A visitor is not asked for until what the run before has left has ended."""
    bench = Bench()
    bench.delivery.takes_s = 50
    bench.missing.add(USER)
    await bench.spill.put(*await pieces("one", "two"))
    bench.channel.waiting[MIA] = [received("three")]
    bench.polling.restore([Spilled(1, MIA, "one"), Spilled(2, MIA, "two")])
    async with bench.running() as polling:
        polling.wrote(USER)
        await trio.sleep(200)

        assert 100 <= bench.channel.times()[0] < 110
    assert ["one", "two", "three"] == bench.delivery.texts


async def test_no_more_is_taken_than_slack_takes(autojump_clock: trio.testing.MockClock) -> None:
    """The next question comes when all that was found has ended."""
    bench = Bench()
    bench.missing.add(USER)
    bench.delivery.takes_s = 100
    bench.channel.waiting[MIA] = [received("one"), received("two")]
    async with bench.running() as polling:
        polling.set_open(USER, is_open=True)
        await trio.sleep(250)

        assert [20.0, 220.0] == [at for at in bench.channel.times() if at < 230]


async def test_a_few_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """However many are due, only some are asked for at a time, and everybody has its turn."""
    bench = Bench()
    users = [ImUser(f"t1_u{number}_d1") for number in range(30)]
    bench.missing.update(users)
    bench.channel.takes_s = 1
    async with bench.running() as polling:
        for user in users:
            polling.set_open(user, is_open=True)
        await trio.sleep(FAST_S + 5)

        assert AT_ONCE == bench.channel.most_at_once
        assert set(users) == {user for user, _ in bench.channel.asked}


async def test_a_slow_way_to_slack_holds_up_no_other_visitor(autojump_clock: trio.testing.MockClock) -> None:
    """Those whose answers wait do not count among those who are asked for."""
    bench = Bench()
    users = [ImUser(f"t1_u{number}_d1") for number in range(AT_ONCE)]
    bench.missing.update([*users, USER])
    bench.delivery.takes_s = 1000
    bench.channel.waiting = {user: [received(user, visitor=user)] for user in users}
    async with bench.running() as polling:
        for user in (*users, USER):
            polling.set_open(user, is_open=True)
        await trio.sleep(100)

        assert 4 <= len(bench.channel.times())


async def test_a_visitor_who_is_forgotten(autojump_clock: trio.testing.MockClock) -> None:
    """What was handed out for them is brought no further, need not be kept, and nobody asks for more."""
    bench = Bench()
    bench.missing.add(USER)
    bench.delivery.takes_s = 100
    bench.channel.waiting[MIA] = [received("one"), received("two")]
    async with bench.running() as polling:
        polling.set_open(USER, is_open=True)
        await trio.sleep(50)

        assert polling.is_busy(USER)

        polling.forget(USER)
        await trio.sleep(1000)

        assert not polling.is_busy(USER)
        assert [20.0] == bench.channel.times()
    assert [] == bench.delivery.texts
    assert {1, 2} == bench.spill.over


# Failures and the end.


async def test_a_failure_is_counted_and_forgotten(autojump_clock: trio.testing.MockClock) -> None:
    """It is asked again later, and as often as ever once there is an answer."""
    bench = Bench()
    bench.missing.add(USER)
    bench.channel.problems += [UNAVAILABLE, UNAVAILABLE]
    async with bench.running() as polling:
        polling.set_open(USER, is_open=True)
        await trio.sleep(185)

        assert [20.0, 60.0, 140.0, 160.0, 180.0] == bench.channel.times()
        assert (5, 2) == (polling.statistics().asked, polling.statistics().failed)


async def test_a_stop_waits_for_what_is_being_handed_out(autojump_clock: trio.testing.MockClock) -> None:
    """Its answer is on disk when :meth:`Polling.finish` returns, and nothing is asked after it."""
    bench = Bench()
    bench.missing.add(USER)
    bench.channel.takes_s = 3
    bench.delivery.takes_s = 1000
    bench.channel.waiting[MIA] = [received("one")]
    async with bench.running() as polling:
        polling.set_open(USER, is_open=True)
        await trio.sleep(FAST_S + 1)
        await polling.finish()

        assert FAST_S + 3 == trio.current_time()
        assert ["one"] == [piece.key for piece in bench.spill.pieces]
        bench.missing.add(ImUser("t1_leo_d2"))
        polling.set_open(ImUser("t1_leo_d2"), is_open=True)
        await trio.sleep(100)

        assert 1 == len(bench.channel.asked)
        await polling.finish()
