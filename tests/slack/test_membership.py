"""Whether the app is in a channel: only what Slack says counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
import trio

from slackkefu.errors import LinkClosed, SlackApiError
from slackkefu.slack.ids import ChannelId
from slackkefu.slack.membership import is_in
from tests.bridge.people import NORTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.secret import Secret
    from slackkefu.slack.web import WebClient

METHOD = "conversations.info"


class Slack:
    """A Slack with one answer."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    async def call(self, method: str, arguments: Mapping[str, object], *, token: Secret) -> Mapping[str, object]:
        """Give it."""
        await trio.lowlevel.checkpoint()
        assert (METHOD, {"channel": "C1"}, NORTH.bot_token) == (method, arguments, token)
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"ok": True, "channel": self.answer}


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        (True, {"is_member": True}),
        (False, {"is_member": False}),
        (None, {}),
        (None, {"is_member": "yes"}),
        (None, None),
        (None, SlackApiError(METHOD, "channel_not_found")),
        (None, LinkClosed("slack", "gone")),
    ],
)
async def test_what_slack_says(expected: bool | None, answer: object) -> None:
    """A channel that Slack does not show, or says nothing of, leaves it open."""
    assert expected is await is_in(cast("WebClient", Slack(answer)), NORTH, ChannelId("C1"))
