"""Open a store: make its folders, take its lock, clear what a crash left behind."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import structlog

from slackkefu.store import files, installations, tokens, visitors
from slackkefu.store.device import resource
from slackkefu.store.lock import hold
from slackkefu.store.records import DAMAGED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slackkefu.world import World

__all__ = ["Store", "open_store"]

log = structlog.get_logger()


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


@contextlib.contextmanager
def open_store(path: Path, world: World) -> Iterator[Store]:
    """
    Open the store in *path* for a ``with`` block, and make it when there is none.

    Blocks on files; meant for the start of the daemon, before anything else runs.

    Raises:
        StoreLocked: Another daemon works there.
        StoreError: The folder or a file in it cannot be used.

    """
    if files.private_folder(path):
        log.warning(
            "store.closed_to_others", path=str(path), meaning="others on this machine could read tokens until now"
        )
    with hold(path, now=world.wall()):
        for folder in ("", installations.FOLDER, visitors.FOLDER, tokens.FOLDER, tokens.USERS):
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
        )
