"""
Replies: one batch from kefu to Slack, start to end.

Easemob keeps a batch until it is pulled past, and it is pulled past only when :meth:`Replies.deliver` returns. So this
returns when every message of the batch has ended: posted, recognised as a repeat, or left alone for a named reason.
What Slack does not take now is tried again, and the batch waits with it; what Slack refuses for good is logged.

Nothing here ever answers kefu: a receipt, an event or a closing text that were answered could open a new service
session, and that a new closing text (facts/kefu.md §7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.book import closed, opened
from slackkefu.bridge.seen import Seen
from slackkefu.bridge.table import KEFU, Reason, Rule
from slackkefu.bridge.to_slack import posts
from slackkefu.bridge.turns import Turns
from slackkefu.easemob.message import IncomingMessage
from slackkefu.kefu.incoming import read
from slackkefu.kefu.messages import Event, Nothing
from slackkefu.kefu.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.open_sessions import OpenSessions
    from slackkefu.bridge.posting import Posting
    from slackkefu.easemob.message import Batch, Meta
    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.messages import KefuMessage

__all__ = ["Replies"]

log = structlog.get_logger()

_UNREADABLE: Final = frozenset({"too_large", "undecodable"})
"""Kinds of metas that may have been an agent's words."""


@final
class Replies:
    """
    Delivers what kefu sends, one message at a time for each visitor.

    Args:
        service_number: Who alone may speak to a visitor.
        book: The visitors' records.
        posting: Posts to Slack.
        sessions: Told of every sign of a service session.
        wall: Wall clock, seconds.

    """

    def __init__(
        self,
        *,
        service_number: ImUser,
        book: Book,
        posting: Posting,
        sessions: OpenSessions,
        wall: Callable[[], float],
    ) -> None:
        self._service_number = service_number
        self._book = book
        self._posting = posting
        self._sessions = sessions
        self._wall = wall
        self._seen = Seen()
        self._turns: Turns[ImUser] = Turns()
        self._closed = False
        self._in_work = 0
        self._idle = trio.Event()

    async def deliver(self, user: ImUser, batch: Batch) -> None:
        """
        Deliver one batch; returns when it may be pulled past.

        A cancellation leaves the batch unacknowledged: it comes again at the next login, and what Slack had taken of it
        is recognised while this process lives. A post whose answer was on its way is made twice.
        """
        if self._closed:
            # Never acknowledged, so it stays at Easemob; whoever stops us cancels this.
            await trio.sleep_forever()
        self._in_work += 1
        try:
            async with self._turns.of(user):
                for meta in batch.metas:
                    await self._deliver(user, meta)
        finally:
            self._in_work -= 1
            if not self._in_work:
                self._idle.set()

    async def finish(self) -> None:
        """Wait until no batch is in work; none is begun any more, what comes now stays at Easemob."""
        self._closed = True
        while self._in_work:
            self._idle = trio.Event()
            await self._idle.wait()

    async def _deliver(self, user: ImUser, meta: Meta) -> None:
        if not isinstance(meta, IncomingMessage):
            if meta.kind in _UNREADABLE:
                log.warning("kefu.unreadable", visitor=user, kind=meta.kind, meaning="if it was an answer, it is lost")
            else:
                log.debug("kefu.ignored", visitor=user, reason=meta.kind)
            return
        try:
            message = read(meta, service_number=self._service_number)
            if self._seen.knows(user, meta.meta_id, message.msg_id):
                log.info("kefu.ignored", visitor=user, reason=Reason.DUPLICATE.value)
                return
            await self._act_on(user, meta, message)
        except Exception:
            # The edge of a lane: one message that we cannot deal with must not hold up the visitor's next ones.
            log.exception("lane.fault", visitor=user, meta_id=meta.meta_id, meaning="this answer is not in Slack")
            return
        self._seen.note(user, meta.meta_id, message.msg_id)

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
        is open; only the closing event says that it is over. A rating or news of a ticket may come after that, and
        open nothing.
        """
        record = self._book.get(user)
        if record is None:
            return
        if isinstance(message, Event) and message.name == "closed":
            self._book.remember(closed(record))
            self._sessions.closed(user)
        elif message.service_session_id and message.kind not in ("rating", "ticket-notice"):
            self._book.remember(opened(record, message.service_session_id, now=self._wall()))
            self._sessions.heard(user)
        await self._book.write(user)
