"""
The network behind two calls.

:class:`Network` is all that the rest of slackkefu knows of sockets: a byte stream to an address, and an HTTP client.
:class:`TcpNetwork` is the real one, and the only place that opens connections: what it is told of proxies and
certificates holds for every path alike. Tests hand in one made of memory streams.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, final

import httpx
import trio

from slackkefu.errors import ConnectFailed
from slackkefu.net.http import HttpTransport
from slackkefu.net.proxy import DIRECT, joined
from slackkefu.net.public import dial_public
from slackkefu.net.reason import reason_of
from slackkefu.net.tls import secured, trust
from slackkefu.net.tunnel import open_tunnel

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from slackkefu.net.http import Dial
    from slackkefu.net.proxy import Proxies

__all__ = ["Network", "StreamOpener", "TcpNetwork", "reason_of"]

_KEPT: Final = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30)
_ONCE: Final = httpx.Limits(max_connections=10, max_keepalive_connections=0)


class StreamOpener(Protocol):
    """What a WebSocket needs of a network."""

    async def open_stream(self, host: str, port: int, *, tls: bool) -> trio.abc.Stream:
        """
        Open a byte stream.

        The caller sets the time limit. A cancellation leaves nothing open.

        Raises:
            ConnectFailed: DNS, TCP, the proxy or TLS did not work.

        """
        ...


class Network(StreamOpener, Protocol):
    """What the daemon needs of a network."""

    def http_client(
        self,
        *,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
        public_only: bool = False,
    ) -> httpx.AsyncClient:
        """
        Make an HTTP client that follows no redirects; the caller closes it.

        It keeps connections alive; one that goes to *public_only* addresses, for what others have named, does not, and
        raises AddressNotPublic for all others.
        """
        ...


@final
class TcpNetwork:
    """
    TCP and TLS as the operating system gives them, through a proxy where there is one.

    Args:
        proxies: The way out.
        tls: Whom to trust; without it the system's CAs.

    """

    def __init__(self, proxies: Proxies = DIRECT, tls: ssl.SSLContext | None = None) -> None:
        self._proxies = proxies
        # One context for all: loading the certificate store takes longer than a handshake.
        self._tls = trust() if tls is None else tls

    def __repr__(self) -> str:
        return f"<TcpNetwork by {self._proxies.proxy or 'no proxy'}>"

    async def open_stream(self, host: str, port: int, *, tls: bool) -> trio.abc.Stream:
        """Open TCP, and TLS over it; see :class:`Network`."""
        stream = await self._dial(host, port)
        return await self._secure(stream, host, port) if tls else stream

    def http_client(
        self,
        *,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
        public_only: bool = False,
    ) -> httpx.AsyncClient:
        """Make an HTTP client; see :class:`Network`."""
        return httpx.AsyncClient(
            base_url=base_url,
            headers=headers,
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            transport=HttpTransport(
                self._dial_public if public_only else self._dial,
                self._secure,
                tls=self._tls,
                limits=_ONCE if public_only else _KEPT,
            ),
        )

    async def _dial(self, host: str, port: int) -> trio.abc.Stream:
        """Open a byte stream."""
        by_proxy = self._by_proxy(host, port)
        return await (_dial_directly if by_proxy is None else by_proxy)(host, port)

    async def _dial_public(self, host: str, port: int) -> trio.abc.Stream:
        """Open a byte stream to a host that others have named; raises AddressNotPublic for one that is not public."""
        return await dial_public(host, port, directly=_dial_directly, by_proxy=self._by_proxy(host, port))

    def _by_proxy(self, host: str, port: int) -> Dial | None:
        """Return what opens streams to *host* through its proxy; None where it has none."""
        proxy = self._proxies.of(host, port)
        return None if proxy is None else partial(open_tunnel, proxy, tls=self._tls)

    async def _secure(self, stream: trio.abc.Stream, host: str, port: int) -> trio.abc.Stream:
        """Begin TLS on a stream to *host*."""
        proxy = self._proxies.of(host, port)
        what = "TLS" if proxy is None else f"TLS through the proxy {proxy.address}"
        return await secured(stream, self._tls, server=host, address=joined(host, port), what=what)


async def _dial_directly(host: str, port: int) -> trio.abc.Stream:
    try:
        return await trio.open_tcp_stream(host, port)
    except OSError as exc:
        raise ConnectFailed(joined(host, port), reason_of(exc)) from exc
