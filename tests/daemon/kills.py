"""The daemon is killed again and again while people and agents write; then the judge looks at both ends."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final, final

import trio

from slackkefu.demo.conservation import judge_town
from slackkefu.demo.desk import Desk, DeskSwitches, KefuHost
from slackkefu.demo.easemob import FakeEasemob, Switches
from slackkefu.demo.serve import serve_http
from slackkefu.demo.slack import FakeSlack, Timing
from slackkefu.net.network import TcpNetwork
from slackkefu.world import World
from tests.daemon.process import daemon, write_config
from tests.installed import keep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from slackkefu.demo.judge import Verdict
    from slackkefu.demo.slack import Person
    from tests.daemon.process import Daemon

__all__ = ["Report", "run"]

SETTLE_S: Final = 180.0
"""How long what is left may take once nobody writes any more."""

AGAIN_S: Final = 4.0
"""How long to wait for what may yet come twice."""

RETRIES_S: Final = (0.1, *([1.0] * 400))
"""Slack's repeats, much faster than the real ones, so that a run comes to its end."""

SHARE_S: Final = 0.3
"""How long after Slack has taken a file it appears."""

PICTURE: Final = b"\x89PNG" + bytes(20_000)
PICTURE_EVERY: Final = 23
"""Of so many answers one is a picture: a workspace takes 100 files a minute (facts/slack.md §10)."""

IN_ONE_WORKSPACE: Final = 15
"""People in one workspace: Slack takes some hundred posts a minute there, and 50 readings (facts/slack.md §10)."""

ANSWERED_EVERY_S: Final = 1.1
"""An agent answers one visitor at most so often: a conversation takes one post a second (facts/slack.md §10)."""

QUICK_LOGINS: Final = {"SLACKKEFU_EASEMOB_LOGINS_PER_SECOND": "1000"}
"""So that a daemon which lives for a moment has everybody logged in for most of it."""

BEFORE_READY: Final = 1 / 5
"""Share of kills that hit a daemon which is still starting."""


@final
@dataclass(frozen=True)
class Report:
    """What a run has shown."""

    seed: int
    kills: int
    seconds: float
    """How long people wrote."""
    asked: int
    answered: int
    verdict: Verdict

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.kills} kills in {self.seconds:.0f} s, {self.asked / self.seconds:.0f}/s to the "
            f"desk, {self.answered / self.seconds:.0f}/s to Slack; {self.verdict}"
        )


async def run(
    folder: Path, *, seed: int, kills: int, visitors: int, a_second: float, recognises: bool = True
) -> Report:
    """
    Run until the daemon was killed *kills* times, and everything has arrived or had its time.

    Args:
        folder: For the configuration and the store.
        seed: Of every choice.
        kills: How often the daemon is killed.
        visitors: How many people write.
        a_second: Messages a second, each way; agents answer one visitor at most once a second.
        recognises: Whether Easemob and the desk recognise what comes twice.

    """
    chance = Random(seed)
    slack = FakeSlack(chance=Random(seed + 1), timing=Timing(retries_s=RETRIES_S, share_s=SHARE_S))
    easemob = FakeEasemob(switches=Switches(repeated_id="recognised" if recognises else "new message"))
    desk = Desk(easemob, service_number="kefu_service", switches=DeskSwitches(knows_repeats=recognises))
    kefu = KefuHost(desk, easemob)
    async with trio.open_nursery() as nursery:
        await nursery.start(slack.serve_loopback)
        await nursery.start(easemob.serve_loopback)
        homes = [slack.add_workspace(name=f"Home {number}") for number in range(-(-visitors // IN_ONE_WORKSPACE))]
        installed = [home.install(token=f"xoxb-{home.id.lower()}") for home in homes]
        keep(folder / "store", World(TcpNetwork()), *installed)
        kefu_url = f"http://127.0.0.1:{await nursery.start(serve_http, kefu.asgi)}"
        config = write_config(folder, slack, easemob, installed[0].token, kefu__url=kefu_url)
        start = partial(daemon, config, environ=QUICK_LOGINS)
        people = zip(range(visitors), itertools.cycle(homes), strict=False)
        load = _Load(desk, kefu, [home.add_user(name=f"Person {number}") for number, home in people])
        async with start() as running:
            await load.begin()
            await _die(running)
        begun = trio.current_time()
        async with trio.open_nursery() as writing:
            writing.start_soon(load.ask, a_second)
            writing.start_soon(load.answer, min(a_second, visitors / ANSWERED_EVERY_S))
            for _ in range(kills):
                async with start() as running:
                    await _live_a_moment(running, chance)
                    await _die(running)
            writing.cancel_scope.cancel()
        seconds = trio.current_time() - begun
        async with start() as running:
            await running.says("daemon.ready")
            with trio.move_on_after(SETTLE_S):
                await _settled(slack, easemob, desk, load)
            await trio.sleep(AGAIN_S)
        nursery.cancel_scope.cancel()
    return Report(seed, kills, seconds, load.asked, load.answered, judge_town(slack, easemob, desk))


async def _live_a_moment(running: Daemon, chance: Random) -> None:
    """Let the daemon work for a moment, or not even start."""
    if chance.random() < BEFORE_READY:
        await trio.sleep(chance.uniform(0.1, 1.0))
    else:
        await running.says("daemon.ready")
        await trio.sleep(chance.uniform(0.2, 3.0))


async def _die(running: Daemon) -> None:
    """Kill it, with SIGKILL."""
    running.process.kill()
    await running.ends()


@final
@dataclass
class _Load:
    """What people and agents write."""

    desk: Desk
    kefu: KefuHost
    people: Sequence[Person]
    asked: int = 0
    answered: int = 0
    names: list[str] = field(default_factory=list)
    """The people's names at the desk."""

    async def begin(self) -> None:
        """Let everybody say hello, and wait until the desk has heard it."""
        self.names = [f"{each.user.team.id}_{each.id}_{each.dm().id}".lower() for each in self.people]
        for person in self.people:
            await person.says(person.dm(), "hello")
        for name in self.names:
            await self.desk.heard(visitor=name)

    async def ask(self, a_second: float) -> None:
        """Let everybody write in turn."""
        begun = trio.current_time()
        for number in itertools.count():
            person = self.people[number % len(self.people)]
            await person.says(person.dm(), f"question {number}")
            self.asked += 1
            await trio.sleep_until(begun + self.asked / a_second)

    async def answer(self, a_second: float) -> None:
        """Let an agent answer everybody in turn."""
        begun = trio.current_time()
        for number in itertools.count():
            visitor = self.names[number % len(self.names)]
            if number % PICTURE_EVERY:
                self.desk.answers(visitor, f"answer {number}")
            else:
                name = f"picture {number}.png"
                self.desk.sends_file(visitor, "img", self.kefu.keeps(name, PICTURE), name=name)
            self.answered += 1
            await trio.sleep_until(begun + self.answered / a_second)


async def _settled(slack: FakeSlack, easemob: FakeEasemob, desk: Desk, load: _Load) -> None:
    """Wait until everything has arrived."""

    def is_there() -> bool:
        heard = sum(len(desk.conversation(name).heard) for name in load.names)
        if heard + len(slack.ledger.posts) < len(load.people) + load.asked + load.answered:
            return False
        verdict = judge_town(slack, easemob, desk)
        return verdict.arrived == verdict.sent

    while not is_there():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_first, desk.change, nursery.cancel_scope)
            nursery.start_soon(_first, lambda: slack.until(is_there), nursery.cancel_scope)


async def _first(wait: Callable[[], Awaitable[object]], others: trio.CancelScope) -> None:
    await wait()
    others.cancel()
