"""Tests of :mod:`slackkefu.easemob.answers`; every sample of the REST facts that concerns us has its reading here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slackkefu.easemob.answers import (
    as_setup_error,
    count_is_refused,
    grant_is_unknown,
    lifetime_s,
    password_is_refused,
    read_answer,
    read_count,
    read_token,
    user_exists_already,
    user_is_unknown,
    was_registered,
)
from slackkefu.easemob.names import im_user
from slackkefu.errors import (
    EasemobSetupError,
    RemoteProtocolError,
    RestConflict,
    RestError,
    RestPlanLimit,
    RestRateLimited,
    RestUnauthorized,
    SlackkefuError,
)
from slackkefu.secret import Secret
from tests.facts import load

DAY_S = 86400.0
VISITOR = im_user("t01abcdef2_u02bcdefg3_c03cdefgh4")


def _cases(name: str) -> dict[str, Any]:
    return {case["case"]: case["response"] for case in load(f"rest-samples/{name}.json")["cases"]}


def _read(response: Any) -> dict[str, Any]:
    body = b"" if response["body"] is None else json.dumps(response["body"]).encode()
    return dict(read_answer("call", response["status"], body))


def _error(response: Any) -> SlackkefuError:
    with pytest.raises(SlackkefuError) as caught:
        _read(response)
    return caught.value


def _rest_error(status: int, code: str = "", description: str = "") -> RestError:
    error = _error({"status": status, "body": {"error": code, "error_description": description}})
    assert isinstance(error, RestError)
    return error


# What each sample is read as: an error's class, or what follows from a good answer.

ANY_ENDPOINT = {
    "token-expired-or-absent": RestUnauthorized,
    "token-malformed": RestUnauthorized,
    "token-of-another-cluster": RestUnauthorized,
    "token-invalid-oauth": RestUnauthorized,
    "app-unknown": EasemobSetupError,
    "user-unknown": RestError,
    "rate-limited": RestRateLimited,
    "plan-quota": RestPlanLimit,
    "method-not-offered": RestError,
    "url-wrong": RestError,
    "gateway-502": RestError,
    "unavailable-503": RestRateLimited,
    "gateway-504": RestError,
}


def test_every_sample_of_any_endpoint_is_expected() -> None:
    """No sample is left out."""
    assert _cases("errors-any-endpoint").keys() == ANY_ENDPOINT.keys()


@pytest.mark.parametrize("case", ANY_ENDPOINT)
def test_errors_of_any_endpoint(case: str) -> None:
    """Each documented error becomes the class that says what to do about it."""
    assert type(_error(_cases("errors-any-endpoint")[case])) is ANY_ENDPOINT[case]


APP_TOKEN: dict[str, float | str] = {
    "ok": DAY_S,
    "ok-2017-no-ttl": 60 * DAY_S,
    "ok-permanent": float("inf"),
    "ok-vip5-milliseconds": DAY_S,
    "client-id-missing": "easemob.client_id",
    "client-secret-missing": "easemob.client_secret",
    "client-id-wrong": "easemob.client_id",
    "client-secret-wrong": "easemob.client_secret",
    "app-unknown": "easemob.app_key",
    "rate-limited": "",
}


def test_every_sample_of_the_app_token_is_expected() -> None:
    """No sample is left out."""
    assert _cases("app-token").keys() == APP_TOKEN.keys()


@pytest.mark.parametrize("case", APP_TOKEN)
def test_app_token_samples(case: str) -> None:
    """A token has its life in seconds; a refusal names the configuration key to mend; a rate limit names none."""
    expected, response = APP_TOKEN[case], _cases("app-token")[case]
    if isinstance(expected, float):
        assert (Secret("APP-TOKEN-EXAMPLE"), expected) == read_token("call", _read(response))
        return
    error = _error(response)
    problem = error if isinstance(error, EasemobSetupError) else as_setup_error(error)  # type: ignore[arg-type]  # RestError
    if expected:
        assert expected in str(problem)
    else:
        assert (RestRateLimited, None) == (type(error), problem)


INHERIT: dict[str, str] = {
    "ok-created": "token",
    "ok-existing": "token",
    "user-unknown": "unknown grant",
    "username-illegal": "refused",
    "username-too-long": "refused",
    "user-banned": "refused",
    "app-token-invalid": "unauthorized",
    "user-token-used-or-other-appkey": "unauthorized",
    "app-unknown": "setup",
    "concurrent-create": "conflict",
    "plan-quota": "plan",
}
PASSWORD: dict[str, str] = {
    "ok": "token",
    "ok-mixed-case-name": "token",
    "password-wrong": "password refused",
    "password-wrong-older": "password refused",
    "user-banned": "refused",
    "user-unknown": "password refused",
}
KINDS = {
    "unauthorized": RestUnauthorized,
    "setup": EasemobSetupError,
    "conflict": RestConflict,
    "plan": RestPlanLimit,
}


@pytest.mark.parametrize(
    ("name", "case", "expected"),
    [("user-token-inherit", case, expected) for case, expected in INHERIT.items()]
    + [("user-token-password", case, expected) for case, expected in PASSWORD.items()],
)
def test_user_token_samples(name: str, case: str, expected: str) -> None:
    """Each documented answer leads to the token, the other grant, the password, or the right refusal."""
    response = _cases(name)[case]
    if expected == "token":
        assert (Secret("USER-TOKEN-EXAMPLE"), DAY_S) == read_token("call", _read(response))
        return
    error = _error(response)
    if expected in KINDS:
        assert type(error) is KINDS[expected]
        return
    assert isinstance(error, RestError)
    assert (expected == "password refused") is password_is_refused(error)
    assert (expected == "unknown grant" or (name.endswith("password") and expected == "password refused")) is (
        grant_is_unknown(error)
    )


def test_every_sample_of_user_tokens_is_expected() -> None:
    """No sample is left out."""
    assert _cases("user-token-inherit").keys() == INHERIT.keys()
    assert _cases("user-token-password").keys() == PASSWORD.keys()


REGISTER: dict[str, str] = {
    "ok": "made",
    "ok-one-element-array": "made",
    "ok-with-push-nickname": "made",
    "ok-mixed-case-name-lowered": "made",
    "ok-mixed-case-name-kept-2015": "made",
    "exists": "exists",
    "exists-null-application": "exists",
    "username-illegal": "refused",
    "username-missing": "refused",
    "username-too-long": "refused",
    "nickname-too-long": "refused",
    "password-missing": "refused",
    "not-json": "refused",
    "no-token-authorised-mode": "unauthorized",
    "no-token-authorised-mode-other-wording": "unauthorized",
    "token-of-another-app": "unauthorized",
    "token-expired": "unauthorized",
    "content-type-missing": "refused",
    "rate-limited": "rate",
    "rate-limited-2015": "rate",
    "plan-quota": "plan",
    "plan-quota-free-edition-wording": "plan",
}
REGISTER_BATCH: dict[str, str] = {
    "ok": "made",
    "ok-some-exist": "exists",
    "some-exist-older-all-refused": "exists",
    "same-name-two-passwords": "exists",
    "too-many": "refused",
    "plan-quota": "plan",
}


@pytest.mark.parametrize(
    ("name", "case", "expected"),
    [("user-register", case, expected) for case, expected in REGISTER.items()]
    + [("user-register-batch", case, expected) for case, expected in REGISTER_BATCH.items()],
)
def test_registration_samples(name: str, case: str, expected: str) -> None:
    """Made, there before (in both documented spellings), or refused for a known reason."""
    response = _cases(name)[case]
    if response["status"] == 200:
        assert expected == ("made" if was_registered(_read(response)) else "exists")
        return
    error = _error(response)
    kinds = {RestUnauthorized: "unauthorized", RestRateLimited: "rate", RestPlanLimit: "plan"}
    assert isinstance(error, RestError)
    assert expected == kinds.get(type(error), "exists" if user_exists_already(error) else "refused")


def test_every_sample_of_registration_is_expected() -> None:
    """No sample is left out."""
    assert _cases("user-register").keys() == REGISTER.keys()
    assert _cases("user-register-batch").keys() == REGISTER_BATCH.keys()


def test_the_passwords_in_an_answer_are_not_shown() -> None:
    """One documented error quotes passwords; neither text nor repr of ours does."""
    error = _rest_error(400, "duplicate_unique_property_exists", "the passwords are hunter2")

    assert "hunter2" not in str(error)


def test_password_samples() -> None:
    """Setting a password works, or is refused for the documented reasons."""
    cases = _cases("user-password")

    assert {"ok", "newpassword-missing", "unknown"} == cases.keys()
    assert _read(cases["ok"])["action"] == "set user password"
    assert type(_error(cases["newpassword-missing"])) is RestError
    unknown = _error(cases["unknown"])
    assert isinstance(unknown, RestError)
    assert user_is_unknown(unknown)


USER_GET = {
    "unknown": RestError,
    "token-expired": RestUnauthorized,
    "token-malformed": RestUnauthorized,
    "token-of-another-cluster": RestUnauthorized,
    "app-or-user-banned": RestError,
    "app-unknown": EasemobSetupError,
}


@pytest.mark.parametrize("case", USER_GET)
def test_user_get_samples(case: str) -> None:
    """Only the sample of an unknown user says that the user is unknown."""
    error = _error(_cases("user-get")[case])

    assert type(error) is USER_GET[case]
    assert (case == "unknown") is (isinstance(error, RestError) and user_is_unknown(error))


def test_every_sample_of_user_get_is_expected() -> None:
    """No sample is left out; the good ones are answers."""
    good = {case: response for case, response in _cases("user-get").items() if response["status"] == 200}
    assert _cases("user-get").keys() == USER_GET.keys() | good.keys()
    assert all(_read(response)["count"] == 1 for response in good.values())


def test_offline_count_sample() -> None:
    """The documented answer is read; those about one message are not ours."""
    assert read_count(_read(_cases("user-offline-messages")["ok-count"]), VISITOR) == 3


# Beyond the samples.


@pytest.mark.parametrize(
    ("data", "count"),
    [
        ({VISITOR: 3}, 3),
        ({VISITOR.upper(): 3}, 3),
        ({VISITOR: "3"}, 3),
        ({"another": 1, VISITOR.upper(): 2}, 2),
        ({"other spelling": 4}, 4),
        (5, 5),
        ({VISITOR: -1}, 0),
    ],
)
def test_counts_in_other_spellings(data: object, count: int) -> None:
    """The name in any case, one entry under any name, a number as text."""
    assert count == read_count({"data": data}, VISITOR)


@pytest.mark.parametrize("data", [None, {}, {VISITOR: "many"}, {VISITOR: True}, {"a": 1, "b": 2}, [], "x"])
def test_an_answer_without_a_count_is_not_zero(data: object) -> None:
    """Taking nonsense for zero would leave messages waiting."""
    with pytest.raises(RemoteProtocolError):
        read_count({"data": data}, VISITOR)


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (3600, 3600.0),
        (5_184_000, 60 * DAY_S),
        (31_536_000, 365 * DAY_S),
        (86_400_000, DAY_S),
        (5_184_000_000, 60 * DAY_S),
        (0, float("inf")),
        (86400.5, 86400.5),
        (None, DAY_S),
        ("3600", DAY_S),
        (-5, DAY_S),
        (True, DAY_S),
    ],
)
def test_vip5_milliseconds_and_seconds(expires_in: object, seconds: float) -> None:
    """More than a year is milliseconds, 0 is for ever, and what cannot be read is a day."""
    assert seconds == lifetime_s(expires_in)


@pytest.mark.parametrize("answer", [{}, {"access_token": ""}, {"access_token": 7, "expires_in": 5}])
def test_an_answer_without_a_token_is_an_error(answer: dict[str, object]) -> None:
    """An empty token is none."""
    with pytest.raises(RemoteProtocolError):
        read_token("call", answer)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"\xff", b'"text"', b"[" * 100_000])
def test_a_good_status_without_an_object_is_an_error(body: bytes) -> None:
    """A page of some gateway is not an answer."""
    with pytest.raises(RemoteProtocolError):
        read_answer("call", 200, body)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"\xff", b'{"error": 5}', b"[" * 100_000])
def test_an_error_needs_no_readable_body(body: bytes) -> None:
    """Without one the status decides."""
    with pytest.raises(RestError) as caught:
        read_answer("call", 502, body)
    assert (502, "") == (caught.value.status, caught.value.code)


def test_the_app_is_unknown_also_with_400() -> None:
    """2015 servers answer an unknown app with 400."""
    error = _error({"status": 400, "body": {"error": "organization_application_not_found"}})

    assert isinstance(error, EasemobSetupError)


def test_403_of_the_message_quota_is_a_rate_limit() -> None:
    """403 is a refusal, but with this text a matter of a minute."""
    assert isinstance(_rest_error(403, "message_send_error", "message send reach limit"), RestRateLimited)
    assert type(_rest_error(403, "forbidden_op", "unopened")) is RestError


@pytest.mark.parametrize(
    ("status", "code", "description"),
    [
        (400, "unsupported_grant_type", ""),
        (400, "invalid_request", "Invalid grant_type parameter value"),
        (400, "illegal_argument", "unknown grant type"),
        (400, "invalid_grant", "invalid username or password"),
        (400, "illegal_argument", "password or pin must provided"),
        (400, "illegal_argument", "client_id must be provided."),
        (404, "", ""),
        (405, "", ""),
        (500, "web_application", "javax"),
        (500, "unsupported_service_operation", ""),
    ],
)
def test_inherit_is_unknown(status: int, code: str, description: str) -> None:
    """Whatever speaks of the call, of a grant, or of a password that was not part of it."""
    assert grant_is_unknown(_rest_error(status, code, description))


@pytest.mark.parametrize(
    ("status", "code", "description"),
    [
        (401, "unauthorized", "Unable to authenticate (OAuth)"),
        (400, "invalid_grant", "client_id does not match"),
        (400, "invalid_grant", "client_secret does not match"),
        (400, "invalid_grant", "user not activated"),
        (400, "illegal_argument", "username [x] is not legal"),
        (403, "forbidden_service_operation", "Service operation not allowed"),
        (409, "concurrent_operation_error", "concurrency create app user failed"),
        (429, "resource_limited", "You have exceeded the limit of the Free edition."),
        (500, "internal", ""),
        (502, "", ""),
    ],
)
def test_wrong_credentials_and_refused_users_are_never_an_unknown_grant(
    status: int, code: str, description: str
) -> None:
    """Another grant would not mend these."""
    assert not grant_is_unknown(_rest_error(status, code, description))


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, "invalid_grant", "easemob.client_id and easemob.client_secret"),
        (401, "unauthorized", "easemob.rest_url"),
        (403, "forbidden_service_operation", "banned"),
        (404, "", "easemob.rest_url"),
        (302, "", "easemob.rest_url"),
    ],
)
def test_a_refused_app_token_names_what_to_mend(status: int, code: str, words: str) -> None:
    """One line, with the key of the configuration; without an error document it may be another's word."""
    problem = as_setup_error(_rest_error(status, code))

    assert problem is not None
    assert bool(code) == problem.is_theirs
    assert words in str(problem)
    assert "\n" not in str(problem)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 429, 409])
def test_trouble_that_passes_is_nobodys_setup(status: int) -> None:
    """Server trouble and limits are no reason to look at the configuration."""
    assert as_setup_error(_rest_error(status)) is None


@pytest.mark.parametrize(
    ("status", "code", "refused"),
    [
        (400, "illegal_argument", True),
        (401, "unauthorized", True),
        (403, "forbidden_op", True),
        (404, "service_resource_not_found", True),
        (405, "", True),
        (500, "web_application", True),
        (501, "", True),
        (500, "", False),
        (502, "", False),
        (429, "reach_limit", False),
        (503, "", False),
    ],
)
def test_when_the_count_is_refused(status: int, code: str, refused: bool) -> None:
    """A refusal is answered with a short login; trouble that passes is not."""
    assert refused is count_is_refused(_rest_error(status, code))


def test_a_rate_limit_by_403_does_not_refuse_the_count() -> None:
    """It passes."""
    assert not count_is_refused(_rest_error(403, "x", "message send reach limit"))
