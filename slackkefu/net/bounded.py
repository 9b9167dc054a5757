"""
Answers of a bounded length: memory does not grow with whoever answers.

Reading in pieces has a price: generators of httpx stand in each other, and those below one that is closed in its middle
are closed by nobody. So they come to their end here, whatever happens.
"""

from __future__ import annotations

from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, cast

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

__all__ = ["read_bounded"]


async def read_bounded(response: httpx.Response, *, max_bytes: int) -> bytes | None:
    """
    Read the body of *response*, which was sent for as a stream, and close it.

    Returns:
        The body, decompressed; None where that is longer than *max_bytes*.

    """
    body = bytearray()
    try:
        # httpx types it as an iterator; it is a generator, and has to be closed before its connection.
        async with aclosing(cast("AsyncGenerator[bytes]", response.aiter_bytes())) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > max_bytes:
                    await _abandon(response, pieces)
                    return None
        return bytes(body)
    finally:
        await response.aclose()


async def _abandon(response: httpx.Response, pieces: AsyncIterator[bytes]) -> None:
    """Close *response*, and let httpx's generators come to their end: closing one does not close those below it."""
    await response.aclose()
    with suppress(httpx.HTTPError, httpx.StreamError):
        async for _ in pieces:
            pass
