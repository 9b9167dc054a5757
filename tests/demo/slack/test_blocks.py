"""The fake takes the blocks and views that Slack takes, and refuses the others."""

from __future__ import annotations

from typing import Any

import pytest

from slackkefu.demo.slack.elements import action_called, labels
from slackkefu.demo.slack.web_api.blocks import problem_of, problem_of_view

TEXT = {"type": "plain_text", "text": "Refunds"}
BUTTON = {"type": "button", "action_id": "a", "text": TEXT, "value": "v"}
OPTION = {"text": TEXT, "value": "1"}
SELECT = {"type": "static_select", "action_id": "s", "placeholder": TEXT, "options": [OPTION]}
SECTION = {"type": "rich_text_section", "elements": [{"type": "text", "text": "hi"}]}


def row(*elements: object, **more: object) -> dict[str, object]:
    """Return a row of elements."""
    return {"type": "actions", "block_id": "b", "elements": [*elements], **more}


GOOD: list[list[dict[str, Any]]] = [
    [],
    [row(BUTTON, SELECT)],
    [{"type": "rich_text", "elements": [SECTION]}],
    [{"type": "context", "elements": [TEXT]}, {"type": "divider"}],
    [{"type": "image", "image_url": "https://a.example/1.png", "alt_text": "x"}],
    [{"type": "section", "text": {"type": "mrkdwn", "text": "x"}}],
]

BAD: list[list[dict[str, Any]]] = [
    [{"type": "divider"}] * 51,
    [{"type": "novel"}],
    [row()],
    [row(*([BUTTON] * 2))],
    [row(*({**BUTTON, "action_id": str(each)} for each in range(26)))],
    [row({**BUTTON, "text": {"type": "plain_text", "text": "x" * 76}})],
    [row({**BUTTON, "text": {"type": "mrkdwn", "text": "x"}})],
    [row({**BUTTON, "text": {"type": "plain_text", "text": ""}})],
    [row({**BUTTON, "value": "x" * 2001})],
    [row({**SELECT, "options": [OPTION] * 101})],
    [row({**SELECT, "options": [{**OPTION, "value": "x" * 151}]})],
    [row(BUTTON, block_id="x" * 256)],
    [row(BUTTON), row(BUTTON)],
    [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]}],
    [{"type": "image", "image_url": "ftp://a.example", "alt_text": "x"}],
]


@pytest.mark.parametrize("blocks", GOOD)
def test_what_is_taken(blocks: list[dict[str, Any]]) -> None:
    """Blocks inside Slack's limits are taken."""
    assert "" == problem_of(blocks)


@pytest.mark.parametrize("blocks", BAD)
def test_what_is_refused(blocks: list[dict[str, Any]]) -> None:
    """Blocks beyond Slack's limits, or that nobody knows, are refused with why."""
    assert problem_of(blocks)


def modal(**changes: object) -> dict[str, object]:
    """Return a modal with one field."""
    element = {"type": "plain_text_input", "action_id": "a"}
    blocks = [{"type": "input", "block_id": "b", "label": TEXT, "element": element}]
    return {"type": "modal", "title": TEXT, "submit": TEXT, "blocks": blocks} | changes


def test_views() -> None:
    """A modal needs a title, and a way to submit its fields; a home tab needs neither."""
    unsubmitted = modal()
    del unsubmitted["submit"]

    assert "" == problem_of_view(modal())
    assert "" == problem_of_view({"type": "home", "blocks": []})
    assert problem_of_view(unsubmitted)
    assert problem_of_view(modal(title={"type": "plain_text", "text": "x" * 25}))
    assert problem_of_view(modal(private_metadata="x" * 3001))


def test_what_can_be_pressed() -> None:
    """Buttons and options are found by what stands on them, with what Slack tells of them."""
    other = {"text": {"type": "plain_text", "text": "Orders"}, "value": "2"}
    blocks = [{"type": "divider"}, row(BUTTON, {**SELECT, "options": [other]})]

    assert ["Refunds", "Orders"] == labels(blocks)
    assert ("b", "a", "v") == tuple(
        action_called(blocks, "Refunds")[name] for name in ("block_id", "action_id", "value")
    )
    assert other == action_called(blocks, "Orders")["selected_option"]
    with pytest.raises(ValueError, match="nothing is called"):
        action_called(blocks, "Else")
