"""Who is who: ``auth.…``, ``users.info``, ``team.info`` (facts/slack.md §8), and the views people see."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from slackkefu.demo.slack.shape import without_absent
from slackkefu.demo.slack.web_api.blocks import problem_of_view
from slackkefu.demo.slack.web_api.call import Refused, page_of

if TYPE_CHECKING:
    from slackkefu.demo.slack.shape import Shape
    from slackkefu.demo.slack.state import State
    from slackkefu.demo.slack.web_api.call import BotCall

__all__ = [
    "auth_test",
    "bot_info",
    "list_teams",
    "open_view",
    "publish_view",
    "team_info",
    "update_view",
    "user_info",
]

VIEW_BYTES: Final = 250_000


def auth_test(_: State, call: BotCall) -> Shape:
    """``auth.test``: whose token this is."""
    installation = call.installation
    home = installation.bot.team
    organisation = installation.organisation
    return without_absent(
        {
            "url": f"https://{home.domain}.slack.com/",
            "team": organisation.name if installation.org_wide and organisation is not None else home.name,
            "user": installation.bot.handle,
            "team_id": installation.name,
            "user_id": installation.bot.id,
            "bot_id": installation.bot_id,
            "enterprise_id": organisation.id if organisation is not None else None,
            "is_enterprise_install": installation.org_wide,
        }
    )


def bot_info(_: State, call: BotCall) -> Shape:
    """``bots.info``: of the app's own bot."""
    installation = call.installation
    if call.required("bot") != installation.bot_id:
        raise Refused("bot_not_found")
    return {
        "bot": {
            "id": installation.bot_id,
            "deleted": False,
            "name": installation.bot.name,
            "app_id": installation.app_id,
            "user_id": installation.bot.id,
        }
    }


def list_teams(_: State, call: BotCall) -> Shape:
    """``auth.teams.list``: the workspaces that an installation serves, one or an organisation's."""
    installation = call.installation
    organisation = installation.organisation
    teams = [installation.bot.team]
    if installation.org_wide and organisation is not None:
        teams = [team for team in organisation.teams if installation.covers(team)]
    page, cursor = page_of(call, teams)
    return {
        "teams": [{"id": team.id, "name": team.name} for team in page],
        "response_metadata": {"next_cursor": cursor},
    }


def user_info(state: State, call: BotCall) -> Shape:
    """``users.info``: of foreigners, less."""
    user = call.user(state)
    foreign = user.team.company != call.installation.bot.team.company
    shape = user.as_shape(email="users:read.email" in call.installation.scopes, foreign=foreign)
    if call.flag("include_locale") and not foreign:
        shape["locale"] = "zh-CN"
    return {"user": shape}


def team_info(state: State, call: BotCall) -> Shape:
    """``team.info``: the own workspace, or another that is known."""
    team = state.teams.get(call.text("team", call.installation.bot.team.id))
    if team is None:
        raise Refused("team_not_found")
    return {"team": team.as_shape()}


def open_view(state: State, call: BotCall) -> Shape:
    """``views.open``: a modal, against a trigger that is three seconds good and once (facts/slack.md §11)."""
    name = call.required("trigger_id")
    trigger = state.triggers.look(name)
    if trigger is None:
        raise Refused("invalid_trigger_id")
    if trigger.uses_left < 1:
        raise Refused("exchanged_trigger_id")
    user = state.triggers.redeem(name, now=call.at)
    if user is None:
        raise Refused("expired_trigger_id")
    state.modals[user.id] = view = _view(state, call)
    return {"view": view}


def update_view(state: State, call: BotCall) -> Shape:
    """``views.update``: another view in the place of an open modal; refused when that has changed since."""
    view_id, version = call.required("view_id"), call.text("hash")
    reader = next((user for user, shown in state.modals.items() if shown.get("id") == view_id), None)
    if reader is None:
        raise Refused("not_found")
    if version and version != state.modals[reader].get("hash"):
        raise Refused("hash_conflict")
    state.modals[reader] = view = _view(state, call) | {"id": view_id}
    return {"view": view}


def publish_view(state: State, call: BotCall) -> Shape:
    """``views.publish``: the Home tab."""
    if not state.settings.home_tab:
        raise Refused("not_enabled")
    user = call.user(state, "user_id")
    state.home_views[user.id] = view = _view(state, call)
    return {"view": view}


def _view(state: State, call: BotCall) -> Shape:
    view = call.nested("view", "invalid_arguments")
    if not isinstance(view, dict) or view.get("type") not in {"modal", "home"}:
        raise Refused("invalid_arguments")
    if len(json.dumps(view)) > VIEW_BYTES:
        raise Refused("view_too_large")
    problem = problem_of_view(view)
    if problem:
        raise Refused("invalid_arguments", response_metadata={"messages": [f"[ERROR] {problem}"]})
    installation = call.installation
    made: Shape = {
        "id": state.mint.identity("V"),
        "hash": f"{int(call.at)}.{state.mint.hex(8)}",
        "team_id": installation.name,
        "bot_id": installation.bot_id,
    }
    return view | made
