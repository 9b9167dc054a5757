"""Lanes keep order within one visitor and independence between visitors."""

from __future__ import annotations

import random
from typing import final

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.lanes import Lanes, LaneStatistics


@final
class Cellar:
    """Where pieces in capitals are stowed, while it is open."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.is_open = is_open
        self.lanes: dict[str, list[str]] = {}

    def stow(self, key: str, piece: str) -> bool:
        """Take a piece in capitals."""
        is_taken = self.is_open and piece.isupper()
        if is_taken:
            self.lanes.setdefault(key, []).append(piece)
            self.lanes[key].sort(key=str.lower)
        return is_taken

    def stowed(self, key: str) -> int:
        """Count what is here."""
        return len(self.lanes.get(key, ()))

    def first_stowed(self, key: str) -> str | None:
        """Return what the first is in order by."""
        return self.lanes[key][0].lower() if self.lanes.get(key) else None

    def unstow(self, key: str) -> str:
        """Give the first back."""
        return self.lanes[key].pop(0)


async def test_order_holds_within_a_lane(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Pieces of one lane are worked on in the order they came, whatever each takes."""
    chance = random.Random(11)
    done: list[int] = []

    async def work(_: str, piece: int) -> None:
        await trio.sleep(chance.random())
        done.append(piece)

    lanes: Lanes[str, int] = Lanes(work, per_lane=100, in_all=100)
    await nursery.start(lanes.run)
    for piece in range(50):
        lanes.put("ann", piece)
    await lanes.drained()

    assert list(range(50)) == done

    nursery.cancel_scope.cancel()


async def test_what_comes_late_takes_its_place(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Where pieces have an order, one goes before those that come after it and wait; never before one in work."""
    done: list[str] = []

    async def work(_: str, piece: str) -> None:
        await trio.sleep(1)
        done.append(piece)

    lanes: Lanes[str, str] = Lanes(work, per_lane=10, in_all=10, order=lambda piece: piece[0])
    await nursery.start(lanes.run)
    for piece in ("5", "3", "7"):
        lanes.put("ann", piece)
    await trio.sleep(0.5)
    for piece in ("2", "6", "1", "5 again", "6 again"):
        lanes.put("ann", piece)
    await lanes.drained()
    for piece in ("9", "8"):
        lanes.put("ann", piece)
    await lanes.drained()

    assert ["3", "1", "2", "5", "5 again", "6", "6 again", "7", "8", "9"] == done

    nursery.cancel_scope.cancel()


# Stowed.


async def test_what_is_stowed_keeps_its_turn(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Pieces that are stowed, on arrival or later, take turns with those that are not, and count like them."""
    done: list[str] = []

    async def work(_: str, piece: str) -> None:
        await trio.sleep(1)
        done.append(piece)

    cellar = Cellar()
    lanes: Lanes[str, str] = Lanes(work, per_lane=5, in_all=5, order=str.lower, tail=cellar)
    await nursery.start(lanes.run)
    for piece in ("e", "D", "c", "B", "a"):
        lanes.put("ann", piece)

    assert {"ann": ["B", "D"]} == cellar.lanes
    assert LaneStatistics(busy=1, waiting=5, deepest=5, refused=0) == lanes.statistics()
    assert not lanes.put("ann", "F")

    await lanes.drained()

    assert ["a", "B", "c", "D", "e"] == done
    assert LaneStatistics(busy=0, waiting=0, deepest=0, refused=1) == lanes.statistics()


async def test_the_piece_in_work_is_not_stowed(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """It would be worked on twice; the others go, as far as the tail takes them, and a lane that is over has none."""
    done: list[str] = []

    async def work(_: str, piece: str) -> None:
        await trio.sleep(1)
        done.append(piece)

    cellar = Cellar(is_open=False)
    lanes: Lanes[str, str] = Lanes(work, per_lane=10, in_all=10, order=str.lower, tail=cellar)
    await nursery.start(lanes.run)
    for piece in ("B", "C", "d", "E"):
        lanes.put("ann", piece)
    await trio.sleep(0.5)
    cellar.is_open = True
    lanes.put("ann", "A")
    lanes.stow("ann")
    lanes.stow("nobody")

    assert ["A", "C", "E"] == cellar.lanes["ann"]
    assert 5 == lanes.statistics().deepest

    await lanes.drained()

    assert ["B", "A", "C", "d", "E"] == done


@given(st.lists(st.sampled_from([*"abcdABCD", "open", "close", "stow", "pass"]), max_size=40))
def test_any_order_with_a_tail(steps: list[str]) -> None:
    """Whatever is stowed when, each piece is worked on once, and none before one that waits and comes before it."""

    async def run() -> None:
        waiting: list[str] = []
        done: list[str] = []

        async def work(_: str, piece: str) -> None:
            assert piece.lower() == min(waiting, key=str.lower).lower()
            waiting.remove(piece)
            await trio.sleep(1)
            done.append(piece)

        cellar = Cellar()
        lanes: Lanes[str, str] = Lanes(work, per_lane=100, in_all=100, order=str.lower, tail=cellar)
        async with trio.open_nursery() as nursery:
            await nursery.start(lanes.run)
            for step in steps:
                if step == "stow":
                    lanes.stow("ann")
                elif step in ("open", "close"):
                    cellar.is_open = step == "open"
                elif step == "pass":
                    await trio.sleep(1.5)
                else:
                    waiting.append(step)
                    assert lanes.put("ann", step)
            await lanes.drained()
            nursery.cancel_scope.cancel()

        assert sorted(step for step in steps if len(step) == 1) == sorted(done)

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))


# Side by side.


async def test_a_slow_lane_delays_no_other(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """While one visitor's message hangs, another's passes."""
    done: list[str] = []

    async def work(lane: str, piece: str) -> None:
        await trio.sleep(3600 if lane == "slow" else 1)
        done.append(piece)

    lanes: Lanes[str, str] = Lanes(work, per_lane=10, in_all=10)
    await nursery.start(lanes.run)
    lanes.put("slow", "late")
    lanes.put("quick", "early")
    await trio.sleep(2)

    assert ["early"] == done

    nursery.cancel_scope.cancel()


async def test_a_full_lane_refuses(nursery: trio.Nursery) -> None:
    """A full lane refuses the next piece and says so; another lane still takes one, until all together are full."""

    async def work(_: str, __: int) -> None:
        await trio.sleep_forever()

    lanes: Lanes[str, int] = Lanes(work, per_lane=2, in_all=3)
    await nursery.start(lanes.run)

    assert [True, True, False, True, False] == [lanes.put(lane, 0) for lane in ("a", "a", "a", "b", "c")]
    assert LaneStatistics(busy=2, waiting=3, deepest=2, refused=2) == lanes.statistics()

    nursery.cancel_scope.cancel()


async def test_a_lane_that_ran_dry_starts_again(nursery: trio.Nursery) -> None:
    """A lane has no task while it is empty, and gets one with its next piece."""
    done: list[int] = []

    async def work(_: str, piece: int) -> None:
        await trio.lowlevel.checkpoint()
        done.append(piece)

    lanes: Lanes[str, int] = Lanes(work, per_lane=1, in_all=1)
    await nursery.start(lanes.run)
    for piece in range(3):
        lanes.put("a", piece)
        await lanes.drained()
        await trio.testing.wait_all_tasks_blocked()

        assert LaneStatistics(busy=0, waiting=0, deepest=0, refused=0) == lanes.statistics()

    assert [0, 1, 2] == done

    nursery.cancel_scope.cancel()


async def test_a_fault_that_escapes_is_not_swallowed() -> None:
    """Work answers for its own errors; one that escapes ends the run instead of being lost."""

    async def work(_: str, __: int) -> None:
        raise ZeroDivisionError

    lanes: Lanes[str, int] = Lanes(work, per_lane=1, in_all=1)
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            await nursery.start(lanes.run)
            lanes.put("a", 1)


async def test_nothing_is_taken_before_the_start() -> None:
    """A lane that does not run yet takes nothing, rather than holding what nobody works on."""

    async def work(_: str, __: int) -> None: ...

    lanes: Lanes[str, int] = Lanes(work, per_lane=1, in_all=1)
    with pytest.raises(RuntimeError, match="not running"):
        lanes.put("a", 1)

    assert LaneStatistics(busy=0, waiting=0, deepest=0, refused=0) == lanes.statistics()


async def test_room_is_waited_for(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Whoever waits for room gets on as soon as a piece has left, in its own lane or in all of them together."""
    takes_s = {"a": 10.0, "b": 3.0}

    async def work(key: str, _: int) -> None:
        await trio.sleep(takes_s[key])

    lanes: Lanes[str, int] = Lanes(work, per_lane=2, in_all=3)
    await nursery.start(lanes.run)
    await lanes.room("a")

    assert [True] * 3 == [lanes.put("a", 1), lanes.put("a", 2), lanes.put("b", 3)]

    await lanes.room("b")

    assert (3.0, True) == (trio.current_time(), lanes.put("b", 4))

    await lanes.room("a")

    assert (10.0, True) == (trio.current_time(), lanes.put("a", 5))
    assert 0 == lanes.statistics().refused


async def test_nothing_is_taken_at_the_end(nursery: trio.Nursery) -> None:
    """Lanes that have stopped refuse, so that whoever comes during the end keeps what it offers."""

    async def work(_: str, __: int) -> None: ...

    lanes: Lanes[str, int] = Lanes(work, per_lane=1, in_all=1)
    await nursery.start(lanes.run)
    nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        await trio.testing.wait_all_tasks_blocked()

        assert not lanes.put("a", 1)
