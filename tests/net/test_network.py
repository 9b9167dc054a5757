"""The real network, over loopback."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio

import slackkefu
from slackkefu.errors import ConnectFailed
from slackkefu.net.network import TcpNetwork


async def test_a_stream_carries_bytes() -> None:
    """A plain stream to a server on this machine works both ways."""

    async def echo(stream: trio.SocketStream) -> None:
        await stream.send_all(await stream.receive_some())

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, echo, 0, host="127.0.0.1"))
        stream = await TcpNetwork().open_stream("127.0.0.1", listener.socket.getsockname()[1], tls=False)
        async with stream:
            await stream.send_all(b"hello")

            assert await stream.receive_some() == b"hello"
        nursery.cancel_scope.cancel()


async def test_a_server_without_tls_is_no_tls_server() -> None:
    """What does not speak TLS is ConnectFailed, and the stream under it is closed."""
    ended = trio.Event()

    async def plain(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert await stream.receive_some() == b""
        ended.set()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, plain, 0, host="127.0.0.1"))
        with pytest.raises(ConnectFailed, match="TLS: "):
            await TcpNetwork().open_stream("127.0.0.1", listener.socket.getsockname()[1], tls=True)
        with trio.fail_after(5):
            await ended.wait()
        nursery.cancel_scope.cancel()


async def test_a_handshake_given_up_leaves_nothing_open() -> None:
    """A cancellation during the TLS handshake closes the stream."""
    begun, ended = trio.Event(), trio.Event()

    async def mute(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        begun.set()
        assert await stream.receive_some() == b""
        ended.set()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, mute, 0, host="127.0.0.1"))
        async with trio.open_nursery() as dialling:
            port = listener.socket.getsockname()[1]
            dialling.start_soon(partial(TcpNetwork().open_stream, "127.0.0.1", port, tls=True))
            await begun.wait()
            dialling.cancel_scope.cancel()
        with trio.fail_after(5):
            await ended.wait()
        nursery.cancel_scope.cancel()


async def test_nobody_there_is_told() -> None:
    """A refused connection is ConnectFailed with address and reason."""
    with pytest.raises(ConnectFailed, match=r"127\.0\.0\.1:1: .*refused"):
        await TcpNetwork().open_stream("127.0.0.1", 1, tls=False)


async def test_the_http_client_follows_no_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redirects would carry tokens elsewhere, and the environment decides nothing (facts/slack.md trap 15)."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with TcpNetwork().http_client(base_url="https://slack.test/api/", headers={"X": "1"}, timeout_s=7) as client:
        assert not client.follow_redirects
        assert not client.trust_env
        assert client.timeout == httpx.Timeout(7)
        assert (str(client.base_url), client.headers["x"]) == ("https://slack.test/api/", "1")


AROUND = re.compile(
    r"httpx\.(AsyncClient|Client|get|post|request|stream)\(|open_(tcp|ssl_over_tcp)_stream|urllib\.request"
)


def test_nothing_goes_around_the_network() -> None:
    """Connections are opened in ``net/``, which knows of the proxy and the CAs, and nowhere else."""
    root = Path(slackkefu.__file__).parent
    around = [
        f"{path.relative_to(root)}: {found[0]}"
        for path in root.rglob("*.py")
        if path.parent != root / "net" and (found := AROUND.search(path.read_text(encoding="utf-8")))
    ]

    assert [] == around
