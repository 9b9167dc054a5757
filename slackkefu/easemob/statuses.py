"""
What the server's status codes mean, at login and for a sent message (facts/msync.md §6, §8).

Code 1 (FAIL) says what it was only in its reason, and code 7 has several meanings, so both are told apart by a piece of
the reason, compared without case. What is not in the tables is taken for a fault of the server's that passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

__all__ = ["ADVICE", "Cause", "LoginVerdict", "SendVerdict", "login_verdict", "send_verdict"]


class Cause(Enum):
    """Whose affair a refused login is; see :data:`ADVICE`."""

    TOKEN = auto()
    """The token is not, or no longer, good: a new one may be."""
    USER = auto()
    """The user does not exist."""
    PLAN = auto()
    """The plan's number of users or devices is used up."""
    FORBIDDEN = auto()
    """The user is banned, or may not do this."""
    DEVICE = auto()
    """Another device, or another ``resource``, stands in the way."""
    REQUEST = auto()
    """The server does not take what we send."""
    SERVER = auto()
    """The server cannot now."""


ADVICE: Final[dict[Cause, str]] = {
    Cause.TOKEN: "a new token was tried: check easemob.app_key and easemob.rest_url, they may be of another cluster",
    Cause.USER: "it is made anew when it is needed; if this comes again, ask Easemob",
    Cause.PLAN: "the plan's limit is reached: raise it in Easemob's console, or wait for its next day or month",
    Cause.FORBIDDEN: "lift the ban of this user in Easemob's console, or leave the visitor unserved",
    Cause.DEVICE: "log this user's other devices out in Easemob's console; one store must not serve two daemons",
    Cause.REQUEST: "check easemob.app_key; if it is right this server wants something we do not know: report it",
    Cause.SERVER: "it passes by itself; if it does not, ask Easemob",
}
"""What an operator can do; the end of a log line."""


@dataclass(frozen=True, slots=True)
class LoginVerdict:
    """What a refused login means."""

    cause: Cause
    final: bool
    """The same login must not be tried again."""
    meaning: str
    """For a person; the end of "the IM login was refused: …"."""


@dataclass(frozen=True, slots=True)
class SendVerdict:
    """What a refused message means."""

    kind: str
    """A stable word for logs and metrics."""
    again: bool
    """The same message may be taken later."""


_PASSES: Final = LoginVerdict(Cause.SERVER, final=False, meaning="the IM server cannot now")

_LOGIN: Final[dict[int, LoginVerdict]] = {
    2: LoginVerdict(Cause.TOKEN, final=True, meaning="the token is not accepted"),
    3: LoginVerdict(Cause.REQUEST, final=True, meaning="the server misses a parameter"),
    4: LoginVerdict(Cause.REQUEST, final=True, meaning="the server finds a parameter wrong (app key, user or token)"),
    6: LoginVerdict(Cause.TOKEN, final=True, meaning="the token has expired"),
    7: LoginVerdict(Cause.FORBIDDEN, final=True, meaning="the user has no permission"),
    11: LoginVerdict(Cause.DEVICE, final=True, meaning="the user is bound to another device"),
    12: LoginVerdict(Cause.FORBIDDEN, final=True, meaning="the user or the app is banned"),
    13: LoginVerdict(
        Cause.DEVICE, final=True, meaning="the user is online on too many devices, and the app pushes none out"
    ),
    14: LoginVerdict(Cause.PLAN, final=False, meaning="the limit of this platform is reached"),
    16: LoginVerdict(Cause.REQUEST, final=True, meaning="the server does not take encrypted sessions"),
    17: LoginVerdict(Cause.REQUEST, final=True, meaning="the server takes encrypted sessions only"),
    18: LoginVerdict(Cause.REQUEST, final=True, meaning="the server could not decrypt"),
    20: LoginVerdict(Cause.DEVICE, final=True, meaning="the server has another resource for this device"),
}
"""By code; missing codes pass."""

_LOGIN_REASONS: Final[dict[int, dict[str, LoginVerdict]]] = {
    1: {
        "token expired": LoginVerdict(Cause.TOKEN, final=True, meaning="the token has expired"),
        "does not match login info": LoginVerdict(Cause.TOKEN, final=True, meaning="the token is not this user's"),
        "user not found": LoginVerdict(Cause.USER, final=True, meaning="the user does not exist"),
        "user register rate limit": LoginVerdict(Cause.PLAN, final=False, meaning="users are registered too fast"),
        "user register limit": LoginVerdict(Cause.PLAN, final=True, meaning="the plan's number of users is used up"),
    },
    7: {
        "app month live count limit": LoginVerdict(
            Cause.PLAN, final=True, meaning="the plan's users of this month are used up"
        ),
        "app day live count limit": LoginVerdict(
            Cause.PLAN, final=True, meaning="the plan's users of this day are used up"
        ),
        "online count limit": LoginVerdict(Cause.PLAN, final=True, meaning="the plan's users online are used up"),
        # The three texts are known in part only ("…" in facts/msync.md §6); their common end serves for the rest.
        "live count limit": LoginVerdict(Cause.PLAN, final=True, meaning="the plan's users are used up"),
    },
}
"""By code and a piece of the reason; the first that fits."""

_SEND: Final[dict[int, SendVerdict]] = {
    1: SendVerdict("refused", again=False),
    2: SendVerdict("unauthorized", again=False),
    3: SendVerdict("malformed", again=False),
    4: SendVerdict("malformed", again=False),
    6: SendVerdict("token_expired", again=True),
    7: SendVerdict("no_permission", again=False),
    9: SendVerdict("malformed", again=False),
    10: SendVerdict("malformed", again=False),
    12: SendVerdict("forbidden", again=False),
    15: SendVerdict("muted", again=False),
    19: SendVerdict("refused_by_callback", again=False),
}

_SEND_REASONS: Final[dict[int, dict[str, SendVerdict]]] = {
    1: {
        "blocked": SendVerdict("blocked", again=False),
        "nonroster": SendVerdict("not_a_contact", again=False),
        "group not found": SendVerdict("no_group", again=False),
        "not in group or chatroom": SendVerdict("not_in_group", again=False),
        "group is disabled": SendVerdict("group_disabled", again=False),
        "limit directed users": SendVerdict("too_many_receivers", again=False),
        "exceed recall time limit": SendVerdict("too_late_to_recall", again=False),
        "message recall disabled": SendVerdict("recall_disabled", again=False),
        "sorry, edit": SendVerdict("not_edited", again=False),
        "message does not exist": SendVerdict("no_message", again=False),
        "you do not have permission": SendVerdict("no_permission", again=False),
        "format is incorrect": SendVerdict("malformed", again=False),
        "moderation": SendVerdict("moderated", again=False),
    },
    7: {
        "sensitive words": SendVerdict("moderated", again=False),
        "mod_antispam": SendVerdict("moderated", again=False),
        "user is mute": SendVerdict("muted", again=False),
        "traffic limit": SendVerdict("rate_limited", again=True),
        "data is too large": SendVerdict("too_large", again=False),
    },
}

_SEND_PASSES: Final = SendVerdict("server_fault", again=True)


def login_verdict(code: int, reason: str) -> LoginVerdict:
    """Say what a login refused with *code* and *reason* means."""
    folded = reason.lower()
    for piece, verdict in _LOGIN_REASONS.get(code, {}).items():
        if piece in folded:
            return verdict
    return _LOGIN.get(code, _PASSES)


def send_verdict(code: int, reason: str) -> SendVerdict:
    """Say what a message refused with *code* and *reason* means."""
    folded = reason.lower()
    for piece, verdict in _SEND_REASONS.get(code, {}).items():
        if piece in folded:
            return verdict
    return _SEND.get(code, _SEND_PASSES)
