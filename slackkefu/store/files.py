"""
Single files: written whole or not at all, read, removed.

:func:`write_atomic` writes beside the file, syncs, renames over it and syncs the folder. Whichever of these steps
fails, or is the last before a power cut, the file is the old one or the new one. Every fault of the disk becomes
:class:`~slackkefu.errors.StoreUnwritable` with a sentence for a person.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Final, Protocol, final

from slackkefu.errors import StoreBroken, StoreError, StoreUnwritable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "OPERATING_SYSTEM",
    "System",
    "broken",
    "fill",
    "is_temporary",
    "private_folder",
    "read",
    "remove",
    "shorten",
    "sync_folder",
    "unreadable",
    "unwritable",
    "write_atomic",
]

_TEMPORARY: Final = ".new"
_PIECE: Final = 1 << 20


class System(Protocol):
    """The system calls of the store, so that a test can let any of them fail."""

    def open(self, path: Path, flags: int, mode: int) -> int:
        """Open *path*, and return its descriptor."""
        ...

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write some of *data*, and return how much."""
        ...

    def pwrite(self, descriptor: int, data: memoryview, offset: int) -> int:
        """Write some of *data* at *offset*, and return how much."""
        ...

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        """Read up to *size* bytes at *offset*; none at the end."""
        ...

    def ftruncate(self, descriptor: int, size: int) -> None:
        """Cut the file to *size*."""
        ...

    def fsync(self, descriptor: int) -> None:
        """Bring the file to the disk."""
        ...

    def close(self, descriptor: int) -> None:
        """Close the descriptor."""
        ...

    def replace(self, source: Path, target: Path) -> None:
        """Rename over *target*."""
        ...

    def unlink(self, path: Path) -> None:
        """Remove the name *path*."""
        ...

    def names(self, folder: Path) -> list[str]:
        """List the names in *folder*."""
        ...


@final
class _OperatingSystem:
    """The real ones."""

    open = staticmethod(os.open)
    write = staticmethod(os.write)
    pwrite = staticmethod(os.pwrite)
    pread = staticmethod(os.pread)
    ftruncate = staticmethod(os.ftruncate)
    fsync = staticmethod(os.fsync)
    close = staticmethod(os.close)
    replace = staticmethod(os.replace)
    unlink = staticmethod(os.unlink)
    names = staticmethod(os.listdir)


OPERATING_SYSTEM: Final[System] = _OperatingSystem()


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600, system: System = OPERATING_SYSTEM) -> None:
    """
    Replace the content of *path* with *data*; on disk when this returns.

    Raises:
        StoreUnwritable: The disk did not take it. The file is the old one, or already the new one; never a part.

    """
    temporary = path.with_name(f".{path.name}{_TEMPORARY}")
    try:
        descriptor = system.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[system.write(descriptor, rest) :]
            system.fsync(descriptor)
        finally:
            system.close(descriptor)
        system.replace(temporary, path)
        sync_folder(path.parent, system=system)
    except OSError as exc:
        with contextlib.suppress(OSError):
            system.unlink(temporary)
        raise unwritable(path, exc) from exc


def sync_folder(folder: Path, *, system: System = OPERATING_SYSTEM) -> None:
    """Bring the names in *folder* to the disk; raises OSError."""
    descriptor = system.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, 0)
    try:
        system.fsync(descriptor)
    finally:
        system.close(descriptor)


def is_temporary(path: Path) -> bool:
    """Tell whether *path* is what a write left behind that did not come to its end."""
    return path.name.startswith(".") and path.name.endswith(_TEMPORARY)


def fill(descriptor: int, data: bytes, offset: int, *, system: System) -> None:
    """Write all of *data* at *offset*; raises OSError."""
    rest = memoryview(data)
    while rest:
        done = system.pwrite(descriptor, rest, offset)
        rest, offset = rest[done:], offset + done


def shorten(path: Path, size: int, *, system: System = OPERATING_SYSTEM) -> None:
    """Cut the file *path* to *size*; on disk when this returns. Raises StoreUnwritable."""
    try:
        descriptor = system.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0)
        try:
            system.ftruncate(descriptor, size)
            system.fsync(descriptor)
        finally:
            system.close(descriptor)
    except OSError as exc:
        raise unwritable(path, exc) from exc


def read(path: Path, *, system: System = OPERATING_SYSTEM) -> bytes | None:
    """
    Return the content of *path*; None when there is no such file.

    Raises:
        StoreError: There is one, and it cannot be read.

    """
    pieces = []
    offset = 0
    try:
        # A pipe that somebody has put there would be waited for.
        descriptor = system.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK, 0)
        try:
            while piece := system.pread(descriptor, _PIECE, offset):
                pieces.append(piece)
                offset += len(piece)
        finally:
            system.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise unreadable(path, exc) from exc
    return b"".join(pieces)


def remove(path: Path, *, system: System = OPERATING_SYSTEM) -> None:
    """
    Remove *path*; nothing happens when there is no such file.

    Raises:
        StoreUnwritable: It is still there.

    """
    try:
        with contextlib.suppress(FileNotFoundError):
            system.unlink(path)
        sync_folder(path.parent, system=system)
    except OSError as exc:
        raise unwritable(path, exc) from exc


def private_folder(path: Path) -> bool:
    """
    Make *path* a folder that only its owner can enter.

    Returns:
        Whether it was there and open to others until now.

    Raises:
        StoreUnwritable: It cannot be made, or is not ours.

    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = path.stat().st_mode
        was_open = bool(mode & 0o077)
        if was_open:
            path.chmod(0o700)
    except OSError as exc:
        raise unwritable(path, exc) from exc
    return was_open


_ADVICE: Final = {
    errno.ENOSPC: ("the disk is full", "Make room on it"),
    errno.EDQUOT: ("the quota of this user is used up", "Make room or raise it"),
    errno.EROFS: ("the file system is read-only", "Mount it for writing, or set store.path to another folder"),
    errno.EACCES: (
        "this user may not write here",
        "Give the folder to the user that runs slackkefu, or set store.path",
    ),
    errno.EPERM: ("this user may not change it", "Give the folder to the user that runs slackkefu, or set store.path"),
    errno.EIO: ("the disk reports a fault", "Replace it before anything else"),
    errno.EEXIST: ("it is a file, where a folder is needed", "Set store.path to a folder"),
    errno.ENOTDIR: ("a part of this path is a file, not a folder", "Set store.path to a folder"),
    errno.ENOENT: (
        "its folder is not there",
        "Restart slackkefu, which makes it, or set store.path to a folder that can be made",
    ),
    errno.EMFILE: ("too many files are open", "Raise LimitNOFILE of the service"),
    errno.ENFILE: ("too many files are open on this machine", "Raise fs.file-max"),
}


def unwritable(path: Path, exc: OSError) -> StoreUnwritable:
    """Say what happened, what it means, and what to do."""
    happened, advice = _ADVICE.get(
        exc.errno or 0, (exc.strerror or type(exc).__name__, "Mend the disk or set store.path")
    )
    return StoreUnwritable(
        path, f"cannot be written: {happened}. What is on disk is whole, what is new is not kept. {advice}."
    )


def unreadable(path: Path, exc: OSError) -> StoreError:
    """Say what happened, what it means, and what to do."""
    return StoreError(
        path,
        f"cannot be read ({exc.strerror}). The daemon needs every file of its store: mend the disk or the owner.",
    )


def broken(path: Path, exc: OSError) -> StoreBroken:
    """Say what a failed sync means, and what to do."""
    return StoreBroken(
        path,
        f"could not be synced ({exc.strerror}): what was written last may not be on disk. Nothing more is taken in; "
        "what was not acknowledged comes again from Slack and Easemob. Look at the disk, then start slackkefu again.",
    )
