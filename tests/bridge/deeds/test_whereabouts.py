"""A conversation is found where it is, and begins only in the direct messages with the app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from slackkefu.bridge.deeds import whereabouts
from slackkefu.bridge.identity import Visitor
from slackkefu.errors import LinkClosed, SlackApiError
from slackkefu.slack.ids import ChannelId, TeamId, UserId
from tests.bridge.deeds.counter import DIRECT, Counter, in_channel, in_direct
from tests.bridge.people import MIA, MIA_CHANNEL, NORTH, installation

if TYPE_CHECKING:
    import trio

TEAM, USER = TeamId("T0NORTH001"), UserId("U0MIA00001")


def at(channel: str, team: TeamId = TEAM) -> Visitor:
    """Return Mia in a channel."""
    return Visitor(team, USER, ChannelId(channel))


async def test_a_conversation_that_was_had() -> None:
    """It is known without asking Slack, with the thread that answers go to."""
    counter = Counter(in_channel())
    found = await counter.whereabouts.here(NORTH, at("C0SUPPORT1"))

    assert found is not None
    assert (MIA_CHANNEL, False, "1760000000.000001") == (found.user, found.is_direct, found.thread_ts)
    assert [] == counter.web.calls


async def test_a_channel_has_a_new_id() -> None:
    """The visitor keeps the name, and is found by the new id."""
    counter = Counter(in_channel(channel="C0NEW"))
    found = await counter.whereabouts.here(NORTH, at("C0NEW"))

    assert found is not None
    assert (MIA_CHANNEL, "C0NEW") == (found.user, found.visitor.channel)


async def test_a_person_s_other_workspace() -> None:
    """Within an organisation it may be another one that the command comes from: the conversation is the same."""
    counter = Counter(in_channel())
    found = await counter.whereabouts.here(NORTH, at("C0SUPPORT1", TeamId("T0OTHER001")))

    assert found is not None
    assert MIA_CHANNEL == found.user


async def test_where_nothing_was_written() -> None:
    """Only the direct messages with the app are a conversation then; Slack is asked which these are, once."""
    counter = Counter()
    there = [
        await counter.whereabouts.here(NORTH, at(channel)) for channel in (DIRECT, "D0OTHER", "C0SUPPORT1", DIRECT)
    ]

    assert [MIA, None, None, MIA] == [found and found.user for found in there]
    assert [{"users": USER}] == counter.web.of("conversations.open")


async def test_what_was_learned_is_not_asked() -> None:
    """An opened home tab tells where the direct messages are."""
    counter = Counter()
    counter.whereabouts.learn(NORTH, USER, ChannelId(DIRECT))
    found = await counter.whereabouts.direct(NORTH, TEAM, USER)

    assert found is not None
    assert (MIA, True) == (found.user, found.is_direct)
    assert [] == counter.web.calls


@pytest.mark.parametrize(
    "problem", [SlackApiError("conversations.open", "missing_scope"), LinkClosed("slack.com", "cut"), None]
)
async def test_slack_does_not_say(problem: Any, autojump_clock: trio.testing.MockClock) -> None:
    """Then it is none, in time for an answer."""
    counter = Counter()
    counter.web.problems["conversations.open"] += [problem] if problem else []
    counter.web.takes_s = 0.0 if problem else 10.0

    assert await counter.whereabouts.direct(NORTH, TEAM, USER) is None
    assert 2.0 > autojump_clock.current_time()


async def test_an_id_that_cannot_be_named() -> None:
    """There is no such visitor."""
    counter = Counter()
    counter.whereabouts.learn(NORTH, USER, ChannelId(DIRECT))

    assert await counter.whereabouts.direct(NORTH, TeamId(""), USER) is None
    assert await counter.whereabouts.here(NORTH, at("?")) is None


async def test_all_of_a_person_s() -> None:
    """The latest first, and nobody else's."""
    counter = Counter(in_direct(last_active=1.0), in_channel(last_active=2.0))

    assert [MIA_CHANNEL, MIA] == [each.user for each in counter.whereabouts.all_of(NORTH, USER)]
    assert [] == counter.whereabouts.all_of(NORTH, UserId("U0LEO00001"))
    assert [] == counter.whereabouts.all_of(installation("south"), USER)


async def test_one_by_its_name() -> None:
    """A button names a conversation; it must be that of whoever presses it."""
    counter = Counter(in_direct())

    assert counter.whereabouts.of(NORTH, USER, MIA) is not None
    assert counter.whereabouts.of(NORTH, UserId("U0LEO00001"), MIA) is None
    assert counter.whereabouts.of(installation("south"), USER, MIA) is None
    assert counter.whereabouts.of(NORTH, USER, "nobody") is None


async def test_what_is_known_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was asked for longest ago is asked for again."""
    monkeypatch.setattr(whereabouts, "MOST_KNOWN", 1)
    counter = Counter()
    for user in (USER, UserId("U0LEO00001"), USER):
        await counter.whereabouts.direct(NORTH, TEAM, user)

    assert 3 == len(counter.web.of("conversations.open"))
    assert "<Whereabouts, 1 direct messages known>" == repr(counter.whereabouts)


async def test_an_answer_without_a_channel() -> None:
    """It is none, and not remembered."""
    counter = Counter()
    counter.web.direct = ""

    assert await counter.whereabouts.direct(NORTH, TEAM, USER) is None
    assert await counter.whereabouts.direct(NORTH, TEAM, USER) is None
    assert 2 == len(counter.web.calls)
