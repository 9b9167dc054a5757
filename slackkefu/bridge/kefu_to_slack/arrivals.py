"""
Arrivals: what the second channel has handed out, until each message has ended.

Reading may be what acknowledges (facts/kefu.md §3.2), so what was handed out may be nowhere else. It is synced before
it is used, goes the same way as a batch of the IM connection, and is let go when it has ended. A start begins with what
an earlier run has left; those of its messages that had ended are recognised by their ``msgId``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, final

import structlog
import trio

from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.bridge.remembered import Remembered
from slackkefu.easemob.message import Batch, CommandBody
from slackkefu.easemob.names import ImUser
from slackkefu.errors import LinkClosed, StoreBroken, StoreError, StoreUnwritable
from slackkefu.kefu.fields import at, name_of
from slackkefu.kefu.im_json import read_entity, read_received, write_entity
from slackkefu.net.backoff import backoff
from slackkefu.store.spill import Piece

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from slackkefu.easemob.message import IncomingMessage
    from slackkefu.easemob.names import Queue
    from slackkefu.kefu.second_channel import Received
    from slackkefu.store.spill import Spilled
    from slackkefu.world import World

__all__ = ["Arrivals", "ArrivalsStatistics", "Kept", "Shelf"]

log = structlog.get_logger()

KNOWN_S: Final = 24 * 3600.0
"""How long a message that has ended is known when it is handed out again, as it may be (facts/kefu.md §8)."""

RETRY_FIRST_S: Final = 1.0
RETRY_CAP_S: Final = 30.0


class Shelf(Protocol):
    """Where messages are kept; the part of :class:`slackkefu.store.spill.Spill`."""

    async def put(self, *pieces: Piece) -> list[int]:
        """Keep *pieces*, and return their numbers; on disk when this returns. Raises StoreUnwritable."""
        ...

    async def get(self, number: int) -> bytes:
        """Return what was kept under *number*; raises StoreError for now, ValueError for good."""
        ...

    def done(self, *numbers: int) -> None:
        """Note that these need not be kept."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """A message on disk."""

    number: int
    message: IncomingMessage | None
    """None while it is on disk only."""


@dataclass(frozen=True, slots=True)
class ArrivalsStatistics:
    """What the second channel has brought, since the start."""

    found: int
    """Messages that it had not handed out before; over IM most come as well."""
    again: int
    """Messages that it has handed out again."""
    unreadable: int
    """Messages that an earlier run had left, and that were damaged on the disk."""


@final
class Arrivals:
    """
    Messages of the desk that came by the second channel.

    Args:
        shelf: Where they are kept.
        deliver: Brings a batch to its end; :meth:`slackkefu.bridge.kefu_to_slack.replies.Replies.deliver`.
        queue: The service number's queue, in which they would have come over IM.
        world: Chance.

    """

    def __init__(
        self, *, shelf: Shelf, deliver: Callable[[ImUser, Batch], Awaitable[None]], queue: Queue, world: World
    ) -> None:
        self._shelf = shelf
        self._deliver = deliver
        self._queue = queue
        self._world = world
        self._trouble = DiskTrouble("store.unwritable", meaning="answers are in memory only")
        self._ended = Remembered(keep_s=KNOWN_S)
        self._found = 0
        self._again = 0
        self._unreadable = 0

    @staticmethod
    def restore(left: Iterable[Spilled]) -> dict[ImUser, list[Kept]]:
        """Return what the run before has left, by visitor, in order."""
        by_user: dict[ImUser, list[Kept]] = {}
        for each in left:
            by_user.setdefault(ImUser(each.lane), []).append(Kept(each.number, None))
        return by_user

    async def keep(self, user: ImUser, received: Sequence[Received]) -> list[Kept]:
        """
        Bring to the disk what was handed out for *user* and has not ended before; on disk when this returns.

        Until the disk takes it this waits: it is in memory alone. A cancellation then loses it.

        Raises:
            StoreBroken: A sync has failed.

        """
        new = [each for each in received if not self._has_ended(user, each.message)]
        self._found += len(new)
        self._again += len(received) - len(new)
        if not new:
            return []
        pieces = [Piece(user, _identity(each.message) or "", each.content) for each in new]
        pauses = backoff(self._world.chance, first_s=RETRY_FIRST_S, cap_s=RETRY_CAP_S)
        while True:
            try:
                with trio.CancelScope(shield=True):
                    numbers = await self._shelf.put(*pieces)
            except StoreUnwritable as exc:
                self._trouble.refused(exc, visitor=user)
            else:
                self._trouble.taken()
                return [Kept(number, each.message) for number, each in zip(numbers, new, strict=True)]
            await trio.sleep(next(pauses))

    async def bring(self, user: ImUser, kept: Iterable[Kept]) -> None:
        """
        Bring messages to their end, in order; a cancellation leaves the rest on disk.

        Raises:
            StoreBroken: A sync has failed.

        """
        for each in kept:
            message = each.message or await self._read(user, each.number)
            if message is not None:
                await self._end(user, message)
            self._shelf.done(each.number)

    def drop(self, kept: Iterable[Kept]) -> None:
        """Let go of messages, whether or not they have ended: whom they were for is forgotten."""
        self._shelf.done(*(each.number for each in kept))

    def statistics(self) -> ArrivalsStatistics:
        """Count."""
        return ArrivalsStatistics(found=self._found, again=self._again, unreadable=self._unreadable)

    def _has_ended(self, user: ImUser, message: IncomingMessage) -> bool:
        identity = _identity(message)
        return identity is not None and f"{user} {identity}" in self._ended

    async def _end(self, user: ImUser, message: IncomingMessage) -> None:
        """Deliver one message; when so much is in hand that it is not taken, later."""
        pauses = backoff(self._world.chance, first_s=RETRY_FIRST_S, cap_s=RETRY_CAP_S)
        while True:
            try:
                await self._deliver(user, Batch(self._queue, (message,)))
            except LinkClosed as exc:
                log.info("kefu.deliver_again", visitor=user, problem=str(exc))
            else:
                break
            await trio.sleep(next(pauses))
        identity = _identity(message)
        if identity is not None:
            self._ended.note(f"{user} {identity}", trio.current_time())

    async def _read(self, user: ImUser, number: int) -> IncomingMessage | None:
        """Read a message from the disk; None when it is damaged. A disk that cannot be read now is waited for."""
        pauses = backoff(self._world.chance, first_s=RETRY_FIRST_S, cap_s=RETRY_CAP_S)
        while True:
            try:
                return read_entity(read_received(await self._shelf.get(number)), visitor=user)
            except StoreBroken:
                raise
            except StoreError as exc:
                log.error("store.unreadable", problem=str(exc), visitor=user, meaning="this visitor's answers wait")  # noqa: TRY400 - for an operator, no traceback
            except ValueError as exc:
                self._unreadable += 1
                log.error("kefu.unreadable", visitor=user, problem=str(exc), meaning="an answer may be lost")  # noqa: TRY400 - for an operator, no traceback
                return None
            await trio.sleep(next(pauses))


def _identity(message: IncomingMessage) -> str | None:
    """Return what a message is known by: its ``msgId``, or for a command, which has none, all that it says (§2.11)."""
    msg_id = name_of(at(message.ext.get("weichat"), "msgId"))
    if msg_id is None and isinstance(message.body, CommandBody):
        return f"{message.body.action} {write_entity(message.ext).decode()}"
    return msg_id
