"""
Erasures: whose records go, and whose IM user still has to go.

One small file for each IM user that is being erased, written before anything of it goes. While there is one, what it
names is not finished: an erasure that a crash has cut off is taken up by the next run. It leaves when Easemob has
removed the IM user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

import msgspec

from slackkefu.store import files
from slackkefu.store.records import DAMAGED, Damage, Records

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = ["Cause", "Erasure", "ErasureStore"]

FOLDER: Final = "erasures"

_LOSS: Final = "this IM user may still be at Easemob; remove it in Easemob's console"

Cause: TypeAlias = Literal["quiet", "forgotten"]
"""Nothing was heard of them for ``store.keep_days``; or somebody has asked for it."""


class Erasure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One IM user that is erased. Times are seconds since the epoch."""

    im_user: str
    cause: Cause
    at: float
    through: int = 0
    """The last number of the spill then: what waits under a higher one was written by somebody who came back."""
    is_clean: bool = False
    """Nothing is kept of them here any more; the IM user at Easemob is what is left."""


@final
class ErasureStore:
    """The erasures of a store; blocks on files."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._records = Records(
            root,
            FOLDER,
            Erasure,
            names=r"[a-z0-9][a-z0-9_.-]{0,63}",
            loss=_LOSS,
            name_of=lambda erasure: erasure.im_user,
        )

    def load_all(self) -> tuple[list[Erasure], list[Damage]]:
        """Return every erasure that is not finished, and the damaged ones; raises StoreError."""
        found, damages = self._records.all()
        return list(found.values()), damages

    def save(self, erasure: Erasure) -> None:
        """Write *erasure*; on disk when this returns. Raises StoreUnwritable."""
        self._records.put(erasure.im_user, erasure)

    def delete(self, im_user: str) -> None:
        """Be done with one; raises StoreUnwritable."""
        self._records.delete(im_user)

    def clear_damaged(self, ids: Collection[str]) -> None:
        """Remove what was set aside as damaged and has one of these ids in it; raises StoreError."""
        marks = [each.encode() for each in ids]
        try:
            paths = sorted(path for path in (self._root / DAMAGED).rglob("*") if path.is_file())
        except OSError as exc:
            raise files.unreadable(self._root / DAMAGED, exc) from exc
        for path in paths:
            content = files.read(path) or b""
            if any(mark in content or mark in path.name.encode() for mark in marks):
                files.remove(path)
