"""
The quiet watch: when to look at whom.

A visitor without a live session is asked about now and then: does anything wait there? How often depends on how likely
that is (:func:`interval_s`). :class:`Agenda` holds who is to be looked at next, so that one task with one timer serves
any number of visitors. Both are plain: time comes in as an argument.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, Generic, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["DAY_S", "WEEK_S", "Agenda", "interval_s"]

K = TypeVar("K", bound="Hashable")

MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0
DAY_S: Final = 24 * HOUR_S
WEEK_S: Final = 7 * DAY_S


def interval_s(*, quiet_s: float, is_open: bool) -> float | None:
    """
    Return the seconds between two looks at a visitor.

    An open service session: a minute. Active within a day: ten minutes; within a week: an hour. Later nobody looks,
    also not for a service session that seems open: its closing may never have been told, and Easemob keeps waiting
    messages for no more than a few days on most plans.

    Args:
        quiet_s: Seconds since the visitor was last active.
        is_open: Whether a service session is open.

    """
    if quiet_s >= WEEK_S:
        return None
    if is_open:
        return MINUTE_S
    return 10 * MINUTE_S if quiet_s < DAY_S else HOUR_S


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
