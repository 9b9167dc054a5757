"""Who wrote a message that did not reach the desk is told so, once; and nobody's neighbour suffers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import trio
import trio.testing

from slackkefu.bridge.slack_to_kefu.to_kefu import parts
from slackkefu.demo.slack import Status
from slackkefu.demo.slack.web_api.limits import Limit
from slackkefu.store.files import OPERATING_SYSTEM
from tests.wired.test_full_disk import full
from tests.wired.test_many_workspaces import add_south
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from slackkefu.bridge.slack_to_kefu.custody import CustodyStatistics
    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.bridge.slack_to_kefu.telling import TellingStatistics
    from slackkefu.bridge.slack_to_kefu.to_kefu import Part
    from slackkefu.demo.slack.ledger import Post
    from slackkefu.demo.slack.model import Message
    from tests.wired.town import Town

SOON_S = 30.0
LATER_S = 600.0


def told(here: Town) -> TellingStatistics:
    """Count what was told."""
    return here.statistics["telling"]()  # type: ignore[return-value]  # that group's class


def messages(here: Town) -> CustodyStatistics:
    """Count how messages ended."""
    return here.statistics["messages"]()  # type: ignore[return-value]  # that group's class


def notes(here: Town) -> list[Post]:
    """Return the notes that one person sees."""
    return [post for post in here.slack.ledger.posts if post.ephemeral_to]


def marks(here: Town, message: Message) -> list[str]:
    """Return who has marked a message."""
    return message.reactions.get("warning", [])


async def test_a_refused_message(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """It is marked, its writer alone gets a note in its thread, and neither comes back as anybody's message."""
    async with town(tmp_path) as here:
        mia, leo = here.north.add_user(name="Mia"), here.north.add_user(name="Leo")
        support = here.north.add_channel(name="support", members=[mia, leo])
        root = await leo.says(support, "lunch?")
        here.easemob.faults.refuse_send(7, "sensitive words")
        message = await mia.says(support, f"<@{here.north.installation.bot.id}> hello", thread=root)
        with trio.fail_after(SOON_S):
            await here.slack.until(lambda: notes(here))
            await here.slack.acknowledged()
        envelopes = len(here.slack.ledger.parcels)
        await trio.sleep(LATER_S)
        (note,) = notes(here)

        assert [here.north.installation.bot.id] == marks(here, message)
        assert (support.id, root.ts, mia.id) == (note.channel.id, note.arguments["thread_ts"], note.ephemeral_to)
        assert "没有送达客服" in note.text
        assert (0, 1, 0, 0) == (told(here).pending, told(here).told_surely, told(here).told_possibly, told(here).untold)
        assert (1, 0, 0) == (messages(here).refused, messages(here).delivered, messages(here).in_hand)
        assert envelopes == len(here.slack.ledger.parcels)
        assert not here.desk.everything_heard()


async def test_one_that_may_have_arrived(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """When an attempt was not answered before Easemob refused the message, the note says that it is not sure."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.easemob.faults.lost_acknowledgements = 1
        await mia.says(mia.dm(), "are you there?")
        await trio.sleep(10)
        here.easemob.faults.refuse_send(7, "user is mute")
        with trio.fail_after(LATER_S):
            await here.slack.until(lambda: notes(here))

        assert "可能没有送达客服" in notes(here)[0].text
        assert (0, 1) == (told(here).told_surely, told(here).told_possibly)


async def test_in_both_languages(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Where Slack does not say which language a writer reads, the note speaks both."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        here.slack.faults.web.storm("users.info", Status(503))
        here.easemob.faults.refuse_send(7, "sensitive words")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.slack.until(lambda: notes(here))

        assert all(piece in notes(here)[0].text for piece in ("没有送达客服", "did not reach"))


async def test_an_app_that_may_not_mark(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Without ``reactions:write`` the note alone tells it."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        installation = here.north.installation
        installation.scopes -= {"reactions:write"}
        here.easemob.faults.refuse_send(7, "sensitive words")
        message = await mia.says(mia.dm(), "hello")
        await trio.sleep(LATER_S)

        assert [] == marks(here, message)
        assert 1 == len(notes(here))
        assert 1 == told(here).told_surely


async def test_a_writer_who_cannot_be_told(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """When Slack takes neither mark nor note, that is counted apart."""
    async with town(tmp_path, lost=1) as here:
        mia = here.north.add_user(name="Mia")
        installation = here.north.installation
        installation.scopes -= {"reactions:write", "chat:write"}
        here.easemob.faults.refuse_send(7, "sensitive words")
        await mia.says(mia.dm(), "hello")
        await trio.sleep(LATER_S)

        assert (0, 0, 1) == (told(here).pending, told(here).told_surely, told(here).untold)


async def test_a_restart_in_between(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What could not be told before a restart is told after it, once each."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        here.slack.faults.web.storm("reactions.add", Status(503, carried_out=True))
        here.easemob.faults.refuse_send(7, "sensitive words", times=3)
        written = [await mia.says(mia.dm(), f"message {number}") for number in range(3)]
        await trio.sleep(60)

        assert (3, []) == (told(here).pending, notes(here))

        await here.stop()
        here.slack.faults.web.clear()
        await here.start()
        await trio.sleep(LATER_S)
        await here.stop()
        await here.start()
        await trio.sleep(LATER_S)

        assert [1, 1, 1] == [len(marks(here, message)) for message in written]
        assert 3 == len(notes(here))


async def test_slack_limits_the_telling(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A limit is obeyed and holds up no other workspace; in the end each writer was told once."""
    async with town(tmp_path, started=False) as here:
        south = add_south(here)
        await here.start()
        mia, ben = here.north.add_user(name="Mia"), south.add_user(name="Ben")
        here.slack.limits.by_method |= {"reactions.add": Limit(1, 300), "chat.postEphemeral": Limit(1, 400)}
        here.easemob.faults.refuse_send(7, "sensitive words", times=4)
        for number in range(3):
            await mia.says(mia.dm(), f"message {number}")
        await trio.sleep(5)
        await ben.says(ben.dm(), "from the south")
        await trio.sleep(SOON_S)
        early = Counter(note.ephemeral_to for note in notes(here))
        await trio.sleep(3600)
        calls = [each for each in here.slack.ledger.calls_of("reactions.add") if each.caller == here.north.id]

        assert {ben.id: 1, mia.id: 1} == early
        assert {ben.id: 1, mia.id: 3} == Counter(note.ephemeral_to for note in notes(here))
        assert (0, 4) == (told(here).pending, told(here).told_surely)
        assert [[1], [1, 1, 1]] == [
            [len(marks(here, message)) for message in person.dm().messages] for person in (ben, mia)
        ]
        assert 2 == sum(each.error == "TooMany" for each in calls)

        await here.stop()


async def test_poison_in_the_middle_of_a_lane(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that makes us fail is set aside and told; its neighbours arrive in order, and it is never sent."""

    def fail(forward: Forward, **how: object) -> tuple[Part, ...]:
        if forward.event.text == "poison":
            raise ZeroDivisionError
        return parts(forward, **how)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr("slackkefu.bridge.slack_to_kefu.forwarding.parts", fail)
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        written = [await mia.says(mia.dm(), words) for words in ("before", "poison", "after")]
        with trio.fail_after(SOON_S):
            await here.desk.heard("after")
            await here.slack.acknowledged()
        await here.stop()
        monkeypatch.setattr("slackkefu.bridge.slack_to_kefu.forwarding.parts", parts)
        await here.start()
        await trio.sleep(LATER_S)

        assert ["before", "after"] == [line.text for line in here.desk.everything_heard()]
        assert [0, 1, 0] == [len(marks(here, message)) for message in written]
        assert 1 == len(notes(here))
        assert 1 == here.statistics["aside"]().kept  # type: ignore[attr-defined]  # that group's class
        assert [each for each in (tmp_path / "store" / "aside").iterdir() if b"poison" in each.read_bytes()]


async def test_a_full_disk(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it cannot be written that a message was refused it is neither acknowledged nor told; then both, once."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.easemob.faults.refuse_send(7, "sensitive words")
        with monkeypatch.context() as patched:
            patched.setattr(type(OPERATING_SYSTEM), "pwrite", staticmethod(full))
            message = await mia.says(mia.dm(), "bad words")
            await trio.sleep(SOON_S)

            assert [] == marks(here, message)
            assert not here.slack.ledger.of(message)[0].acknowledged

        await trio.sleep(LATER_S)

        assert 1 == len(marks(here, message))
        assert 1 == len(notes(here))
        assert here.slack.ledger.of(message)[0].acknowledged


async def test_a_full_disk_and_nobody_repeats(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message from the spill comes to no repeat that could ask: it is told within the hour after there is room."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        here.easemob.faults.black_hole = True
        message = await mia.says(mia.dm(), "bad words")
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged()
        with monkeypatch.context() as patched:
            patched.setattr(type(OPERATING_SYSTEM), "pwrite", staticmethod(full))
            here.easemob.faults.refuse_send(7, "sensitive words")
            here.easemob.faults.black_hole = False
            await trio.sleep(LATER_S)

            assert (1, []) == (messages(here).refused, marks(here, message))

        await trio.sleep(3600)

        assert (1, 1) == (len(marks(here, message)), len(notes(here)))


async def test_the_app_was_removed_meanwhile(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What was taken before a workspace removed the app goes to the desk all the same: its writer was promised that."""
    async with town(tmp_path, started=False) as here:
        south = add_south(here)
        await here.start()
        ben = south.add_user(name="Ben")
        here.easemob.faults.black_hole = True
        await ben.says(ben.dm(), "is anybody there?")
        await trio.sleep(10)
        await south.uninstalls()
        await trio.sleep(10)
        await here.stop()
        here.easemob.faults.black_hole = False
        await here.start()
        await trio.sleep(LATER_S)

        assert (1, 0) == (messages(here).delivered, messages(here).in_hand)
        assert ["is anybody there?"] == [line.text.splitlines()[-1] for line in here.desk.everything_heard()]

        await here.stop()


async def test_every_message_ends_once(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What was taken is what was delivered, told, withdrawn, ignored and repeated, by the counts of both."""
    async with town(tmp_path) as here:
        people = [here.north.add_user(name=f"Person {number}") for number in range(4)]
        for number in range(40):
            person = people[number % 4]
            if number % 5 == 0:
                here.easemob.faults.refuse_send(*((7, "sensitive words") if number % 2 else (1, "blocked")))
            message = await person.says(person.dm(), f"message {number}")
            if number % 7 == 0:
                await person.deletes(message)
            await trio.sleep(0.2)
        await trio.sleep(3600)
        ends, counts = messages(here), told(here)

        deletions = sum(line.text.startswith("[已删除") for line in here.desk.everything_heard())

        assert 40 + deletions == ends.delivered + ends.refused + ends.withdrawn
        assert ends.refused == counts.told_surely + counts.told_possibly
        assert (0, 0, 0) == (ends.in_hand, counts.pending, counts.untold)
        # One that was deleted in the moment of its send may have arrived, and nobody waits to know.
        assert ends.delivered <= len(here.desk.everything_heard()) <= ends.delivered + ends.withdrawn
