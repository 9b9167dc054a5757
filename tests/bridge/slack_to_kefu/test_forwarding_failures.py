"""What cannot be brought over: who is told, and how surely; and what makes us fail is set aside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.easemob.names import ImUser
from slackkefu.errors import (
    RestError,
    StoreBroken,
)
from tests.bridge.people import (
    MIA,
)
from tests.bridge.slack_to_kefu.forwarding_bench import (
    BANNED,
    CUT,
    FAULT,
    LATER,
    LOST,
    NEVER,
    PART,
    USED_UP,
    Way,
    fail,
)

if TYPE_CHECKING:
    from structlog.testing import LogCapture


# What is told.


@pytest.mark.parametrize(
    ("certainty", "answers"),
    [
        ("surely", [NEVER]),
        ("surely", [CUT, LATER, USED_UP, NEVER]),
        ("possibly", [LOST, NEVER]),
        ("possibly", [LOST, CUT, NEVER]),
        ("surely", [USED_UP] * 40),
        ("possibly", [LOST, *[USED_UP] * 40]),
        ("surely", [BANNED]),
        ("surely", [RestError("POST /token", 403, "forbidden_service_operation")]),
    ],
)
async def test_how_sure_it_is(autojump_clock: trio.testing.MockClock, certainty: str, answers: list[Exception]) -> None:
    """What Easemob refused did surely not arrive, unless an attempt before had left and was not answered."""
    way = Way()
    way.pool.answers += answers
    await way.carry(thread_ts="1759999999.000001")

    assert [(certainty, "U0MIA00001", "1759999999.000001")] == [
        (entry.certainty, entry.user, entry.thread_ts) for entry in way.untold
    ]
    assert 1 == way.receipts.statistics().refused
    assert ["untold", "settled"] == [entry.__struct_config__.tag for entry in way.journal.entries]


async def test_a_refused_second_part(autojump_clock: trio.testing.MockClock) -> None:
    """When a part has been accepted before the refused one, the message did not surely not arrive."""
    way = Way()
    way.pool.answers += [None, NEVER]
    await way.carry(PART + PART)

    assert ["possibly"] == [entry.certainty for entry in way.untold]


async def test_a_message_of_the_run_before(autojump_clock: trio.testing.MockClock) -> None:
    """What was written before this run began may have left in the run before, so nothing is sure."""
    await trio.sleep(100)
    way = Way()
    way.pool.answers.append(NEVER)
    await way.carry()

    assert ["possibly"] == [entry.certainty for entry in way.untold]


async def test_the_banned_are_told_at_once(autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """A visitor whom the tenant has banned is not tried for again."""
    way = Way()
    way.pool.answers.append(BANNED)
    await way.carry()

    assert (1, 0.0) == (len(way.pool.sent), trio.current_time())
    assert ["banned"] == [entry["problem"] for entry in log.entries if entry["event"] == "kefu.refused"]


async def test_a_root_is_told_outside_of_its_thread(autojump_clock: trio.testing.MockClock) -> None:
    """A note about the root of a thread stands in the channel, where the root was written."""
    way = Way()
    way.pool.answers.append(NEVER)
    await way.carry(thread_ts="1760000000.000001")

    assert [None] == [entry.thread_ts for entry in way.untold]


# Poison.


async def test_a_fault_that_passes(autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """A message that makes us fail twice is tried a third time; parts that have arrived are not sent again."""
    way = Way()
    way.pool.answers += [FAULT(), FAULT()]
    await way.carry(PART + "y")

    assert [PART, PART, PART, "y"] == way.pool.texts
    assert 2 == sum(entry["event"] == "lane.fault" for entry in log.entries)
    assert ["e1.0"] == way.connection.names
    assert 1 == way.receipts.statistics().delivered


@pytest.mark.parametrize(("where", "certainty"), [("before", "surely"), ("while sending", "possibly")])
async def test_poison_is_set_aside(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, where: str, certainty: str
) -> None:
    """The third time it is set aside whole, its writer is told, it is acknowledged, and its neighbour arrives."""
    way = Way()
    with monkeypatch.context() as patched:
        if where == "before":
            patched.setattr("slackkefu.bridge.slack_to_kefu.forwarding.parts", fail)
        way.pool.answers += [FAULT()] * 3
        await way.carry("poison")
    way.pool.answers.clear()
    await way.carry("next", number=2)

    assert "next" == way.pool.texts[-1]
    assert ["e1.0", "e2.0"] == way.connection.names
    assert [(certainty, "ZeroDivisionError")] == [(entry.certainty, entry.reason) for entry in way.untold]
    assert b"poison" in way.kept.pieces[0].content
    assert (1, 1) == (way.receipts.statistics().set_aside, way.aside.statistics().kept)


async def test_what_a_crash_left_aside_arrives_after_all(autojump_clock: trio.testing.MockClock) -> None:
    """What the run before set aside and did not end is tried anew; when it has arrived it is not kept aside."""
    way = Way()
    parcel = way.take()
    await way.aside.put("to_kefu", ImUser(MIA), parcel.owed.key.name, reason="ValueError", content=b"null")
    await way.work(parcel)

    assert ["hello"] == way.pool.texts
    assert (0, {1}) == (way.aside.statistics().kept, way.kept.over)


async def test_poison_from_the_spill(autojump_clock: trio.testing.MockClock) -> None:
    """What has left the memory is set aside as the spill has it, and is over there."""
    way = Way()
    parcel = way.take("poison")
    await way.receipts.shelter(MIA, [parcel])
    parcel.forget_words()
    way.pool.answers += [FAULT()] * 3
    await way.work(parcel)

    assert b"poison" in way.kept.pieces[0].content
    assert {1} == way.spill.over


async def test_a_full_disk_keeps_poison_at_the_head(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """Until it is safe aside it is neither acknowledged nor told, and waits."""
    way = Way()
    way.pool.answers += [FAULT()] * 3
    way.kept.is_full = True
    nursery.start_soon(way.carry, "poison")
    await trio.sleep(600)

    assert ([], []) == (way.connection.names, way.untold)
    assert 1 == way.receipts.statistics().in_hand

    way.kept.is_full = False
    await trio.sleep(60)

    assert 1 == len(way.untold)
    assert 0 == way.receipts.statistics().in_hand


async def test_a_broken_store_is_no_poison(autojump_clock: trio.testing.MockClock) -> None:
    """After a failed sync nothing goes on: it ends the daemon."""
    way = Way()

    def break_down() -> None:
        raise StoreBroken(Path("visitors"), "a sync failed")

    way.shelf.problem = break_down
    with pytest.raises(StoreBroken):
        await way.carry()
