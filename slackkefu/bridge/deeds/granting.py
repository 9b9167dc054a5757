"""
Granting wishes: what the command and the buttons of the home tab do.

What reaches the desk goes by the visitor's lane, like their words: the request for a human (facts/kefu.md §1.7).
Nothing is sent that would be in vain, since whatever a visitor sends may open a new service session: no request where a
human serves already, and nothing at all for what this desk does not offer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, final

import structlog

from slackkefu.bridge.deeds.notes import note_form
from slackkefu.bridge.deeds.wishes import Wish
from slackkefu.bridge.kefu_to_slack.forms.hints import to_human
from slackkefu.bridge.sentences import Sentence, say
from slackkefu.errors import KefuRefused, KefuUnavailable, LinkError, SlackError, SlackkefuError
from slackkefu.slack.text import escape

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from slackkefu.bridge.deeds.act import Act
    from slackkefu.bridge.deeds.standing import Standing
    from slackkefu.bridge.deeds.whereabouts import Conversation
    from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
    from slackkefu.easemob.names import ImUser
    from slackkefu.secret import Secret
    from slackkefu.slack.installation import Installation

__all__ = ["Asker", "Granting", "Rate", "Stop"]

log = structlog.get_logger()


@final
@dataclass(frozen=True, slots=True)
class Asker:
    """Who wishes for something, and by what."""

    act: Act
    locale: str
    trigger: Secret
    """What a form can be opened against, for three seconds."""
    command: str
    """The name of the command, like ``/kefu``."""


class Bringing(Protocol):
    """What brings deeds to the desk; the part of :class:`slackkefu.bridge.deeds.bringing.Bringing`."""

    async def bring(self, act: Act, user: ImUser, deed: ForDesk) -> bool:
        """Bring a deed to the desk, and acknowledge *act* when it is on disk; False when it could not be taken."""
        ...


class Opening(Protocol):
    """What opens forms; the part of :class:`slackkefu.slack.views.Views`."""

    async def open(self, installation: Installation, trigger: Secret, view: Mapping[str, object]) -> None:
        """Open a form; raises SlackError, LinkError."""
        ...


Rate: TypeAlias = "Callable[[Act, ImUser, Secret], Awaitable[bool]]"
"""Opens the rating of a visitor's last service session for whom nobody has invited to rate; False when it cannot."""

Stop: TypeAlias = "Callable[[str], Awaitable[None]]"
"""Ends a service session, by its id; raises SlackkefuError where the desk does not do it."""


@final
class Granting:
    """
    Grants wishes.

    Args:
        bringing: Brings to the desk what has to reach it.
        standing: How conversations stand.
        views: Opens forms.
        rate: Opens the rating.
        stop: Ends service sessions; None where the desk's own API may not be used.

    """

    def __init__(
        self, *, bringing: Bringing, standing: Standing, views: Opening, rate: Rate, stop: Stop | None
    ) -> None:
        self._bringing = bringing
        self._standing = standing
        self._views = views
        self._rate = rate
        self._stop = stop

    async def grant(self, wish: Wish, asker: Asker, conversation: Conversation | None) -> str:
        """
        Grant a wish.

        Args:
            wish: The wish.
            asker: Who has it.
            conversation: What it is about; None where there is none.

        Returns:
            What the asker is told, in Slack's markup; empty where a form says it all.

        """
        locale = asker.locale
        if wish is Wish.HELP:
            return say(Sentence.HELP, locale=locale, command=escape(asker.command))
        if conversation is None:
            app = f"<@{asker.act.installation.bot_user_id}>"
            return say(Sentence.NO_CONVERSATION_HERE, locale=locale, app=app)
        match wish:
            case Wish.STATUS:
                return self._standing.words(conversation, locale=locale)
            case Wish.HUMAN:
                return await self._human(asker, conversation)
            case Wish.RATE:
                return await self._rated(asker, conversation)
            case Wish.END:
                return await self._end(asker, conversation)
            case Wish.NOTE:
                return await self._open(asker, note_form(conversation.visitor, locale=locale))

    async def _human(self, asker: Asker, conversation: Conversation) -> str:
        if self._standing.agent(conversation):
            return self._standing.words(conversation, locale=asker.locale)
        is_taken = await self._bringing.bring(asker.act, conversation.user, to_human())
        return say(Sentence.HUMAN_ASKED if is_taken else Sentence.NOT_NOW, locale=asker.locale)

    async def _rated(self, asker: Asker, conversation: Conversation) -> str:
        """Open the rating of the service session that is open, or of the last one: it may be rated for some hours."""
        is_opened = await self._rate(asker.act, conversation.user, asker.trigger)
        return "" if is_opened else say(Sentence.RATE_NOT_POSSIBLE, locale=asker.locale)

    async def _end(self, asker: Asker, conversation: Conversation) -> str:
        if not self._standing.is_open(conversation):
            return say(Sentence.NOTHING_OPEN, locale=asker.locale)
        session = conversation.record.open_session if conversation.record is not None else None
        if self._stop is None or not session:
            return say(Sentence.END_NOT_POSSIBLE, locale=asker.locale)
        try:
            await self._stop(session)
        except SlackkefuError as error:
            log.warning("deeds.not_ended", visitor=conversation.user, problem=str(error))
            is_refused = isinstance(error, KefuRefused | KefuUnavailable)
            return say(Sentence.END_NOT_POSSIBLE if is_refused else Sentence.NOT_NOW, locale=asker.locale)
        return say(Sentence.ENDED, locale=asker.locale)

    async def _open(self, asker: Asker, form: Mapping[str, object]) -> str:
        try:
            await self._views.open(asker.act.installation, asker.trigger, form)
        except (SlackError, LinkError) as error:
            log.warning("deeds.no_form", problem=str(error), meaning="its asker is told to try again")
            return say(Sentence.NOT_NOW, locale=asker.locale)
        return ""
