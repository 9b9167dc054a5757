"""
What a command does about visitors: it asks the daemon, and where there is none it does it itself, on the store.

Then Easemob is asked from here. Where that cannot be done, what is left to do is in the store, and the daemon or the
next command does it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, final

import trio

from slackkefu.bridge import at_rest
from slackkefu.bridge.forgetting import REMOVE_S, Forget, ListVisitors, read_arguments
from slackkefu.cli.network import network_of
from slackkefu.config import EasemobConfig, NetworkConfig, load_as
from slackkefu.control import NotRunning, ask
from slackkefu.errors import ConfigError, SlackkefuError, StoreError
from slackkefu.net.network import TcpNetwork
from slackkefu.parts.easemob_end import rest_client
from slackkefu.store import open_store
from slackkefu.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from slackkefu.easemob.names import ImUser
    from slackkefu.store import Store

__all__ = ["forget", "list_visitors"]

CLOSE_S: Final = 1.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Easemob:
    """What is needed to have Easemob remove somebody."""

    easemob: EasemobConfig
    network: NetworkConfig


async def list_visitors(path: Path, arguments: Mapping[str, object]) -> Mapping[str, object]:
    """Say who is known in the store at *path*; raises OperatorError, LinkError."""
    told = await ask(path, "visitors.list", arguments)
    if not isinstance(told, NotRunning):
        return told
    world = World(network=TcpNetwork())
    with open_store(path, world) as store:
        return await at_rest.list_visitors(store, world, read_arguments(arguments, ListVisitors))


async def forget(config_path: Path, path: Path, arguments: Mapping[str, object]) -> Mapping[str, object]:
    """Forget somebody of whom something is in the store at *path*; raises OperatorError, LinkError."""
    told = await ask(path, "visitors.forget", arguments)
    if not isinstance(told, NotRunning):
        return told
    config, problem = _easemob(config_path)
    # Where there is no configuration for it, nothing is called.
    world = World(network=TcpNetwork() if config is None else network_of(config))
    with open_store(path, world) as store:
        users, gone = await at_rest.erase(store, world, read_arguments(arguments, Forget))
        if config is not None and users:
            leaving, problem = await _remove(config, store, world, users)
            return {**gone, "leaving": leaving, "problem": problem}
        return {**gone, "problem": problem if users else ""}


def _easemob(config_path: Path) -> tuple[_Easemob | None, str]:
    """Read what is needed of Easemob; or say why it cannot be asked from here."""
    try:
        return load_as(_Easemob, config_path, os.environ), ""
    except ConfigError as exc:
        return None, f"{exc.source} does not say here how to reach it ({exc.problems[0].key})"


async def _remove(config: _Easemob, store: Store, world: World, users: Sequence[ImUser]) -> tuple[list[ImUser], str]:
    """Have Easemob remove *users*; return those that it has not, and why."""
    left = [*users]
    problem = f"no answer from Easemob within {REMOVE_S:g} s"
    async with trio.open_nursery() as nursery:
        _, rest = rest_client(config.easemob, world, store.tokens, nursery=nursery)
        with trio.move_on_after(REMOVE_S):
            try:
                for user in users:
                    await rest.remove_user(user)
                    await store.tokens.delete_user(user)
                    await world.disk.run(partial(store.erasures.delete, user))
                    left.remove(user)
            except StoreError:
                raise
            except SlackkefuError as error:
                problem = str(error)
        with trio.move_on_after(CLOSE_S, shield=True):
            await rest.aclose()
        nursery.cancel_scope.cancel()
    return left, problem if left else ""
