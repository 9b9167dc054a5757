"""
Append-only files: what the journals and the spill are made of.

A folder holds numbered segments; lines (:mod:`slackkefu.store.lines`) are only ever added to the newest. Whoever adds
some waits until they are synced, and those who wait together share one write and one sync: the first of them does it
for all, so there is no task. Every run of the daemon begins a segment of its own, so what a crash has cut is always
the end of a segment that nobody adds to any more.

A write that the disk refuses leaves nothing behind. A sync that fails is final
(:class:`~slackkefu.errors.StoreBroken`): after it nobody knows what is on disk.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, final

import msgspec
import structlog
import trio

from slackkefu.errors import StoreBroken, StoreError, StoreUnwritable
from slackkefu.store import files
from slackkefu.store.lines import Foreign, Unsound, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from slackkefu.store.files import System
    from slackkefu.world import Disk

__all__ = ["Line", "Place", "Seen", "Segments", "look"]

log = structlog.get_logger()

SEGMENT_S: Final = 3600.0
SEGMENT_BYTES: Final = 8 * 2**20

_SUFFIX: Final = ".jsonl"


class _Head(msgspec.Struct, frozen=True, tag="segment"):
    """The first line of a segment."""

    began: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line stands."""

    segment: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Line:
    """A record, and where it stands."""

    place: Place
    record: bytes


@dataclass(slots=True)
class _Batch:
    """Lines that are written and synced together."""

    lines: list[bytes] = field(default_factory=list)
    places: list[Place] | None = None
    problem: StoreError | None = None


@final
class Segments:
    """
    The segments of one folder.

    Args:
        folder: Where they are; it must be there.
        damaged: Where lines are put that cannot be read.
        disk: Where blocking work runs.
        wall: Wall clock, seconds.
        loss: What an unreadable line means for people, for the log.
        system: The system calls.

    """

    def __init__(
        self,
        folder: Path,
        *,
        damaged: Path,
        disk: Disk,
        wall: Callable[[], float],
        loss: str,
        system: System = files.OPERATING_SYSTEM,
    ) -> None:
        self.folder = folder
        self._damaged = damaged
        self._disk = disk
        self._wall = wall
        self._loss = loss
        self._system = system
        self._began: dict[int, float] = {}
        self._sizes: dict[int, int] = {}
        self._descriptor: int | None = None
        self._current = 0
        self._turn = trio.Lock()
        self._waiting = _Batch()
        self._broken: StoreBroken | None = None
        self.appended = 0
        self.syncs = 0
        self.damaged_lines = 0

    def __repr__(self) -> str:
        return f"<Segments of {self.folder.name}: {len(self._sizes)}>"

    @property
    def size(self) -> int:
        """Bytes in all segments."""
        return sum(self._sizes.values())

    def began(self) -> dict[int, float]:
        """Return when each segment was begun, oldest first, the current one last."""
        return dict(sorted(self._began.items()))

    def load(self) -> Iterator[Line]:
        """
        Read every line, oldest first; blocks, and comes before anything is added.

        What a crash has cut at the end of a segment is cut off; another line that cannot be read is copied to the
        folder for damaged things, and its neighbours are kept. Raises StoreError.
        """
        try:
            names = sorted(name for name in self._system.names(self.folder) if name.endswith(_SUFFIX))
        except OSError as exc:
            raise files.unreadable(self.folder, exc) from exc
        for name in names:
            stem = name.removesuffix(_SUFFIX)
            if stem.isdecimal():
                self._current = max(self._current, int(stem))
                yield from self._read(int(stem))

    async def append(self, *records: bytes) -> list[Place]:
        """
        Add *records*, each JSON without a line feed, and return where they stand; synced when this returns.

        A cancellation leaves open whether they are written.

        Raises:
            StoreUnwritable: The disk does not take them; nothing of them is kept.
            StoreBroken: A sync has failed, now or before.

        """
        batch = self._waiting
        first = len(batch.lines)
        batch.lines += map(seal, records)
        async with self._turn:
            if batch.places is None and batch.problem is None:
                self._waiting = _Batch()
                await self._disk.run(partial(self._write, batch))
        if batch.problem is not None:
            raise batch.problem.with_traceback(None)
        return (batch.places or [])[first : first + len(records)]

    async def read(self, place: Place) -> bytes:
        """
        Return the record at *place*.

        Raises:
            StoreError: It cannot be read now.
            ValueError: It was changed on the disk.

        """
        return await self._disk.run(partial(self._read_one, place))

    async def close_current(self) -> None:
        """
        Let the next line begin a new segment.

        When this returns, whoever has added a line to the old one has been told where it stands.
        """
        async with self._turn:
            self._close()
        # Those whose lines somebody else has written wait for the turn too, and are before us.
        async with self._turn:
            pass

    async def remove(self, segment: int) -> None:
        """Remove a whole segment that is not the current one; raises StoreUnwritable."""
        await self._disk.run(partial(files.remove, self._path(segment), system=self._system))
        self._began.pop(segment, None)
        self._sizes.pop(segment, None)

    async def rewrite(self, segment: int, keep: list[Place]) -> list[Place]:
        """
        Keep of a segment that is not the current one only the lines at *keep*, and return where they stand then.

        Raises:
            StoreError: It could not be read or written; it is as it was.

        """
        return await self._disk.run(partial(self._rewrite, segment, keep))

    async def revise(self, revise: Callable[[bytes], bytes | None]) -> None:
        """
        Let every record that was added before say what *revise* makes of it; None takes it out.

        Where lines stand is not what it was afterwards: for folders of which nobody keeps any :class:`Place`. A
        cancellation, or a failure, leaves some segments as they were.

        Args:
            revise: Called with each record, off the main thread; returns the same object for one that stays.

        Raises:
            StoreError: A segment could not be read or written.

        """
        await self.close_current()
        for segment in self.began():
            if self.is_current(segment):
                break
            await self._disk.run(partial(self._revise, segment, revise))

    def is_current(self, segment: int) -> bool:
        """Tell whether lines are still added to *segment*."""
        return self._descriptor is not None and segment == self._current

    # All below blocks.

    def _path(self, segment: int) -> Path:
        return self.folder / f"{segment:012}{_SUFFIX}"

    def _read(self, segment: int) -> Iterator[Line]:
        path = self._path(segment)
        content = files.read(path, system=self._system) or b""
        lines = content.splitlines(keepends=True)
        sound = [_sound(line) for line in lines]
        # The end that a crash has cut: everything after the last line that is whole.
        whole = max((number for number, each in enumerate(sound, start=1) if isinstance(each, bytes)), default=0)
        length = sum(map(len, lines[:whole]))
        if length < len(content):
            log.info("store.cut_end", file=path.name, bytes=len(content) - length, meaning="a crash came in between")
            files.shorten(path, length, system=self._system)
        self._sizes[segment] = length
        self._began.setdefault(segment, 0.0)
        offset = 0
        for line, record in zip(lines[:whole], sound, strict=False):
            place = Place(segment, offset, len(line))
            offset += len(line)
            if not isinstance(record, bytes):
                self._set_aside(place, line, record)
            elif place.offset == 0 and (head := _head(record)) is not None:
                self._began[segment] = head.began
            else:
                yield Line(place, record)

    def _set_aside(self, place: Place, line: bytes, reason: Exception) -> None:
        self.damaged_lines += 1
        aside = self._damaged / f"{place.segment:012}-{place.offset}{_SUFFIX}"
        files.write_atomic(aside, line, system=self._system)
        log.error("store.damaged", file=str(aside), reason=str(reason), meaning=self._loss)

    def _write(self, batch: _Batch) -> None:
        """Write and sync *batch*, or note in it why not."""
        try:
            batch.places = self._written(b"".join(batch.lines), [len(line) for line in batch.lines])
        except StoreBroken as exc:
            batch.problem = self._broken = exc
        except StoreUnwritable as exc:
            batch.problem = exc

    def _written(self, data: bytes, sizes: list[int]) -> list[Place]:
        if self._broken is not None:
            raise self._broken.with_traceback(None)
        descriptor = self._writable()
        path, offset = self._path(self._current), self._sizes[self._current]
        try:
            files.fill(descriptor, data, offset, system=self._system)
        except OSError as exc:
            self._cut(descriptor, offset)
            raise files.unwritable(path, exc) from exc
        self._sync(descriptor, path)
        self._sizes[self._current] = offset + len(data)
        self.appended += len(sizes)
        places = []
        for size in sizes:
            places.append(Place(self._current, offset, size))
            offset += size
        return places

    def _writable(self) -> int:
        """Return the current segment's descriptor; a new segment is begun where it is time."""
        if self._descriptor is not None:
            age_s = self._wall() - self._began[self._current]
            if 0 <= age_s < SEGMENT_S and self._sizes[self._current] < SEGMENT_BYTES:
                return self._descriptor
            self._close()
        number, began = self._current + 1, self._wall()
        path = self._path(number)
        head = seal(msgspec.json.encode(_Head(began)))
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = self._system.open(path, flags, 0o600)
        except OSError as exc:
            raise files.unwritable(path, exc) from exc
        # From here on the number is used up: what a refusal leaves behind is no segment, and is never added to.
        self._current = number
        try:
            files.fill(descriptor, head, 0, system=self._system)
        except OSError as exc:
            self._system.close(descriptor)
            with contextlib.suppress(OSError):
                self._system.unlink(path)
            raise files.unwritable(path, exc) from exc
        self._sync(descriptor, path)
        try:
            files.sync_folder(self.folder, system=self._system)
        except OSError as exc:
            raise files.broken(self.folder, exc) from exc
        self._descriptor, self._began[number], self._sizes[number] = descriptor, began, len(head)
        return descriptor

    def _sync(self, descriptor: int, path: Path) -> None:
        try:
            self._system.fsync(descriptor)
        except OSError as exc:
            raise files.broken(path, exc) from exc
        self.syncs += 1

    def _cut(self, descriptor: int, size: int) -> None:
        """Take back what a refused write has left; where that fails the segment ends here."""
        try:
            self._system.ftruncate(descriptor, size)
        except OSError:
            self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                self._system.close(self._descriptor)
            self._descriptor = None

    def _read_one(self, place: Place) -> bytes:
        path = self._path(place.segment)
        try:
            descriptor = self._system.open(path, os.O_RDONLY | os.O_CLOEXEC, 0)
            try:
                line = self._system.pread(descriptor, place.size, place.offset)
            finally:
                self._system.close(descriptor)
        except OSError as exc:
            raise files.unreadable(path, exc) from exc
        return unseal(line)

    def _rewrite(self, segment: int, keep: list[Place]) -> list[Place]:
        path = self._path(segment)
        content = files.read(path, system=self._system) or b""
        data = bytearray(seal(msgspec.json.encode(_Head(self._began[segment]))))
        places = []
        for place in keep:
            places.append(Place(segment, len(data), place.size))
            data += content[place.offset : place.offset + place.size]
        files.write_atomic(path, bytes(data), system=self._system)
        self._sizes[segment] = len(data)
        return places

    def _revise(self, segment: int, revise: Callable[[bytes], bytes | None]) -> None:
        path = self._path(segment)
        content = files.read(path, system=self._system) or b""
        lines = content.splitlines(keepends=True)
        revised = [_revised(line, revise) for line in lines]
        if revised != lines:
            data = b"".join(revised)
            files.write_atomic(path, data, system=self._system)
            self._sizes[segment] = len(data)


def _revised(line: bytes, revise: Callable[[bytes], bytes | None]) -> bytes:
    """Return a line as *revise* has it; the head of a segment, and what nobody can read, stay."""
    record = _sound(line)
    if not isinstance(record, bytes) or _head(record) is not None:
        return line
    made = revise(record)
    if made is None:
        return b""
    return line if made is record else seal(made)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a folder of segments by somebody who does not own it."""

    records: list[bytes]
    """Oldest first; also the heads of segments."""
    unsound: int
    """Lines that cannot be read, but for the ends of segments."""
    bytes: int
    is_whole: bool
    """Everything was looked at."""


def look(folder: Path, *, most_bytes: int, keep: bool) -> Seen:
    """
    Read the segments of *folder* as they are, changing nothing; blocks.

    Args:
        folder: Where they are, if anywhere.
        most_bytes: What is read at most, but for the segment that passes it; the oldest first.
        keep: Return the records.

    Raises:
        StoreError: They cannot be read.

    """
    records: list[bytes] = []
    unsound = size = 0
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        if size >= most_bytes:
            return Seen(records, unsound, size, is_whole=False)
        content = files.read(path) or b""
        size += len(content)
        sound = [_sound(line) for line in content.splitlines(keepends=True)]
        whole = max((number for number, each in enumerate(sound, start=1) if isinstance(each, bytes)), default=0)
        records += [each for each in sound if keep and isinstance(each, bytes)]
        unsound += sum(not isinstance(each, bytes) for each in sound[:whole])
    return Seen(records, unsound, size, is_whole=True)


def _sound(line: bytes) -> bytes | ValueError:
    """Return the record in *line*, or why there is none."""
    try:
        return unseal(line) if line.endswith(b"\n") else Unsound("it is cut")
    except (Unsound, Foreign) as exc:
        return exc


def _head(record: bytes) -> _Head | None:
    try:
        return msgspec.json.decode(record, type=_Head)
    except msgspec.ValidationError:
        return None
