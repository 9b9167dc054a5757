"""
Not too fast: evenly spaced calls, and login turns.

:class:`Pace` spaces out REST calls, whose limit is per app and shared with everybody else who uses it
(facts/easemob-rest.md §12.1). :class:`Turns` hands out login turns, and lets those that somebody waits for go first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, final

import trio

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["Pace", "Turns"]

K = TypeVar("K", bound="Hashable")


@final
class Pace:
    """
    Turns in order of arrival, evenly spaced.

    Args:
        per_second: Turns a second.

    """

    def __init__(self, per_second: float) -> None:
        self._gap_s = 1.0 / per_second
        self._next_at = float("-inf")

    async def turn(self) -> None:
        """Wait for a turn. A cancellation leaves the turn unused."""
        at = max(self._next_at, trio.current_time())
        self._next_at = at + self._gap_s
        await trio.sleep_until(at)

    def pause(self, pause_s: float) -> None:
        """Give no new turn for *pause_s*; those already promised stay."""
        self._next_at = max(self._next_at, trio.current_time() + pause_s)


@final
class Turns(Generic[K]):
    """
    Turns in two queues, evenly spaced; each queue in order of arrival, the urgent one first.

    Args:
        per_second: Turns a second.

    """

    def __init__(self, per_second: float) -> None:
        self._gap_s = 1.0 / per_second
        self._urgent: dict[K, trio.Event] = {}
        self._patient: dict[K, trio.Event] = {}
        self._some = trio.Event()

    async def run(self) -> None:
        """Hand out turns until cancelled."""
        while True:
            queue = self._urgent or self._patient
            if not queue:
                self._some = trio.Event()
                await self._some.wait()
                continue
            queue.pop(next(iter(queue))).set()
            await trio.sleep(self._gap_s)

    def enter(self, key: K, *, urgent: bool) -> trio.Event:
        """Queue *key*, which waits for one turn at a time; return what is set when its turn has come."""
        self.leave(key)
        turn = trio.Event()
        queue = self._urgent if urgent else self._patient
        queue[key] = turn
        self._some.set()
        return turn

    def leave(self, key: K) -> None:
        """Take *key* out of its queue, if it is in one."""
        self._urgent.pop(key, None)
        self._patient.pop(key, None)

    def hurry(self, key: K) -> None:
        """Move *key* to the urgent queue, if it waits in the other."""
        turn = self._patient.pop(key, None)
        if turn is not None:
            self._urgent[key] = turn

    def __len__(self) -> int:
        return len(self._urgent) + len(self._patient)
