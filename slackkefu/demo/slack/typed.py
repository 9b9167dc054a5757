"""
What a Slack client makes of typed words: the ``text`` and the ``rich_text`` block of a message.

Typed words are literal, but for the things a person picks from a list, which are written as Slack writes them:
``<@U…>``, ``<#C…|name>``, ``<!here>``, ``<!subteam^S…|@name>``, ``<!date^…|…>``, ``<https://…|label>``. Addresses
become links and emoji become shortcodes, as in Slack's own clients (facts/slack.md §6).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import emoji

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slackkefu.demo.slack.shape import Shape

__all__ = ["Typed", "compose", "escape", "shown"]

_ESCAPES: Final = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))

_PICKED: Final = re.compile(
    r"<(?P<picked>@[UW][A-Z0-9]+|#C[A-Z0-9]+|!(?:here|channel|everyone)|!subteam\^S[A-Z0-9]+|!date\^[^|>]+"
    r"|(?:https?|mailto|tel):[^|>\s]+)(?:\|(?P<label>[^>]*))?>"
    r"|(?P<address>https?://[^\s<>]+)"
    r"|(?<![\w:]):(?P<code>[a-z0-9_+'-]+):(?::skin-tone-(?P<tone>[2-6]):)?(?!\w)"
)
_TONES: Final = {2: "\N{EMOJI MODIFIER FITZPATRICK TYPE-1-2}"} | {n: chr(0x1F3FB + n - 2) for n in range(3, 7)}
_TONE_OF: Final = {character: tone for tone, character in _TONES.items()}


@dataclass(frozen=True, slots=True)
class Typed:
    """A message as a client sends it."""

    text: str
    """Escaped, with ``<…>`` forms and shortcodes."""
    elements: tuple[Shape, ...]
    """What stands in the one ``rich_text_section``; not escaped."""


def escape(text: str) -> str:
    """Escape the three characters Slack escapes."""
    for character, escaped in _ESCAPES:
        text = text.replace(character, escaped)
    return text


def compose(typed: str) -> Typed:
    """Turn typed words into what the client sends."""
    pieces = list(_pieces(typed))
    return Typed("".join(text for text, _ in pieces), tuple(element for _, element in pieces))


def shown(text: str) -> str:
    """Return *text* as a person reads it: ``<…>`` forms by their label or target, escapes undone once."""
    text = re.sub(r"<([^>|]*)(?:\|([^>]*))?>", lambda match: match[2] or match[1].lstrip("!"), text)
    for character, escaped in reversed(_ESCAPES):
        text = text.replace(escaped, character)
    return text


def _pieces(typed: str) -> Iterator[tuple[str, Shape]]:
    """Yield the parts of *typed*: each as text, and as an element of rich text."""
    source = _with_shortcodes(typed)
    literal = ""
    at = 0
    for match in _PICKED.finditer(source):
        literal += source[at : match.start()]
        at = match.end()
        piece = _picked(match)
        if piece is None:
            literal += match[0]
            continue
        if literal:
            yield _literal(literal)
            literal = ""
        yield piece
    literal += source[at:]
    if literal:
        yield _literal(literal)


def _literal(text: str) -> tuple[str, Shape]:
    return escape(text), {"type": "text", "text": text}


def _picked(match: re.Match[str]) -> tuple[str, Shape] | None:
    """Return both forms of what *match* found; None when it only looks like something."""
    if match["code"] is not None:
        return match[0], _emoji_element(match["code"], int(match["tone"]) if match["tone"] else None)
    if match["address"] is not None:
        return f"<{escape(match['address'])}>", {"type": "link", "url": match["address"]}
    for prefix, build in _PICKED_ELEMENTS:
        if match["picked"].startswith(prefix):
            return _wire(match), build(match["picked"][len(prefix) :], match["label"])
    return _wire(match), _link(match["picked"], match["label"])


def _wire(match: re.Match[str]) -> str:
    label = f"|{escape(match['label'])}" if match["label"] is not None else ""
    return f"<{escape(match['picked'])}{label}>"


def _link(url: str, label: str | None) -> Shape:
    link: Shape = {"type": "link", "url": url}
    return link | {"text": label} if label else link


def _date(fields: str, label: str | None) -> Shape:
    timestamp, _, form = fields.partition("^")
    return {"type": "date", "timestamp": int(timestamp), "format": form.partition("^")[0], "fallback": label or ""}


_PICKED_ELEMENTS: Final[tuple[tuple[str, Callable[[str, str | None], Shape]], ...]] = (
    ("@", lambda rest, _: {"type": "user", "user_id": rest}),
    ("#", lambda rest, _: {"type": "channel", "channel_id": rest}),
    ("!subteam^", lambda rest, _: {"type": "usergroup", "usergroup_id": rest}),
    ("!date^", _date),
    ("!", lambda rest, _: {"type": "broadcast", "range": rest}),
)


def _emoji_element(code: str, tone: int | None) -> Shape:
    """Return the element of a shortcode; a workspace's own emoji has no ``unicode``."""
    character = emoji.emojize(f":{code}:", language="alias")
    element: Shape = {"type": "emoji", "name": code}
    if not character.startswith(":"):
        character += _TONES[tone] if tone is not None else ""
        element["unicode"] = "-".join(f"{ord(point):x}" for point in character)
    if tone is not None:
        element["skin_tone"] = tone
    return element


def _with_shortcodes(typed: str) -> str:
    """Replace emoji characters by the shortcodes a client sends."""
    return emoji.replace_emoji(typed, lambda character, _: _shortcode(character))


def _shortcode(character: str) -> str:
    tone = next((_TONE_OF[point] for point in character if point in _TONE_OF), None)
    base = "".join(point for point in character if point not in _TONE_OF)
    known = emoji.EMOJI_DATA.get(base) or emoji.EMOJI_DATA.get(f"{base}\N{VARIATION SELECTOR-16}")
    if known is None:
        return character
    code: str = known.get("alias", [known["en"]])[-1]
    return code + (f":skin-tone-{tone}:" if tone is not None else "")
