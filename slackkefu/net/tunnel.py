"""
A byte stream through a proxy.

Everything goes this way alike, a WebSocket as well as an HTTP request: the proxy is asked for a connection (CONNECT, or
SOCKS5) and sees no more of what passes than bytes. So nothing a proxy says can be taken for a server's answer.

CONNECT is spoken by h11, which takes an answer in any pieces; SOCKS5 by python-socks. What a proxy says besides its
status is theirs, and is not repeated.
"""

from __future__ import annotations

import re
from base64 import b64encode
from math import inf
from typing import TYPE_CHECKING, Final

import h11
import trio
from python_socks import ProxyConnectionError, ProxyError, ProxyType
from python_socks.async_.trio.v2 import Proxy as SocksProxy

from slackkefu import __version__
from slackkefu.errors import ConnectFailed
from slackkefu.net.proxy import in_dns, joined
from slackkefu.net.reason import reason_of
from slackkefu.net.tls import secured

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from slackkefu.net.proxy import Proxy

__all__ = ["TUNNEL_S", "open_tunnel"]

TUNNEL_S: Final = 10.0
"""Longest time until the way is open."""

SHARE: Final = 0.9
"""So much of the caller's time is taken at most: what is said then names the proxy."""

MAX_READ_BYTES: Final = 4096

_NAME: Final = re.compile(r"[!-~]{1,253}")
"""What a proxy can be asked for; somebody may have made a name up."""

_LOST: Final = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)

_ENDED: Final = "ended the connection before it answered"
_NO_PROXY: Final = "does not answer as such a proxy does; check scheme and port in network.proxy"
_UNREACHED: Final = "cannot reach the host; whoever runs the proxy can tell why"

_UNWELCOME: Final = (401, 407)
"""Tinyproxy says 401."""
_HTTP_UNREACHED: Final = (500, 502, 503, 504)
"""Tinyproxy and squid say 500 where a name is not found."""

_SOCKS_UNREACHED: Final = (1, 3, 4, 5, 6)
"""RFC 1928 §6: failure, network or host unreachable, refused, TTL expired."""


async def open_tunnel(proxy: Proxy, host: str, port: int, *, tls: ssl.SSLContext) -> trio.abc.Stream:
    """
    Open a stream to *host* through *proxy*, which looks the name up.

    A cancellation leaves nothing open.

    Args:
        proxy: The way.
        host: Name or number of the target.
        port: Its port.
        tls: Whom to trust, where the proxy itself is spoken to by TLS.

    Raises:
        ConnectFailed: The way did not open; names the proxy, and what to do.

    """
    name = in_dns(host)
    if not _NAME.fullmatch(name):
        raise ConnectFailed(joined(host, port), "not a name that can be looked up")
    limit_s = min(TUNNEL_S, SHARE * (trio.current_effective_deadline() - trio.current_time()))
    try:
        with trio.fail_after(max(0.0, limit_s)):
            if proxy.scheme.startswith("socks5"):
                return await _through_socks(proxy, name, port)
            return await _connect(proxy, name, port, tls)
    except trio.TooSlowError:
        raise _failed(proxy, host, port, f"has not opened the way within {limit_s:.2g} s") from None


def _failed(proxy: Proxy, host: str, port: int, words: str) -> ConnectFailed:
    """Make the error; what there is to do is done where *proxy* was named."""
    return ConnectFailed(joined(host, port), f"the proxy {proxy.address} {words.replace('network.proxy', proxy.place)}")


# CONNECT.


async def _connect(proxy: Proxy, host: str, port: int, tls: ssl.SSLContext) -> trio.abc.Stream:
    stream: trio.abc.Stream
    try:
        stream = await trio.open_tcp_stream(proxy.host, proxy.port)
    except OSError as exc:
        raise _unreachable(proxy, host, port, exc) from exc
    if proxy.scheme == "https":
        what = f"TLS to the proxy {proxy.address}"
        stream = await secured(stream, tls, server=proxy.host, address=joined(host, port), what=what)
    try:
        problem = await _ask(stream, proxy, joined(host, port))
    except _LOST:
        problem = _ENDED
    except h11.RemoteProtocolError:
        problem = _NO_PROXY
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    if problem:
        await trio.aclose_forcefully(stream)
        raise _failed(proxy, host, port, problem)
    return stream


async def _ask(stream: trio.abc.Stream, proxy: Proxy, target: str) -> str:
    """Ask for the connection; return in words why there is none, or nothing."""
    connection = h11.Connection(h11.CLIENT)
    headers = [("Host", target), ("User-Agent", f"slackkefu/{__version__}"), *_credentials(proxy)]
    request = connection.send(h11.Request(method="CONNECT", target=target, headers=headers))
    await stream.send_all((request or b"") + (connection.send(h11.EndOfMessage()) or b""))
    while not isinstance(event := connection.next_event(), h11.Response):
        if event is h11.NEED_DATA:
            data = await stream.receive_some(MAX_READ_BYTES)
            if not data:
                return _ENDED
            connection.receive_data(bytes(data))
    if event.status_code // 100 != 2:
        return _refusal(proxy, event.status_code)
    # The other end of a way that was just opened waits for us: whatever else there is, is not its.
    return _NO_PROXY if connection.trailing_data[0] else ""


def _credentials(proxy: Proxy) -> Iterable[tuple[str, str]]:
    if proxy.user is not None and proxy.password is not None:
        both = f"{proxy.user.reveal()}:{proxy.password.reveal()}"
        yield "Proxy-Authorization", f"Basic {b64encode(both.encode()).decode()}"


def _refusal(proxy: Proxy, status: int) -> str:
    """Say what it means that a proxy has answered with *status*."""
    if status in _UNWELCOME:
        return f"{_unwelcome(proxy)} (HTTP {status})"
    if status in _HTTP_UNREACHED:
        return f"{_UNREACHED} (HTTP {status})"
    return f"refuses the way (HTTP {status}); it has to allow CONNECT to this host and port"


def _unwelcome(proxy: Proxy) -> str:
    if proxy.user is None:
        return f"wants a name and password; write them into network.proxy, {proxy.scheme}://name:password@…"
    return "does not take the name and password of network.proxy by Basic authentication"


# SOCKS5.


async def _through_socks(proxy: Proxy, host: str, port: int) -> trio.abc.Stream:
    user, password = (each.reveal() if each else None for each in (proxy.user, proxy.password))
    socks = SocksProxy(ProxyType.SOCKS5, proxy.host, proxy.port, user, password, rdns=True)
    try:
        return (await socks.connect(host, port, timeout=inf)).trio_stream
    except ProxyConnectionError as exc:
        raise _unreachable(proxy, host, port, exc) from exc
    except ProxyError as exc:
        # Without its cause: it repeats what the proxy said.
        raise _failed(proxy, host, port, _socks_refusal(proxy, exc)) from None
    except _LOST:
        raise _failed(proxy, host, port, _ENDED) from None
    except (UnicodeError, ValueError):
        raise _failed(proxy, host, port, _NO_PROXY) from None


def _unreachable(proxy: Proxy, host: str, port: int, exc: OSError) -> ConnectFailed:
    return _failed(proxy, host, port, f"cannot be reached ({reason_of(exc)}); check network.proxy, and that it runs")


def _socks_refusal(proxy: Proxy, exc: ProxyError) -> str:
    """Say what it means that a SOCKS5 proxy has answered so (RFC 1928 §3, §6)."""
    if exc.error_code in _SOCKS_UNREACHED:
        return f"{_UNREACHED} (SOCKS5 {exc.error_code})"
    if exc.error_code is not None:
        return f"refuses the way (SOCKS5 {int(exc.error_code)}); it has to allow this host and port"
    said = str(exc).lower()
    if "authentication" in said:
        return _unwelcome(proxy)
    return _ENDED if "closed" in said else _NO_PROXY
