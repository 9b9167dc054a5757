"""Tests of :mod:`slackkefu.easemob.quiet`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.easemob.quiet import Agenda, interval_s

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@pytest.mark.parametrize(
    ("quiet_s", "is_open", "interval"),
    [
        (0.0, True, MINUTE),
        (6 * DAY, True, MINUTE),
        (7 * DAY, True, None),
        (0.0, False, 10 * MINUTE),
        (DAY - 1, False, 10 * MINUTE),
        (DAY, False, HOUR),
        (7 * DAY - 1, False, HOUR),
        (7 * DAY, False, None),
    ],
)
def test_quiet_watch_schedule(quiet_s: float, is_open: bool, interval: float | None) -> None:
    """Open: each minute; within a day: every ten; within a week: hourly; later not."""
    assert interval == interval_s(quiet_s=quiet_s, is_open=is_open)


def test_the_due_come_out_in_order_once() -> None:
    """The longest due first; who is taken out is noted no more."""
    agenda: Agenda[str] = Agenda()
    agenda.put("late", 30)
    agenda.put("early", 10)
    agenda.put("middle", 20)

    assert agenda.next_at() == 10
    assert ["early", "middle"] == agenda.take_due(20)
    assert [] == agenda.take_due(20)
    assert "early" not in agenda
    assert "late" in agenda


def test_a_new_time_replaces_the_old_one() -> None:
    """Sooner or later, one time each."""
    agenda: Agenda[str] = Agenda()
    agenda.put("a", 10)
    agenda.put("a", 50)
    agenda.put("b", 40)
    agenda.put("b", 20)

    assert agenda.next_at() == 20
    assert ["b"] == agenda.take_due(45)
    assert ["a"] == agenda.take_due(50)


def test_dropped_ones_are_never_due() -> None:
    """Nothing is left of them; with nobody noted, nobody is due."""
    agenda: Agenda[str] = Agenda()
    agenda.put("a", 10)
    agenda.drop("a")
    agenda.drop("nobody")

    assert agenda.next_at() == float("inf")
    assert [] == agenda.take_due(100)
    assert len(agenda) == 0


@given(st.lists(st.tuples(st.integers(0, 20), st.one_of(st.none(), st.integers(0, 100)))))
def test_an_agenda_is_a_dictionary_sorted_by_time(steps: list[tuple[int, int | None]]) -> None:
    """After any row of puts (a time) and drops (None) it tells what a plain dictionary would."""
    agenda: Agenda[int] = Agenda()
    plain: dict[int, float] = {}
    for key, at in steps:
        if at is None:
            agenda.drop(key)
            plain.pop(key, None)
        else:
            agenda.put(key, at)
            plain[key] = at

        assert min(plain.values(), default=float("inf")) == agenda.next_at()
        assert len(plain) == len(agenda)
    due = [plain[key] for key in agenda.take_due(50)]
    assert sorted(at for at in plain.values() if at <= 50) == due


def test_changed_times_do_not_pile_up() -> None:
    """A visitor whose time changes for ever takes the room of one."""
    agenda: Agenda[str] = Agenda()
    for at in range(10_000):
        agenda.put("a", at)

    assert len(agenda._heap) < 100
    assert ["a"] == agenda.take_due(10_000)
