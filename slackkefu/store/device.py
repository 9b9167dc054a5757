"""
The name of this store's one IM device.

Easemob keeps what waits for a user by device, and a second login with the same device ends the first. So one random
name serves all visitors of a store, is made once, and never changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from slackkefu.store.records import Damage, Records

if TYPE_CHECKING:
    import random
    from pathlib import Path

__all__ = ["resource"]

_NAME: Final = "device"


class _Device(msgspec.Struct, frozen=True):
    resource: str


def resource(root: Path, *, chance: random.Random) -> str:
    """
    Return the resource of the store *root*, ``slackkefu-`` and 16 hex digits; made at the first call.

    Raises:
        StoreError: It cannot be read or kept.

    """
    records = Records(root, ".", _Device, names=_NAME, loss="Easemob sees a new device; messages may come twice once")
    found = records.get(_NAME)
    if found is None or isinstance(found, Damage):
        found = _Device(f"slackkefu-{chance.getrandbits(64):016x}")
        records.put(_NAME, found)
    return found.resource
