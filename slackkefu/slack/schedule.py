"""
When the next Socket Mode connection may be opened.

Pure arithmetic: what happened goes in with its time, the earliest time of the next attempt comes out.

* While a usable connection is up, attempts are at least a minute apart: ``apps.connections.open`` is planned for as
  Tier 1 (facts/slack.md §1), and connections that are opened together end together.
* With none up, only the pauses count. They grow from failure to failure and begin anew with a hello that lasts; a
  socket that opened is no success, since with ``too_many_websockets`` it opens every time (facts/slack.md trap 9).
"""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, Final, final

from slackkefu.net.backoff import backoff

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping

__all__ = ["SPACING_S", "Failure", "Schedule"]

SPACING_S: Final = 60.0
"""Between two attempts while a usable connection is up."""

LASTING_S: Final = 10.0
"""How long a connection must have lived for its hello to count as success."""


class Failure(enum.Enum):
    """Why there is no connection."""

    LINK = "the network, or an answer that is none"
    CROWDED = "too many connections of this app"
    SWITCHED_OFF = "Socket Mode is off"
    REFUSED = "the app token is not accepted"


_PAUSES: Final[Mapping[Failure, tuple[float, float, float]]] = {
    Failure.LINK: (0.0, 1.0, 60.0),
    Failure.CROWDED: (10.0, 10.0, 600.0),
    Failure.SWITCHED_OFF: (60.0, 60.0, 600.0),
    Failure.REFUSED: (600.0, 1.0, 1.0),
}
"""For each failure: seconds always waited; upper ends of the first and of the longest pause added at random."""


@final
class Schedule:
    """
    The plan of one set of connections. Times are seconds on any steady clock.

    Args:
        chance: The source of jitter.

    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._pauses = self._fresh()
        self._not_before = -math.inf
        self._attempted_at = -math.inf

    def next_at(self, usable: int) -> float:
        """Return the earliest time of the next attempt, given how many connections are usable now."""
        return max(self._not_before, self._attempted_at + SPACING_S) if usable else self._not_before

    def attempt(self, now: float) -> None:
        """Know that an attempt begins."""
        self._attempted_at = now

    def fail(self, failure: Failure, now: float) -> float:
        """Know that an attempt failed; return the pause it costs, in seconds."""
        pause_s = _PAUSES[failure][0] + next(self._pauses[failure])
        self.hold(pause_s, now)
        return pause_s

    def hold(self, pause_s: float, now: float) -> None:
        """Know that there must be a pause; one that is longer already stays."""
        self._not_before = max(self._not_before, now + pause_s)

    def end(self, lived_s: float, now: float, *, is_announced: bool) -> None:
        """
        Know that a connection is lost, or (announced) will be.

        After one that lasted, the successor of an announced end may be opened at once, that of a lost one after a
        moment drawn at random. One that did not last is a failure like any other.
        """
        if lived_s >= LASTING_S:
            self._pauses = self._fresh()
            if is_announced:
                return
        self.fail(Failure.LINK, now)

    def _fresh(self) -> dict[Failure, Iterator[float]]:
        """Let all pauses begin anew."""
        return {
            failure: backoff(self._chance, first_s=first_s, cap_s=cap_s)
            for failure, (_, first_s, cap_s) in _PAUSES.items()
        }
