"""What status codes mean."""

from __future__ import annotations

import pytest

from slackkefu.easemob.statuses import Cause, login_verdict, send_verdict


@pytest.mark.parametrize(
    ("code", "reason", "cause", "final"),
    [
        (1, "Sorry, token expired", Cause.TOKEN, True),
        (1, "Sorry, token or password does not match login info", Cause.TOKEN, True),
        (1, "Sorry, user not found", Cause.USER, True),
        (1, "Sorry, user register limit", Cause.PLAN, True),
        (1, "Sorry, user register rate limit", Cause.PLAN, False),
        (1, "something new", Cause.SERVER, False),
        (2, "", Cause.TOKEN, True),
        (3, "", Cause.REQUEST, True),
        (4, "", Cause.REQUEST, True),
        (5, "", Cause.SERVER, False),
        (6, "", Cause.TOKEN, True),
        (7, "Sorry, the app month live count limit", Cause.PLAN, True),
        (7, "Sorry, the app day live count limit", Cause.PLAN, True),
        (7, "SORRY, THE APP ONLINE COUNT LIMIT", Cause.PLAN, True),
        (7, "anything else", Cause.FORBIDDEN, True),
        (8, "", Cause.SERVER, False),
        (9, "", Cause.SERVER, False),
        (10, "", Cause.SERVER, False),
        (11, "", Cause.DEVICE, True),
        (12, "", Cause.FORBIDDEN, True),
        (13, "", Cause.DEVICE, True),
        (14, "", Cause.PLAN, False),
        (16, "", Cause.REQUEST, True),
        (17, "", Cause.REQUEST, True),
        (18, "", Cause.REQUEST, True),
        (20, "", Cause.DEVICE, True),
        (99, "Sorry, token expired", Cause.SERVER, False),
    ],
)
def test_a_refused_login(code: int, reason: str, cause: Cause, final: bool) -> None:
    """Each code of the facts says whose affair it is, and whether the same login may be tried again."""
    verdict = login_verdict(code, reason)

    assert (cause, final) == (verdict.cause, verdict.final)
    assert verdict.meaning


def test_the_three_limits_are_told_apart() -> None:
    """A person reads which of the plan's three numbers is used up."""
    reasons = [
        "Sorry, the app month live count limit",
        "Sorry, the app day live count limit",
        "Sorry, online count limit",
    ]

    assert 3 == len({login_verdict(7, reason).meaning for reason in reasons})


@pytest.mark.parametrize(
    ("code", "reason", "kind", "again"),
    [
        (1, "blocked", "blocked", False),
        (1, "nonroster", "not_a_contact", False),
        (1, "content moderation failed", "moderated", False),
        (1, "exceed recall time limit", "too_late_to_recall", False),
        (1, "not in group or chatroom white list", "not_in_group", False),
        (1, "Sorry, edit times limit", "not_edited", False),
        (1, "", "refused", False),
        (7, "sensitive words", "moderated", False),
        (7, "blocked by mod_antispam", "moderated", False),
        (7, "user is mute", "muted", False),
        (7, "traffic limit", "rate_limited", True),
        (7, "Sorry, data is too large", "too_large", False),
        (7, "", "no_permission", False),
        (6, "", "token_expired", True),
        (8, "", "server_fault", True),
        (15, "", "muted", False),
        (19, "the tenant's own words", "refused_by_callback", False),
        (99, "", "server_fault", True),
    ],
)
def test_a_refused_message(code: int, reason: str, kind: str, again: bool) -> None:
    """Each refusal of the facts has a stable word, and says whether the message may be taken later."""
    verdict = send_verdict(code, reason)

    assert (kind, again) == (verdict.kind, verdict.again)
