"""What survives a restart, and what a restart costs the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
import trio.testing

from slackkefu.demo.easemob.ledger import TokenIssued
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path


SOON_S = 30.0


async def test_a_restart_fetches_no_token(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """App and user tokens come from the store after a restart: fetching too often bans an app."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "before")
        with trio.fail_after(SOON_S):
            await here.desk.heard("before")
        fetched = here.easemob.ledger.of(TokenIssued)
        await here.stop()
        await here.start()
        await mia.says(mia.dm(), "after")
        with trio.fail_after(SOON_S):
            await here.desk.heard("after")

        assert fetched == here.easemob.ledger.of(TokenIssued)


async def test_an_answer_written_meanwhile_arrives(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What an agent writes while the daemon is down waits at Easemob and arrives after the start, by itself."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        await mia.says(dm, "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        await here.stop()
        for number in range(45):
            here.desk.answers(here.visitor(mia, dm), f"answer {number}")
        await here.start()
        with trio.fail_after(120):
            posts = await here.slack.posted(45)

        assert [f"answer {number}" for number in range(45)] == [post.text for post in posts]


async def test_stopping_takes_less_than_ten_seconds(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A stop ends in time, also with Easemob silent and a message in hand."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        for _, line in here.network.lines:
            line.black_hole()
        await mia.says(mia.dm(), "into the silence")
        await trio.sleep(1)
        begun = trio.current_time()
        await here.stop()

        assert trio.current_time() - begun < 10

        # The fixture stops a daemon that runs.
        await here.start()
