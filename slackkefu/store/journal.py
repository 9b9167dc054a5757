"""
A journal: what has happened to messages, by ids, synced before anybody depends on it.

Entries (:mod:`slackkefu.store.entries`) are written once, kept for a while, and dropped by whole segments. How old a
segment is, the wall clock says; a clock that jumps must not take everything, so at most two segments are dropped for
each hour that the daemon has really run.

So a journal goes by its own age, 25 hours and 8 days (:mod:`slackkefu.store.opened`), not by ``store.keep_days``: it
holds ids, never words. Only for somebody who is to be forgotten at once it is written anew (:meth:`Journal.revise`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar, final

import msgspec
import structlog
import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from slackkefu.store.segments import Segments

__all__ = ["Journal", "JournalStatistics"]

log = structlog.get_logger()

HOUR_S: Final = 3600.0
DROPPED_AN_HOUR: Final = 2

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class JournalStatistics:
    """What a journal holds; the counts are since the start."""

    appended: int
    """Entries written."""
    syncs: int
    """Syncs they took; fewer than entries where several shared one."""
    bytes: int
    """On disk, in all segments."""
    damaged: int
    """Entries that could not be read and were set aside."""


@final
class Journal(Generic[E]):
    """
    One journal.

    Args:
        segments: Its files.
        kind: Type of its entries, a union of tagged structs.
        keep_s: How long an entry is kept at least, counted from where it may be asked for.
        wall: Wall clock, seconds.

    """

    def __init__(self, segments: Segments, kind: object, *, keep_s: float, wall: Callable[[], float]) -> None:
        self._segments = segments
        self._decoder: msgspec.json.Decoder[E] = msgspec.json.Decoder(kind)
        self._encoder = msgspec.json.Encoder()
        self._keep_s = keep_s
        self._wall = wall
        self._unknown = 0
        self._clearing = trio.Lock()
        self._dropped_at: float | None = None

    def __repr__(self) -> str:
        return f"<Journal {self._segments!r}>"

    def load(self) -> list[E]:
        """Return every entry, oldest first; blocks, and comes before anything is appended. Raises StoreError."""
        entries = []
        for line in self._segments.load():
            try:
                entries.append(self._decoder.decode(line.record))
            except msgspec.MsgspecError:
                # Written by a later version: nothing here is lost by it, it says something that we do not know.
                self._unknown += 1
        if self._unknown:
            log.warning("journal.unknown", entries=self._unknown, meaning="passed over; a later version wrote them")
        return entries

    async def append(self, *entries: E) -> None:
        """
        Write *entries*; on disk when this returns.

        A cancellation leaves open whether they are written.

        Raises:
            StoreUnwritable: The disk does not take them.
            StoreBroken: A sync has failed.

        """
        await self._segments.append(*map(self._encoder.encode, entries))

    async def forget(self, *, mark: float = math.inf) -> None:
        """
        Drop the segments that hold nothing but old entries.

        Args:
            mark: From when on entries may be asked for (seconds since the epoch), now at the latest.

        Raises:
            StoreUnwritable: The disk does not take it.

        """
        now = trio.current_time()
        hours = 1.0 if self._dropped_at is None else (now - self._dropped_at) / HOUR_S
        self._dropped_at = now
        began = self._segments.began()
        until = min(self._wall(), mark) - self._keep_s
        # A segment is as old as the beginning of the next one: the last time that something could be added to it.
        old = [
            segment
            for segment, ended in zip(began, [*began.values()][1:], strict=False)
            if ended < until and not self._segments.is_current(segment)
        ]
        async with self._clearing:
            for segment in old[: max(1, round(hours * DROPPED_AN_HOUR))]:
                await self._segments.remove(segment)

    async def revise(self, revise: Callable[[E], E | None], *, about: Collection[str]) -> None:
        """
        Let entries say something else, or take them out: for the right to be forgotten, and for nothing else.

        Args:
            revise: Returns what an entry is to say, itself for one that stays, None for one that goes.
            about: Ids, of which an entry that is to change has one at least; the others are not even looked at.

        Raises:
            StoreError: The disk does not take it; some entries are as they were.

        """
        marks = [msgspec.json.encode(each)[1:-1] for each in about]

        def change(record: bytes) -> bytes | None:
            if not any(mark in record for mark in marks):
                return record
            try:
                entry = self._decoder.decode(record)
            except msgspec.MsgspecError:
                # By a later version, and about somebody who is to be forgotten.
                return None
            made = revise(entry)
            return record if made is entry else None if made is None else msgspec.json.encode(made)

        async with self._clearing:
            await self._segments.revise(change)

    def statistics(self) -> JournalStatistics:
        """Return what it holds now."""
        return JournalStatistics(
            appended=self._segments.appended,
            syncs=self._segments.syncs,
            bytes=self._segments.size,
            damaged=self._segments.damaged_lines,
        )
