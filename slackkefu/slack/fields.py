"""
Reading Slack's JSON, where anything may be missing.

These readers take any JSON value and give a typed one, empty where there is nothing; none raises.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["is_true", "text_at"]


def text_at(raw: object, name: str) -> str:
    """Return the text field *name* of the object *raw*; empty where either is something else."""
    value = raw.get(name) if isinstance(raw, Mapping) else None
    return value if isinstance(value, str) else ""


def is_true(value: object) -> bool:
    """Read a truth value; slash commands send theirs as text (facts/slack.md §11)."""
    return value is True or value == "true"
