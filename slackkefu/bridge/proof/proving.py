"""
Proving: sees to it that messages come to the desk, and not only to Easemob.

What is judged, and when, :mod:`slackkefu.bridge.proof.proof` decides; here it is carried out. One alarm serves all
visitors. When somebody's message is due, Easemob is asked once more what waits there, for a notice may have been lost,
and only when nothing does is it sent again. That is done in lanes of its own, one for each installation, since they
have Slack's budget for reading in common: nothing here delays a new message.

What a message leaves on disk is written with its end, ids only; that it was confirmed is written together with what is
written next, or by itself a little later.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, final

import structlog
import trio

from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.proof.awaited import Conclusion, Origin, concluded
from slackkefu.bridge.proof.proof import IN_ALL, PROOF_S, Way
from slackkefu.bridge.proof.rereading import Missing
from slackkefu.bridge.slack_to_kefu.cargo import Cargo
from slackkefu.bridge.slack_to_kefu.custody import Outcome
from slackkefu.bridge.slack_to_kefu.telling import untold
from slackkefu.easemob.agenda import Alarm
from slackkefu.easemob.recovery import GiveUp, after_send
from slackkefu.errors import SlackkefuError, StoreBroken, StoreUnwritable
from slackkefu.kefu.outgoing import kind_of, mark_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from slackkefu.bridge.proof.proof import Due, Proof, ProofStatistics
    from slackkefu.bridge.proof.rereading import Reread
    from slackkefu.bridge.slack_to_kefu.custody import MessageKey
    from slackkefu.bridge.slack_to_kefu.receipts import Journal
    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.bridge.slack_to_kefu.to_kefu import Part
    from slackkefu.easemob.message import OutgoingMessage
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.installation import InstallationKey
    from slackkefu.store.entries import SlackEntry, Untold

__all__ = ["Proving", "Send", "marks_of"]

log = structlog.get_logger()

SEND_S: Final = 20.0
"""How long one part may take: its session was up a moment ago, and an acknowledgement that comes takes less."""

WRITE_S: Final = 10.0
"""How long it takes at most until what was confirmed is on disk; a crash before costs one message sent again."""

Send: TypeAlias = "Callable[[ImUser, OutgoingMessage], Awaitable[object]]"
"""Sends a part as a visitor; returns when it was accepted, and raises an error of ours."""


class Sessions(Protocol):
    """What has to be known of sessions; the part of :class:`slackkefu.easemob.pool.Pool`."""

    def drained_since(self, user: ImUser) -> float | None:
        """Return since when the session is up and keeps up; None while something waits."""
        ...

    def ask(self, user: ImUser) -> None:
        """Make sure that nothing waits."""
        ...

    def set_awaits(self, user: ImUser, awaits: bool) -> None:  # noqa: FBT001 - the pool's own
        """Keep the session while the desk has to confirm something."""
        ...


class Reader(Protocol):
    """Reads messages again; :class:`slackkefu.bridge.proof.rereading.Rereading` is the real one."""

    async def read(self, origin: Origin, marks: frozenset[str]) -> Reread:
        """Return the parts of a message that have these marks, or why not."""
        ...


@final
class Proving:
    """
    Sends again what the desk does not confirm.

    Args:
        proof: What is judged, and when.
        sessions: The visitors' sessions.
        reader: Reads messages in Slack again.
        send: The way that messages go.
        second: The second channel, where there is one.
        tell: Has a writer told, by an entry that is on disk.
        take_back: Has that taken back, for the message has arrived.
        journal: Where it is written down what is waited for.
        wall: Wall clock, seconds.

    """

    def __init__(
        self,
        *,
        proof: Proof,
        sessions: Sessions,
        reader: Reader,
        send: Send,
        second: Send | None = None,
        tell: Callable[[SlackEntry], None],
        take_back: Callable[[Untold], None],
        journal: Journal,
        wall: Callable[[], float],
    ) -> None:
        self._proof = proof
        self._sessions = sessions
        self._reader = reader
        self._ways = {Way.AGAIN: send} if second is None else {Way.AGAIN: send, Way.SECOND: second}
        self._tell = tell
        self._take_back = take_back
        self._journal = journal
        self._wall = wall
        self._trouble = DiskTrouble("store.unwritable", meaning="after a restart some messages are sent again")
        self._untold_trouble = DiskTrouble("store.unwritable", meaning="nobody is told now that a message may be lost")
        self._looks: Alarm[ImUser] = Alarm()
        # When Easemob was asked what waits for a visitor, until that is used.
        self._asked: dict[ImUser, float] = {}
        self._in_work: set[ImUser] = set()
        # A visitor lies in a lane once, with all that is due, so these bounds are never met.
        self._lanes: Lanes[InstallationKey, tuple[ImUser, list[Due]]] = Lanes(self._act, per_lane=IN_ALL, in_all=IN_ALL)
        self._concluded = trio.Event()

    def statistics(self) -> ProofStatistics:
        """Count."""
        return self._proof.statistics()

    def restore(self, entries: Iterable[object]) -> None:
        """Take over what the run before was waiting for."""
        self._proof.restore(entries, now=trio.current_time(), wall=self._wall())
        self._note_all()

    # On the way to the desk.

    def sending(self, forward: Forward, marks: Mapping[str, str]) -> None:
        """Know that the parts of a message are about to be sent; *marks* are :func:`marks_of` them."""
        self._proof.expect(Origin.of(forward), marks, trio.current_time())
        self._note(forward.user)

    def turned(self, key: MessageKey, mark: str, kind: str) -> None:
        """Know that a part is sent as another kind of body after all: a line in a file's place."""
        self._proof.turned(key, mark, kind)

    def ended(self, user: ImUser, key: MessageKey, outcome: Outcome) -> Sequence[SlackEntry]:
        """
        Know how a message ended.

        Returns:
            What has to be on disk together with that.

        """
        if outcome is not Outcome.DELIVERED:
            self.dropped(user, key)
            return ()
        awaiting = self._proof.accepted(key, trio.current_time(), wall=self._wall())
        self._note(user)
        self._look(user)
        over = self._proof.take_concluded(wall=self._wall())
        return over if awaiting is None else (*over, awaiting)

    def dropped(self, user: ImUser, key: MessageKey) -> None:
        """Know that a message was not brought over."""
        self._proof.drop(key)
        self._note(user)

    def awaits(self, user: ImUser) -> bool:
        """Tell whether the desk has to confirm something of *user*'s, or that is being looked into."""
        return user in self._in_work or self._proof.awaits(user)

    def forget(self, user: ImUser) -> None:
        """Know nothing of *user* any more."""
        self._proof.forget(user)
        self._asked.pop(user, None)
        self._looks.drop(user)
        self._note(user)

    # From the desk.

    def on_ack(self, user: ImUser, mark: str) -> None:
        """Take a confirmation."""
        if self._proof.confirm(user, mark, trio.current_time()):
            log.info("proof.learnt", meaning="the desk confirms messages; those it does not confirm are sent again")
            self._note_all()
        else:
            self._note(user)
        for origin in self._proof.take_arrived():
            log.info("proof.arrived", visitor=user, ts=origin.key.ts, meaning="confirmed after its writer was told")
            self._take_back(self._untold(origin, "arrived"))
        self._wake_writer()

    def on_drained(self, user: ImUser) -> None:
        """Take note that nothing waits for *user* at Easemob."""
        self._look(user)

    # Looking, and what comes of it.

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look at whoever is due, until cancelled; a cancellation leaves on disk what is waited for."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._lanes.run)
            nursery.start_soon(self._write_by_and_by)
            task_status.started()
            while True:
                for user in await self._looks.due():
                    due = self._judge(user)
                    if due:
                        self._lanes.put(due[0].origin.key.installation, (user, due))

    async def flush(self) -> None:
        """Write down what has come to an end; where the disk does not take it, it is kept for later."""
        entries = self._proof.take_concluded(wall=self._wall())
        try:
            if entries:
                await self._journal.append(*entries)
        except StoreUnwritable as exc:
            self._proof.give_back(entries)
            self._wake_writer()
            self._trouble.refused(exc)
        else:
            self._trouble.taken()

    def _note(self, user: ImUser) -> None:
        """Keep *user*'s session for as long as something has to be confirmed."""
        self._sessions.set_awaits(user, self._proof.awaits(user))

    def _note_all(self) -> None:
        for user in self._proof.visitors():
            self._note(user)
            self._look(user)

    def _look(self, user: ImUser) -> None:
        """Have *user* looked at, now where that matters; what is due comes later with time, never earlier."""
        if user in self._asked or (user not in self._looks and self._proof.awaits(user)):
            self._looks.put(user, trio.current_time())

    def _wake_writer(self) -> None:
        if self._proof.has_concluded:
            self._concluded.set()

    def _judge(self, user: ImUser) -> list[Due]:
        """Return what has to be done about *user*'s messages now, or see to it that this is looked at again."""
        now, since = trio.current_time(), self._sessions.drained_since(user)
        if since is None or user in self._in_work:
            # Whoever ends that calls again.
            return []
        at = self._proof.next_at(user, since=since)
        asked_at = self._asked.pop(user, -math.inf)
        if asked_at >= at:
            self._in_work.add(user)
            return self._proof.due(user, asked_at, since=since)
        if at > now:
            if at < math.inf:
                self._looks.put(user, at)
            return []
        self._asked[user] = now
        self._sessions.ask(user)
        return []

    async def _act(self, _: InstallationKey, piece: tuple[ImUser, list[Due]]) -> None:
        """Do what is due, one message after the other; the work of a lane."""
        user, due = piece
        for each in due:
            await self._act_on(each)
        self._in_work.discard(user)
        self._note(user)
        self._look(user)
        self._wake_writer()

    async def _act_on(self, due: Due) -> None:
        key = due.origin.key
        if not self._proof.marks(key):
            return  # confirmed while others were dealt with
        try:
            if due.way is Way.TELL:
                await self._have_told(due.origin, "not_confirmed")
                self._untold_trouble.taken()
            else:
                await self._send_again(due)
        except StoreBroken:
            raise
        except StoreUnwritable as exc:
            self._untold_trouble.refused(exc)
            self._proof.put_off(key, until=trio.current_time() + PROOF_S)
        except Exception:
            # The edge of a lane: one message that we cannot deal with must not hold up the others.
            log.exception("proof.fault", visitor=due.origin.visitor, ts=key.ts, meaning="tried again a few times")
            self._proof.failed(key, until=trio.current_time() + PROOF_S)

    async def _send_again(self, due: Due) -> None:
        origin, key = due.origin, due.origin.key
        found = await self._reader.read(origin, due.marks)
        if self._sessions.drained_since(origin.visitor) is None:
            return  # reading may take long, and something has come meanwhile: it is judged anew
        if found is Missing.GONE:
            log.info("proof.gone", visitor=origin.visitor, ts=key.ts, meaning="deleted in Slack; not sent again")
            self._proof.gone(key)
        elif isinstance(found, Missing):
            await self._have_told(origin, found.name.lower())
        else:
            await self._send_parts(due, found)

    async def _send_parts(self, due: Due, parts: Iterable[OutgoingMessage]) -> None:
        """Send the parts again that are still not confirmed."""
        origin, key, now = due.origin, due.origin.key, trio.current_time
        send = self._ways[due.way]
        for part in parts:
            if mark_of(part) not in self._proof.marks(key):
                continue
            self._proof.turned(key, mark_of(part), kind_of(part))
            log.warning("proof.again", visitor=origin.visitor, ts=key.ts, way=due.way.value, meaning="not confirmed")
            try:
                with trio.fail_after(SEND_S):
                    await send(origin.visitor, part)
            except trio.TooSlowError:
                self._proof.failed(key, until=now() + PROOF_S)
                return
            except SlackkefuError as error:
                step = after_send(error)
                if isinstance(step, GiveUp):
                    await self._have_told(origin, step.reason)
                else:
                    self._proof.failed(key, until=now() + max(step.after_s, PROOF_S))
                return
        self._proof.went(key, now())

    async def _have_told(self, origin: Origin, reason: str) -> None:
        """Have the writer told, and wait no more; raises StoreUnwritable."""
        entry = self._untold(origin, reason)
        await self._journal.append(entry, concluded(origin.key, Conclusion.TOLD, at=entry.at))
        log.warning(
            "proof.none", visitor=origin.visitor, ts=origin.key.ts, reason=reason, meaning="possibly not at the desk"
        )
        self._tell(entry)
        for kind in self._proof.told(origin.key):
            log.warning(
                "proof.in_doubt", kind=kind, meaning="the desk confirms nothing any more; nothing is sent again"
            )

    def _untold(self, origin: Origin, reason: str) -> Untold:
        return untold(
            origin.key,
            user=origin.writer,
            thread_ts=origin.thread_ts,
            certainty="possibly",
            reason=reason,
            at=self._wall(),
        )

    async def _write_by_and_by(self) -> None:
        while True:
            await self._concluded.wait()
            await trio.sleep(WRITE_S)
            self._concluded = trio.Event()
            await self.flush()


def marks_of(parts: Iterable[Part]) -> dict[str, str]:
    """Return the mark of each part of a message, and the kind of its body; of a file, what it will most likely be."""
    return {mark_of(part): part.kind if isinstance(part, Cargo) else kind_of(part) for part in parts}
