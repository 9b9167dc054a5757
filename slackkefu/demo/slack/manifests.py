"""
An app made "From a manifest": what the manifest does not name, the app does not get.

Scopes, events, commands, shortcuts, tabs and switches are taken from it; ids and secrets are Slack's to give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackkefu.demo.slack.shape import part
from slackkefu.demo.slack.state import AppSettings

if TYPE_CHECKING:
    from slackkefu.demo.slack.shape import Document

__all__ = ["app_from"]


def app_from(manifest: Document) -> AppSettings:
    """Return the app that *manifest* makes."""
    home, switches = part(manifest, "features", "app_home"), part(manifest, "settings")
    return AppSettings(
        name=str(part(manifest, "features", "bot_user").get("display_name", "")),
        scopes=_names(part(manifest, "oauth_config", "scopes"), "bot"),
        events=_names(part(switches, "event_subscriptions"), "bot_events"),
        commands=_names(part(manifest, "features"), "slash_commands", "command"),
        shortcuts=_names(part(manifest, "features"), "shortcuts", "callback_id"),
        home_tab=home.get("home_tab_enabled") is True,
        messages_tab=home.get("messages_tab_enabled") is True
        and home.get("messages_tab_read_only_enabled") is not True,
        interactivity=part(switches, "interactivity").get("is_enabled") is True,
        socket_mode=switches.get("socket_mode_enabled") is True,
        redirect_urls=tuple(sorted(_names(part(manifest, "oauth_config"), "redirect_urls"))),
        org_deploy=switches.get("org_deploy_enabled") is True,
    )


def _names(of: Document, key: str, field: str = "") -> frozenset[str]:
    """Return the texts in the list at *key*, or the *field* of each object in it."""
    listed = of.get(key)
    each = listed if isinstance(listed, list) else []
    return frozenset(str(entry[field] if field else entry) for entry in each)
