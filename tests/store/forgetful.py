"""
A disk that forgets.

Files as a kernel keeps them: what was written is seen at once, and lasts only once it is synced; a name, a renaming or
a removal lasts only once its folder is. :meth:`Forgetful.crash` gives the disk as it is found after a power cut: of
what was not synced nothing, everything or a beginning is left, as chance has it. The *fatal*-th system call does not
return.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

__all__ = ["Crash", "Forgetful"]


class Crash(BaseException):
    """The power is cut."""


@dataclass(eq=False)
class _Node:
    """A file's content: as it is seen, and as it lasts."""

    seen: bytearray = field(default_factory=bytearray)
    lasting: bytes = b""


@dataclass(eq=False)
class _Open:
    """An open file or folder."""

    path: Path
    node: _Node | None
    at: int = 0


class Forgetful:
    """
    System calls on files that exist in memory only.

    Args:
        fatal: Which call is the last one, counted from 1; 0 for none.
        code: When given, the fatal call fails with this error instead, and life goes on.

    """

    def __init__(self, *, fatal: int = 0, code: int = 0) -> None:
        self.calls = 0
        self._fatal = fatal
        self._code = code
        self._seen: dict[Path, _Node] = {}
        self._lasting: dict[Path, _Node] = {}
        self._open: dict[int, _Open] = {}

    def heal(self) -> None:
        """Let no call fail any more."""
        self._fatal = 0

    def crash(self, chance: Random) -> Forgetful:
        """Return the disk as it is found after a power cut now."""
        found = Forgetful()
        names = dict(self._lasting)
        for path in sorted({*self._seen, *self._lasting}):
            # Each change of a name may have reached the disk by itself or not.
            if self._seen.get(path) is not self._lasting.get(path) and chance.random() < 1 / 2:
                if path in self._seen:
                    names[path] = self._seen[path]
                else:
                    names.pop(path, None)
        for path, node in names.items():
            left = self._left(node, chance)
            found._seen[path] = found._lasting[path] = _Node(bytearray(left), left)
        return found

    @staticmethod
    def _left(node: _Node, chance: Random) -> bytes:
        """Return what is left of a file: at least what was synced, where it was only added to."""
        synced, seen = node.lasting, bytes(node.seen)
        if not seen.startswith(synced):
            return chance.choice([synced, seen])
        return seen[: chance.choice([len(synced), len(seen), chance.randint(len(synced), len(seen))])]

    # The calls.

    def open(self, path: Path, flags: int, mode: int) -> int:
        """Open a file, made where it may be; or a folder."""
        assert mode in (0, 0o600)
        self._count()
        if flags & os.O_DIRECTORY:
            return self._opened(_Open(path, None))
        node = self._seen.get(path)
        if node is None and not flags & os.O_CREAT:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        if node is not None and flags & os.O_EXCL:
            raise FileExistsError(errno.EEXIST, "there already", str(path))
        if node is None:
            node = self._seen[path] = _Node()
        if flags & os.O_TRUNC:
            node.seen.clear()
        return self._opened(_Open(path, node))

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write at the place reached."""
        opened = self._open[descriptor]
        written = self.pwrite(descriptor, data, opened.at)
        opened.at += written
        return written

    def pwrite(self, descriptor: int, data: memoryview, offset: int) -> int:
        """Write some of *data*, in two pieces where it is long."""
        piece = bytes(data[: max(1, len(data) // 2)]) if len(data) > 100 else bytes(data)
        node = self._node(descriptor)
        node.seen[offset : offset + len(piece)] = piece
        self._count()
        return len(piece)

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        """Read."""
        return bytes(self._node(descriptor).seen[offset : offset + size])

    def ftruncate(self, descriptor: int, size: int) -> None:
        """Cut."""
        self._count()
        del self._node(descriptor).seen[size:]

    def fsync(self, descriptor: int) -> None:
        """Make a file's content last, or the names of a folder."""
        self._count()
        opened = self._open[descriptor]
        if opened.node is not None:
            opened.node.lasting = bytes(opened.node.seen)
            return
        for names, other in ((self._seen, self._lasting), (self._lasting, self._seen)):
            for path in [*names]:
                if path.parent == opened.path and other is self._lasting:
                    self._lasting[path] = self._seen[path]
                elif path.parent == opened.path and path not in self._seen:
                    del self._lasting[path]

    def close(self, descriptor: int) -> None:
        """Close."""
        del self._open[descriptor]

    def replace(self, source: Path, target: Path) -> None:
        """Rename over *target*."""
        self._count()
        self._seen[target] = self._seen.pop(source)

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        self._count()
        if path not in self._seen:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        del self._seen[path]

    def names(self, folder: Path) -> list[str]:
        """List."""
        return [path.name for path in self._seen if path.parent == folder]

    def _opened(self, opened: _Open) -> int:
        descriptor = max(self._open, default=100) + 1
        self._open[descriptor] = opened
        return descriptor

    def _node(self, descriptor: int) -> _Node:
        node = self._open[descriptor].node
        assert node is not None
        return node

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self._fatal and self._code:
            raise OSError(self._code, os.strerror(self._code))
        if self._fatal and self.calls >= self._fatal and not self._code:
            raise Crash
