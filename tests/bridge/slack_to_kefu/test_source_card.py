"""The agent sees once in a service session where in Slack it began, if that can be had for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.book import Book, closed, opened, wrote
from slackkefu.bridge.slack_to_kefu.source_card import SEND_S, SourceCards
from slackkefu.easemob.message import OutgoingMessage, TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.errors import LinkClosed, SendRefused
from slackkefu.kefu.outgoing import ANYWHERE, VisitorCard, ext_bytes
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, Shelf, forward
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.slack.directory import Directory

LINK = "https://north.slack.com/archives/D0MIA00001/p1760000000000001"
CHANNEL: dict[str, Any] = {"channel": "C0SUPPORT1", "channel_type": "channel"}


class Place:
    """A directory with one permalink, and a way to the desk that may fail."""

    def __init__(self, link: str | None = LINK, *, is_on: bool = True) -> None:
        self.link = link
        self.asked = 0
        self.sent: list[OutgoingMessage] = []
        self.problem: Exception | None = None
        self.takes_s = 0.0
        self.shelf = Shelf()
        self.book = Book([], store=self.shelf, disk=InlineDisk())
        self.cards = SourceCards(
            is_on=is_on,
            directory=cast("Directory", self),
            book=self.book,
            send=self._send,
            service_number=ImUser("kefu_service"),
            wall=virtual_wall(),
        )

    async def permalink(self, *_: object, patience_s: float = 0.3) -> str | None:
        """Return the permalink."""
        await trio.lowlevel.checkpoint()
        self.asked += 1
        return self.link

    async def _send(self, user: ImUser, message: OutgoingMessage) -> None:
        await trio.sleep(self.takes_s)
        if self.problem is not None:
            raise self.problem
        self.sent.append(message)

    def writes(self, **changes: Any) -> Forward:
        """Let Mia write."""
        message = forward(**changes)
        self.book.remember(wrote(self.book.get(message.user), message, now=virtual_wall()()))
        return message

    async def brings(self, message: Forward, place: str = "") -> bool:
        """Bring a message over; tell whether it wanted a card."""
        is_wanted = await self.cards.is_wanted(message)
        if is_wanted:
            card = VisitorCard(user_id="U0MIA00001", name="Mia")
            await self.cards.follow(message, card, language="zh-CN", entrance=ANYWHERE, place=place)
        return is_wanted

    @property
    def tracks(self) -> list[Any]:
        """The cards that were sent."""
        return [cast("Any", message.ext["msgtype"])["track"] for message in self.sent]


async def test_the_card(autojump_clock: trio.testing.MockClock) -> None:
    """It names the place, links to the message, and is a message of its own with the visitor's data."""
    place = Place()

    assert await place.brings(place.writes())
    assert [
        {
            "title": "Slack · 私信 Direct message",
            "desc": "2025-10-09 08:53 UTC",
            "item_url": LINK,
            "price": "",
            "img_url": "",
        }
    ] == place.tracks

    (message,) = place.sent
    weichat: Any = message.ext["weichat"]
    assert TextBody("") == message.body
    assert ("Mia", "zh-CN") == (weichat["visitor"]["userNickname"], weichat["language"])
    assert weichat["msg_id_for_ack"]


@pytest.mark.parametrize(
    ("changes", "name", "title"),
    [
        (CHANNEL, "support", "Slack · #support"),
        (CHANNEL, "", "Slack · #C0SUPPORT1"),
        (CHANNEL | {"channel_type": "mpim"}, "mpdm-mia--leo-1", "Slack · 群聊 Group conversation"),
    ],
)
async def test_places(autojump_clock: trio.testing.MockClock, changes: dict[str, Any], name: str, title: str) -> None:
    """A channel has its name, or its id; a group conversation has no name worth showing."""
    place = Place()
    await place.brings(place.writes(**changes), name)

    assert [title] == [card["title"] for card in place.tracks]


async def test_once_in_a_session(autojump_clock: trio.testing.MockClock) -> None:
    """Not again while the session is open, with kefu's events or without, until it is closed or long silent."""
    place = Place()
    wanted = [await place.brings(place.writes(number=1)), await place.brings(place.writes(number=2))]
    record = place.book.get(ImUser(MIA))
    assert record is not None
    place.book.remember(closed(opened(record, "s1", now=0.0), "s1", at=1.0))
    wanted += [await place.brings(place.writes(number=3)), await place.brings(place.writes(number=4))]
    await trio.sleep(24 * 3600)
    wanted.append(await place.brings(place.writes(number=5)))

    assert [True, False, True, False, True] == wanted


async def test_where_it_is_not_wanted(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing is asked where it is switched off, where a session is known to be open, or nobody is known."""
    off, known, unknown = Place(is_on=False), Place(), Place()
    message = known.writes()
    record = known.book.get(message.user)
    assert record is not None
    known.book.remember(opened(record, "s1", now=virtual_wall()()))

    assert not await off.brings(off.writes())
    assert not await known.brings(message)
    assert not await unknown.brings(forward())
    assert [0, 0, 0] == [place.asked for place in (off, known, unknown)]


@pytest.mark.parametrize("link", [None, "", "http://north.slack.com/", "javascript:alert()", LINK + "x" * 400])
async def test_without_a_permalink(autojump_clock: trio.testing.MockClock, link: str | None) -> None:
    """No card, and the next message may have one."""
    place = Place(link)

    assert await place.brings(place.writes())
    assert [] == place.sent
    assert await place.brings(place.writes(number=2))


@pytest.mark.parametrize("problem", [SendRefused(19, "blocked"), LinkClosed("Easemob IM", "cut")])
async def test_a_card_that_cannot_be_sent(autojump_clock: trio.testing.MockClock, problem: Exception) -> None:
    """It is tried once for each message, and an error ends there."""
    place = Place()
    place.problem = problem

    assert [True, True] == [await place.brings(place.writes(number=number)) for number in (1, 2)]


async def test_nobody_waits_for_a_card(autojump_clock: trio.testing.MockClock) -> None:
    """Longer than a few seconds."""
    place = Place()
    place.takes_s = 3600.0
    await place.brings(place.writes())

    assert SEND_S == trio.current_time()


async def test_it_is_remembered(autojump_clock: trio.testing.MockClock) -> None:
    """That it was shown is on disk when its message ends; and a repeat of the message has the same ids."""
    place, other = Place(), Place()
    await place.brings(place.writes())
    await other.brings(other.writes())

    assert place.shelf.last[MIA].source_shown > 0
    assert [message.meta_id for message in place.sent] == [message.meta_id for message in other.sent]
    assert {message.meta_id for message in place.sent}.isdisjoint({0})


@given(st.text(max_size=3000), st.text(max_size=300), st.text(max_size=300))
def test_any_names(place_name: str, name: str, ts: str) -> None:
    """Whatever people and places are called, the card fits into a message."""
    place = Place()

    async def bring() -> None:
        message = place.writes(ts=ts or "1", **CHANNEL)
        card = VisitorCard(user_id="U0MIA00001", name=name, workspace=name)
        await place.cards.follow(message, card, language=None, entrance=ANYWHERE, place=place_name)

    trio.run(bring)

    assert all(ext_bytes(message.ext) < 2000 for message in place.sent)
