"""
A message for the desk as it rests on disk, and back.

Beside the payload as Slack sent it stands what was decided about it: whose it is, which installation brought it, where
an answer belongs. Deciding again later could end otherwise, since the conversation that a mention opened may be over.

Of a change only what the desk is told is kept: the message as it is now, and of a deleted one no words at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import msgspec

from slackkefu.bridge.identity import Visitor
from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
from slackkefu.bridge.slack_to_kefu.routing import Forward
from slackkefu.easemob.names import ImUser
from slackkefu.slack.envelope import EventCallback, MessageEvent, parse_event_callback
from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, Ts, UserId
from slackkefu.slack.installation import InstallationKey, Installations
from slackkefu.slack.text import mentions

if TYPE_CHECKING:
    from slackkefu.easemob.message import Json

__all__ = ["restore", "write"]


class _KeptDeed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    words: str = ""
    ext: dict[str, object] = {}
    action: str = ""
    answers: str = ""
    in_parts: bool = False
    is_typed: bool = False


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    im_user: str
    team: str
    user: str
    channel: str
    """The channel that the visitor is named by; the event has the present one."""
    enterprise_id: str | None
    installation_team_id: str | None
    is_direct: bool
    is_mention: bool
    thread_ts: str | None
    deed: _KeptDeed | None = None
    revision: str = ""
    payload: dict[str, object]


def write(forward: Forward, callback: EventCallback) -> bytes:
    """Write *forward*, which was decided from *callback*, as JSON."""
    visitor, key = forward.visitor, forward.installation.key
    return msgspec.json.encode(
        _Kept(
            im_user=forward.user,
            team=visitor.team,
            user=visitor.user,
            channel=visitor.channel,
            enterprise_id=key.enterprise_id,
            installation_team_id=key.team_id,
            is_direct=forward.is_direct,
            is_mention=forward.is_mention,
            thread_ts=forward.thread_ts,
            deed=_kept(forward.deed),
            revision=forward.revision,
            # Slack's deprecated verification token (facts/slack.md §3) is a secret that nobody needs.
            payload={name: value for name, value in callback.raw.items() if name != "token"}
            | ({"event": _changed(forward, callback)} if forward.revision else {}),
        )
    )


def _changed(forward: Forward, callback: EventCallback) -> dict[str, object]:
    """Return a changed message as the event that it would come in now."""
    key, event = forward.key, forward.event
    change = callback.raw.get("event")
    message = change.get("message") if isinstance(change, Mapping) else None
    words = message if isinstance(message, Mapping) and not key.is_deletion else {"user": event.user}
    words = {name: value for name, value in words.items() if name not in ("message", "previous_message")}
    place = {"channel": event.channel, "channel_type": event.channel_type, "ts": event.ts, "thread_ts": event.thread_ts}
    return {**words, "type": "message", **place}


def restore(content: bytes, installations: Installations) -> Forward:
    """
    Read what :func:`write` wrote.

    It was acknowledged, so it goes to the desk also where its workspace has removed the app since.

    Raises:
        ValueError: It is not what :func:`write` writes.

    """
    kept = msgspec.json.decode(content, type=_Kept)
    callback = parse_event_callback(kept.payload)
    if not isinstance(callback, EventCallback) or not isinstance(callback.event, MessageEvent):
        raise ValueError("no message in it")  # noqa: TRY004 - it is about the content
    installation = installations.in_any_case(
        InstallationKey(
            EnterpriseId(kept.enterprise_id) if kept.enterprise_id else None,
            TeamId(kept.installation_team_id) if kept.installation_team_id else None,
        )
    )
    return Forward(
        visitor=Visitor(TeamId(kept.team), UserId(kept.user), ChannelId(kept.channel)),
        user=ImUser(kept.im_user),
        installation=installation,
        event=callback.event,
        is_direct=kept.is_direct,
        thread_ts=Ts(kept.thread_ts) if kept.thread_ts else None,
        is_mention=kept.is_mention,
        own_users=installations.bots_among(mentions(callback.event.text)),
        deed=_restored(kept.deed),
        revision=kept.revision,
    )


def _kept(deed: ForDesk | None) -> _KeptDeed | None:
    if deed is None:
        return None
    return _KeptDeed(
        words=deed.words,
        ext=dict(deed.ext),
        action=deed.action,
        answers=deed.answers,
        in_parts=deed.in_parts,
        is_typed=deed.is_typed,
    )


def _restored(kept: _KeptDeed | None) -> ForDesk | None:
    if kept is None:
        return None
    # It is JSON: it was read just now.
    ext = cast("Mapping[str, Json]", kept.ext)
    return ForDesk(
        words=kept.words,
        ext=ext,
        action=kept.action,
        answers=kept.answers,
        in_parts=kept.in_parts,
        is_typed=kept.is_typed,
    )
