"""
Socket Mode on streams: one task reads a connection, one writes it, one pings it, one keeps the time for all.

What is said is decided in :mod:`slackkefu.demo.slack.delivery`; here are only the streams, each behind a
:class:`~slackkefu.demo.line.Line`, so that every connection can be cut, silenced, sliced and delayed, whatever carries
it.
"""

from __future__ import annotations

from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final, final
from urllib.parse import parse_qs, urlsplit

import trio

from slackkefu.demo.line import Line, through
from slackkefu.demo.slack.delivery import CloseLink, SendFrame
from slackkefu.errors import ConnectFailed, LinkClosed, RemoteProtocolError
from slackkefu.net.websocket import WebSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.demo.slack.delivery import Delivery
    from slackkefu.demo.slack.faults import LinkFaults
    from slackkefu.demo.slack.state import State

__all__ = ["Link", "SocketMode"]

MAX_BYTES: Final = 1_048_576
"""Largest text a client may send."""
HANDSHAKE_S: Final = 30.0
QUEUE: Final = 10_000
"""Frames that may wait for a client that does not read; then its connection is broken, as Slack's edge would."""
CLOSE_FRAME: Final = 0x88
"""First byte of a close frame."""
DEBUG_LIFE_S: Final = 360.0
"""Life of a connection opened with ``debug_reconnects=true`` (facts/slack.md §1)."""


@final
class Link:
    """One connection on its stream."""

    def __init__(self, number: int, line: Line, frames: trio.MemorySendChannel[str]) -> None:
        self.number = number
        """As in the ledger."""
        self.line = line
        """What carries it; cut, silence or slow it here."""
        self._frames = frames

    def send(self, text: str) -> None:
        """Queue a frame; a client that reads nothing loses its connection."""
        try:
            self._frames.send_nowait(text)
        except trio.WouldBlock:
            self.line.reset()
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            pass  # It is being closed: what comes now is lost, as on any network.

    def close(self) -> None:
        """Close after the frames that are queued."""
        self._frames.close()

    def __repr__(self) -> str:
        return f"<Link {self.number} {self.line!r}>"


@final
class SocketMode:
    """
    Every connection of the app.

    Args:
        delivery: What is said.
        state: Where the tickets are.
        faults: What goes wrong.
        changed: Called when something may have happened.

    """

    def __init__(self, *, delivery: Delivery, state: State, faults: LinkFaults, changed: Callable[[], None]) -> None:
        self._delivery = delivery
        self._state = state
        self._faults = faults
        self._changed = changed
        self._rescheduled = trio.Event()
        self.links: dict[int, Link] = {}
        """The connections whose streams are open, by number."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the deadlines of all connections and payloads, until cancelled."""
        task_status.started()
        while True:
            deadline = self._delivery.next_deadline
            with trio.move_on_at(deadline) if deadline < inf else trio.CancelScope():
                await self._rescheduled.wait()
            self._delivery.timeout(trio.current_time())
            self.carry_out()
            # After carry_out(), which sets it: this round has seen all that it did.
            self._rescheduled = trio.Event()

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end; *stream* is closed then."""
        line = Line(chance=self._state.mint.chance, weather=self._faults.weather)
        await through(stream, line, partial(self._serve, line))

    def carry_out(self) -> None:
        """Do what the engine asks for, and look at its next deadline."""
        for command in self._delivery.commands():
            link = self.links.get(command.link)
            match command:
                case SendFrame() if link is not None:
                    link.send(command.text)
                case CloseLink() if link is not None:
                    link.close()
        self._rescheduled.set()
        self._changed()

    async def _serve(self, line: Line, stream: trio.abc.Stream) -> None:
        """Let a client in, and serve it until either side is done."""
        slow = _SlowToClose(stream, self._faults.slow_close_s)
        with trio.move_on_after(HANDSHAKE_S) as handshake:
            try:
                websocket = await WebSocket.accept(slow, max_bytes=MAX_BYTES, refuse=self._refusal)
            except ConnectFailed:
                return
        if handshake.cancelled_caught:
            return
        debug = parse_qs(urlsplit(websocket.path).query).get("debug_reconnects") == ["true"]
        number = self._delivery.open_link(trio.current_time(), life_s=DEBUG_LIFE_S if debug else None)
        outgoing, frames = trio.open_memory_channel[str](QUEUE)
        self.links[number] = Link(number, line, outgoing)
        self.carry_out()
        slow.is_open = True
        how = "the fake was stopped"
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_write, websocket, slow, frames)
                nursery.start_soon(self._ping, websocket)
                with trio.CancelScope() as reading:
                    nursery.start_soon(self._watch, websocket, reading)
                    how = await self._read(number, websocket)
                if reading.cancelled_caught:
                    how = "nothing was heard"
                nursery.cancel_scope.cancel()
        finally:
            del self.links[number]
            in_order = how.startswith("closed by")
            self._delivery.link_ended(number, how, clean=in_order, now=trio.current_time())
            self.carry_out()
            await websocket.aclose()

    def _refusal(self, target: str) -> int | None:
        """Return the HTTP status that refuses a handshake, or None: a ticket lets one connection in."""
        if self._faults.handshakes:
            return self._faults.handshakes.popleft()
        parts = urlsplit(target)
        if parts.path.rstrip("/") != urlsplit(self._state.addresses.socket).path.rstrip("/"):
            return 404
        # An unknown, used or old ticket: 409 is what was seen (facts/slack.md §1).
        for ticket in parse_qs(parts.query).get("ticket", []):
            known = self._state.links.look(ticket)
            if (
                known is not None
                and known.uses_left
                and not self._state.links.is_late(known, now=self._state.mint.now())
            ):
                known.uses_left -= 1
                return None
        return 409

    async def _read(self, number: int, websocket: WebSocket) -> str:
        """Take what the client sends until it ends; say how it ended."""
        try:
            while True:
                text = await websocket.receive()
                self._delivery.receive(number, text, trio.current_time())
                self.carry_out()
        except LinkClosed as closed:
            return closed.reason
        except RemoteProtocolError as broken:
            return str(broken)

    async def _ping(self, websocket: WebSocket) -> None:
        """Ping now and then, as Slack does."""
        try:
            while True:
                await trio.sleep(self._state.timing.ping_s)
                await websocket.ping()
        except LinkClosed:
            return

    async def _watch(self, websocket: WebSocket, reading: trio.CancelScope) -> None:
        """Give a client up that has not been heard for too long."""
        while True:
            until = websocket.heard_at + self._state.timing.unheard_s
            if until <= trio.current_time():
                reading.cancel()
                return
            await trio.sleep_until(until)


async def _write(websocket: WebSocket, slow: _SlowToClose, frames: trio.MemoryReceiveChannel[str]) -> None:
    """Send what is queued; close when told to."""
    try:
        async for text in frames:
            await websocket.send(text)
    except LinkClosed:
        return
    slow.is_open = False
    await websocket.aclose()


@final
class _SlowToClose(trio.abc.Stream):
    """A stream that holds the answer to a close frame back."""

    def __init__(self, stream: trio.abc.Stream, delay_s: float) -> None:
        self._stream = stream
        self._delay_s = delay_s
        self.is_open = False
        """Whether a close frame that is sent answers one: after the handshake, and before we close ourselves."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, after a while if there is a close frame in it."""
        if self._delay_s and self.is_open and _closes(bytes(data)):
            await trio.sleep(self._delay_s)
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream below does."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive as the stream below does."""
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        """Close the stream below."""
        await self._stream.aclose()


def _closes(frames: bytes) -> bool:
    """Tell whether one of a server's *frames*, which are whole and not masked, is a close frame."""
    while frames:
        if frames[0] == CLOSE_FRAME:
            return True
        extended = {126: 2, 127: 8}.get(frames[1], 0)
        size = int.from_bytes(frames[2 : 2 + extended], "big") if extended else frames[1]
        frames = frames[2 + extended + size :]
    return False
