"""The WebSocket over a trio stream, against itself in memory and against the websockets library over real sockets."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
import websockets.trio.client
import websockets.trio.server
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MemoryReceiveStream, MemorySendStream, wait_all_tasks_blocked
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from slackkefu.errors import ConnectFailed, LinkClosed, RemoteProtocolError
from slackkefu.net.network import TcpNetwork
from slackkefu.net.websocket import MAX_UNSENT, WebSocket
from tests.net.streams import MemoryNetwork, SlicedStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


URL = "wss://wss-primary.slack.com/link/?ticket=hush-hush&app_id=A1"
MIB = 2**20


@asynccontextmanager
async def pair(
    *, max_bytes: int = MIB, slice_bytes: int | None = None, url: str = URL
) -> AsyncIterator[tuple[WebSocket, WebSocket]]:
    """Connect a client and a server in memory."""
    send_server, receive_server = trio.open_memory_channel[WebSocket](1)

    async def serve(stream: trio.abc.Stream) -> None:
        sliced = stream if slice_bytes is None else SlicedStream(stream, slice_bytes)
        await send_server.send(await WebSocket.accept(sliced, max_bytes=max_bytes))

    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery, serve, slice_bytes=slice_bytes)
        client = await WebSocket.connect(network, url, max_bytes=max_bytes)
        server = await receive_server.receive()
        try:
            yield client, server
        finally:
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as closing:
                    closing.start_soon(client.aclose)
                    closing.start_soon(server.aclose)


@asynccontextmanager
async def half(*, max_bytes: int = MIB) -> AsyncIterator[tuple[WebSocket, trio.abc.Stream]]:
    """Connect a client whose server's end is a bare stream, after the opening handshake."""
    send_stream, receive_stream = trio.open_memory_channel[trio.abc.Stream](1)

    async def serve(stream: trio.abc.Stream) -> None:
        await WebSocket.accept(stream, max_bytes=max_bytes)
        await send_stream.send(stream)

    async with trio.open_nursery() as nursery:
        client = await WebSocket.connect(MemoryNetwork(nursery, serve), URL, max_bytes=max_bytes)
        yield client, await receive_stream.receive()
        await trio.aclose_forcefully(client._stream)


async def receive_all(websocket: WebSocket, received: list[str | bytes]) -> None:
    """Append every message to *received*, until receive() raises."""
    while True:
        received.append(await websocket.receive())


# Both roles, in memory.


async def test_messages_pass_both_ways(autojump_clock: trio.abc.Clock) -> None:
    """Text arrives as text, bytes as bytes, in order, also empty ones."""
    sent: list[str | bytes] = ["hello", b"\x00\xff", "", b"", "你好 🎉"]
    async with pair() as (client, server):
        for source, target in ((client, server), (server, client)):
            for message in sent:
                await source.send(message)

            assert sent == [await target.receive() for _ in sent]


async def test_the_server_sees_the_request_target() -> None:
    """The path with its query is what a fake needs to check a ticket."""
    async with pair() as (_, server):
        assert server.path == "/link/?ticket=hush-hush&app_id=A1"


async def test_the_query_is_nowhere_to_be_seen(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.abc.Clock
) -> None:
    """A ticket shows neither in the address, nor in the repr, nor in errors, nor in any log."""
    caplog.set_level(logging.DEBUG)
    async with pair() as (client, server):
        await client.send("private words")
        await server.receive()
        await server.aclose(1001)
        with pytest.raises(LinkClosed) as caught:
            await client.receive()

    shown = f"{client!r} {client.address} {caught.value} {caplog.text}"
    assert client.address == "wss-primary.slack.com:443/link/"
    assert "hush-hush" not in shown
    assert "private words" not in shown


@given(
    messages=st.lists(st.text() | st.binary(), max_size=5),
    slice_bytes=st.sampled_from([1, 2, 3, 7, 1000]),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sliced_bytes_equal_whole(messages: list[str | bytes], slice_bytes: int) -> None:
    """However the bytes are cut, handshake included, the same messages come out."""

    async def main() -> None:
        async with pair(slice_bytes=slice_bytes) as (client, server):
            for message in messages:
                await client.send(message)
                await server.send(message)

            assert messages == [await client.receive() for _ in messages]
            assert messages == [await server.receive() for _ in messages]

    trio.run(main)


async def test_a_message_in_fragments_arrives_whole() -> None:
    """Fragments are put together, also when a character is cut between two and a ping lies between them."""
    data = "é€".encode()
    async with half() as (client, stream):
        for frame in (
            Frame(Opcode.TEXT, data[:1], fin=False),
            Frame(Opcode.PING, b"x"),
            Frame(Opcode.CONT, data[1:3], fin=False),
            Frame(Opcode.CONT, data[3:]),
        ):
            await stream.send_all(frame.serialize(mask=False))

        assert await client.receive() == "é€"


async def test_pings_are_answered_while_receiving() -> None:
    """A ping gets its pong without anybody's doing, and nothing else comes of it."""
    async with pair() as (client, server):
        heard = server.heard_at
        await client.ping()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.receive)
            nursery.start_soon(client.receive)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

        assert server.heard_at >= heard
        assert not server._protocol.writes


async def test_a_pong_counts_as_heard(autojump_clock: trio.abc.Clock) -> None:
    """heard_at moves with any byte, so an idle connection that answers pings is not deaf."""
    async with pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(client.receive)
        nursery.start_soon(server.receive)
        await trio.sleep(100)
        await client.ping()
        await wait_all_tasks_blocked()

        assert client.heard_at == trio.current_time()
        nursery.cancel_scope.cancel()


# Ends.


async def test_the_close_code_is_told() -> None:
    """A close by the other side ends receiving with its code; what came before is delivered first."""
    async with pair() as (client, server):
        await server.send("last words")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.aclose, 4001, "go away")
            await wait_all_tasks_blocked()

            assert await client.receive() == "last words"
            for _ in range(2):
                with pytest.raises(LinkClosed, match="code 4001 go away"):
                    await client.receive()
        with pytest.raises(LinkClosed, match="code 4001"):
            await client.send("too late")
        with pytest.raises(LinkClosed, match="code 4001"):
            await client.ping()


async def test_an_end_without_close_frame_is_told() -> None:
    """A stream that just ends is an ended connection."""
    async with half() as (client, stream):
        await stream.aclose()

        with pytest.raises(LinkClosed, match="without a close frame"):
            await client.receive()


async def test_a_broken_stream_is_an_ended_connection() -> None:
    """A reset shows as LinkClosed to reader and writer alike."""
    async with half() as (client, stream):

        async def broken() -> None:
            raise trio.BrokenResourceError

        assert isinstance(client._stream, trio.StapledStream)
        assert isinstance(client._stream.receive_stream, MemoryReceiveStream)
        client._stream.receive_stream.receive_some_hook = broken
        with pytest.raises(LinkClosed, match="connection lost"):
            await client.receive()
    async with half() as (client, stream):
        await trio.aclose_forcefully(stream)
        with pytest.raises(LinkClosed, match="connection lost"):
            await client.send("x")


async def test_closing_twice_is_harmless() -> None:
    """A second close returns at once."""
    async with pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(server.aclose)
        await client.aclose()
        await client.aclose()

        with pytest.raises(LinkClosed, match="closed"):
            await client.receive()


async def test_two_may_close_at_once(autojump_clock: trio.abc.Clock) -> None:
    """While somebody receives, any number may close and wait together, within the second."""
    async with half() as (client, _), trio.open_nursery() as nursery:

        async def receive() -> None:
            with pytest.raises(LinkClosed, match="closed by us"):
                await client.receive()

        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        async with trio.open_nursery() as closing:
            for _ in range(3):
                closing.start_soon(client.aclose)

        assert trio.current_time() == 1


async def test_close_does_not_wait_for_tcp_to_close(autojump_clock: trio.abc.Clock) -> None:
    """Slack does not close TCP after the closing handshake (facts/slack.md §1): its close frame is enough."""
    async with half() as (client, stream):
        await stream.send_all(Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=False))
        started = trio.current_time()
        await client.aclose()

        assert trio.current_time() == started


async def test_close_is_bounded_when_the_other_side_is_silent(autojump_clock: trio.abc.Clock) -> None:
    """A peer that never answers the close frame costs one second, with and without somebody receiving."""
    for receiving in (False, True):
        async with half() as (client, _):
            started = trio.current_time()
            async with trio.open_nursery() as nursery:
                if receiving:

                    async def expect_end(client: WebSocket = client) -> None:
                        with pytest.raises(LinkClosed, match="closed by us"):
                            await client.receive()

                    nursery.start_soon(expect_end)
                    await wait_all_tasks_blocked()
                await client.aclose()

            assert trio.current_time() - started == 1


async def test_receiving_goes_on_until_the_other_side_has_closed(autojump_clock: trio.abc.Clock) -> None:
    """What the other side sent before it saw our close frame still arrives at whoever is receiving."""
    received: list[str | bytes] = []
    async with half() as (client, stream), trio.open_nursery() as nursery:

        async def read() -> None:
            with pytest.raises(LinkClosed, match="code 1000"):
                await receive_all(client, received)

        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        nursery.start_soon(client.aclose)
        await wait_all_tasks_blocked()
        await stream.send_all(Frame(Opcode.TEXT, b"on its way").serialize(mask=False))
        await stream.send_all(Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=False))

    assert received == ["on its way"]


async def test_receive_during_an_unwatched_close_ends(autojump_clock: trio.abc.Clock) -> None:
    """While aclose itself reads, a late receive does not read beside it but is told."""
    async with half() as (client, _), trio.open_nursery() as nursery:
        nursery.start_soon(client.aclose)
        await wait_all_tasks_blocked()

        with pytest.raises(LinkClosed, match="being closed"):
            await client.receive()
        with pytest.raises(LinkClosed, match="being closed"):
            await client.send("x")


async def test_a_cancelled_close_closes_by_force() -> None:
    """Cancelled, aclose does not wait, and the stream is closed all the same."""
    async with half() as (client, stream):
        with trio.CancelScope() as scope:
            scope.cancel()
            await client.aclose()

        assert await stream.receive_some() == b""


# Cancellation.


async def test_a_cancelled_receive_loses_nothing(autojump_clock: trio.abc.Clock) -> None:
    """Giving up waiting leaves the connection and every message intact."""
    async with pair() as (client, server):
        with trio.move_on_after(1) as scope:
            await client.receive()
        assert scope.cancelled_caught
        await server.send("still there")
        with trio.CancelScope() as scope:
            scope.cancel()
            await client.receive()
        assert scope.cancelled_caught

        assert await client.receive() == "still there"


async def test_a_cancellation_before_the_write_leaves_the_connection() -> None:
    """A send that never began sends nothing and closes nothing."""
    async with pair() as (client, server):
        with trio.CancelScope() as scope:
            scope.cancel()
            await client.send("never")
        await client.send("whole")

        assert await server.receive() == "whole"


async def test_a_cancellation_in_mid_write_closes() -> None:
    """Half a frame is never followed by another one: the connection is over."""
    async with half() as (client, stream), trio.open_nursery() as nursery:
        block(client)
        with trio.CancelScope() as scope:
            nursery.start_soon(cancel_when_blocked, scope)
            await client.send("half")
        assert scope.cancelled_caught

        with pytest.raises(LinkClosed, match="middle of a frame"):
            await client.send("after")
        with pytest.raises(LinkClosed, match="middle of a frame"):
            await client.receive()
        with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)):
            await stream.send_all(b"x")


def block(websocket: WebSocket) -> trio.Event:
    """Let every write of *websocket* hang until the returned event is set."""
    gate = trio.Event()
    assert isinstance(websocket._stream, trio.StapledStream)
    assert isinstance(websocket._stream.send_stream, MemorySendStream)
    websocket._stream.send_stream.send_all_hook = gate.wait
    return gate


async def cancel_when_blocked(scope: trio.CancelScope) -> None:
    """Cancel *scope* when every task is waiting."""
    await wait_all_tasks_blocked()
    scope.cancel()


async def test_a_blocked_write_does_not_stop_the_reading() -> None:
    """While a send hangs, pings and messages are read on; the pongs leave after it, and nobody waits for them."""
    async with half() as (client, stream), trio.open_nursery() as nursery:
        gate = block(client)
        nursery.start_soon(client.send, "stuck")
        await wait_all_tasks_blocked()
        await stream.send_all(Frame(Opcode.PING, b"one").serialize(mask=False))
        await stream.send_all(Frame(Opcode.TEXT, b"hello").serialize(mask=False))
        assert await client.receive() == "hello"
        gate.set()
        await wait_all_tasks_blocked()

        assert not client._protocol.writes


async def test_a_flood_of_pings_that_reads_nothing_is_a_fault() -> None:
    """Answers that cannot be written are bounded."""
    async with half() as (client, stream), trio.open_nursery() as nursery:
        block(client)

        async def stuck() -> None:
            with pytest.raises(LinkClosed):
                await client.send("stuck")

        nursery.start_soon(stuck)
        await wait_all_tasks_blocked()
        await stream.send_all(Frame(Opcode.PING, b"").serialize(mask=False) * (MAX_UNSENT + 1))
        with pytest.raises(RemoteProtocolError, match="flood of pings"):
            await client.receive()
        nursery.cancel_scope.cancel()


async def test_many_senders_never_mix() -> None:
    """Messages of several tasks arrive each whole."""
    async with pair(slice_bytes=500) as (client, server), trio.open_nursery() as nursery:
        messages = {character * 2000 for character in "abcdefgh"}
        for message in messages:
            nursery.start_soon(client.send, message)

        assert messages == {await server.receive() for _ in messages}


# Faults of the other side.


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xf1\x00", "malformed frame"),
        (Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=False), "not UTF-8"),
        (Frame(Opcode.BINARY, bytes(101)).serialize(mask=False), "too big"),
        (
            Frame(Opcode.BINARY, bytes(60), fin=False).serialize(mask=False)
            + Frame(Opcode.CONT, bytes(60)).serialize(mask=False),
            "too big",
        ),
        (Frame(Opcode.CONT, b"x").serialize(mask=False), "malformed frame"),
    ],
)
async def test_faults_have_a_kind_and_no_content(data: bytes, reason: str) -> None:
    """Each breach of the protocol ends the connection with its kind; the message before it is still delivered."""
    async with half(max_bytes=100) as (client, stream):
        await stream.send_all(Frame(Opcode.TEXT, b"good").serialize(mask=False) + data)

        assert await client.receive() == "good"
        for _ in range(2):
            with pytest.raises(RemoteProtocolError, match=reason):
                await client.receive()


async def test_nothing_after_bad_text_is_delivered() -> None:
    """A message that follows a fault in the same read is dropped with the connection."""
    async with half() as (client, stream):
        bad = Frame(Opcode.TEXT, b"\xff").serialize(mask=False)
        await stream.send_all(bad + Frame(Opcode.TEXT, b"late").serialize(mask=False))

        with pytest.raises(RemoteProtocolError):
            await client.receive()


@given(st.binary(min_size=1, max_size=200))
@settings(max_examples=50, deadline=None)
def test_any_bytes_give_a_message_or_a_typed_end(data: bytes) -> None:
    """Whatever a server sends after the handshake, the client sees messages, then LinkClosed or RemoteProtocolError."""

    async def main() -> None:
        async with half() as (client, stream):
            await stream.send_all(data)
            await stream.aclose()
            with pytest.raises((LinkClosed, RemoteProtocolError)):
                await receive_all(client, [])

    trio.run(main)


# Another implementation, over real sockets.


async def test_our_client_with_their_server() -> None:
    """The library's own trio server, compression offered, exchanges messages, pings and closes with our client."""

    async def echo(connection: websockets.trio.server.ServerConnection) -> None:
        await connection.ping()
        async for message in connection:
            await connection.send(message)

    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(websockets.trio.server.serve, echo, 0, host="127.0.0.1"))
        port = server.listeners[0].socket.getsockname()[1]
        client = await WebSocket.connect(TcpNetwork(), f"ws://127.0.0.1:{port}/x?y=1", max_bytes=4 * MIB)
        for message in ("hello", b"\x00" * 3, "你" * 100_000):
            await client.send(message)

            assert await client.receive() == message
        await client.ping()
        with trio.fail_after(5):
            await client.aclose(1001, "bye")
            await server.aclose()


async def test_their_client_with_our_server() -> None:
    """The library's own trio client exchanges messages with our server and sees its close code."""

    async def serve(stream: trio.abc.Stream) -> None:
        server = await WebSocket.accept(stream, max_bytes=4 * MIB)
        for _ in range(3):
            await server.send(await server.receive())
        await server.aclose(4000, "enough")

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        async with websockets.trio.client.connect(f"ws://127.0.0.1:{port}/") as client:
            for message in ("hello", b"\x01", "你" * 100_000):
                await client.send(message)

                assert await client.recv() == message
            with pytest.raises(ConnectionClosed) as caught:
                await client.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 4000
        nursery.cancel_scope.cancel()


async def test_nobody_listens() -> None:
    """A refused TCP connection is ConnectFailed with the system's reason."""
    with pytest.raises(ConnectFailed, match=r"127\.0\.0\.1:1"):
        await WebSocket.connect(TcpNetwork(), "ws://127.0.0.1:1/", max_bytes=MIB)
