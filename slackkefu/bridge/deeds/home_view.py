"""
The home tab of one person, as Block Kit: how their conversations stand, and what they may wish for.

Pure. Each button is named by its wish, and its value is the visitor whose conversation it is about, empty for the
direct messages with the app where nothing was written yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slackkefu.bridge.deeds.wishes import Wish
from slackkefu.bridge.sentences import Sentence, label, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slackkefu.bridge.deeds.standing import Standing
    from slackkefu.bridge.deeds.whereabouts import Conversation

__all__ = ["MOST_SHOWN", "WISH", "home_view", "wish_in"]

WISH: Final = "wish"
"""The word of the buttons, see :mod:`slackkefu.bridge.deeds.deeds`."""

MOST_SHOWN: Final = 5
"""Conversations on one home tab, the latest ones."""

MOST_WORDS: Final = 3000
"""Characters of one block; Slack refuses a view with more in one."""

_ON_CONVERSATION: Final = {
    Wish.HUMAN: Sentence.BUTTON_HUMAN,
    Wish.NOTE: Sentence.BUTTON_NOTE,
    Wish.RATE: Sentence.BUTTON_RATE,
    Wish.END: Sentence.BUTTON_END,
}
_AT_THE_END: Final = {Wish.STATUS: Sentence.BUTTON_STATUS, Wish.HELP: Sentence.BUTTON_HELP}


_BY_NAME: Final = {f"{WISH}:{wish.value}": wish for wish in Wish}


def wish_in(action_id: str) -> Wish | None:
    """Return the wish that a button is named by; None for any other button."""
    return _BY_NAME.get(action_id)


def home_view(
    conversations: Iterable[Conversation], *, standing: Standing, locale: str, notice: str = ""
) -> dict[str, object]:
    """
    Return the home tab.

    Args:
        conversations: The person's, the latest first.
        standing: How they stand.
        locale: The person's.
        notice: What became of the last wish, in Slack's markup.

    """
    blocks: list[dict[str, object]] = [_header(label(Sentence.HOME_TITLE, locale=locale))]
    blocks += [_section(notice), {"type": "divider"}] if notice else []
    shown = [*conversations][:MOST_SHOWN]
    for conversation in shown:
        place = _place(conversation, locale)
        blocks.append(_section(f"*{place}*\n{standing.words(conversation, locale=locale)}"))
        buttons = {
            wish: sentence
            for wish, sentence in _ON_CONVERSATION.items()
            if wish is not Wish.END or standing.is_open(conversation)
        }
        blocks.append(_buttons(buttons, str(conversation.user), locale))
    if not shown:
        blocks.append(_buttons({Wish.HUMAN: Sentence.BUTTON_HUMAN, Wish.NOTE: Sentence.BUTTON_NOTE}, "", locale))
    blocks.append(_buttons(_AT_THE_END, "", locale))
    blocks.append({"type": "context", "elements": [_mrkdwn(say(Sentence.HOME_INTRODUCTION, locale=locale))]})
    return {"type": "home", "blocks": blocks}


def _place(conversation: Conversation, locale: str) -> str:
    if conversation.is_direct:
        return label(Sentence.HOME_DIRECT, locale=locale)
    return f"<#{conversation.visitor.channel}>"


def _header(text: str) -> dict[str, object]:
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": _mrkdwn(text[:MOST_WORDS])}


def _mrkdwn(text: str) -> dict[str, object]:
    return {"type": "mrkdwn", "text": text}


def _buttons(buttons: dict[Wish, Sentence], value: str, locale: str) -> dict[str, object]:
    return {
        "type": "actions",
        # Block ids are unique in a view; buttons of one name in one block are not allowed either.
        "block_id": f"{WISH}:{'+'.join(buttons)}:{value}",
        "elements": [
            {
                "type": "button",
                "action_id": f"{WISH}:{wish.value}",
                "text": {"type": "plain_text", "text": label(sentence, locale=locale), "emoji": False},
            }
            | ({"value": value} if value else {})
            for wish, sentence in buttons.items()
        ],
    }
