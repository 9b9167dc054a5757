"""Who writes for the first time is greeted once, and nobody is where that is not asked for or the desk is away."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec
import pytest
import trio
import trio.testing

from slackkefu.bridge.book import Book
from slackkefu.bridge.kefu_to_slack.arrivals import Kept
from slackkefu.bridge.kefu_to_slack.attempts import Attempts
from slackkefu.bridge.kefu_to_slack.greeting import Greeting
from slackkefu.easemob.names import ImUser
from slackkefu.errors import KefuUnavailable
from slackkefu.kefu.greetings import company_greeting
from slackkefu.store.visitors import VisitorRecord
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, Shelf

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from slackkefu.bridge.kefu_to_slack.arrivals import Arrivals
    from slackkefu.kefu.second_channel import Received

USER = ImUser(MIA)


class Scene:
    """Mia, a desk with a greeting, and stand-ins for what brings it."""

    def __init__(self, *, is_allowed: bool = True, **known: object) -> None:
        self.asked = 0
        self.is_away = False
        self.done: list[str] = []
        mia = VisitorRecord(im_user=MIA, team="T0NORTH001", user="U0MIA00001", channel="D0MIA00001")
        self.shelf = Shelf()
        self.book = Book([msgspec.structs.replace(mia, **known)], store=self.shelf, disk=InlineDisk())
        self.greeting = Greeting(
            desk=self if is_allowed else None, arrivals=cast("Arrivals", self), attempts=Attempts(), book=self.book
        )

    async def greetings(self, visitor: ImUser) -> Sequence[Received]:
        """Greet."""
        await trio.lowlevel.checkpoint()
        self.asked += 1
        if self.is_away:
            raise KefuUnavailable("GET welcome", "HTTP 503")
        return company_greeting(b"welcome", visitor=visitor, sender="kefu_service")

    async def keep(self, user: ImUser, received: Sequence[Received]) -> list[Kept]:
        """Keep what was handed out."""
        await trio.lowlevel.checkpoint()
        record = self.book.get(user)
        assert record is not None
        self.done.append(f"kept, greeted is {record.greeted}")
        return [Kept(1, each.message) for each in received]

    async def bring(self, user: ImUser, kept: Iterable[Kept]) -> None:
        """Bring it to its end."""
        await trio.lowlevel.checkpoint()
        for _ in kept:
            self.done.append(f"brought, written is {self.shelf.last[user].greeted}")


async def test_once(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """It is on disk before anybody counts as greeted, and that is before it is brought."""
    scene = Scene()
    await nursery.start(scene.greeting.run)
    scene.greeting.wrote(USER)
    scene.greeting.wrote(USER)
    await trio.sleep(1)
    scene.greeting.wrote(USER)
    await trio.sleep(1)

    assert (1, ["kept, greeted is False", "brought, written is True"]) == (scene.asked, scene.done)


@pytest.mark.parametrize(
    "known", [{"greeted": True}, {"open_session": "s-1"}, {"closed_sessions": ("s-1",)}, {"is_allowed": False}]
)
async def test_nobody_asks(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, known: dict[str, object]
) -> None:
    """Of whoever is known at the desk, and where its own API may not be used."""
    scene = Scene(**known)  # type: ignore[arg-type]  # one of several
    await nursery.start(scene.greeting.run)
    scene.greeting.wrote(USER)
    scene.greeting.wrote(ImUser("a stranger"))
    await trio.sleep(1)

    assert (0, []) == (scene.asked, scene.done)


async def test_a_desk_that_is_away(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Nobody counts as greeted by it, and whoever writes again later, before anybody has answered, is."""
    scene = Scene()
    await nursery.start(scene.greeting.run)
    scene.is_away = True
    scene.greeting.wrote(USER)
    await trio.sleep(1)
    scene.greeting.wrote(USER)
    await trio.sleep(20)
    asked = scene.asked
    scene.is_away = False
    scene.greeting.wrote(USER)
    await trio.sleep(1)

    assert (1, 2, 2) == (asked, scene.asked, len(scene.done))
