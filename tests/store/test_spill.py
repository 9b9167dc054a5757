"""What is put into the spill stays until it is done, also over restarts; what is done leaves the disk."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar, final

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.errors import StoreUnwritable
from slackkefu.store.segments import Segments
from slackkefu.store.spill import Piece, Spill, Spilled
from slackkefu.world import InlineDisk
from tests.memory_network import virtual_wall
from tests.store.forgetful import Forgetful

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from slackkefu.world import Disk

from pathlib import Path as _Path

T = TypeVar("T")


@final
class SlowDisk:
    """A disk whose work takes a moment, in which others can ask for more."""

    async def run(self, work: Callable[[], T]) -> T:
        """Do *work* after a moment."""
        await trio.sleep(0.01)
        return work()


def spill(root: Path, *, max_bytes: int = 2**20, system: Forgetful | None = None, disk: Disk | None = None) -> Spill:
    """Open the spill in *root*, or on *system*."""
    if system is None:
        for name in ("spill", "damaged"):
            (root / name).mkdir(exist_ok=True)
    more = {} if system is None else {"system": system}
    segments = Segments(
        root / "spill", damaged=root / "damaged", disk=disk or InlineDisk(), wall=virtual_wall(), loss="words", **more
    )
    return Spill(segments, max_bytes=max_bytes)


def piece(words: str, lane: str = "lane") -> Piece:
    """Make something to keep."""
    return Piece(lane, f"key of {words}", f'"{words}"'.encode())


def on_disk(root: Path) -> bytes:
    """Everything in the spill's files."""
    return b"".join(file.read_bytes() for file in sorted((root / "spill").iterdir()))


async def test_pieces_come_back(tmp_path: Path) -> None:
    """After a restart what was not done is there in order, under its number, with its words."""
    first = spill(tmp_path)
    numbers = await first.put(piece("one"), piece("two"), piece("three"))
    first.done(numbers[1])
    await first.flush()
    again = spill(tmp_path)

    assert [Spilled(1, "lane", "key of one"), Spilled(3, "lane", "key of three")] == again.load()
    assert b'"three"' == await again.get(3)
    assert [4] == await again.put(piece("four"))


async def test_what_is_done_leaves_the_disk(tmp_path: Path) -> None:
    """Compacting leaves no words of what is done, and all of what is not."""
    book = spill(tmp_path)
    numbers = await book.put(piece("secret"), piece("pending"))
    book.done(numbers[0])
    await book.compact()

    assert b"secret" not in on_disk(tmp_path)
    assert b'"pending"' == await book.get(numbers[1])
    assert [Spilled(2, "lane", "key of pending")] == spill(tmp_path).load()

    book.done(numbers[1])
    await book.compact()

    assert b"" == on_disk(tmp_path)
    assert 0 == book.statistics().pending


async def test_a_full_spill_takes_nothing(tmp_path: Path) -> None:
    """Beyond its size nothing is taken, until something is done and cleared."""
    book = spill(tmp_path, max_bytes=1000)
    numbers = await book.put(piece("x" * 1000))
    with pytest.raises(StoreUnwritable, match="nothing more is taken"):
        await book.put(piece("one more"))
    book.done(*numbers)
    await book.compact()

    assert [2] == await book.put(piece("one more"))


async def test_a_number_that_is_not_there(tmp_path: Path) -> None:
    """Asking for what is done is an error; finishing it again is harmless."""
    book = spill(tmp_path)
    (number,) = await book.put(piece("one"))
    book.done(number, number, 77)
    with pytest.raises(ValueError, match="nothing is kept under 1"):
        await book.get(number)


@pytest.mark.parametrize("after_s", [0.0, 0.005, 0.015, 0.025])
async def test_done_while_compacting(
    tmp_path: Path, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, after_s: float
) -> None:
    """What is done while the files are rewritten does not come back."""
    book = spill(tmp_path, disk=SlowDisk())
    numbers = await book.put(*(piece(str(number)) for number in range(5)))
    book.done(numbers[0])
    nursery.start_soon(book.compact)
    await trio.sleep(after_s)
    book.done(*numbers[1:3])
    await trio.sleep(1)

    assert 2 == book.statistics().pending

    await book.compact()

    assert [4, 5] == [each.number for each in spill(tmp_path).load()]


async def test_put_while_compacting(
    tmp_path: Path, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A piece that another one's write has taken along keeps its place when the files are rewritten at that moment."""
    book = spill(tmp_path, disk=SlowDisk())
    numbers: dict[str, int] = {}

    async def put(words: str) -> None:
        (numbers[words],) = await book.put(piece(words))

    for step in (partial(put, "one"), partial(put, "two"), book.compact, partial(put, "three")):
        nursery.start_soon(step)
        await trio.testing.wait_all_tasks_blocked()
    await trio.sleep(1.0)

    assert {words: f'"{words}"'.encode() for words in numbers} == {
        words: await book.get(number) for words, number in numbers.items()
    }


@given(st.lists(st.sampled_from(["put", "done first", "done last", "compact", "restart"]), max_size=30))
def test_any_order_of_everything(steps: list[str]) -> None:
    """Whatever happens in whatever order, exactly what is not done is pending, with its words."""

    async def run() -> None:
        system = Forgetful()
        book = spill(_Path("/store"), system=system)
        pending: dict[int, bytes] = {}
        for step, count in zip(steps, range(1000), strict=False):
            if step == "put":
                words = piece(f"words {count}")
                (number,) = await book.put(words)
                pending[number] = words.content
            elif step == "compact":
                await book.compact()
            elif step == "restart":
                await book.flush()
                book = spill(_Path("/store"), system=system)
                assert [*pending] == [each.number for each in book.load()]
            elif pending:
                number = [*pending][0 if step == "done first" else -1]
                del pending[number]
                book.done(number)
        assert pending == {number: await book.get(number) for number in pending}
        assert len(pending) == book.statistics().pending

    trio.run(run)
