"""
Which connection gets how many of the envelopes, and which suspiciously few.

Slack shares them out among the open connections in no known pattern (facts/slack.md §1). One that gets nothing while
each other gets fifty is dead for envelopes, whatever it answers to pings. If chance alone decided, that would happen
once in a million billion times; should Slack have a pattern after all, each finding doubles what the next one takes,
until a fresh connection gets something. A line that stands still for a moment is not dead, however many envelopes
others get meanwhile.

Plain counting. Only envelopes that came while both were open are held against a connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar, final

__all__ = ["Shares"]

ENOUGH: Final = 50
"""Envelopes of every other connection that make one silent that got none."""

MOST: Final = 64 * ENOUGH

AT_LEAST_S: Final = 10.0
"""How long one that is silent has got nothing, at least."""

K = TypeVar("K")


@dataclass(slots=True)
class _Share:
    """What is held against one connection."""

    since: float
    """When it was opened, or got its last envelope."""
    is_fresh: bool = True
    """It has got nothing yet."""
    missed: int = 0
    """What the others have got since."""


@final
class Shares(Generic[K]):
    """The shares of the connections that are usable now. Times are seconds on any steady clock."""

    def __init__(self) -> None:
        self._shares: dict[K, _Share] = {}
        self._enough = ENOUGH

    def __repr__(self) -> str:
        return f"<Shares of {len(self._shares)} connections>"

    def add(self, connection: K, now: float) -> None:
        """Know that *connection* is usable."""
        self._shares[connection] = _Share(now)

    def remove(self, connection: K) -> None:
        """Know that *connection* is usable no more; harmless when that is known already."""
        self._shares.pop(connection, None)

    def received(self, connection: K, now: float) -> K | None:
        """
        Count an envelope that came on *connection*.

        Returns:
            A connection that is silent. It counts as removed.

        """
        own = self._shares.get(connection)
        if own is None:
            return None
        if own.is_fresh:
            self._enough = ENOUGH
        for share in self._shares.values():
            share.missed += 1
        own.since, own.is_fresh, own.missed = now, False, 0
        enough = self._enough * (len(self._shares) - 1)
        for each, share in self._shares.items():
            if share.missed >= max(enough, 1) and now - share.since >= AT_LEAST_S:
                self.remove(each)
                self._enough = min(2 * self._enough, MOST)
                return each
        return None
