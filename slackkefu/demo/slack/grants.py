"""
Bot tokens that expire, and the refresh tokens that bring the next (facts/slack.md §12).

A refresh token works once; a short while longer it gives what it gave, or another pair. At most two bot tokens of an
installation are good at a time: one more, and the oldest dies.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.demo.slack.model import Installation
    from slackkefu.demo.slack.switches import Switches, Timing

__all__ = ["Grant", "Grants"]

ACTIVE: Final = 2
"""Bot tokens of one installation that are good at a time."""


@final
@dataclass(slots=True, eq=False)
class Grant:
    """A bot token and the refresh token that came with it."""

    installation: Installation
    token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: float
    revoked: bool = False
    refreshed_at: float | None = None
    """When its refresh token was used first."""
    following: Grant | None = None
    """What that gave."""

    def is_active(self, now: float) -> bool:
        """Tell whether its bot token is good."""
        return self.installation.alive and not self.revoked and now < self.expires_at


@final
class Grants:
    """
    All of them.

    Args:
        new_text: Gives random letters for a token.

    """

    def __init__(self, new_text: Callable[[], str]) -> None:
        self._new_text = new_text
        self._by_token: dict[str, Grant] = {}
        self._by_refresh_token: dict[str, Grant] = {}
        self._of: defaultdict[Installation, list[Grant]] = defaultdict(list)

    def issue(self, installation: Installation, *, now: float, timing: Timing) -> Grant:
        """Give *installation* another pair."""
        serial = len(self._of[installation]) + 1
        token = f"xoxe.xoxb-{serial}-{self._new_text()}"
        grant = Grant(installation, token, f"xoxe-{serial}-{self._new_text()}", now + timing.token_s)
        self._by_token[grant.token] = self._by_refresh_token[grant.refresh_token] = grant
        self._of[installation].append(grant)
        for old in [each for each in self._of[installation] if each.is_active(now)][:-ACTIVE]:
            old.revoked = True
        return grant

    def refresh(self, refresh_token: str, *, now: float, timing: Timing, switches: Switches) -> Grant | None:
        """Use a refresh token; None when it is not, or no longer, good."""
        grant = self._by_refresh_token.get(refresh_token)
        if grant is None or not grant.installation.alive:
            return None
        if grant.refreshed_at is None:
            grant.refreshed_at = now
        elif now > grant.refreshed_at + timing.refresh_grace_s:
            return None
        if grant.following is None or switches.grace_gives == "another":
            grant.following = self.issue(grant.installation, now=now, timing=timing)
        return grant.following

    def of(self, token: str) -> Grant | None:
        """Return what *token* came with; None for one that does not expire."""
        return self._by_token.get(token)

    def problem(self, token: str, *, now: float, switches: Switches) -> str:
        """Return why *token* is not good; empty when it is, or never expires."""
        grant = self.of(token)
        if grant is None:
            return ""
        if grant.revoked:
            return switches.superseded_token_error
        return "" if now < grant.expires_at else "token_expired"

    def active(self, installation: Installation, *, now: float) -> list[str]:
        """Return the bot tokens of *installation* that are good, the oldest first."""
        return [grant.token for grant in self._of[installation] if grant.is_active(now)]
