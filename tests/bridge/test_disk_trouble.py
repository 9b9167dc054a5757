"""A full disk makes one line a minute, not one a message."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.bridge.disk_trouble import SAY_S, DiskTrouble
from slackkefu.errors import StoreUnwritable

if TYPE_CHECKING:
    from structlog.testing import LogCapture

FULL = StoreUnwritable(Path("spill"), "the disk is full")


@pytest.fixture
def trouble() -> DiskTrouble:
    """Return the trouble with a spill."""
    return DiskTrouble("spill.unwritable", meaning="not acknowledged")


async def test_said_once_and_once_a_minute(
    trouble: DiskTrouble, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """The first refused write is said at once, and each minute how many there were."""
    for _ in range(150):
        trouble.refused(FULL, visitor="mia")
        await trio.sleep(1)

    assert [1, 61, 121] == [entry["writes"] for entry in log.entries]
    assert {"event": "spill.unwritable", "log_level": "error", "visitor": "mia"}.items() <= log.entries[0].items()


async def test_its_end_is_said(trouble: DiskTrouble, autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """A taken write after a minute without a refused one ends it, once; the next trouble is said at once."""
    trouble.taken()
    trouble.refused(FULL)
    await trio.sleep(10)
    trouble.refused(FULL)
    await trio.sleep(SAY_S)
    trouble.taken()
    trouble.taken()
    trouble.refused(FULL)

    assert ["spill.unwritable", "store.writable_again", "spill.unwritable"] == [each["event"] for each in log.entries]
    assert (2, 10.0) == (log.entries[1]["writes"], log.entries[1]["lasted_s"])


async def test_what_fits_now_and_then_ends_nothing(
    trouble: DiskTrouble, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """Taken and refused writes in turn are one trouble, and no line for each change."""
    for _ in range(30):
        trouble.refused(FULL)
        await trio.sleep(1)
        trouble.taken()

    assert 1 == len(log.entries)
