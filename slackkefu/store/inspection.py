"""
Looking at a store from outside, while a daemon may work on it.

Nothing is written, moved or locked. What is read may change under our eyes: a file that goes away in between was over,
and the end of a segment that is being written is not damage.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from slackkefu.errors import StoreError
from slackkefu.store.installations import JsonInstallationStore
from slackkefu.store.lock import Holder, holder
from slackkefu.store.opened import ASIDE, INCOMING, KEFU, SLACK, SPILL
from slackkefu.store.records import DAMAGED
from slackkefu.store.segments import look
from slackkefu.store.spill import pending
from slackkefu.store.tokens import damaged_tokens
from slackkefu.store.visitors import VisitorStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slack_sdk.oauth.installation_store import Bot

    from slackkefu.store.records import Damage
    from slackkefu.store.visitors import VisitorRecord

__all__ = ["Contents", "Folder", "Inspection", "Room", "inspect"]

MOST_BYTES: Final = 128 * 2**20
"""Of one folder of segments; what is more is not looked at."""


@final
@dataclass(frozen=True, slots=True)
class Room:
    """What the store's disk has left for whoever owns the store."""

    bytes: int
    files: int | None
    """None where the file system does not count them."""
    is_read_only: bool


@final
@dataclass(frozen=True, slots=True)
class Folder:
    """The folder, and everything in it by its names."""

    owner: int
    """The user who owns it."""
    unwritable: tuple[Path, ...]
    """Folders that their owner may not write."""
    foreign: tuple[Path, ...]
    """What belongs to somebody else than the folder does."""
    open_to_others: tuple[Path, ...]
    """What others on this machine may read or write."""


@final
@dataclass(frozen=True, slots=True)
class Contents:
    """What is in it."""

    bots: tuple[Bot, ...] = ()
    """Of every installation, the one installed last at the end; they hold tokens."""
    visitors: tuple[VisitorRecord, ...] = ()
    damages: tuple[Damage, ...] = ()
    """Records that cannot be read, installations among them, set aside or still in their place."""
    damaged_installations: tuple[Damage, ...] = ()
    aside_as_damaged: int = 0
    """Files in the folder for damaged things."""
    unsound_lines: int = 0
    """Lines of journals and the spill that cannot be read."""
    spilled: int = 0
    """Customers' messages that are acknowledged to Slack, and wait for the desk."""
    aside: int = 0
    """Messages that could not be brought over."""
    incoming: int = 0
    """Agents' answers that came by the desk's own API, and are not in Slack yet."""
    spill_bytes: int = 0
    is_whole: bool = True
    """Everything was looked at."""


@final
@dataclass(frozen=True, slots=True)
class Inspection:
    """What was seen of a store."""

    path: Path
    room: Room | None
    """Of its disk; of the nearest folder above it where it is not there."""
    parent: Path
    """That nearest folder, or the store itself."""
    folder: Folder | None = None
    """None where there is no store."""
    holder: Holder | None = None
    contents: Contents | None = None
    """None where there is no store, or it cannot be read."""
    problem: str = ""
    """Why it cannot be looked at."""


def inspect(
    path: Path, *, statvfs: Callable[[Path], os.statvfs_result] = os.statvfs, proc: Path = Path("/proc")
) -> Inspection:
    """Look at the store in *path*; blocks on files, raises nothing."""
    try:
        parent = next(each for each in (path, *path.parents) if each.exists())
        room = _room(statvfs(parent))
    except OSError as exc:
        return Inspection(path, None, path, problem=exc.strerror or type(exc).__name__)
    if parent != path and path.is_symlink():
        return Inspection(path, room, parent, problem="it is a link that leads nowhere")
    if parent != path:
        return Inspection(path, room, parent)
    folder, held = None, None
    try:
        folder = _folder(path)
        held = holder(path, proc=proc)
        return Inspection(path, room, path, folder, held, _contents(path))
    except StoreError as exc:
        return Inspection(path, room, path, folder, held, problem=str(exc))
    except OSError as exc:
        return Inspection(path, room, path, folder, held, problem=exc.strerror or type(exc).__name__)


def _room(found: os.statvfs_result) -> Room:
    return Room(
        bytes=found.f_bavail * found.f_frsize,
        files=found.f_favail if found.f_files else None,
        is_read_only=bool(found.f_flag & os.ST_RDONLY),
    )


def _folder(path: Path) -> Folder:
    if not path.is_dir():
        raise StoreError(path, "is a file, where a folder is needed.")
    owner = path.stat().st_uid
    unwritable, foreign, open_to_others = [], [], []
    for each, found in _everything(path):
        if stat.S_ISDIR(found.st_mode) and found.st_mode & 0o300 != 0o300:
            unwritable.append(each)
        if found.st_uid != owner:
            foreign.append(each)
        if not stat.S_ISLNK(found.st_mode) and found.st_mode & 0o077:
            open_to_others.append(each)
    return Folder(owner, tuple(unwritable), tuple(foreign), tuple(open_to_others))


def _everything(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the folder and all in it; raises OSError where a folder cannot be listed."""
    yield path, path.stat()
    folders = [path]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                each = path / entry.path
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield each, found
                if stat.S_ISDIR(found.st_mode):
                    folders.append(each)


def _contents(path: Path) -> Contents:
    bots, damaged_bots = JsonInstallationStore(path).peek()
    visitors, damaged_visitors = VisitorStore(path).peek()
    unsound, spill_bytes, is_whole = 0, 0, True
    waiting = {}
    for name in (SLACK, KEFU, SPILL, ASIDE, INCOMING):
        seen = look(path / name, most_bytes=MOST_BYTES, keep=name in {SPILL, ASIDE, INCOMING})
        waiting[name] = pending(seen.records)
        unsound, is_whole = unsound + seen.unsound, is_whole and seen.is_whole
        spill_bytes += seen.bytes if name == SPILL else 0
    return Contents(
        bots=tuple(bots),
        visitors=tuple(visitors),
        damages=(*damaged_bots, *damaged_visitors, *damaged_tokens(path)),
        damaged_installations=tuple(damaged_bots),
        aside_as_damaged=sum(1 for each in (path / DAMAGED).rglob("*") if each.is_file()),
        unsound_lines=unsound,
        spilled=waiting[SPILL],
        aside=waiting[ASIDE],
        incoming=waiting[INCOMING],
        spill_bytes=spill_bytes,
        is_whole=is_whole,
    )
