"""
Which message comes to the desk out of its time.

What is in our hands together leaves in order. A message that comes to us after a later one has left is sent at once
all the same, and so is one that had to wait for long; the agent then has to see when it was written.

Of a run that was killed nobody knows all that has left: Easemob may have accepted a message in its last moment. So what
was written before this run began counts as overtaken.

Plain: time comes in as an argument, seconds since the epoch.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, final

from slackkefu.slack.ids import written_at

if TYPE_CHECKING:
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.ids import Ts

__all__ = ["LATE_S", "Lateness"]

LATE_S: Final = 300.0
"""How old a message may be when it comes to the desk."""

CLOCKS_S: Final = 10.0
"""How far this machine's clock may be behind Slack's: what has come before is known by more than its time."""

REMEMBERED: Final = 10_000
"""Visitors whose latest message is remembered; the longest quiet are forgotten first."""


@final
class Lateness:
    """
    When the latest message was written that each visitor has got to the desk.

    Args:
        began: When this run of the daemon began.
        remembered: How many visitors.

    """

    def __init__(self, *, began: float = -math.inf, remembered: int = REMEMBERED) -> None:
        self._began = began
        self._remembered = remembered
        self._latest: OrderedDict[ImUser, float] = OrderedDict()

    def note(self, user: ImUser, ts: Ts) -> None:
        """Know that a message has come to the desk: what was written before it comes late from now on."""
        written = written_at(ts)
        if written is None:
            return
        self._latest[user] = max(written, self._latest.pop(user, written))
        if len(self._latest) > self._remembered:
            self._latest.popitem(last=False)

    def forget(self, user: ImUser) -> None:
        """Know nothing of *user* any more."""
        self._latest.pop(user, None)

    def is_of_before(self, ts: Ts, *, is_repeat: bool) -> bool:
        """
        Tell whether a message may have been in the hands of the run before, or come after others that were.

        Args:
            ts: The message.
            is_repeat: It was repeated, read or kept, and is not new from Slack.

        """
        written = written_at(ts)
        return written is None or written < self._began + (CLOCKS_S if is_repeat else 0.0)

    def late(self, user: ImUser, ts: Ts, now: float, *, is_repeat: bool = False) -> float | None:
        """Return when a message was written that leaves now and is late; None for one that is not."""
        written = written_at(ts)
        if written is None:
            return None
        is_overtaken = written < self._latest.get(user, written) or self.is_of_before(ts, is_repeat=is_repeat)
        return written if is_overtaken or now >= written + LATE_S else None

    def late_in_s(self, user: ImUser, ts: Ts, now: float, *, is_repeat: bool = False) -> float:
        """Return in how many seconds a message becomes late; ``inf`` for one that is, or never will be."""
        written = written_at(ts)
        if written is None or self.late(user, ts, now, is_repeat=is_repeat) is not None:
            return math.inf
        return written + LATE_S - now
