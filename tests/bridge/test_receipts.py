"""Each envelope of a message is acknowledged on its own connection, in time or not at all."""

from __future__ import annotations

from dataclasses import replace

import trio
import trio.testing

from slackkefu.bridge.custody import Joined, Outcome, Settled
from slackkefu.bridge.receipts import BUDGET_S, Parcel, Receipts
from tests.bridge.people import Parcels, envelope, forward, installation


def take(receipts: Receipts, connection: Parcels, *, retry: int = 0, received_at: float | None = None) -> Parcel:
    """Take a message that must be new."""
    taken = receipts.take(forward(), connection.bring(envelope(retry=retry), received_at=received_at))
    assert isinstance(taken, Parcel)
    return taken


async def test_nothing_is_acknowledged_before_it_is_settled(autojump_clock: trio.testing.MockClock) -> None:
    """A message in hand is Slack's until it is settled; then its envelope is acknowledged at once."""
    receipts, connection = Receipts(), Parcels()
    parcel = take(receipts, connection)
    await trio.sleep(1)

    assert [] == connection.names

    await receipts.settle(parcel, Outcome.DELIVERED)

    assert [("e1.0", 1.0)] == connection.acknowledged


async def test_too_late_is_left_alone(autojump_clock: trio.testing.MockClock) -> None:
    """At 2.5 s after it came an envelope is still acknowledged, later not: Slack has counted it as failed."""
    for wait_s, names in ((BUDGET_S, ["e1.0"]), (BUDGET_S + 0.01, [])):
        receipts, connection = Receipts(), Parcels()
        parcel = take(receipts, connection)
        await trio.sleep(wait_s)
        await receipts.settle(parcel, Outcome.DELIVERED)

        assert names == connection.names


async def test_the_budget_counts_from_the_arrival(autojump_clock: trio.testing.MockClock) -> None:
    """Time spent in a queue before us is Slack's time too."""
    await trio.sleep(10)
    receipts, connection = Receipts(), Parcels()
    parcel = take(receipts, connection, received_at=trio.current_time() - 2)
    await trio.sleep(1)
    await receipts.settle(parcel, Outcome.DELIVERED)

    assert [] == connection.names


async def test_repeats_are_acknowledged_where_they_came(autojump_clock: trio.testing.MockClock) -> None:
    """A repeat joins the message in hand; of its envelopes those still in time are acknowledged, each on its own."""
    receipts, old, new = Receipts(), Parcels(), Parcels()
    parcel = take(receipts, old)
    await trio.sleep(2)
    second = receipts.take(forward(), new.bring(envelope(retry=1)))
    await trio.sleep(2)
    third = receipts.take(forward(), old.bring(envelope(retry=2)))
    await receipts.settle(parcel, Outcome.DELIVERED)

    assert isinstance(second, Joined)
    assert isinstance(third, Joined)
    assert (["e1.2"], ["e1.1"]) == (old.names, new.names)
    assert isinstance(receipts.take(forward(), new.bring(envelope(retry=3))), Settled)


async def test_a_connection_that_is_gone_stops_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """An acknowledgement that cannot be written leaves the others to be written."""
    receipts, gone, there = Receipts(), Parcels(), Parcels()
    parcel = take(receipts, gone)
    receipts.take(forward(), there.bring(envelope(retry=1)))
    gone.is_gone = True
    await receipts.settle(parcel, Outcome.REFUSED)

    assert ([], ["e1.1"]) == (gone.names, there.names)
    assert (0, 1) == (receipts.statistics().in_hand, receipts.statistics().refused)


async def test_a_message_let_go_is_never_acknowledged(autojump_clock: trio.testing.MockClock) -> None:
    """What was given back stays with Slack, and its next repeat is new."""
    receipts, connection = Receipts(), Parcels()
    receipts.let_go(take(receipts, connection))
    parcel = take(receipts, connection, retry=1)
    await receipts.settle(parcel, Outcome.DELIVERED)

    assert ["e1.1"] == connection.names


async def test_messages_of_two_installations_are_two(autojump_clock: trio.testing.MockClock) -> None:
    """Channel and ts name a message only within its installation."""
    receipts, connection = Receipts(), Parcels()
    take(receipts, connection)
    elsewhere = replace(forward(), installation=installation("south"))
    other = receipts.take(elsewhere, connection.bring(envelope()))

    assert isinstance(other, Parcel)
    assert 2 == receipts.statistics().in_hand
