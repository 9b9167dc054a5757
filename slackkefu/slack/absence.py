"""
What may have been missed, and since when.

Slack repeats an event for some six minutes, on whichever connection it takes (facts/slack.md §2). It takes dead ones
too, of which no close has reached it (*ghosts*, §1): an event whose every try goes to one of those is lost, unless it
is read from the history. So there is a :class:`Gap` for each time in which something else than us may have got our
envelopes, or nobody.

Plain bookkeeping: times come in as seconds on any steady clock. What is done about a gap is its reader's business.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Final, final

__all__ = ["Absences", "Gap", "GapReason"]

FIRST_RECOUNT_S: Final = 300.0
LAST_RECOUNT_S: Final = 3600.0
"""
When the connections are counted again: after this long, then after twice as long, at most this long.

Only a hello counts them, so it takes a fresh connection. How long ghosts live is not known (facts/slack.md §1).
"""


class GapReason(enum.Enum):
    """Why something may have been missed."""

    LOST = "a connection ended without a close frame, or was deaf"
    NONE_OPEN = "there was no connection"
    STRANGERS = "Slack counted more connections than ours"
    SILENT = "a connection got no envelope while the others got many"


@dataclass(frozen=True, slots=True)
class Gap:
    """Something may have been missed that Slack does not repeat."""

    since: float
    """Until then nothing was: when something was last heard, or last known to be well (seconds on trio's clock)."""
    reason: GapReason


@final
class Absences:
    """
    The gaps of one set of connections.

    Args:
        now: When it begins; what was before is not its business.

    """

    def __init__(self, now: float) -> None:
        self._counted_at = now
        self._none_since: float | None = None
        self._pause_s = FIRST_RECOUNT_S
        self.recount_at = math.inf
        """When a hello is wanted: the last one counted strangers, or a connection may have become one since."""
        self.strangers = 0
        """Connections at the last hello that are not ours: a second instance, or ghosts."""
        self.lost = 0
        self.none_open = 0
        self.sightings = 0
        """Hellos that counted strangers."""
        self.silent = 0

    def __repr__(self) -> str:
        return f"<Absences {self.strangers} strangers{', no connection' if self._none_since is not None else ''}>"

    def hello(self, now: float, *, strangers: int) -> list[Gap]:
        """
        Know that a connection is usable.

        A time without connections is over now, and told once. Strangers may have got what came since the last count,
        also those that are gone by now.
        """
        gaps: list[Gap] = []
        if self._none_since is not None:
            gaps.append(Gap(self._none_since, GapReason.NONE_OPEN))
            self._none_since = None
        if strangers or self.strangers:
            gaps.append(Gap(self._counted_at, GapReason.STRANGERS))
        self.strangers = strangers
        self.sightings += strangers > 0
        self._counted_at = now
        self.recount_at = math.inf
        if strangers:
            self._want_count(now)
        return gaps

    def ended(
        self,
        now: float,
        *,
        heard_at: float,
        is_lost: bool,
        may_live_on: bool,
        silent_since: float | None = None,
        others: int,
    ) -> list[Gap]:
        """
        Know that a connection is over.

        With it may begin a time without connections. That is told when it is over, and stands for the loss too: before,
        not all of it could be read. For the same reason a silent one is told now and not when it was found.

        Args:
            now: The time.
            heard_at: When something was last heard on it.
            is_lost: Whether it just ended: neither side had closed it, nor had Slack said that it would end.
            may_live_on: Whether Slack may not know that it is over; so it is after a close of ours without an answer.
            silent_since: Since when it got no envelope, if it was replaced for that.
            others: How many are open still.

        """
        gap = Gap(heard_at, GapReason.LOST) if is_lost else None
        if silent_since is not None:
            gap = Gap(min(silent_since, heard_at), GapReason.SILENT)
        self.silent += silent_since is not None
        self.lost += is_lost and silent_since is None
        if may_live_on:
            self._want_count(now)
        elif not self.strangers:
            self._pause_s = FIRST_RECOUNT_S
        if not others:
            self.none_open += 1
            self._none_since = heard_at if gap is None else gap.since
            return []
        return [] if gap is None else [gap]

    def _want_count(self, now: float) -> None:
        """See to a count, less and less often as long as none settles it."""
        if self.recount_at == math.inf:
            self.recount_at = now + self._pause_s
            self._pause_s = min(2 * self._pause_s, LAST_RECOUNT_S)
