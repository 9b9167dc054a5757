"""
Tokens and passwords as they are kept.

Two plain values that the store writes and the Easemob side uses; here, below both, so that neither knows the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slackkefu.secret import Secret

__all__ = ["StoredToken", "StoredUser"]


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A bearer token with its end."""

    value: Secret
    obtained_at: float
    """Wall clock, seconds since the epoch."""
    expires_at: float
    """Wall clock, seconds since the epoch; ``inf`` for one that never ends."""


@dataclass(frozen=True, slots=True)
class StoredUser:
    """What lets one IM user in."""

    token: StoredToken | None
    password: Secret | None
    """Only on clusters without the ``inherit`` grant (facts/easemob-rest.md §4.2)."""
