"""
Sheltering: which messages go to the spill, and when.

Easemob mostly accepts a message in a moment, and then Slack is told. Where that takes longer than :data:`PATIENCE_S`
the message is synced in the spill, so that Slack can be told in its three seconds; the send goes on meanwhile. What
cannot be quick goes there at once: a file, or a visitor without a live session.

All messages of a lane that are in memory go together, and while a lane has messages in the spill every new one goes
there too: so none is overtaken by a crash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import trio

from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.easemob.agenda import Alarm
from slackkefu.errors import StoreUnwritable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from slackkefu.bridge.slack_to_kefu.receipts import Parcel, Receipts
    from slackkefu.easemob.names import ImUser

__all__ = ["PATIENCE_S", "Sheltering"]

PATIENCE_S: Final = 1.5
"""Half of the time that Slack waits."""

AGAIN_S: Final = 5.0
"""Pause before a disk that took nothing is tried again."""


@final
class Sheltering:
    """
    Brings to the spill what takes too long.

    Args:
        receipts: The messages in hand.
        is_live: Whether a visitor's session is up now.
        on_safe: Told of each lane of which something has come to the spill.

    """

    def __init__(
        self,
        *,
        receipts: Receipts,
        is_live: Callable[[ImUser], bool],
        on_safe: Callable[[ImUser], None] = lambda _: None,
    ) -> None:
        self._receipts = receipts
        self._is_live = is_live
        self._on_safe = on_safe
        self._due: Alarm[ImUser] = Alarm()
        self._round = trio.Lock()
        self._trouble = DiskTrouble("spill.unwritable", meaning="not acknowledged; Slack repeats it")
        # What each lane has in memory alone, as it came; and how much of each lane is in the spill.
        self._exposed: dict[ImUser, dict[Parcel, None]] = {}
        self._safe: dict[ImUser, int] = {}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Bring what is due to the spill, until cancelled."""
        task_status.started()
        while True:
            await self._shelter_lanes(await self._due.due())

    def took(self, user: ImUser, parcel: Parcel, *, received_at: float, is_slow: bool) -> None:
        """
        Take note of a message that was put on a lane.

        Args:
            user: Whose lane.
            parcel: The message.
            received_at: When it came (trio's clock).
            is_slow: It cannot be brought over in the time that Slack waits.

        """
        if parcel.is_safe:
            self._safe[user] = self._safe.get(user, 0) + 1
            return
        first = not self._exposed.get(user)
        self._exposed.setdefault(user, {})[parcel] = None
        if is_slow or user in self._safe or not self._is_live(user):
            self._due.put(user, trio.current_time())
        elif first:
            self._due.put(user, received_at + PATIENCE_S)

    def ended(self, user: ImUser, parcel: Parcel) -> None:
        """Take note that a message has left its lane."""
        if parcel.is_safe:
            left = self._safe.get(user, 0) - 1
            if left > 0:
                self._safe[user] = left
            else:
                self._safe.pop(user, None)
        exposed = self._exposed.get(user, {})
        exposed.pop(parcel, None)
        if not exposed:
            self._exposed.pop(user, None)
            self._due.drop(user)

    async def shelter_all(self) -> None:
        """Bring everything in memory to the spill, for a stop; what the disk does not take is left to Slack."""
        await self._shelter_lanes(self._exposed)

    async def _shelter_lanes(self, users: Iterable[ImUser]) -> None:
        """Bring lanes to the spill side by side, so that one sync serves all; nothing goes there twice."""
        async with self._round, trio.open_nursery() as nursery:
            for user in [*users]:
                nursery.start_soon(self._shelter, user)

    async def _shelter(self, user: ImUser) -> None:
        """Bring everything of one lane to the spill; no message of it may be overtaken on the way there."""
        parcels = [*self._exposed.get(user, ())]
        if not parcels:
            return
        try:
            await self._receipts.shelter(user, parcels)
        except StoreUnwritable as exc:
            self._trouble.refused(exc, visitor=user)
            self._due.put(user, trio.current_time() + AGAIN_S)
            return
        self._trouble.taken()
        exposed = self._exposed.get(user, {})
        for parcel in parcels:
            # One that left its lane meanwhile is not there any more.
            if parcel in exposed:
                del exposed[parcel]
                self._safe[user] = self._safe.get(user, 0) + 1
            parcel.forget_words()
        self._on_safe(user)
        if exposed:
            self._due.put(user, trio.current_time())
        else:
            self._exposed.pop(user, None)
