"""Cards: articles, forms on web pages, places (facts/kefu.md §2.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slackkefu.bridge.kefu_to_slack.forms.blocks import MAX_URL, image, rich
from slackkefu.kefu.text import Link, Plain, is_web_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slackkefu.bridge.kefu_to_slack.forms.blocks import Block
    from slackkefu.kefu.messages import Articles, Form, Location
    from slackkefu.kefu.text import Span

__all__ = ["MOST_ARTICLES", "articles", "form", "map_url", "place"]

MOST_ARTICLES: Final = 10
"""Articles shown as cards; more are lines."""


def articles(message: Articles) -> Iterator[Block]:
    """Yield each article: its title as a link, what it is about, its picture; beyond :data:`MOST_ARTICLES` a line."""
    for article in message.articles[:MOST_ARTICLES]:
        below = (Plain(f"\n{article.digest}"),) if article.digest and article.digest != article.title else ()
        yield rich((_title(article.title, article.url), *below))
        if _is_secure(article.picture_url):
            yield image(article.picture_url, article.title or article.url)
    rest = message.articles[MOST_ARTICLES:]
    if rest:
        yield rich(span for each in rest for span in (_title(each.title, each.url), Plain("\n")))


def form(message: Form) -> Iterator[Block]:
    """Yield a form: its title as a link, and what it is about."""
    below = (Plain(f"\n{message.description}"),) if message.description else ()
    yield rich((Plain("📝 "), _title(message.title, message.url), *below))


def place(message: Location) -> Iterator[Block]:
    """Yield a place: its address as a link to a map."""
    where = message.address or f"{message.lat:g}, {message.lng:g}"
    yield rich((Plain("📍 "), Link(map_url(message), where)))


def map_url(message: Location) -> str:
    """Return a map of a place. Which datum kefu's coordinates have is not known: it may be some hundred metres off."""
    at = f"{message.lat:.6f}", f"{message.lng:.6f}"
    return f"https://www.openstreetmap.org/?mlat={at[0]}&mlon={at[1]}#map=16/{at[0]}/{at[1]}"


def _title(title: str, url: str) -> Span:
    if is_web_url(url) and len(url) <= MAX_URL:
        return Link(url, title or url)
    return Plain(" ".join(filter(None, (title, url))))


def _is_secure(url: str) -> bool:
    """Tell whether Slack can fetch a picture from there."""
    return url.lower().startswith("https://") and is_web_url(url) and len(url) <= MAX_URL
