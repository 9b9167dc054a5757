"""
From Slack's words to the desk's: one message of a visitor as the IM messages that carry it.

A pure mapping. A long text becomes ordered parts; where it is cut depends on the text alone, and every id derives from
(team, channel, ts, revision, part, digest of the part), so that a message sent again is the same messages again to the
other side. Names of people who are mentioned may be known the second time and not the first, and a message may be late
the second time and not the first; so names and the mark of being late are put in last, into room that is kept for the
mark, and neither cut nor id depends on them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from slackkefu.bridge.identity import digest, message_id, meta_id
from slackkefu.bridge.sentences import deleted, edited, emptied
from slackkefu.bridge.sentences import late as late_line
from slackkefu.bridge.slack_to_kefu.for_desk import merged
from slackkefu.bridge.split import MAX_BODY_BYTES, cut
from slackkefu.easemob.message import OutgoingMessage, TextBody
from slackkefu.kefu.outgoing import ANYWHERE, MAX_EXT_BYTES, ext_bytes, fit, weichat
from slackkefu.kefu.text import is_blank
from slackkefu.kefu.wording import Wording, tag
from slackkefu.slack.ids import ChannelId, Ts, UserId
from slackkefu.slack.text import clean, mentions, readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.outgoing import Entrance, Language, VisitorCard
    from slackkefu.slack.envelope import FileRef
    from slackkefu.slack.text import Names

__all__ = ["PART_BYTES", "parts", "words_of"]

PART_BYTES: Final = MAX_BODY_BYTES - max(len(f"{line}\n".encode()) for line in (late_line(0.0), edited(Ts("0.0"))))
"""What one part may hold of a message's words; the rest of the body is for the mark of being late, or edited."""

_ACT: Final = "* "
"""How something begins that somebody does (``/me``): ``* Mia waves``."""

_MENTION: Final = re.compile(r"@([UW][A-Z0-9]+)\b")


def parts(
    forward: Forward,
    *,
    card: VisitorCard,
    language: Language | None,
    names: Names,
    service_number: ImUser,
    entrance: Entrance = ANYWHERE,
    late: float | None = None,
    attempt: int = 0,
) -> tuple[OutgoingMessage, ...]:
    """
    Map one message to the ordered IM messages that carry it.

    Args:
        forward: The message.
        card: What the desk is told of its author, already reduced to what the operator chose.
        language: The author's, if known.
        names: Names of the people and channels it mentions, as far as known.
        service_number: To whom it goes.
        entrance: Where kefu is to lead its author.
        late: When it was written (wall clock), where the desk has to be told: the first part says it. Never of a
            correction, which says it in any case.
        attempt: See :func:`~slackkefu.bridge.identity.meta_id`.

    Returns:
        Empty when nothing readable is in it, such as a bare mention of the app.

    """
    event = forward.event
    words = words_of(forward)
    if forward.deed is not None:
        return (_answer(forward, forward.deed, words, card, language, service_number, entrance, attempt),)
    actor = None
    if event.subtype == "me_message" and words:
        words, actor = _ACT + words, card.name or card.real_name
    text = "\n".join((*filter(None, (words,)), *_file_lines(event.files)))
    mark = "" if late is None else f"{late_line(late)}\n"
    if forward.key.is_deletion:
        text = deleted(event.ts)
    elif forward.revision:
        text, mark = emptied() if is_blank(words) else words, f"{edited(event.ts)}\n"

    def part_of(index: int, piece: str) -> OutgoingMessage:
        source = (forward.visitor.team, event.channel, event.ts, forward.revision, index, digest(piece))
        lead = ("", None) if index else (mark, actor)
        return OutgoingMessage(
            meta_id=meta_id(*source, attempt=attempt),
            to=service_number,
            body=TextBody(_finished(piece, event.text, names, *lead)),
            ext=weichat(card, language=language, message_id=message_id(*source), entrance=entrance),
        )

    return tuple(part_of(index, piece) for index, piece in enumerate(cut(text, PART_BYTES)))


def words_of(forward: Forward) -> str:
    """Return the words of a message; mentions stay ids."""
    event = forward.event
    return readable(event.text, names=_Nameless(), emoji=event.emoji, me=forward.installation.bot_user_id)


def _answer(
    forward: Forward,
    deed: ForDesk,
    words: str,
    card: VisitorCard,
    language: Language | None,
    service_number: ImUser,
    entrance: Entrance,
    attempt: int,
) -> OutgoingMessage:
    """
    Return the one message that answers what kefu has offered.

    Its ids derive from what was written or pressed, not from what that was taken for. It is read by a program, which
    looks for a label: nothing is put before it.
    """
    source = (forward.visitor.team, forward.event.channel, forward.event.ts, forward.revision, 0, digest(words))
    body = deed.body
    if isinstance(body, TextBody):
        body = TextBody(next(iter(cut(body.text)), ""))
    room = MAX_EXT_BYTES + MAX_BODY_BYTES - (len(body.text.encode()) if isinstance(body, TextBody) else 0)
    given = weichat(card, language=language, message_id=message_id(*source), entrance=entrance)
    ext = merged(given, deed.ext)
    return OutgoingMessage(
        meta_id=meta_id(*source, attempt=attempt),
        to=service_number,
        body=body,
        ext=fit(ext, max(room, ext_bytes(deed.ext))),
    )


@final
class _Nameless:
    """Nobody's name is known: mentions stay ids."""

    def user(self, _: UserId, /) -> None:
        """Know nobody."""

    def channel(self, _: ChannelId, /) -> None:
        """Know no channel."""


def _finished(piece: str, source: str, names: Names, mark: str, actor: str | None) -> str:
    """
    Put *mark* first, and names in the place of ids that *source* mentions.

    Args:
        piece: The words.
        source: The message they are from, in Slack's markup.
        names: What people are called.
        mark: A line before the words, for which there is room.
        actor: Who does what the words say. This and the names are left out where the piece would grow too long by them.

    """
    known = {user: " ".join((names.user(user) or "").split()) for user in mentions(source)}
    named = _MENTION.sub(lambda found: f"@{known.get(UserId(found[1])) or found[1]}", piece)
    if actor:
        named = f"{_ACT}{' '.join(actor.split())} {named.removeprefix(_ACT)}"
    return mark + (named if len((mark + named).encode()) <= MAX_BODY_BYTES else piece)


def _file_lines(files: tuple[FileRef, ...]) -> Iterator[str]:
    """Say in a line that a file was sent; carrying the file itself comes with the rest of what people send."""
    for file in files:
        yield f"{tag(Wording.FILE)} {' '.join(clean(file.name).split()) or file.id}".rstrip()
