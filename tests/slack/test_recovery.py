"""What to do after an error of Slack's."""

from __future__ import annotations

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
        ("token_expired", "rotation"),
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
