"""A store seen from outside: the truth, and nothing touched."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest
from slack_sdk.oauth.installation_store import Bot

from slackkefu.credentials import StoredToken
from slackkefu.secret import Secret
from slackkefu.store import Store, open_store
from slackkefu.store.inspection import inspect
from slackkefu.store.lock import holder
from slackkefu.store.segments import look
from slackkefu.store.spill import Piece
from slackkefu.store.visitors import VisitorRecord
from slackkefu.world import InlineDisk, World
from tests.net.streams import MemoryNetwork

if TYPE_CHECKING:
    from pathlib import Path


def bot(team: str) -> Bot:
    """Return a bot in a workspace."""
    return Bot(
        team_id=team,
        bot_token=f"xoxb-{team}",
        bot_id="B1",
        bot_user_id="U1",
        bot_scopes=["chat:write"],
        installed_at=1.0,
    )


def visitor(name: str) -> VisitorRecord:
    """Return a visitor."""
    team, user, channel = name.upper().split("_")
    return VisitorRecord(im_user=name, team=team, user=user, channel=channel)


def everything(path: Path) -> dict[str, tuple[float, int, bytes]]:
    """Return all files: when they were changed, their modes, what is in them."""
    files = [each for each in path.rglob("*") if each.is_file()]
    return {str(each): (each.stat().st_mtime_ns, each.stat().st_mode, each.read_bytes()) for each in files}


async def filled(store: Store) -> None:
    """Put something of each kind into a store."""
    store.installations.save_bot(bot("T1"))
    store.visitors.save(visitor("t1_u1_d1"))
    await store.tokens.save_app(StoredToken(Secret("app"), 0.0, 100.0))
    numbers = await store.spill.put(*(Piece("t1_u1_d1", f"k{number}", b"{}") for number in range(3)))
    store.spill.done(numbers[0])
    await store.spill.flush()
    await store.aside.put(Piece("t1_u1_d1", "k", b"{}"))


@pytest.fixture
def world() -> World:
    """A world without threads."""
    return World(network=MemoryNetwork(), disk=InlineDisk(), wall=lambda: 1_760_000_000.0)


async def test_what_is_there_is_counted(tmp_path: Path, world: World) -> None:
    """Installations, visitors, and what waits, as the daemon would find them."""
    path = tmp_path / "store"
    with open_store(path, world) as store:
        await filled(store)
        seen = inspect(path)

    assert seen.contents is not None
    assert ["T1"] == [each.team_id for each in seen.contents.bots]
    assert ["t1_u1_d1"] == [each.im_user for each in seen.contents.visitors]
    assert (2, 1, 0) == (seen.contents.spilled, seen.contents.aside, seen.contents.incoming)
    assert seen.contents.spill_bytes > 0
    assert seen.contents.is_whole
    assert not seen.contents.damages


async def test_nothing_is_touched(tmp_path: Path, world: World) -> None:
    """Damaged things stay in their place, cut ends are not cut off, no file is made, and the lock is not taken."""
    path = tmp_path / "store"
    with open_store(path, world) as store:
        await filled(store)
    (path / "visitors" / "t2_u2_d2.json").write_bytes(b"{")
    (path / "installations" / "none-T2.json").write_bytes(b"")
    (path / "tokens" / "app.json").write_bytes(b"7")
    (segment,) = (path / "spill").glob("*.jsonl")
    segment.write_bytes(segment.read_bytes() + b'{"v":1,"c"')
    before = everything(path)
    seen = inspect(path)

    assert before == everything(path)
    assert seen.contents is not None
    assert ["none-T2", "t2_u2_d2", "app"] == [damage.name for damage in seen.contents.damages]
    assert ["none-T2"] == [damage.name for damage in seen.contents.damaged_installations]
    assert 0 == seen.contents.unsound_lines
    with open_store(path, world):
        pass


async def test_what_was_mended_is_not_damaged(tmp_path: Path, world: World) -> None:
    """A record that was written anew counts, whatever was set aside under its name."""
    path = tmp_path / "store"
    with open_store(path, world) as store:
        (path / "damaged" / "installations" / "none-T1.json").write_bytes(b"{")
        before = inspect(path).contents
        store.installations.save_bot(bot("T1"))
        after = inspect(path).contents

    assert before is not None
    assert after is not None
    assert (["none-T1"], []) == ([each.name for each in before.damages], [each.name for each in after.damages])
    assert 1 == after.aside_as_damaged


async def test_a_store_in_use_says_who_uses_it(tmp_path: Path, world: World) -> None:
    """The holder is told by the kernel's own list; a lock file that nobody holds says nothing."""
    path = tmp_path / "store"
    with open_store(path, world):
        held = holder(path)
    free = holder(path)

    assert (True, os.getpid()) == (held.is_held, held.process)
    assert (False, None) == (free.is_held, free.process)


def test_a_number_that_was_given_again_is_no_holder(tmp_path: Path) -> None:
    """A process that holds another lock is not taken for the daemon, though it has the number it had."""
    (tmp_path / "lock").write_text(f"process {os.getpid()}, started long ago\n", encoding="utf-8")
    (tmp_path / "other").touch()
    with (tmp_path / "other").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        found = holder(tmp_path)

    assert found.is_held is False


def test_without_the_kernels_list_it_is_not_told(tmp_path: Path) -> None:
    """Where there is no /proc nobody knows."""
    (tmp_path / "lock").touch()

    assert holder(tmp_path, proc=tmp_path / "proc").is_held is None
    assert holder(tmp_path / "nowhere").is_held is False


def test_modes_and_owners(tmp_path: Path, world: World) -> None:
    """What is open to others, and what its owner may not write, is named."""
    path = tmp_path / "store"
    with open_store(path, world):
        pass
    (path / "device.json").chmod(0o640)
    (path / "spill").chmod(0o500)
    seen = inspect(path)

    assert seen.folder is not None
    assert (path / "device.json",) == seen.folder.open_to_others
    assert (path / "spill",) == seen.folder.unwritable
    assert () == seen.folder.foreign
    assert os.geteuid() == seen.folder.owner


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    """The room is that of the nearest folder above it."""
    seen = inspect(tmp_path / "a" / "store")

    assert seen.folder is None
    assert seen.contents is None
    assert tmp_path == seen.parent
    assert seen.room is not None


def test_a_store_that_cannot_be_looked_at(tmp_path: Path) -> None:
    """A file in its place, and a disk that fails, are told in words."""

    def fails(_: Path) -> os.statvfs_result:
        raise OSError(5, "Input/output error")

    (tmp_path / "file").touch()

    assert "is a file" in inspect(tmp_path / "file").problem
    assert "Input/output error" == inspect(tmp_path, statvfs=fails).problem


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    """The daemon could not make a folder there, so it is not called one that is yet to be made."""
    path = tmp_path / "store"
    path.symlink_to(tmp_path / "gone")

    assert "leads nowhere" in inspect(path).problem


def test_of_many_segments_the_oldest_are_looked_at(tmp_path: Path) -> None:
    """Looking is bounded, and says that there is more."""
    for number in range(3):
        (tmp_path / f"{number:012}.jsonl").write_bytes(b"x" * 100)
    whole, part = look(tmp_path, most_bytes=1000, keep=True), look(tmp_path, most_bytes=150, keep=True)

    assert (True, 300) == (whole.is_whole, whole.bytes)
    assert (False, 200) == (part.is_whole, part.bytes)
