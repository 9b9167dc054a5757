"""
When to pull which queue, and with which key: the rules of receiving (facts/msync.md §7.2, §7.3).

A queue is *idle*, *asked* (one pull is on its way) or *in work* (its batch is with the caller)::

    idle     --listed, noticed-->  asked      without key at first, later with the last next key seen here
    asked    --batch----------->  in work
    in work  --pull on--------->  asked      with the batch's own next key: this is the acknowledgement
    asked    --nothing left---->  idle       or asked once more, when something was noticed meanwhile
    idle     --batch----------->  in work    nobody asked for it, but it names its queue

What is not acknowledged stays at the server, so a batch that comes at the wrong time is left there and asked for later,
and one that comes twice is delivered twice: who knows the ids above drops the second.

A batch may be in work for hours, while what it brought cannot be passed on. Once it has been looked through its queue
counts as pulled, unless more waits behind it: by what was noticed since, or by how much was listed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, final

from slackkefu.easemob.message import Batch
from slackkefu.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slackkefu.easemob.message import Meta
    from slackkefu.easemob.names import Queue
    from slackkefu.easemob.wire import PullReply

__all__ = ["MAX_METAS", "MAX_QUEUES", "MAX_REPEATS", "Ask", "Queues"]

MAX_QUEUES: Final = 256
"""Queues followed at a time, as in the Go client (facts/msync.md §7.2); later UNREAD replies name what was left out."""

MAX_METAS: Final = 256
"""Metas handed out at a time (facts/msync.md §3). A longer batch is handed out in slices: none is too long for us."""

MAX_REPEATS: Final = 3
"""
How often in a row a batch is acknowledged that comes back under the very key that acknowledged it.

After that the queue rests until it is listed or noticed: a server that repeats for ever costs a pull a heartbeat.
"""


@dataclass(frozen=True, slots=True)
class Ask:
    """Pull *queue* now."""

    queue: Queue
    key: int
    """0: without a key."""


class _Phase(Enum):
    IDLE = auto()
    ASKED = auto()
    IN_WORK = auto()


@dataclass(slots=True)
class _Track:
    """What is known of one queue on this connection."""

    queue: Queue
    phase: _Phase = _Phase.IDLE
    again: bool = False
    """Something was listed or noticed that the pull on its way, or the batch in work, may not hold."""
    is_news: bool = False
    """Of that, something was noticed."""
    listed: int = 0
    """How much waits as far as it was listed, what is in work included."""
    held: int = 0
    """How much of that the batch in work holds."""
    looked_through: bool = False
    """Whether all that was handed out has been looked at."""
    key: int = 0
    """The last next key seen; 0 before the first."""
    asked_key: int = 0
    asked_at: float = 0.0
    repeats: int = 0
    batch_key: int = 0
    """What acknowledges the batch in work; 0: nothing can."""
    slices: list[tuple[Meta, ...]] = field(default_factory=list)
    """What of the batch in work is still to be handed out, the next slice last."""

    @property
    def is_pulled(self) -> bool:
        """Whether nothing is known to wait that was not handed out and looked at."""
        if self.phase is not _Phase.IN_WORK:
            return self.phase is _Phase.IDLE
        return self.looked_through and not self.slices and not self.is_news and self.listed <= self.held


@final
class Queues:
    """All queues of one connection."""

    __slots__ = ("_tracks",)

    def __init__(self) -> None:
        self._tracks: dict[Queue, _Track] = {}

    @property
    def pulled(self) -> bool:
        """Whether nothing is left to pull, as far as is known."""
        return all(track.is_pulled for track in self._tracks.values())

    @property
    def waiting_since(self) -> float | None:
        """When the oldest pull on its way was sent; None when there is none."""
        return min((track.asked_at for track in self._asked()), default=None)

    def listed(self, queue: Queue, waiting: int, now: float) -> Ask | None:
        """Note that so many wait in *queue*, 0 where that is not told; otherwise as :meth:`noticed`."""
        track = self._track(queue)
        if track is None:
            return None
        track.listed = waiting
        if track.phase is _Phase.IN_WORK and waiting == track.held:
            # What was noticed is what is in work.
            track.is_news = False
        return self._wanted(track, now)

    def noticed(self, queue: Queue, now: float) -> Ask | None:
        """Note that something new waits in *queue*. Beyond :data:`MAX_QUEUES` busy ones nothing is noted."""
        track = self._track(queue)
        if track is None:
            return None
        track.is_news = track.phase is not _Phase.IDLE
        return self._wanted(track, now)

    def can_place(self, reply: PullReply) -> bool:
        """Say whether it is clear which queue *reply* is about, and whether there is room for it."""
        return self._meant(reply) is not None

    def replied(self, reply: PullReply, now: float) -> Ask | Batch | None:
        """Take a batch, asked for or not."""
        track = self._meant(reply)
        if track is None:
            return None
        if track.phase is _Phase.IN_WORK:
            # Two batches of one queue are never in work together; this one stays unacknowledged.
            track.again = track.is_news = True
            return None
        asked = track.phase is _Phase.ASKED
        track.key = reply.next_key or track.key
        if not reply.metas:
            if not asked:
                return None
            # An empty page that is not the last one: the rest lies behind its key.
            if reply.next_key not in {0, track.asked_key} and not reply.is_last:
                return _ask(track, reply.next_key, now)
            return _rest(track, now)
        repeated = asked and reply.next_key != 0 and reply.next_key == track.asked_key
        track.repeats = track.repeats + 1 if repeated else 0
        track.phase = _Phase.IN_WORK
        track.held = len(reply.metas)
        track.looked_through = False
        track.batch_key = reply.next_key
        starts = range(0, len(reply.metas), MAX_METAS)
        track.slices = [reply.metas[start : start + MAX_METAS] for start in reversed(starts)]
        return Batch(track.queue, track.slices.pop())

    def refused(self, reply: PullReply) -> None:
        """Take the answer that a queue cannot be pulled: it rests until it is listed or noticed again."""
        track = self._meant(reply)
        if track is not None and track.phase is _Phase.ASKED:
            track.phase = _Phase.IDLE
            track.again = track.is_news = False
            track.listed = 0

    def looked_through(self, queue: Queue) -> None:
        """Note that all that was handed out of *queue* has been looked at."""
        track = self._tracks.get(queue)
        if track is not None:
            track.looked_through = True

    def pull_on(self, queue: Queue, now: float) -> Ask | Batch | None:
        """
        Acknowledge the batch of *queue* that is in work, or hand out its next slice.

        Raises:
            LocalProtocolError: no batch of this queue is in work.

        """
        track = self._tracks.get(queue)
        if track is None or track.phase is not _Phase.IN_WORK:
            message = "pulled past a batch that is not in work"
            raise LocalProtocolError(message)
        if track.slices:
            track.looked_through = False
            return Batch(track.queue, track.slices.pop())
        track.listed = max(track.listed - track.held, 0)
        # Whatever is_last says: without the key the batch would stay unacknowledged (facts/msync.md §7.3).
        if track.batch_key and track.repeats < MAX_REPEATS:
            return _ask(track, track.batch_key, now)
        return _rest(track, now)

    def _wanted(self, track: _Track, now: float) -> Ask | None:
        if track.phase is not _Phase.IDLE:
            track.again = True
            return None
        track.repeats = 0
        return _ask(track, track.key, now)

    def _asked(self) -> Iterator[_Track]:
        return (track for track in self._tracks.values() if track.phase is _Phase.ASKED)

    def _meant(self, reply: PullReply) -> _Track | None:
        """Return the queue that *reply* is about; without a name it can only be the one asked for."""
        if reply.queue is not None:
            return self._track(reply.queue)
        asked = list(self._asked())
        return asked[0] if len(asked) == 1 else None

    def _track(self, queue: Queue) -> _Track | None:
        """Return the track of *queue*, with the JID as it was given last; None when there is no room for a new one."""
        track = self._tracks.get(queue)
        if track is not None:
            track.queue = queue
            return track
        if len(self._tracks) >= MAX_QUEUES:
            self._tracks = {key: busy for key, busy in self._tracks.items() if busy.phase is not _Phase.IDLE}
            if len(self._tracks) >= MAX_QUEUES:
                return None
        track = self._tracks[queue] = _Track(queue)
        return track


def _ask(track: _Track, key: int, now: float) -> Ask:
    """Send a pull; what was noticed before it is answered by it."""
    track.phase = _Phase.ASKED
    track.again = track.is_news = False
    track.asked_key = key
    track.asked_at = now
    return Ask(track.queue, key)


def _rest(track: _Track, now: float) -> Ask | None:
    """Let the queue be, unless something was noticed meanwhile."""
    if track.again:
        return _ask(track, track.key, now)
    track.phase = _Phase.IDLE
    track.listed = 0
    return None
