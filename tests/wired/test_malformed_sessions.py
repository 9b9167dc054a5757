"""Whatever is missing, odd or huge in a recall, an event or a speaker, the lane goes on and nothing empty is posted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from tests.facts import load
from tests.wired.test_media import variations
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.testing import LogCapture

SAMPLES = (
    "agent-text",
    "event-session-closed",
    "event-session-created",
    "event-session-opened",
    "event-session-opened-by-robot",
    "event-session-transfered",
    "event-session-transfering",
    "recall",
    "recalled-message-replayed",
    "robot-text",
    "system-text",
)


@pytest.mark.parametrize("name", SAMPLES)
async def test_malformed(tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture, name: str) -> None:
    """Every variation comes to its end by itself, and an answer behind them all arrives."""
    async with town(tmp_path, session_status=True) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(30):
            await here.desk.heard("hello")
        visitor = here.visitor(mia, mia.dm())
        for number, variation in enumerate(variations(load(f"kefu-samples/{name}.json"))):
            here.desk.sends(visitor, variation)
            if number % 20 == 19:
                await trio.sleep(300)
        here.desk.answers(visitor, "the end")
        with trio.fail_after(4 * 3600):
            await here.slack.until(lambda: "the end" in [post.shown for post in here.slack.ledger.posts])
        replies = here.statistics["replies"]()

        assert 0 == replies.set_aside  # type: ignore[attr-defined]  # that group's class
        assert all(post.text.strip() for post in here.slack.ledger.posts)
        assert [()] * len(here.slack.ledger.posts) == [post.rings for post in here.slack.ledger.posts]
        assert [] == [entry for entry in log.entries if entry["event"] in ("lane.fault", "session_status.fault")]
