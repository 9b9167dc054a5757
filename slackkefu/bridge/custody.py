"""
Custody of Slack's messages: who answers for one now.

Slack answers for a message until its envelope is acknowledged, and repeats it until then. So each message is either
:class:`Owed` (in our hands, Slack still answers for it) or :class:`Settled` (accepted by the other side, refused for
good, or without anything for the desk). :mod:`slackkefu.bridge.receipts` acknowledges settled ones only.

The same message can come several times: as a retry (same ``event_id``, new ``envelope_id``), as ``message`` and
``app_mention`` (two ``event_id``s), and the very same frame twice (facts/slack.md §2). Its identity is (installation,
channel, ts). A repeat of a message in hand joins it; a repeat of a settled one is answered at once.

This first form remembers what was settled in memory, for :data:`REMEMBERED` messages; a restart forgets. Slack gives up
after about six minutes, or a day where the app has Delayed Events, so a synced record of ids follows.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar, final

if TYPE_CHECKING:
    from slackkefu.slack.ids import ChannelId, Ts
    from slackkefu.slack.installation import InstallationKey

__all__ = ["Custody", "CustodyStatistics", "Joined", "MessageKey", "Outcome", "Owed", "Settled"]

REMEMBERED: Final = 100_000
"""Settled messages remembered; at Slack's cap of 30,000 events an hour and workspace more than the retries need."""

D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class MessageKey:
    """What one message is, however often and in whatever envelope it comes."""

    installation: InstallationKey
    channel: ChannelId
    ts: Ts


class Outcome(enum.StrEnum):
    """How a message ended."""

    DELIVERED = "delivered"
    """Easemob accepted every part of it."""
    REFUSED = "refused"
    """The other side refused it for good."""
    IGNORED = "ignored"
    """Nothing of it was for the desk after all."""


@dataclass(slots=True)
class Owed(Generic[D]):
    """A message in our hands that Slack still answers for."""

    key: MessageKey
    deliveries: list[D] = field(default_factory=list)
    """Every envelope it came in, to be acknowledged together."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A repeat of a message in hand: it will be answered together with the first."""

    key: MessageKey


@dataclass(frozen=True, slots=True)
class Settled:
    """A message that has passed on; its envelopes may be acknowledged."""

    key: MessageKey
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class CustodyStatistics:
    """Counts since the start."""

    in_hand: int
    """Messages that Slack still answers for."""
    delivered: int
    """Messages that Easemob accepted."""
    refused: int
    """Messages that were refused for good."""
    ignored: int
    """Messages in which nothing was for the desk, such as a bare mention of the app."""
    repeats: int
    """Envelopes that repeated a message in hand or settled."""


@final
class Custody(Generic[D]):
    """The book of messages in hand and settled; *D* is the kind of delivery that is acknowledged."""

    def __init__(self, *, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._owed: dict[MessageKey, Owed[D]] = {}
        self._settled: OrderedDict[MessageKey, Settled] = OrderedDict()
        self._counts = dict.fromkeys(Outcome, 0)
        self._repeats = 0

    def take(self, key: MessageKey, delivery: D) -> Owed[D] | Joined | Settled:
        """
        Take note of an envelope.

        Returns:
            :class:`Owed`: new, ours to bring over; :class:`Joined`: in hand already; :class:`Settled`: done before.

        """
        settled = self._settled.get(key)
        if settled is not None:
            self._repeats += 1
            return settled
        owed = self._owed.get(key)
        if owed is not None:
            self._repeats += 1
            owed.deliveries.append(delivery)
            return Joined(key)
        owed = self._owed[key] = Owed(key, [delivery])
        return owed

    def settle(self, owed: Owed[D], outcome: Outcome) -> Settled:
        """Note how *owed* ended; it passes on."""
        del self._owed[owed.key]
        settled = self._settled[owed.key] = Settled(owed.key, outcome)
        self._counts[outcome] += 1
        while len(self._settled) > self._remembered:
            self._settled.popitem(last=False)
        return settled

    def let_go(self, owed: Owed[D]) -> None:
        """Give *owed* back to Slack, unanswered: its next repeat is taken as new."""
        del self._owed[owed.key]

    def statistics(self) -> CustodyStatistics:
        """Count."""
        return CustodyStatistics(
            in_hand=len(self._owed),
            delivered=self._counts[Outcome.DELIVERED],
            refused=self._counts[Outcome.REFUSED],
            ignored=self._counts[Outcome.IGNORED],
            repeats=self._repeats,
        )
