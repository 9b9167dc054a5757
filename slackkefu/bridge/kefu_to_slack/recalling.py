"""
Recalling: an agent takes a message back.

The recall may come after its message, before it, or without it (facts/kefu.md §2.8); and the message itself may come
again and say that it has been recalled (§2.1). What stands in Slack is deleted, every part of it. Slack deletes no post
made under another name (facts/slack.md §8): that is given other words, which say that it was recalled. Where neither is
possible, one line says so.

A message that was recalled stays recalled: its id is remembered as long as the journal keeps it, and it is not posted,
whenever and however often it comes. Nor may a click that was made a moment before bring its words back, by showing in
the post what was chosen.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.kefu_to_slack.ending import Ended, Ending
from slackkefu.bridge.kefu_to_slack.seen import KEEP_S, Seen
from slackkefu.bridge.kefu_to_slack.to_slack import line
from slackkefu.bridge.remembered import Remembered, restored_at
from slackkefu.bridge.sentences import Sentence, say
from slackkefu.bridge.table import Reason
from slackkefu.easemob.names import ImUser
from slackkefu.slack.own_posts import delete, delete_file, update
from slackkefu.store.entries import Answered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slackkefu.bridge.kefu_to_slack.changing import Changing
    from slackkefu.bridge.kefu_to_slack.placed import Placed
    from slackkefu.bridge.kefu_to_slack.posting import Posting
    from slackkefu.bridge.kefu_to_slack.readers import Readers
    from slackkefu.slack.installation import Installation
    from slackkefu.slack.web import WebClient
    from slackkefu.store.entries import Standing
    from slackkefu.world import World

__all__ = ["Recalling"]

log = structlog.get_logger()

CLICKS_S: Final = 600.0
"""How long a click may be on its way, at most, that was made before its message was taken back."""

_GONE: Final = "message_not_found"
"""Somebody has deleted the post already."""
_NO_FILE: Final = ("file_not_found", "file_deleted")
"""The same, of a file."""


@final
class Recalling:
    """
    Takes messages back.

    Args:
        world: Wall clock.
        web: Slack's Web API.
        placed: Where messages stand.
        changing: Makes changes until they are made.
        posting: Posts the line where no change is possible.
        readers: What a visitor is spoken to in.

    """

    def __init__(
        self,
        *,
        world: World,
        web: WebClient,
        placed: Placed,
        changing: Changing,
        posting: Posting,
        readers: Readers,
    ) -> None:
        self._world = world
        self._web = web
        self._placed = placed
        self._changing = changing
        self._posting = posting
        self._readers = readers
        self._recalled = Seen()
        self._taken_back = Remembered(keep_s=CLICKS_S)

    def restore(self, entries: Iterable[object]) -> None:
        """Take over which messages have been recalled before."""
        wall, now = self._world.wall(), trio.current_time()
        for entry in entries:
            if isinstance(entry, Answered) and entry.recalls:
                at = restored_at(entry.at, wall=wall, now=now, keep_s=KEEP_S)
                self._recalled.note(ImUser(entry.user), entry.recalls, now=at)

    def is_recalled(self, user: ImUser, message: str | None) -> bool:
        """Tell whether the message with that id of kefu's has been recalled."""
        return self._recalled.knows(user, message)

    def is_taken_back(self, channel: str, ts: str) -> bool:
        """Tell whether a post is one whose message has been taken back just now."""
        return f"{channel} {ts}" in self._taken_back

    async def take_back(self, user: ImUser, message: str, *, identity: str) -> Ended:
        """
        Take a message back, wherever it stands.

        It may be done again without harm.

        Args:
            user: The visitor it was for.
            message: kefu's id of it.
            identity: What the recall is known by.

        """
        self._recalled.note(user, message, now=trio.current_time())
        posts = self._placed.where(user, message)
        if not posts and not self._placed.is_forgotten(user, message):
            log.info("kefu.ignored", visitor=user, reason=Reason.NOTHING_TO_RECALL.value)
            return Ended(Ending.IGNORED, Reason.NOTHING_TO_RECALL.value)
        for post in posts:
            self._taken_back.note(f"{post.channel} {post.ts}", trio.current_time())
        locale = await self._readers.locale_of(user)
        refusals = {await self._remove(user, post, locale) for post in posts} if posts else {"forgotten"}
        refusals.discard(None)
        if not refusals:
            self._placed.gone(user, message)
            log.info("kefu.recalled", visitor=user, posts=len(posts))
            return Ended(Ending.TOOK_BACK)
        code = min(filter(None, refusals))
        log.warning("kefu.not_recalled", visitor=user, code=code, meaning="it can still be read; its reader is told")
        words = say(Sentence.NOT_RECALLED, locale=locale)
        await self._posting.post(user, lambda place: (line(words, place=place, identity=identity),))
        return Ended(Ending.LEFT_STANDING, code)

    async def _remove(self, user: ImUser, post: Standing, locale: str) -> str | None:
        """Remove what a post shows; why that was not possible, or None."""
        if not post.file_id:
            return await self._remove_words(user, post, locale)
        # Without its message nobody sees a file, and without its file a message shows nothing: one of them is enough.
        refusals = [await self._changing.until_done(user, partial(self._delete_file, post), patience_s=0.0)]
        if post.ts:
            refusals.append(await self._remove_words(user, post, locale))
        return None if {None, *_NO_FILE} & {*refusals} else refusals[-1]

    async def _remove_words(self, user: ImUser, post: Standing, locale: str) -> str | None:
        """Delete a post, or let it say that it was recalled; why neither was possible, or None."""
        if not post.is_named:
            refusal = await self._changing.until_done(user, partial(self._delete, post))
            if refusal in (None, _GONE):
                return None
        words = say(Sentence.RECALLED, locale=locale)
        refusal = await self._changing.until_done(user, partial(self._replace, post, words))
        return None if refusal == _GONE else refusal

    async def _delete_file(self, post: Standing, installation: Installation) -> None:
        await delete_file(self._web, installation, post.file_id)

    async def _delete(self, post: Standing, installation: Installation) -> None:
        await delete(self._web, installation, channel=post.channel, ts=post.ts)

    async def _replace(self, post: Standing, words: str, installation: Installation) -> None:
        await update(self._web, installation, channel=post.channel, ts=post.ts, text=words)
