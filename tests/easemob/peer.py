"""The other end of a connection, played by the test: what must be heard, and what is said."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, final

import trio
import trio.testing

from slackkefu.easemob.connection import Connection
from slackkefu.net.websocket import WebSocket
from slackkefu.world import InlineDisk, World
from tests.easemob.downward import login_reply, unread
from tests.easemob.playbook import LOGIN, summary
from tests.net.streams import MemoryNetwork

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from slackkefu.easemob.message import Batch

__all__ = ["Peer", "Stage", "on_stage"]

URL = "ws://localhost:8080/websocket"
EPOCH = 1_800_000_000.0


@final
class Peer:
    """One WebSocket as the server sees it."""

    def __init__(self, websocket: WebSocket, gone: trio.Event) -> None:
        self.websocket = websocket
        self.gone = gone
        """Set it to end the server's task."""

    async def hears(self, *frames: str) -> None:
        """Expect these frames, by their summary."""
        for expected in frames:
            raw = await self.websocket.receive()
            assert isinstance(raw, bytes)
            assert expected == summary(raw)

    async def says(self, *frames: bytes | str) -> None:
        """Send frames."""
        for raw in frames:
            await self.websocket.send(raw)

    async def lets_in(self, *waiting: Any) -> None:
        """Answer the login and the first question."""
        await self.hears("login")
        await self.says(login_reply())
        await self.hears("unread")
        await self.says(unread(*waiting))


@final
class Stage:
    """A connection under test, the network it dials into, and what it makes of batches."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.network = MemoryNetwork(nursery, self._accept)
        self.world = World(
            network=self.network, disk=InlineDisk(), wall=lambda: EPOCH + trio.current_time(), chance=random.Random(7)
        )
        self._peers = trio.open_memory_channel[Peer](8)
        self.batches: list[Batch] = []
        self.ended: list[BaseException | None] = []
        """How each run() has ended."""
        self._some_end = trio.Event()

    def connection(self, on_batch: Callable[[Batch], Awaitable[None]] | None = None, **options: Any) -> Connection:
        """Make a connection that is not yet dialled."""
        return Connection(world=self.world, url=URL, login=LOGIN, on_batch=on_batch or self._keep, **options)

    async def run(self, connection: Connection) -> None:
        """Run a connection and keep how it ended."""
        try:
            await connection.run()
        except Exception as exc:  # noqa: BLE001  # the test looks at it
            self.ended.append(exc)
        else:
            self.ended.append(None)
        self._some_end.set()

    async def peer(self) -> Peer:
        """Return the next WebSocket that was opened to us."""
        return await self._peers[1].receive()

    async def up(self, *waiting: Any, **options: Any) -> tuple[Connection, Peer]:
        """Return a connection that is logged in, and its other end."""
        connection = self.connection(**options)
        self.nursery.start_soon(self.run, connection)
        peer = await self.peer()
        await peer.lets_in(*waiting)
        await trio.testing.wait_all_tasks_blocked()
        return connection, peer

    async def end(self) -> BaseException | None:
        """Wait until the one run() has ended, and return how."""
        await self._some_end.wait()
        (how,) = self.ended
        return how

    async def _keep(self, batch: Batch) -> None:
        await trio.lowlevel.checkpoint()
        self.batches.append(batch)

    async def _accept(self, stream: trio.abc.Stream) -> None:
        websocket = await WebSocket.accept(stream, max_bytes=2**25)
        gone = trio.Event()
        await self._peers[0].send(Peer(websocket, gone))
        await gone.wait()


@asynccontextmanager
async def on_stage() -> AsyncIterator[Stage]:
    """Give a stage; what still runs on it at the end is cancelled."""
    async with trio.open_nursery() as nursery:
        yield Stage(nursery)
        nursery.cancel_scope.cancel()
