"""
Which connection gets how many of the envelopes, and which suspiciously few.

Slack shares them out among the open connections in no known pattern (facts/slack.md §1). One that gets nothing while
each other gets fifty is dead for envelopes, whatever it answers to pings. If chance alone decided, that would happen
once in a million billion times; should Slack have a pattern after all, each finding doubles what the next one takes,
until a fresh connection gets something.

Plain counting. Only envelopes that came while both were open are held against a connection.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar, final

__all__ = ["Shares"]

ENOUGH: Final = 50
"""Envelopes of every other connection that make one silent that got none."""

MOST: Final = 64 * ENOUGH

K = TypeVar("K")


@final
class Shares(Generic[K]):
    """The shares of the connections that are usable now."""

    def __init__(self) -> None:
        # What the others have got since each got its last one, or was opened.
        self._missed: dict[K, int] = {}
        self._enough = ENOUGH
        # Those that have got nothing yet.
        self._fresh: set[K] = set()

    def __repr__(self) -> str:
        return f"<Shares of {len(self._missed)} connections>"

    def add(self, connection: K) -> None:
        """Know that *connection* is usable."""
        self._missed[connection] = 0
        self._fresh.add(connection)

    def remove(self, connection: K) -> None:
        """Know that *connection* is usable no more; harmless when that is known already."""
        self._missed.pop(connection, None)
        self._fresh.discard(connection)

    def received(self, connection: K) -> K | None:
        """
        Count an envelope that came on *connection*.

        Returns:
            A connection that is silent. It counts as removed.

        """
        if connection not in self._missed:
            return None
        if connection in self._fresh:
            self._fresh.discard(connection)
            self._enough = ENOUGH
        for each in self._missed:
            self._missed[each] += 1
        self._missed[connection] = 0
        others = len(self._missed) - 1
        silent = next((each for each, missed in self._missed.items() if missed >= self._enough * others > 0), None)
        if silent is not None:
            self.remove(silent)
            self._enough = min(2 * self._enough, MOST)
        return silent
