"""
Block Kit, as far as we use it, inside Slack's limits (facts/slack.md §8).

Nothing here can ping anybody, be formatted or become a link by itself: labels are ``plain_text``, words are text
elements of ``rich_text``, which Slack shows as they are (facts/slack.md §6).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from slackkefu.kefu.text import Link, Plain, is_web_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from slackkefu.kefu.text import Span

__all__ = [
    "MAX_BLOCKS",
    "MAX_LABEL",
    "MAX_OPTIONS",
    "MAX_OPTION_VALUE",
    "MAX_VALUE",
    "Block",
    "actions",
    "button",
    "clip",
    "image",
    "input_block",
    "note",
    "option",
    "plain_text",
    "radio",
    "rich",
    "select",
]

Block: TypeAlias = Mapping[str, object]
"""A block or an element of one, in Slack's JSON."""

MAX_BLOCKS: Final = 50
MAX_LABEL: Final = 75
"""Characters on a button, or of an option."""
MAX_VALUE: Final = 2000
"""Characters a button carries along."""
MAX_OPTIONS: Final = 100
MAX_OPTION_VALUE: Final = 150
"""Characters an option carries along."""
MAX_WORDS: Final = 3000
"""Characters of one block of words."""
MAX_URL: Final = 3000
MAX_ALT: Final = 2000

_ELLIPSIS: Final = "…"


def clip(text: str, most: int = MAX_LABEL) -> str:
    """Return *text* on one line, cut to *most* characters; never empty."""
    line = " ".join(text.split()) or _ELLIPSIS
    return line if len(line) <= most else line[: most - 1].rstrip() + _ELLIPSIS


def plain_text(text: str, most: int = MAX_LABEL) -> Block:
    """Return a label."""
    return {"type": "plain_text", "text": clip(text, most), "emoji": False}


def rich(spans: Iterable[Span]) -> Block:
    """Return words and links as they are; they must not be empty."""
    elements = [element for span in spans if (element := _element(span)) is not None]
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


def _element(span: Span) -> Block | None:
    if isinstance(span, Link) and is_web_url(span.url) and len(span.url) <= MAX_URL:
        return {"type": "link", "url": span.url, "text": span.label or span.url}
    text = span.text if isinstance(span, Plain) else f"{span.label} {span.url}"
    return {"type": "text", "text": text} if text else None


def note(text: str) -> Block:
    """Return a small grey line."""
    return {"type": "context", "elements": [plain_text(text, MAX_WORDS)]}


def image(url: str, alt: str) -> Block:
    """Return a picture that Slack fetches; its address must be one of the web."""
    return {"type": "image", "image_url": url, "alt_text": clip(alt, MAX_ALT)}


def button(action_id: str, label: str, value: str, *, is_primary: bool = False) -> Block:
    """Return a button."""
    made = {"type": "button", "action_id": action_id, "text": plain_text(label), "value": value}
    return made | {"style": "primary"} if is_primary else made


def option(label: str, value: str) -> Block:
    """Return an option of a select or of radio buttons."""
    return {"text": plain_text(label), "value": value}


def select(action_id: str, placeholder: str, options: Sequence[Block], *, most: int | None = None) -> Block:
    """Return a select; of several options where *most* says how many."""
    kind = "static_select" if most is None else "multi_static_select"
    several = {} if most is None else {"max_selected_items": most}
    return {"type": kind, "action_id": action_id, "placeholder": plain_text(placeholder), "options": options} | several


def radio(action_id: str, options: Sequence[Block]) -> Block:
    """Return radio buttons, at most ten."""
    return {"type": "radio_buttons", "action_id": action_id, "options": options}


def actions(block_id: str, elements: Sequence[Block]) -> Block:
    """Return a row of elements."""
    return {"type": "actions", "block_id": block_id, "elements": elements}


def input_block(
    block_id: str, label: str, element: Block, *, is_optional: bool = False, dispatches: bool = False
) -> Block:
    """
    Return a field of a modal.

    Args:
        block_id: Names it.
        label: What stands over it.
        element: What is filled in.
        is_optional: Whether it may be left empty.
        dispatches: Whether each change is told at once.

    """
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain_text(label, MAX_WORDS),
        "element": element,
        "optional": is_optional,
        "dispatch_action": dispatches,
    }
