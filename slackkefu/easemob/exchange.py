"""
One HTTP exchange: bounded, without redirects, its faults as ours.

The seam between httpx and the rest of this package. What matters of a fault is whether the request may have left;
the table below says so for each of httpx's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import httpx
import trio

from slackkefu.errors import ConnectFailed, RestOutcomeUnknown
from slackkefu.net.bounded import read_bounded
from slackkefu.net.network import reason_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Mapping

__all__ = ["exchange"]

MAX_CONNECT_S: Final = 10.0

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
    content: bytes | AsyncIterable[bytes] | None = None,
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
        content: Request body; what a stream raises is raised here as it is.
        limit_s: Time limit for everything together.
        max_bytes: Largest answer accepted, after decompression.

    Returns:
        The HTTP status and the body, which may be of any status.

    Raises:
        ConnectFailed: The request did not leave.
        RestOutcomeUnknown: It may have left; no whole answer came.

    """
    # Half of the time to connect: or one that never came about would look like an answer that never came.
    connect_s = min(limit_s / 2, MAX_CONNECT_S)
    timeout = httpx.Timeout(limit_s, connect=connect_s, pool=connect_s)
    host = httpx.URL(url).netloc.decode("ascii", "replace")
    if client.is_closed:
        # We are stopping, and this task has not heard of it yet.
        raise ConnectFailed(host, "stopping")
    try:
        with trio.fail_after(limit_s):
            if content is None or isinstance(content, bytes):
                request = client.build_request(method, url, headers=headers, content=content, timeout=timeout)
            else:
                request = client.build_request(method, url, headers=headers, timeout=timeout)
                request.stream = _Stream(content)
            response = await client.send(request, stream=True)
            body = await read_bounded(response, max_bytes=max_bytes)
    except _NEVER_LEFT as error:
        raise ConnectFailed(host, _reason(error)) from error
    except _MAY_HAVE_LEFT as error:
        raise RestOutcomeUnknown(call, _reason(error)) from error
    except trio.TooSlowError:
        raise RestOutcomeUnknown(call, f"nothing within {limit_s:g} s") from None
    if body is None:
        raise RestOutcomeUnknown(call, f"the answer is larger than {max_bytes} bytes")
    return response.status_code, body


@final
class _Stream(httpx.AsyncByteStream):
    """A body that is read piece by piece, without a generator of httpx's around it, which nobody would close."""

    def __init__(self, content: AsyncIterable[bytes]) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._content)


def _reason(error: Exception) -> str:
    """Say what happened by the error's class and, for connections, its cause; neither quotes the request."""
    return reason_of(error) if isinstance(error, _NEVER_LEFT) else type(error).__name__
