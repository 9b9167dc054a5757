"""
What a person may wish for: the words behind the command, and the buttons of the home tab.

Any case, any spaces, English or Chinese; what is no wish is a wish for help.
"""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from slackkefu.bridge.sentences import WISHED

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Wish", "wish_of"]


class Wish(enum.StrEnum):
    """A wish; its value is the word that is typed, and names its button."""

    HELP = "help"
    HUMAN = "human"
    RATE = "rate"
    STATUS = "status"
    END = "end"
    NOTE = "leave-a-note"


_WORDS: Final[Mapping[str, Wish]] = MappingProxyType(
    {
        **{wish.value: wish for wish in Wish},
        "agent": Wish.HUMAN,
        "note": Wish.NOTE,
        "leave a note": Wish.NOTE,
        "leaveanote": Wish.NOTE,
        "close": Wish.END,
        **{word: Wish(name) for word, name in WISHED.items()},
    }
)


def wish_of(text: str) -> Wish:
    """Return what is wished for by *text*, as it was typed behind the command."""
    return _WORDS.get(" ".join(text.casefold().replace("_", "-").split()), Wish.HELP)
