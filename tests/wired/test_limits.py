"""What the README names under Limits is so: what can be doubled or go unsaid today, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.demo.slack import Drop, Late, TooMany
from slackkefu.demo.slack import Switches as SlackSwitches
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.testing import LogCapture

SOON_S = 30.0


async def test_a_crash_after_a_post_does_not_double_it(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A process that dies between a post and its acknowledgement finds the post in the history when it is back."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.slack.faults.web.next("chat.postMessage", Late(delay_s=20.0))
        here.desk.answers(here.visitor(mia, mia.dm()), "hi")
        with trio.fail_after(SOON_S):
            await here.slack.posted(1)
        for _, line in here.network.lines:
            line.black_hole()
        await here.stop()
        await here.start()
        here.desk.answers(here.visitor(mia, mia.dm()), "anything else?")
        with trio.fail_after(120):
            await here.slack.posted(2)

        assert ["hi", "anything else?"] == [post.text for post in here.slack.ledger.posts]
        assert (1, 1) == (here.statistics["posting"]().looked, here.statistics["posting"]().found)  # type: ignore[attr-defined]  # that group's class


@pytest.mark.parametrize("lag_s", [0.0, 4.0])
async def test_a_lost_answer_does_not_double_a_post(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, lag_s: float
) -> None:
    """Without echoes a post whose answer got lost is found in the history, also in one that shows it a little late."""
    switches = SlackSwitches(history_lag_s=lag_s, echoes_posts=False)
    async with town(tmp_path, slack_switches=switches) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.slack.faults.web.next("chat.postMessage", Drop(carried_out=True))
        here.slack.faults.web.next("chat.postMessage", Drop(carried_out=False))
        here.desk.answers(here.visitor(mia, mia.dm()), "hi")
        here.desk.answers(here.visitor(mia, mia.dm()), "anything else?")
        with trio.fail_after(120):
            await here.slack.posted(2)
        await trio.sleep(60)

        assert ["hi", "anything else?"] == [post.text for post in here.slack.ledger.posts]
        assert 0 == here.statistics["posting"]().doubled_possible  # type: ignore[attr-defined]  # that group's class


async def test_a_lost_answer_under_strict_limits_doubles_a_post(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """Without echoes, where Slack does not let us look within a minute, the post is made again; that is counted."""
    async with town(tmp_path, doubled=1, slack_switches=SlackSwitches(echoes_posts=False)) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.slack.faults.web.next("chat.postMessage", Drop(carried_out=True))
        here.slack.faults.web.storm("conversations.history", TooMany(retry_after_s=61))
        here.desk.answers(here.visitor(mia, mia.dm()), "hi")
        with trio.fail_after(120):
            posts = await here.slack.posted(2)

        assert ["hi", "hi"] == [post.text for post in posts]
        assert posts[0].metadata_id == posts[1].metadata_id
        assert 1 == here.statistics["posting"]().doubled_possible  # type: ignore[attr-defined]  # that group's class


async def test_a_refused_message_is_told(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """A message that Easemob refuses for good is acknowledged, logged with the reason, marked, and its writer told."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        here.easemob.faults.refuse_send(7, "sensitive words")
        message = await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged()
        await trio.sleep(60)

        assert ["moderated"] == [entry["problem"] for entry in log.entries if entry["event"] == "kefu.refused"]
        assert {"warning": [here.north.installation.bot.id]} == message.reactions
        assert [mia.id] == [post.ephemeral_to for post in here.slack.ledger.posts]


async def test_words_before_their_mention_come_late(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Words that come while Slack has yet to repeat the mention before them are read from the history, and say when."""
    async with town(tmp_path) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel(name="support", members=[leo])
        await trio.sleep(120)
        lines = here.network.open_lines("wss-primary.slack.com")
        for line in lines:
            line.black_hole()
        root = await leo.says(support, f"<@{here.north.installation.bot.id}> hello")
        await trio.sleep(10)
        for line in lines:
            line.reset()
        await here.slack.connected()
        await leo.says(support, "where is my order?", thread=root)
        with trio.fail_after(120):
            await here.desk.heard("hello")
        await leo.says(support, "anybody there?", thread=root)
        with trio.fail_after(SOON_S):
            await here.desk.heard("anybody there?")

        await trio.sleep(600)
        heard = [line.text for line in here.desk.everything_heard()]

        assert ["hello", "anybody there?"] == heard[:2]
        assert heard[2].endswith("UTC]\nwhere is my order?")
