"""
Replies: one batch from kefu to Slack, start to end.

Easemob keeps a batch until it is pulled past, and it is pulled past only when :meth:`Replies.deliver` returns. So this
returns when every message of the batch has ended, and that is on disk: posted, recognised as a repeat, refused by Slack
for good, left alone for a named reason, or set aside. What Slack does not take now is tried again, and the batch waits
with it.

Where the app has left a visitor's workspace or channel, their lane stops: what is on it waits for the way back, in its
order, and is left to Easemob when the login is let go that brought it. Then it comes again.

A message that makes us fail is tried :data:`~slackkefu.bridge.aside.TRIES` times and then set aside, so that those
behind it go on. What is done for one message is in :mod:`slackkefu.bridge.kefu_to_slack.answering`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.aside import TRIES
from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.bridge.kefu_to_slack.answer import Answer
from slackkefu.bridge.kefu_to_slack.ending import Ended, Ending
from slackkefu.bridge.kefu_to_slack.seen import KEEP_S, Seen
from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.remembered import restored_at
from slackkefu.bridge.table import Reason
from slackkefu.easemob.message import IncomingMessage
from slackkefu.easemob.names import ImUser
from slackkefu.errors import LinkClosed, StoreBroken, StoreUnwritable, VisitorUnreachable
from slackkefu.kefu.messages import Ack
from slackkefu.net.backoff import backoff
from slackkefu.store.entries import Answered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from slackkefu.bridge.aside import Aside
    from slackkefu.bridge.kefu_to_slack.agent_notes import AgentNotes
    from slackkefu.bridge.kefu_to_slack.answering import Answering
    from slackkefu.bridge.kefu_to_slack.intents import Intents, Journal
    from slackkefu.bridge.kefu_to_slack.placed import Placed
    from slackkefu.bridge.lanes import LaneStatistics
    from slackkefu.easemob.message import Batch, Meta
    from slackkefu.world import World

__all__ = ["Replies", "ReplyStatistics"]

log = structlog.get_logger()

PER_LANE: Final = 100
"""Messages in hand for one visitor; a batch waits for each of its own, so there is one for every queue in work."""

IN_ALL: Final = 20_000

PATIENCE_S: Final = 10.0
"""How long a lane may take to become empty whose messages were dropped; what comes meanwhile is in it too."""

_UNREADABLE: Final = frozenset({"too_large", "undecodable"})
"""Kinds of metas that may have been an agent's words."""


@dataclass(frozen=True, slots=True)
class ReplyStatistics:
    """How kefu's messages ended, since the start."""

    delivered: int
    """Messages that stand in Slack, every part of them."""
    refused: int
    """Messages that Slack refused for good."""
    set_aside: int
    """Messages that made us fail again and again."""
    recalled: int
    """Messages that were taken back, by an agent's recall."""
    left_standing: int
    """Messages that an agent took back, and that can still be read in Slack."""
    duplicates: int
    """Messages that were recognised as dealt with before."""
    stopped: int
    """Messages that wait on a stopped lane now."""
    ignored: Mapping[str, int]
    """Messages that are not for a reader in Slack, by reason."""


@final
class Replies:
    """
    Delivers what kefu sends, one message at a time for each visitor.

    The lanes belong to nobody's connection: a message in hand goes on when the connection that brought it is lost, and
    the same message brought again by the next one joins it.

    Args:
        service_number: Who alone may speak to a visitor.
        answering: Acts on each message.
        notes: Tells an agent whose answer did not arrive.
        aside: Where a message goes that makes us fail.
        journal: Where it is written down that a message has ended.
        intents: Told of it too; knows until then where its posts stand.
        placed: Knows it afterwards.
        on_ack: Told of each message that kefu confirms, with the visitor and the message's ``msg_id_for_ack``.
        why_not: Why a visitor cannot be reached; None where they can. Who changes that calls :meth:`look_again`.
        world: Wall clock and chance.

    """

    def __init__(
        self,
        *,
        service_number: ImUser,
        answering: Answering,
        notes: AgentNotes,
        aside: Aside,
        journal: Journal,
        intents: Intents,
        placed: Placed,
        on_ack: Callable[[ImUser, str], None],
        why_not: Callable[[ImUser], str | None] = lambda _: None,
        world: World,
    ) -> None:
        self._service_number = service_number
        self._answering = answering
        self._notes = notes
        self._aside = aside
        self._journal = journal
        self._intents = intents
        self._placed = placed
        self._on_ack = on_ack
        self._why_not = why_not
        # Set, and replaced, when something may have changed for those whose lane is stopped.
        self._news = trio.Event()
        self._stopped = 0
        self._world = world
        self._trouble = DiskTrouble("store.unwritable", meaning="the answers after it wait")
        self._seen = Seen()
        self._lanes: Lanes[ImUser, Answer] = Lanes(self._work, per_lane=PER_LANE, in_all=IN_ALL)
        self._in_hand: dict[tuple[ImUser, str], Answer] = {}
        # Of what is in work, by visitor.
        self._scopes: dict[ImUser, trio.CancelScope] = {}
        self._closed = False
        self._in_work = 0
        self._idle = trio.Event()
        self._endings = dict.fromkeys(Ending, 0)
        self._duplicates = 0
        self._ignored: dict[str, int] = {}

    def restore(self, entries: Iterable[object]) -> None:
        """Take over which messages have ended before."""
        known = [*entries]
        self._intents.restore(known)
        self._answering.restore(known)
        wall, now = self._world.wall(), trio.current_time()
        for entry in known:
            if isinstance(entry, Answered):
                at = restored_at(entry.at, wall=wall, now=now, keep_s=KEEP_S)
                self._seen.note(ImUser(entry.user), entry.meta_id, entry.msg_id, now=at)
                self._placed.note(entry.user, entry.msg_id, entry.posts, now=at)

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
            answers = [self._read(user, meta) for meta in batch.metas]
            self._hand_on_confirmations(user, answers)
            batch.looked_through()
            is_left = not all([await self._until_ended(user, answer) for answer in answers if answer is not None])
        finally:
            self._in_work -= 1
            if not self._in_work:
                self._idle.set()
        if is_left:
            # As above.
            await trio.sleep_forever()

    def look_again(self) -> None:
        """Know that somebody may be reached again, or not any more."""
        self._news.set()
        self._news = trio.Event()

    async def finish(self) -> None:
        """Wait until no batch is in work and nothing in hand; no batch is begun any more, it stays at Easemob."""
        self._closed = True
        self.look_again()
        while self._in_work:
            self._idle = trio.Event()
            await self._idle.wait()
        # What lost its batch to a lost connection is still being posted.
        await self._lanes.drained()

    def statistics(self) -> ReplyStatistics:
        """Count."""
        return ReplyStatistics(
            delivered=self._endings[Ending.POSTED],
            refused=self._endings[Ending.REFUSED],
            set_aside=self._endings[Ending.ASIDE],
            recalled=self._endings[Ending.TOOK_BACK],
            left_standing=self._endings[Ending.LEFT_STANDING],
            duplicates=self._duplicates,
            stopped=self._stopped,
            ignored=dict(self._ignored),
        )

    def lanes(self) -> LaneStatistics:
        """Tell what lies in the lanes now."""
        return self._lanes.statistics()

    # Whoever is forgotten.

    def is_busy(self, user: ImUser) -> bool:
        """Tell whether something for *user* is in hand."""
        return user in self._lanes

    def in_hand(self, user: ImUser) -> int:
        """Count what is in hand for *user*."""
        return sum(whose == user for whose, _ in self._in_hand)

    async def forget(self, user: ImUser) -> int:
        """
        Drop what is in hand for *user*, and know nothing of them any more; return how much it was.

        A post that is being made at this moment may stand in Slack.
        """
        dropped = [answer for (whose, _), answer in self._in_hand.items() if whose == user]
        for answer in dropped:
            answer.is_dropped = True
        if user in self._scopes:
            self._scopes[user].cancel()
        with trio.move_on_after(PATIENCE_S):
            await self._lanes.emptied(user)
        for answer in dropped:
            # By its hash: should it come once more, it is a repeat.
            self._seen.note(user, answer.meta.meta_id, answer.msg_id, now=trio.current_time())
        self._intents.forget(user)
        self._placed.forget(user)
        return len(dropped)

    # A batch.

    def _read(self, user: ImUser, meta: Meta) -> Answer | None:
        """Read a message; None when it is none."""
        if isinstance(meta, IncomingMessage):
            return Answer(meta, service_number=self._service_number)
        self._ignored[meta.kind] = self._ignored.get(meta.kind, 0) + 1
        if meta.kind in _UNREADABLE:
            log.warning("kefu.unreadable", visitor=user, kind=meta.kind, meaning="if it was an answer, it is lost")
        else:
            log.debug("kefu.ignored", visitor=user, reason=meta.kind)
        return None

    def _hand_on_confirmations(self, user: ImUser, answers: Iterable[Answer | None]) -> None:
        """Hand on at once what confirms messages of ours: it must not wait behind words that Slack does not take."""
        for answer in answers:
            if answer is not None and isinstance(answer.message, Ack) and not self._knows(user, answer):
                self._on_ack(user, answer.message.of)

    async def _until_ended(self, user: ImUser, answer: Answer) -> bool:
        """Wait until a message has ended; False when it is left to Easemob."""
        taken = self._take(user, answer)
        taken.wanted += 1
        try:
            await taken.ended.wait()
        finally:
            taken.wanted -= 1
            if not taken.wanted and not taken.ended.is_set():
                self.look_again()
        return not taken.is_left

    def _take(self, user: ImUser, answer: Answer) -> Answer:
        """Put a message on its lane, or return the same one that is in hand already."""
        known = self._in_hand.get((user, answer.identity))
        if known is not None:
            return known
        if not self._lanes.put(user, answer):
            raise LinkClosed("Slack", "too many answers are in hand")
        self._in_hand[user, answer.identity] = answer
        return answer

    def _knows(self, user: ImUser, answer: Answer) -> bool:
        # A message that comes again to say that it was recalled may have the Meta.id that it had.
        return self._seen.knows(user, None if answer.recalls else answer.meta.meta_id, answer.msg_id)

    # The work of a lane.

    async def _work(self, user: ImUser, answer: Answer) -> None:
        """Bring one message to its end."""
        if self._knows(user, answer):
            self._duplicates += 1
            log.info("kefu.ignored", visitor=user, reason=Reason.DUPLICATE.value)
        elif not answer.is_dropped:
            with trio.CancelScope() as self._scopes[user]:
                ended = await self._bring_over(user, answer)
                if ended is None:
                    answer.is_left = True
                else:
                    await self._write_down(user, answer, ended)
                    self._know_ended(user, answer, ended)
            del self._scopes[user]
        del self._in_hand[user, answer.identity]
        answer.ended.set()

    async def _is_reached(self, user: ImUser, answer: Answer) -> bool:
        """Wait until a visitor can be reached; False when nobody waits for that, and the message is at Easemob."""
        if self._why_not(user) is None:
            return True
        self._stopped += 1
        try:
            while self._why_not(user) is not None:
                if self._closed or not answer.wanted:
                    return False
                await self._news.wait()
        finally:
            self._stopped -= 1
        return True

    async def _bring_over(self, user: ImUser, answer: Answer) -> Ended | None:
        """Deal with one message, a few times if it makes us fail; None when it is left to Easemob."""
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=4.0)
        tries = 0
        while await self._is_reached(user, answer):
            tries += 1
            try:
                at = answer.meta.timestamp_ms / 1000
                return await self._answering.act(user, answer.read(), identity=answer.identity, at=at)
            except StoreBroken:
                raise
            except VisitorUnreachable as exc:
                # What of it stands there is known, and is not posted again.
                self._intents.interrupted(user, answer.identity)
                log.debug("lane.unreachable", visitor=user, reason=exc.reason)
                tries -= 1
                continue
            except Exception as exc:
                # The edge of a lane: one message that we cannot deal with must not hold up the visitor's next ones.
                self._intents.interrupted(user, answer.identity)
                meaning = "tried again" if tries < TRIES else "set aside; this answer is not in Slack"
                log.exception("lane.fault", visitor=user, meta_id=answer.meta.meta_id, meaning=meaning)
                reason = type(exc).__name__
            if tries == TRIES:
                await self._set_aside(user, answer, reason)
                return Ended(Ending.ASIDE, reason)
            await trio.sleep(next(pauses))
        return None

    async def _set_aside(self, user: ImUser, answer: Answer, reason: str) -> None:
        key, content = _aside_key(user, answer), answer.content()
        await self._until_written(user, lambda: self._aside.put("to_slack", user, key, reason=reason, content=content))

    async def _write_down(self, user: ImUser, answer: Answer, ended: Ended) -> None:
        """Write that a message has ended, before its batch is pulled past."""
        entry = Answered(
            user=user,
            meta_id=answer.meta.meta_id,
            msg_id=answer.msg_id,
            outcome=ended.how.value,
            posts=self._intents.standing(user, answer.identity),
            recalls=answer.recalls,
            at=self._world.wall(),
        )
        await self._until_written(user, lambda: self._journal.append(entry))

    async def _until_written(self, user: ImUser, write: Callable[[], Awaitable[None]]) -> None:
        """Write; until the disk takes it the batch waits, and Easemob keeps it."""
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=30.0)
        while True:
            try:
                await write()
            except StoreUnwritable as exc:
                self._trouble.refused(exc, visitor=user)
                await trio.sleep(next(pauses))
            else:
                self._trouble.taken()
                return

    def _know_ended(self, user: ImUser, answer: Answer, ended: Ended) -> None:
        """Recognise a message from now on, count how it ended, and tell an agent whose answer it was in vain."""
        now = trio.current_time()
        self._seen.note(user, answer.meta.meta_id, answer.msg_id, now=now)
        self._placed.note(user, answer.msg_id, self._intents.standing(user, answer.identity), now=now)
        self._intents.ended(user, answer.identity)
        self._endings[ended.how] += 1
        if ended.how is not Ending.ASIDE:
            # The run before may have set it aside, and died before that was its end.
            self._aside.take_back(_aside_key(user, answer))
        if ended.how is Ending.IGNORED:
            self._ignored[ended.reason] = self._ignored.get(ended.reason, 0) + 1
        if ended.how in (Ending.REFUSED, Ending.ASIDE) and answer.message is not None:
            self._notes.did_not_arrive(user, answer.message, ended.reason)


def _aside_key(user: ImUser, answer: Answer) -> str:
    """Return what an answer is known by where it is set aside."""
    return f"{user}/{answer.identity}"
