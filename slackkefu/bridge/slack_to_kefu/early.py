"""
Early: what Slack tells of an installation that is not known yet.

Slack tells an app of a workspace from the moment in which it gives out the token (facts/slack.md §12); that has to be
asked whose it is, and written down, before it is used. Whoever writes meanwhile, often the one who has just installed
the app, is to be heard: an event is acknowledged all the same, so Slack does not repeat it, and the history of the time
before an installation is not read. So the events are kept for a short while, in memory, and go their way when it comes.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from slackkefu.bridge.slack_to_kefu.receipts import Delivery
    from slackkefu.slack.installation import InstallationKey

__all__ = ["KEEP_S", "Early"]

KEEP_S: Final = 120.0
"""How long: an install asks Slack once and writes one file."""

IN_ALL: Final = 200
"""Most events that are kept; the oldest go first."""


@final
class Early:
    """Keeps events; the time is trio's."""

    def __init__(self) -> None:
        self._kept: deque[tuple[InstallationKey, Delivery]] = deque(maxlen=IN_ALL)

    def __repr__(self) -> str:
        return f"<Early, {len(self._kept)} kept>"

    def keep(self, key: InstallationKey, delivery: Delivery, *, now: float) -> None:
        """Keep an event for the installation that it names."""
        self.forget_old(now)
        self._kept.append((key, delivery))

    def take(self, key: InstallationKey, *, now: float) -> list[Delivery]:
        """Give back what was kept for an installation that has come, in the order in which it came."""
        self.forget_old(now)
        taken = [delivery for named, delivery in self._kept if _place(named) == _place(key)]
        left = [each for each in self._kept if _place(each[0]) != _place(key)]
        self._kept.clear()
        self._kept.extend(left)
        return taken

    def forget_old(self, now: float) -> None:
        """Forget what nobody came for in time: there are words in it."""
        while self._kept and self._kept[0][1].received_at < now - KEEP_S:
            self._kept.popleft()


def _place(key: InstallationKey) -> str | None:
    """Return what names a workspace or organisation, also where it has moved into one."""
    return key.team_id or key.enterprise_id
