"""
What the app asks of Slack, in one table: scopes, events, the command, the shortcut.

The manifest is made of it (:mod:`slackkefu.slack.manifest`), the authorise address asks for these scopes, and whatever
a person gives by name is known by its name here. A changed scope or a new event means that every workspace has to
install the app again (facts/slack.md §17).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "APP_NAME",
    "ASK",
    "BOT_EVENTS",
    "BOT_NAME",
    "BOT_SCOPES",
    "COMMAND",
    "COMMANDS",
    "DESCRIPTION",
    "LONG_DESCRIPTION",
    "METHODS",
    "SHORTCUTS",
    "Command",
    "Shortcut",
]


@final
@dataclass(frozen=True, slots=True)
class Command:
    """A slash command."""

    name: str
    description: str
    usage_hint: str


@final
@dataclass(frozen=True, slots=True)
class Shortcut:
    """A shortcut: in the menu of each message, or global."""

    callback_id: str
    name: str
    description: str
    type: Literal["message", "global"]


APP_NAME: Final = "Kefu Helpdesk"
BOT_NAME: Final = "kefu"
DESCRIPTION: Final = "Talk to customer service without leaving Slack"
LONG_DESCRIPTION: Final = (
    "Write to this app, or mention it in a channel that it is in, and the customer service of the company that runs it "
    "answers in the same place. Its agents read what is written to the app, the author's name and workspace, and more "
    "of the author's profile where that company has chosen so. /kefu asks for a human agent, says how the conversation "
    "stands, opens the rating or leaves a note; the app's home tab has the same as buttons."
)

COMMAND: Final = Command(
    "/kefu",
    "Reach customer service, and see how the conversation stands",
    "help | human | rate | status | end | leave-a-note",
)
ASK: Final = Shortcut(
    "ask_support",
    "Ask support about this",
    "Send customer service a question about this message, with its words and its link",
    "message",
)

COMMANDS: Final = (COMMAND,)
SHORTCUTS: Final = (ASK,)

BOT_SCOPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "app_mentions:read": "hearing who mentions the app in a channel",
        "channels:history": "reading public channels that the app is in, and what was missed there",
        "channels:read": "knowing which public channels the app is in",
        "chat:write": "posting what agents answer",
        "chat:write.customize": "posting under the agent's name and picture",
        "commands": "the command /kefu and the shortcut of messages",
        "files:read": "bringing customers' files to the desk",
        "files:write": "bringing agents' files to Slack",
        "groups:history": "reading private channels that the app is in, and what was missed there",
        "groups:read": "knowing which private channels the app is in",
        "im:history": "reading direct messages to the app, and what was missed there",
        "im:read": "finding direct messages to the app",
        "im:write": "opening a direct message with a customer",
        "mpim:history": "reading group conversations that the app is in, and what was missed there",
        "mpim:read": "knowing which group conversations the app is in",
        "reactions:write": "marking a message that did not arrive",
        "team:read": "telling agents the name of the customer's workspace",
        "users:read": "telling agents the customer's name, and speaking the customer's language",
        "users:read.email": "telling agents the customer's e-mail address, where kefu.visitor_fields has it",
    }
)
"""What a bot token has to be good for, and what each is for."""

_HISTORY: Final = ("channels:history", "groups:history", "im:history", "mpim:history")
_READ: Final = ("channels:read", "groups:read", "im:read", "mpim:read")

BOT_EVENTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "app_home_opened": (),
        "app_mention": ("app_mentions:read",),
        "app_uninstalled": (),
        "channel_id_changed": ("groups:read",),  # it is told of private channels alone
        "member_joined_channel": ("channels:read", "groups:read"),
        "member_left_channel": ("channels:read", "groups:read"),
        "message.channels": ("channels:history",),
        "message.groups": ("groups:history",),
        "message.im": ("im:history",),
        "message.mpim": ("mpim:history",),
        "team_access_granted": (),
        "team_access_revoked": (),
        "tokens_revoked": (),
        "user_change": ("users:read",),
    }
)
"""What the app subscribes to, and the scopes without which it is not told (facts/slack.md §17)."""

METHODS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "assistant.threads.setStatus": ("chat:write",),
        "auth.teams.list": (),
        "auth.test": (),
        "bots.info": ("users:read",),
        "chat.delete": ("chat:write",),
        "chat.getPermalink": (),
        "chat.postEphemeral": ("chat:write",),
        "chat.postMessage": ("chat:write",),
        "chat.update": ("chat:write",),
        "conversations.history": _HISTORY,
        "conversations.info": _READ,
        "conversations.members": _READ,
        "conversations.open": ("im:write",),
        "conversations.replies": _HISTORY,
        "files.completeUploadExternal": ("files:write",),
        "files.delete": ("files:write",),
        "files.getUploadURLExternal": ("files:write",),
        "files.info": ("files:read",),
        "reactions.add": ("reactions:write",),
        "reactions.remove": ("reactions:write",),
        "team.info": ("team:read",),
        "users.conversations": _READ,
        "users.info": ("users:read",),
        "views.open": (),
        "views.publish": (),
        "views.update": (),
    }
)
"""What is called with a bot token, and the scopes it needs for every kind of conversation (facts/slack.md §8)."""
