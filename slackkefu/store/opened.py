"""Open a store: make its folders, take its lock, clear what a crash left behind."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import structlog

from slackkefu.errors import StoreError
from slackkefu.store import erasures, files, installations, presence, tokens, visitors
from slackkefu.store.alive import AliveFile
from slackkefu.store.device import resource
from slackkefu.store.entries import KefuEntry, SlackEntry
from slackkefu.store.journal import Journal
from slackkefu.store.lock import LOCK, hold
from slackkefu.store.records import DAMAGED
from slackkefu.store.reserve import Reserve
from slackkefu.store.segments import Segments
from slackkefu.store.spill import Spill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slackkefu.world import World

__all__ = ["Store", "open_store"]

log = structlog.get_logger()

SLACK: Final = "journal-slack"
KEFU: Final = "journal-kefu"
SPILL: Final = "spill"
ASIDE: Final = "aside"
INCOMING: Final = "incoming"
RESERVE: Final = "reserve"

_RECORDS: Final = (installations.FOLDER, visitors.FOLDER, tokens.FOLDER, tokens.USERS, presence.FOLDER, erasures.FOLDER)
_APPENDED: Final = {
    SLACK: "a message that had reached the desk may be sent once more, under the same ids",
    KEFU: "an answer may be looked for in Slack, or posted once more",
    SPILL: "a message of a customer's that Slack was told we have; it is lost, its line is kept here",
    ASIDE: "a message that had been set aside; its line is kept here",
    INCOMING: "an agent's answer that the second channel has handed out; it may be lost, its line is kept here",
}
"""The folders that lines are added to, and what an unreadable line means."""

_NOBODYS: Final = {"lost+found"}
"""What an empty file system holds."""

SLACK_S: Final = 25 * 3600.0
"""
Slack repeats an event for a day at most, where the app has Delayed Events (facts/slack.md §2).

Counted from the low-water mark, see :mod:`slackkefu.bridge.absence.marks`: from there on the history may be read again.
"""

KEFU_S: Final = 8 * 24 * 3600.0
"""Longer than Easemob keeps waiting messages on most plans (facts/easemob-rest.md §9.3)."""


@final
@dataclass(frozen=True, slots=True)
class Store:
    """An open store; the lock of its folder is held."""

    path: Path
    resource: str
    """Name of the one IM device of this store."""
    installations: installations.JsonInstallationStore
    visitors: visitors.VisitorStore
    tokens: tokens.JsonTokenStore
    slack_journal: Journal[SlackEntry]
    kefu_journal: Journal[KefuEntry]
    spill: Spill
    aside: Spill
    """Messages that could not be brought over, for a person to look at."""
    incoming: Spill
    """Answers that were handed out by the second channel, until they are in Slack."""
    alive: AliveFile
    presence: presence.PresenceStore
    reserve: Reserve
    erasures: erasures.ErasureStore


@contextlib.contextmanager
def open_store(path: Path, world: World) -> Iterator[Store]:
    """
    Open the store in *path* for a ``with`` block, and make it when there is none.

    Blocks on files; meant for the start of the daemon, before anything else runs.

    Raises:
        StoreLocked: Another daemon works there.
        StoreError: The folder or a file in it cannot be used, or it is others' too.

    """
    _spare_others(path)
    if files.private_folder(path):
        log.warning(
            "store.closed_to_others", path=str(path), meaning="others on this machine could read tokens until now"
        )
    with hold(path, now=world.wall()):
        for folder in ("", *_RECORDS, *_APPENDED):
            for each in (path / folder, path / DAMAGED / folder):
                files.private_folder(each)
        for leftover in filter(files.is_temporary, path.rglob(".*")):
            files.remove(leftover)
        yield Store(
            path=path,
            resource=resource(path, chance=world.chance),
            installations=installations.JsonInstallationStore(path),
            visitors=visitors.VisitorStore(path),
            tokens=tokens.JsonTokenStore(path, world.disk),
            slack_journal=Journal(_segments(path, SLACK, world), SlackEntry, keep_s=SLACK_S, wall=world.wall),
            kefu_journal=Journal(_segments(path, KEFU, world), KefuEntry, keep_s=KEFU_S, wall=world.wall),
            spill=Spill(_segments(path, SPILL, world)),
            aside=Spill(_segments(path, ASIDE, world)),
            incoming=Spill(_segments(path, INCOMING, world)),
            alive=AliveFile(path),
            presence=presence.PresenceStore(path),
            reserve=Reserve(path / RESERVE, disk=world.disk),
            erasures=erasures.ErasureStore(path),
        )


def _spare_others(path: Path) -> None:
    """Refuse a folder that others use and that is no store, like /tmp: closing it would be to their harm."""
    try:
        if not path.stat().st_mode & 0o077:
            return
        inside = {each.name for each in path.iterdir()}
    except OSError:
        return
    if inside - _NOBODYS and LOCK not in inside:
        raise StoreError(
            path,
            "is open to others and holds other things, so it is no store; it was left as it is. "
            "Set store.path to a folder of its own.",
        )


def _segments(root: Path, folder: str, world: World) -> Segments:
    return Segments(
        root / folder, damaged=root / DAMAGED / folder, disk=world.disk, wall=world.wall, loss=_APPENDED[folder]
    )
