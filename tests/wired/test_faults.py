"""Cut links, silence and refusals: words arrive once, and nothing is acknowledged that was not accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.demo.easemob import Switches
from slackkefu.demo.slack import Late, Status, TooMany
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.desk.desk import Heard

SOON_S = 30.0
LATER_S = 600.0


async def test_what_easemob_has_not_accepted_is_on_disk_when_acknowledged(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """While Easemob is silent a message goes to the spill, and is acknowledged within Slack's time; it arrives once."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "first")
        with trio.fail_after(SOON_S):
            await here.desk.heard("first")
            await here.slack.acknowledged()
        here.easemob.faults.black_hole = True
        message = await mia.says(mia.dm(), "into the silence")
        await trio.sleep(30)
        (parcel,) = [each for each in here.slack.ledger.parcels if each.is_about(message)]

        assert parcel.acknowledged
        assert [1.5] == [round(parcel.acknowledged_after_s or 0.0, 1)]
        assert [each for each in (tmp_path / "store" / "spill").iterdir() if b"into the silence" in each.read_bytes()]

        here.easemob.faults.black_hole = False
        with trio.fail_after(LATER_S):
            await here.desk.heard("into the silence")
        await trio.sleep(3600)

        assert not [each for each in (tmp_path / "store" / "spill").iterdir() if b"silence" in each.read_bytes()]
        assert ["first", "into the silence"] == [line.text for line in here.desk.everything_heard()]


async def test_a_retry_is_never_dropped_for_being_one(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What was written while no connection was open comes as a retry only, and is delivered (facts/slack.md §2)."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        await here.stop()
        await mia.says(dm, "is anybody there?")
        await here.start()
        with trio.fail_after(LATER_S):
            heard = await here.desk.heard()
            await here.slack.acknowledged()

        assert "is anybody there?" == words(heard)


def words(line: Heard) -> str:
    """Return a message without the line that says when it was written."""
    return line.text.split("\n")[-1]


@pytest.mark.parametrize("restarts", [False, True])
async def test_what_slack_repeats_takes_its_place(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, *, restarts: bool
) -> None:
    """While later words of a visitor still wait for Easemob, earlier ones that only a repeat brings go before them."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "zero")
        with trio.fail_after(SOON_S):
            await here.desk.heard("zero")
        here.easemob.faults.black_hole = True
        await mia.says(mia.dm(), "one")
        await trio.sleep(5)
        lines = here.network.open_lines("wss-primary.slack.com")
        for line in lines:
            line.black_hole()
        repeated = await mia.says(mia.dm(), "two")
        await trio.sleep(10)
        for line in lines:
            line.reset()
        await here.slack.connected()
        await mia.says(mia.dm(), "three")
        await mia.says(mia.dm(), "four")
        with trio.fail_after(LATER_S):
            await here.slack.until(lambda: all(each.acknowledged for each in here.slack.ledger.of(repeated)))
        if restarts:
            await here.stop()
            await here.start()
        here.easemob.faults.black_hole = False
        with trio.fail_after(LATER_S):
            await here.desk.heard(count=5)

        assert ["zero", "one", "two", "three", "four"] == [words(line) for line in here.desk.everything_heard()]


async def test_changes_of_connection_lose_nothing(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """While Slack replaces its connections again and again, every message arrives once and in order."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        for number in range(40):
            await mia.says(dm, f"message {number}")
            if number % 10 == 5:
                here.slack.refresh()
            await trio.sleep(7)
        with trio.fail_after(LATER_S):
            await here.desk.heard("message 39")
            await here.slack.acknowledged()

        assert [f"message {number}" for number in range(40)] == [line.text for line in here.desk.everything_heard()]


async def test_cut_links_lose_nothing(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Every few messages all links are cut, without a close frame; each message still arrives once, both ways."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        visitor = here.visitor(mia, dm)
        for number in range(12):
            await mia.says(dm, f"question {number}")
            here.desk.answers(visitor, f"answer {number}")
            if number % 3 == 1:
                await trio.sleep(0.01)
                for _, line in here.network.lines:
                    line.reset()
            await trio.sleep(20)
        with trio.fail_after(LATER_S):
            await here.desk.heard("question 11")
            await here.slack.until(lambda: "answer 11" in [post.text for post in here.slack.ledger.posts])
        await trio.sleep(LATER_S)
        heard = [line.text for line in here.desk.everything_heard()]
        answers = [post.text for post in here.slack.ledger.posts]

        assert sorted(heard) == sorted(f"question {number}" for number in range(12))
        assert [f"answer {number}" for number in range(12)] == answers


async def test_lost_acknowledgements_double_nothing(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """When Easemob's acknowledgements get lost the message is sent again under its id, and recognised."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "first")
        with trio.fail_after(SOON_S):
            await here.desk.heard("first")
        here.easemob.faults.lost_acknowledgements = 2
        await mia.says(mia.dm(), "second")
        await mia.says(mia.dm(), "third")
        with trio.fail_after(LATER_S):
            await here.desk.heard("third")
            await here.slack.settled()

        assert ["first", "second", "third"] == [line.text for line in here.desk.everything_heard()]


async def test_a_batch_waits_until_slack_has_taken_it(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """While Slack takes no posts the answers stay at Easemob, unacknowledged; then they arrive in order."""
    async with town(tmp_path, switches=Switches(page_size=2)) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        await mia.says(dm, "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.slack.faults.web.next("chat.postMessage", Status(503), times=4)
        here.slack.faults.web.next("chat.postMessage", TooMany(retry_after_s=20), times=2)
        for number in range(5):
            here.desk.answers(here.visitor(mia, dm), f"answer {number}")
        with trio.fail_after(LATER_S):
            posts = await here.slack.posted(5)

        assert [f"answer {number}" for number in range(5)] == [post.text for post in posts]


async def test_a_refused_channel_is_answered_in_private(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """When the channel was archived, the answer goes to the visitor alone."""
    async with town(tmp_path) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo])
        await leo.says(support, f"<@{here.north.installation.bot.id}> hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        support.archived = True
        here.desk.answers(here.visitor(leo, support), "here I am")
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert (leo.dm().id, "<#C0SUPPORT1> here I am") == (post.channel.id, post.text)


async def test_a_slow_visitor_delays_no_other(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A visitor whose login hangs does not hold up another's words."""
    async with town(tmp_path) as here:
        mia, leo = here.north.add_user(name="Mia"), here.north.add_user(name="Leo")
        here.easemob.faults.refuse_login(8, user=here.visitor(mia, mia.dm()), times=3)
        await mia.says(mia.dm(), "patience")
        await leo.says(leo.dm(), "quick")
        with trio.fail_after(3):
            await here.desk.heard("quick")
        with trio.fail_after(LATER_S):
            await here.desk.heard("patience")


async def test_no_message_waits_long_for_a_name(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A name that Slack does not tell at once is left out: the words go with the id, the next ones with the name."""
    async with town(tmp_path) as here:
        mia = here.north.add_user("U0MIA00001", name="Mia")
        await here.slack.connected()
        here.slack.faults.web.next("users.info", Late(delay_s=5.0))
        begun = trio.current_time()
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            heard = await here.desk.heard("hello")

        assert "U0MIA00001" == heard.card["userNickname"]
        assert trio.current_time() - begun < 1

        await trio.sleep(10)
        await mia.says(mia.dm(), "again")
        with trio.fail_after(SOON_S):
            heard = await here.desk.heard("again")

        assert "Mia" == heard.card["userNickname"]


async def test_room_for_one(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """With room for one session, visitors take turns; an answer to one that was let go still arrives."""
    async with town(tmp_path, max_sessions=1) as here:
        people = [here.north.add_user(name=name) for name in ("Mia", "Leo", "Eve")]
        for person in people:
            await person.says(person.dm(), f"hello from {person.name}")
            with trio.fail_after(LATER_S):
                await here.desk.heard(f"hello from {person.name}")
            here.desk.answers(here.visitor(person, person.dm()), f"hi {person.name}")
            here.desk.closes(here.visitor(person, person.dm()))
        with trio.fail_after(3600):
            posts = await here.slack.posted(3)

        assert {"hi Mia", "hi Leo", "hi Eve"} == {post.text for post in posts}


async def test_an_uninstalled_workspace_is_forgotten(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """After the app was removed from a workspace only that installation is gone."""
    async with town(tmp_path) as here:
        await here.north.uninstalls()
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged()
        await trio.sleep(1)

        assert not list((tmp_path / "store" / "installations").glob("*.json"))


async def test_a_link_lost_in_mid_post_doubles_nothing(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """An answer that is being posted when its visitor's link is lost is posted once: the batch brought again joins."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.slack.faults.web.next("chat.postMessage", Late(delay_s=5.0))
        for number in range(3):
            here.desk.answers(here.visitor(mia, mia.dm()), f"answer {number}")
        with trio.fail_after(SOON_S):
            await here.slack.posted(1)
        here.easemob.cut()
        await trio.sleep(LATER_S)

        assert [f"answer {number}" for number in range(3)] == [post.text for post in here.slack.ledger.posts]
