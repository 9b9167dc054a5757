"""Asking the desk and showing the answers: only where it may be, about what is open, and where it can be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
import trio

from slackkefu.bridge.book import Book, closed, opened
from slackkefu.bridge.kefu_to_slack.attempts import Attempts
from slackkefu.bridge.kefu_to_slack.desk_life import DeskLife
from slackkefu.bridge.kefu_to_slack.readers import Readers
from slackkefu.easemob.names import ImUser
from slackkefu.kefu.desk_state import QUEUE, TYPING, Typing, Waiting
from slackkefu.kefu.messages import Event, Text
from slackkefu.kefu.speaker import NOBODY, Speaker
from slackkefu.kefu.text import Plain
from slackkefu.slack.installation import Installations
from slackkefu.store.visitors import VisitorRecord
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, NORTH, Shelf
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.bridge.kefu_to_slack.notices import Notices
    from slackkefu.bridge.kefu_to_slack.session_status import SessionStatuses
    from slackkefu.bridge.languages import Languages
    from slackkefu.slack.installation import Installation
    from slackkefu.slack.web import WebClient

USER = ImUser(MIA)
LIN = Speaker("agent", "a-1", "小林")


class Scene:
    """Mia's thread, and a desk whose agent writes all the time and whose queue moves on."""

    def __init__(self, *, is_allowed: bool = True, thread_ts: str | None = "1.1", is_live: bool = True) -> None:
        self.asked: list[str] = []
        self.queue: list[int] = []
        self.shown: list[str] = []
        self.told: list[str] = []
        self.off: frozenset[str] = frozenset()
        self.is_off = False
        wall = virtual_wall()
        record = VisitorRecord(
            im_user=MIA,
            team="T0NORTH001",
            user="U0MIA00001",
            channel="D0MIA00001",
            channel_type="im",
            thread_ts=thread_ts,
        )
        self.book = Book([record], store=Shelf(), disk=InlineDisk())
        self.wall = wall
        installations = Installations([NORTH])
        self.life = DeskLife(
            desk=self if is_allowed else None,
            statuses=cast("SessionStatuses", Queue(self)),
            notices=cast("Notices", self),
            attempts=Attempts(),
            web=cast("WebClient", self),
            installations=installations,
            book=self.book,
            readers=Readers(book=self.book, installations=installations, languages=cast("Languages", self)),
            is_live=lambda _user: is_live,
            shows_queue=True,
            wall=wall,
        )

    # The desk.

    async def switched_off(self) -> frozenset[str]:
        """Say what there is not."""
        await trio.lowlevel.checkpoint()
        self.asked.append("features")
        return self.off

    async def typing(self, _visitor: ImUser, session: str) -> Typing | None:
        """Always write."""
        await trio.lowlevel.checkpoint()
        self.asked.append(f"typing {session}")
        return Typing(int(trio.current_time() * 1000), is_typing=True)

    async def waiting(self, session: str) -> Waiting | None:
        """Always move on."""
        await trio.lowlevel.checkpoint()
        self.asked.append(f"queue {session}")
        return Waiting(len(self.asked), 100 - len(self.asked))

    async def is_off_duty(self) -> bool:
        """Say whether nobody works."""
        await trio.lowlevel.checkpoint()
        self.asked.append("duty")
        return self.is_off

    # Slack.

    async def call(self, _method: str, arguments: Mapping[str, object], *, token: object) -> None:
        """Show what the app is doing."""
        await trio.lowlevel.checkpoint()
        assert token == NORTH.bot_token
        self.shown.append(str(arguments["status"]))

    async def post(self, _user: ImUser, words: str, *, identity: str) -> bool:
        """Post a notice."""
        await trio.lowlevel.checkpoint()
        self.told.append(words)
        return bool(identity)

    async def of(self, _installation: Installation, _user: str) -> str:
        """Say what somebody is spoken to in."""
        await trio.lowlevel.checkpoint()
        return "en-US"

    # What happens.

    def hears(self, by: Speaker = NOBODY, *, session: str = "s-1") -> None:
        """Let an agent speak in an open session, or a visitor wait in one."""
        record = self.book.get(USER)
        assert record is not None
        self.book.remember(opened(record, session, now=self.wall()))
        if by is NOBODY:
            self.life.heard(USER, Event("created", service_session_id=session))
        else:
            self.life.heard(USER, Text((Plain("hi"),), by=by, service_session_id=session))


class Queue:
    """Messages about service sessions that say how many wait."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def queue(self, _user: ImUser, _session: str, waiting: int) -> bool:
        """Say it."""
        self._scene.queue.append(waiting)
        return True


async def test_writing_is_shown(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """In the visitor's thread and language, and until the session is over."""
    scene = Scene()
    await nursery.start(scene.life.run)
    scene.hears(LIN)
    await trio.sleep(21)
    scene.life.set_open(USER, is_open=False)
    asked = [*scene.asked]
    await trio.sleep(600)

    assert ["features", *["typing s-1"] * 4] == asked == scene.asked
    assert ["is typing…"] == scene.shown
    assert (0, 5, 0, 1) == (
        (counts := scene.life.statistics()).watched,
        counts.tried - len(scene.shown),
        counts.failed,
        counts.typing_shown,
    )


async def test_the_queue_is_shown(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """As it changes, and not more often than is good for Slack."""
    scene = Scene()
    await nursery.start(scene.life.run)
    scene.hears()
    await trio.sleep(31)

    assert ["features", *["queue s-1"] * 6] == scene.asked
    assert [98, 95] == scene.queue


@pytest.mark.parametrize("scene", [{"thread_ts": None}, {"is_live": False}, {"is_allowed": False}])
async def test_what_cannot_be_shown_is_not_asked(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, scene: dict[str, bool]
) -> None:
    """Without a thread, a login or leave nobody asks whether an agent writes."""
    made = Scene(**scene)  # type: ignore[arg-type]  # one of several
    await nursery.start(made.life.run)
    made.is_off = True
    made.hears(LIN)
    made.life.wrote(USER)
    await trio.sleep(60)

    assert not [each for each in made.asked if each.startswith("typing")]
    assert ([], []) == (made.shown, made.told)


async def test_features_that_are_off(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """They are asked for once an hour, and nothing else is."""
    scene = Scene()
    scene.off = frozenset({QUEUE, TYPING})
    await nursery.start(scene.life.run)
    scene.hears()
    await trio.sleep(3700)
    scene.hears(LIN)
    await trio.sleep(60)

    assert ["features"] * 2 == scene.asked


async def test_words_of_another_session(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """A late word of a session that is over is nothing to ask about."""
    scene = Scene()
    await nursery.start(scene.life.run)
    record = scene.book.get(USER)
    assert record is not None
    scene.book.remember(closed(opened(record, "s-1", now=scene.wall()), "s-1"))
    scene.life.heard(USER, Text((Plain("late"),), by=LIN, service_session_id="s-1"))
    await trio.sleep(60)

    assert (0, []) == (scene.life.statistics().watched, scene.asked)


async def test_duty_hours(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """An answer is believed for a minute, and each visitor is told once; on duty nobody is."""
    scene = Scene()
    await nursery.start(scene.life.run)
    scene.life.wrote(USER)
    scene.life.wrote(USER)
    await trio.sleep(30)
    asked = len(scene.asked)
    scene.is_off = True
    scene.life.wrote(USER)
    await trio.sleep(31)
    scene.life.wrote(USER)
    scene.life.wrote(USER)
    await trio.sleep(31)

    assert (1, ["duty", "duty"]) == (asked, scene.asked)
    assert ["Customer service is off duty now. An answer may take longer."] == scene.told
    assert 1 == scene.life.statistics().off_duty_told
