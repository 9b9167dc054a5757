"""Tokens that expire, below whole conversations: nothing is lost and nothing comes twice (facts/slack.md §12)."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from slackkefu.demo.slack import Drop, Hang, Late, Refusal, Status, Timing, TooMany
from slackkefu.errors import SlackSetupError
from slackkefu.secret import Secret
from slackkefu.store.files import OPERATING_SYSTEM
from slackkefu.store.installations import JsonInstallationStore
from tests.installed import keep
from tests.wired.town import greeted, town

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from slack_sdk.oauth.installation_store import Bot
    from structlog.testing import LogCapture

    from slackkefu.demo.slack.faults import WebFault
    from tests.wired.town import Town

SOON_S = 30.0
HOUR_S = 3600.0
OAUTH = "oauth.v2.access"

HASTE = Timing(token_s=HOUR_S / 2, refresh_grace_s=30.0)
"""Tokens of half an hour: many refreshes in a short test."""


def configure(here: Town, **slack: Any) -> None:
    """Configure something of Slack's."""
    here.config = replace(here.config, slack=replace(here.config.slack, **slack))


def with_rotation(here: Town) -> None:
    """Install the app in the north as OAuth does, with a token that expires; before the start."""
    configure(here, bot_token=None, client_id="client-test", client_secret=Secret("client-secret-test"))
    reinstall(here)


def reinstall(here: Town) -> None:
    """Install the app in the north again; the daemon must not run."""
    here.slack.state.rotates = True
    keep(here.config.store.path, here.world, here.north.install(), grants=here.slack.state.grants)


def stored(here: Town) -> Bot:
    """Return what is on disk of the north."""
    (bot,), damages = JsonInstallationStore(here.config.store.path).bots()

    assert not damages
    return bot


def has_asked(here: Town, before: int) -> bool:
    """Tell whether one more refresh has been asked for."""
    return asked(here) > before


def refreshes(here: Town) -> list[str]:
    """Return how each refresh ended: empty where it was answered."""
    return [call.error for call in here.slack.ledger.calls if call.method == OAUTH]


def asked(here: Town) -> int:
    """Count the refreshes that have been asked for, answered or not."""
    return sum(path.endswith(OAUTH) for _, _, path in here.network.requests)


@pytest.mark.parametrize("seed", range(2))
async def test_many_refreshes(tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int) -> None:
    """Many of them fail, in every way; both sides hear everything once."""
    async with town(tmp_path, seed=seed, started=False, slack_timing=HASTE) as here:
        with_rotation(here)
        await here.start()
        mia, visitor = await greeted(here)
        chance = Random(seed)
        faults: list[WebFault] = [
            Drop(),
            Status(),
            Status(500, carried_out=True),
            TooMany(20),
            Late(8.0),
            Hang(carried_out=True),
        ]
        for turn in range(36):
            here.slack.faults.web.clear(OAUTH)
            here.slack.faults.web.next(OAUTH, chance.choice(faults))
            await mia.says(mia.dm(), f"question {turn}")
            await trio.sleep(300)
            here.desk.answers(visitor, f"answer {turn}")
            await trio.sleep(300)
        await here.settle()
        tokens: Any = here.statistics["tokens"]()

        assert 12 < tokens.refreshed
        assert 0 == tokens.dead
        assert here.north.installation.token == stored(here).bot_token
        await here.stop()


async def test_kills_in_refreshes(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Killed at any time of a refresh, and started again, the daemon finds its way back."""
    async with town(tmp_path, started=False, slack_timing=HASTE) as here:
        with_rotation(here)
        await here.start()
        mia, visitor = await greeted(here)
        chance = Random(1)
        for turn in range(12):
            here.slack.faults.web.next(OAUTH, Late(chance.uniform(0.0, 9.0)))
            before = asked(here)
            await mia.says(mia.dm(), f"question {turn}")
            here.desk.answers(visitor, f"answer {turn}")
            await here.kill()
            await here.start()
            with trio.fail_after(SOON_S):
                await here.slack.until(partial(has_asked, here, before))
            await trio.sleep(chance.uniform(0.0, 4.0))
        await here.settle()
        await trio.sleep(HOUR_S)

        assert here.north.installation.token == stored(here).bot_token
        await here.stop()


async def test_an_answer_waits_for_a_token(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """While no token can be had, and the present one has died, an answer waits; then it is posted, once."""
    async with town(tmp_path, started=False, slack_timing=HASTE) as here:
        with_rotation(here)
        await here.start()
        mia, visitor = await greeted(here)
        here.slack.faults.web.storm(OAUTH, Status())
        await trio.sleep(HOUR_S)
        here.desk.answers(visitor, "at last")
        await mia.says(mia.dm(), "anybody there?")
        with trio.fail_after(SOON_S):
            await here.desk.heard("anybody there?")
        await trio.sleep(HOUR_S)

        assert not here.slack.ledger.posts
        here.slack.faults.web.clear()
        with trio.fail_after(600):
            (post,) = await here.slack.posted(1)
        assert "at last" == post.text
        await here.stop()


async def test_a_disk_that_does_not_take_the_next_token(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """The old one is used as long as it lives; the new one when it is on disk, and not before."""
    async with town(tmp_path, started=False, slack_timing=HASTE) as here:
        with_rotation(here)
        await here.start()
        _, visitor = await greeted(here)
        before = stored(here).bot_token

        assert 1 == len(refreshes(here))  # nobody wrote down how long that token was to live
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(OPERATING_SYSTEM), "replace", staticmethod(full))
            await trio.sleep(0.4 * HOUR_S)
            tokens: Any = here.statistics["tokens"]()

            assert (1, 1) == (tokens.unsaved, tokens.refreshed)  # one at the start
            assert before == stored(here).bot_token
            here.desk.answers(visitor, "with the old one")
            with trio.fail_after(SOON_S):
                await here.slack.posted(1)
        await trio.sleep(600)

        assert here.north.installation.token == stored(here).bot_token
        assert ["", ""] == refreshes(here)
        await here.stop()


def full(_source: Path, _target: Path) -> None:
    """Rename like a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_lost_refresh_token(tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """Once the last token has died the workspace is marked, without tokens; a reinstall brings what waited."""
    timing = replace(HASTE, refresh_grace_s=-1.0)
    async with town(tmp_path, started=False, slack_timing=timing) as here:
        with_rotation(here)
        await here.start()
        _, visitor = await greeted(here)
        here.slack.faults.web.next(OAUTH, Drop())
        await trio.sleep(0.45 * HOUR_S)
        here.desk.answers(visitor, "while it lives")
        with trio.fail_after(SOON_S):
            await here.slack.posted(1)

        assert "" == stored(here).custom_values.get("needs_reinstall", "")
        await trio.sleep(0.2 * HOUR_S)
        bot = stored(here)
        assert ("invalid_refresh_token", "", None) == (
            bot.custom_values["needs_reinstall"],
            bot.bot_token,
            bot.bot_refresh_token,
        )
        (line,) = [entry for entry in log.entries if entry["event"] == "slack.token_lost"]
        assert "install the app there again" in line["meaning"]
        here.desk.answers(visitor, "while it is dead")
        await trio.sleep(0.2 * HOUR_S)
        assert 1 == len(here.slack.ledger.posts)
        await here.stop()
        reinstall(here)
        await here.start()
        here.desk.answers(visitor, "after it")
        with trio.fail_after(SOON_S):
            posts = await here.slack.posted(3)
        assert ["while it lives", "while it is dead", "after it"] == [post.text for post in posts]
        await here.settle()
        await here.stop()


async def test_a_token_found_dead_by_a_post(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Nobody told that the app was removed: the first call that is refused marks the workspace, once."""
    async with town(tmp_path, started=False, slack_timing=HASTE, settles=False) as here:
        with_rotation(here)
        await here.start()
        _, visitor = await greeted(here)
        here.north.installation.alive = False
        here.desk.answers(visitor, "nobody reads this")
        await trio.sleep(SOON_S)
        tokens: Any = here.statistics["tokens"]()

        assert "account_inactive" == stored(here).custom_values["needs_reinstall"]
        assert 1 == tokens.dead
        await here.stop()


async def test_an_address_that_is_not_listed(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """``invalid_auth`` from everything erases nothing; once the address is listed, what waited is posted."""
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        here.slack.faults.web.storm("*", Refusal("invalid_auth"))
        here.desk.answers(visitor, "in a while")
        await trio.sleep(HOUR_S)

        assert "xoxb-north" == stored(here).bot_token
        assert [entry for entry in log.entries if entry["event"] == "slack.token_not_accepted"]
        here.slack.faults.web.clear()
        with trio.fail_after(600):
            await here.slack.posted(1)
        await here.stop()


# A configured token that expires.


def events(log: LogCapture, name: str) -> list[Mapping[str, Any]]:
    """Return the lines of that name."""
    return [entry for entry in log.entries if entry["event"] == name]


async def test_a_configured_token_that_expires(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """It works, and what will become of it is said at the start; once it has expired no start pretends to work."""
    async with town(tmp_path, started=False) as here:
        here.slack.state.rotates = True
        configure(here, bot_token=Secret(here.north.install().token))
        await here.start()
        await greeted(here)

        assert "slackkefu install" in events(log, "slack.bot_token_expires")[0]["advice"]
        await here.settle()
        await here.stop()
        await trio.sleep(13 * HOUR_S)
        said = ""
        try:
            await here.run_once()
        except* SlackSetupError as group:
            said = str(group.exceptions[0])
        assert "slackkefu install" in said


async def test_an_expired_token_beside_what_is_installed(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """A configured token never takes the place of one that is renewed, and an expired one stops nobody else."""
    async with town(tmp_path, started=False, slack_timing=HASTE) as here:
        with_rotation(here)
        first = stored(here).bot_token
        configure(here, bot_token=Secret(first))
        await here.start()

        assert events(log, "slack.bot_token_unused")
        assert stored(here).bot_refresh_token
        await trio.sleep(HOUR_S)
        await here.stop()
        await here.start()
        _, visitor = await greeted(here)
        here.desk.answers(visitor, "hello Mia")
        with trio.fail_after(SOON_S):
            await here.slack.posted(1)
        assert stored(here).bot_token != first
        await here.settle()
        await here.stop()
