"""
Forms: a note to the desk, and a question about a message.

A question is sent as words of the person's in their direct messages with the app, wherever the message stands: that is
the one place where an answer can surely be posted, and asking about somebody's message in public is not what a person
does who picks an entry of its menu. There it is also shown, so that the answer does not come out of nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.deeds.notes import (
    WORDS,
    Quote,
    note_form,
    note_place,
    note_text,
    question_form,
    quote_of,
    quoted_message,
)
from slackkefu.bridge.identity import Visitor
from slackkefu.bridge.sentences import Sentence, say
from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
from slackkefu.bridge.slack_to_kefu.naming import Naming
from slackkefu.errors import LinkError, SlackError
from slackkefu.slack.envelope import Interaction
from slackkefu.slack.ids import TeamId
from slackkefu.slack.interaction import read_filled, trigger_of
from slackkefu.slack.text import escape, mentions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.bridge.deeds.act import Act
    from slackkefu.bridge.deeds.granting import Bringing, Opening
    from slackkefu.bridge.deeds.whereabouts import Conversation, Whereabouts
    from slackkefu.bridge.languages import Languages
    from slackkefu.bridge.saying import Saying
    from slackkefu.slack.directory import Directory
    from slackkefu.slack.ids import UserId
    from slackkefu.slack.installation import Installation

__all__ = ["Forms"]

log = structlog.get_logger()

MOST_NAMES: Final = 20
"""People mentioned in a message that is asked about whose names are asked for; further ones keep their ids."""


@final
class Forms:
    """
    Opens forms, and takes what was written into them.

    Args:
        bringing: Brings it to the desk.
        whereabouts: Where people's conversations are.
        directory: Names.
        languages: What people are spoken to in.
        views: Opens forms.
        saying: Says that it was taken.

    """

    def __init__(
        self,
        *,
        bringing: Bringing,
        whereabouts: Whereabouts,
        directory: Directory,
        languages: Languages,
        views: Opening,
        saying: Saying,
    ) -> None:
        self._bringing = bringing
        self._whereabouts = whereabouts
        self._directory = directory
        self._languages = languages
        self._views = views
        self._saying = saying

    # Opening.

    async def note_wanted(self, act: Act) -> None:
        """Open the form for a note, by a button in a message: about the conversation of whoever presses it."""
        interaction = act.doing
        if not isinstance(interaction, Interaction) or interaction.user is None or interaction.channel is None:
            return
        team = interaction.user_team or interaction.team_id or TeamId("")
        conversation = await self._whereabouts.here(
            act.installation, Visitor(team, interaction.user, interaction.channel)
        )
        if conversation is not None:
            locale = await self._languages.of(act.installation, interaction.user)
            await self._open(act, interaction, note_form(conversation.visitor, locale=locale))

    async def question_wanted(self, act: Act) -> None:
        """Open the form for a question about a message, by its shortcut."""
        interaction = act.doing
        if not isinstance(interaction, Interaction) or interaction.user is None or interaction.type != "message_action":
            return
        locale = await self._languages.of(act.installation, interaction.user)
        quote = quote_of(interaction, await self._names(act.installation, interaction))
        await self._open(act, interaction, question_form(quote, locale=locale))

    async def _names(self, installation: Installation, interaction: Interaction) -> Naming:
        """Find the names in the message that a question is about, as far as they are known in a moment."""
        naming, message = Naming(), quoted_message(interaction)
        people = [] if message is None else sorted(mentions(message.text))[:MOST_NAMES]
        if message is not None and message.user is not None and message.user not in people:
            people.append(message.user)

        async def person(user: UserId) -> None:
            name = await self._directory.user_name(installation, user)
            if name:
                naming.people[user] = name

        async with trio.open_nursery() as nursery:
            for each in people:
                nursery.start_soon(person, each)
        return naming

    async def _open(self, act: Act, interaction: Interaction, form: Mapping[str, object]) -> None:
        try:
            await self._views.open(act.installation, trigger_of(interaction), form)
        except (SlackError, LinkError) as error:
            log.warning("deeds.no_form", problem=str(error), meaning="nothing opens; it can be pressed again")

    # Taking.

    async def note_written(self, act: Act) -> None:
        """Bring a note to the desk."""
        interaction = act.doing
        filled = read_filled(interaction) if isinstance(interaction, Interaction) else None
        if filled is None or not isinstance(interaction, Interaction) or interaction.user is None:
            return
        words, visitor = filled.typed(WORDS), note_place(filled.memory, interaction.user)
        conversation = self._whereabouts.at(visitor) if visitor is not None else None
        if not words.strip() or conversation is None:
            log.info("deeds.unreadable", kind="note")
            return
        locale = await self._languages.of(act.installation, interaction.user)
        if not await self._bring(act, conversation, note_text(words)):
            await _keep_open(act, locale)
            return
        await self._saying.say(
            act.installation,
            say(Sentence.NOTE_TAKEN, locale=locale),
            channel=conversation.visitor.channel,
            only_to=interaction.user,
        )

    async def question_written(self, act: Act) -> None:
        """Bring a question about a message to the desk, and show it where the answer comes."""
        interaction = act.doing
        filled = read_filled(interaction) if isinstance(interaction, Interaction) else None
        if filled is None or not isinstance(interaction, Interaction) or interaction.user is None:
            return
        user, question, quote = interaction.user, filled.typed(WORDS), Quote.remembered(filled.memory)
        locale = await self._languages.of(act.installation, user)
        conversation = await self._direct(act, interaction, user)
        if not question.strip():
            log.info("deeds.unreadable", kind="question")
            return
        if conversation is None or not await self._bring(act, conversation, quote.asked(question)):
            await _keep_open(act, locale)
            return
        shown = "\n".join((escape(question), *quote.lines(), say(Sentence.QUESTION_TAKEN, locale=locale)))
        await self._saying.say(act.installation, shown, channel=conversation.visitor.channel)

    async def _bring(self, act: Act, conversation: Conversation, words: str) -> bool:
        return await self._bringing.bring(act, conversation.user, ForDesk(words=words, in_parts=True))

    async def _direct(self, act: Act, interaction: Interaction, user: UserId) -> Conversation | None:
        team = interaction.user_team or interaction.team_id or TeamId("")
        return await self._whereabouts.direct(act.installation, team, user)


async def _keep_open(act: Act, locale: str) -> None:
    """Leave the form open with what was written in it, and say that it could not be taken."""
    if act.may_answer:
        problem = say(Sentence.NOT_NOW, locale=locale)
        await act.acknowledge({"response_action": "errors", "errors": {WORDS: problem}})
