"""
Set aside: messages that could not be brought over, kept for a person to look at.

A message that fails again and again must not hold up those behind it. It is tried a bounded number of times
(:data:`TRIES`), then synced here with the reason, and its lane goes on. Nothing here is ever sent by itself. What is
set aside leaves the disk after ``store.keep_days``, or when its writer deletes it in Slack. When there is too much of
it (:data:`MOST`), the older half goes: how these messages ended is known and told, and what nobody has looked at must
not stop the lanes of those who write now.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, final

import msgspec
import structlog
import trio

from slackkefu.easemob.names import ImUser
from slackkefu.errors import StoreBroken, StoreError
from slackkefu.store.spill import Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from slackkefu.store.spill import Spilled, SpillStatistics

__all__ = ["TRIES", "Aside", "AsideStatistics", "Direction"]

log = structlog.get_logger()

TRIES: Final = 3
"""How often a message is tried that makes us fail."""

MOST_AT_ONCE: Final = 1000
"""Most that is let go for its age at a time."""

MOST: Final = 100_000
MOST_BYTES: Final = 2**29
"""Most that is kept: messages, and bytes on disk; the shelf itself takes more."""

Direction: TypeAlias = Literal["to_kefu", "to_slack"]


class Shelf(Protocol):
    """Where they are kept; the part of :class:`slackkefu.store.spill.Spill`."""

    async def put(self, *pieces: Piece) -> list[int]:
        """Keep *pieces*, and return their numbers; on disk when this returns. Raises StoreUnwritable."""
        ...

    async def get(self, number: int) -> bytes:
        """Return what was kept under *number*; raises StoreError for now, ValueError for good."""
        ...

    def done(self, *numbers: int) -> None:
        """Note that these need not be kept."""
        ...

    async def flush(self) -> None:
        """Write what is noted; raises StoreUnwritable."""
        ...

    async def compact(self) -> None:
        """Clear the disk of what need not be kept; raises StoreError."""
        ...

    def statistics(self) -> SpillStatistics:
        """Tell how much it holds."""
        ...


class _Kept(msgspec.Struct, frozen=True):
    direction: Direction
    reason: str
    at: float
    """Wall clock, seconds."""
    content: msgspec.Raw


@dataclass(frozen=True, slots=True)
class _Held:
    """One message that is set aside."""

    number: int
    user: ImUser
    at: float
    """When it was set aside (wall clock)."""


@dataclass(frozen=True, slots=True)
class AsideStatistics:
    """What is set aside."""

    kept: int
    """Messages that are set aside now; a person should look why."""
    set_aside: int
    """Set aside since the start."""
    dropped: int
    """Let go since the start to make room, before anybody has to have looked at them."""


@final
class Aside:
    """
    The messages of one store that are set aside.

    Args:
        shelf: Where they are kept.
        wall: Wall clock, seconds.
        keep_s: How long they are kept.

    """

    def __init__(self, shelf: Shelf, *, wall: Callable[[], float], keep_s: float) -> None:
        self._shelf = shelf
        self._wall = wall
        self._keep_s = keep_s
        # By what the message is.
        self._kept: dict[str, _Held] = {}
        self._making_room = trio.Lock()
        self._count = 0
        self._dropped = 0

    def __repr__(self) -> str:
        return f"<Aside of {len(self._kept)}>"

    async def restore(self, kept: Iterable[Spilled]) -> None:
        """Take over what is kept from before."""
        for each in kept:
            self._kept[each.key] = _Held(each.number, ImUser(each.lane), await self._since(each.number))

    def forget_old(self) -> None:
        """
        Let go of what has been here for too long.

        Some at a time, because the calendar may be wrong for a while, and nothing of this is anywhere else.
        """
        until = self._wall() - self._keep_s
        for key in [*islice((key for key, held in self._kept.items() if held.at < until), MOST_AT_ONCE)]:
            self.take_back(key)

    async def put(self, direction: Direction, user: ImUser, key: str, *, reason: str, content: bytes) -> None:
        """
        Set a message aside, unless it is; on disk when this returns.

        Args:
            direction: Where it was on its way to.
            user: The visitor.
            key: What the message is, however often it comes.
            reason: Why, for a person: a kind, never words of the message.
            content: The message, as JSON.

        Raises:
            StoreUnwritable: The disk does not take it; nothing has changed.

        """
        if key in self._kept:
            # A crash came before the message could be ended for it.
            return
        if self._is_full():
            await self._make_room()
        at = self._wall()
        (number,) = await self._shelf.put(
            Piece(user, key, msgspec.json.encode(_Kept(direction, reason, at, msgspec.Raw(content))))
        )
        self._kept[key] = _Held(number, user, at)
        self._count += 1
        log.error("message.set_aside", visitor=user, direction=direction, reason=reason, meaning="kept in aside/")

    async def withdraw(self, key: str) -> bool:
        """
        Let go of a message because its writer has deleted it; on disk when this returns.

        Returns:
            Whether it was set aside.

        Raises:
            StoreUnwritable: The disk does not take it; it is still here.

        """
        held = self._kept.get(key)
        if held is None:
            return False
        self._shelf.done(held.number)
        await self._shelf.flush()
        self._kept.pop(key, None)
        return True

    def count(self, user: ImUser) -> int:
        """Count what is set aside of a visitor's."""
        return sum(held.user == user for held in self._kept.values())

    def forget(self, user: ImUser) -> int:
        """Let go of everything of a visitor's; return how much that was."""
        theirs = [key for key, held in self._kept.items() if held.user == user]
        return sum(map(self.take_back, theirs))

    def take_back(self, key: str) -> bool:
        """Let go of a message; tell whether it was set aside."""
        held = self._kept.pop(key, None)
        if held is not None:
            self._shelf.done(held.number)
        return held is not None

    def statistics(self) -> AsideStatistics:
        """Tell what is set aside now."""
        return AsideStatistics(kept=len(self._kept), set_aside=self._count, dropped=self._dropped)

    def _is_full(self) -> bool:
        return len(self._kept) >= MOST or self._shelf.statistics().bytes >= MOST_BYTES

    async def _make_room(self) -> None:
        """Let the older half go, unless clearing what is over makes room; nothing on a disk that cannot be cleared."""
        async with self._making_room:
            if not await self._clear() or not self._is_full():
                return
            oldest = [*self._kept][: (len(self._kept) + 1) // 2]
            for key in oldest:
                self.take_back(key)
            self._dropped += len(oldest)
            log.error("aside.full", dropped=len(oldest), kept=len(self._kept), meaning="the oldest are kept no longer")
            await self._clear()

    async def _clear(self) -> bool:
        """Clear the disk of what is over; tell whether that went well. Where it does not, :meth:`put` says the rest."""
        try:
            await self._shelf.compact()
        except StoreBroken:
            raise
        except StoreError as exc:
            log.warning("aside.not_cleared", problem=str(exc), meaning="nothing is lost; tried again later")
            return False
        return True

    async def _since(self, number: int) -> float:
        """Return when a message was set aside; now, where that cannot be read."""
        try:
            return msgspec.json.decode(await self._shelf.get(number), type=_Kept).at
        except (StoreError, ValueError):
            return self._wall()
