"""Ways over real sockets of this machine: what is named is what the operating system and TLS say."""

from __future__ import annotations

import datetime as dt
import ssl
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
import trustme

from slackkefu.doctor.scene import Scene
from slackkefu.doctor.ways import Way, examine_way
from slackkefu.net.network import TcpNetwork
from slackkefu.net.proxy import Proxies, Proxy
from slackkefu.secret import Secret
from slackkefu.store.inspection import inspect
from slackkefu.world import World
from tests.doctor.patient import patient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from slackkefu.doctor.report import Finding

LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


async def found(
    tmp_path: Path,
    host: str,
    serve: Callable[[trio.SocketStream], Awaitable[None]],
    *,
    trusted: trustme.CA | None = None,
    by_proxy: bool = False,
) -> Finding:
    """Go the way to a server of ours, or through it as a proxy, and return what is found."""
    tls = ssl.create_default_context()
    if trusted is not None:
        trusted.configure_trust(tls)
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]
        async with patient(tmp_path) as here:
            address = f"http://buyer:hunter2@127.0.0.1:{port}"
            if by_proxy:
                here.configure("network", proxy=Secret(address))
            proxies = Proxies(Proxy.read(address)) if by_proxy else Proxies()
            world = World(network=TcpNetwork(proxies, tls))
            scene = Scene(here.config, world, inspect(here.config.store.path))
        with trio.fail_after(20):
            finding = await examine_way(scene, Way(host=host, port=port, tls=True, means="nothing passes"))
        nursery.cancel_scope.cancel()
    return finding


def speaking_tls(certificate: trustme.LeafCert) -> Callable[[trio.SocketStream], Awaitable[None]]:
    """Return a server that shows a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)

    async def serve(stream: trio.SocketStream) -> None:
        secured = trio.SSLStream(stream, context, server_side=True)
        try:
            await secured.do_handshake()
            await secured.receive_some()
        except trio.BrokenResourceError:
            pass

    return serve


async def not_speaking_tls(stream: trio.SocketStream) -> None:
    """Be a server of something else."""
    await stream.receive_some()
    await stream.send_all(b"220 welcome\r\n")


async def test_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    """With the operator's CA the way is whole."""
    authority = trustme.CA()
    finding = await found(tmp_path, "localhost", speaking_tls(authority.issue_cert("localhost")), trusted=authority)

    assert ("net.way", "TCP, TLS: good") == (finding.id, finding.says)


async def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    """A CA of one's own, a firewall's for example, is named as that, with the key that mends it."""
    finding = await found(tmp_path, "localhost", speaking_tls(trustme.CA().issue_cert("localhost")))

    assert "net.tls" == finding.id
    assert finding.says.startswith("TLS: its certificate is not trusted")
    assert "network.ca_bundle" in finding.do


async def test_a_certificate_that_has_expired(tmp_path: Path) -> None:
    """An old certificate is named as that, and so is the clock, which may be what is wrong."""
    authority = trustme.CA()
    expired = authority.issue_cert("localhost", not_before=LONG_AGO, not_after=LONG_AGO + dt.timedelta(days=30))
    finding = await found(tmp_path, "localhost", speaking_tls(expired), trusted=authority)

    assert "net.tls" == finding.id
    assert "expired" in finding.says
    assert "clock" in finding.says + finding.do


async def test_a_certificate_of_somebody_else(tmp_path: Path) -> None:
    """A right certificate for another name is another server."""
    authority = trustme.CA()
    finding = await found(tmp_path, "localhost", speaking_tls(authority.issue_cert("other.test")), trusted=authority)

    assert "net.tls" == finding.id
    assert "not trusted" in finding.says


async def test_a_server_of_something_else(tmp_path: Path) -> None:
    """What does not speak TLS is told from what does not answer."""
    finding = await found(tmp_path, "localhost", not_speaking_tls)

    assert "net.tls" == finding.id


async def test_a_name_that_does_not_exist(tmp_path: Path) -> None:
    """The operating system's resolver says so."""
    finding = await found(tmp_path, "no-such-host.invalid", not_speaking_tls)

    assert "net.dns" == finding.id


async def test_a_port_that_is_closed(tmp_path: Path) -> None:
    """A connection that is refused is no name and no certificate."""
    async with patient(tmp_path) as here:
        scene = Scene(here.config, World(network=TcpNetwork()), inspect(here.config.store.path))
    finding = await examine_way(scene, Way(host="127.0.0.1", port=1, tls=True, means="nothing passes"))

    assert "net.tcp" == finding.id
    assert "refused" in finding.says


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "407"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403"),
        (b"", "the proxy 127.0.0.1:"),
    ],
)
async def test_a_proxy_that_refuses(answer: bytes, words: str, tmp_path: Path) -> None:
    """What a proxy says is the proxy's step, and its password is not shown."""

    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)

    finding = await found(tmp_path, "slack.com", refuse, by_proxy=True)

    assert "net.proxy" == finding.id
    assert words in finding.says
    assert "hunter2" not in repr(finding)
