"""The home tab between the fakes: it shows how things stand, follows them, and its buttons do what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from slackkefu.demo.slack.elements import labels
from slackkefu.demo.slack.faults import Refusal
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack import Person

SOON_S = 30.0


def read(person: Person) -> str:
    """Return what somebody's home tab says."""
    home: Any = person.home
    return "\n".join(block["text"]["text"] for block in home["blocks"] if block["type"] == "section")


async def test_a_tab_follows_its_conversation(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """From nothing over an agent to the end, without being opened again."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.opens_app(tab="home")
        await trio.sleep(SOON_S)
        before = labels(mia.home["blocks"])
        await mia.says(mia.dm(), "hello")
        visitor = (await here.desk.heard("hello")).visitor
        await trio.sleep(SOON_S)
        written = read(mia)
        here.desk.answers(visitor, "hi")
        await trio.sleep(SOON_S)
        served, during = read(mia), labels(mia.home["blocks"])
        here.desk.closes(visitor)
        await trio.sleep(SOON_S)
        after = read(mia)

    assert ["转人工", "留言", "会话状态", "帮助"] == before
    assert "*私信*" in written
    assert f"与客服 {here.desk.agent.name} 的会话" in served
    assert "结束会话" in during
    assert "没有进行中的会话" in after


async def test_buttons(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A human, a note and help, before anything was written: a conversation begins."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.opens_app(tab="home")
        await trio.sleep(1)
        human = await mia.presses_at_home("转人工")
        await trio.sleep(SOON_S)
        asked = read(mia)
        await mia.presses_at_home("留言")
        await trio.sleep(1)
        note = await mia.submits(mia.modal, {"words": {"words": {"value": "call me"}}})
        await trio.sleep(SOON_S)
        await mia.presses_at_home("帮助")
        await trio.sleep(SOON_S)
        helped = read(mia)
        heard = [(line.type, line.text) for line in here.desk.everything_heard()]

    assert human.acknowledged
    assert note.acknowledged
    assert "人工客服" in asked
    assert "/kefu status" in helped
    assert [("cmd", ""), ("txt", "[留言 Note] call me")] == heard


async def test_an_end_at_home(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """The button ends the session it stands under, and goes away with it."""
    async with town(tmp_path, private_api=True) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        visitor = (await here.desk.heard("hello")).visitor
        here.desk.answers(visitor, "hi")
        await trio.sleep(SOON_S)
        await mia.opens_app(tab="home")
        await trio.sleep(1)
        await mia.presses_at_home("结束会话")
        await trio.sleep(SOON_S)
        after = labels(mia.home["blocks"])

    assert 1 == len(here.kefu.stopped)
    assert "结束会话" not in after


async def test_a_busy_conversation_is_paced(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Much talk makes few publications; a person who never opened the tab has none."""
    async with town(tmp_path) as here:
        mia, leo = (here.north.add_user(name=name) for name in ("Mia", "Leo"))
        await mia.opens_app(tab="home")
        await trio.sleep(1)
        for number in range(60):
            for person in (mia, leo):
                await person.says(person.dm(), f"{number}")
                here.desk.answers((await here.desk.heard(f"{number}")).visitor, f"yes, {number}")
            await trio.sleep(1)
        await trio.sleep(SOON_S)
        published = [call for call in here.slack.ledger.calls if call.method == "views.publish"]

    assert 0 < len(published) <= 10
    assert leo.id not in here.slack.state.home_views


async def test_a_home_tab_that_is_off(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Where Slack refuses to publish nothing else suffers."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        here.slack.faults.web.storm("views.publish", Refusal("not_enabled"))
        await mia.opens_app(tab="home")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            heard = await here.desk.heard("hello")

    assert heard.visitor
