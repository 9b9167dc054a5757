"""
Who is who: a visitor's name on the Easemob side, and the ids of what we send.

A visitor is one Slack user in one Slack channel, and for kefu one IM user named ``team_user_channel`` in lower case.
No two visitors share a name: Slack ids hold no ``_``, and no lower-case letter that folding could confuse. Ids that
Slack does not use today have no name at all, rather than one that could be another visitor's.

Ids of outgoing messages are hashes of what the message is, not of when it was sent: a message sent twice, even over a
restart, is the same message to the other side.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal, final

from slackkefu.easemob.names import ImUser
from slackkefu.slack.ids import ChannelId, TeamId, Ts, UserId

__all__ = [
    "MAX_NAME_BYTES",
    "Unmappable",
    "Visitor",
    "author_team",
    "digest",
    "digest_of_file",
    "im_user",
    "message_id",
    "meta_id",
    "visitor_of",
]

MAX_NAME_BYTES: Final = 64
"""The longest name an IM user may have (facts/kefu.md §0, "Identity rules")."""

_SLACK_ID: Final = re.compile(r"[A-Z][A-Z0-9]+")
_IM_NAME: Final = re.compile(r"([a-z][a-z0-9]+)_([a-z][a-z0-9]+)_([a-z][a-z0-9]+)")


@final
@dataclass(frozen=True, slots=True)
class Visitor:
    """One Slack user in one Slack channel."""

    team: TeamId
    """The author's own workspace, see :func:`author_team`."""
    user: UserId
    channel: ChannelId


@final
@dataclass(frozen=True, slots=True)
class Unmappable:
    """A visitor that has no name on the Easemob side; its messages are ignored with this reason."""

    reason: Literal["unmappable_id"] = "unmappable_id"


def im_user(visitor: Visitor) -> ImUser | Unmappable:
    """
    Return the IM user that *visitor* is.

    Returns:
        The name, or :class:`Unmappable` when an id is not ``[A-Z][A-Z0-9]+`` or the name would pass
        :data:`MAX_NAME_BYTES`.

    """
    ids = (visitor.team, visitor.user, visitor.channel)
    name = "_".join(ids)
    if len(name) > MAX_NAME_BYTES or not all(_SLACK_ID.fullmatch(each) for each in ids):
        return Unmappable()
    return ImUser(name.lower())


def visitor_of(name: str) -> Visitor | None:
    """Return the visitor that the IM user *name* is, in whatever case; None when it is not one of ours."""
    found = _IM_NAME.fullmatch(name.lower()) if name.isascii() and len(name) <= MAX_NAME_BYTES else None
    if found is None:
        return None
    team, user, channel = (part.upper() for part in found.groups())
    return Visitor(TeamId(team), UserId(user), ChannelId(channel))


def author_team(user_team: str | None, team: str | None, envelope_team: str | None) -> TeamId:
    """
    Return the workspace a message's author belongs to.

    In a shared channel it is not the workspace the event came for, and ``user_team`` may be an organisation, ``E…``
    (facts/slack.md §13).

    Args:
        user_team: The event's ``user_team``.
        team: The event's ``team``.
        envelope_team: The envelope's ``team_id``.

    Returns:
        ``user_team`` when it is a workspace, else the first of the others that is there; empty when none is, which no
        IM user can be named after.

    """
    if user_team and user_team.startswith("T"):
        return TeamId(user_team)
    return TeamId(team or envelope_team or "")


# Ids of what we send.


def digest(text: str) -> bytes:
    """Return what stands for the words *text* in an id."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, person=b"slackkefu.words").digest()


def digest_of_file(file_id: str) -> bytes:
    """
    Return what stands for a file in an id: the same whatever becomes of it, the file or a line in its place.

    A part that is a file is counted among the files, not among the words before them: so neither an edit of the words
    nor another upload makes it another message.
    """
    return blake2b(file_id.encode("utf-8", "surrogatepass"), digest_size=16, person=b"slackkefu.file").digest()


def meta_id(
    team: TeamId, channel: ChannelId, ts: Ts, revision: str, part: int, words: bytes, *, attempt: int = 0
) -> int:
    """
    Return the IM id of one part of one message, from 1 to 2^63-1.

    Args:
        team: The visitor's workspace.
        channel: The channel it was written in.
        ts: The Slack message.
        revision: Empty for the message as first written; for an edit, the edit's own ``ts``.
        part: Which part of the message, from 0; of a file, which file.
        words: :func:`digest` of the part, or :func:`digest_of_file`.
        attempt: 0, also when the same is sent again because nobody knows whether it was accepted; 1 when it was
            accepted, has not come to the desk, and is to be a new message to Easemob.

    """
    again = (str(attempt),) if attempt else ()
    hashed = _hash(b"slackkefu.meta", 8, team, channel, ts, revision, str(part), words, *again)
    # One bit is dropped because ids are signed at the other side; 0 is taken to mean "no id".
    return int.from_bytes(hashed, "big") >> 1 or 1


def message_id(team: TeamId, channel: ChannelId, ts: Ts, revision: str, part: int, words: bytes) -> str:
    """Return kefu's ``msg_id_for_ack`` for the same part, in the form of a UUID; arguments as for :func:`meta_id`."""
    hashed = _hash(b"slackkefu.kefu", 16, team, channel, ts, revision, str(part), words)
    return str(uuid.UUID(bytes=hashed, version=5))


def _hash(person: bytes, size: int, *fields: str | bytes) -> bytes:
    """Hash *fields* so that no two different lists look alike: each goes in with its length before it."""
    state = blake2b(digest_size=size, person=person)
    for field in fields:
        raw = field if isinstance(field, bytes) else field.encode("utf-8", "surrogatepass")
        state.update(len(raw).to_bytes(4, "big"))
        state.update(raw)
    return state.digest()
