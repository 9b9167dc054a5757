"""
Every error of ours, in one tree.

::

    SlackkefuError
    ├── OperatorError                  somebody has to act before this can work
    │   ├── ConfigError                the configuration is wrong; lists every problem
    │   ├── StoreError                 the folder on disk cannot be used
    │   │   ├── StoreLocked            another daemon works on this store
    │   │   ├── StoreBroken            a sync failed: what is on disk is no longer known
    │   │   └── StoreUnwritable        full, read-only, or not ours
    │   ├── WrongUse                   what was asked for is not there, or not possible as asked
    │   ├── DaemonRefused              the running daemon did not do what a command asked of it
    │   ├── SlackSetupError            Slack refuses our credentials or settings
    │   └── EasemobSetupError          Easemob refuses our credentials or app key
    ├── LinkError                      the network: nothing was refused, nothing was answered
    │   ├── ConnectFailed              no connection came about
    │   │   └── AddressNotPublic       it would lead behind somebody's firewall
    │   └── LinkClosed                 a connection that worked has ended
    ├── VisitorUnreachable             the app is not there any more; what is for the visitor waits at Easemob
    ├── LocalProtocolError             we were about to break a protocol (a fault of ours)
    ├── RemoteProtocolError            the other side broke it; carries no more than its kind
    ├── SlackError                     an answer of Slack's Web API that is not "ok"
    │   ├── SlackApiError              ``ok: false`` with a code
    │   ├── SlackRateLimited           429 or ``ratelimited``; carries the pause
    │   ├── SlackTokenPending          the token has expired, and the next has not come
    │   └── SlackOutcomeUnknown        sent, but no answer: it may have happened
    ├── EasemobError                   an answer of Easemob's that is not "ok"
    │   ├── RestError                  HTTP status with an ``error`` code
    │   │   ├── RestUnauthorized       401: the token is not, or no longer, good
    │   │   ├── RestRateLimited        429 ``reach_limit``, 503, 403 "reach limit": later
    │   │   ├── RestPlanLimit          429 ``resource_limited``: the plan is used up
    │   │   ├── RestConflict           409: two creations of one user at once
    │   │   └── RestSendRefused        400, 413 to a message: this one is not taken
    │   ├── RestOutcomeUnknown         sent, but no answer
    │   ├── LoginRefused               PROVISION was answered with a status other than OK
    │   ├── SessionKicked              STATISTIC 1-4: the server ended this login
    │   ├── SendRefused                a message was answered with a status other than OK
    │   ├── SendOutcomeUnknown         a message was sent, but its acknowledgement never came
    │   └── SendPossiblyDone           sent where no repeat is recognised, and no answer came
    └── KefuError                      an answer of the desk's own API that is not "OK"
        ├── KefuRefused                a ``status`` other than OK
        ├── KefuUnavailable            not there, or not as we know it: nothing was carried out
        ├── KefuOutcomeUnknown         sent, but no usable answer
        └── MediaUnavailable           a file of a message cannot be had, now or ever

Facts are in fields, sentences in ``__str__``. Whether to try again is decided in one function per peer
(``slack/recovery.py``, ``easemob/recovery.py``, ``kefu/recovery.py``), never where the error is raised. No error
carries people's words or a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "AddressNotPublic",
    "ConfigError",
    "ConfigProblem",
    "ConnectFailed",
    "DaemonRefused",
    "EasemobError",
    "EasemobSetupError",
    "KefuError",
    "KefuOutcomeUnknown",
    "KefuRefused",
    "KefuUnavailable",
    "LinkClosed",
    "LinkError",
    "LocalProtocolError",
    "LoginRefused",
    "MediaUnavailable",
    "OperatorError",
    "RemoteProtocolError",
    "RestConflict",
    "RestError",
    "RestOutcomeUnknown",
    "RestPlanLimit",
    "RestRateLimited",
    "RestSendRefused",
    "RestUnauthorized",
    "SendOutcomeUnknown",
    "SendPossiblyDone",
    "SendRefused",
    "SessionKicked",
    "SlackApiError",
    "SlackError",
    "SlackOutcomeUnknown",
    "SlackRateLimited",
    "SlackSetupError",
    "SlackTokenPending",
    "SlackkefuError",
    "StoreBroken",
    "StoreError",
    "StoreLocked",
    "StoreUnwritable",
    "VisitorUnreachable",
    "WrongUse",
    "exit_code",
]


class SlackkefuError(Exception):
    """Root of the tree; never raised itself."""


# What an operator has to mend.


class OperatorError(SlackkefuError):
    """
    Something that trying again does not mend.

    ``str()`` is one line for a person: what happened, what it means for their messages, what to do.
    """


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing that is wrong with the configuration."""

    key: str
    """Dotted key, ``slack.app_token``; empty when the file as a whole is meant."""
    found: str
    """What was found, without any secret."""
    expected: str
    """What is expected there."""

    def __str__(self) -> str:
        where = f"{self.key}: " if self.key else ""
        return f"{where}found {self.found}; expected {self.expected}"


class ConfigError(OperatorError):
    """The configuration cannot be used; holds every problem at once."""

    def __init__(self, source: str, problems: tuple[ConfigProblem, ...]) -> None:
        super().__init__(source, problems)
        self.source = source
        self.problems = problems

    def __str__(self) -> str:
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        return f"{self.source}: the configuration cannot be used; nothing was started.{lines}"


class StoreError(OperatorError):
    """The store on disk cannot be used."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class StoreLocked(StoreError):
    """Another process holds the lock of this store."""


class StoreBroken(StoreError):
    """A sync failed. The kernel may have dropped what was to be written, so nothing after it can be promised."""


class StoreUnwritable(StoreError):
    """A file of the store could not be written or synced."""


class WrongUse(OperatorError):
    """A command asks for what is not there, or not possible in this way; says what is."""


class DaemonRefused(OperatorError):
    """The running daemon did not do what a command asked of it: its words, and the exit code that goes with them."""

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason, code)
        self.reason = reason
        self.code = code

    def __str__(self) -> str:
        return self.reason


class SlackSetupError(OperatorError):
    """Slack refuses what an operator configured (token, Socket Mode switch, scopes)."""

    def __init__(self, method: str, code: str, advice: str) -> None:
        super().__init__(method, code, advice)
        self.method = method
        self.code = code
        self.advice = advice

    def __str__(self) -> str:
        return f"Slack answered {self.code} to {self.method}. {self.advice}"


class EasemobSetupError(OperatorError):
    """
    Easemob refuses what an operator configured (app key, client id or secret, host).

    Or something on the way does: what comes without an error document of Easemob's (*is_theirs* false) may be the word
    of a proxy or gateway, and pass.
    """

    def __init__(self, call: str, code: str, advice: str, *, is_theirs: bool = True) -> None:
        super().__init__(call, code, advice)
        self.is_theirs = is_theirs
        self.call = call
        self.code = code
        self.advice = advice

    def __str__(self) -> str:
        return f"Easemob answered {self.code} to {self.call}. {self.advice}"


# The network.


class LinkError(SlackkefuError):
    """A network fault; what was to be sent may be tried again."""


class ConnectFailed(LinkError):
    """No connection came about (DNS, TCP, TLS, proxy, WebSocket handshake, time limit)."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(address, reason)
        self.address = address
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot connect to {self.address}: {self.reason}"


class AddressNotPublic(ConnectFailed):
    """A host that somebody else has named has an address that is not public; nothing was sent there."""

    def __init__(self, host: str) -> None:
        super().__init__(host, "not a public address")


class LinkClosed(LinkError):
    """A connection that worked has ended, by whomever."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(address, reason)
        self.address = address
        self.reason = reason

    def __str__(self) -> str:
        return f"connection to {self.address} ended: {self.reason}"


class LocalProtocolError(SlackkefuError):
    """We were about to do what the protocol does not allow in this state: a fault of ours."""


class RemoteProtocolError(SlackkefuError):
    """The other side sent what the protocol does not allow. The text names the kind, never the content."""


# Slack.


class VisitorUnreachable(SlackkefuError):
    """
    The app is not in the visitor's workspace or channel any more: nothing of theirs can be posted.

    Nothing is lost by it: what waits is at Easemob, and comes again when they can be reached.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"this visitor cannot be reached in Slack: {self.reason}"


class SlackError(SlackkefuError):
    """An answer of Slack's Web API that is not ``ok``."""

    def __init__(self, method: str) -> None:
        super().__init__(method)
        self.method = method


class SlackApiError(SlackError):
    """``ok: false`` (facts/slack.md §8, §9)."""

    def __init__(self, method: str, code: str, *, needed: str = "", detail: str = "") -> None:
        super().__init__(method)
        self.code = code
        self.needed = needed
        self.detail = detail

    def __str__(self) -> str:
        needed = f" (scope needed: {self.needed})" if self.needed else ""
        return f"Slack answered {self.code} to {self.method}{needed}"


class SlackRateLimited(SlackError):
    """Slack asks for a pause for this method (and channel)."""

    def __init__(self, method: str, retry_after_s: float) -> None:
        super().__init__(method)
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"Slack asks to wait {self.retry_after_s:g} s before the next {self.method}"


class SlackTokenPending(SlackError):
    """The bot token has expired, and the next one cannot be had now: the call did not happen (facts/slack.md §12)."""

    def __str__(self) -> str:
        return f"no bot token for {self.method} now: the last one has expired, and the next has not come"


class SlackOutcomeUnknown(SlackError):
    """The request left, and no usable answer came: it may have been carried out (facts/slack.md §8)."""

    def __init__(self, method: str, reason: str) -> None:
        super().__init__(method)
        self.reason = reason

    def __str__(self) -> str:
        return f"no usable answer to {self.method}: {self.reason}; it may have been carried out"


# Easemob.


class EasemobError(SlackkefuError):
    """An answer of Easemob's that is not OK."""


class RestError(EasemobError):
    """An HTTP answer outside 2xx (facts/easemob-rest.md §2)."""

    def __init__(self, call: str, status: int, code: str, description: str = "") -> None:
        super().__init__(call, status, code, description)
        self.call = call
        self.status = status
        self.code = code
        self.description = description

    def __str__(self) -> str:
        return f"Easemob answered {self.status} {self.code or '(no code)'} to {self.call}"


class RestUnauthorized(RestError):
    """401: the token is expired, malformed, of another app or of another cluster."""


class RestRateLimited(RestError):
    """Later: 429 ``reach_limit``, the 503 of older clusters, 403 ``message send reach limit``."""


class RestPlanLimit(RestError):
    """429 ``resource_limited``: the plan's quota is used up; waiting does not help."""


class RestConflict(RestError):
    """409 ``concurrent_operation_error``: try once more after a second."""


class RestSendRefused(RestError):
    """400 or 413 to a message: it is not taken, whoever sends it (facts/easemob-rest.md §2.3)."""


class RestOutcomeUnknown(EasemobError):
    """The request left, and no answer came."""

    def __init__(self, call: str, reason: str) -> None:
        super().__init__(call, reason)
        self.call = call
        self.reason = reason

    def __str__(self) -> str:
        return f"no answer to {self.call}: {self.reason}"


class LoginRefused(EasemobError):
    """PROVISION was answered with a status other than OK (facts/msync.md §6)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"IM login refused with status {self.code}: {self.reason or 'no reason given'}"


class SessionKicked(EasemobError):
    """STATISTIC 1-4 (facts/msync.md §9): removed, other device, password changed, kicked by console."""

    def __init__(self, operation: int, reason: str) -> None:
        super().__init__(operation, reason)
        self.operation = operation
        self.reason = reason

    def __str__(self) -> str:
        return f"the IM server ended this login (operation {self.operation})"


class SendRefused(EasemobError):
    """A message was answered with a status other than OK (facts/msync.md §8)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"Easemob refused the message with status {self.code}: {self.reason or 'no reason given'}"


class SendOutcomeUnknown(EasemobError):
    """A message left, and its acknowledgement never came; a repeat must carry the same id (facts/msync.md §8)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"no acknowledgement from Easemob: {self.reason}"


class SendPossiblyDone(EasemobError):
    """
    A message left by a way on which no repeat is recognised, and no answer came (facts/easemob-rest.md §6.1).

    It may have arrived, so it must not be sent again.
    """

    def __init__(self, call: str, reason: str) -> None:
        super().__init__(call, reason)
        self.call = call
        self.reason = reason

    def __str__(self) -> str:
        return f"no usable answer to {self.call}: {self.reason}; the message may have arrived, and is not repeated"


# The desk's own API.


class KefuError(SlackkefuError):
    """An answer of kefu's own API that is not OK (facts/kefu.md §3)."""

    def __init__(self, call: str, reason: str) -> None:
        super().__init__(call, reason)
        self.call = call
        self.reason = reason

    def __str__(self) -> str:
        return f"the desk answered {self.reason} to {self.call}"


class KefuRefused(KefuError):
    """``status`` is not OK: the desk understood, and did not do it."""


class KefuUnavailable(KefuError):
    """The API is not there, or not as we know it, or cannot now; nothing was carried out."""


class KefuOutcomeUnknown(KefuError):
    """The request left, and no usable answer came: it may have been carried out."""

    def __str__(self) -> str:
        return f"no usable answer of the desk to {self.call}: {self.reason}; it may have been carried out"


class MediaUnavailable(KefuError):
    """A file of a message cannot be had: gone, refused, empty, too large, or not what it should be."""

    def __init__(self, reason: str, *, is_passing: bool = False) -> None:
        super().__init__("a file", reason)
        self.is_passing = is_passing
        """It may be had later."""

    def __str__(self) -> str:
        return f"a file of the desk's cannot be had: {self.reason}"


# How a command ends.

_EXIT_CODES: Final = (
    (WrongUse, 2),
    (ConfigError, 3),
    (StoreError, 4),
    ((OperatorError, SlackError, EasemobError, LinkError, RemoteProtocolError), 5),
)
"""First match counts. What is not here, LocalProtocolError among it, is a fault of ours: a traceback, and code 1."""


def exit_code(error: BaseException) -> int | None:
    """Return the exit code of a command that ends with *error*; None for a fault of ours."""
    if isinstance(error, DaemonRefused):
        return error.code
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), None)
