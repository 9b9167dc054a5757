"""How a message of kefu's ends: each in exactly one way."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Ended", "Ending"]


class Ending(enum.StrEnum):
    """How a message of kefu's ended; the words in the journal, so never changed."""

    POSTED = "posted"
    """Slack has taken every part of it."""
    REFUSED = "refused"
    """Slack has refused it for good, everywhere it may go."""
    ASIDE = "aside"
    """It made us fail again and again, and is kept for a person to look at."""
    IGNORED = "ignored"
    """Nothing of it is for a reader in Slack."""
    TOOK_BACK = "took_back"
    """It has taken another message back; nothing of that is in Slack any more."""
    LEFT_STANDING = "left_standing"
    """It was to take another message back, and some of that stands; its reader was told."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A message that has ended."""

    how: Ending
    reason: str = ""
    """Why it was refused, set aside, ignored or could not take back; a stable name."""
