"""Streams and networks in memory, for tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import final

import httpx
import trio
from trio.testing import memory_stream_pair

__all__ = ["MemoryNetwork", "SlicedStream"]

Handler = Callable[[trio.abc.Stream], Awaitable[None]]


@final
class SlicedStream(trio.abc.Stream):
    """A stream that hands out what arrives in slices of *size* bytes."""

    def __init__(self, stream: trio.abc.Stream, size: int = 1) -> None:
        self._stream = stream
        self._size = size

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive at most one slice."""
        return await self._stream.receive_some(self._size)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send *data*."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream below does."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream below."""
        await self._stream.aclose()


@final
class MemoryNetwork:
    """A network on which every host is played by *handler*, over memory streams, and HTTP by *app*."""

    def __init__(
        self,
        nursery: trio.Nursery | None = None,
        handler: Handler | None = None,
        *,
        http: httpx.AsyncBaseTransport | None = None,
        slice_bytes: int | None = None,
    ) -> None:
        self._nursery = nursery
        self._handler = handler
        self._http = http
        self._slice_bytes = slice_bytes
        self.opened: list[tuple[str, int, bool]] = []
        """Host, port and TLS of every stream asked for."""

    async def open_stream(self, host: str, port: int, *, tls: bool) -> trio.abc.Stream:
        """Give one end to the caller and the other to the handler."""
        await trio.lowlevel.checkpoint()
        self.opened.append((host, port, tls))
        ours, theirs = memory_stream_pair()
        assert self._handler is not None
        assert self._nursery is not None
        self._nursery.start_soon(self._handler, theirs)
        return ours if self._slice_bytes is None else SlicedStream(ours, self._slice_bytes)

    def http_client(
        self,
        *,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
        public_only: bool = False,
    ) -> httpx.AsyncClient:
        """Make a client of the transport in memory."""
        return httpx.AsyncClient(base_url=base_url, headers=headers, timeout=timeout_s, transport=self._http)
