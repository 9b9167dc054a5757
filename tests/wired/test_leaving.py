"""Channels that the app leaves, or is put out of, and comes back to: answers wait, and nobody elsewhere notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.bridge.agent_lines import reached_again, stopped
from slackkefu.demo.slack import Timing
from tests.wired.test_uninstall import heard, posted, sessions, shows, unreachable, waiting
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.model import Channel
    from tests.wired.town import Town

SOON_S = 30.0
LATER_S = 300.0
HOUR_S = 3600.0

LEFT = stopped("left_channel")


async def served(here: Town, name: str = "Ben", channel: Channel | None = None) -> tuple[Person, Channel, str]:
    """Let somebody be served by an agent in the thread of a channel; return them, where, and their name at the desk."""
    ben = here.north.add_user(name=name)
    if channel is None:
        channel = here.north.add_channel(name="support", members=[ben])
    else:
        channel.members[ben.id] = ben.user
    await ben.says(channel, f"<@{here.north.installation.bot.id}> hello from {name}")
    with trio.fail_after(SOON_S):
        await here.desk.heard(f"hello from {name}")
    visitor = here.visitor(ben, channel)
    here.desk.answers(visitor, f"hello {name}")
    await shows(here, f"hello {name}")
    return ben, channel, visitor


async def test_answers_wait_for_the_app_to_be_back(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """They stay at Easemob, the agent is told once, direct messages go on; and then they come in order."""
    async with town(tmp_path) as here:
        ben, channel, visitor = await served(here)
        mia = here.north.add_user(name="Mia")
        await ben.removes_app(channel)
        await trio.sleep(LATER_S)
        for number in range(3):
            here.desk.answers(visitor, f"answer {number}")
        await mia.says(mia.dm(), "and me?")
        with trio.fail_after(SOON_S):
            await here.desk.heard("and me?")
        here.desk.answers(here.visitor(mia, mia.dm()), "you too")
        await shows(here, "you too")
        await trio.sleep(HOUR_S)

        assert ["hello Ben", "you too"] == posted(here)
        assert waiting(here, visitor) >= 3
        assert [LEFT] == heard(here, visitor)[1:]
        assert (1, 1) == sessions(here)

        await ben.invites_app(channel)
        await shows(here, "answer 0", "answer 1", "answer 2", within_s=120)
        await trio.sleep(SOON_S)

        assert ["answer 0", "answer 1", "answer 2"] == posted(here)[2:]
        assert [LEFT, reached_again()] == heard(here, visitor)[1:]


async def test_put_out_while_the_daemon_was_away(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Nobody tells, so the first answer finds it: it waits like those after it, over a restart too."""
    async with town(tmp_path) as here:
        ben, channel, visitor = await served(here)
        await here.stop()
        await ben.removes_app(channel)
        await trio.sleep(HOUR_S)
        await here.start()
        here.desk.answers(visitor, "first")
        await trio.sleep(LATER_S)

        assert ["hello Ben"] == posted(here)
        assert (0, 1) == sessions(here)

        await here.kill()
        await here.start()
        here.desk.answers(visitor, "second")
        await trio.sleep(LATER_S)

        assert ["hello Ben"] == posted(here)
        assert (0, 1) == sessions(here)

        await ben.invites_app(channel)
        await shows(here, "first", "second", within_s=120)


async def test_a_mention_brings_the_app_back(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Whoever invites the app by mentioning it is heard, and gets what has waited for them."""
    async with town(tmp_path) as here:
        ben, channel, visitor = await served(here)
        await ben.removes_app(channel)
        await trio.sleep(LATER_S)
        here.desk.answers(visitor, "waits")
        await trio.sleep(LATER_S)
        await ben.invites_app(channel)
        await ben.says(channel, f"<@{here.north.installation.bot.id}> are you back?")
        with trio.fail_after(SOON_S):
            await here.desk.heard("are you back?")
        await shows(here, "waits", within_s=120)


async def test_after_a_reinstall_a_channel_wants_an_invitation(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """The app comes back to a workspace in no channel: answers to one wait on, those to direct messages do not."""
    async with town(tmp_path) as here:
        ben, channel, visitor = await served(here)
        await ben.says(ben.dm(), "directly")
        with trio.fail_after(SOON_S):
            await here.desk.heard("directly")
        await here.north.uninstalls()
        await trio.sleep(LATER_S)
        here.desk.answers(visitor, "to the channel")
        here.desk.answers(here.visitor(ben, ben_dm(here, ben)), "to Ben")
        await here.installs(here.north)
        await shows(here, "to Ben", within_s=120)
        await trio.sleep(LATER_S)

        assert "to the channel" not in posted(here)
        assert {"left_channel": 1} == unreachable(here)

        await ben.invites_app(channel)
        await shows(here, "to the channel", within_s=120)


def ben_dm(here: Town, ben: Person) -> Channel:
    """Return somebody's direct message with the app, also while it is not installed."""
    return here.slack.state.direct(ben.user, here.slack.state.installations[0])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(1, 5))
async def test_a_storm_of_leaving_and_joining(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int
) -> None:
    """While the app is put out and let in agents write on, to several in one channel: all arrives once and in order."""
    timing = Timing(retries_s=(0.1, 20.0, 60.0))
    async with town(tmp_path, seed=seed, slack_timing=timing) as here:
        chance = here.world.chance
        ben, channel, visitor = await served(here)
        visitors = [visitor, *[(await served(here, f"P{number}", channel))[2] for number in range(2)]]
        number = 0
        for _ in range(6):
            if chance.random() < 0.5:
                here.slack.faults.link.lose_acknowledgements = 1
            await ben.removes_app(channel)
            for _ in range(chance.randint(1, 5)):
                number += 1
                here.desk.answers(chance.choice(visitors), f"answer {number}")
                await trio.sleep(chance.uniform(0, 30))
            await ben.invites_app(channel)
            number += 1
            here.desk.answers(chance.choice(visitors), f"answer {number}")
            await trio.sleep(chance.uniform(0, 40))
            if chance.random() < 0.3:
                await here.kill()
                await here.start()
        await here.settle()

        assert 0 == here.statistics["replies"]().stopped  # type: ignore[attr-defined]  # its class
        assert number + 3 == len(posted(here))
