"""
A string that does not show itself.

Tokens, passwords and client secrets live in :class:`Secret` from the moment they are read; only the line that puts one
on the wire or into the store calls :meth:`Secret.reveal`.
"""

from __future__ import annotations

from typing import final

__all__ = ["Secret"]


@final
class Secret:
    """A secret string whose ``str`` and ``repr`` hide it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__
