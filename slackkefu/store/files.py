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

from slackkefu.errors import StoreError, StoreUnwritable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "OPERATING_SYSTEM",
    "System",
    "is_temporary",
    "private_folder",
    "read",
    "remove",
    "sync_folder",
    "unwritable",
    "write_atomic",
]

_TEMPORARY: Final = ".new"


class System(Protocol):
    """The system calls of a write, so that a test can let any of them fail."""

    def open(self, path: Path, flags: int, mode: int) -> int:
        """Open *path*, and return its descriptor."""
        ...

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write some of *data*, and return how much."""
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


@final
class _OperatingSystem:
    """The real ones."""

    open = staticmethod(os.open)
    write = staticmethod(os.write)
    fsync = staticmethod(os.fsync)
    close = staticmethod(os.close)
    replace = staticmethod(os.replace)


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
            temporary.unlink(missing_ok=True)
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


def read(path: Path) -> bytes | None:
    """
    Return the content of *path*; None when there is no such file.

    Raises:
        StoreError: There is one, and it cannot be read.

    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        reason = (
            f"cannot be read ({exc.strerror}). The daemon needs every file of its store: mend the disk or the owner."
        )
        raise StoreError(path, reason) from exc


def remove(path: Path) -> None:
    """
    Remove *path*; nothing happens when there is no such file.

    Raises:
        StoreUnwritable: It is still there.

    """
    try:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
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
