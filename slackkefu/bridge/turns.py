"""
Turns: one at a time for each key, in the order of asking.

For work that its caller waits for; work that is left behind belongs on :mod:`slackkefu.bridge.lanes`.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, TypeVar, final
from weakref import WeakValueDictionary

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable

__all__ = ["Turns"]

K = TypeVar("K", bound="Hashable")


@final
class Turns(Generic[K]):
    """Locks by key; one that nobody holds or waits for is forgotten."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[K, trio.StrictFIFOLock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, key: K) -> AsyncIterator[None]:
        """Wait for the turn of *key*, and hold it."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = trio.StrictFIFOLock()
        async with lock:
            yield
