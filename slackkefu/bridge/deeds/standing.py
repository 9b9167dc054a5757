"""How a conversation stands, in words for the person whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from slackkefu.bridge.book import is_open
from slackkefu.bridge.sentences import Sentence, say
from slackkefu.slack.text import escape

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.bridge.attendance import Attendance
    from slackkefu.bridge.deeds.whereabouts import Conversation
    from slackkefu.easemob.names import ImUser

__all__ = ["Standing"]

MOST_NAMED: Final = 80
"""Characters of an agent's name that are shown."""


@final
class Standing:
    """
    Tells how conversations stand.

    Args:
        attendance: Who serves whom.
        waiting: How many messages of a visitor's have not left yet.
        wall: Wall clock, seconds.

    """

    def __init__(self, *, attendance: Attendance, waiting: Callable[[ImUser], int], wall: Callable[[], float]) -> None:
        self._attendance = attendance
        self._waiting = waiting
        self._wall = wall

    def is_open(self, conversation: Conversation) -> bool:
        """Tell whether a service session is open in it."""
        return conversation.record is not None and is_open(conversation.record, now=self._wall())

    def agent(self, conversation: Conversation) -> str:
        """Return the human agent who serves it, escaped; empty where none does, or none is known."""
        speaker = self._attendance.of(conversation.user) if self.is_open(conversation) else None
        name = speaker.name if speaker is not None and speaker.kind == "agent" else None
        return escape((name or "")[:MOST_NAMED])

    def words(self, conversation: Conversation, *, locale: str) -> str:
        """Return how it stands, in Slack's markup."""
        agent, waiting = self.agent(conversation), self._waiting(conversation.user)
        lines = [
            say(Sentence.STATUS_WITH, locale=locale, agent=agent)
            if agent
            else say(Sentence.STATUS_OPEN if self.is_open(conversation) else Sentence.STATUS_NOT_OPEN, locale=locale)
        ]
        if waiting:
            lines.append(say(Sentence.STATUS_WAITING, locale=locale, count=str(waiting)))
        return "\n".join(lines)
