"""The manifest: Slack takes it, it has all that the facts ask for, and a faulty one would be noticed."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from slackkefu.keys import BY_NAME
from slackkefu.slack.features import BOT_EVENTS, BOT_SCOPES
from slackkefu.slack.manifest import MAX_BOT_NAME, MAX_NAME, manifest
from tests.facts import load
from tests.slack.manifest_schema import problem_of

REDIRECT = str(BY_NAME["slack.redirect_url"].default)


def ours(**flags: Any) -> dict[str, Any]:
    """Return our manifest, as it comes out of a JSON parser."""
    document: dict[str, Any] = json.loads(json.dumps(manifest(**{"redirect_url": REDIRECT} | flags)))
    return document


def missing(least: object, whole: object, path: str = "") -> list[str]:
    """Return what *least* has and *whole* has not; lists are sets of what they hold."""
    if isinstance(least, dict) and isinstance(whole, dict):
        return [
            line for key, value in least.items() for line in missing(value, whole.get(key, "nothing"), f"{path}/{key}")
        ]
    if isinstance(least, list) and isinstance(whole, list):
        return [f"{path}: {each}" for each in least if each not in whole and not isinstance(each, dict)]
    return [] if least == whole else [path]


def test_it_has_at_least_what_the_facts_have() -> None:
    """Everything of facts/slack-manifest.json is in ours; the home tab and the words of the command are more."""
    least = load("slack-manifest.json")
    command = "/features/slash_commands"
    whole = ours()

    assert ["/features/app_home/home_tab_enabled"] == missing(least, whole)
    assert whole["features"]["app_home"]["home_tab_enabled"]
    assert {each["command"] for each in least["features"]["slash_commands"]} == {
        each["command"] for each in whole["features"]["slash_commands"]
    }, command


def test_missing_is_noticed() -> None:
    """The comparison that the test above rests on sees a scope, an event and a switch that are not there."""
    least, whole = load("slack-manifest.json"), ours()
    whole["oauth_config"]["scopes"]["bot"].remove("im:read")
    whole["settings"]["event_subscriptions"]["bot_events"].remove("message.im")
    whole["settings"]["socket_mode_enabled"] = False
    del whole["features"]["bot_user"]

    assert {
        "/features/app_home/home_tab_enabled",
        "/features/bot_user",
        "/oauth_config/scopes/bot: im:read",
        "/settings/event_subscriptions/bot_events: message.im",
        "/settings/socket_mode_enabled",
    } == set(missing(least, whole))


@pytest.mark.parametrize("org_deploy", [False, True])
@pytest.mark.parametrize("token_rotation", [False, True])
def test_slack_takes_it(org_deploy: bool, token_rotation: bool) -> None:
    """With any flag it is a manifest by Slack's rules, and the flag is what it says."""
    made = ours(org_deploy=org_deploy, token_rotation=token_rotation)

    assert problem_of(made) == ""
    assert (org_deploy, token_rotation) == (
        made["settings"]["org_deploy_enabled"],
        made["settings"]["token_rotation_enabled"],
    )


def test_slack_takes_the_least() -> None:
    """The rules that ours is checked by take the manifest of the facts."""
    assert problem_of(load("slack-manifest.json")) == ""


def test_names_and_address_are_the_operators() -> None:
    """Names up to their limits, and the redirect address, stand where Slack looks for them."""
    made = ours(name="客" * MAX_NAME, bot_name="b" * MAX_BOT_NAME, redirect_url="https://desk.example.com/slack")

    assert problem_of(made) == ""
    assert "客" * MAX_NAME == made["display_information"]["name"]
    assert "b" * MAX_BOT_NAME == made["features"]["bot_user"]["display_name"]
    assert ["https://desk.example.com/slack"] == made["oauth_config"]["redirect_urls"]
    assert problem_of(ours(name="x" * (MAX_NAME + 1)))
    assert problem_of(ours(bot_name="x" * (MAX_BOT_NAME + 1)))


def test_it_has_the_whole_table() -> None:
    """Scopes and events are the table's, all of them, and each once."""
    made = ours()

    assert sorted(BOT_SCOPES) == made["oauth_config"]["scopes"]["bot"]
    assert sorted(BOT_EVENTS) == made["settings"]["event_subscriptions"]["bot_events"]
    assert "pkce_enabled" not in made["oauth_config"]


BROKEN = {
    "display_information/name": "",
    "display_information/description": "x" * 141,
    "display_information/long_description": "x" * 174,
    "display_information/background_color": "blue",
    "display_information/colour": "#000",
    "features/app_home/home_tab_enabled": "yes",
    "features/bot_user": None,
    "features/bot_user/display_name": "",
    "features/shortcuts": [],
    "features/shortcuts/0/name": "x" * 25,
    "features/shortcuts/0/type": "menu",
    "features/shortcuts/0/callback_id": "x" * 256,
    "features/shortcuts/0/description": "x" * 151,
    "features/slash_commands/0/command": "kefu",
    "features/slash_commands/0/description": "",
    "features/slash_commands/0/usage_hint": "x" * 1001,
    "oauth_config/redirect_urls/0": "http://localhost:18443/",
    "oauth_config/scopes/bot": ["chat:write"],
    "oauth_config/scopes/bot/0": "users:read",
    "oauth_config/pkce_enabled": True,
    "settings/event_subscriptions/bot_events": [f"event_{number}" for number in range(101)],
    "settings/interactivity/is_enabled": False,
    "settings/socket_mode_enabled": False,
    "settings/socket_mode": True,
    "_metadata/major_version": 3,
}


@pytest.mark.parametrize("path", BROKEN)
def test_a_faulty_one_is_noticed(path: str) -> None:
    """The rules that ours is checked by refuse whatever Slack refuses."""
    broken = copy.deepcopy(ours())
    *parents, last = path.split("/")
    part: Any = broken
    for name in parents:
        part = part[int(name)] if isinstance(part, list) else part[name]
    part[int(last) if isinstance(part, list) else last] = BROKEN[path]

    assert problem_of(broken)
