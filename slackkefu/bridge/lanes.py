"""
Lanes: one ordered, bounded queue a visitor.

What is put on a lane is worked on in order, one piece at a time: as it came, or by an order that the pieces have
themselves, where one that comes late takes its place. Lanes do not wait for each other: a slow visitor delays nobody. A
lane has a task only while it has something to do.

Pieces that wait for long can be *stowed*: they keep their turn, but their lane has them from a :class:`Tail`, in which
they take less room, only when it comes.

A full lane, or too much in all lanes together, refuses the new piece, and so do all at the end; who offered it still
has it then.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, final

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

__all__ = ["LaneStatistics", "Lanes", "Tail"]

K = TypeVar("K", bound="Hashable")
T = TypeVar("T")
K_contra = TypeVar("K_contra", bound="Hashable", contravariant=True)


class Tail(Protocol[K_contra, T]):
    """Where pieces are stowed, in their order."""

    def stow(self, key: K_contra, piece: T, /) -> bool:
        """Take a piece of the lane of *key*; False for one that has to stay in it."""
        ...

    def stowed(self, key: K_contra, /) -> int:
        """Return how many pieces of a lane are here."""
        ...

    def first_stowed(self, key: K_contra, /) -> str | None:
        """Return what the first of them is in order by; None where there is none."""
        ...

    def unstow(self, key: K_contra, /) -> T:
        """Give the first back."""
        ...


@dataclass(frozen=True, slots=True)
class LaneStatistics:
    """What lies in the lanes."""

    busy: int
    """Lanes with something in them."""
    waiting: int
    """Pieces in all lanes, those in work included."""
    deepest: int
    """Pieces in the fullest lane."""
    refused: int
    """Pieces refused because a lane, or all of them together, was full."""


@final
class Lanes(Generic[K, T]):
    """
    Ordered queues by key, each worked on by one task at a time.

    Args:
        work: Handles one piece; a piece leaves its lane when this returns. It answers for its own errors: one that
            escapes ends the program.
        per_lane: Most pieces in one lane.
        in_all: Most pieces in all lanes together.
        order: What pieces are put in order by; where that is the same, in the order in which they come.
        tail: Where pieces can be stowed.

    """

    def __init__(
        self,
        work: Callable[[K, T], Awaitable[None]],
        *,
        per_lane: int,
        in_all: int,
        order: Callable[[T], str] = lambda _: "",
        tail: Tail[K, T] | None = None,
    ) -> None:
        self._work = work
        self._per_lane = per_lane
        self._in_all = in_all
        self._order = order
        self._tail: Tail[K, T] = _NoTail() if tail is None else tail
        self._lanes: dict[K, deque[T]] = {}
        # Whose first piece is in work: nothing goes before it any more.
        self._busy: set[K] = set()
        self._waiting = 0
        self._refused = 0
        self._nursery: trio.Nursery | None = None
        self._is_over = False
        self._empty = trio.Event()
        self._empty.set()
        self._freed = trio.lowlevel.ParkingLot()

    def __repr__(self) -> str:
        return f"<Lanes busy={len(self._lanes)} waiting={self._waiting}>"

    def __contains__(self, key: object) -> bool:
        return key in self._lanes

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until cancelled; a cancellation leaves the pieces in the lanes, unfinished."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._is_over = True

    def put(self, key: K, piece: T) -> bool:
        """Put *piece* in its place in the lane of *key*; False when there is no room, or nobody works any more."""
        if self._nursery is None:
            raise RuntimeError("lanes are not running")
        if self._is_full(key):
            self._refused += 1
            return False
        self._waiting += 1
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = deque()
            if self._empty.is_set():
                self._empty = trio.Event()
            self._nursery.start_soon(self._drain, key)
        if not self._tail.stow(key, piece):
            lane.insert(self._place(key, lane, piece), piece)
        return True

    def stow(self, key: K) -> None:
        """Stow what can be of the lane of *key*; the piece in work stays."""
        lane = self._lanes.get(key)
        if lane:
            in_work = key in self._busy
            stay = [*islice(lane, in_work)]
            stay += [piece for piece in islice(lane, in_work, None) if not self._tail.stow(key, piece)]
            lane.clear()
            lane.extend(stay)

    async def room(self, key: K) -> None:
        """Wait until the lane of *key* has room; without a checkpoint in between it still has it for :meth:`put`."""
        await trio.lowlevel.checkpoint()
        while self._is_full(key):
            await self._freed.park()

    async def drained(self) -> None:
        """Wait until every lane is empty."""
        while self._waiting:
            await self._empty.wait()

    async def emptied(self, key: K) -> None:
        """Wait until the lane of *key* is empty."""
        await trio.lowlevel.checkpoint()
        while key in self._lanes:
            await self._freed.park()

    def pieces(self, key: K) -> tuple[T, ...]:
        """Return the pieces in the lane of *key* that are not stowed, the one in work included."""
        return tuple(self._lanes.get(key, ()))

    def depth(self, key: K) -> int:
        """Count the pieces in the lane of *key*, the one in work included."""
        return len(self._lanes.get(key, ())) + self._tail.stowed(key)

    def statistics(self) -> LaneStatistics:
        """Tell what lies in the lanes now."""
        deepest = max(map(self.depth, self._lanes), default=0)
        return LaneStatistics(busy=len(self._lanes), waiting=self._waiting, deepest=deepest, refused=self._refused)

    def _place(self, key: K, lane: deque[T], piece: T) -> int:
        """Return where *piece* goes: behind all that does not come after it; mostly at the end."""
        place, first, order = len(lane), key in self._busy, self._order(piece)
        while place > first and self._order(lane[place - 1]) > order:
            place -= 1
        return place

    def _is_full(self, key: K) -> bool:
        """Tell whether another piece would be refused."""
        return self._is_over or self._waiting >= self._in_all or self.depth(key) >= self._per_lane

    def _unstow(self, key: K, lane: deque[T]) -> bool:
        """Have the next piece at the beginning of its lane, wherever it was; False where there is none."""
        first = self._tail.first_stowed(key)
        if first is not None and (not lane or first <= self._order(lane[0])):
            lane.appendleft(self._tail.unstow(key))
        return bool(lane)

    async def _drain(self, key: K) -> None:
        lane = self._lanes[key]
        self._busy.add(key)
        while self._unstow(key, lane):
            await self._work(key, lane[0])
            lane.popleft()
            self._waiting -= 1
            self._freed.unpark_all()
        del self._lanes[key]
        self._busy.discard(key)
        if not self._waiting:
            self._empty.set()


@final
class _NoTail(Generic[K, T]):
    """Has nothing, and takes nothing."""

    def stow(self, _key: K, _piece: T, /) -> bool:
        return False

    def stowed(self, _key: K, /) -> int:
        return 0

    def first_stowed(self, _key: K, /) -> str | None:
        return None

    def unstow(self, key: K, /) -> T:
        raise KeyError(key)
