"""
Changes: what a person's edit or deletion does to a message that we have, or had.

A deletion takes back what has not left us: a message that waits in its lane, in the spill or aside is *withdrawn*.
One that is being sent at that very moment counts as delivered, and taking it back at the desk is not carried yet, as is
no edit. A deletion is acknowledged only when its effect is on disk, for no history would show it again (facts/slack.md
§14).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.bridge.slack_to_kefu.custody import Outcome, Owed, Safe, Settled
from slackkefu.bridge.table import Reason
from slackkefu.errors import StoreUnwritable

if TYPE_CHECKING:
    from slackkefu.bridge.aside import Aside
    from slackkefu.bridge.slack_to_kefu.custody import MessageKey
    from slackkefu.bridge.slack_to_kefu.receipts import Receipts

__all__ = ["Changes"]


class Way(Protocol):
    """What brings messages over; the part of :class:`slackkefu.bridge.slack_to_kefu.forwarding.Forwarding`."""

    def stop(self, key: MessageKey) -> bool:
        """Work on this message no more; False when something of it may have left."""
        ...


@final
class Changes:
    """
    Carries out edits and deletions.

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

    def edit(self, key: MessageKey, revision: str = "") -> Reason:
        """Take note of an edit; say why nothing comes of it."""
        if revision and self._receipts.has_seen(key, revision):
            # Read from the history, where it had been edited already.
            return Reason.DUPLICATE
        known = self._receipts.find(key)
        is_ours = isinstance(known, Owed | Safe) or (known is not None and known.outcome is not Outcome.WITHDRAWN)
        return Reason.EDIT_NOT_CARRIED if is_ours else Reason.UNKNOWN_ORIGINAL

    async def delete(self, key: MessageKey) -> Reason | None:
        """
        Carry out a deletion, and name what came of it.

        Returns:
            None while the disk does not take it: the deletion must not be acknowledged.

        """
        known = self._receipts.find(key)
        if isinstance(known, Owed | Safe):
            if not self._way.stop(key):
                return Reason.DELETION_NOT_CARRIED
            return Reason.WITHDRAWN if await self._receipts.withdraw(known) else None
        if isinstance(known, Settled) and known.outcome is Outcome.WITHDRAWN:
            return Reason.DUPLICATE if await self._receipts.is_written(known) else None
        try:
            was_aside = await self._aside.withdraw(str(key))
        except StoreUnwritable as exc:
            self._trouble.refused(exc)
            return None
        self._trouble.taken()
        if was_aside:
            return Reason.WITHDRAWN
        if known is not None:
            return Reason.DELETION_NOT_CARRIED
        # It may still come, for Slack promises no order; nobody is to read it then.
        return Reason.UNKNOWN_ORIGINAL if await self._receipts.preclude(key) else None
