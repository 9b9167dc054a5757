"""
The documents Slack sends about what happens, in the shapes of facts/slack.md §3 and §11 and its samples.

Plain functions: records in, documents out. Which installation an event is for, and whether it is sent at all, is
decided in :mod:`slackkefu.demo.slack.state`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slackkefu.demo.slack.model import ChannelKind
from slackkefu.demo.slack.shape import without_absent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slackkefu.demo.slack.model import Channel, Installation, Message, Team, User
    from slackkefu.demo.slack.shape import Document, Shape

__all__ = [
    "Stamp",
    "app_rate_limited",
    "block_actions",
    "event_callback",
    "member_event",
    "message_action",
    "message_changed",
    "message_deleted",
    "message_event",
    "slash_command",
    "view_submission",
]

VERIFICATION_TOKEN: Final = "zPlaceholderVerificationTk"

_NOT_IN_EVENTS: Final = ("reply_count", "reply_users", "latest_reply", "reactions")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is new about every event."""

    event_id: str
    event_context: str
    event_time: int


def event_callback(
    event: Shape, *, installation: Installation, team: Team | None, ext_shared: bool, stamp: Stamp
) -> Shape:
    """
    Wrap an inner *event*.

    Args:
        event: The inner event.
        installation: The one installation that ``authorizations`` names.
        team: Where it happened: of a foreigner's message, the foreign workspace. None: nowhere in particular.
        ext_shared: Whether it happened in a Slack Connect channel.
        stamp: Its identity.

    """
    context_team = installation.team if installation.team is not None else team
    document: Shape = {
        "token": VERIFICATION_TOKEN,
        "team_id": team.id if team is not None else None,
        "context_team_id": context_team.id if context_team is not None else None,
        "context_enterprise_id": installation.organisation.id if installation.organisation is not None else None,
        "api_app_id": installation.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": stamp.event_id,
        "event_time": stamp.event_time,
        "authorizations": [installation.authorization()],
        "is_ext_shared_channel": ext_shared,
        "event_context": stamp.event_context,
    }
    if team is None:
        del document["team_id"]
    enterprise_id = team.enterprise_id if team is not None else document["context_enterprise_id"]
    if enterprise_id is not None:
        document["enterprise_id"] = enterprise_id
    return document


def message_event(message: Message, *, installation: Installation, metadata: bool, profile: bool, teams: bool) -> Shape:
    """
    Return the ``message`` event of a new *message*.

    Args:
        message: What was written.
        installation: Who is told.
        metadata: Whether ``metadata`` is shown.
        profile: Whether the author's profile comes along even for somebody of the own company.
        teams: Whether ``user_team`` and ``source_team`` come along even then.

    """
    channel = message.channel
    author = message.user
    foreign = author is not None and author.team.company != _company(installation)
    event = message.as_shape(metadata=metadata, foreign_files=channel.ext_shared)
    for name in _NOT_IN_EVENTS:
        event.pop(name, None)
    if not message.is_reply:
        event.pop("thread_ts", None)
    event |= _place(channel, message.ts)
    if author is not None and message.installation is None and message.subtype != "channel_join":
        if foreign or teams or author.team.organisation is not None:
            event |= {"user_team": author.team.company, "source_team": author.team.company}
        if profile or (foreign and not message.files):
            event["user_profile"] = author.as_event_profile()
    return event


def message_changed(message: Message, previous: Document, *, at: str, metadata: bool) -> Shape:
    """Return the event of an edit made at *at*; *previous* is the message before it."""
    now = message.as_shape(metadata=metadata)
    if message.team is not None:
        now |= {"source_team": message.team.company, "user_team": message.team.company}
    return {
        "type": "message",
        "subtype": "message_changed",
        "hidden": True,
        "ts": at,
        "message": now,
        "previous_message": previous,
        **_place(message.channel, at),
    }


def message_deleted(message: Message, *, at: str) -> Shape:
    """Return the event of a deletion made at *at*."""
    return {
        "type": "message",
        "subtype": "message_deleted",
        "hidden": True,
        "ts": at,
        "deleted_ts": message.ts,
        "previous_message": message.as_shape(metadata=False),
        **_place(message.channel, at),
    }


def member_event(kind: str, user: User, channel: Channel, *, at: str, inviter: str | None) -> Shape:
    """Return ``member_joined_channel`` or ``member_left_channel``; its ``channel_type`` is a letter."""
    return without_absent(
        {
            "type": kind,
            "user": user.id,
            "channel": channel.id,
            "channel_type": channel.id[0],
            "team": user.team.id,
            "inviter": inviter,
            "event_ts": at,
        }
    )


def app_rate_limited(team: Team, app_id: str, minute: int) -> Shape:
    """Return the payload that has no event inside (facts/slack.md §2)."""
    return {
        "token": VERIFICATION_TOKEN,
        "type": "app_rate_limited",
        "team_id": team.id,
        "minute_rate_limited": minute,
        "api_app_id": app_id,
    }


def slash_command(
    user: User,
    channel: Channel,
    *,
    installation: Installation,
    command: str,
    text: str,
    trigger: str,
    response_url: str,
) -> Shape:
    """Return the payload of a slash command (facts/slack.md §11)."""
    organisation = user.team.organisation
    return without_absent(
        {
            "token": VERIFICATION_TOKEN,
            "team_id": user.team.id,
            "team_domain": user.team.domain,
            "enterprise_id": organisation.id if organisation is not None else None,
            "enterprise_name": organisation.name if organisation is not None else None,
            "channel_id": channel.id,
            "channel_name": _command_channel_name(channel),
            "user_id": user.id,
            "user_name": user.handle,
            "command": command,
            "text": text,
            "api_app_id": installation.app_id,
            "is_enterprise_install": "true" if installation.org_wide else "false",
            "response_url": response_url,
            "trigger_id": trigger,
        }
    )


def block_actions(
    user: User,
    message: Message,
    actions: Sequence[Document],
    *,
    installation: Installation,
    trigger: str,
    response_url: str,
) -> Shape:
    """Return the payload of a pressed button."""
    channel = message.channel
    return _interactive(user, "block_actions", installation=installation, trigger=trigger) | {
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": False,
        },
        "channel": {"id": channel.id, "name": _command_channel_name(channel)},
        "message": message.as_shape(metadata=False),
        "state": {"values": {}},
        "response_url": response_url,
        "actions": list(actions),
    }


def view_actions(
    user: User,
    view: Document,
    values: Document,
    actions: Sequence[Document],
    *,
    installation: Installation,
    trigger: str,
) -> Shape:
    """Return the payload of an element that was used in a modal; it has no message and no ``response_url``."""
    filled: Shape = dict(view) | {"state": {"values": values}, "app_installed_team_id": installation.name}
    return _interactive(user, "block_actions", installation=installation, trigger=trigger) | {
        "container": {"type": "view", "view_id": view.get("id")},
        "view": filled,
        "actions": list(actions),
    }


def message_action(
    user: User, message: Message, callback_id: str, *, installation: Installation, trigger: str, response_url: str
) -> Shape:
    """Return the payload of a shortcut that was chosen from the menu of *message*."""
    channel = message.channel
    return _interactive(user, "message_action", installation=installation, trigger=trigger) | {
        "callback_id": callback_id,
        "action_ts": message.ts,
        "message_ts": message.ts,
        "channel": {"id": channel.id, "name": _command_channel_name(channel)},
        "message": message.as_shape(metadata=False),
        "response_url": response_url,
    }


def view_submission(user: User, view: Document, values: Document, *, installation: Installation, trigger: str) -> Shape:
    """Return the payload of a submitted modal."""
    filled: Shape = dict(view) | {"state": {"values": values}, "app_installed_team_id": installation.name}
    return _interactive(user, "view_submission", installation=installation, trigger=trigger) | {
        "view": filled,
        "response_urls": [],
    }


def _interactive(user: User, kind: str, *, installation: Installation, trigger: str) -> Shape:
    organisation = installation.organisation
    team: Shape | None = None if installation.org_wide else {"id": user.team.id, "domain": user.team.domain}
    return {
        "type": kind,
        "user": {"id": user.id, "username": user.handle, "name": user.handle, "team_id": user.team.id},
        "api_app_id": installation.app_id,
        "token": VERIFICATION_TOKEN,
        "trigger_id": trigger,
        "team": team,
        "enterprise": {"id": organisation.id, "name": organisation.name} if organisation is not None else None,
        "is_enterprise_install": installation.org_wide,
    }


def _place(channel: Channel, ts: str) -> Shape:
    return {"channel": channel.id, "event_ts": ts, "channel_type": channel.kind.value}


def _company(installation: Installation) -> str:
    return installation.bot.team.company


_COMMAND_NAMES: Final = {
    ChannelKind.IM: "directmessage",
    ChannelKind.PRIVATE: "privategroup",
    ChannelKind.MPIM: "mpdm",
}


def _command_channel_name(channel: Channel) -> str:
    return _COMMAND_NAMES.get(channel.kind, channel.name)
