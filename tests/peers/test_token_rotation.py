"""Slack's own client refreshes tokens at our fake Slack, and asks for them as we do."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING

import pytest
import trio
from slack_sdk.errors import SlackTokenRotationError
from slack_sdk.oauth.token_rotation import TokenRotator

from slackkefu.demo.slack import FakeSlack
from slackkefu.net.network import TcpNetwork
from slackkefu.secret import Secret
from slackkefu.slack.installation import to_bot
from slackkefu.slack.tokens import read_renewed
from slackkefu.slack.web import OAuthClient, WebClient
from slackkefu.world import World
from tests.bridge.people import NORTH

if TYPE_CHECKING:
    from slack_sdk.oauth.installation_store import Bot

pytestmark = pytest.mark.timeout(40)


def rotated(slack: FakeSlack, bot: Bot, secret: str) -> Bot | None:
    """Let slack_sdk refresh the token of *bot*; blocks."""
    rotator = TokenRotator(client_id=slack.settings.client_id, client_secret=secret)
    rotator.client.base_url = slack.addresses.api
    return rotator.perform_bot_token_rotation(bot=bot, minutes_before_expiration=13 * 60)


async def test_both_refresh_in_the_same_way(nursery: trio.Nursery) -> None:
    """The same fields with the same credentials, and the same read out of the answer."""
    slack = FakeSlack(chance=Random(7))
    slack.state.rotates = True
    installed = slack.add_workspace("T0NORTH001", name="North").install()
    await nursery.start(slack.serve_loopback)
    grant = slack.state.grants.of(installed.token)

    assert grant is not None
    bot = to_bot(NORTH, 0.0)
    bot.bot_token, bot.bot_refresh_token = grant.token, grant.refresh_token
    bot.bot_token_expires_at = int(grant.expires_at)
    theirs = await trio.to_thread.run_sync(rotated, slack, bot, slack.settings.client_secret)
    web = WebClient(
        world=World(TcpNetwork()),
        api_url=slack.addresses.api,
        app_token=Secret("xapp-test"),
        client=OAuthClient(slack.settings.client_id, Secret(slack.settings.client_secret)),
    )
    # Within the grace period the same token gives the same again.
    answer = await web.refresh(Secret(grant.refresh_token))
    await web.aclose()
    ours = read_renewed(answer, refresh_token=Secret(grant.refresh_token), asked_at=slack.state.mint.now())

    assert theirs is not None
    assert (theirs.bot_token, theirs.bot_refresh_token) == (ours.bot_token.reveal(), ours.refresh_token.reveal())
    assert theirs.bot_token_expires_at == pytest.approx(ours.expires_at, abs=10)
    asked = [call.arguments for call in slack.ledger.calls]
    assert {"grant_type": "refresh_token", "refresh_token": grant.refresh_token} == asked[1]
    assert asked[1].items() <= asked[0].items()


async def test_a_refusal(nursery: trio.Nursery) -> None:
    """A wrong secret is an error with Slack's code there too."""
    slack = FakeSlack(chance=Random(7))
    slack.state.rotates = True
    installed = slack.add_workspace("T0NORTH001", name="North").install()
    await nursery.start(slack.serve_loopback)
    grant = slack.state.grants.of(installed.token)

    assert grant is not None
    bot = to_bot(NORTH, 0.0)
    bot.bot_token, bot.bot_refresh_token, bot.bot_token_expires_at = grant.token, grant.refresh_token, 1
    with pytest.raises(SlackTokenRotationError) as refused:
        await trio.to_thread.run_sync(partial(rotated, slack, bot, "wrong"))

    assert "bad_client_secret" == refused.value.api_error.response["error"]
