"""How fast a session asks, and how long it waits for answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ATTENTIVE", "RELAXED", "STANDARD", "Heartbeat", "Limits"]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How often a session asks, and how long it waits; seconds. A deaf one is found in ``quiet_s + answer_s``."""

    quiet_s: float
    """Ask when nothing was heard for so long."""
    every_s: float
    """Ask at least so often: the longest time a lost NOTICE stays unnoticed."""
    answer_s: float
    """Nothing heard for so long after asking: the session is dead."""


ATTENTIVE: Final = Heartbeat(quiet_s=30, every_s=60, answer_s=25)
"""For visitors with an open service session: deaf is found in 55 s. The web client asks alike (facts/msync.md §9)."""

RELAXED: Final = Heartbeat(quiet_s=90, every_s=120, answer_s=75)
"""For the others: deaf is found in 165 s. The Go client asks every 120 s (facts/msync.md §9)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long answers may take; seconds."""

    login_s: float = 10
    pull_s: float = 30
    acknowledge_s: float = 15
    logout_s: float = 0.5
    """Short: neither client depends on the answer."""


STANDARD: Final = Limits()
