"""Our own posts come back as events: they settle lost answers without a call, and their silence is noticed."""

from __future__ import annotations

from dataclasses import replace
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
STRICT = SlackSwitches(strict_history=True)


@pytest.mark.parametrize("carries_id", [False, True])
async def test_lost_answers_under_strict_limits(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, carries_id: bool
) -> None:
    """Answer after answer is lost, more than the history may be asked: nothing is doubled, and nobody waits long."""
    async with town(tmp_path, slack_switches=replace(STRICT, echo_carries_metadata=carries_id)) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        answers = [f"answer {number}" for number in range(10)]
        here.slack.faults.web.next("chat.postMessage", Drop(carried_out=True), times=len(answers))
        for words in answers:
            here.desk.answers(here.visitor(mia, mia.dm()), words)
        with trio.fail_after(60):
            await here.slack.posted(len(answers))
        await trio.sleep(120)
        posting = here.statistics["posting"]()

        assert answers == [post.text for post in here.slack.ledger.posts]
        assert [] == here.slack.ledger.calls_of("conversations.history")
        assert (0, 10, 10) == (posting.doubled_possible, posting.found, posting.heard)  # type: ignore[attr-defined]  # that group's class


async def test_a_lost_answer_in_private(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """An answer that goes to a person, not a conversation, is heard of from their direct message."""
    async with town(tmp_path, slack_switches=STRICT) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel(name="support", members=[leo])
        await leo.says(support, f"<@{here.north.installation.bot.id}> hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        support.archived = True
        here.slack.faults.web.storm("conversations.history", TooMany(retry_after_s=61))
        # The channel refuses it, and the answer about the direct message is lost.
        here.slack.faults.web.next("chat.postMessage", Late(0.0))
        here.slack.faults.web.next("chat.postMessage", Drop(carried_out=True))
        here.desk.answers(here.visitor(leo, support), "here I am")
        await trio.sleep(120)

        assert [leo.dm().id] == [post.channel.id for post in here.slack.ledger.posts]
        assert (0, 1) == (here.statistics["posting"]().doubled_possible, here.statistics["posting"]().heard)  # type: ignore[attr-defined]  # that group's class


async def test_equal_answers_are_told_apart(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """An answer that never reached Slack is not mistaken for the same words that did, a moment before."""
    async with town(tmp_path, slack_switches=STRICT) as here:
        # In a channel: the judge tells messages in direct messages by their words.
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel(name="support", members=[leo])
        await leo.says(support, f"<@{here.north.installation.bot.id}> hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        for fault in (Drop(carried_out=True), Drop(carried_out=False), Drop(carried_out=False)):
            here.slack.faults.web.next("chat.postMessage", fault)
            here.desk.answers(here.visitor(leo, support), "yes")
        await trio.sleep(600)

        assert ["yes"] * 3 == [post.text for post in here.slack.ledger.posts]
        assert 3 == len({post.metadata_id for post in here.slack.ledger.posts})


async def test_deaf_by_echo(tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """When our posts are taken and their echoes stop, the connections are made anew, once, within a minute."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.desk.answers(here.visitor(mia, mia.dm()), "heard")
        await trio.sleep(600)

        assert (1, 0) == (here.statistics["echoes"]().heard, here.statistics["echoes"]().deaf)  # type: ignore[attr-defined]  # that group's class

        here.slack.switches = replace(here.slack.switches, echoes_posts=False)
        for number in range(5):
            here.desk.answers(here.visitor(mia, mia.dm()), f"unheard {number}")
            await trio.sleep(61)

        assert (1, 1) == (here.statistics["echoes"]().deaf, here.statistics["slack"]().renewals)  # type: ignore[attr-defined]  # as above
        assert ["slack.deaf_by_echo"] == [entry["event"] for entry in log.entries if "deaf" in entry["event"]]


async def test_an_app_without_echoes_is_not_deaf(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Where no echo ever came the app may not be subscribed: nothing follows from silence."""
    async with town(tmp_path, slack_switches=SlackSwitches(echoes_posts=False)) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.desk.answers(here.visitor(mia, mia.dm()), "hi")
        await trio.sleep(600)

        assert 0 == here.statistics["echoes"]().deaf  # type: ignore[attr-defined]  # that group's class
