"""The opening handshake of the WebSocket: what refuses it, what breaks it, and what passes along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import memory_stream_pair

from slackkefu.errors import ConnectFailed
from slackkefu.net.websocket import WebSocket
from tests.net.streams import MemoryNetwork

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

URL = "wss://wss-primary.slack.com/link/?ticket=hush-hush&app_id=A1"
MIB = 2**20


def answering(data: bytes) -> Callable[[trio.abc.Stream], Awaitable[None]]:
    """Make a server that answers every request with *data* and closes."""

    async def serve(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(data)
        await stream.aclose()

    return serve


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "ended during the handshake"),
        (b"HTTP/1.1 101 Switching", "ended during the handshake"),
        (b"SSH-2.0-OpenSSH_9.0\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", "HTTP 408"),
        (b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n", "HTTP 409"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: wss://elsewhere/?ticket=hush-hush\r\nContent-Length: 0\r\n\r\n",
            "HTTP 302, a redirect",
        ),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "not a WebSocket handshake"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: bm9wZQ==\r\n\r\n",
            "not a WebSocket handshake",
        ),
    ],
)
async def test_failed_handshakes_are_told_apart(answer: bytes, reason: str) -> None:
    """Every answer but a proper 101 is ConnectFailed with its reason and without the ticket."""
    async with trio.open_nursery() as nursery:
        with pytest.raises(ConnectFailed, match=reason) as caught:
            await WebSocket.connect(MemoryNetwork(nursery, answering(answer)), URL, max_bytes=MIB)

    assert "hush-hush" not in str(caught.value)


async def test_a_connection_lost_in_the_handshake_is_told() -> None:
    """A reset during the handshake is ConnectFailed like any other."""

    async def reset(stream: trio.abc.Stream) -> None:
        await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        with pytest.raises(ConnectFailed):
            await WebSocket.connect(MemoryNetwork(nursery, reset), URL, max_bytes=MIB)


async def test_a_connection_that_breaks_while_asking_is_told() -> None:
    """A stream that breaks at the request, or before the answer, is ConnectFailed too."""

    class Broken:
        """A network whose streams are broken."""

        async def open_stream(self, host: str, port: int, *, tls: bool) -> trio.abc.Stream:
            ours, theirs = memory_stream_pair()
            await trio.aclose_forcefully(theirs)
            return ours

    with pytest.raises(ConnectFailed, match="connection lost"):
        await WebSocket.connect(Broken(), URL, max_bytes=MIB)
    _, server = memory_stream_pair()
    await server.aclose()
    with pytest.raises(ConnectFailed, match="connection lost during the handshake"):
        await WebSocket.accept(server, max_bytes=MIB)


@pytest.mark.parametrize("url", ["https://slack.com/", "wss://", "nonsense", "wss://host:port/?ticket=hush-hush"])
async def test_an_unreadable_address_is_not_repeated(url: str) -> None:
    """A bad URL is ConnectFailed; whatever it held stays unseen."""
    async with trio.open_nursery() as nursery:
        with pytest.raises(ConnectFailed, match="not a WebSocket address") as caught:
            await WebSocket.connect(MemoryNetwork(nursery), url, max_bytes=MIB)

    assert "hush-hush" not in str(caught.value)


async def test_a_cancelled_connect_leaves_nothing_open(autojump_clock: trio.abc.Clock) -> None:
    """A server that never answers costs the caller's time limit, and the stream is closed."""
    ended = trio.Event()

    async def mute(stream: trio.abc.Stream) -> None:
        while await stream.receive_some():
            pass
        ended.set()

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(10) as scope:
            await WebSocket.connect(MemoryNetwork(nursery, mute), URL, max_bytes=MIB)
        assert scope.cancelled_caught
        await ended.wait()


async def test_headers_go_along() -> None:
    """More request headers can be given, and the client names itself."""
    seen: list[bytes] = []

    async def serve(stream: trio.abc.Stream) -> None:
        seen.append(bytes(await stream.receive_some()))
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        with pytest.raises(ConnectFailed):
            await WebSocket.connect(MemoryNetwork(nursery, serve), URL, max_bytes=MIB, headers={"X-Probe": "7"})

    assert b"X-Probe: 7\r\n" in seen[0]
    assert b"User-Agent: slackkefu/" in seen[0]
    assert b"Sec-WebSocket-Extensions" not in seen[0]


async def test_a_server_can_refuse() -> None:
    """A refused client sees the status; the server's caller gets ConnectFailed too."""

    async def serve(stream: trio.abc.Stream) -> None:
        with pytest.raises(ConnectFailed, match="refused with HTTP 409"):
            await WebSocket.accept(stream, max_bytes=MIB, refuse=lambda path: 409 if "hush" in path else None)

    async with trio.open_nursery() as nursery:
        with pytest.raises(ConnectFailed, match="HTTP 409"):
            await WebSocket.connect(MemoryNetwork(nursery, serve), URL, max_bytes=MIB)


@pytest.mark.parametrize("request_bytes", [b"garbage\r\n\r\n", b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_a_server_survives_strange_clients(request_bytes: bytes) -> None:
    """What is no WebSocket request is ConnectFailed for the server's caller."""
    client, server = memory_stream_pair()
    await client.send_all(request_bytes)
    await client.send_eof()

    with pytest.raises(ConnectFailed):
        await WebSocket.accept(server, max_bytes=MIB)
