"""A pool with the server and the REST answers it meets."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import trio

from slackkefu.easemob.names import im_user
from slackkefu.easemob.pool import Pool
from slackkefu.easemob.rest import UserToken
from slackkefu.errors import LinkClosed, RestError, SlackkefuError
from slackkefu.secret import Secret
from tests.easemob.fakes import APP_KEY, FakeServer, FixedEndpoints, answer, batch, make_world, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from slackkefu.easemob.message import Batch
    from slackkefu.easemob.names import ImUser

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
UNKNOWN_USER = RestError("GET offline_msg_count", 404, "service_resource_not_found")
REFUSED = RestError("GET offline_msg_count", 403, "forbidden_op")


def visitor(number: int) -> ImUser:
    """Name a visitor."""
    return im_user(f"t1_u{number}_c1")


ADA, BOB, EVE = visitor(1), visitor(2), visitor(3)


class Rest:
    """Tokens for everybody, and counts that are set."""

    def __init__(self) -> None:
        self.waiting: dict[ImUser, int] = {}
        self.checks: list[tuple[float, ImUser]] = []
        self.count_error: SlackkefuError | None = None
        self.exists: bool | SlackkefuError = True
        self.token_error: SlackkefuError | None = None
        self.count_s = 0.0
        self.asked = trio.Event()

    async def user_token(self, user: ImUser, *, rejected: Secret | None = None) -> UserToken:
        """Return a token."""
        await trio.lowlevel.checkpoint()
        if self.token_error is not None:
            raise self.token_error
        return UserToken(Secret(f"{user}-token"), float("inf"), fresh=False)

    async def forget_user(self, user: ImUser) -> None:
        """Do nothing."""
        await trio.lowlevel.checkpoint()

    async def offline_count(self, user: ImUser) -> int:
        """Return what waits."""
        self.checks.append((trio.current_time(), user))
        self.asked.set()
        await trio.sleep(self.count_s)
        if self.count_error is not None:
            raise self.count_error
        return self.waiting.pop(user, 0)

    async def user_exists(self, user: ImUser) -> bool:
        """Tell what is set."""
        await trio.lowlevel.checkpoint()
        if isinstance(self.exists, SlackkefuError):
            raise self.exists
        return self.exists


class Bench:
    """A pool with a server."""

    def __init__(self) -> None:
        self.rest = Rest()
        self.server = FakeServer()
        self.batches: list[tuple[ImUser, Batch]] = []
        self.batch_s = 0.0
        self.drained: list[ImUser] = []
        self.lost: list[ImUser] = []
        self.world = make_world(_nothing)
        self.scope = trio.CancelScope()
        self.pool = self.make()

    def make(self, *, max_sessions: int = 100, logins_per_second: float = 10) -> Pool:
        """Make the pool; :meth:`running` runs it."""
        self.pool = Pool(
            world=self.world,
            rest=self.rest,
            endpoints=FixedEndpoints(),
            app_key=APP_KEY,
            resource="slackkefu-0123456789abcdef",
            max_sessions=max_sessions,
            logins_per_second=logins_per_second,
            on_batch=self._on_batch,
            on_drained=self.drained.append,
            on_lost=self.lost.append,
            dial=self.server.dial,
        )
        return self.pool

    async def _on_batch(self, user: ImUser, given: Batch) -> None:
        await trio.sleep(self.batch_s)
        self.batches.append((user, given))

    @asynccontextmanager
    async def running(self, *, max_sessions: int = 100, logins_per_second: float = 10) -> AsyncIterator[Pool]:
        """Run a new pool; stop it at the end."""
        pool = self.make(max_sessions=max_sessions, logins_per_second=logins_per_second)
        async with trio.open_nursery() as nursery:
            await nursery.start(pool.run)
            yield pool
            nursery.cancel_scope.cancel()
        assert not self.server.online

    def start_send(self, nursery: trio.Nursery, user: ImUser, number: int = 1) -> None:
        """Send in a task."""
        nursery.start_soon(self.pool.send, user, message(number))

    async def deliver(self, user: ImUser) -> None:
        """Let the server deliver a batch to *user*, until the batch is settled or the login gone."""
        live = self.server.online[user]

        async def bring() -> None:
            with suppress(LinkClosed):
                await live.on_batch(batch())
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(bring)
            await live.over.wait()
            nursery.cancel_scope.cancel()

    @property
    def online(self) -> list[ImUser]:
        """Who is logged in."""
        return sorted(self.server.online)


async def _nothing(request: httpx.Request) -> httpx.Response:
    await trio.lowlevel.checkpoint()
    return answer(500)
