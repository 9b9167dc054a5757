"""
What the pool knows of one visitor.

Plain: time comes in as an argument. :mod:`slackkefu.easemob.pool` changes it and acts on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import trio

from slackkefu.easemob.link import KickPause
from slackkefu.easemob.timing import ATTENTIVE, RELAXED

if TYPE_CHECKING:
    from slackkefu.easemob.link import Link
    from slackkefu.easemob.names import ImUser
    from slackkefu.easemob.timing import Heartbeat
    from slackkefu.errors import SlackkefuError

__all__ = ["IDLE_S", "SHORT_S", "STUCK_S", "PooledVisitor"]

IDLE_S: Final = 30 * 60.0
"""How long a live visitor may be quiet; a customer's pause for thought is shorter, a forgotten conversation longer."""

SHORT_S: Final = 30.0
"""How long a login that was made only to look lasts when nothing comes."""

STUCK_S: Final = 3600.0
"""
How long batches may be in work, none of them settled, before they are *stuck* and keep no place from another visitor.

What holds them up may take an operator, and so last for days; at Easemob they are as safe as in our hands.
"""


@final
class PooledVisitor:
    """One visitor, live or quiet; times are trio's clock."""

    __slots__ = (
        "active_at",
        "awaits",
        "batches",
        "busy",
        "changed",
        "is_open",
        "is_stopped",
        "is_stuck",
        "kicks",
        "leaving",
        "link",
        "overdue",
        "refused",
        "refused_until",
        "short",
        "started_at",
        "stopped_at",
        "turn",
        "urgent",
        "user",
        "wanted_at",
    )

    def __init__(self, user: ImUser, now: float) -> None:
        self.user = user
        self.active_at = now
        """When the last message went or came."""
        self.is_open = False
        """Whether its service session is open."""
        self.awaits = False
        """Whether the desk has to confirm something yet."""
        self.busy = 0
        """Pieces of work in hand, batches included."""
        self.batches = 0
        """Batches in work."""
        self.is_stuck = False
        """Whether batches were in work for :data:`STUCK_S` and none was settled since; a new login changes nothing."""
        self.is_stopped = False
        """Whether its answers have nowhere to go: then they are better off at Easemob."""
        self.stopped_at = now
        """Since when."""
        self.overdue = False
        """Whether something may have come while nobody looked."""
        self.link: Link | None = None
        self.started_at = now
        """When the link was made."""
        self.leaving = False
        """Whether the link is being logged out."""
        self.short = False
        """Whether the login was made only to look."""
        self.urgent = False
        """Whether somebody waits for the login."""
        self.wanted_at = now
        """Since when it waits for room."""
        self.turn: trio.Event | None = None
        """The turn for the first login of the link, until it is waited for."""
        self.kicks = KickPause()
        self.refused: SlackkefuError | None = None
        """Why the last link gave up, an answer until :attr:`refused_until`."""
        self.refused_until = float("-inf")
        self.changed = trio.Event()
        """Set, and replaced, when there is a link, or none any more."""

    def __repr__(self) -> str:
        return f"<PooledVisitor {self.user} {self.link!r} busy={self.busy} open={self.is_open}>"

    @property
    def may_leave(self) -> bool:
        """Whether it may be let go for being quiet; of a stopped one only what goes to the desk counts."""
        is_needed = self.busy or self.is_open or self.awaits
        if self.is_stopped:
            is_needed = self.busy > self.batches or self.awaits
        return self.link is not None and not self.leaving and not is_needed

    @property
    def may_make_room(self) -> bool:
        """Whether its place may be given to another: also when all that it is needed for is stuck."""
        if not self.is_stuck:
            return self.may_leave
        is_needed = self.busy > self.batches or self.awaits
        return self.link is not None and not self.leaving and not is_needed

    @property
    def is_missing(self) -> bool:
        """Whether a login is due to it that does not come about, or was refused last."""
        return self.refused is not None if self.link is None else self.link.up_since is None

    @property
    def heartbeat(self) -> Heartbeat:
        """How often its session asks."""
        return ATTENTIVE if self.is_open else RELAXED

    def leaves_at(self, now: float) -> float:
        """Return when a live visitor may be let go if nothing happens."""
        idle_at = max(self.active_at, self.started_at) + IDLE_S
        if self.is_stopped:
            # Not at once: something may have to be said at the desk, which would need another login.
            return max(self.active_at, self.started_at, self.stopped_at) + SHORT_S
        if not self.short or self.link is None:
            return idle_at
        up_since = self.link.up_since
        return min((now if up_since is None else up_since) + SHORT_S, idle_at)

    def wake(self) -> None:
        """Wake those who wait for a link."""
        self.changed.set()
        self.changed = trio.Event()
