"""An agent takes a message back: in Slack it is gone or says so, whatever came first, and whatever failed meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from slackkefu.demo.slack import Drop, Refusal, Status, TooMany
from tests.facts import load
from tests.wired.town import greeted, town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack import Person

SOON_S = 30.0
RECALLED = "此消息已撤回"
NOT_RECALLED = "客服撤回了之前的一条消息，但在这里无法删除它。"


def read(mia: Person) -> list[str]:
    """Return what Mia reads from the app, the earliest first."""
    return [each.shown for each in mia.dm().messages if each.installation is not None]


async def test_deleted_or_replaced(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What the app said for itself is deleted; what an agent said by name says that it was recalled, every part."""
    async with town(tmp_path) as here:
        mia, visitor = await greeted(here)
        kept = here.desk.answers(visitor, "kept")
        gone = [
            here.desk.answers(visitor, "by an agent"),
            here.desk.system_says(visitor, "by the system"),
            here.desk.system_says(visitor, "x" * 3900 + " " + "y" * 3900),
        ]
        await trio.sleep(30)

        assert 5 == len(read(mia))

        for each in gone:
            here.desk.recalls(visitor, each)
        await trio.sleep(60)

        assert ["kept", RECALLED] == read(mia)
        assert 3 == here.statistics["replies"]().recalled  # type: ignore[attr-defined]  # that group's class
        assert ["hello"] == [line.text for line in here.desk.everything_heard()]

        here.desk.recalls(visitor, kept)
        here.desk.recalls(visitor, "never here")
        await trio.sleep(60)

        assert [RECALLED, RECALLED] == read(mia)
        assert 1 == here.statistics["replies"]().ignored["nothing_to_recall"]  # type: ignore[attr-defined]  # as above


async def test_after_a_restart(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Where a message stands is known over a restart."""
    async with town(tmp_path) as here:
        mia, visitor = await greeted(here)
        message = here.desk.system_says(visitor, "words")
        await trio.sleep(SOON_S)
        await here.stop()
        here.desk.recalls(visitor, message)
        await here.start()
        await trio.sleep(600)

        assert [] == read(mia)


async def test_after_a_lost_answer(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Also where it was only heard of or found, since the answer to the post was lost."""
    async with town(tmp_path) as here:
        mia, visitor = await greeted(here)
        here.slack.faults.web.next("chat.postMessage", Drop(carried_out=True))
        message = here.desk.system_says(visitor, "words")
        await trio.sleep(120)

        assert ["words"] == read(mia)

        here.desk.recalls(visitor, message)
        await trio.sleep(SOON_S)

        assert [] == read(mia)


@pytest.mark.parametrize("restarts", [False, True])
async def test_before_its_message(tmp_path: Path, autojump_clock: trio.testing.MockClock, restarts: bool) -> None:
    """A message whose recall has come first is not posted, and neither is one that was recalled and comes again."""
    sample: dict[str, Any] = load("kefu-samples/agent-text.json")
    message = sample["ext"]["weichat"]["msgId"]
    async with town(tmp_path) as here:
        mia, visitor = await greeted(here)
        here.desk.recalls(visitor, message)
        await trio.sleep(SOON_S)
        if restarts:
            await here.stop()
            await here.start()
            await mia.says(mia.dm(), "still there?")
            await trio.sleep(SOON_S)
        for _ in range(2):
            here.desk.sends(visitor, sample)
            await trio.sleep(SOON_S)

        assert [] == read(mia)
        assert 1 == here.statistics["replies"]().ignored["recalled"]  # type: ignore[attr-defined]  # that group's class
        assert 1 == here.statistics["replies"]().duplicates  # type: ignore[attr-defined]  # as above


async def test_a_message_that_comes_again_as_recalled(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Kefu may tell of a recall by the message itself, with a flag; that it came before is no reason to leave it."""
    plain, flagged = load("kefu-samples/agent-text.json"), load("kefu-samples/recalled-message-replayed.json")
    plain["ext"]["weichat"]["msgId"] = flagged["ext"]["weichat"]["msgId"]
    async with town(tmp_path) as here:
        mia, visitor = await greeted(here)
        here.desk.sends(visitor, plain)
        await trio.sleep(SOON_S)

        assert 1 == len(read(mia))

        for each in (flagged, flagged, plain):
            here.desk.sends(visitor, each)
            await trio.sleep(SOON_S)

        assert [RECALLED] == read(mia)
        assert 2 == here.statistics["replies"]().duplicates  # type: ignore[attr-defined]  # that group's class


@pytest.mark.parametrize("fault", [Drop(carried_out=True), Drop(carried_out=False), Status(503), TooMany(20)])
async def test_faults_on_the_way(tmp_path: Path, autojump_clock: trio.testing.MockClock, fault: Any) -> None:
    """A recall is tried until Slack has made it; what comes behind it waits, and is there."""
    async with town(tmp_path) as here:
        mia, visitor = await greeted(here)
        first, second = here.desk.answers(visitor, "one"), here.desk.system_says(visitor, "two")
        await trio.sleep(SOON_S)
        for method in ("chat.update", "chat.delete"):
            here.slack.faults.web.next(method, fault)
        here.desk.recalls(visitor, first)
        here.desk.recalls(visitor, second)
        here.desk.answers(visitor, "three")
        await trio.sleep(600)

        assert [RECALLED, "three"] == read(mia)


async def test_a_kill_in_the_middle(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A daemon that dies while a recall is on its way makes it when it is back."""
    async with town(tmp_path) as here:
        mia, visitor = await greeted(here)
        parts = here.desk.system_says(visitor, "x" * 3900 + " " + "y" * 3900)
        await trio.sleep(SOON_S)
        here.slack.faults.web.next("chat.delete", Drop(carried_out=True))
        here.slack.faults.web.storm("chat.delete", Status(503))
        here.desk.recalls(visitor, parts)
        await trio.sleep(10)

        assert 1 == len(read(mia))

        await here.kill()
        here.slack.faults.web.clear()
        await here.start()
        await trio.sleep(600)

        assert [] == read(mia)


async def test_a_click_in_the_same_moment(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A menu that is taken back while somebody presses its button stays taken back; what was chosen arrives."""
    async with town(tmp_path) as here:
        mia, visitor = await greeted(here)
        menu = here.desk.offers(visitor, "please choose", {"m-1": "one"})
        (post,) = await here.slack.posted(1)
        await trio.sleep(5)
        here.desk.recalls(visitor, menu)
        await mia.chooses(post.message, "one")
        await here.desk.heard("one")
        await trio.sleep(60)

        assert [RECALLED] == read(mia)
        assert not post.message.blocks


async def test_neither_is_possible(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Where Slack lets nothing be done any more, one line says so, in the reader's language; it is there once."""
    async with town(tmp_path) as here:
        mia, visitor = await greeted(here)
        message = here.desk.answers(visitor, "x" * 3900 + " " + "y" * 3900)
        await trio.sleep(SOON_S)
        here.slack.faults.web.storm("chat.update", Refusal("edit_window_closed"))
        here.slack.faults.web.next("chat.postMessage", Drop(carried_out=True))
        here.desk.recalls(visitor, message)
        await trio.sleep(120)

        assert [NOT_RECALLED] == read(mia)[2:]
        assert 1 == here.statistics["replies"]().left_standing  # type: ignore[attr-defined]  # that group's class
        assert ["hello"] == [line.text for line in here.desk.everything_heard()]


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_file(tmp_path: Path, autojump_clock: trio.testing.MockClock, restarts: bool) -> None:
    """A picture is gone, and so is the file, which Slack would keep."""
    async with town(tmp_path) as here:
        mia, visitor = await greeted(here)
        path = here.kefu.keeps("a.png", b"\x89PNG" + bytes(1000))
        message = here.desk.sends_file(visitor, "img", path, name="a.png")
        await trio.sleep(SOON_S)

        assert [1] == [len(each.files) for each in mia.dm().messages if each.installation is not None]

        if restarts:
            await here.stop()
            await here.start()
        here.desk.recalls(visitor, message)
        await mia.says(mia.dm(), "thanks")
        await trio.sleep(SOON_S)

        assert [] == read(mia)
        assert [] == [*here.slack.state.files]
