"""
One HTTP exchange: bounded, without redirects, its faults as ours.

The seam between httpx and the rest of this package. What matters of a fault is whether the request may have left;
the table below says so for each of httpx's.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final, cast

import httpx
import trio

from slackkefu.errors import ConnectFailed, RestOutcomeUnknown
from slackkefu.net.network import reason_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

__all__ = ["exchange"]

_NEVER_LEFT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_MAY_HAVE_LEFT: Final = (httpx.TransportError, httpx.DecodingError)


async def exchange(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    call: str,
    headers: Mapping[str, str],
    content: bytes | None = None,
    limit_s: float,
    max_bytes: int,
) -> tuple[int, bytes]:
    """
    Send one request and read the whole answer.

    Args:
        client: Follows no redirects.
        method: HTTP method.
        url: Absolute address.
        call: What errors name this call; no names of people in it.
        headers: Request headers.
        content: Request body.
        limit_s: Time limit for everything together.
        max_bytes: Largest answer accepted, after decompression.

    Returns:
        The HTTP status and the body, which may be of any status.

    Raises:
        ConnectFailed: The request did not leave.
        RestOutcomeUnknown: It may have left; no whole answer came.

    """
    # Half of the time to connect: or one that never came about would look like an answer that never came.
    timeout = httpx.Timeout(limit_s, connect=limit_s / 2, pool=limit_s / 2)
    host = httpx.URL(url).netloc.decode("ascii", "replace")
    if client.is_closed:
        # We are stopping, and this task has not heard of it yet.
        raise ConnectFailed(host, "stopping")
    try:
        with trio.fail_after(limit_s):
            async with client.stream(method, url, headers=headers, content=content, timeout=timeout) as response:
                return response.status_code, await _read(response, call=call, max_bytes=max_bytes)
    except _NEVER_LEFT as error:
        raise ConnectFailed(host, _reason(error)) from error
    except _MAY_HAVE_LEFT as error:
        raise RestOutcomeUnknown(call, _reason(error)) from error
    except trio.TooSlowError:
        raise RestOutcomeUnknown(call, f"nothing within {limit_s:g} s") from None


async def _read(response: httpx.Response, *, call: str, max_bytes: int) -> bytes:
    body = bytearray()
    # httpx types it as an iterator; it is a generator, and has to be closed before its connection.
    async with aclosing(cast("AsyncGenerator[bytes]", response.aiter_bytes())) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > max_bytes:
                raise RestOutcomeUnknown(call, f"the answer is larger than {max_bytes} bytes")
    return bytes(body)


def _reason(error: Exception) -> str:
    """Say what happened by the error's class and, for connections, its cause; neither quotes the request."""
    return reason_of(error) if isinstance(error, _NEVER_LEFT) else type(error).__name__
