"""
The quiet watch: when a visitor without a live session is looked at, and what is asked then.

How often depends on how likely it is that something waits there (:func:`interval_s`). :func:`ask` asks for the number
of waiting messages, which costs no login; where it is refused, only a login can tell.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Protocol

from slackkefu.easemob.answers import count_is_refused, user_is_unknown
from slackkefu.errors import RemoteProtocolError, RestError, SlackkefuError

if TYPE_CHECKING:
    from slackkefu.easemob.names import ImUser

__all__ = ["DAY_S", "Counts", "Waiting", "ask", "interval_s"]

MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0
DAY_S: Final = 24 * HOUR_S
WEEK_S: Final = 7 * DAY_S


def interval_s(*, quiet_s: float, is_open: bool) -> float | None:
    """
    Return the seconds between two looks at a visitor.

    An open service session: a minute. Active within a day: ten minutes; within a week: an hour. Later nobody looks,
    also not for a service session that seems open: its closing may never have been told, and Easemob keeps waiting
    messages for no more than a few days on most plans.

    Args:
        quiet_s: Seconds since the visitor was last active.
        is_open: Whether a service session is open.

    """
    if quiet_s >= WEEK_S:
        return None
    if is_open:
        return MINUTE_S
    return 10 * MINUTE_S if quiet_s < DAY_S else HOUR_S


class Counts(Protocol):
    """The part of :class:`~slackkefu.easemob.rest.RestClient` that is asked."""

    async def offline_count(self, user: ImUser) -> int:
        """Return how many messages wait for *user*."""
        ...

    async def user_exists(self, user: ImUser) -> bool:
        """Tell whether *user* is registered."""
        ...


class Waiting(Enum):
    """What came of asking how much waits."""

    NOTHING = auto()
    """Nothing, or it could not be asked now; the next look asks again."""
    SOME = auto()
    REFUSED = auto()
    """Only a login can tell."""


async def ask(counts: Counts, user: ImUser) -> Waiting:
    """Ask whether something waits for *user*."""
    try:
        return Waiting.SOME if await counts.offline_count(user) else Waiting.NOTHING
    except RemoteProtocolError:
        return Waiting.REFUSED  # an answer without a number is as good as none
    except RestError as error:
        if not count_is_refused(error) or (user_is_unknown(error) and not await _exists(counts, user)):
            return Waiting.NOTHING
        return Waiting.REFUSED
    except SlackkefuError:
        return Waiting.NOTHING


async def _exists(counts: Counts, user: ImUser) -> bool:
    """Tell whether *user* is registered; 404 to the count may be about the user or about the call."""
    try:
        return await counts.user_exists(user)
    except SlackkefuError:
        return False
