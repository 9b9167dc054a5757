"""
The network behind two calls.

:class:`Network` is all that the rest of slackkefu knows of sockets: a byte stream to an address, and an HTTP client.
:class:`TcpNetwork` is the real one. Tests hand in one made of memory streams.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Protocol, final

import httpx
import trio

from slackkefu.errors import ConnectFailed
from slackkefu.net.public import PublicTransport

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Network", "StreamOpener", "TcpNetwork", "reason_of"]


class StreamOpener(Protocol):
    """What a WebSocket needs of a network."""

    async def open_stream(self, host: str, port: int, *, tls: bool) -> trio.abc.Stream:
        """
        Open a byte stream.

        The caller sets the time limit. A cancellation leaves nothing open.

        Raises:
            ConnectFailed: DNS, TCP or TLS did not work.

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
    """TCP and TLS as the operating system gives them."""

    def __init__(self) -> None:
        # One context for all: loading the certificate store takes longer than a handshake.
        self._tls = ssl.create_default_context()

    async def open_stream(self, host: str, port: int, *, tls: bool) -> trio.abc.Stream:
        """Open TCP, and TLS over it; see :class:`Network`."""
        address = f"{host}:{port}"
        try:
            stream: trio.abc.Stream = await trio.open_tcp_stream(host, port)
        except OSError as exc:
            raise ConnectFailed(address, reason_of(exc)) from exc
        if not tls:
            return stream
        secured = trio.SSLStream(stream, self._tls, server_hostname=host, https_compatible=True)
        try:
            await secured.do_handshake()
        except (trio.BrokenResourceError, ssl.SSLError, OSError) as exc:
            await trio.aclose_forcefully(stream)
            raise ConnectFailed(address, f"TLS: {reason_of(exc)}") from exc
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return secured

    def http_client(
        self,
        *,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
        public_only: bool = False,
    ) -> httpx.AsyncClient:
        """Make an HTTP client; see :class:`Network`."""
        if public_only:
            limits = httpx.Limits(max_connections=10, max_keepalive_connections=0)
            inner = httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False, limits=limits)
            return httpx.AsyncClient(
                base_url=base_url,
                headers=headers,
                timeout=timeout_s,
                follow_redirects=False,
                trust_env=False,
                transport=PublicTransport(inner),
            )
        return httpx.AsyncClient(
            base_url=base_url,
            headers=headers,
            timeout=timeout_s,
            verify=self._tls,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30),
        )


def reason_of(exc: BaseException) -> str:
    """Say in a few words why *exc* happened: its first cause, and for a certificate also what to look at."""
    cause = exc
    while (inner := _inner(cause)) is not None:
        cause = inner
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({cause.verify_message}); check the clock, and $SSL_CERT_FILE if it is set"
        )
    return str(cause) or type(cause).__name__


def _inner(exc: BaseException) -> BaseException | None:
    """Return what *exc* came from; of several attempts the first."""
    if isinstance(exc, BaseExceptionGroup):
        return exc.exceptions[0]
    return exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
