"""How fast Slack may be asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.secret import Secret
from slackkefu.slack.pacing import LIMITS, MAX_BUDGETS, BudgetKey, Limit, Pacing

NORTH, SOUTH = Secret("xoxb-north"), Secret("xoxb-south")
POST = "chat.postMessage"


def test_a_small_burst_and_then_one_a_second() -> None:
    """Three posts to a channel may go at once, then one a second; after a rest three again."""
    pacing = Pacing()
    key = pacing.key(NORTH, POST, "C1")
    starts = []
    for _ in range(5):
        now = pacing.earliest(key, 100.0)
        pacing.start(key, now)
        starts.append(now)

    assert starts == [100, 100, 100, 101, 102]
    assert pacing.earliest(key, 110.0) == 110


def test_channels_tokens_and_methods_have_their_own_budgets() -> None:
    """What is used up, or held, holds up nothing else (trap 17)."""
    pacing = Pacing()
    used = pacing.key(NORTH, POST, "C1")
    for _ in range(3):
        pacing.start(used, 0.0)
    pacing.hold(used, 60.0)

    assert pacing.earliest(used, 0.0) == 60
    for other in (
        pacing.key(NORTH, POST, "C2"),
        pacing.key(SOUTH, POST, "C1"),
        pacing.key(NORTH, "users.info", "C1"),
        pacing.key(NORTH, "auth.test"),
    ):
        assert pacing.earliest(other, 0.0) == 0


def test_only_posts_are_counted_per_channel() -> None:
    """Other methods have one budget a workspace, whatever channel they are about."""
    pacing = Pacing()

    assert pacing.key(NORTH, POST, "C1") != pacing.key(NORTH, POST, "C2")
    assert pacing.key(NORTH, "users.info", "C1") == pacing.key(NORTH, "users.info")
    assert pacing.is_ordered(pacing.key(NORTH, POST, "C1"))
    assert not pacing.is_ordered(pacing.key(NORTH, "users.info"))
    assert not pacing.is_ordered(pacing.key(NORTH, "unheard.of"))


def test_an_unlisted_method_is_only_held() -> None:
    """Methods without a limit go at once until Slack says otherwise."""
    pacing = Pacing()
    key = pacing.key(NORTH, "unheard.of")
    for _ in range(100):
        pacing.start(key, 5.0)
    assert pacing.earliest(key, 5.0) == 5
    pacing.hold(key, 9.0)
    pacing.hold(key, 7.0)

    assert pacing.earliest(key, 5.0) == 9
    assert pacing.earliest(key, 10.0) == 10


@pytest.mark.parametrize(
    ("a_minute", "methods"),
    [
        (20, "auth.teams.list"),
        (50, "chat.update chat.delete reactions.add conversations.info conversations.open conversations.history"),
        (50, "conversations.replies users.conversations team.info"),
        (100, "chat.postEphemeral conversations.members users.info files.info files.getUploadURLExternal"),
        (100, "files.completeUploadExternal"),
    ],
)
def test_each_method_keeps_to_its_tier(a_minute: int, methods: str) -> None:
    """After the burst no more calls a minute are made than the method's tier allows (facts/slack.md §10)."""
    for method in methods.split():
        assert a_minute == pytest.approx(60 / LIMITS[method].interval_s), method


@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 5))
def test_never_more_than_burst_and_rate(gaps: list[float], burst: int) -> None:
    """In any window no more calls start than the burst and what has refilled since."""
    pacing = Pacing({"m": Limit(interval_s=1.0, burst=burst)})
    key = BudgetKey(NORTH, "m")
    now, starts = 0.0, []
    for gap in gaps:
        now = pacing.earliest(key, now + gap)
        pacing.start(key, now)
        starts.append(now)

    for index, first in enumerate(starts):
        for count, last in enumerate(starts[index:], 1):
            assert count <= burst + (last - first) + 1e-6


def test_forgotten_budgets_are_those_that_are_full() -> None:
    """The memory is bounded, and forgetting never lets anything go earlier."""
    pacing = Pacing()
    busy = pacing.key(NORTH, POST, "busy")
    for _ in range(10):
        pacing.start(busy, 5.0)
    for number in range(MAX_BUDGETS):
        pacing.start(pacing.key(NORTH, POST, f"C{number}"), 0.0)
    pacing.hold(busy, 20.0)
    pacing.hold(pacing.key(NORTH, POST, "C1"), 3.0)
    pacing.start(pacing.key(NORTH, POST, "last"), 6.0)

    assert pacing.earliest(busy, 6.0) == 20
    assert len(pacing._full_at) == 2
    assert len(pacing._held_until) == 1


def test_a_key_hides_its_token() -> None:
    """Budgets may be logged."""
    assert "xoxb" not in repr(Pacing().key(NORTH, POST, "C1"))
