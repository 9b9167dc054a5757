"""
Forwarding: one message from Slack to the desk, start to end.

The work of a visitor's lane. A message leaves its lane when it is settled: every part accepted by Easemob, or refused
for good. Between the two it is tried again under the same ids, so that a part which did arrive is recognised, and the
messages behind it wait, so that order holds. One that makes us fail is tried :data:`~slackkefu.bridge.aside.TRIES`
times and set aside. What is not brought over is told to its writer (:mod:`slackkefu.bridge.slack_to_kefu.telling`), and
what comes late says when it was written (:mod:`slackkefu.bridge.slack_to_kefu.lateness`).
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, final

import structlog
import trio

from slackkefu.bridge.aside import TRIES
from slackkefu.bridge.book import named
from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.bridge.open_menus import answered, is_answered
from slackkefu.bridge.proof.proving import marks_of
from slackkefu.bridge.slack_to_kefu.cargo import Cargo
from slackkefu.bridge.slack_to_kefu.custody import Outcome
from slackkefu.bridge.slack_to_kefu.journey import Journey
from slackkefu.bridge.slack_to_kefu.lateness import Lateness
from slackkefu.bridge.slack_to_kefu.naming import name_all
from slackkefu.bridge.slack_to_kefu.spilled import restore
from slackkefu.bridge.slack_to_kefu.to_kefu import parts
from slackkefu.bridge.table import Reason
from slackkefu.easemob.message import MediaBody
from slackkefu.easemob.names import ImUser
from slackkefu.easemob.recovery import GiveUp, after_send
from slackkefu.errors import LinkClosed, SendOutcomeUnknown, SlackkefuError, StoreBroken, StoreError, StoreUnwritable
from slackkefu.kefu.outgoing import VisitorCard, kind_of, language_of, mark_of
from slackkefu.net.backoff import backoff
from slackkefu.slack.ids import Ts
from slackkefu.slack.profile import Profile
from slackkefu.store.entries import Settled

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from slackkefu.bridge.aside import Aside
    from slackkefu.bridge.book import Book
    from slackkefu.bridge.proof.proving import Proving
    from slackkefu.bridge.slack_to_kefu.carrying import Carrying
    from slackkefu.bridge.slack_to_kefu.custody import MessageKey
    from slackkefu.bridge.slack_to_kefu.entrances import Entrances
    from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
    from slackkefu.bridge.slack_to_kefu.naming import Naming
    from slackkefu.bridge.slack_to_kefu.receipts import Parcel, Receipts
    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.bridge.slack_to_kefu.sheltering import Sheltering
    from slackkefu.bridge.slack_to_kefu.source_card import SourceCards
    from slackkefu.bridge.slack_to_kefu.to_kefu import Part
    from slackkefu.bridge.slack_to_kefu.ways import Ways
    from slackkefu.config import VisitorField
    from slackkefu.easemob.message import OutgoingMessage
    from slackkefu.easemob.pool import Pool
    from slackkefu.kefu.outgoing import Entrance, Language
    from slackkefu.slack.directory import Directory
    from slackkefu.slack.installation import Installations
    from slackkefu.store.entries import SlackEntry
    from slackkefu.world import World

__all__ = ["Forwarding"]

Make: TypeAlias = "partial[tuple[Part, ...]]"
"""Makes the parts of one message, late or not."""

log = structlog.get_logger()

NO_LOGIN_S: Final = 15 * 60.0
"""How long a message waits for a visitor whom Easemob does not let in: longer than Slack repeats it."""

AGAIN_S: Final = 1.0
"""Pause before a message is tried again that made us fail."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a message ends, and what has to be on disk with it."""

    outcome: Outcome
    along: tuple[SlackEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class _About:
    """What the desk is told of a message besides its words."""

    naming: Naming
    card: VisitorCard
    language: Language | None
    entrance: Entrance


@final
class Forwarding:
    """
    Brings messages to the desk, one at a time for each visitor.

    Args:
        world: Wall clock and chance.
        pool: What sends as a visitor. What stands in for it says in :meth:`is_up` whether what it was given may be
            on its way right now.
        directory: Names.
        book: The visitors' records.
        receipts: The messages in hand.
        sheltering: Told of each message that has left its lane.
        proving: Told of what the desk has to confirm.
        aside: Where messages go that make us fail.
        installations: Who installed the app.
        fields: What the desk is told of a visitor.
        entrances: Where it is to lead them.
        sources: Shows the agent where a service session began.
        service_number: To whom everything goes.
        carrying: Brings files to Easemob.
        on_typed: Told of each typed answer that the desk has got.

    """

    def __init__(
        self,
        *,
        world: World,
        pool: Pool | Ways,
        directory: Directory,
        book: Book,
        receipts: Receipts,
        sheltering: Sheltering,
        proving: Proving,
        aside: Aside,
        installations: Installations,
        fields: Collection[VisitorField],
        entrances: Entrances,
        sources: SourceCards,
        service_number: ImUser,
        carrying: Carrying,
        on_typed: Callable[[ImUser, ForDesk], None] = lambda _user, _deed: None,
    ) -> None:
        self._on_typed = on_typed
        self._world = world
        self._pool = pool
        self._directory = directory
        self._book = book
        self._receipts = receipts
        self._sheltering = sheltering
        self._proving = proving
        self._aside = aside
        self._installations = installations
        self._fields = fields
        self._entrances = entrances
        self._sources = sources
        self._service_number = service_number
        self._carrying = carrying
        self._journeys: dict[MessageKey, Journey] = {}
        self._lateness = Lateness(began=world.wall())
        self._trouble = DiskTrouble("store.unwritable", meaning="this visitor's messages wait")

    def restore(self, entries: Iterable[object]) -> None:
        """Take over which messages had reached the desk: what was written before one of them comes late."""
        for entry in entries:
            if isinstance(entry, Settled) and entry.im_user:
                self._lateness.note(ImUser(entry.im_user), Ts(entry.ts))

    async def work(self, user: ImUser, parcel: Parcel) -> None:
        """
        Bring one message over and settle it; one that was deleted while it waited is passed over.

        A cancellation leaves the message owed: Slack still has it, or the spill.
        """
        ending = None
        if self._receipts.is_in_hand(parcel):
            with self._begin(user, parcel) as journey:
                ending = await self._carry(journey, parcel)
        if ending is not None and self._receipts.is_in_hand(parcel):
            if ending.outcome is not Outcome.SET_ASIDE:
                # The run before may have set it aside, and died before that was its end.
                self._aside.take_back(parcel.owed.key.name)
            proof = self._proving.ended(user, parcel.owed.key, ending.outcome)
            arrived = user if ending.outcome is Outcome.DELIVERED else None
            await self._receipts.settle(parcel, ending.outcome, *ending.along, *proof, im_user=arrived)
        else:
            self._proving.dropped(user, parcel.owed.key)
            # Deleted, and if that was while it was being set aside it is there.
            self._aside.take_back(parcel.owed.key.name)
        self._sheltering.ended(user, parcel)

    def stop(self, key: MessageKey) -> bool:
        """
        Work on a message no more, for it was deleted; False when Easemob has taken some of it, and the rest follows.

        What left without an answer may be at the desk. If it is not, it must not come there hours later.
        """
        journey = self._journeys.get(key)
        if journey is None:
            return True
        if journey.accepted:
            return False
        journey.scope.cancel()
        return True

    def abandon(self, key: MessageKey) -> None:
        """Work on a message no more, whatever Easemob has taken of it; for one whose writer is forgotten."""
        journey = self._journeys.get(key)
        if journey is not None:
            journey.scope.cancel()

    def forget(self, user: ImUser) -> None:
        """Know nothing of *user* any more."""
        self._lateness.forget(user)

    @contextmanager
    def _begin(self, user: ImUser, parcel: Parcel) -> Iterator[Journey]:
        """Hold the visitor's session for one message, until it has ended or is stopped."""
        key = parcel.owed.key
        is_of_before = self._lateness.is_of_before(key.ts, is_repeat=parcel.is_repeat)
        journey = self._journeys[key] = Journey(user, key, is_repeat=parcel.is_repeat, is_of_before=is_of_before)
        try:
            with journey.scope, self._pool.hold(user):
                yield journey
        finally:
            del self._journeys[journey.key]

    async def _carry(self, journey: Journey, parcel: Parcel) -> _Ending:
        """Bring a message over; one that makes us fail again and again is set aside, so that its lane goes on."""
        tries = 0
        while True:
            try:
                return await self._bring_over(journey, parcel)
            except StoreBroken:
                raise
            except Exception as exc:
                # The edge of a lane: a fault of ours must not hold up the visitor's next messages.
                tries += 1
                log.exception("lane.fault", visitor=journey.user, ts=journey.key.ts, tries=tries)
                journey.is_uncertain |= journey.is_leaving
                if tries == TRIES:
                    return await self._set_aside(journey, parcel, reason=_name_of(exc))
            await trio.sleep(AGAIN_S)

    # From the spill, and aside.

    async def _fetch(self, parcel: Parcel) -> Forward:
        """Return a message, with its installation as it is now: whose workspace has removed the app has none."""
        if parcel.forward is None:
            return restore(await self._read(parcel), self._installations)
        return replace(parcel.forward, installation=self._installations.in_any_case(parcel.forward.installation.key))

    async def _read(self, parcel: Parcel) -> bytes:
        """Read what the spill keeps; a disk that cannot be read now is waited for, for the words are nowhere else."""
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=60.0)
        while True:
            try:
                return await self._receipts.fetch(parcel)
            except StoreError as exc:
                log.error("spill.unreadable", problem=str(exc), meaning="this visitor's messages wait")  # noqa: TRY400 - for an operator, no traceback
            await trio.sleep(next(pauses))

    async def _set_aside(self, journey: Journey, parcel: Parcel, *, reason: str) -> _Ending:
        """Set a message aside; until the disk takes it the visitor's messages wait."""
        try:
            content = await self._read(parcel) if parcel.is_safe else parcel.content()
        except ValueError:
            # Changed on the disk: what is left of it is its name.
            content = b"null"
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=60.0)
        while True:
            try:
                # Whole or not at all: a deletion that stops us here has to know whether it is there.
                with trio.CancelScope(shield=True):
                    await self._aside.put("to_kefu", journey.user, journey.key.name, reason=reason, content=content)
            except StoreUnwritable as exc:
                self._trouble.refused(exc, visitor=journey.user)
            else:
                self._trouble.taken()
                return self._untold(journey, Outcome.SET_ASIDE, reason)
            await trio.sleep(next(pauses))

    # On the way.

    async def _bring_over(self, journey: Journey, parcel: Parcel) -> _Ending:
        forward = await self._fetch(parcel)
        journey.thread_ts = forward.event.thread_ts
        if not self._claims(forward):
            log.info("slack.ignored", reason=Reason.DUPLICATE.value, visitor=forward.user, ts=forward.event.ts)
            return _Ending(Outcome.IGNORED)
        if forward.revision and not self._receipts.is_wanted(journey.key):
            reason = Reason.DELETION_NOT_CARRIED if journey.key.is_deletion else Reason.EDIT_NOT_CARRIED
            log.info("slack.ignored", reason=reason.value, visitor=forward.user, ts=forward.event.ts)
            return _Ending(Outcome.IGNORED)
        about = await self._introduce(forward)
        make = self._maker(forward, about)
        marks = marks_of(make())
        is_confirmed = forward.deed is None or forward.deed.is_confirmed
        if is_confirmed and not journey.is_awaited:
            # Once: what was confirmed before a fault is not confirmed again.
            self._proving.sending(forward, marks)
            journey.is_awaited = True
        if not marks:
            log.info("slack.ignored", reason=Reason.EMPTY.value, visitor=forward.user, ts=forward.event.ts)
            return _Ending(Outcome.IGNORED)
        opens = await self._sources.is_wanted(forward)
        while not marks.keys() <= journey.accepted:
            refusal = await self._send(journey, forward, make)
            if refusal is not None:
                log.warning(
                    "kefu.refused",
                    visitor=forward.user,
                    ts=forward.event.ts,
                    problem=refusal,
                    meaning="not at the desk; its writer is told",
                )
                return self._untold(journey, Outcome.REFUSED, refusal)
            if not forward.revision:
                # Now, not at the end: of a message that is refused half-way the desk has the beginning.
                self._lateness.note(forward.user, forward.event.ts)
        if opens:
            await self._sources.follow(
                forward, about.card, language=about.language, entrance=about.entrance, place=about.naming.place
            )
        log.debug("kefu.delivered", visitor=forward.user, ts=forward.event.ts, parts=len(marks))
        return self._delivered(forward)

    def _delivered(self, forward: Forward) -> _Ending:
        """End a message that the desk has got."""
        if forward.deed is not None and forward.deed.is_typed:
            self._on_typed(forward.user, forward.deed)
        return _Ending(Outcome.DELIVERED, self._receipts.edit_of(forward))

    def _claims(self, forward: Forward) -> bool:
        """Know what *forward* answers; False when something else has answered that already."""
        record = self._book.get(forward.user)
        if record is None or forward.deed is None:
            return True
        if is_answered(record, forward.deed.answers, but_by=forward.event.ts):
            return False
        # On disk before it is sent, by what is written next.
        self._book.remember(answered(record, forward.deed, forward.event.ts))
        return True

    async def again(self, forward: Forward) -> tuple[Part, ...]:
        """Make the parts of a message that Easemob accepted and the desk did not get: new ones to Easemob."""
        make = self._maker(forward, await self._introduce(forward))
        late = None
        if not forward.revision:
            late = self._lateness.late(forward.user, forward.event.ts, self._world.wall())
        return make(late=late, attempt=1)

    async def _introduce(self, forward: Forward) -> _About:
        """Find out what the desk is told besides the words, as far as that is known in a moment."""
        naming = await name_all(forward, self._directory)
        card = self._card(forward, naming)
        await self._book.write(forward.user)
        return _About(
            naming=naming,
            card=card.chosen(self._fields),
            language=language_of(naming.author.locale) if naming.author and naming.author.locale else None,
            entrance=self._entrances.of(forward),
        )

    def _maker(self, forward: Forward, about: _About) -> Make:
        """Return what makes the parts of a message."""
        return partial(
            parts,
            forward,
            card=about.card,
            language=about.language,
            names=about.naming,
            service_number=self._service_number,
            entrance=about.entrance,
        )

    async def _send(self, journey: Journey, forward: Forward, make: Make) -> str | None:
        """Send the next part until Easemob accepted it (None) or refused it for good (the reason)."""
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=60.0)
        gives_up_at = trio.current_time() + NO_LOGIN_S
        say = log.info
        while True:
            message = await self._ready(journey, forward, make)
            problem = await self._attempt(journey, message)
            if problem is None:
                journey.accepted.add(mark_of(message))
                return None
            step = after_send(problem)
            journey.is_uncertain |= step.possibly
            if isinstance(step, GiveUp) or (step.reason and trio.current_time() >= gives_up_at):
                if step.possibly or not self._give_way(journey, make, message):
                    return step.reason
                continue
            pause = max(next(pauses), step.after_s)
            say("kefu.send_again", visitor=journey.user, problem=str(problem), in_s=round(pause, 1))
            # Once for each message: while Easemob is away every visitor has one that is tried again and again.
            say = log.debug
            await trio.sleep(pause)

    def _next(self, journey: Journey, make: Make) -> Part:
        """Return the first part that Easemob has not accepted; made anew, for a message may become late as it waits."""
        late = None if journey.accepted else self._late(journey)
        return next(part for part in make(late=late) if mark_of(part) not in journey.accepted)

    async def _ready(self, journey: Journey, forward: Forward, make: Make) -> OutgoingMessage:
        """Return the next part as it is sent; a file is brought to Easemob first, once, unless that may still work."""
        part = self._next(journey, make)
        if not isinstance(part, Cargo):
            return part
        mark = mark_of(part)
        brought = journey.brought.get(mark) or await self._carrying.bring(forward.installation, part)
        if brought.is_final:
            journey.brought[mark] = brought
        part = self._next(journey, make)
        if not isinstance(part, Cargo):
            # It has become late by now, and that is said before it.
            return part
        self._proving.turned(journey.key, mark, kind_of(brought.message))
        return brought.message

    def _give_way(self, journey: Journey, make: Make, message: OutgoingMessage) -> bool:
        """Let a line go in the place of a file that is not taken as a message; False where it was none."""
        part = self._next(journey, make)
        if not isinstance(part, Cargo) or not isinstance(message.body, MediaBody):
            return False
        journey.brought[mark_of(part)] = self._carrying.refused(part)
        return True

    async def _attempt(self, journey: Journey, message: OutgoingMessage) -> SlackkefuError | None:
        """Send once, for as long as the message need not say anything else; return what stood in the way."""
        problem: SlackkefuError | None = None
        journey.is_leaving = True
        with trio.move_on_after(math.inf if journey.accepted else self._late_in_s(journey)) as waiting:
            try:
                await self._pool.send(journey.user, message)
            except SlackkefuError as error:
                problem = error
        if waiting.cancelled_caught:
            is_up = self._pool.is_up(journey.user)
            problem = SendOutcomeUnknown("late by now") if is_up else LinkClosed("Easemob IM", "not up in time")
        # After an error that nobody foresaw this stays as it is: nobody knows how far it came.
        journey.is_leaving = False
        return problem

    def _late(self, journey: Journey) -> float | None:
        """Return when a message was written that the desk gets late; a correction says that in any case."""
        if journey.key.revision:
            return None
        return self._lateness.late(journey.user, journey.key.ts, self._world.wall(), is_repeat=journey.is_repeat)

    def _late_in_s(self, journey: Journey) -> float:
        """Return in how many seconds the message would have to say something else."""
        if journey.key.revision:
            return math.inf
        return self._lateness.late_in_s(journey.user, journey.key.ts, self._world.wall(), is_repeat=journey.is_repeat)

    def _untold(self, journey: Journey, outcome: Outcome, reason: str) -> _Ending:
        """End a message that was not brought over; its writer is to be told."""
        return _Ending(outcome, (journey.untold(reason, now=self._world.wall()),))

    def _card(self, forward: Forward, naming: Naming) -> VisitorCard:
        """Make the visitor's card, and remember its names for when Slack does not tell them."""
        profile = naming.author or Profile()
        record = self._book.get(forward.user)
        if record is not None:
            name = (profile.name or "") if "name" in self._fields else ""
            workspace = naming.workspace if "workspace" in self._fields else ""
            record = named(record, name=name, workspace=workspace)
            self._book.remember(record)
        return VisitorCard(
            user_id=forward.visitor.user,
            channel=f"#{naming.place}" if naming.place else "",
            name=profile.name or (record.name if record else ""),
            real_name=profile.real_name,
            workspace=naming.workspace or (record.workspace if record else ""),
            email=profile.email,
            phone=profile.phone,
            title=profile.title,
            timezone=profile.timezone,
        )


def _name_of(exc: BaseException) -> str:
    """Return the kind of fault; of several that came together the first."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return type(exc).__name__
