"""
Receipts: what Slack is told, and when.

Joins :mod:`slackkefu.bridge.custody` (who answers for a message) to the connections its envelopes came on. An envelope
is acknowledged on its own connection, once its message is settled; later than :data:`BUDGET_S` after it came it is
left alone, because Slack has counted it as failed by then and sends a repeat (facts/slack.md §1 and §2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, final

import trio

from slackkefu.bridge.custody import Custody, MessageKey, Outcome, Owed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slackkefu.bridge.custody import CustodyStatistics, Joined, Settled
    from slackkefu.bridge.routing import Forward
    from slackkefu.slack.envelope import Envelope

__all__ = ["BUDGET_S", "Delivery", "Parcel", "Receipt", "Receipts"]

BUDGET_S: Final = 2.5
"""Slack waits 3 s; the half second is for the way back."""


class Delivery(Protocol):
    """An envelope on the connection that brought it."""

    @property
    def envelope(self) -> Envelope:
        """The envelope."""
        ...

    @property
    def received_at(self) -> float:
        """When it came (trio's clock), before it waited for us."""
        ...

    async def acknowledge(self) -> bool:
        """Acknowledge on that connection; False when it is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """One envelope of a message, and until when acknowledging it is worth while."""

    delivery: Delivery
    until: float
    """Trio's clock, seconds."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message on its way through a lane, still owed to Slack."""

    forward: Forward
    owed: Owed[Receipt]


@final
class Receipts:
    """The messages in our hands, and the envelopes that wait for them."""

    def __init__(self) -> None:
        self._custody: Custody[Receipt] = Custody()

    def take(self, forward: Forward, delivery: Delivery) -> Parcel | Joined | Settled:
        """Take a message in hand, or recognise it; see :meth:`Custody.take`."""
        key = MessageKey(forward.installation.key, forward.event.channel, forward.event.ts)
        taken = self._custody.take(key, Receipt(delivery, delivery.received_at + BUDGET_S))
        return Parcel(forward, taken) if isinstance(taken, Owed) else taken

    async def settle(self, parcel: Parcel, outcome: Outcome) -> None:
        """Note how a message ended, and acknowledge each of its envelopes that is still waiting."""
        settled = self._custody.settle(parcel.owed, outcome)
        await self._acknowledge(settled, parcel.owed.deliveries)

    @staticmethod
    async def _acknowledge(_: Settled, receipts: Iterable[Receipt]) -> None:
        """Acknowledge envelopes; their message has to be settled, and this asks to see it."""
        for receipt in receipts:
            if trio.current_time() <= receipt.until:
                await receipt.delivery.acknowledge()

    def let_go(self, parcel: Parcel) -> None:
        """Leave a message to Slack, unanswered: its next repeat is taken as new."""
        self._custody.let_go(parcel.owed)

    def statistics(self) -> CustodyStatistics:
        """Count."""
        return self._custody.statistics()
