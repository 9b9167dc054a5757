"""What others have named is fetched from public addresses, and from nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.errors import AddressNotPublic
from slackkefu.net.network import TcpNetwork
from slackkefu.net.public import PublicTransport, is_public, look_up

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),  # noqa: S104 - that it is refused is the point
        *("224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1%eth0", "fd00::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("", "localhost", "1.2.3", "2130706433"),
    ],
)
def test_what_is_not_public(address: str) -> None:
    """Addresses of this machine, of private networks, of links, of groups, and what is none, are not public."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_public(address: str) -> None:
    """Addresses of the internet are public, however written."""
    assert is_public(address)


@given(st.text())
def test_any_text_is_judged(address: str) -> None:
    """Nothing makes the judgement fail."""
    assert is_public(address) in (True, False)


class Inner(httpx.AsyncBaseTransport):
    """Carries requests nowhere, and answers with where they went; *down* addresses cannot be reached."""

    def __init__(self, *down: str) -> None:
        self.went: list[tuple[str, str, object]] = []
        self._down = down

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        await trio.lowlevel.checkpoint()
        self.went.append((request.url.host, request.headers["host"], request.extensions["sni_hostname"]))
        if request.url.host in self._down:
            raise httpx.ConnectError("down", request=request)
        return httpx.Response(200, text="there")


def client(inner: Inner, *addresses: str) -> httpx.AsyncClient:
    """Make a client for which every name has these addresses."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        await trio.sleep(0 if addresses else 60)
        assert ("files.test", 443) == (host, port)
        return addresses

    return httpx.AsyncClient(transport=PublicTransport(inner, resolve=resolve), timeout=5)


async def test_the_connection_goes_to_what_was_looked_up() -> None:
    """The request goes to the address that was judged, for the name: host header and certificate are its own."""
    inner = Inner("8.8.8.8")
    async with client(inner, "8.8.8.8", "2606:4700::1111") as http:
        response = await http.get("https://files.test/a.png")

    assert "there" == response.text
    assert [("8.8.8.8", "files.test", "files.test"), ("2606:4700::1111", "files.test", "files.test")] == inner.went
    assert "files.test" == response.request.url.host


async def test_one_private_address_is_enough() -> None:
    """A name that leads behind the firewall as well is not asked at all."""
    inner = Inner()
    async with client(inner, "8.8.8.8", "10.0.0.1") as http:
        with pytest.raises(AddressNotPublic, match=r"files\.test: not a public address"):
            await http.get("https://files.test/a.png")

    assert [] == inner.went


async def test_a_slow_look_up_ends(autojump_clock: trio.testing.MockClock) -> None:
    """Looking a name up counts as connecting."""
    async with client(Inner()) as http:
        with pytest.raises(httpx.ConnectTimeout):
            await http.get("https://files.test/a.png")


async def test_the_real_one_refuses_this_machine() -> None:
    """The real client resolves names, and does not go to this machine."""
    assert "127.0.0.1" in await look_up("127.0.0.1", 1)
    async with TcpNetwork().http_client(base_url="", timeout_s=5, public_only=True) as http:
        for host in ("127.0.0.1", "localhost", "[::1]"):
            with pytest.raises(AddressNotPublic):
                await http.get(f"http://{host}:1/")
        with pytest.raises(httpx.ConnectError):
            await http.get("http://nobody.invalid/")
