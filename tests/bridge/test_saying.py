"""A line is said at most once, and is tried again only where it surely was not said."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from slackkefu.bridge.saying import TRIES, Saying
from slackkefu.errors import ConnectFailed, SlackApiError, SlackOutcomeUnknown, SlackRateLimited
from slackkefu.slack.ids import ChannelId, UserId
from tests.bridge.deeds.counter import Web
from tests.bridge.people import NORTH, world

if TYPE_CHECKING:
    import trio

    from slackkefu.slack.web import WebClient

METHOD = "chat.postMessage"


@pytest.mark.parametrize(
    ("is_said", "calls", "problems"),
    [
        (True, 1, []),
        (True, 3, [ConnectFailed("slack.com", "no route"), SlackRateLimited(METHOD, 30.0)]),
        (False, 1, [SlackOutcomeUnknown(METHOD, "cut")]),
        (False, 1, [SlackApiError(METHOD, "not_in_channel")]),
        (False, TRIES, [ConnectFailed("slack.com", "no route")] * TRIES),
    ],
)
async def test_a_line(
    is_said: bool, calls: int, problems: list[Exception], autojump_clock: trio.testing.MockClock
) -> None:
    """What nobody knows is not repeated."""
    web = Web()
    web.problems[METHOD].extend(problems)
    saying = Saying(world=world(), web=cast("WebClient", web))

    assert is_said is await saying.say(NORTH, "hello", channel=ChannelId("D1"))
    assert calls == len(web.calls)


async def test_a_line_to_one_person() -> None:
    """Nobody else sees it."""
    web = Web()
    saying = Saying(world=world(), web=cast("WebClient", web))
    await saying.say(NORTH, "hello", channel=ChannelId("C1"), only_to=UserId("U1"))

    assert [("chat.postEphemeral", {"channel": "C1", "user": "U1", "thread_ts": None, "text": "hello"})] == web.calls
