"""
Intake: what happens to an envelope the moment it arrives.

Everything is decided at once. What is not for the desk is acknowledged and its reason logged; what the bridge itself
acts on is acknowledged and handed on; a person's words go to their visitor's lane, and their envelope waits for the
outcome (:mod:`slackkefu.bridge.slack_to_kefu.receipts`). A repeat joins the message in hand, so repeats never double.
What a person changes is taken back where it has not left us (:mod:`slackkefu.bridge.slack_to_kefu.changes`), and else
goes to the desk as a correction, on the same lane. What they do otherwise goes to :mod:`slackkefu.bridge.deeds`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.book import listens, wrote
from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.open_menus import answered, typed
from slackkefu.bridge.slack_to_kefu.custody import Joined, Marked, Outcome, Safe, Settled
from slackkefu.bridge.slack_to_kefu.early import Early
from slackkefu.bridge.slack_to_kefu.overheard import Overheard
from slackkefu.bridge.slack_to_kefu.routing import Change, Deed, Forward, Ignored, route
from slackkefu.bridge.slack_to_kefu.to_kefu import words_of
from slackkefu.bridge.table import Reason, Rule
from slackkefu.slack.envelope import EventCallback
from slackkefu.slack.ids import written_at
from slackkefu.slack.installation import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.deeds.deeds import Deeds
    from slackkefu.bridge.kefu_to_slack.hearing import Hearing
    from slackkefu.bridge.slack_to_kefu.changes import Changes
    from slackkefu.bridge.slack_to_kefu.receipts import Delivery, Parcel, Receipts
    from slackkefu.bridge.slack_to_kefu.routing import Route, Special
    from slackkefu.bridge.slack_to_kefu.sheltering import Sheltering
    from slackkefu.config import ChannelsMode
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.envelope import Envelope
    from slackkefu.slack.ids import ChannelId, Ts
    from slackkefu.slack.installation import Installation, InstallationKey, Installations

__all__ = ["Intake", "IntakeStatistics"]

log = structlog.get_logger()

_LOSSES: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.EVENTS_HELD_BACK: "too many events: Slack drops the others of this minute, and does not repeat them",
        Reason.UNKNOWN_INSTALLATION: "a workspace whose bot token is not in the store: install the app there again",
    }
)
"""What an operator has to know of, in words: people's messages are lost by it."""


_OTHERS_TALK: Final = frozenset({Reason.NOT_MENTIONED, Reason.CHANNELS_OFF, Reason.UNKNOWN_ORIGINAL})
"""Members talking, and changing their words, among themselves: frequent in a busy channel, and nothing to note."""


SECOND_LOOK_S: Final = 1.0
"""How long words in a thread may wait for the mention that opened it; Slack waits 3 s for their acknowledgement."""


@dataclass(frozen=True, slots=True)
class IntakeStatistics:
    """Counts since the start."""

    ignored: Mapping[str, int]
    """Envelopes left alone, by reason."""


@final
class Intake:
    """
    Takes every envelope of every connection.

    Args:
        installations: Who installed the app.
        channels: What of members' messages is for the desk.
        book: The visitors' records.
        receipts: The messages in hand.
        words: Lanes for what goes to the desk, by visitor.
        sheltering: Told of each message that is put on such a lane.
        changes: Carries out edits and deletions.
        deeds: Carries out what people do otherwise.
        affairs: Lanes for what the bridge itself acts on, by installation.
        hearing: Told of every event.
        wall: Wall clock, seconds.
        stands_in: Returns one of ours that is in a channel, for what names another that is not served.
        on_came: Told of each envelope, the moment it has come.
        on_wrote: Told of each message that is on its visitor's lane, once it is in their record.

    """

    def __init__(
        self,
        *,
        installations: Installations,
        channels: ChannelsMode,
        book: Book,
        receipts: Receipts,
        words: Lanes[ImUser, Parcel],
        sheltering: Sheltering,
        changes: Changes,
        deeds: Deeds,
        affairs: Lanes[InstallationKey, Special],
        hearing: Hearing,
        wall: Callable[[], float],
        stands_in: Callable[[ChannelId], Installation | None] = lambda _: None,
        on_came: Callable[[Envelope], None] = lambda _: None,
        on_wrote: Callable[[Forward], None] = lambda _: None,
    ) -> None:
        self._installations = installations
        self._channels = channels
        self._book = book
        self._receipts = receipts
        self._words = words
        self._sheltering = sheltering
        self._changes = changes
        self._deeds = deeds
        self._affairs = affairs
        self._hearing = hearing
        self._wall = wall
        self._stands_in = stands_in
        self._on_came = on_came
        self._on_wrote = on_wrote
        self._ignored = dict.fromkeys(Reason, 0)
        self._second_looks: Lanes[ImUser, Delivery] = Lanes(self._look_again, per_lane=100, in_all=1000)
        self._takes_second_looks = False
        self._overheard = Overheard()
        self._early = Early()
        self._come_true: Lanes[InstallationKey, Delivery] = Lanes(self._take_early, per_lane=200, in_all=200)

    def statistics(self) -> IntakeStatistics:
        """Count."""
        return IntakeStatistics(ignored={reason.value: count for reason, count in self._ignored.items()})

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take second looks until cancelled; before this runs there are none."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._come_true.run)
            await nursery.start(self._second_looks.run)
            self._takes_second_looks = True
            task_status.started()

    def installed(self, key: InstallationKey) -> None:
        """Take what came for an installation a moment before it was known."""
        came = self._early.take(key, now=trio.current_time())
        for delivery in came:
            self._come_true.put(key, delivery)
        if came:
            log.info("slack.early", installation=str(key), events=len(came), meaning="kept until it was installed")

    def forget_early(self) -> None:
        """Forget what came for installations that nobody has finished."""
        self._early.forget_old(trio.current_time())

    async def _take_early(self, _: InstallationKey, delivery: Delivery) -> None:
        await self._carry_out(self.decide(delivery.envelope), delivery)

    async def take(self, delivery: Delivery) -> None:
        """Decide on one envelope, without waiting for the other side."""
        self._on_came(delivery.envelope)
        decision = self.decide(delivery.envelope)
        user = self._waits_for(decision)
        if user is None or not self._second_looks.put(user, delivery):
            await self._carry_out(decision, delivery)

    def _waits_for(self, decision: Route) -> ImUser | None:
        """Return in whose lane an envelope waits for a second look; None for what is carried out at once."""
        if isinstance(decision, Ignored):
            return decision.may_follow if self._takes_second_looks else None
        if not isinstance(decision, Forward) or decision.thread_ts is None or decision.user not in self._second_looks:
            return None
        # Behind earlier words of its thread that wait; but for the mention that opens it, for which they do.
        is_open = self._listens(decision.user, decision.thread_ts, decision.event.ts)
        return decision.user if is_open else None

    def decide(self, envelope: Envelope) -> Route:
        """Say what is done with an envelope, and do nothing."""
        return route(
            envelope,
            installations=self._installations,
            channels=self._channels,
            listens=self._listens,
            user_of=self._book.user_of,
            stands_in=self._stands_in,
        )

    async def take_read(self, forward: Forward, delivery: Delivery) -> bool:
        """
        Take a message that was read from the history, as soon as its visitor's lane has room.

        Returns:
            Whether it is new.

        """
        await self._words.room(forward.user)
        taken = self._receipts.take(forward, delivery)
        if isinstance(taken, Joined | Marked | Safe | Settled):
            return False
        return self._put(forward, taken, received_at=trio.current_time())

    async def _look_again(self, _: ImUser, delivery: Delivery) -> None:
        """Decide once more, when a mention that came after its own thread's next words would be known."""
        await trio.sleep_until(delivery.received_at + SECOND_LOOK_S)
        await self._carry_out(self.decide(delivery.envelope), delivery)

    async def _carry_out(self, decision: Route, delivery: Delivery) -> None:
        self._hearing.took(delivery.envelope.payload, decision)
        if isinstance(decision, Forward):
            await self._forward(decision, delivery)
        elif isinstance(decision, Change):
            await self._change(decision, delivery)
        elif isinstance(decision, Deed):
            await self._deeds.take(decision.installation, decision.doing, delivery)
        elif isinstance(decision, Ignored):
            self._overheard.note(decision, delivery.envelope)
            await self._ignore(delivery, decision.reason, decision.detail)
        else:
            # Acknowledged first: what these say is also seen otherwise (a dead token, an unknown channel).
            await delivery.acknowledge()
            if not self._affairs.put(decision.installation.key, decision):
                log.warning("affairs.full", kind=decision.event.type, meaning="not acted on")

    async def take_deed(self, forward: Forward, delivery: Delivery) -> bool:
        """
        Take what a person did for the desk; *delivery* is acknowledged when it is in the spill.

        Returns:
            Whether it is in hand; False when its visitor's lane has no room.

        """
        taken = self._receipts.take(forward, delivery)
        if isinstance(taken, Joined):
            return True
        if isinstance(taken, Marked | Safe | Settled):
            await self._receipts.acknowledge_repeat(taken, delivery)
            return True
        if self._put(forward, taken, received_at=delivery.received_at):
            return True
        self._receipts.let_go(taken)
        log.warning("lane.full", visitor=forward.user, meaning="a click is not taken; the person is told")
        return False

    async def _forward(self, written: Forward, delivery: Delivery) -> None:
        forward = self._as_answer(written)
        taken = self._receipts.take(forward, delivery)
        if isinstance(taken, Marked | Safe | Settled):
            is_deleted = isinstance(taken, Settled) and taken.outcome is Outcome.WITHDRAWN
            reason = Reason.WITHDRAWN if is_deleted else Reason.DUPLICATE
            self._ignored[reason] += 1
            log.info("slack.ignored", reason=reason.value, kind=delivery.envelope.kind)
            await self._receipts.acknowledge_repeat(taken, delivery)
        elif isinstance(taken, Joined):
            log.debug("slack.repeat_joined", ts=taken.key.ts, attempt=delivery.envelope.retry_attempt)
        elif not self._put(forward, taken, received_at=delivery.received_at):
            self._receipts.let_go(taken)
            log.warning("lane.full", visitor=forward.user, meaning="not acknowledged; Slack keeps and repeats it")
        elif self._overheard.was_overtaken(forward, delivery.envelope):
            self._receipts.note_gap(forward)

    def _as_answer(self, forward: Forward) -> Forward:
        """Return a message as the answer to a menu, where it is one."""
        record = self._book.get(forward.user)
        if record is None or record.menu is None or forward.event.files:
            return forward
        deed = typed(record, words_of(forward), ts=forward.event.ts)
        return forward if deed is None else replace(forward, deed=deed)

    def _put(self, forward: Forward, parcel: Parcel, *, received_at: float) -> bool:
        """Put a message on its visitor's lane; False when there is no room."""
        if not self._words.put(forward.user, parcel):
            return False
        # A correction or a click goes to the spill at once: once it is acknowledged, nobody else has it.
        is_slow = bool(forward.event.files or forward.revision) or not forward.stands_in_slack
        self._sheltering.took(forward.user, parcel, received_at=received_at, is_slow=is_slow)
        if not forward.revision:
            # Now, not when it is sent: whether the next message of this thread is for the desk depends on it.
            record = wrote(self._book.get(forward.user), forward, now=self._wall())
            self._book.remember(answered(record, forward.deed, forward.event.ts))
            self._on_wrote(forward)
        return True

    async def _change(self, change: Change, delivery: Delivery) -> None:
        """Carry out an edit or a deletion; one that is early, or whose effect the disk does not take, Slack repeats."""
        retry = delivery.envelope.retry_attempt
        if change.rule is Rule.EDIT:
            effect = self._changes.edit(change, retry=retry, is_heard=self._is_heard(change.correction))
        else:
            effect = await self._changes.delete(change)
        if isinstance(effect, Reason):
            await self._ignore(delivery, effect, change.rule.value)
        elif effect is not None:
            await self._forward(effect, delivery)

    async def _ignore(self, delivery: Delivery, reason: Reason, detail: str = "") -> None:
        self._ignored[reason] += 1
        kind = detail or delivery.envelope.kind
        if reason in _LOSSES:
            log.warning("slack.ignored", reason=reason.value, kind=kind, meaning=_LOSSES[reason])
        elif reason in _OTHERS_TALK:
            log.debug("slack.ignored", reason=reason.value, kind=kind)
        else:
            log.info("slack.ignored", reason=reason.value, kind=kind)
        payload = delivery.envelope.payload
        if reason is Reason.UNKNOWN_INSTALLATION and isinstance(payload, EventCallback):
            self._early.keep(key_of(payload), delivery, now=trio.current_time())
        await delivery.acknowledge()

    def _is_heard(self, message: Forward | None) -> bool:
        """Tell whether what is written where this was is for the desk without a mention."""
        if message is None or message.thread_ts is None or self._channels != "mention":
            return self._channels == "all"
        return self._listens(message.user, message.thread_ts, message.event.ts)

    def _listens(self, user: ImUser, thread_ts: Ts, ts: Ts) -> bool:
        return listens(self._book.get(user), thread_ts, at=written_at(ts) or self._wall())
