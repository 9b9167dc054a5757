"""
The desk's own greetings, which it does not send but is asked for (facts/kefu.md §2.10).

Whoever writes for the first time is greeted with what the company and its robot have to say. A greeting goes the way
of what the second channel hands out: it is synced before it is used, and posted like any other message of the desk's.
Its id is the visitor's own, so one that is asked for again after a crash is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final

import msgspec
import trio

from slackkefu.bridge.kefu_to_slack.addresses import address_of
from slackkefu.bridge.kefu_to_slack.desk_watch import Kind
from slackkefu.bridge.lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.kefu_to_slack.arrivals import Arrivals, Kept
    from slackkefu.bridge.kefu_to_slack.attempts import Attempts
    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.second_channel import Received
    from slackkefu.slack.installation import InstallationKey
    from slackkefu.store.visitors import VisitorRecord

__all__ = ["Greeter", "Greeting"]

WAITING: Final = 1000
"""Visitors who wait for their greeting; of more, some are not greeted."""


class Greeter(Protocol):
    """What can be asked; the part of :class:`~slackkefu.kefu.desk_state.DeskState`."""

    async def greetings(self, visitor: ImUser, /) -> Sequence[Received]:
        """Ask how *visitor* is greeted."""
        ...


@final
class Greeting:
    """
    Greets visitors.

    Args:
        desk: What is asked; None where nothing may be.
        arrivals: Brings greetings to their end.
        attempts: Asks, and knows when not to.
        book: The visitors' records.

    """

    def __init__(self, *, desk: Greeter | None, arrivals: Arrivals, attempts: Attempts, book: Book) -> None:
        self._desk = desk
        self._arrivals = arrivals
        self._attempts = attempts
        self._book = book
        self._lanes: Lanes[InstallationKey, ImUser] = Lanes(self._greet, per_lane=WAITING, in_all=WAITING)

    def __repr__(self) -> str:
        return f"<Greeting {'off' if self._desk is None else 'on'}>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Greet until cancelled; what was handed out by then is brought by the next run."""
        await self._lanes.run(task_status=task_status)

    def wrote(self, user: ImUser) -> None:
        """Take note that *user* has written; does not wait."""
        record = self._book.get(user)
        address = address_of(user, record)
        if self._desk is not None and address is not None and record is not None and _is_new(record):
            self._lanes.put(address.key, user)

    async def _greet(self, _installation: InstallationKey, user: ImUser) -> None:
        """Greet one visitor; the work of a lane."""
        kept: Sequence[Kept] = ()

        async def ask() -> None:
            nonlocal kept
            record = self._book.get(user)
            if self._desk is not None and record is not None and not record.greeted:
                kept = await self._arrivals.keep(user, await self._desk.greetings(user))
                self._book.remember(msgspec.structs.replace(self._book.get(user) or record, greeted=True))
                await self._book.write(user)

        await self._attempts.make(Kind.GREETING, ask)
        await self._arrivals.bring(user, kept)


def _is_new(record: VisitorRecord) -> bool:
    """Tell whether the desk has never had to do with a visitor, as far as is known."""
    return not record.greeted and record.open_session is None and not record.closed_sessions
