"""A store as a whole: its folder, its lock, its device, and what a crash leaves."""

from __future__ import annotations

import errno
import os
import random
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slackkefu.errors import StoreError, StoreLocked, StoreUnwritable
from slackkefu.net.network import TcpNetwork
from slackkefu.store import open_store
from slackkefu.store.device import resource
from slackkefu.store.lock import hold
from slackkefu.world import InlineDisk, World

if TYPE_CHECKING:
    from structlog.testing import LogCapture


@pytest.fixture(scope="module")
def world() -> World:
    """Return a world with a fixed date and seed."""
    return World(network=TcpNetwork(), disk=InlineDisk(), wall=lambda: 1_490_000_000.0, chance=random.Random(1))


def test_a_new_store_is_for_its_owner_alone(tmp_path: Path, world: World) -> None:
    """Every folder is 0700 and every file 0600, whatever the umask."""
    old = os.umask(0)
    try:
        with open_store(tmp_path / "deep" / "store", world) as store:
            assert store.installations.bots() == ([], [])
            assert store.visitors.load_all() == ([], [])
    finally:
        os.umask(old)
    inside = [store.path, *store.path.rglob("*")]

    assert {stat.S_IMODE(path.stat().st_mode) for path in inside if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in inside if path.is_file()} == {0o600}


def test_a_store_open_to_others_is_closed_and_told(tmp_path: Path, world: World, log: LogCapture) -> None:
    """An existing folder that others could enter is repaired, with a warning."""
    tmp_path.chmod(0o755)
    with open_store(tmp_path, world):
        pass

    assert ["store.closed_to_others"] == [line["event"] for line in log.entries]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_folder_of_others_is_left_as_it_is(tmp_path: Path, world: World) -> None:
    """A folder that others use, like /tmp, does not become a store, and is not closed to them."""
    (tmp_path / "theirs").touch()
    tmp_path.chmod(0o1777)
    with pytest.raises(StoreError, match="no store"), open_store(tmp_path, world):
        pass

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777
    assert ["theirs"] == [each.name for each in tmp_path.iterdir()]


def test_the_device_is_made_once(tmp_path: Path, world: World) -> None:
    """The device of a store has a random name that never changes."""
    with open_store(tmp_path / "a", world) as store:
        first = store.resource
    with open_store(tmp_path / "a", world) as store:
        assert first == store.resource
    with open_store(tmp_path / "b", world) as store:
        assert first != store.resource

    assert first.startswith("slackkefu-")
    assert len(first) == len("slackkefu-") + 16


def test_a_damaged_device_is_made_anew(tmp_path: Path, log: LogCapture) -> None:
    """A device name that cannot be read is replaced, and that is told."""
    (tmp_path / "damaged").mkdir()
    (tmp_path / "device.json").write_text("{}")
    made = resource(tmp_path, chance=random.Random(2))

    assert resource(tmp_path, chance=random.Random(3)) == made
    assert ["store.damaged"] == [line["event"] for line in log.entries]


def test_what_a_crash_left_behind_is_cleared(tmp_path: Path, world: World) -> None:
    """Half-written files of an earlier run may hold tokens; they go."""
    with open_store(tmp_path, world):
        pass
    leftover = tmp_path / "tokens" / ".app.json.new"
    leftover.touch()
    with open_store(tmp_path, world):
        assert not leftover.exists()


def test_a_second_daemon_is_told_who_holds_the_store(tmp_path: Path, world: World) -> None:
    """The second of two is refused and names the first; once that is gone, the store is free."""
    with open_store(tmp_path, world):
        code = (
            "import sys; from pathlib import Path; from slackkefu.store.lock import hold\n"
            "with hold(Path(sys.argv[1]), now=0.0): pass"
        )
        second = subprocess.run(  # noqa: S603 - our own code
            [sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True
        )
        assert second.returncode == 1
        assert f"in use by process {os.getpid()}, started 2017-03-20T08:53:20+00:00." in second.stderr
        assert "Stop the other one, or give this one its own store.path." in second.stderr

        with pytest.raises(StoreLocked), open_store(tmp_path, world):
            pass

    with hold(tmp_path, now=0.0):
        pass


def test_a_lock_that_cannot_be_had_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system knows no locks, or no file can be made, that is told and nothing stays open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(StoreUnwritable, match="its folder is not there"), hold(tmp_path / "none", now=0.0):
        pass

    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(StoreUnwritable, match="No locks available"), hold(tmp_path, now=0.0):
        pass
    assert before == len(list(Path("/proc/self/fd").iterdir()))
