"""Tests of :mod:`slackkefu.easemob.pace`."""

from __future__ import annotations

from functools import partial

import trio

from slackkefu.easemob.pace import Pace, Turns


async def test_calls_are_evenly_spaced_in_order(autojump_clock: trio.testing.MockClock) -> None:
    """Turns come in order of arrival, and never faster than the pace."""
    pace, began, got = Pace(10), trio.current_time(), []

    async def call(number: int) -> None:
        await pace.turn()
        got.append((number, round(trio.current_time() - began, 3)))

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(call, number)
            await trio.testing.wait_all_tasks_blocked()

    assert [(0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3)] == got


async def test_a_pause_holds_the_next_turns(autojump_clock: trio.testing.MockClock) -> None:
    """After a rate limit nothing goes out for as long as asked."""
    pace, began = Pace(10), trio.current_time()
    pace.pause(5)
    await pace.turn()

    assert round(trio.current_time() - began, 3) == 5


async def _take(turns: Turns[str], key: str, got: list[str], *, urgent: bool) -> None:
    await turns.enter(key, urgent=urgent).wait()
    got.append(key)


async def test_urgent_turns_come_first_and_queues_keep_their_order(autojump_clock: trio.testing.MockClock) -> None:
    """Among those that wait the urgent ones go first; each kind in order of arrival."""
    turns: Turns[str] = Turns(10)
    got: list[str] = []
    async with trio.open_nursery() as nursery:
        for key, urgent in [("a", False), ("b", True), ("c", False), ("d", True)]:
            nursery.start_soon(partial(_take, turns, key, got, urgent=urgent))
            await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        nursery.start_soon(turns.run)
        await trio.sleep(0.35)
        nursery.cancel_scope.cancel()

    assert (["b", "d", "a", "c"], 0.35) == (got, round(trio.current_time() - began, 3))


async def test_a_patient_one_may_become_urgent(autojump_clock: trio.testing.MockClock) -> None:
    """When somebody comes to wait for it, a turn moves to the urgent queue; others are untouched."""
    turns: Turns[str] = Turns(10)
    got: list[str] = []
    async with trio.open_nursery() as nursery:
        for key in "abc":
            nursery.start_soon(partial(_take, turns, key, got, urgent=False))
            await trio.testing.wait_all_tasks_blocked()
        turns.hurry("c")
        turns.hurry("nobody")
        nursery.start_soon(turns.run)
        await trio.sleep(0.25)
        nursery.cancel_scope.cancel()

    assert ["c", "a", "b"] == got


async def test_one_that_left_gets_no_turn(autojump_clock: trio.testing.MockClock) -> None:
    """A turn nobody waits for any more is not handed out; entering again begins at the end."""
    turns: Turns[str] = Turns(1)
    first, second = turns.enter("a", urgent=False), turns.enter("b", urgent=True)
    turns.leave("a")
    turns.leave("b")
    turns.leave("nobody")
    assert len(turns) == 0
    turns.enter("b", urgent=False)
    third = turns.enter("a", urgent=False)
    turns.enter("b", urgent=False)
    with trio.move_on_after(0.5):
        await turns.run()

    assert [False, False, True] == [turn.is_set() for turn in (first, second, third)]


async def test_turns_after_a_rest_are_spaced_again(autojump_clock: trio.testing.MockClock) -> None:
    """A rest does not save up turns."""
    turns: Turns[str] = Turns(10)
    got: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(turns.run)
        await trio.sleep(10)
        for key in "abc":
            nursery.start_soon(partial(_take, turns, key, got, urgent=True))
        await trio.sleep(0.15)
        nursery.cancel_scope.cancel()

    assert len(got) == 2
