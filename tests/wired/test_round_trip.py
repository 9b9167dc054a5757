"""Words cross the bridge both ways, to the right person and the right place, and nothing else does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from slackkefu.demo.desk import DeskSwitches
from slackkefu.demo.slack.model import ChannelKind
from tests.facts import load
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.testing import LogCapture

SOON_S = 30.0


async def test_a_direct_message_and_its_answer(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What a customer writes to the app appears at the desk under their name; the answer comes back to them."""
    async with town(tmp_path) as here:
        mia = here.north.add_user("U0MIA00001", name="Mia")
        dm = mia.dm("D0MIA00001")
        await mia.says(dm, "where is my order?")
        with trio.fail_after(SOON_S):
            heard = await here.desk.heard("where is my order?")

        assert "t0north001_u0mia00001_d0mia00001" == heard.visitor
        assert {"userNickname": "Mia", "companyName": "North"}.items() <= heard.card.items()
        assert heard.weichat["msg_id_for_ack"]

        here.desk.answers(heard.visitor, "on its way")
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert ("on its way", dm.id, None) == (post.text, post.channel.id, post.thread)
        assert here.north.installation is post.installation

        with trio.fail_after(SOON_S):
            await here.slack.acknowledged()


async def test_two_customers_and_an_agent(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """One customer in a direct message and one in a channel hold separate conversations with the agent."""
    async with town(tmp_path) as here:
        mia = here.north.add_user("U0MIA00001", name="Mia")
        leo = here.north.add_user("U0LEO00001", name="Leo")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[mia, leo])
        dm = mia.dm()
        bot = here.north.installation.bot
        await mia.says(dm, "one espresso")
        question = await leo.says(support, f"<@{bot.id}> one latte")
        with trio.fail_after(SOON_S):
            await here.desk.heard("one espresso", visitor=here.visitor(mia, dm))
            await here.desk.heard("one latte", visitor=here.visitor(leo, support))
        here.desk.answers(here.visitor(leo, support), "latte is ready")
        here.desk.answers(here.visitor(mia, dm), "espresso is ready")
        with trio.fail_after(SOON_S):
            posts = {post.text: post for post in await here.slack.posted(2)}

        assert (support.id, question.ts) == (posts["latte is ready"].channel.id, posts["latte is ready"].thread)
        assert (dm.id, None) == (posts["espresso is ready"].channel.id, posts["espresso is ready"].thread)


async def test_a_mention_opens_its_thread(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """After a mention its visitor's words in that thread pass without another, until the desk closes; others' never."""
    async with town(tmp_path) as here:
        leo = here.north.add_user("U0LEO00001", name="Leo")
        eve = here.north.add_user("U0EVE00001", name="Eve")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo, eve])
        visitor = here.visitor(leo, support)
        root = await leo.says(support, f"<@{here.north.installation.bot.id}> hello")
        # At once, before the first is at the desk: the thread is open from the moment of the mention.
        await leo.says(support, "my second line", thread=root)
        await eve.says(support, "I only talk to Leo", thread=root)
        await leo.says(support, "outside of the thread")
        with trio.fail_after(SOON_S):
            await here.desk.heard("my second line", visitor=visitor)
            await here.slack.acknowledged()

        assert ["hello", "my second line"] == [line.text for line in here.desk.everything_heard()]

        here.desk.answers(visitor, "goodbye")
        here.desk.closes(visitor)
        with trio.fail_after(SOON_S):
            await here.slack.posted(1)
        await trio.sleep(5)
        await leo.says(support, "talking among ourselves", thread=root)
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged()

        assert ["hello", "my second line"] == [line.text for line in here.desk.everything_heard()]


async def test_two_mentions_open_two_threads(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A mention elsewhere leaves the first thread open, and an answer goes to where the visitor wrote last."""
    async with town(tmp_path) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel(name="support", members=[leo])
        bot = here.north.installation.bot
        first = await leo.says(support, f"<@{bot.id}> one")
        await leo.says(support, f"<@{bot.id}> two")
        await leo.says(support, "three, in the first thread", thread=first)
        with trio.fail_after(SOON_S):
            await here.desk.heard("three, in the first thread")
        here.desk.answers(here.visitor(leo, support), "answer")
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert first.ts == post.thread


@pytest.mark.parametrize(
    ("channels", "kind", "passes"),
    [
        ("all", ChannelKind.PUBLIC, True),
        ("all", ChannelKind.PRIVATE, True),
        ("mention", ChannelKind.PUBLIC, False),
        ("mention", ChannelKind.MPIM, False),
        ("off", ChannelKind.PUBLIC, False),
    ],
)
async def test_channels(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, channels: Any, kind: ChannelKind, *, passes: bool
) -> None:
    """``slack.channels`` decides what of members' messages leaves Slack; everything is acknowledged."""
    async with town(tmp_path, channels=channels) as here:
        leo = here.north.add_user("U0LEO00001", name="Leo")
        channel = here.north.add_channel(name="somewhere", kind=kind, members=[leo])
        await leo.says(channel, "hello")
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged()
        await trio.sleep(5)

        assert passes is bool(here.desk.everything_heard())


async def test_no_loops(tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """Our own posts come back as events and go nowhere; a closing text is not answered, so no session is opened."""
    async with town(tmp_path, desk_switches=DeskSwitches(greeting="welcome", farewell="goodbye")) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        visitor = here.visitor(mia, dm)
        await mia.says(dm, "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.desk.answers(visitor, "hi")
        here.desk.closes(visitor)
        with trio.fail_after(SOON_S):
            posts = await here.slack.posted(3)
            await here.slack.acknowledged()
        await trio.sleep(600)

        assert ["welcome", "hi", "goodbye"] == [post.text for post in posts]
        assert 3 == len(here.slack.ledger.posts)
        assert ["hello"] == [line.text for line in here.desk.everything_heard()]
        assert 1 == here.desk.conversation(visitor).sessions
        assert 3 == sum(entry.get("reason") == "own_message" for entry in log.entries)


async def test_another_bot_is_nobody(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Another integration's post is not a customer's, even where everything is for the desk."""
    async with town(tmp_path, channels="all") as here:
        channel = here.north.add_channel(name="builds")
        await here.north.other_bot_posts(channel, "build passed")
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged()
        await trio.sleep(5)

        assert not here.desk.everything_heard()


async def test_nothing_an_agent_writes_can_ping(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Slack's control sequences in an agent's text are shown as text."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        await mia.says(dm, "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.desk.answers(here.visitor(mia, dm), "<!channel> @here <@U0MIA00001> a < b && c > d")
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert () == post.rings
        assert "<!channel> @here <@U0MIA00001> a < b && c > d" == post.shown


async def test_a_long_message_arrives_whole_and_in_order(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """A text too long for one IM message comes as ordered parts, none over the limit."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        words = " ".join(f"{number}你好🙂" for number in range(900))
        await mia.says(mia.dm(), words)
        with trio.fail_after(SOON_S):
            await here.desk.heard(count=2)
            await here.slack.acknowledged()
        await trio.sleep(5)
        parts = [line.text for line in here.desk.everything_heard()]

        assert words == " ".join(parts)
        assert all(len(part.encode()) <= 2000 for part in parts)


async def test_an_unknown_thread_is_answered_in_private(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Where no thread is known, an answer to a channel's visitor goes to them alone, and names the channel."""
    async with town(tmp_path) as here:
        leo = here.north.add_user("U0LEO00001", name="Leo")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo])
        await leo.says(support, f"<@{here.north.installation.bot.id}> hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
            await here.slack.acknowledged()
        await here.stop()
        (record,) = (tmp_path / "store" / "visitors").glob("*.json")
        known = json.loads(record.read_text())
        del known["thread_ts"]
        record.write_text(json.dumps(known))
        here.desk.answers(here.visitor(leo, support), "here I am")
        await here.start()
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert ("<#C0SUPPORT1> here I am", leo.dm().id, None) == (post.text, post.channel.id, post.thread)


async def test_everything_is_acknowledged_within_three_seconds(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """Unknown frames, unknown events, commands, clicks and words alike: each envelope is acknowledged in time."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        for number in range(20):
            await mia.says(mia.dm(), f"message {number}")
        here.slack.send("events_api", {"type": "event_callback", "event": {"type": "brand_new"}, "event_id": "Ev1"})
        here.slack.send("events_api", {"type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": 1})
        here.slack.send("events_api", {"event": None})
        here.slack.send("slash_commands", {"command": "/kefu"}, accepts_answer=True)
        here.slack.send("interactive", {"type": "block_actions"})
        here.slack.send("never_heard_of", {})
        here.slack.send_frame({"type": "news"})
        here.slack.send_frame("not json")
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged()

        times = [parcel.acknowledged_after_s for parcel in here.slack.ledger.parcels]
        assert all(time is not None and time < 3.0 for time in times)


LOOPS = {
    "06-own-message": "own_message",
    "07-own-message-customised": "own_message",
    "08-other-bot": "other_bot",
    "17-channel-join": "system_message",
}


@pytest.mark.parametrize("name", LOOPS)
async def test_loop_samples(tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture, name: str) -> None:
    """Each loop sample is acknowledged in time and ignored, with its reason in the log."""
    async with town(tmp_path, channels="all") as here:
        envelope = load(f"slack-samples/{name}.json")["envelope"]
        payload = json.loads(
            json.dumps(envelope["payload"])
            .replace("U0NORTHBOT", here.north.installation.bot.id)
            .replace("B0NORTHBOT", here.north.installation.bot_id)
        )
        parcel = here.slack.send("events_api", payload)
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged(parcel)
        await trio.sleep(5)

        assert [LOOPS[name]] == [entry["reason"] for entry in log.entries if entry["event"] == "slack.ignored"]
        assert not here.desk.everything_heard()
        assert (parcel.acknowledged_after_s or 0) < 3


async def test_a_service_number_that_is_nobody(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """Easemob takes messages to anybody, so a wrong service number is said at the start; a right one is not."""
    async with town(tmp_path) as here:
        right = [entry["event"] for entry in log.entries]
        await here.stop()
        here.config = replace(here.config, kefu=replace(here.config.kefu, service_number="nobody_there"))
        await here.start()

        assert "easemob.no_service_number" not in right
        assert "easemob.no_service_number" in [entry["event"] for entry in log.entries]
