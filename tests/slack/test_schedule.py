"""When the next connection may be opened."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from slackkefu.slack.schedule import LASTING_S, SPACING_S, Failure, Schedule

if TYPE_CHECKING:
    import random


@pytest.fixture
def schedule(chance: random.Random) -> Schedule:
    """Make a fresh schedule."""
    return Schedule(chance)


def test_the_first_goes_at_once(schedule: Schedule) -> None:
    """Nothing is waited for at the start."""
    assert schedule.next_at(usable=0) == -math.inf


def test_attempts_are_a_minute_apart_while_one_is_up(schedule: Schedule) -> None:
    """With a usable connection up the next attempt waits a minute; with none it need not (facts/slack.md §1)."""
    schedule.attempt(100.0)

    assert schedule.next_at(usable=1) == 100 + SPACING_S
    assert schedule.next_at(usable=0) == -math.inf


def test_pauses_grow_and_are_capped(schedule: Schedule) -> None:
    """Failures of the network cost at most a second, then more and more, at most a minute."""
    pauses = [schedule.fail(Failure.LINK, 0.0) for _ in range(12)]

    assert pauses[0] <= 1
    assert 30 <= pauses[-1] <= 60
    assert schedule.next_at(usable=0) == max(pauses)


@pytest.mark.parametrize(
    ("failure", "first", "last"),
    [
        (Failure.CROWDED, (10, 20), (310, 610)),
        (Failure.SWITCHED_OFF, (60, 120), (360, 660)),
        (Failure.REFUSED, (600, 601), (600, 601)),
    ],
)
def test_slow_pauses(schedule: Schedule, failure: Failure, first: tuple[int, int], last: tuple[int, int]) -> None:
    """What only time or a person can mend is never tried again quickly."""
    pauses = [schedule.fail(failure, 0.0) for _ in range(12)]

    assert first[0] <= pauses[0] <= first[1]
    assert last[0] <= pauses[-1] <= last[1]


def test_a_long_pause_is_not_cut_short(schedule: Schedule) -> None:
    """A Retry-After, or a refusal, stands whatever happens meanwhile."""
    schedule.hold(300.0, 0.0)
    schedule.fail(Failure.LINK, 1.0)

    assert schedule.next_at(usable=0) == 300


def test_trap_9_only_a_hello_that_lasts_begins_the_pauses_anew(schedule: Schedule) -> None:
    """Connections that end right after their hello cost growing pauses; one that lasted costs a moment."""
    for now in range(0, 500, 50):
        schedule.end(0.1, now, is_announced=False)
    assert schedule.next_at(usable=0) - 450 > 10

    schedule.end(LASTING_S, 1000.0, is_announced=False)
    assert 1000 <= schedule.next_at(usable=0) <= 1001


def test_an_announced_end_has_its_successor_at_once(schedule: Schedule) -> None:
    """Unless connections keep being announced away right after their hello."""
    schedule.end(LASTING_S, 1000.0, is_announced=True)
    assert schedule.next_at(usable=0) == -math.inf

    schedule.end(1.0, 1000.0, is_announced=True)
    assert schedule.next_at(usable=0) >= 1000
