"""Clicks and filled-in modals are read, whatever is missing in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.secret import Secret
from slackkefu.slack.envelope import Interaction, parse_envelope
from slackkefu.slack.ids import Ts
from slackkefu.slack.interaction import Click, Filled, read_click, read_filled, response_url_of, trigger_of
from tests.facts import load

SAMPLE = load("slack-samples/21-block-actions.json")["envelope"]


def interaction(payload: object) -> Interaction:
    """Make an interaction of a payload."""
    read = parse_envelope({"type": "interactive", "envelope_id": "e1", "payload": payload}).payload
    assert isinstance(read, Interaction), read
    return read


def test_the_sample() -> None:
    """A pressed button says which it was, when, and in which message."""
    pressed = interaction(SAMPLE["payload"])
    click = read_click(pressed)

    assert click is not None
    assert ("rate_5", "rate-4711", "5", "5") == (click.action_id, click.block_id, click.value, click.label)
    assert (Ts("1760000310.123456"), Ts("1760000200.000100")) == (click.at, click.message_ts)
    assert ("How did we do?", 1, None) == (click.text, len(click.blocks), click.view)
    assert Secret("1760000310000.100.placeholder") == trigger_of(pressed)
    assert Secret(SAMPLE["payload"]["response_url"]) == response_url_of(pressed)


def test_a_chosen_option() -> None:
    """Of a select the chosen option's value and label count."""
    option = {"text": {"type": "plain_text", "text": "Refunds"}, "value": "7"}
    action = {"type": "static_select", "action_id": "menu:0", "block_id": "b", "selected_option": option}
    click = read_click(interaction({"type": "block_actions", "actions": [action]}))

    assert click is not None
    assert ("7", "Refunds", None) == (click.value, click.label, click.at)


def test_a_filled_modal() -> None:
    """A modal tells what was chosen and typed in each block, and nothing of blocks it has not."""
    values = {
        "degree": {"degree": {"type": "radio_buttons", "selected_option": {"value": "5"}}},
        "tags": {"tags": {"type": "multi_static_select", "selected_options": [{"value": "a"}, {"value": "b"}]}},
        "remark": {"remark": {"type": "plain_text_input", "value": "thanks"}},
        "empty": {"remark": {"type": "plain_text_input", "value": None}},
    }
    view = {"id": "V1", "hash": "h", "callback_id": "rating", "private_metadata": "m", "state": {"values": values}}
    filled = read_filled(interaction({"type": "view_submission", "view": view}))

    assert filled is not None
    assert ("V1", "h", "rating", "m") == (filled.view_id, filled.version, filled.callback_id, filled.memory)
    assert (("5",), ("a", "b"), ()) == (filled.chosen("degree"), filled.chosen("tags"), filled.chosen("none"))
    assert ("thanks", "", "") == (filled.typed("remark"), filled.typed("empty"), filled.typed("none"))
    assert (True, False) == (filled.has("tags"), filled.has("none"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _paths(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    inner: list[tuple[object, ...]] = []
    if isinstance(value, dict):
        inner = [each for key, one in value.items() for each in _paths(one, (*path, key))]
    elif isinstance(value, list):
        inner = [each for index, one in enumerate(value) for each in _paths(one, (*path, index))]
    return [path, *inner] if path else inner


@given(where=st.sampled_from(_paths(SAMPLE["payload"])), instead=JSON)
def test_any_damage_is_read(where: tuple[Any, ...], instead: object) -> None:
    """Whatever stands in place of any field, reading gives a value and raises nothing."""
    payload: Any = load("slack-samples/21-block-actions.json")["envelope"]["payload"]
    inner = payload
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = instead
    read = parse_envelope({"type": "interactive", "envelope_id": "e1", "payload": payload}).payload

    if isinstance(read, Interaction):
        assert isinstance(read_click(read), Click | None)
        assert isinstance(read_filled(read), Filled | None)
        assert isinstance(trigger_of(read), Secret)


@pytest.mark.parametrize("actions", [None, [], [3], {}, "x"])
def test_a_click_on_nothing(actions: object) -> None:
    """Without an element there is no click."""
    assert read_click(interaction({"type": "block_actions", "actions": actions})) is None
