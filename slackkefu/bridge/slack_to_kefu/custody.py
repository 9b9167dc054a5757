"""
Custody of Slack's messages: who answers for one now.

Slack answers for a message until its envelope is acknowledged, and repeats it until then. So each message is one of
:class:`Owed` (in our hands, Slack still answers for it), :class:`Safe` (its words are synced in the spill, so we
answer for it), :class:`Settled` (accepted by the other side, refused for good, or without anything for the desk) and,
while the disk takes nothing, :class:`Marked` (in our hands, and it is synced that the history has to be read for it if
we lose it). Only the last three may be acknowledged, and :mod:`slackkefu.bridge.slack_to_kefu.receipts` asks to see one
of them.

The same message can come several times: as a retry (same ``event_id``, new ``envelope_id``), as ``message`` and
``app_mention`` (two ``event_id``s), by another of our installations in the same channel, and the very same frame twice
(facts/slack.md §2). Its identity is (channel, ts). A repeat of a message in hand joins it; a repeat of a settled one is
answered at once.

There may be tens of thousands of messages that are safe. Those whose turn is far off are *stowed*: they are numbers in
:mod:`slackkefu.bridge.slack_to_kefu.backlog`, and an :class:`Owed` again when their turn comes or they are deleted.

What its writer changes later, the desk is told by a *correction*: one more message, whose identity has a revision too.

Plain: what is on disk is brought here by :mod:`slackkefu.bridge.slack_to_kefu.receipts`, also after a restart. Time
comes in as an argument, seconds on a clock that never jumps.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar, final

from slackkefu.bridge.remembered import Remembered, hash_of
from slackkefu.bridge.slack_to_kefu.backlog import Backlog
from slackkefu.bridge.slack_to_kefu.message_key import MessageKey
from slackkefu.slack.ids import written_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from slackkefu.slack.ids import Ts

__all__ = [
    "KEEP_S",
    "MOST_EDITED",
    "Custody",
    "CustodyStatistics",
    "Joined",
    "Marked",
    "MessageKey",
    "Outcome",
    "Owed",
    "Safe",
    "Settled",
    "hashes_of",
]

KEEP_S: Final = 25 * 3600.0
"""How long a settled message is known at least: Slack repeats an event for a day at most (facts/slack.md §2)."""

MOST_EDITED: Final = 10_000
"""Messages whose latest edit is known; the longest unchanged are forgotten first."""

D = TypeVar("D")


class Outcome(enum.StrEnum):
    """How a message ended."""

    DELIVERED = "delivered"
    """Easemob accepted every part of it."""
    REFUSED = "refused"
    """The other side refused it for good; its writer is told."""
    SET_ASIDE = "set_aside"
    """It made us fail, and is kept for a person to look at; its writer is told."""
    IGNORED = "ignored"
    """Nothing of it was for the desk after all."""
    WITHDRAWN = "withdrawn"
    """Its writer deleted it while it was in our hands; ignored by that name."""
    TOO_OLD = "too_old"
    """It was read from the history when it was too old for the desk; its writer is told."""
    APP_REMOVED = "app_removed"
    """It has waited for too long, and nobody can be told."""


@dataclass(slots=True)
class Owed(Generic[D]):
    """A message in our hands that Slack still answers for."""

    key: MessageKey
    deliveries: tuple[D, ...] = ()
    """Every envelope it came in, to be acknowledged together."""
    thread_ts: Ts | None = None
    """The root of the thread it stands in; None for one outside threads."""
    entry: int | None = None
    """Its number in the spill, once it is safe there."""
    is_marked: bool = False
    """Where it stands is marked in the reserve, from it on or from before."""
    stands_in_slack: bool = True
    """It can be read in Slack's history; what cannot is acknowledged against no mark."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A repeat of a message in hand: it will be answered together with the first."""

    key: MessageKey


@dataclass(frozen=True, slots=True)
class Safe:
    """A message that is synced in the spill; its envelopes may be acknowledged."""

    key: MessageKey


@dataclass(frozen=True, slots=True)
class Marked:
    """A message that will be read from the history if it is lost; its envelopes may be acknowledged."""

    key: MessageKey


@dataclass(frozen=True, slots=True)
class Settled:
    """A message that has passed on; its envelopes may be acknowledged."""

    key: MessageKey
    outcome: Outcome = Outcome.DELIVERED
    """How it ended."""


@dataclass(frozen=True, slots=True)
class CustodyStatistics:
    """Counts since the start."""

    in_hand: int
    """Messages in our hands, those in the spill included."""
    spilled: int
    """Of these, in the spill."""
    marked: int
    """Of these, in memory alone and marked in the reserve: the disk takes nothing."""
    delivered: int
    """Messages that Easemob accepted."""
    refused: int
    """Messages that were refused for good; what their writers were told is counted by the telling."""
    set_aside: int
    """Messages that made us fail; what their writers were told is counted by the telling."""
    ignored: int
    """Messages in which nothing was for the desk, such as a bare mention of the app."""
    withdrawn: int
    """Messages that their writers deleted before they were brought over."""
    too_old: int
    """Messages that were read from the history when they were too old; what their writers were told, telling counts."""
    app_removed: int
    """Messages whose workspace had removed the app before they were brought over."""
    repeats: int
    """Envelopes that repeated a message in hand or settled."""


@final
class Custody(Generic[D]):
    """
    The book of messages in hand and settled; *D* is the kind of delivery that is acknowledged.

    Args:
        keep_s: How long a settled message is known.

    """

    def __init__(self, *, keep_s: float = KEEP_S) -> None:
        # A message in hand is in one of these two.
        self._owed: dict[MessageKey, Owed[D]] = {}
        self._backlog = Backlog()
        self._settled = Remembered(keep_s=keep_s)
        # Of these, what did not simply arrive, by how it ended; and what was deleted after it had.
        self._undelivered = {each: Remembered(keep_s=keep_s) for each in Outcome if each is not Outcome.DELIVERED}
        self._deleted = Remembered(keep_s=keep_s)
        # When the latest edit was made that the desk knows of, by message.
        self._edited_at: OrderedDict[str, str] = OrderedDict()
        self._counts = dict.fromkeys(Outcome, 0)
        self._repeats = 0
        self._spilled = 0
        self._marked = 0

    def keep_longer(self, seconds: float) -> None:
        """Know what is settled so much longer, for now: it may be read from the history as late as that."""
        for known in (self._settled, self._deleted, *self._undelivered.values()):
            known.longer_s = seconds

    def restore(self, settled: Iterable[tuple[MessageKey, str, float]]) -> None:
        """Take over what the run before has settled: each with how, if we know that word, and when."""
        for key, outcome, at in settled:
            self._remember(key, outcome, at)

    def restore_blotted(self, hashes: Iterable[int], outcome: str, at: float) -> None:
        """Take over that messages have ended of which only :func:`hashes_of` is known."""
        for hashed in hashes:
            self._settled.note_hash(hashed, at)
            for short, messages in self._undelivered.items():
                if outcome == short:
                    messages.note_hash(hashed, at)

    def restore_safe(self, key: MessageKey, entry: int, *, now: float) -> Owed[D] | None:
        """Take over a message that the run before has left in the spill; None when it has ended, or is there twice."""
        if key.name in self._settled or self.has(key):
            return None
        owed: Owed[D] = Owed(key, entry=entry)
        self._owed[key] = owed
        self._spilled += 1
        self._note_deletion(key, now)
        return owed

    def take(
        self,
        key: MessageKey,
        delivery: D,
        *,
        thread_ts: Ts | None = None,
        stands_in_slack: bool = True,
        now: float = 0.0,
    ) -> Owed[D] | Joined | Marked | Safe | Settled:
        """
        Take note of an envelope.

        Args:
            key: Its message.
            delivery: How it is acknowledged.
            thread_ts: The root of the thread that the message stands in.
            stands_in_slack: Whether Slack's history shows it.
            now: The time.

        Returns:
            :class:`Owed`: new, ours to bring over; :class:`Joined`: in hand already; :class:`Marked`: in hand and
            marked in the reserve; :class:`Safe`: in hand and in the spill; :class:`Settled`: done before.

        """
        settled = self._recall(key)
        if settled is not None:
            self._repeats += 1
            return settled
        owed = self._owed.get(key)
        if owed is not None:
            self._repeats += 1
            if owed.entry is not None:
                return Safe(key)
            if owed.is_marked:
                return Marked(key)
            owed.deliveries += (delivery,)
            return Joined(key)
        if key in self._backlog:
            self._repeats += 1
            return Safe(key)
        owed = self._owed[key] = Owed(key, (delivery,), thread_ts, stands_in_slack=stands_in_slack)
        self._note_deletion(key, now)
        return owed

    def shelter(self, owed: Owed[D], entry: int) -> tuple[Safe, tuple[D, ...]]:
        """Note that *owed* is synced in the spill under *entry*; return the envelopes to be acknowledged now."""
        if self.is_in_hand(owed):
            self._spilled += 1
            self._marked -= owed.is_marked
        owed.entry = entry
        deliveries, owed.deliveries = owed.deliveries, ()
        return Safe(owed.key), deliveries

    def stow(self, lane: str, owed: Owed[D], *, is_repeat: bool) -> bool:
        """Let *owed* wait for its turn in *lane* as a number; False for one that is not safe, or cannot."""
        if owed.entry is None or not self.is_in_hand(owed):
            return False
        if not self._backlog.put(lane, owed.key, owed.entry, is_repeat=is_repeat):
            return False
        del self._owed[owed.key]
        return True

    def stowed(self, lane: str) -> int:
        """Return how many turns in *lane* are stowed."""
        return self._backlog.depth(lane)

    def first_stowed(self, lane: str) -> Ts | None:
        """Return the ``ts`` whose turn in *lane* is the next of those that are stowed."""
        return self._backlog.first(lane)

    def unstow(self, lane: str) -> tuple[Owed[D], bool]:
        """Return the message whose turn that is, and whether it is a repeat; it may not be in hand any more."""
        waiting = self._backlog.pop(lane)
        owed: Owed[D] = Owed(waiting.key, entry=waiting.number)
        if not waiting.is_crossed_out:
            self._owed[owed.key] = owed
        return owed, waiting.is_repeat

    def take_back(self, safe: Safe) -> Owed[D]:
        """Have a message that is stowed in hand, to end it before its turn; that passes without it."""
        owed: Owed[D] = Owed(safe.key, entry=self._backlog.cross_out(safe.key))
        self._owed[owed.key] = owed
        return owed

    def mark(self, owed: Owed[D]) -> tuple[Marked, tuple[D, ...]]:
        """Note that *owed* is marked in the reserve; return the envelopes to be acknowledged now."""
        self._marked += self.is_in_hand(owed) and owed.entry is None and not owed.is_marked
        owed.is_marked = True
        deliveries, owed.deliveries = owed.deliveries, ()
        return Marked(owed.key), deliveries

    def settle(self, owed: Owed[D], outcome: Outcome, *, now: float) -> Settled:
        """Note how *owed* ended; it passes on."""
        self._drop(owed)
        self._remember(owed.key, outcome, now)
        self._counts[outcome] += 1
        return Settled(owed.key, outcome)

    def preclude(self, key: MessageKey, *, now: float) -> None:
        """Know that a message that never came has been deleted: should it come yet, it is a repeat of that."""
        self._remember(key, Outcome.WITHDRAWN, now)

    def in_lane(self, lane: str) -> tuple[MessageKey, ...]:
        """Return the messages that are stowed in *lane* and have not ended."""
        return self._backlog.in_lane(lane)

    def safe_before(self, at: float) -> list[MessageKey]:
        """Return the messages in the spill that were written before *at* (wall clock)."""
        owed = (key for key, each in self._owed.items() if each.entry is not None)
        return [key for key in (*owed, *self._backlog) if (written_at(key.ts) or at) < at]

    def find(self, key: MessageKey) -> Owed[D] | Safe | Settled | None:
        """
        Return what is known of a message.

        Returns:
            :class:`Safe` for one that is stowed; None when it never came, or so long ago that it is forgotten.

        """
        if key in self._backlog:
            return Safe(key)
        return self._owed.get(key) or self._recall(key)

    def is_in_hand(self, owed: Owed[D]) -> bool:
        """Tell whether *owed* has not ended yet; one that is stowed is nobody's *owed*."""
        return self._owed.get(owed.key) is owed

    def has(self, key: MessageKey) -> bool:
        """Tell whether a message is in hand."""
        return key in self._owed or key in self._backlog

    def is_exposed(self, key: MessageKey) -> bool:
        """Tell whether a message is in hand, and in memory alone."""
        owed = self._owed.get(key)
        return owed is not None and owed.entry is None

    def exposed(self) -> Iterator[MessageKey]:
        """Return the messages that are in memory alone."""
        return (key for key, owed in self._owed.items() if owed.entry is None)

    def is_wanted(self, correction: MessageKey) -> bool:
        """Tell whether the desk is to be told of a change: it has the message, and not as it is since this."""
        if correction.name in self._settled:
            # It was read from the history, where it had been edited already.
            return False
        if not correction.is_deletion and "" < correction.changed_at < self._edited_at.get(
            correction.original.name, ""
        ):
            # Slack promises no order; the agent would take the older words for the newer ones.
            return False
        original = self._recall(correction.original)
        is_there = original is not None and original.outcome is Outcome.DELIVERED
        return is_there and (correction.is_deletion or not self.is_deleted(correction.original))

    def is_deleted(self, key: MessageKey) -> bool:
        """Tell whether the desk is being told, or was, that a message was deleted after it had got there."""
        return key.name in self._deleted

    def let_go(self, owed: Owed[D]) -> None:
        """Give *owed* back to Slack, unanswered: its next repeat is taken as new."""
        self._drop(owed)

    def statistics(self) -> CustodyStatistics:
        """Count."""
        return CustodyStatistics(
            in_hand=len(self._owed) + len(self._backlog),
            spilled=self._spilled,
            marked=self._marked,
            delivered=self._counts[Outcome.DELIVERED],
            refused=self._counts[Outcome.REFUSED],
            set_aside=self._counts[Outcome.SET_ASIDE],
            ignored=self._counts[Outcome.IGNORED],
            withdrawn=self._counts[Outcome.WITHDRAWN],
            too_old=self._counts[Outcome.TOO_OLD],
            app_removed=self._counts[Outcome.APP_REMOVED],
            repeats=self._repeats,
        )

    def _drop(self, owed: Owed[D]) -> None:
        del self._owed[owed.key]
        if owed.entry is not None:
            self._spilled -= 1
        else:
            self._marked -= owed.is_marked

    def _remember(self, key: MessageKey, outcome: str, at: float) -> None:
        self._settled.note(key.name, at)
        self._note_deletion(key, at)
        if key.revision and outcome == Outcome.DELIVERED:
            self._note_edit(key)
        for short, messages in self._undelivered.items():
            if outcome == short:
                messages.note(key.name, at)

    def _note_edit(self, key: MessageKey) -> None:
        message = key.original.name
        self._edited_at[message] = max(key.changed_at, self._edited_at.pop(message, ""))
        if len(self._edited_at) > MOST_EDITED:
            self._edited_at.popitem(last=False)

    def _note_deletion(self, key: MessageKey, now: float) -> None:
        if key.is_deletion:
            self._deleted.note(key.original.name, now)

    def _recall(self, key: MessageKey) -> Settled | None:
        name = key.name
        if name not in self._settled:
            return None
        outcomes = (outcome for outcome, messages in self._undelivered.items() if name in messages)
        return Settled(key, next(outcomes, Outcome.DELIVERED))


def hashes_of(key: MessageKey) -> tuple[int, ...]:
    """Return what a message that has ended is known by; it names nobody."""
    return (hash_of(key.name),)
