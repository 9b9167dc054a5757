"""
A WebSocket over a trio stream, thin enough to have thousands of.

The protocol itself is the Sans-I/O one of the ``websockets`` library; this module moves its bytes. It has no task of
its own: :meth:`WebSocket.receive` reads the stream when its caller wants a message, and answers pings on the way.
Compression is off, for its windows would cost more memory than all the rest of a session.

Two promises beside the protocol's:

* A frame leaves whole or the connection is over. A cancellation in the middle of a write closes the stream.
* Nothing here is logged, neither frames (people's words) nor the request line (tickets).
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

import trio
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI, PayloadTooBig
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from slackkefu import __version__
from slackkefu.errors import ConnectFailed, LinkClosed, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slackkefu.net.network import StreamOpener

__all__ = ["WebSocket"]

CLOSE_S: Final = 1.0
"""Longest time for the closing handshake. Slack does not close TCP after it (facts/slack.md §1)."""

MAX_UNSENT: Final = 64
"""Pongs that may wait behind a blocked write before the other side is taken for broken."""

_LOST: Final = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)
_REDIRECTS: Final = range(300, 400)
_DATA: Final = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)

# The library's own loggers would show request lines and frames at their debug level.
_SILENT: Final = logging.getLogger("slackkefu.websocket")  # noqa: TID251 - the library asks for one
_SILENT.setLevel(logging.CRITICAL + 1)
_SILENT.propagate = False


@final
class WebSocket:
    """
    One WebSocket, either role.

    One task at a time calls :meth:`receive`; any number may call :meth:`send`, :meth:`ping` and :meth:`aclose`.
    """

    __slots__ = (
        "_closing",
        "_ended",
        "_faulty",
        "_messages",
        "_over",
        "_parts",
        "_protocol",
        "_reading",
        "_stream",
        "_turn",
        "address",
        "heard_at",
        "path",
    )

    def __init__(self, stream: trio.abc.Stream, protocol: ClientProtocol | ServerProtocol, address: str) -> None:
        """Wrap a *stream* whose opening handshake is still to be done; use :meth:`connect` or :meth:`accept`."""
        self._stream = stream
        self._protocol = protocol
        # Whole messages read but not yet handed out, the next one last; bounded by one read of the stream.
        self._messages: list[str | bytes] = []
        # The pieces of a fragmented message, from its first frame on; bounded by max_bytes.
        self._parts: list[Frame] = []
        # Whose turn it is to write.
        self._turn = trio.Lock()
        # Why the connection is over (empty while it is not), and whether the other side broke the protocol.
        self._ended = ""
        self._faulty = False
        # Who reads the stream: receive(), or aclose() waiting for the other side's close frame.
        self._reading = False
        self._closing = False
        self._over: trio.Event | None = None
        self.address = address
        """``host:port/path`` without the query, which may hold a ticket."""
        self.path = ""
        """The request target as the client sent it; for the server role."""
        self.heard_at = trio.current_time()
        """Time (trio's clock) of the last byte received; pings and pongs count."""

    @classmethod
    async def connect(
        cls, network: StreamOpener, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None
    ) -> WebSocket:
        """
        Dial *url* and do the opening handshake.

        The caller sets the time limit. A cancellation leaves nothing open.

        Args:
            network: Where streams come from.
            url: ``ws://`` or ``wss://``; its query is treated as a secret.
            max_bytes: Largest message accepted.
            headers: More request headers.

        Raises:
            ConnectFailed: No connection, or an answer other than 101. Redirects are not followed.

        """
        try:
            uri = parse_uri(url)
        except (InvalidURI, ValueError):
            # The library's text quotes the whole address.
            raise ConnectFailed("(unreadable address)", "not a WebSocket address") from None
        protocol = ClientProtocol(uri, max_size=max_bytes, logger=_SILENT)
        request = protocol.connect()
        request.headers["User-Agent"] = f"slackkefu/{__version__}"
        for name, value in (headers or {}).items():
            request.headers[name] = value
        protocol.send_request(request)
        stream = await network.open_stream(uri.host, uri.port, tls=uri.secure)
        websocket = cls(stream, protocol, f"{uri.host}:{uri.port}{uri.path}")
        await websocket._shake_hands(None)
        return websocket

    @classmethod
    async def accept(
        cls, stream: trio.abc.Stream, *, max_bytes: int, refuse: Callable[[str], int | None] | None = None
    ) -> WebSocket:
        """
        Answer the opening handshake of a client on *stream*.

        Args:
            stream: A fresh connection.
            max_bytes: Largest message accepted.
            refuse: Given the request target, the HTTP status to refuse it with, or None to let it in.

        Raises:
            ConnectFailed: The client sent no proper request, or was refused; it has been told, and *stream* is closed.

        """
        websocket = cls(stream, ServerProtocol(max_size=max_bytes, logger=_SILENT), "client")
        await websocket._shake_hands(refuse)
        return websocket

    def __repr__(self) -> str:
        return f"<WebSocket {self.address} {self._ended or self._protocol.state.name.lower()}>"

    @property
    def was_closed(self) -> bool:
        """Whether the other side has sent its close frame."""
        return self._protocol.close_rcvd is not None

    async def receive(self) -> str | bytes:
        """
        Return the next whole message.

        A cancellation loses nothing: what was read is returned by the next call.

        Raises:
            LinkClosed: The connection is over; the reason names the close code where there was one.
            RemoteProtocolError: The other side broke the protocol, or sent more than ``max_bytes``.

        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._messages:
            if self._ended or self._closing:
                raise self._why()
            self._reading = True
            try:
                await self._read()
            finally:
                self._reading = False
        message = self._messages.pop()
        await trio.lowlevel.cancel_shielded_checkpoint()
        return message

    async def send(self, message: str | bytes) -> None:
        """
        Send one message whole.

        A cancellation before the first byte leaves the connection as it was; one in mid-write closes it.

        Raises:
            LinkClosed: The connection is over or being closed; whether the message arrived is unknown.

        """
        async with self._turn:
            await self._ready_to_write()
            if isinstance(message, str):
                self._protocol.send_text(message.encode())
            else:
                self._protocol.send_binary(message)
            await self._write()

    async def ping(self) -> None:
        """
        Send a ping; the answer shows in :attr:`heard_at`.

        Raises:
            LinkClosed: as :meth:`send`.

        """
        async with self._turn:
            await self._ready_to_write()
            self._protocol.send_ping(b"")
            await self._write()

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """
        Close in order, within a second, or else by force. Closing twice is allowed.

        While another task is in :meth:`receive`, that one goes on receiving until the other side has closed too. A
        cancellation closes by force at once.
        """
        try:
            if not self._ended:
                with trio.move_on_after(CLOSE_S), suppress(LinkClosed):
                    await self._close_in_order(code, reason)
        finally:
            await self._end("closed by us")

    # Opening and closing.

    async def _shake_hands(self, refuse: Callable[[str], int | None] | None) -> None:
        """Read and write until the connection is open, or close the stream and raise ConnectFailed."""
        try:
            await self._write()
            while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
                self._take_in(await self._stream.receive_some(), refuse)
                await self._write()
        except LinkClosed as exc:
            raise ConnectFailed(self.address, exc.reason) from None
        except _LOST:
            await self._end("connection lost during the handshake")
            raise ConnectFailed(self.address, self._ended) from None
        except BaseException:
            await self._end("handshake abandoned")
            raise
        if self._protocol.handshake_exc is not None:
            await self._end(_handshake_reason(self._protocol.handshake_exc))
            # Without its cause: the library's errors hold the answer, which may repeat the ticket.
            raise ConnectFailed(self.address, self._ended)
        await self._end_if_over()

    async def _close_in_order(self, code: int, reason: str) -> None:
        """Send the close frame and wait for the other side's; whoever is reading reads it."""
        async with self._turn:
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(code, reason)
            await self._write()
        if self._reading:
            if self._over is None:
                self._over = trio.Event()
            await self._over.wait()
        elif not self._closing:
            self._closing = True
            while not self._ended:
                await self._read()

    async def _end(self, reason: str) -> None:
        """Close the stream by force; the first *reason* given is the one that stays."""
        self._ended = self._ended or reason
        if self._over is not None:
            self._over.set()
        await trio.aclose_forcefully(self._stream)

    async def _end_if_over(self) -> None:
        """Close the stream after the other side's close frame, its end of stream, or its fault; keep which it was."""
        fault = self._protocol.parser_exc
        close = self._protocol.close_rcvd
        if fault is not None and not isinstance(fault, EOFError):
            self._faulty = True
            await self._end("a message that is too big" if isinstance(fault, PayloadTooBig) else "a malformed frame")
        elif self._faulty:
            await self._end("a text message that is not UTF-8")
        elif close is not None:
            await self._end(f"closed by the other side with code {int(close.code)} {close.reason}".rstrip())
        elif fault is not None:
            await self._end("ended by the other side without a close frame")

    def _why(self) -> LinkClosed | RemoteProtocolError:
        """Make the error that tells why nothing more will come."""
        if self._faulty:
            return RemoteProtocolError(f"{self.address} sent {self._ended}")
        return LinkClosed(self.address, self._ended or "being closed by us")

    # Reading: one task at a time.

    async def _read(self) -> None:
        """Read once, sort what came, and answer what has to be answered."""
        try:
            self._take_in(await self._stream.receive_some(), None)
        except _LOST:
            await self._end("connection lost")
            return
        if self._protocol.writes:
            # Somebody else's write takes our answers along; to wait for it would stop the reading too.
            with suppress(trio.WouldBlock, LinkClosed):
                self._turn.acquire_nowait()
                try:
                    await self._write()
                finally:
                    self._turn.release()
        if len(self._protocol.writes) > MAX_UNSENT:
            self._faulty = True
            await self._end("a flood of pings while reading nothing")
        await self._end_if_over()

    def _take_in(self, data: bytes | bytearray, refuse: Callable[[str], int | None] | None) -> None:
        """Give the protocol what the stream gave us (nothing means its end), and sort what comes out."""
        if data:
            self.heard_at = trio.current_time()
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        fresh: list[str | bytes] = []
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._answer(event, refuse)
            elif isinstance(event, Frame) and event.opcode in _DATA:
                self._parts.append(event)
                if event.fin:
                    self._assemble(fresh)
        self._messages = fresh[::-1]

    def _assemble(self, fresh: list[str | bytes]) -> None:
        """Make one message of the collected frames, unless the connection has failed before it."""
        kind = self._parts[0].opcode
        data = b"".join(part.data for part in self._parts)
        self._parts.clear()
        if self._faulty:
            return
        try:
            fresh.append(data.decode() if kind is Opcode.TEXT else data)
        except UnicodeDecodeError:
            self._faulty = True
            self._protocol.fail(CloseCode.INVALID_DATA)

    def _answer(self, request: Request, refuse: Callable[[str], int | None] | None) -> None:
        """Accept or refuse a client's opening *request*."""
        if isinstance(self._protocol, ServerProtocol):
            self.path = request.path
            status = refuse(request.path) if refuse is not None else None
            if status is None:
                response = self._protocol.accept(request)
            else:
                self._protocol.handshake_exc = InvalidHandshake(f"refused with HTTP {status}")
                response = self._protocol.reject(status, "refused\n")
            self._protocol.send_response(response)

    # Writing: whoever holds the turn.

    async def _ready_to_write(self) -> None:
        """Let a pending cancellation act before the first byte; raise LinkClosed if nothing can be sent any more."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._ended or self._protocol.state is not State.OPEN:
            raise LinkClosed(self.address, self._ended or "being closed")

    async def _write(self) -> None:
        """Send all that the protocol has to say, also what it gets to say meanwhile."""
        try:
            while data := b"".join(self._protocol.data_to_send()):
                await self._stream.send_all(data)
        except _LOST:
            await self._end("connection lost")
            raise LinkClosed(self.address, self._ended) from None
        except BaseException:
            await self._end("cancelled in the middle of a frame")
            raise


def _handshake_reason(problem: Exception) -> str:
    """Say in a few words, and without the answer's content, why the opening handshake failed."""
    if isinstance(problem, InvalidStatus):
        status = problem.response.status_code
        return f"HTTP {status}, a redirect, which is not followed" if status in _REDIRECTS else f"HTTP {status}"
    if isinstance(problem, InvalidMessage):
        ended = isinstance(problem.__cause__, EOFError)
        return "ended during the handshake" if ended else "the other side does not speak HTTP"
    if type(problem) is InvalidHandshake:
        return str(problem)
    return f"not a WebSocket handshake ({type(problem).__name__})"
