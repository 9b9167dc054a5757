"""The command and the shortcut between the fakes: answered in time and privately, and brought to the desk for good."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.facts import load
from tests.wired.test_full_disk import full_disk
from tests.wired.town import town

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from slackkefu.demo.desk import Heard
    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.ledger import Parcel, Post
    from slackkefu.demo.slack.model import Channel
    from tests.wired.town import Town

SOON_S = 30.0
PATIENCE_S = 3.0
"""How long Slack waits for an acknowledgement."""
WORDS = "words"


def private(here: Town) -> list[Post]:
    """Return what one person alone was told."""
    return [post for post in here.slack.ledger.posts if post.ephemeral_to]


def written(text: str) -> Mapping[str, object]:
    """Return what a form holds in which *text* was written."""
    return {WORDS: {WORDS: {"type": "plain_text_input", "value": text}}}


async def answered(parcel: Parcel) -> str:
    """Return what the acknowledgement of a command says; it comes in time."""
    await trio.sleep(PATIENCE_S)

    assert parcel.acknowledged
    assert parcel.acknowledged_after_s is not None
    assert parcel.acknowledged_after_s < PATIENCE_S
    answer: Any = parcel.answer or {}
    assert answer.get("response_type", "ephemeral") == "ephemeral"
    return str(answer.get("text", ""))


async def talking(here: Town) -> tuple[Person, Channel, Heard]:
    """Let Mia begin a conversation in her direct messages with the app."""
    mia = here.north.add_user(name="Mia")
    await mia.says(mia.dm(), "hello")
    with trio.fail_after(SOON_S):
        return mia, mia.dm(), await here.desk.heard("hello")


def commands(here: Town) -> list[tuple[str, str]]:
    """Return the commands that the desk has got, by visitor."""
    return [(line.visitor, str(line.body.get("action"))) for line in here.desk.everything_heard() if line.type == "cmd"]


async def test_a_human(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """The desk gets the official client's command, once, and nobody but the author is told."""
    async with town(tmp_path) as here:
        mia, dm, heard = await talking(here)
        told = await answered(await mia.commands(dm, "/kefu", "转人工"))
        await trio.sleep(SOON_S)

    assert "" == told
    assert [(heard.visitor, "TransferToKf")] == commands(here)
    assert [mia.id] == [post.ephemeral_to for post in private(here)]
    assert "人工客服" in private(here)[0].text


async def test_in_a_channel(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """It is about the conversation there; where there is none, nothing happens but a private line."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        support, other = (here.north.add_channel(name=name, members=[mia]) for name in ("support", "other"))
        elsewhere = here.north.add_channel(name="elsewhere", members=[mia], with_app=False)
        await mia.says(support, f"<@{here.north.installation.bot.id}> hello")
        with trio.fail_after(SOON_S):
            heard = await here.desk.heard()
        told = [await answered(await mia.commands(place, "/kefu", "human")) for place in (support, other, elsewhere)]
        await trio.sleep(SOON_S)

    assert [(heard.visitor, "TransferToKf")] == commands(here)
    assert heard.visitor.endswith(support.id.lower())
    assert all("私信" in each for each in told[1:])
    assert all(post.ephemeral_to for post in here.slack.ledger.posts)


async def test_it_is_on_disk_when_it_is_acknowledged(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A wish that Easemob cannot take yet is brought over after a crash; Slack would not repeat it."""
    async with town(tmp_path) as here:
        mia, dm, heard = await talking(here)
        here.easemob.faults.black_hole = True
        parcel = await mia.commands(dm, "/kefu", "human")
        await answered(parcel)
        before = len(commands(here))
        await here.kill()
        here.easemob.faults.black_hole = False
        await here.start()
        await trio.sleep(SOON_S)

    assert 0 == before
    assert [(heard.visitor, "TransferToKf")] == commands(here)


async def test_how_it_stands(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Open, with whom, and closed again."""
    async with town(tmp_path) as here:
        mia, dm, heard = await talking(here)
        here.desk.answers(heard.visitor, "hi")
        await trio.sleep(SOON_S)
        during = await answered(await mia.commands(dm, "/kefu", "STATUS"))
        here.desk.closes(heard.visitor)
        await trio.sleep(SOON_S)
        after = await answered(await mia.commands(dm, "/kefu", "状态"))

    assert f"与客服 {here.desk.agent.name} 的会话" in during
    assert "没有进行中的会话" in after


@pytest.mark.parametrize("private_api", [True, False])
async def test_an_end(tmp_path: Path, autojump_clock: trio.testing.MockClock, private_api: bool) -> None:
    """The desk's own API ends the session; without it nothing is sent, and the truth is told."""
    async with town(tmp_path, private_api=private_api) as here:
        mia, dm, heard = await talking(here)
        here.desk.answers(heard.visitor, "hi")
        await trio.sleep(SOON_S)
        session = here.desk.conversation(heard.visitor).session
        before = len(here.desk.everything_heard())
        told = await answered(await mia.commands(dm, "/kefu", "end"))
        await trio.sleep(SOON_S)
        after = await answered(await mia.commands(dm, "/kefu", "end"))

    assert session is not None
    assert ([session.id] if private_api else []) == here.kefu.stopped
    assert ("已按您的要求结束" if private_api else "只有客服能结束") in told
    assert ("没有进行中" if private_api else "只有客服能结束") in after
    assert before == len(here.desk.everything_heard())


async def test_a_rating_of_one_s_own_accord(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """The form opens for the session that is open, and the desk gets the answer under no invitation."""
    async with town(tmp_path) as here:
        mia, dm, heard = await talking(here)
        here.desk.answers(heard.visitor, "hi")
        await trio.sleep(SOON_S)
        await answered(await mia.commands(dm, "/kefu", "rate"))
        await trio.sleep(1)
        await mia.submits(mia.modal, {"degree": {"rate": {"selected_option": {"value": "0"}}}})
        await trio.sleep(SOON_S)
        rated = [line.weichat for line in here.desk.everything_heard() if "ctrlType" in line.weichat]

    (given,) = rated
    assert "enquiry" == given["ctrlType"]
    assert (0, "visitor") == (given["ctrlArgs"]["inviteId"], given["ctrlArgs"]["evaluateWay"])


async def test_a_note(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A long one goes in parts, in order, once; its writer alone is told."""
    note = "\n".join(f"{number} 请回电" for number in range(300))
    async with town(tmp_path) as here:
        mia, dm, heard = await talking(here)
        await answered(await mia.commands(dm, "/kefu", "leave-a-note"))
        await trio.sleep(1)
        parcel = await mia.submits(mia.modal, written(note))
        await answered(parcel)
        await trio.sleep(SOON_S)
        lines = [line.text for line in here.desk.everything_heard()[1:]]

    assert 1 < len(lines)
    assert f"[留言 Note] {note}" == "\n".join(line.strip("\n") for line in lines)
    assert ["您的留言正在送往客服。"] == [post.text for post in private(here)]
    assert heard.visitor


async def test_a_full_disk(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What cannot be made safe is not acknowledged as taken; what the desk gets all the same it gets once."""
    async with town(tmp_path) as here:
        mia, dm, _ = await talking(here)
        await answered(await mia.commands(dm, "/kefu", "note"))
        await trio.sleep(1)
        with full_disk():
            parcel = await mia.submits(mia.modal, written("call me"))
            await trio.sleep(SOON_S)
        lines = [line.text for line in here.desk.everything_heard()[1:]]

    assert not parcel.acknowledged
    assert ["[留言 Note] call me"] == lines


async def test_the_shortcut(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A question about a message of a channel that the app is not in goes to the direct messages, with the message."""
    async with town(tmp_path) as here:
        mia, leo = (here.north.add_user(name=name) for name in ("Mia", "Leo"))
        room = here.north.add_channel(name="room", members=[mia, leo], with_app=False)
        said = await leo.says(room, f"the *printer* burns, {mia.mention}")
        await mia.picks_shortcut(said)
        await trio.sleep(1)
        parcel = await mia.submits(mia.modal, written("what now?"))
        await answered(parcel)
        with trio.fail_after(SOON_S):
            heard = await here.desk.heard()
        here.desk.answers(heard.visitor, "water")
        await trio.sleep(SOON_S)
        link = f"https://north.slack.com/archives/{room.id}/p{said.ts.replace('.', '')}"

    assert f"what now?\n[引用 Quote] Leo: the *printer* burns, @Mia\n{link}" == heard.text
    assert heard.visitor.endswith(mia.dm().id.lower())
    asked, answer = [post for post in here.slack.ledger.posts if post.channel is mia.dm()]
    assert asked.text.startswith("what now?\n> Leo: the *printer* burns, @Mia\n")
    assert "water" == answer.shown


async def test_a_stranger_to_commands(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Words that are no wish get help; a shortcut that is none of ours gets nothing, and is acknowledged."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        here.slack.state.settings = replace(here.slack.settings, commands=frozenset({"/helpdesk"}))
        told = await answered(await mia.commands(dm, "/helpdesk", "talk to a human"))
        shortcut = {"type": "shortcut", "team": {"id": here.north.id}, "user": {"id": mia.id}}
        parcel = here.slack.state.send("interactive", shortcut)
        await trio.sleep(SOON_S)

    assert "`/helpdesk human`" in told
    assert parcel.acknowledged
    assert [] == [*here.desk.everything_heard()]


@pytest.mark.parametrize("name", ["20-slash-command", "21-block-actions"])
async def test_the_samples(tmp_path: Path, autojump_clock: trio.testing.MockClock, name: str) -> None:
    """They are acknowledged in time; nothing of them is for the desk, and the command is answered with help."""
    frame = load(f"slack-samples/{name}.json")["envelope"]
    async with town(tmp_path) as here:
        parcel = here.slack.state.send(
            frame["type"], frame["payload"], accepts_answer=frame["accepts_response_payload"]
        )
        told = await answered(parcel)
        heard = here.desk.everything_heard()

    assert ("`/helpdesk human`" in told) is (name == "20-slash-command")
    assert () == tuple(heard)
