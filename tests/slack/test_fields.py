"""Reading JSON that may be anything."""

from __future__ import annotations

import pytest

from slackkefu.slack.fields import is_true, text_at


@pytest.mark.parametrize(
    ("raw", "expected"),
    [({"a": "x"}, "x"), ({"a": 1}, ""), ({"a": None}, ""), ({}, ""), (None, ""), ("a", ""), ([], "")],
)
def test_text(raw: object, expected: str) -> None:
    """A text is a text; everything else is empty."""
    assert expected == text_at(raw, "a")


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), ("true", True), ("false", False), (1, False), (None, False), ({}, False)]
)
def test_truth(value: object, *, expected: bool) -> None:
    """Only true, also as text, is true."""
    assert expected is is_true(value)
