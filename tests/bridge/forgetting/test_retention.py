"""Who is erased for being quiet, in which order, and when the next one will be."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.bridge.forgetting.retention import LATE_S, Retention, due, next_at
from slackkefu.bridge.open_sessions import OPEN_S
from slackkefu.errors import StoreUnwritable
from slackkefu.store.visitors import VisitorRecord

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trio.testing import MockClock

    from slackkefu.easemob.names import ImUser

DAY_S = 24 * 3600.0
KEEP_S = 30 * DAY_S
NOW = 1_760_000_000.0


def quiet(name: str, days: float, **fields: object) -> VisitorRecord:
    """Make a visitor who was heard of so many days ago."""
    made = {"im_user": name, "team": "T1", "user": "U1", "channel": "D1", "last_active": NOW - days * DAY_S}
    return VisitorRecord(**made, **fields)  # type: ignore[arg-type]  # fields as the test has them


def everybody(_: ImUser) -> bool:
    """Say that nothing is in hand."""
    return True


def test_the_longest_quiet_first() -> None:
    """Who was heard of within the time stays; of the others the longest quiet go first, and equals by name."""
    records = [quiet("b", 31), quiet("a", 31), quiet("new", 29.9), quiet("old", 400), quiet("future", -400)]

    assert ["old", "a", "b"] == due(records, now=NOW, keep_s=KEEP_S, is_free=everybody)


@pytest.mark.parametrize(("heard_s", "goes"), [(OPEN_S - 1, False), (OPEN_S + 1, True)])
def test_an_open_session(heard_s: float, goes: bool) -> None:
    """Nobody goes whose service session counts as open, however short the time is."""
    record = quiet("mia", heard_s / DAY_S, open_session="s1")

    assert (["mia"] if goes else []) == due([record], now=NOW, keep_s=3600.0, is_free=everybody)


def test_something_in_hand() -> None:
    """Nobody goes of whom something is in hand."""
    records = [quiet("busy", 40), quiet("free", 40)]

    assert ["free"] == due(records, now=NOW, keep_s=KEEP_S, is_free=lambda user: user == "free")


def test_the_next_one() -> None:
    """The next one is due when their own time is over; those that are due are no reason to hurry."""
    records = [quiet("old", 400), quiet("soon", 29), quiet("later", 3)]

    assert NOW + DAY_S == next_at(records, now=NOW, keep_s=KEEP_S)
    assert inf == next_at(records[:1], now=NOW, keep_s=KEEP_S)


class Book(list[VisitorRecord]):
    """Records that can be asked for."""

    def get(self, user: ImUser) -> VisitorRecord | None:
        """Return one."""
        return next((record for record in self if record.im_user == user), None)


class Erasing:
    """Erases from a book."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.erased: list[str] = []
        self.problems: list[Exception] = []

    async def erase(self, users: Sequence[ImUser], *, cause: str) -> None:
        """Erase, or have a problem."""
        await trio.lowlevel.checkpoint()
        if self.problems:
            raise self.problems.pop()
        self.erased += users
        self.book[:] = [record for record in self.book if record.im_user not in users]


def runner(
    book: Book, erasing: Erasing, *, reads: list[bool] | None = None, ahead_s: Sequence[float | None] = (0.0,)
) -> Retention:
    """Make the thing that erases; the last of *ahead_s* is how far this machine's clock is ahead."""

    async def expire(_: float) -> None:
        await trio.lowlevel.checkpoint()

    return Retention(
        keep_s=KEEP_S,
        book=book,  # type: ignore[arg-type]  # the part that is needed
        erasing=erasing,  # type: ignore[arg-type]  # as above
        is_free=everybody,
        is_reading=lambda: bool(reads),
        expire=expire,
        wall=lambda: NOW + trio.current_time(),
        ahead_s=lambda: ahead_s[-1],
    )


async def test_it_is_paced(autojump_clock: MockClock) -> None:
    """Three a second, and who is heard of while others go stays."""
    book = Book(quiet(f"v{number:03}", 40 - number / 1000) for number in range(300))
    erasing = Erasing(book)
    async with trio.open_nursery() as nursery:
        await nursery.start(runner(book, erasing).run)
        await trio.sleep(LATE_S + 10)

        assert 25 <= len(erasing.erased) <= 32

        book[-1] = quiet("v299", 0)
        await trio.sleep(300)
        nursery.cancel_scope.cancel()

    assert [f"v{number:03}" for number in range(299)] == erasing.erased


async def test_not_while_an_absence_is_read(autojump_clock: MockClock) -> None:
    """Who may have written while we were away is not erased before that has been read."""
    book = Book([quiet("mia", 40)])
    erasing, reads = Erasing(book), [True]
    async with trio.open_nursery() as nursery:
        await nursery.start(runner(book, erasing, reads=reads).run)
        await trio.sleep(3 * LATE_S)

        assert [] == erasing.erased

        reads.clear()
        await trio.sleep(2 * LATE_S)
        nursery.cancel_scope.cancel()

    assert ["mia"] == erasing.erased


@pytest.mark.parametrize("wrong", [None, 20 * DAY_S])
async def test_a_clock_that_is_ahead(autojump_clock: MockClock, wrong: float | None) -> None:
    """What this machine's clock shows erases nobody: by Slack's it is too early, or Slack has not told its time yet."""
    book = Book([quiet("mia", 40)])
    erasing, ahead_s = Erasing(book), [wrong]
    async with trio.open_nursery() as nursery:
        await nursery.start(runner(book, erasing, ahead_s=ahead_s).run)
        await trio.sleep(3 * LATE_S)

        assert [] == erasing.erased

        ahead_s.append(-20 * DAY_S)
        await trio.sleep(2 * LATE_S)
        nursery.cancel_scope.cancel()

    assert ["mia"] == erasing.erased


async def test_a_full_disk(autojump_clock: MockClock, tmp_path: Path) -> None:
    """Where the disk does not take it, it is tried again."""
    book = Book([quiet("mia", 40)])
    erasing = Erasing(book)
    erasing.problems.append(StoreUnwritable(tmp_path, "full"))
    async with trio.open_nursery() as nursery:
        await nursery.start(runner(book, erasing).run)
        await trio.sleep(3 * LATE_S)
        nursery.cancel_scope.cancel()

    assert ["mia"] == erasing.erased
