"""
Echoes: our own posts, coming back from Slack as events.

Slack tells the app of its own posts where it is subscribed to that kind of conversation (facts/slack.md §4). The echo
of a post whose answer was lost says that the post is there, and costs no call. It mostly does not carry our id, so it
is known by conversation, thread and words; and that must never take one post for another with the same words. So an
echo is a post's only when

* it was written after the post was tried first, by Slack's own clock, and
* it is not known to be another post of ours, and
* no other post is on its way that would have the same echo.

The echo of a file is another matter: it names the file, and is nobody else's.

What Slack's clock showed when a post was tried is not guessed from ours: each ``ts`` that is heard was written before
it was heard, so the largest lead of Slack's clock over ours that was seen lately is one that it really has. Lately,
because two clocks drift apart. A ``ts`` is read as a time for this only, to the second.

Plain: time comes in as an argument, seconds on a clock that never jumps.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, final

from slackkefu.bridge.identity import digest
from slackkefu.slack.ids import Ts, written_at
from slackkefu.slack.web import Posted

if TYPE_CHECKING:
    from slackkefu.slack.ids import ChannelId
    from slackkefu.slack.message import MessageEvent
    from slackkefu.slack.web import Post

__all__ = ["Attempt", "Echoes"]

K = TypeVar("K")
V = TypeVar("V")

REMEMBERED: Final = 2_000
"""Echoes, and places of posts, that are remembered: minutes, where Slack takes several hundred posts a minute (§10)."""

CONVERSATIONS: Final = 10_000
"""Conversations of which it is remembered that echoes come from there."""

APART_S: Final = 1.0
"""How much the clocks of Slack's servers may differ."""

LATELY_S: Final = 600.0

_ITEM: Final = re.compile(r"<([^<>|]*)(?:\|[^<>]*)?>")


@final
class Attempt:
    """A post on its way."""

    __slots__ = ("is_new", "post", "stands_at", "tried_at", "words")

    def __init__(self, post: Post, *, is_new: bool) -> None:
        self.post = post
        self.is_new = is_new
        """Whether no earlier try, of this run or the one before, may have made it."""
        self.words = _words(post.text)
        self.tried_at: float | None = None
        """When it was first tried in this run."""
        self.stands_at: Posted | None = None
        """Where it stands, once that is known."""

    def __repr__(self) -> str:
        return f"<Attempt {self.post.metadata_id}>"

    def becomes(self, post: Post) -> None:
        """Go on as *post*, the same with other words: it was not made with those before."""
        self.post = post
        self.words = _words(post.text)

    @property
    def is_to_user(self) -> bool:
        """Whether it is addressed to a user: in which conversation it lands Slack says."""
        return self.post.channel.startswith(("U", "W"))

    def like(self, other: Attempt) -> bool:
        """Tell whether *other* may have the same echo."""
        same_place = self.post.channel == other.post.channel or self.is_to_user or other.is_to_user
        return same_place and self.words == other.words and self.post.thread_ts == other.post.thread_ts


@dataclass(frozen=True, slots=True)
class _Echo:
    thread_ts: Ts | None
    words: bytes
    metadata_id: str


@final
class Echoes:
    """What has been heard of our own posts, and which are on their way."""

    def __init__(self) -> None:
        self._heard: OrderedDict[tuple[str, str], _Echo] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._files: OrderedDict[tuple[str, str], Ts] = OrderedDict()
        self._echoing: OrderedDict[str, None] = OrderedDict()
        self._under_way: set[Attempt] = set()
        # The largest lead of Slack's clock in this stretch of time, and in the one before.
        self._leads_s: tuple[float, ...] = ()
        self._stretch_ends_at = float("-inf")

    def __repr__(self) -> str:
        return f"<Echoes heard={len(self._heard)} under_way={len(self._under_way)}>"

    # From Slack's events and answers.

    def learn_time(self, ts: Ts, now: float) -> None:
        """Learn from any message that has just come how far Slack's clock is ahead."""
        at = written_at(ts)
        if at is None:
            return
        if now >= self._stretch_ends_at:
            self._stretch_ends_at = now + LATELY_S
            self._leads_s = (at - now, *self._leads_s[:1])
        else:
            self._leads_s = (max(at - now, self._leads_s[0]), *self._leads_s[1:])

    def heard(self, event: MessageEvent) -> tuple[str, str]:
        """Take an echo, and return where it stands: conversation and ``ts``."""
        place = (event.channel, event.ts)
        for file in event.files:
            _note(self._files, (event.channel, file.id), event.ts, REMEMBERED)
        if event.files:
            self.stands_at(*place)
        thread_ts = event.thread_ts if event.thread_ts != event.ts else None
        _note(self._heard, place, _Echo(thread_ts, _words(event.text), event.metadata_id), REMEMBERED)
        _note(self._echoing, event.channel, None, CONVERSATIONS)
        return place

    def has_heard(self, event: MessageEvent) -> bool:
        """Tell whether this echo has come before; Slack repeats its events."""
        return (event.channel, event.ts) in self._heard

    # From posting.

    def begin(self, post: Post, *, is_new: bool = True) -> Attempt:
        """Take note of a post that is about to be made; *is_new* as :attr:`Attempt.is_new`."""
        attempt = Attempt(post, is_new=is_new)
        self._under_way.add(attempt)
        return attempt

    def tried(self, attempt: Attempt, now: float) -> None:
        """Take note that it is being tried."""
        if attempt.tried_at is None:
            attempt.tried_at = now

    def written_after(self, attempt: Attempt) -> float | None:
        """Return the time of Slack's clock after which this run has tried it; None where that is not known."""
        if attempt.tried_at is None or not self._leads_s:
            return None
        return attempt.tried_at + max(self._leads_s) - APART_S

    def stands_at(self, channel: str, ts: str) -> None:
        """Take note where a post stands, so that its echo is no other post's."""
        _note(self._known, (channel, ts), None, REMEMBERED)

    def over(self, attempt: Attempt) -> None:
        """Take note that a post is not on its way any more."""
        self._under_way.discard(attempt)

    def is_echo_due(self, posted: Posted) -> bool:
        """Tell whether the echo of a post that Slack has taken will come: it has not yet, and others there have."""
        return posted.channel in self._echoing and (posted.channel, posted.ts or "") not in self._heard

    def file_at(self, channel: str, file_id: str) -> Ts | None:
        """Return where in this conversation the echo of a file says that it stands."""
        return self._files.get((channel, file_id))

    def come_from(self, channel: str) -> bool:
        """Tell whether echoes have come from this conversation."""
        return channel in self._echoing

    def shows(self, attempt: Attempt, channel: ChannelId) -> bool:
        """
        Tell whether the echo of *attempt* has come, and take note, there too, where it stands.

        Args:
            attempt: The post.
            channel: The conversation it went to, also where it was addressed to a user.

        """
        for place, echo in reversed(self._heard.items()):
            if place[0] == channel and self._is_of(attempt, place, echo):
                self.stands_at(*place)
                attempt.stands_at = Posted(channel, Ts(place[1]))
                return True
        return False

    def _is_of(self, attempt: Attempt, place: tuple[str, str], echo: _Echo) -> bool:
        if echo.metadata_id:
            return echo.metadata_id == attempt.post.metadata_id
        if (echo.words, echo.thread_ts) != (attempt.words, attempt.post.thread_ts) or place in self._known:
            return False
        at, earliest = written_at(Ts(place[1])), self.written_after(attempt)
        if at is None or earliest is None or at < earliest:
            return False
        return not any(other is not attempt and attempt.like(other) for other in self._under_way)


def _words(text: str) -> bytes:
    """Return what words are known by: Slack may put brackets around a link, and a label into a mention."""
    return digest(" ".join(_ITEM.sub(r"\1", text).split()))


def _note(known: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Remember *key*, and forget the oldest beyond *most*."""
    known[key] = value
    known.move_to_end(key)
    if len(known) > most:
        known.popitem(last=False)
