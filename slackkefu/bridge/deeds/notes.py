"""
Notes and questions: what a person writes into a form of ours, and the form.

A *note* (留言) is left for the desk in a conversation. A *question* is about a message that anybody wrote anywhere: the
desk gets it with that message, its author and its link. Both become words of the visitor's like any others.

The desk has tickets for notes, but only its undocumented API makes them (facts/kefu.md §3.1); a marked text reaches
every desk, in the conversation that its answer comes to.

Pure: what a form has to remember travels in its ``private_metadata``, 3,000 characters at most.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, final

import msgspec

from slackkefu.bridge.agent_lines import asked_about, noted
from slackkefu.bridge.identity import Visitor
from slackkefu.bridge.sentences import Sentence, label, say
from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import ChannelId, TeamId, Ts, UserId
from slackkefu.slack.message import MessageEvent, read_message
from slackkefu.slack.text import clean, escape, readable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.slack.envelope import Interaction
    from slackkefu.slack.text import Names

__all__ = [
    "NOTE",
    "QUESTION",
    "WORDS",
    "Quote",
    "note_form",
    "note_place",
    "note_text",
    "question_form",
    "quote_of",
    "quoted_message",
]

NOTE: Final = "note"
"""The word of the note's form, see :mod:`slackkefu.bridge.deeds.deeds`."""

QUESTION: Final = "question"

WORDS: Final = "words"
"""The block of either form that is written in."""

MOST_WORDS: Final = 3000
"""Characters of a note; Slack's own most for a field."""

MOST_QUOTED: Final = 1500
"""Characters of a message that go along with a question about it."""

MOST_SHOWN: Final = 450
"""Of these, shown to whoever asks."""

MOST_NAMED: Final = 80
"""Characters of an author's name."""

MOST_REMEMBERED: Final = 3000


# Notes.


def note_form(visitor: Visitor, *, locale: str) -> dict[str, object]:
    """Return the form for a note in the conversation of *visitor*."""
    memory = _remembered([visitor.team, visitor.channel])
    return _form(NOTE, Sentence.NOTE_TITLE, Sentence.NOTE_LABEL, memory, locale=locale)


def note_place(memory: str, user: UserId) -> Visitor | None:
    """Return whose conversation a note is for, which *user* has written; None where the form does not say."""
    try:
        team, channel = msgspec.json.decode(memory, type=tuple[str, str])
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return None
    return Visitor(TeamId(team), user, ChannelId(channel))


def note_text(words: str) -> str:
    """Return a note as words of the visitor's."""
    return noted(clean(words).strip())


# Questions about a message.


@final
class Quote(msgspec.Struct, frozen=True):
    """A message that a question is about."""

    author: str = ""
    """What they are called, else their id."""
    text: str = ""
    """As a person reads it."""
    link: str = ""

    def __repr__(self) -> str:
        return "<Quote>"

    @classmethod
    def remembered(cls, memory: str) -> Quote:
        """Return what a form remembers; empty where that cannot be read."""
        try:
            return msgspec.json.decode(memory, type=cls)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return cls()

    def memory(self) -> str:
        """Return it as a form remembers it, with as much of the text as there is room for."""
        text = self.text[:MOST_QUOTED]
        while len(kept := _remembered({"author": self.author, "text": text, "link": self.link})) > MOST_REMEMBERED:
            text = text[: len(text) // 2]
        return kept

    def lines(self) -> tuple[str, ...]:
        """Return it as Slack shows a quotation, the beginning of a long one; none where nothing is known of it."""
        text = " ".join(filter(None, (f"{self.author}:" if self.author else "", self.text)))
        beginning = text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "…"
        return tuple(f"> {line}" for line in (*escape(beginning).split("\n"), self.link) if line.strip())

    def asked(self, question: str) -> str:
        """Return *question* about this message as words of the visitor's."""
        return asked_about(clean(question).strip(), author=self.author, quoted=self.text, link=self.link)


def quoted_message(interaction: Interaction) -> MessageEvent | None:
    """Return the message that a shortcut is about; None where it cannot be read."""
    message = interaction.raw.get("message")
    # In some payloads a message has its channel as an object.
    flat = {name: value for name, value in message.items() if name != "channel"} if isinstance(message, dict) else None
    read = read_message(flat, channel=interaction.channel or "-")
    return read if isinstance(read, MessageEvent) else None


def quote_of(interaction: Interaction, names: Names) -> Quote:
    """
    Read the message of a shortcut.

    Its link is made, not asked for: the app need not be a member where it stands, and Slack tells the address of a
    message only to members.

    Args:
        interaction: The shortcut.
        names: Of its author, and of whom it mentions.

    """
    message = quoted_message(interaction)
    if message is None:
        return Quote()
    author = (names.user(message.user) or message.user) if message.user else _username(interaction)
    text = readable(message.text, names=names, emoji=message.emoji)
    link = _link(text_at(interaction.raw.get("team"), "domain"), interaction.channel or "", message.ts)
    return Quote(author[:MOST_NAMED], text, link)


def _username(interaction: Interaction) -> str:
    """Return the name under which something was posted by a bot."""
    return " ".join(clean(text_at(interaction.raw.get("message"), "username")).split())


def question_form(quote: Quote, *, locale: str) -> dict[str, object]:
    """Return the form for a question about a message."""
    lines = quote.lines()
    hint = {"type": "mrkdwn", "text": say(Sentence.QUESTION_HINT, locale=locale)}
    return _form(
        QUESTION,
        Sentence.QUESTION_TITLE,
        Sentence.QUESTION_LABEL,
        quote.memory(),
        locale=locale,
        before=({"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)}},) if lines else (),
        after=({"type": "context", "elements": [hint]},),
    )


def _link(domain: str, channel: str, ts: Ts) -> str:
    """Return the address of a message as Slack's clients copy it; empty where the workspace's is not known."""
    if not re.fullmatch(r"[a-z0-9-]+", domain) or not channel or not re.fullmatch(r"[0-9]+\.[0-9]+", ts):
        return ""
    return f"https://{domain}.slack.com/archives/{channel}/p{ts.replace('.', '')}"


# Forms.


def _form(
    word: str,
    title: Sentence,
    field: Sentence,
    memory: str,
    *,
    locale: str,
    before: tuple[Mapping[str, object], ...] = (),
    after: tuple[Mapping[str, object], ...] = (),
) -> dict[str, object]:
    """Return a form with one field to write in."""
    written = {
        "type": "input",
        "block_id": WORDS,
        "label": _plain(label(field, locale=locale)),
        "element": {"type": "plain_text_input", "action_id": WORDS, "multiline": True, "max_length": MOST_WORDS},
    }
    return {
        "type": "modal",
        "callback_id": f"{word}:",
        "private_metadata": memory,
        "title": _plain(label(title, locale=locale)),
        "submit": _plain(label(Sentence.SEND, locale=locale)),
        "close": _plain(label(Sentence.CANCEL, locale=locale)),
        "blocks": [*before, written, *after],
    }


def _remembered(facts: object) -> str:
    return json.dumps(facts, ensure_ascii=False)


def _plain(text: str) -> dict[str, object]:
    return {"type": "plain_text", "text": text, "emoji": False}
