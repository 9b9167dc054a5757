"""
What an agent or a robot wrote, as a reader is to see it.

kefu escapes texts for HTML, once or twice (facts/kefu.md §2.2). Robots and the system write links as ``<a href>``; what
a human agent types is words, whatever it looks like. The result is a row of spans, plain words and links, which still
has to be escaped for wherever it is shown.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias, final

from slackkefu.kefu.emoji_codes import decode

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Link", "Plain", "Span", "is_blank", "is_web_url", "plain", "spans", "unescape"]


@final
@dataclass(frozen=True, slots=True)
class Plain:
    """Words."""

    text: str = field(repr=False)


@final
@dataclass(frozen=True, slots=True)
class Link:
    """A link, as a robot or the system wrote it."""

    url: str = field(repr=False)
    """Begins with ``http://`` or ``https://``."""
    label: str = field(repr=False)


Span: TypeAlias = Plain | Link

_ENTITIES: Final = (("&#39;", "'"), ("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
"""In the order of the official clients, the ampersand last."""

_TIMES: Final = 2
"""Once was seen, and twice; a third time would damage what somebody typed (facts/kefu.md §2.2)."""

_ANCHOR: Final = re.compile(
    r"""<a\s[^<>]*?\bhref\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)'|([^\s"'<>]+))[^<>]*>((?:(?!</?a\b).)*)</a\s*>""",
    re.IGNORECASE | re.DOTALL,
)
_UNSEEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Control characters without a meaning in a message."""

_WEB_URL: Final = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)


def unescape(text: str, *, times: int = _TIMES) -> str:
    """Return *text* with HTML's five escapes undone, by default twice."""
    for _ in range(times):
        for entity, character in _ENTITIES:
            text = text.replace(entity, character)
    return text


def spans(text: str, *, links: bool) -> tuple[Span, ...]:
    """
    Read a text of kefu's.

    Args:
        text: As it came.
        links: Whether ``<a href>`` is a link: for robots and the system, not for people.

    Returns:
        Words and links in order, none of them empty; none at all for a text in which nothing is seen.

    """
    text = _UNSEEN.sub("", unescape(text))
    done: list[Span] = []
    start = 0
    for anchor in _ANCHOR.finditer(text) if links else ():
        url = (anchor[1] or anchor[2] or anchor[3] or "").strip()
        if is_web_url(url):
            done += (Plain(decode(text[start : anchor.start()])), Link(url, decode(anchor[4].strip()) or url))
            start = anchor.end()
    done.append(Plain(decode(text[start:])))
    full = tuple(span for span in done if not isinstance(span, Plain) or span.text)
    return full if any(isinstance(span, Link) or not is_blank(span.text) for span in full) else ()


def plain(spans: Iterable[Span]) -> str:
    """Return *spans* as one plain text, a link as ``label (url)``."""
    return "".join(span.text if isinstance(span, Plain) else _shown(span) for span in spans)


def _shown(link: Link) -> str:
    return link.url if link.label == link.url else f"{link.label} ({link.url})"


def is_blank(text: str) -> bool:
    """Tell whether a reader sees nothing of *text*: white space, joiners, controls."""
    return all(unicodedata.category(each) in ("Cc", "Cf", "Zs", "Zl", "Zp") for each in text)


def is_web_url(text: str) -> bool:
    """Tell whether *text* is an address of the web, and nothing else."""
    return _WEB_URL.fullmatch(text) is not None
