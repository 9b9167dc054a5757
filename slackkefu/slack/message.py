"""
A message event, checked and typed.

Slack's ``message`` events are many things: what a person wrote, what a bot wrote, an edit, a deletion, a notice
(facts/slack.md §4). This module only reads them; what is forwarded is decided by the bridge, from the fields here.

The fields that identify a message, or that mark it as not a person's, must have the right type, else the whole
message is :class:`Malformed`: a mark that cannot be read is never taken for an absent one. Everything else is
tolerated, and empty when it cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from slackkefu.slack.blocks import fullest
from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import ChannelId, TeamId, Ts, UserId
from slackkefu.slack.profile import Profile, read_profile

__all__ = ["METADATA_TYPE", "FileRef", "Malformed", "MessageEvent", "read_message"]

METADATA_TYPE: Final = "slackkefu_message"
"""``event_type`` of the metadata on our own posts."""

MAX_EMOJI_CODE_POINTS: Final = 16
"""Longest sequence taken for one emoji; a family of four with skin tones has eleven."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """Something inbound that could not be read."""

    reason: str
    """Names field and kind, never content."""


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file on a message; in Slack Connect only the id may be known (facts/slack.md §7)."""

    id: str
    name: str = field(repr=False)
    """As the person named it, possibly empty; never a path."""
    mimetype: str
    size: int | None
    """Bytes; None where unknown."""
    mode: str
    """``hosted``, ``snippet``, ``external``, ``file_access``, ``tombstone``, …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent:
    """A ``message`` or ``app_mention`` event, or the message inside an edit or a deletion."""

    is_mention_event: bool
    """It came as ``app_mention``; the same message comes as ``message`` too where the bot is a member."""
    channel: ChannelId
    channel_type: str
    """``im``, ``channel``, ``group`` or ``mpim``; empty where Slack tells none (mentions)."""
    ts: Ts
    """Names the message; in an edit or a deletion the change, see :attr:`message` and :attr:`deleted_ts`."""
    thread_ts: Ts | None
    """The root of the thread; equal to :attr:`ts` on the root itself."""
    subtype: str | None
    user: UserId | None
    bot_id: str | None
    app_id: str | None
    """The app that wrote it, from ``app_id`` or ``bot_profile``."""
    hidden: bool
    team: str | None
    """Where it happens."""
    user_team: str | None
    """The author's home; ``T…`` or ``E…``."""
    text: str = field(repr=False)
    """In Slack's own markup, still escaped; from the blocks where they say more than Slack's text."""
    emoji: Mapping[str, str] = field(repr=False)
    """
    Shortcode, as it stands in the text without its outer colons, to characters: ``tada``, ``+1::skin-tone-3``.

    Only emoji that Slack itself gives as characters; custom ones have none.
    """
    files: tuple[FileRef, ...]
    profile: Profile | None
    """The author's, where the event brings it along."""
    edited: bool
    """A person has edited it (``edited``)."""
    edited_ts: Ts | None = None
    """Which edit it is the result of; not the ``ts`` of the event that told of it."""
    metadata_id: str
    """The id in our own post's metadata; empty on all others."""
    message: MessageEvent | None
    """In an edit: the message as it is now."""
    previous: MessageEvent | None
    """In an edit or a deletion: the message as it was, if Slack tells."""
    deleted_ts: Ts | None
    """In a deletion: which message."""


class _Wire(msgspec.Struct):
    """The fields of a message whose types decide; those typed ``object`` are read one by one."""

    ts: str
    channel: str | None = None
    channel_type: str | None = None
    thread_ts: str | None = None
    subtype: str | None = None
    user: str | None = None
    bot_id: str | None = None
    app_id: str | None = None
    bot_profile: object = None
    hidden: object = None
    team: str | None = None
    user_team: str | None = None
    text: object = None
    blocks: object = None
    attachments: object = None
    files: object = None
    user_profile: object = None
    edited: object = None
    metadata: object = None
    message: object = None
    previous_message: object = None
    deleted_ts: str | None = None


def read_message(
    raw: object, *, channel: str | None = None, channel_type: str | None = None, is_mention_event: bool = False
) -> MessageEvent | Malformed:
    """
    Read a message.

    Args:
        raw: The JSON value.
        channel: Where it is, for messages that do not say (inside an edit, in a history).
        channel_type: What kind of conversation that is.
        is_mention_event: It came as ``app_mention``.

    """
    try:
        wire = msgspec.convert(raw, _Wire)
    except msgspec.ValidationError as exc:
        return Malformed(f"message: {exc}")
    channel = wire.channel or channel
    channel_type = wire.channel_type or channel_type
    if not channel:
        return Malformed("message: no channel")
    if not wire.ts:
        return Malformed("message: no ts")
    inner = _read_inner(wire.message, channel, channel_type)
    previous = _read_inner(wire.previous_message, channel, channel_type)
    deleted_ts = wire.deleted_ts or (previous.ts if previous is not None else None)
    if wire.subtype == "message_changed" and inner is None:
        return Malformed("message: an edit without a readable message")
    if wire.subtype == "message_deleted" and not deleted_ts:
        return Malformed("message: a deletion that names nothing")
    return MessageEvent(
        is_mention_event=is_mention_event,
        channel=ChannelId(channel),
        channel_type=channel_type or "",
        ts=Ts(wire.ts),
        thread_ts=Ts(wire.thread_ts) if wire.thread_ts else None,
        subtype=wire.subtype or None,
        user=UserId(wire.user) if wire.user else None,
        bot_id=wire.bot_id or None,
        app_id=wire.app_id or text_at(wire.bot_profile, "app_id") or None,
        hidden=wire.hidden not in (None, False),
        team=TeamId(wire.team) if wire.team else None,
        user_team=wire.user_team or None,
        text=_read_text(wire),
        emoji=_read_emoji(wire.blocks),
        files=_read_files(wire.files),
        profile=read_profile(wire.user_profile),
        edited=bool(wire.edited),
        edited_ts=Ts(text_at(wire.edited, "ts")) or None,
        metadata_id=_read_metadata_id(wire.metadata),
        message=inner,
        previous=previous,
        deleted_ts=Ts(deleted_ts) if wire.subtype == "message_deleted" and deleted_ts else None,
    )


def _read_text(wire: _Wire) -> str:
    """Return the message's words, in ``text`` or wherever Slack has put them (facts/slack.md §6)."""
    return fullest(wire.text if isinstance(wire.text, str) else "", wire.blocks, wire.attachments)


def _read_inner(raw: object, channel: str, channel_type: str | None) -> MessageEvent | None:
    """Read the message inside an edit or a deletion; None if there is none that can be read."""
    if not isinstance(raw, Mapping):
        return None
    # One level is all there is; what nests deeper is not read.
    flat = {name: value for name, value in raw.items() if name not in ("message", "previous_message", "channel")}
    message = read_message(flat, channel=channel, channel_type=channel_type)
    return message if isinstance(message, MessageEvent) else None


def _read_files(raw: object) -> tuple[FileRef, ...]:
    """Read ``files``, passing over what is no object."""
    if not isinstance(raw, list):
        return ()
    return tuple(
        FileRef(
            id=text_at(item, "id"),
            name=text_at(item, "name"),
            mimetype=text_at(item, "mimetype"),
            size=_size(item.get("size")),
            mode=text_at(item, "mode"),
        )
        for item in raw
        if isinstance(item, Mapping)
    )


def _read_emoji(blocks: object) -> dict[str, str]:
    """Collect the emoji of ``rich_text`` blocks that have characters (facts/slack.md §6)."""
    found: dict[str, str] = {}
    waiting = [blocks]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, Mapping):
            if value.get("type") == "emoji":
                name, characters = text_at(value, "name"), _characters(text_at(value, "unicode"))
                tone = value.get("skin_tone")
                if name and characters:
                    found[f"{name}::skin-tone-{tone}" if isinstance(tone, int) else name] = characters
            else:
                waiting.append(value.get("elements"))
    return found


def _characters(code_points: str) -> str:
    """Turn ``1f44d-1f3fc`` into its characters; nothing if it is not such a list."""
    try:
        numbers = [int(part, 16) for part in code_points.split("-", MAX_EMOJI_CODE_POINTS)]
        characters = "".join(map(chr, numbers))
        characters.encode()
    except (ValueError, OverflowError):
        return ""
    return characters if characters.isprintable() or "\u200d" in characters else ""


def _read_metadata_id(raw: object) -> str:
    """Return our own id in a message's ``metadata``, if it is ours."""
    if isinstance(raw, Mapping) and raw.get("event_type") == METADATA_TYPE:
        return text_at(raw.get("event_payload"), "id")
    return ""


def _size(value: object) -> int | None:
    """Return *value* if it is a number of bytes."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
