"""A person is told how their conversation stands, and nothing that is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from slackkefu.easemob.names import ImUser
from slackkefu.kefu.messages import Text
from slackkefu.kefu.speaker import Speaker
from slackkefu.kefu.text import Plain
from slackkefu.slack.ids import UserId
from tests.bridge.deeds.counter import Counter, in_direct, serving
from tests.bridge.people import MIA, NORTH

if TYPE_CHECKING:
    from slackkefu.store.visitors import VisitorRecord


async def stands(record: VisitorRecord, by: Speaker | None = None, *, waiting: int = 0, locale: str = "en-US") -> str:
    """Say how a conversation stands in which somebody has spoken."""
    counter = Counter(record)
    counter.waiting = waiting
    if by is not None:
        counter.attendance.note(ImUser(MIA), Text((Plain("hi"),), by=by))
    (conversation,) = counter.whereabouts.all_of(NORTH, UserId("U0MIA00001"))
    return counter.standing.words(conversation, locale=locale)


@pytest.mark.parametrize(
    ("expected", "record", "by"),
    [
        ("No conversation is open.", in_direct(), None),
        ("Your conversation with customer service is open.", serving(in_direct()), None),
        ("with Ann &lt;!here&gt; of customer", serving(in_direct()), Speaker("agent", name="Ann <!here>")),
        ("Your conversation with customer service is open.", serving(in_direct()), Speaker("agent")),
        ("Your conversation with customer service is open.", serving(in_direct()), Speaker("robot", name="Bot")),
        ("No conversation is open.", in_direct(), Speaker("agent", name="Ann")),
    ],
)
async def test_how_it_stands(expected: str, record: VisitorRecord, by: Speaker | None) -> None:
    """Open or not, and with whom where a human serves who has a name."""
    assert expected in await stands(record, by)


async def test_what_is_still_on_its_way() -> None:
    """Messages that have not left are counted, in the person's language."""
    assert (await stands(in_direct(), waiting=3)).endswith(": 3.")
    assert "3 条消息" in await stands(in_direct(), waiting=3, locale="zh-CN")


async def test_a_session_that_nobody_has_spoken_in_for_long() -> None:
    """It counts as closed."""
    old = msgspec.structs.replace(serving(in_direct()), last_active=1.0)

    assert "No conversation is open." in await stands(old)
