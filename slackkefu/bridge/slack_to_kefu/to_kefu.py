"""
From Slack's words to the desk's: one message of a visitor as the IM messages that carry it.

A pure mapping. A long text becomes ordered parts, and each file behind it one more, which is brought later
(:mod:`slackkefu.bridge.slack_to_kefu.carrying`). Where a text is cut depends on the text alone, and every id derives
from (team, channel, ts, revision, part, digest of the part), so that a message sent again is the same messages again to
the other side. Names of people who are mentioned may be known the second time and not the first, and a message may be
late the second time and not the first; so names and the mark of being late are put in last, into room that is kept for
the mark, and neither cut nor id depends on them. Before a file, which has no room, the mark is a part of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias, final

from slackkefu.bridge.agent_lines import deleted, edited, emptied, more_files
from slackkefu.bridge.agent_lines import late as late_line
from slackkefu.bridge.identity import digest, digest_of_file, message_id, meta_id
from slackkefu.bridge.slack_to_kefu.cargo import Cargo, line_for
from slackkefu.bridge.slack_to_kefu.for_desk import merged
from slackkefu.bridge.split import MAX_BODY_BYTES, cut
from slackkefu.easemob.message import OutgoingMessage, TextBody
from slackkefu.kefu.outgoing import ANYWHERE, MAX_EXT_BYTES, ext_bytes, fit, weichat
from slackkefu.kefu.text import is_blank
from slackkefu.slack.ids import ChannelId, Ts, UserId
from slackkefu.slack.text import mentions, readable

if TYPE_CHECKING:
    from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.easemob.message import Body
    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.outgoing import Entrance, Language, VisitorCard
    from slackkefu.slack.text import Names

__all__ = ["MOST_FILES", "PART_BYTES", "Part", "parts", "words_of"]

Part: TypeAlias = OutgoingMessage | Cargo
"""One message for the desk: as it is sent, or a file that has to be brought first."""

PART_BYTES: Final = MAX_BODY_BYTES - max(len(f"{line}\n".encode()) for line in (late_line(0.0), edited(Ts("0.0"))))
"""What one part may hold of a message's words; the rest of the body is for the mark of being late, or edited."""

_ACT: Final = "* "
"""How something begins that somebody does (``/me``): ``* Mia waves``."""

MOST_FILES: Final = 20
"""Files of one message that are carried; people can share ten at once in Slack."""

_BEFORE: Final = -1
"""The part that says when a message was written whose first part is a file."""

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
) -> tuple[Part, ...]:
    """
    Map one message to the ordered IM messages that carry it: its words, then its files. A correction has words only.

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
    if forward.deed is not None and not forward.deed.in_parts:
        return (_answer(forward, forward.deed, words, card, language, service_number, entrance, attempt),)
    actor = None
    if event.subtype == "me_message" and words:
        words, actor = _ACT + words, card.name or card.real_name
    shared = event.files
    mark = "" if late is None else f"{late_line(late)}\n"
    if forward.key.is_deletion:
        words, shared = deleted(event.ts), ()
    elif forward.revision:
        words, shared, mark = emptied() if is_blank(words) else words, (), f"{edited(event.ts)}\n"

    def message(index: int, content: bytes, body: Body) -> OutgoingMessage:
        source = (forward.visitor.team, event.channel, event.ts, forward.revision, index, content)
        return OutgoingMessage(
            meta_id=meta_id(*source, attempt=attempt),
            to=service_number,
            body=body,
            ext=weichat(card, language=language, message_id=message_id(*source), entrance=entrance),
        )

    def text(index: int, piece: str) -> OutgoingMessage:
        lead = ("", None) if index else (mark, actor)
        return message(index, digest(piece), TextBody(_finished(piece, event.text, names, *lead)))

    texts = [text(index, piece) for index, piece in enumerate(cut(words, PART_BYTES))]
    files = [
        Cargo(message(index, digest_of_file(file.id), line_for(file)), file)
        for index, file in enumerate(shared[:MOST_FILES])
    ]
    before = [message(_BEFORE, digest(mark), TextBody(mark.strip()))] if mark and files and not texts else []
    beyond = len(shared) - len(files)
    behind = [message(MOST_FILES, digest_of_file(""), TextBody(more_files(beyond)))] if beyond else []
    return (*before, *texts, *files, *behind)


def words_of(forward: Forward) -> str:
    """Return the words of a message; mentions stay ids."""
    event = forward.event
    me = forward.own_users | {forward.installation.bot_user_id}
    return readable(event.text, names=_Nameless(), emoji=event.emoji, me=me)


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
