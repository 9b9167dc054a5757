"""
What Slack takes as a manifest: limits, names and what belongs together.

The limits are those of Slack's published schema, majors 1 and 2, which are the same for what we use
(github.com/slackapi/manifest-schema, 2026-11-26), and of facts/slack.md §12 and §17.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

__all__ = ["problem_of"]

Words = Annotated[str, Meta(max_length=50)]
Address = Annotated[str, Meta(max_length=2500, pattern=r"^https://[^#]+\Z")]


class _Part(msgspec.Struct, forbid_unknown_fields=True):
    """Slack refuses fields that it does not know."""


class Metadata(_Part):
    """The version of the schema."""

    major_version: Literal[1, 2]
    minor_version: int


class DisplayInformation(_Part):
    """How the app presents itself."""

    name: Annotated[str, Meta(min_length=1, max_length=35)]
    description: Annotated[str, Meta(min_length=1, max_length=140)] | None = None
    long_description: Annotated[str, Meta(min_length=175, max_length=4000)] | None = None
    background_color: Annotated[str, Meta(pattern=r"^#([0-9a-fA-F]{3}){1,2}\Z")] | None = None


class AppHome(_Part):
    """The app's page."""

    home_tab_enabled: bool = False
    messages_tab_enabled: bool = False
    messages_tab_read_only_enabled: bool = False


class BotUser(_Part):
    """The app as a member."""

    display_name: Annotated[str, Meta(min_length=1, max_length=80)]
    always_online: bool = False


class Shortcut(_Part):
    """A shortcut."""

    name: Annotated[str, Meta(min_length=1, max_length=24)]
    type: Literal["message", "global"]
    callback_id: Annotated[str, Meta(min_length=1, max_length=255)]
    description: Annotated[str, Meta(min_length=1, max_length=150)]


class SlashCommand(_Part):
    """A slash command; lower case and no spaces, by Slack's settings page."""

    command: Annotated[str, Meta(min_length=2, max_length=32, pattern=r"^/[a-z0-9_-]+\Z")]
    description: Annotated[str, Meta(min_length=1, max_length=2000)]
    url: str | None = None
    usage_hint: Annotated[str, Meta(min_length=1, max_length=1000)] | None = None
    should_escape: bool = False


class Features(_Part):
    """What the app has."""

    app_home: AppHome = msgspec.field(default_factory=AppHome)
    bot_user: BotUser | None = None
    shortcuts: Annotated[list[Shortcut], Meta(min_length=1, max_length=10)] | None = None
    slash_commands: Annotated[list[SlashCommand], Meta(min_length=1, max_length=50)] | None = None


class Scopes(_Part):
    """What tokens are good for."""

    bot: Annotated[list[Words], Meta(max_length=255)] = msgspec.field(default_factory=list)
    user: Annotated[list[Words], Meta(max_length=255)] = msgspec.field(default_factory=list)


class OauthConfig(_Part):
    """How the app is installed."""

    redirect_urls: Annotated[list[Address], Meta(max_length=1000)] = msgspec.field(default_factory=list)
    scopes: Scopes = msgspec.field(default_factory=Scopes)
    pkce_enabled: bool = False


class EventSubscriptions(_Part):
    """What the app is told."""

    request_url: str | None = None
    bot_events: Annotated[list[Words], Meta(max_length=100)] = msgspec.field(default_factory=list)


class Interactivity(_Part):
    """Clicks, forms, shortcuts."""

    is_enabled: bool
    request_url: str | None = None


class Settings(_Part):
    """The rest."""

    event_subscriptions: EventSubscriptions = msgspec.field(default_factory=EventSubscriptions)
    interactivity: Interactivity = msgspec.field(default_factory=lambda: Interactivity(is_enabled=False))
    org_deploy_enabled: bool = False
    socket_mode_enabled: bool = False
    token_rotation_enabled: bool = False


class Manifest(_Part, rename={"metadata": "_metadata"}):
    """The whole."""

    display_information: DisplayInformation
    metadata: Metadata
    features: Features = msgspec.field(default_factory=Features)
    oauth_config: OauthConfig = msgspec.field(default_factory=OauthConfig)
    settings: Settings = msgspec.field(default_factory=Settings)


Document: TypeAlias = dict[str, Any]


def problem_of(document: Document) -> str:
    """Say what Slack does not take of a manifest; empty if it takes it."""
    try:
        read = msgspec.convert(document, Manifest)
    except msgspec.ValidationError as exc:
        return str(exc)
    return next((problem for problem, found in _problems(read).items() if found), "")


def _problems(read: Manifest) -> dict[str, bool]:
    """Return what belongs together and does not."""
    bot, settings, features = read.oauth_config.scopes.bot, read.settings, read.features
    events = settings.event_subscriptions
    lists: list[list[str]] = [bot, read.oauth_config.redirect_urls, events.bot_events]
    commands, shortcuts = features.slash_commands or [], features.shortcuts or []
    lists += [[each.command for each in commands], [each.callback_id for each in shortcuts]]
    return {
        "something twice": any(len(each) != len(set(each)) for each in lists),
        "events that go nowhere": bool(events.bot_events) and not (settings.socket_mode_enabled or events.request_url),
        "clicks that go nowhere": settings.interactivity.is_enabled
        and not (settings.socket_mode_enabled or settings.interactivity.request_url),
        "a shortcut without interactivity": bool(shortcuts) and not settings.interactivity.is_enabled,
        "a command or shortcut without its scope": bool(commands or shortcuts) and "commands" not in bot,
        "bot scopes without a bot": bool(bot) and features.bot_user is None,
        "e-mail addresses of nobody": "users:read.email" in bot and "users:read" not in bot,
        "PKCE with bot scopes": read.oauth_config.pkce_enabled and bool(bot),
        "rotation or an organisation without a redirect address": (
            (settings.token_rotation_enabled or settings.org_deploy_enabled) and not read.oauth_config.redirect_urls
        ),
    }
