"""A power cut at any system call loses nothing that was promised, and leaves nothing half."""

from __future__ import annotations

import errno
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import msgspec
import pytest

from slackkefu.errors import StoreBroken, StoreUnwritable
from slackkefu.store.files import write_atomic
from slackkefu.store.journal import Journal
from slackkefu.store.segments import Segments
from slackkefu.store.spill import Piece, Spill
from slackkefu.world import InlineDisk
from tests.memory_network import virtual_wall
from tests.store.forgetful import Crash, Forgetful

if TYPE_CHECKING:
    from structlog.testing import LogCapture

FOLDER = Path("/store/journal")
SEEDS = range(3)


class Note(msgspec.Struct, frozen=True, tag="note"):
    """An entry."""

    number: int


def segments(system: Forgetful) -> Segments:
    """Make the files on *system*."""
    return Segments(
        FOLDER, damaged=Path("/damaged"), disk=InlineDisk(), wall=virtual_wall(), loss="nothing", system=system
    )


def journal(system: Forgetful) -> Journal[Note]:
    """Make a journal on *system*."""
    return Journal(segments(system), Note, keep_s=3600, wall=virtual_wall())


async def journal_work(system: Forgetful, promised: list[int]) -> None:
    """Write some entries, in two runs."""
    for run in range(2):
        book = journal(system)
        book.load()
        for number in range(run * 10, run * 10 + 4):
            await book.append(Note(number), Note(number + 100))
            promised += [number, number + 100]


async def spill_work(system: Forgetful, promised: list[int], over: list[int]) -> None:
    """Put pieces, finish some, compact, put more, in two runs."""
    for _ in range(2):
        spill = Spill(segments(system))
        spill.load()
        first = await spill.put(piece("a"), piece("b"), piece("c"))
        promised += first
        over.append(first[1])
        spill.done(first[1])
        promised += await spill.put(piece("d"))
        await spill.compact()
        promised += await spill.put(piece("e"))


def piece(words: str) -> Piece:
    """Make something to keep, long enough to be written in pieces."""
    return Piece("lane", words, msgspec.json.encode(words * 200))


async def calls_of(work: object) -> int:
    """Count the system calls that *work* takes when nothing happens."""
    system = Forgetful()
    if work is journal_work:
        await journal_work(system, [])
    else:
        await spill_work(system, [], [])
    return system.calls


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_journal_keeps_what_it_promised(seed: int, log: LogCapture) -> None:
    """After a cut at any call every entry whose append had returned is there, and nothing is damaged."""
    for fatal in range(1, await calls_of(journal_work) + 1):
        system, promised = Forgetful(fatal=fatal), list[int]()
        with pytest.raises(Crash):
            await journal_work(system, promised)
        after = system.crash(Random(seed))
        found = [note.number for note in journal(after).load()]

        assert promised == found[: len(promised)]
        assert found == sorted(found, key=lambda number: (number % 100, number))
        assert not [entry for entry in log.entries if entry["event"] == "store.damaged"], f"cut at {fatal}"


async def revise_work(system: Forgetful) -> None:
    """Write some entries, in two runs, and take the odd ones out."""
    for run in range(2):
        book = journal(system)
        book.load()
        await book.append(*map(Note, range(run * 10, run * 10 + 6)))
    await book.revise(lambda note: None if note.number % 2 else note, about=["number"])
    await book.append(Note(99))  # which came later


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_journal_that_is_revised(seed: int, log: LogCapture) -> None:
    """After a cut at any call what is to stay is there, in order, and what was to go does with the next try."""
    counted = Forgetful()
    await revise_work(counted)
    written = Forgetful()
    for run in range(2):
        book = journal(written)
        book.load()
        await book.append(*map(Note, range(run * 10, run * 10 + 6)))
    for fatal in range(written.calls + 1, counted.calls + 1):
        system = Forgetful(fatal=fatal)
        with pytest.raises(Crash):
            await revise_work(system)
        after = system.crash(Random(seed))
        book = journal(after)
        found = [note.number for note in book.load()]

        assert [0, 2, 4, 10, 12, 14] == [number for number in found if not number % 2]
        assert found == sorted(found)

        await book.revise(lambda note: None if note.number % 2 and note.number != 99 else note, about=["number"])
        left = [note.number for note in journal(after.crash(Random(seed))).load() if note.number % 2]

        assert {*left} <= {99}, f"cut at {fatal}"
        assert not [entry for entry in log.entries if entry["event"] == "store.damaged"], f"cut at {fatal}"


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_spill_keeps_what_it_promised(seed: int, log: LogCapture) -> None:
    """After a cut at any call every piece that was put and not done can be read, and nothing is damaged."""
    for fatal in range(1, await calls_of(spill_work) + 1):
        system, promised, over = Forgetful(fatal=fatal), list[int](), list[int]()
        with pytest.raises(Crash):
            await spill_work(system, promised, over)
        spill = Spill(segments(system.crash(Random(seed))))
        pending = {each.number: each.key for each in spill.load()}

        assert {*promised} - {*over} <= {*pending}, f"cut at {fatal}"

        for number, words in pending.items():
            assert words * 200 == msgspec.json.decode(await spill.get(number))

        (another,) = await spill.put(piece("f"))

        assert another not in promised
        assert not [entry for entry in log.entries if entry["event"] == "store.damaged"], f"cut at {fatal}"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_file_is_the_old_or_the_new(seed: int) -> None:
    """After a cut at any call of a write the file is whole: the new one if the write had returned."""
    path = Path("/store/file")
    for fatal in range(1, 100):
        system, returned = Forgetful(), False
        write_atomic(path, b"old" * 100, system=system)
        system._fatal = system.calls + fatal
        try:
            write_atomic(path, b"new" * 100, system=system)
            returned = True
        except Crash:
            pass
        content = system.crash(Random(seed))._seen[path].lasting

        assert content in ([b"new" * 100] if returned else [b"old" * 100, b"new" * 100])

        if returned:
            return
    pytest.fail("the write never came to its end")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
async def test_a_call_that_fails(code: int) -> None:
    """Whichever call fails, what was refused is not there and what was taken is; a failed sync ends everything."""
    for fatal in range(1, await calls_of(journal_work) + 1):
        system, kept, refused = Forgetful(fatal=fatal, code=code), list[int](), list[int]()
        book = journal(system)
        is_broken = False
        for number in range(6):
            try:
                await book.append(Note(number))
                kept.append(number)
            except StoreBroken:
                is_broken = True
            except StoreUnwritable:
                refused.append(number)

            assert not (is_broken and kept and kept[-1] == number)

        system.heal()
        found = [note.number for note in journal(system).load()]

        assert len(refused) <= 1
        assert not {*refused} & {*found}
        assert {*kept} <= {*found}
