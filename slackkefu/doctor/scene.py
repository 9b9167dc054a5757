"""What the doctor looks at: the configuration, the world, and this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from slackkefu.net.public import look_up
from slackkefu.store.inspection import inspect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slackkefu.config import Config
    from slackkefu.net.public import Resolve
    from slackkefu.store.inspection import Inspection
    from slackkefu.world import World

__all__ = ["Machine", "Scene", "look_around"]


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine tells of itself; a test hands in another."""

    look_up: Resolve = look_up
    """Gives the addresses of a name."""
    statvfs: Callable[[Path], os.statvfs_result] = os.statvfs
    """Tells how much room is on a disk, and whether it is read-only."""
    proc: Path = Path("/proc")
    """Where Linux tells of locks, and of limits of processes."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One examination."""

    config: Config
    world: World
    store: Inspection
    """What was seen of the store, before anything else."""
    machine: Machine = field(default_factory=Machine)
    answers: Callable[[], Awaitable[bool | None]] | None = None
    """Tells whether the daemon on the store answers; None where it cannot be asked."""


async def look_around(
    config: Config,
    world: World,
    machine: Machine | None = None,
    *,
    answers: Callable[[], Awaitable[bool | None]] | None = None,
) -> Scene:
    """Look at the store, and return what there is to examine."""
    machine = machine or Machine()
    look = partial(inspect, config.store.path, statvfs=machine.statvfs, proc=machine.proc)
    return Scene(config, world, await world.disk.run(look), machine, answers)
