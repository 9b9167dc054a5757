"""Who speaks."""

from __future__ import annotations

from typing import Any

import pytest

from slackkefu.kefu.speaker import NOBODY, Speaker, speaker_of_account, speaker_of_event, speaker_of_message


@pytest.mark.parametrize(
    ("expected", "agent"),
    [
        (
            Speaker("agent", "a1", "小林", "//x/y.png"),
            {"userId": "a1", "userNickname": "小林", "avatar": "//x/y.png", "userType": "Agent"},
        ),
        (Speaker("agent", "5"), {"userId": 5, "userType": "AGENT"}),
        (Speaker("robot", None, "A & B"), {"userNickname": " A &amp;\nB ", "userType": "Robot"}),
        (Speaker("system"), {"userType": "Scheduler"}),
        (Speaker("system", None, "调度员"), {"userNickname": "调度员", "userType": None}),
        (Speaker("unknown", None, "x"), {"userNickname": "x", "userType": "Somebody"}),
        (NOBODY, {}),
        (NOBODY, {"userNickname": " ", "userId": None}),
        (NOBODY, None),
        (NOBODY, "Agent"),
        (NOBODY, ["Agent"]),
    ],
)
def test_the_speaker_of_a_message(expected: Speaker, agent: Any) -> None:
    """The type decides; a name without one is the system's; hidden is unknown."""
    assert expected == speaker_of_message(agent)


@pytest.mark.parametrize(
    ("expected", "event_obj"),
    [
        (
            Speaker("agent", "a1", "小林", "/x.png"),
            {"userId": "a1", "agentType": 1, "agentUserNiceName": "小林", "avatar": "/x.png"},
        ),
        (Speaker("robot"), {"agentType": "6"}),
        (Speaker("unknown", "c3"), {"userId": "c3", "agentType": 2}),
        (NOBODY, {"agentType": True}),
        (NOBODY, None),
        (NOBODY, []),
    ],
)
def test_the_speaker_of_an_event(expected: Speaker, event_obj: Any) -> None:
    """1 is a person, 6 a robot, whether number or text."""
    assert expected == speaker_of_event(event_obj)


@pytest.mark.parametrize(
    ("expected", "account"),
    [
        (Speaker("account", None, "A & B", "/x.png"), {"type": "CUSTOM", "name": " A &amp; B", "img": "/x.png"}),
        (Speaker("account", None, "5"), {"type": "custom", "name": 5}),
        (NOBODY, {"type": "SYSTEM", "name": "示例公司"}),
        (NOBODY, {"type": "CUSTOM", "name": " "}),
        (NOBODY, {"type": None, "name": "x"}),
        (NOBODY, None),
        (NOBODY, ["CUSTOM"]),
    ],
)
def test_the_account_of_a_campaign(expected: Speaker, account: Any) -> None:
    """One of the tenant's own has a name; the usual one, through which all else comes, is nobody."""
    assert expected == speaker_of_account(account)


def test_names_do_not_show_in_a_repr() -> None:
    """An agent's name is no matter for logs."""
    assert "小林" not in repr(Speaker("agent", "a1", "小林", "/小林.png"))
