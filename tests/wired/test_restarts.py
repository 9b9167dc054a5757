"""What survives a restart, and what a restart costs the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
import trio.testing

from slackkefu.demo.desk import DeskSwitches
from slackkefu.demo.easemob.ledger import TokenIssued
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path


SOON_S = 30.0
HOUR_S = 3600.0


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


async def test_an_open_session_ends_by_silence_after_a_restart(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """A service session whose closing was never told does not keep its login for ever, also over a restart."""
    async with town(tmp_path, desk_switches=DeskSwitches(events="none")) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.desk.answers(here.visitor(mia, mia.dm()), "hi")
        with trio.fail_after(SOON_S):
            await here.slack.posted(1)
        await here.stop()
        await trio.sleep(12 * HOUR_S)
        await here.start()
        await trio.sleep(11 * HOUR_S)
        kept = here.statistics["easemob_sessions"]()
        await trio.sleep(3 * HOUR_S)
        ended = here.statistics["easemob_sessions"]()

        assert (1, 1) == (kept.live, kept.open)  # type: ignore[attr-defined]  # that group's class
        assert (0, 0) == (ended.live, ended.open)  # type: ignore[attr-defined]  # as above


async def test_a_channel_that_gets_a_new_id(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """After ``channel_id_changed`` the visitor is the same one for the desk, and is answered in the new place."""
    async with town(tmp_path) as here:
        leo = here.north.add_user(name="Leo")
        old = here.north.add_channel("C0SUPPORT1", name="support", members=[leo])
        bot = here.north.installation.bot
        await leo.says(old, f"<@{bot.id}> before")
        with trio.fail_after(SOON_S):
            await here.desk.heard("before")
        new = here.north.add_channel("C0SUPPORT2", name="support", members=[leo])
        event = {"type": "channel_id_changed", "old_channel_id": old.id, "new_channel_id": new.id}
        envelope = {**here.slack.ledger.parcels[0].payload, "event_id": "EvMOVED", "event": event}
        here.slack.send("events_api", envelope)
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged()
        root = await leo.says(new, f"<@{bot.id}> after")
        with trio.fail_after(SOON_S):
            heard = await here.desk.heard("after")

        assert here.visitor(leo, old) == heard.visitor

        here.desk.answers(heard.visitor, "found you")
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert (new.id, root.ts) == (post.channel.id, post.thread)
