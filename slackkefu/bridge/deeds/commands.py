"""
The command: ``/kefu help | human | rate | status | end | leave-a-note``.

Whoever gives it is answered privately, in the acknowledgement where that is still open, else by its ``response_url``;
in a channel nobody else sees anything (facts/slack.md §11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import structlog

from slackkefu.bridge.deeds.granting import Asker
from slackkefu.bridge.deeds.wishes import wish_of
from slackkefu.bridge.identity import Visitor
from slackkefu.errors import LinkError, SlackError
from slackkefu.slack.envelope import SlashCommand
from slackkefu.slack.ids import TeamId

if TYPE_CHECKING:
    from slackkefu.bridge.deeds.act import Act
    from slackkefu.bridge.deeds.granting import Granting
    from slackkefu.bridge.deeds.whereabouts import Whereabouts
    from slackkefu.bridge.languages import Languages
    from slackkefu.slack.views import Views

__all__ = ["Commands"]

log = structlog.get_logger()


@final
class Commands:
    """
    Carries out commands.

    Args:
        granting: Grants what is wished for.
        whereabouts: Where people's conversations are.
        languages: What they are spoken to in.
        views: Answers by ``response_url``.

    """

    def __init__(self, *, granting: Granting, whereabouts: Whereabouts, languages: Languages, views: Views) -> None:
        self._granting = granting
        self._whereabouts = whereabouts
        self._languages = languages
        self._views = views

    async def handle(self, act: Act) -> None:
        """Carry out one command; one without a person or place is acknowledged, and nothing else."""
        command = act.doing
        if not isinstance(command, SlashCommand) or command.user is None or command.channel is None:
            log.info("deeds.unreadable", kind="command")
            return
        wish = wish_of(command.text)
        log.info("deeds.command", wish=wish.value, user=command.user)
        asker = Asker(
            act, await self._languages.of(act.installation, command.user), command.trigger_id, command.command
        )
        visitor = Visitor(command.team_id or TeamId(""), command.user, command.channel)
        conversation = await self._whereabouts.here(act.installation, visitor)
        words = await self._granting.grant(wish, asker, conversation)
        if words:
            await self._answer(act, command, words)

    async def _answer(self, act: Act, command: SlashCommand, words: str) -> None:
        answer = {"response_type": "ephemeral", "text": words}
        if act.may_answer:
            await act.acknowledge(answer)
            return
        try:
            await self._views.answer(command.response_url, answer)
        except (SlackError, LinkError) as error:
            log.warning("deeds.unanswered", problem=str(error), meaning="its author is not told what became of it")
