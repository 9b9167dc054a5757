"""
Fetching from addresses that others have named, and from public ones only.

An address inside a message is somebody's choice. It may name a machine behind our firewall, or a name that leads there;
to ask it would be to act for a stranger in a network that trusts us. So the name is looked up first, every address it
has must be public, and the connection goes to just those: a second look-up could give others. Certificates are checked
for the name.

Through a proxy it is the proxy that looks names up and decides what it reaches; often nobody here can. There the rule
is: a number must be public; a name that leads here to anything that is not public is refused; every other name goes to
the proxy, also one that is not known here. Names without a dot are of the proxy's own network, and are refused.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from slackkefu.errors import AddressNotPublic, ConnectFailed
from slackkefu.net.proxy import joined
from slackkefu.net.reason import reason_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from slackkefu.net.http import Dial

__all__ = ["Resolve", "dial_public", "is_public", "look_up"]

Resolve: TypeAlias = "Callable[[str, int], Awaitable[Sequence[str]]]"
"""Gives the addresses of host and port; raises OSError where there is none."""

LOOK_UP_S: Final = 2.0
"""How long a name may take to be looked up for a proxy; behind a firewall it may take forever."""

_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")

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


async def dial_public(
    host: str, port: int, *, directly: Dial, by_proxy: Dial | None, resolve: Resolve = look_up
) -> trio.abc.Stream:
    """
    Open a byte stream to *host*, which somebody else has named.

    Args:
        host: Name or number.
        port: The port.
        directly: Opens one to an address, a number.
        by_proxy: Opens one to a name, where that is reached through a proxy; None: it is not.
        resolve: Looks names up.

    Raises:
        AddressNotPublic: It may not be asked, and was not.
        ConnectFailed: It cannot be reached.

    """
    name = host.removesuffix(".")
    # Whatever ends in a number is one to somebody on the way: 127.1, 2130706433, 0x7f000001.
    if ":" in name or _NUMBER.fullmatch(name.rpartition(".")[2]):
        addresses: Sequence[str] = (name,)
    elif by_proxy is not None:
        addresses = await _known_here(host, port, resolve) if "." in name else ("",)
    else:
        try:
            addresses = await resolve(host, port)
        except (OSError, UnicodeError) as exc:
            raise ConnectFailed(joined(host, port), reason_of(exc)) from exc
    if not all(map(is_public, addresses)):
        raise AddressNotPublic(host)
    if by_proxy is not None:
        return await by_proxy(host, port)
    return await _first(addresses, port, directly)


async def _known_here(host: str, port: int, resolve: Resolve) -> Sequence[str]:
    """Return the addresses that *host* has here; none where it is not known in time."""
    with trio.move_on_after(LOOK_UP_S), suppress(OSError, UnicodeError):
        return await resolve(host, port)
    return ()


async def _first(addresses: Sequence[str], port: int, directly: Dial) -> trio.abc.Stream:
    """Open a stream to the first that answers; each has its share of the time, as one may be that nobody answers at."""
    problem = ConnectFailed("", "the name has no address")
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        now = trio.current_time()
        try:
            with trio.fail_at(now + (trio.current_effective_deadline() - now) / left):
                return await directly(address, port)
        except ConnectFailed as exc:
            problem = exc
        except trio.TooSlowError:
            problem = ConnectFailed(joined(address, port), "no answer in time")
    raise problem
