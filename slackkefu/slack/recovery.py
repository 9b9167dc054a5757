"""
What to do after an error of Slack's: one function, :func:`after`, and the table behind it.

The table is facts/slack.md §9. A code that is not in it is given up, with the code as the reason: never repeated
endlessly. Socket Mode, without which nothing works, has advice of its own in :func:`setup_problem`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slackkefu.errors import (
    LinkError,
    OperatorError,
    SlackApiError,
    SlackkefuError,
    SlackOutcomeUnknown,
    SlackRateLimited,
    SlackSetupError,
    SlackTokenPending,
    StoreError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEAD",
    "SETUP_CODES",
    "UNKNOWN_FILE",
    "UPLOAD",
    "GiveUp",
    "InstallationDead",
    "LookFirst",
    "Operator",
    "Recovery",
    "Retry",
    "after",
    "after_refresh",
    "after_upload",
    "setup_problem",
]


@dataclass(frozen=True, slots=True)
class Retry:
    """It did not happen; the same again may work."""

    after_s: float
    """At least this long; whoever tries again and again lets it grow."""


@dataclass(frozen=True, slots=True)
class LookFirst:
    """
    It may have happened. Whoever cannot look (own echo, history by metadata) repeats it at the risk of a double.

    A post repeated blindly is a post twice (facts/slack.md trap 16).
    """

    after_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The same again will not work; whoever sent it is to be told."""

    reason: str
    """Slack's code."""


@dataclass(frozen=True, slots=True)
class InstallationDead:
    """The token is gone for good: stop using this installation, and keep what is owed to it for a while."""

    reason: str
    """Slack's code."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody has to act; until then calls with this installation fail in the same way."""

    advice: str
    """One sentence: what happened and what to do."""


Recovery = Retry | LookFirst | GiveUp | InstallationDead | Operator

DEAD: Final = frozenset(
    {"account_inactive", "team_disabled", "token_expired", "token_revoked", "user_removed_from_team"}
)
"""
Codes of a token that is gone for good.

One that has expired and will be followed by another is :class:`~slackkefu.errors.SlackTokenPending` instead.
"""

_LATER: Final[Mapping[str, float]] = {
    # The workspace is being moved into an organisation; minutes to hours.
    "team_added_to_org": 60.0,
    "org_login_required": 60.0,
}

_ADVICE: Final[Mapping[str, str]] = {
    "invalid_auth": (
        "Slack does not accept the bot token, or this machine's address is not on the allowed list of the app or "
        "workspace: install the app again, or add the address"
    ),
    "not_authed": "no bot token was sent: install the app again",
    "missing_scope": "the app lacks a scope: add it to the manifest and install the app again",
    "not_allowed_token_type": "this is not a bot token (xoxb-…): check which token is configured where",
    "messages_tab_disabled": "the Messages tab of the app is off: switch it on in the manifest",
    "team_access_not_granted": "the organisation has not granted the app this workspace: ask an organisation admin",
    "access_denied": "the company's policy forbids it: ask a workspace admin",
    "accesslimited": "the company's policy forbids it: ask a workspace admin",
    "two_factor_setup_required": "the workspace demands two-factor authentication: ask a workspace admin",
    "enterprise_is_restricted": "the organisation's policy forbids it: ask an organisation admin",
}

_GRANT_LOST: Final = DEAD | {"invalid_grant", "invalid_refresh_token"}
"""
Codes that a refresh token gets that is no longer good.

``invalid_refresh_token`` is in the method's list of errors and is what users report (python-slack-sdk issue 1242);
``invalid_grant`` is OAuth's own word for it (RFC 6749 §5.2).
"""

_CREDENTIALS: Final = "they stand on the app's page, Basic Information, App Credentials"
_CLIENT_ADVICE: Final[Mapping[str, str]] = {
    "invalid_client_id": f"slack.client_id is not this app's: set it and slack.client_secret; {_CREDENTIALS}",
    "bad_client_secret": f"slack.client_secret is not this app's, or was regenerated: set it anew; {_CREDENTIALS}",
}

_STOPPED: Final = "No message is received from Slack until this is solved."

_SETUP_ADVICE: Final[Mapping[str, str]] = {
    "invalid_auth": (
        "The app-level token is wrong or revoked, or this machine's address is not on the app's allowed list. "
        "Make a new token under Basic Information, App-Level Tokens, and set slack.app_token."
    ),
    "not_authed": "The app-level token is missing: set slack.app_token (xapp-…).",
    "not_allowed_token_type": "This is another kind of token: slack.app_token must be an app-level one (xapp-…).",
    "missing_scope": (
        "The app-level token lacks connections:write: make one with that scope under Basic Information, "
        "App-Level Tokens, and set slack.app_token."
    ),
    "http_404": "There is no Slack Web API at this address: check slack.api_url.",
}
"""By the code that ``apps.connections.open`` answers, or the ``reason`` of a disconnect (facts/slack.md §1)."""

SETUP_CODES: Final = frozenset(
    {*_SETUP_ADVICE, "account_inactive", "forbidden_team", "team_disabled", "user_removed_from_team"}
)
"""Refusals of ``apps.connections.open`` that trying again does not mend (facts/slack.md §1); others may pass."""

_OTHER_SETUP_ADVICE: Final = "The app, or the workspace it belongs to, may be disabled: check the app's settings."

_ON_THE_WAY: Final = "It is no answer of Slack's: check slack.api_url, and what is between this machine and Slack."

UPLOAD: Final = "upload"
"""The method that errors name where a file's bytes were brought to their place: no method of the Web API."""

UNKNOWN_FILE: Final = "file_not_found"
"""What Slack says of a file that it has discarded, or not completed yet, or perhaps of one completed twice."""

UPLOADS: Final = 8
"""How often bytes are brought before a link must do: Slack answers, so only the way to its file host is closed."""

_NO_FILES: Final = frozenset({"missing_scope", "access_denied", "accesslimited", "enterprise_is_restricted"})
"""What an operator may have to mend, and what words, which can say what the file was, need not wait for."""

LINK_RETRY_S: Final = 1.0
UNKNOWN_RETRY_S: Final = 2.0
TOKEN_RETRY_S: Final = 30.0


def after(error: SlackkefuError) -> Recovery:
    """
    Decide what to do after *error* came out of a call of the Web API.

    * The network failed before the request left, or during a read: retry.
    * The request left and no usable answer came: it may have happened, so look first.
    * 429: retry after the pause Slack names. The token has expired, and its successor has not come: retry in a while.
    * A code: by the table of facts/slack.md §9; an unknown one is given up. A bare HTTP status is not one.
    """
    match error:
        case SlackRateLimited():
            return Retry(error.retry_after_s)
        case SlackTokenPending():
            return Retry(TOKEN_RETRY_S)
        case SlackOutcomeUnknown():
            return LookFirst(UNKNOWN_RETRY_S)
        case SlackApiError():
            return _after_code(error)
        case LinkError():
            return Retry(LINK_RETRY_S)
        case OperatorError():
            return Operator(str(error))
        case _:
            return GiveUp(type(error).__name__)


def after_upload(error: SlackkefuError, *, failures: int) -> Recovery:
    """
    Decide what to do after *error* came out of a step of an upload.

    * The bytes did not get to their place, or Slack knows nothing of the file: brought anew, :data:`UPLOADS` times;
      nobody sees them before they are completed.
    * Their place refused them, or the app may bring no files here: given up at once.
    * All else as for any other call: :func:`after`.

    Args:
        error: What the step raised.
        failures: How often bytes did not get to their place, this time included.

    """
    if isinstance(error, SlackApiError) and (error.method == UPLOAD or error.code in _NO_FILES):
        return GiveUp(error.code)
    is_lost = isinstance(error, SlackApiError) and error.code == UNKNOWN_FILE
    if is_lost or (isinstance(error, SlackOutcomeUnknown) and error.method == UPLOAD):
        return Retry(UNKNOWN_RETRY_S) if failures < UPLOADS else GiveUp("upload_failed")
    return after(error)


def after_refresh(error: SlackkefuError) -> Retry | InstallationDead | Operator:
    """
    Decide what to do after *error* came out of fetching the next token.

    * The refresh token is refused: there will be none, and once the present one dies the app has to be installed again.
    * No usable answer: the same again, soon. If it was carried out, the old refresh token lives a while yet
      (facts/slack.md §12).
    * Client id or secret are refused, or anything else: somebody has to act; the installation itself is fine.
    """
    if isinstance(error, SlackApiError) and error.code in _GRANT_LOST:
        return InstallationDead(error.code)
    if isinstance(error, SlackApiError) and error.code in _CLIENT_ADVICE:
        return Operator(f"{error}: {_CLIENT_ADVICE[error.code]}")
    if isinstance(error, StoreError):
        return Retry(LINK_RETRY_S)
    match after(error):
        case Operator() | Retry() as step:
            return step
        case LookFirst(after_s):
            return Retry(after_s)
        case _:
            return Operator(f"{error}: no token can be had there now; it is asked for again")


def _after_code(error: SlackApiError) -> Recovery:
    """Decide by Slack's code."""
    code = error.code
    if code in DEAD:
        return InstallationDead(code)
    if code in _LATER:
        return Retry(_LATER[code])
    if code in _ADVICE:
        return Operator(f"{error}: {_ADVICE[code]}")
    if code.startswith("http_"):
        # No code of Slack's: something on the way, or another server. It says nothing about this call.
        return Operator(f"{error}: check slack.api_url, and what is between this machine and Slack")
    return GiveUp(code)


def setup_problem(code: str) -> SlackSetupError:
    """Make the error that says in one line why there is no Socket Mode, and what to do."""
    # A bare status is no code of Slack's: something on the way, or another server.
    other = _ON_THE_WAY if code.startswith("http_") else _OTHER_SETUP_ADVICE
    advice = _SETUP_ADVICE.get(code, other)
    return SlackSetupError("apps.connections.open", code, f"{advice} {_STOPPED}")
