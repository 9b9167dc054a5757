"""
The backlog: messages that wait in the spill, in about 16 bytes each.

While Easemob is away visitors' lanes fill with messages whose words are in the spill. What has to be known of each is
what it is, its turn in its lane, and its number in the spill. Those of one lane and one conversation differ in their
``ts`` and number only, so these are all that is kept of each, in two arrays in the order of the ``ts``.

One that its writer has taken back is *crossed out*: it is not here any more for anybody who looks for it, but keeps its
turn, so that whoever works through the lane comes by and sees that it is over.

Plain: which messages wait here is for :mod:`slackkefu.bridge.slack_to_kefu.custody` to say.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Final, TypeVar, final

from slackkefu.bridge.slack_to_kefu.message_key import MessageKey
from slackkefu.slack.ids import ChannelId, Ts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slackkefu.slack.installation import InstallationKey

__all__ = ["Backlog", "Waiting"]

K = TypeVar("K")

_PLAIN: Final = re.compile(r"[0-9]{10}\.[0-9]{6}")
"""A ``ts`` that is the same when it has been a number."""

_CROSSED_OUT: Final = 1
_REPEAT: Final = 2
_NUMBER_SHIFT: Final = 2


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message whose turn it is."""

    key: MessageKey
    number: int
    """Its number in the spill."""
    is_repeat: bool
    """It did not come new from Slack."""
    is_crossed_out: bool
    """It is over: nothing is to be done with it."""


@final
class Backlog:
    """Messages that wait in the spill, by lane in the order of their ``ts``."""

    def __init__(self) -> None:
        # A lane has mostly one conversation, and a channel as many lanes as people in it have something waiting.
        self._by_lane: dict[str, list[_Tail]] = {}
        self._by_channel: dict[ChannelId, list[_Tail]] = {}
        self._count = 0

    def __len__(self) -> int:
        """Count the messages that are not crossed out."""
        return self._count

    def __contains__(self, key: MessageKey) -> bool:
        return self._find(key) is not None

    def put(self, lane: str, key: MessageKey, number: int, *, is_repeat: bool) -> bool:
        """Let a message wait here; False for a correction, and where the ``ts`` is none that Slack makes."""
        stamp = _stamp(key)
        if stamp is None:
            return False
        self._tail(lane, key).insert(stamp, number << _NUMBER_SHIFT | is_repeat * _REPEAT)
        self._count += 1
        return True

    def cross_out(self, key: MessageKey) -> int:
        """Take a message back, though its place in its lane stays; return its number. Raises KeyError."""
        found = self._find(key)
        if found is None:
            raise KeyError(key)
        tail, at = found
        tail.marks[at] |= _CROSSED_OUT
        self._count -= 1
        return tail.marks[at] >> _NUMBER_SHIFT

    # What waits in a lane.

    def depth(self, lane: str) -> int:
        """Return how many wait in a lane, with those that are crossed out."""
        return sum(len(tail.stamps) for tail in self._by_lane.get(lane, ()))

    def in_lane(self, lane: str) -> tuple[MessageKey, ...]:
        """Return the messages that wait in a lane, without those that are crossed out."""
        return tuple(key for tail in self._by_lane.get(lane, ()) for key in tail)

    def __iter__(self) -> Iterator[MessageKey]:
        """Return all of them, lane by lane."""
        return (key for tails in self._by_lane.values() for tail in tails for key in tail)

    def first(self, lane: str) -> Ts | None:
        """Return the ``ts`` of the first in a lane; None where none waits."""
        tails = self._by_lane.get(lane)
        return _ts(min(tails, key=attrgetter("first")).first) if tails else None

    def pop(self, lane: str) -> Waiting:
        """Take the first out of a lane. Raises KeyError."""
        tail = min(self._by_lane[lane], key=attrgetter("first"))
        key = MessageKey(*tail.conversation, _ts(tail.stamps.pop(0)))
        mark = tail.marks.pop(0)
        if not tail.stamps:
            self._drop(tail)
        is_crossed_out = bool(mark & _CROSSED_OUT)
        self._count -= not is_crossed_out
        return Waiting(key, mark >> _NUMBER_SHIFT, bool(mark & _REPEAT), is_crossed_out)

    # Tails.

    def _tail(self, lane: str, key: MessageKey) -> _Tail:
        """Return where messages like *key* wait in *lane*."""
        conversation = (key.installation, key.channel)
        for tail in self._by_lane.get(lane, ()):
            if tail.conversation == conversation:
                return tail
        tail = _Tail(lane, conversation)
        self._by_lane.setdefault(lane, []).append(tail)
        self._by_channel.setdefault(key.channel, []).append(tail)
        return tail

    def _drop(self, tail: _Tail) -> None:
        """Forget an empty tail."""
        _take_out(self._by_lane, tail.lane, tail)
        _take_out(self._by_channel, tail.conversation[1], tail)

    def _find(self, key: MessageKey) -> tuple[_Tail, int] | None:
        """Return where a message waits."""
        tails = self._by_channel.get(key.channel)
        stamp = _stamp(key) if tails else None
        if tails is None or stamp is None:
            return None
        found = ((tail, tail.find(stamp)) for tail in tails)
        return next(((tail, at) for tail, at in found if at is not None), None)


@final
class _Tail:
    """What waits of one conversation in one lane."""

    __slots__ = ("conversation", "lane", "marks", "stamps")

    def __init__(self, lane: str, conversation: tuple[InstallationKey, ChannelId]) -> None:
        self.lane = lane
        self.conversation = conversation
        # Side by side: the ``ts`` as microseconds; the number in the spill, and two bits that say how it is.
        self.stamps = array("Q")
        self.marks = array("Q")

    @property
    def first(self) -> int:
        return self.stamps[0]

    def __iter__(self) -> Iterator[MessageKey]:
        for stamp, mark in zip(self.stamps, self.marks, strict=True):
            if not mark & _CROSSED_OUT:
                yield MessageKey(*self.conversation, _ts(stamp))

    def insert(self, stamp: int, mark: int) -> None:
        at = bisect_right(self.stamps, stamp)
        self.stamps.insert(at, stamp)
        self.marks.insert(at, mark)

    def find(self, stamp: int) -> int | None:
        """Return the place of the one that is not crossed out."""
        places = range(bisect_left(self.stamps, stamp), bisect_right(self.stamps, stamp))
        return next((at for at in places if not self.marks[at] & _CROSSED_OUT), None)


def _take_out(tails: dict[K, list[_Tail]], key: K, tail: _Tail) -> None:
    tails[key].remove(tail)
    if not tails[key]:
        del tails[key]


def _stamp(key: MessageKey) -> int | None:
    """Return a ``ts`` as microseconds; None for a message that would not come back as it was."""
    ts = key.ts
    return int(ts[:10] + ts[11:]) if not key.revision and _PLAIN.fullmatch(ts) else None


def _ts(stamp: int) -> Ts:
    digits = f"{stamp:016}"
    return Ts(f"{digits[:10]}.{digits[10:]}")
