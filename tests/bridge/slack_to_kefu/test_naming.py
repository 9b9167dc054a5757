"""Names are used as far as they are known in time, and no message waits longer than 0.3 s for them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
import trio.testing

from slackkefu.bridge.slack_to_kefu.naming import MOST, name_all
from slackkefu.slack.directory import Directory
from slackkefu.slack.ids import ChannelId, TeamId, UserId
from slackkefu.slack.profile import Profile
from tests.bridge.people import forward

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from slackkefu.slack.installation import Installation
    from slackkefu.slack.web import WebClient

PEOPLE = {"U0MIA00001": "Mia", "U0LEO00001": "Leo", "U0EVE00001": "Eve"}


class Names:
    """The questions about names of Slack's Web API, each answered after *delay_s*."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self.asked: list[tuple[str, float]] = []

    async def _answer(self, about: str) -> None:
        self.asked.append((about, trio.current_time()))
        await trio.sleep(self.delay_s)

    async def users_info(self, _: Installation, user: UserId) -> Profile:
        """Tell who somebody is."""
        await self._answer(user)
        return Profile(display_name=PEOPLE[user])

    async def team_name(self, _: Installation, team: TeamId | None = None) -> str:
        """Tell about a workspace."""
        await self._answer(team or "its own")
        return "Partner"

    async def conversation_name(self, _: Installation, channel: ChannelId) -> str:
        """Tell about a channel."""
        await self._answer(channel)
        return "support"


@asynccontextmanager
async def directory(names: Names) -> AsyncIterator[Directory]:
    """Run a directory that asks *names*."""
    known = Directory(web=cast("WebClient", names))
    async with trio.open_nursery() as nursery:
        await nursery.start(known.run)
        yield known
        nursery.cancel_scope.cancel()


CHANNEL: dict[str, Any] = {"channel": "C0SUPPORT1", "channel_type": "channel"}
PARTNER: dict[str, Any] = {**CHANNEL, "user_team": "T0PARTNER1"}


async def test_all_is_asked_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """Author, workspace, channel and everybody mentioned but the app are asked about at the same moment."""
    names = Names(delay_s=0.2)
    async with directory(names) as known:
        naming = await name_all(forward("<@U0NORTHBOT> <@U0LEO00001> <@U0EVE00001> <@U0LEO00001>", **PARTNER), known)

        assert 0.2 == pytest.approx(trio.current_time())
        assert {"U0MIA00001", "T0PARTNER1", "C0SUPPORT1", "U0LEO00001", "U0EVE00001"} == {
            about for about, _ in names.asked
        }
        assert 5 == len(names.asked)
        assert {0.0} == {at for _, at in names.asked}
        assert naming.author is not None
        assert ("Mia", "Partner", "support") == (naming.author.name, naming.workspace, naming.place)
        assert ["Leo", "Eve", None] == [naming.user(UserId(f"U0{who}")) for who in ("LEO00001", "EVE00001", "NORTHBOT")]


async def test_nothing_waits_longer(autojump_clock: trio.testing.MockClock) -> None:
    """With a Slack that does not answer, a message that needs every name goes on after 0.3 s without them."""
    async with directory(Names(delay_s=3600)) as known:
        everybody = " ".join(f"<@U0{number:08}>" for number in range(2 * MOST))
        naming = await name_all(forward(everybody, **PARTNER), known)

        assert trio.current_time() <= 0.3 + 1e-9
        assert (None, "", "", {}) == (naming.author, naming.workspace, naming.place, naming.people)


async def test_the_next_message_has_the_name(autojump_clock: trio.testing.MockClock) -> None:
    """An answer that comes too late for one message is there for the next, which waits for nothing."""
    async with directory(Names(delay_s=1.0)) as known:
        first = await name_all(forward(), known)
        await trio.sleep(1)
        begun = trio.current_time()
        second = await name_all(forward(number=2), known)

        assert None is first.author
        assert second.author is not None
        assert "Mia" == second.author.name
        assert begun == trio.current_time()


async def test_the_event_s_own_profile_comes_first(autojump_clock: trio.testing.MockClock) -> None:
    """A name that the event brings along is used at once, however slow Slack is."""
    async with directory(Names(delay_s=3600)) as known:
        naming = await name_all(forward(user_profile={"display_name": "mia", "real_name": "Mia M."}), known)

        assert naming.author is not None
        assert "mia" == naming.author.name
        assert 0.0 == trio.current_time()


async def test_a_direct_message_has_no_place(autojump_clock: trio.testing.MockClock) -> None:
    """Nobody asks what a direct conversation is called; the workspace's own name is known without asking."""
    names = Names(delay_s=0.1)
    async with directory(names) as known:
        naming = await name_all(forward(), known)

        assert ["U0MIA00001"] == [about for about, _ in names.asked]
        assert ("North", "") == (naming.workspace, naming.place)


async def test_a_crowd_is_not_asked_for(autojump_clock: trio.testing.MockClock) -> None:
    """Of very many people mentioned in one message only so many are asked about."""
    names = Names(delay_s=3600)
    async with directory(names) as known:
        await name_all(forward(" ".join(f"<@U0{number:08}>" for number in range(2 * MOST))), known)

        assert MOST == sum(about.startswith("U0000") for about, _ in names.asked)
