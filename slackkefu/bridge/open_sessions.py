"""
Which service sessions count as open.

kefu says when one opens and closes, but its events may be missing, a paid feature (facts/kefu.md §2.3). A session that
nothing was heard of for :data:`OPEN_S` counts as closed, so that a closing which was never told does not keep a
visitor's login for ever; the next message opens it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import trio

from slackkefu.easemob.quiet import Agenda

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.easemob.names import ImUser

__all__ = ["OPEN_S", "OpenSessions"]

OPEN_S: Final = 24 * 3600.0
"""Seconds without a word after which a service session counts as closed."""


@final
class OpenSessions:
    """
    The open service sessions, each until it is closed or silent for too long.

    Args:
        tell: Told of each change, with the visitor and whether the session is open.

    """

    def __init__(self, tell: Callable[[ImUser, bool], None]) -> None:
        self._tell = tell
        self._ends: Agenda[ImUser] = Agenda()
        self._sooner = trio.Event()

    def heard(self, user: ImUser, *, ago_s: float = 0.0) -> None:
        """
        Take note of a word in the service session of *user*: it is open.

        Args:
            user: The visitor.
            ago_s: How long ago that was, seconds; for sessions that the run before has left open.

        """
        ends_at = trio.current_time() + OPEN_S - ago_s
        if ends_at < self._ends.next_at():
            self._sooner.set()
        self._ends.put(user, ends_at)
        self._tell(user, True)

    def closed(self, user: ImUser) -> None:
        """Take note that the service session of *user* is over."""
        self._ends.drop(user)
        self._tell(user, False)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """End silent sessions until cancelled."""
        task_status.started()
        while True:
            for user in self._ends.take_due(trio.current_time()):
                self._tell(user, False)
            self._sooner = trio.Event()
            with trio.move_on_at(self._ends.next_at()):
                await self._sooner.wait()
