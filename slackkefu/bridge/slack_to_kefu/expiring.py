"""
Expiring: a message that has waited in the spill for ``store.keep_days`` ends there.

Nobody waits for an answer to it any more, and its words must not rest on disk for ever. Its writer is told, where the
app is still installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import structlog

from slackkefu.bridge.slack_to_kefu.custody import Outcome, Owed, Safe
from slackkefu.bridge.slack_to_kefu.spilled import restore
from slackkefu.bridge.slack_to_kefu.telling import untold
from slackkefu.errors import StoreBroken, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.bridge.slack_to_kefu.forwarding import Forwarding
    from slackkefu.bridge.slack_to_kefu.receipts import Parcel, Receipts
    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.slack.installation import Installations

__all__ = ["Expiring"]

log = structlog.get_logger()


@final
class Expiring:
    """
    Ends messages that have waited for too long.

    Args:
        receipts: The messages in hand.
        forwarding: What brings them over.
        installations: Who installed the app.
        wall: Wall clock, seconds.

    """

    def __init__(
        self, *, receipts: Receipts, forwarding: Forwarding, installations: Installations, wall: Callable[[], float]
    ) -> None:
        self._receipts = receipts
        self._forwarding = forwarding
        self._installations = installations
        self._wall = wall

    async def expire(self, before: float) -> None:
        """End what is in the spill and was written before then (wall clock); one that is half at the desk goes on."""
        for key in self._receipts.safe_before(before):
            known = self._receipts.find(key)
            if not isinstance(known, Owed | Safe) or not self._forwarding.stop(key):
                continue
            parcel = self._receipts.take_back(known)
            forward = await self._read(parcel)
            if not self._receipts.is_in_hand(parcel):
                continue
            log.warning("spill.expired", channel=key.channel, ts=key.ts, meaning="it has waited for store.keep_days")
            if forward is None:
                await self._receipts.settle(parcel, Outcome.APP_REMOVED)
                continue
            entry = untold(
                key,
                user=forward.visitor.user,
                thread_ts=forward.event.thread_ts,
                certainty="surely",
                reason="too_old",
                at=self._wall(),
            )
            await self._receipts.settle(parcel, Outcome.TOO_OLD, entry)

    async def _read(self, parcel: Parcel) -> Forward | None:
        """Return the message; None where nobody can be told of it: the app was removed, or it cannot be read."""
        try:
            return restore(await self._receipts.fetch(parcel), self._installations)
        except StoreBroken:
            raise
        except (StoreError, ValueError) as exc:
            log.error("spill.unreadable", problem=str(exc), meaning="its writer is not told")  # noqa: TRY400 - for an operator, no traceback
            return None
