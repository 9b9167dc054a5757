"""
Hearing: what we hear of our own posts, and what it means when we hear nothing.

Joins :mod:`slackkefu.bridge.kefu_to_slack.echoes` to the intake, to posting and to the clock. A post that Slack has
accepted, in a conversation from which echoes come, is heard of within moments. When for :data:`DEAF_S` nothing at all
is heard of our own posts, the connections only look alive: they are made anew, once for each time that this begins.

Whether echoes come is known by conversation: an app may be subscribed to some kinds of them only, and may post where it
is no member. A wholly quiet app cannot be judged.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.kefu_to_slack.echoes import Echoes
from slackkefu.bridge.slack_to_kefu.routing import Ignored
from slackkefu.bridge.table import Reason
from slackkefu.easemob.agenda import Alarm
from slackkefu.slack.envelope import EventCallback, MessageEvent
from slackkefu.slack.web import Posted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slackkefu.bridge.kefu_to_slack.echoes import Attempt
    from slackkefu.bridge.slack_to_kefu.routing import Route
    from slackkefu.slack.envelope import Payload
    from slackkefu.slack.ids import ChannelId
    from slackkefu.slack.web import Post

__all__ = ["DEAF_S", "Hearing", "HearingStatistics"]

log = structlog.get_logger()

DEAF_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class HearingStatistics:
    """Counts since the start."""

    heard: int
    """Own posts that came back as events."""
    missing: int
    """Accepted posts whose echo did not come within a minute, though others have come from that conversation."""
    deaf: int
    """How often nothing was heard of own posts for a minute, so that the connections were made anew."""


@final
class Hearing:
    """
    Follows our own posts by ear.

    Args:
        renew: Makes the connections anew; returns at once.

    """

    def __init__(self, *, renew: Callable[[], None]) -> None:
        self._renew = renew
        self._echoes = Echoes()
        self._due: Alarm[tuple[str, str]] = Alarm()
        # Set when there is news from a conversation that somebody listens to.
        self._news: dict[str, trio.Event] = {}
        self._heard_at = float("-inf")
        self._is_deaf = False
        self._heard = 0
        self._missing = 0
        self._deaf = 0

    def statistics(self) -> HearingStatistics:
        """Count."""
        return HearingStatistics(heard=self._heard, missing=self._missing, deaf=self._deaf)

    # Called by the intake.

    def took(self, payload: Payload, decision: Route) -> None:
        """Take note of an event that has come, and of what was decided on it; only own posts are kept."""
        event = payload.event if isinstance(payload, EventCallback) else None
        if not isinstance(event, MessageEvent):
            return
        self._echoes.learn_time(event.ts, trio.current_time())
        is_own = isinstance(decision, Ignored) and decision.reason is Reason.OWN_MESSAGE
        if is_own and event.message is None and event.previous is None:
            self._heard += not self._echoes.has_heard(event)
            self._heard_at = trio.current_time()
            self._due.drop(self._echoes.heard(event))
            self._tell(event.channel)
            if self._is_deaf:
                self._is_deaf = False
                log.info("slack.hears_again")

    # Called by posting.

    @contextmanager
    def attempt(self, post: Post, *, is_new: bool = True) -> Iterator[Attempt]:
        """Follow *post* for as long as it is on its way; *is_new* as :attr:`Attempt.is_new`."""
        attempt = self._echoes.begin(post, is_new=is_new)
        try:
            yield attempt
        finally:
            self._echoes.over(attempt)
            # What could have been this one's echo may be another's now.
            for channel in [*self._news] if attempt.is_to_user else [post.channel]:
                self._tell(channel)

    def tried(self, attempt: Attempt) -> None:
        """Take note that a post is being tried."""
        self._echoes.tried(attempt, trio.current_time())

    def written_after(self, attempt: Attempt) -> float | None:
        """Return the time of Slack's clock after which a post was written, if it was; None where that is not known."""
        return self._echoes.written_after(attempt) if attempt.is_new else None

    def accepted(self, posted: Posted) -> None:
        """Take note that Slack has taken a post; its echo is expected where echoes come from."""
        if posted.ts is None:
            return
        self._echoes.learn_time(posted.ts, trio.current_time())
        self._echoes.stands_at(posted.channel, posted.ts)
        if self._echoes.is_echo_due(posted):
            self._due.put((posted.channel, posted.ts), trio.current_time() + DEAF_S)

    def found(self, channel: ChannelId, ts: str) -> None:
        """Take note of a post that was found in the history."""
        self._echoes.stands_at(channel, ts)

    def echoes_come_from(self, channel: ChannelId) -> bool:
        """Tell whether echoes have come from this conversation, so that silence says something."""
        return self._echoes.come_from(channel)

    async def until_heard(self, attempt: Attempt, channel: ChannelId) -> None:
        """Wait until the echo of *attempt* has come from *channel*."""
        while not self._echoes.shows(attempt, channel):
            await self._news.setdefault(channel, trio.Event()).wait()

    async def until_file_heard(self, channel: ChannelId, file_id: str) -> Posted:
        """Wait until the echo of a file has come from *channel*; return where it stands."""
        while (ts := self._echoes.file_at(channel, file_id)) is None:
            await self._news.setdefault(channel, trio.Event()).wait()
        return Posted(channel, ts)

    # Deafness.

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Miss echoes, until cancelled."""
        task_status.started()
        while True:
            self._missing += len(await self._due.due())
            # One that is missing may have gone to a dead connection, or got lost at Slack; all of them have not.
            if not self._is_deaf and trio.current_time() - self._heard_at >= DEAF_S:
                self._is_deaf = True
                self._deaf += 1
                log.warning(
                    "slack.deaf_by_echo",
                    silent_s=round(trio.current_time() - self._heard_at),
                    meaning="connected, but nothing comes: connections are made anew; Slack repeats what was missed",
                )
                self._renew()

    def _tell(self, channel: str) -> None:
        """Let those look again who listen to *channel*."""
        news = self._news.pop(channel, None)
        if news is not None:
            news.set()
