"""
Emoji: from Slack's ``:name:`` to the character.

Slack writes typed emoji as codes, skin tones as a second code behind the first: ``:+1::skin-tone-3:`` (facts/slack.md
§6). The message's own blocks often tell the character of each; for the rest there is the library ``emoji``, and for the
names of Slack's that it lacks or gives to another picture, :mod:`slackkefu.slack.emoji_names`. A name that nobody
knows, such as a workspace's own emoji, stays as it was written.

The library takes about 45 ms and 10 MB to load (emoji 2.16, measured 2026-11), so it is loaded when the first code is
met that a message's blocks do not explain.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from slackkefu.slack.emoji_names import NAMES, SHAPES

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

__all__ = ["emojize"]

_CODE: Final = re.compile(r":([\w+'-]{1,100})(?=:)")
_TONE: Final = re.compile(r":skin-tone-([2-6]):")
_TONES: Final = {str(number): chr(0x1F3FB + number - 2) for number in range(2, 7)}
"""The tones' own characters; there is no tone 1."""

_PICTURE_STYLE: Final = "\ufe0f"
_FLAG: Final = re.compile(r"flag-([a-z]{2})")
_FLAG_LETTER_A: Final = 0x1F1E6


def emojize(text: str, known: Mapping[str, str]) -> str:
    """
    Replace the emoji codes in *text* by characters.

    A code squeezed between two words or numbers is left alone, unless the message's blocks name it: ``10:100:45`` and
    ``urn:book:1`` are not emoji.

    Args:
        text: Words as typed; no links in it.
        known: Characters by name without the outer colons, from the message's blocks: ``tada``, ``+1::skin-tone-3``.

    """
    done: list[str] = []
    start = 0
    while (code := _CODE.search(text, start)) is not None:
        tone = _TONE.match(text, code.end() + 1)
        end = code.end() + 1 if tone is None else tone.end()
        character = _told(code[1], tone, known)
        if character is None and not _is_squeezed(text, code.start(), end):
            character = _found(code[1], tone)
        if character is None:
            # The closing colon may open the next code.
            done.append(text[start : code.end()])
            start = code.end()
        else:
            done += (text[start : code.start()], character)
            start = end
    return "".join((*done, text[start:]))


def _is_squeezed(text: str, start: int, end: int) -> bool:
    """Tell whether a code has an ASCII letter or digit on both sides; next to Chinese there is no space to expect."""
    return 0 < start and end < len(text) and _is_word(text[start - 1]) and _is_word(text[end])


def _is_word(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _told(name: str, tone: re.Match[str] | None, known: Mapping[str, str]) -> str | None:
    """Return the character that the message itself tells for a code."""
    if tone is None:
        return known.get(name) or None
    character = known.get(name)
    return known.get(f"{name}::skin-tone-{tone[1]}") or (_toned(character, tone) if character else None)


def _found(name: str, tone: re.Match[str] | None) -> str | None:
    """Return the character of a code that the message does not explain."""
    character = _character(name)
    return character if character is None or tone is None else _toned(character, tone)


def _character(name: str) -> str | None:
    """Return the character called *name*."""
    if name in NAMES:
        return NAMES[name]
    flag = _FLAG.fullmatch(name)
    if flag is not None:
        character = "".join(chr(_FLAG_LETTER_A + ord(letter) - ord("a")) for letter in flag[1])
        return character if character in _all_characters() else None
    library = _library()
    return next((library[each] for each in _spellings(name) if each in library), None)


def _spellings(name: str) -> Iterator[str]:
    """Yield *name* as the library may spell it."""
    yield name
    for shape, spelling in SHAPES:
        found = shape.fullmatch(name)
        if found is not None:
            yield found.expand(spelling).replace("-", "_")


def _toned(character: str, tone: re.Match[str]) -> str:
    """Give *character* a skin tone, or put the tone's swatch behind it where it takes none, as Slack shows it."""
    swatch = _TONES[tone[1]]
    plain = "".join(each for each in character if each not in _TONES.values())
    toned = plain[:1] + swatch + plain[1:].removeprefix(_PICTURE_STYLE)
    return toned if toned in _all_characters() else plain + swatch


@cache
def _library() -> Mapping[str, str]:
    """Return the library's characters by name without colons; a common alias wins over an official name."""
    from emoji import EMOJI_DATA, STATUS  # noqa: PLC0415 - on first need: see the module's docstring

    complete = {char: data for char, data in EMOJI_DATA.items() if data["status"] <= STATUS["fully_qualified"]}
    official = {data["en"].strip(":"): char for char, data in complete.items()}
    aliases = {alias.strip(":"): char for char, data in complete.items() for alias in data.get("alias", ())}
    return official | aliases


def _all_characters() -> Container[str]:
    from emoji import EMOJI_DATA  # noqa: PLC0415 - on first need: see the module's docstring

    return EMOJI_DATA
