"""What cannot be brought over is kept for a person, and not for longer than that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slackkefu.bridge import aside as aside_module
from slackkefu.bridge.aside import Aside
from slackkefu.easemob.names import ImUser
from slackkefu.errors import StoreError, StoreUnwritable
from slackkefu.store.spill import Spilled
from tests.bridge.people import MIA, Spill

if TYPE_CHECKING:
    from pathlib import Path

    import trio.testing
    from structlog.testing import LogCapture

USER = ImUser(MIA)
KEEP_S = 30 * 24 * 3600.0


async def set_aside(aside: Aside, key: str = "m1") -> None:
    """Set a message aside."""
    await aside.put("to_kefu", USER, key, reason="ValueError", content=b'{"text":"hello"}')


async def test_it_is_kept(autojump_clock: trio.testing.MockClock) -> None:
    """The message is on the shelf with its reason, and counted."""
    spill = Spill()
    aside = Aside(spill, wall=lambda: 1000.0, keep_s=KEEP_S)
    await set_aside(aside)
    statistics = aside.statistics()

    assert (1, 1) == (statistics.kept, statistics.set_aside)
    assert b'"reason":"ValueError"' in spill.pieces[0].content
    assert b'"content":{"text":"hello"}' in spill.pieces[0].content
    assert "1" in repr(aside)


async def test_a_full_disk(autojump_clock: trio.testing.MockClock) -> None:
    """What the disk does not take is not set aside, and whoever tried knows."""
    spill = Spill()
    spill.is_full = True
    aside = Aside(spill, wall=lambda: 1000.0, keep_s=KEEP_S)
    with pytest.raises(StoreUnwritable):
        await set_aside(aside)

    assert 0 == aside.statistics().kept


async def test_a_deletion_takes_it_back(autojump_clock: trio.testing.MockClock) -> None:
    """Words that their writer deleted leave the disk."""
    spill = Spill()
    aside = Aside(spill, wall=lambda: 1000.0, keep_s=KEEP_S)
    await set_aside(aside)

    assert await aside.withdraw("m1")
    assert not await aside.withdraw("m1")
    assert {1} == spill.over


async def test_a_deletion_on_a_full_disk(autojump_clock: trio.testing.MockClock) -> None:
    """A deletion that the disk does not take is not done, and can be tried again."""
    spill = Spill()
    aside = Aside(spill, wall=lambda: 1000.0, keep_s=KEEP_S)
    await set_aside(aside)
    spill.is_full = True
    with pytest.raises(StoreUnwritable):
        await aside.withdraw("m1")
    spill.is_full = False

    assert 1 == aside.statistics().kept
    assert await aside.withdraw("m1")


async def test_the_same_again(autojump_clock: trio.testing.MockClock) -> None:
    """A message that comes again after a crash, and fails again, is kept once."""
    spill = Spill()
    aside = Aside(spill, wall=lambda: 1000.0, keep_s=KEEP_S)
    await set_aside(aside)
    await set_aside(aside)

    assert 1 == len(spill.pieces)
    assert aside.take_back("m1")
    assert not aside.take_back("m1")


@pytest.mark.parametrize(("age_s", "kept"), [(KEEP_S - 1, 2), (KEEP_S + 1, 1)])
async def test_after_a_restart(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, age_s: float, kept: int
) -> None:
    """A restart finds what is set aside; what has been there for too long goes, some at a time."""
    monkeypatch.setattr(aside_module, "MOST_AT_ONCE", 1)
    spill = Spill()
    before = Aside(spill, wall=lambda: 1000.0, keep_s=KEEP_S)
    await set_aside(before)
    await set_aside(before, "m2")
    aside = Aside(spill, wall=lambda: 1000.0 + age_s, keep_s=KEEP_S)
    await aside.restore([Spilled(1, MIA, "m1"), Spilled(2, MIA, "m2")])
    aside.forget_old()

    assert kept == aside.statistics().kept
    assert (set() if kept == 2 else {1}) == spill.over


async def test_what_cannot_be_read_stays(autojump_clock: trio.testing.MockClock, tmp_path: Path) -> None:
    """A disk that cannot be read now is no reason to throw anything away."""
    spill = Spill()
    await set_aside(Aside(spill, wall=lambda: 1000.0, keep_s=KEEP_S))
    spill.problems.append(StoreError(tmp_path, "cannot be read"))
    aside = Aside(spill, wall=lambda: 1000.0 + 2 * KEEP_S, keep_s=KEEP_S)
    await aside.restore([Spilled(1, MIA, "m1")])
    aside.forget_old()

    assert 1 == aside.statistics().kept
    assert not spill.over


@pytest.mark.parametrize("bound", ["MOST", "MOST_BYTES"])
async def test_when_too_much_is_kept(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, log: LogCapture, bound: str
) -> None:
    """The older half goes, said loudly and counted, so that a poisoned lane goes on; the disk is cleared of it."""
    spill = Spill()
    aside = Aside(spill, wall=lambda: 1000.0, keep_s=KEEP_S)
    for number in range(1, 5):
        await set_aside(aside, f"m{number}")
    monkeypatch.setattr(aside_module, bound, 4 if bound == "MOST" else spill.statistics().bytes)
    await set_aside(aside, "m5")
    statistics = aside.statistics()

    assert (3, 5, 2) == (statistics.kept, statistics.set_aside, statistics.dropped)
    assert {1, 2} == spill.cleared
    assert (1, 2) == next(
        (entry["log_level"] == "error", entry["dropped"]) for entry in log.entries if entry["event"] == "aside.full"
    )


async def test_room_that_only_has_to_be_cleared(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is over goes first: nothing is dropped for it."""
    spill = Spill()
    aside = Aside(spill, wall=lambda: 1000.0, keep_s=KEEP_S)
    await set_aside(aside, "m1")
    await set_aside(aside, "m2")
    monkeypatch.setattr(aside_module, "MOST_BYTES", spill.statistics().bytes)
    aside.take_back("m1")
    await set_aside(aside, "m3")

    assert (2, 0) == (aside.statistics().kept, aside.statistics().dropped)


async def test_no_room_can_be_made_on_a_full_disk(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, log: LogCapture
) -> None:
    """Then nothing is set aside, whoever tried knows, and nothing was dropped."""
    spill = Spill()
    aside = Aside(spill, wall=lambda: 1000.0, keep_s=KEEP_S)
    await set_aside(aside)
    monkeypatch.setattr(aside_module, "MOST", 1)
    spill.is_full = True
    with pytest.raises(StoreUnwritable):
        await set_aside(aside, "m2")

    assert ["aside.not_cleared"] == [entry["event"] for entry in log.entries if entry["log_level"] == "warning"]
    assert (1, 0) == (aside.statistics().kept, aside.statistics().dropped)
