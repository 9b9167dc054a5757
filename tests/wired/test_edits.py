"""Edits and deletions of what has left are told to the agent, once and in order, over faults and restarts."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Literal

import pytest
import trio
import trio.testing

from slackkefu.store.files import OPERATING_SYSTEM
from tests.wired.storms import everything
from tests.wired.test_full_disk import full
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.model import Message
    from tests.wired.town import Town

SOON_S = 30.0
LATER_S = 600.0

LATE = re.compile(r"\A\[补发 Late[^\]]*\]\n")


def at(message: Message) -> str:
    """Return when a message was written, as the agent reads it."""
    return f"{datetime.fromtimestamp(float(message.ts), UTC):%Y-%m-%d %H:%M} UTC"


def edited(message: Message, words: str) -> str:
    """Return what the agent is told of an edit."""
    return f"[更正 Edited · {at(message)}]\n{words}"


def deleted(message: Message) -> str:
    """Return what the agent is told of a deletion."""
    when = at(message)
    return f"[已删除 Deleted] 客户删除了 {when} 的消息 / The message of {when} was deleted"


def heard(here: Town) -> list[str]:
    """Return what the desk has heard, in order, without the time of what came late."""
    return [LATE.sub("", line.text) for line in here.desk.everything_heard()]


async def arrives(here: Town, text: str, *, within_s: float = SOON_S) -> None:
    """Wait until the desk has heard something."""
    with trio.fail_after(within_s):
        while text not in heard(here):
            await here.desk.change()


def ignored(here: Town, reason: str) -> int:
    """Count what was left alone by a reason."""
    count: int = here.statistics["intake"]().ignored[reason]  # type: ignore[attr-defined]  # that group's class
    return count


async def test_edits_and_a_deletion(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Each edit is told in order between what is said meanwhile, the deletion without any words, and nothing twice."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        first = await mia.says(mia.dm(), "order 4711")
        await arrives(here, "order 4711")
        await trio.sleep(400)
        await mia.edits(first, "order 4712")
        await mia.says(mia.dm(), "hello?")
        await trio.sleep(1)
        await mia.edits(first, "order 4713 <@U0NORTHBOT>")
        await mia.edits(first, "order 4714 & more")
        await trio.sleep(1)
        await mia.deletes(first)
        await trio.sleep(LATER_S)

        assert [
            "order 4711",
            edited(first, "order 4712"),
            "hello?",
            edited(first, "order 4713 @U0NORTHBOT"),
            edited(first, "order 4714 & more"),
            deleted(first),
        ] == heard(here)


async def test_link_previews_own_posts_and_chatter(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A preview, an edit of the bridge's own post, and edits of what was never for the desk tell nobody anything."""
    async with town(tmp_path) as here:
        mia, leo = (here.north.add_user(name=name) for name in ("Mia", "Leo"))
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[mia, leo])
        message = await mia.says(mia.dm(), "see https://example.com")
        chatter = await leo.says(support, "lunch?")
        await arrives(here, "see https://example.com")
        here.desk.answers(here.visitor(mia, mia.dm()), "on its way")
        await trio.sleep(SOON_S)
        here.slack.state.edit(message, message.text, blocks=None, by=None)
        own_before = ignored(here, "own_message")
        (post,) = here.slack.ledger.posts
        here.slack.state.edit(post.message, post.message.text, blocks=None, by=here.north.installation.bot)
        await leo.edits(chatter, "dinner?")
        await leo.deletes(chatter)
        await trio.sleep(LATER_S)

        assert ["see https://example.com"] == heard(here)
        assert own_before + 1 == ignored(here, "own_message")
        assert (1, 2) == tuple(ignored(here, each) for each in ("not_an_edit", "unknown_original"))


@pytest.mark.parametrize("how", ["runs", "stops", "is killed"])
async def test_while_easemob_is_away(tmp_path: Path, autojump_clock: trio.testing.MockClock, how: str) -> None:
    """An edit waits behind its message, in the spill, over restarts; one of a message that is deleted goes nowhere."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        known = await mia.says(mia.dm(), "known")
        await arrives(here, "known")
        here.easemob.faults.black_hole = True
        await trio.sleep(60)
        first, second = [await mia.says(mia.dm(), words) for words in ("first", "second")]
        await mia.edits(first, "first!")
        await mia.edits(known, "known!")
        await mia.edits(second, "never mind")
        await trio.sleep(20)
        await mia.deletes(second)
        await mia.says(mia.dm(), "third")
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged()
        if how != "runs":
            for _, line in here.network.lines:
                line.black_hole()
            await (here.stop() if how == "stops" else here.kill())
            await here.start()
        here.easemob.faults.black_hole = False
        await arrives(here, "third", within_s=LATER_S)

        assert ["known", "first", edited(first, "first!"), edited(known, "known!"), "third"] == heard(here)


async def test_after_a_restart(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What arrived before a restart is known after it, and an edit or a deletion of it is told."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        first, second = [await mia.says(mia.dm(), words) for words in ("first", "second")]
        await arrives(here, "second")
        await here.stop()
        await here.start()
        await mia.edits(first, "first!")
        await mia.deletes(second)
        await arrives(here, deleted(second))

        assert ["first", "second", edited(first, "first!"), deleted(second)] == heard(here)


async def test_repeats(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Slack's repeats of an edit, before it has arrived, after it and after a restart, tell nothing twice."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        message = await mia.says(mia.dm(), "wrong")
        await arrives(here, "wrong")
        here.slack.faults.link.lose_acknowledgements = 2
        await mia.edits(message, "right")
        await arrives(here, edited(message, "right"))
        await here.stop()
        await here.start()
        with trio.fail_after(LATER_S):
            await here.slack.acknowledged()

        assert ["wrong", edited(message, "right")] == heard(here)


async def test_a_refused_message(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Whose message was refused is told so; of its edit and its deletion the desk hears nothing."""
    async with town(tmp_path, settles=False) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        await arrives(here, "hello")
        here.easemob.faults.refuse_send(19, "blocked")
        message = await mia.says(mia.dm(), "wrong")
        await trio.sleep(SOON_S)
        await mia.edits(message, "right")
        await mia.deletes(message)
        await trio.sleep(LATER_S)

        assert ["hello"] == heard(here)
        assert (1, 1) == tuple(ignored(here, f"{each}_not_carried") for each in ("edit", "deletion"))


async def test_a_refused_edit(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Whose edit is refused is told that the agent still has the old words."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        message = await mia.says(mia.dm(), "wrong")
        await arrives(here, "wrong")
        here.easemob.faults.refuse_send(19, "blocked")
        await mia.edits(message, "right")
        await trio.sleep(LATER_S)
        (note,) = [post.message.text for post in here.slack.ledger.posts if post.ephemeral_to == mia.id]

        assert ["wrong"] == heard(here)
        assert note.startswith("您对 ")
        assert "更改没有送达" in note
        assert {"warning"} == {*message.reactions}


async def test_lost_behind_easemob(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A correction that the desk does not confirm is sent again, and heard once."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        first, second = [await mia.says(mia.dm(), words) for words in ("first", "second")]
        await arrives(here, "second")
        await trio.sleep(1)
        here.desk.faults.lose(edited(first, "first!"))
        here.desk.faults.lose(deleted(second))
        await mia.edits(first, "first!")
        await mia.deletes(second)
        await trio.sleep(LATER_S)

        assert {edited(first, "first!"), deleted(second)} == {*heard(here)[2:]}
        assert 4 == len(heard(here))


async def test_edited_while_down(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A message that was read from the history as edited counts that edit as told; a later edit is told."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "before")
        await arrives(here, "before")
        await trio.sleep(1200)
        await here.stop()
        message = await mia.says(mia.dm(), "wrong")
        await mia.edits(message, "right")
        await trio.sleep(1200)
        await here.start()
        await arrives(here, "right", within_s=LATER_S)
        await trio.sleep(10)
        await mia.edits(message, "better")
        await trio.sleep(LATER_S)

        assert ["before", "right", edited(message, "better")] == heard(here)


async def test_a_full_disk(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit that the disk does not take is not acknowledged; Slack repeats it, and it is told once."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        message = await mia.says(mia.dm(), "wrong")
        await arrives(here, "wrong")
        here.easemob.faults.black_hole = True
        await trio.sleep(60)
        with monkeypatch.context() as patched:
            patched.setattr(type(OPERATING_SYSTEM), "pwrite", staticmethod(full))
            await mia.edits(message, "right")
            await trio.sleep(20)

            assert not here.slack.ledger.parcels[-1].acknowledged

        with trio.fail_after(LATER_S):
            await here.slack.acknowledged()
        here.easemob.faults.black_hole = False
        await arrives(here, edited(message, "right"), within_s=LATER_S)

        assert ["wrong", edited(message, "right")] == heard(here)


async def test_in_a_thread(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """An edit in one thread does not move the conversation there: the answer goes where its writer wrote last."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[mia])
        bot = here.north.installation.bot
        one, two = [await mia.says(support, f"<@{bot.id}> {words}") for words in ("one", "two")]
        await arrives(here, "two")
        await mia.edits(one, f"<@{bot.id}> one!")
        await arrives(here, edited(one, "one!"))
        here.desk.answers(here.visitor(mia, support), "yes")
        await trio.sleep(SOON_S)
        (post,) = here.slack.ledger.posts

        assert two.ts == post.message.thread_ts


async def test_an_edit_before_its_message(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Where Slack has to repeat a message, and its edit is there first, the agent reads both in the end."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        await arrives(here, "hello")
        for line in here.network.lines_to("wss-primary.slack.com"):
            line.black_hole()
        message = await mia.says(mia.dm(), "wrong")
        await trio.sleep(40)
        await mia.edits(message, "right")
        with trio.fail_after(LATER_S):
            await here.slack.acknowledged()
        await arrives(here, edited(message, "right"), within_s=LATER_S)

        assert ["hello", "wrong", edited(message, "right")] == heard(here)


@pytest.mark.parametrize("channels", ["all", "mention"])
async def test_an_edit_before_words_in_a_channel(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, channels: Literal["all", "mention"]
) -> None:
    """The same for what needs no mention: everything, or what follows in the thread of one."""
    # With this seed Slack gives the repeats to a connection that lives; the dead ones get their share.
    async with town(tmp_path, seed=2, channels=channels) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel(name="support", members=[leo])
        root = await leo.says(support, f"<@{here.north.installation.bot.id}> hello")
        await arrives(here, "hello")
        for line in here.network.lines_to("wss-primary.slack.com"):
            line.black_hole()
        message = await leo.says(support, "wrong", thread=root)
        await trio.sleep(40)
        await leo.edits(message, "right")
        with trio.fail_after(LATER_S):
            await here.slack.acknowledged()
        await arrives(here, edited(message, "right"), within_s=LATER_S)

        assert ["hello", "wrong", edited(message, "right")] == heard(here)


@pytest.mark.parametrize("seed", range(3))
async def test_in_a_storm(tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int) -> None:
    """
    While everything goes wrong the agent reads of each message first itself, and last what it says now.

    Nothing is told twice, and no edit behind a later one. A message that was read from the history may have been edited
    already.
    """
    async with town(tmp_path, seed=seed) as here, trio.open_nursery() as nursery:
        people = [here.north.add_user(name=name) for name in ("Mia", "Leo", "Eve")]
        for person in people:
            await person.says(person.dm(), "hello")
            await arrives(here, "hello")
        nursery.start_soon(everything, here, Random(seed))
        chance = Random(seed)
        written: list[tuple[Person, Message]] = []
        said: list[list[str]] = []
        for number in range(60):
            person = chance.choice(people)
            written.append((person, await person.says(person.dm(), f"message {number}")))
            said.append([f"message {number}"])
            await trio.sleep(chance.uniform(0, 4))
            which = chance.randrange(len(written))
            writer, message = written[which]
            for _ in range(chance.randrange(3)):
                said[which].append(f"message {which}, edit {len(said[which])}")
                await writer.edits(message, said[which][-1])
                await trio.sleep(chance.uniform(0, 1))
        nursery.cancel_scope.cancel()
    for words in said:
        found = [text for text in heard(here) if text.rpartition("\n")[2] in words]
        versions = [words.index(text.rpartition("\n")[2]) for text in found]

        assert [False, *[True] * (len(found) - 1)] == [text.startswith("[更正") for text in found]
        assert sorted({*versions}) == versions
        assert versions[-1] == len(words) - 1
