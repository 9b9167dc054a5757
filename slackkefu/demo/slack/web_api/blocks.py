"""
What Slack does not take as blocks or views: kinds, required fields, and limits (facts/slack.md §8).

Only the blocks that the app uses are known in detail; a kind that is not known is refused, so that nobody takes for
shown what was never looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["problem_of", "problem_of_view"]

MAX_BLOCKS: Final = 50
MAX_VIEW_BLOCKS: Final = 100

_BUTTON_STYLES: Final = (None, "primary", "danger")
_RICH_KINDS: Final = ("text", "link", "emoji", "channel", "user")


def problem_of(blocks: object) -> str:
    """Say what is wrong with the blocks of a message; empty where nothing is."""
    if not isinstance(blocks, list) or len(blocks) > MAX_BLOCKS:
        return f"more than {MAX_BLOCKS} blocks, or no list"
    return next(_problems(blocks), "")


def problem_of_view(view: Mapping[str, object]) -> str:
    """Say what is wrong with a view; empty where nothing is."""
    blocks = view.get("blocks")
    if not isinstance(blocks, list) or len(blocks) > MAX_VIEW_BLOCKS:
        return f"more than {MAX_VIEW_BLOCKS} blocks, or no list"
    is_modal = view.get("type") == "modal"
    labels = [name for name in ("title", "submit", "close") if is_modal and (name == "title" or name in view)]
    problems = [problem for name in labels if (problem := _label(view.get(name), 24, name))]
    has_fields = any(isinstance(block, Mapping) and block.get("type") == "input" for block in blocks)
    if is_modal and has_fields and "submit" not in view:
        problems.append("fields, and nothing to submit them with")
    if len(str(view.get("private_metadata", ""))) > 3000 or len(str(view.get("callback_id", ""))) > 255:
        problems.append("private_metadata or callback_id is too long")
    return next(iter(problems), "") or next(_problems(blocks), "")


def _problems(blocks: list[object]) -> Iterator[str]:
    names: set[str] = set()
    for block in blocks:
        if not isinstance(block, Mapping):
            yield "a block that is no object"
            continue
        check = _BLOCKS.get(str(block.get("type")))
        yield from [f"unknown block {block.get('type')}"] if check is None else check(block)
        name = block.get("block_id")
        if name is not None:
            if not isinstance(name, str) or not 0 < len(name) <= 255:
                yield "block_id of a wrong length"
            elif name in names:
                yield "block_id twice"
            names.add(str(name))


def _actions(block: Mapping[str, object]) -> Iterator[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 0 < len(elements) <= 25:
        yield "actions: not 1 to 25 elements"
        return
    names = [each.get("action_id") for each in elements if isinstance(each, Mapping)]
    if len(names) != len({*names}):
        yield "actions: action_id twice"
    for each in elements:
        yield from _element(each)


def _element(raw: object) -> Iterator[str]:
    if not isinstance(raw, Mapping):
        yield "an element that is no object"
        return
    if not 0 < len(str(raw.get("action_id", ""))) <= 255:
        yield "action_id of a wrong length"
    match raw.get("type"):
        case "button":
            yield from filter(None, [_label(raw.get("text"), 75, "button")])
            if len(str(raw.get("value", ""))) > 2000:
                yield "button: value over 2,000"
            if raw.get("style") not in _BUTTON_STYLES:
                yield "button: unknown style"
        case "static_select" | "multi_static_select":
            yield from filter(None, [_label(raw.get("placeholder"), 150, "placeholder")])
            yield from _options(raw.get("options"), 100)
        case "radio_buttons" | "checkboxes":
            yield from _options(raw.get("options"), 10)
        case "plain_text_input":
            most = raw.get("max_length", 3000)
            if not isinstance(most, int) or not 0 < most <= 3000:
                yield "max_length"
        case kind:
            yield f"unknown element {kind}"


def _options(raw: object, most: int) -> Iterator[str]:
    if not isinstance(raw, list) or not 0 < len(raw) <= most:
        yield f"not 1 to {most} options"
        return
    for option in raw:
        yield from filter(None, [_label(option.get("text"), 75, "option")])
        if not 0 < len(str(option.get("value", ""))) <= 150:
            yield "option: value of a wrong length"


def _input(block: Mapping[str, object]) -> Iterator[str]:
    yield from filter(None, [_label(block.get("label"), 2000, "label")])
    yield from _element(block.get("element"))


def _context(block: Mapping[str, object]) -> Iterator[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 0 < len(elements) <= 10:
        yield "context: not 1 to 10 elements"
        return
    for each in elements:
        yield from filter(None, [_label(each, 3000, "context", kinds=("plain_text", "mrkdwn"))])


def _section(block: Mapping[str, object]) -> Iterator[str]:
    yield from filter(None, [_label(block.get("text"), 3000, "section", kinds=("plain_text", "mrkdwn"))])
    if block.get("accessory") is not None:
        yield from _element(block.get("accessory"))


def _header(block: Mapping[str, object]) -> Iterator[str]:
    yield from filter(None, [_label(block.get("text"), 150, "header")])


def _image(block: Mapping[str, object]) -> Iterator[str]:
    url = str(block.get("image_url", ""))
    if not url.startswith(("https://", "http://")) or len(url) > 3000:
        yield "image: no address"
    if not 0 < len(str(block.get("alt_text", ""))) <= 2000:
        yield "image: alt_text of a wrong length"


def _rich_text(block: Mapping[str, object]) -> Iterator[str]:
    sections = block.get("elements")
    if not isinstance(sections, list) or not sections:
        yield "rich_text: nothing in it"
        return
    for section in sections:
        elements = section.get("elements") if isinstance(section, Mapping) else None
        if not isinstance(elements, list) or not elements:
            yield "rich_text: an empty section"
            continue
        for each in elements:
            if each.get("type") not in _RICH_KINDS:
                yield f"rich_text: unknown element {each.get('type')}"
            if each.get("type") in ("text", "link") and not each.get("text" if each["type"] == "text" else "url"):
                yield "rich_text: an empty element"


def _divider(_: Mapping[str, object]) -> Iterator[str]:
    return iter(())


def _label(raw: object, most: int, where: str, *, kinds: tuple[str, ...] = ("plain_text",)) -> str:
    """Say what is wrong with a text object; empty where nothing is."""
    if not isinstance(raw, Mapping) or raw.get("type") not in kinds:
        return f"{where}: no text"
    text = raw.get("text")
    return "" if isinstance(text, str) and 0 < len(text) <= most else f"{where}: not 1 to {most} characters"


_BLOCKS: Final[Mapping[str, Callable[[Mapping[str, object]], Iterator[str]]]] = {
    "actions": _actions,
    "context": _context,
    "divider": _divider,
    "header": _header,
    "image": _image,
    "input": _input,
    "rich_text": _rich_text,
    "section": _section,
}
