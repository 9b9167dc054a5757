"""
The words of a message that says more in its blocks, or in what it shares, than in its ``text``.

``text`` may be empty, null or only a fallback where ``blocks`` carry the content, and it shows lists, quotes and code
as its client chose to (facts/slack.md §6). So the blocks are written out as mrkdwn, as Slack itself writes ``text``,
and taken where they say at least as much and have a structure, or say more. What ``text`` knows and blocks do not, the
names of channels and groups in mentions, is carried over. A message that was shared comes in ``attachments``, and is
written as a quote.

Text elements of blocks are not escaped; here they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias, final

from slackkefu.slack.fields import is_true, text_at
from slackkefu.slack.text import escape, readable

if TYPE_CHECKING:
    from slackkefu.slack.ids import ChannelId, UserId

__all__ = ["fullest"]

MAX_DEPTH: Final = 10
"""Slack nests a few levels; what nests deeper is not read."""

MAX_INDENT: Final = 8
"""Levels of a list; Slack's clients have nine."""

_INDENT: Final = "    "
_BULLETS: Final = "•◦▪"

_LABELLED: Final = re.compile(r"<([@#!][^<>|]+)\|([^<>]+)>")

Labels: TypeAlias = Mapping[str, str]
"""What mentions are called, by what stands for them in ``text``: ``#C0SUPPORT1`` to ``support``."""


def fullest(text: str, blocks: object, attachments: object) -> str:
    """Return what a message says, as mrkdwn: its *text* or its *blocks*, whichever says more, and what it shares."""
    written = _lines(blocks, dict(_LABELLED.findall(text)), 0).strip("\n")
    own = written if _says_more(written, text, blocks) else text
    shared = "\n".join(filter(None, (_quote(_shared(each)) for each in _list(attachments) if _is_shared(each))))
    return "\n".join(filter(str.strip, (own, shared)))


def _says_more(written: str, text: str, blocks: object) -> bool:
    """Tell whether blocks, written out, are to be read rather than *text*."""
    if not written.strip() or written == text:
        return False
    if not text.strip():
        return True
    gained = _letters(written) - _letters(text)
    return gained > 0 or (gained == 0 and _is_structured(blocks))


def _letters(text: str) -> int:
    """Count what is said, whatever marks and numbers a list or a quote is shown by."""
    return sum(map(str.isalpha, readable(text, names=_Nameless(), emoji={})))


def _is_structured(blocks: object) -> bool:
    """Tell whether a message has a list, a quote or code on lines of its own."""
    return any(
        text_at(part, "type") in ("rich_text_list", "rich_text_quote", "rich_text_preformatted")
        for block in _list(blocks)
        for part in _list(_at(block, "elements"))
    )


# Blocks.


def _lines(value: object, labels: Labels, depth: int) -> str:
    """Read blocks, each on lines of its own."""
    return "\n".join(filter(None, (_block(each, labels, depth) for each in _list(value))))


def _block(block: object, labels: Labels, depth: int) -> str:
    if not isinstance(block, Mapping) or depth > MAX_DEPTH:
        return ""
    kind, elements = text_at(block, "type"), block.get("elements")
    if kind == "rich_text":
        return _lines(elements, labels, depth + 1)
    if kind == "rich_text_list":
        return _points(block, labels, depth + 1)
    if kind == "rich_text_section":
        return _run(elements, labels).removesuffix("\n")
    if kind == "rich_text_quote":
        return _quote(_run(elements, labels).removesuffix("\n"))
    if kind == "rich_text_preformatted":
        code = "".join(_element(each, labels, is_code=True) for each in _list(elements)).removesuffix("\n")
        return f"```\n{code}\n```" if code.strip() else ""
    read = _PLAIN_BLOCKS.get(kind)
    return "" if read is None else read(block)


def _points(block: Mapping[object, object], labels: Labels, depth: int) -> str:
    """Write a list: each point with its bullet or number, further lines of it under its words."""
    level = min(max(_number(block.get("indent")), 0), MAX_INDENT)
    is_ordered, first = block.get("style") == "ordered", _number(block.get("offset")) + 1
    points = []
    for number, element in enumerate(_list(block.get("elements")), start=first):
        said = _block(element, labels, depth)
        if said:
            mark = f"{number}." if is_ordered else _BULLETS[min(level, len(_BULLETS) - 1)]
            lead = f"{_INDENT * level}{mark} "
            points.append(lead + said.replace("\n", "\n" + " " * len(lead)))
    return "\n".join(points)


def _quote(said: str) -> str:
    return "\n".join(f"&gt; {line}" for line in said.split("\n")) if said.strip() else ""


def _section(block: Mapping[object, object]) -> str:
    fields = (_text_object(each) for each in _list(block.get("fields")))
    return "\n".join(filter(None, (_text_object(block.get("text")), *fields)))


def _image(block: Mapping[object, object]) -> str:
    return _text_object(block.get("title")) or escape(text_at(block, "alt_text"))


_PLAIN_BLOCKS: Mapping[str, Callable[[Mapping[object, object]], str]] = MappingProxyType(
    {
        "section": _section,
        "header": lambda block: _text_object(block.get("text")),
        "context": lambda block: " ".join(filter(None, map(_text_object, _list(block.get("elements"))))),
        "markdown": lambda block: text_at(block, "text"),
        "image": _image,
    }
)


def _text_object(value: object) -> str:
    """Read a text object; ``mrkdwn`` is written as ``text`` is, ``plain_text`` is not escaped."""
    text = text_at(value, "text")
    return text if text_at(value, "type") == "mrkdwn" else escape(text)


# What stands in a line.


def _run(elements: object, labels: Labels) -> str:
    return "".join(_element(each, labels, is_code=False) for each in _list(elements))


def _element(element: object, labels: Labels, *, is_code: bool) -> str:
    """Write one inline element of rich text as mrkdwn does."""
    kind = text_at(element, "type")
    if kind == "text":
        said = escape(text_at(element, "text"))
        return said if is_code else _styled(said, element)
    prefix, name = _MENTIONS.get(kind, ("", ""))
    if name:
        mention = prefix + text_at(element, name)
        label = labels.get(mention)
        return f"<{mention}|{label}>" if label else f"<{mention}>"
    write = _ELEMENTS.get(kind)
    return "" if write is None else write(element)


def _styled(said: str, element: object) -> str:
    """Put the marks of a style around words, as a client types them: inside of white space at either end."""
    style = _at(element, "style")
    if not isinstance(style, Mapping) or not said.strip():
        return said
    marks = "".join(mark for name, mark in _STYLES.items() if is_true(style.get(name)))
    lead, trail = said[: len(said) - len(said.lstrip())], said[len(said.rstrip()) :]
    return f"{lead}{marks}{said.strip()}{marks[::-1]}{trail}"


_STYLES: Final = MappingProxyType({"strike": "~", "italic": "_", "bold": "*", "code": "`"})

_MENTIONS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "user": ("@", "user_id"),
        "channel": ("#", "channel_id"),
        "usergroup": ("!subteam^", "usergroup_id"),
        "broadcast": ("!", "range"),
    }
)
"""How a mention begins in ``text``, and where a block has the rest."""


def _link(element: object) -> str:
    url, label = escape(text_at(element, "url")), escape(text_at(element, "text"))
    return f"<{url}|{label}>" if label else f"<{url}>"


def _emoji(element: object) -> str:
    tone = _at(element, "skin_tone")
    return f":{text_at(element, 'name')}:" + (f":skin-tone-{tone}:" if isinstance(tone, int) else "")


_ELEMENTS: Final[Mapping[str, Callable[[object], str]]] = MappingProxyType(
    {
        "link": _link,
        "emoji": _emoji,
        "date": lambda element: escape(text_at(element, "fallback")),
        "color": lambda element: escape(text_at(element, "value")),
    }
)


# Shared messages.


def _is_shared(attachment: object) -> bool:
    return isinstance(attachment, Mapping) and is_true(attachment.get("is_share"))


def _shared(attachment: object) -> str:
    """Say who wrote the shared message, what, and which files it had."""
    if not isinstance(attachment, Mapping):
        return ""
    written = (_at(each, "message") for each in _list(attachment.get("message_blocks")))
    blocks = [block for message in written for block in _list(_at(message, "blocks"))]
    text = fullest(text_at(attachment, "text"), blocks, None)
    names = (escape(text_at(file, "name") or text_at(file, "title")) for file in _list(attachment.get("files")))
    files = [f"📎 {name}" for name in names if name.strip()]
    said = "\n".join(filter(None, (text, *files))) or escape(text_at(attachment, "fallback"))
    author = escape(text_at(attachment, "author_name"))
    return f"{author}: {said}" if author and said else said


# Any JSON.


def _at(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


@final
class _Nameless:
    """Nobody's name is known: mentions stay ids."""

    def user(self, _: UserId, /) -> None:
        """Know nobody."""

    def channel(self, _: ChannelId, /) -> None:
        """Know no channel."""
