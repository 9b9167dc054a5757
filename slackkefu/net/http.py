"""
HTTP over the streams of a network: what httpx is given for sending requests.

httpx has a way through proxies of its own. It would be a second one beside the WebSocket's, with other words for the
same faults, and plain requests would be forwarded, so that a proxy's page could be taken for a server's answer. So its
engine, httpcore, which pools connections and speaks HTTP, gets them from us.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias, cast, final

import httpcore
import httpx
import trio

from slackkefu.errors import AddressNotPublic, ConnectFailed

if TYPE_CHECKING:
    import ssl
    from types import TracebackType
    from typing import Self

__all__ = ["Dial", "HttpTransport", "Secure"]

Dial: TypeAlias = Callable[[str, int], Awaitable[trio.abc.Stream]]
"""Opens a byte stream to host and port; raises ConnectFailed."""

Secure: TypeAlias = Callable[[trio.abc.Stream, str, int], Awaitable[trio.abc.Stream]]
"""Begins TLS on such a stream; raises ConnectFailed, and closes it then."""

_LOST: Final = (trio.BrokenResourceError, trio.ClosedResourceError)

_ERRORS: Final[Mapping[type[Exception], type[httpx.TransportError]]] = {
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.ReadError: httpx.ReadError,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
    httpcore.WriteError: httpx.WriteError,
    httpcore.WriteTimeout: httpx.WriteTimeout,
}


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Turn httpcore's errors into httpx's of the same name."""
    try:
        yield
    except tuple(_ERRORS) as exc:
        raise _ERRORS[type(exc)](str(exc)) from exc


@final
class HttpTransport(httpx.AsyncBaseTransport):
    """
    Sends httpx's requests over streams.

    Args:
        dial: Opens them.
        secure: Begins TLS on them.
        tls: Whom that trusts.
        limits: How many there may be, and how long they are kept.

    """

    def __init__(self, dial: Dial, secure: Secure, *, tls: ssl.SSLContext, limits: httpx.Limits) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(dial, secure),
        )

    async def __aenter__(self) -> Self:
        """Begin to use it."""
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Close all connections."""
        await self._pool.__aexit__(exc_type, exc_value, traceback)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send one request, and return its answer, whose body is still to be read.

        Raises:
            httpx.TransportError: It did not work.
            AddressNotPublic: Nothing was sent.

        """
        url = request.url
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=cast("AsyncIterable[bytes]", request.stream),
            extensions=request.extensions,
        )
        with _as_httpx():
            answer = await self._pool.handle_async_request(sent)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(cast("_Closable", answer.stream)),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Closable(AsyncIterable[bytes]):
    """What httpcore gives as a body."""

    async def aclose(self) -> None:
        """Let its connection go."""


@final
class _Body(httpx.AsyncByteStream):
    """The body of an answer, once."""

    def __init__(self, body: _Closable) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for part in self._body:
                yield part

    async def aclose(self) -> None:
        """Let its connection go."""
        await self._body.aclose()


@final
class _Backend(httpcore.AsyncNetworkBackend):
    """Where httpcore gets connections."""

    def __init__(self, dial: Dial, secure: Secure) -> None:
        self._dial = dial
        self._secure = secure

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a connection, as httpcore asks for it."""
        with _connecting(timeout):
            return _Stream(await self._dial(host, port), port, self._secure)


@contextmanager
def _connecting(timeout_s: float | None) -> Iterator[None]:
    """Bound the time; our errors as httpcore's, but for the one that callers know."""
    try:
        with trio.fail_after(inf if timeout_s is None else timeout_s):
            yield
    except AddressNotPublic:
        raise
    except ConnectFailed as exc:
        raise httpcore.ConnectError(exc.reason) from exc
    except trio.TooSlowError:
        raise httpcore.ConnectTimeout(f"nothing within {timeout_s:g} s") from None


@final
class _Stream(httpcore.AsyncNetworkStream):
    """A stream of ours as httpcore has it."""

    def __init__(self, stream: trio.abc.Stream, port: int, secure: Secure) -> None:
        self._stream = stream
        self._port = port
        self._secure = secure

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        """Read what there is."""
        try:
            with trio.fail_after(inf if timeout is None else timeout):
                return bytes(await self._stream.receive_some(max_bytes))
        except trio.TooSlowError:
            raise httpcore.ReadTimeout(f"nothing within {timeout:g} s") from None
        except _LOST as exc:
            raise httpcore.ReadError(str(exc)) from exc

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        """Write all of *buffer*."""
        if not buffer:
            return
        try:
            with trio.fail_after(inf if timeout is None else timeout):
                await self._stream.send_all(buffer)
        except trio.TooSlowError:
            raise httpcore.WriteTimeout(f"stuck for {timeout:g} s") from None
        except _LOST as exc:
            raise httpcore.WriteError(str(exc)) from exc

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
    ) -> httpcore.AsyncNetworkStream:
        """Begin TLS, with our context."""
        with _connecting(timeout):
            return _Stream(
                await self._secure(self._stream, server_hostname or "", self._port), self._port, self._secure
            )

    def get_extra_info(self, info: str) -> object:
        """Tell whether an idle connection has something to say, which is that it has ended."""
        stream = self._stream
        while isinstance(stream, trio.SSLStream):
            stream = stream.transport_stream
        if info == "is_readable" and isinstance(stream, trio.SocketStream):
            return stream.socket.is_readable()
        return None
