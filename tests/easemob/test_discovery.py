"""Tests of :mod:`slackkefu.easemob.discovery`."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio

from slackkefu.easemob.discovery import Endpoints, Hosts, in_order, read_reply
from slackkefu.errors import ConnectFailed, EasemobSetupError, RemoteProtocolError
from tests.easemob.fakes import APP_KEY, answer, make_world
from tests.facts import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

URL = "https://rs.example.com/easemob/server.json"
REPLY = {
    "rest": {"hosts": [{"protocol": "https", "domain": f"rest-{n}.example.com"} for n in (1, 2)]},
    "msync-wx": {"hosts": [{"protocol": "https", "domain": f"im-{n}.example.com"} for n in (1, 2)]},
}
SOCKETS = ("wss://im-1.example.com/websocket", "wss://im-2.example.com/websocket")


# Reading and choosing.


def _rest(*hosts: Any) -> tuple[str, ...]:
    return read_reply(json.dumps({"rest": {"hosts": list(hosts)}}).encode()).rest


def _sockets(**sections: Any) -> tuple[str, ...]:
    reply = {name.replace("_", "-"): {"hosts": hosts} for name, hosts in sections.items()}
    return read_reply(json.dumps(reply).encode()).websockets


def test_the_sample_gives_its_tls_host() -> None:
    """The documented reply: its https host is used, its http host on another machine is not."""
    (case,) = load("rest-samples/host-discovery.json")["cases"]

    assert Hosts(("https://im-rest.example.com",), ()) == read_reply(json.dumps(case["response"]["body"]).encode())


def test_priority_one_comes_first_then_the_listed_order_without_doubles() -> None:
    """The Go client's order, which the web client's indifference allows; numbers may be strings."""
    got = _rest(
        {"protocol": "https", "domain": "a.example.com", "priority": 2},
        {"protocol": "https", "domain": "b.example.com", "priority": "1"},
        {"protocol": "https", "domain": "c.example.com"},
        {"protocol": "https", "domain": "b.example.com", "port": "443"},
        {"protocol": "https", "domain": "d.example.com", "priority": 1},
    )

    assert ("https://b.example.com", "https://d.example.com", "https://a.example.com", "https://c.example.com") == got


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ({"protocol": "https", "domain": "a.example.com", "port": 8443}, "https://a.example.com:8443"),
        ({"protocol": "https", "domain": "a.example.com", "port": "8443"}, "https://a.example.com:8443"),
        ({"protocol": "https", "domain": "a.example.com", "port": 80}, "https://a.example.com"),
        ({"protocol": "https", "domain": "a.example.com", "port": ""}, "https://a.example.com"),
        ({"protocol": "wss", "domain": "A.Example.com"}, "https://a.example.com"),
        ({"protocol": "https", "ip": "192.0.2.7"}, "https://192.0.2.7"),
        ({"protocol": "https", "domain": "", "ip": "2001:db8::1", "port": 9443}, "https://[2001:db8::1]:9443"),
        ({"protocol": "http", "ip": "127.0.0.1", "port": 8080}, "http://127.0.0.1:8080"),
        ({"protocol": "ws", "domain": "localhost", "port": 80}, "http://localhost"),
        ({"protocol": "http", "ip": "::1", "port": 8080}, "http://[::1]:8080"),
    ],
)
def test_a_host_becomes_an_address(host: dict[str, object], url: str) -> None:
    """Domain before IP address, usual ports left out, plain schemes on this machine only."""
    assert (url,) == _rest(host)


@pytest.mark.parametrize(
    "host",
    [
        {"protocol": "http", "domain": "a.example.com"},
        {"protocol": "ftp", "domain": "a.example.com"},
        {"domain": "a.example.com"},
        {"protocol": "https"},
        {"protocol": "https", "domain": "a.example.com/evil"},
        {"protocol": "https", "domain": "user@a.example.com"},
        {"protocol": "https", "domain": "a b"},
        {"protocol": "https", "domain": "x" * 300},
        {"protocol": "https", "domain": 5, "ip": 6},
        {"protocol": "https", "domain": "a.example.com", "port": 70000},
        {"protocol": "https", "domain": "a.example.com", "port": "x"},
        {"protocol": "https", "domain": "a.example.com", "port": 0},
        {"protocol": ["https"], "domain": "a.example.com"},
        "https://a.example.com",
        None,
    ],
)
def test_an_unusable_host_is_passed_over_without_harm_to_others(host: object) -> None:
    """One bad entry takes nothing away."""
    assert ("https://good.example.com",) == _rest(host, {"protocol": "https", "domain": "good.example.com"})


def test_the_websocket_section_under_its_three_names() -> None:
    """``msync-wx``, else ``msync-ws``, else ``msync``; an empty one is none."""
    a, b, c = ([{"protocol": "https", "domain": f"{name}.example.com"}] for name in "abc")

    assert ("wss://a.example.com/websocket",) == _sockets(msync_wx=a, msync_ws=b, msync=c)
    assert ("wss://b.example.com/websocket",) == _sockets(msync_wx=[], msync_ws=b, msync=c)
    assert ("wss://c.example.com/websocket",) == _sockets(msync=c)


def test_the_list_is_bounded() -> None:
    """No more than 64."""
    assert len(_rest(*({"protocol": "https", "domain": f"h{n}.example.com"} for n in range(100)))) == 64


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff\xfe", b'{"rest":' + b"[" * 100_000])
def test_what_is_no_object_is_no_reply(body: bytes) -> None:
    """A login page of some network is not taken for hosts."""
    with pytest.raises(RemoteProtocolError):
        read_reply(body)


@pytest.mark.parametrize("body", [{}, {"rest": 5}, {"rest": {"hosts": {"a": 1}}}, {"rest": {"hosts": "https"}}])
def test_an_odd_reply_has_no_hosts(body: object) -> None:
    """Odd sections are empty ones."""
    assert Hosts((), ()) == read_reply(json.dumps(body).encode())


def test_failed_ones_go_behind_for_a_minute() -> None:
    """Order stays among the good; the longest failed is the first of the bad; a minute later all is forgotten."""
    assert ("b", "c", "a") == in_order("abc", {"a": 100.0}, now=130.0)
    assert ("c", "b", "a") == in_order("abc", {"a": 100.0, "b": 90.0}, now=130.0)
    assert ("a", "b", "c") == in_order("abc", {"a": 100.0}, now=160.0)


# Asking and keeping.


class Server:
    """A discovery server."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answers: list[httpx.Response | Exception] = []
        self.always: httpx.Response | Exception | None = None

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer as told, by default with two hosts each."""
        self.requests.append(request)
        await trio.sleep(0.05)
        given = self.answers.pop(0) if self.answers else self.always
        if isinstance(given, Exception):
            raise given
        return given or answer(200, REPLY)


@pytest.fixture
def server() -> Server:
    """A discovery server."""
    return Server()


@pytest.fixture
async def nursery() -> AsyncIterator[trio.Nursery]:
    """Where requests run."""
    async with trio.open_nursery() as nursery:
        yield nursery
        nursery.cancel_scope.cancel()


def _endpoints(server: Server, nursery: trio.Nursery, **more: str) -> Endpoints:
    return Endpoints(world=make_world(server), nursery=nursery, app_key=APP_KEY, discovery_url=URL, **more)


async def test_one_request_serves_all_who_wait(
    server: Server, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """The app key is encoded in the query, and many askers make one request."""
    endpoints, got = _endpoints(server, nursery), []

    async def ask() -> None:
        got.append((await endpoints.rest_base(), await endpoints.websocket_urls()))

    async with trio.open_nursery() as askers:
        for _ in range(5):
            askers.start_soon(ask)

    assert [("https://rest-1.example.com", SOCKETS)] * 5 == got
    assert [f"{URL}?app_key=acme%23support"] == [str(request.url) for request in server.requests]


async def test_configured_addresses_ask_nothing(
    server: Server, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """What is given is used as it is; a WebSocket without a path gets the usual one."""
    endpoints = _endpoints(server, nursery, rest_url="http://127.0.0.1:8080/", websocket_url="ws://127.0.0.1:8081")

    assert await endpoints.rest_base() == "http://127.0.0.1:8080"
    assert await endpoints.websocket_urls() == ("ws://127.0.0.1:8081/websocket",)
    assert [] == server.requests
    assert repr(endpoints) == "<Endpoints configured>"


async def test_a_configured_path_stays(
    server: Server, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A full address is not touched."""
    endpoints = _endpoints(server, nursery, websocket_url="wss://im.example.com/other")

    assert await endpoints.websocket_urls() == ("wss://im.example.com/other",)
    assert await endpoints.rest_base() == "https://rest-1.example.com"


@pytest.mark.parametrize("trouble", [answer(502), answer(429), httpx.ConnectError("refused"), httpx.ReadError("cut")])
async def test_a_failed_request_is_made_once_more(
    trouble: httpx.Response | Exception,
    server: Server,
    nursery: trio.Nursery,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Two tries, a tenth of a second apart."""
    server.answers = [trouble]

    assert await _endpoints(server, nursery).rest_base() == "https://rest-1.example.com"
    assert len(server.requests) == 2


async def test_failures_cool_down_from_5_s_to_2_min(
    server: Server, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """While it cools down nobody asks, and everybody gets the reason."""
    endpoints = _endpoints(server, nursery)
    server.always = httpx.ConnectError("refused")
    began, times = trio.current_time(), []
    while trio.current_time() - began < 600:
        before = len(server.requests)
        with pytest.raises(ConnectFailed, match=r"rs\.example\.com"):
            await endpoints.rest_base()
        if len(server.requests) > before:
            times.append(trio.current_time() - began)
        await trio.sleep(1)

    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert [5, 10, 20, 40, 80] == [int(gap) // 5 * 5 for gap in gaps[:5]]
    assert all(119 < gap < 123 for gap in gaps[5:])


async def test_fresh_for_5_minutes_then_renewed_behind(
    server: Server, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """In the fresh time nothing is asked; later the old answer serves at once while a new one comes."""
    endpoints = _endpoints(server, nursery)
    await endpoints.rest_base()
    await trio.sleep(299)
    await endpoints.rest_base()

    assert len(server.requests) == 1
    await trio.sleep(2)
    before = trio.current_time()
    await endpoints.rest_base()
    assert before == trio.current_time()
    await trio.sleep(1)
    assert len(server.requests) == 2


async def test_stale_for_30_minutes_when_the_server_is_down(
    server: Server, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A lost discovery server is not felt for half an hour, then it is."""
    endpoints = _endpoints(server, nursery)
    await endpoints.rest_base()
    server.always = answer(500)
    for _ in range(29):
        await trio.sleep(60)
        assert await endpoints.rest_base() == "https://rest-1.example.com"
    await trio.sleep(61)
    with pytest.raises(ConnectFailed):
        await endpoints.rest_base()


async def test_failover_over_hosts_in_order(
    server: Server, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A host that failed goes behind the others; when all failed, others are looked for."""
    endpoints = _endpoints(server, nursery)
    await endpoints.rest_base()
    await trio.sleep(31)
    endpoints.report_failure("https://rest-1.example.com")
    endpoints.report_failure(SOCKETS[0])

    assert await endpoints.rest_base() == "https://rest-2.example.com"
    assert await endpoints.websocket_urls() == SOCKETS[::-1]
    assert len(server.requests) == 1
    endpoints.report_failure("https://rest-2.example.com")
    assert await endpoints.rest_base() == "https://rest-1.example.com"
    await trio.sleep(1)
    assert len(server.requests) == 2


async def test_failures_that_lie_apart_are_not_all_hosts_failing(
    server: Server, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """One host today and the other tomorrow is no reason to look for others."""
    endpoints = _endpoints(server, nursery)
    await endpoints.rest_base()
    await trio.sleep(31)
    endpoints.report_failure("https://rest-1.example.com")
    await trio.sleep(61)
    endpoints.report_failure("https://rest-2.example.com")
    assert await endpoints.rest_base() == "https://rest-1.example.com"
    await trio.sleep(1)

    assert len(server.requests) == 1


async def test_failing_hosts_do_not_hammer_the_discovery_server(
    server: Server, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Whatever fails, at most one request in 30 s."""
    endpoints = _endpoints(server, nursery)
    for _ in range(60):
        endpoints.report_failure(await endpoints.rest_base())
        await trio.sleep(1)

    assert len(server.requests) <= 3


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (answer(200, {}), "easemob.rest_url"),
        (answer(404), "easemob.app_key"),
        (httpx.Response(302, headers={"Location": "https://evil.example.com/"}), "easemob.discovery_url"),
    ],
)
async def test_what_the_operator_has_to_mend_is_named(
    given: httpx.Response,
    words: str,
    server: Server,
    nursery: trio.Nursery,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """No host for this app, an unknown page, a redirect (never followed): one line with the key."""
    server.always = given
    with pytest.raises(EasemobSetupError, match=words.replace(".", r"\.")):
        await _endpoints(server, nursery).rest_base()
    assert all(request.url.host == "rs.example.com" for request in server.requests)


async def test_a_missing_websocket_host_is_named(
    server: Server, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Half an answer names the half that is missing; before it, the state says that nobody looked."""
    server.always = answer(200, {"rest": REPLY["rest"]})
    endpoints = _endpoints(server, nursery)
    assert repr(endpoints) == "<Endpoints not looked for yet>"
    await endpoints.rest_base()
    with pytest.raises(EasemobSetupError, match=r"easemob\.websocket_url"):
        await endpoints.websocket_urls()
    assert repr(endpoints) == "<Endpoints found>"


async def test_a_reply_beyond_1_mib_is_refused(
    server: Server, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Memory is not filled by a wrong server."""
    server.always = httpx.Response(200, content=b" " * ((1 << 20) + 1))
    with pytest.raises(ConnectFailed, match="larger"):
        await _endpoints(server, nursery).rest_base()
