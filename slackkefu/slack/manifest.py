"""
The app's manifest: what is pasted at api.slack.com to make the app, or to bring it up to date.

Made of :mod:`slackkefu.slack.features`. Not part of any manifest, and made by hand: the app-level token, Delayed
Events, and the activation of distribution (facts/slack.md §17). PKCE is never asked for: an app with it may not ask for
bot scopes where its redirect address is on the installing person's own machine (facts/slack.md §12).
"""

from __future__ import annotations

from typing import Final

from slackkefu.slack.features import (
    APP_NAME,
    BOT_EVENTS,
    BOT_NAME,
    BOT_SCOPES,
    COMMANDS,
    DESCRIPTION,
    LONG_DESCRIPTION,
    SHORTCUTS,
)

__all__ = ["MAX_BOT_NAME", "MAX_NAME", "manifest"]

MAX_NAME: Final = 35
MAX_BOT_NAME: Final = 80
"""Characters (facts/slack.md §17)."""


def manifest(
    *,
    redirect_url: str,
    name: str = APP_NAME,
    bot_name: str = BOT_NAME,
    org_deploy: bool = False,
    token_rotation: bool = False,
) -> dict[str, object]:
    """
    Return the manifest as a document of JSON.

    Args:
        redirect_url: Where a browser is sent after an install by OAuth.
        name: What the app is called, at most :data:`MAX_NAME` characters.
        bot_name: What its bot user is called, at most :data:`MAX_BOT_NAME` characters.
        org_deploy: Whether an Enterprise organisation may install it for all its workspaces.
        token_rotation: Whether bot tokens live twelve hours and are refreshed; Slack lets nobody take that back.

    """
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": name,
            "description": DESCRIPTION,
            "long_description": LONG_DESCRIPTION,
            "background_color": "#1a5fb4",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                # Both are needed for people to write to the app directly (facts/slack.md §5).
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": bot_name, "always_online": True},
            "shortcuts": [
                {
                    "name": shortcut.name,
                    "type": shortcut.type,
                    "callback_id": shortcut.callback_id,
                    "description": shortcut.description,
                }
                for shortcut in SHORTCUTS
            ],
            "slash_commands": [
                {
                    "command": command.name,
                    "description": command.description,
                    "usage_hint": command.usage_hint,
                    "should_escape": True,
                }
                for command in COMMANDS
            ],
        },
        "oauth_config": {"redirect_urls": [redirect_url], "scopes": {"bot": sorted(BOT_SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": sorted(BOT_EVENTS)},
            "interactivity": {"is_enabled": True},
            "org_deploy_enabled": org_deploy,
            "socket_mode_enabled": True,
            "token_rotation_enabled": token_rotation,
        },
    }
