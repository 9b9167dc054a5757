"""
What is inside an ``interactive`` payload: a click, a filled-in modal (facts/slack.md §11).

Anything may be missing or of another type; what cannot be read is empty, and nothing raises. What a click means is in
the block and the value of the element, which are as we made them: Slack hands out no other app's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slackkefu.secret import Secret
from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import Ts, written_at

if TYPE_CHECKING:
    from slackkefu.slack.envelope import Interaction

__all__ = ["Click", "Filled", "read_click", "read_filled", "response_url_of", "trigger_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A modal as it stands before somebody."""

    view_id: str
    version: str
    """Its ``hash``."""
    callback_id: str
    memory: str = field(repr=False)
    """``private_metadata``: what we gave it along."""
    values: Mapping[str, object] = field(repr=False)
    """``state.values``."""

    def chosen(self, block_id: str) -> tuple[str, ...]:
        """Return the values of the options chosen in a block; none where there is no such block."""
        for element in _objects(self.values.get(block_id)):
            options = element.get("selected_options")
            several = options if isinstance(options, list) else [element.get("selected_option")]
            return tuple(filter(None, (text_at(option, "value") for option in several)))
        return ()

    def typed(self, block_id: str) -> str:
        """Return what was typed in a block; empty where there is no such block."""
        return next((text_at(element, "value") for element in _objects(self.values.get(block_id))), "")

    def has(self, block_id: str) -> bool:
        """Tell whether a block can be filled in."""
        return block_id in self.values


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """A button that was pressed, or an option that was chosen."""

    action_id: str
    block_id: str
    value: str = field(repr=False)
    label: str = field(repr=False)
    """What stood on it."""
    at: Ts | None
    """When, by Slack's clock, which also names the deed; None where Slack does not say."""
    message_ts: Ts | None
    """The message it was in; None in a view."""
    thread_ts: Ts | None
    """The root of that message's thread."""
    text: str = field(repr=False)
    """That message's text."""
    blocks: tuple[Mapping[str, object], ...] = field(repr=False)
    """That message's blocks."""
    view: Filled | None
    """The modal or home tab it was in; None in a message."""


def read_click(interaction: Interaction) -> Click | None:
    """Read ``block_actions``; None when no element is named."""
    raw = interaction.raw
    actions = raw.get("actions")
    action = next((each for each in actions if isinstance(each, Mapping)), None) if isinstance(actions, list) else None
    if action is None:
        return None
    message = raw.get("message")
    option = action.get("selected_option")
    at = Ts(text_at(action, "action_ts"))
    blocks = message.get("blocks") if isinstance(message, Mapping) else None
    return Click(
        action_id=text_at(action, "action_id"),
        block_id=text_at(action, "block_id"),
        value=text_at(option, "value") or text_at(action, "value"),
        label=text_at(option.get("text") if isinstance(option, Mapping) else action.get("text"), "text"),
        at=at if written_at(at) is not None else None,
        message_ts=Ts(text_at(message, "ts") or text_at(raw.get("container"), "message_ts")) or None,
        thread_ts=Ts(text_at(message, "thread_ts") or text_at(raw.get("container"), "thread_ts")) or None,
        text=text_at(message, "text"),
        blocks=tuple(_listed(blocks)),
        view=read_filled(interaction),
    )


def read_filled(interaction: Interaction) -> Filled | None:
    """Read the view of an interaction; None when it has none."""
    view = interaction.raw.get("view")
    if not isinstance(view, Mapping):
        return None
    state = view.get("state")
    values = state.get("values") if isinstance(state, Mapping) else None
    return Filled(
        view_id=text_at(view, "id"),
        version=text_at(view, "hash"),
        callback_id=text_at(view, "callback_id"),
        memory=text_at(view, "private_metadata"),
        values=values if isinstance(values, Mapping) else {},
    )


def trigger_of(interaction: Interaction) -> Secret:
    """Return what a modal can be opened against; empty where there is none."""
    return Secret(text_at(interaction.raw, "trigger_id"))


def response_url_of(interaction: Interaction) -> Secret:
    """Return where the person can be answered; empty where there is no such address."""
    return Secret(text_at(interaction.raw, "response_url"))


def _objects(raw: object) -> list[Mapping[str, object]]:
    """Return the values of an object that are objects themselves."""
    return [each for each in raw.values() if isinstance(each, Mapping)] if isinstance(raw, Mapping) else []


def _listed(raw: object) -> list[Mapping[str, object]]:
    """Return the entries of a list that are objects."""
    return [each for each in raw if isinstance(each, Mapping)] if isinstance(raw, list) else []
