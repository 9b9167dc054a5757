"""An app made from a manifest gets what the manifest names, and nothing else."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import pytest

from slackkefu.demo.slack import AppSettings, FakeSlack, app_from
from tests.demo.slack.conftest import Stage
from tests.facts import load
from tests.memory_network import virtual_wall

MANIFEST = load("slack-manifest.json")


def stage_of(manifest: dict[str, Any]) -> Stage:
    """Return a stage whose app is made from *manifest*."""
    return Stage(FakeSlack(wall=virtual_wall(), chance=Random(7), settings=app_from(manifest)))


@pytest.fixture
def manifest() -> dict[str, Any]:
    """Return the manifest of the facts, to be changed."""
    return copy.deepcopy(MANIFEST)


def test_everything_is_taken_over() -> None:
    """The app of the facts' manifest, by the names it has there."""
    made = app_from(MANIFEST)

    assert frozenset(MANIFEST["oauth_config"]["scopes"]["bot"]) == made.scopes
    assert frozenset(MANIFEST["settings"]["event_subscriptions"]["bot_events"]) == made.events
    assert (frozenset({"/kefu"}), frozenset()) == (made.commands, made.shortcuts)
    assert (False, True, True, True) == (made.home_tab, made.messages_tab, made.interactivity, made.socket_mode)
    assert made.name == "kefu"


def test_an_empty_manifest_makes_an_app_without_anything() -> None:
    """What is not named is off."""
    made = app_from({})

    assert (
        AppSettings(
            name="",
            scopes=frozenset(),
            events=frozenset(),
            commands=frozenset(),
            shortcuts=frozenset(),
            home_tab=False,
            messages_tab=False,
            interactivity=False,
            socket_mode=False,
            redirect_urls=(),
            org_deploy=False,
        )
        == made
    )


async def test_only_what_is_subscribed_to_is_told(manifest: dict[str, Any]) -> None:
    """Messages are told by the kind of their conversation, everything else by its name."""
    events = manifest["settings"]["event_subscriptions"]["bot_events"]
    for unheard in ("message.channels", "user_change", "team_access_granted"):
        events.remove(unheard)
    stage = stage_of(manifest)
    await stage.mia.says(stage.support, "unheard")
    await stage.mia.says(stage.dm, "heard")
    await stage.mia.changes_profile(display_name="mimi")
    await stage.grid.grants(stage.grid_team)
    await stage.grid.withdraws(stage.grid_team)

    assert ["message", "team_access_revoked"] == [event["type"] for event in stage.events]
    assert ["heard"] == [event["text"] for event in stage.events if "text" in event]


async def test_only_commands_and_shortcuts_that_it_has(manifest: dict[str, Any]) -> None:
    """Nobody can give a command or choose a shortcut that the manifest does not name."""
    stage = stage_of(manifest)
    said = await stage.mia.says(stage.dm, "hello")
    await stage.mia.commands(stage.dm, "/kefu", "help")
    with pytest.raises(ValueError, match="no command /other"):
        await stage.mia.commands(stage.dm, "/other")
    with pytest.raises(ValueError, match="no shortcut ask_support"):
        await stage.mia.picks_shortcut(said)

    manifest["oauth_config"]["scopes"]["bot"].remove("commands")
    with pytest.raises(ValueError, match="not granted commands"):
        await (stage := stage_of(manifest)).mia.commands(stage.dm, "/kefu")


async def test_no_clicks_without_interactivity(manifest: dict[str, Any]) -> None:
    """Where it is switched off there is nothing to press."""
    manifest["settings"]["interactivity"]["is_enabled"] = False
    stage = stage_of(manifest)
    said = await stage.mia.says(stage.dm, "hello")
    with pytest.raises(ValueError, match="takes no clicks"):
        await stage.mia.presses(said, "any")


async def test_no_home_tab_where_there_is_none(manifest: dict[str, Any]) -> None:
    """A home tab that is switched off cannot be published."""
    view = {"type": "home", "blocks": []}
    assert stage_of(manifest).error("views.publish", user_id="U0MIA00001", view=view) == "not_enabled"

    manifest["features"]["app_home"]["home_tab_enabled"] = True
    assert stage_of(manifest).call("views.publish", user_id="U0MIA00001", view=view)["ok"] is True
