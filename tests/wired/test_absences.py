"""One side is away for long: what was acknowledged is on disk, and all of it arrives, once and in order."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.demo.slack import Status
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from tests.wired.town import Town

HOUR_S = 3600.0
EVERY_S = 1.0
"""How often somebody writes while the other side is away."""

SLACK = ("slack.com", "wss-primary.slack.com")
EASEMOB = ("rest.easemob.test", "im.easemob.test")


def visitors(here: Town, count: int) -> list[str]:
    """Let people in, and return their names at the desk."""
    people = [here.north.add_user(name=f"Person {number}") for number in range(count)]
    return [here.visitor(person, person.dm()) for person in people]


async def write(here: Town, numbers: range, *, every_s: float = EVERY_S, words: str = "") -> None:
    """Let the people write in turn, each in their direct messages."""
    people = [user for user in here.slack.state.users.values() if not user.is_bot]
    channels = [here.slack.state.direct(user, here.north.installation) for user in people]
    for number in numbers:
        turn = number % len(people)
        here.slack.state.write(people[turn], channels[turn], f"question {number}{words}")
        await trio.sleep(every_s)


def unreachable(here: Town, hosts: tuple[str, ...]) -> None:
    """Let nobody reach *hosts*; what is open is cut."""
    for host in hosts:
        here.network.hosts[host].refuse = "no route to host"
    for line in here.network.open_lines(*hosts):
        line.reset()


@pytest.mark.timeout(180)
async def test_easemob_is_away_for_two_hours(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A message a second: all are acknowledged in time, and arrive after a restart, when Easemob is back."""
    async with town(tmp_path) as here:
        visitors(here, 5)
        await write(here, range(5))
        here.easemob.faults.black_hole = True
        await write(here, range(5, 3605))
        unreachable(here, EASEMOB)
        await write(here, range(3605, 7205))
        await here.stop()
        here.network.hosts.clear()
        await here.start()
        waiting = here.statistics["spill"]().pending  # type: ignore[attr-defined]  # that group's class
        here.easemob.faults.black_hole = False
        await here.settle()
        verdict = here.judge()
        late = [
            each
            for each in here.slack.ledger.parcels
            if each.acknowledged_after_s is None or each.acknowledged_after_s > 2
        ]

        assert 7200 == waiting
        assert verdict.is_clean, verdict
        assert 7205 == verdict.sent
        assert not late


@pytest.mark.timeout(180)
async def test_slack_is_away_for_two_hours(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """
    An answer a second while Slack takes no posts waits at Easemob, and arrives once and in order.

    Twenty visitors, since Easemob keeps 500 messages for one (facts/easemob-rest.md §9.3).
    """
    async with town(tmp_path) as here:
        names = visitors(here, 20)
        await write(here, range(20))
        await trio.sleep(10)
        here.slack.faults.web.storm("*", Status(503))
        for number in range(7200):
            if number == 3600:
                unreachable(here, SLACK)
            here.desk.answers(names[number % len(names)], f"answer {number}")
            await trio.sleep(EVERY_S)
        await here.settle()
        verdict = here.judge()

        assert verdict.is_clean, verdict
        assert 7220 == verdict.sent


@pytest.mark.timeout(180)
async def test_memory_stays_flat_while_easemob_is_away(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """
    Messages that wait for Easemob wait on disk: neither their words nor any object of ours is in memory for each.

    What is, to the byte, is measured without the fakes in ``bridge/slack_to_kefu/test_memory.py``: here their ledgers
    are in the same process, in memory that the daemon may have had before.
    """
    more = 250
    async with town(tmp_path) as here:
        visitors(here, 5)
        await write(here, range(5))
        here.easemob.faults.black_hole = True
        await trio.sleep(10)
        tracemalloc.start()
        try:
            objects, traced = await in_memory(here, range(5, 55))
            objects_with_more, traced_with_more = await in_memory(here, range(55, 55 + more))
        finally:
            tracemalloc.stop()
        here.easemob.faults.black_hole = False

        assert 50 + more <= here.statistics["spill"]().pending  # type: ignore[attr-defined]  # that group's class
        assert objects_with_more - objects < 0.1 * more
        assert traced_with_more - traced < 500 * more


async def in_memory(here: Town, numbers: range) -> tuple[int, int]:
    """Let people write, and return how many objects the daemon holds then, and how many bytes it has asked for."""
    await write(here, numbers, every_s=0.1, words=" " + "x" * 400)
    await trio.sleep(10)
    # What came in the last three seconds is remembered until something else comes.
    await write(here, range(numbers.start + 10_000, numbers.start + 10_001), every_s=10)
    gc.collect()
    # Some classes of others' have a property of that name.
    kinds = (str(type(each).__module__) for each in gc.get_objects())
    objects = sum(kind.startswith(tuple(f"slackkefu.{part}." for part in PARTS)) for kind in kinds)
    taken = tracemalloc.take_snapshot().filter_traces(
        [tracemalloc.Filter(inclusive=True, filename_pattern=f"*/slackkefu/{part}/*") for part in PARTS]
    )
    return objects, sum(each.size for each in taken.statistics("filename"))


PARTS = ("bridge", "store", "slack", "easemob", "kefu")
