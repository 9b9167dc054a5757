"""
How far Slack's messages have been seen, and when the daemon last listened.

One small file, replaced as a whole: after a start it says whether Slack's history has to be read, and from where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec

from slackkefu.store.records import Damage, Records

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Alive", "AliveFile"]

_NAME: Final = "alive"


class Alive(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of the past; times are seconds since the epoch."""

    mark: float
    """Everything that was written in Slack before has been seen: settled, or safe in the spill."""
    at: float
    """The last moment known at which Slack was listened to."""
    ahead_s: float = 0.0
    """How far this machine's clock was ahead of Slack's."""
    missed_until: float | None = None
    """Since :attr:`mark` and until then something may have been missed that is not read yet."""


@final
class AliveFile:
    """The file; blocks."""

    def __init__(self, root: Path) -> None:
        self._records = Records(
            root, ".", Alive, names=_NAME, loss="what was written in Slack while the daemon was down is not read"
        )

    def load(self) -> Alive | None:
        """Return what the run before has left, None where there is nothing; raises StoreError."""
        found = self._records.get(_NAME)
        return None if isinstance(found, Damage) else found

    def save(self, alive: Alive) -> None:
        """Keep *alive*; on disk when this returns. Raises StoreUnwritable."""
        self._records.put(_NAME, alive)
