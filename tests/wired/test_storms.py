"""Everything that the network and both services can do at once: each message arrives once, in order."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.demo.easemob.ledger import Accepted, LoginRefused
from slackkefu.demo.slack import Drop, Status, TooMany
from slackkefu.demo.slack.ledger import AttemptState
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.faults import WebFault
    from tests.wired.town import Town

ANSWERS: list[WebFault] = [Drop(), Drop(carried_out=False), Status(503), TooMany(retry_after_s=3)]
MINUTES = 10
SETTLE_S = 3600.0


async def weather(here: Town, chance: Random) -> None:
    """Let something go wrong every few seconds."""
    link, web, easemob = here.slack.faults.link, here.slack.faults.web, here.easemob.faults
    while True:
        match chance.randrange(9):
            case 0:
                here.slack.refresh()
            case 1:
                chance.choice(here.network.lines)[1].reset()
            case 2:
                chance.choice(here.network.lines)[1].black_hole()
            case 3:
                link.lose_acknowledgements += 2
            case 4:
                link.repeat_envelopes += 2
            case 5:
                easemob.lost_acknowledgements += 1
            case 6:
                easemob.cut_after_sends += 1
            case 7:
                easemob.refuse_login(chance.choice([8, 14]))
            case _:
                web.next("chat.postMessage", chance.choice(ANSWERS))
        await trio.sleep(chance.uniform(1, 10))


async def write(here: Town, people: list[Person]) -> None:
    """Let everybody write, and an agent answer."""
    for number in range(MINUTES * 60 // 2):
        person = people[number % len(people)]
        await person.says(person.dm(), f"question {number}")
        if here.desk.conversation(here.visitor(person, person.dm())).heard:
            here.desk.answers(here.visitor(person, person.dm()), f"answer {number}")
        await trio.sleep(2)


def met(here: Town) -> Counter[str]:
    """Count what really happened, as the two services wrote it down."""
    found: Counter[str] = Counter()
    for parcel in here.slack.ledger.parcels:
        found["an event repeated"] += len(parcel.attempts) > 1
        found["no acknowledgement in time"] += any(each.state is AttemptState.TIMED_OUT for each in parcel.attempts)
    for record in here.slack.ledger.links:
        found["a connection replaced"] += "life" in record.how or "closed" in record.how
        found["a connection lost"] += bool(record.how) and "closed" not in record.how
    for accepted in here.easemob.ledger.of(Accepted):
        found["an IM acknowledgement lost"] += accepted.client_id is not None and not accepted.acknowledged
        found["an IM message repeated"] += accepted.repeated
    found["a login refused"] = len(here.easemob.ledger.of(LoginRefused))
    for call in here.slack.ledger.calls_of("chat.postMessage"):
        found[f"a post met {call.error}"] += bool(call.error)
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_a_storm(tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int) -> None:
    """Ten minutes of faults on every side, under load both ways; what was never met proves nothing."""
    chance = Random(seed)
    async with town(tmp_path, seed=seed) as here:
        people = [here.north.add_user(name=f"Person {number}") for number in range(6)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(weather, here, chance)
            await write(here, people)
            nursery.cancel_scope.cancel()
        await trio.sleep(SETTLE_S)
        verdict, situations = here.judge(), met(here)
        print(verdict, dict(situations))  # noqa: T201 - pytest shows it with a failure

        assert verdict.is_clean, verdict
        assert verdict.sent > 400
        assert 0 == here.statistics["posting"]().doubled_possible  # type: ignore[attr-defined]  # that group's class
        for situation in (
            "an event repeated",
            "no acknowledgement in time",
            "a connection lost",
            "an IM acknowledgement lost",
            "an IM message repeated",
            "a login refused",
        ):
            assert situations[situation], situation
        assert sum(count for name, count in situations.items() if name.startswith("a post met"))
