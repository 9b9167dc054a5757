"""
What crosses the bridge, in one table.

For each kind of thing that Slack or kefu can send, one row says whether its words go to the other side (*forward*),
whether it means something to the bridge itself (*special*), or why it is left alone (*ignore*). What has no row is
ignored as unknown: new kinds are never forwarded by accident, which is one half of why loops cannot happen. The other
half is in :mod:`slackkefu.bridge.slack_to_kefu.routing` (who wrote it) and in the service number check of
:mod:`slackkefu.kefu`.

Sources: facts/slack.md §3, §4 and §11, facts/kefu.md §2 and §7.
"""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EVENTS", "KEFU", "PAYLOADS", "SUBTYPES", "Reason", "Rule"]


class Rule(enum.Enum):
    """What happens to a kind of thing."""

    FORWARD = "forward"
    """Its words may go to the other side."""
    EDIT = "edit"
    """It changes a message that may have been forwarded."""
    DELETION = "deletion"
    """It takes back a message that may have been forwarded."""
    REMOVAL = "removal"
    """The app left a workspace, or its token died."""
    RENUMBERING = "renumbering"
    """A channel has a new id."""
    JOINING = "joining"
    """Somebody came into a channel; that may be the app."""
    ACCESS = "access"
    """An organisation grants workspaces, or takes them away."""
    LEAVING = "leaving"
    """Somebody left a channel; that may be the app."""
    PROFILE = "profile"
    """A person's profile changed."""
    SERVICE_SESSION = "service_session"
    """kefu opened, moved or closed a service session."""
    RECALL = "recall"
    """An agent takes a message back."""
    DEED = "deed"
    """A person pressed, filled in, commanded or opened something (:mod:`slackkefu.bridge.deeds`)."""
    PROOF = "proof"
    """The desk confirms a message."""
    IGNORE = "ignore"
    """Nothing of it concerns the desk."""


class Reason(enum.StrEnum):
    """Why a thing was left alone; the name in logs and counters, so never changed."""

    # Whole envelopes.
    MALFORMED = "malformed"
    UNKNOWN_PAYLOAD = "unknown_payload"
    UNKNOWN_EVENT = "unknown_event"
    UNKNOWN_SUBTYPE = "unknown_subtype"
    UNKNOWN_INSTALLATION = "unknown_installation"
    NOT_FOR_THE_DESK = "not_for_the_desk"
    EVENTS_HELD_BACK = "events_held_back"
    # Who wrote it.
    OWN_MESSAGE = "own_message"
    OTHER_BOT = "other_bot"
    NO_USER = "no_user"
    SLACKBOT = "slackbot"
    HIDDEN = "hidden"
    SYSTEM_MESSAGE = "system_message"
    # Where and to whom.
    CHANNELS_OFF = "channels_off"
    NOT_MENTIONED = "not_mentioned"
    UNMAPPABLE_ID = "unmappable_id"
    EMPTY = "empty"
    # Seen before.
    DUPLICATE = "duplicate"
    # Edits and deletions.
    NOT_AN_EDIT = "not_an_edit"
    UNKNOWN_ORIGINAL = "unknown_original"
    WITHDRAWN = "withdrawn"
    EDIT_NOT_CARRIED = "edit_not_carried"
    DELETION_NOT_CARRIED = "deletion_not_carried"
    # Recalls.
    RECALLED = "recalled"
    NOTHING_TO_RECALL = "nothing_to_recall"


PAYLOADS: Mapping[str, Rule] = MappingProxyType(
    {
        "events_api": Rule.FORWARD,
        "slash_commands": Rule.DEED,
        "interactive": Rule.DEED,
    }
)
"""The ``type`` of an envelope."""

EVENTS: Mapping[str, Rule] = MappingProxyType(
    {
        "message": Rule.FORWARD,
        "app_mention": Rule.FORWARD,
        "app_uninstalled": Rule.REMOVAL,
        "tokens_revoked": Rule.REMOVAL,
        "channel_id_changed": Rule.RENUMBERING,
        "user_change": Rule.PROFILE,
        "app_home_opened": Rule.DEED,
        "member_joined_channel": Rule.JOINING,
        "member_left_channel": Rule.LEAVING,
        "team_access_granted": Rule.ACCESS,
        "team_access_revoked": Rule.ACCESS,
        "assistant_thread_started": Rule.IGNORE,
        "assistant_thread_context_changed": Rule.IGNORE,
    }
)
"""The ``type`` of the inner event."""

SUBTYPES: Mapping[str, Rule] = MappingProxyType(
    {
        # Written by a person: the short list of facts/slack.md §4.
        "": Rule.FORWARD,
        "file_share": Rule.FORWARD,
        "me_message": Rule.FORWARD,
        "thread_broadcast": Rule.FORWARD,
        # About a message.
        "message_changed": Rule.EDIT,
        "message_deleted": Rule.DELETION,
        # Nobody's words, though some carry a user and a text.
        **dict.fromkeys(
            (
                "assistant_app_thread",
                "bot_add",
                "bot_message",
                "bot_remove",
                "channel_archive",
                "channel_convert_to_private",
                "channel_convert_to_public",
                "channel_join",
                "channel_leave",
                "channel_name",
                "channel_posting_permissions",
                "channel_purpose",
                "channel_topic",
                "channel_unarchive",
                "document_mention",
                "ekm_access_denied",
                "file_comment",
                "file_mention",
                "group_archive",
                "group_join",
                "group_leave",
                "group_name",
                "group_purpose",
                "group_topic",
                "group_unarchive",
                "huddle_thread",
                "message_replied",
                "pinned_item",
                "reminder_add",
                "reply_broadcast",
                "tombstone",
                "unpinned_item",
            ),
            Rule.IGNORE,
        ),
    }
)
"""The ``subtype`` of a message; an unknown one is ignored."""

KEFU: Mapping[str, Rule] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "text",
                "image",
                "file",
                "audio",
                "video",
                "location",
                "articles",
                "form",
                "menu",
                "rating",
                "ticket-notice",
                "video-call",
            ),
            Rule.FORWARD,
        ),
        "event": Rule.SERVICE_SESSION,
        "recall": Rule.RECALL,
        "ack": Rule.PROOF,
        "nothing": Rule.IGNORE,
    }
)
"""The kind of a message of kefu's; :mod:`slackkefu.kefu.messages` has a type for each."""
