"""Companies that share a channel, each with the app: a message is one message, whichever of them Slack tells of it."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Literal

import pytest
import trio
import trio.testing

from slackkefu.demo.slack import Refusal
from slackkefu.slack.ids import UserId
from tests.wired.companies import EITHER, companies, heard, whole
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.keys import ChannelsMode

SOON_S = 30.0
MINUTE_S = 60.0
HOUR_S = 3600.0


@pytest.mark.parametrize("seed", range(4))
async def test_what_comes_by_either(tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int) -> None:
    """Message, mention and retries name whichever installation; a mention of any of our bots is one."""
    async with town(tmp_path, seed=seed, slack_switches=EITHER, started=False) as here:
        them = companies(here)
        bots = [each.bot.id for each in here.slack.state.hearers(them.joint)]
        await here.start()
        for number in range(12):
            here.slack.faults.link.lose_acknowledgements = number % 3
            person = (them.leo, them.ben, them.nina)[number % 3]
            root = await person.says(them.joint, f"<@{bots[number % 4 % 3]}> hello {number}")
            await person.says(them.joint, f"more {number}", thread=root)
            await trio.sleep(40)
        await trio.sleep(10 * MINUTE_S)

        for turn, person in enumerate((them.leo, them.ben, them.nina)):
            said = [f"{words} {number}" for number in range(turn, 12, 3) for words in ("hello", "more")]

            assert said == heard(here, person, them.joint)

        await here.stop()


@pytest.mark.parametrize("seed", range(3))
async def test_edits_and_deletions(tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int) -> None:
    """The desk is told of each once, though the message came by another installation than its change."""
    async with town(tmp_path, seed=seed, slack_switches=EITHER, started=False, channels="all") as here:
        them = companies(here)
        await here.start()
        written = [await them.ben.says(them.joint, f"question {number}") for number in range(6)]
        await trio.sleep(MINUTE_S)
        here.slack.faults.link.lose_acknowledgements = 6
        for number, message in enumerate(written):
            if number % 2:
                await them.ben.edits(message, f"answer me {number}")
            else:
                await them.ben.deletes(message)
        await trio.sleep(10 * MINUTE_S)

        corrections = [text for text in whole(here) if text.startswith(("[更正", "[已删除"))]

        assert 6 == len(corrections)
        assert [1, 1, 1] == [sum(f"answer me {number}" in text for text in corrections) for number in (1, 3, 5)]

        await here.stop()


@pytest.mark.parametrize("channels", ["mention", "all"])
@pytest.mark.parametrize("is_killed", [False, True])
async def test_an_absence_with_strict_limits(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, channels: ChannelsMode, *, is_killed: bool
) -> None:
    """What all of them can read is read once, by one of them, and brought over once."""
    switches = replace(EITHER, strict_history=True)
    async with town(tmp_path, slack_switches=switches, started=False, channels=channels) as here:
        them = companies(here)
        bot = here.north.installation.bot.id
        await here.start()
        roots = [await each.says(them.joint, f"<@{bot}> before") for each in (them.leo, them.ben, them.nina)]
        await trio.sleep(20 * MINUTE_S)
        await (here.kill() if is_killed else here.stop())
        for number in range(5):
            for each, root in zip((them.leo, them.ben, them.nina), roots, strict=True):
                await each.says(them.joint, f"later {number}", thread=root)
            await trio.sleep(6 * MINUTE_S)
        await trio.sleep(10 * MINUTE_S)
        await here.start()
        await trio.sleep(2 * HOUR_S)

        for each in (them.leo, them.ben, them.nina):
            assert ["before", *(f"later {number}" for number in range(5))] == heard(here, each, them.joint)

        asked = [call.arguments["channel"] for call in here.slack.ledger.calls_of("conversations.history")]

        assert 1 == asked.count(them.joint.id)

        await here.stop()


@pytest.mark.parametrize("goes", ["uninstalls", "leaves"])
async def test_another_goes_on(tmp_path: Path, autojump_clock: trio.testing.MockClock, goes: str) -> None:
    """Where the installation that held a conversation has gone, another that is there answers in its thread."""
    async with town(tmp_path, slack_switches=replace(EITHER, authorization="first"), started=False) as here:
        them = companies(here)
        await here.start()
        north = here.north.installation
        root = await them.ben.says(them.joint, f"<@{north.bot.id}> hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.desk.answers(here.visitor(them.ben, them.joint), "from the north")
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert (north, root.ts) == (post.installation, post.thread)

        if goes == "uninstalls":
            await here.north.uninstalls()
        else:
            await them.leo.removes_app(them.joint)
        await trio.sleep(MINUTE_S)
        here.desk.answers(here.visitor(them.ben, them.joint), "from another")
        with trio.fail_after(SOON_S):
            _, post = await here.slack.posted(2)

        assert post.installation in (them.south.installation, them.desks[0].installation)
        assert root.ts == post.thread

        if goes == "leaves":
            # The workspace that is configured by its token has to be there for a start.
            await here.stop()
            await here.start()
        here.desk.answers(here.visitor(them.ben, them.joint), "once more")
        with trio.fail_after(MINUTE_S):
            *_, post = await here.slack.posted(3)

        assert post.installation in (them.south.installation, them.desks[0].installation)

        await here.stop()


@pytest.mark.parametrize("tells", [True, False])
async def test_the_end_of_sharing(tmp_path: Path, autojump_clock: trio.testing.MockClock, *, tells: bool) -> None:
    """Who leaves a shared channel keeps it under a new id; what was brought over under the old one is not read anew."""
    switches = replace(EITHER, unsharing_tells=tells)
    async with town(tmp_path, slack_switches=switches, started=False, channels="all") as here:
        them = companies(here)
        await here.start()
        await them.ben.says(them.joint, "hello")
        await trio.sleep(MINUTE_S)
        await them.ben.says(them.joint, "goodbye")
        await trio.sleep(MINUTE_S)
        await here.stop()
        kept = await them.south.stops_sharing(them.joint, channel_id="C0KEPT0001")
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)
        await them.ben.says(kept, "among ourselves")
        await trio.sleep(MINUTE_S)

        texts = [text.rpartition("]\n")[2] for text in whole(here)]

        assert ["hello", "goodbye", "among ourselves"] == texts

        await here.stop()


@pytest.mark.parametrize("is_killed", [False, True])
async def test_a_new_id_before_an_absence(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, *, is_killed: bool
) -> None:
    """A channel that has got a new id is read on under that, and what had come under the old one is recognised."""
    async with town(tmp_path, slack_switches=EITHER, started=False, channels="all") as here:
        them = companies(here)
        await here.start()
        await trio.sleep(20 * MINUTE_S)
        await them.ben.says(them.joint, "hello")
        await trio.sleep(SOON_S)
        kept = await them.south.stops_sharing(them.joint, channel_id="C0KEPT0001")
        await trio.sleep(1)
        await them.ben.says(kept, "among ourselves")
        await trio.sleep(SOON_S)
        await (here.kill() if is_killed else here.stop())
        await them.ben.says(kept, "later")
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)

        assert ["hello", "among ourselves", "later"] == [text.rpartition("]\n")[2] for text in whole(here)]

        await here.stop()


async def test_clicks_and_what_is_said_once(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """
    A menu is answered once, by whoever it was offered to.

    One line introduces the app, though both bots come in; one message tells how a service session stands.
    """
    async with town(
        tmp_path, slack_switches=EITHER, started=False, channels="all", introduction=True, session_status=True
    ) as here:
        them = companies(here, members=False)
        await here.start()
        await them.leo.invites_app(them.joint)
        await trio.sleep(1)
        await them.ben.invites_app(them.joint)
        await trio.sleep(MINUTE_S)

        assert 1 == len(here.slack.ledger.posts_in(them.joint))

        await them.ben.says(them.joint, "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        visitor = here.visitor(them.ben, them.joint)
        here.desk.offers(visitor, "How can we help?", ["Orders", "Returns"])
        await trio.sleep(MINUTE_S)
        posts = here.slack.ledger.posts_in(them.joint)
        menu = next(post for post in posts if "How can we help?" in str(post.arguments))
        await them.ben.chooses(menu.message, "Orders")
        await trio.sleep(MINUTE_S)

        assert ["hello", "Orders"] == heard(here, them.ben, them.joint)

        await here.stop()


@pytest.mark.parametrize("authorization", ["first", "random"])
@pytest.mark.parametrize("fate", ["removed", "dead"])
async def test_one_that_is_named_and_not_served(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, fate: str, authorization: Literal["first", "random"]
) -> None:
    """Slack may name one whose token nobody has; a message in a channel that others of ours are in is theirs then."""
    switches = replace(EITHER, authorization=authorization)
    async with town(tmp_path, slack_switches=switches, started=False, channels="all") as here:
        them = companies(here)
        await here.start()
        await them.leo.says(them.joint, "hello")
        await trio.sleep(MINUTE_S)
        named = (here.north if authorization == "first" else them.south).installation
        key = here.daemon.core.installations.of_bot(UserId(named.bot.id))[0].key
        if fate == "removed":
            await here.daemon.installing.remove(key, cause="operator")
        else:
            here.slack.faults.web.next("auth.test", Refusal("token_revoked"))
            await here.daemon.installing.mark_dead(key, cause="token_revoked")
        for number in range(8):
            written = await them.leo.says(them.joint, f"word {number}")
            await trio.sleep(5)
            await them.leo.edits(written, f"word {number}, corrected")
            await trio.sleep(20)
        await trio.sleep(10 * MINUTE_S)
        words = heard(here, them.leo, them.joint)

        assert ["hello", *(f"word {number}" for number in range(8))] == [
            each for each in words if "corrected" not in each
        ]
        assert [1] * 8 == [sum(f"word {number}, corrected" in each for each in words) for number in range(8)]

        await here.stop()


async def test_a_command_by_the_own_workspace(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A command is their own workspace's, and about the conversation that another company's installation holds."""
    async with town(tmp_path, started=False) as here:
        them = companies(here)
        await here.start()
        await them.ben.says(them.joint, f"<@{here.north.installation.bot.id}> hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        await them.ben.commands(them.joint, "/kefu", "human")
        await trio.sleep(SOON_S)

        (conversation,) = [each for each in here.desk.conversations.values() if each.heard]

        assert here.visitor(them.ben, them.joint) == conversation.visitor
        assert 2 == len(conversation.heard)

        await here.stop()


@pytest.mark.parametrize("seed", range(6))
async def test_a_storm(tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int) -> None:
    """Kills, absences, lost acknowledgements and retries by any installation neither lose nor double anything."""
    chance = Random(seed)
    switches = replace(EITHER, strict_history=chance.random() < 1 / 2, echoes_posts=True)
    channels: ChannelsMode = chance.choice(["all", "mention"])
    async with town(tmp_path, seed=seed, slack_switches=switches, started=False, channels=channels) as here:
        them = companies(here)
        everybody = (them.leo, them.ben, them.nina)
        bots = [each.bot.id for each in here.slack.state.hearers(them.joint)]
        await here.start()
        roots = [await each.says(them.joint, f"<@{chance.choice(bots)}> hello") for each in everybody]
        for number in range(60):
            here.slack.faults.link.lose_acknowledgements = chance.choice([0, 0, 0, 1, 4])
            each = chance.randrange(3)
            await everybody[each].says(them.joint, f"word {number}", thread=roots[each])
            if here.is_running and chance.random() < 1 / 4:
                here.desk.answers(here.visitor(everybody[each], them.joint), f"answer {number}")
            await trio.sleep(chance.uniform(0, 30))
            if number % 15 == 7:
                await (here.kill() if chance.random() < 2 / 3 else here.stop())
                await trio.sleep(chance.choice([5, 40, 700]))
                await here.start()
        await trio.sleep(30 * MINUTE_S)
        await here.settle()

        words = [text.rpartition("]\n")[2] for text in whole(here)]

        assert sorted(f"word {number}" for number in range(60)) == sorted(
            text for text in words if text.startswith("word")
        )

        await here.stop()


async def test_one_that_comes_after_the_other_has_gone(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What has waited is answered by it, in the thread; also when the other is removed later, over a kill too."""
    switches = replace(EITHER, authorization="first")
    async with town(tmp_path, slack_switches=switches, started=False, channels="all") as here:
        them = companies(here, members=False)
        await here.start()
        await them.leo.invites_app(them.joint)
        root = await them.ben.says(them.joint, "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        visitor = here.visitor(them.ben, them.joint)
        await them.leo.removes_app(them.joint)
        await trio.sleep(MINUTE_S)
        here.desk.answers(visitor, "first")
        await trio.sleep(MINUTE_S)
        await them.ben.invites_app(them.joint)
        with trio.fail_after(2 * MINUTE_S):
            (post,) = await here.slack.posted(1)

        assert (them.south.installation, root.ts) == (post.installation, post.thread)

        await them.ben.removes_app(them.joint)
        await trio.sleep(MINUTE_S)
        here.desk.answers(visitor, "second")
        await trio.sleep(MINUTE_S)
        await here.stop()
        await them.leo.invites_app(them.joint)
        await trio.sleep(MINUTE_S)
        await here.start()
        await here.kill()
        await here.start()
        await trio.sleep(HOUR_S)
        await them.south.uninstalls()
        with trio.fail_after(2 * MINUTE_S):
            _, post = await here.slack.posted(2)

        assert (here.north.installation, root.ts) == (post.installation, post.thread)

        await here.stop()
