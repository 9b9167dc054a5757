"""
The source card: where in Slack a service session began, for the agent to click on.

Behind the first message of a service session goes a *track* card with the message's permalink (facts/kefu.md §1.5).
That is as good as it is cheap, and no more: the card is tried once, after Easemob has accepted the words it belongs to
and before their message has ended; so it never comes alone, and a card that fails costs the message nothing. A crash
sends both again under the same ids. The permalink is asked for while the words are on their way, and without it there
is no card.

Which sessions are open kefu tells, where it does; the book knows besides when a visitor's source was last shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.agent_lines import source, written
from slackkefu.bridge.book import has_source, sourced
from slackkefu.bridge.identity import digest, message_id, meta_id
from slackkefu.easemob.message import OutgoingMessage, TextBody
from slackkefu.errors import SlackkefuError
from slackkefu.kefu.outgoing import track, weichat

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.outgoing import Entrance, Language, VisitorCard
    from slackkefu.slack.directory import Directory

__all__ = ["SourceCards"]

log = structlog.get_logger()

SEND_S: Final = 5.0
"""How long the card may take; its message waits for it."""

MAX_PERMALINK: Final = 400
"""A longer one is none of Slack's."""

PART: Final = -2
"""The card among the parts of its message, whose words count from 0."""


@final
class SourceCards:
    """
    Shows agents where a service session began.

    Args:
        is_on: Whether they are to see it.
        directory: Permalinks.
        book: The visitors' records.
        send: Sends a message as a visitor; raises an error of ours.
        service_number: To whom it goes.
        wall: Wall clock, seconds.

    """

    def __init__(
        self,
        *,
        is_on: bool,
        directory: Directory,
        book: Book,
        send: Callable[[ImUser, OutgoingMessage], Awaitable[object]],
        service_number: ImUser,
        wall: Callable[[], float],
    ) -> None:
        self._is_on = is_on
        self._directory = directory
        self._book = book
        self._send = send
        self._service_number = service_number
        self._wall = wall

    async def is_wanted(self, forward: Forward) -> bool:
        """Tell whether a message that is about to leave opens a service session; if so, its permalink is asked for."""
        record = self._book.get(forward.user)
        if not self._is_on or forward.revision or record is None or has_source(record, now=self._wall()):
            return False
        await self._directory.permalink(forward.installation, forward.event.channel, forward.event.ts, patience_s=0.0)
        return True

    async def follow(
        self, forward: Forward, card: VisitorCard, *, language: Language | None, entrance: Entrance, place: str
    ) -> None:
        """
        Send the card behind a message that has left, if it can be had.

        Args:
            forward: The message.
            card: The visitor's data, as in the message.
            language: As there.
            entrance: As there.
            place: The channel's name without ``#``, if known.

        """
        event = forward.event
        link = await self._directory.permalink(forward.installation, event.channel, event.ts)
        if not link or len(link) > MAX_PERMALINK or not link.startswith("https://"):
            log.info("source.unknown", visitor=forward.user, ts=event.ts)
            return
        ids = (forward.visitor.team, event.channel, event.ts, "", PART, digest("source"))
        about = weichat(card, language=language, message_id=message_id(*ids), entrance=entrance)
        title = source(event.channel_type if not forward.is_direct else "im", place or event.channel)
        message = OutgoingMessage(
            meta_id=meta_id(*ids),
            to=self._service_number,
            body=TextBody(""),
            ext={**about, **track(title=title, text=written(event.ts), url=link)},
        )
        problem: object = "not in time"
        with trio.move_on_after(SEND_S):
            try:
                await self._send(forward.user, message)
            except SlackkefuError as error:
                problem = error
            else:
                problem = None
        if problem is not None:
            log.info("source.not_sent", visitor=forward.user, ts=event.ts, problem=str(problem))
            return
        record = self._book.get(forward.user)
        if record is not None:
            self._book.remember(sourced(record, now=self._wall()))
            await self._book.write(forward.user)
