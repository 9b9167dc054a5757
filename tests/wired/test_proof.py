"""What Easemob accepted and the desk never got is found by the missing confirmation, sent again, and heard once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.bridge.proof.proof import PROOF_S, ProofStatistics
from slackkefu.demo.desk import DeskSwitches
from slackkefu.demo.easemob import Switches
from slackkefu.demo.slack import Status, TooMany
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.testing import LogCapture

    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.model import Channel, Message
    from tests.wired.town import Town

SOON_S = 30.0
LATER_S = 600.0


def proof(here: Town) -> ProofStatistics:
    """Return the daemon's own count."""
    statistics = here.statistics["proof"]()
    assert isinstance(statistics, ProofStatistics)
    return statistics


def heard(here: Town) -> list[str]:
    """Return what the desk has heard, in order, without the line that says when it was written."""
    return [line.text.rpartition("\n")[2] for line in here.desk.everything_heard()]


async def arrives(here: Town, text: str, *, within_s: float = LATER_S) -> None:
    """Wait until the desk has heard something."""
    with trio.fail_after(within_s):
        while text not in heard(here):
            await here.desk.change()


async def acquainted(here: Town, name: str = "Mia") -> tuple[Person, Channel]:
    """Let somebody say hello, which the desk confirms: now it is known to do so."""
    person = here.north.add_user(name=name)
    await person.says(person.dm(), f"hello from {name}")
    await arrives(here, f"hello from {name}", within_s=SOON_S)
    await trio.sleep(1)
    return person, person.dm()


async def lose(here: Town, person: Person, channel: Channel, text: str, *, times: int = 1) -> Message:
    """Let somebody write what is lost behind Easemob."""
    here.desk.faults.lose(text, times=times)
    message = await person.says(channel, text)
    with trio.fail_after(SOON_S):
        await here.slack.acknowledged()
    return message


@pytest.mark.parametrize("repeated_id", ["recognised", "new message"])
async def test_a_message_lost_behind_easemob_is_heard_once(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, repeated_id: str
) -> None:
    """It is sent again under a new IM id and the same mark, soon after its time is over, with the same words."""
    async with town(tmp_path, switches=Switches(repeated_id=repeated_id)) as here:  # type: ignore[arg-type]  # one of the two
        mia, dm = await acquainted(here)
        begun = trio.current_time()
        await lose(here, mia, dm, "where is my <order> & bill?")
        await arrives(here, "where is my <order> & bill?")
        took = trio.current_time() - begun
        await trio.sleep(LATER_S)

        assert PROOF_S <= took < PROOF_S + 5
        assert ["hello from Mia", "where is my <order> & bill?"] == heard(here)
        assert (1, 0, 0) == (proof(here).resent, proof(here).told, proof(here).awaiting)
        assert "Mia" == here.desk.everything_heard()[-1].card["userNickname"]


async def test_a_message_lost_in_a_channel_is_read_in_its_thread(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """A reply is found in its thread, the mention that opened it in the channel."""
    async with town(tmp_path) as here:
        await acquainted(here)
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo])
        here.desk.faults.lost_messages = 2
        root = await leo.says(support, f"<@{here.north.installation.bot.id}> printer on fire")
        await leo.says(support, "still burning", thread=root)
        await arrives(here, "still burning")

        assert ["printer on fire", "still burning"] == heard(here)[1:]


async def test_a_desk_that_never_confirms(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Nothing is sent again, also not what was lost: nobody could know."""
    async with town(tmp_path, lost=1, desk_switches=DeskSwitches(acknowledges=False)) as here:
        mia, dm = await acquainted(here)
        for number in range(20):
            await mia.says(dm, f"question {number}")
        await lose(here, mia, dm, "lost")
        await trio.sleep(2 * 3600)
        await mia.says(dm, "bye")
        await arrives(here, "bye", within_s=SOON_S)
        await trio.sleep(LATER_S)

        assert ["hello from Mia", *(f"question {number}" for number in range(20)), "bye"] == heard(here)
        assert (0, 0, 1) == (proof(here).resent, proof(here).learnt, proof(here).awaiting)


async def test_what_was_lost_before_the_first_confirmation(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """The first message of all is judged as soon as the desk confirms another one, of whomever."""
    async with town(tmp_path) as here:
        leo = here.north.add_user(name="Leo")
        await lose(here, leo, leo.dm(), "am I first?")
        await trio.sleep(LATER_S)
        await acquainted(here)
        await arrives(here, "am I first?", within_s=SOON_S + PROOF_S)


async def test_a_late_confirmation(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """One that comes within its time is as good as any: nothing is sent again."""
    async with town(tmp_path) as here:
        mia, dm = await acquainted(here)
        here.desk.faults.holds_acknowledgements = True
        await mia.says(dm, "slow")
        await trio.sleep(PROOF_S - 5)
        here.desk.catches_up()
        await trio.sleep(LATER_S)

        assert (2, 0, 0) == (proof(here).confirmed, proof(here).resent, proof(here).awaiting)
        assert ["hello from Mia", "slow"] == heard(here)


async def test_a_confirmation_after_its_time(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What is sent again for nothing is recognised by its mark, and heard once; nobody is told."""
    async with town(tmp_path) as here:
        mia, dm = await acquainted(here)
        here.desk.faults.holds_acknowledgements = True
        await mia.says(dm, "slow")
        await trio.sleep(PROOF_S + 5)
        here.desk.catches_up()
        await trio.sleep(LATER_S)

        assert (2, 1, 0) == (proof(here).confirmed, proof(here).resent, proof(here).told)
        assert (["hello from Mia", "slow"], 1) == (heard(here), here.desk.repeats)


async def test_a_lost_notice(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A confirmation that waits at Easemob unannounced is asked for before anything is sent again."""
    async with town(tmp_path, desk_switches=DeskSwitches(events="none")) as here:
        mia, dm = await acquainted(here)
        here.easemob.faults.lost_notices = 1
        begun = trio.current_time()
        await mia.says(dm, "quiet")
        await here.slack.until(lambda: proof(here).confirmed == 2 or trio.current_time() > begun + LATER_S)
        await trio.sleep(LATER_S)

        assert (2, 0, 0) == (proof(here).confirmed, proof(here).resent, here.easemob.faults.lost_notices)
        assert ["hello from Mia", "quiet"] == heard(here)


async def test_what_was_overtaken_says_when_it_was_written(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """A message that is sent again after a later one has left is late, and is marked so."""
    async with town(tmp_path) as here:
        await acquainted(here)
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo])
        here.desk.faults.lost_messages = 1
        root = await leo.says(support, f"<@{here.north.installation.bot.id}> first")
        await leo.says(support, "second", thread=root)
        await arrives(here, "first")
        *_, second, first = here.desk.everything_heard()

        assert "second" == second.text
        assert first.text.startswith("[补发 Late · 2025-10-09")


async def test_lost_twice(tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """What is not confirmed the second time either is possibly lost: its writer is told, once, also over a restart."""
    async with town(tmp_path) as here:
        mia, dm = await acquainted(here)
        message = await lose(here, mia, dm, "unlucky", times=2)
        await mia.says(dm, "next")
        await trio.sleep(LATER_S)
        counts = proof(here)
        await here.stop()
        await here.start()
        await trio.sleep(LATER_S)
        (note,) = [post for post in here.slack.ledger.posts if post.ephemeral_to]

        assert "可能没有送达客服" in note.text
        assert [here.north.installation.bot.id] == message.reactions["warning"]
        assert (1, 1, 0) == (counts.resent, counts.told, counts.awaiting)
        assert ["hello from Mia", "next"] == heard(here)
        assert ["not_confirmed"] == [entry["reason"] for entry in log.entries if entry["event"] == "proof.none"]
        assert "unlucky" not in str(log.entries)


async def test_a_restart_in_between(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What was not confirmed when the daemon stopped is judged by the next one, which knows what the desk confirms."""
    async with town(tmp_path) as here:
        mia, dm = await acquainted(here)
        await lose(here, mia, dm, "in between")
        await here.stop()
        await trio.sleep(LATER_S)
        await here.start()
        await arrives(here, "in between", within_s=SOON_S + PROOF_S)
        await trio.sleep(LATER_S)

        assert ["hello from Mia", "in between"] == heard(here)
        assert (1, 1, 0) == (proof(here).resent, proof(here).confirmed, proof(here).awaiting)


async def test_a_confirmation_while_the_daemon_was_down(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """It waits at Easemob, and is taken before anything is judged."""
    async with town(tmp_path) as here:
        mia, dm = await acquainted(here)
        here.desk.faults.holds_acknowledgements = True
        await mia.says(dm, "good night")
        await trio.sleep(5)
        await here.stop()
        here.desk.catches_up()
        await trio.sleep(LATER_S)
        await here.start()
        await trio.sleep(LATER_S)

        assert (1, 0, 0) == (proof(here).confirmed, proof(here).resent, proof(here).awaiting)


async def test_nothing_confirmed_is_sent_again_after_a_restart(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """What was confirmed a moment before a stop is on disk."""
    async with town(tmp_path, desk_switches=DeskSwitches(knows_repeats=False)) as here:
        mia, dm = await acquainted(here)
        await mia.says(dm, "bye")
        await arrives(here, "bye", within_s=SOON_S)
        await trio.sleep(1)
        await here.stop()
        await here.start()
        await trio.sleep(LATER_S)

        assert (["hello from Mia", "bye"], 0) == (heard(here), proof(here).resent)


async def test_edited_meanwhile(tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """Other words than those that were lost are not sent under their mark: it is told that they possibly got lost."""
    async with town(tmp_path) as here:
        mia, dm = await acquainted(here)
        message = await lose(here, mia, dm, "tow books")
        await mia.edits(message, "two books")
        await trio.sleep(LATER_S)

        assert (0, 1) == (proof(here).resent, proof(here).told)
        assert ["changed"] == [entry["reason"] for entry in log.entries if entry["event"] == "proof.none"]


async def test_deleted_meanwhile(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What its writer has taken back is not brought to the desk after all; that it was deleted is all that is said."""
    async with town(tmp_path) as here:
        mia, dm = await acquainted(here)
        message = await lose(here, mia, dm, "never mind")
        await mia.deletes(message)
        await trio.sleep(LATER_S)

        assert (0, 0, 1) == (proof(here).resent, proof(here).told, proof(here).gone)
        assert "hello from Mia" == heard(here)[0]
        assert ["[已删除 Deleted]"] == [text[: len("[已删除 Deleted]")] for text in heard(here)[1:]]


async def test_the_session_is_down_meanwhile(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """While a visitor's session is down its messages are not judged; what waited at Easemob is taken first."""
    async with town(tmp_path) as here:
        mia, dm = await acquainted(here)
        visitor = here.visitor(mia, dm)
        here.desk.faults.holds_acknowledgements = True
        await mia.says(dm, "just before")
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged()
        here.easemob.faults.refuse_login(8, user=visitor, times=8)
        here.easemob.cut(visitor)
        await trio.sleep(1)
        here.desk.catches_up()
        await trio.sleep(3600)

        assert ["hello from Mia", "just before"] == heard(here)
        assert (2, 0) == (proof(here).confirmed, proof(here).resent)


async def test_a_desk_that_confirms_late(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What was told of messages that were there all the while is taken back: none bears a mark."""
    async with town(tmp_path) as here:
        mia, dm = await acquainted(here)
        here.desk.faults.holds_acknowledgements = True
        messages = [await mia.says(dm, f"question {number}") for number in range(3)]
        await trio.sleep(LATER_S)

        assert [True] * 3 == ["warning" in message.reactions for message in messages]

        here.desk.catches_up()
        await trio.sleep(LATER_S)

        assert [{}] * 3 == [message.reactions for message in messages]
        assert (3, 3) == (proof(here).told, proof(here).arrived)
        assert 3 == here.statistics["telling"]().taken_back  # type: ignore[attr-defined]  # that group's class


async def test_a_desk_has_its_whole_time_after_an_absence(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """However long a session was down, what is not confirmed is judged when it has kept up for long enough."""
    async with town(tmp_path) as here:
        mia, dm = await acquainted(here)
        visitor = here.visitor(mia, dm)
        here.easemob.faults.refuse_login(8, user=visitor, times=8)
        await lose(here, mia, dm, "just before")
        here.easemob.cut(visitor)
        await trio.sleep(1)
        while not here.easemob.online(visitor):  # noqa: ASYNC110 - nothing tells it
            await trio.sleep(1)
        up_at = trio.current_time()
        await arrives(here, "just before")

        assert up_at > 2 * PROOF_S
        assert PROOF_S - 1 <= trio.current_time() - up_at < PROOF_S + 5


async def test_a_confirmation_behind_an_answer_that_slack_does_not_take(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """A batch that is in work holds up the confirmations behind it: nothing is judged meanwhile."""
    async with town(tmp_path) as here:
        mia, dm = await acquainted(here)
        here.slack.faults.web.storm("chat.postMessage", Status(503))
        here.desk.answers(here.visitor(mia, dm), "hi")
        for number in range(20):
            await mia.says(dm, f"question {number}")
            await trio.sleep(13)
        in_the_storm = proof(here)
        here.slack.faults.web.clear()
        await trio.sleep(LATER_S)

        assert (20, 1) == (in_the_storm.awaiting, in_the_storm.confirmed)
        assert (21, 0, 0) == (proof(here).confirmed, proof(here).resent, proof(here).awaiting)


async def test_strict_limits_are_waited_out(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Where Slack does not let us read now, the message is read later, and sent then."""
    async with town(tmp_path) as here:
        mia, dm = await acquainted(here)
        here.slack.faults.web.next("conversations.history", TooMany(retry_after_s=61), times=3)
        await lose(here, mia, dm, "patience")
        await arrives(here, "patience")

        assert ["hello from Mia", "patience"] == heard(here)


async def test_two_hundred_messages(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Where all is well nothing is ever sent again, at whatever pace, over a restart, and with answers in between."""
    async with town(tmp_path) as here:
        people = [here.north.add_user(name=f"Person {number}") for number in range(5)]
        for number in range(200):
            person = people[number % len(people)]
            await person.says(person.dm(), f"question {number}")
            await trio.sleep(0.2)  # two connections have no order between them
            if number % 10 == 9:
                here.desk.answers(here.visitor(person, person.dm()), f"answer {number}")
                await trio.sleep(number)
            if number == 100:
                await here.stop()
                await here.start()
        await trio.sleep(3600)

        assert 200 == len(heard(here)) == len({*heard(here)})
        assert (0, 0, 0) == (proof(here).resent, proof(here).told, proof(here).awaiting)
        assert 0 == here.desk.repeats
