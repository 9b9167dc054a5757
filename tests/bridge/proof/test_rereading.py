"""A message read again is the message that was sent, or a reason not to send it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
import trio.testing

from slackkefu.bridge.identity import digest
from slackkefu.bridge.proof.awaited import Origin
from slackkefu.bridge.proof.rereading import Missing, Rereading
from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
from slackkefu.bridge.slack_to_kefu.naming import Naming
from slackkefu.bridge.slack_to_kefu.to_kefu import PART_BYTES, Part, parts
from slackkefu.easemob.message import MediaBody, TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.errors import LinkClosed, SlackApiError, SlackRateLimited
from slackkefu.kefu.outgoing import VisitorCard, mark_of
from slackkefu.slack.installation import Installations
from slackkefu.slack.reading import Reading
from tests.bridge.people import NORTH, Carrier, forward, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slackkefu.bridge.proof.rereading import Reread
    from slackkefu.bridge.slack_to_kefu.custody import MessageKey
    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.secret import Secret
    from slackkefu.slack.web import WebClient

ROOT = "1759999999.000001"
FULL = "x" * PART_BYTES
LONG = FULL + " and the end"


class History:
    """A Slack that holds these messages of one conversation, or fails."""

    def __init__(self, *messages: Mapping[str, Any]) -> None:
        self.messages = messages
        self.problems: list[Exception] = []
        self.calls: list[tuple[str, Mapping[str, object]]] = []

    async def call(self, method: str, arguments: Mapping[str, object], *, token: Secret) -> Mapping[str, object]:
        """Answer a call."""
        await trio.lowlevel.checkpoint()
        assert token == NORTH.bot_token
        self.calls.append((method, {name: value for name, value in arguments.items() if value is not None}))
        if self.problems:
            raise self.problems.pop(0)
        return {"messages": [*self.messages]} if self.messages != ({},) else {}


def written(text: str = "hello", **changes: Any) -> dict[str, Any]:
    """Return a message as the history shows it: without its channel, and without what only events have."""
    event: dict[str, Any] = frame(text, **changes)["payload"]["event"]
    return {name: value for name, value in event.items() if name not in ("channel", "channel_type")}


async def make(message: Forward) -> tuple[Part, ...]:
    """Make the parts that carry a message."""
    await trio.lowlevel.checkpoint()
    card = VisitorCard(user_id=message.visitor.user)
    return parts(message, card=card, language=None, names=Naming(), service_number=ImUser("kefu_service"))


async def reread(
    history: History, text: str = "hello", *, installations: Installations | None = None, skip: int = 0, **changes: Any
) -> Reread:
    """Read again what was sent as *text*, without its first parts."""
    sent = forward(text, **changes)
    marks = [mark_of(part) for part in await make(sent)]
    known = Installations([NORTH]) if installations is None else installations
    reading = Reading(web=cast("WebClient", history))
    rereading = Rereading(reading=reading, installations=known, make=make, carry=Carrier().bring)
    return await rereading.read(Origin.of(sent), frozenset(marks[skip:]))


def texts(found: Reread) -> list[str]:
    """Return the words of the parts."""
    assert isinstance(found, tuple), found
    return [part.body.text for part in found if isinstance(part.body, TextBody)]


async def test_the_same_words_make_the_same_parts() -> None:
    """One call asks for exactly this message, and what was sent is made of it again."""
    history = History(written("hello"))
    found = await reread(history)

    assert await make(forward("hello")) == found
    ((method, asked),) = history.calls
    window = {"channel": "D0MIA00001", "oldest": "1760000000.000001", "latest": "1760000000.000001", "limit": 1}
    assert ("conversations.history", True) == (method, window.items() <= asked.items())


async def test_only_the_parts_that_are_wanted_come() -> None:
    """In order; the other ones were confirmed."""
    assert [FULL, "and the end"] == texts(await reread(History(written(LONG)), LONG))
    assert ["and the end"] == texts(await reread(History(written(LONG)), LONG, skip=1))


async def test_a_file_is_carried_again() -> None:
    """Only where it is wanted: a file that the desk has is not touched."""
    files: dict[str, Any] = {
        "subtype": "file_share",
        "files": [{"id": "F1", "name": "a.png"}, {"id": "F2", "name": "b.png"}],
    }
    found = await reread(History(written("look", **files)), "look", skip=2, **files)

    assert isinstance(found, tuple)
    assert [MediaBody("file", "https://im.test/F2", filename="b.png")] == [part.body for part in found]


async def test_a_reply_is_read_in_its_thread() -> None:
    """The root comes along, and is not taken for it."""
    root = written("root", ts=ROOT, thread_ts=ROOT)
    history = History(root, written("reply", thread_ts=ROOT))

    assert ["reply"] == texts(await reread(history, "reply", thread_ts=ROOT))
    ((method, asked),) = history.calls
    assert ("conversations.replies", ROOT, 2) == (method, asked["ts"], asked["limit"])


async def test_the_root_of_a_thread_is_in_the_conversation() -> None:
    """In a channel each message has a thread for the answers; the first one is no reply."""
    channel: dict[str, Any] = {"channel": "C0SUPPORT1", "channel_type": "channel"}
    history = History(written("root"))

    assert ["root"] == texts(await reread(history, "root", **channel))
    assert ["conversations.history"] == [method for method, _ in history.calls]


async def test_what_was_edited_is_not_sent() -> None:
    """Other words are another message."""
    assert Missing.CHANGED is await reread(History(written("hello!")))
    assert Missing.CHANGED is await reread(History(written(FULL)), LONG)
    assert [FULL] == texts(await reread(History(written(FULL)), FULL))


@pytest.mark.parametrize(
    "left",
    [
        [],
        [written("another", number=2)],
        [written("This message was deleted.", subtype="tombstone", user="USLACKBOT")],
        [written("hello", subtype="channel_join")],
        [written("hello", user="U0LEO00001")],
    ],
)
async def test_what_was_deleted_is_not_sent(left: list[dict[str, Any]]) -> None:
    """Neither is what Slack has put in its place."""
    assert Missing.GONE is await reread(History(*left))


async def test_a_workspace_that_has_removed_the_app() -> None:
    """Nobody there is to be told anything, and nothing is asked."""
    history = History()

    assert Missing.GONE is await reread(history, installations=Installations([]))
    assert [] == history.calls


async def test_a_slack_that_does_not_answer_now_is_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    """As long as it says, and as long as it takes."""
    history = History(written("hello"))
    history.problems += [SlackRateLimited("conversations.history", 61), LinkClosed("slack", "cut")] * 5

    assert ["hello"] == texts(await reread(history))
    assert 5 * 62 <= trio.current_time() < 400


@pytest.mark.parametrize(
    ("expected", "code"),
    [
        (Missing.GONE, "account_inactive"),
        (Missing.UNREADABLE, "channel_not_found"),
        (Missing.UNREADABLE, "missing_scope"),
    ],
)
async def test_slack_does_not_show_it(expected: Missing, code: str) -> None:
    """Whether it is there is open, unless nobody there uses the app any more."""
    history = History()
    history.problems.append(SlackApiError("conversations.history", code))

    assert expected is await reread(history)


@pytest.mark.parametrize("nonsense", [{}, {"ts": "1760000000.000001", "user": 5}])
async def test_an_answer_that_cannot_be_read(nonsense: dict[str, Any]) -> None:
    """It says nothing about the message."""
    assert Missing.UNREADABLE is await reread(History(nonsense))


EDIT = {"ts": "1760000050.000000", "user": "U0MIA00001"}


async def again(history: History, key: Callable[[MessageKey], MessageKey], text: str) -> Reread:
    """Read a correction again that was made of *text*."""
    sent = forward(text, edited=EDIT)
    sent = replace(sent, revision=key(sent.key).revision)
    marks = frozenset(mark_of(part) for part in await make(sent))
    reading = Reading(web=cast("WebClient", history))
    rereading = Rereading(reading=reading, installations=Installations([NORTH]), make=make, carry=Carrier().bring)
    return await rereading.read(Origin.of(sent), marks)


async def test_an_edit_is_read_again() -> None:
    """It is told again as it was; one that was edited since has another correction, and nobody is told of this one."""
    words = digest("hello!")

    assert ["[更正 Edited · 2025-10-09 08:53 UTC]\nhello!"] == texts(
        await again(History(written("hello!", edited=EDIT)), lambda key: key.edited(EDIT["ts"], words), "hello!")
    )
    assert Missing.GONE is await again(
        History(written("better", edited=EDIT)), lambda key: key.edited(EDIT["ts"], words), "hello!"
    )


async def test_a_deletion_is_not_read() -> None:
    """That something was deleted is said without asking for what is not there any more."""
    history = History()

    assert 1 == len(texts(await again(history, lambda key: key.deleted("1760000060.000000"), "secret")))
    assert [] == history.calls


async def test_a_click_is_read_nowhere() -> None:
    """What was pressed stands nowhere in Slack: it is not looked for, and its writer is told."""
    history = History(written())
    reading = Reading(web=cast("WebClient", history))
    clicked = replace(forward(), deed=ForDesk(action="TransferToKf"))
    rereading = Rereading(reading=reading, installations=Installations([NORTH]), make=make, carry=Carrier().bring)
    found = await rereading.read(Origin.of(clicked), frozenset({"mark"}))

    assert found is Missing.UNREADABLE
    assert [] == history.calls
