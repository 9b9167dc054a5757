"""What a refresh brings, when one is due, and whose a token is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.errors import RemoteProtocolError
from slackkefu.secret import Secret
from slackkefu.slack.ids import TeamId
from slackkefu.slack.installation import InstallationKey
from slackkefu.slack.tokens import BEFORE_USE_S, KEPT, LIFE_S, Holders, Renewed, due_in, is_ending, read_renewed
from tests.bridge.people import NORTH

OLD = Secret("xoxe-1-old")
T1, T2 = InstallationKey(None, TeamId("T1")), InstallationKey(None, TeamId("T2"))
GOOD = {"token_type": "bot", "access_token": "xoxe.xoxb-2-new", "refresh_token": "xoxe-2-new", "expires_in": 43_200}


def test_an_answer() -> None:
    """Both tokens, and the end of the life that began when it was asked for."""
    assert Renewed(Secret("xoxe.xoxb-2-new"), Secret("xoxe-2-new"), 143_200.0) == read_renewed(
        GOOD, refresh_token=OLD, asked_at=100_000.0
    )


@pytest.mark.parametrize("missing", ["refresh_token", "token_type", "expires_in"])
def test_an_answer_that_lacks_something(missing: str) -> None:
    """Without another refresh token the old one stays; without a number a life is as long as ever."""
    answer = {name: value for name, value in GOOD.items() if name != missing}
    renewed = read_renewed(answer, refresh_token=OLD, asked_at=0.0)

    assert LIFE_S == renewed.expires_at
    assert (OLD if missing == "refresh_token" else Secret("xoxe-2-new")) == renewed.refresh_token


@pytest.mark.parametrize("value", [True, "43200", -1, 0, 1e300, float("nan"), float("inf"), None, []])
def test_a_life_that_is_none(value: Any) -> None:
    """Nonsense is not believed."""
    assert LIFE_S == read_renewed({**GOOD, "expires_in": value}, refresh_token=OLD, asked_at=0.0).expires_at


@pytest.mark.parametrize("fault", [{"access_token": ""}, {"access_token": None}, {"token_type": "user"}])
def test_an_answer_without_a_bot_token(fault: dict[str, Any]) -> None:
    """It is no answer."""
    with pytest.raises(RemoteProtocolError):
        read_renewed({**GOOD, **fault}, refresh_token=OLD, asked_at=0.0)


@given(st.floats(1.0, 1e6), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_when_it_is_due(life_s: float, share: float, rest: float) -> None:
    """In the third quarter of a life, whatever is left of it; what is past that is due at once."""
    left_s = life_s * rest
    at = life_s - left_s + due_in(left_s, life_s=life_s, share=share)

    assert at >= life_s / 2 - 1e-6
    assert at <= max(life_s * 0.75, life_s - left_s) + 1e-6


def test_what_is_ending() -> None:
    """A token in its last minutes; never one that does not expire."""
    assert not is_ending(NORTH, now=1e12)
    assert not is_ending(replace(NORTH, expires_at=1000.0), now=999.0 - BEFORE_USE_S)
    assert is_ending(replace(NORTH, expires_at=1000.0), now=1000.0 - BEFORE_USE_S)


def test_whose_a_token_is() -> None:
    """Also one that was replaced, for as many successors as fit; an empty one is nobody's."""
    holders = Holders()
    holders.note(Secret("other"), T2)
    for number in range(KEPT + 1):
        holders.note(Secret(f"token {number}"), T1)
        holders.note(Secret(f"token {number}"), T1)
    holders.note(Secret(""), T1)

    assert holders.of(Secret("token 0")) is None
    assert {T1} == {holders.of(Secret(f"token {number}")) for number in range(1, KEPT + 1)}
    assert T2 == holders.of(Secret("other"))
    assert holders.of(Secret("")) is None
