"""Entries come back as they were, in order; damage costs only what it hit; old ones go, but not all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import trio
import trio.testing

from slackkefu.store.entries import Answered, Awaiting, Concluded, Intent, KefuEntry, Settled, SlackEntry
from slackkefu.store.journal import Journal
from slackkefu.store.segments import Segments
from slackkefu.world import InlineDisk
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from structlog.testing import LogCapture

HOUR_S = 3600.0


def journal(root: Path, kind: object = SlackEntry, *, wall: Callable[[], float] | None = None) -> Journal[object]:
    """Open the journal in *root*."""
    for name in ("journal", "damaged"):
        (root / name).mkdir(exist_ok=True)
    wall = wall or virtual_wall()
    segments = Segments(root / "journal", damaged=root / "damaged", disk=InlineDisk(), wall=wall, loss="an entry")
    return Journal(segments, kind, keep_s=25 * HOUR_S, wall=wall)


def settled(number: int) -> Settled:
    """Make an entry."""
    return Settled(team_id="T1", channel="C1", ts=f"{number}.0", outcome="delivered", at=1.0)


async def test_entries_come_back(tmp_path: Path) -> None:
    """What was appended is read in order by the next runs, whatever kind of entry it is."""
    intent = Intent(user="t_u_d", message="m", part=0, channel="D1", thread_ts="1.1", at=2.0)
    answered = Answered(user="t_u_d", meta_id=2**63 - 1, msg_id="m", outcome="ended", at=3.0)
    book = journal(tmp_path, KefuEntry)
    await book.append(intent)
    again = journal(tmp_path, KefuEntry)

    assert [intent] == again.load()

    await again.append(answered, intent)

    assert [intent, answered, intent] == journal(tmp_path, KefuEntry).load()


async def test_what_is_waited_for_comes_back(tmp_path: Path) -> None:
    """With each kind of a message's entries beside it."""
    awaiting = Awaiting(
        enterprise_id="E1",
        team_id="T1",
        channel="C1",
        ts="1.0",
        thread_ts="0.5",
        im_user="t1_u1_c1",
        user="U1",
        is_direct=True,
        marks={"a": "txt", "b": "img"},
        at=2.0,
    )
    concluded = Concluded(team_id="T1", channel="C1", ts="1.0", outcome="confirmed", at=3.0)
    await journal(tmp_path).append(awaiting, settled(1), concluded)

    assert [awaiting, settled(1), concluded] == journal(tmp_path).load()


async def test_those_who_wait_together_share_a_sync(tmp_path: Path, nursery: trio.Nursery) -> None:
    """Many appends at once take few syncs, and each returns only when its own entry is there."""
    book = journal(tmp_path)
    async with trio.open_nursery() as together:
        for number in range(50):
            together.start_soon(book.append, settled(number))

    assert {f"{number}.0" for number in range(50)} == {
        each.ts for each in journal(tmp_path).load() if isinstance(each, Settled)
    }
    assert 50 == book.statistics().appended
    assert book.statistics().syncs <= 5


async def test_a_cut_end_is_cut_off(tmp_path: Path, log: LogCapture) -> None:
    """The half line that a crash has left is no damage; what comes after it is kept."""
    await journal(tmp_path).append(settled(1), settled(2))
    (file,) = (tmp_path / "journal").iterdir()
    file.write_bytes(file.read_bytes()[:-20])
    again = journal(tmp_path)

    assert [settled(1)] == again.load()

    await again.append(settled(3))

    assert [settled(1), settled(3)] == journal(tmp_path).load()
    assert ["store.cut_end"] == [entry["event"] for entry in log.entries]


async def test_damage_costs_only_what_it_hit(tmp_path: Path, log: LogCapture) -> None:
    """A line that was changed on the disk, or is of another version, is set aside and named; its neighbours stay."""
    await journal(tmp_path).append(settled(1), settled(2), settled(3), settled(4))
    (file,) = (tmp_path / "journal").iterdir()
    content = file.read_bytes().replace(b'"2.0"', b'"9.0"')
    lines = content.splitlines(keepends=True)
    lines[3] = lines[3].replace(b'{"v":1', b'{"v":7')
    file.write_bytes(b"".join(lines))
    book = journal(tmp_path)

    assert [settled(1), settled(4)] == book.load()
    assert 2 == book.statistics().damaged == len(list((tmp_path / "damaged").iterdir()))
    assert ["an entry"] * 2 == [entry["meaning"] for entry in log.entries if entry["event"] == "store.damaged"]


async def test_what_a_later_version_wrote_is_passed_over(tmp_path: Path, log: LogCapture) -> None:
    """An entry of a kind that is not known is no damage."""

    class Later(msgspec.Struct, tag="later"):
        """Something new."""

    await journal(tmp_path, Later).append(Later())

    assert [] == journal(tmp_path).load()
    assert ["journal.unknown"] == [entry["event"] for entry in log.entries]


async def test_old_entries_go(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A segment goes when nothing in it is younger than what is kept; the others stay."""
    book = journal(tmp_path)
    for number in range(30):
        await book.append(settled(number))
        await trio.sleep(HOUR_S)
        await book.forget()
    kept = [each.ts for each in journal(tmp_path).load() if isinstance(each, Settled)]

    assert [f"{number}.0" for number in range(4, 30)] == kept


async def test_what_may_be_asked_for_stays(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """How old an entry is counts from the mark: while that stands still nothing after it goes."""
    wall = virtual_wall()
    book = journal(tmp_path, wall=wall)
    mark = wall() + 5 * HOUR_S
    for number in range(60):
        await book.append(settled(number))
        await trio.sleep(HOUR_S)
        await book.forget(mark=mark)

    assert 60 == len(journal(tmp_path).load())

    await book.forget(mark=wall())

    assert len(journal(tmp_path).load()) < 60


async def test_a_clock_that_jumps_takes_little(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A wall clock that is a week ahead drops at most two segments for each hour that has really passed."""
    ahead = [0.0]
    wall = virtual_wall()
    book = journal(tmp_path, wall=lambda: wall() + ahead[0])
    for number in range(10):
        await book.append(settled(number))
        await trio.sleep(HOUR_S)
        await book.forget()
    ahead[0] = 7 * 24 * HOUR_S
    await book.append(settled(10))
    await book.forget()
    await book.forget()

    assert len(journal(tmp_path).load()) >= 8
