"""
One message in Slack for each service session, which says how it stands (:mod:`~.stages`), and is edited in place.

It is posted where answers go, before the first words of its session, with an intent like any other post; its id derives
from the session's, so that after a kill it is looked for, not made again. Edits do not hold up words: they go one at a
time for each installation, as Slack's limit allows, and only the latest stage matters. What is to be shown is in the
visitor's record before kefu's event is acknowledged; so an edit that was lost, or that a kill has cut off, is made
again.

The message is the app's own, never an agent's. It is a courtesy: whatever goes wrong with it costs nobody's words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, final

import msgspec
import structlog
import trio

from slackkefu.bridge.kefu_to_slack.addresses import address_of
from slackkefu.bridge.kefu_to_slack.ending import Ending
from slackkefu.bridge.kefu_to_slack.stages import CLOSED, over, queued, spoken, words
from slackkefu.bridge.kefu_to_slack.to_slack import InPrivate, line
from slackkefu.bridge.lanes import Lanes
from slackkefu.easemob.names import ImUser
from slackkefu.errors import StoreBroken, StoreUnwritable, VisitorUnreachable
from slackkefu.kefu.messages import Event
from slackkefu.slack.own_posts import update
from slackkefu.store.entries import Answered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.kefu_to_slack.changing import Changing
    from slackkefu.bridge.kefu_to_slack.intents import Intents, Journal
    from slackkefu.bridge.kefu_to_slack.placed import Placed
    from slackkefu.bridge.kefu_to_slack.posting import Posting
    from slackkefu.bridge.kefu_to_slack.readers import Readers
    from slackkefu.bridge.kefu_to_slack.to_slack import Place
    from slackkefu.kefu.messages import KefuMessage
    from slackkefu.slack.installation import Installation, InstallationKey
    from slackkefu.slack.web import Post, WebClient
    from slackkefu.store.entries import Standing
    from slackkefu.store.visitors import SessionStatus, VisitorRecord

__all__ = ["SessionStatuses", "StatusStatistics"]

log = structlog.get_logger()

MOST: Final = 2
"""Sessions of one visitor whose message may have to change yet: the one that is open, and the one before."""

WAITING: Final = 10_000
"""Edits that wait at a time; beyond it a message says what it said, until its session's next stage or a restart."""


@dataclass(frozen=True, slots=True)
class StatusStatistics:
    """What became of the messages about service sessions; the counts are since the start."""

    posted: int
    edited: int
    given_up: int
    """Edits that Slack has refused for good, or that were too many."""
    pending: int
    """Edits that wait."""


@final
class SessionStatuses:
    """
    Keeps the messages about service sessions.

    Args:
        is_on: Whether there are any.
        web: Slack's Web API.
        book: The visitors' records, where it is kept what is to be shown.
        posting: Makes the first post.
        changing: Makes edits until they are made.
        placed: Where posts stand.
        intents: Know where a post stands that was just made.
        journal: Where it is written down.
        readers: What a visitor is spoken to in.
        wall: Wall clock, seconds.

    """

    def __init__(
        self,
        *,
        is_on: bool,
        web: WebClient,
        book: Book,
        posting: Posting,
        changing: Changing,
        placed: Placed,
        intents: Intents,
        journal: Journal,
        readers: Readers,
        wall: Callable[[], float],
    ) -> None:
        self._is_on = is_on
        self._web = web
        self._book = book
        self._posting = posting
        self._changing = changing
        self._placed = placed
        self._intents = intents
        self._journal = journal
        self._readers = readers
        self._wall = wall
        self._edits: Lanes[InstallationKey, tuple[ImUser, str]] = Lanes(self._edit, per_lane=WAITING, in_all=WAITING)
        self._waiting: set[tuple[ImUser, str]] = set()
        self._posted = 0
        self._edited = 0
        self._given_up = 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Edit until cancelled, first what the run before has left; what waits then is edited by the next run."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._edits.run)
            for record in [*self._book] if self._is_on else ():
                self._show(ImUser(record.im_user), record.statuses)
            task_status.started()

    def statistics(self) -> StatusStatistics:
        """Count."""
        return StatusStatistics(
            posted=self._posted,
            edited=self._edited,
            given_up=self._given_up,
            pending=self._edits.statistics().waiting,
        )

    # Called on the visitor's lane.

    async def follow(self, user: ImUser, message: KefuMessage) -> None:
        """
        Show what *message* means for its service session.

        What is to be shown is written when this returns; an edit may be on its way still.
        """
        record = self._book.get(user)
        session = _session_of(message, record)
        if not self._is_on or record is None or not session:
            return
        try:
            await self._follow(user, record, message, session)
        except StoreBroken:
            raise
        except VisitorUnreachable:
            # Nor can the words go, before which it stands.
            self._intents.interrupted(user, _identity(session))
            raise
        except Exception:
            # A courtesy: it must not cost the words of the message, which are dealt with after this.
            self._intents.interrupted(user, _identity(session))
            log.exception("session_status.fault", visitor=user, meaning="words go on; the status may be an old one")

    async def _follow(self, user: ImUser, record: VisitorRecord, message: KefuMessage, session: str) -> None:
        known = next((each for each in record.statuses if each.session == session), None)
        if known is None and session in record.closed_sessions:
            return
        status = spoken(known, message, session)
        if status is None or status is known or (known is None and status.stage == CLOSED):
            return
        if known is None:
            status = await self._begin(user, status)
        self._keep(user, status)
        await self._book.write(user)

    async def _begin(self, user: ImUser, status: SessionStatus) -> SessionStatus:
        """Post the message of a session, unless it stands there; return the status with its place."""
        identity = _identity(status.session)
        posts = self._placed.where(user, identity)
        if not posts and not self._placed.is_forgotten(user, identity):
            locale = await self._readers.locale_of(user)

            def make(place: Place) -> tuple[Post, ...]:
                about = place.about if isinstance(place, InPrivate) else ""
                post = line(words(status, locale=locale), place=place, identity=identity)
                return (replace(post, blocks=_blocks(words(status, locale=locale), about)),)

            refusal = await self._posting.post(user, make)
            posts = self._intents.standing(user, identity)
            await self._write_down(user, identity, posts, Ending.POSTED if refusal is None else Ending.REFUSED)
            self._posted += refusal is None
            status = msgspec.structs.replace(status, is_shown=True)
        if not posts:
            return status
        return msgspec.structs.replace(status, channel=posts[0].channel, ts=posts[0].ts)

    async def _write_down(self, user: ImUser, identity: str, posts: tuple[Standing, ...], ending: Ending) -> None:
        """Write that the post is made; where the disk does not take it, it is looked for after a restart."""
        try:
            await self._journal.append(
                Answered(user=user, msg_id=identity, outcome=ending.value, posts=posts, at=self._wall())
            )
        except StoreUnwritable:
            log.debug("session_status.not_written", visitor=user)
        self._placed.note(user, identity, posts, now=trio.current_time())
        self._intents.ended(user, identity)

    def _keep(self, user: ImUser, status: SessionStatus) -> None:
        """Take *status* into the visitor's record, and have shown what is not."""
        record = self._book.get(user)
        if record is None:
            return
        others = [each for each in record.statuses if each.session != status.session]
        if status.stage != CLOSED and all(each.session != status.session for each in record.statuses):
            # A visitor has one session at a time: with a new one those before are over, also where nobody said so.
            others = [*map(over, others)]
        statuses = (*others, status)[-MOST:]
        self._remember(record, statuses)
        self._show(user, statuses)

    def _remember(self, record: VisitorRecord, statuses: Sequence[SessionStatus]) -> None:
        """Take *statuses* into *record*, without those that will not change any more."""
        kept = (
            each
            for each in statuses
            # One that is known to be over does not begin again; of one that nobody ended, a late word may come yet.
            if each.session not in record.closed_sessions or (each.ts and not each.is_shown)
        )
        self._book.remember(msgspec.structs.replace(record, statuses=tuple(kept)))

    # For whoever asks the desk.

    def queue(self, user: ImUser, session: str, waiting: int) -> bool:
        """
        Show how many wait in the queue of a service session; return whether it has a message that can say so.

        It is not written for that alone: the desk is asked again.
        """
        status = self._status(user, session)
        if not self._is_on or status is None or not status.ts:
            return False
        if (told := queued(status, waiting)) is not status:
            self._keep(user, told)
        return True

    # Edits.

    def _show(self, user: ImUser, statuses: Sequence[SessionStatus]) -> None:
        """Have the messages edited that do not say yet what they are to say."""
        address = address_of(user, self._book.get(user))
        for status in statuses:
            edit = user, status.session
            if address is None or status.is_shown or not status.ts or edit in self._waiting:
                continue
            if self._edits.put(address.key, edit):
                self._waiting.add(edit)
            else:
                self._given_up += 1
                log.warning("session_status.too_many", visitor=user, meaning="the status is an old one")

    async def _edit(self, _installation: InstallationKey, edit: tuple[ImUser, str]) -> None:
        """Let one message say the latest; the work of a lane."""
        user, session = edit
        self._waiting.discard(edit)

        async def change(installation: Installation) -> None:
            status = self._status(user, session)
            if status is not None and status.ts and not status.is_shown:
                await self._update(user, installation, status)
                self._edited += 1
                self._replace(user, status, msgspec.structs.replace(status, is_shown=True))

        refusal = await self._changing.until_done(user, change, patience_s=0.0)
        status = self._status(user, session)
        if refusal is not None and status is not None:
            self._given_up += 1
            log.info("session_status.refused", visitor=user, code=refusal)
            # The next stage is another matter.
            self._replace(user, status, msgspec.structs.replace(status, is_shown=True))
        await self._book.write(user)

    def _replace(self, user: ImUser, status: SessionStatus, by: SessionStatus) -> None:
        """Know something new of *status*, unless it is another one by now."""
        record = self._book.get(user)
        if record is not None:
            self._remember(record, [by if each == status else each for each in record.statuses])

    async def _update(self, user: ImUser, installation: Installation, status: SessionStatus) -> None:
        address = address_of(user, self._book.get(user))
        about = address.channel if address is not None and address.channel != status.channel else ""
        text = words(status, locale=await self._readers.locale_of(user))
        prefix = f"<#{about}> " if about else ""
        await update(
            self._web,
            installation,
            channel=status.channel,
            ts=status.ts,
            text=prefix + text,
            blocks=_blocks(text, about),
        )

    def _status(self, user: ImUser, session: str) -> SessionStatus | None:
        record = self._book.get(user)
        return next((each for each in record.statuses if each.session == session), None) if record else None


def _session_of(message: KefuMessage, record: VisitorRecord | None) -> str:
    """Return the service session that *message* is about; an event that names none is about the latest."""
    if message.service_session_id or record is None or not record.statuses or not isinstance(message, Event):
        return message.service_session_id or ""
    return record.statuses[-1].session


def _identity(session: str) -> str:
    """Return what the message of a session is known by; kefu's own ids have no slash."""
    return f"session/{session}"


def _blocks(text: str, about: str) -> tuple[Mapping[str, object], ...]:
    """Return a small line: Slack marks no edit of blocks (facts/slack.md §4), and reads no markup in plain text."""
    elements: list[Mapping[str, object]] = [{"type": "plain_text", "text": text, "emoji": False}]
    if about:
        elements.insert(0, {"type": "mrkdwn", "text": f"<#{about}>"})
    return ({"type": "context", "elements": elements},)
