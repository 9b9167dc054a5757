"""
Backfill: reading from Slack's history what Slack no longer repeats.

What has to be read, :mod:`slackkefu.bridge.absence.marks` and :mod:`slackkefu.bridge.absence.gaps` know; in which
order, :mod:`slackkefu.bridge.absence.history`. Each message found becomes the event that Slack would have sent and goes
the way of all events, so what is in hand or has ended is recognised. The messages of a conversation are handed over in
the order in which they were written, and a full lane is waited for. A conversation has been read when all of them are
settled or in the spill.

One call at a time for each installation; installations are read side by side, and do not hold up each other. What
several of them share (facts/slack.md §13) is read once, by whichever comes to it first; who finds it being read goes on
with others, and comes back.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, final

import structlog
import trio

from slackkefu.bridge.absence.history import Window, as_callback, in_order
from slackkefu.bridge.absence.marks import LOOK_BACK_S, REPEATS_S
from slackkefu.bridge.absence.presence import ALWAYS, Stays, counted_from, is_in
from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.bridge.slack_to_kefu.custody import MessageKey, Outcome
from slackkefu.bridge.slack_to_kefu.receipts import Parcel
from slackkefu.bridge.slack_to_kefu.routing import Forward
from slackkefu.bridge.slack_to_kefu.telling import untold
from slackkefu.easemob.agenda import Alarm
from slackkefu.errors import RemoteProtocolError, SlackApiError, StoreError, StoreUnwritable
from slackkefu.slack.envelope import Envelope
from slackkefu.slack.ids import ChannelId, Ts, written_at
from slackkefu.slack.recovery import InstallationDead, Operator, after
from slackkefu.store.entries import Read
from slackkefu.store.presence import Stay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

    from slackkefu.bridge.absence.gaps import Found, Gaps
    from slackkefu.bridge.absence.history import Wanted
    from slackkefu.bridge.absence.marks import Marks
    from slackkefu.bridge.absence.presence import Presence
    from slackkefu.bridge.book import Book
    from slackkefu.bridge.slack_to_kefu.intake import Intake
    from slackkefu.bridge.slack_to_kefu.receipts import Journal, Receipts
    from slackkefu.config import ChannelsMode
    from slackkefu.slack.envelope import EventCallback
    from slackkefu.slack.installation import Installation, InstallationKey, Installations
    from slackkefu.slack.reading import Conversation, Reading
    from slackkefu.store.entries import SlackEntry

__all__ = ["Backfill", "BackfillStatistics"]

log = structlog.get_logger()

SIDE_BY_SIDE: Final = 1000
"""Installations that are read at a time; under strict limits each of them mostly waits."""

MOST: Final = 1000
"""Messages of one conversation that are held at a time."""

BLOCKED_S: Final = 300.0
"""Pause where an operator has to act."""

_LOST: Final = "what was written there meanwhile is not brought to the desk"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BackfillStatistics:
    """What was read from Slack's history; all but the first two are counts since the start."""

    mark_age_s: float
    """How far behind the clock everything has been seen; grows while something is to be read."""
    to_read: int
    """Conversations that are still to be read, as far as they have been listed."""
    read: int
    """Conversations that have been read."""
    unreadable: int
    """Conversations that Slack does not let us read: what was missed in them is lost."""
    found: int
    """Messages found that are for the desk."""
    forwarded: int
    """Of these, put on their way to the desk."""
    known: int
    """Of these, in hand or ended before."""
    skipped_too_old: int
    """Of these, too old for the desk; their writers are told."""
    gaps: int
    """Gaps that are open now: while the disk takes nothing, or lanes are full, messages are read once more later."""


@final
class _FromHistory:
    """A message that Slack does not wait to hear of."""

    received_at = math.inf
    """Never too late."""

    def __init__(self, callback: EventCallback) -> None:
        self.envelope = Envelope(
            envelope_id="",
            kind="events_api",
            payload=callback,
            accepts_response_payload=False,
            retry_attempt=1,  # not new from Slack
            retry_reason="",
        )

    async def acknowledge(self, payload: Mapping[str, object] | None = None) -> bool:
        """Do nothing: there is no envelope."""
        del payload
        await trio.lowlevel.checkpoint()
        return False


@final
class Backfill:
    """
    Reads what may have been missed.

    Args:
        reading: What Slack's history says.
        installations: Who installed the app.
        book: The visitors' records.
        intake: Takes each message.
        receipts: The messages in hand.
        marks: How far has been seen, and what was missed.
        presence: Which channels we are in.
        gaps: What has to be read besides.
        journal: Where it is written down how far each conversation has been read.
        channels: What of members' messages is for the desk.
        max_age_s: How old a message may be that is still for the desk; the writers of older ones are told.
        wall: Wall clock, seconds.

    """

    def __init__(
        self,
        *,
        reading: Reading,
        installations: Installations,
        book: Book,
        intake: Intake,
        receipts: Receipts,
        marks: Marks,
        presence: Presence,
        gaps: Gaps,
        journal: Journal,
        channels: ChannelsMode,
        max_age_s: float,
        wall: Callable[[], float],
    ) -> None:
        self._reading = reading
        self._installations = installations
        self._book = book
        self._intake = intake
        self._receipts = receipts
        self._marks = marks
        self._presence = presence
        self._gaps = gaps
        self._journal = journal
        self._channels = channels
        self._max_age_s = max_age_s
        self._wall = wall
        self._trouble = DiskTrouble("store.unwritable", meaning="after a restart it is read once more")
        self._due: Alarm[InstallationKey] = Alarm()
        self._reading_now: set[InstallationKey] = set()
        self._side_by_side = trio.CapacityLimiter(SIDE_BY_SIDE)
        # Installations may share a conversation: one reads it at a time.
        self._turns: dict[ChannelId, trio.Lock] = {}
        self._to_read: dict[InstallationKey, int] = {}
        self._read_so_far = self._unreadable = self._found = self._forwarded = self._known = self._skipped = 0

    def __repr__(self) -> str:
        return f"<Backfill {sum(self._to_read.values())} conversations to read>"

    def statistics(self) -> BackfillStatistics:
        """Count."""
        return BackfillStatistics(
            mark_age_s=self._wall() - self._marks.mark,
            to_read=sum(self._to_read.values()),
            read=self._read_so_far,
            unreadable=self._unreadable,
            found=self._found,
            forwarded=self._forwarded,
            known=self._known,
            skipped_too_old=self._skipped,
            gaps=len(self._gaps),
        )

    # When.

    def begin(self, *, is_missed: bool) -> None:
        """Read at once what was missed and marked before we were started."""
        for key in (each.key for each in self._installations):
            if is_missed or not self._presence.knows(key):
                self._due.put(key, trio.current_time())
        for key in self._gaps.installations():
            self._due.put(key, trio.current_time())

    def installed(self, key: InstallationKey) -> None:
        """Ask which channels an installation is in that is new, at once."""
        if key not in self._reading_now and not self._presence.knows(key):
            self._due.put(key, trio.current_time())

    def missed(self) -> None:
        """Read what was missed, if anything was, when Slack has repeated what it repeats."""
        for installation in self._installations:
            if self._marks.is_missing(installation.key):
                self.gap(installation.key)

    def gap(self, key: InstallationKey) -> None:
        """Read what is missing of an installation, when Slack has repeated what it repeats."""
        if key not in self._due and key not in self._reading_now:
            self._due.put(key, trio.current_time() + REPEATS_S)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read what is due, until cancelled; a restart goes on with the conversations that are not read yet."""
        async with trio.open_nursery() as nursery:
            task_status.started()
            while True:
                for key in await self._due.due():
                    self._reading_now.add(key)
                    nursery.start_soon(self._read, key)

    async def _read(self, key: InstallationKey) -> None:
        """Read what is missing of one installation; it is given up when that takes all too long."""
        missed_until = self._marks.missed_until
        problem = "it took all too long"
        with trio.move_on_after(LOOK_BACK_S):
            try:
                async with self._side_by_side:
                    await self._read_installation(key)
                problem = ""
            except SlackApiError as error:
                # The token is dead, and with it all else that it could read.
                problem = str(error)
        if problem and (self._marks.is_missing(key) or self._gaps.of(key)):
            log.error("backfill.given_up", installation=str(key), problem=problem, meaning=_LOST)
            await self._gaps.close(self._gaps.of(key))
        if missed_until is not None:
            self._marks.complete(key, missed_until, among=[each.key for each in self._installations])
        self._to_read.pop(key, None)
        self._reading_now.discard(key)
        # What was missed meanwhile.
        if self._marks.is_missing(key) or key in self._gaps.installations():
            self.gap(key)

    # Which.

    async def _read_installation(self, key: InstallationKey) -> None:
        """Read the conversations of one installation, the most urgent first; all of them, or those with gaps."""
        is_whole = self._marks.is_missing(key)
        gaps: dict[ChannelId, list[Found]] = {}
        for gap in self._gaps.of(key):
            gaps.setdefault(gap.strand.channel, []).append(gap)
        if not is_whole and not gaps and self._presence.knows(key):
            return
        listed, listed_at = list[ChannelId](), 0.0
        conversations = await self._patiently(key, self._reading.conversations)
        if conversations is None:
            self._unreadable += 1
        else:
            listed_at = self._slack_now()
            listed = [each.id for each in conversations if _has_members(each)]
            self._presence.listed(key, listed, listed_at)
        if is_whole or gaps:
            await self._read_wanted(key, conversations or (), gaps, is_whole=is_whole)
        for channel in listed:
            stay = self._presence.stay(key, channel)
            if stay is None or not is_in(stay):
                # Nobody has said since when; what is not read by now never is.
                self._presence.found(key, channel, Stay(came=(listed_at,)))

    async def _read_wanted(
        self,
        key: InstallationKey,
        conversations: Iterable[Conversation],
        gaps: dict[ChannelId, list[Found]],
        *,
        is_whole: bool,
    ) -> None:
        wanted = in_order(conversations, self._book, channels=self._channels, since=self._marks.mark, now=self._wall())
        if not is_whole:
            wanted = [each for each in wanted if each.conversation.id in gaps]
        log.info("backfill.begun", installation=str(key), conversations=len(wanted))
        self._to_read[key] = len(wanted)
        waiting, put_off = deque(wanted), set[ChannelId]()
        while waiting:
            each = waiting.popleft()
            channel = each.conversation.id
            if channel in self._turns and channel not in put_off:
                # Another installation reads it now.
                put_off.add(channel)
                waiting.append(each)
                continue
            async with self._turn(channel):
                await self._read_conversation(key, each, gaps.pop(channel, []))
            self._to_read[key] -= 1
        # We are not in these conversations any more.
        await self._gaps.close(gap for left in gaps.values() for gap in left)
        log.info("backfill.over", installation=str(key), forwarded=self._forwarded, known=self._known)

    async def _read_conversation(self, key: InstallationKey, wanted: Wanted, gaps: list[Found]) -> None:
        """Read one conversation from where it is not known, and note that."""
        channel, began = wanted.conversation.id, self._wall()
        since = [max(written_at(gap.since) or 0.0, began - LOOK_BACK_S) for gap in gaps]
        missing = self._marks.since(key, channel, began)
        if missing is not None:
            since.append(missing)
        if not since:
            return
        threads = wanted.threads | {gap.strand.thread_ts for gap in gaps if gap.strand.thread_ts is not None}
        is_read = await self._bring_over(key, wanted.conversation, min(since), threads)
        self._read_so_far += is_read
        self._unreadable += not is_read
        await self._gaps.close(gaps)
        if missing is not None and (is_read or self._presence.members(channel) in ([], [key])):
            # Not past what was given back to Slack meanwhile.
            left = (written_at(gap.since) or 0.0 for gap in self._gaps.of(key) if gap.strand.channel == channel)
            await self._note_read(key, channel, min([began, *left]))

    async def _note_read(self, key: InstallationKey, channel: ChannelId, through: float) -> None:
        """Note how far a conversation has been read, for a restart on disk."""
        self._marks.read(channel, through)
        entry = Read(
            enterprise_id=key.enterprise_id, team_id=key.team_id, channel=channel, through=through, at=self._wall()
        )
        try:
            await self._journal.append(entry)
        except StoreUnwritable as exc:
            self._trouble.refused(exc)
        else:
            self._trouble.taken()

    # What.

    @asynccontextmanager
    async def _turn(self, channel: ChannelId) -> AsyncIterator[None]:
        """Hold the turn of a conversation."""
        lock = self._turns.setdefault(channel, trio.Lock())
        async with lock:
            yield
        if not lock.locked():
            self._turns.pop(channel, None)

    async def _bring_over(
        self, key: InstallationKey, conversation: Conversation, since: float, threads: frozenset[Ts]
    ) -> bool:
        """Bring over what a conversation holds, so much at a time; False where Slack does not let us read it."""
        stays, began = self._stays(key, conversation), self._slack_now()
        next_since: float | None = since
        while next_since is not None:
            installation = self._installations.get(key)
            if installation is None:
                return False
            # Before that the app was not there, and nobody had agreed to it; a direct message shows no such break.
            next_since = max(next_since, self._served_since(installation))
            window = Window(since=next_since, stays=stays, most=MOST)
            roots = await self._collect(key, conversation.id, window, threads)
            if roots is None:
                return False
            on_their_way = [await self._hand_over(each, conversation, installation) for each in window.messages()]
            for message in on_their_way:
                if message is not None:
                    await self._receipts.passed(message)
            next_since, threads = window.cut, threads | roots
            if next_since is None and _has_members(conversation):
                self._presence.found(key, conversation.id, stays.of(installation.bot_user_id, began))
        return True

    def _stays(self, key: InstallationKey, conversation: Conversation) -> Stays:
        """Return when we were in a conversation, by any installation."""
        channel, is_own = conversation.id, self._installations.has_bot
        if not _has_members(conversation):
            here = self._installations.get(key)
            mine = {} if here is None else {here.bot_user_id: counted_from(ALWAYS, self._served_since(here))}
            return Stays(mine, present=mine, is_own=is_own)
        known, present = {}, set()
        for each in {key, *self._presence.ever_in(channel)}:
            installation, stay = self._installations.get(each), self._presence.stay(each, channel)
            if installation is not None:
                known[installation.bot_user_id] = counted_from(stay or Stay(), self._served_since(installation))
                present |= {installation.bot_user_id} if each == key or (stay and is_in(stay)) else set()
        return Stays(known, present=present, is_own=is_own)

    def _served_since(self, installation: Installation) -> float:
        """Return since when the app has been there, by Slack's clock as the messages are; it is kept by ours."""
        return self._marks.slack_time(installation.served_since)

    def _slack_now(self) -> float:
        return self._marks.slack_time(self._wall())

    async def _collect(
        self, key: InstallationKey, channel: ChannelId, window: Window, threads: frozenset[Ts]
    ) -> frozenset[Ts] | None:
        """Read a conversation and its threads into *window*; return the roots that it shows, None where refused."""
        roots = await self._read_pages(key, channel, None, window)
        if roots is None:
            return None
        for root in sorted(threads | roots):
            # A thread that cannot be read costs only what is in it (facts/slack.md §8).
            await self._read_pages(key, channel, root, window)
        return frozenset(roots)

    async def _read_pages(
        self, key: InstallationKey, channel: ChannelId, root: Ts | None, window: Window
    ) -> set[Ts] | None:
        """Read all pages of a conversation or a thread; return the roots that they show, None where Slack refuses."""
        since, cursor = Ts(f"{window.since:.6f}"), ""
        roots: set[Ts] = set()
        while True:
            if root is None:
                read = partial(self._reading.history, channel=channel, since=since, cursor=cursor)
            else:
                read = partial(self._reading.replies, channel=channel, root=root, since=since, cursor=cursor)
            page = await self._patiently(key, read)
            if page is None:
                return None
            roots |= window.add(page.messages)
            cursor = page.cursor
            if not cursor:
                return roots

    async def _patiently(self, key: InstallationKey, read: Callable[[Installation], Awaitable[T]]) -> T | None:
        """
        Read until Slack answers; None where it refuses for good, or the app was removed.

        Raises:
            SlackApiError: The token is dead.

        """
        while (installation := self._installations.get(key)) is not None:
            try:
                return await read(installation)
            except (SlackApiError, RemoteProtocolError) as error:
                if isinstance(after(error), InstallationDead):
                    raise
                if not _may_change(error):
                    log.error("backfill.refused", installation=str(key), problem=str(error), meaning=_LOST)  # noqa: TRY400 - for an operator, no traceback
                    return None
                log.warning("backfill.blocked", installation=str(key), problem=str(error), again_in_s=BLOCKED_S)
            await trio.sleep(BLOCKED_S)
        return None

    async def _hand_over(
        self, message: Mapping[str, object], conversation: Conversation, installation: Installation
    ) -> MessageKey | None:
        """Give one message the way of all events; return what is to be waited for."""
        callback = as_callback(message, conversation, installation)
        if callback is None:
            return None
        delivery = _FromHistory(callback)
        try:
            decision = self._intake.decide(delivery.envelope)
            if not isinstance(decision, Forward):
                return None
            self._found += 1
            return await self._take(decision, delivery)
        except StoreError:
            raise
        except Exception:
            # The edge of a task: one message that we cannot deal with must not keep the others from being read.
            log.exception("backfill.fault", channel=conversation.id)
            return None

    async def _take(self, forward: Forward, delivery: _FromHistory) -> MessageKey | None:
        key = forward.key
        before = self._presence.formerly(key.installation, key.channel)
        if any(self._receipts.find(replace(key, channel=each)) is not None for each in before):
            # It came when its channel had another id.
            self._known += 1
            return None
        if (written_at(key.ts) or 0.0) >= self._marks.slack_time(self._wall()) - self._max_age_s:
            is_new = await self._intake.take_read(forward, delivery)
            self._forwarded += is_new
        else:
            taken = self._receipts.take(forward, delivery)
            is_new = isinstance(taken, Parcel)
            self._skipped += is_new
            if isinstance(taken, Parcel):
                log.info("backfill.too_old", visitor=forward.user, ts=key.ts)
                await self._receipts.settle(taken, Outcome.TOO_OLD, self._untold(forward))
        self._known += not is_new
        return key

    def _untold(self, forward: Forward) -> SlackEntry:
        """Make the entry by which the writer of a message is told that it came too late for the desk."""
        return untold(
            forward.key,
            user=forward.visitor.user,
            thread_ts=forward.event.thread_ts,
            certainty="surely" if self._marks.was_away(written_at(forward.event.ts) or 0.0) else "possibly",
            reason="too_old",
            at=self._wall(),
        )


def _has_members(conversation: Conversation) -> bool:
    """Tell whether the app comes into it and leaves it; in direct messages and group conversations it always was."""
    return conversation.kind in ("channel", "group")


def _may_change(error: SlackApiError | RemoteProtocolError) -> bool:
    """Tell whether a call that was refused may be taken later: by what an operator does, or another answer."""
    if isinstance(error, SlackApiError):
        # A scope that is missing concerns some conversations only; a new one needs a new installation.
        return error.code != "missing_scope" and isinstance(after(error), Operator)
    return True
