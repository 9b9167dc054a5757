"""
What a session tells: each event is something the caller acts on or keeps.

:class:`Refused`, :class:`Redirected`, :class:`Kicked`, :class:`LoggedOut` and :class:`Dead` are last words: one a
session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from slackkefu.easemob.message import Accepted, Batch

if TYPE_CHECKING:
    from slackkefu.errors import LoginRefused, SendOutcomeUnknown, SendRefused, SessionKicked
    from slackkefu.secret import Secret

__all__ = [
    "BatchReceived",
    "Dead",
    "Drained",
    "Event",
    "Kicked",
    "LoggedIn",
    "LoggedOut",
    "NeverLeft",
    "PassedOver",
    "Redirected",
    "Refused",
    "SendFailed",
]


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The login is good; queues are being asked for."""

    resource: str
    """The resource the server knows us by."""
    session_id: str
    token_replaced: Secret | None
    """Another token, to be used from now on."""
    expires_at_ms: int | None
    """When the token ends, ms since the epoch, where the server said so."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The login is refused; the session is over."""

    error: LoginRefused


@dataclass(frozen=True, slots=True)
class Redirected:
    """Log in there instead; the session is over."""

    host: str
    port: int | None
    """None: the scheme's own."""


@dataclass(frozen=True, slots=True)
class BatchReceived:
    """A batch is in work from here until :meth:`Session.pull_on`."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class SendFailed:
    """A message was refused, or left and was never acknowledged."""

    meta_id: int
    error: SendRefused | SendOutcomeUnknown


@dataclass(frozen=True, slots=True)
class NeverLeft:
    """A message was not sent before the session was over: the other side cannot have it."""

    meta_id: int


@dataclass(frozen=True, slots=True)
class Kicked:
    """The server ended this login; the session is over."""

    error: SessionKicked


@dataclass(frozen=True, slots=True)
class Drained:
    """Every queue that was listed or noticed is empty, has all that waits in work and looked through, or is refused."""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Something that came was of no use."""

    what: str
    """A stable word."""
    number: int = 0
    """Of the command, status or such; 0 when there is none."""


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The session is over as we wished."""


@dataclass(frozen=True, slots=True)
class Dead:
    """The session is over: the connection is lost or of no use any more."""

    reason: str


Event: TypeAlias = (
    LoggedIn
    | Refused
    | Redirected
    | BatchReceived
    | Accepted
    | SendFailed
    | NeverLeft
    | Kicked
    | Drained
    | PassedOver
    | LoggedOut
    | Dead
)
