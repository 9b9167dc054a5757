"""Reading the history, from the whole fake Slack over HTTP in memory, in virtual time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio

from slackkefu.demo.slack import FakeSlack, Refusal, Status, Switches
from slackkefu.demo.slack.model import ChannelKind
from slackkefu.demo.slack.state import ALL_SCOPES
from slackkefu.errors import RemoteProtocolError, SlackApiError
from slackkefu.secret import Secret
from slackkefu.slack.envelope import EventCallback, MessageEvent, parse_event_callback
from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, Ts, UserId
from slackkefu.slack.installation import Installation, InstallationKey
from slackkefu.slack.reading import Conversation, Page, Reading, as_event
from slackkefu.slack.web import WebClient
from slackkefu.world import World
from tests.memory_network import MemoryNetwork, virtual_wall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from slackkefu.demo.slack import Person, Workspace
    from slackkefu.demo.slack.model import Channel
    from slackkefu.demo.slack.model import Installation as Installed

START = Ts("1760000000.000000")


@dataclass
class Library:
    """A Slack with a workspace, and what reads it."""

    slack: FakeSlack
    network: MemoryNetwork
    reading: Reading
    north: Workspace
    mia: Person
    here: Installation

    @property
    def dm(self) -> Channel:
        """Mia's direct message."""
        return self.mia.dm()

    async def texts(self, channel: Channel, **window: Any) -> list[list[object]]:
        """Read a conversation; the texts of each page."""
        return [[each["text"] for each in page.messages] for page in await self.pages(channel, **window)]

    async def pages(self, channel: Channel, **window: Any) -> list[Page]:
        """Read a conversation to its end."""
        pages = [await self.reading.history(self.here, ChannelId(channel.id), **{"since": START, **window})]
        while pages[-1].cursor:
            window = {"since": START, **window, "cursor": pages[-1].cursor}
            pages.append(await self.reading.history(self.here, ChannelId(channel.id), **window))
        return pages

    def calls(self, method: str) -> list[float]:
        """When a method was called, seconds since the start."""
        return [call.at for call in self.slack.ledger.calls_of(method)]


def ours(installed: Installed) -> Installation:
    """Make the daemon's record of an installation of the fake."""
    organisation = installed.organisation
    return Installation(
        key=InstallationKey(
            EnterpriseId(organisation.id) if organisation else None,
            TeamId(installed.team.id) if installed.team else None,
        ),
        team_name="",
        bot_token=Secret(installed.token),
        bot_id=installed.bot_id,
        bot_user_id=UserId(installed.bot.id),
        app_id=installed.app_id,
        scopes=frozenset(),
    )


@asynccontextmanager
async def library(switches: Switches | None = None) -> AsyncIterator[Library]:
    """Open a library."""
    async with trio.open_nursery() as nursery:
        wall = virtual_wall()
        slack = FakeSlack(wall=wall, chance=Random(7), switches=switches)
        network = MemoryNetwork(nursery, chance=Random(8))
        network.serve_http("slack.com", slack.asgi)
        web = WebClient(
            world=World(network=network, wall=wall), api_url=slack.addresses.api, app_token=Secret("xapp-test")
        )
        north = slack.add_workspace("T0NORTH001", name="North")
        installed = north.install(token="xoxb-north")
        mia = north.add_user("U0MIA00001", name="Mia")
        yield Library(slack, network, Reading(web=web), north, mia, ours(installed))
        await web.aclose()
        nursery.cancel_scope.cancel()


# Conversations.


async def test_everything_the_app_is_in(autojump_clock: trio.abc.Clock) -> None:
    """All four kinds are found, archived ones too, with the person of a direct message; others' are not."""
    async with library() as lib:
        leo = lib.north.add_user("U0LEO00001", name="Leo")
        dm = lib.mia.dm("D0MIA00001")
        lib.north.add_channel("C0SUPPORT1", name="support")
        lib.north.add_channel("G0PRIVATE1", name="vip", kind=ChannelKind.PRIVATE).archived = True
        lib.north.add_channel("C0GROUP001", name="mpdm", kind=ChannelKind.MPIM, members=[lib.mia, leo])
        lib.north.add_channel("C0ELSEWHER", name="elsewhere", with_app=False)
        found = await lib.reading.conversations(lib.here)

    north = TeamId("T0NORTH001")
    assert {
        Conversation(ChannelId(dm.id), "im", UserId("U0MIA00001"), is_archived=False, team=north),
        Conversation(ChannelId("C0SUPPORT1"), "channel", None, is_archived=False, team=north),
        Conversation(ChannelId("G0PRIVATE1"), "group", None, is_archived=True, team=north),
        Conversation(ChannelId("C0GROUP001"), "mpim", None, is_archived=False, team=north),
    } == {*found}
    assert 4 == len(found)


async def test_conversations_come_in_pages(autojump_clock: trio.abc.Clock) -> None:
    """More than one page of them is read to the end."""
    async with library() as lib:
        for number in range(1100):
            lib.north.add_user(f"U0{number:08}", name="x").dm(f"D0{number:08}")

        assert 1100 == len(await lib.reading.conversations(lib.here))
        assert 2 == len(lib.calls("users.conversations"))


@pytest.mark.parametrize("missing", ["im:read", "channels:read", "groups:read", "mpim:read"])
async def test_a_missing_scope_leaves_the_other_kinds(missing: str, autojump_clock: trio.abc.Clock) -> None:
    """Kinds that the token may not list are left out; the others are found."""
    kinds = {"im:read": "im", "channels:read": "channel", "groups:read": "group", "mpim:read": "mpim"}
    async with library() as lib:
        lib.mia.dm()
        for kind in (ChannelKind.PUBLIC, ChannelKind.PRIVATE, ChannelKind.MPIM):
            lib.north.add_channel(name=kind.value, kind=kind)
        lib.north.installation.scopes = ALL_SCOPES - {missing}
        found = await lib.reading.conversations(lib.here)

    assert sorted({*kinds.values()} - {kinds[missing]}) == sorted(each.kind for each in found)


async def test_an_organisation_has_several_workspaces(autojump_clock: trio.abc.Clock) -> None:
    """Each workspace of an organisation is asked for; a conversation that several share is found once."""
    async with library() as lib:
        grid = lib.slack.add_organisation("E0GRID0001", name="Grid")
        teams = [grid.add_workspace(f"T0GRIDWS0{number}", name=f"Grid {number}") for number in range(2)]
        installed = grid.install(token="xoxb-grid")
        for number, team in enumerate(teams):
            team.add_user(f"W0NINA000{number}", name="Nina").dm(f"D0NINA000{number}")
        teams[0].add_channel("C0BOTH0001", name="both", shared_with=[teams[1]])
        found = await lib.reading.conversations(ours(installed))

    assert [
        ("D0NINA0000", "T0GRIDWS00"),
        ("C0BOTH0001", "T0GRIDWS00"),
        ("D0NINA0001", "T0GRIDWS01"),
    ] == [(each.id, each.team) for each in found]


async def test_what_is_refused_is_raised(autojump_clock: trio.abc.Clock) -> None:
    """A dead token, or a conversation that is gone, is not tried again."""
    async with library() as lib:
        with pytest.raises(SlackApiError, match="channel_not_found"):
            await lib.reading.history(lib.here, ChannelId("C0NOWHERE1"), since=START)
        with pytest.raises(SlackApiError, match="channel_not_found"):
            await lib.reading.replies(lib.here, ChannelId("C0NOWHERE1"), START, since=START)
        lib.slack.faults.web.next("users.conversations", Refusal("account_inactive"))
        with pytest.raises(SlackApiError, match="account_inactive"):
            await lib.reading.conversations(lib.here)

        assert 1 == len(lib.calls("conversations.history")) == len(lib.calls("users.conversations"))


# Messages.


@pytest.mark.parametrize("pages", ["backward", "forward"])
async def test_a_history_is_read_to_its_end(pages: Any, autojump_clock: trio.abc.Clock) -> None:
    """All pages together hold everything of the window, both ends included, whichever way Slack's pages go."""
    async with library(Switches(history_pages=pages)) as lib:
        written = [await lib.mia.says(lib.dm, f"{number}") for number in range(250)]
        since = Ts(written[20].ts)
        found = await lib.texts(lib.dm, since=since)

    assert [200, 30] == [len(page) for page in found]
    assert [f"{number}" for number in range(20, 250)] == sorted((str(text) for page in found for text in page), key=int)
    assert ("249" if pages == "backward" else "219") == found[0][0]


async def test_a_window_has_an_end(autojump_clock: trio.abc.Clock) -> None:
    """Nothing after *until* comes, itself does."""
    async with library() as lib:
        written = [await lib.mia.says(lib.dm, f"{number}") for number in range(5)]

        assert [["3", "2"]] == await lib.texts(lib.dm, since=Ts(written[2].ts), until=Ts(written[3].ts))


async def test_our_posts_bring_their_metadata(autojump_clock: trio.abc.Clock) -> None:
    """Own posts are recognised by their metadata, so it is asked for."""
    async with library() as lib:
        metadata = {"event_type": "slackkefu_message", "event_payload": {"id": "m-1"}}
        arguments = {"metadata": metadata}
        lib.slack.state.post(lib.north.installation, lib.dm, text="hi", arguments=arguments)
        (page,) = await lib.pages(lib.dm)

    assert metadata == page.messages[0]["metadata"]


async def test_a_thread_is_read_since(autojump_clock: trio.abc.Clock) -> None:
    """Of a thread come the replies of the window, and the root with them; of one that is gone, nothing."""
    async with library() as lib:
        root = await lib.mia.says(lib.dm, "root")
        replies = [await lib.mia.says(lib.dm, f"{number}", thread=root) for number in range(4)]
        channel = ChannelId(lib.dm.id)
        page = await lib.reading.replies(lib.here, channel, Ts(root.ts), since=Ts(replies[2].ts))
        gone = await lib.reading.replies(lib.here, channel, Ts("1760000000.999999"), since=START)

    assert ["root", "2", "3"] == [each["text"] for each in page.messages]
    assert Page((), "") == gone


async def test_one_message_by_its_name(autojump_clock: trio.abc.Clock) -> None:
    """A message is found alone or in its thread, as it is now; one that was deleted is not."""
    async with library() as lib:
        await lib.mia.says(lib.dm, "before")
        root = await lib.mia.says(lib.dm, "root")
        for text in ("one", "two", "three"):
            reply = await lib.mia.says(lib.dm, text, thread=root)
        deleted = await lib.mia.says(lib.dm, "deleted")
        await lib.mia.edits(root, "root, edited")
        await lib.mia.deletes(deleted)
        channel = ChannelId(lib.dm.id)

        async def text_of(ts: str, thread_ts: str | None = None) -> object:
            thread = Ts(thread_ts) if thread_ts else None
            found = await lib.reading.message(lib.here, channel, Ts(ts), thread)
            return found and found["text"]

        assert "root, edited" == await text_of(root.ts)
        assert "root, edited" == await text_of(root.ts, root.ts)
        assert "three" == await text_of(reply.ts, root.ts)
        await lib.mia.deletes(root)
        assert "three" == await text_of(reply.ts, root.ts)
        assert await text_of(deleted.ts) is None
        assert await text_of("1760000000.999999", root.ts) is None
        assert await text_of("1760000000.999999", "1760000000.999998") is None


async def test_an_answer_without_messages_is_none(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.abc.Clock
) -> None:
    """What lacks the list that was asked for is never taken for an empty one; what has no name is passed over."""
    answer: dict[str, object] = {"ok": True}

    async def call(*_: object, **__: object) -> dict[str, object]:
        await trio.lowlevel.checkpoint()
        return answer

    monkeypatch.setattr(WebClient, "call", call)
    async with library() as lib:
        with pytest.raises(RemoteProtocolError, match="without messages"):
            await lib.reading.history(lib.here, ChannelId("C1"), since=START)
        with pytest.raises(RemoteProtocolError, match="without channels"):
            await lib.reading.conversations(lib.here)
        answer |= {"messages": ["?", {"ts": "1.1"}], "channels": ["?", {"is_im": True}, {"id": "C1"}]}

        assert ({"ts": "1.1"},) == (await lib.reading.history(lib.here, ChannelId("C1"), since=START)).messages
        assert ["C1"] == [each.id for each in await lib.reading.conversations(lib.here)]


# Patience.


@pytest.mark.parametrize("refuses", [False, True])
async def test_strict_limits_are_waited_out(refuses: bool, autojump_clock: trio.abc.Clock) -> None:
    """With one call a minute and 15 messages a call, 40 messages take three minutes; asked for is what may be."""
    async with library(Switches(strict_history=True, strict_limit_refused=refuses)) as lib:
        for number in range(40):
            await lib.mia.says(lib.dm, f"{number}")
        found = await lib.texts(lib.dm)
        refused = [call for call in lib.slack.ledger.calls if call.error == "invalid_limit"]
        took_s = trio.current_time()

    assert [15, 15, 10] == [len(page) for page in found]
    assert (180 if refuses else 120) == pytest.approx(took_s, abs=10)
    assert int(refuses) == len(refused)


async def test_workspaces_do_not_hold_up_each_other(autojump_clock: trio.abc.Clock) -> None:
    """While one waits for its minute, another is read."""
    async with library(Switches(strict_history=True)) as lib:
        south = lib.slack.add_workspace("T0SOUTH001", name="South")
        there = ours(south.install(token="xoxb-south"))
        eve = south.add_user(name="Eve")
        await lib.reading.history(lib.here, ChannelId(lib.dm.id), since=START)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lib.texts, lib.dm)
            await trio.sleep(1)
            await lib.reading.history(there, ChannelId(eve.dm().id), since=START)

            assert 1 == trio.current_time()
        assert 60 == pytest.approx(trio.current_time(), abs=1)


async def test_a_slack_that_is_away_is_waited_for(autojump_clock: trio.abc.Clock) -> None:
    """Calls without an answer are made again after growing pauses, at most a minute, until there is one."""
    async with library() as lib:
        await lib.mia.says(lib.dm, "hello")
        lib.slack.faults.web.next("conversations.history", Status(503), times=12)

        assert [["hello"]] == await lib.texts(lib.dm)
        calls = lib.calls("conversations.history")
        pauses = [later - at for at, later in pairwise(calls)]
        assert pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60], abs=1) == pauses


async def test_nothing_is_left_behind_by_who_gives_up(autojump_clock: trio.abc.Clock) -> None:
    """A reader that is cancelled while it waits makes no call afterwards."""
    async with library(Switches(strict_history=True)) as lib:
        await lib.reading.history(lib.here, ChannelId(lib.dm.id), since=START)
        with trio.move_on_after(20):
            await lib.texts(lib.dm)
        calls = len(lib.calls("conversations.history"))
        await trio.sleep(300)

        assert calls == len(lib.calls("conversations.history"))


# As events.


async def test_a_message_of_the_history_is_the_event_it_was(autojump_clock: trio.abc.Clock) -> None:
    """What was written while nobody listened reads as its event would have, whatever has happened to it since."""
    async with library() as lib:
        support = lib.north.add_channel("C0SUPPORT1", name="support", members=[lib.mia])
        root = await lib.mia.says(support, f"<@{lib.here.bot_user_id}> my order :tada:")
        reply = await lib.mia.says(support, "it is late", thread=root)
        loud = await lib.mia.says(support, "very", thread=root, broadcast=True)
        picture = await lib.mia.shares(support, "a.png", b"png", mimetype="image/png", comment="look")
        events = [parcel.event for parcel in lib.slack.ledger.parcels if parcel.event["type"] == "message"]
        page = await lib.reading.history(lib.here, ChannelId(support.id), since=START)
        thread = await lib.reading.replies(lib.here, ChannelId(support.id), Ts(root.ts), since=START)
        conversation = Conversation(ChannelId(support.id), "channel", None, is_archived=False)
        by_ts = {str(each["ts"]): each for each in (*page.messages, *thread.messages)}

    for event, message in zip(events, (root, reply, loud, picture), strict=True):
        assert read(event) == read(as_event(by_ts[message.ts], conversation))


def read(event: Any) -> MessageEvent:
    """Read an inner event as the daemon does."""
    payload = {"type": "event_callback", "event_id": "Ev1", "team_id": "T0NORTH001", "event": event}
    callback = parse_event_callback(payload)
    assert isinstance(callback, EventCallback)
    assert isinstance(callback.event, MessageEvent)
    return callback.event


async def test_names_and_words_are_not_shown() -> None:
    """A page can be logged."""
    assert "private" not in repr(Page(({"text": "private words"},), "next"))


class Circle:
    """A Slack whose pages lead back to where they were."""

    async def call(self, method: str, arguments: Any, *, token: Secret) -> dict[str, Any]:
        """Answer with the same page each time."""
        await trio.lowlevel.checkpoint()
        content = {"channels": [{"id": "D0MIA00001", "is_im": True}], "messages": [{"ts": START}], "has_more": True}
        return {"ok": True, **content, "response_metadata": {"next_cursor": "again"}}


async def test_pages_that_lead_back(autojump_clock: trio.abc.Clock) -> None:
    """A cursor that comes again ends the reading: nobody reads for ever."""
    reading = Reading(web=cast("WebClient", Circle()))
    here = Installation(
        key=InstallationKey(None, TeamId("T0NORTH001")),
        team_name="",
        bot_token=Secret("xoxb-north"),
        bot_id="B0NORTHBOT",
        bot_user_id=UserId("U0NORTHBOT"),
        app_id="",
        scopes=frozenset(),
    )
    first = await reading.history(here, ChannelId("D0MIA00001"), since=START)
    second = await reading.history(here, ChannelId("D0MIA00001"), since=START, cursor=first.cursor)

    assert ["D0MIA00001"] == [each.id for each in await reading.conversations(here)]
    assert ("again", "") == (first.cursor, second.cursor)
