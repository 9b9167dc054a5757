"""What others have named is fetched from public addresses, and from nowhere else."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import memory_stream_pair

from slackkefu.errors import AddressNotPublic, ConnectFailed
from slackkefu.net.network import TcpNetwork
from slackkefu.net.public import LOOK_UP_S, dial_public, is_public, look_up

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


class World:
    """Names and addresses, and where the streams went; *down* addresses cannot be reached, *mute* ones never answer."""

    def __init__(self, *addresses: str, down: Sequence[str] = (), mute: Sequence[str] = (), after_s: float = 0) -> None:
        self.went: list[tuple[str, str, int]] = []
        self._addresses = addresses
        self._down = down
        self._mute = mute
        self._after_s = after_s

    async def dial(self, host: str, *, by_proxy: bool = False) -> None:
        """Go to *host*."""
        proxy = partial(self._go, "proxy") if by_proxy else None
        await dial_public(host, 443, directly=partial(self._go, "direct"), by_proxy=proxy, resolve=self._resolve)

    async def _resolve(self, host: str, port: int) -> Sequence[str]:
        await trio.sleep(self._after_s)
        if not self._addresses:
            raise OSError(-2, "Name or service not known")
        return self._addresses

    async def _go(self, way: str, host: str, port: int) -> trio.abc.Stream:
        self.went.append((way, host, port))
        if host in self._mute:
            await trio.sleep_forever()
        if host in self._down:
            raise ConnectFailed(host, "down")
        return memory_stream_pair()[0]


async def test_the_connection_goes_to_what_was_looked_up() -> None:
    """The connection goes to the addresses that were judged, one after the other: a second look-up could differ."""
    world = World("8.8.8.8", "2606:4700::1111", down=["8.8.8.8"])
    await world.dial("files.test")

    assert [("direct", "8.8.8.8", 443), ("direct", "2606:4700::1111", 443)] == world.went


async def test_one_private_address_is_enough() -> None:
    """A name that leads behind the firewall as well is not asked at all."""
    world = World("8.8.8.8", "10.0.0.1")
    with pytest.raises(AddressNotPublic, match=r"files\.test: not a public address"):
        await world.dial("files.test")

    assert [] == world.went


async def test_an_address_that_does_not_answer_leaves_time_for_the_next(autojump_clock: trio.abc.Clock) -> None:
    """The addresses share the time there is."""
    world = World("8.8.8.8", "9.9.9.9", mute=["8.8.8.8"])
    with trio.fail_after(10):
        await world.dial("files.test")

    assert (["8.8.8.8", "9.9.9.9"], 5) == ([host for _, host, _ in world.went], trio.current_time())


async def test_no_address_answers() -> None:
    """What is said is about the last one."""
    with pytest.raises(ConnectFailed, match="down"):
        await World("8.8.8.8", down=["8.8.8.8"]).dial("files.test")
    with pytest.raises(ConnectFailed, match="Name or service not known"):
        await World().dial("files.test")


NUMBERS = ["127.0.0.1", "10.0.0.1", "::1", "127.0.0.1.", "127.1", "2130706433", "0x7f000001", "0x7f.1", "1.2.3.0x4"]


@pytest.mark.parametrize("by_proxy", [True, False])
@pytest.mark.parametrize("host", NUMBERS)
async def test_a_number_that_is_not_public_is_refused(host: str, by_proxy: bool) -> None:
    """However it is written, and whoever would go there; nobody is asked what it is."""
    world = World("8.8.8.8")
    with pytest.raises(AddressNotPublic):
        await world.dial(host, by_proxy=by_proxy)

    assert [] == world.went


async def test_a_public_number_goes_to_the_proxy() -> None:
    """As it is."""
    world = World()
    await world.dial("8.8.8.8", by_proxy=True)

    assert [("proxy", "8.8.8.8", 443)] == world.went


async def test_a_name_that_is_private_here_does_not_go_to_the_proxy() -> None:
    """The proxy may be in the same network, and reach what it should not."""
    world = World("10.0.0.1")
    with pytest.raises(AddressNotPublic):
        await world.dial("intranet.test", by_proxy=True)

    assert [] == world.went


@pytest.mark.parametrize("addresses", [["8.8.8.8"], []])
async def test_other_names_go_to_the_proxy_as_names(addresses: Sequence[str]) -> None:
    """One that is public here, and one that nobody here knows: the proxy looks it up, and decides what it reaches."""
    world = World(*addresses)
    await world.dial("files.test", by_proxy=True)

    assert [("proxy", "files.test", 443)] == world.went


async def test_a_name_that_is_not_known_in_time_goes_to_the_proxy(autojump_clock: trio.abc.Clock) -> None:
    """Behind a firewall a look-up may hang; it is not waited for."""
    world = World("8.8.8.8", after_s=60)
    await world.dial("files.test", by_proxy=True)

    assert ("proxy", LOOK_UP_S) == (world.went[0][0], trio.current_time())


@pytest.mark.parametrize("host", ["intranet", "localhost", "metadata."])
async def test_names_of_the_proxys_own_network_are_refused(host: str) -> None:
    """A name without a dot is nobody's on the internet."""
    with pytest.raises(AddressNotPublic):
        await World().dial(host, by_proxy=True)


async def test_a_slow_look_up_ends(autojump_clock: trio.abc.Clock) -> None:
    """Looking a name up counts as connecting."""

    async def never(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        await trio.sleep_forever()
        raise AssertionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trio.socket, "getaddrinfo", never)
        async with TcpNetwork().http_client(base_url="", timeout_s=5, public_only=True) as http:
            with pytest.raises(httpx.ConnectTimeout, match="nothing within 5 s"):
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
