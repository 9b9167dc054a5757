"""
Changes: what a person's edit or deletion does to a message that we have, or had.

A deletion takes back what has not left us: a message that waits in its lane, in the spill or aside is *withdrawn*. What
the desk has, or is getting at this very moment, cannot be taken back there (facts/kefu.md §1.9): the agent is told by a
*correction*, a message of its own with its own custody. It waits on the visitor's lane behind the message it is about,
so an edit of what has not left us follows it; the message itself keeps its words, which may have left in part, and
from which its ids derive. Whether a correction is still wanted is asked once more when its turn has come; it is not
where the message did not arrive, was deleted since, or was told of as a later edit has made it.

Slack promises no order (facts/slack.md §2): an edit may come before a repeat of its message. One of a message that is
for the desk by all signs, and not there yet, is not acknowledged: Slack repeats it too, the last time after the last
repeat of the message.

A deletion is acknowledged only when its effect is on disk, for no history would show it again (facts/slack.md §14).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final

from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.bridge.slack_to_kefu.custody import Outcome, Owed, Safe
from slackkefu.bridge.table import Reason
from slackkefu.errors import StoreUnwritable
from slackkefu.slack.ids import Ts, written_at

if TYPE_CHECKING:
    from slackkefu.bridge.aside import Aside
    from slackkefu.bridge.slack_to_kefu.custody import MessageKey
    from slackkefu.bridge.slack_to_kefu.receipts import Receipts
    from slackkefu.bridge.slack_to_kefu.routing import Change, Forward

__all__ = ["Changes"]

LAST_RETRY: Final = 3
"""Slack repeats an event three times: at once, after a minute and after five more (facts/slack.md §2)."""

EARLY_S: Final = 600.0
"""How old a message is at least when all its repeats have come."""


class Way(Protocol):
    """What brings messages over; the part of :class:`slackkefu.bridge.slack_to_kefu.forwarding.Forwarding`."""

    def stop(self, key: MessageKey) -> bool:
        """Work on this message no more; False when something of it may have left."""
        ...


@final
class Changes:
    """
    Says what comes of edits and deletions.

    Args:
        receipts: The messages in hand and ended.
        aside: The messages that are set aside.
        way: What brings messages over.

    """

    def __init__(self, *, receipts: Receipts, aside: Aside, way: Way) -> None:
        self._receipts = receipts
        self._aside = aside
        self._way = way
        self._trouble = DiskTrouble("store.unwritable", meaning="not acknowledged; Slack repeats it")

    def edit(self, change: Change, *, retry: int = 0, is_heard: bool = False) -> Forward | Reason | None:
        """
        Return the correction that tells the desk of an edit.

        Args:
            change: The edit.
            retry: How often Slack has repeated it.
            is_heard: What is written there is for the desk without a mention.

        Returns:
            Instead, why there is none; or None for an edit that must not be acknowledged yet.

        """
        known = self._receipts.find(change.key)
        if known is None:
            return None if retry < LAST_RETRY and _may_be_early(change, is_heard=is_heard) else Reason.UNKNOWN_ORIGINAL
        if not isinstance(known, Owed | Safe) and known.outcome is Outcome.WITHDRAWN:
            return Reason.WITHDRAWN
        if self._receipts.is_deleted(change.key):
            return Reason.WITHDRAWN
        is_coming = isinstance(known, Owed | Safe) or known.outcome is Outcome.DELIVERED
        return (change.correction if is_coming else None) or Reason.EDIT_NOT_CARRIED

    async def delete(self, change: Change) -> Forward | Reason | None:
        """
        Carry out a deletion as far as it is about what has not left us.

        Returns:
            The correction that tells the desk; or what came of it; or None while the disk does not take that: the
            deletion must not be acknowledged.

        """
        known = self._receipts.find(change.key)
        if isinstance(known, Owed | Safe):
            if not self._way.stop(change.key):
                return self._told(change)
            return Reason.WITHDRAWN if await self._receipts.withdraw(known) else None
        if known is not None and known.outcome is Outcome.WITHDRAWN:
            return Reason.DUPLICATE if await self._receipts.is_written(known) else None
        if known is not None and known.outcome is Outcome.DELIVERED:
            return self._told(change)
        try:
            was_aside = await self._aside.withdraw(change.key.name)
        except StoreUnwritable as exc:
            self._trouble.refused(exc)
            return None
        self._trouble.taken()
        if was_aside:
            return Reason.WITHDRAWN
        if known is not None:
            return Reason.DELETION_NOT_CARRIED
        # It may still come, for Slack promises no order; nobody is to read it then.
        return Reason.UNKNOWN_ORIGINAL if await self._receipts.preclude(change.key) else None

    def _told(self, change: Change) -> Forward | Reason:
        """Return the correction that tells the desk of a deletion, once, whatever events tell us of it."""
        correction = change.correction
        if correction is None:
            return Reason.DELETION_NOT_CARRIED
        is_repeat = self._receipts.find(correction.key) is not None
        return Reason.DUPLICATE if self._receipts.is_deleted(change.key) and not is_repeat else correction


def _may_be_early(change: Change, *, is_heard: bool) -> bool:
    """Tell whether a message that we do not know was for the desk, and so short a time ago that it may still come."""
    correction = change.correction
    if correction is None:
        return False
    was_for_us = correction.is_direct or correction.is_mention or is_heard
    written, edited = written_at(change.ts), written_at(Ts(correction.key.changed_at))
    return was_for_us and written is not None and edited is not None and edited - written < EARLY_S
