"""Side by side, in time, in order."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.doctor.examination import examine, together
from slackkefu.doctor.report import Finding, Level, ok

if TYPE_CHECKING:
    from slackkefu.doctor.report import Say


async def branch(say: Say, *, name: str, after_s: float) -> None:
    """Say something at once, and something after a while."""
    say(ok("clock", "early", about=name))
    await trio.sleep(after_s)
    say(ok("clock", "late", about=name))


async def test_findings_come_in_order_as_soon_as_they_can(autojump_clock: object) -> None:
    """What a branch says waits for the branches before it, and for nothing else."""
    told: list[tuple[float, str, str]] = []
    start = trio.current_time()

    def tell(finding: Finding) -> None:
        told.append((trio.current_time() - start, finding.about, finding.says))

    branches = [(name, partial(branch, name=name, after_s=after_s)) for name, after_s in (("a", 3), ("b", 1), ("c", 5))]
    await examine(branches, tell)
    early_and_late = [(name, said) for name in "abc" for said in ("early", "late")]

    assert early_and_late == [(name, said) for _, name, said in told]
    assert [0, 3, 3, 3, 3, 5] == [pytest.approx(at) for at, _, _ in told]


async def test_what_is_known_is_told_when_somebody_stops_it(autojump_clock: object) -> None:
    """A finding that waits for those before it is not lost with them."""
    told: list[Finding] = []
    branches = [(name, partial(branch, name=name, after_s=after_s)) for name, after_s in (("a", 100), ("b", 1))]
    with trio.move_on_after(10):
        await examine(branches, told.append)

    assert [("a", "early"), ("b", "early"), ("b", "late")] == [(each.about, each.says) for each in told]


async def test_what_takes_too_long_is_cut_short(autojump_clock: object) -> None:
    """The whole has a limit; what was not examined by then says so, and the others are told."""
    told: list[Finding] = []
    branches = [(name, partial(branch, name=name, after_s=after_s)) for name, after_s in (("a", 100), ("b", 1))]
    with trio.fail_after(11):
        await examine(branches, told.append, limit_s=10)

    assert [("a", "clock"), ("a", "check.time"), ("b", "clock"), ("b", "clock")] == [
        (each.about, each.id) for each in told
    ]
    assert Level.WARNING is told[1].level
    assert "within 10 s" in told[1].says


async def test_together_keeps_order_and_bound(autojump_clock: object) -> None:
    """Results come in the order of the works, and no more than so many run at a time."""
    running, most = 0, 0

    async def work(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(10 - number)
        running -= 1
        return number

    assert [0, 1, 2, 3, 4] == await together([partial(work, number) for number in range(5)], at_once=2)
    assert 2 == most
