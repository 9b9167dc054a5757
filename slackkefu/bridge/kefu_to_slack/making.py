"""
Making a post of words: one try after another, with a look in between where it may be there.

What goes round and round is in :mod:`slackkefu.bridge.kefu_to_slack.posting`; a file goes by
:mod:`slackkefu.bridge.kefu_to_slack.sharing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, final

from slackkefu.bridge.kefu_to_slack.looking import Found
from slackkefu.errors import SlackkefuError
from slackkefu.slack.recovery import LookFirst, after

if TYPE_CHECKING:
    from slackkefu.bridge.kefu_to_slack.echoes import Attempt
    from slackkefu.bridge.kefu_to_slack.hearing import Hearing
    from slackkefu.bridge.kefu_to_slack.looking import Looking
    from slackkefu.bridge.kefu_to_slack.speaking import Speaking
    from slackkefu.slack.installation import Installation
    from slackkefu.slack.recovery import Recovery
    from slackkefu.slack.web import WebClient

__all__ = ["Counts", "Making", "Way"]


@final
@dataclass(slots=True)
class Counts:
    """What is counted on the way; :class:`~slackkefu.bridge.kefu_to_slack.posting.PostingStatistics` says what."""

    posted: int = 0
    files: int = 0
    refused: int = 0
    doubled_possible: int = 0
    looked: int = 0
    found: int = 0
    heard: int = 0

    def looks(self, found: Found) -> bool:
        """Count a look; tell whether it has found something."""
        is_there = found in (Found.HEARD, Found.THERE)
        self.looked += 1
        self.found += is_there
        self.heard += found is Found.HEARD
        return is_there


class Way(Protocol):
    """How one part of a message gets to Slack."""

    async def go(self, installation: Installation) -> None:
        """Try once, from where the try before has left off; returns when it stands there. Raises SlackkefuError."""
        ...

    def after(self, error: SlackkefuError) -> Recovery:
        """Say what follows from what a try has raised."""
        ...


@final
class Making:
    """
    The way of one post.

    Args:
        web: Makes it.
        hearing: Told of each try.
        looking: Looks for it where it may be there.
        speaking: Under which name it may go.
        counts: Where it is counted.
        attempt: The post.
        tried_at: When it was tried first (wall clock).

    """

    def __init__(
        self,
        *,
        web: WebClient,
        hearing: Hearing,
        looking: Looking,
        speaking: Speaking,
        counts: Counts,
        attempt: Attempt,
        tried_at: float,
    ) -> None:
        self._web = web
        self._hearing = hearing
        self._looking = looking
        self._speaking = speaking
        self._counts = counts
        self._attempt = attempt
        self._tried_at = tried_at
        self._may_be_there = not attempt.is_new

    async def go(self, installation: Installation) -> None:
        """Make the post, unless it stands there."""
        attempt = self._attempt
        if self._may_be_there:
            found = await self._looking.find(installation, attempt, tried_at=self._tried_at)
            self._counts.doubled_possible += found is Found.UNKNOWN
            if self._counts.looks(found):
                return
        self._may_be_there = False
        attempt.becomes(self._speaking.fit(installation, attempt.post))
        self._hearing.tried(attempt)
        try:
            posted = await self._web.post_message(installation, attempt.post)
        except SlackkefuError as error:
            if self._speaking.refused(installation, attempt.post, error):
                await self.go(installation)
                return
            self._may_be_there = isinstance(after(error), LookFirst)
            raise
        self._counts.posted += 1
        attempt.stands_at = posted
        self._hearing.accepted(posted)

    def after(self, error: SlackkefuError) -> Recovery:
        """Say what follows: the rule for all of Slack."""
        return after(error)
