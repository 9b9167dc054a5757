"""
Media: an image, a file, a voice message, a video or a sticker of the desk's, as a file in Slack.

It is fetched (:mod:`slackkefu.kefu.media_fetch`) and shared (:mod:`slackkefu.bridge.kefu_to_slack.sharing`). Where that
cannot be, a plain line says what it was, with a link where one is good for everybody. What a message offers besides its
file is posted behind it, in its form. Slack shows no other name than the app's on a file, so who sends it stands above
it.

The parts of such a message are numbered like those of any other: the file is the first, words come after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import structlog

from slackkefu.bridge.kefu_to_slack.ending import Ended, Ending
from slackkefu.bridge.kefu_to_slack.forms.shaping import form_posts
from slackkefu.bridge.kefu_to_slack.posting import APP_REMOVED, NO_ADDRESS
from slackkefu.bridge.kefu_to_slack.to_slack import InPrivate, posts
from slackkefu.slack.recovery import DEAD
from slackkefu.slack.uploads import Upload

if TYPE_CHECKING:
    from slackkefu.bridge.kefu_to_slack.forms.shaping import Shape
    from slackkefu.bridge.kefu_to_slack.posting import Posting
    from slackkefu.bridge.kefu_to_slack.speaking import Voice
    from slackkefu.bridge.kefu_to_slack.to_slack import Place
    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.media_fetch import MediaFetch
    from slackkefu.kefu.messages import Media
    from slackkefu.kefu.outgoing import Language
    from slackkefu.slack.uploads import Source
    from slackkefu.slack.web import Post

__all__ = ["MediaAnswering", "MediaStatistics", "upload"]

log = structlog.get_logger()

_NOBODY_THERE = frozenset({APP_REMOVED, NO_ADDRESS, *DEAD})
"""Refusals that words would get as well."""


@dataclass(frozen=True, slots=True)
class MediaStatistics:
    """Counts since the start."""

    shared: int
    """Files that stand in Slack."""
    in_words: int
    """Files of which only a line does."""


@final
class MediaAnswering:
    """
    Answers with files.

    Args:
        fetch: Where they come from.
        posting: Brings them to Slack, and what is said besides.

    """

    def __init__(self, *, fetch: MediaFetch, posting: Posting) -> None:
        self._fetch = fetch
        self._posting = posting
        self._shared = 0
        self._in_words = 0

    def statistics(self) -> MediaStatistics:
        """Count."""
        return MediaStatistics(shared=self._shared, in_words=self._in_words)

    async def post(
        self,
        user: ImUser,
        media: Media,
        *,
        identity: str,
        voice: Voice,
        language: Language | None = None,
        below: Shape | None = None,
    ) -> Ended:
        """
        Bring one message over until it has ended.

        Args:
            user: The visitor it is for.
            media: The message.
            identity: kefu's id of it.
            voice: Who seems to speak.
            language: The reader's; None for both.
            below: What it offers besides, where that has a form.

        """
        file = self._fetch.file(user, media)
        refusal = await self._posting.post(
            user, lambda place: [upload(media, file, place=place, identity=identity, voice=voice, language=language)]
        )
        if refusal in _NOBODY_THERE:
            return Ended(Ending.REFUSED, refusal or "")
        words = media.offered
        if refusal is None:
            self._shared += 1
        else:
            self._in_words += 1
            log.warning("kefu.file_in_words", visitor=user, kind=media.kind, reason=refusal, has_link=bool(file.link))
            line = " ".join(filter(None, (media.words_in(language), file.link)))
            words = "\n".join(filter(None, (line, words)))
        if words or below is not None:
            refusal = await self._posting.post(
                user, lambda place: _behind(words, below, place=place, identity=identity, voice=voice)
            )
        return Ended(Ending.POSTED) if refusal is None else Ended(Ending.REFUSED, refusal)


def _behind(words: str, below: Shape | None, *, place: Place, identity: str, voice: Voice) -> tuple[Post, ...]:
    """Map what comes behind a file to posts: words, and what can be pressed."""
    if below is None:
        return posts(words, place=place, identity=identity, voice=voice, first=1)
    return form_posts(below.saying(words), place=place, identity=identity, voice=voice, first=1)


def upload(
    media: Media, file: Source, *, place: Place, identity: str, voice: Voice, language: Language | None = None
) -> Upload:
    """Map a file of kefu's to the upload that carries it."""
    about = f"<#{place.about}>" if isinstance(place, InPrivate) else ""
    return Upload(
        channel=place.user if isinstance(place, InPrivate) else place.channel,
        file=file,
        thread_ts=None if isinstance(place, InPrivate) else place.thread_ts,
        metadata_id=f"{identity}/0",
        comment=" ".join(filter(None, (about, voice.name))),
        alt_text=media.words_in(language) if media.kind == "image" else "",
    )
