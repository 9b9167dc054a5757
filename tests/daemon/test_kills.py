"""A daemon that is killed at random moments loses, doubles and reorders nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from tests.daemon.kills import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(180)
async def test_kills_at_random_moments(tmp_path: Path) -> None:
    """Under load both ways, and killed four times, every message arrives once, and in order or with its time."""
    with trio.fail_after(170):
        report = await run(tmp_path, seed=1, kills=4, visitors=40, a_second=30)
    print(report)  # noqa: T201 - pytest shows it with a failure

    assert report.verdict.is_clean, report.verdict
    assert 4 == report.kills
    assert report.verdict.sent > 50


@pytest.mark.timeout(180)
async def test_kills_where_nobody_recognises_what_comes_twice(tmp_path: Path) -> None:
    """Where neither Easemob nor the desk knows a repeat, nothing is lost or reordered, and little is doubled."""
    with trio.fail_after(170):
        report = await run(tmp_path, seed=2, kills=3, visitors=30, a_second=30, recognises=False)
    print(report)  # noqa: T201 - pytest shows it with a failure

    assert ((), ()) == (report.verdict.lost, report.verdict.reordered), report.verdict
    # At most what was on its way to the desk at each kill, and in the first daemon's.
    assert len(report.verdict.doubled) <= 30 * (report.kills + 1)
