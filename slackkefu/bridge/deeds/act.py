"""
One deed of a person's, and the acknowledgement that Slack waits for.

Slack repeats no click, modal or command, and shows an error to whoever made one that is not acknowledged within three
seconds (facts/slack.md §2, §11). So an act is acknowledged when all is done, or when the time is nearly over; but for
one that has to reach the desk: it is handed over to what answers for it, and acknowledged when it is on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from slackkefu.bridge.slack_to_kefu.receipts import Delivery
    from slackkefu.slack.envelope import Interaction, OtherEvent, SlashCommand
    from slackkefu.slack.installation import Installation

__all__ = ["Act", "Doing", "Handler"]

Doing: TypeAlias = "Interaction | SlashCommand | OtherEvent"
"""What was done, as Slack tells it."""


@final
@dataclass(slots=True, eq=False)
class Act:
    """
    A deed in hand.

    Args:
        installation: By which installation it came.
        doing: What was done.
        delivery: How it is acknowledged.

    """

    installation: Installation
    doing: Doing
    delivery: Delivery
    is_handed_over: bool = False
    """Somebody else acknowledges it."""
    is_acknowledged: bool = False
    """It was tried: an answer can no longer go along."""

    @property
    def may_answer(self) -> bool:
        """Whether an answer can still go along with the acknowledgement."""
        return self.delivery.envelope.accepts_response_payload and not (self.is_handed_over or self.is_acknowledged)

    def __repr__(self) -> str:
        return f"<Act {self.doing!r}>"

    async def acknowledge(self, answer: Mapping[str, object] | None = None) -> None:
        """Acknowledge it, unless that is somebody else's affair; again is harmless, and changes no answer."""
        if not self.is_handed_over:
            self.is_acknowledged = True
            await self.delivery.acknowledge(answer)

    def hand_over(self) -> Delivery:
        """Leave the acknowledgement to whoever is given what is returned."""
        self.is_handed_over = True
        return self.delivery


Handler: TypeAlias = "Callable[[Act], Awaitable[None]]"
"""Carries out a deed."""
