"""Other people's words on a terminal: names that an admin chose, codes that a server sent."""

from __future__ import annotations

__all__ = ["plain"]


def plain(text: str) -> str:
    """Return *text* without what would move a terminal's cursor, begin a line, or turn the direction of writing."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)
