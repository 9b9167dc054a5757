"""
Envelopes on their way from the connections to their consumer.

The consumer gets them in order of arrival through a bounded queue. Reading a connection never waits for the consumer:
when the queue is full an envelope is dropped unacknowledged, and Slack repeats it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.errors import StoreBroken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from structlog.typing import FilteringBoundLogger

    from slackkefu.slack.connection import Connection
    from slackkefu.slack.envelope import Envelope

__all__ = ["Delivery", "Inbox"]

log: FilteringBoundLogger = structlog.get_logger()

QUEUE: Final = 1000
"""Envelopes that may wait for the consumer."""

ENVELOPE_S: Final = 3.0
"""Slack's time for an acknowledgement; after it the envelope counts as failed and is repeated (facts/slack.md §2)."""


@final
class Delivery:
    """An envelope with the connection it came on."""

    __slots__ = ("_connection", "_inbox", "envelope", "is_acknowledged", "received_at")

    def __init__(self, inbox: Inbox, connection: Connection, envelope: Envelope) -> None:
        self._inbox = inbox
        self._connection = connection
        self.envelope = envelope
        self.received_at = trio.current_time()
        """Time (trio's clock) of arrival; Slack's three seconds count from a little earlier."""
        self.is_acknowledged = False

    def __repr__(self) -> str:
        return f"<Delivery {self.envelope.envelope_id}{' acknowledged' if self.is_acknowledged else ''}>"

    async def acknowledge(self, payload: Mapping[str, object] | None = None) -> bool:
        """
        Acknowledge the envelope on the connection that brought it; again is harmless.

        Args:
            payload: An answer; left out where the envelope accepts none.

        Returns:
            Whether it was written; False when the connection is gone, and Slack repeats what it repeats.

        """
        if not self.is_acknowledged:
            answer = payload if self.envelope.accepts_response_payload else None
            if await self._connection.acknowledge(self.envelope.envelope_id, answer):
                self._inbox.settle(self)
        return self.is_acknowledged


@final
class Inbox:
    """
    The envelopes of all connections.

    Args:
        on_delivery: Takes each envelope. It is expected to return quickly; what it raises is logged, and the envelope
            is left to Slack to repeat.

    """

    def __init__(self, on_delivery: Callable[[Delivery], Awaitable[None]]) -> None:
        self._on_delivery = on_delivery
        self._to_consumer, self._from_connections = trio.open_memory_channel[Delivery](QUEUE)
        # What came in the last seconds, for drain(); pruned at each arrival.
        self._recent: deque[Delivery] = deque()
        self._settled = trio.Event()
        self._is_closed = False
        self._is_overflowing = False
        self.envelopes = 0
        """Received, retries included."""
        self.retries = 0
        self.acknowledged = 0
        self.overflowed = 0
        self.consumer_failures = 0

    def __repr__(self) -> str:
        return f"<Inbox {self.waiting} waiting>"

    @property
    def waiting(self) -> int:
        """How many are in the queue to the consumer."""
        return self._to_consumer.statistics().current_buffer_used

    async def run(self) -> None:
        """
        Give each envelope to the consumer, in order of arrival.

        No fault of the consumer's ends this but one: where nobody knows what is on disk nothing more is taken in.

        Raises:
            StoreBroken: A sync has failed.

        """
        async for delivery in self._from_connections:
            try:
                await self._on_delivery(delivery)
            except StoreBroken:
                raise
            except Exception as exc:
                # The edge of a task: the envelope stays with Slack, which repeats it.
                self.consumer_failures += 1
                log.exception("socketmode.consumer_failed", error=type(exc).__name__)

    async def drain(self) -> None:
        """Take no more, and wait for the acknowledgements of what is in hand for as long as they count."""
        self._is_closed = True
        with trio.move_on_after(ENVELOPE_S):
            while any(not delivery.is_acknowledged for delivery in self._recent):
                self._settled = trio.Event()
                await self._settled.wait()

    # Called where envelopes arrive and are acknowledged; both return at once.

    def put(self, connection: Connection, envelope: Envelope) -> None:
        """Queue an envelope; without room it is left to Slack to repeat."""
        self.envelopes += 1
        self.retries += envelope.retry_attempt > 0
        if self._is_closed:
            return
        delivery = Delivery(self, connection, envelope)
        while self._recent and self._recent[0].received_at < delivery.received_at - ENVELOPE_S:
            self._recent.popleft()
        try:
            self._to_consumer.send_nowait(delivery)
        except trio.WouldBlock:
            self.overflowed += 1
            if not self._is_overflowing:
                log.warning("socketmode.overflow", waiting=QUEUE, note="the rest is left to Slack to repeat")
            self._is_overflowing = True
        else:
            self._recent.append(delivery)
            self._is_overflowing = False

    def settle(self, delivery: Delivery) -> None:
        """Know that *delivery* is acknowledged."""
        delivery.is_acknowledged = True
        self.acknowledged += 1
        self._settled.set()
