"""
What happened, for whoever has to judge a client.

The ledger only remembers. It keeps the newest records of each kind, so a fake that runs for days does not fill the
memory. Times are trio's clock unless a field says otherwise.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slackkefu.demo.slack.shape import Document
    from slackkefu.demo.slack.state import Channel, Installation, Message

__all__ = ["Attempt", "AttemptState", "Call", "Ledger", "LinkRecord", "Parcel", "ParcelState", "Post", "Stray"]

KEEP: Final = 100_000
"""How many records of a kind are kept."""


class ParcelState(Enum):
    """Where a payload stands."""

    PENDING = "pending"
    ACKNOWLEDGED = "acknowledged"
    GIVEN_UP = "given up"


class AttemptState(Enum):
    """What became of one delivery."""

    WAITING = "waiting"
    ACKNOWLEDGED = "acknowledged"
    TIMED_OUT = "timed out"
    NOBODY = "no connection was open"


@final
@dataclass(slots=True)
class Attempt:
    """One delivery of a payload: one envelope on one connection."""

    envelope_id: str
    link: int | None
    """Number of the connection; None when none was open."""
    sent_at: float
    state: AttemptState
    ended_at: float | None = None
    """When it was acknowledged, or given up."""
    acknowledged_on: int | None = None
    """Number of the connection that acknowledged."""
    frames: int = 1
    """How often it was sent, byte for byte."""


@final
@dataclass(slots=True, eq=False)
class Parcel:
    """One payload on its way to the app, with all its deliveries."""

    kind: str
    """Type of the envelope: ``events_api``, ``slash_commands``, ``interactive``, or what a test made up."""
    payload: Document
    accepts_answer: bool
    attempts: list[Attempt] = field(default_factory=list)
    state: ParcelState = ParcelState.PENDING
    answer: Document | None = None
    """The payload of the acknowledgement, where one came."""
    again: Sequence[Document] = ()
    """The payload as its retries may have it: for another installation."""

    @property
    def event(self) -> Document:
        """The inner event; empty for other kinds of payload."""
        event = self.payload.get("event")
        return event if isinstance(event, dict) else {}

    @property
    def event_id(self) -> str:
        """The event's id; empty for other kinds of payload."""
        return str(self.payload.get("event_id", ""))

    @property
    def acknowledged(self) -> bool:
        """Whether an acknowledgement arrived in time."""
        return self.state is ParcelState.ACKNOWLEDGED

    @property
    def settled(self) -> bool:
        """Whether no delivery will follow."""
        return self.state is not ParcelState.PENDING

    @property
    def acknowledged_after_s(self) -> float | None:
        """Seconds from the sending of the acknowledged delivery to its acknowledgement."""
        for attempt in self.attempts:
            if attempt.state is AttemptState.ACKNOWLEDGED and attempt.ended_at is not None:
                return attempt.ended_at - attempt.sent_at
        return None

    def is_about(self, message: Message) -> bool:
        """Tell whether this is an event of *message* (a ``message`` or an ``app_mention``)."""
        return (self.event.get("channel"), self.event.get("ts")) == (message.channel.id, message.ts)

    def __repr__(self) -> str:
        inner = self.event.get("type", self.payload.get("type", ""))
        return f"<Parcel {self.kind} {inner} {self.event_id} {self.state.value}, {len(self.attempts)} attempts>"


@final
@dataclass(frozen=True, slots=True)
class Stray:
    """An acknowledgement that settled nothing."""

    at: float
    link: int
    reason: str
    envelope_id: str = ""


@final
@dataclass(slots=True)
class LinkRecord:
    """One connection of Socket Mode, from its handshake to its end."""

    number: int
    opened_at: float
    closed_at: float | None = None
    how: str = ""
    """How it ended; empty while it lives."""


@final
@dataclass(frozen=True, slots=True)
class Call:
    """One call of the Web API."""

    at: float
    method: str
    caller: str
    """Whose token: an installation's name, ``app``, or empty."""
    error: str
    """Empty when it was carried out and answered; else Slack's code, or the name of the fault."""
    arguments: Document = field(repr=False)


# What makes a text ring at somebody's: a mention, a broadcast, a user group.
_RINGS: Final = re.compile(r"<(?:@[UW][A-Z0-9]+|!(?:here|channel|everyone)|!subteam\^S[A-Z0-9]+)(?:\|[^>]*)?>")
_PLAIN_RINGS: Final = re.compile(r"(?<![\w.])@[\w.-]+")


@final
@dataclass(frozen=True, slots=True, eq=False)
class Post:
    """One accepted ``chat.postMessage`` (or ``chat.postEphemeral``)."""

    at: float
    """Calendar time."""
    installation: Installation
    channel: Channel
    message: Message
    arguments: Document = field(repr=False)
    """Exactly what the client sent, token left out."""
    ephemeral_to: str = ""
    """Who alone sees it; empty for an ordinary message."""

    @property
    def text(self) -> str:
        """The text as stored, escaped as Slack keeps it."""
        return self.message.text

    @property
    def shown(self) -> str:
        """The text as a person reads it."""
        return self.message.shown

    @property
    def thread(self) -> str | None:
        """``thread_ts`` of the message."""
        return self.message.thread_ts

    @property
    def metadata_id(self) -> str:
        """``metadata.event_payload.id``; empty without one."""
        metadata = self.message.metadata or {}
        payload = metadata.get("event_payload")
        return str(payload.get("id", "")) if isinstance(payload, dict) else ""

    @property
    def rings(self) -> tuple[str, ...]:
        """What in the text notifies people: nothing an agent wrote may (facts/slack.md §6)."""
        found = _RINGS.findall(self.text)
        if self.arguments.get("parse") == "full" or self.arguments.get("link_names") in (True, 1, "1", "true"):
            found += _PLAIN_RINGS.findall(self.text)
        return tuple(found)


@final
class Ledger:
    """Everything that happened, newest last."""

    def __init__(self) -> None:
        self.parcels: deque[Parcel] = deque(maxlen=KEEP)
        """Payloads for the app."""
        self.strays: deque[Stray] = deque(maxlen=KEEP)
        """Acknowledgements that settled nothing."""
        self.links: deque[LinkRecord] = deque(maxlen=KEEP)
        """Connections of Socket Mode."""
        self.calls: deque[Call] = deque(maxlen=KEEP)
        """Calls of the Web API."""
        self.posts: deque[Post] = deque(maxlen=KEEP)
        """Messages the app posted."""

    def of(self, message: Message) -> list[Parcel]:
        """Return the payloads about *message*: one, or two where it mentions the app."""
        return [parcel for parcel in self.parcels if parcel.is_about(message)]

    def calls_of(self, method: str) -> list[Call]:
        """Return the calls of one method."""
        return [call for call in self.calls if call.method == method]

    def posts_in(self, channel: Channel) -> list[Post]:
        """Return the app's messages in one channel."""
        return [post for post in self.posts if post.channel is channel]
