"""Who serves a visitor is what was said for the channel, else for the workspace, else for all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from slackkefu.bridge.slack_to_kefu.entrances import Entrances
from slackkefu.kefu.outgoing import ANYWHERE, Entrance
from slackkefu.slack.ids import ChannelId
from tests.bridge.people import forward

SAID = Entrances(
    Entrance(queue="all", agent="all@example.com", tags=("slack", "new")),
    {"T0NORTH001": Entrance(queue="north", tags=("vip", "new")), "T0EMPTY001": Entrance()},
    {"C0SUPPORT1": Entrance(agent="lin@example.com", tags=("support",))},
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"team": "T0OTHER001"}, Entrance("all", "all@example.com", ("slack", "new"))),
        ({"team": "T0EMPTY001"}, Entrance("all", "all@example.com", ("slack", "new"))),
        ({}, Entrance("north", "all@example.com", ("slack", "new", "vip"))),
        (
            {"channel": "C0SUPPORT1", "channel_type": "channel"},
            Entrance("north", "lin@example.com", ("slack", "new", "vip", "support")),
        ),
        (
            {"channel": "C0SUPPORT1", "channel_type": "channel", "user_team": "T0OTHER001"},
            Entrance("all", "lin@example.com", ("slack", "new", "support")),
        ),
    ],
)
def test_the_nearest_word_holds(changes: dict[str, Any], expected: Entrance) -> None:
    """Each of queue and agent by itself; tags add up, each once. The workspace is the author's own."""
    assert expected == SAID.of(forward(**changes))


def test_a_channel_with_a_new_id() -> None:
    """What was said for a channel under its old id holds on."""
    moved = forward(channel="C0SUPPORT2", channel_type="channel")
    moved = replace(moved, visitor=replace(moved.visitor, channel=ChannelId("C0SUPPORT1")))

    assert "lin@example.com" == SAID.of(moved).agent


def test_nothing_said() -> None:
    """Then all of it is left to the desk."""
    assert ANYWHERE == Entrances().of(forward())
