"""The home tab shows each conversation with what may be wished for in it, inside Slack's limits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from slackkefu.bridge.deeds.home_view import home_view, wish_in
from slackkefu.bridge.deeds.wishes import Wish
from slackkefu.slack.ids import UserId
from tests.bridge.deeds.counter import Counter, in_channel, in_direct, serving
from tests.bridge.people import MIA, MIA_CHANNEL, NORTH

if TYPE_CHECKING:
    from slackkefu.store.visitors import VisitorRecord


def view(*records: VisitorRecord, locale: str = "en-US", notice: str = "") -> Any:
    """Make Mia's home tab."""
    counter = Counter(*records)
    conversations = counter.whereabouts.all_of(NORTH, UserId("U0MIA00001"))
    return home_view(conversations, standing=counter.standing, locale=locale, notice=notice)


def buttons(made: Any) -> list[tuple[str, str]]:
    """Return the buttons of a view with their values."""
    rows = (block["elements"] for block in made["blocks"] if block["type"] == "actions")
    return [(each["action_id"], each.get("value", "")) for row in rows for each in row]


async def test_nothing_was_written_yet() -> None:
    """A conversation can begin here; there is nothing to rate or to end."""
    assert [("wish:human", ""), ("wish:leave-a-note", ""), ("wish:status", ""), ("wish:help", "")] == buttons(view())


async def test_conversations() -> None:
    """Each has its place, its state and its buttons; only an open one can be ended."""
    made = view(serving(in_direct(last_active=2.0)), in_channel(last_active=1.0))
    texts = [block["text"]["text"] for block in made["blocks"] if block["type"] == "section"]
    named = buttons(made)

    assert ["*Direct messages*", "*<#C0SUPPORT1>*"] == [text.split("\n")[0] for text in texts]
    assert "is open" in texts[0]
    assert ("wish:end", MIA) in named
    assert ("wish:end", MIA_CHANNEL) not in named
    assert {("wish:rate", MIA), ("wish:rate", MIA_CHANNEL)} <= {*named}


@pytest.mark.parametrize("locale", ["zh-CN", "en-US", ""])
async def test_slack_s_limits(locale: str) -> None:
    """However many conversations there are, and in both languages."""
    records = [
        serving(in_channel(im_user=f"t0north001_u0mia00001_c{number}", channel=f"C{number}")) for number in range(50)
    ]
    made = view(*records, locale=locale, notice="x" * 5000)
    ids = [block["block_id"] for block in made["blocks"] if "block_id" in block]

    assert len(made["blocks"]) <= 100
    assert len(ids) == len({*ids})
    assert all(len(each) <= 255 for each in ids)
    assert len(json.dumps(made)) < 250_000
    assert all(len(block["text"]["text"]) <= 3000 for block in made["blocks"] if block["type"] == "section")
    rows = [block["elements"] for block in made["blocks"] if block["type"] == "actions"]
    assert all(len(each["text"]["text"]) <= 75 for row in rows for each in row)


def test_a_button_s_wish() -> None:
    """Each wish has its button; what is none of ours is none."""
    assert [*Wish] == [wish_in(f"wish:{wish.value}") for wish in Wish]
    assert wish_in("wish:coffee") is None
    assert wish_in("answer:0") is None
