"""
Everything that the network and both services can do: each message arrives once, in order.

Two seeds of each storm run here; ``SLACKKEFU_SEEDS=20`` runs twenty.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from slackkefu.demo.easemob import Switches
from tests.wired.storms import STORMS, Talk, met
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from tests.wired.town import Town

SEEDS = range(int(os.environ.get("SLACKKEFU_SEEDS", "2")))


def repeated_statuses(here: Town) -> list[str]:
    """Return the service sessions that more than one message speaks of."""
    times = Counter(post.metadata_id for post in here.slack.ledger.posts if post.metadata_id.startswith("session/"))
    return [session for session, number in times.items() if number > 1]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", STORMS)
async def test_a_storm(tmp_path: Path, autojump_clock: trio.testing.MockClock, name: str, seed: int) -> None:
    """A few minutes of it, under load both ways; what was never met proves nothing."""
    storm = STORMS[name]
    options: dict[str, Any] = dict(storm.options)
    if "token_life_s" in options:
        options["switches"] = Switches(token_life_s=options.pop("token_life_s"))
    async with town(tmp_path, seed=seed, session_status=True, **options) as here:
        talk = Talk(here)
        await talk.begin()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storm.blow, here, Random(seed))
            await talk.go_on(minutes=storm.minutes)
            nursery.cancel_scope.cancel()
        await here.settle()
        verdict, situations = here.judge(), met(here)
        print(verdict, dict(situations))  # noqa: T201 - pytest shows it with a failure

        assert [] == [situation for situation in storm.meets if not situations[situation]]
        assert [] == repeated_statuses(here)
        assert verdict.is_clean, (verdict.lost + verdict.doubled + verdict.reordered)[:10]
        assert verdict.sent > 60 * storm.minutes
        assert 0 == here.statistics["posting"]().doubled_possible  # type: ignore[attr-defined]  # that group's class
