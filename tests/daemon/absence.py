"""What messages that wait for Easemob cost the daemon's process: resident memory, as the system tells it."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import linear_regression
from typing import TYPE_CHECKING, Final, final

import trio

from slackkefu.demo.conservation import judge_town
from slackkefu.demo.desk import Desk
from slackkefu.demo.easemob import FakeEasemob
from slackkefu.demo.slack import FakeSlack
from tests.daemon.process import daemon, write_config

if TYPE_CHECKING:
    from slackkefu.demo.judge import Verdict

__all__ = ["Report", "run"]

SAMPLE: Final = 500
"""Messages between two looks at the process."""

SETTLE_S: Final = 900.0


@final
@dataclass(frozen=True)
class Report:
    """What a run has shown; sizes in bytes."""

    messages: int
    before: int
    """Resident memory with everybody logged in and nothing waiting."""
    full: int
    """With all messages waiting."""
    slope: float
    """Growth a message, over the second half."""
    after: int
    """When all have arrived."""
    verdict: Verdict

    def __str__(self) -> str:
        return (
            f"{self.messages} messages wait: {self.before >> 20} MiB before, {self.full >> 20} MiB with all of them "
            f"({self.slope:.0f} bytes a message), {self.after >> 20} MiB when they have arrived; {self.verdict}"
        )


async def run(folder: Path, *, messages: int, a_second: float, visitors: int, letters: int = 200) -> Report:
    """
    Let people write while Easemob is away, and then let it come back.

    Args:
        folder: For the configuration and the store.
        messages: How many.
        a_second: How many a second.
        visitors: How many people write.
        letters: How long a message is.

    """
    slack, easemob = FakeSlack(chance=Random(1)), FakeEasemob()
    desk = Desk(easemob, service_number="kefu_service")
    async with trio.open_nursery() as nursery:
        await nursery.start(slack.serve_loopback)
        await nursery.start(easemob.serve_loopback)
        north = slack.add_workspace("T0NORTH001", name="North")
        config = write_config(folder, slack, easemob, north.install(token="xoxb-north").token)
        people = [north.add_user(f"U0PERSON{number:03}", name=f"Person {number}") for number in range(visitors)]
        async with daemon(config) as running:
            for person in people:
                await person.says(person.dm(), "hello")
            for person in people:
                await desk.heard(visitor=f"{north.id}_{person.id}_{person.dm().id}")
            before = _resident(running.process.pid)
            easemob.faults.black_hole = True
            begun, samples = trio.current_time(), []
            for number, person in zip(range(messages), itertools.cycle(people), strict=False):
                await person.says(person.dm(), f"{number} ".ljust(letters, "x"))
                await trio.sleep_until(begun + number / a_second)
                if number % SAMPLE == 0:
                    samples.append((number, _resident(running.process.pid)))
            await slack.settled()
            full = _resident(running.process.pid)
            second = samples[len(samples) // 2 :]
            slope = linear_regression([at for at, _ in second], [size for _, size in second]).slope
            easemob.faults.black_hole = False
            with trio.move_on_after(SETTLE_S):
                while len(desk.everything_heard()) < messages + visitors:
                    await desk.change()
            report = Report(
                messages, before, full, slope, _resident(running.process.pid), judge_town(slack, easemob, desk)
            )
        nursery.cancel_scope.cancel()
    return report


def _resident(process: int) -> int:
    """Return the resident memory of a process, in bytes."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
