"""A gap stays until its conversation has been read from its first message on; what is marked survives a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.bridge.absence.gaps import Found, Gaps, Strand
from slackkefu.errors import StoreUnwritable
from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, Ts
from slackkefu.slack.installation import InstallationKey
from slackkefu.store.reserve import Mark
from tests.bridge.people import Reserve

if TYPE_CHECKING:
    from structlog.testing import LogCapture

NORTH = InstallationKey(None, TeamId("T0NORTH001"))
GRID = InstallationKey(EnterpriseId("E0GRID0001"), None)
SUPPORT = Strand(NORTH, ChannelId("C0SUPPORT1"), None)
THREAD = Strand(NORTH, ChannelId("C0SUPPORT1"), Ts("1.5"))


def gaps(reserve: Reserve, noted: list[InstallationKey] | None = None) -> Gaps:
    """Make gaps that are marked in *reserve*."""
    return Gaps(reserve, on_gap=lambda key: noted.append(key) if noted is not None else None)


async def test_one_slot_for_what_comes_later() -> None:
    """A strand is marked once, from its first message on; only an earlier one takes another slot."""
    reserve, noted = Reserve(), list[InstallationKey]()
    book = gaps(reserve, noted)
    for strand, ts in ((SUPPORT, "5.0"), (SUPPORT, "7.0"), (THREAD, "6.0"), (SUPPORT, "4.0"), (SUPPORT, "5.0")):
        await book.mark(strand, Ts(ts))

    assert [("5.0", None), ("6.0", "1.5"), ("4.0", None)] == [
        (mark.since, mark.thread_ts) for mark in reserve.marks.values()
    ]
    assert 4.0 == book.earliest()
    assert [("4.0", 4), ("6.0", 1)] == [(found.since, found.noted) for found in book.of(NORTH)]
    assert [NORTH] * 5 == noted


async def test_many_at_once_take_one_slot() -> None:
    """The visitors of a busy channel, all at the same moment, share a mark."""
    reserve = Reserve()
    book = gaps(reserve)
    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(book.mark, SUPPORT, Ts(f"{number + 1}.0"))
    (found,) = book.of(NORTH)

    assert (Ts("1.0"), 20) == (found.since, found.noted)
    assert len(reserve.marks) < 20


async def test_marks_come_back() -> None:
    """After a restart a strand has its gap from its earliest mark on, whatever slot that is in."""
    reserve = Reserve()
    book = gaps(reserve)
    await book.mark(SUPPORT, Ts("5.0"))
    await book.mark(SUPPORT, Ts("4.0"))
    await book.mark(Strand(GRID, ChannelId("D0MIA00001"), Ts("1.5")), Ts("6.0"))
    after = gaps(reserve)
    after.restore(reserve.marks)

    assert {NORTH, GRID} == after.installations()
    assert [Ts("4.0")] == [found.since for found in after.of(NORTH)]

    await after.close([*after.of(NORTH), *after.of(GRID)])

    assert ({}, 0, None) == (reserve.marks, len(after), after.earliest())


async def test_without_room_nothing_is_marked() -> None:
    """A mark that the reserve does not take is no gap: its message is not acknowledged against it."""
    reserve, noted = Reserve(), list[InstallationKey]()
    book = gaps(reserve, noted)
    reserve.is_full = True
    with pytest.raises(StoreUnwritable):
        await book.mark(SUPPORT, Ts("5.0"))

    assert (0, []) == (len(book), noted)


async def test_what_is_noted_in_memory() -> None:
    """A message given back to Slack is a gap without a mark; one marked later in the same strand is marked."""
    reserve = Reserve()
    book = gaps(reserve)
    book.note(SUPPORT, Ts("5.0"))
    book.note(SUPPORT, Ts("4.0"))

    assert (4.0, {}) == (book.earliest(), reserve.marks)

    await book.mark(SUPPORT, Ts("6.0"))

    assert ["6.0"] == [mark.since for mark in reserve.marks.values()]
    assert 4.0 == book.earliest()


async def test_what_comes_while_it_is_read_stays() -> None:
    """A gap that is noted again after it was asked for is not closed by that reading."""
    reserve = Reserve()
    book = gaps(reserve)
    await book.mark(SUPPORT, Ts("5.0"))
    found = book.of(NORTH)
    await book.mark(SUPPORT, Ts("6.0"))
    await book.close(found)

    assert 1 == len(book) == len(reserve.marks)

    await book.close(book.of(NORTH))
    await book.close(found)

    assert 0 == len(book) == len(reserve.marks)


async def test_a_reserve_that_cannot_be_freed(log: LogCapture) -> None:
    """It is said, and does no harm: what is read already may be read once more after a restart."""
    reserve = Reserve()
    book = gaps(reserve)
    await book.mark(SUPPORT, Ts("5.0"))
    reserve.is_full = True
    await book.close(book.of(NORTH))

    assert (0, 1) == (len(book), len(reserve.marks))
    assert ["reserve.unwritable"] == [entry["event"] for entry in log.entries]


def test_a_mark_that_names_no_time() -> None:
    """What cannot be placed in time comes before all others: too much is read rather than too little."""
    book = gaps(Reserve())
    book.restore({1: Mark(channel="C1", since="novel")})

    assert 0.0 == book.earliest()
    assert [Found(Strand(InstallationKey(None, None), ChannelId("C1"), None), Ts("novel"), 1)] == book.of(
        InstallationKey(None, None)
    )
