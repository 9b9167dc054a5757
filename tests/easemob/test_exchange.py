"""Tests of :mod:`slackkefu.easemob.exchange`."""

from __future__ import annotations

import gc
from random import Random
from typing import TYPE_CHECKING

import httpx
import pytest
import trio

from slackkefu.easemob.exchange import exchange
from slackkefu.errors import ConnectFailed, RestOutcomeUnknown
from tests.easemob.fakes import HttpNetwork
from tests.memory_network import MemoryNetwork

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


async def _exchange(handler: object, *, max_bytes: int = 100) -> tuple[int, bytes]:
    client = HttpNetwork(handler).http_client(base_url="", timeout_s=5)  # type: ignore[arg-type]  # a shorter handler
    return await exchange(
        client,
        "GET",
        "https://im-rest.example.com/acme/support/users/t1_u1_c1?x=secret",
        call="GET /users/{username}",
        headers={},
        limit_s=5,
        max_bytes=max_bytes,
    )


async def test_status_and_body_are_returned(autojump_clock: trio.testing.MockClock) -> None:
    """Any status is an answer."""

    async def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, content=b"busy")

    assert (503, b"busy") == await _exchange(handler)


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("")])
async def test_what_never_left_is_no_connection(error: Exception, autojump_clock: trio.testing.MockClock) -> None:
    """Where the request cannot have left, that is said; the host is named, the path and query are not."""

    async def handler(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(ConnectFailed) as caught:
        await _exchange(handler)
    assert caught.value.address == "im-rest.example.com"


@pytest.mark.parametrize("error", [httpx.ReadError("cut"), httpx.RemoteProtocolError("odd"), httpx.WriteError("cut")])
async def test_what_may_have_left_is_unknown(error: Exception, autojump_clock: trio.testing.MockClock) -> None:
    """Where the request may have left, the outcome is unknown; the text names no more than the kind."""

    async def handler(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(RestOutcomeUnknown) as caught:
        await _exchange(handler)
    assert caught.value.reason == type(error).__name__


async def test_time_is_limited(autojump_clock: trio.testing.MockClock) -> None:
    """No answer in time is an unknown outcome."""

    async def handler(request: httpx.Request) -> httpx.Response:
        await trio.sleep(60)
        return httpx.Response(200)

    began = trio.current_time()
    with pytest.raises(RestOutcomeUnknown):
        await _exchange(handler)
    assert round(trio.current_time() - began) == 5


async def test_a_connection_that_does_not_come_about_is_no_lost_answer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Where nobody takes the connection, that is known before the time for an answer is over."""
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery, chance=Random(1))
        network.hosts["a.example.com"].black_hole = True
        client = network.http_client(base_url="", timeout_s=10)
        with pytest.raises(ConnectFailed):
            await exchange(client, "POST", "https://a.example.com/", call="c", headers={}, limit_s=10, max_bytes=5)
        assert 5 == trio.current_time()


async def test_size_is_limited(autojump_clock: trio.testing.MockClock) -> None:
    """An answer beyond the limit is not read to its end."""

    async def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"x" * 101)

    with pytest.raises(RestOutcomeUnknown, match="larger"):
        await _exchange(handler)


async def test_nothing_is_left_of_an_answer_that_is_too_long(autojump_clock: trio.testing.MockClock) -> None:
    """No generator is left in its middle; pytest fails for those that the garbage collector finds."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(10):
            await send({"type": "http.response.body", "body": b"x" * 60, "more_body": number < 9})

    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery, chance=Random(1))
        network.serve_http("a.example.com", app)
        async with network.http_client(base_url="", timeout_s=10) as client:
            with pytest.raises(RestOutcomeUnknown, match="larger"):
                await exchange(client, "GET", "https://a.example.com/", call="c", headers={}, limit_s=10, max_bytes=100)
            gc.collect()


async def test_a_closed_client_is_no_connection(autojump_clock: trio.testing.MockClock) -> None:
    """While we stop, who still asks gets an error of ours."""

    async def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200)

    client = HttpNetwork(handler).http_client(base_url="", timeout_s=5)
    await client.aclose()
    with pytest.raises(ConnectFailed, match="stopping"):
        await exchange(client, "GET", "https://a.example.com/", call="c", headers={}, limit_s=5, max_bytes=5)
