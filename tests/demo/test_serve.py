"""Servers on real sockets of this machine."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest
import trio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from slackkefu.demo.serve import AnswerLost, serve_http, serve_streams

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send


class _Half(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise AnswerLost


async def hello(_: Request) -> Response:
    """Answer."""
    return PlainTextResponse("hello")


async def half(_: Request) -> Response:
    """Begin to answer."""
    return _Half()


async def hang(request: Request) -> Response:
    """Wait until the client is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


APP = Starlette(routes=[Route("/", hello), Route("/half", half), Route("/hang", hang)])


async def test_http_is_served_on_a_free_port(nursery: trio.Nursery, capfd: pytest.CaptureFixture[str]) -> None:
    """The server starts with its port, answers, and says nothing on the terminal."""
    port = await nursery.start(serve_http, APP)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        answers = [(await client.get("/")).text for _ in range(2)]

    assert ["hello", "hello"] == answers
    assert ("", "") == capfd.readouterr()


async def test_a_lost_answer_breaks_the_connection(nursery: trio.Nursery, capfd: pytest.CaptureFixture[str]) -> None:
    """AnswerLost in mid-answer closes the connection; the next request is answered."""
    port = await nursery.start(serve_http, APP)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/half")
        assert "hello" == (await client.get("/")).text
    assert ("", "") == capfd.readouterr()


async def test_a_hanging_request_ends_with_its_client(nursery: trio.Nursery) -> None:
    """A client that gives up ends its request; the server goes on, and stops at once when cancelled."""
    with trio.fail_after(5):
        async with trio.open_nursery() as inner:
            port = await inner.start(serve_http, APP)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=0.2) as client:
                with pytest.raises(httpx.ReadTimeout):
                    await client.get("/hang")
                assert "hello" == (await client.get("/")).text
                inner.cancel_scope.cancel()


async def test_a_port_that_is_taken(nursery: trio.Nursery) -> None:
    """A port in use is an OSError at the start."""
    port = await nursery.start(serve_streams, _echo)
    for serve in (partial(serve_streams, _echo, port=port), partial(serve_http, APP, port=port)):
        with pytest.RaisesGroup(OSError, flatten_subgroups=True, allow_unwrapped=True):
            async with trio.open_nursery() as inner:
                await inner.start(serve)


async def test_streams_are_served(nursery: trio.Nursery) -> None:
    """Each connection gets its handler, on the port that is told."""
    port = await nursery.start(serve_streams, _echo)
    stream = await trio.open_tcp_stream("127.0.0.1", port)  # noqa: TID251  (the other end of the test)
    await stream.send_all(b"hello")
    assert b"hello" == await stream.receive_some()
    await stream.aclose()


async def _echo(stream: trio.abc.Stream) -> None:
    """Give back what comes."""
    async for data in stream:
        await stream.send_all(data)
