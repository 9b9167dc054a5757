"""
Notices: short lines of ours to a visitor, such as that the desk is off duty.

Posted with an intent like an answer, so that a lost answer of Slack's does not double them. They are a courtesy:
whatever goes wrong with one costs nobody's words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import structlog

from slackkefu.bridge.kefu_to_slack.ending import Ending
from slackkefu.bridge.kefu_to_slack.to_slack import line
from slackkefu.errors import StoreBroken, StoreUnwritable, VisitorUnreachable
from slackkefu.store.entries import Answered

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.bridge.kefu_to_slack.intents import Intents, Journal
    from slackkefu.bridge.kefu_to_slack.posting import Posting
    from slackkefu.easemob.names import ImUser

__all__ = ["Notices"]

log = structlog.get_logger()


@final
class Notices:
    """
    Posts notices.

    Args:
        posting: Posts to Slack.
        intents: What is about to be posted.
        journal: Where it is written that it is.
        wall: Wall clock, seconds.

    """

    def __init__(self, *, posting: Posting, intents: Intents, journal: Journal, wall: Callable[[], float]) -> None:
        self._posting = posting
        self._intents = intents
        self._journal = journal
        self._wall = wall

    async def post(self, user: ImUser, words: str, *, identity: str) -> bool:
        """
        Post *words* where *user* is answered; return whether they stand there.

        A cancellation may leave them posted.

        Args:
            user: The visitor.
            words: One line in Slack's markup.
            identity: What the post is known by; no message of kefu's has it.

        """
        refusal: str | None = "fault"
        try:
            refusal = await self._posting.post(user, lambda place: (line(words, place=place, identity=identity),))
        except StoreBroken:
            raise
        except VisitorUnreachable as exc:
            refusal = exc.reason
        except Exception:
            log.exception("notice.fault", visitor=user, meaning="a line is missing; words go on")
        ending = Ending.POSTED if refusal is None else Ending.REFUSED
        posts = self._intents.standing(user, identity)
        try:
            await self._journal.append(
                Answered(user=user, msg_id=identity, outcome=ending.value, posts=posts, at=self._wall())
            )
        except StoreUnwritable:
            log.debug("notice.not_written", visitor=user)
        self._intents.ended(user, identity)
        return refusal is None
