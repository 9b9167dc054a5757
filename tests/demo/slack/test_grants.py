"""Token rotation at the fake Slack (facts/slack.md §12)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trio

if TYPE_CHECKING:
    from tests.demo.slack.conftest import Stage

HOUR_S = 3600.0
CLIENT = {"client_id": "client-test", "client_secret": "client-secret-test"}


def install(stage: Stage) -> dict[str, Any]:
    """Install the app, which has token rotation, in another workspace."""
    stage.slack.state.rotates = True
    west = stage.slack.add_workspace("T0WEST0001", name="West")
    return stage.call("oauth.v2.access", "", **CLIENT, code=stage.slack.authorize(west))


def refresh(stage: Stage, refresh_token: str, **fields: Any) -> dict[str, Any]:
    """Use a refresh token."""
    asked = {"grant_type": "refresh_token", "refresh_token": refresh_token, **CLIENT, **fields}
    return stage.call("oauth.v2.access", "", **asked)


async def test_a_token_lives_twelve_hours(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """It says how long it lives, is good until then, and expired after."""
    answer = install(stage)

    assert 43_200 == answer["expires_in"]
    await trio.sleep(12 * HOUR_S - 1)
    assert stage.call("auth.test", answer["access_token"])["ok"]
    await trio.sleep(2)
    assert "token_expired" == stage.error("auth.test", answer["access_token"])


async def test_a_refresh_brings_another_pair(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """Both tokens are new, for the same bot; the one before is good until its own time is over."""
    old = install(stage)
    await trio.sleep(6 * HOUR_S)
    new = refresh(stage, old["refresh_token"])

    assert "bot" == new["token_type"]
    assert {old["access_token"], old["refresh_token"]}.isdisjoint({new["access_token"], new["refresh_token"]})
    same = ("app_id", "team", "enterprise", "is_enterprise_install", "bot_user_id", "scope")
    assert {name: old[name] for name in same} == {name: new[name] for name in same}
    assert stage.call("auth.test", old["access_token"])["ok"]
    assert stage.call("auth.test", new["access_token"])["ok"]
    assert 43_200 == new["expires_in"]


@pytest.mark.parametrize("gives", ["same", "another"])
async def test_a_refresh_token_works_once(stage: Stage, autojump_clock: trio.abc.Clock, gives: Any) -> None:
    """A short while it still gives a pair; then it is refused, as any that Slack does not know."""
    stage.slack.switches = replace(stage.slack.switches, grace_gives=gives)
    first = install(stage)
    second = refresh(stage, first["refresh_token"])
    await trio.sleep(stage.slack.timing.refresh_grace_s - 1)
    again = refresh(stage, first["refresh_token"])

    assert (gives == "same") == (second["access_token"] == again["access_token"])
    assert stage.call("auth.test", again["access_token"])["ok"]
    await trio.sleep(2)
    assert "invalid_refresh_token" == refresh(stage, first["refresh_token"])["error"]
    assert "invalid_refresh_token" == refresh(stage, "xoxe-unknown")["error"]
    assert refresh(stage, again["refresh_token"])["ok"]


async def test_two_tokens_are_good_at_a_time(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """A third one is the end of the oldest."""
    first = install(stage)
    second = refresh(stage, first["refresh_token"])
    third = refresh(stage, second["refresh_token"])
    installation = stage.slack.state.installation_of(third["access_token"])

    assert installation is not None
    assert [second["access_token"], third["access_token"]] == stage.slack.state.grants.active(
        installation, now=stage.slack.state.mint.now()
    )
    assert "token_revoked" == stage.error("auth.test", first["access_token"])
    stage.slack.switches = replace(stage.slack.switches, superseded_token_error="invalid_auth")
    assert "invalid_auth" == stage.error("auth.test", first["access_token"])


async def test_what_is_refused(stage: Stage) -> None:
    """Another app's credentials, an unknown grant, a missing token, and an app that is gone."""
    answer = install(stage)
    token = answer["refresh_token"]

    assert "invalid_client_id" == refresh(stage, token, client_id="x")["error"]
    assert "bad_client_secret" == refresh(stage, token, client_secret="x")["error"]
    assert "invalid_grant_type" == refresh(stage, token, grant_type="password")["error"]
    assert "invalid_arguments" == refresh(stage, "")["error"]
    installation = stage.slack.state.installation_of(answer["access_token"])
    assert installation is not None
    stage.slack.state.uninstall(installation)
    assert "invalid_refresh_token" == refresh(stage, token)["error"]
    assert "account_inactive" == stage.error("auth.test", answer["access_token"])


async def test_an_app_without_it(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """Tokens of before rotation was switched on never expire; installing again gives one that does."""
    await trio.sleep(100 * HOUR_S)

    assert stage.call("auth.test", "xoxb-north")["ok"]
    stage.slack.state.rotates = True
    assert stage.north.install().token.startswith("xoxe.xoxb-")
    assert stage.call("auth.test", "xoxb-north")["ok"]
