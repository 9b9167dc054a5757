"""
The words of a message that has them in its blocks only.

``text`` may be empty, null or absent where ``blocks`` carry the content, and a message that was shared carries it in
``attachments`` (facts/slack.md §6). What is found is written as mrkdwn, as Slack itself writes ``text``, so that
there is one way from there on. Text elements of blocks are not escaped; here they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from slackkefu.slack.fields import is_true, text_at
from slackkefu.slack.text import escape

__all__ = ["words"]

MAX_DEPTH: Final = 10
"""Slack nests a few levels; what nests deeper is not read."""


def words(blocks: object, attachments: object) -> str:
    """Return the words of *blocks*, or else of shared messages in *attachments*, as mrkdwn; empty without any."""
    return _lines(blocks, 0) or "\n".join(_shared(each) for each in _list(attachments) if _is_shared(each))


def _lines(value: object, depth: int) -> str:
    """Read blocks, each on lines of its own."""
    return "\n".join(filter(None, (_block(each, depth) for each in _list(value))))


def _block(block: object, depth: int) -> str:
    if not isinstance(block, Mapping) or depth > MAX_DEPTH:
        return ""
    kind = text_at(block, "type")
    if kind in ("rich_text", "rich_text_list"):
        lines = _lines(block.get("elements"), depth + 1)
        return lines if kind == "rich_text" else "\n".join(f"• {line}" for line in lines.split("\n") if line)
    if kind in _RUNS:
        return "".join(map(_element, _list(block.get("elements"))))
    if kind in ("section", "header"):
        return _text_object(block.get("text"))
    if kind == "context":
        return " ".join(filter(None, map(_text_object, _list(block.get("elements")))))
    return text_at(block, "text") if kind == "markdown" else ""


_RUNS: Final = frozenset({"rich_text_section", "rich_text_quote", "rich_text_preformatted"})


def _text_object(value: object) -> str:
    """Read a text object; ``mrkdwn`` is written as ``text`` is, ``plain_text`` is not escaped."""
    text = text_at(value, "text")
    return text if text_at(value, "type") == "mrkdwn" else escape(text)


def _element(element: object) -> str:
    """Write one inline element of rich text as mrkdwn does."""
    write = _ELEMENTS.get(text_at(element, "type"))
    return write(element) if write is not None else ""


def _link(element: object) -> str:
    url, label = escape(text_at(element, "url")), escape(text_at(element, "text"))
    return f"<{url}|{label}>" if label else f"<{url}>"


def _emoji(element: object) -> str:
    tone = element.get("skin_tone") if isinstance(element, Mapping) else None
    return f":{text_at(element, 'name')}:" + (f":skin-tone-{tone}:" if isinstance(tone, int) else "")


_ELEMENTS: Mapping[str, Callable[[object], str]] = MappingProxyType(
    {
        "text": lambda element: escape(text_at(element, "text")),
        "link": _link,
        "user": lambda element: f"<@{text_at(element, 'user_id')}>",
        "channel": lambda element: f"<#{text_at(element, 'channel_id')}>",
        "usergroup": lambda element: f"<!subteam^{text_at(element, 'usergroup_id')}>",
        "broadcast": lambda element: f"<!{text_at(element, 'range')}>",
        "emoji": _emoji,
        "date": lambda element: escape(text_at(element, "fallback")),
        "color": lambda element: text_at(element, "value"),
    }
)


def _is_shared(attachment: object) -> bool:
    return isinstance(attachment, Mapping) and is_true(attachment.get("is_share"))


def _shared(attachment: object) -> str:
    """Say who wrote the shared message, and what."""
    author = escape(text_at(attachment, "author_name"))
    text = text_at(attachment, "text") or escape(text_at(attachment, "fallback"))
    return f"{author}: {text}" if author and text else text


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
