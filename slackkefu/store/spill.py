"""
The spill: messages that Slack was told we have, until they are brought over.

Its lines say that a piece was put in and, later, that it is done. Which pieces are pending is known in memory by
number and place; their words stay on disk, and leave it at the next :meth:`Spill.compact` after they are done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final

import msgspec
import trio

from slackkefu.errors import StoreUnwritable
from slackkefu.store.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slackkefu.store.segments import Segments

__all__ = ["Piece", "Spill", "SpillStatistics", "Spilled", "pending"]

MAX_BYTES: Final = 2**30
"""Beyond it nothing more is taken, as on a full disk: half a million messages of 2 kB."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A message to be kept."""

    lane: str
    key: str
    """What it is, however often it comes."""
    content: bytes = field(repr=False)
    """JSON."""


@dataclass(frozen=True, slots=True)
class Spilled:
    """A message that is kept; its words are asked for by number."""

    number: int
    lane: str
    key: str


@dataclass(frozen=True, slots=True)
class SpillStatistics:
    """What waits in the spill."""

    pending: int
    """Messages that are acknowledged and not brought over yet."""
    bytes: int
    """On disk, what is done and not yet cleared included."""
    damaged: int
    """Lines that could not be read and were set aside, since the start."""


class _Put(msgspec.Struct, frozen=True, tag="put"):
    n: int
    lane: str
    key: str
    content: msgspec.Raw


class _Done(msgspec.Struct, frozen=True, tag="done"):
    n: tuple[int, ...]


@final
class Spill:
    """
    The messages of one store that wait on disk.

    Args:
        segments: Its files.
        max_bytes: How much it may hold.

    """

    def __init__(self, segments: Segments, *, max_bytes: int = MAX_BYTES) -> None:
        self._segments = segments
        self._max_bytes = max_bytes
        self._decoder = msgspec.json.Decoder(_Put | _Done)
        self._places = Places()
        self._last = 0
        self._over: list[int] = []
        self._compacting = trio.Lock()

    def __repr__(self) -> str:
        return f"<Spill of {len(self._places)}>"

    def load(self) -> list[Spilled]:
        """Return what is pending, in the order in which it came; blocks, before anything is put. Raises StoreError."""
        found: dict[int, Spilled] = {}
        for line in self._segments.load():
            try:
                entry = self._decoder.decode(line.record)
            except msgspec.MsgspecError:
                continue  # by a later version; the head of a segment has been taken out before
            if isinstance(entry, _Put):
                found[entry.n] = Spilled(entry.n, entry.lane, entry.key)
                self._places.put(entry.n, line.place)
                self._last = max(self._last, entry.n)
            else:
                for number in entry.n:
                    self._last = max(self._last, number)
                    found.pop(number, None)
                    self._places.remove(number)
        return [found[number] for number in sorted(found)]

    async def put(self, *pieces: Piece) -> list[int]:
        """
        Keep *pieces*, and return their numbers, which grow for the life of the store; on disk when this returns.

        A cancellation leaves open whether they are kept.

        Raises:
            StoreUnwritable: The disk does not take them, or the spill is full.
            StoreBroken: A sync has failed.

        """
        if self._segments.size >= self._max_bytes:
            reason = (
                f"holds {self._max_bytes >> 20} MiB, which is the most: nothing more is taken until some of it is over."
            )
            raise StoreUnwritable(self._segments.folder, reason)
        numbers = [*range(self._last + 1, self._last + 1 + len(pieces))]
        self._last += len(pieces)
        puts = (
            msgspec.json.encode(_Put(number, piece.lane, piece.key, msgspec.Raw(piece.content)))
            for number, piece in zip(numbers, pieces, strict=True)
        )
        over, self._over = self._over, []
        try:
            places = await self._segments.append(*puts, *_done(over))
        except BaseException:
            self._over += over
            raise
        for number, place in zip(numbers, places, strict=False):
            self._places.put(number, place)
        return numbers

    async def get(self, number: int) -> bytes:
        """
        Return the content kept under *number*.

        Raises:
            StoreError: It cannot be read now.
            ValueError: It was changed on the disk, or nothing is kept under *number*.

        """
        async with self._compacting:
            place = self._places.get(number)
            if place is None:
                raise ValueError(f"nothing is kept under {number}")
            record = await self._segments.read(place)
        entry = self._decoder.decode(record)
        if not isinstance(entry, _Put):
            raise ValueError(f"no message is kept under {number}")  # noqa: TRY004 - it is about the disk
        return bytes(entry.content)

    @property
    def last(self) -> int:
        """The number of what was put last; 0 where nothing ever was."""
        return self._last

    def done(self, *numbers: int) -> None:
        """Note that these need not be kept; written with what is put next, or by :meth:`flush`."""
        for number in numbers:
            if self._places.remove(number):
                self._over.append(number)

    async def flush(self) -> None:
        """Write what is noted; raises StoreUnwritable, and notes it again."""
        over, self._over = self._over, []
        try:
            if over:
                await self._segments.append(*_done(over))
        except BaseException:
            self._over += over
            raise

    async def compact(self) -> None:
        """
        Clear the disk of what is done.

        From the oldest segment on, so that what says that a piece is done never goes before the piece.

        Raises:
            StoreError: The disk does not take it; nothing pending is lost.

        """
        await self.flush()
        async with self._compacting:
            await self._segments.close_current()
            for segment in self._segments.began():
                if self._segments.is_current(segment):
                    break
                keep = self._places.in_segment(segment)
                if keep:
                    moved = await self._segments.rewrite(segment, [*keep.values()])
                    for number, place in zip(keep, moved, strict=True):
                        # One that was done meanwhile stays so.
                        if number in self._places:
                            self._places.put(number, place)
                else:
                    await self._segments.remove(segment)

    def statistics(self) -> SpillStatistics:
        """Return what waits now."""
        return SpillStatistics(
            pending=len(self._places), bytes=self._segments.size, damaged=self._segments.damaged_lines
        )


def pending(records: Iterable[bytes]) -> int:
    """Count the pieces that are pending by these records of a spill, for whoever does not own it."""
    decoder = msgspec.json.Decoder(_Put | _Done)
    waiting = set()
    for record in records:
        try:
            entry = decoder.decode(record)
        except msgspec.MsgspecError:
            continue  # the head of a segment, or by a later version
        if isinstance(entry, _Put):
            waiting.add(entry.n)
        else:
            waiting.difference_update(entry.n)
    return len(waiting)


def _done(numbers: list[int]) -> list[bytes]:
    return [msgspec.json.encode(_Done(tuple(numbers)))] if numbers else []
