"""What was written in a channel before the app came, or while it was out, never reaches the desk."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.demo.slack import Switches
from tests.wired.companies import EITHER, NOTE, companies, heard, whole
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

MINUTE_S = 60.0
HOUR_S = 3600.0

UNSAID = Switches(coming_shows=False, leaving_shows=False)
"""Channels do not show who comes and goes."""


@pytest.mark.parametrize("switches", [Switches(), UNSAID])
@pytest.mark.parametrize("after_s", [0.0, 0.01, 1.0, 100.0])
async def test_a_kill_after_it_came(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, switches: Switches, after_s: float
) -> None:
    """The moment at which the app came is on disk at once, and where a kill was faster it is in the history."""
    async with town(tmp_path, channels="all", slack_switches=switches) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo], with_app=False)
        await leo.says(support, "secret")
        await trio.sleep(MINUTE_S)
        await leo.says(support, "secret too")
        await trio.sleep(1)
        await leo.invites_app(support)
        await trio.sleep(after_s)
        await here.kill()
        await trio.sleep(1)
        await leo.says(support, "after it")
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)

        # Where neither the disk nor the history says when it came, only who mentions it is heard.
        is_known = switches.coming_shows or after_s > 0

        assert (["after it"] if is_known else []) == heard(here, leo, support)

        await here.stop()


@pytest.mark.parametrize("switches", [Switches(), UNSAID])
@pytest.mark.parametrize("is_down", [False, True])
async def test_out_for_a_while(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, switches: Switches, *, is_down: bool
) -> None:
    """What was written while the app was out is not read, also when it comes back during an absence."""
    async with town(tmp_path, channels="all", slack_switches=switches) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo])
        await leo.says(support, "hello")
        await trio.sleep(20 * MINUTE_S)
        await leo.removes_app(support)
        await trio.sleep(1)
        await leo.says(support, "secret")
        await trio.sleep(1)
        if is_down:
            await here.stop()
            await trio.sleep(10 * MINUTE_S)
        await leo.says(support, "secret too")
        await leo.invites_app(support)
        await trio.sleep(1)
        bot = here.north.installation.bot
        await leo.says(support, f"<@{bot.id}> I am back")
        await trio.sleep(1)
        await leo.says(support, "are you?")
        await trio.sleep(1)
        if not is_down:
            await here.stop()
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)

        assert ["hello", "I am back", "are you?"] == heard(here, leo, support)


async def test_nobody_says_when_it_came(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Let in during an absence, without a line that says so, the app is there from the first mention on."""
    # One message is not brought over, though it may have been meant for the desk.
    async with town(tmp_path, channels="all", slack_switches=UNSAID, lost=1) as here:
        leo, mia = here.north.add_user(name="Leo"), here.north.add_user(name="Mia")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo, mia], with_app=False)
        bot = here.north.installation.bot
        await trio.sleep(20 * MINUTE_S)
        await here.stop()
        await leo.says(support, "secret")
        await trio.sleep(MINUTE_S)
        await mia.invites_app(support)
        await trio.sleep(MINUTE_S)
        await leo.says(support, "nobody knows whether this is meant for us")
        await leo.says(support, f"<@{bot.id}> this is")
        await leo.says(support, "and this")
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)

        assert ["this is", "and this"] == heard(here, leo, support)


async def test_a_quiet_channel(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A channel that the app has been in for long is read, though nobody has ever written in it and nothing says so."""
    async with town(tmp_path, channels="all", slack_switches=UNSAID, started=False) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[leo])
        await here.start()
        await trio.sleep(20 * MINUTE_S)
        await here.kill()
        await leo.says(support, "is anybody here?")
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)

        assert ["is anybody here?"] == heard(here, leo, support)

        await here.stop()


async def test_another_was_there_already(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Of a channel that companies share everything is ours since the first of them has the app in it."""
    async with town(tmp_path, channels="all", slack_switches=EITHER, started=False) as here:
        them = companies(here, members=False)
        await here.start()
        await them.leo.says(them.joint, "secret")
        await trio.sleep(1)
        await them.leo.invites_app(them.joint)
        await trio.sleep(20 * MINUTE_S)
        await here.stop()
        await them.leo.says(them.joint, "for the desk")
        await trio.sleep(1)
        await them.ben.invites_app(them.joint)
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)

        assert ["for the desk"] == heard(here, them.leo, them.joint)

        await here.stop()


@pytest.mark.parametrize("seed", range(8))
async def test_a_storm(tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int) -> None:
    """Comings, goings, kills and absences in any order bring over what was written while the app was there, no more."""
    chance = Random(seed)
    switches = replace(EITHER, strict_history=chance.random() < 1 / 2)
    async with town(tmp_path, seed=seed, channels="all", slack_switches=switches, started=False) as here:
        them = companies(here, members=False)
        await here.start()
        ours: list[str] = []

        async def starts() -> None:
            await trio.sleep(chance.choice([5, 40, 1000]))
            if not here.slack.state.hearers(them.joint):
                # Nobody can read what was written before.
                await them.leo.invites_app(them.joint)
                await trio.sleep(1)
            await here.start()

        for number in range(50):
            is_there = bool(here.slack.state.hearers(them.joint))
            person = chance.choice([them.leo, them.ben, them.nina])
            await person.says(them.joint, f"{'word' if is_there else 'secret'} {number}")
            ours += [f"word {number}"] if is_there else []
            await trio.sleep(chance.uniform(1, 60))
            if chance.random() < 1 / 4:
                bot = person.user.team and here.slack.state.installed_in(person.user.team)
                assert bot is not None
                act = person.removes_app if bot.bot.id in them.joint.members else person.invites_app
                await act(them.joint)
                await trio.sleep(chance.uniform(1, 30))
                if here.is_running and not here.slack.state.hearers(them.joint):
                    # What Slack would repeat later nobody is to know any more.
                    await trio.sleep(MINUTE_S)
            if chance.random() < 1 / 10:
                await (here.kill() if chance.random() < 2 / 3 else here.stop())
                if chance.random() < 1 / 2:
                    await starts()
            elif not here.is_running and chance.random() < 1 / 3:
                await starts()
        if not here.is_running:
            await starts()
        await trio.sleep(HOUR_S)
        await here.settle()

        words = (text.rpartition("]\n")[2] for text in whole(here) if not text.startswith(NOTE))

        assert sorted(ours) == sorted(words)

        await here.stop()
