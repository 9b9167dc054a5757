"""Ids are known for as long as they may come again, in a few bytes each."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.remembered import BUCKET_S, Remembered, restored_at

DAY_S = 24 * 3600.0


@given(st.lists(st.tuples(st.text(max_size=5), st.floats(0, 7200)), max_size=50), st.text(max_size=5))
def test_as_a_set(steps: list[tuple[str, float]], other: str) -> None:
    """Whatever is noted when, within the time it is what a set of the same ids is."""
    remembered, expected, now = Remembered(keep_s=1e9), set(), 0.0
    for key, pause_s in steps:
        now += pause_s
        remembered.note(key, now)
        expected.add(key)

    assert all(key in remembered for key in expected)
    assert (other in expected) == (other in remembered)


def test_old_ones_are_forgotten() -> None:
    """An id is known for the time that was asked for, and not for much longer."""
    remembered = Remembered(keep_s=DAY_S)
    remembered.note("first", 0.0)
    remembered.note("later", DAY_S)
    known = "first" in remembered
    remembered.note("much later", DAY_S + 2 * BUCKET_S + 1)

    assert known
    assert "first" not in remembered
    assert "later" in remembered


def test_a_clock_that_is_set_back() -> None:
    """Going back in time forgets nothing."""
    remembered = Remembered(keep_s=DAY_S)
    remembered.note("first", 10 * DAY_S)
    remembered.note("second", 0.0)

    assert "first" in remembered
    assert "second" in remembered


def test_for_longer() -> None:
    """What is to be known for longer is, until that is over."""
    remembered = Remembered(keep_s=DAY_S)
    remembered.note("one", 0.0)
    remembered.longer_s = DAY_S
    for hour in range(1, 41):
        remembered.note("others", hour * BUCKET_S)

    assert "one" in remembered

    remembered.longer_s = 0.0
    remembered.note("others", 41 * BUCKET_S)

    assert "one" not in remembered


def test_what_happened_before_a_restart() -> None:
    """It keeps its own time, unless the calendar says that it is still to come, or was too long ago to be on disk."""

    def at(when: float) -> float:
        return restored_at(when, wall=1000 * DAY_S, now=5.0, keep_s=8 * DAY_S)

    assert 5.0 - DAY_S == at(999 * DAY_S)
    assert 5.0 == at(1001 * DAY_S)
    assert 5.0 - 4 * DAY_S == at(1.0)


def test_a_million_ids() -> None:
    """An id that is an hour old takes less than 10 bytes."""
    tracemalloc.start()
    try:
        remembered = Remembered(keep_s=DAY_S)
        for number in range(100_000):
            remembered.note(f"T0NORTH001/D0MIA00001/1760000000.{number:06}", 0.0)
        remembered.note("next", BUCKET_S + 1)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 100_001 == len(remembered)
    assert size < 1_000_000
