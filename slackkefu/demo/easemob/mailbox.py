"""
What waits for one user: queues of metas, and who has acknowledged what.

A queue is one conversation, named after the other side; the system queue has no name (facts/msync.md §7.2). Nothing
but a pull that moves past a meta with a key acknowledges it (facts/msync.md §7.3), and each device acknowledges for
itself:

* A meta stored while devices are online is for those devices; it goes when each of them has acknowledged it.
* A meta stored while none is online is for whichever device comes first, and for all that come before it is
  acknowledged.
* A copy of what the user sent from another device is for the devices online at that moment, and goes with them.

So an unacknowledged meta comes again after every reconnect, and one that nobody has acknowledged is never lost but
by the limit of 500 (facts/easemob-rest.md §9.3).

Pure: no clock, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DOMAIN", "OFFLINE_LIMIT", "Cursor", "Mailbox", "Meta", "Page", "Queue"]

DOMAIN: Final = "easemob.com"
OFFLINE_LIMIT: Final = 500
"""Waiting messages over all one-to-one chats of a user; newer ones evict the oldest."""


class Queue(NamedTuple):
    """One conversation of a user."""

    name: str
    """The other side, lower case; empty for the system queue."""
    domain: str = DOMAIN


@dataclass(frozen=True, slots=True)
class Meta:
    """One stored item, as a receiver will see it."""

    id: int
    """Server id: rising, beyond 2^53 (facts/msync.md §1.3)."""
    sender: str
    sender_resource: str
    to: str
    timestamp_ms: int
    namespace: int
    """0 STATISTIC, 1 CHAT, … (facts/msync.md §10)."""
    payload: bytes = field(repr=False)
    online: bool = True
    """Whether a device of the receiver was online when it was stored."""


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to one pull."""

    metas: tuple[Meta, ...]
    next_key: int
    """Key that acknowledges these metas; 0 when there are none."""
    last: bool
    """Nothing waits behind this page."""


@dataclass(slots=True)
class Cursor:
    """What one connection has been handed of one queue."""

    handed: int = 0
    """Highest id delivered on this connection; no key acknowledges past it."""
    pulled: bool = False


@dataclass(slots=True, eq=False)
class _Item:
    meta: Meta
    devices: set[str]
    """Devices that have yet to acknowledge; empty while it is for whichever comes."""
    copy: bool
    """A copy of what the user itself sent."""
    settled: set[str] = field(default_factory=set)

    def waits_for(self, device: str) -> bool:
        return device in self.devices or not (self.copy or self.settled)


@final
class Mailbox:
    """The waiting metas of one user."""

    def __init__(self, *, limit: int = OFFLINE_LIMIT) -> None:
        self._limit = limit
        self._queues: dict[Queue, list[_Item]] = {}

    def store(self, queue: Queue, meta: Meta, devices: Iterable[str], *, copy: bool = False) -> Meta | None:
        """
        Keep *meta* for *devices*, the ones online now.

        Args:
            queue: The conversation it belongs to.
            meta: The meta; its id is higher than any stored before.
            devices: Resources of the devices online now.
            copy: It is a copy of what the user sent from another device.

        Returns:
            The oldest meta, if it had to make room.

        """
        item = _Item(meta, set(devices), copy)
        if copy and not item.devices:
            return None
        self._queues.setdefault(queue, []).append(item)
        if sum(len(items) for items in self._queues.values()) <= self._limit:
            return None
        oldest = min(self._queues, key=lambda name: self._queues[name][0].meta.id)
        dropped = self._queues[oldest].pop(0)
        self._tidy(oldest)
        return dropped.meta

    def waiting(self, device: str) -> tuple[tuple[Queue, int], ...]:
        """Return the queues in which something waits for *device*, with how much, the oldest conversation first."""
        counts = ((queue, sum(item.waits_for(device) for item in items)) for queue, items in self._queues.items())
        return tuple((queue, count) for queue, count in counts if count)

    def unread(self) -> int:
        """Count what no device has acknowledged (``offline_msg_count``, facts/easemob-rest.md §5.6)."""
        return sum(not (item.copy or item.settled) for items in self._queues.values() for item in items)

    def delivered(self, meta_id: int) -> bool:
        """Tell whether *meta_id* has been acknowledged by some device, or was never here."""
        return not any(
            item.meta.id == meta_id and not item.settled for items in self._queues.values() for item in items
        )

    def page(self, device: str, queue: Queue, cursor: Cursor, *, after: int, size: int) -> Page:
        """
        Hand out the next page of *queue* to *device*.

        Args:
            device: The resource that pulls.
            queue: The conversation.
            cursor: Of this connection and queue; moved on.
            after: Only what has a higher id; 0 for all that waits.
            size: Metas in one page.

        """
        found = [item.meta for item in self._queues.get(queue, ()) if item.meta.id > after and item.waits_for(device)]
        metas = tuple(found[:size])
        cursor.pulled = True
        if not metas:
            return Page((), 0, last=True)
        cursor.handed = max(cursor.handed, metas[-1].id)
        return Page(metas, metas[-1].id, last=len(found) <= size)

    def acknowledge(self, device: str, queue: Queue, cursor: Cursor, key: int) -> tuple[int, ...]:
        """Settle for *device* what was handed out on this connection up to *key*; return the ids."""
        limit = min(key, cursor.handed)
        settled = [item for item in self._queues.get(queue, ()) if item.meta.id <= limit and item.waits_for(device)]
        for item in settled:
            item.settled.add(device)
            item.devices.discard(device)
        self._tidy(queue)
        return tuple(item.meta.id for item in settled)

    def gone(self, device: str) -> None:
        """Forget *device*, which went offline: what others have read, and copies, no longer wait for it."""
        for queue, items in list(self._queues.items()):
            for item in items:
                if item.copy or item.settled:
                    item.devices.discard(device)
            self._tidy(queue)

    def _tidy(self, queue: Queue) -> None:
        """Drop what is done: acknowledged by all it was for, or a copy for nobody."""
        items = self._queues.get(queue, [])
        items[:] = [item for item in items if item.devices or not (item.copy or item.settled)]
        if not items:
            self._queues.pop(queue, None)
