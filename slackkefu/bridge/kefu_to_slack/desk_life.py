"""
Asking the desk how it is, and showing that in Slack (:mod:`~slackkefu.kefu.desk_state`).

An agent who writes is shown by Slack's own line under the thread; how many wait, in the message about the service
session; that the desk is off duty, by one line where somebody writes meanwhile. All of it is a courtesy with tasks of
its own, which hold up nobody's words (:mod:`~slackkefu.bridge.kefu_to_slack.attempts`). Only where the desk's own API
may be used.

Who is asked about, and what is new, is in :mod:`~slackkefu.bridge.kefu_to_slack.desk_watch`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, final

import trio

from slackkefu.bridge.book import duty_told, is_open, is_owed_duty
from slackkefu.bridge.kefu_to_slack.addresses import address_of
from slackkefu.bridge.kefu_to_slack.desk_watch import EVERY_S, DeskWatch, Kind
from slackkefu.bridge.kefu_to_slack.to_slack import InChannel
from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.sentences import Sentence, label
from slackkefu.easemob.names import ImUser
from slackkefu.errors import KefuRefused
from slackkefu.kefu.desk_state import QUEUE, TYPING
from slackkefu.slack.thread_status import set_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.kefu_to_slack.attempts import Attempts
    from slackkefu.bridge.kefu_to_slack.desk_watch import Question
    from slackkefu.bridge.kefu_to_slack.notices import Notices
    from slackkefu.bridge.kefu_to_slack.readers import Readers
    from slackkefu.bridge.kefu_to_slack.session_status import SessionStatuses
    from slackkefu.kefu.desk_state import Typing, Waiting
    from slackkefu.kefu.messages import KefuMessage
    from slackkefu.slack.installation import Installation, InstallationKey, Installations
    from slackkefu.slack.web import WebClient

__all__ = ["Desk", "DeskLife", "DeskLifeStatistics"]

AT_ONCE: Final = 8
"""Questions at a time."""
SHOW_S: Final = 5.0
"""How long Slack may take to show that somebody writes; later it would not be true any more."""
FEATURES_S: Final = 3600.0
"""How long the desk's features are believed."""
DUTY_S: Final = 60.0
"""How long an answer about duty hours is believed."""
DUTY_WAITING: Final = 1000
"""Visitors who wait for an answer about duty hours; of more, some are not told."""


class Desk(Protocol):
    """What can be asked; the part of :class:`~slackkefu.kefu.desk_state.DeskState`."""

    async def switched_off(self) -> frozenset[str]:
        """Ask which features the tenant does not have."""
        ...

    async def typing(self, visitor: ImUser, session: str, /) -> Typing | None:
        """Ask whether the agent of a service session is writing."""
        ...

    async def waiting(self, session: str, /) -> Waiting | None:
        """Ask how many wait in the queue of a service session."""
        ...

    async def is_off_duty(self) -> bool:
        """Ask whether nobody works at the desk now."""
        ...


@dataclass(frozen=True, slots=True)
class DeskLifeStatistics:
    """What is asked, and what was shown; the counts are since the start."""

    watched: int
    """Service sessions that may be asked about now."""
    tried: int
    """Questions, and what Slack was to show; greetings too."""
    failed: int
    """Of these, those that went wrong."""
    typing_shown: int
    """How often Slack was told that somebody writes."""
    off_duty_told: int
    """Visitors who were told that the desk is off duty."""


@final
class DeskLife:
    """
    Asks the desk, and shows what is new.

    Args:
        desk: What is asked; None where nothing may be.
        statuses: Show the queue.
        notices: Post the line about duty hours.
        attempts: Asks, and knows when not to.
        web: Slack's Web API.
        installations: Who installed the app.
        book: The visitors' records.
        readers: What a visitor is spoken to in.
        is_live: Whether a visitor is logged in: the question about an agent's writing wants the visitor's token.
        shows_queue: Whether there are messages about service sessions.
        wall: Wall clock, seconds.

    """

    def __init__(
        self,
        *,
        desk: Desk | None,
        statuses: SessionStatuses,
        notices: Notices,
        attempts: Attempts,
        web: WebClient,
        installations: Installations,
        book: Book,
        readers: Readers,
        is_live: Callable[[ImUser], bool],
        shows_queue: bool,
        wall: Callable[[], float],
    ) -> None:
        self._desk = desk
        self._statuses = statuses
        self._notices = notices
        self._attempts = attempts
        self._web = web
        self._installations = installations
        self._book = book
        self._readers = readers
        self._is_live = is_live
        self._shows_queue = shows_queue
        self._wall = wall
        self._watch = DeskWatch()
        self._some = trio.Event()
        self._at_once = trio.CapacityLimiter(AT_ONCE)
        self._duty: Lanes[InstallationKey, ImUser] = Lanes(self._tell_duty, per_lane=DUTY_WAITING, in_all=DUTY_WAITING)
        # What the desk has said, and when.
        self._off: frozenset[str] = frozenset()
        self._off_at = float("-inf")
        self._is_off_duty = False
        self._duty_at = float("-inf")
        self._typing_shown = 0
        self._off_duty_told = 0

    def __repr__(self) -> str:
        return f"<DeskLife of {len(self._watch)}>"

    def statistics(self) -> DeskLifeStatistics:
        """Count."""
        return DeskLifeStatistics(
            watched=len(self._watch),
            tried=self._attempts.made,
            failed=self._attempts.failed,
            typing_shown=self._typing_shown,
            off_duty_told=self._off_duty_told,
        )

    # For the bridge; none of these waits.

    def heard(self, user: ImUser, message: KefuMessage) -> None:
        """Take note of what came for *user*, where it is about the open service session."""
        record = self._book.get(user)
        session = record.open_session if record is not None else None
        if self._desk is None or session is None or (message.service_session_id or session) != session:
            return
        self._watch.heard(user, message)
        self._some.set()

    def set_open(self, user: ImUser, is_open: bool) -> None:  # noqa: FBT001 - the value is the point
        """Take note that the service session of *user* is open or over."""
        if not is_open:
            self._watch.closed(user)

    def wrote(self, user: ImUser) -> None:
        """Take note that *user* has written; where nobody works at the desk, they are told so."""
        self._watch.wrote(user)
        record = self._book.get(user)
        address = address_of(user, record)
        if self._desk is None or record is None or address is None or self._watch.is_served(user):
            return
        if is_owed_duty(record, now=self._wall()) and not self._attempts.pauses(Kind.DUTY):
            self._duty.put(address.key, user)

    # Asking.

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ask until cancelled."""
        self._restore()
        async with trio.open_nursery() as nursery:
            await nursery.start(self._duty.run)
            task_status.started()
            while True:
                next_at = trio.current_time() + EVERY_S
                await self._round()
                if self._watch.is_idle():
                    self._some = trio.Event()
                    await self._some.wait()
                await trio.sleep_until(next_at)

    def _restore(self) -> None:
        """Take over what the run before knew of open service sessions; those in the records, written last the last."""
        now = self._wall()
        for record in sorted(self._book, key=lambda each: each.last_active) if self._desk is not None else ():
            for status in record.statuses:
                if status.session == record.open_session and is_open(record, now=now):
                    self._watch.restore(ImUser(record.im_user), status)

    async def _round(self) -> None:
        """Ask about everybody once."""
        if not self._watch.is_idle() and trio.current_time() >= self._off_at + FEATURES_S:
            await self._attempts.make(Kind.FEATURES, self._ask_features)
        async with trio.open_nursery() as nursery:
            for question in self._watch.questions(now=trio.current_time(), is_asked=self._is_asked):
                nursery.start_soon(self._ask, question)

    def _is_asked(self, question: Question) -> bool:
        """Tell whether the answer could be had, and shown."""
        if question.kind is Kind.QUEUE:
            return self._shows_queue and QUEUE not in self._off
        has_thread = self._thread(question.user) is not None
        return has_thread and TYPING not in self._off and self._is_live(question.user)

    async def _ask(self, question: Question) -> None:
        async with self._at_once:
            if self._watch.is_current(question):
                await self._attempts.make(question.kind, lambda: self._ask_about(question))

    async def _ask_about(self, question: Question) -> None:
        try:
            await (self._ask_queue(question) if question.kind is Kind.QUEUE else self._ask_typing(question))
        except KefuRefused:
            self._watch.refused(question, now=trio.current_time())
            raise

    async def _ask_features(self) -> None:
        if self._desk is not None:
            self._off = await self._desk.switched_off()
            self._off_at = trio.current_time()

    async def _ask_queue(self, question: Question) -> None:
        waiting = await self._desk.waiting(question.session) if self._desk is not None else None
        now = trio.current_time()
        count = self._watch.queued(question, waiting, now=now) if waiting is not None else None
        if count is not None and self._statuses.queue(question.user, question.session, count):
            self._watch.told(question, count, now=now)

    async def _ask_typing(self, question: Question) -> None:
        typing = await self._desk.typing(question.user, question.session) if self._desk is not None else None
        shows = self._watch.typed(question, typing, now=trio.current_time()) if typing is not None else None
        if shows is not None:
            await self._show_typing(question, is_typing=shows)

    async def _show_typing(self, question: Question, *, is_typing: bool) -> None:
        """Let Slack show that somebody writes, or nothing; another workspace may let the app do so."""
        address = address_of(question.user, self._book.get(question.user))
        installation = self._installations.get(address.key) if address is not None else None
        if installation is not None:
            work = partial(self._set_status, question, installation, is_typing=is_typing)
            await self._attempts.make(Kind.STATUS, work, at=installation.key)

    async def _set_status(self, question: Question, installation: Installation, *, is_typing: bool) -> None:
        place = self._thread(question.user)
        if place is None or place.thread_ts is None:
            return
        status = label(Sentence.TYPING, locale=await self._readers.locale_of(question.user)) if is_typing else ""
        with trio.move_on_after(SHOW_S):
            await set_status(self._web, installation, channel=place.channel, thread_ts=place.thread_ts, status=status)
            self._watch.shown(question, is_typing=is_typing, now=trio.current_time())
            self._typing_shown += is_typing

    def _thread(self, user: ImUser) -> InChannel | None:
        """Return the thread in which *user* is answered; None where there is none."""
        address = address_of(user, self._book.get(user))
        place = address.place if address is not None else None
        return place if isinstance(place, InChannel) and place.thread_ts else None

    # Duty hours.

    async def _tell_duty(self, _installation: InstallationKey, user: ImUser) -> None:
        """Tell one visitor, if it is so; the work of a lane."""
        record = self._book.get(user)
        if record is None or not is_owed_duty(record, now=self._wall()):
            return
        if trio.current_time() >= self._duty_at + DUTY_S:
            self._is_off_duty = False
            await self._attempts.make(Kind.DUTY, self._ask_duty)
        record = self._book.get(user)
        if not self._is_off_duty or record is None:
            return
        # First written, then said: a crash may cost the line, and does not double it.
        told_at = self._wall()
        self._book.remember(duty_told(record, now=told_at))
        await self._book.write(user)
        words = label(Sentence.OFF_DUTY, locale=await self._readers.locale_of(user))
        self._off_duty_told += await self._notices.post(user, words, identity=f"duty/{told_at:.0f}")

    async def _ask_duty(self) -> None:
        if self._desk is not None:
            self._is_off_duty = await self._desk.is_off_duty()
            self._duty_at = trio.current_time()
