"""
What the two journals hold: ids, places and times, never anybody's words.

One journal is about Slack's messages on their way to the desk, one about kefu's on their way to Slack. An entry is
written once and never changed; a later one may say more about the same message. Times are seconds since the epoch.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

__all__ = [
    "AgentTold",
    "Alive",
    "Answered",
    "Entered",
    "Intent",
    "KefuEntry",
    "Mark",
    "Proven",
    "Result",
    "Settled",
    "SlackEntry",
    "Tell",
    "Told",
    "Unproven",
]


class Conversation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A Slack conversation as one installation sees it."""

    enterprise_id: str | None = None
    team_id: str | None = None
    """With :attr:`enterprise_id` the installation."""
    channel: str


# Slack → kefu.


class Settled(Conversation, frozen=True, kw_only=True, tag="settled"):
    """A message has ended; its envelopes may be acknowledged, a repeat is a duplicate."""

    ts: str
    revision: str = ""
    """Empty for the message as first written; for an edit or deletion, the event's own ``ts``."""
    outcome: str
    at: float


class Mark(Conversation, frozen=True, kw_only=True, tag="mark"):
    """The low-water mark of a conversation: everything up to ``ts`` has ended."""

    ts: str


class Entered(Conversation, frozen=True, kw_only=True, tag="entered"):
    """Our bot came into the conversation at ``ts``: nothing before it is for us."""

    ts: str


class Alive(msgspec.Struct, frozen=True, tag="alive"):
    """The daemon was up, and heard Slack, at this time."""

    at: float


class Unproven(Conversation, frozen=True, kw_only=True, tag="unproven"):
    """Easemob took a part of a message; whether the desk has it, only its KF-ACK will say."""

    user: str
    """The IM user."""
    ts: str
    thread_ts: str | None = None
    part: int
    message_id: str
    """``msg_id_for_ack`` as sent."""
    body: str
    """Kind of body, ``txt`` and the like: confirming is learnt for each."""
    at: float


class Proven(msgspec.Struct, frozen=True, tag="proven"):
    """That part is answered for: confirmed, told, or given up."""

    message_id: str


class Tell(Conversation, frozen=True, kw_only=True, tag="tell"):
    """A sender is to be told that a message surely, or possibly, did not arrive."""

    ts: str
    thread_ts: str | None = None
    user: str
    """The Slack user who wrote it."""
    sure: bool
    reason: str
    at: float


class Told(Conversation, frozen=True, kw_only=True, tag="told"):
    """That sender was told, or telling was given up."""

    ts: str
    outcome: str


SlackEntry: TypeAlias = Settled | Mark | Entered | Alive | Unproven | Proven | Tell | Told


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


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="result"):
    """What became of an intent."""

    user: str
    message: str
    part: int
    channel: str = ""
    ts: str = ""
    """Where the post stands; empty when it was refused, or Slack did not say."""
    refused: str = ""
    """Slack's code."""
    at: float


class Answered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="answered"):
    """One of kefu's messages has ended; its batch may be pulled past, a repeat is a duplicate."""

    user: str
    meta_id: int = 0
    """0 for one that came by another way than MSYNC."""
    msg_id: str = ""
    outcome: str
    at: float


class AgentTold(msgspec.Struct, frozen=True, kw_only=True, tag="agent_told"):
    """The agents of a service session were told that an answer was refused; once is enough."""

    user: str
    session: str
    at: float


KefuEntry: TypeAlias = Intent | Result | Answered | AgentTold
