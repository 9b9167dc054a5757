"""The store, as it is seen from outside: folder, owner, room, lock, damage, contents."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from slackkefu.doctor.report import failure, ok, warning
from slackkefu.store.spill import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from slackkefu.doctor.report import Finding
    from slackkefu.store.inspection import Contents, Folder, Inspection

__all__ = ["examine_store"]

LEAST_BYTES: Final = 16 * 2**20
"""With less the disk counts as full: what the journals of some minutes take."""
LEAST_FILES: Final = 1000
SHOWN: Final = 3

_NOT_KEPT: Final = "no message can be kept, so none is acknowledged; the daemon does not start"


def examine_store(seen: Inspection, *, user: int | None = None) -> Iterator[Finding]:
    """
    Say what is to be said of a store.

    Args:
        seen: What was seen of it.
        user: Who looks; by default the user of this process.

    """
    user = os.geteuid() if user is None else user
    if seen.folder is None:
        yield _not_there(seen, user)
        yield from _room(seen)
        return
    yield _folder(seen, seen.folder, user)
    yield from _private(seen.path, seen.folder)
    yield from _room(seen)
    if seen.holder is not None:
        yield _lock(seen)
    if seen.contents is not None:
        yield from _damaged(seen, seen.contents)
        yield _contents(seen.contents)


def _not_there(seen: Inspection, user: int) -> Finding:
    if seen.problem:
        return failure(
            "store.folder",
            f"{seen.path} cannot be looked at: {seen.problem}",
            means="it is not known whether the daemon can work with it",
            do="run this as the user who runs slackkefu, or as root; or set store.path to a folder",
        )
    if seen.room is not None and seen.room.is_read_only:
        return failure(
            "store.folder",
            f"{seen.path} is not there, and its file system is read-only",
            means=_NOT_KEPT,
            do="mount it for writing, or set store.path to another folder",
        )
    if not os.access(seen.parent, os.W_OK | os.X_OK):
        return failure(
            "store.folder",
            f"{seen.path} is not there, and user {user} may not make it in {seen.parent}",
            means="the daemon does not start where it runs as this user",
            do="make the folder for the user who runs slackkefu, or set store.path; the unit makes its own",
        )
    return ok("store.folder", f"{seen.path} is not there yet; the first start makes it")


def _folder(seen: Inspection, folder: Folder, user: int) -> Finding:
    whose = f"of user {folder.owner}" + ("" if user == folder.owner else f", looked at as user {user}")
    if seen.problem and not (user == folder.owner and folder.foreign):
        do = f"run this as user {folder.owner}, or as root; if the daemon runs as user {user}, give the folder to it"
        if user == folder.owner:
            do = f"chmod -R u+rwX {seen.path}; where that does not help, look at the disk"
        return failure(
            "store.folder",
            f"{seen.path} ({whose}) cannot be read: {seen.problem}",
            means="where the daemon runs as this user it does not start",
            do=do,
        )
    if seen.room is not None and seen.room.is_read_only:
        return failure(
            "store.folder",
            f"the file system of {seen.path} is read-only",
            means=_NOT_KEPT,
            do="look at the disk, then mount it for writing; or set store.path to another folder",
        )
    if folder.unwritable:
        return failure(
            "store.folder",
            f"its owner, user {folder.owner}, may not write {_some(seen.path, folder.unwritable)}",
            means=_NOT_KEPT,
            do=f"chmod u+rwx {folder.unwritable[0]}",
        )
    if folder.foreign:
        return failure(
            "store.folder",
            f"user {folder.owner} owns {seen.path}, but not {_some(seen.path, folder.foreign)}",
            means="the daemon cannot write these, and may not start",
            do=f"chown -R --no-dereference {folder.owner} {seen.path}",
        )
    if user not in {0, folder.owner}:
        return warning(
            "store.folder",
            f"{seen.path} is {whose}",
            means=f"a daemon that runs as user {user} cannot write it",
            do=f"run slackkefu as user {folder.owner}, or give the folder to user {user}",
        )
    return ok("store.folder", f"{seen.path}, {whose}, can be written")


def _private(path: Path, folder: Folder) -> Iterator[Finding]:
    if not folder.open_to_others:
        yield ok("store.private", "for its owner alone")
    elif folder.open_to_others[0] == path:
        yield warning(
            "store.private",
            f"{path} is open to other users of this machine",
            means="they may read tokens and customers' words",
            do=f"chmod 0700 {path}",
        )
    else:
        yield warning(
            "store.private",
            f"open to other users, but for the folder around it: {_some(path, folder.open_to_others)}",
            means="whoever gets a copy of it, a backup for example, may read tokens and customers' words",
            do=f"chmod -R go= {path}",
        )


def _room(seen: Inspection) -> Iterator[Finding]:
    if seen.room is None:
        return
    used = seen.contents.spill_bytes if seen.contents is not None else 0
    left, wanted = seen.room.bytes, MAX_BYTES - used
    said = f"{_mib(left)} free"
    if left < LEAST_BYTES or seen.room.files == 0:
        yield failure(
            "store.space",
            said if seen.room.files else "no room for another file",
            means="the disk is full: Slack's messages are kept as marks only, clicks are refused, answers wait",
            do=f"make room on the disk of {seen.parent}",
        )
    elif left < wanted:
        yield warning(
            "store.space",
            f"{said}, less than the {_mib(wanted)} that the spill may yet take",
            means="while Easemob is away for long the disk may become full",
            do=f"make room on the disk of {seen.parent}",
        )
    elif seen.room.files is not None and seen.room.files < LEAST_FILES:
        yield warning(
            "store.space",
            f"{said}, but room for {seen.room.files} more files only",
            means="each new visitor takes two files",
            do=f"remove files on the disk of {seen.parent}",
        )
    else:
        yield ok("store.space", said)


def _lock(seen: Inspection) -> Finding:
    held = seen.holder
    if held is None or held.is_held is None:
        return ok("store.lock", "whether a daemon works on it is not told by this machine")
    if not held.is_held:
        return ok("store.lock", "no daemon works on it now")
    number = f" (process {held.process})" if held.process is not None else ""
    return ok("store.lock", f"a daemon works on it{number}; it is left alone")


def _damaged(seen: Inspection, contents: Contents) -> Iterator[Finding]:
    for damage in contents.damaged_installations:
        yield failure(
            "store.damaged",
            f"the installation in {_under(seen.path, damage.path)} cannot be read",
            about=damage.name,
            means="this workspace gets no messages",
            do="install the app there again: slackkefu install",
        )
    others = len(contents.damages) - len(contents.damaged_installations)
    counts = {
        f"{others} records of visitors or tokens": others,
        f"{contents.unsound_lines} lines of journals or the spill": contents.unsound_lines,
        f"{contents.aside_as_damaged} files in {seen.path / 'damaged'}": contents.aside_as_damaged,
    }
    found = [said for said, count in counts.items() if count]
    if found:
        yield warning(
            "store.damaged",
            f"cannot be read, or was set aside: {', '.join(found)}",
            means="a visitor's record: their answers go nowhere until they write again; a line: a message may be lost, "
            "or come twice",
            do="look for store.damaged in the log, then at the disk; remove what is in damaged/ when it is dealt with",
        )
    elif not contents.damaged_installations:
        yield ok("store.damaged", "all of it can be read" if contents.is_whole else "what was looked at can be read")


def _contents(contents: Contents) -> Finding:
    said = (
        f"{len(contents.bots)} installations, {len(contents.visitors)} visitors; {contents.spilled} messages wait for "
        f"the desk, {contents.incoming} for Slack"
    )
    if contents.aside:
        return warning(
            "store.contents",
            f"{said}; {contents.aside} set aside",
            means="what is set aside could not be brought over; its writers were told",
            do="look for message.set_aside in the log, and at the folder aside",
        )
    return ok("store.contents", said)


def _some(path: Path, found: Sequence[Path]) -> str:
    names = ", ".join(_under(path, each) for each in found[:SHOWN])
    return names if len(found) <= SHOWN else f"{names} and {len(found) - SHOWN} more"


def _under(path: Path, each: Path) -> str:
    return str(each.relative_to(path)) if each != path and each.is_relative_to(path) else str(each)


def _mib(size: int) -> str:
    return f"{size >> 20} MiB"
