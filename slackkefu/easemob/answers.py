"""
What Easemob's REST answers mean.

Pure functions over status and body. :func:`read_answer` turns an answer into its JSON object or into one of our
errors; the rest read one kind of answer or tell what an error says. Decided by status and ``error``; by
``error_description`` only where these leave it open; never by ``exception`` (facts/easemob-rest.md §2.1).

Descriptions may quote names and even passwords (facts/easemob-rest.md §2.3), so they are looked at here and shown
nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from slackkefu.errors import (
    EasemobSetupError,
    RemoteProtocolError,
    RestConflict,
    RestError,
    RestOutcomeUnknown,
    RestPlanLimit,
    RestRateLimited,
    RestUnauthorized,
)
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from slackkefu.easemob.names import ImUser
    from slackkefu.errors import SlackkefuError

__all__ = [
    "as_setup_error",
    "call_is_unknown",
    "count_is_refused",
    "grant_is_unknown",
    "lifetime_s",
    "may_be_done",
    "password_is_refused",
    "read_answer",
    "read_count",
    "read_server_id",
    "read_token",
    "user_exists_already",
    "user_is_unknown",
    "was_registered",
    "was_removed",
]

YEAR_S: Final = 365 * 86400.0
DEFAULT_LIFE_S: Final = 86400.0

_WRONG_APP: Final = "organization_application_not_found"
_UNKNOWN_USER: Final = frozenset({"service_resource_not_found", "entity_not_found"})
_NO_SUCH_CALL: Final = frozenset({"web_application", "unsupported_service_operation"})


# Any answer.


def read_answer(call: str, status: int, body: bytes) -> Mapping[str, object]:
    """
    Read one answer.

    Args:
        call: What errors name this call.
        status: HTTP status.
        body: Answer body; gateways may send none, or no JSON (facts/easemob-rest.md §2.1).

    Raises:
        EasemobSetupError: The app is not known at this host (404, in 2015 style 400).
        RestUnauthorized: 401.
        RestPlanLimit: 429 ``resource_limited``.
        RestRateLimited: 429 otherwise, 503, and 403 whose text says that a limit was reached.
        RestConflict: 409.
        RestError: Any other status outside 2xx.
        RemoteProtocolError: 2xx without a JSON object.

    """
    fields = _json_object(body)
    if 200 <= status < 300:
        if fields is None:
            message = f"the answer to {call} is no JSON object"
            raise RemoteProtocolError(message)
        return fields
    code, description = _text(fields, "error"), _text(fields, "error_description")
    if code == _WRONG_APP:
        raise EasemobSetupError(
            call,
            code,
            "Check easemob.app_key; if it is right, easemob.rest_url is a server of another data centre. "
            "Nothing is forwarded until then.",
        )
    raise _error_type(status, code, description)(call, status, code, description)


def _error_type(status: int, code: str, description: str) -> type[RestError]:
    """Choose the error for a status outside 2xx (facts/easemob-rest.md §2.2)."""
    if status == 429:
        return RestPlanLimit if code == "resource_limited" else RestRateLimited
    if status == 403 and "reach limit" in description:
        return RestRateLimited
    return {401: RestUnauthorized, 409: RestConflict, 503: RestRateLimited}.get(status, RestError)


def as_setup_error(error: RestError) -> EasemobSetupError | None:
    """
    Say what an operator has to mend when the *app token* was refused, or None when nobody has to.

    Without an Authorization header there is no other reason for a 4xx than what was configured.
    """
    if isinstance(error, RestRateLimited | RestPlanLimit | RestConflict) or error.status in (408, *range(500, 600)):
        return None
    text = error.description.lower()
    if "client_id" in text:
        advice = "Check easemob.client_id: it is not the one of this app."
    elif "client_secret" in text:
        advice = "Check easemob.client_secret: it is not the one of this app."
    elif error.code == "invalid_grant":
        advice = "Check easemob.client_id and easemob.client_secret: they are not those of this app."
    elif error.status == 403:
        advice = "The app may be banned: ask Easemob."
    else:
        advice = "Check easemob.rest_url: it may not be an Easemob REST server, or not the one of this app."
    code = f"{error.status} {error.code}".rstrip()
    said = f"{advice} Nothing is forwarded until then."
    return EasemobSetupError(error.call, code, said, is_theirs=bool(error.code))


# Tokens.


def read_token(call: str, answer: Mapping[str, object]) -> tuple[Secret, float]:
    """
    Read a token and its life in seconds (``inf`` for one without end).

    Raises:
        RemoteProtocolError: There is no token in it.

    """
    value = answer.get("access_token")
    if not isinstance(value, str) or not value:
        message = f"the answer to {call} holds no token"
        raise RemoteProtocolError(message)
    return Secret(value), lifetime_s(answer.get("expires_in"))


def lifetime_s(expires_in: object) -> float:
    """
    Read ``expires_in`` as seconds.

    One cluster counts in milliseconds, and nothing in the answer says so (facts/easemob-rest.md §1.3). More than a year
    is read as milliseconds. A mistake costs little either way: a long life in seconds becomes a shorter one in our
    books and the token is fetched early, about twice a day for one that really lives 1,000 days; a short life in
    milliseconds becomes a longer one, and the first 401 or refused login corrects it.

    0 is what a permanent token may be answered with (§3, uncertain). What cannot be read is taken for a day.
    """
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float) or expires_in < 0:
        return DEFAULT_LIFE_S
    if expires_in == 0:
        return float("inf")
    return expires_in / 1000 if expires_in > YEAR_S else float(expires_in)


_NO_SUCH_GRANT: Final = frozenset({"", "invalid_request", "unsupported_grant_type"})
"""Codes of a 400 that say nothing about the user; empty is an answer that is no JSON."""


def grant_is_unknown(error: RestError) -> bool:
    """
    Tell whether an ``inherit`` request was refused by a cluster that does not know this grant.

    The grant came after 2017, and how an older cluster refuses it is not documented (facts/easemob-rest.md §4.2). It
    counts as unknown when the answer is about the call itself (404, 405, 500 ``web_application``, "grant type", or
    nothing that can be read), or about a missing password or client id, which this grant does without. 401 never
    counts, nor does what is said about the user: wrong credentials, a banned user or a bad name are not mended by
    another grant.
    """
    text = error.description.lower()
    if error.status == 400:
        asked_for = ("grant_type", "grant type", "password", "client_id must", "client_secret must")
        return error.code in _NO_SUCH_GRANT or any(words in text for words in asked_for)
    return call_is_unknown(error)


def call_is_unknown(error: RestError) -> bool:
    """Tell whether this cluster does not have this call (facts/easemob-rest.md §2.3, §6.3)."""
    return error.status in (404, 405) or (error.status in (500, 501) and error.code in _NO_SUCH_CALL)


def password_is_refused(error: RestError) -> bool:
    """Tell whether a ``password`` request failed because the user has another password or is not registered."""
    if error.code != "invalid_grant":
        return False
    wrong = error.status == 400 and "password" in error.description.lower()
    return wrong or error.status == 404


# Users.


def user_exists_already(error: RestError) -> bool:
    """Tell whether a registration failed because the user exists (facts/easemob-rest.md §5.2)."""
    return error.status == 400 and error.code == "duplicate_unique_property_exists"


def user_is_unknown(error: RestError) -> bool:
    """Tell whether the user in the path is not known."""
    return error.status == 404 and error.code in _UNKNOWN_USER


def was_removed(error: RestError) -> bool:
    """Tell whether a removal failed because there is no such user; older servers answer 400 (§5.3)."""
    return user_is_unknown(error) or (error.status == 400 and error.code == "management")


def count_is_refused(error: RestError) -> bool:
    """Tell whether ``offline_msg_count`` is not to be had here, so that only a login can tell what waits."""
    if isinstance(error, RestRateLimited):
        return False
    return error.status in (400, 401, 403, 404, 405, 501) or error.code in _NO_SUCH_CALL


def read_count(answer: Mapping[str, object], user: ImUser) -> int:
    """
    Read how many messages wait.

    ``data`` is ``{"<user>": n}`` (facts/easemob-rest.md §5.6). Servers that keep the case a name was registered in may
    answer with that spelling (§5.1), so names are compared folded, and one entry alone is taken under any name. The
    number may be text.

    Raises:
        RemoteProtocolError: There is no number for this user in it.

    """
    data = answer.get("data")
    if isinstance(data, Mapping):
        folded = {str(name).lower(): value for name, value in data.items()}
        data = folded.get(user, next(iter(folded.values())) if len(folded) == 1 else None)
    if isinstance(data, str) and data.isascii() and data.isdigit():
        data = int(data)
    if not isinstance(data, int) or isinstance(data, bool):
        message = "the answer to GET offline_msg_count holds no count"
        raise RemoteProtocolError(message)
    return max(data, 0)


def was_registered(answer: Mapping[str, object]) -> bool:
    """
    Tell whether a registration made the user.

    Newer servers answer 200 also when the user exists, and say so in ``data`` (facts/easemob-rest.md §5.2).
    """
    failed = answer.get("data")
    reasons = failed if isinstance(failed, Sequence) else ()
    return not any(isinstance(entry, Mapping) and "registerUserFailReason" in entry for entry in reasons)


# Messages.


def may_be_done(error: SlackkefuError) -> bool:
    """
    Tell whether a call that failed with *error* may have been carried out all the same.

    A gateway's 5xx says nothing of what happened behind it. 503 is how older clusters say "later" (§2.2).
    """
    if isinstance(error, RestError):
        is_later = isinstance(error, RestRateLimited)
        return error.status >= 500 and not is_later and not call_is_unknown(error)
    return isinstance(error, RestOutcomeUnknown | RemoteProtocolError)


def read_server_id(call: str, answer: Mapping[str, object]) -> int:
    """
    Read the id of a message that was sent to one user; 0 where the answer says no more than that it was taken.

    ``data`` is ``{"<user>": "<id>"}``, in the form of 2017 also ``{"<user>": "success"}`` (facts/easemob-rest.md §6.1,
    §6.3).

    Raises:
        RemoteProtocolError: It says neither.

    """
    data = answer.get("data")
    value = next(iter(data.values()), None) if isinstance(data, Mapping) else None
    if value == "success":
        return 0
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,20}", value):
        message = f"the answer to {call} does not say that the message was taken"
        raise RemoteProtocolError(message)
    return int(value)


def _json_object(body: bytes) -> Mapping[str, object] | None:
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _text(fields: Mapping[str, object] | None, key: str) -> str:
    value = fields.get(key) if fields is not None else None
    return value if isinstance(value, str) else ""
