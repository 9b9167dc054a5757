"""What in a message can be pressed or chosen, and the action that Slack tells of it (facts/slack.md §11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackkefu.demo.slack.shape import part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slackkefu.demo.slack.shape import Document, Shape

__all__ = ["action_called", "actions_called", "labels"]


def labels(blocks: object) -> list[str]:
    """Return what stands on the buttons and options of a message, in order."""
    return [label for label, _ in _actions(blocks)]


def action_called(blocks: object, label: str) -> Shape:
    """
    Return the action of the button or option called *label*.

    Raises:
        ValueError: There is none.

    """
    found = actions_called(blocks, label)
    if not found:
        raise ValueError(f"nothing is called {label!r} there")
    return found[0]


def actions_called(blocks: object, label: str) -> list[Shape]:
    """Return the actions of all buttons and options called *label*, in order."""
    return [action for called, action in _actions(blocks) if called == label]


def _actions(blocks: object) -> Iterator[tuple[str, Shape]]:
    for block in _objects(blocks):
        for element in _objects(block.get("elements")) if block.get("type") == "actions" else ():
            action: Shape = {"block_id": block.get("block_id")}
            action |= {name: element[name] for name in ("action_id", "type") if name in element}
            options = _objects(element.get("options"))
            for option in options:
                yield str(part(option, "text").get("text")), action | {"selected_option": option}
            if not options:
                own = {name: element[name] for name in ("text", "value") if name in element}
                yield str(part(element, "text").get("text")), action | own


def _objects(raw: object) -> list[Document]:
    return [each for each in raw if isinstance(each, dict)] if isinstance(raw, list | tuple) else []
