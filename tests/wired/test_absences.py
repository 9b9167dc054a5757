"""One side is away for long: what was acknowledged is on disk, and all of it arrives, once and in order."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import trio
import trio.testing

from slackkefu.demo.slack import Status
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from tests.wired.town import Town

HOUR_S = 3600.0
VISITORS = 5


def lanes(here: Town) -> dict[str, str]:
    """Return the visitors' names by their direct messages."""
    people = [here.north.add_user(name=f"Person {number}") for number in range(VISITORS)]
    return {person.dm().id: here.visitor(person, person.dm()) for person in people}


async def write(here: Town, people: dict[str, str], numbers: range, *, every_s: float, words: str = "") -> None:
    """Let the visitors write in turn."""
    channels = [here.slack.state.channels[channel] for channel in people]
    for number in numbers:
        channel = channels[number % len(channels)]
        author = next(member for member in channel.members.values() if not member.is_bot)
        here.slack.state.write(author, channel, f"question {number}{words}")
        await trio.sleep(every_s)


async def test_easemob_is_away_for_two_hours(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A message each six seconds: all are acknowledged in time, and arrive after a restart, when Easemob is back."""
    async with town(tmp_path) as here:
        people = lanes(here)
        await write(here, people, range(VISITORS), every_s=1)
        here.easemob.faults.black_hole = True
        await write(here, people, range(VISITORS, VISITORS + 1200), every_s=6)
        await here.stop()
        await here.start()
        waiting = here.statistics["spill"]().pending  # type: ignore[attr-defined]  # that group's class
        here.easemob.faults.black_hole = False
        await trio.sleep(HOUR_S)
        verdict = here.judge()
        late = [
            each
            for each in here.slack.ledger.parcels
            if each.acknowledged_after_s is None or each.acknowledged_after_s > 2
        ]

        assert waiting >= 1200
        assert verdict.is_clean, verdict
        assert 1200 + VISITORS == verdict.sent
        assert not late


async def test_slack_is_away_for_two_hours(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What agents write while Slack takes no posts waits at Easemob, and arrives once and in order."""
    async with town(tmp_path) as here:
        people = lanes(here)
        await write(here, people, range(VISITORS), every_s=1)
        await trio.sleep(10)
        here.slack.faults.web.storm("*", Status(503))
        for number in range(600):
            here.desk.answers([*people.values()][number % VISITORS], f"answer {number}")
            await trio.sleep(12)
        here.slack.faults.web.clear()
        await trio.sleep(HOUR_S)
        verdict = here.judge()

        assert verdict.is_clean, verdict
        assert 600 + VISITORS == verdict.sent


async def test_memory_stays_flat_while_easemob_is_away(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Messages that wait for Easemob wait on disk: 150 more of 4 kB cost the daemon less than 2 kB each."""
    async with town(tmp_path) as here:
        people = lanes(here)
        await write(here, people, range(VISITORS), every_s=1)
        here.easemob.faults.black_hole = True
        await trio.sleep(10)
        tracemalloc.start()
        try:
            await write(here, people, range(VISITORS, 150 + VISITORS), every_s=0.1, words=" " + "x" * 4000)
            await trio.sleep(10)
            # What came in the last three seconds is remembered until something else comes.
            await write(here, people, range(1000, 1001), every_s=10)
            taken = tracemalloc.take_snapshot().filter_traces(
                [tracemalloc.Filter(inclusive=True, filename_pattern=f"*/slackkefu/{part}/*") for part in PARTS]
            )
        finally:
            tracemalloc.stop()
        here.easemob.faults.black_hole = False
        kept = sum(each.size for each in taken.statistics("filename"))

        assert 150 <= here.statistics["spill"]().pending  # type: ignore[attr-defined]  # that group's class
        assert kept < 300_000


PARTS = ("bridge", "store", "slack", "easemob", "kefu")
