"""
Memories: all that the daemon knows of a visitor in memory, in one place.

Whoever adds another memory that is keyed by visitors adds it here. What only holds hashes, or lasts no longer than a
task (an edit that waits for its turn, a question to the desk), is not here: it names nobody, or finds the record gone
and ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import trio

from slackkefu.bridge.identity import visitor_of
from slackkefu.bridge.slack_to_kefu.custody import Owed, Safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.bridge.aside import Aside
    from slackkefu.bridge.attendance import Attendance
    from slackkefu.bridge.deeds.homes import Homes
    from slackkefu.bridge.kefu_to_slack.intents import Intents
    from slackkefu.bridge.kefu_to_slack.polling import Polling
    from slackkefu.bridge.kefu_to_slack.replies import Replies
    from slackkefu.bridge.lanes import Lanes
    from slackkefu.bridge.open_sessions import OpenSessions
    from slackkefu.bridge.proof.proving import Proving
    from slackkefu.bridge.slack_to_kefu.custody import MessageKey
    from slackkefu.bridge.slack_to_kefu.forwarding import Forwarding
    from slackkefu.bridge.slack_to_kefu.receipts import Parcel, Receipts
    from slackkefu.bridge.slack_to_kefu.telling import Telling
    from slackkefu.bridge.slack_to_kefu.ways import Ways
    from slackkefu.bridge.workspaces.reach import Reach
    from slackkefu.easemob.names import ImUser
    from slackkefu.easemob.pool import Pool
    from slackkefu.kefu.second_channel import SecondChannel
    from slackkefu.slack.directory import Directory
    from slackkefu.slack.ids import UserId

__all__ = ["Dropped", "Memories"]

PATIENCE_S: Final = 10.0
"""How long a lane may take to become empty once its messages have ended; whoever writes meanwhile is in it too."""

AT_ONCE: Final = 500
"""Messages that are ended at a time: they share a sync."""

INTENTS_S: Final = 8 * 24 * 3600.0
"""Older than that nobody looks for a post any more: the journal has forgotten it."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was not delivered, and never will be."""

    words: int = 0
    """Messages on their way to the desk."""
    answers: int = 0
    """Messages on their way to Slack."""
    aside: int = 0
    """Messages that were set aside, in either direction."""

    def __add__(self, other: Dropped) -> Dropped:
        return Dropped(self.words + other.words, self.answers + other.answers, self.aside + other.aside)

    def as_json(self) -> dict[str, int]:
        """Return it for whoever asks by the control socket."""
        return {"to_desk": self.words, "to_slack": self.answers, "aside": self.aside}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Memories:
    """Every part that knows visitors."""

    words: Lanes[ImUser, Parcel]
    receipts: Receipts
    forwarding: Forwarding
    ways: Ways
    proving: Proving
    telling: Telling
    replies: Replies
    intents: Intents
    reach: Reach
    sessions: OpenSessions
    attendance: Attendance
    polling: Polling
    second_channel: SecondChannel | None
    pool: Pool
    aside: Aside
    directory: Directory
    homes: Homes
    wall: Callable[[], float]

    def is_free(self, user: ImUser) -> bool:
        """Tell whether nothing of *user*'s is in hand, in question, or to be told."""
        visitor = visitor_of(user)
        is_answered = (
            self.replies.is_busy(user)
            or self.polling.is_busy(user)
            or self.intents.are_open(user, since=self.wall() - INTENTS_S)
        )
        return not (
            self.words.depth(user)
            or self.proving.awaits(user)
            or (visitor is not None and self.telling.has(visitor.user))
            # Where the app has left, answers wait until it is back, and that may be never.
            or (is_answered and self.reach.why_not(user) is None)
        )

    def has_written(self, user: ImUser) -> bool:
        """Tell whether *user* has written something that has not left."""
        return bool(self.words.depth(user))

    def waiting(self, user: ImUser) -> Dropped:
        """Count what of *user*'s would be dropped now."""
        return Dropped(self.words.depth(user), self.replies.in_hand(user), self.aside.count(user))

    async def forget(self, user: ImUser) -> Dropped:
        """
        Know nothing of *user* any more; what is on its way is dropped. The visitor's record is for the book.

        A cancellation leaves some of it known.
        """
        words = await self._drop_words(user)
        await self.pool.remove(user)
        self.polling.forget(user)
        answers = await self.replies.forget(user)
        self.sessions.closed(user)
        self.reach.forget(user)
        self.attendance.forget(user)
        # Closing the session has made it know them anew.
        self.polling.forget(user)
        self.proving.forget(user)
        self.forwarding.forget(user)
        self.ways.forget(user)
        if self.second_channel is not None:
            self.second_channel.forget(user)
        aside = self.aside.forget(user)
        # Closing the session has made the pool know them anew.
        await self.pool.remove(user)
        return Dropped(words, answers, aside)

    def forget_person(self, user: UserId) -> None:
        """Know nothing of a person any more: what they are called, and what they were to be told or shown."""
        self.telling.forget(user)
        self.directory.forget(user)
        self.homes.forget(user)

    async def _drop_words(self, user: ImUser) -> int:
        """End every message that is in the lane now; return how many."""
        keys = [*(parcel.owed.key for parcel in self.words.pieces(user)), *self.receipts.in_lane(user)]
        dropped = 0

        async def drop(key: MessageKey) -> None:
            # The lane goes on meanwhile: where a message is has to be asked when it is ended.
            nonlocal dropped
            self.forwarding.abandon(key)
            known = self.receipts.find(key)
            if isinstance(known, Owed | Safe):
                dropped += 1
                await self.receipts.withdraw(known)

        for first in range(0, len(keys), AT_ONCE):
            async with trio.open_nursery() as nursery:
                for key in keys[first : first + AT_ONCE]:
                    nursery.start_soon(drop, key)
        with trio.move_on_after(PATIENCE_S):
            await self.words.emptied(user)
        return dropped
