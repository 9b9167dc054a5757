"""Tests of :mod:`slackkefu.easemob.recovery`."""

from __future__ import annotations

import pytest

from slackkefu.easemob.recovery import (
    AfterLink,
    Again,
    FreshToken,
    GiveUp,
    Pause,
    SendAgain,
    advice,
    after_call,
    after_link,
    after_removal,
    after_rest_send,
    after_send,
    after_start,
    after_upload,
)
from slackkefu.easemob.statuses import ADVICE, Cause
from slackkefu.errors import (
    ConnectFailed,
    EasemobSetupError,
    KefuOutcomeUnknown,
    KefuRefused,
    LinkClosed,
    LocalProtocolError,
    LoginRefused,
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
    SlackkefuError,
)

SETUP = EasemobSetupError("call", "400", "Mend it.")


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (ConnectFailed("h", "refused"), [0.0, 0.0, None]),
        (RestOutcomeUnknown("call", "cut"), [1.0, 2.0, None]),
        (RestConflict("call", 409, "concurrent_operation_error"), [1.0, 2.0, 3.0, 4.0, None]),
        (RestError("call", 408, ""), [1.0, 2.0, None]),
        (RestError("call", 500, "internal"), [1.0, 2.0, None]),
        (RestError("call", 502, ""), [1.0, 2.0, None]),
        (RestError("call", 504, ""), [1.0, 2.0, None]),
        (RestError("call", 500, "web_application"), [None]),
        (RestError("call", 400, "illegal_argument"), [None]),
        (RestError("call", 403, "forbidden_op"), [None]),
        (RestError("call", 404, "entity_not_found"), [None]),
        (RestError("call", 415, "web_application"), [None]),
        (RestUnauthorized("call", 401, "unauthorized"), [None]),
        (RestRateLimited("call", 429, "reach_limit"), [None]),
        (RestPlanLimit("call", 429, "resource_limited"), [None]),
        (SETUP, [None]),
        (RemoteProtocolError("odd"), [None]),
    ],
)
def test_whether_a_call_is_made_again(error: SlackkefuError, waits: list[float | None]) -> None:
    """Connections at once, server trouble twice, a conflict after at least a second, refusals never."""
    assert waits == [after_call(error, failures=number) for number in range(1, len(waits) + 1)]


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (ConnectFailed("h", "refused"), [0.0, 0.0, None]),
        (RestOutcomeUnknown("call", "cut"), [None]),
        (RestError("call", 502, ""), [None]),
        (RestError("call", 408, ""), [None]),
        (RestRateLimited("call", 503, ""), [None]),
    ],
)
def test_what_sends_is_made_again_only_when_it_never_left(error: SlackkefuError, waits: list[float | None]) -> None:
    """REST recognises no repeats."""
    assert waits == [after_rest_send(error, failures=number) for number in range(1, len(waits) + 1)]


@pytest.mark.parametrize(
    ("error", "after"),
    [
        (LinkClosed("h", "cut"), Again()),
        (ConnectFailed("h", "refused"), Again()),
        (RestOutcomeUnknown("call", "cut"), Again()),
        (RemoteProtocolError("odd"), Again()),
        (RestRateLimited("call", 503, ""), Again()),
        (RestConflict("call", 409, ""), Again()),
        (RestError("call", 502, ""), Again()),
        (RestError("call", 408, ""), Again()),
        (RestError("call", 400, "illegal_argument"), GiveUp("rest_refused")),
        (RestPlanLimit("call", 429, "resource_limited"), GiveUp("rest_refused")),
        (RestUnauthorized("call", 401, ""), GiveUp("rest_refused")),
        (SETUP, GiveUp("operator")),
        (SessionKicked(1, ""), GiveUp("user_removed")),
        (SessionKicked(2, ""), Pause()),
        (SessionKicked(3, ""), FreshToken()),
        (SessionKicked(4, ""), Pause()),
        (SessionKicked(9, ""), Again()),
        (LoginRefused(1, "Sorry, token expired"), FreshToken()),
        (LoginRefused(1, "Sorry, token or password does not match login info"), FreshToken()),
        (LoginRefused(1, "Sorry, user not found"), FreshToken()),
        (LoginRefused(1, "Sorry, user register limit"), GiveUp("plan")),
        (LoginRefused(1, "Sorry, user register rate limit"), Again()),
        (LoginRefused(1, ""), Again()),
        (LoginRefused(2, ""), FreshToken()),
        (LoginRefused(3, ""), GiveUp("request")),
        (LoginRefused(4, ""), GiveUp("request")),
        (LoginRefused(6, ""), FreshToken()),
        (LoginRefused(7, "Sorry, the app month live count limit"), GiveUp("plan")),
        (LoginRefused(7, "Sorry, the app day live count limit"), GiveUp("plan")),
        (LoginRefused(7, "Sorry, online count limit"), GiveUp("plan")),
        (LoginRefused(7, ""), GiveUp("forbidden")),
        (LoginRefused(8, ""), Again()),
        (LoginRefused(9, ""), Again()),
        (LoginRefused(10, ""), Again()),
        (LoginRefused(11, ""), GiveUp("device")),
        (LoginRefused(12, ""), GiveUp("forbidden")),
        (LoginRefused(13, ""), GiveUp("device")),
        (LoginRefused(14, ""), Again()),
        (LoginRefused(16, ""), GiveUp("request")),
        (LoginRefused(17, ""), GiveUp("request")),
        (LoginRefused(18, ""), GiveUp("request")),
        (LoginRefused(20, ""), GiveUp("device")),
        (LoginRefused(99, ""), Again()),
    ],
)
def test_what_a_link_does_next(error: SlackkefuError, after: AfterLink) -> None:
    """Every status of the login, every kick, and every REST error has its answer."""
    assert after == after_link(error, fresh=False, kicked_lately=False)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (LoginRefused(1, "Sorry, token expired"), "token"),
        (LoginRefused(1, "Sorry, user not found"), "user"),
        (LoginRefused(2, ""), "token"),
        (LoginRefused(6, ""), "token"),
    ],
)
def test_a_refused_fresh_token_is_final(error: LoginRefused, reason: str) -> None:
    """A new token helps once; then the reason is another."""
    assert GiveUp(reason) == after_link(error, fresh=True, kicked_lately=False)


def test_a_second_password_change_within_an_hour_pauses() -> None:
    """Who changes it again and again is another program like us."""
    assert Pause() == after_link(SessionKicked(3, ""), fresh=False, kicked_lately=True)
    assert GiveUp("user_removed") == after_link(SessionKicked(1, ""), fresh=False, kicked_lately=True)


@pytest.mark.parametrize(
    ("error", "after"),
    [
        (SendRefused(7, "Sorry, data is too large"), GiveUp("too_large")),
        (SendRefused(7, "traffic limit"), SendAgain(1.0)),
        (SendOutcomeUnknown("no answer"), SendAgain(0.0, possibly=True)),
        (SendPossiblyDone("call", "cut"), GiveUp("no_answer", possibly=True)),
        (RestSendRefused("call", 400, "message_send_error"), GiveUp("refused_by_rest")),
        (RestRateLimited("call", 429, "reach_limit"), SendAgain(1.0)),
        (KefuOutcomeUnknown("call", "cut"), SendAgain(1.0, "no_answer", possibly=True)),
        (KefuRefused("call", "FAIL"), SendAgain(60.0, "refused_by_desk")),
        (LinkClosed("h", "cut"), SendAgain(1.0)),
        (RestOutcomeUnknown("call", "cut"), SendAgain(1.0)),
        (LoginRefused(12, ""), GiveUp("banned")),
        (LoginRefused(7, "Sorry, no permission"), GiveUp("banned")),
        (LoginRefused(7, "Sorry, the app day live count limit"), SendAgain(60.0, "no_login")),
        (LoginRefused(13, ""), SendAgain(60.0, "no_login")),
        (RestError("POST /token", 403, "forbidden_service_operation"), GiveUp("banned")),
        (RestError("POST /token", 400, "invalid_grant", "user not activated"), GiveUp("banned")),
        (RestPlanLimit("POST /token", 429, "resource_limited"), SendAgain(60.0, "no_login")),
        (SETUP, SendAgain(60.0)),
        (LocalProtocolError("too large to write"), GiveUp("unsendable")),
    ],
)
def test_what_becomes_of_a_message(error: SlackkefuError, after: SendAgain | GiveUp) -> None:
    """Refused messages, and those of the banned, are given up; the others are kept for as long as it takes."""
    assert after == after_send(error)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (LoginRefused(7, "Sorry, the app day live count limit"), "raise it in Easemob's console"),
        (LoginRefused(12, ""), "lift the ban"),
        (LoginRefused(13, ""), "other devices"),
        (LoginRefused(2, ""), "easemob.app_key"),
        (RestPlanLimit("POST /token (inherit)", 429, "resource_limited"), "the plan's number of users"),
        (SessionKicked(1, ""), "removed"),
        (RestError("POST /token", 400, "illegal_argument"), "see the error"),
    ],
)
def test_what_an_operator_is_told(error: SlackkefuError, words: str) -> None:
    """Each reason to give up says what it means and what to do."""
    assert words in advice(error)


def test_every_cause_has_advice() -> None:
    """No refused login leaves an operator without a word."""
    assert set(Cause) == set(ADVICE)


@pytest.mark.parametrize(("is_theirs", "pauses"), [(True, [None, None]), (False, [10.0, 20.0, 40.0, None])])
def test_a_refusal_at_the_start(*, is_theirs: bool, pauses: list[float | None]) -> None:
    """What Easemob itself says is final; what something on the way may have said is asked again a few times."""
    error = EasemobSetupError("POST /token", "401", "Mend it.", is_theirs=is_theirs)

    assert pauses == [after_start(error, failures=number) for number in range(1, len(pauses) + 1)]


@pytest.mark.parametrize(
    ("expected", "error"),
    [
        (1.0, ConnectFailed("h", "refused")),
        (1.0, LinkClosed("h", "cut")),
        (1.0, RestOutcomeUnknown("call", "cut")),
        (1.0, RemoteProtocolError("no JSON")),
        (0.0, RestUnauthorized("call", 401, "unauthorized")),
        (2.0, RestRateLimited("call", 429, "reach_limit")),
        (1.0, RestError("call", 502, "")),
        (1.0, RestError("call", 503, "")),
        (5.0, SETUP),
        (None, RestError("call", 500, "web_application")),
        (None, RestError("call", 413, "file exceeding maximum limit")),
        (None, RestError("call", 400, "illegal_argument")),
        (None, RestError("call", 403, "forbidden_op")),
        (None, RestPlanLimit("call", 429, "resource_limited")),
        (None, LocalProtocolError("ours")),
    ],
)
def test_after_an_upload(expected: float | None, error: SlackkefuError) -> None:
    """Two uploads of one file do no harm, so all that may pass is tried again; what is about the file is not."""
    assert expected == after_upload(error)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectFailed("h", "refused"), 60.0),
        (RestOutcomeUnknown("call", "cut"), 60.0),
        (RestRateLimited("call", 429, "reach_limit"), 60.0),
        (RestError("call", 502, ""), 60.0),
        (RestError("call", 500, "web_application"), None),
        (RestError("call", 403, "forbidden_op"), None),
        (EasemobSetupError("call", "401", "look"), 60.0),
    ],
)
def test_after_a_removal(error: SlackkefuError, expected: float | None) -> None:
    """What passes is tried again soon, a refusal not."""
    assert expected == after_removal(error)
