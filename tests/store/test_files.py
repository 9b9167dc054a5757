"""Single files: whole or not at all, whichever system call fails; and sentences for people."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from slackkefu.errors import StoreError, StoreUnwritable
from slackkefu.store import files

OLD, NEW = b"what was there", b"what comes instead, in several writes"


class FailingSystem:
    """The operating system, whose *fatal*-th call fails, and which writes at most *most* bytes at a time."""

    def __init__(self, fatal: int, code: int = errno.EIO, most: int = 10) -> None:
        self._fatal = fatal
        self._code = code
        self._most = most
        self.calls: list[str] = []

    def open(self, path: Path, flags: int, mode: int) -> int:
        """Open, or fail."""
        self._count("open")
        return os.open(path, flags, mode)

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write some, or fail."""
        self._count("write")
        return os.write(descriptor, data[: self._most])

    def fsync(self, descriptor: int) -> None:
        """Sync, or fail."""
        self._count("fsync")
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close, and perhaps report a failure."""
        os.close(descriptor)  # the kernel closes, whatever it reports
        self._count("close")

    def replace(self, source: Path, target: Path) -> None:
        """Rename, or fail."""
        self._count("replace")
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """Remove a name; never the fault looked for."""
        path.unlink()

    pwrite = staticmethod(os.pwrite)
    pread = staticmethod(os.pread)
    ftruncate = staticmethod(os.ftruncate)
    names = staticmethod(os.listdir)

    def _count(self, call: str) -> None:
        self.calls.append(call)
        if len(self.calls) == self._fatal:
            raise OSError(self._code, os.strerror(self._code))


def open_files() -> int:
    """Count this process's descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file with old content."""
    path = tmp_path / "record.json"
    path.write_bytes(OLD)
    return path


def test_a_write_syncs_before_and_after_the_rename(path: Path) -> None:
    """The content is on disk before it has its name, and the name is on disk before the write returns."""
    system = FailingSystem(fatal=0)
    files.write_atomic(path, NEW, system=system)

    order = ["open", "write", "write", "write", "write", "fsync", "close", "replace", "open", "fsync", "close"]
    assert order == system.calls
    assert path.read_bytes() == NEW
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("fatal", range(1, 12))
def test_a_write_that_fails_leaves_the_old_or_the_new(path: Path, fatal: int) -> None:
    """Whichever system call fails, the file is whole, nothing lies beside it, and no descriptor stays open."""
    before = open_files()
    with pytest.raises(StoreUnwritable, match="the disk reports a fault"):
        files.write_atomic(path, NEW, system=FailingSystem(fatal))

    assert path.read_bytes() == (OLD if fatal <= 8 else NEW)
    assert [path] == list(path.parent.iterdir())
    assert before == open_files()


def test_what_a_crash_left_behind_is_overwritten(path: Path) -> None:
    """A half-written file of an earlier run neither stops a write nor gets into it."""
    leftover = path.with_name(".record.json.new")
    leftover.write_bytes(b"x" * 100)
    files.write_atomic(path, NEW)

    assert files.is_temporary(leftover)
    assert path.read_bytes() == NEW
    assert not leftover.exists()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "the disk is full. What is on disk is whole, what is new is not kept. Make room on it."),
        (errno.EROFS, "the file system is read-only."),
        (errno.EACCES, "this user may not write here."),
        (errno.EIO, "the disk reports a fault."),
        (errno.EDQUOT, "the quota of this user is used up."),
        (errno.EXDEV, "Invalid cross-device link."),
    ],
)
def test_a_fault_is_told_for_people(path: Path, code: int, said: str) -> None:
    """The usual faults of a disk say what happened, what it means and what to do; others at least what happened."""
    with pytest.raises(StoreUnwritable) as caught:
        files.write_atomic(path, NEW, system=FailingSystem(1, code))

    assert f"{path}: cannot be written: {said}" in str(caught.value)


def test_no_file_is_not_an_error(tmp_path: Path) -> None:
    """What is not there reads as None, and can be removed."""
    files.remove(tmp_path / "none")

    assert files.read(tmp_path / "none") is None


def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    """What is there but cannot be read is never taken for absent."""
    with pytest.raises(StoreError, match="cannot be read"):
        files.read(tmp_path)
    with pytest.raises(StoreUnwritable):
        files.remove(tmp_path)


def test_a_folder_open_to_others_is_closed(tmp_path: Path) -> None:
    """A store that others could enter is closed to them, and that is told."""
    (tmp_path / "open").mkdir(mode=0o755)

    assert files.private_folder(tmp_path / "open")
    assert stat.S_IMODE((tmp_path / "open").stat().st_mode) == 0o700
    assert not files.private_folder(tmp_path / "open")
    assert not files.private_folder(tmp_path / "deep" / "new")
    assert stat.S_IMODE((tmp_path / "deep" / "new").stat().st_mode) == 0o700


@pytest.mark.parametrize(("below", "said"), [("", "it is a file"), ("deeper", "a part of this path is a file")])
def test_a_file_in_the_place_of_the_folder_is_told(path: Path, below: str, said: str) -> None:
    """A file where the store should be is told as that."""
    with pytest.raises(StoreUnwritable, match=said):
        files.private_folder(path / below)


def test_a_folder_of_somebody_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that we may not close to others is no store."""
    (tmp_path / "theirs").mkdir(mode=0o755)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "chmod", refuse)
    with pytest.raises(StoreUnwritable, match="this user may not change it"):
        files.private_folder(tmp_path / "theirs")


def test_a_pipe_in_the_place_of_a_file(tmp_path: Path) -> None:
    """It is told, not waited for."""
    os.mkfifo(tmp_path / "x.json")
    with pytest.raises(StoreError):
        files.read(tmp_path / "x.json")
