"""
Who is due when.

:class:`Agenda` is plain: time comes in as an argument. :class:`Alarm` waits for it, so that one task with one timer
serves any number of visitors.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Generic, TypeVar, final

import trio

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["Agenda", "Alarm"]

K = TypeVar("K", bound="Hashable")


@final
class Agenda(Generic[K]):
    """Who is due when: one time each, the earliest first."""

    def __init__(self) -> None:
        self._due: dict[K, float] = {}
        # May hold times that were changed since; the dictionary decides. The middle number keeps the order of entry.
        self._heap: list[tuple[float, int, K]] = []
        self._entered = 0

    def put(self, key: K, at: float) -> None:
        """Note *key* for *at*, in place of any other time."""
        if self._due.get(key) == at:
            return
        self._due[key] = at
        self._entered += 1
        heapq.heappush(self._heap, (at, self._entered, key))
        if len(self._heap) > 2 * len(self._due) + 64:
            # Mostly changed times: sorted anew, which costs little against what made them.
            self._heap = [(due, order, known) for due, order, known in self._heap if self._due.get(known) == due]
            heapq.heapify(self._heap)

    def drop(self, key: K) -> None:
        """Note nothing for *key* any more."""
        self._due.pop(key, None)

    def take_due(self, now: float) -> list[K]:
        """Take out everybody due by *now*, the longest due first."""
        due = []
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == at:
                del self._due[key]
                due.append(key)
        return due

    def next_at(self) -> float:
        """Return when somebody is due next; ``inf`` when nobody is."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else float("inf")

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, key: object) -> bool:
        return key in self._due


@final
class Alarm(Generic[K]):
    """An agenda that one task waits for."""

    def __init__(self) -> None:
        self._agenda: Agenda[K] = Agenda()
        self._sooner = trio.Event()

    def put(self, key: K, at: float) -> None:
        """Note *key* for *at* (trio's clock), in place of any other time."""
        if at < self._agenda.next_at():
            self._sooner.set()
        self._agenda.put(key, at)

    def drop(self, key: K) -> None:
        """Note nothing for *key* any more."""
        self._agenda.drop(key)

    async def due(self) -> list[K]:
        """
        Wait until somebody is due, and take out everybody who is, the longest due first.

        A cancellation takes out nobody.
        """
        await trio.lowlevel.checkpoint()
        while not (due := self._agenda.take_due(trio.current_time())):
            self._sooner = trio.Event()
            with trio.move_on_at(self._agenda.next_at()):
                await self._sooner.wait()
        return due

    def __contains__(self, key: object) -> bool:
        return key in self._agenda
