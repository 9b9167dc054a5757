"""
Overheard: words in threads that no mention had opened when they came.

Slack promises no order (facts/slack.md §2): the mention that opens a thread may come by a repeat, a minute after the
words behind it. Those were left to the channel and acknowledged by then, so only the history still has them. Who wrote
in which thread is remembered here; when the mention comes, the thread is read.

Plain: ids only, and a bounded number of them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, final

from slackkefu.slack.envelope import EventCallback, MessageEvent

if TYPE_CHECKING:
    from slackkefu.bridge.slack_to_kefu.routing import Forward, Ignored
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.envelope import Envelope
    from slackkefu.slack.ids import Ts

__all__ = ["Overheard"]

REMEMBERED: Final = 10_000
"""Visitors in threads; the oldest are forgotten. Slack's last repeat comes after six minutes."""


@final
class Overheard:
    """Who has written in which thread without a mention."""

    def __init__(self) -> None:
        self._threads: OrderedDict[tuple[ImUser, Ts], None] = OrderedDict()

    def note(self, ignored: Ignored, envelope: Envelope) -> None:
        """Take note of an envelope that was left alone, if a mention would have made it words for the desk."""
        event = envelope.payload.event if isinstance(envelope.payload, EventCallback) else None
        if ignored.may_follow is None or not isinstance(event, MessageEvent) or event.thread_ts is None:
            return
        self._threads[ignored.may_follow, event.thread_ts] = None
        while len(self._threads) > REMEMBERED:
            self._threads.popitem(last=False)

    def was_overtaken(self, forward: Forward, envelope: Envelope) -> bool:
        """
        Tell whether words of its thread may have come before this mention.

        They have, where they are remembered. They may have, where it is a repeat: then it is late, and what came
        meanwhile may have come to the run before.
        """
        if forward.is_direct or not forward.is_mention or forward.thread_ts is None:
            return False
        known = (forward.user, forward.thread_ts)
        is_known = known in self._threads
        self._threads.pop(known, None)
        return is_known or envelope.retry_attempt > 0
