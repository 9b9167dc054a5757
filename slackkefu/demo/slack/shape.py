"""
JSON as Slack shapes it.

The fake's business is the exact form of Slack's documents, so it builds and keeps them as plain dictionaries; these
names say which values are such documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

__all__ = ["Document", "Shape", "part", "without_absent"]

Shape: TypeAlias = dict[str, object]
"""A JSON object being built."""

Document: TypeAlias = Mapping[str, object]
"""A JSON object that is only read."""


def without_absent(document: Mapping[str, object]) -> Shape:
    """Return *document* without the keys whose value is None: Slack leaves most absent fields out."""
    return {key: value for key, value in document.items() if value is not None}


def part(document: Document, *path: str) -> Document:
    """Return the object at *path* inside *document*; empty when there is none."""
    for key in path:
        inner = document.get(key)
        if not isinstance(inner, Mapping):
            return {}
        document = inner
    return document
