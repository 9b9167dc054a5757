"""The desk as an agent and a visitor see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from slackkefu.demo.desk import Desk, DeskSwitches
from slackkefu.demo.easemob import FakeEasemob, ImMessage
from tests.facts import load

if TYPE_CHECKING:
    from trio.testing import MockClock

VISITOR = "t0aaaaaa1_u0bbbbbb1_d0cccccc1"


class Room:
    """A desk, and a visitor in this process."""

    def __init__(self, **switches: Any) -> None:
        self.easemob = FakeEasemob()
        self.desk = Desk(self.easemob, service_number="Kefu_Service", switches=DeskSwitches(**switches))
        self.got: list[ImMessage] = []
        self.easemob.attach(VISITOR, self.got.append)

    def says(self, text: str, **weichat: Any) -> None:
        """Let the visitor write."""
        ext = {"weichat": weichat} if weichat else {}
        self.easemob.post(ImMessage(VISITOR, "kefu_service", "txt", {"msg": text}, ext))

    @property
    def actions(self) -> list[str]:
        """What the visitor got: a command's action or a text."""
        return [message.body.get("action") or message.text for message in self.got]


def test_the_first_message_opens_a_session() -> None:
    """The session is created, taken and greeted; the next message falls into it."""
    room = Room(greeting="welcome")
    room.says("one", visitor={"userNickname": "Ann"})
    room.says("two")
    conversation = room.desk.conversations[VISITOR]

    assert ["ServiceSessionCreatedEvent", "ServiceSessionOpenedEvent", "welcome"] == room.actions
    assert ["one", "two"] == [heard.text for heard in conversation.heard]
    assert {conversation.session.id if conversation.session else ""} == {heard.session for heard in conversation.heard}
    assert {"userNickname": "Ann"} == conversation.card
    assert 1 == conversation.sessions


def test_a_closed_session_is_opened_again_by_the_next_text_only() -> None:
    """Control messages after the close open nothing; the next text does (facts/kefu.md §7.7)."""
    room = Room(farewell="bye <3")
    room.says("one")
    room.desk.closes(VISITOR)
    room.desk.closes(VISITOR)
    room.easemob.post(ImMessage.of_sample(load("kefu-samples/visitor-rating-sent.json")))
    room.easemob.post(ImMessage(VISITOR, "kefu_service", "cmd", {"action": "TransferToKf"}))
    conversation = room.desk.conversations[VISITOR]

    assert conversation.session is None
    assert ["ServiceSessionClosedEvent", "bye &lt;3"] == room.actions[-2:]
    room.says("two")
    assert 2 == conversation.sessions


def test_a_message_that_asks_for_it_is_acknowledged() -> None:
    """KF-ACK names the id; the sample is the shape (facts/kefu.md §2.8)."""
    room = Room(events="none")
    room.says("one", msg_id_for_ack="5b0d1f00-3c3c-4d4d-8e8e-111122223333")

    assert [ImMessage.of_sample(load("kefu-samples/kf-ack.json"))] == room.got


@pytest.mark.parametrize(("knows", "heard"), [(True, 1), (False, 2)])
def test_a_repeat_is_known_by_its_id_or_not(knows: bool, heard: int) -> None:
    """Whether kefu recognises a repeat is likely, not sure; it is acknowledged either way (facts/kefu.md §3.2)."""
    room = Room(events="none", knows_repeats=knows)
    room.says("one", msg_id_for_ack="a")
    room.says("one", msg_id_for_ack="a")

    assert heard == len(room.desk.conversations[VISITOR].heard)
    assert 2 - heard == room.desk.repeats
    assert 2 == len(room.got)


def test_some_kinds_only_are_acknowledged() -> None:
    """Texts and files may be confirmed differently (facts/kefu.md §0.2)."""
    room = Room(events="none", acknowledged_kinds=frozenset({"txt"}))
    room.says("one", msg_id_for_ack="a")
    ext = {"weichat": {"msg_id_for_ack": "b"}}
    room.easemob.post(ImMessage(VISITOR, "kefu_service", "img", {"url": "https://im.example/1"}, ext))

    assert ["a"] == [message.weichat["ack_for_msg_id"] for message in room.got]


def test_messages_can_get_lost_behind_easemob() -> None:
    """By number or by their words: neither heard nor acknowledged, and new when they come again."""
    room = Room(events="none")
    room.desk.faults.lose("two")
    room.desk.faults.lost_messages = 1
    for text in ("one", "two", "three", "one", "two"):
        room.says(text, msg_id_for_ack=text)

    assert ["three", "one", "two"] == [heard.text for heard in room.desk.everything_heard()]
    assert ["three", "one", "two"] == [message.weichat["ack_for_msg_id"] for message in room.got]
    assert (["one", "two"], 0) == (room.desk.lost, room.desk.repeats)


def test_acknowledgements_can_be_late() -> None:
    """They are kept back, and come in order."""
    room = Room(events="none")
    room.desk.faults.holds_acknowledgements = True
    room.says("one", msg_id_for_ack="a")
    room.says("two", msg_id_for_ack="b")
    assert [] == room.got
    room.desk.catches_up()
    room.says("three", msg_id_for_ack="c")

    assert ["a", "b", "c"] == [message.weichat["ack_for_msg_id"] for message in room.got]


def test_it_can_be_silent() -> None:
    """Without events and acknowledgements the visitor hears nothing until an agent writes."""
    room = Room(events="none", acknowledges=False)
    room.says("one", msg_id_for_ack="a")

    assert [] == room.got
    room.desk.answers(VISITOR, "hello")
    room.desk.robot_answers(VISITOR, "beep")
    room.desk.system_says(VISITOR, "wait")
    assert ["Agent", "Robot", None] == [message.weichat["agent"].get("userType") for message in room.got]


def test_the_first_answer_takes_a_waiting_session() -> None:
    """When nobody took it, the agent who writes does."""
    room = Room(takes="nobody")
    room.says("one")
    room.desk.answers(VISITOR, "hello")
    room.desk.answers(VISITOR, "still there?")

    assert ["ServiceSessionCreatedEvent", "ServiceSessionOpenedEvent", "hello", "still there?"] == room.actions


def test_a_rating_invitation_may_come_after_the_close() -> None:
    """It names the session that was closed (facts/kefu.md §2.6)."""
    room = Room()
    room.says("one")
    session = room.desk.conversations[VISITOR].heard[0].session
    room.desk.closes(VISITOR)
    room.desk.invites_rating(VISITOR)

    assert session == room.got[-1].weichat["ctrlArgs"]["serviceSessionId"]


async def test_waiting_for_words(autojump_clock: MockClock) -> None:
    """``heard`` returns what was said before, and else waits for it."""
    room = Room()
    room.says("one")

    assert "one" == (await room.desk.heard()).text
    async with trio.open_nursery() as nursery:

        async def later() -> None:
            await trio.sleep(5)
            room.says("two")

        nursery.start_soon(later)
        heard = await room.desk.heard("two", visitor=VISITOR.upper())
    assert 5 == trio.current_time()
    assert heard == await room.desk.heard(count=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(later)
        await room.desk.change()


def test_what_was_said_is_kept() -> None:
    """The conversation has both sides in order, without control messages being texts."""
    room = Room(events="none")
    room.says("one")
    message_id = room.desk.answers(VISITOR, "two & more")
    conversation = room.desk.conversation(VISITOR)

    assert [("text", "two & more", message_id)] == [
        (said.kind, said.text, said.message_id) for said in conversation.said
    ]
    assert ["one", "two & more"] == [line.text for line in conversation.lines]
    assert "two &amp; more" == room.got[0].text


def test_files_and_stickers() -> None:
    """A file has its body, a sticker its card; what else is said of a file goes along, and both open a session."""
    room = Room(events="none")
    control = {"ctrlType": "TransferToKfHint"}
    room.desk.sends_file(VISITOR, "img", "/a.png", name="a.png", fields={"secret": "s"}, control=control)
    room.desk.sends_sticker(VISITOR, "//kefu/cat.gif", name="cat.gif")
    picture, sticker = room.got

    assert ("img", "/a.png", "a.png", "s") == (
        picture.type,
        *(picture.body[key] for key in ("url", "filename", "secret")),
    )
    assert "TransferToKfHint" == picture.weichat["ctrlType"]
    assert {"customMagicEmoji": {"url": "//kefu/cat.gif"}} == sticker.ext["msgtype"]
    assert [("file", "a.png"), ("file", "cat.gif")] == [
        (said.kind, said.text) for said in room.desk.conversation(VISITOR).said
    ]
    assert 1 == room.desk.conversation(VISITOR).sessions
