"""What its writer deletes while it is on its way."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.bridge.slack_to_kefu.forwarding_bench import (
    CUT,
    LOST,
    PART,
    Way,
    fail,
    withdraw,
)


async def test_what_was_deleted_is_passed_over(autojump_clock: trio.testing.MockClock) -> None:
    """A message that was deleted while it waited in its lane leaves it unsent."""
    way = Way()
    parcel = way.take()

    assert await withdraw(way, parcel)

    await way.work(parcel)

    assert [] == way.pool.sent
    assert ["e1.0"] == way.connection.names
    assert (1, 0) == (way.receipts.statistics().withdrawn, way.receipts.statistics().in_hand)


async def test_deleted_before_it_could_leave(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """A message that waits for its visitor's session can still be taken back, and its lane goes on at once."""
    way = Way()
    way.pool.takes_s, way.pool.is_there = 1000.0, False
    parcel, done = way.take(), trio.Event()

    async def work() -> None:
        await way.work(parcel)
        done.set()

    nursery.start_soon(work)
    await trio.sleep(10)

    assert await withdraw(way, parcel)

    with trio.fail_after(1):
        await done.wait()

    assert (1, 0) == (way.receipts.statistics().withdrawn, way.receipts.statistics().delivered)
    assert not way.pool.held


@pytest.mark.parametrize("when", ["on its way", "after a lost answer"])
async def test_deleted_when_it_may_have_left(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery, when: str
) -> None:
    """What may be at the desk is not sent again: if it is not there, it does not come there later."""
    way = Way()
    if when == "after a lost answer":
        way.pool.answers += [LOST, *[CUT] * 5]
    way.pool.takes_s = 5.0
    way.pool.is_there = when == "on its way"
    parcel = way.take(PART + PART)
    nursery.start_soon(way.work, parcel)
    await trio.sleep(6.0 if when != "on its way" else 1.0)
    tried = len(way.pool.sent)

    assert await withdraw(way, parcel)

    await trio.sleep(600)

    assert tried == len(way.pool.sent)
    assert (1, 0) == (way.receipts.statistics().withdrawn, way.receipts.statistics().delivered)


async def test_deleted_too_late(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """What Easemob has taken a part of is brought over as a whole."""
    way = Way()
    way.pool.takes_s = 5.0
    parcel = way.take(PART + PART)
    nursery.start_soon(way.work, parcel)
    await trio.sleep(6.0)

    assert not await withdraw(way, parcel)

    await trio.sleep(600)

    assert (0, 1) == (way.receipts.statistics().withdrawn, way.receipts.statistics().delivered)


async def test_deleted_on_its_way_aside(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """What is deleted in the very moment in which it is set aside is not kept there."""
    way = Way()
    way.kept.takes_s = 10.0
    parcel, done = way.take(), trio.Event()

    async def work() -> None:
        await way.work(parcel)
        done.set()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("slackkefu.bridge.slack_to_kefu.forwarding.parts", fail)
        nursery.start_soon(work)
        await trio.sleep(5)

        assert await withdraw(way, parcel)

        await done.wait()

    assert {1} == way.kept.over
    assert (0, []) == (way.aside.statistics().kept, way.untold)
