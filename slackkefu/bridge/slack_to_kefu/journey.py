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
from slackkefu.slack.ids import UserId

if TYPE_CHECKING:
    from slackkefu.bridge.slack_to_kefu.carrying import Brought
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
    is_repeat: bool = False
    """It did not come new from Slack: it was repeated, read from the history, or in the spill at the start."""
    is_of_before: bool = False
    """The run before may have had it."""
    thread_ts: Ts | None = None
    """The root of the thread it was written in, once it has been read."""
    is_awaited: bool = False
    """It is known which confirmations of the desk belong to it."""
    accepted: set[str] = field(default_factory=set)
    """The marks of the parts that Easemob has accepted."""
    brought: dict[str, Brought] = field(default_factory=dict)
    """Files that lie at Easemob already, by mark; and lines in the place of those that never will."""
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

    @property
    def certainty(self) -> Certainty:
        """How sure it is that it did not arrive."""
        return "possibly" if self.is_of_before or self.may_have_left else "surely"

    def untold(self, reason: str, *, now: float) -> Untold:
        """Make the entry by which its writer is told that it did not arrive."""
        writer = visitor_of(self.user)
        return untold(
            self.key,
            user=writer.user if writer is not None else UserId(""),
            thread_ts=self.thread_ts,
            certainty=self.certainty,
            reason=reason,
            at=now,
        )
