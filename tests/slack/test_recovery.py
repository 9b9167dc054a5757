"""What to do after an error of Slack's."""

from __future__ import annotations

from pathlib import Path

import pytest

from slackkefu.errors import (
    ConnectFailed,
    LinkClosed,
    RemoteProtocolError,
    SlackApiError,
    SlackkefuError,
    SlackOutcomeUnknown,
    SlackRateLimited,
    SlackSetupError,
    SlackTokenPending,
    StoreUnwritable,
)
from slackkefu.slack.recovery import (
    UPLOAD,
    UPLOADS,
    GiveUp,
    InstallationDead,
    LookFirst,
    Operator,
    Recovery,
    Retry,
    after,
    after_refresh,
    after_upload,
)

POST = "chat.postMessage"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SlackRateLimited(POST, 12.5), Retry(12.5)),
        (ConnectFailed("slack.com", "refused"), Retry(1.0)),
        (LinkClosed("slack.com", "HTTP 503"), Retry(1.0)),
        (SlackOutcomeUnknown(POST, "ReadTimeout"), LookFirst(2.0)),
        (SlackApiError(POST, "account_inactive"), InstallationDead("account_inactive")),
        (SlackApiError(POST, "token_revoked"), InstallationDead("token_revoked")),
        (SlackApiError(POST, "team_added_to_org"), Retry(60.0)),
        (SlackApiError(POST, "token_expired"), InstallationDead("token_expired")),
        (SlackTokenPending(POST), Retry(30.0)),
        (SlackApiError(POST, "channel_not_found"), GiveUp("channel_not_found")),
        (SlackApiError(POST, "not_in_channel"), GiveUp("not_in_channel")),
        (SlackApiError(POST, "msg_too_long"), GiveUp("msg_too_long")),
        (SlackApiError(POST, "never_heard_of"), GiveUp("never_heard_of")),
        (RemoteProtocolError("x"), GiveUp("RemoteProtocolError")),
    ],
)
def test_the_table(error: SlackkefuError, expected: Recovery) -> None:
    """Each kind of error has its answer (facts/slack.md §9); an unknown code is given up with its name."""
    assert after(error) == expected


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("invalid_auth", "allowed list"),
        ("not_authed", "no bot token"),
        ("missing_scope", "chat:write"),
        ("not_allowed_token_type", "xoxb"),
        ("messages_tab_disabled", "Messages tab"),
        ("two_factor_setup_required", "two-factor"),
        ("http_407", "between this machine and Slack"),
    ],
)
def test_what_needs_somebody(code: str, advice: str) -> None:
    """Where somebody has to act, one sentence says what happened and what to do."""
    found = after(SlackApiError(POST, code, needed="chat:write"))

    assert isinstance(found, Operator)
    assert code in found.advice
    assert advice in found.advice


def test_trap_16_a_lost_answer_is_never_a_plain_retry() -> None:
    """After a timeout the post may stand there already: look first."""
    assert not isinstance(after(SlackOutcomeUnknown(POST, "timeout")), Retry)


def test_an_operators_error_stays_one() -> None:
    """A set-up error carries its own advice on."""
    error = SlackSetupError("apps.connections.open", "invalid_auth", "Check slack.app_token.")

    assert after(error) == Operator(str(error))


@pytest.mark.parametrize(
    ("error", "failures", "expected"),
    [
        # The bytes: tried for a while.
        (SlackOutcomeUnknown(UPLOAD, "HTTP 503"), 1, Retry(2.0)),
        (SlackOutcomeUnknown(UPLOAD, "HTTP 503"), UPLOADS, GiveUp("upload_failed")),
        (SlackApiError(UPLOAD, "http_403"), 1, GiveUp("http_403")),
        # What words need not wait for.
        (SlackApiError("files.completeUploadExternal", "missing_scope"), 0, GiveUp("missing_scope")),
        (
            SlackApiError("files.getUploadURLExternal", "enterprise_is_restricted"),
            0,
            GiveUp("enterprise_is_restricted"),
        ),
        (SlackApiError("files.completeUploadExternal", "file_uploads_disabled"), 0, GiveUp("file_uploads_disabled")),
        # As everywhere.
        (SlackOutcomeUnknown("files.completeUploadExternal", "x"), UPLOADS, LookFirst(2.0)),
        (SlackApiError("files.completeUploadExternal", "account_inactive"), 0, InstallationDead("account_inactive")),
        (SlackRateLimited("files.info", 7.0), UPLOADS, Retry(7.0)),
        (LinkClosed("Slack", "x"), UPLOADS, Retry(1.0)),
    ],
)
def test_uploads(error: SlackkefuError, failures: int, expected: Recovery) -> None:
    """A file is given up where words can stand for it; all else is as for any call."""
    assert expected == after_upload(error, failures=failures)


OAUTH = "oauth.v2.access"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        # There will be no next token.
        (SlackApiError(OAUTH, "invalid_refresh_token"), InstallationDead("invalid_refresh_token")),
        (SlackApiError(OAUTH, "token_expired"), InstallationDead("token_expired")),
        (SlackApiError(OAUTH, "account_inactive"), InstallationDead("account_inactive")),
        # It may have been carried out; only the same again can tell.
        (SlackOutcomeUnknown(OAUTH, "ReadTimeout"), Retry(2.0)),
        (ConnectFailed("slack.com", "refused"), Retry(1.0)),
        (SlackRateLimited(OAUTH, 12.5), Retry(12.5)),
        (StoreUnwritable(Path("x"), "full"), Retry(1.0)),
    ],
)
def test_refreshes(error: SlackkefuError, expected: Recovery) -> None:
    """A refused refresh token is the end of an installation; a lost answer and a full disk are not."""
    assert expected == after_refresh(error)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (SlackApiError(OAUTH, "invalid_client_id"), "slack.client_id"),
        (SlackApiError(OAUTH, "bad_client_secret"), "slack.client_secret"),
        (SlackApiError(OAUTH, "http_407"), "between this machine and Slack"),
        (SlackApiError(OAUTH, "never_heard_of"), "never_heard_of"),
        (RemoteProtocolError("an answer without a bot token"), "without a bot token"),
        (SlackSetupError(OAUTH, "no_client_secret", "set slack.client_secret"), "set slack.client_secret"),
    ],
)
def test_refreshes_that_need_somebody(error: SlackkefuError, advice: str) -> None:
    """What an operator has to mend, and what nobody knows, is no installation's death."""
    found = after_refresh(error)

    assert isinstance(found, Operator)
    assert advice in found.advice
