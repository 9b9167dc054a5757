"""An answer that cannot arrive ends all the same: set aside, or told to its agent; and a repeat ends as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
import trio.testing

from slackkefu.bridge import aside
from slackkefu.bridge.kefu_to_slack import answering, to_slack
from slackkefu.demo.slack import Refusal, Status
from tests.facts import load
from tests.wired.town import greeted, town

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from slackkefu.slack.web import Post
    from tests.wired.town import Town

SOON_S = 30.0
DAY_S = 24 * 3600.0
NOTE = "[系统提示 System]"


def notes(here: Town) -> list[str]:
    """Return what the desk was told of answers that did not arrive."""
    return [line.text for line in here.desk.everything_heard() if line.text.startswith(NOTE)]


async def test_a_poisoned_answer(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that makes us fail is set aside with its words; its neighbours arrive, and it is not tried for ever."""

    def posts(words: str, **where: Any) -> tuple[Post, ...]:
        if "poison" in words:
            raise ZeroDivisionError
        return to_slack.posts(words, **where)

    monkeypatch.setattr(answering, "posts", posts)
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        for words in ("before", "poison", "after"):
            here.desk.answers(visitor, words)
        with trio.fail_after(SOON_S):
            await here.slack.posted(2)
        await here.stop()
        await here.start()
        await trio.sleep(600)
        (kept,) = [each.read_bytes() for each in (tmp_path / "store" / "aside").iterdir()]

        assert ["before", "after"] == [post.text for post in here.slack.ledger.posts]
        assert (1, 0) == (here.statistics["aside"]().kept, here.statistics["replies"]().set_aside)  # type: ignore[attr-defined]  # those groups' classes
        assert [True, True] == [b"poison" in kept, b"ZeroDivisionError" in kept]
        assert 0 == here.easemob.waiting(visitor)
        assert 1 == len(notes(here))


async def test_more_poison_than_is_kept(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest of what is set aside leave the disk for the newer, and the lane goes on."""

    def posts(words: str, **where: Any) -> tuple[Post, ...]:
        if "poison" in words:
            raise ZeroDivisionError
        return to_slack.posts(words, **where)

    monkeypatch.setattr(answering, "posts", posts)
    monkeypatch.setattr(aside, "MOST_BYTES", 4000)
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        for number in range(20):
            here.desk.answers(visitor, f"poison {number:02}")
        here.desk.answers(visitor, "after")
        with trio.fail_after(600):
            await here.slack.posted(1)
        kept = b"".join(each.read_bytes() for each in (tmp_path / "store" / "aside").iterdir())
        counts = here.statistics["aside"]()

        assert 20 == counts.set_aside == counts.kept + counts.dropped  # type: ignore[attr-defined]  # that group's class
        assert [False, True] == [b"poison 00" in kept, b"poison 19" in kept]
        assert len(kept) < 8000


async def test_a_fault_between_two_parts(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that makes us fail when a part of it is posted is tried again, and that part stands there once."""
    faults = [ZeroDivisionError()]

    def posts(words: str, **where: Any) -> Iterator[Post]:
        for number, post in enumerate(to_slack.posts(words, **where)):
            if number and faults:
                raise faults.pop()
            yield post

    monkeypatch.setattr(answering, "posts", posts)
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        here.desk.answers(visitor, "x" * 3900 + " " + "y" * 3900)
        await trio.sleep(600)

        assert [] == faults
        assert ["x", "y"] == [post.text[0] for post in here.slack.ledger.posts]
        assert 1 == here.statistics["replies"]().delivered  # type: ignore[attr-defined]  # that group's class


async def test_a_refused_answer_is_told_to_its_agent(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """However many answers Slack refuses, the agent gets one note a service session, and nothing comes of it."""
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        here.slack.faults.web.storm("chat.postMessage", Refusal("is_archived"))
        for number in range(5):
            here.desk.answers(visitor, f"refused {number}")
            await trio.sleep(10)
        await here.stop()
        await here.start()
        here.desk.answers(visitor, "refused again")
        await trio.sleep(600)
        conversation = here.desk.conversation(visitor)

        assert 1 == len(notes(here))
        assert "is_archived" in notes(here)[0]
        assert (1, 2) == (conversation.sessions, len(conversation.heard))
        assert [] == [*here.slack.ledger.posts]

        here.desk.closes(visitor)
        here.desk.answers(visitor, "a new session")
        await trio.sleep(600)

        assert (2, 2) == (len(notes(here)), conversation.sessions)

        here.slack.faults.web.clear()
        here.desk.answers(visitor, "it works again")
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert "it works again" == post.text


async def test_nobody_is_told_of_what_no_agent_wrote(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A robot would answer the note, and the system's words come after an end too: neither is told."""
    async with town(tmp_path, lost=3) as here:
        _, visitor = await greeted(here)
        here.slack.faults.web.storm("chat.postMessage", Refusal("is_archived"))
        here.desk.robot_answers(visitor, "I am a robot")
        here.desk.system_says(visitor, "your agent is busy")
        await trio.sleep(60)
        here.desk.closes(visitor)
        here.desk.system_says(visitor, "goodbye")
        await trio.sleep(600)

        assert [] == notes(here)
        assert 1 == here.desk.conversation(visitor).sessions
        assert 3 == here.statistics["replies"]().refused  # type: ignore[attr-defined]  # that group's class


async def test_a_repeat_after_days(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A message that comes once more after a week and a restart, under a new Meta.id, is recognised by kefu's id."""
    async with town(tmp_path) as here:
        mia, visitor = await greeted(here)
        sample = load("kefu-samples/agent-text.json")
        here.desk.sends(visitor, sample)
        with trio.fail_after(SOON_S):
            await here.slack.posted(1)
        await here.stop()
        await trio.sleep(7 * DAY_S)
        await here.start()
        await mia.says(mia.dm(), "still there?")
        with trio.fail_after(SOON_S):
            await here.desk.heard("still there?")
        here.desk.sends(visitor, sample)
        here.desk.answers(visitor, "yes")
        with trio.fail_after(SOON_S):
            await here.slack.posted(2)

        assert 1 == here.statistics["replies"]().duplicates  # type: ignore[attr-defined]  # that group's class
        assert "yes" == here.slack.ledger.posts[-1].text


async def test_proof_does_not_wait_for_slack(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """While Slack takes no answer, so that a batch is in work for hours, what the desk never got is still found."""
    async with town(tmp_path) as here:
        mia, visitor = await greeted(here)
        here.slack.faults.web.storm("chat.postMessage", Status(503))
        here.desk.answers(visitor, "stuck")
        await trio.sleep(10)
        here.desk.faults.lose("lost", times=1)
        await mia.says(mia.dm(), "lost")
        with trio.fail_after(600):
            while "lost" not in [line.text.rpartition("\n")[2] for line in here.desk.everything_heard()]:
                await here.desk.change()

        assert [] == [*here.slack.ledger.posts]


async def test_answers_that_wait_for_an_operator(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """They keep no place from other visitors for ever, and arrive once and in order when it is mended."""
    async with town(tmp_path, max_sessions=1) as here:
        _, visitor = await greeted(here)
        leo = here.north.add_user(name="Leo")
        here.slack.faults.web.storm("chat.postMessage", Refusal("missing_scope"))
        for number in range(3):
            here.desk.answers(visitor, f"answer {number}")
        await trio.sleep(60)
        await leo.says(leo.dm(), "may I come in?")
        await trio.sleep(2 * 3600)

        assert here.easemob.online(here.visitor(leo, leo.dm()))
        assert here.easemob.waiting(visitor)
        assert 1 == here.statistics["easemob_sessions"]().stuck  # type: ignore[attr-defined]  # that group's class

        here.slack.faults.web.clear()
        here.desk.closes(here.visitor(leo, leo.dm()))
        with trio.fail_after(600):
            await here.slack.posted(3)
