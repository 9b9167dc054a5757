"""Tests of :mod:`slackkefu.easemob.agenda`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from slackkefu.easemob.agenda import Agenda, Alarm

if TYPE_CHECKING:
    from trio.testing import MockClock


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


async def test_an_alarm_waits_for_the_earliest(autojump_clock: MockClock) -> None:
    """Somebody noted for a sooner time while the alarm waits is due at that time; who is dropped is not."""
    alarm: Alarm[str] = Alarm()
    alarm.put("late", trio.current_time() + 30)
    alarm.put("dropped", trio.current_time() + 5)
    alarm.drop("dropped")
    begun = trio.current_time()
    came: list[tuple[str, float]] = []

    async def wait() -> None:
        while len(came) < 2:
            now_due = await alarm.due()
            came.extend((key, trio.current_time() - begun) for key in now_due)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        alarm.put("early", begun + 10)

    assert [("early", 10), ("late", 30)] == came
    assert "late" not in alarm
