"""
Which service sessions count as open.

kefu says when one opens and closes, but its events may be missing, a paid feature (facts/kefu.md §2.3). A session that
nothing was heard of for :data:`OPEN_S` counts as closed, so that a closing which was never told does not keep a
visitor's login for ever; the next message opens it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import trio

from slackkefu.easemob.agenda import Alarm

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
        self._ends: Alarm[ImUser] = Alarm()

    def heard(self, user: ImUser, *, ago_s: float = 0.0) -> None:
        """
        Take note of a word in the service session of *user*: it is open.

        Args:
            user: The visitor.
            ago_s: How long ago that was, seconds; for sessions that the run before has left open.

        """
        self._ends.put(user, trio.current_time() + OPEN_S - ago_s)
        self._tell(user, True)

    def closed(self, user: ImUser) -> None:
        """Take note that the service session of *user* is over."""
        self._ends.drop(user)
        self._tell(user, False)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """End silent sessions until cancelled."""
        task_status.started()
        while True:
            for user in await self._ends.due():
                self._tell(user, False)
