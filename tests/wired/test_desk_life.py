"""How the desk is, in Slack: an agent writes, so many wait, nobody works; never at the cost of anybody's words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.demo.desk import DeskSwitches, HostFault
from slackkefu.demo.easemob import ImMessage
from slackkefu.demo.slack import Drop, Status
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.testing import LogCapture

    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.model import Channel, Message
    from tests.wired.town import Town

SOON_S = 30.0
ROUND_S = 6.0
TYPING = "正在输入…"
NOBODY_WORKS = "现在不是客服的工作时间，回复可能会晚一些。"
WAITING = "正在等待客服接入，请稍候。"
NOBODY = DeskSwitches(takes="nobody")


async def in_channel(here: Town, name: str = "Mia") -> tuple[Channel, Message, str]:
    """Let somebody who reads Chinese begin a conversation in a thread of a channel."""
    person = here.north.add_user(name=name)
    channel = here.north.add_channel(name=f"with-{name.lower()}", members=[person])
    words = f"hello from {name}"
    root = await person.says(channel, f"<@{here.north.installation.bot.id}> {words}")
    with trio.fail_after(SOON_S):
        await here.desk.heard(words)
    await trio.sleep(ROUND_S)
    return channel, root, here.visitor(person, channel)


async def in_private(here: Town, name: str = "Mia", words: str = "hello") -> Person:
    """Let somebody begin a conversation in a direct message."""
    person = here.north.add_user(name=name)
    await person.says(person.dm(), words)
    with trio.fail_after(SOON_S):
        await here.desk.heard(words)
    return person


def status(here: Town, channel: Channel, root: Message) -> str:
    """Return what people read under a thread."""
    return channel.status(root.ts, now=here.wall())


def read(person: Person) -> list[str]:
    """Return what somebody's direct message has from the app, the earliest first."""
    return [each.shown for each in person.dm().messages if each.installation is not None]


async def test_an_agent_who_writes(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """It is read under the thread while the agent goes on, and neither after a stop nor after the answer."""
    async with town(tmp_path, private_api=True) as here:
        channel, root, visitor = await in_channel(here)
        await trio.sleep(ROUND_S)
        before = status(here, channel, root)
        during = set()
        for _ in range(40):
            here.kefu.pages.types(visitor)
            await trio.sleep(ROUND_S)
            during.add(status(here, channel, root))
        await trio.sleep(3 * ROUND_S)
        stopped = status(here, channel, root)
        here.kefu.pages.types(visitor)
        await trio.sleep(ROUND_S)
        again = status(here, channel, root)
        here.desk.answers(visitor, "hi")
        await trio.sleep(ROUND_S)

        assert ("", {TYPING}, "", TYPING, "") == (before, during, stopped, again, status(here, channel, root))
        # Set anew once a minute, and taken back once.
        calls = here.slack.ledger.calls_of("assistant.threads.setStatus")
        assert 4 <= len(calls) <= 8


async def test_without_a_thread_nobody_asks(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Slack shows it in threads alone; and a conversation that is over is not asked about."""
    async with town(tmp_path, private_api=True) as here:
        mia = await in_private(here)
        here.kefu.pages.types(here.visitor(mia, mia.dm()))
        await trio.sleep(300)

        assert [] == here.kefu.pages.of("typing")

        _, _, visitor = await in_channel(here, "Leo")
        await trio.sleep(SOON_S)
        asked = len(here.kefu.pages.of("typing"))
        here.desk.closes(visitor)
        await trio.sleep(ROUND_S)
        closed = len(here.kefu.pages.of("typing"))
        await trio.sleep(300)

        assert asked > 0
        assert closed == len(here.kefu.pages.of("typing"))


async def test_how_many_wait(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """The message about the session says it, changes as the queue does, and no more once somebody is there."""
    async with town(tmp_path, private_api=True, session_status=True, desk_switches=NOBODY) as here:
        mia = await in_private(here)
        await trio.sleep(SOON_S)
        alone = read(mia)
        for name in ("Leo", "Eve"):
            await in_private(here, name, f"from {name}")
        await trio.sleep(60)
        three = read(mia)
        here.desk.answers(here.visitor(mia, mia.dm()), "hi")
        await trio.sleep(60)

        assert [f"{WAITING}\n当前排队人数：1"] == alone
        assert [f"{WAITING}\n当前排队人数：3"] == three
        assert ["小林 正在为您服务。", "hi"] == read(mia)


async def test_off_duty(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Who writes is told once in a service session, in the next one again, and not within an hour."""
    async with town(tmp_path, private_api=True, desk_switches=NOBODY) as here:
        here.kefu.pages.is_off_duty = True
        mia = await in_private(here)
        visitor = here.visitor(mia, mia.dm())
        for pause_s in (60, 7200):
            await trio.sleep(pause_s)
            await mia.says(mia.dm(), f"after {pause_s}")
        await trio.sleep(SOON_S)
        once = read(mia)
        here.desk.closes(visitor)
        await trio.sleep(SOON_S)
        await mia.says(mia.dm(), "another matter")
        await trio.sleep(SOON_S)
        twice = read(mia)
        here.desk.closes(visitor)
        await trio.sleep(SOON_S)
        await mia.says(mia.dm(), "and another")
        await trio.sleep(SOON_S)

        assert ([NOBODY_WORKS], [NOBODY_WORKS] * 2, [NOBODY_WORKS] * 2) == (once, twice, read(mia))


async def test_on_duty_or_served(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Nobody is told while the desk works, nor where a human serves all the same."""
    async with town(tmp_path, private_api=True) as here:
        mia = await in_private(here)
        await trio.sleep(SOON_S)
        here.kefu.pages.is_off_duty = True
        await mia.says(mia.dm(), "are you there?")
        await trio.sleep(SOON_S)

        assert [] == read(mia)


async def test_one_that_was_told_is_not_told_by_the_next_run(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """It is on disk before it is said."""
    async with town(tmp_path, private_api=True, desk_switches=NOBODY) as here:
        here.kefu.pages.is_off_duty = True
        mia = await in_private(here)
        await trio.sleep(SOON_S)
        await here.kill()
        await here.start()
        await mia.says(mia.dm(), "still nobody?")
        await trio.sleep(SOON_S)

        assert [NOBODY_WORKS] == read(mia)


async def test_unasked_nobody_asks(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Without ``kefu.private_api`` the desk's host hears nothing of us, whatever there would be to show."""
    async with town(tmp_path, session_status=True) as here:
        here.kefu.pages.is_off_duty = True
        channel, root, visitor = await in_channel(here)
        here.kefu.pages.types(visitor)
        here.desk.switches = NOBODY
        await in_private(here, "Leo", "I wait")
        await trio.sleep(600)

        assert ("", [], []) == (status(here, channel, root), here.kefu.pages.calls, here.kefu.calls)


async def test_features_that_the_tenant_does_not_have(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What the desk says is disabled is not asked for."""
    async with town(tmp_path, private_api=True, session_status=True) as here:
        here.kefu.pages.features = {"agentInputStateEnable": "Disable", "waitListNumberEnable": "Disable"}
        await in_channel(here)
        here.desk.switches = NOBODY
        await in_private(here, "Leo", "I wait")
        await trio.sleep(600)

        assert [1, 0, 0] == [len(here.kefu.pages.of(page)) for page in ("features", "typing", "queue")]


GARBAGE = (
    b"",
    b"<html>Bad Gateway</html>",
    b"[]",
    b"null",
    b'"off"',
    b"17",
    b'{"status": "OK"}',
    b'{"status": "OK", "entity": null}',
    b'{"status": "OK", "entity": [1]}',
    b'{"status": "OK", "entity": {"input_state_tips": 1e999, "timestamp": {}, "visitorUserWaitingNumber": [3]}}',
    b'{"status": "OK", "entity": {"timestamp": "1", "visitorUserWaitingNumber": -4, "visitorUserWaitingTimestamp": 1}}',
    b'{"status": "FAIL", "errorCode": null}',
    b'{"status": 7, "entities": [null, {"grayName": 1, "status": []}]}',
    b"[" * 100_000,
)


@pytest.mark.parametrize("said", GARBAGE)
async def test_malformed_answers(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture, said: bytes
) -> None:
    """Nothing is shown of what nobody understands, words go on, and little is asked and logged."""
    async with town(tmp_path, private_api=True, session_status=True, desk_switches=NOBODY) as here:
        here.kefu.pages.says = dict.fromkeys(("channels", "features", "typing", "queue", "duty", "robot"), said or b" ")
        leo = await in_private(here, "Leo", "I wait")
        here.desk.switches = DeskSwitches()
        channel, root, visitor = await in_channel(here)
        await trio.sleep(1800)
        here.desk.answers(visitor, "hi")
        await trio.sleep(SOON_S)

        assert [WAITING] == read(leo)
        assert "hi" == channel.threads[root.ts][-1].text
        assert "" == status(here, channel, root)
        failed = [each for each in log.entries if each["event"] == "desk_life.failed"]
        assert len(failed) <= 31
        assert not [each for each in log.entries if each["log_level"] in ("error", "critical")]


@pytest.mark.parametrize("fault", [HostFault(), HostFault(status=503), HostFault(status=200, delay_s=30.0)])
async def test_a_host_that_is_away(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture, fault: HostFault
) -> None:
    """It is asked more and more seldom, holds up no words, and is asked as before when it is back."""
    async with town(tmp_path, private_api=True, session_status=True, desk_switches=NOBODY) as here:
        here.kefu.pages.greeting = "welcome"
        for page in ("channels", "features", "queue", "duty", "company"):
            here.kefu.pages.fail(page, fault, times=1000)
        here.kefu.pages.is_off_duty = True
        mia = await in_private(here)
        await trio.sleep(3600)
        await mia.says(mia.dm(), "still here")
        with trio.fail_after(5.0):
            await here.desk.heard("still here")
        asked = len(here.kefu.pages.of("queue"))
        meanwhile = read(mia)
        here.kefu.pages.recover()
        await trio.sleep(700)

        assert (True, [WAITING]) == (2 <= asked <= 15, meanwhile)
        assert [f"{WAITING}\n当前排队人数：1"] == read(mia)
        failed = [each for each in log.entries if each["event"] == "desk_life.failed"]
        assert 1 <= len(failed) <= 61


async def test_slack_does_not_take_the_line(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Then it is not shown, and tried more and more seldom; answers arrive."""
    async with town(tmp_path, private_api=True) as here:
        channel, root, visitor = await in_channel(here)
        here.slack.faults.web.next("assistant.threads.setStatus", Status(500), times=1000)
        for _ in range(100):
            here.kefu.pages.types(visitor)
            await trio.sleep(ROUND_S)
        here.desk.answers(visitor, "hi")
        await trio.sleep(ROUND_S)

        assert len(here.slack.ledger.calls_of("assistant.threads.setStatus")) <= 10
        assert "hi" == channel.threads[root.ts][-1].text


async def test_more_than_can_be_asked_about(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Fifty at a time: those who were heard of longest ago are left out until they are heard of again."""
    async with town(tmp_path, private_api=True, session_status=True, desk_switches=NOBODY) as here:
        people = [await in_private(here, f"P{number}", f"from {number}") for number in range(53)]
        await trio.sleep(60)
        began = len(here.kefu.pages.of("queue"))
        await trio.sleep(50)
        asked = here.kefu.pages.of("queue")[began:]
        sessions = [here.desk.conversation(here.visitor(each, each.dm())).session for each in people]
        ids = [session.id for session in sessions if session is not None]

        assert 500 == pytest.approx(len(asked), abs=60)
        assert {*ids[3:]} == {each.session for each in asked}

        await people[0].says(people[0].dm(), "and me?")
        await trio.sleep(SOON_S)

        assert ids[0] in {each.session for each in here.kefu.pages.of("queue")[-100:]}


MENU = {"title": "您好，请选择", "items": [{"id": "m-1", "name": "查询订单"}, {"id": "m-2", "name": "退换货"}]}


async def test_greetings(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """The company's and the robot's are asked for with the first words, posted once each, and can be answered."""
    async with town(tmp_path, private_api=True, desk_switches=NOBODY) as here:
        here.kefu.pages.greeting = "Tom &amp;amp;amp; Co: &lt;hello&gt;"
        menu = json.dumps({"ext": {"msgtype": {"choice": MENU}}}).replace('"', "&amp;quot;")
        here.kefu.pages.robot_greeting = {"greetingTextType": 1, "greetingText": menu}
        mia = await in_private(here)
        await trio.sleep(SOON_S)
        company, robot = mia.dm().messages[-2:]
        await mia.chooses(robot, "退换货")
        with trio.fail_after(SOON_S):
            chosen = await here.desk.heard("退换货")
        here.desk.closes(here.visitor(mia, mia.dm()))
        await trio.sleep(SOON_S)
        await mia.says(mia.dm(), "again")
        await trio.sleep(SOON_S)

        assert ("Tom & Co: <hello>", "机器人 Bot") == (company.shown, robot.username)
        assert {"msgtype": {"choice": {"menuid": "m-2"}}}.items() <= chosen.ext.items()
        assert (1, 1, 2) == (len(here.kefu.pages.of("company")), len(here.kefu.pages.of("robot")), len(read(mia)))


@pytest.mark.parametrize("killed_after_s", [0.5, 1.0, 2.0, 5.0])
async def test_a_kill_neither_loses_nor_doubles_a_greeting(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, killed_after_s: float
) -> None:
    """What was handed out is on disk, and what is posted is found."""
    async with town(tmp_path, private_api=True, desk_switches=NOBODY) as here:
        here.kefu.pages.greeting = "welcome"
        here.slack.faults.web.next("chat.postMessage", Drop(carried_out=True))
        mia = await in_private(here)
        await trio.sleep(killed_after_s)
        asked = len(here.kefu.pages.of("company"))
        await here.kill()
        await here.start()
        await trio.sleep(120)

        assert (1, ["welcome"]) == (asked, read(mia))


async def test_who_is_known_is_not_greeted(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Only who writes for the first time, whatever there was to say then."""
    async with town(tmp_path, private_api=True) as here:
        mia = await in_private(here)
        await trio.sleep(SOON_S)
        here.kefu.pages.greeting = "welcome"
        here.desk.closes(here.visitor(mia, mia.dm()))
        await trio.sleep(SOON_S)
        await mia.says(mia.dm(), "again")
        await trio.sleep(SOON_S)

        assert ([], 1) == (read(mia), len(here.kefu.pages.of("company")))


async def test_the_next_run_goes_on(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Who waited when the daemon was killed is asked about by the next run, before anybody says a word."""
    # Nobody reads what the stranger is told.
    async with town(tmp_path, private_api=True, session_status=True, desk_switches=NOBODY, settles=False) as here:
        mia = await in_private(here)
        await trio.sleep(SOON_S)
        await here.kill()
        here.desk.take(ImMessage("t0x_u0x_d0x", "kefu_service", "txt", {"msg": "I wait too"}, {}))
        await here.start()
        await trio.sleep(SOON_S)

        assert [f"{WAITING}\n当前排队人数：2"] == read(mia)
