"""
The MSYNC server on streams: one call of :meth:`Server.serve_stream` for each connection.

The protocol is in ``session``; here are the socket, the queue of what is to be sent, and the faults of a connection.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, final

import trio

from slackkefu.demo.easemob.session import Session
from slackkefu.errors import ConnectFailed, LinkClosed, RemoteProtocolError
from slackkefu.net.websocket import WebSocket

if TYPE_CHECKING:
    from slackkefu.demo.easemob.cluster import Cluster

__all__ = ["PATH", "Server"]

PATH: Final = "/websocket"
"""Where clients connect (facts/msync.md §2.3)."""
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_UNSENT: Final = 4096
"""Frames waiting for a client that does not read; one more and it is cut."""


@final
class Server:
    """Accepts connections for one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._connections: set[_Connection] = set()

    def __len__(self) -> int:
        return len(self._connections)

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one client until it is gone. A cancellation closes the stream at once."""
        try:
            websocket = await WebSocket.accept(stream, max_bytes=MAX_BYTES, refuse=self._refuse)
        except ConnectFailed:
            return
        connection = _Connection(self._cluster, stream, websocket)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)

    def cut_all(self) -> None:
        """Cut every connection, logged in or not."""
        for connection in tuple(self._connections):
            connection.session.cut("cut")

    def _refuse(self, path: str) -> int | None:
        """Return the HTTP status to refuse a handshake with."""
        if self._cluster.faults.take("refused_handshakes"):
            return 503
        return None if path.partition("?")[0] == PATH else 404


@final
class _Connection:
    """One connection: a reader, a writer, and the session between them."""

    def __init__(self, cluster: Cluster, stream: trio.abc.Stream, websocket: WebSocket) -> None:
        self._cluster = cluster
        self._stream = stream
        self._websocket = websocket
        self._to_send, self._outbox = trio.open_memory_channel[tuple[bytes, float]](MAX_UNSENT)
        self._scope = trio.CancelScope()
        self.session = Session(cluster, self)

    async def run(self) -> None:
        """Serve until either side has had enough."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    await self._read()
                    self._to_send.close()
        finally:
            self.session.lost("connection over")
            await trio.aclose_forcefully(self._stream)

    async def _read(self) -> None:
        """Give the session what arrives."""
        idle = self._cluster.switches.idle_limit_s
        try:
            while True:
                with trio.fail_after(math.inf if idle is None else idle):
                    message = await self._websocket.receive()
                if isinstance(message, bytes) and not self._cluster.faults.black_hole:
                    self.session.receive(message)
        except (LinkClosed, RemoteProtocolError):
            self.session.lost("closed by the client")
        except trio.TooSlowError:
            self.session.lost("idle for too long")

    async def _write(self) -> None:
        """Send what is to be sent, in order, then close."""
        try:
            async for frame, delay_s in self._outbox:
                if delay_s:
                    await trio.sleep(delay_s)
                if not self._cluster.faults.black_hole:
                    await self._websocket.send(frame)
            await self._websocket.aclose()
        except LinkClosed:
            self._scope.cancel()

    # For the session; see ``session.Link``.

    def send(self, frame: bytes, *, delay_s: float = 0.0) -> None:
        """Queue a frame; a client that lets too many pile up is cut."""
        try:
            self._to_send.send_nowait((frame, delay_s))
        except trio.WouldBlock:
            self.session.cut("does not read")
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            pass

    def close(self) -> None:
        """Close in order, after what is queued."""
        self._to_send.close()

    def close_within(self, seconds: float) -> None:
        """Close by force when the time is up."""
        self._scope.deadline = min(self._scope.deadline, trio.current_time() + seconds)

    def cut(self) -> None:
        """Close by force now."""
        self._scope.cancel()
