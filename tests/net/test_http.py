"""HTTP over our streams, with and without a real proxy between."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest
import trio

from slackkefu.net.network import TcpNetwork
from slackkefu.net.proxy import Proxies, Proxy
from tests.net.certificates import PrivateCa
from tests.net.real_proxy import Passed, proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path
    from typing import Self

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture
def ca(tmp_path: Path) -> PrivateCa:
    """Return the CA of the targets, and of a proxy that speaks TLS."""
    return PrivateCa(tmp_path)


async def greet(stream: trio.abc.Stream, requests: list[bytes] | None = None) -> None:
    """Answer each request, which has no body, with a greeting."""
    async for data in stream:
        if requests is not None:
            requests.append(bytes(data))
        await stream.send_all(HELLO)


@asynccontextmanager
async def served(handler: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncIterator[str]:
    """Serve on this machine; give the address."""
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, handler, 0, host="127.0.0.1"))
        yield f"http://127.0.0.1:{listener.socket.getsockname()[1]}/"
        nursery.cancel_scope.cancel()


# Without a proxy.


async def test_a_request_and_its_answer() -> None:
    """Bodies go both ways, in pieces; the next request takes the same connection."""
    connections = 0

    async def echo(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        async for data in stream:
            _head, _, body = bytes(data).partition(b"\r\n\r\n")
            while not body.endswith(b"0\r\n\r\n"):
                body += await stream.receive_some()
            await stream.send_all(b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n" + body)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 50_000

    async with served(echo) as url, TcpNetwork().http_client(base_url=url, timeout_s=5) as http:
        for _ in range(2):
            response = await http.post("a?b=1", content=pieces())

            assert (201, b"x" * 150_000) == (response.status_code, response.content)
    assert 1 == connections


async def test_a_connection_that_ended_while_it_was_idle_is_not_used_again() -> None:
    """It is seen to have ended, so that no request is lost on it."""

    async def once(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(HELLO)

    async with served(once) as url, TcpNetwork().http_client(base_url=url, timeout_s=5) as http:
        for _ in range(3):
            assert "hello" == (await http.get("")).text
            await trio.testing.wait_all_tasks_blocked(0.02)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"220 mail.example\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", httpx.RemoteProtocolError),
    ],
)
async def test_faults_are_httpxs(answer: bytes, error: type[httpx.HTTPError]) -> None:
    """What other code asks about is httpx's error of that kind, with its request."""

    async def handler(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)

    async with served(handler) as url, TcpNetwork().http_client(base_url=url, timeout_s=5) as http:
        with pytest.raises(error) as caught:
            await http.get("")

    assert url == caught.value.request.url


class Endless(httpx.AsyncByteStream):
    """A body without an end; no generator, which nobody would close."""

    def __aiter__(self) -> Self:
        """Begin."""
        return self

    async def __anext__(self) -> bytes:
        """Return a piece."""
        await trio.lowlevel.checkpoint()
        return bytes(1_000_000)


async def test_waiting_is_bounded() -> None:
    """Connecting, reading and writing have their own limits."""

    async def mute(_: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with served(mute) as url, TcpNetwork().http_client(base_url=url, timeout_s=0.1) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get("")
        request = http.build_request("POST", "", headers={"Content-Length": str(1 << 40)})
        request.stream = Endless()
        with pytest.raises(httpx.WriteTimeout):
            await http.send(request)
        with pytest.raises(httpx.ConnectTimeout, match=r"nothing within 0\.1 s"):
            await http.get(url.replace("http", "https"))


async def test_a_reset_while_reading() -> None:
    """A broken connection is a read error."""

    async def reset(stream: trio.SocketStream) -> None:
        await stream.receive_some(1)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        stream.setsockopt(1, 13, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # SO_LINGER: closing resets

    async with served(reset) as url, TcpNetwork().http_client(base_url=url, timeout_s=5) as http:
        with pytest.raises(httpx.ReadError):
            await http.get("")


async def test_nobody_there() -> None:
    """A refused connection, and a name that is none, are connect errors that say why."""
    async with TcpNetwork().http_client(base_url="", timeout_s=5) as http:
        with pytest.raises(httpx.ConnectError, match="refused"):
            await http.get("http://127.0.0.1:1/")
        with pytest.raises(httpx.UnsupportedProtocol):
            await http.get("ftp://127.0.0.1/")


# Through one.


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
async def test_requests_go_through_the_proxy(scheme: str, ca: PrivateCa) -> None:
    """Encrypted or not, a request goes through a tunnel to the name, one for all of a host; nothing is forwarded."""
    requests: list[bytes] = []
    async with served(partial(greet, requests=requests)) as url, trio.open_nursery() as nursery:
        port = httpx.URL(url).port
        assert port is not None
        secure = await nursery.start(ca.serve, port, "target.test")
        names = {"target.test:443": secure, "plain.test:80": port}
        async with proxy(scheme, names, certificate=ca.file_for("localhost"), credentials="mia:hunter2") as running:
            network = TcpNetwork(Proxies(Proxy.read(running.url)), ca.trusted())
            async with network.http_client(base_url="", timeout_s=5) as http:
                for address in ("https://target.test/a", "https://target.test/b", "http://plain.test/"):
                    assert "hello" == (await http.get(address)).text
                with pytest.raises(httpx.ConnectError, match=f"the proxy localhost:{running.port} cannot reach"):
                    await http.get("http://elsewhere.test/")
            way = "SOCKS5" if scheme == "socks5" else "CONNECT"

            assert [
                Passed(way, "target.test:443", 200),
                Passed(way, "plain.test:80", 200),
                Passed(way, "elsewhere.test:80", 502),
            ] == running.passed
            assert b"hunter2" not in b"".join(requests)
            assert b"bWlhOmh1bnRlcjI" not in b"".join(requests)
        nursery.cancel_scope.cancel()


async def test_this_machine_and_the_exempted_are_reached_without_it() -> None:
    """Nothing asks the proxy for them."""
    async with served(greet) as url, proxy("http", {}) as running:
        network = TcpNetwork(Proxies(Proxy.read(running.url)))
        async with network.http_client(base_url="", timeout_s=5) as http:
            assert "hello" == (await http.get(url)).text
            assert "hello" == (await http.get(url.replace("127.0.0.1", "localhost"))).text
        assert [] == running.passed
        assert f"<TcpNetwork by {running.url}>" == repr(network)


async def test_what_others_have_named_goes_through_the_proxy_too(ca: PrivateCa) -> None:
    """By name, which nobody here knows; but never to an address that is not public."""
    async with served(greet) as url, trio.open_nursery() as nursery:
        port = httpx.URL(url).port
        assert port is not None
        secure = await nursery.start(ca.serve, port, "media.test")
        async with proxy("http", {"media.test:443": secure}) as running:
            network = TcpNetwork(Proxies(Proxy.read(running.url)), ca.trusted())
            async with network.http_client(base_url="", timeout_s=5, public_only=True) as http:
                assert "hello" == (await http.get("https://media.test/a.png")).text
            assert [Passed("CONNECT", "media.test:443", 200)] == running.passed
        nursery.cancel_scope.cancel()
