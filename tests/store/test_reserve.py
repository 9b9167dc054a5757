"""On a full disk the reserve takes a mark, for good; a mark that a power cut has torn is no mark."""

from __future__ import annotations

import errno
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from slackkefu.errors import StoreBroken, StoreUnwritable
from slackkefu.store.lines import seal
from slackkefu.store.reserve import SLOT_BYTES, SLOTS, Mark, Reserve
from slackkefu.world import InlineDisk
from tests.store.forgetful import Crash, Forgetful

if TYPE_CHECKING:
    from structlog.testing import LogCapture

PATH = Path("/store/reserve")
SEEDS = range(3)


def reserve(system: Forgetful) -> Reserve:
    """Open the reserve on *system*."""
    return Reserve(PATH, disk=InlineDisk(), system=system)


def mark(number: int) -> Mark:
    """Make a mark, long enough to be written in pieces."""
    return Mark(team_id="T0NORTH001", channel=f"C0SUPPORT{number}", thread_ts="1.5", since=f"{number}.000001")


async def test_marks_come_back(tmp_path: Path) -> None:
    """A mark is there after a restart until its slot is freed; its slot is used again then."""
    first = Reserve(tmp_path / "reserve", disk=InlineDisk())

    assert {} == first.load()

    slots = [await first.put(mark(number)) for number in range(3)]
    await first.free(slots[1])
    again = Reserve(tmp_path / "reserve", disk=InlineDisk())

    assert {slots[0]: mark(0), slots[2]: mark(2)} == again.load()
    assert slots[1] == await again.put(mark(3))
    assert SLOTS * SLOT_BYTES == (tmp_path / "reserve").stat().st_size


async def test_a_full_reserve(tmp_path: Path) -> None:
    """There are so many slots; the next mark, or one longer than a slot, is refused and changes nothing."""
    full = Reserve(tmp_path / "reserve", disk=InlineDisk())
    full.load()
    with pytest.raises(StoreUnwritable, match="no room"):
        await full.put(Mark(channel="C" * SLOT_BYTES, since="1.0"))
    for number in range(SLOTS):
        await full.put(mark(number))
    with pytest.raises(StoreUnwritable, match="no room"):
        await full.put(mark(SLOTS))

    assert SLOTS == len(Reserve(tmp_path / "reserve", disk=InlineDisk()).load())


async def test_no_new_room_is_needed() -> None:
    """A mark only overwrites what the file has, and is synced when it is taken."""
    system = Forgetful()
    book = reserve(system)
    book.load()
    before = len(system._seen[PATH].seen)
    await book.put(mark(1))

    assert before == len(system._seen[PATH].seen) == SLOTS * SLOT_BYTES
    assert b"C0SUPPORT1" in system._seen[PATH].lasting


async def test_without_room_for_it(tmp_path: Path, log: LogCapture) -> None:
    """A disk that was full at the start has no reserve, which is said; it is made when there is room."""
    system = Forgetful(fatal=2, code=errno.ENOSPC)
    book = reserve(system)

    assert {} == book.load()
    assert ["reserve.missing"] == [entry["event"] for entry in log.entries]

    with pytest.raises(StoreUnwritable):
        await book.put(mark(1))
    system.heal()
    await book.prepare()
    await book.put(mark(1))

    assert {0: mark(1)} == reserve(system).load()


def test_a_file_that_is_cut_is_made_whole(tmp_path: Path, log: LogCapture) -> None:
    """A reserve of another size keeps the marks that can be read, and has all its slots again."""
    path = tmp_path / "reserve"
    path.write_bytes(seal(b'{"channel":"C1","since":"1.0"}')[:-1].ljust(SLOT_BYTES - 1) + b"\n" + b'{"v":1,')
    expected = {0: Mark(channel="C1", since="1.0")}

    assert expected == Reserve(path, disk=InlineDisk()).load()
    assert SLOTS * SLOT_BYTES == path.stat().st_size
    assert expected == Reserve(path, disk=InlineDisk()).load()
    assert ["reserve.torn"] == [entry["event"] for entry in log.entries]


async def test_what_a_later_version_wrote_is_left_alone(tmp_path: Path, log: LogCapture) -> None:
    """A slot that is whole and not understood is passed over, said, and never written over."""
    path = tmp_path / "reserve"
    Reserve(path, disk=InlineDisk()).load()
    content = path.read_bytes()
    line = b'{"v":7}'.ljust(SLOT_BYTES - 1) + b"\n"
    path.write_bytes(line + content[SLOT_BYTES:])
    book = Reserve(path, disk=InlineDisk())

    assert {} == book.load()
    assert ["reserve.unknown"] == [entry["event"] for entry in log.entries]
    assert 1 == await book.put(mark(1))
    assert path.read_bytes().startswith(line)


async def work(system: Forgetful, promised: dict[int, Mark], freed: set[int]) -> None:
    """Put some marks and free some, in two runs."""
    for run in range(2):
        book = reserve(system)
        promised |= book.load()
        for number in range(4):
            promised[await book.put(mark(run * 10 + number))] = mark(run * 10 + number)
        slots = [*promised][1:3]
        freed |= {*slots}
        await book.free(*slots)
        for slot in slots:
            del promised[slot]
        freed -= {*slots}


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_power_cut_at_any_call(seed: int) -> None:
    """Every mark that was taken and not freed is there after a cut at any call; what is torn is free."""
    whole = Forgetful()
    await work(whole, {}, set())
    for fatal in range(1, whole.calls + 1):
        system, promised, freed = Forgetful(fatal=fatal), dict[int, Mark](), set[int]()
        with pytest.raises(Crash):
            await work(system, promised, freed)
        book = reserve(system.crash(Random(seed)))
        found = book.load()
        kept = {slot: mark for slot, mark in promised.items() if slot not in freed}

        assert kept.items() <= found.items(), f"cut at {fatal}"
        assert await book.put(mark(99)) not in found


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
async def test_a_call_that_fails(code: int) -> None:
    """What was refused is not there, what was taken is; after a failed sync nothing more is taken."""
    whole = Forgetful()
    await work(whole, {}, set())
    # The first call reads, which has to be possible.
    for fatal in range(2, whole.calls + 1):
        system, kept, is_broken = Forgetful(fatal=fatal, code=code), dict[int, Mark](), False
        book = reserve(system)
        book.load()
        for number in range(6):
            try:
                kept[await book.put(mark(number))] = mark(number)
            except StoreBroken:
                is_broken = True
            except StoreUnwritable:
                assert not is_broken
                await book.prepare()
        system.heal()

        assert kept.items() <= reserve(system).load().items()
        assert len(kept) >= 5 or is_broken


async def test_what_cannot_be_freed_now_is_freed_with_the_next() -> None:
    """A slot that the disk would not free is freed later, and is not used before."""
    system = Forgetful()
    book = reserve(system)
    book.load()
    first = await book.put(mark(1))
    second = await book.put(mark(2))
    system._fatal, system._code = system.calls + 1, errno.ENOSPC
    with pytest.raises(StoreUnwritable):
        await book.free(first)
    system.heal()

    assert await book.put(mark(3)) not in {first, second}

    await book.free(second)

    assert [mark(3)] == [*reserve(system).load().values()]
