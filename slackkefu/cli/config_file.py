"""
Writing a configuration: whole and checked or not at all, for its owner's eyes only.

It is written beside its place, read back as the daemon will read it, and only then given its name. Whatever ends this
before, a signal or a full disk, leaves what was there.
"""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slackkefu.config import load
from slackkefu.errors import ConfigError, WrongUse
from slackkefu.store.files import sync_folder

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["write_config"]

_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


def write_config(path: Path, text: str, *, replaces: bool, elsewhere: Collection[str] = ()) -> None:
    """
    Write a configuration.

    Args:
        path: Its place.
        text: Its content.
        replaces: Whether a file that is there may be replaced.
        elsewhere: Keys whose values come from another place, and may be missing in it.

    Raises:
        WrongUse: It was not written: it contradicts itself, its place is taken, or cannot be written.

    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    except OSError as exc:
        raise _unwritable(path, exc) from exc
    new = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        _check(new, path, elsewhere)
        if replaces:
            new.replace(path)
        else:
            _name(new, path)
        sync_folder(path.parent)
    except OSError as exc:
        raise _unwritable(path, exc) from exc
    finally:
        new.unlink(missing_ok=True)


def _check(new: Path, path: Path, elsewhere: Collection[str]) -> None:
    """Read the new file as the daemon will."""
    try:
        load(new, {"HOME": "/"})
    except ConfigError as exc:
        problems = [problem for problem in exc.problems if problem.key not in elsewhere]
        if problems:
            lines = "".join(f"\n  {problem}" for problem in problems)
            raise WrongUse(f"{path} was not written: what was answered does not go together.{lines}") from exc


def _name(new: Path, path: Path) -> None:
    """Give the new file its name, unless that is taken."""
    try:
        path.hardlink_to(new)
    except FileExistsError:
        raise WrongUse(f"{path} was not written: somebody has made it meanwhile.") from None
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        # A file system without links: nothing better than to look first.
        if os.path.lexists(path):
            raise WrongUse(f"{path} was not written: somebody has made it meanwhile.") from None
        new.replace(path)


def _unwritable(path: Path, exc: OSError) -> WrongUse:
    advice = "Make its folder first" if exc.errno == errno.ENOENT else "Name another place with --config"
    return WrongUse(f"{path} was not written: {exc.strerror}. {advice}.")
