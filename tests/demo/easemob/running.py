"""The fake Easemob, running in memory, with two users."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from slackkefu.demo.easemob import FakeEasemob, ImMessage, Switches
from slackkefu.errors import LinkClosed
from tests.net.streams import MemoryNetwork

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.demo.easemob.raw import RawClient

NOW = 1_753_000_000.0


@asynccontextmanager
async def running(**switches: Any) -> AsyncIterator[tuple[FakeEasemob, MemoryNetwork]]:
    """Run a fake with two users; hand out the network that leads to it."""
    easemob = FakeEasemob(switches=Switches(**switches), wall=lambda: NOW + trio.current_time())
    easemob.register("mia")
    easemob.register("leo")
    async with trio.open_nursery() as nursery:
        yield easemob, MemoryNetwork(nursery, easemob.serve_stream)
        nursery.cancel_scope.cancel()


def text(words: str, sender: str = "leo", to: str = "mia", **ext: Any) -> ImMessage:
    """Return a text."""
    return ImMessage(sender, to, "txt", {"msg": words}, ext)


async def is_over(client: RawClient) -> bool:
    """Tell whether the server has closed the connection, whatever it says before."""
    with trio.move_on_after(60) as scope:
        try:
            while True:
                await client.websocket.receive()
        except LinkClosed:
            pass
    return not scope.cancelled_caught
