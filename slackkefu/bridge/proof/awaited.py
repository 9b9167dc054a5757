"""
What waits for the desk's confirmation, as the disk knows it: ids only, no words.

An entry says that a message waits (:class:`~slackkefu.store.entries.Awaiting`), a later one that it waits no more
(:class:`~slackkefu.store.entries.Concluded`). From both the next run learns what is left to be confirmed, and which
kinds of bodies this desk confirms at all.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slackkefu.bridge.slack_to_kefu.receipts import key_of
from slackkefu.easemob.names import ImUser
from slackkefu.slack.ids import Ts, UserId
from slackkefu.store.entries import Awaiting, Concluded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from slackkefu.bridge.slack_to_kefu.custody import MessageKey
    from slackkefu.bridge.slack_to_kefu.routing import Forward

__all__ = ["LEARNING_S", "Conclusion", "Left", "Origin", "awaiting", "concluded", "left"]

LEARNING_S: Final = 3600.0
"""How long a message waits for its kind to be learnt."""

RESTORED_S: Final = 24 * 3600.0
"""What is older is not sent again by whoever starts then."""


class Conclusion(enum.StrEnum):
    """Why a message waits no more."""

    CONFIRMED = "confirmed"
    TOLD = "told"
    GONE = "gone"
    """Its writer has deleted it, or the app was removed."""
    UNPROVED = "unproved"
    """Too many were waiting, or it had waited too long for its kind to be learnt."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message comes from: enough to read it again, and to tell its writer."""

    key: MessageKey
    thread_ts: Ts | None
    """The thread an answer belongs in."""
    visitor: ImUser
    writer: UserId
    is_direct: bool
    stands_in_slack: bool = True
    """It can be read again; a click cannot."""

    @classmethod
    def of(cls, forward: Forward) -> Origin:
        """Tell where *forward* comes from."""
        return cls(
            forward.key,
            forward.thread_ts,
            forward.user,
            forward.visitor.user,
            forward.is_direct,
            forward.stands_in_slack,
        )


def awaiting(origin: Origin, marks: Mapping[str, str], *, at: float) -> Awaiting:
    """Make the entry that says that a message waits; *marks* are those of its parts, with the kind of each body."""
    key = origin.key
    return Awaiting(
        enterprise_id=key.installation.enterprise_id,
        team_id=key.installation.team_id,
        channel=key.channel,
        ts=key.ts,
        revision=key.revision,
        thread_ts=origin.thread_ts,
        im_user=origin.visitor,
        user=origin.writer,
        is_direct=origin.is_direct,
        stands_in_slack=origin.stands_in_slack,
        marks=dict(marks),
        at=at,
    )


def concluded(key: MessageKey, conclusion: Conclusion, *, at: float) -> Concluded:
    """Make the entry that says that a message waits no more."""
    return Concluded(
        enterprise_id=key.installation.enterprise_id,
        team_id=key.installation.team_id,
        channel=key.channel,
        ts=key.ts,
        revision=key.revision,
        outcome=conclusion.value,
        at=at,
    )


@dataclass(frozen=True, slots=True)
class Left:
    """A message that the run before has left unconfirmed."""

    origin: Origin
    marks: dict[str, str]
    """Of its parts, with the kind of each body."""
    at: float
    """When it was sent (wall clock)."""


def left(entries: Iterable[object], *, wall: float) -> tuple[list[Left], frozenset[str]]:
    """
    Return what the run before has left unconfirmed, and which kinds of bodies its desk confirmed.

    What was sent long before the desk first confirmed its kind is not among it, nor what is older than a day.
    """
    waiting: dict[MessageKey, Awaiting] = {}
    ends: dict[MessageKey, Concluded] = {}
    for entry in entries:
        if isinstance(entry, Awaiting):
            waiting[key_of(entry)] = entry
        elif isinstance(entry, Concluded):
            ends[key_of(entry)] = entry
    learnt_at: dict[str, float] = {}
    for key, end in ends.items():
        if end.outcome == Conclusion.CONFIRMED and key in waiting:
            for kind in waiting[key].marks.values():
                learnt_at[kind] = min(end.at, learnt_at.get(kind, math.inf))
    messages = []
    for key, entry in waiting.items():
        marks = {
            mark: kind
            for mark, kind in entry.marks.items()
            if entry.at >= max(learnt_at.get(kind, wall) - LEARNING_S, wall - RESTORED_S)
        }
        if key not in ends and marks:
            thread_ts = Ts(entry.thread_ts) if entry.thread_ts else None
            writer = UserId(entry.user)
            origin = Origin(key, thread_ts, ImUser(entry.im_user), writer, entry.is_direct, entry.stands_in_slack)
            messages.append(Left(origin, marks, entry.at))
    return messages, frozenset(learnt_at)
