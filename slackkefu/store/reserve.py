"""
The reserve: a file that takes a few words when the disk takes nothing any more.

It is written in full while there is room, so that a mark only overwrites what is the file's already. A mark says that
the messages of a conversation, or of one of its threads, have to be read again from a moment on. The file is made of
slots of one size, each a line of :mod:`slackkefu.store.lines` with blanks before its end. A slot in use is never
overwritten by another mark, so a power cut can tear only a mark that nobody depends on yet; a torn slot is free.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final, final

import msgspec
import structlog
import trio

from slackkefu.errors import StoreUnwritable
from slackkefu.store import files
from slackkefu.store.lines import Foreign, Unsound, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from slackkefu.errors import StoreBroken
    from slackkefu.store.files import System
    from slackkefu.world import Disk

__all__ = ["Mark", "Reserve"]

log = structlog.get_logger()

SLOTS: Final = 256
SLOT_BYTES: Final = 256

_FREE: Final = b" " * (SLOT_BYTES - 1) + b"\n"


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From where on the messages of a conversation have to be read again."""

    enterprise_id: str | None = None
    team_id: str | None = None
    """With :attr:`enterprise_id` the installation."""
    channel: str
    thread_ts: str | None = None
    """The root, for the messages of a thread."""
    since: str
    """The ``ts`` of the first of them."""


@final
class Reserve:
    """
    The reserve of one store.

    Args:
        path: The file.
        disk: Where blocking work runs.
        system: The system calls.

    """

    def __init__(self, path: Path, *, disk: Disk, system: System = files.OPERATING_SYSTEM) -> None:
        self._path = path
        self._disk = disk
        self._system = system
        self._descriptor: int | None = None
        # By slot; None for what a later version has written.
        self._used: dict[int, Mark | None] = {}
        self._over: set[int] = set()
        self._turn = trio.Lock()
        self._broken: StoreBroken | None = None

    def __repr__(self) -> str:
        return f"<Reserve {len(self._used)} of {SLOTS} used>"

    def load(self) -> Mapping[int, Mark]:
        """
        Return the marks by their slots; blocks, and comes before anything is marked.

        Raises:
            StoreError: They cannot be read.

        """
        content = files.read(self._path, system=self._system) or b""
        self._used = dict(_used(content))
        self._prepare(is_whole=len(content) == SLOTS * SLOT_BYTES)
        return {slot: mark for slot, mark in self._used.items() if mark is not None}

    async def prepare(self) -> None:
        """Make the file where there was no room for it until now."""
        async with self._turn:
            if self._descriptor is None:
                await self._disk.run(partial(self._prepare, is_whole=False))

    async def put(self, mark: Mark) -> int:
        """
        Keep *mark*, and return its slot; on disk when this returns.

        A cancellation leaves open whether it is kept.

        Raises:
            StoreUnwritable: There is no room.
            StoreBroken: A sync has failed, now or before.

        """
        line = _slot(mark)
        async with self._turn:
            slot = next((slot for slot in range(SLOTS) if slot not in self._used), None)
            if self._descriptor is None or slot is None or len(line) > SLOT_BYTES:
                raise StoreUnwritable(self._path, "has no room for another mark.")
            await self._disk.run(partial(self._write, self._descriptor, {slot: line}))
            self._used[slot] = mark
        return slot

    async def free(self, *slots: int) -> None:
        """
        Free *slots*; what cannot be freed now is with the next ones, and comes back after a restart.

        Raises:
            StoreUnwritable: It cannot be freed now.
            StoreBroken: A sync has failed, now or before.

        """
        async with self._turn:
            self._over |= {*slots} & {*self._used}
            if self._descriptor is not None and self._over:
                await self._disk.run(partial(self._write, self._descriptor, dict.fromkeys(self._over, _FREE)))
                for slot in self._over:
                    del self._used[slot]
                self._over = set()

    # All below blocks.

    def _prepare(self, *, is_whole: bool) -> None:
        """Open the file, written in full before where it is not whole; without room there is no reserve."""
        try:
            if not is_whole:
                slots = ((_FREE if mark is None else _slot(mark)) for mark in map(self._used.get, range(SLOTS)))
                files.write_atomic(self._path, b"".join(slots), system=self._system)
            self._descriptor = self._system.open(self._path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0)
        except (StoreUnwritable, OSError) as exc:
            log.warning("reserve.missing", problem=str(exc), meaning="on a full disk messages are not acknowledged")

    def _write(self, descriptor: int, lines: Mapping[int, bytes]) -> None:
        if self._broken is not None:
            raise self._broken.with_traceback(None)
        try:
            for slot, line in lines.items():
                files.fill(descriptor, line, slot * SLOT_BYTES, system=self._system)
        except OSError as exc:
            raise files.unwritable(self._path, exc) from exc
        try:
            self._system.fsync(descriptor)
        except OSError as exc:
            self._broken = files.broken(self._path, exc)
            raise self._broken from exc


def _slot(mark: Mark) -> bytes:
    """Return the slot of *mark*; longer than a slot where its ids are longer than any of Slack's."""
    return seal(msgspec.json.encode(mark))[:-1].ljust(SLOT_BYTES - 1) + b"\n"


def _used(content: bytes) -> list[tuple[int, Mark | None]]:
    """Read the slots that are in use."""
    used: list[tuple[int, Mark | None]] = []
    for slot in range(SLOTS):
        line = content[slot * SLOT_BYTES : (slot + 1) * SLOT_BYTES]
        if not line.strip():
            continue
        try:
            used.append((slot, msgspec.json.decode(unseal(line), type=Mark)))
        except Unsound:
            log.info("reserve.torn", slot=slot, meaning="a crash came in between; nobody depends on this mark")
        except (Foreign, msgspec.MsgspecError):
            log.warning("reserve.unknown", slot=slot, meaning="passed over; a later version wrote it")
            used.append((slot, None))
    return used
