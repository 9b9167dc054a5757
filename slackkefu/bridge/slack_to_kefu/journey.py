"""
One message on its way to the desk: what this run of the daemon knows of it.

That it *surely* did not arrive can be said only of a message that this run alone has had, and of which nothing was
accepted, and nothing left without an answer. Of every other one that ends short of the desk it is said that it possibly
did not arrive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

import trio

from slackkefu.bridge.identity import visitor_of
from slackkefu.bridge.slack_to_kefu.telling import untold
from slackkefu.slack.ids import UserId, written_at

if TYPE_CHECKING:
    from slackkefu.bridge.slack_to_kefu.custody import MessageKey
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.ids import Ts
    from slackkefu.store.entries import Certainty, Untold

__all__ = ["Journey"]


@final
@dataclass(slots=True)
class Journey:
    """A message that is being brought over."""

    user: ImUser
    key: MessageKey
    thread_ts: Ts | None = None
    """The root of the thread it was written in, once it has been read."""
    is_awaited: bool = False
    """It is known which confirmations of the desk belong to it."""
    accepted: int = 0
    """Parts that Easemob has accepted."""
    is_leaving: bool = False
    """Its next part has been handed on, and nothing has been heard of it yet."""
    is_uncertain: bool = False
    """A part left, and nobody knows whether it arrived."""
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    """Ends the work on it."""

    @property
    def may_have_left(self) -> bool:
        """Whether the desk may have anything of it."""
        return bool(self.accepted) or self.is_uncertain

    def certainty(self, began: float) -> Certainty:
        """Say how sure it is that it did not arrive, in a run that began at *began* (wall clock)."""
        written = written_at(self.key.ts)
        # What was written before this run may have left in the run before.
        is_ours = written is not None and written >= began
        return "surely" if is_ours and not self.may_have_left else "possibly"

    def untold(self, reason: str, *, began: float, now: float) -> Untold:
        """Make the entry by which its writer is told that it did not arrive."""
        writer = visitor_of(self.user)
        return untold(
            self.key,
            user=writer.user if writer is not None else UserId(""),
            thread_ts=self.thread_ts,
            certainty=self.certainty(began),
            reason=reason,
            at=now,
        )
