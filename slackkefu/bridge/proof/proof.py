"""
Proof from the desk: which messages it has confirmed, and what is done about the others.

That Easemob accepted a message says nothing about the desk behind it. A desk can confirm each message by its
``msg_id_for_ack``, the *mark* (KF-ACK, facts/kefu.md §1.2, §2.8). Whether this one does is *learnt*, for each kind of
body, by the first confirmation; until then nothing is judged.

A message that is not confirmed is due :data:`PROOF_S` after it was sent last, counted only while its visitor's session
is up and keeps up: before that, the confirmation may be waiting at Easemob. What is done then are the *ways*, one
after the other, each with the same time to work: it is sent again, then it goes through the second channel, then its
writer is told. The mark stays the same, so the desk recognises what it had after all.

A desk that stops confirming is no proof of a loss. After :data:`DOUBTS` messages in a row that no way proved, the kind
counts as not learnt, until the next confirmation; then what was sent within the last hour is judged. A confirmation
that comes after the telling says that the message *has arrived* after all; of the last :data:`TOLD` this is known.

Plain: times come in as arguments, on trio's clock unless they are called *wall*.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final

from slackkefu.bridge.proof.awaited import LEARNING_S, Conclusion, awaiting, concluded, left
from slackkefu.bridge.slack_to_kefu.receipts import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from slackkefu.bridge.proof.awaited import Origin
    from slackkefu.bridge.slack_to_kefu.custody import MessageKey
    from slackkefu.easemob.names import ImUser
    from slackkefu.store.entries import Awaiting, Concluded

__all__ = ["PROOF_S", "Due", "Proof", "ProofStatistics", "Way"]

PROOF_S: Final = 30.0
"""How long the desk may take to confirm; the official client waits 2 s for a text, 15 s for a file (§0.2)."""

DOUBTS: Final = 5
"""So many messages of a kind in a row without proof, and the desk counts as one that does not confirm it."""

TRIES: Final = 3
"""How often one way is tried that fails for now."""

PER_VISITOR: Final = 1000
IN_ALL: Final = 20_000
"""Messages that wait for confirmation, in about 1 kB each; beyond, the oldest are let go."""


TOLD: Final = 2000
"""Parts of messages whose writers were told, in about 1 kB each; beyond, the oldest are forgotten."""


class Way(enum.StrEnum):
    """What is done about a message that is not confirmed."""

    AGAIN = "again"
    """It is sent again, as a new message to Easemob and the same one to the desk."""
    SECOND = "second"
    """It goes through the second channel (facts/kefu.md §3.2)."""
    TELL = "tell"
    """Its writer is told that it has possibly not arrived."""


@dataclass(frozen=True, slots=True)
class Due:
    """A message that is not confirmed in time."""

    origin: Origin
    way: Way
    marks: frozenset[str]
    """Of the parts that are not confirmed."""


@dataclass(frozen=True, slots=True)
class ProofStatistics:
    """What the desk has confirmed; the counts are since the start."""

    awaiting: int
    """Messages that Easemob has accepted, or is about to, and the desk has not confirmed."""
    learnt: int
    """Kinds of bodies that the desk is known to confirm."""
    confirmed: int
    """Messages of which the desk has confirmed every part."""
    resent: int
    """Messages sent again because they were not confirmed."""
    second_channel: int
    """Messages sent through the second channel because that was not confirmed either."""
    told: int
    """Messages of which nothing is proved: their writers are told; the telling counts what comes of it."""
    arrived: int
    """Of these, messages that the desk has confirmed after all."""
    gone: int
    """Messages that were deleted in Slack before they could be sent again."""
    unproved: int
    """Messages that were let go without an answer, because too many were waiting or for too long."""
    unknown_acks: int
    """Confirmations that nothing waited for: most are second ones."""


@dataclass(slots=True)
class _Message:
    origin: Origin
    marks: dict[str, str]
    """Of the parts that are not confirmed, with the kind of each body."""
    first_at: float
    """Since when it waits."""
    sent_at: float = math.inf
    """When it was sent last; ``inf`` while it is being sent for the first time."""
    way: int = 0
    tries: int = 0
    not_before: float = -math.inf

    @property
    def is_accepted(self) -> bool:
        return self.sent_at < math.inf


@dataclass(slots=True)
class _Counts:
    confirmed: int = 0
    told: int = 0
    arrived: int = 0
    gone: int = 0
    unproved: int = 0
    unknown: int = 0
    ways: dict[Way, int] = field(default_factory=lambda: dict.fromkeys(Way, 0))


@final
class Proof:
    """
    The messages that the desk has to confirm yet.

    Args:
        ways: What is done about one that it does not confirm; the last is :attr:`Way.TELL`.
        per_visitor: Most messages of one visitor.
        in_all: Most messages.

    """

    def __init__(
        self,
        *,
        ways: Sequence[Way] = (Way.AGAIN, Way.TELL),
        per_visitor: int = PER_VISITOR,
        in_all: int = IN_ALL,
    ) -> None:
        self._ways = tuple(ways)
        self._per_visitor = per_visitor
        self._in_all = in_all
        # The same messages three times, oldest first.
        self._messages: dict[MessageKey, _Message] = {}
        self._of_visitor: dict[ImUser, dict[MessageKey, _Message]] = {}
        self._by_mark: dict[str, _Message] = {}
        # Of whom it was told: their parts that are not confirmed, oldest first; and the messages that have arrived.
        self._told: dict[str, _Message] = {}
        self._arrived: list[Origin] = []
        self._learnt: set[str] = set()
        self._doubted: set[str] = set()
        self._doubts: dict[str, int] = {}
        self._concluded: deque[tuple[MessageKey, Conclusion]] = deque(maxlen=in_all)
        self._counts = _Counts()

    def __repr__(self) -> str:
        return f"<Proof of {len(self._messages)}, {len(self._learnt)} kinds learnt>"

    # From the run before.

    def restore(self, entries: Iterable[object], *, now: float, wall: float) -> None:
        """Take over what the run before was waiting for, and which kinds its desk confirmed."""
        messages, learnt = left(entries, wall=wall)
        self._learnt |= learnt
        for each in messages:
            self._add(_Message(each.origin, each.marks, now - max(wall - each.at, 0.0), sent_at=now))

    # Being sent.

    def expect(self, origin: Origin, marks: Mapping[str, str], now: float) -> None:
        """
        Know that the parts of a message are about to be sent, so that a confirmation is recognised from the first on.

        Args:
            origin: Where it comes from.
            marks: The mark of each part, and the kind of its body.
            now: The time.

        """
        self.drop(origin.key)
        self._forget(now)
        if marks:
            self._add(_Message(origin, dict(marks), now))

    def turned(self, key: MessageKey, mark: str, kind: str) -> None:
        """Know that a part is sent as this kind of body, whatever was expected."""
        message = self._messages.get(key)
        if message is not None and mark in message.marks:
            message.marks[mark] = kind

    def accepted(self, key: MessageKey, now: float, *, wall: float) -> Awaiting | None:
        """
        Know that Easemob has accepted all parts of a message: its time runs.

        Returns:
            What has to be on disk by the time that the message counts as sent; None when nothing is waited for.

        """
        message = self._messages.get(key)
        if message is None or not message.marks:
            self.drop(key)
            return None
        message.first_at = message.sent_at = now
        return awaiting(message.origin, message.marks, at=wall)

    def drop(self, key: MessageKey) -> None:
        """Know nothing of a message any more: it was not sent after all."""
        message = self._messages.get(key)
        if message is not None:
            self._remove(message)

    def forget(self, visitor: ImUser) -> None:
        """Know nothing of *visitor* any more: nothing of theirs is waited for, and nobody is told."""
        for message in [*self._of_visitor.get(visitor, {}).values()]:
            self._remove(message)
        self._told = {mark: message for mark, message in self._told.items() if message.origin.visitor != visitor}
        self._arrived = [origin for origin in self._arrived if origin.visitor != visitor]

    # Confirmed or not.

    def confirm(self, visitor: ImUser, mark: str, now: float) -> bool:
        """Take a confirmation; True when its kind was learnt by it, so that other visitors' messages may be due."""
        waiting = self._told if mark in self._told else self._by_mark
        message = waiting.get(mark)
        if message is None or message.origin.visitor != visitor:
            self._counts.unknown += 1
            return False
        del waiting[mark]
        kind = message.marks.pop(mark)
        if message.marks:
            pass
        elif waiting is self._told:
            self._counts.arrived += 1
            self._arrived.append(message.origin)
        else:
            self._counts.confirmed += 1
            if message.is_accepted:
                self._conclude(message, Conclusion.CONFIRMED)
        self._doubts.pop(kind, None)
        is_new = kind not in self._learnt
        if is_new:
            self._learn(kind, now)
        return is_new

    def take_arrived(self) -> list[Origin]:
        """Take the messages whose writers were told, and that the desk has confirmed after all."""
        arrived, self._arrived = self._arrived, []
        return arrived

    def awaits(self, visitor: ImUser) -> bool:
        """Tell whether something of *visitor*'s has to be confirmed, of a kind that the desk is known to confirm."""
        messages = self._of_visitor.get(visitor, {}).values() if self._learnt else ()
        return any(map(self._is_judged, messages))

    def visitors(self) -> tuple[ImUser, ...]:
        """Return everybody of whom something has to be confirmed, of whatever kind."""
        return tuple(self._of_visitor)

    def next_at(self, visitor: ImUser, *, since: float) -> float:
        """Return when something of *visitor*'s is due, whose session keeps up since *since*; ``inf`` for never."""
        messages = self._of_visitor.get(visitor, {}).values()
        return min((self._due_at(message, since) for message in messages), default=math.inf)

    def due(self, visitor: ImUser, now: float, *, since: float) -> list[Due]:
        """Return what of *visitor*'s is due by *now*, the oldest first; to be answered by the calls below."""
        return [
            Due(message.origin, self._ways[message.way], self._marks(message))
            for message in self._of_visitor.get(visitor, {}).values()
            if self._due_at(message, since) <= now
        ]

    def marks(self, key: MessageKey) -> frozenset[str]:
        """Return the marks of the parts of a message that are still to be confirmed; empty when it waits no more."""
        message = self._messages.get(key)
        return frozenset() if message is None else self._marks(message)

    def went(self, key: MessageKey, now: float) -> None:
        """Take note that a message has gone the way that was due; it has its time again."""
        message = self._messages.get(key)
        if message is not None:
            self._counts.ways[self._ways[message.way]] += 1
            message.sent_at = now
            self._next_way(message)

    def failed(self, key: MessageKey, *, until: float) -> None:
        """Take note that the way that was due fails for now: not again before *until*, and only a few times."""
        message = self._messages.get(key)
        if message is None:
            return
        message.not_before = until
        message.tries += 1
        if message.tries >= TRIES:
            self._next_way(message)

    def put_off(self, key: MessageKey, *, until: float) -> None:
        """Take note that for reasons of ours nothing can be done about a message before *until*."""
        message = self._messages.get(key)
        if message is not None:
            message.not_before = until

    def told(self, key: MessageKey) -> frozenset[str]:
        """
        Take note that the writer is told, which is on disk together with the message's conclusion.

        Returns:
            The kinds of bodies that are in doubt by it.

        """
        message = self._messages.get(key)
        if message is None:
            return frozenset()
        doubtful = self._marks(message)
        kinds = {message.marks[mark] for mark in doubtful}
        self._counts.told += 1
        self._remove(message)
        message.marks = {mark: kind for mark, kind in message.marks.items() if mark in doubtful}
        self._told.update(dict.fromkeys(message.marks, message))
        while len(self._told) > TOLD:
            del self._told[next(iter(self._told))]
        for kind in kinds:
            self._doubts[kind] = self._doubts.get(kind, 0) + 1
        doubted = frozenset(kind for kind in kinds if self._doubts[kind] >= DOUBTS)
        self._learnt -= doubted
        self._doubted |= doubted
        return doubted

    def gone(self, key: MessageKey) -> None:
        """Take note that a message is in Slack no more."""
        message = self._messages.get(key)
        if message is not None:
            self._conclude(message, Conclusion.GONE)

    # For the disk, and for those who look.

    def take_concluded(self, *, wall: float) -> tuple[Concluded, ...]:
        """Take what has come to an end and is not on disk yet; losing it costs one message sent again."""
        entries = tuple(concluded(key, conclusion, at=wall) for key, conclusion in self._concluded)
        self._concluded.clear()
        return entries

    def give_back(self, entries: Iterable[Concluded]) -> None:
        """Take back what the disk did not take."""
        self._concluded.extendleft((key_of(entry), Conclusion(entry.outcome)) for entry in reversed([*entries]))

    @property
    def has_concluded(self) -> bool:
        """Whether there is anything for the disk."""
        return bool(self._concluded)

    def statistics(self) -> ProofStatistics:
        """Count."""
        counts = self._counts
        return ProofStatistics(
            awaiting=len(self._messages),
            learnt=len(self._learnt),
            confirmed=counts.confirmed,
            resent=counts.ways[Way.AGAIN],
            second_channel=counts.ways[Way.SECOND],
            told=counts.told,
            arrived=counts.arrived,
            gone=counts.gone,
            unproved=counts.unproved,
            unknown_acks=counts.unknown,
        )

    # Parts of the above.

    def _is_judged(self, message: _Message) -> bool:
        """Tell whether the desk is known to confirm any part of it that is not confirmed."""
        return not self._learnt.isdisjoint(message.marks.values())

    def _marks(self, message: _Message) -> frozenset[str]:
        """Return the marks of those parts."""
        return frozenset(mark for mark, kind in message.marks.items() if kind in self._learnt)

    def _due_at(self, message: _Message, since: float) -> float:
        if not message.is_accepted or not self._is_judged(message):
            return math.inf
        return max(max(message.sent_at, since) + PROOF_S, message.not_before)

    def _next_way(self, message: _Message) -> None:
        message.tries = 0
        message.way += 1
        if message.way == len(self._ways):
            self._conclude(message, Conclusion.UNPROVED)

    def _learn(self, kind: str, now: float) -> None:
        """Know that the desk confirms *kind*; of what it had not learnt for too long, nothing is judged."""
        self._learnt.add(kind)
        self._doubted.discard(kind)
        for message in [*self._messages.values()]:
            if message.is_accepted and message.first_at < now - LEARNING_S:
                self._forget_marks(message, {kind})

    def _forget(self, now: float) -> None:
        """Let go of the oldest, as long as they have waited too long for their kind to be learnt."""
        for message in self._oldest():
            if message.first_at >= now - LEARNING_S or self._is_judged(message) or not message.is_accepted:
                return
            self._forget_marks(message, {*message.marks.values()})

    def _oldest(self) -> Iterator[_Message]:
        while self._messages:
            yield next(iter(self._messages.values()))

    def _forget_marks(self, message: _Message, kinds: set[str]) -> None:
        """Wait no more for the parts of these kinds."""
        known = kinds & (self._learnt | self._doubted)
        for mark in [mark for mark, kind in message.marks.items() if kind in kinds]:
            del message.marks[mark]
            self._by_mark.pop(mark, None)
        if message.marks:
            return
        if known:
            self._conclude(message, Conclusion.UNPROVED)
        else:
            # A desk that never confirms: this is not worth a line on the disk.
            self._remove(message)

    def _add(self, message: _Message) -> None:
        visitor = message.origin.visitor
        of_visitor = self._of_visitor.get(visitor, {})
        if len(of_visitor) >= self._per_visitor:
            self._conclude(next(iter(of_visitor.values())), Conclusion.UNPROVED)
        elif len(self._messages) >= self._in_all:
            self._conclude(next(iter(self._messages.values())), Conclusion.UNPROVED)
        self._messages[message.origin.key] = message
        self._of_visitor.setdefault(visitor, {})[message.origin.key] = message
        self._by_mark.update(dict.fromkeys(message.marks, message))

    def _remove(self, message: _Message) -> None:
        key, visitor = message.origin.key, message.origin.visitor
        for mark in message.marks:
            self._by_mark.pop(mark, None)
        del self._messages[key]
        del self._of_visitor[visitor][key]
        if not self._of_visitor[visitor]:
            del self._of_visitor[visitor]

    def _conclude(self, message: _Message, conclusion: Conclusion) -> None:
        self._remove(message)
        self._concluded.append((message.origin.key, conclusion))
        self._counts.gone += conclusion is Conclusion.GONE
        self._counts.unproved += conclusion is Conclusion.UNPROVED
