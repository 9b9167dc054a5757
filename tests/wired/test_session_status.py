"""One message a service session says how it stands, whatever is missing, lost or killed on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.demo.desk import AGENT, ROBOT, DeskSwitches, Speaker
from slackkefu.demo.slack import Drop, Status, TooMany
from slackkefu.demo.slack import Switches as SlackSwitches
from tests.wired.town import greeted, town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack.model import Channel

SOON_S = 30.0
WAITING = "正在等待客服接入，请稍候。"
LIN = "小林 正在为您服务。"
CLOSED = "本次会话已结束。"


def read(channel: Channel) -> list[str]:
    """Return what stands there from the app, the earliest first."""
    return [each.shown for each in channel.messages if each.installation is not None]


async def test_a_session_from_beginning_to_end(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """It waits, is taken by a robot, transferred to a human, and closed; one message of the app's own says each."""
    switches = DeskSwitches(takes="nobody")
    async with town(tmp_path, session_status=True, desk_switches=switches) as here:
        mia, visitor = await greeted(here)
        await trio.sleep(SOON_S)
        seen = [*read(mia.dm())]
        here.desk.answers(visitor, "I am a robot", agent=ROBOT)
        await trio.sleep(SOON_S)
        seen += read(mia.dm())
        here.desk.transfers(visitor, AGENT)
        await trio.sleep(SOON_S)
        seen += read(mia.dm())
        here.desk.answers(visitor, "hi")
        here.desk.closes(visitor)
        await trio.sleep(SOON_S)
        seen += read(mia.dm())
        (status,) = [each for each in mia.dm().messages if not each.username and each.installation is not None]

        assert [
            WAITING,
            "智能助手 · 机器人 Bot 正在为您服务。",
            "I am a robot",
            "会话已转接给 小林。",
            "I am a robot",
            CLOSED,
            "I am a robot",
            "hi",
        ] == seen
        assert (None, "bot_message" == status.subtype) == (status.edited, False)
        assert ["hello"] == [line.text for line in here.desk.everything_heard()]


async def test_two_sessions(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Each has its message, which stands before its first words."""
    async with town(tmp_path, session_status=True) as here:
        mia, visitor = await greeted(here)
        here.desk.answers(visitor, "one")
        here.desk.closes(visitor)
        await trio.sleep(SOON_S)
        await mia.says(mia.dm(), "again")
        with trio.fail_after(SOON_S):
            await here.desk.heard("again")
        here.desk.answers(visitor, "two")
        await trio.sleep(SOON_S)

        assert [CLOSED, "one", LIN, "two"] == read(mia.dm())


async def test_switched_off(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Then nothing is said of sessions."""
    async with town(tmp_path, session_status=False) as here:
        mia, visitor = await greeted(here)
        here.desk.answers(visitor, "hi")
        here.desk.closes(visitor)
        await trio.sleep(SOON_S)

        assert ["hi"] == read(mia.dm())


async def test_without_events(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Events cost extra: who speaks has taken the session, and a new one ends the one before."""
    switches = DeskSwitches(events="none", takes="robot")
    async with town(tmp_path, session_status=True, desk_switches=switches) as here:
        mia, visitor = await greeted(here)
        here.desk.robot_answers(visitor, "I am a robot")
        await trio.sleep(SOON_S)
        first = read(mia.dm())
        here.desk.answers(visitor, "hi", agent=AGENT)
        here.desk.answers(visitor, "still here", agent=Speaker("Agent", "小王"))
        await trio.sleep(SOON_S)

        assert ["智能助手 · 机器人 Bot 正在为您服务。", "I am a robot"] == first
        assert [LIN, "I am a robot", "hi", "still here"] == read(mia.dm())

        here.desk.closes(visitor)
        await mia.says(mia.dm(), "again")
        with trio.fail_after(SOON_S):
            await here.desk.heard("again")
        here.desk.answers(visitor, "two", agent=AGENT)
        await trio.sleep(SOON_S)

        assert [CLOSED, "I am a robot", "hi", "still here", LIN, "two"] == read(mia.dm())


async def test_hidden_agents(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Messages without a name tell nothing of who is there; events do."""
    switches = DeskSwitches(events="none", names=False)
    async with town(tmp_path, session_status=True, desk_switches=switches) as here:
        mia, visitor = await greeted(here)
        here.desk.answers(visitor, "hi")
        await trio.sleep(SOON_S)

        assert ["hi"] == read(mia.dm())


async def test_in_a_channel(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """It stands in the thread of the visitor's words; in private, where there is no other way, it names the channel."""
    async with town(tmp_path, session_status=True) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel(name="support", members=[leo])
        root = await leo.says(support, f"<@{here.north.installation.bot.id}> hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        await trio.sleep(SOON_S)

        assert [(support, root.ts, LIN)] == [
            (post.channel, post.thread, post.shown) for post in here.slack.ledger.posts
        ]

        here.desk.closes(here.visitor(leo, support))
        await leo.says(support, f"<@{here.north.installation.bot.id}> again")
        with trio.fail_after(SOON_S):
            await here.desk.heard("again")
        await trio.sleep(SOON_S)
        support.archived = True
        here.desk.closes(here.visitor(leo, support))
        here.desk.answers(here.visitor(leo, support), "a third time")
        await trio.sleep(SOON_S)
        here.desk.closes(here.visitor(leo, support))
        await trio.sleep(SOON_S)

        assert [f"#{support.id} {words}" for words in (CLOSED, "a third time")] == read(leo.dm())


@pytest.mark.parametrize("fault", [Drop(carried_out=True), Drop(carried_out=False), Status(503), TooMany(20)])
@pytest.mark.parametrize("echoes", [True, False])
async def test_faults(tmp_path: Path, autojump_clock: trio.testing.MockClock, fault: object, echoes: bool) -> None:
    """The first post and every edit may fail or lose its answer: one message stands there, and says the latest."""
    slack_switches = SlackSwitches(echoes_posts=echoes)
    async with town(tmp_path, session_status=True, slack_switches=slack_switches) as here:
        here.slack.faults.web.next("chat.postMessage", fault)  # type: ignore[arg-type]  # one of the kinds of faults
        here.slack.faults.web.next("chat.update", fault, times=2)  # type: ignore[arg-type]  # as above
        mia, visitor = await greeted(here)
        here.desk.answers(visitor, "hi")
        await trio.sleep(300)

        assert [LIN, "hi"] == read(mia.dm())

        here.slack.faults.web.next("chat.update", fault, times=2)  # type: ignore[arg-type]  # as above
        here.desk.closes(visitor)
        await trio.sleep(300)

        assert [CLOSED, "hi"] == read(mia.dm())


async def test_words_do_not_wait_for_edits(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """While Slack takes no edit, answers go on; when it does, one edit is enough for all that has happened."""
    async with town(tmp_path, session_status=True) as here:
        mia, visitor = await greeted(here)
        await trio.sleep(SOON_S)
        edits = len(here.slack.ledger.calls_of("chat.update"))
        here.slack.faults.web.storm("chat.update", TooMany(retry_after_s=60))
        for number in range(4):
            here.desk.transfers(visitor, Speaker("Agent", f"Agent {number}", f"a-{number}"))
            here.desk.answers(visitor, f"answer {number}")
        await trio.sleep(20)

        assert [LIN, *(f"answer {number}" for number in range(4))] == read(mia.dm())

        here.slack.faults.web.clear()
        await trio.sleep(300)
        made = [call for call in here.slack.ledger.calls_of("chat.update")[edits:] if not call.error]

        assert "会话已转接给 Agent 3。" == read(mia.dm())[0]
        assert 1 == len(made)


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.1, 0.2, 0.4, 1.0, 3.0])
@pytest.mark.parametrize("lost", [True, False])
async def test_a_kill(tmp_path: Path, autojump_clock: trio.testing.MockClock, after_s: float, lost: bool) -> None:
    """Whenever the daemon dies, there is one message for the session, and it says the latest in the end."""
    async with town(tmp_path, session_status=True, desk_switches=DeskSwitches(acknowledges=False)) as here:
        here.slack.faults.web.latency_s = 0.05
        if lost:
            here.slack.faults.web.next("chat.postMessage", Drop(carried_out=True))
        mia, visitor = await greeted(here)
        await trio.sleep(after_s)
        await here.kill()
        await here.start()
        await trio.sleep(120)

        assert [LIN] == read(mia.dm())

        here.desk.answers(visitor, "hi")
        here.desk.closes(visitor)
        await trio.sleep(after_s)
        await here.kill()
        await here.start()
        await trio.sleep(120)

        assert [CLOSED, "hi"] == read(mia.dm())


async def test_an_edit_that_a_kill_cut_off(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Kefu's event is acknowledged, the edit waits for Slack, the daemon dies: the next run makes it."""
    async with town(tmp_path, session_status=True) as here:
        mia, visitor = await greeted(here)
        here.desk.answers(visitor, "hi")
        await trio.sleep(SOON_S)
        here.slack.faults.web.storm("chat.update", Status(503))
        here.desk.closes(visitor)
        await trio.sleep(SOON_S)

        assert 0 == here.easemob.waiting(visitor)
        assert [LIN, "hi"] == read(mia.dm())

        await here.kill()
        here.slack.faults.web.clear()
        await here.start()
        await trio.sleep(SOON_S)

        assert [CLOSED, "hi"] == read(mia.dm())


async def test_what_slack_refuses(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A message that somebody has deleted is not made again, and costs no words."""
    async with town(tmp_path, session_status=True) as here:
        mia, visitor = await greeted(here)
        await trio.sleep(SOON_S)
        here.slack.state.delete(next(each for each in mia.dm().messages if each.installation is not None))
        here.desk.answers(visitor, "hi")
        here.desk.transfers(visitor, Speaker("Agent", "小王", "a-2"))
        here.desk.answers(visitor, "ho")
        await trio.sleep(SOON_S)

        assert ["hi", "ho"] == read(mia.dm())


async def test_words_that_come_with_an_event(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """They are posted once, beside the status."""
    async with town(tmp_path, session_status=True, desk_switches=DeskSwitches(greeting="welcome")) as here:
        mia, visitor = await greeted(here)
        here.desk.closes(visitor)
        await trio.sleep(SOON_S)

        assert [CLOSED, "welcome"] == read(mia.dm())
