"""
Workspaces and organisations come and go, in every way and all at once: nothing is lost, and nobody else notices.

Three seeds run here; ``SLACKKEFU_SEEDS=50`` runs fifty.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Final

import pytest
import trio
import trio.testing

from slackkefu.demo.slack import Drop, Hang, Late, Status, Timing, TooMany
from slackkefu.errors import StoreError, WrongUse
from slackkefu.operating.installations import InstallationDeeds
from slackkefu.slack.recovery import DEAD
from slackkefu.store.files import OPERATING_SYSTEM
from tests.installed import bot_of
from tests.wired.companies import EITHER, Companies, companies
from tests.wired.test_rotation import with_rotation
from tests.wired.test_uninstall import heard
from tests.wired.town import town

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slack_sdk.oauth.installation_store import Bot

    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.faults import WebFault
    from slackkefu.demo.slack.model import Installation
    from tests.wired.town import Town

SEEDS = range(int(os.environ.get("SLACKKEFU_SEEDS", "3")))

TURNS: Final = 50
SETTLED_S: Final = 90.0
"""What was written before is with the daemon by then: Slack gives nobody what was written to an app that has gone."""
FOUND_S: Final = 300.0
LATER_S: Final = 600.0

HASTE = Timing(token_s=1800.0, refresh_grace_s=60.0, retries_s=(0.1, 20.0, 60.0))
FAULTS: Final[tuple[WebFault, ...]] = (Drop(), Status(), Status(500, carried_out=True), TooMany(20), Late(8.0), Hang())
METHODS: Final = ("oauth.v2.access", "auth.test", "chat.postMessage", "conversations.open", "auth.teams.list")


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file be replaced."""

    def full(_source: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(OPERATING_SYSTEM), "replace", staticmethod(full))
        yield


@dataclass
class Storm:
    """What happens, one thing after another."""

    here: Town
    them: Companies
    chance: Random
    met: set[str] = field(default_factory=set)
    number: int = 0
    goings: int = 0

    async def blow(self) -> None:
        """Let everything happen; at the end the app is everywhere."""
        weighed = [self.somebody_writes] * 4 + [self.an_agent_answers] * 3 + [self.a_message_is_changed]
        weighed += [self.south_goes_or_comes, self.the_organisation_goes_or_comes, self.a_workspace_is_granted_or_taken]
        weighed += [self.a_bot_goes_or_comes, self.news_comes_late, self.something_goes_wrong, self.the_daemon_ends]
        weighed += [self.an_operator_removes_and_installs, self.a_kill_in_an_install]
        for _ in range(TURNS):
            act = self.chance.choice(weighed)
            self.met.add(act.__name__)
            await act()
            if not self.here.is_running:
                await self.here.start()
            await trio.sleep(self.chance.choice([0, 1, 10, 60, 400]))
        await self.all_come_back()

    # Who is where.

    def has_app(self, person: Person) -> bool:
        """Tell whether the app is where somebody is."""
        return self.here.slack.state.installed_in(person.user.team) is not None

    def whole(self) -> Installation | None:
        """Return the organisation's installation."""
        return next((each for each in self.here.slack.state.installations if each.alive and each.org_wide), None)

    def somebody(self) -> Person:
        """Return one of those who share a channel."""
        return self.chance.choice([self.them.leo, self.them.ben, self.them.nina])

    def hearers(self) -> list[Installation]:
        """Return whose bots are in the shared channel."""
        return self.here.slack.state.hearers(self.them.joint)

    # People and agents.

    async def somebody_writes(self) -> None:
        """Directly, or in the channel."""
        person = self.somebody()
        self.number += 1
        if self.hearers() and self.chance.random() < 1 / 2:
            await person.says(self.them.joint, f"word {self.number}")
        elif self.has_app(person):
            await person.says(person.dm(), f"word {self.number}")

    async def a_message_is_changed(self) -> None:
        """A person changes their mind."""
        if not self.hearers():
            return
        person = self.somebody()
        self.number += 1
        written = await person.says(self.them.joint, f"word {self.number}")
        await trio.sleep(self.chance.uniform(0, 5))
        if self.chance.random() < 1 / 2:
            await person.edits(written, f"word {self.number}, corrected")
        else:
            await person.deletes(written)

    async def an_agent_answers(self) -> None:
        """Whoever has written is answered, wherever the app is by now."""
        visitors = sorted(name for name, each in self.here.desk.conversations.items() if each.heard)
        if visitors:
            self.number += 1
            self.here.desk.answers(self.chance.choice(visitors), f"answer {self.number}")

    # The app.

    def bot(self, installed: Installation) -> Bot:
        """Return what OAuth gives."""
        return bot_of(installed, at=self.here.wall(), grants=self.here.slack.state.grants)

    async def install(self, installed: Installation) -> None:
        """Bring an installation to the daemon, sometimes over a disk that is full at first."""
        bot = self.bot(installed)
        if self.chance.random() < 0.3:
            with full_disk(), pytest.raises(StoreError):
                await self.here.daemon.installing.install(bot)
            await trio.sleep(self.chance.uniform(0, 5))
        await self.here.daemon.installing.install(bot)

    async def goes(self, installed: Installation) -> None:
        """Remove the app; Slack may tell of it, or later, or never."""
        await trio.sleep(SETTLED_S)
        self.goings += 1
        self.here.slack.state.uninstall(installed, tells=self.chance.random() < 0.7)

    async def south_goes_or_comes(self) -> None:
        """A workspace of its own."""
        if self.has_app(self.them.ben):
            await self.goes(self.them.south.installation)
            return
        await self.install(self.them.south.install())
        if self.chance.random() < 0.7:
            await self.them.ben.invites_app(self.them.joint)

    async def the_organisation_goes_or_comes(self) -> None:
        """All of its workspaces at once."""
        whole = self.whole()
        if whole is not None:
            await self.goes(whole)
            return
        await self.install(self.them.grid.install())
        if self.chance.random() < 0.7:
            await self.them.nina.invites_app(self.them.joint)

    async def a_workspace_is_granted_or_taken(self) -> None:
        """One workspace of the organisation's."""
        whole, desk = self.whole(), self.them.desks[0]
        if whole is None:
            return
        if whole.withheld:
            await self.them.grid.grants(desk)
        else:
            await trio.sleep(SETTLED_S)
            await self.them.grid.withdraws(desk)

    async def a_bot_goes_or_comes(self) -> None:
        """It is put out of the shared channel, or let in."""
        person = self.somebody()
        known = self.here.slack.state.installed_in(person.user.team)
        if known is None:
            return
        if known.bot.id in self.them.joint.members:
            await trio.sleep(SETTLED_S)
            await person.removes_app(self.them.joint)
        else:
            await person.invites_app(self.them.joint)

    async def an_operator_removes_and_installs(self) -> None:
        """An operator takes one out, and in again, while the app stays in Slack; the others go on in the channel."""
        place = self.chance.choice(["T0SOUTH001", "E0GRID0001"])
        there = self.whole() if place == "E0GRID0001" else self.here.slack.state.installed_in(self.them.south.team)
        if there is None:
            return
        await trio.sleep(SETTLED_S)
        core = self.here.daemon.core
        deeds = InstallationDeeds(
            installations=core.installations,
            installing=self.here.daemon.installing,
            store=core.store.installations,
            visitors=lambda: core.book,
            disk=core.world.disk,
        )
        with suppress(WrongUse):
            await deeds.remove({"place": place})
        for _ in range(self.chance.randint(0, 3)):
            if [each for each in self.hearers() if each is not there]:
                self.number += 1
                await self.them.leo.says(self.them.joint, f"word {self.number}")
            await trio.sleep(self.chance.uniform(0, 30))
        await deeds.install({"bot": vars(self.bot(there))})

    async def a_kill_in_an_install(self) -> None:
        """The daemon dies in the middle of it; somebody does it again."""
        if self.has_app(self.them.ben):
            return
        bot = self.bot(self.them.south.install())
        self.here.slack.faults.web.next("auth.test", Late(3.0))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.here.daemon.installing.install, bot)
            await trio.sleep(self.chance.choice([0, 0.0001, 0.01, 1]))
            nursery.cancel_scope.cancel()
        await self.here.kill()
        await self.here.start()
        await self.here.daemon.installing.install(bot)

    async def all_come_back(self) -> None:
        """In the end the app is everywhere."""
        self.here.calm()
        if not self.has_app(self.them.ben):
            await self.install(self.them.south.install())
        if self.whole() is None:
            await self.install(self.them.grid.install())
        if not self.has_app(self.them.nina):
            await self.them.grid.grants(self.them.desks[0])
        for person in (self.them.leo, self.them.ben, self.them.nina):
            known = self.here.slack.state.installed_in(person.user.team)
            if known is not None and known.bot.id not in self.them.joint.members:
                await person.invites_app(self.them.joint)
        await trio.sleep(LATER_S)

    # What goes wrong.

    async def news_comes_late(self) -> None:
        """Slack tells once more of what is long over."""
        gone = [each for each in self.here.slack.state.installations if not each.alive]
        if gone:
            self.here.slack.state.tell_gone(self.chance.choice(gone))
        await trio.lowlevel.checkpoint()

    async def something_goes_wrong(self) -> None:
        """An answer is lost, an acknowledgement, or an envelope comes twice."""
        link = self.here.slack.faults.link
        link.lose_acknowledgements, link.repeat_envelopes = self.chance.choice([0, 1, 4]), self.chance.choice([0, 1, 3])
        self.here.slack.faults.web.next(self.chance.choice(METHODS), self.chance.choice(FAULTS))
        await trio.lowlevel.checkpoint()

    async def the_daemon_ends(self) -> None:
        """It is stopped or killed, and away for a while."""
        await (self.here.kill() if self.chance.random() < 2 / 3 else self.here.stop())
        await trio.sleep(self.chance.choice([0, 5, 40]))


async def north_is_served(here: Town, mia: Person) -> None:
    """Somebody of a workspace where nothing happens is heard, and answered, as if nothing were."""
    number = 0
    while True:
        number += 1
        await mia.says(mia.dm(), f"north {number}")
        with trio.fail_after(FOUND_S):
            # A line above it may say when it was written.
            while not any(text.endswith(f"north {number}") for text in heard(here, here.visitor(mia, mia.dm()))):
                await here.desk.change()
        here.desk.answers(here.visitor(mia, mia.dm()), f"to the north {number}")
        await trio.sleep(97)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_storm(tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int) -> None:
    """Installs, removals, grants, rotation, kills, full disks and late news, while people and agents write."""
    chance = Random(seed)
    switches = replace(
        EITHER,
        uninstall_order="random",
        dead_token_error=chance.choice(["account_inactive", "token_revoked"]),
        access_names_organisation=chance.random() < 1 / 2,
        strict_history=chance.random() < 1 / 3,
    )
    async with town(
        tmp_path, seed=seed, channels="all", slack_switches=switches, slack_timing=HASTE, started=False
    ) as here:
        with_rotation(here)
        storm = Storm(here, companies(here), chance)
        mia = here.north.add_user(name="Mia")
        await here.start()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(north_is_served, here, mia)
            await storm.blow()
            nursery.cancel_scope.cancel()
        await here.settle()
        found, refused = here.statistics["reach"](), [call for call in here.slack.ledger.calls if call.error in DEAD]

        assert len(storm.met) > 6
        assert {0} == {*found.stopped.values()}  # type: ignore[attr-defined]  # that group's class
        assert 0 == here.statistics["easemob_sessions"]().stopped  # type: ignore[attr-defined]  # as above
        assert len(refused) < 10 * (storm.goings + 2)
