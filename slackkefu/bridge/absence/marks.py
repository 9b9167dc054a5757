"""
Marks: how far Slack's messages have been seen, and what has to be read from its history.

One *low-water mark* serves the whole store: everything written before it has been seen, which is to say settled, or
safe in the spill. It stays :data:`BEHIND_S` behind the clock, because Slack repeats an event for six minutes
(facts/slack.md §2). It never passes a message that only memory knows, nor a gap (:mod:`slackkefu.bridge.absence.gaps`),
and it stands still as long as an *absence* is not read: some time in which messages may have been missed for good.

After an absence every conversation is read from the mark. How far that has come is known for each of them, and is
written down, so that a restart in the middle goes on where it was. A store without a mark is new: nothing that was
written before is ours.

Plain: the time comes in as an argument, on the wall clock, because it is compared with Slack's and across restarts. A
clock that is ahead of Slack's would hide what is written meanwhile; how far it is, each message tells that comes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, final

from slackkefu.store.alive import Alive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slackkefu.slack.ids import ChannelId
    from slackkefu.slack.installation import InstallationKey

__all__ = ["REPEATS_S", "Marks"]

BEHIND_S: Final = 600.0
"""How far the mark stays behind: Slack's last repeat comes after six minutes, and clocks differ."""

SHORT_S: Final = 60.0
"""An absence that Slack's first two repeats cover (facts/slack.md §2)."""

LONG_S: Final = 180.0
"""Longer than this is never between two ticks while Slack is connected."""

LOOK_BACK_S: Final = 7 * 24 * 3600.0
"""What is older is not even looked at: nobody wants to be told of it any more."""

REPEATS_S: Final = 390.0
"""How long Slack repeats an event; then what is missing is missing."""

HELD_S: Final = BEHIND_S + 120.0
"""A mark that was left further behind than this was held by something in memory."""


@final
class Marks:
    """
    The low-water mark of one store, and the absence that is not read yet.

    Args:
        max_age_s: How old a message may be that is still for the desk.

    """

    def __init__(self, *, max_age_s: float) -> None:
        self._max_age_s = max_age_s
        self._before: Alive | None = None
        self._away_since = math.inf
        self._began_at = math.inf
        self._mark = 0.0
        self._heard_at = 0.0
        # How far our clock is ahead, as far as known; and what has come since the last tick says of it.
        self._ahead_s = 0.0
        self._ahead_at_most_s = math.inf
        # Until when something may have been missed: what is read through this moment is complete.
        self._missed_until: float | None = None
        # When a short absence ended, as long as Slack may still repeat what was written in it.
        self._short_at: float | None = None
        self._complete: dict[InstallationKey, float] = {}
        # Whichever installation has read it: what several share is read once.
        self._through: dict[ChannelId, float] = {}

    def __repr__(self) -> str:
        return f"<Marks at {self._mark:.0f}{' missed' if self._missed_until is not None else ''}>"

    @property
    def mark(self) -> float:
        """Everything written before this moment has been seen."""
        return self._mark

    @property
    def missed_until(self) -> float | None:
        """Through which moment every conversation has to be read; None while nothing is missing."""
        return self._missed_until

    def slack_time(self, now: float) -> float:
        """Return what Slack's clock shows."""
        return now - self._ahead_s

    def was_away(self, at: float) -> bool:
        """Tell whether nobody can have listened when this was written, before this run."""
        return self._away_since < at + self._ahead_s < self._began_at

    # What happens.

    def restore(self, before: Alive | None, now: float) -> None:
        """
        Take over what the run before has left.

        Args:
            before: That, if there was one.
            now: The time.

        """
        self._before = before
        self._mark = self._heard_at = now
        if before is not None:
            self._mark = before.mark
            self._ahead_s = before.ahead_s

    def begin(self, now: float) -> bool:
        """
        Begin to listen to Slack.

        Args:
            now: The time.

        Returns:
            Whether something was missed that Slack does not repeat any more.

        """
        self._heard_at = self._began_at = now
        before, self._before = self._before, None
        if before is None:
            return False
        away_s = now - before.at
        if away_s < -SHORT_S:
            # A clock that has gone back does not say how long it was: as far back as may matter, then.
            self._mark = min(self._mark, now - self._max_age_s)
        self._away_since = before.at
        is_short = abs(away_s) <= SHORT_S
        self._short_at = now if is_short else None
        is_held = self.slack_time(before.at) - before.mark > HELD_S
        if is_short and before.missed_until is None and not is_held:
            return False
        self._missed_until = max(self._missed_until or 0.0, (is_short and before.missed_until) or now)
        return True

    def came(self, written_at: float, now: float) -> None:
        """Know that a message has come, at the first try, that was written just before."""
        self._ahead_at_most_s = min(self._ahead_at_most_s, now - written_at)

    def missed(self, since: float, now: float) -> None:
        """Note that something may have been missed since then, and until now."""
        self._mark = min(self._mark, self.slack_time(since))
        self._missed_until = max(now, self._missed_until or now)

    def tick(self, now: float, *, is_listening: bool, held_at: Iterable[float | None]) -> Alive:
        """
        Let the mark follow the clock, as far as it may.

        Args:
            now: The time.
            is_listening: Whether Slack is connected.
            held_at: What it may not pass: when the first message was written that is not safe, where there is one.

        Returns:
            What has to be kept for the next run.

        """
        if is_listening:
            if now - self._heard_at > LONG_S:
                # Whoever should have told did not: the machine slept, or its clock was set.
                self.missed(self._heard_at, now)
            self._heard_at = now
        if self._short_at is not None and not 0 <= now - self._short_at <= REPEATS_S:
            self._short_at = None
        if self._ahead_at_most_s < math.inf:
            self._ahead_s = max(0.0, self._ahead_at_most_s)
            self._ahead_at_most_s = math.inf
        if self._missed_until is None:
            reach = min([self.slack_time(self._heard_at) - BEHIND_S, *(at for at in held_at if at is not None)])
            # Back only where the clock went back, or was ahead.
            self._mark = reach if reach > self._mark or self._mark > self.slack_time(now) else self._mark
        missed_until = self._short_at if self._short_at is not None else self._missed_until
        return Alive(mark=self._mark, at=self._heard_at, ahead_s=self._ahead_s, missed_until=missed_until)

    # What is read.

    def is_missing(self, installation: InstallationKey) -> bool:
        """Tell whether an installation has to be read."""
        return self._missed_until is not None and self._complete.get(installation, -math.inf) < self._missed_until

    def since(self, installation: InstallationKey, channel: ChannelId, now: float) -> float | None:
        """Return from when on a conversation has to be read; None when it has been read."""
        if self._missed_until is None or not self.is_missing(installation):
            return None
        through = self._through.get(channel, -math.inf)
        if through >= self._missed_until:
            return None
        # The history, too, may show a message a little later.
        return max(self._mark, self.slack_time(through) - BEHIND_S, self.slack_time(now) - LOOK_BACK_S)

    def read(self, channel: ChannelId, through: float) -> None:
        """Note that a conversation has been read through this moment, and that all found is settled or safe."""
        self._through[channel] = max(through, self._through.get(channel, 0.0))

    def complete(self, installation: InstallationKey, through: float, *, among: Iterable[InstallationKey]) -> None:
        """Note that an installation has been read through this moment; with the last one *among* all nothing misses."""
        self._complete[installation] = max(through, self._complete.get(installation, through))
        if not any(map(self.is_missing, among)):
            self._missed_until = None
            self._complete.clear()
            self._through.clear()
