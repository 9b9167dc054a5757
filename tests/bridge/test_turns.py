"""Turns are one at a time for each key, in the order of asking."""

from __future__ import annotations

import trio
import trio.testing

from slackkefu.bridge.turns import Turns


async def test_one_at_a_time_in_order(autojump_clock: trio.testing.MockClock) -> None:
    """Those who ask for the same key follow each other in the order of asking."""
    turns: Turns[str] = Turns()
    trace: list[str] = []

    async def work(name: str) -> None:
        async with turns.of("ann"):
            trace.append(f"{name} begins")
            await trio.sleep(1)
            trace.append(f"{name} ends")

    async with trio.open_nursery() as nursery:
        for name in ("first", "second"):
            nursery.start_soon(work, name)
            await trio.testing.wait_all_tasks_blocked()

    assert ["first begins", "first ends", "second begins", "second ends"] == trace


async def test_keys_do_not_wait_for_each_other(autojump_clock: trio.testing.MockClock) -> None:
    """While one key's turn is held, another key's is free."""
    turns: Turns[str] = Turns()
    async with turns.of("ann"):
        with trio.fail_after(1):
            async with turns.of("ben"):
                pass


async def test_a_cancelled_turn_is_passed_on(autojump_clock: trio.testing.MockClock) -> None:
    """Whoever is cancelled in its turn leaves it to the next."""
    turns: Turns[str] = Turns()
    with trio.move_on_after(1):
        async with turns.of("ann"):
            await trio.sleep_forever()
    with trio.fail_after(1):
        async with turns.of("ann"):
            pass
