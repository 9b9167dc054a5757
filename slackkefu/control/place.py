"""
Where the control socket is.

The address of a unix socket holds about a hundred bytes, and the path of a store may be longer. So the folder is opened
and the socket is named below its descriptor, ``/proc/self/fd/…/control``. Systems without that have the plain path.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SOCKET", "address"]

SOCKET: Final = "control"
"""Name of the socket in the store's folder."""

_DESCRIPTORS: Final = Path("/proc/self/fd")


@contextlib.contextmanager
def address(folder: Path) -> Iterator[str]:
    """
    Yield the address of the socket in *folder*, good inside the ``with`` block.

    Raises:
        OSError: There is no such folder, or it may not be entered.

    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        opened = _DESCRIPTORS / str(descriptor)
        yield str((opened if opened.exists() else folder) / SOCKET)
    finally:
        os.close(descriptor)
