"""
One daemon a store.

Two would log in as the same visitors with the same device and end each other's sessions, for ever. The lock is the
kernel's (``flock``), so it is free again whatever way its holder ends; the text in it only tells people who holds it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slackkefu.errors import StoreLocked
from slackkefu.store.files import unwritable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LOCK", "Holder", "hold", "holder"]

LOCK: Final = "lock"
"""Name of the lock in the store's folder."""


@contextlib.contextmanager
def hold(root: Path, *, now: float) -> Iterator[None]:
    """
    Hold the lock of the store *root* inside a ``with`` block.

    Args:
        root: The store's folder.
        now: Wall clock, seconds; told to whoever comes second.

    Raises:
        StoreLocked: Another process holds it; names that process.
        StoreUnwritable: The lock file cannot be opened.

    """
    path = root / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as exc:
        raise unwritable(path, exc) from exc
    try:
        _take(root, descriptor, now)
        yield
    finally:
        # Closing the file frees the lock. The file stays: removing it could take a third process's lock away.
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock of a store, as seen from outside."""

    is_held: bool | None
    """None where this machine does not tell."""
    process: int | None = None
    """The holder's number, where it is known."""


def holder(root: Path, *, proc: Path = Path("/proc")) -> Holder:
    """
    Look who holds the lock of the store *root*, without taking it; blocks.

    Taking it, even shared and for a moment, could make a daemon fail that starts just then. So the kernel's own list is
    read, which shows what is in the same process namespace.

    Raises:
        OSError: The store cannot be looked at.

    """
    path = root / LOCK
    try:
        file = path.stat()
        said = re.match(r"process (\d+)", path.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return Holder(is_held=False)
    try:
        lines = (proc / "locks").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return Holder(is_held=None)
    # "1: FLOCK  ADVISORY  WRITE 4711 08:01:262154 0 EOF": process, device and inode.
    device = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}"
    for fields in (line.split() for line in lines if "FLOCK" in line and "->" not in line):
        if len(fields) < 6 or not fields[4].isdecimal() or not fields[5].endswith(f":{file.st_ino}"):
            continue
        # Some file systems are of another device there than stat() says; then the process has to be the right one.
        process = int(fields[4])
        if fields[5].startswith(device) or (said is not None and int(said[1]) == process):
            return Holder(is_held=True, process=process or None)
    return Holder(is_held=False)


def _take(root: Path, descriptor: int, now: float) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        started = dt.datetime.fromtimestamp(now, tz=dt.UTC).isoformat(timespec="seconds")
        os.pwrite(descriptor, f"process {os.getpid()}, started {started}\n".encode(), 0)
    except BlockingIOError:
        holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "a process that has just started"
        raise StoreLocked(
            root,
            f"in use by {holder}. One slackkefu works on a store: nothing was started. "
            "Stop the other one, or give this one its own store.path.",
        ) from None
    except OSError as exc:
        raise unwritable(root / LOCK, exc) from exc
