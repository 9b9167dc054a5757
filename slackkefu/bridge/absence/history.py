"""
What of Slack's history is read after an absence, and what is made of it.

Under strict limits one conversation a minute can be read (facts/slack.md §14), so :func:`in_order` puts first where
somebody waits. A :class:`Window` collects the messages of one conversation, which come in pages of any order, and holds
so many of the oldest at a time. :func:`as_callback` makes of a message what Slack would have sent.

Plain: :mod:`slackkefu.bridge.absence.backfill` does the reading.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from slackkefu.bridge.book import is_open
from slackkefu.slack.envelope import EventCallback, parse_event_callback
from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import Ts, written_at
from slackkefu.slack.reading import as_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from slackkefu.bridge.absence.presence import Stays
    from slackkefu.config import ChannelsMode
    from slackkefu.slack.ids import ChannelId
    from slackkefu.slack.installation import Installation
    from slackkefu.slack.reading import Conversation
    from slackkefu.store.visitors import VisitorRecord

__all__ = ["Wanted", "Window", "as_callback", "in_order"]

RECENT_S: Final = 7 * 24 * 3600.0
"""Who wrote this lately is likelier to have written meanwhile than somebody unknown."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A conversation to be read."""

    conversation: Conversation
    threads: frozenset[Ts]
    """Roots of threads in which somebody may write to the desk; the conversation itself may not show them."""


def in_order(
    conversations: Iterable[Conversation],
    records: Iterable[VisitorRecord],
    *,
    channels: ChannelsMode,
    since: float,
    now: float,
) -> list[Wanted]:
    """
    Return what is to be read, the most urgent first.

    That is: where a service session is open; direct messages, also of people who have never written; conversations
    with visitors; the rest.

    Args:
        conversations: Everything the app is in.
        records: The visitors; also of another installation that shares a conversation.
        channels: What of members' messages outside direct messages is for the desk.
        since: From when on messages may be missing.
        now: The time.

    """
    visitors: defaultdict[ChannelId | str, list[VisitorRecord]] = defaultdict(list)
    for record in records:
        visitors[record.channel].append(record)

    def urgency(conversation: Conversation) -> tuple[int, float]:
        here = visitors.get(conversation.id, [])
        last = max((record.last_active for record in here), default=0.0)
        if any(is_open(record, now=now) for record in here):
            return 0, -last
        if conversation.kind == "im":
            return (1 if last > now - RECENT_S else 3 if here else 2), -last
        return 4 if here else 5, -last

    return [
        Wanted(conversation, frozenset(_threads(visitors.get(conversation.id, []), since)))
        for conversation in sorted(conversations, key=urgency)
        if conversation.kind == "im" or channels != "off"
    ]


def _threads(records: Iterable[VisitorRecord], since: float) -> Iterator[Ts]:
    """Return the threads that were open to these visitors, or that they last wrote in."""
    for record in records:
        yield from (Ts(thread) for thread, until in record.mention_threads.items() if until > since)
        if record.channel_type == "im":
            yield from map(Ts, filter(None, (*record.threads, record.thread_ts)))


@final
class Window:
    """
    Messages of one conversation, from a moment on.

    Args:
        since: That moment.
        stays: When the app was there; learns what the history shows of that.
        most: How many are held. Where there are more, the newest are let go, and :attr:`cut` says from when on the
            conversation is to be read once more.

    """

    def __init__(self, *, since: float, stays: Stays, most: int) -> None:
        self.since = since
        self._stays = stays
        self._most = most
        # By what they are named, in a heap of which the newest comes out first.
        self._held: dict[str, Mapping[str, object]] = {}
        self._newest: list[tuple[float, str]] = []
        self.cut: float | None = None

    def __len__(self) -> int:
        return len(self._held)

    def add(self, messages: Iterable[Mapping[str, object]]) -> set[Ts]:
        """Add a page; return the roots in it whose threads have messages that may be missing."""
        roots: set[Ts] = set()
        for message in messages:
            ts = Ts(text_at(message, "ts"))
            at = written_at(ts)
            if at is None:
                continue
            if (written_at(Ts(text_at(message, "latest_reply"))) or 0.0) >= self.since:
                roots.add(ts)
            self._stays.note(message)
            if self.since <= at < (self.cut or at + 1.0) and ts not in self._held:
                self._hold(ts, at, message)
        return roots

    def messages(self) -> list[Mapping[str, object]]:
        """Return what is held and was written while the app was there, oldest first."""
        in_order = sorted(self._held.values(), key=lambda message: written_at(Ts(text_at(message, "ts"))) or 0.0)
        return self._stays.ours(in_order)

    def _hold(self, ts: Ts, at: float, message: Mapping[str, object]) -> None:
        self._held[ts] = message
        heapq.heappush(self._newest, (-at, ts))
        if len(self._held) > self._most:
            newest, name = heapq.heappop(self._newest)
            del self._held[name]
            self.cut = -newest


def as_callback(
    message: Mapping[str, object], conversation: Conversation, installation: Installation
) -> EventCallback | None:
    """Make of a message of the history the event that Slack would have sent; None where it cannot be read."""
    key = installation.key
    callback = parse_event_callback(
        {
            "type": "event_callback",
            # Only where the message itself does not say whose it is.
            "team_id": conversation.team or key.team_id,
            "enterprise_id": key.enterprise_id,
            "api_app_id": installation.app_id,
            "authorizations": [
                {
                    "enterprise_id": key.enterprise_id,
                    "team_id": key.team_id,
                    "user_id": installation.bot_user_id,
                    "is_bot": True,
                    "is_enterprise_install": key.team_id is None,
                }
            ],
            "event": as_event(message, conversation),
        }
    )
    return callback if isinstance(callback, EventCallback) else None
