"""
What to do after an error of Easemob's.

Whether to try again is decided here and nowhere else, by one function for each way of talking to Easemob:
:func:`after_call` for REST, :func:`after_start` for its first call, :func:`after_rest_send` for a message sent by it,
:func:`after_upload` for a file, :func:`after_link` for the long connection, :func:`after_send` for a message whichever
way it went. They are tables with a little reading of reasons around them; they know no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from slackkefu.easemob.statuses import ADVICE, Cause, login_verdict, send_verdict
from slackkefu.errors import (
    ConnectFailed,
    KefuOutcomeUnknown,
    KefuRefused,
    LinkError,
    LocalProtocolError,
    LoginRefused,
    OperatorError,
    RemoteProtocolError,
    RestConflict,
    RestError,
    RestOutcomeUnknown,
    RestPlanLimit,
    RestRateLimited,
    RestSendRefused,
    RestUnauthorized,
    SendOutcomeUnknown,
    SendPossiblyDone,
    SendRefused,
    SessionKicked,
)

if TYPE_CHECKING:
    from slackkefu.errors import EasemobSetupError, SlackkefuError

__all__ = [
    "AfterLink",
    "Again",
    "FreshToken",
    "GiveUp",
    "Pause",
    "SendAgain",
    "advice",
    "after_call",
    "after_link",
    "after_removal",
    "after_rest_send",
    "after_send",
    "after_start",
    "after_upload",
    "is_banned",
]


# REST.

_SLOW_SERVER: Final = (408, 500, 501, 502, 504)
_NEVER: Final = frozenset({"web_application", "unsupported_service_operation", "no_full_text_index"})


def after_call(error: SlackkefuError, *, failures: int) -> float | None:
    """
    Say when to make the same REST call again: the rule for the few seconds that its caller waits.

    Every call of ours may be repeated: tokens and passwords are set to what we know anyway, a user is removed once, and
    the others only read.

    * No connection: at once, at the next host; twice.
    * No answer, time-outs and gateway trouble (408, 500, 501, 502, 504; facts/easemob-rest.md §2.2): after 1 s and 2 s.
      Not when a 500 says that the address or method is wrong.
    * 409, two creations of one user at once: after 1, 2, 3, 4 s; a second is what the server asks for (§4.2).
    * A rate limit: not here. It holds for the whole app, so the caller of this call is told, and the pace is slowed.
    * Everything else: not at all.

    Args:
        error: What the call raised.
        failures: How often this call has failed, this time included.

    Returns:
        Seconds until the next attempt, or None.

    """
    if isinstance(error, RestConflict):
        return float(failures) if failures <= 4 else None
    if failures > 2:
        return None
    if isinstance(error, ConnectFailed):
        return 0.0
    if isinstance(error, RestOutcomeUnknown):
        return float(failures)
    if isinstance(error, RestError) and error.status in _SLOW_SERVER and error.code not in _NEVER:
        return float(failures)
    return None


def after_start(error: EasemobSetupError, *, failures: int) -> float | None:
    """
    Say when to ask Easemob once more whether it lets us in, before the daemon ends for an operator.

    What Easemob itself refuses is final: wrong credentials are answered with an error document (facts/easemob-rest.md
    §2.3). A bare status is a proxy's or gateway's, or that of another server, and may pass: after 10, 20 and 40 s,
    which is how often an app token may be asked for.

    Args:
        error: What the question raised.
        failures: How often it has, this time included.

    Returns:
        Seconds until the next attempt, or None.

    """
    return None if error.is_theirs or failures > 3 else 10.0 * 2 ** (failures - 1)


def after_rest_send(error: SlackkefuError, *, failures: int) -> float | None:
    """
    Say when to make a call again that sends a message: only where it surely never left.

    REST knows no repeats: a message sent twice is there twice (facts/easemob-rest.md §6.1). So after a connection that
    did not come about the next host is tried at once, twice; everything else is for the caller.

    Args:
        error: What the call raised.
        failures: How often this call has failed, this time included.

    Returns:
        Seconds until the next attempt, or None.

    """
    return 0.0 if isinstance(error, ConnectFailed) and failures <= 2 else None


def after_removal(error: SlackkefuError) -> float | None:
    """
    Say when to ask again for the removal of a user; whoever does lets the pause grow.

    A user is removed once, however often that is asked for.

    * The network, no usable answer, a gateway, a rate limit, and what an operator has to mend: after a minute.
    * What Easemob refuses otherwise (400, 401, 403, 405, …): not soon. An operator may allow it some day.

    Args:
        error: What the removal raised.

    Returns:
        Seconds until the next attempt, at least; None where it is refused.

    """
    if isinstance(error, RestError) and not isinstance(error, RestRateLimited):
        passes = error.status in (*_SLOW_SERVER, 409) and error.code not in _NEVER
        return 60.0 if passes else None
    return 60.0


def after_upload(error: SlackkefuError) -> float | None:
    """
    Say when to upload a file again; whoever does lets the pause grow, and does it a few times only.

    Two uploads of one file do no harm, so whether the first one arrived does not matter.

    * The network, no usable answer, a gateway (408, 5xx; not a 500 that says the address is wrong): after a second.
    * Too fast: after two; the pace is slowed as well.
    * 401: at once, with the new token that it has led to.
    * What an operator has to mend: after some seconds; texts wait for it too.
    * Everything else is about this file (400, 403, 413, …), or about the plan: not at all.

    Args:
        error: What the upload raised.

    Returns:
        Seconds until the next attempt, at least, or None.

    """
    if isinstance(error, RestUnauthorized):
        return 0.0
    if isinstance(error, RestRateLimited):
        return 2.0
    if isinstance(error, LinkError | RestOutcomeUnknown | RemoteProtocolError):
        return 1.0
    if isinstance(error, RestError):
        return 1.0 if error.status in (*_SLOW_SERVER, 503) and error.code not in _NEVER else None
    return 5.0 if isinstance(error, OperatorError) else None


# The long connection.


@dataclass(frozen=True, slots=True)
class Again:
    """Log in again after the link's usual back-off."""


@dataclass(frozen=True, slots=True)
class FreshToken:
    """Log in again with a new token; when the reason comes back, it is final."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stay away: a minute, growing to an hour."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not try this again; for a login: not until somebody needs the session anew."""

    reason: str
    """A stable name, for logs and metrics."""
    possibly: bool = False
    """For a message: it may have arrived all the same."""


AfterLink: TypeAlias = Again | FreshToken | Pause | GiveUp

_KICKS: Final[dict[int, AfterLink]] = {
    1: GiveUp("user_removed"),
    2: Pause(),
    3: FreshToken(),
    4: Pause(),
}
"""STATISTIC operations (facts/msync.md §9)."""

_TOKEN_CAUSES: Final = (Cause.TOKEN, Cause.USER)
"""What a new token may mend; asking for it also makes a missing user."""


def after_link(error: SlackkefuError, *, fresh: bool, kicked_lately: bool) -> AfterLink:
    """
    Say what a link does after it was refused, lost or ended.

    * The network, no answer, a broken protocol, a rate limit, server trouble (5xx, 408): again, with back-off.
    * Refused for its token or because the user is missing: a new token, once. The Go client takes these for final,
      but it does not keep tokens over days as we do, and that may be the reason.
    * Refused otherwise: give up when :mod:`~slackkefu.easemob.statuses` calls it final, else again, with back-off.
    * Ended because another device logged in or somebody logged it out (2, 4): pause. Two that reconnect at once
      would throw each other out for ever (§1.7).
    * Ended because the password changed (3): a new token; when that was done lately, pause, for someone else
      keeps changing it.
    * Ended because the user was removed (1): give up; the next need makes the user again.
    * What an operator has to mend, the plan's user limit, and other REST refusals: give up.

    Args:
        error: What ended the attempt or the session.
        fresh: The token had just been issued for this attempt.
        kicked_lately: Another kick came within the last hour.

    """
    if isinstance(error, SessionKicked):
        after = _KICKS.get(error.operation, Again())
        return Pause() if isinstance(after, FreshToken) and kicked_lately else after
    if isinstance(error, LoginRefused):
        return _after_login(error, fresh=fresh)
    if isinstance(error, LinkError | RestOutcomeUnknown | RemoteProtocolError | RestRateLimited | RestConflict):
        return Again()
    if isinstance(error, RestError) and (error.status >= 500 or error.status == 408):
        return Again()
    return GiveUp("operator" if not isinstance(error, RestError) else "rest_refused")


def _after_login(error: LoginRefused, *, fresh: bool) -> AfterLink:
    """Turn the verdict on a refused login into a decision."""
    verdict = login_verdict(error.code, error.reason)
    if verdict.cause in _TOKEN_CAUSES:
        return GiveUp(verdict.cause.name.lower()) if fresh else FreshToken()
    return GiveUp(verdict.cause.name.lower()) if verdict.final else Again()


def advice(error: SlackkefuError) -> str:
    """Say in words what *error*, which a link gave up for, means for an operator and what to do."""
    if isinstance(error, LoginRefused):
        verdict = login_verdict(error.code, error.reason)
        return f"{verdict.meaning}; {ADVICE[verdict.cause]}"
    if isinstance(error, RestPlanLimit):
        return f"the plan's number of users is used up; {ADVICE[Cause.PLAN]}"
    if isinstance(error, SessionKicked):
        return "the user was removed at Easemob; it is made anew when it is needed"
    return "see the error; it is tried again when the visitor writes"


# A message.

_MENDED_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Send the same message, with the same ids, again."""

    after_s: float
    """At least this long; whoever tries again and again lets it grow."""
    reason: str = ""
    """A stable name, for when whoever tries has tried for long enough; empty where it never is."""
    possibly: bool = False
    """It may have arrived all the same, also when it is given up."""


def after_send(error: SlackkefuError) -> SendAgain | GiveUp:
    """
    Say what becomes of a message that was not accepted.

    * Easemob refused the message itself: give up, unless :mod:`~slackkefu.easemob.statuses` says that it may be taken
      later.
    * No acknowledgement: at once, with the same id, by which the server can recognise it (facts/msync.md §8).
    * The network: after a second.
    * The visitor is banned: give up. Whoever banned them meant it.
    * The visitor cannot log in otherwise (plan used up, devices): after a minute. Somebody may mend it, but not for
      ever: the place it takes is one of many visitors'.
    * The app cannot (credentials, a full disk): after a minute; that is about everybody, and somebody will mend it.
    * A message that cannot be written is a fault of ours, and no time mends it.

    While the login fails it may have gone another way (:mod:`slackkefu.bridge.slack_to_kefu.ways`):

    * By REST, and no answer came: never again, for no repeat would be recognised. It may have arrived.
    * By the second channel, and no answer came: again, with the same id, as the official widget does (facts/kefu.md
      §3.2); for a while only, and what is given up then may have arrived.
    * Refused by REST as a message: give up. Too fast: after a second or more.
    * Refused by the desk: after a minute; what its refusals mean is not documented.
    """
    if isinstance(error, SendPossiblyDone):
        return GiveUp("no_answer", possibly=True)
    if isinstance(error, KefuOutcomeUnknown):
        return SendAgain(1.0, "no_answer", possibly=True)
    if isinstance(error, KefuRefused):
        return SendAgain(_MENDED_S, "refused_by_desk")
    if isinstance(error, RestSendRefused):
        return GiveUp("refused_by_rest")
    if isinstance(error, SendRefused):
        verdict = send_verdict(error.code, error.reason)
        return SendAgain(1.0) if verdict.again else GiveUp(verdict.kind)
    if isinstance(error, SendOutcomeUnknown):
        return SendAgain(0.0, possibly=True)
    if is_banned(error):
        return GiveUp("banned")
    if isinstance(error, LocalProtocolError):
        return GiveUp("unsendable")
    if isinstance(error, LinkError | RestOutcomeUnknown | RestRateLimited):
        return SendAgain(1.0)
    return SendAgain(_MENDED_S, "" if isinstance(error, OperatorError) else "no_login")


def is_banned(error: SlackkefuError) -> bool:
    """Tell whether the tenant has banned the visitor (facts/msync.md §6, facts/easemob-rest.md §2.3)."""
    if isinstance(error, LoginRefused):
        return login_verdict(error.code, error.reason).cause is Cause.FORBIDDEN
    if isinstance(error, RestError):
        return error.code == "forbidden_service_operation" or "user not activated" in error.description
    return False
