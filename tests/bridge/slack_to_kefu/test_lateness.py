"""A message that comes out of its time is known as such."""

from __future__ import annotations

import math

import pytest

from slackkefu.bridge.slack_to_kefu.lateness import CLOCKS_S, LATE_S, Lateness
from slackkefu.easemob.names import ImUser
from slackkefu.slack.ids import Ts
from tests.bridge.people import MIA, MIA_CHANNEL

USER = ImUser(MIA)
OTHER = ImUser(MIA_CHANNEL)


def ts(seconds: float) -> Ts:
    """Name a message that was written then."""
    return Ts(f"{seconds:.6f}")


def test_in_order_is_not_late() -> None:
    """What comes after what was written before it is not late, nor is the same again."""
    lateness = Lateness()
    lateness.note(USER, ts(100))

    assert [None, None] == [lateness.late(USER, ts(each), 102) for each in (100, 101)]


def test_overtaken() -> None:
    """What was written before one that has come is late, for that visitor; a late one changes nothing."""
    lateness = Lateness()
    lateness.note(USER, ts(100.000002))
    lateness.note(USER, ts(50))

    assert 100.000001 == lateness.late(USER, ts(100.000001), 101)
    assert lateness.late(OTHER, ts(99), 101) is None


@pytest.mark.parametrize(
    ("written", "is_repeat", "late"),
    [(99, False, True), (99, True, True), (101, False, False), (101, True, True), (100 + CLOCKS_S, True, False)],
)
def test_of_before(written: float, is_repeat: bool, late: bool) -> None:
    """What was written before this run is late, and what is repeated in its first moments, since clocks differ."""
    lateness = Lateness(began=100)

    assert late == (lateness.late(USER, ts(written), written + 1, is_repeat=is_repeat) is not None)
    assert late == lateness.is_of_before(ts(written), is_repeat=is_repeat)


@pytest.mark.parametrize(("now", "late"), [(100 + LATE_S - 1, None), (100 + LATE_S, 100.0)])
def test_old(now: float, late: float | None) -> None:
    """After five minutes a message is late."""
    assert late == Lateness().late(USER, ts(100), now)


def test_how_long_it_is_not_late() -> None:
    """One that is late, or has no time, becomes late no more."""
    lateness = Lateness()

    assert LATE_S - 1 == lateness.late_in_s(USER, ts(100), 101)
    assert math.inf == lateness.late_in_s(USER, ts(100), 100 + LATE_S)
    assert math.inf == lateness.late_in_s(USER, Ts("novel"), 101)


def test_a_name_that_is_no_time() -> None:
    """Of a message whose name is no time nothing is said."""
    lateness = Lateness()
    lateness.note(USER, Ts("novel"))

    assert lateness.late(USER, Ts("novel"), 1e9) is None
    assert lateness.late(USER, ts(1), 2) is None


def test_the_longest_quiet_are_forgotten() -> None:
    """Only so many visitors are remembered."""
    lateness = Lateness(remembered=2)
    for user in (USER, OTHER, USER, ImUser("third")):
        lateness.note(user, ts(100))

    assert lateness.late(OTHER, ts(99), 101) is None
    assert 99 == lateness.late(USER, ts(99), 101)
