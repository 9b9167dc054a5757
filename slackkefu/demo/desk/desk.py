"""
The desk behind the service number.

To Easemob it is one IM user, the service number, played in this process. To a test, or to a person at the demo, it
is agents with conversations: what visitors said, and what can be said to them.

::

    desk = Desk(easemob, service_number="kefu_service")
    heard = await desk.heard("where is my order?")
    desk.answers(heard.visitor, "on its way")
    desk.closes(heard.visitor)
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

import trio

from slackkefu.demo.desk import shapes
from slackkefu.demo.desk.faults import DeskFaults
from slackkefu.demo.desk.switches import DeskSwitches
from slackkefu.demo.easemob import ImMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from slackkefu.demo.desk.shapes import EventKind, Speaker
    from slackkefu.demo.easemob import FakeEasemob, JsonObject

__all__ = ["Conversation", "Desk", "Heard", "MediaKind", "Said", "ServiceSession"]

MediaKind: TypeAlias = Literal["img", "file", "audio", "video"]

REMEMBERED: Final = 10_000
"""Ids of messages remembered for repeats."""
FIRST_INVITE: Final = 4711


@dataclass(frozen=True, slots=True)
class Heard:
    """A message of a visitor."""

    visitor: str
    type: str
    """``txt``, ``cmd``, ``img``, …"""
    text: str = field(repr=False)
    body: JsonObject = field(repr=False)
    ext: JsonObject = field(repr=False)
    session: str
    """The service session it fell into; empty for control messages outside of one."""
    at: float
    """Calendar time."""

    @property
    def weichat(self) -> JsonObject:
        """``ext.weichat``."""
        weichat = self.ext.get("weichat")
        return weichat if isinstance(weichat, dict) else {}

    @property
    def card(self) -> JsonObject:
        """The visitor's data, ``ext.weichat.visitor``."""
        card = self.weichat.get("visitor")
        return card if isinstance(card, dict) else {}


@dataclass(frozen=True, slots=True)
class Said:
    """A message to a visitor."""

    visitor: str
    kind: str
    """``text``, ``event``, ``menu``, ``file``, …"""
    text: str = field(repr=False)
    """Its words; of a file its name, of an event what happened, of a recall the ``msgId`` that it takes back."""
    message_id: str
    """kefu's ``msgId``; empty for what has none."""
    server_id: int
    """Easemob's."""
    at: float
    """Calendar time."""
    labels: tuple[str, ...] = field(default=(), repr=False)
    """What can be chosen, where it is a menu."""


@dataclass(frozen=True, slots=True)
class ServiceSession:
    """An open conversation between a visitor and whoever serves it."""

    id: str
    taken_by: Speaker | None


@final
@dataclass(slots=True)
class Conversation:
    """Everything with one visitor."""

    visitor: str
    lines: list[Heard | Said] = field(default_factory=list)
    session: ServiceSession | None = None
    sessions: int = 0
    """How many have been opened in all."""
    card: JsonObject = field(default_factory=dict, repr=False)
    """What the visitor last said of itself."""

    @property
    def heard(self) -> tuple[Heard, ...]:
        """What the visitor said."""
        return tuple(line for line in self.lines if isinstance(line, Heard))

    @property
    def said(self) -> tuple[Said, ...]:
        """What was said to the visitor."""
        return tuple(line for line in self.lines if isinstance(line, Said))


@final
class Desk:
    """
    Agents behind a service number.

    Args:
        easemob: Where the service number is a user.
        service_number: Its name.
        switches: How this kefu behaves where the facts leave it open.
        agent: Who serves unless another is named.
        new_id: Makes ids of messages and sessions.

    """

    def __init__(
        self,
        easemob: FakeEasemob,
        *,
        service_number: str = "kefu_service",
        switches: DeskSwitches | None = None,
        agent: Speaker = shapes.AGENT,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self.service_number = service_number.lower()
        self.switches = switches or DeskSwitches()
        self.faults = DeskFaults()
        """What is to go wrong."""
        self.agent = agent
        self.conversations: dict[str, Conversation] = {}
        """By visitor, in the order in which they first wrote."""
        self.repeats = 0
        """Messages that were recognised as heard before."""
        self.lost: list[str] = []
        """The texts of the messages that Easemob accepted and that did not come here; some are sent again."""
        self._easemob = easemob
        self._new_id = new_id
        self._invites = FIRST_INVITE
        self._acknowledged: dict[str, None] = {}
        self._held: list[tuple[str, str]] = []
        self._changed = trio.Event()
        self._listeners: list[Callable[[ImMessage, int], None]] = []
        easemob.attach(self.service_number, self._receive)

    def __repr__(self) -> str:
        return f"<Desk {self.service_number} with {len(self.conversations)} conversations>"

    # What visitors say.

    async def heard(self, text: str | None = None, *, visitor: str | None = None, count: int = 1) -> Heard:
        """
        Wait for something said to the desk.

        Args:
            text: What was said; anything when absent.
            visitor: Who said it; anybody when absent.
            count: How many such messages; what was heard before counts.

        Returns:
            The last of them. The caller bounds the time.

        """
        while True:
            changed = self._changed
            found = [
                line
                for line in self.everything_heard()
                if (text is None or line.text == text) and (visitor is None or line.visitor == visitor.lower())
            ]
            if len(found) >= count:
                await trio.lowlevel.checkpoint()
                return found[count - 1]
            await changed.wait()

    async def change(self) -> None:
        """Wait until something is heard or said."""
        await self._changed.wait()

    def everything_heard(self) -> tuple[Heard, ...]:
        """Return what all visitors said, conversation by conversation."""
        return tuple(line for conversation in self.conversations.values() for line in conversation.heard)

    def conversation(self, visitor: str) -> Conversation:
        """Return the conversation with *visitor*, begun if there is none."""
        return self.conversations.setdefault(visitor.lower(), Conversation(visitor.lower()))

    # What is said to visitors.

    def answers(self, visitor: str, text: str, *, agent: Speaker | None = None) -> str:
        """Let an agent write; return the message's ``msgId``. Without an open session one is opened first."""
        session = self._session(visitor)
        if session.taken_by is None:
            self._take(self.conversation(visitor), agent or self.agent)
        return self._text(visitor, text, agent or session.taken_by or self.agent)

    def robot_answers(self, visitor: str, text: str) -> str:
        """Let the robot write; return the ``msgId``."""
        return self._text(visitor, text, shapes.ROBOT)

    def system_says(self, visitor: str, text: str) -> str:
        """Let the system write, as for greetings and timeouts; return the ``msgId``."""
        return self._text(visitor, text, shapes.SYSTEM)

    def sends_file(
        self,
        visitor: str,
        kind: MediaKind,
        url: str,
        *,
        name: str = "",
        fields: JsonObject | None = None,
        control: JsonObject | None = None,
        agent: Speaker | None = None,
    ) -> str:
        """
        Let an agent send a file; return the ``msgId``.

        Args:
            visitor: To whom.
            kind: What kind of file.
            url: Where it lies.
            name: What it is called there, and in Slack.
            fields: More of its body: ``secret``, ``length``, ``file_length``, ``size``.
            control: More of its ``weichat``, like a transfer hint.
            agent: Who sends it.

        """
        session = self._session(visitor)
        speaker = agent or session.taken_by or self.agent
        message_id = self._new_id()
        weichat = shapes.weichat(message_id, agent=self._named(speaker), session=session.id, control=control)
        body = {"url": url, "filename": name, **(fields or {})}
        message = ImMessage(self.service_number, visitor.lower(), kind, body, {"weichat": weichat})
        self._post(message, "file", name, message_id)
        return message_id

    def sends_sticker(self, visitor: str, url: str, *, name: str) -> str:
        """Let an agent send a sticker that lies at *url*, and will be called *name*; return the ``msgId``."""
        session = self._session(visitor)
        message_id = self._new_id()
        ext = {
            "weichat": shapes.weichat(message_id, agent=self._named(self.agent), session=session.id),
            "msgtype": {"customMagicEmoji": {"url": url}},
        }
        self._post(ImMessage(self.service_number, visitor.lower(), "txt", {"msg": ""}, ext), "file", name, message_id)
        return message_id

    def offers(self, visitor: str, title: str, choices: Mapping[str, str] | Sequence[str], *, text: str = "") -> str:
        """Let the robot offer a menu; return the ``msgId``."""
        ext = {"msgtype": shapes.menu(title, choices)}
        labels = tuple(choices.values() if isinstance(choices, dict) else choices)
        return self._say(visitor, "menu", text, shapes.ROBOT.shape(), more_ext=ext, labels=labels)

    def hints(self, visitor: str, text: str, *, label: str = "转人工") -> str:
        """Let the robot say that a human can be asked for; return the ``msgId``."""
        current = self.conversation(visitor).session
        control = shapes.hint(self._new_id(), label, session=current.id if current else None)
        return self._say(visitor, "text", text, shapes.ROBOT.shape(), control=control)

    def invites_rating(
        self,
        visitor: str,
        text: str = "请对我的服务做出评价",
        *,
        tags: Mapping[int, Sequence[str]] | None = None,
    ) -> int:
        """Invite the visitor to rate, with reasons for some scores; return the ``inviteId``."""
        conversation = self.conversation(visitor)
        session = conversation.session.id if conversation.session else self._last_session(conversation)
        self._invites += 1
        arguments = shapes.rating(self._invites, session=session, tags=tags)
        self._say(visitor, "rating", text, self._named(self.agent), session=session, control=arguments)
        return self._invites

    def recalls(self, visitor: str, message_id: str) -> None:
        """Take a message back."""
        self._command(visitor, "recall", "KEFU_MESSAGE_RECALL", shapes.recall(message_id), text=message_id)

    def transfers(self, visitor: str, to: Speaker) -> None:
        """Hand the session to another agent."""
        session = self._session(visitor)
        self._event(visitor, "transfering", session.id, None)
        self.conversation(visitor).session = ServiceSession(session.id, to)
        self._event(visitor, "transfered", session.id, to)

    def closes(self, visitor: str) -> None:
        """Close the session, if one is open."""
        conversation = self.conversation(visitor)
        session, conversation.session = conversation.session, None
        if session is not None:
            self._event(visitor, "closed" if session.taken_by else "aborted", session.id, None)
            if self.switches.farewell:
                self._text(visitor, self.switches.farewell, shapes.SYSTEM)

    def sends(self, visitor: str, sample: JsonObject) -> int:
        """Send any message of the form of ``facts/kefu-samples`` as the service number; return its server id."""
        message = ImMessage.of_sample(sample | {"from": self.service_number, "to": visitor.lower()})
        message_id = str(message.weichat.get("msgId") or "")
        return self._post(message, "sample", message.text, message_id)

    def catches_up(self) -> None:
        """Send the KF-ACKs that were kept back, and keep none back any more."""
        self.faults.holds_acknowledgements = False
        held, self._held = self._held, []
        for visitor, mark in held:
            self._command(visitor, "ack", "KF-ACK", {"ack_for_msg_id": mark})

    # What Easemob brings, and the second channel.

    def listen(self, listener: Callable[[ImMessage, int], None]) -> None:
        """Tell *listener* from now on of every message to a visitor, with its server id."""
        self._listeners.append(listener)

    def _receive(self, message: ImMessage) -> None:
        """Take what Easemob brings, unless it is to be lost on the way from there."""
        if self.faults.take_lost(message.text):
            self.lost.append(message.text)
        else:
            self.take(message)

    def take(self, message: ImMessage) -> None:
        """Take what somebody sent to the service number."""
        visitor = message.sender
        weichat = message.weichat
        mark = weichat.get("msg_id_for_ack")
        if isinstance(mark, str) and mark:
            if mark in self._acknowledged and self.switches.knows_repeats:
                self.repeats += 1
                self._acknowledge(visitor, mark, message.type)
                return
            self._acknowledged[mark] = None
            if len(self._acknowledged) > REMEMBERED:
                del self._acknowledged[next(iter(self._acknowledged))]
        conversation = self.conversation(visitor)
        # Control messages and receipts do not open a session; anything else does (facts/kefu.md §7.7).
        control = message.type in ("cmd", "receipt") or "ctrlType" in weichat
        opened = conversation.session is None and not control
        if opened:
            self._begin(conversation)
        session = conversation.session.id if conversation.session else ""
        heard = Heard(visitor, message.type, message.text, message.body, message.ext, session, self._easemob.now())
        conversation.card = conversation.card | heard.card
        conversation.lines.append(heard)
        if isinstance(mark, str) and mark:
            self._acknowledge(visitor, mark, message.type)
        if opened:
            self._announce(conversation)
        self._tell()

    def _acknowledge(self, visitor: str, mark: str, kind: str) -> None:
        kinds = self.switches.acknowledged_kinds
        if not self.switches.acknowledges or (kinds is not None and kind not in kinds):
            return
        if self.faults.holds_acknowledgements:
            self._held.append((visitor, mark))
        else:
            self._command(visitor, "ack", "KF-ACK", {"ack_for_msg_id": mark})

    # Sessions.

    def _session(self, visitor: str) -> ServiceSession:
        """Return the open session, opening one as an agent who writes first does."""
        conversation = self.conversation(visitor)
        if conversation.session is None:
            self._begin(conversation)
            self._announce(conversation)
        assert conversation.session is not None  # noqa: S101 -- just begun
        return conversation.session

    def _begin(self, conversation: Conversation) -> None:
        takers: dict[Literal["agent", "robot", "nobody"], Speaker | None] = {
            "agent": self.agent,
            "robot": shapes.ROBOT,
            "nobody": None,
        }
        conversation.session = ServiceSession(self._new_id(), takers[self.switches.takes])
        conversation.sessions += 1

    def _announce(self, conversation: Conversation) -> None:
        """Say that a session was begun, and who took it."""
        session = conversation.session
        if session is None:
            return
        self._event(conversation.visitor, "created", session.id, None)
        if session.taken_by is not None:
            self._take(conversation, session.taken_by)

    def _take(self, conversation: Conversation, speaker: Speaker) -> None:
        """Let *speaker* take the open session."""
        if conversation.session is None:
            return
        conversation.session = ServiceSession(conversation.session.id, speaker)
        self._event(conversation.visitor, "opened", conversation.session.id, speaker)
        if self.switches.greeting:
            self._text(conversation.visitor, self.switches.greeting, shapes.SYSTEM)

    def _last_session(self, conversation: Conversation) -> str:
        """Return the session last heard in: an invitation may come after the end (facts/kefu.md §2.6)."""
        return next((line.session for line in reversed(conversation.heard) if line.session), "")

    # Shapes on their way.

    def _text(self, visitor: str, text: str, speaker: Speaker) -> str:
        agent = speaker.shape() if speaker.kind == "System" else self._named(speaker)
        return self._say(visitor, "text", text, agent)

    def _named(self, speaker: Speaker) -> JsonObject | None:
        return speaker.shape() if self.switches.names else None

    def _say(
        self,
        visitor: str,
        kind: str,
        text: str,
        agent: JsonObject | None,
        *,
        session: str | None = None,
        control: JsonObject | None = None,
        more_ext: JsonObject | None = None,
        labels: tuple[str, ...] = (),
    ) -> str:
        """Send a text with its ``weichat``; return the ``msgId``."""
        current = self.conversation(visitor).session
        session = session or (current.id if current else None)
        message_id = self._new_id()
        ext = {"weichat": shapes.weichat(message_id, agent=agent, session=session, control=control)} | (more_ext or {})
        body = {"msg": shapes.escape(text, self.switches.escaped)}
        message = ImMessage(self.service_number, visitor.lower(), "txt", body, ext)
        self._post(message, kind, text, message_id, labels)
        return message_id

    def _event(self, visitor: str, kind: EventKind, session: str, agent: Speaker | None) -> None:
        if self.switches.events == "none":
            return
        event = shapes.event_object(kind, session=session, agent=agent)
        message_id = self._new_id()
        ext = {"weichat": shapes.weichat(message_id, agent=None, session=session, event=event)}
        body = {"action": event["eventName"]} if self.switches.events == "cmd" else {"msg": ""}
        message = ImMessage(self.service_number, visitor.lower(), self.switches.events, body, ext)
        self._post(message, "event", kind, message_id)

    def _command(self, visitor: str, kind: str, action: str, weichat: JsonObject, *, text: str = "") -> None:
        message = ImMessage(self.service_number, visitor.lower(), "cmd", {"action": action}, {"weichat": weichat})
        self._post(message, kind, text, "")

    def _post(self, message: ImMessage, kind: str, text: str, message_id: str, labels: tuple[str, ...] = ()) -> int:
        server_id = self._easemob.post(message)
        said = Said(message.to, kind, text, message_id, server_id, self._easemob.now(), labels)
        self.conversation(message.to).lines.append(said)
        for listener in self._listeners:
            listener(message, server_id)
        self._tell()
        return server_id

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
