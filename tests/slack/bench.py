"""Socket Mode under test and the tiny Slack it talks to."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio
from trio.testing import wait_all_tasks_blocked

from slackkefu.slack.connections import SocketMode
from tests.slack.tiny import TinySlack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from slackkefu.slack.absence import Gap
    from slackkefu.slack.inbox import Delivery


class Bench:
    """A tiny Slack and the Socket Mode under test."""

    def __init__(
        self, nursery: trio.Nursery, connections: int, consumer: Callable[[Delivery], Awaitable[None]] | None
    ) -> None:
        self.nursery = nursery
        self.slack = TinySlack(nursery)
        self.received: list[Delivery] = []
        self.gaps: list[Gap] = []
        self.mode = SocketMode(
            world=self.slack.world,
            web=self.slack.web,
            connections=connections,
            on_delivery=consumer or self.take,
            on_gap=self.gaps.append,
        )

    async def take(self, delivery: Delivery) -> None:
        """Remember and acknowledge."""
        self.received.append(delivery)
        await delivery.acknowledge()

    @property
    def ids(self) -> list[str]:
        """The envelopes received, in order."""
        return [delivery.envelope.envelope_id for delivery in self.received]


@asynccontextmanager
async def bench(
    connections: int = 2, *, consumer: Callable[[Delivery], Awaitable[None]] | None = None
) -> AsyncIterator[Bench]:
    """Make a bench; whatever runs on it is cancelled at the end."""
    async with trio.open_nursery() as nursery:
        yield Bench(nursery, connections, consumer)
        nursery.cancel_scope.cancel()


async def settled() -> None:
    """Let everything happen that can happen now."""
    await wait_all_tasks_blocked()
