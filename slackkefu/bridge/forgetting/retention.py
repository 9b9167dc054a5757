"""
Retention: visitors of whom nothing was heard for ``store.keep_days`` are erased.

Who is due is decided by plain functions (:func:`due`, :func:`next_at`); :class:`Retention` erases them, a few a second,
the longest quiet first. Nobody is erased while a service session is open, while something of theirs is in hand, in
question or to be told, or while it is not known yet what was written in an absence of ours. What is not done when the
daemon ends is due at the next start.

Whose workspace has removed the app can be heard of no more, so their time runs out too.

A clock that is years ahead would make everybody due at once. So the time is what Slack's clock shows where that is
earlier, and before Slack has told its time nobody is erased.

Words do not wait for longer either: a message that is in the spill for that long, because Easemob was away or the app
was removed, ends there, and its writer is told where that can be done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.book import is_open
from slackkefu.easemob.names import ImUser
from slackkefu.easemob.pace import Pace
from slackkefu.errors import StoreBroken, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.forgetting.erasing import Erasing
    from slackkefu.store.visitors import VisitorRecord

__all__ = ["Retention", "due", "next_at"]

log = structlog.get_logger()

A_SECOND: Final = 3.0
"""Visitors erased; a thousand take six minutes, in which others are served."""

SOON_S: Final = 60.0
LATE_S: Final = 1800.0
"""How soon, and how late at most, it is looked again who is due: what kept somebody may be over by then."""


def due(
    records: Iterable[VisitorRecord], *, now: float, keep_s: float, is_free: Callable[[ImUser], bool]
) -> list[ImUser]:
    """
    Return who is to be erased now, the longest quiet first.

    Args:
        records: Everybody.
        now: Wall clock, seconds.
        keep_s: How long nothing may be heard of somebody.
        is_free: Whether nothing of theirs is in hand.

    """
    quiet = sorted(
        (record for record in records if _ends_at(record, keep_s=keep_s) <= now and not is_open(record, now=now)),
        key=lambda record: (record.last_active, record.im_user),
    )
    return [user for record in quiet if is_free(user := ImUser(record.im_user))]


def next_at(records: Iterable[VisitorRecord], *, now: float, keep_s: float) -> float:
    """Return when (wall clock) somebody will be due who is not yet; ``inf`` for nobody."""
    ends = (_ends_at(record, keep_s=keep_s) for record in records)
    return min((at for at in ends if at > now), default=float("inf"))


def _ends_at(record: VisitorRecord, *, keep_s: float) -> float:
    return record.last_active + keep_s


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Erases whoever is due."""

    keep_s: float
    """How long nothing may be heard of somebody."""
    book: Book
    erasing: Erasing
    is_free: Callable[[ImUser], bool]
    """Whether nothing of a visitor's is in hand."""
    is_reading: Callable[[], bool]
    """Whether something that was written in an absence may not have been read yet."""
    expire: Callable[[float], Awaitable[None]]
    """Ends messages in the spill that were written before then."""
    wall: Callable[[], float]
    """Wall clock, seconds."""
    ahead_s: Callable[[], float | None]
    """By how much that is ahead of Slack's; None while this is not known."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Erase until cancelled; a start has some time to hear of those who wrote meanwhile."""
        task_status.started()
        pace = Pace(A_SECOND)
        while True:
            now = self._now()
            upcoming_s = next_at(self.book, now=now, keep_s=self.keep_s) - now
            await trio.sleep(min(max(upcoming_s, SOON_S), LATE_S))
            if self.ahead_s() is None:
                continue
            try:
                await self.expire(self._now() - self.keep_s)
                await self._erase(pace)
            except StoreBroken:
                raise
            except StoreError as exc:
                log.error("visitors.not_erased", problem=str(exc), meaning="tried again later")  # noqa: TRY400 - for an operator, no traceback

    def _now(self) -> float:
        return self.wall() - max(self.ahead_s() or 0.0, 0.0)

    async def _erase(self, pace: Pace) -> None:
        """Erase whoever is due; raises StoreError."""
        if self.is_reading():
            return
        for user in due(self.book, now=self._now(), keep_s=self.keep_s, is_free=self.is_free):
            await pace.turn()
            # They may have written meanwhile.
            record = self.book.get(user)
            if record is not None and due([record], now=self._now(), keep_s=self.keep_s, is_free=self.is_free):
                await self.erasing.erase([user], cause="quiet")
