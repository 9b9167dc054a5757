"""
Servers on this machine, for the fakes and the demo.

Real sockets on the loopback interface; the port is chosen by the system unless one is given. HTTP is hypercorn's,
without a word on the terminal; streams are trio's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from hypercorn.config import Config
from hypercorn.trio import serve

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp

__all__ = ["AnswerLost", "serve_http", "serve_streams"]

SHUTDOWN_S: Final = 1.0
"""How long open requests may take when the server stops."""


class AnswerLost(Exception):
    """
    Raised by a fake's ASGI application in the middle of an answer: the connection breaks there.

    Under hypercorn this closes the connection; a network made in memory looks for it.
    """


async def serve_http(
    app: ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """
    Serve an ASGI application until cancelled.

    Args:
        app: The application; its lifespan is run.
        host: Address to listen on; a number, not a name.
        port: Port; 0 for one that is free.
        task_status: Started with the port, once connections are accepted.

    Raises:
        OSError: The port cannot be had.

    """
    # The socket is ours until it is sure that it listens: hypercorn leaves one open whose port is taken.
    (listener,) = await trio.open_tcp_listeners(port, host=host)
    bound: int = listener.socket.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.socket.detach()}"]
    # An application may have a calendar of its own, and says so itself.
    config.include_date_header = False
    config.accesslog = None
    config.errorlog = None
    config.graceful_timeout = SHUTDOWN_S
    config.shutdown_timeout = SHUTDOWN_S
    async with trio.open_nursery() as nursery:
        await nursery.start(_serve, app, config)
        task_status.started(bound)


async def _serve(app: ASGIApp, config: Config, *, task_status: trio.TaskStatus[list[str]]) -> None:
    await serve(app, config, task_status=task_status)  # type: ignore[arg-type]  # hypercorn types ASGI by TypedDicts


async def serve_streams(
    handler: Callable[[trio.abc.Stream], Awaitable[None]],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """
    Serve byte streams until cancelled.

    Args:
        handler: Called for each connection in a task of its own; the stream is closed when it returns.
        host: Address to listen on; a number, not a name.
        port: Port; 0 for one that is free.
        task_status: Started with the port, once connections are accepted.

    Raises:
        OSError: The port cannot be had.

    """
    (listener,) = await trio.open_tcp_listeners(port, host=host)
    bound: int = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, handler, [listener])
        task_status.started(bound)
