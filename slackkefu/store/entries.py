"""
What the two journals hold: ids, places and times, never anybody's words.

One journal is about Slack's messages on their way to the desk, one about kefu's on their way to Slack. An entry is
written once and never changed; a later one may say more about the same message. Times are seconds since the epoch.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

__all__ = [
    "Answered",
    "Awaiting",
    "Blotted",
    "Certainty",
    "Concluded",
    "Intent",
    "KefuEntry",
    "MessageEntry",
    "Read",
    "Settled",
    "SlackEntry",
    "Standing",
    "Told",
    "Untold",
]


class Conversation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A Slack conversation as one installation sees it."""

    enterprise_id: str | None = None
    team_id: str | None = None
    """With :attr:`enterprise_id` the installation."""
    channel: str


# Slack → kefu.


class AboutMessage(Conversation, frozen=True, kw_only=True, omit_defaults=True):
    """What is about one message, or about a correction of it."""

    ts: str
    revision: str = ""
    """Empty for the message itself; names a correction by an edit or a deletion, which is one more message."""


Certainty: TypeAlias = Literal["surely", "possibly"]
"""How sure it is that a message did not arrive."""


class Settled(AboutMessage, frozen=True, kw_only=True, tag="settled"):
    """A message has ended; its envelopes may be acknowledged, a repeat is a duplicate."""

    outcome: str
    im_user: str = ""
    """Whose it is, of one that has reached the desk: what they wrote before comes late from now on."""
    at: float


class Untold(AboutMessage, frozen=True, kw_only=True, tag="untold"):
    """A message did not surely reach the desk, and its writer has to be told; open until there is a :class:`Told`."""

    thread_ts: str | None = None
    """The root of the thread it was written in."""
    user: str
    """Who wrote it."""
    certainty: Certainty
    reason: str
    at: float


class Told(AboutMessage, frozen=True, kw_only=True, tag="told"):
    """The writer of a message was told, or cannot be."""

    outcome: str
    """``told``, or why not."""
    at: float


class Awaiting(AboutMessage, frozen=True, kw_only=True, tag="awaiting"):
    """Easemob has accepted a message; the desk has to confirm it yet. Its words are in Slack, but for a click's."""

    thread_ts: str | None = None
    """Where its thread is, which is also where an answer belongs."""
    im_user: str
    user: str
    """Who wrote it."""
    is_direct: bool = False
    stands_in_slack: bool = True
    """A click stands nowhere, and cannot be read again."""
    marks: dict[str, str]
    """``msg_id_for_ack`` of each part that is not confirmed, and the kind of its body."""
    at: float


class Concluded(AboutMessage, frozen=True, kw_only=True, tag="concluded"):
    """The desk has confirmed a message, or its confirmation is waited for no more."""

    outcome: str
    at: float


class Read(Conversation, frozen=True, kw_only=True, tag="read"):
    """A conversation was read from Slack's history, and what was found is settled or in the spill."""

    through: float
    """Everything that was written before has been seen."""
    at: float


class Blotted(msgspec.Struct, frozen=True, kw_only=True, tag="blotted"):
    """A message has ended whose writer was forgotten since: a repeat of it is recognised, and names nobody."""

    hashes: tuple[int, ...]
    """What it is known by, see :class:`slackkefu.bridge.remembered.Remembered`."""
    outcome: str
    at: float


MessageEntry: TypeAlias = Settled | Untold | Told | Awaiting | Concluded
"""What is about one message."""

SlackEntry: TypeAlias = MessageEntry | Read | Blotted


# kefu → Slack.


class Intent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="intent"):
    """A part of one of kefu's messages is about to be posted."""

    user: str
    """The IM user it is for."""
    message: str
    """kefu's ``msgId``, or the ``Meta.id`` where there is none."""
    part: int
    channel: str
    """Where it goes; a user for their direct messages."""
    thread_ts: str | None = None
    file_id: str | None = None
    """The uploaded file, for a part that is one: files carry no metadata."""
    at: float


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """A post that stands in Slack."""

    channel: str
    ts: str
    """With :attr:`channel` which it is; both empty for a file of which Slack has not said where it stands."""
    is_named: bool = False
    """It was made under another name than the app's: Slack does not delete it (facts/slack.md §8)."""
    file_id: str = ""
    """The file, of a post that is one."""


class Answered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="answered"):
    """One of kefu's messages has ended; its batch may be pulled past, a repeat is a duplicate."""

    user: str
    meta_id: int = 0
    """0 for one that came by another way than MSYNC."""
    msg_id: str = ""
    outcome: str
    posts: tuple[Standing, ...] = ()
    """Where it stands, as far as Slack has said."""
    recalls: str = ""
    """kefu's id of the message that it has taken back: that stays so."""
    at: float


KefuEntry: TypeAlias = Intent | Answered
