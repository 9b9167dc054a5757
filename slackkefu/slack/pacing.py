"""
How fast Slack may be asked, without asking.

Slack counts per method, workspace and app; posts per channel (facts/slack.md §10). Each of these budgets has a
:class:`BudgetKey` here, and one that is used up, or that Slack has closed for a while with a 429, holds up nothing else
(trap 17).

The rule is the usual one of a bucket that refills: a burst may go at once, after it one call an interval. It is kept as
one number a key, the time at which the bucket would be full again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.secret import Secret
    from slackkefu.slack.installation import InstallationKey

__all__ = ["BudgetKey", "Limit", "Pacing"]


@dataclass(frozen=True, slots=True)
class BudgetKey:
    """One budget."""

    holder: InstallationKey | Secret = field(repr=False)
    """App and workspace; a token stands for them where it is nobody's yet."""
    method: str
    channel: str = ""
    """Only for methods that are counted per channel."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget's size."""

    interval_s: float
    """Time in which one more call is allowed."""
    burst: int
    """Calls allowed at once."""
    per_channel: bool = False
    """Counted for each channel, which then also takes one call at a time, in order."""


_TIER_2: Final = Limit(interval_s=3.0, burst=5)
_TIER_3: Final = Limit(interval_s=1.2, burst=10)
_TIER_4: Final = Limit(interval_s=0.6, burst=20)

LIMITS: Final[Mapping[str, Limit]] = {
    "assistant.threads.setStatus": Limit(interval_s=0.1, burst=20),
    "auth.teams.list": _TIER_2,
    "bots.info": _TIER_3,
    "chat.delete": _TIER_3,
    "chat.getPermalink": _TIER_4,
    "chat.postEphemeral": _TIER_4,
    "chat.postMessage": Limit(interval_s=1.0, burst=3, per_channel=True),
    "chat.update": _TIER_3,
    "conversations.history": _TIER_3,
    "conversations.info": _TIER_3,
    "conversations.members": _TIER_4,
    "conversations.open": _TIER_3,
    "conversations.replies": _TIER_3,
    "files.completeUploadExternal": _TIER_4,
    "files.delete": _TIER_3,
    "files.getUploadURLExternal": _TIER_4,
    "files.info": _TIER_4,
    "oauth.v2.access": Limit(interval_s=0.2, burst=20),
    "reactions.add": _TIER_3,
    "reactions.remove": _TIER_2,
    "team.info": _TIER_3,
    "users.conversations": _TIER_3,
    "users.info": _TIER_4,
    "views.open": _TIER_4,
    "views.publish": _TIER_4,
    "views.update": _TIER_4,
}
"""
By method (facts/slack.md §10). Methods that are not here are not paced, only held after a 429. The strict limit that
some apps have on reading history is not here either: whether it holds only Slack knows.

``apps.connections.open``, Tier 1, is paced by the only place that calls it.
"""

MAX_BUDGETS: Final = 4096
"""Budgets remembered; past that, those that are full again are dropped."""


@final
class Pacing:
    """The budgets in use. Times are seconds on any steady clock."""

    def __init__(self, limits: Mapping[str, Limit] = LIMITS) -> None:
        self._limits = limits
        # When the bucket is full again, and until when Slack has closed it.
        self._full_at: dict[BudgetKey, float] = {}
        self._held_until: dict[BudgetKey, float] = {}

    def key(self, holder: InstallationKey | Secret, method: str, channel: str = "") -> BudgetKey:
        """Return the budget that a call comes out of."""
        limit = self._limits.get(method)
        return BudgetKey(holder, method, channel if limit is not None and limit.per_channel else "")

    def is_ordered(self, key: BudgetKey) -> bool:
        """Tell whether calls out of this budget go one at a time."""
        limit = self._limits.get(key.method)
        return limit is not None and limit.per_channel

    def earliest(self, key: BudgetKey, now: float) -> float:
        """Return when a call may start: *now* or later."""
        at = max(now, self._held_until.get(key, now))
        limit = self._limits.get(key.method)
        if limit is not None:
            at = max(at, self._full_at.get(key, now) - (limit.burst - 1) * limit.interval_s)
        return at

    def start(self, key: BudgetKey, now: float) -> None:
        """Take one call out of the budget, now."""
        limit = self._limits.get(key.method)
        if limit is not None:
            self._full_at[key] = max(self._full_at.get(key, now), now) + limit.interval_s
            self._forget(now)

    def hold(self, key: BudgetKey, until: float) -> None:
        """Close a budget until then: Slack has said so."""
        self._held_until[key] = max(until, self._held_until.get(key, until))

    def _forget(self, now: float) -> None:
        """Drop budgets that are as good as new, when there are many."""
        if len(self._full_at) > MAX_BUDGETS:
            self._full_at = {key: at for key, at in self._full_at.items() if at > now}
            self._held_until = {key: at for key, at in self._held_until.items() if at > now}
