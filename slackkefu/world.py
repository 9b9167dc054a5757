"""
The world outside: network, disk, calendar and chance.

Everything in slackkefu that is not a pure function reaches these four through one :class:`World`, so a test can hand
in another: memory streams for the network, the disk without threads, a calendar that runs on trio's virtual clock, and
a seeded source of chance. Timers use trio's own clock and are not part of this.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.net.network import Network

__all__ = ["Disk", "InlineDisk", "ThreadDisk", "World"]

T = TypeVar("T")


class Disk(Protocol):
    """Where blocking file work runs."""

    async def run(self, work: Callable[[], T]) -> T:
        """Run *work*, which blocks on files only, and return its result."""
        ...


class ThreadDisk:
    """Blocking file work in worker threads, one piece at a time, so that what is written first lands first."""

    def __init__(self) -> None:
        self._turn = trio.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """Run *work* in a thread. A cancellation waits for it: nobody is left writing behind our back."""
        async with self._turn:
            return await trio.to_thread.run_sync(work)


class InlineDisk:
    """Blocking file work on the spot; under a virtual clock there are no threads."""

    async def run(self, work: Callable[[], T]) -> T:
        """Run *work* at once, after a checkpoint."""
        await trio.lowlevel.checkpoint()
        return work()


@dataclass(frozen=True, slots=True)
class World:
    """The four things outside."""

    network: Network
    disk: Disk = field(default_factory=ThreadDisk)
    wall: Callable[[], float] = time.time
    """Seconds since the epoch, for what is compared across restarts (token expiry, 24 h windows)."""
    chance: random.Random = field(default_factory=random.SystemRandom)
    """Jitter and fresh ids."""
