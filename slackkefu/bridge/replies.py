"""
Replies: one batch from kefu to Slack, start to end.

Easemob keeps a batch until it is pulled past, and it is pulled past only when :meth:`Replies.deliver` returns. So this
returns when every message of the batch has ended: posted, recognised as a repeat, or left alone for a named reason.
What Slack does not take now is tried again, and the batch waits with it; what Slack refuses for good is logged.

Nothing here ever answers kefu: a receipt, an event or a closing text that were answered could open a new service
session, and that a new closing text (facts/kefu.md §7).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.book import closed, opened
from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.seen import Seen
from slackkefu.bridge.table import KEFU, Reason, Rule
from slackkefu.bridge.to_slack import posts
from slackkefu.easemob.message import IncomingMessage
from slackkefu.easemob.names import ImUser
from slackkefu.errors import LinkClosed, StoreBroken, StoreUnwritable
from slackkefu.kefu.incoming import read
from slackkefu.kefu.messages import Ack, Event, Nothing
from slackkefu.kefu.text import plain
from slackkefu.net.backoff import backoff
from slackkefu.store.entries import Answered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.intents import Intents, Journal
    from slackkefu.bridge.lanes import LaneStatistics
    from slackkefu.bridge.open_sessions import OpenSessions
    from slackkefu.bridge.posting import Posting
    from slackkefu.easemob.message import Batch, Meta
    from slackkefu.kefu.messages import KefuMessage
    from slackkefu.store.visitors import VisitorRecord
    from slackkefu.world import World

__all__ = ["Replies"]

log = structlog.get_logger()

PER_LANE: Final = 100
"""Messages in hand for one visitor; a batch waits for each of its own, so there is one for every queue in work."""

IN_ALL: Final = 20_000

_AFTERWARDS: Final = frozenset({"rating", "ticket-notice"})
"""Kinds of messages that may come when the service session is over (facts/kefu.md §2.3, §2.6)."""

_UNREADABLE: Final = frozenset({"too_large", "undecodable"})
"""Kinds of metas that may have been an agent's words."""


@dataclass(slots=True)
class _Answer:
    """A message of kefu's in our hands, until it has ended."""

    meta: IncomingMessage
    message: KefuMessage
    ended: trio.Event = field(default_factory=trio.Event)


@final
class Replies:
    """
    Delivers what kefu sends, one message at a time for each visitor.

    The lanes belong to nobody's connection: a message in hand goes on when the connection that brought it is lost, and
    the same message brought again by the next one joins it.

    Args:
        service_number: Who alone may speak to a visitor.
        book: The visitors' records.
        posting: Posts to Slack.
        sessions: Told of every sign of a service session.
        journal: Where it is written down that a message has ended.
        intents: Told of it too.
        on_ack: Told of each message that kefu confirms, with the visitor and the message's ``msg_id_for_ack``.
        world: Wall clock and chance.

    """

    def __init__(
        self,
        *,
        service_number: ImUser,
        book: Book,
        posting: Posting,
        sessions: OpenSessions,
        journal: Journal,
        intents: Intents,
        on_ack: Callable[[ImUser, str], None],
        world: World,
    ) -> None:
        self._service_number = service_number
        self._book = book
        self._posting = posting
        self._sessions = sessions
        self._journal = journal
        self._intents = intents
        self._on_ack = on_ack
        self._world = world
        self._seen = Seen()
        self._lanes: Lanes[ImUser, _Answer] = Lanes(self._work, per_lane=PER_LANE, in_all=IN_ALL)
        self._in_hand: dict[tuple[ImUser, int], _Answer] = {}
        self._closed = False
        self._in_work = 0
        self._idle = trio.Event()

    def restore(self, entries: Iterable[object]) -> None:
        """Take over which messages have ended before."""
        known = [*entries]
        self._intents.restore(known)
        for entry in known:
            if isinstance(entry, Answered):
                self._seen.note(ImUser(entry.user), entry.meta_id, entry.msg_id)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until cancelled; a cancellation leaves what is in hand unacknowledged."""
        await self._lanes.run(task_status=task_status)

    async def deliver(self, user: ImUser, batch: Batch) -> None:
        """
        Deliver one batch; returns when it may be pulled past.

        A cancellation leaves the batch unacknowledged: it comes again with the next login. The message in hand goes
        on, and like those before it is recognised then, while this process lives.

        Raises:
            LinkClosed: So much is in hand that no more is taken; the batch comes again later.

        """
        if self._closed:
            # Never acknowledged, so it stays at Easemob; whoever stops us cancels this.
            await trio.sleep_forever()
        self._in_work += 1
        try:
            for meta in batch.metas:
                answer = self._take(user, meta)
                if answer is not None:
                    await answer.ended.wait()
        finally:
            self._in_work -= 1
            if not self._in_work:
                self._idle.set()

    async def finish(self) -> None:
        """Wait until no batch is in work and nothing in hand; no batch is begun any more, it stays at Easemob."""
        self._closed = True
        while self._in_work:
            self._idle = trio.Event()
            await self._idle.wait()
        # What lost its batch to a lost connection is still being posted.
        await self._lanes.drained()

    def statistics(self) -> LaneStatistics:
        """Tell what lies in the lanes now."""
        return self._lanes.statistics()

    def _take(self, user: ImUser, meta: Meta) -> _Answer | None:
        """Put a message on its lane; None when there is nothing to wait for."""
        if not isinstance(meta, IncomingMessage):
            if meta.kind in _UNREADABLE:
                log.warning("kefu.unreadable", visitor=user, kind=meta.kind, meaning="if it was an answer, it is lost")
            else:
                log.debug("kefu.ignored", visitor=user, reason=meta.kind)
            return None
        known = self._in_hand.get((user, meta.meta_id))
        if known is not None:
            return known
        try:
            answer = _Answer(meta, read(meta, service_number=self._service_number))
        except Exception:
            log.exception("lane.fault", visitor=user, meta_id=meta.meta_id, meaning="this answer is not in Slack")
            return None
        if not self._lanes.put(user, answer):
            raise LinkClosed("Slack", "too many answers are in hand")
        self._in_hand[user, meta.meta_id] = answer
        return answer

    async def _work(self, user: ImUser, answer: _Answer) -> None:
        """Bring one message to its end; the work of a kefu → Slack lane."""
        meta, message = answer.meta, answer.message
        if self._seen.knows(user, meta.meta_id, message.msg_id):
            log.info("kefu.ignored", visitor=user, reason=Reason.DUPLICATE.value)
        else:
            await self._bring_over(user, meta, message)
        del self._in_hand[user, meta.meta_id]
        answer.ended.set()

    async def _bring_over(self, user: ImUser, meta: IncomingMessage, message: KefuMessage) -> None:
        """Deal with one message, and write that it has ended."""
        try:
            await self._act_on(user, meta, message)
        except StoreBroken:
            raise
        except Exception:
            # The edge of a lane: one message that we cannot deal with must not hold up the visitor's next ones.
            log.exception("lane.fault", visitor=user, meta_id=meta.meta_id, meaning="this answer is not in Slack")
            return
        await self._write_down(user, meta, message)
        self._seen.note(user, meta.meta_id, message.msg_id)
        self._intents.ended(user, message.msg_id or str(meta.meta_id))

    async def _write_down(self, user: ImUser, meta: IncomingMessage, message: KefuMessage) -> None:
        """Write that a message has ended; until the disk takes it the batch waits, and Easemob keeps it."""
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=30.0)
        now = self._world.wall()
        entry = Answered(user=user, meta_id=meta.meta_id, msg_id=message.msg_id or "", outcome="ended", at=now)
        while True:
            try:
                await self._journal.append(entry)
            except StoreUnwritable as exc:
                log.error("store.unwritable", problem=str(exc), visitor=user, meaning="the answers after it wait")  # noqa: TRY400 - for an operator, no traceback
                await trio.sleep(next(pauses))
            else:
                return

    async def _act_on(self, user: ImUser, meta: IncomingMessage, message: KefuMessage) -> None:
        identity = message.msg_id or str(meta.meta_id)
        match KEFU[message.kind]:
            case Rule.FORWARD:
                await self._note_session(user, message)
                await self._posting.post(user, lambda place: posts(message.plain, place=place, identity=identity))
            case Rule.SERVICE_SESSION if isinstance(message, Event):
                await self._note_session(user, message)
                # Its own words, if kefu put any there; what it means is not posted as words of ours.
                words = plain(message.spans)
                if words.strip():
                    await self._posting.post(user, lambda place: posts(words, place=place, identity=identity))
            case Rule.PROOF if isinstance(message, Ack):
                self._on_ack(user, message.of)
            case Rule.RECALL:
                log.info("kefu.ignored", visitor=user, reason=Reason.RECALL_NOT_CARRIED.value)
            case _ if isinstance(message, Nothing):
                log.info("kefu.ignored", visitor=user, reason=message.reason)
            case _:
                log.debug("kefu.ignored", visitor=user, reason=message.kind)

    async def _note_session(self, user: ImUser, message: KefuMessage) -> None:
        """
        Keep track of the service session.

        Events may be missing, a paid feature (facts/kefu.md §2.3), so any message that names its session says that it
        is open; only the closing event says that it is over. A farewell, a rating or news of a ticket may come after
        that, and open nothing.
        """
        record = self._book.get(user)
        if record is None:
            return
        if isinstance(message, Event) and message.name == "closed":
            record = closed(record, message.service_session_id)
            self._book.remember(record)
            if record.open_session is None:
                self._sessions.closed(user)
        elif _says_open(message, record):
            self._book.remember(opened(record, message.service_session_id or "", now=self._world.wall()))
            self._sessions.heard(user)
        await self._book.write(user)


def _says_open(message: KefuMessage, record: VisitorRecord) -> bool:
    """Tell whether a message means that its service session is open."""
    session = message.service_session_id
    return bool(session) and session not in record.closed_sessions and message.kind not in _AFTERWARDS
