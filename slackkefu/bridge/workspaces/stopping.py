"""
Stopping: what happens with a visitor who cannot be reached any more, and when they can again.

The agent is told first, by the login that is there still; it is let go a little later (:mod:`slackkefu.easemob.pool`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

import structlog

from slackkefu.bridge.book import is_open

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.open_sessions import OpenSessions
    from slackkefu.bridge.workspaces.reach import Why
    from slackkefu.easemob.names import ImUser

__all__ = ["Stopping"]

log = structlog.get_logger()


class Logins(Protocol):
    """The part of :class:`slackkefu.easemob.pool.Pool` that is needed."""

    def set_stopped(self, user: ImUser, is_stopped: bool) -> None:  # noqa: FBT001 - the value is the point
        """Take note that answers have nowhere to go, or can go again."""
        ...


class Notes(Protocol):
    """The part of :class:`slackkefu.bridge.kefu_to_slack.agent_notes.AgentNotes` that is needed."""

    def stopped(self, user: ImUser, why: str) -> None:
        """Tell the agent that a visitor cannot be reached."""
        ...

    def reached_again(self, user: ImUser) -> None:
        """Tell the agent that they can."""
        ...


@final
class Stopping:
    """
    Stops visitors, and lets them go on.

    Args:
        book: The visitors' records.
        logins: Their sessions at Easemob.
        notes: Tells agents.
        sessions: The service sessions that are open, of those who go on.
        ask_no_more: Ends what asks the desk about a visitor, until their service session is heard of again.
        look_again: Lets stopped lanes see whether they can go on.
        wall: Wall clock, seconds.

    """

    def __init__(
        self,
        *,
        book: Book,
        logins: Logins,
        notes: Notes,
        sessions: OpenSessions,
        ask_no_more: Callable[[ImUser], None],
        look_again: Callable[[], None],
        wall: Callable[[], float],
    ) -> None:
        self._book = book
        self._logins = logins
        self._notes = notes
        self._sessions = sessions
        self._ask_no_more = ask_no_more
        self._look_again = look_again
        self._wall = wall

    def changed(self, user: ImUser, why: Why | None) -> None:
        """Know that *user* cannot be reached any more, or can again."""
        if why is not None:
            log.info("lane.stopped", visitor=user, reason=why.value, meaning="answers wait at Easemob")
            self._notes.stopped(user, why.value)
            self._ask_no_more(user)
            self._logins.set_stopped(user, True)
        else:
            log.info("lane.goes_on", visitor=user)
            self._logins.set_stopped(user, False)
            record, now = self._book.get(user), self._wall()
            if record is not None and is_open(record, now=now):
                self._sessions.heard(user, ago_s=now - record.last_active)
            self._notes.reached_again(user)
        self._look_again()
