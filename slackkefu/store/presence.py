"""
In which channels the app is, and when it came there and left: one file an installation.

All of it is in memory, read once; a file is written when the app comes into a channel or leaves one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec

from slackkefu.store.records import Records

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PresenceRecord", "PresenceStore", "Stay"]

FOLDER: Final = "presence"

_LOSS: Final = "when the app came into the channels of this workspace is known from Slack's history alone"
_NONE: Final = "none"


class Stay(msgspec.Struct, frozen=True, omit_defaults=True):
    """When the app came into one channel, and when it left it; each in order, by Slack's clock."""

    came: tuple[float, ...] = ()
    left: tuple[float, ...] = ()


class PresenceRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The channels of one installation."""

    enterprise_id: str | None = None
    team_id: str | None = None
    channels: dict[str, Stay] = {}
    formerly: dict[str, str] = {}
    """Of channels that have a new id the one before."""


@final
class PresenceStore:
    """The files; blocks."""

    def __init__(self, root: Path) -> None:
        self._records = Records(
            root, FOLDER, PresenceRecord, names="(?:[A-Z][A-Z0-9]{1,31}|none)-(?:[A-Z][A-Z0-9]{1,31}|none)", loss=_LOSS
        )

    def load(self) -> list[PresenceRecord]:
        """Return every record, without the damaged ones; raises StoreError."""
        records, _ = self._records.all()
        return [*records.values()]

    def save(self, record: PresenceRecord) -> None:
        """Keep *record*; on disk when this returns. Raises StoreUnwritable."""
        self._records.put(_name(record), record)

    def delete(self, record: PresenceRecord) -> None:
        """Forget the record of an installation; raises StoreUnwritable."""
        self._records.delete(_name(record))


def _name(record: PresenceRecord) -> str:
    return f"{record.enterprise_id or _NONE}-{record.team_id or _NONE}"
