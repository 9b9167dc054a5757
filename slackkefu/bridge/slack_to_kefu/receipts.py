"""
Receipts: what Slack is told, and when.

Joins :mod:`slackkefu.bridge.slack_to_kefu.custody` (who answers for a message) to the disk and to the connections its
envelopes came on. An envelope is acknowledged on its own connection as soon as one of two things is synced: that its
message has ended (ids only), or the message itself in the spill. Later than :data:`BUDGET_S` after it came it is left
alone, because Slack has counted it as failed by then and sends a repeat (facts/slack.md §1 and §2), which is
recognised.

While the disk takes nothing, where a new message stands is marked in the reserve
(:mod:`slackkefu.bridge.absence.gaps`), and it is acknowledged against that; without room there, it is not. It goes on
its way from memory, and how it ends is written down when a repeat asks for it or the disk works again, whichever comes
first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final, Protocol, final

import structlog
import trio

from slackkefu.bridge.absence.gaps import Strand
from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.bridge.remembered import restored_at
from slackkefu.bridge.slack_to_kefu import spilled
from slackkefu.bridge.slack_to_kefu.custody import KEEP_S, Custody, Marked, MessageKey, Outcome, Owed, Safe, Settled
from slackkefu.errors import StoreUnwritable
from slackkefu.slack.envelope import EventCallback
from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, Ts, written_at
from slackkefu.slack.installation import InstallationKey
from slackkefu.store.entries import Blotted
from slackkefu.store.entries import Settled as SettledEntry
from slackkefu.store.spill import Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from slackkefu.bridge.absence.gaps import Gaps
    from slackkefu.bridge.slack_to_kefu.custody import CustodyStatistics, Joined
    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.envelope import Envelope
    from slackkefu.store.entries import MessageEntry, SlackEntry
    from slackkefu.store.spill import Spilled

__all__ = ["BUDGET_S", "Delivery", "Journal", "Parcel", "Receipt", "Receipts", "Spill", "key_of"]

log = structlog.get_logger()

BUDGET_S: Final = 2.5
"""Slack waits 3 s; the half second is for the way back."""

AGAIN_S: Final = 5.0
"""Pause before a disk that took nothing is tried again."""


class Delivery(Protocol):
    """An envelope on the connection that brought it."""

    @property
    def envelope(self) -> Envelope:
        """The envelope."""
        ...

    @property
    def received_at(self) -> float:
        """When it came (trio's clock), before it waited for us."""
        ...

    async def acknowledge(self, payload: Mapping[str, object] | None = None) -> bool:
        """Acknowledge on that connection, with an answer where the envelope accepts one; False when it is gone."""
        ...


class Journal(Protocol):
    """Where it is written down that a message has ended; the part of :class:`slackkefu.store.journal.Journal`."""

    async def append(self, *entries: SlackEntry) -> None:
        """Write *entries*; on disk when this returns. Raises StoreUnwritable."""
        ...


class Spill(Protocol):
    """Where messages wait that were acknowledged; the part of :class:`slackkefu.store.spill.Spill`."""

    async def put(self, *pieces: Piece) -> list[int]:
        """Keep *pieces*, and return their numbers; on disk when this returns. Raises StoreUnwritable."""
        ...

    async def get(self, number: int) -> bytes:
        """Return what was kept under *number*; raises StoreError for now, ValueError for good."""
        ...

    def done(self, *numbers: int) -> None:
        """Note that these need not be kept."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """One envelope of a message, and until when acknowledging it is worth while."""

    delivery: Delivery
    until: float
    """Trio's clock, seconds."""


@dataclass(frozen=True, slots=True)
class _Unwritten:
    """A message that has ended, and what has to be on disk before anybody is told so."""

    owed: Owed[Receipt]
    outcome: Outcome
    along: tuple[SlackEntry, ...]
    im_user: ImUser | None
    """Whose it is, of one that has reached the desk."""

    @property
    def is_exposed(self) -> bool:
        """Whether memory alone knows that it was ours."""
        return self.owed.entry is None


@final
class Parcel:
    """
    A message on its way through a lane; once it is in the spill its words are not in memory but there.

    Args:
        owed: Who answers for it.
        forward: The message, unless it is in the spill.
        content: Makes what is kept of it in the spill.
        is_repeat: It is not new from Slack: it was repeated, read from the history, or in the spill at the start.

    """

    __slots__ = ("_content", "_forward", "is_repeat", "owed")

    def __init__(
        self,
        owed: Owed[Receipt],
        forward: Forward | None = None,
        content: Callable[[], bytes] | None = None,
        *,
        is_repeat: bool = True,
    ) -> None:
        self.owed = owed
        self.is_repeat = is_repeat
        self._forward = forward
        self._content = content

    def __repr__(self) -> str:
        return f"<Parcel {self.owed.key}{' spilled' if self.is_safe else ''}>"

    @property
    def is_safe(self) -> bool:
        """Whether it is in the spill."""
        return self.owed.entry is not None

    @property
    def order(self) -> str:
        """What a lane is in order by; see :attr:`MessageKey.order`."""
        return self.owed.key.order

    @property
    def forward(self) -> Forward | None:
        """The message, while it is in memory."""
        return self._forward

    def content(self) -> bytes:
        """Return it as it is kept in the spill."""
        if self._content is None:
            raise ValueError("it has left the memory")
        return self._content()

    def forget_words(self) -> None:
        """Let the words go: they are on disk."""
        self._forward = self._content = None


@final
class Receipts:
    """
    The messages in our hands, and the envelopes that wait for them.

    Args:
        journal: Where it is written down that a message has ended.
        spill: Where messages wait that were acknowledged.
        gaps: Where it is marked what the disk does not take, and noted what was given back.
        wall: Wall clock, seconds.
        on_left: Told of each entry that a message left behind, once it is on disk.

    """

    def __init__(
        self,
        *,
        journal: Journal,
        spill: Spill,
        gaps: Gaps,
        wall: Callable[[], float],
        on_left: Callable[[SlackEntry], None] = lambda _: None,
    ) -> None:
        self._journal = journal
        self._spill = spill
        self._gaps = gaps
        self._wall = wall
        self._on_left = on_left
        self._trouble = DiskTrouble("store.unwritable", meaning="brought over, and remembered until it is written down")
        self._reserve_trouble = DiskTrouble("reserve.unwritable", meaning="not acknowledged; Slack repeats it")
        self._custody: Custody[Receipt] = Custody()
        # What has ended, but is not written down yet.
        self._unwritten: dict[MessageKey, _Unwritten] = {}
        self._refused = trio.Event()
        # Whoever waits for a message to leave our memory.
        self._waiting = trio.lowlevel.ParkingLot()

    def keep_since(self, mark: float) -> None:
        """Know what ended for as long as the history may yet be read from *mark* on (wall clock)."""
        self._custody.keep_longer(max(0.0, self._wall() - mark))

    # From the run before.

    def restore(self, entries: Iterable[object]) -> None:
        """Take over what the journal says has ended."""
        wall, now = self._wall(), trio.current_time()
        for entry in entries:
            if isinstance(entry, SettledEntry):
                at = restored_at(entry.at, wall=wall, now=now, keep_s=KEEP_S)
                self._custody.restore([(key_of(entry), entry.outcome, at)])
            elif isinstance(entry, Blotted):
                at = restored_at(entry.at, wall=wall, now=now, keep_s=KEEP_S)
                self._custody.restore_blotted(entry.hashes, entry.outcome, at)

    def restore_spilled(self, spilled: Iterable[Spilled]) -> Iterator[tuple[str, Parcel]]:
        """Take over what waits in the spill: each parcel with its lane, in order, to be put there before the next."""
        for each in spilled:
            owed = self._custody.restore_safe(MessageKey.parse(each.key), each.number, now=trio.current_time())
            if owed is None:
                self._spill.done(each.number)
            else:
                yield each.lane, Parcel(owed)

    # On the way.

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write down what the disk has refused, as soon as it takes it again, until cancelled."""
        task_status.started()
        while True:
            await self._refused.wait()
            while self._unwritten:
                await trio.sleep(AGAIN_S)
                await self._catch_up()
            self._refused = trio.Event()

    def take(self, forward: Forward, delivery: Delivery) -> Parcel | Joined | Marked | Safe | Settled:
        """Take a message in hand, or recognise it; see :meth:`Custody.take`."""
        event = forward.event
        thread_ts = event.thread_ts if event.thread_ts != event.ts else None
        receipt = Receipt(delivery, delivery.received_at + BUDGET_S)
        taken = self._custody.take(
            forward.key,
            receipt,
            thread_ts=thread_ts,
            stands_in_slack=forward.stands_in_slack,
            now=trio.current_time(),
        )
        payload = delivery.envelope.payload
        if not isinstance(taken, Owed):
            return taken
        content = partial(spilled.write, forward, payload) if isinstance(payload, EventCallback) else None
        return Parcel(taken, forward, content, is_repeat=delivery.envelope.retry_attempt > 0)

    async def shelter(self, lane: str, parcels: Sequence[Parcel]) -> None:
        """
        Bring *parcels* of one lane to the spill, in order, and acknowledge them.

        A cancellation may leave them in the spill and not acknowledged: their repeats are recognised.

        Raises:
            StoreUnwritable: None of them is in the spill. Those that the reserve takes are acknowledged all the same.

        """
        try:
            numbers = await self._spill.put(*(Piece(lane, str(each.owed.key), each.content()) for each in parcels))
        except StoreUnwritable:
            for parcel in parcels:
                await self._mark(parcel.owed)
            raise
        for parcel, number in zip(parcels, numbers, strict=True):
            safe, deliveries = self._custody.shelter(parcel.owed, number)
            if not self._custody.is_in_hand(parcel.owed) and parcel.owed.key not in self._unwritten:
                self._spill.done(number)
            await self._acknowledge(safe, deliveries)
        self._waiting.unpark_all()

    async def fetch(self, parcel: Parcel) -> bytes:
        """Return what the spill keeps of *parcel*; raises StoreError for now, ValueError for good."""
        return await self._spill.get(parcel.owed.entry or 0)

    async def settle(self, parcel: Parcel, outcome: Outcome, *along: SlackEntry, im_user: ImUser | None = None) -> None:
        """
        Note how a message ended, on disk, and acknowledge each of its envelopes that is still waiting.

        Args:
            parcel: The message.
            outcome: How it ended.
            along: What else has to be on disk by then.
            im_user: Whose it is, of one that has reached the desk.

        """
        await self._end(parcel.owed, outcome, along, im_user)

    async def withdraw(self, known: Owed[Receipt] | Safe) -> bool:
        """Note that the writer of a message in hand has deleted it; tell whether that is on disk."""
        owed = self._custody.take_back(known) if isinstance(known, Safe) else known
        return await self._end(owed, Outcome.WITHDRAWN, (), None)

    def take_back(self, known: Owed[Receipt] | Safe) -> Parcel:
        """Have a message that is in hand or stowed as a parcel, to end it before its turn; that passes without it."""
        return Parcel(self._custody.take_back(known) if isinstance(known, Safe) else known)

    async def preclude(self, key: MessageKey) -> bool:
        """Know that a message that never came has been deleted; tell whether that is on disk."""
        self._custody.preclude(key, now=trio.current_time())
        self._unwritten[key] = _Unwritten(Owed(key), Outcome.WITHDRAWN, (), None)
        return await self._write_down(key)

    async def acknowledge_repeat(self, known: Marked | Safe | Settled, delivery: Delivery) -> None:
        """Acknowledge one more envelope of a message that is marked or safe, or has ended."""
        unwritten = self._unwritten.get(known.key)
        if (
            not isinstance(known, Settled)
            or await self.is_written(known)
            or (unwritten is not None and await self._mark(unwritten.owed))
        ):
            await delivery.acknowledge()

    def let_go(self, parcel: Parcel) -> None:
        """Leave a message to Slack, unanswered, which may have repeated it for the last time."""
        self._custody.let_go(parcel.owed)
        if not parcel.owed.key.revision and parcel.owed.stands_in_slack:
            self._gaps.note(_strand(parcel.owed), parcel.owed.key.ts)

    def note_gap(self, forward: Forward) -> None:
        """Have the thread of a message read from it on: what came before it may have been for the desk too."""
        key = forward.key
        self._gaps.note(Strand(key.installation, key.channel, forward.thread_ts), key.ts)
        self._waiting.unpark_all()

    # What waits for its turn in a lane (:class:`slackkefu.bridge.lanes.Tail`).

    def stow(self, lane: str, parcel: Parcel) -> bool:
        """Let a parcel that is in the spill wait as a number; False for one that cannot."""
        return self._custody.stow(lane, parcel.owed, is_repeat=parcel.is_repeat)

    def stowed(self, lane: str) -> int:
        """Return how many turns in *lane* are stowed."""
        return self._custody.stowed(lane)

    def first_stowed(self, lane: str) -> str | None:
        """Return what the first of them is in order by."""
        return self._custody.first_stowed(lane)

    def unstow(self, lane: str) -> Parcel:
        """Return the parcel whose turn that is; its message may be over meanwhile."""
        owed, is_repeat = self._custody.unstow(lane)
        return Parcel(owed, is_repeat=is_repeat)

    def in_lane(self, lane: str) -> tuple[MessageKey, ...]:
        """Return the messages that are stowed in a lane and have not ended."""
        return self._custody.in_lane(lane)

    # What is known of a message.

    def safe_before(self, at: float) -> list[MessageKey]:
        """Return the messages in the spill that were written before *at* (wall clock)."""
        return self._custody.safe_before(at)

    def find(self, key: MessageKey) -> Owed[Receipt] | Safe | Settled | None:
        """Return what is known of a message; see :meth:`Custody.find`."""
        return self._custody.find(key)

    def is_in_hand(self, parcel: Parcel) -> bool:
        """Tell whether *parcel* is still to be brought over; its writer may have deleted it meanwhile."""
        return self._custody.is_in_hand(parcel.owed)

    def edit_of(self, forward: Forward) -> tuple[SlackEntry, ...]:
        """Return what says, settled along with a message, that its words are those of an edit already."""
        edit = forward.edit_in_it
        return () if edit is None else (self._entry(edit, Outcome.DELIVERED),)

    def is_wanted(self, correction: MessageKey) -> bool:
        """Tell whether the desk is to be told of a change; see :meth:`Custody.is_wanted`."""
        return self._custody.is_wanted(correction)

    def is_deleted(self, key: MessageKey) -> bool:
        """Tell whether the desk is being told, or was, that a message was deleted after it had got there."""
        return self._custody.is_deleted(key)

    async def passed(self, key: MessageKey) -> bool:
        """
        Wait until a message in hand has ended, on disk, or is in the spill.

        Returns:
            False when it was given back, or never was ours.

        """
        while self._custody.is_exposed(key) or (key in self._unwritten and self._unwritten[key].is_exposed):
            await self._waiting.park()
        return self.find(key) is not None

    def exposed_since(self) -> float | None:
        """
        Return when the first message was written that memory alone knows; None while there is none.

        Corrections do not count: of an older message the history shows no change, however far back it is read.
        """
        ended = (key for key, each in self._unwritten.items() if each.is_exposed)
        exposed = (key for key in chain(self._custody.exposed(), ended) if not key.revision)
        return min((written_at(key.ts) or 0.0 for key in exposed), default=None)

    def statistics(self) -> CustodyStatistics:
        """Count."""
        return self._custody.statistics()

    async def _end(
        self, owed: Owed[Receipt], outcome: Outcome, along: tuple[SlackEntry, ...], im_user: ImUser | None
    ) -> bool:
        """Note how a message ended; tell whether that is on disk, and its envelopes acknowledged."""
        settled = self._custody.settle(owed, outcome, now=trio.current_time())
        self._unwritten[settled.key] = _Unwritten(owed, outcome, along, im_user)
        if not await self._write_down(settled.key):
            await self._mark(owed)
            # It may wait for the disk for long, among any number of others: ids only. Slack repeats the envelopes.
            owed.deliveries = ()
            return False
        deliveries, owed.deliveries = owed.deliveries, ()
        await self._acknowledge(settled, deliveries)
        return True

    async def is_written(self, settled: Settled) -> bool:
        """Make sure that it is on disk how a message ended; False while the disk takes nothing."""
        return settled.key not in self._unwritten or await self._write_down(settled.key)

    async def _write_down(self, key: MessageKey) -> bool:
        """Write that a message has ended; False while the disk takes nothing."""
        unwritten = self._unwritten[key]
        try:
            await self._journal.append(*unwritten.along, self._entry(key, unwritten.outcome, im_user=unwritten.im_user))
        except StoreUnwritable as exc:
            self._trouble.refused(exc)
            self._refused.set()
            return False
        self._trouble.taken()
        # Two may have written it side by side; what follows from it follows once.
        if self._unwritten.pop(key, None) is not None:
            if unwritten.owed.entry is not None:
                self._spill.done(unwritten.owed.entry)
            for left in unwritten.along:
                self._leave(left)
            self._waiting.unpark_all()
        return True

    async def _catch_up(self) -> None:
        """Write down what the disk did not take when it ended, until it refuses something again."""
        for key in [*self._unwritten]:
            if not await self.is_written(Settled(key)):
                return

    def _leave(self, entry: SlackEntry) -> None:
        """Act on what a message has left behind, now that it is on disk."""
        if isinstance(entry, SettledEntry):
            self._custody.restore([(key_of(entry), entry.outcome, trio.current_time())])
        self._on_left(entry)

    async def _mark(self, owed: Owed[Receipt]) -> bool:
        """
        Mark where a message stands and acknowledge it, unless it is safe; False where that cannot be done.

        A correction is not marked, for no history shows a change again: it is left to Slack, which repeats it. Nor is a
        click, which Slack does not repeat: whoever made it sees an error, and it goes on its way from memory.
        """
        if owed.entry is not None:
            return True
        if owed.key.revision or not owed.stands_in_slack:
            return False
        if not owed.is_marked:
            try:
                await self._gaps.mark(_strand(owed), owed.key.ts)
            except StoreUnwritable as exc:
                self._reserve_trouble.refused(exc)
                return False
            self._reserve_trouble.taken()
        await self._acknowledge(*self._custody.mark(owed))
        return True

    def _entry(self, key: MessageKey, outcome: Outcome, *, im_user: ImUser | None = None) -> SettledEntry:
        return SettledEntry(
            enterprise_id=key.installation.enterprise_id,
            team_id=key.installation.team_id,
            channel=key.channel,
            ts=key.ts,
            revision=key.revision,
            outcome=outcome.value,
            im_user=im_user or "",
            at=self._wall(),
        )

    @staticmethod
    async def _acknowledge(_: Marked | Safe | Settled, receipts: Iterable[Receipt]) -> None:
        """Acknowledge envelopes; their message has to be marked, safe or settled, and this asks to see it."""
        for receipt in receipts:
            if trio.current_time() <= receipt.until:
                await receipt.delivery.acknowledge()


def _strand(owed: Owed[Receipt]) -> Strand:
    return Strand(owed.key.installation, owed.key.channel, owed.thread_ts)


def key_of(entry: MessageEntry) -> MessageKey:
    """Return which message *entry* is about."""
    installation = InstallationKey(
        EnterpriseId(entry.enterprise_id) if entry.enterprise_id else None,
        TeamId(entry.team_id) if entry.team_id else None,
    )
    return MessageKey(installation, ChannelId(entry.channel), Ts(entry.ts), entry.revision)
