"""What the second channel hands out is on disk before it is used, and until it has ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.bridge.kefu_to_slack.arrivals import KNOWN_S, Arrivals
from slackkefu.easemob.names import ImUser
from slackkefu.errors import LinkClosed, StoreBroken, StoreError
from slackkefu.store.spill import Spilled
from tests.bridge.handing_out import QUEUE, Delivery, received
from tests.bridge.people import MIA, Spill, world

if TYPE_CHECKING:
    from structlog.testing import LogCapture

USER = ImUser(MIA)


class Bench:
    """Arrivals between a disk and a way to Slack."""

    def __init__(self) -> None:
        self.spill = Spill()
        self.delivery = Delivery()
        self.arrivals = Arrivals(shelf=self.spill, deliver=self.delivery, queue=QUEUE, world=world())

    async def take(self, *texts: str) -> None:
        """Take messages all the way."""
        await self.arrivals.bring(USER, await self.arrivals.keep(USER, [received(text) for text in texts]))


async def test_it_is_on_disk_before_it_is_used(autojump_clock: trio.testing.MockClock) -> None:
    """All that one answer brought is kept together, and each piece until it has ended."""
    bench = Bench()
    bench.delivery.takes_s = 5
    kept = await bench.arrivals.keep(USER, [received("one"), received("two")])

    assert ["one", "two"] == [piece.key for piece in bench.spill.pieces]
    assert not bench.delivery.begun

    with trio.move_on_after(7):
        await bench.arrivals.bring(USER, kept)

    assert (["one"], {1}) == (bench.delivery.texts, bench.spill.over)


async def test_the_next_run_brings_what_was_left(autojump_clock: trio.testing.MockClock) -> None:
    """It reads the same from the disk as it did from the channel, in order, each visitor's for itself."""
    bench = Bench()
    await bench.arrivals.keep(USER, [received("one"), received("two")])
    await bench.arrivals.keep(ImUser("t1_leo_d2"), [received("three", visitor="t1_leo_d2")])
    left = [Spilled(number, piece.lane, piece.key) for number, piece in enumerate(bench.spill.pieces, 1)]
    restored = bench.arrivals.restore(left)
    for user, kept in restored.items():
        await bench.arrivals.bring(user, kept)

    assert [MIA, "t1_leo_d2"] == [*restored]
    assert ["one", "two", "three"] == bench.delivery.texts
    assert received("one").message == bench.delivery.ended[0]
    assert {1, 2, 3} == bench.spill.over


async def test_what_is_handed_out_again_is_known(autojump_clock: trio.testing.MockClock) -> None:
    """A message that has ended is not kept a second time; a day later it is, and recognised further on."""
    bench = Bench()
    await bench.take("one")
    await bench.take("one", "two")

    assert ["one", "two"] == bench.delivery.texts
    assert (2, 1) == (bench.arrivals.statistics().found, bench.arrivals.statistics().again)

    await trio.sleep(2 * KNOWN_S)
    await bench.take("three")
    await bench.take("one")

    assert ["one", "two", "three", "one"] == bench.delivery.texts


async def test_commands_are_known_by_all_they_say(autojump_clock: trio.testing.MockClock) -> None:
    """They have no id (facts/kefu.md §2.11); words without an id are never taken for a repeat."""
    bench = Bench()
    for _ in range(2):
        for each in (
            received("a", msg_id=None, action="KF-ACK"),
            received("b", msg_id=None, action="KF-ACK"),
            received("ok", msg_id=None),
        ):
            await bench.arrivals.bring(USER, await bench.arrivals.keep(USER, [each]))

    assert (4, 2) == (len(bench.delivery.ended), bench.arrivals.statistics().again)


async def test_a_full_disk_is_waited_for(autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """Nothing is used before it is on disk; it is held in memory, which is said."""
    bench = Bench()
    bench.spill.is_full = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.take, "one")
        await trio.sleep(100)

        assert not bench.delivery.begun
        bench.spill.is_full = False

    assert ["one"] == bench.delivery.texts
    assert {"store.unwritable"} == {entry["event"] for entry in log.entries}


async def test_a_stop_does_not_lose_what_is_being_written(autojump_clock: trio.testing.MockClock) -> None:
    """It may be handed out to nobody else, so a write that has begun is finished."""
    bench = Bench()
    bench.spill.takes_s = 2
    with trio.move_on_after(1):
        await bench.take("one")

    assert ["one"] == [piece.key for piece in bench.spill.pieces]
    assert not bench.delivery.ended


async def test_too_much_in_hand_is_waited_out(autojump_clock: trio.testing.MockClock) -> None:
    """It stays on disk, and is offered again."""
    bench = Bench()
    bench.delivery.problems += [LinkClosed("Slack", "too many answers are in hand")] * 5
    await bench.take("one")

    assert ["one"] == bench.delivery.texts


async def test_a_damaged_one_holds_up_nobody(autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """A disk that cannot be read now is waited for; what was changed on it is said, and the next is brought."""
    bench = Bench()
    await bench.arrivals.keep(USER, [received("one"), received("two")])
    (restored,) = bench.arrivals.restore([Spilled(1, MIA, "one"), Spilled(2, MIA, "two")]).values()
    bench.spill.problems += [ValueError("its checksum is wrong"), StoreError(Path("x"), "cannot be read")]
    await bench.arrivals.bring(USER, restored)

    assert ["two"] == bench.delivery.texts
    assert 1 == bench.arrivals.statistics().unreadable
    assert ["store.unreadable", "kefu.unreadable"] == [entry["event"] for entry in log.entries]
    assert {1, 2} == bench.spill.over


async def test_a_broken_store_ends_it(autojump_clock: trio.testing.MockClock) -> None:
    """After a sync that failed nobody knows what is on disk."""
    bench = Bench()
    bench.spill.problems.append(StoreBroken(Path("x"), "a sync failed"))
    (restored,) = bench.arrivals.restore([Spilled(1, MIA, "one")]).values()
    with pytest.raises(StoreBroken):
        await bench.arrivals.bring(USER, restored)
