"""
Texts that are JSON.

Some robots answer with a document in place of words: ``{"type":"richtext","content":<address>}``, or several messages
in one list (facts/kefu.md §2.2). Read as words they would be gibberish.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from slackkefu.kefu.fields import at, entries, words
from slackkefu.kefu.text import Link, Plain, is_web_url, spans, unescape
from slackkefu.kefu.wording import Wording, tag

if TYPE_CHECKING:
    from slackkefu.easemob.message import Json
    from slackkefu.kefu.text import Span

__all__ = ["embedded"]

_LABELS: Mapping[str, str] = MappingProxyType({"richtext": tag(Wording.ARTICLE), "image": tag(Wording.IMAGE)})


def embedded(text: str, *, is_list: bool) -> tuple[Span, ...]:
    """
    Return what *text* holds when it is a document, and nothing when it is just words.

    Args:
        text: As it came.
        is_list: Whether the robot is one that sends lists (``extRobot.laiye``).

    """
    document = _parsed(text)
    if isinstance(document, Mapping) and document.get("type") == "richtext":
        return _piece(document)
    pieces = [piece for entry in entries(document) if (piece := _piece(entry))] if is_list else []
    joined: list[Span] = []
    for piece in pieces:
        joined += (Plain("\n"), *piece) if joined else piece
    return tuple(joined)


def _parsed(text: str) -> Json:
    """Return *text* as JSON, as it came or unescaped; None when it is no document."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    for attempt in (text, unescape(text)):
        try:
            document: Json = json.loads(attempt)
        except (ValueError, RecursionError):
            continue
        return document
    return None


def _piece(entry: Json) -> tuple[Span, ...]:
    content = words(at(entry, "content")).strip()
    kind = at(entry, "type")
    if kind == "text":
        return spans(content, links=True)
    if isinstance(kind, str) and kind in _LABELS and is_web_url(unescape(content)):
        return (Link(unescape(content), _LABELS[kind]),)
    return ()
