"""
Splitting: one long text into parts that each fit into a message.

Where a text is cut depends on the text and the limit alone, so a repeat is cut alike and its parts carry the same ids.
A cut prefers the end of a line, then a space or the end of a phrase, both in the last third of what fits, and never
goes through a character as a reader sees it: a letter with its accents, a flag, an emoji with skin tone or a family
of them (a simplified form of Unicode's extended grapheme clusters, UAX #29). Only one such character that alone is too
long is cut between its code points.

Nothing is lost but white space at the cuts and at both ends: no part begins or ends with white space, so none is empty.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from slackkefu.kefu.text import is_blank

__all__ = ["MAX_BODY_BYTES", "MAX_CHARACTER_BYTES", "cut"]

MAX_BODY_BYTES: Final = 2000
"""What one message's body may hold, in UTF-8; with ext it stays under IM's 3 KB (facts/kefu.md §0)."""

MAX_CHARACTER_BYTES: Final = 4
"""The longest code point in UTF-8."""

_PHRASE_ENDS: Final = frozenset("。！？；：，、…）》〉」』】”’")  # Chinese and Japanese break after these
_JOINER: Final = "\u200d"


def cut(text: str, max_bytes: int = MAX_BODY_BYTES) -> tuple[str, ...]:
    """
    Cut *text* into parts of at most *max_bytes* bytes of UTF-8, in order.

    Returns:
        The parts; none for a text in which nothing is seen.

    Raises:
        ValueError: not every character would fit into *max_bytes*.

    """
    if max_bytes < MAX_CHARACTER_BYTES:
        raise ValueError(f"no part can be as short as {max_bytes} bytes")
    parts = []
    rest = "" if is_blank(text) else text.strip()
    while rest:
        end = _end(rest, max_bytes)
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return tuple(parts)


def _end(text: str, max_bytes: int) -> int:
    """Return how many code points of *text* make the first part."""
    fit = _fitting(text, max_bytes)
    if fit == len(text):
        return fit
    last_third = fit - fit // 3
    line_end = text.rfind("\n", last_third, fit + 1)
    if line_end > 0:
        return line_end
    whole = 0
    for index in range(fit, 0, -1):
        if not _is_between(text, index):
            continue
        whole = whole or index
        if index < last_third:
            break
        if text[index].isspace() or text[index - 1].isspace() or text[index - 1] in _PHRASE_ENDS:
            return index
    return whole or fit


def _fitting(text: str, max_bytes: int) -> int:
    """Return how many code points from the start fit into *max_bytes*."""
    room = max_bytes
    for index, character in enumerate(text):
        room -= _width(character)
        if room < 0:
            return index
    return len(text)


def _width(character: str) -> int:
    """Return the bytes *character* takes in UTF-8; a lone surrogate counts like what it would be replaced by."""
    code = ord(character)
    return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4


def _is_between(text: str, index: int) -> bool:
    """Tell whether a reader sees one character end and another begin before *index*, which is inside *text*."""
    before, after = text[index - 1], text[index]
    if before == _JOINER or _continues(after):
        return False
    if _is_flag_letter(before) and _is_flag_letter(after):
        # Two make a flag: a third begins the next one.
        run = index
        while run > 0 and _is_flag_letter(text[run - 1]):
            run -= 1
        return (index - run) % 2 == 0
    return not (_is_leading_jamo(before) and (_is_leading_jamo(after) or "\uac00" <= after <= "\ud7a3"))


def _continues(character: str) -> bool:
    """Tell what belongs to the character before it: marks, joiners, skin tones, flag tags, inner Korean letters."""
    return (
        unicodedata.category(character) in ("Mn", "Me", "Mc")  # variation selectors are Mn
        or character in (_JOINER, "\u200c")
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
        or "\u1160" <= character <= "\u11ff"
        or "\ud7b0" <= character <= "\ud7fb"
    )


def _is_leading_jamo(character: str) -> bool:
    return "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97c"


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
