"""
Answering: what one message of kefu's means in Slack, and what is done for it.

Words are posted where the visitor is answered; events open and close the service session; the rest is left alone, each
with a named reason. Nothing here ever answers kefu: a receipt, an event or a closing text that were answered could open
a new service session, and that a new closing text (facts/kefu.md §7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import structlog

from slackkefu.bridge.book import closed, opened
from slackkefu.bridge.kefu_to_slack.ending import Ended, Ending
from slackkefu.bridge.kefu_to_slack.forms.shaping import Source, form_posts, shape
from slackkefu.bridge.kefu_to_slack.speaking import APP, voice_of
from slackkefu.bridge.kefu_to_slack.to_slack import posts
from slackkefu.bridge.open_menus import offered, taken_back
from slackkefu.bridge.table import KEFU, Reason, Rule
from slackkefu.kefu.messages import Event, Media, Nothing, Recall
from slackkefu.kefu.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.kefu_to_slack.media import MediaAnswering
    from slackkefu.bridge.kefu_to_slack.posting import Posting
    from slackkefu.bridge.kefu_to_slack.readers import Readers
    from slackkefu.bridge.kefu_to_slack.recalling import Recalling
    from slackkefu.bridge.kefu_to_slack.session_status import SessionStatuses
    from slackkefu.bridge.kefu_to_slack.speaking import Voice
    from slackkefu.bridge.open_sessions import OpenSessions
    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.messages import KefuMessage
    from slackkefu.store.visitors import VisitorRecord

__all__ = ["Answering"]

log = structlog.get_logger()

_AFTERWARDS: Final = frozenset({"rating", "ticket-notice"})
"""Kinds of messages that may come when the service session is over (facts/kefu.md §2.3, §2.6)."""


@final
class Answering:
    """
    Acts on messages, one at a time for each visitor.

    Args:
        book: The visitors' records.
        posting: Posts to Slack.
        recalling: Takes messages back.
        media: Brings files there.
        statuses: Show how a service session stands.
        sessions: Told of every sign of a service session.
        readers: What a visitor is spoken to in.
        kefu_url: Address of the desk; may be empty.
        asks_useful: Whether a robot's answer can be rated: the desk's own API may be used.
        wall: Wall clock, seconds.
        on_said: Told of each message that says how a service session stands, once that is known.
        on_over: Told of each service session that has ended.

    """

    def __init__(
        self,
        *,
        book: Book,
        posting: Posting,
        recalling: Recalling,
        media: MediaAnswering,
        statuses: SessionStatuses,
        sessions: OpenSessions,
        readers: Readers,
        kefu_url: str,
        asks_useful: bool = False,
        wall: Callable[[], float],
        on_said: Callable[[ImUser, KefuMessage], None] = lambda _user, _message: None,
        on_over: Callable[[ImUser], None] = lambda _user: None,
    ) -> None:
        self._book = book
        self._posting = posting
        self._recalling = recalling
        self._media = media
        self._statuses = statuses
        self._sessions = sessions
        self._readers = readers
        self._kefu_url = kefu_url
        self._asks_useful = asks_useful
        self._wall = wall
        self._on_said = on_said
        self._on_over = on_over

    def restore(self, entries: Iterable[object]) -> None:
        """Take over what the run before has done."""
        self._recalling.restore(entries)

    async def act(self, user: ImUser, message: KefuMessage, *, identity: str, at: float) -> Ended:
        """
        Act on one message until it has ended.

        Args:
            user: The visitor it is for.
            message: The message.
            identity: kefu's id of it, which its posts carry.
            at: When it was sent (wall clock).

        """
        match KEFU[message.kind]:
            case Rule.FORWARD:
                await self._note_session(user, message, at)
                if self._recalling.is_recalled(user, message.msg_id):
                    log.info("kefu.ignored", visitor=user, reason=Reason.RECALLED.value)
                    return Ended(Ending.IGNORED, Reason.RECALLED.value)
                return await self._show(user, message, await self._source(user, message, identity, at))
            case Rule.SERVICE_SESSION if isinstance(message, Event) and message.offers:
                await self._note_session(user, message, at)
                return await self._show(user, message, await self._source(user, message, identity, at))
            case Rule.SERVICE_SESSION if isinstance(message, Event):
                await self._note_session(user, message, at)
                # Its own words, if kefu put any there; what it means is not posted as words of ours.
                return await self._post(user, plain(message.spans), identity, message.kind, APP)
            case Rule.PROOF:
                # Handed on when its batch came.
                log.debug("kefu.confirmed", visitor=user)
                return Ended(Ending.IGNORED, message.kind)
            case Rule.RECALL if isinstance(message, Recall):
                return await self._take_back(user, message.of, identity)
            case _ if isinstance(message, Nothing) and message.reason == "recalled" and message.msg_id:
                return await self._take_back(user, message.msg_id, identity)
            case _ if isinstance(message, Nothing):
                log.info("kefu.ignored", visitor=user, reason=message.reason)
                return Ended(Ending.IGNORED, message.reason)
            case _:
                log.debug("kefu.ignored", visitor=user, reason=message.kind)
                return Ended(Ending.IGNORED, message.kind)

    async def _source(self, user: ImUser, message: KefuMessage, identity: str, at: float) -> Source:
        robot_id = message.by.user_id if self._asks_useful and message.by.kind == "robot" else None
        locale = await self._readers.locale_of(user)
        return Source(user, identity, message.service_session_id, at, robot_id, locale)

    async def _show(self, user: ImUser, message: KefuMessage, source: Source) -> Ended:
        """Post a message in the form of its kind, or its words where it has none."""
        await self._note_offers(user, message, source)
        shown = shape(message, source)
        voice = voice_of(message.by, kefu_url=self._kefu_url)
        if isinstance(message, Media):
            return await self._media.post(
                user, message, identity=source.identity, voice=voice, language=source.language, below=shown
            )
        if shown is None:
            words = message.plain_in(source.language)
            return await self._post(user, words, source.identity, Reason.EMPTY.value, voice)
        refusal = await self._posting.post(
            user, lambda place: form_posts(shown, place=place, identity=source.identity, voice=voice)
        )
        return Ended(Ending.POSTED) if refusal is None else Ended(Ending.REFUSED, refusal)

    async def _note_offers(self, user: ImUser, message: KefuMessage, source: Source) -> None:
        """Keep what can be answered by typing, before anybody reads it."""
        record = self._book.get(user)
        if record is not None:
            self._book.remember(offered(record, message, source))
            await self._book.write(user)

    async def _post(self, user: ImUser, words: str, identity: str, without_words: str, voice: Voice) -> Ended:
        """Post *words*; where there are none the message is ignored as *without_words*."""
        if not words.strip():
            return Ended(Ending.IGNORED, without_words)
        refusal = await self._posting.post(
            user, lambda place: posts(words, place=place, identity=identity, voice=voice)
        )
        return Ended(Ending.POSTED) if refusal is None else Ended(Ending.REFUSED, refusal)

    async def _take_back(self, user: ImUser, message: str, identity: str) -> Ended:
        """Take a message back, and what could be typed at it."""
        record = self._book.get(user)
        if record is not None:
            self._book.remember(taken_back(record, message))
            await self._book.write(user)
        return await self._recalling.take_back(user, message, identity=identity)

    async def _note_session(self, user: ImUser, message: KefuMessage, at: float) -> None:
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
            record = closed(record, message.service_session_id, at=min(at, self._wall()))
            self._book.remember(record)
            if record.open_session is None:
                self._sessions.closed(user)
            self._on_over(user)
        elif _says_open(message, record):
            self._book.remember(opened(record, message.service_session_id or "", now=self._wall()))
            self._sessions.heard(user)
        self._on_said(user, message)
        await self._book.write(user)
        await self._statuses.follow(user, message)


def _says_open(message: KefuMessage, record: VisitorRecord) -> bool:
    """Tell whether a message means that its service session is open."""
    session = message.service_session_id
    return bool(session) and session not in record.closed_sessions and message.kind not in _AFTERWARDS
