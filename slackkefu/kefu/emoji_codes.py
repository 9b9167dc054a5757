"""
kefu's emoji codes.

The desk writes emoji as 35 literal codes, the same in every official client (facts/kefu.md §2.2). Which picture each
code shows is fact; the characters are our choice by the pictures' classic meanings.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CODES", "decode"]

CODES: Mapping[str, str] = MappingProxyType(
    {
        "[):]": "🙂",
        "[:D]": "😃",
        "[;)]": "😉",
        "[:-o]": "😮",
        "[:p]": "😛",
        "[(H)]": "😎",
        "[:@]": "😠",
        "[:s]": "😕",
        "[:$]": "😳",
        "[:(]": "🙁",
        "[:'(]": "😢",
        "[:|]": "😐",
        "[(a)]": "😇",
        "[8o|]": "😬",
        "[8-|]": "🤓",
        "[+o(]": "🤢",
        "[<o)]": "🥳",
        "[|-)]": "😴",
        "[*-)]": "🤔",
        "[:-#]": "🤐",
        "[:-*]": "😚",
        "[^o)]": "😏",
        "[8-)]": "🙄",
        "[(|)]": "🕐",
        "[(u)]": "💔",
        "[(S)]": "🌙",
        "[(*)]": "⭐",
        "[(#)]": "☀️",
        "[(R)]": "🌈",
        "[({)]": "🤗",
        "[(})]": "🫂",
        "[(k)]": "💋",
        "[(F)]": "🌹",
        "[(W)]": "🥀",
        "[(D)]": "🍺",
    }
)
"""Characters by code, in the order of the pictures ``ee_1`` to ``ee_35``."""

_CODE: Final = re.compile("|".join(re.escape(code) for code in CODES))


def decode(text: str) -> str:
    """Replace the codes in *text* by characters. It is to be unescaped before: some codes hold ``<`` and ``'``."""
    return _CODE.sub(lambda found: CODES[found[0]], text)
