"""
From Slack's words to the desk's: one message of a visitor as the IM messages that carry it.

A pure mapping. A long text becomes ordered parts; where it is cut depends on the text alone, and every id derives from
(team, channel, ts, revision, part, digest of the part), so that a message sent again is the same messages again to the
other side. Names of people who are mentioned may be known the second time and not the first; so
they are put in last, and neither cut nor id depends on them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from slackkefu.bridge.identity import digest, message_id, meta_id
from slackkefu.bridge.split import MAX_BODY_BYTES, cut
from slackkefu.easemob.message import OutgoingMessage, TextBody
from slackkefu.kefu.outgoing import weichat
from slackkefu.slack.ids import ChannelId, UserId
from slackkefu.slack.text import clean, mentions, readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slackkefu.bridge.routing import Forward
    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.outgoing import Language, VisitorCard
    from slackkefu.slack.envelope import FileRef
    from slackkefu.slack.text import Names

__all__ = ["parts"]

ORIGINAL: Final = ""
"""The revision of a message as first written; an edit has another."""

_MENTION: Final = re.compile(r"@([UW][A-Z0-9]+)\b")


def parts(
    forward: Forward, *, card: VisitorCard, language: Language | None, names: Names, service_number: ImUser
) -> tuple[OutgoingMessage, ...]:
    """
    Map one message to the ordered IM messages that carry it.

    Args:
        forward: The message.
        card: What the desk is told of its author, already reduced to what the operator chose.
        language: The author's, if known.
        names: Names of the people and channels it mentions, as far as known.
        service_number: To whom it goes.

    Returns:
        Empty when nothing readable is in it, such as a bare mention of the app.

    """
    event = forward.event
    words = readable(event.text, names=_Nameless(), emoji=event.emoji, me=forward.installation.bot_user_id)
    text = "\n".join((*filter(None, (words,)), *_file_lines(event.files)))

    def part_of(index: int, piece: str) -> OutgoingMessage:
        source = (forward.visitor.team, event.channel, event.ts, ORIGINAL, index, digest(piece))
        return OutgoingMessage(
            meta_id=meta_id(*source),
            to=service_number,
            body=TextBody(_with_names(piece, event.text, names)),
            ext=weichat(card, language=language, message_id=message_id(*source)),
        )

    return tuple(part_of(index, piece) for index, piece in enumerate(cut(text)))


@final
class _Nameless:
    """Nobody's name is known: mentions stay ids."""

    def user(self, _: UserId, /) -> None:
        """Know nobody."""

    def channel(self, _: ChannelId, /) -> None:
        """Know no channel."""


def _with_names(piece: str, source: str, names: Names) -> str:
    """Put names in the place of ids that *source* mentions, unless *piece* would grow too long by it."""
    known = {user: " ".join((names.user(user) or "").split()) for user in mentions(source)}
    named = _MENTION.sub(lambda found: f"@{known.get(UserId(found[1])) or found[1]}", piece)
    return named if len(named.encode()) <= MAX_BODY_BYTES else piece


def _file_lines(files: tuple[FileRef, ...]) -> Iterator[str]:
    """Say in a line that a file was sent; carrying the file itself comes with the rest of what people send."""
    for file in files:
        yield f"[文件 File] {' '.join(clean(file.name).split()) or file.id}".rstrip()
