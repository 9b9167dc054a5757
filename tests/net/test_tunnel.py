"""Streams through a real proxy, and what is said when there is none."""

from __future__ import annotations

import socket  # noqa: TID251 - constants
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import h11
import httpx
import pytest
import trio
from trio.testing import memory_stream_pair

from slackkefu.errors import ConnectFailed
from slackkefu.net import tunnel
from slackkefu.net.network import TcpNetwork
from slackkefu.net.proxy import Proxies, Proxy
from slackkefu.net.tls import trust
from slackkefu.net.tunnel import open_tunnel
from tests.net.certificates import PrivateCa
from tests.net.real_proxy import Passed, proxy
from tests.net.streams import SlicedStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.net.real_proxy import RealProxy

TARGET = "target.test"
SCHEMES = ["http", "https", "socks5"]


@pytest.fixture
def ca(tmp_path: Path) -> PrivateCa:
    """Return the CA of the targets, and of a proxy that speaks TLS."""
    return PrivateCa(tmp_path)


async def shout(stream: trio.abc.Stream) -> None:
    """Answer in capitals until the client ends."""
    async for data in stream:
        await stream.send_all(bytes(data).upper())


@asynccontextmanager
async def between(scheme: str, ca: PrivateCa, **settings: object) -> AsyncIterator[tuple[RealProxy, TcpNetwork]]:
    """Run a server with TLS that only a proxy knows, and the proxy; give that, and a network that goes through it."""
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, shout, 0, host="127.0.0.1"))
        plain = listener.socket.getsockname()[1]
        secure = await nursery.start(ca.serve, plain, TARGET, "2606:4700::1111")
        names = {f"{TARGET}:443": secure, f"{TARGET}:80": plain, "[2606:4700::1111]:443": secure}
        certificate = ca.file_for("localhost")
        async with proxy(scheme, names, certificate=certificate, **settings) as running:
            yield running, TcpNetwork(Proxies(Proxy.read(running.url)), ca.trusted())
        nursery.cancel_scope.cancel()


async def carries(network: TcpNetwork, host: str = TARGET, port: int = 443, *, tls: bool = True) -> None:
    """Open a stream, and see that it carries bytes both ways."""
    async with await network.open_stream(host, port, tls=tls) as stream:
        for words in (b"hello", b"x" * 100_000):
            await stream.send_all(words)
            heard = b""
            while len(heard) < len(words):
                heard += await stream.receive_some()

            assert words.upper() == heard


async def fails(network: TcpNetwork) -> str:
    """Return why there is no connection to the target, and see that no secret is in it."""
    with trio.fail_after(10), pytest.raises(ConnectFailed) as caught:
        await network.open_stream(TARGET, 443, tls=True)
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in f"{error} {error!r}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)

    assert "target.test:443" == caught.value.address
    assert "hunter2" not in repr(network)
    return caught.value.reason


class Resolver(trio.abc.HostnameResolver):
    """Knows this machine, and who was asked for."""

    def __init__(self) -> None:
        self.asked: set[bytes | None] = set()

    async def getaddrinfo(  # type: ignore[override]  # as much as is needed
        self, host: bytes | None, port: int, *_: object, **__: object
    ) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int]]]:
        """Say that every name is this machine's."""
        await trio.lowlevel.checkpoint()
        self.asked.add(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port)))]

    async def getnameinfo(self, sockaddr: object, flags: int) -> tuple[str, str]:
        """Be asked by nobody: we look for addresses, not for the names of some."""
        raise AssertionError(sockaddr)


@pytest.mark.parametrize("credentials", ["", "mia:hunter2"])
@pytest.mark.parametrize("scheme", [*SCHEMES, "socks5h"])
async def test_bytes_pass(scheme: str, credentials: str, ca: PrivateCa) -> None:
    """With TLS inside and without, to a name and to a number; only the proxy's own name is looked up here."""
    resolver = Resolver()
    trio.socket.set_custom_hostname_resolver(resolver)
    async with between(scheme, ca, credentials=credentials) as (running, network):
        await carries(network)
        await carries(network, port=80, tls=False)
        await carries(network, "2606:4700::1111")
        way = "SOCKS5" if scheme.startswith("socks5") else "CONNECT"
        targets = ["target.test:443", "target.test:80", "[2606:4700::1111]:443"]

        assert [Passed(way, target, 200) for target in targets] == await running.saw(3)
        assert {b"localhost"} == resolver.asked


@pytest.mark.parametrize(
    ("scheme", "kind", "words"),
    [
        ("http", "refuse", "refuses the way (HTTP 403); it has to allow CONNECT to this host and port"),
        ("socks5", "refuse", "refuses the way (SOCKS5 2); it has to allow this host and port"),
        ("http", "page", "cannot reach the host; whoever runs the proxy can tell why (HTTP 502)"),
        ("https", "page", "cannot reach the host; whoever runs the proxy can tell why (HTTP 502)"),
        ("socks5", "page", "cannot reach the host; whoever runs the proxy can tell why (SOCKS5 4)"),
        ("http", "hang_up", "ended the connection before it answered"),
        ("socks5", "hang_up", "ended the connection before it answered"),
        ("http", "rubbish", "does not answer as such a proxy does; check scheme and port in network.proxy"),
        ("socks5", "rubbish", "does not answer as such a proxy does; check scheme and port in network.proxy"),
        ("http", "babble", "does not answer as such a proxy does; check scheme and port in network.proxy"),
        ("http", "silent", "has not opened the way within 0.3 s"),
        ("socks5", "silent", "has not opened the way within 0.3 s"),
    ],
)
async def test_what_a_proxy_does_instead(
    scheme: str, kind: str, words: str, ca: PrivateCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fault is a failed connection that names the proxy and what to do; and when it is over, it is over."""
    monkeypatch.setattr(tunnel, "TUNNEL_S", 0.3)
    async with between(scheme, ca, credentials="mia:hunter2") as (running, network):
        await running.has(kind)

        assert f"the proxy localhost:{running.port} {words}" == await fails(network)

        monkeypatch.undo()
        await running.has("")
        await carries(network)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_password_is_wanted(scheme: str, ca: PrivateCa) -> None:
    """Without one, and with a wrong one, it is said where it belongs."""
    async with between(scheme, ca, credentials="mia:hunter2") as (running, network):
        await carries(network)
        here = f"localhost:{running.port}"
        without = TcpNetwork(Proxies(Proxy.read(f"{scheme}://{here}")), ca.trusted())
        wrong = TcpNetwork(Proxies(Proxy.read(f"{scheme}://mia:not-hunter2@{here}")), ca.trusted())
        status = "" if scheme == "socks5" else " (HTTP 407)"
        example = f"{scheme}://name:password@…{status}"

        assert f"the proxy {here} wants a name and password; write them into network.proxy, {example}" == await fails(
            without
        )

        words = "does not take the name and password of network.proxy by Basic authentication"

        assert f"the proxy {here} {words}{status}" == await fails(wrong)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_nobody_is_there(scheme: str, ca: PrivateCa) -> None:
    """A proxy that does not run, and one whose name is not known here; when it runs again all is well."""
    async with between(scheme, ca) as (running, network):
        await running.stop()

        reason = await fails(network)

        assert reason.startswith(f"the proxy localhost:{running.port} cannot be reached (")
        assert reason.endswith("refused); check network.proxy, and that it runs")

        await running.start()
        await carries(network)
    nowhere = TcpNetwork(Proxies(Proxy.read(f"{scheme}://mia:hunter2@nobody.invalid:1", place="$HTTPS_PROXY")))
    reason = await fails(nowhere)

    assert reason.startswith("the proxy nobody.invalid:1 cannot be reached (")
    assert reason.endswith("check $HTTPS_PROXY, and that it runs")


async def test_tls_to_the_proxy_fails(ca: PrivateCa) -> None:
    """A proxy with a certificate of nobody's, and one that speaks no TLS, are told from a target of that kind."""
    async with between("https", ca) as (running, _):
        strict = TcpNetwork(Proxies(Proxy.read(running.url)))
        reason = await fails(strict)

        assert reason.startswith(f"TLS to the proxy localhost:{running.port}: its certificate is not trusted (")
        assert "put its CA's certificate into network.ca_bundle" in reason
    async with between("http", ca) as (running, _):
        plain = TcpNetwork(Proxies(Proxy.read(running.url.replace("http", "https"))))

        assert (await fails(plain)).startswith(f"TLS to the proxy localhost:{running.port}: ")


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_proxy_that_opens_tls(scheme: str, ca: PrivateCa, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its certificates are not taken, until its CA is trusted."""
    theirs = PrivateCa(tmp_path_factory.mktemp("theirs"))
    async with between(scheme, ca, opens_tls=theirs.file_for(TARGET)) as (running, network):
        reason = await fails(network)

        assert reason.startswith(f"TLS through the proxy localhost:{running.port}: its certificate is not trusted (")
        assert "put its CA's certificate into network.ca_bundle" in reason

        running.settings["names"][f"{TARGET}:443"] = running.settings["names"][f"{TARGET}:80"]
        await running.stop()
        await running.start()
        both = trust(theirs.bundle)
        both.load_verify_locations(ca.bundle)
        await carries(TcpNetwork(Proxies(Proxy.read(running.url)), both))


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_cut_in_the_middle(scheme: str, ca: PrivateCa) -> None:
    """In the handshake it is a failed connection; later the stream is broken, as without a proxy."""
    async with between(scheme, ca) as (running, network):
        await running.has("cut", after_bytes=100)

        assert (await fails(network)).startswith(f"TLS through the proxy localhost:{running.port}: ")

        await running.has("cut", after_bytes=10)
        async with await network.open_stream(TARGET, 80, tls=False) as stream:
            await stream.send_all(b"a long message")

            assert b"A LONG MES" == await stream.receive_some()
            assert b"" == await stream.receive_some()


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_is_named_before_the_caller_gives_up(scheme: str, ca: PrivateCa) -> None:
    """Whoever waits, by httpx's limit or by trio's, hears of the proxy, and not of time."""
    async with between(scheme, ca) as (running, network):
        await running.has("silent")
        words = f"the proxy localhost:{running.port} has not opened the way within 0.1"
        with trio.fail_after(0.2), pytest.raises(ConnectFailed, match=words):
            await network.open_stream(TARGET, 443, tls=True)
        async with network.http_client(base_url="", timeout_s=0.2) as http:
            with pytest.raises(httpx.ConnectError, match=words):
                await http.get(f"https://{TARGET}/")


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("host", ["a b", "a..b", "", "x" * 64, "a." * 150, "a\r\nX: y"])
async def test_what_is_no_name_is_not_asked_for(scheme: str, host: str) -> None:
    """A message may name any host; a proxy sees none that breaks what is said to it."""
    with pytest.raises(ConnectFailed, match="not a name that can be looked up"):
        await open_tunnel(Proxy.read(f"{scheme}://127.0.0.1:1"), host, 443, tls=trust())


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_name_in_other_letters_is_asked_for_as_dns_has_it(scheme: str, ca: PrivateCa) -> None:
    """No proxy is shown letters that its protocol does not have."""
    async with between(scheme, ca) as (running, network):
        with pytest.raises(ConnectFailed):
            await network.open_stream("bücher.test", 443, tls=False)

        assert ["xn--bcher-kva.test:443"] == [passed.target for passed in await running.saw(1)]


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_way_given_up_leaves_nothing_open(scheme: str) -> None:
    """A cancellation while the proxy thinks closes the connection to it."""
    begun, ended = trio.Event(), trio.Event()

    async def mute(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        begun.set()
        assert await stream.receive_some() == b""
        ended.set()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, mute, 0, host="127.0.0.1"))
        there = Proxy.read(f"{scheme}://127.0.0.1:{listener.socket.getsockname()[1]}")
        async with trio.open_nursery() as dialling:
            dialling.start_soon(partial(open_tunnel, there, TARGET, 443, tls=trust()))
            await begun.wait()
            dialling.cancel_scope.cancel()
        with trio.fail_after(5):
            await ended.wait()
        nursery.cancel_scope.cancel()


ANSWERS = [
    (b"HTTP/1.1 200 Connection established\r\n\r\n", ""),
    (b"HTTP/1.0 200 OK\r\nProxy-Agent: x\r\nVia: y\r\n\r\n", ""),
    (b"HTTP/1.1 204 \r\n\r\n", ""),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ""),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
    (b"HTTP/1.1 407 No\r\nContent-Length: 4\r\n\r\npage", "wants a name and password"),
    (b"HTTP/1.0 401 Unauthorized\r\n\r\n", "wants a name and password"),
    (b"HTTP/1.0 500 Unable to connect\r\n\r\n", "cannot reach the host"),
    (b"HTTP/1.1 302 Sign in\r\nLocation: https://portal.test/\r\n\r\n", "refuses the way (HTTP 302)"),
    (b"HTTP/1.1 200 OK", "ended the connection"),
    (b"", "ended the connection"),
]


@pytest.mark.parametrize("slice_bytes", [1, 7, 10_000])
@pytest.mark.parametrize(("answer", "words"), ANSWERS)
async def test_an_answer_in_any_pieces(answer: bytes, words: str, slice_bytes: int) -> None:
    """However it arrives, an answer means the same, and not a byte of what follows it is taken."""
    ours, theirs = memory_stream_pair()
    await theirs.send_all(answer)
    await theirs.send_eof()
    problem = await tunnel._ask(SlicedStream(ours, slice_bytes), Proxy.read("http://proxy.test"), "target.test:443")

    assert words in problem
    assert bool(words) == bool(problem)


async def test_an_endless_answer_ends() -> None:
    """A head that does not end is not collected for ever."""
    ours, theirs = memory_stream_pair()
    await theirs.send_all(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000)
    with pytest.raises(h11.RemoteProtocolError):
        await tunnel._ask(ours, Proxy.read("http://proxy.test"), "target.test:443")
