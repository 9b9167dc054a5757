"""
Fetching from addresses that others have named, and from public ones only.

An address inside a message is somebody's choice. It may name a machine behind our firewall, or a name that leads there;
to ask it would be to act for a stranger in a network that trusts us. So the name is looked up first, every address it
has must be public, and the connection goes to just those: a second look-up could give others. Certificates are checked
for the name.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final, TypeAlias, final

import httpx
import trio

from slackkefu.errors import AddressNotPublic

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["PublicTransport", "Resolve", "is_public", "look_up"]

Resolve: TypeAlias = "Callable[[str, int], Awaitable[Sequence[str]]]"
"""Gives the addresses of host and port; raises OSError where there is none."""

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Tell whether *address*, a number, is one that anybody on the internet can reach; one inside another counts."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast


async def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of *host*; raises OSError."""
    found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@final
class PublicTransport(httpx.AsyncBaseTransport):
    """
    Carries requests to public addresses, and refuses all others.

    Args:
        inner: Carries them there. It must not keep connections: they would be known by address, not by name.
        resolve: Looks names up.

    """

    def __init__(self, inner: httpx.AsyncBaseTransport, *, resolve: Resolve = look_up) -> None:
        self._inner = inner
        self._resolve = resolve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Carry *request*, which has no body to lose, to the first of its host's addresses that answers.

        Raises:
            AddressNotPublic: One of them is not public.

        """
        host = request.url.raw_host.decode("ascii")
        problem: httpx.TransportError = httpx.ConnectError("the name has no address", request=request)
        for address in await self._addresses(request, host):
            there = httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return await self._inner.handle_async_request(there)
            except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
                problem = exc
        raise problem

    async def aclose(self) -> None:
        """Close what carries them."""
        await self._inner.aclose()

    async def _addresses(self, request: httpx.Request, host: str) -> Sequence[str]:
        """Look *host* up, within the time that connecting may take."""
        url = request.url
        port = url.port or (443 if url.scheme == "https" else 80)
        connect_s = request.extensions.get("timeout", {}).get("connect")
        try:
            with trio.fail_after(float("inf") if connect_s is None else connect_s):
                addresses = await self._resolve(host, port)
        except trio.TooSlowError:
            raise httpx.ConnectTimeout("looking the name up took too long", request=request) from None
        except (OSError, UnicodeError) as exc:
            raise httpx.ConnectError(str(exc), request=request) from exc
        if not all(map(is_public, addresses)):
            raise AddressNotPublic(host)
        return addresses
