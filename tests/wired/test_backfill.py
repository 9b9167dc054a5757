"""After an absence what Slack no longer repeats is read from its history: everything arrives once, and in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.demo.slack import Refusal, Switches
from tests.wired.test_many_workspaces import add_south
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.model import Channel, Message
    from slackkefu.keys import ChannelsMode
    from tests.wired.town import Town

SOON_S = 30.0
MINUTE_S = 60.0
HOUR_S = 3600.0

STRICT = Switches(strict_history=True)


def heard(here: Town, person: Person, channel: Channel) -> list[str]:
    """Return what the desk has heard of *person* in *channel*, in order, and without the time of what came late."""
    lines = here.desk.conversation(here.visitor(person, channel)).heard
    return [line.text.rpartition("]\n")[2] for line in lines]


def calls(here: Town, method: str = "conversations.history") -> int:
    """Count the calls of *method*."""
    return len(here.slack.ledger.calls_of(method))


async def down(here: Town, person: Person, channel: Channel, count: int, *, minutes: int, words: str) -> list[Message]:
    """Let somebody write *count* messages while the daemon is down for so long."""
    written = []
    for number in range(count):
        await trio.sleep(minutes * MINUTE_S / (count + 1))
        written.append(await person.says(channel, f"{words} {number}"))
    await trio.sleep(minutes * MINUTE_S / (count + 1))
    return written


@pytest.mark.parametrize("switches", [Switches(), STRICT, Switches(history_pages="forward", strict_history=True)])
async def test_half_an_hour_away(tmp_path: Path, autojump_clock: trio.testing.MockClock, switches: Switches) -> None:
    """Direct messages, a new customer, a thread that a mention opens and its replies, an edit: all but what is gone."""
    async with town(tmp_path, slack_switches=switches) as here:
        mia, leo, eve = (here.north.add_user(name=name) for name in ("Mia", "Leo", "Eve"))
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo, eve])
        bot = here.north.installation.bot
        root = await leo.says(support, f"<@{bot.id}> before")
        await mia.says(mia.dm(), "before")
        with trio.fail_after(SOON_S):
            await here.desk.heard("before", visitor=here.visitor(leo, support))
            await here.desk.heard("before", visitor=here.visitor(mia, mia.dm()))
        await trio.sleep(20 * MINUTE_S)
        await here.stop()
        for minute in range(10):
            await mia.says(mia.dm(), f"mia {minute}")
            await eve.says(eve.dm(), f"eve {minute}")
            await leo.says(support, f"leo {minute}", thread=root)
            await eve.says(support, f"aside {minute}", thread=root)
            await trio.sleep(MINUTE_S)
        changed = await mia.says(mia.dm(), "wrong")
        gone = await mia.says(mia.dm(), "never mind")
        asked = await eve.says(support, f"<@{bot.id}> eve asks")
        await trio.sleep(MINUTE_S)
        await mia.edits(changed, "right")
        await mia.deletes(gone)
        await eve.says(support, "more", thread=asked)
        await trio.sleep(19 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)

        at = f"{datetime.fromtimestamp(float(changed.ts), UTC):%Y-%m-%d %H:%M}"

        assert f"[补发 Late · {at} UTC]\nright" in [line.text for line in here.desk.everything_heard()]
        assert ["before", *(f"mia {minute}" for minute in range(10)), "right"] == heard(here, mia, mia.dm())
        assert [f"eve {minute}" for minute in range(10)] == heard(here, eve, eve.dm())
        assert ["before", *(f"leo {minute}" for minute in range(10))] == heard(here, leo, support)
        assert ["eve asks", "more"] == heard(here, eve, support)

        counts = here.statistics["backfill"]()

        assert 33 == counts.forwarded  # type: ignore[attr-defined]  # that group's class
        assert (0, 0) == (counts.unreadable, counts.to_read)  # type: ignore[attr-defined]  # as above


async def test_a_new_store_reads_nothing(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What was written before the daemon was ever started is not for the desk."""
    async with town(tmp_path, started=False) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "long before")
        await trio.sleep(HOUR_S)
        await here.start()
        await trio.sleep(MINUTE_S)
        await here.stop()
        await down(here, mia, mia.dm(), 1, minutes=30, words="while it was down")
        await here.start()
        await trio.sleep(HOUR_S)

        assert ["while it was down 0"] == heard(here, mia, mia.dm())

        await here.stop()


async def test_a_short_restart_reads_nothing(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What Slack repeats by itself costs no call of the history: neither after a start nor after some seconds away."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "before")
        await trio.sleep(20 * MINUTE_S + 50)
        await here.stop()
        await trio.sleep(20)
        await mia.says(mia.dm(), "meanwhile")
        await trio.sleep(20)
        await here.start()
        await trio.sleep(HOUR_S)

        assert ["before", "meanwhile"] == heard(here, mia, mia.dm())
        # The very first start asks where the app is.
        assert (0, 1) == (calls(here), calls(here, "users.conversations"))


async def test_a_restart_while_it_is_read(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A daemon that is stopped in the middle goes on where it was: no conversation is read twice."""
    async with town(tmp_path, slack_switches=STRICT) as here:
        people = [here.north.add_user(name=f"Person {number}") for number in range(8)]
        for person in people:
            await person.says(person.dm(), "before")
        await trio.sleep(20 * MINUTE_S)
        await here.stop()
        await trio.sleep(MINUTE_S)
        for person in people:
            await person.says(person.dm(), "meanwhile")
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(3.5 * MINUTE_S)
        await here.stop()
        some = sum("meanwhile" in heard(here, person, person.dm()) for person in people)
        await trio.sleep(10)
        await here.start()
        await trio.sleep(30 * MINUTE_S)

        assert 0 < some < len(people)
        assert [["before", "meanwhile"]] * len(people) == [heard(here, person, person.dm()) for person in people]

        answered = [call for call in here.slack.ledger.calls_of("conversations.history") if not call.error]
        channels = [call.arguments["channel"] for call in answered]

        assert len({*channels}) == len(channels) == len(people)


async def test_what_is_too_old_is_not_forwarded(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """After thirty hours what was written in the first six is left out; it is counted, and its writer is told."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "before")
        await trio.sleep(20 * MINUTE_S)
        await here.stop()
        written = await down(here, mia, mia.dm(), 29, minutes=30 * 60 + 20, words="hour")
        await here.start()
        await trio.sleep(HOUR_S)

        assert ["before", *(f"hour {number}" for number in range(6, 29))] == heard(here, mia, mia.dm())

        counts = here.statistics["backfill"]()

        assert (23, 6) == (counts.forwarded, counts.skipped_too_old)  # type: ignore[attr-defined]  # that group's class
        assert [True] * 6 + [False] * 23 == ["warning" in message.reactions for message in written]

        await here.stop()
        await trio.sleep(HOUR_S)
        await here.start()
        await trio.sleep(HOUR_S)
        counts = here.statistics["backfill"]()

        assert (0, 0) == (counts.forwarded, counts.skipped_too_old)  # type: ignore[attr-defined]  # as above


async def test_an_edit_that_was_read(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Words that were read as edited are the edit too: should its event come yet, it is a duplicate."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await here.stop()
        message = await mia.says(mia.dm(), "wrong")
        await trio.sleep(MINUTE_S)
        await mia.edits(message, "right")
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        with trio.fail_after(SOON_S):
            await here.desk.heard()
        await here.stop()
        await here.start()
        (edit,) = [each for each in here.slack.ledger.parcels if each.event.get("subtype") == "message_changed"]
        here.slack.send("events_api", edit.payload)
        await trio.sleep(MINUTE_S)
        ignored = here.statistics["intake"]().ignored  # type: ignore[attr-defined]  # that group's class

        assert ["right"] == heard(here, mia, mia.dm())
        assert (1, 0) == (ignored["duplicate"], ignored["edit_not_carried"])


async def test_threads_that_began_long_ago(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Replies in a thread whose root is older than what is read are found where the thread is remembered."""
    async with town(tmp_path) as here:
        mia, leo = here.north.add_user(name="Mia"), here.north.add_user(name="Leo")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo])
        asked = await leo.says(support, f"<@{here.north.installation.bot.id}> asked")
        pane = await mia.says(mia.dm(), "new chat")
        await mia.says(mia.dm(), "in the pane", thread=pane)
        await trio.sleep(5 * HOUR_S)
        await here.stop()
        await leo.says(support, "still the same thing", thread=asked)
        await mia.says(mia.dm(), "in the pane again", thread=pane)
        await trio.sleep(HOUR_S)
        await here.start()
        await trio.sleep(MINUTE_S)

        assert ["asked", "still the same thing"] == heard(here, leo, support)
        assert ["new chat", "in the pane", "in the pane again"] == heard(here, mia, mia.dm())


async def test_words_before_their_mention_stay_private(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What was written in a thread shortly before it was opened was not for the desk, and is not when it is read."""
    async with town(tmp_path) as here:
        leo, eve = here.north.add_user(name="Leo"), here.north.add_user(name="Eve")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo, eve])
        root = await eve.says(support, "it is broken")
        await leo.says(support, "private", thread=root)
        await trio.sleep(5)
        await leo.says(support, f"<@{here.north.installation.bot.id}> help", thread=root)
        with trio.fail_after(SOON_S):
            await here.desk.heard("help")
        await here.stop()
        await leo.says(support, "please", thread=root)
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)

        assert ["help", "please"] == heard(here, leo, support)
        assert [] == heard(here, eve, support)


async def test_words_before_the_end_of_their_session(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A service session that was closed meanwhile ends its thread for what was written later, not before."""
    async with town(tmp_path) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo])
        asked = await leo.says(support, f"<@{here.north.installation.bot.id}> asked")
        with trio.fail_after(SOON_S):
            await here.desk.heard("asked")
        here.desk.answers(here.visitor(leo, support), "hello")
        with trio.fail_after(SOON_S):
            await here.slack.posted(1)
        await here.stop()
        await leo.says(support, "one more thing", thread=asked)
        await trio.sleep(10 * MINUTE_S)
        here.desk.closes(here.visitor(leo, support))
        await trio.sleep(10 * MINUTE_S)
        await leo.says(support, "among ourselves", thread=asked)
        await trio.sleep(10 * MINUTE_S)
        here.slack.faults.web.latency_s = 20.0
        await here.start()
        await trio.sleep(HOUR_S)

        assert ["asked", "one more thing"] == heard(here, leo, support)


@pytest.mark.parametrize("channels", ["mention", "all"])
async def test_let_in_meanwhile(tmp_path: Path, autojump_clock: trio.testing.MockClock, channels: ChannelsMode) -> None:
    """In a channel that the app was let into meanwhile only what was written since is ours, and the calling mention."""
    async with town(tmp_path, channels=channels) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo], with_app=False)
        bot = here.north.installation.bot
        await trio.sleep(20 * MINUTE_S)
        await here.stop()
        await leo.says(support, "before the app")
        await trio.sleep(MINUTE_S)
        await leo.says(support, f"<@{bot.id}> come here")
        await leo.invites_app(support)
        await trio.sleep(MINUTE_S)
        await leo.says(support, "after it")
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)

        assert ["come here", *(["after it"] if channels == "all" else [])] == heard(here, leo, support)


async def test_two_installations_in_one_channel(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """In a channel that two workspaces with the app share, what came or was read by either is recognised."""
    switches = Switches(authorization="random")
    async with town(tmp_path, slack_switches=switches, started=False, channels="all") as here:
        south = add_south(here)
        leo = here.north.add_user(name="Leo")
        joint = here.north.add_channel("C0JOINT001", name="joint", members=[leo], shared_with=[south])
        await here.start()
        await trio.sleep(20 * MINUTE_S)
        for number in range(6):
            await leo.says(joint, f"live {number}")
            await trio.sleep(10)
        await here.stop()
        for number in range(6):
            await leo.says(joint, f"later {number}")
            await trio.sleep(10)
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)

        assert [f"{words} {number}" for words in ("live", "later") for number in range(6)] == heard(here, leo, joint)

        counts = here.statistics["backfill"]()

        # Each of twelve was found twice.
        assert (6, 6) == (counts.forwarded, counts.known)  # type: ignore[attr-defined]  # that group's class

        await here.stop()


async def test_mentions_of_two_bots_in_one_channel(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """In such a channel a mention of either bot is found by its own installation, and arrives once."""
    async with town(tmp_path, started=False) as here:
        south = add_south(here)
        leo = here.north.add_user(name="Leo")
        joint = here.north.add_channel("C0JOINT001", name="joint", members=[leo], shared_with=[south])
        await here.start()
        await trio.sleep(20 * MINUTE_S)
        await here.stop()
        await leo.says(joint, f"<@{here.north.installation.bot.id}> north")
        await leo.says(joint, f"<@{south.installation.bot.id}> south")
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)

        assert ["north", "south"] == sorted(heard(here, leo, joint))

        await here.stop()


async def test_what_ghosts_have_got(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What Slack gave to dead connections for all of its tries is read when it has given up."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "before")
        await trio.sleep(MINUTE_S)
        here.slack.faults.link.ghost_life_s = 600.0
        for _ in range(3):
            for _, line in here.network.lines:
                line.reset()
            await trio.sleep(5)
        written = [await mia.says(mia.dm(), f"message {number}") for number in range(30)]
        await trio.sleep(2 * HOUR_S)
        given_up = [parcel for parcel in here.slack.ledger.parcels if not parcel.acknowledged]

        assert given_up
        assert sorted(["before", *(message.text for message in written)]) == sorted(heard(here, mia, mia.dm()))


@pytest.mark.parametrize("hours", [-8, 8])
async def test_a_machine_with_a_wrong_clock(tmp_path: Path, autojump_clock: trio.testing.MockClock, hours: int) -> None:
    """Whatever this machine's clock shows, what was missed is found, once."""
    async with town(tmp_path, started=False) as here:
        wall = here.world.wall
        here.world = replace(here.world, wall=lambda: wall() + hours * HOUR_S)
        await here.start()
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "before")
        await trio.sleep(20 * MINUTE_S)
        await here.stop()
        await down(here, mia, mia.dm(), 3, minutes=40, words="meanwhile")
        await here.start()
        await trio.sleep(HOUR_S)

        assert ["before", *(f"meanwhile {number}" for number in range(3))] == heard(here, mia, mia.dm())

        await here.stop()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_life_goes_on_while_it_is_read(tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int) -> None:
    """What people write while the history is read slowly is theirs once, like what is read; links break meanwhile."""
    async with town(tmp_path, seed=seed, slack_switches=STRICT) as here:
        people = [here.north.add_user(name=f"Person {number}") for number in range(6)]
        texts: dict[str, list[str]] = {person.id: [] for person in people}

        async def write(words: str) -> None:
            for person in people:
                texts[person.id].append(f"{words} of {person.name}")
                await person.says(person.dm(), texts[person.id][-1])

        await write("before")
        await trio.sleep(20 * MINUTE_S)
        await here.stop()
        for number in range(20):
            await write(f"missed {number}")
            await trio.sleep(MINUTE_S)
        await here.start()
        for number in range(40):
            await write(f"live {number}")
            if number % 7 == 3:
                for _, line in here.network.lines:
                    line.reset()
            await trio.sleep(20)
        await trio.sleep(2 * HOUR_S)

        for person in people:
            assert sorted(texts[person.id]) == sorted(heard(here, person, person.dm()))
            missed = [text for text in heard(here, person, person.dm()) if text.startswith("missed")]
            early = [text for text in texts[person.id] if text.startswith("missed")][:13]
            assert early == [text for text in missed if text in early]


async def test_many_messages_in_one_conversation(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """More than is held at a time is read in several goes, in order, threads included."""
    async with town(tmp_path, channels="all") as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo])
        await leo.says(support, "before")
        await trio.sleep(20 * MINUTE_S)
        await here.stop()
        root = await leo.says(support, "root")
        texts = ["before", "root"]
        for number in range(1200):
            texts.append(f"message {number}")
            await leo.says(support, texts[-1])
            if number % 100 == 0:
                texts.append(f"reply {number}")
                await leo.says(support, texts[-1], thread=root)
            await trio.sleep(1)
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)

        assert texts == heard(here, leo, support)


async def test_older_threads_of_a_direct_message(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Words in a thread that the visitor has left since are found, as well as those outside of it."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        root = await mia.says(mia.dm(), "one")
        await mia.says(mia.dm(), "two", thread=root)
        await mia.says(mia.dm(), "three")
        await trio.sleep(20 * MINUTE_S)
        await here.stop()
        await mia.says(mia.dm(), "four", thread=root)
        await mia.says(mia.dm(), "five")
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)

        assert ["one", "two", "three", "four", "five"] == heard(here, mia, mia.dm())


@pytest.mark.parametrize("is_restarted", [True, False])
async def test_a_reply_that_comes_before_its_mention(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, is_restarted: bool
) -> None:
    """Where the mention comes by a repeat, what came before it in its thread is read from the history."""
    async with town(tmp_path) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo])
        await trio.sleep(20 * MINUTE_S)
        if is_restarted:
            await here.stop()
        else:
            for link in here.slack.links:
                here.slack.deafen(link)
        root = await leo.says(support, f"<@{here.north.installation.bot.id}> one")
        await trio.sleep(4)
        if is_restarted:
            await here.start()
        else:
            here.slack.refresh()
            await trio.sleep(SOON_S)
        await leo.says(support, "two", thread=root)
        await trio.sleep(HOUR_S)

        assert ["one", "two"] == heard(here, leo, support)


async def test_a_history_that_is_shut_for_a_day(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What arrived while it was shut is known when it is read at last: nobody is told, and nothing comes twice."""
    async with town(tmp_path) as here:
        mia, leo = here.north.add_user(name="Mia"), here.north.add_user(name="Leo")
        await mia.says(mia.dm(), "hello")
        await here.desk.heard("hello")
        await here.stop()
        await trio.sleep(1800)
        here.slack.faults.web.storm("users.conversations", Refusal("not_authed"))
        await here.start()
        await mia.says(mia.dm(), "anybody there?")
        for hour in range(27):
            await leo.says(leo.dm(), f"hour {hour}")
            await trio.sleep(3600)
        here.slack.faults.web.clear()
        await trio.sleep(600)
        count = here.statistics["backfill"]()

        assert (0, 0) == (count.skipped_too_old, count.forwarded)  # type: ignore[attr-defined]  # that group's class
        assert 0 == here.statistics["telling"]().told_possibly  # type: ignore[attr-defined]  # that group's class
