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

from slackkefu.bridge.forgetting import at_rest
from slackkefu.bridge.forgetting.forgetting import REMOVE_S, Forget, ListVisitors, read_arguments
from slackkefu.cli import in_store
from slackkefu.cli.network import network_of
from slackkefu.config import EasemobConfig, NetworkConfig, load_as
from slackkefu.errors import ConfigError, SlackkefuError, StoreError
from slackkefu.net.network import TcpNetwork
from slackkefu.parts.easemob_end import rest_client
from slackkefu.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from slackkefu.cli.in_store import Place
    from slackkefu.control import Handler
    from slackkefu.easemob.names import ImUser
    from slackkefu.store import Store

__all__ = ["Way", "do", "way"]

CLOSE_S: Final = 1.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Easemob:
    """What is needed to have Easemob remove somebody."""

    easemob: EasemobConfig
    network: NetworkConfig


@final
@dataclass(frozen=True, slots=True)
class Way:
    """How Easemob is reached from here."""

    world: World
    config: _Easemob | None
    problem: str
    """Why it is not; empty with :attr:`config`."""


def way(config_path: Path) -> Way:
    """Read how Easemob is reached; where that is not at hand, nothing is called."""
    try:
        config = load_as(_Easemob, config_path, os.environ)
    except ConfigError as exc:
        problem = f"it is not known here how to reach it ({exc.problems[0].key})"
        return Way(World(network=TcpNetwork()), None, problem)
    return Way(World(network=network_of(config)), config, "")


async def do(store: Place, easemob: Way, what: str, arguments: Mapping[str, object]) -> Mapping[str, object]:
    """
    Have something done about visitors, by the daemon or here.

    Args:
        store: The store.
        easemob: How Easemob is reached from here.
        what: ``visitors.list`` or ``visitors.forget``.
        arguments: For that.

    Raises:
        OperatorError, LinkError: It was not done, or nobody knows.

    """
    return await in_store.do(
        store,
        what,
        arguments,
        world=easemob.world,
        handlers=lambda opened: _handlers(opened, easemob.world, easemob.config, easemob.problem),
    )


def _handlers(store: Store, world: World, config: _Easemob | None, problem: str) -> Mapping[str, Handler]:
    """Return what can be done in a store that no daemon works on."""

    async def list_visitors(arguments: Mapping[str, object]) -> Mapping[str, object]:
        return await at_rest.list_visitors(store, world, read_arguments(arguments, ListVisitors))

    async def forget(arguments: Mapping[str, object]) -> Mapping[str, object]:
        users, gone = await at_rest.erase(store, world, read_arguments(arguments, Forget))
        if config is None or not users:
            return {**gone, "problem": problem if users else ""}
        leaving, why = await _remove(config, store, world, users)
        return {**gone, "leaving": leaving, "problem": why}

    return {"visitors.list": list_visitors, "visitors.forget": forget}


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
