"""
The rules of one Socket Mode connection, without its socket.

Frames go in as text, typed events come out; any text gives an event. Every frame that has an ``envelope_id`` is an
envelope and is owed an acknowledgement, also one of an unknown kind or with a payload that cannot be read
(facts/slack.md §1).

Time comes in as a number of seconds on any steady clock. The session says when it wants to be asked again
(:meth:`Session.next_deadline`) and then what is due: the hello that never came, a ping, the end of a connection on
which nothing is heard any more, the change-over before the end that Slack announced.
"""

from __future__ import annotations

import enum
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import msgspec

from slackkefu.slack.envelope import Envelope, parse_envelope
from slackkefu.slack.message import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "REACTIONS",
    "TIMING",
    "DisconnectAnnounced",
    "Due",
    "EnvelopeReceived",
    "Hello",
    "Malformed",
    "Reaction",
    "Session",
    "SessionEvent",
    "Timing",
    "Unknown",
    "acknowledge",
]


@dataclass(frozen=True, slots=True)
class Hello:
    """The connection is usable."""

    num_connections: int | None
    """All open connections of the app as Slack counts them, this one included."""
    approximate_connection_time_s: float | None
    """How long Slack lets this connection live."""
    app_id: str


@dataclass(frozen=True, slots=True)
class EnvelopeReceived:
    """A payload that must be acknowledged."""

    envelope: Envelope


class Reaction(enum.Enum):
    """What to do about an announced end."""

    KEEP_READING = "open the next connection, read this one until Slack closes it"
    REPLACE = "open the next connection, then close this one"
    SWITCHED_OFF = "close; Socket Mode is off until somebody turns it on: tell the operator, try again slowly"
    CROWDED = "close; more than 10 connections of this app: wait with growing pauses"


REACTIONS: Final[Mapping[str, Reaction]] = {
    "warning": Reaction.KEEP_READING,
    "refresh_requested": Reaction.REPLACE,
    "link_disabled": Reaction.SWITCHED_OFF,
    "too_many_websockets": Reaction.CROWDED,
}
"""By the ``reason`` of a disconnect frame (facts/slack.md §1); any other reason is :attr:`Reaction.REPLACE`."""


@dataclass(frozen=True, slots=True)
class DisconnectAnnounced:
    """Slack says that this connection will end, or must."""

    reason: str
    reaction: Reaction
    num_connections: int | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A control frame of a type we do not know; tolerated."""

    type: str


SessionEvent = Hello | EnvelopeReceived | DisconnectAnnounced | Unknown | Malformed


class Due(enum.Enum):
    """What time has brought."""

    NO_HELLO = "no hello came in time: close, and ask for a new address"
    DEAF = "nothing heard for too long, pings included: the connection is dead"
    PING = "send a ping"
    REFRESH = "the announced end is near: open the next connection, then close this one"


@dataclass(frozen=True, slots=True)
class Timing:
    """The intervals of a connection, in seconds."""

    hello_s: float = 10.0
    """From the WebSocket handshake to hello."""
    ping_s: float = 10.0
    """Between our own pings: without them a half-open connection looks idle (facts/slack.md trap 10)."""
    deaf_s: float = 30.0
    """Without a byte from Slack, which pings too and answers ours."""
    refresh_share: float = 0.9
    """How much of the announced life is used at most."""
    refresh_jitter: float = 0.1
    """How much of the announced life is given up at random, so that connections do not end together."""


TIMING: Final = Timing()
"""The intervals in use; tests may have others."""


@final
class Session:
    """
    One connection, from the WebSocket handshake on.

    Args:
        now: The time.
        jitter: A number in [0, 1), drawn by the caller, that places the change-over.
        timing: The intervals.

    """

    def __init__(self, now: float, *, jitter: float = 0.0, timing: Timing = TIMING) -> None:
        self._timing = timing
        self._jitter = jitter
        self._hello_at = now + timing.hello_s
        self._ping_at = now + timing.ping_s
        self._refresh_at = math.inf
        self._has_hello = False

    def receive(self, frame: str | bytes, now: float) -> SessionEvent:
        """Read one frame; never raises, whatever it is."""
        raw = _decode(frame)
        if isinstance(raw, Malformed):
            return raw
        match raw.get("type"):
            case "hello":
                return self._hello(raw, now)
            case "disconnect":
                return self._disconnect(raw)
            case kind:
                envelope_id = raw.get("envelope_id")
                if isinstance(envelope_id, str) and envelope_id:
                    return EnvelopeReceived(parse_envelope(raw))
                if "envelope_id" in raw:
                    return Malformed("frame: no usable envelope_id")
                return Unknown(kind[:40]) if isinstance(kind, str) else Malformed("frame: no type")

    def next_deadline(self, heard_at: float) -> float:
        """Return when :meth:`due` is to be asked next, given when the last byte came."""
        waiting = self._ping_at if self._has_hello else self._hello_at
        return min(waiting, self._refresh_at, heard_at + self._timing.deaf_s)

    def due(self, now: float, heard_at: float) -> Due | None:
        """Return the first thing that is due, each only once; ask again until there is nothing."""
        if not self._has_hello and now >= self._hello_at:
            return Due.NO_HELLO
        if now >= heard_at + self._timing.deaf_s:
            return Due.DEAF
        if now >= self._refresh_at:
            self._refresh_at = math.inf
            return Due.REFRESH
        if self._has_hello and now >= self._ping_at:
            self._ping_at = now + self._timing.ping_s
            return Due.PING
        return None

    def _hello(self, raw: Mapping[str, object], now: float) -> Hello:
        """Take the connection for usable, and plan its end."""
        life_s = _seconds(_inside(raw, "debug_info", "approximate_connection_time"))
        app_id = _inside(raw, "connection_info", "app_id")
        if not self._has_hello:
            self._has_hello = True
            self._ping_at = now + self._timing.ping_s
            if life_s is not None:
                share = self._timing.refresh_share - self._timing.refresh_jitter * self._jitter
                self._refresh_at = now + life_s * share
        return Hello(_count(raw.get("num_connections")), life_s, app_id if isinstance(app_id, str) else "")

    def _disconnect(self, raw: Mapping[str, object]) -> DisconnectAnnounced:
        """Take the end for announced: it need not be planned any more."""
        reason = raw.get("reason")
        reason = reason[:40] if isinstance(reason, str) else ""
        self._refresh_at = math.inf
        return DisconnectAnnounced(reason, REACTIONS.get(reason, Reaction.REPLACE), _count(raw.get("num_connections")))


def acknowledge(envelope_id: str, payload: Mapping[str, object] | None = None) -> str:
    """
    Make the frame that acknowledges an envelope.

    Args:
        envelope_id: Of the envelope.
        payload: An answer, only for envelopes that accept one.

    """
    frame = {"envelope_id": envelope_id} if payload is None else {"envelope_id": envelope_id, "payload": payload}
    return json.dumps(frame)


def _decode(frame: str | bytes) -> Mapping[str, object] | Malformed:
    """Return the JSON object that *frame* is."""
    if isinstance(frame, bytes):
        return Malformed("frame: binary")
    try:
        raw = _load(frame)
    except (ValueError, RecursionError) as exc:
        return Malformed(f"frame: not JSON ({type(exc).__name__})")
    return raw if isinstance(raw, dict) else Malformed("frame: not an object")


def _load(frame: str) -> object:
    """
    Decode *frame*; half a surrogate pair becomes a question mark.

    JavaScript writes such halves where it has cut a text inside an emoji. They are valid JSON but no Unicode, and
    would fail far from here, where the text is encoded.
    """
    try:
        return msgspec.json.decode(frame)
    except msgspec.DecodeError:
        mended = json.dumps(json.loads(frame), ensure_ascii=False).encode("utf-8", "replace")
        return msgspec.json.decode(mended)


def _inside(raw: Mapping[str, object], outer: str, inner: str) -> object:
    """Return ``raw[outer][inner]`` where there is such a thing."""
    value = raw.get(outer)
    return value.get(inner) if isinstance(value, dict) else None


def _count(value: object) -> int | None:
    """Return *value* if it is a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _seconds(value: object) -> float | None:
    """Return *value* if it is a sensible number of seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**9:
        return None
    return float(value)
