"""The network made of memory behaves as a network, in virtual time."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import pytest
import trio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from slackkefu.demo.line import Weather
from slackkefu.errors import ConnectFailed
from tests.memory_network import MemoryNetwork, virtual_wall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from random import Random

    from starlette.requests import Request


class Server:
    """Counts what it did."""

    def __init__(self) -> None:
        self.done = 0
        self.app = Starlette(routes=[Route("/", self.work, methods=["GET", "POST"])])

    async def work(self, request: Request) -> Response:
        """Take two seconds."""
        body = await request.body()
        await trio.sleep(2)
        self.done += 1
        return PlainTextResponse(body.upper())


async def echo(stream: trio.abc.Stream) -> None:
    """Give back what comes, until the end."""
    with suppress(trio.BrokenResourceError):
        while data := await stream.receive_some():
            await stream.send_all(data)


@pytest.fixture
def server() -> Server:
    """A server."""
    return Server()


@pytest.fixture
def network(nursery: trio.Nursery, chance: Random, server: Server) -> MemoryNetwork:
    """A network with one host of each kind."""
    network = MemoryNetwork(nursery, chance=chance)
    network.serve_url("wss://echo.test/x", echo)
    network.serve_http("web.test", server.app)
    return network


@pytest.fixture
async def client(network: MemoryNetwork) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a limit of ten seconds."""
    async with network.http_client(base_url="https://web.test/", headers={"x-a": "b"}, timeout_s=10.0) as client:
        yield client


async def test_streams_reach_registered_hosts(network: MemoryNetwork) -> None:
    """A registered host and port answer, others refuse."""
    stream = await network.open_stream("echo.test", 443, tls=True)
    await stream.send_all(b"hello")
    assert b"hello" == await stream.receive_some()
    for host, port in (("echo.test", 80), ("other.test", 443)):
        with pytest.raises(ConnectFailed, match="nobody listens"):
            await network.open_stream(host, port, tls=True)
    (line,) = network.lines_to("echo.test")
    line.reset()
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()


async def test_connecting_can_be_slow_refused_or_silent(network: MemoryNetwork, autojump_clock: trio.abc.Clock) -> None:
    """Each fault of connecting, and the weather of the line that comes of it."""
    faults = network.hosts["echo.test"]
    faults.connect_s = 2.0
    faults.weather = Weather(latency_s=1.0)
    stream = await network.open_stream("echo.test", 443, tls=True)
    await stream.send_all(b"x")
    await stream.receive_some()
    assert 4.0 == trio.current_time()

    faults.refuse = "refused"
    with pytest.raises(ConnectFailed, match="refused"):
        await network.open_stream("echo.test", 443, tls=True)
    faults.black_hole = True
    with trio.move_on_after(100) as waiting:
        await network.open_stream("echo.test", 443, tls=True)
    assert waiting.cancelled_caught


async def test_a_request_and_its_answer(
    network: MemoryNetwork, client: httpx.AsyncClient, autojump_clock: trio.abc.Clock
) -> None:
    """A request takes its time there and back, and is noted."""
    network.hosts["web.test"].latency_s = 1.0
    answer = await client.post("/", content=b"hello")

    assert "HELLO" == answer.text
    assert 4.0 == trio.current_time()
    assert [("web.test", "POST", "/")] == network.requests


async def test_jitter_is_bounded(
    network: MemoryNetwork, client: httpx.AsyncClient, autojump_clock: trio.abc.Clock
) -> None:
    """Jitter adds at most its bound, each way."""
    network.hosts["web.test"].jitter_s = 1.0
    await client.get("/")

    assert 2.0 < trio.current_time() < 4.0


async def test_limits_are_obeyed(
    network: MemoryNetwork, client: httpx.AsyncClient, server: Server, autojump_clock: trio.abc.Clock
) -> None:
    """The request's own limits end it, with httpx's errors; what has reached the server is carried out."""
    with pytest.raises(httpx.ReadTimeout):
        await client.get("/", timeout=1.0)
    assert 1.0 == trio.current_time()
    await trio.sleep(5)
    assert 1 == server.done

    network.hosts["web.test"].black_hole = True
    with pytest.raises(httpx.ConnectTimeout):
        await client.get("/", timeout=httpx.Timeout(30.0, connect=3.0))
    assert 9.0 == trio.current_time()
    with trio.move_on_after(1000) as waiting:
        await client.get("/", timeout=None)
    assert waiting.cancelled_caught


async def test_lost_requests_and_lost_answers(
    network: MemoryNetwork, client: httpx.AsyncClient, server: Server, autojump_clock: trio.abc.Clock
) -> None:
    """A lost request is not carried out, one whose answer was lost is."""
    faults = network.hosts["web.test"]
    faults.lose_requests = 1
    with pytest.raises(httpx.ReadError):
        await client.get("/")
    assert 0 == server.done
    faults.lose_answers = 1
    with pytest.raises(httpx.ReadError):
        await client.get("/")
    assert 1 == server.done
    assert 200 == (await client.get("/")).status_code


async def test_hosts_that_refuse(network: MemoryNetwork, client: httpx.AsyncClient) -> None:
    """A refused connection and an unknown host are httpx's ConnectError."""
    network.hosts["web.test"].refuse = "refused"
    for url in ("/", "https://other.test/"):
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


async def test_a_cancelled_request_is_carried_out(
    client: httpx.AsyncClient, server: Server, autojump_clock: trio.abc.Clock
) -> None:
    """Who asked may go away; the server does not notice."""
    with trio.move_on_after(1):
        await client.get("/")
    await trio.sleep(5)

    assert 1 == server.done


async def test_the_calendar_goes_with_the_clock(autojump_clock: trio.abc.Clock) -> None:
    """The virtual calendar begins where it is told and goes with trio's clock."""
    wall = virtual_wall(1000.0)
    await trio.sleep(60)

    assert 1060.0 == wall()
