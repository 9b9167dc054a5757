"""The daemon is killed again and again while people and agents write; then the judge looks at both ends."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import trio

from slackkefu.demo.conservation import judge_town
from slackkefu.demo.desk import Desk
from slackkefu.demo.easemob import FakeEasemob, Switches
from slackkefu.demo.slack import FakeSlack, Timing
from tests.daemon.process import daemon, write_config

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from slackkefu.demo.judge import Verdict
    from slackkefu.demo.slack import Person

__all__ = ["Report", "run"]

SETTLE_S = 90.0
"""How long what is left may take once nobody writes any more."""

RETRIES_S = (0.1, *([1.0] * 200))
"""Slack's repeats, much faster than the real ones, so that a run comes to its end."""


@dataclass(frozen=True)
class Report:
    """What a run has shown."""

    seed: int
    kills: int
    verdict: Verdict

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.kills} kills; {self.verdict}"


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
    slack = FakeSlack(chance=Random(seed + 1), timing=Timing(retries_s=RETRIES_S))
    easemob = FakeEasemob(switches=Switches(repeated_id="recognised" if recognises else "new message"))
    desk = Desk(easemob, service_number="kefu_service")
    async with trio.open_nursery() as nursery:
        await nursery.start(slack.serve_loopback)
        await nursery.start(easemob.serve_loopback)
        north = slack.add_workspace("T0NORTH001", name="North")
        installation = north.install(token="xoxb-north")
        config = write_config(folder, slack, easemob, installation.token)
        people = [north.add_user(f"U0PERSON{number:02}", name=f"Person {number}") for number in range(visitors)]
        lanes = {person.dm().id: f"{north.id}_{person.id}_{person.dm().id}".lower() for person in people}
        writing = await nursery.start(_all_together)
        writing.start_soon(_write, people, visitors / a_second)
        writing.start_soon(_answer, desk, [*lanes.values()], max(visitors / a_second, 1.1))
        for _ in range(kills):
            async with daemon(config) as running:
                await running.says("daemon.ready")
                await trio.sleep(chance.uniform(0.2, 2.5))
                running.process.kill()
                await running.ends()
        async with daemon(config) as running:
            await running.says("daemon.ready")
            await trio.sleep(2)
            writing.cancel_scope.cancel()
            with trio.move_on_after(SETTLE_S):
                await _settled(slack, easemob, desk)
            # What would come twice, comes now.
            await trio.sleep(4)
        nursery.cancel_scope.cancel()
    return Report(seed, kills, judge_town(slack, easemob, desk))


async def _all_together(*, task_status: trio.TaskStatus[trio.Nursery]) -> None:
    """Hold those who write."""
    async with trio.open_nursery() as nursery:
        task_status.started(nursery)
        await trio.sleep_forever()


async def _settled(slack: FakeSlack, easemob: FakeEasemob, desk: Desk) -> None:
    """Wait until everything has arrived."""

    def is_there() -> bool:
        verdict = judge_town(slack, easemob, desk)
        return verdict.arrived == verdict.sent

    while not is_there():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_first, desk.change, nursery.cancel_scope)
            nursery.start_soon(_first, lambda: slack.until(is_there), nursery.cancel_scope)


async def _first(wait: Callable[[], Awaitable[object]], others: trio.CancelScope) -> None:
    await wait()
    others.cancel()


async def _write(people: list[Person], every_s: float) -> None:
    """Let everybody write in turn, *every_s* each."""
    for number in itertools.count():
        person = people[number % len(people)]
        await person.says(person.dm(), f"question {number}")
        await trio.sleep(every_s / len(people))


async def _answer(desk: Desk, visitors: list[str], every_s: float) -> None:
    """Let an agent answer everybody in turn, *every_s* each."""
    for number in itertools.count():
        visitor = visitors[number % len(visitors)]
        if desk.conversation(visitor).heard:
            desk.answers(visitor, f"answer {number}")
        await trio.sleep(every_s / len(visitors))
