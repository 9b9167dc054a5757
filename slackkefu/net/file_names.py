"""
Names of files, made safe: what a person called a file is shown to another person, and never leads anywhere.

No path, no control characters, nothing that turns the direction of writing round or that some system forbids, no more
than a line. The end that tells the kind is kept. For both directions: made twice they would differ. Pure.
"""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["MAX_NAME_BYTES", "extension", "safe_name"]

MAX_NAME_BYTES: Final = 200

_MAX_EXTENSION: Final = 16

_CONTROLS: Final = ("Cc", "Zl", "Zp")
_UNSEEN: Final = ("Cf", "Cs", "Co", "Cn")
"""Marks that turn the direction or are not seen, halves of characters, and what nobody can show."""

_FORBIDDEN: Final = frozenset('<>:"|?*')

_ENDS: Final = ". \t"
"""A name of dots leads elsewhere, and dots and spaces at the end are dropped by some systems."""


def safe_name(name: str, *, fallback: str) -> str:
    """
    Return *name* as one that can be shown and saved anywhere.

    Args:
        name: As somebody has given it; empty or anything.
        fallback: What to call it when nothing is left; safe itself, or empty.

    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    line = " ".join("".join(map(_shown, last)).split()).strip(_ENDS)
    return _shortened(line) or fallback


def extension(name: str) -> str:
    """Return what follows the last dot of a safe name, in lower case; empty where there is no dot."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    return " " if category in _CONTROLS else "" if category in _UNSEEN or character in _FORBIDDEN else character


def _shortened(name: str) -> str:
    """Return *name* within the limit, without its middle where it is too long."""
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, end = name.rpartition(".")
    if not stem or len(end) > _MAX_EXTENSION:
        stem, dot, end = name, "", ""
    room = MAX_NAME_BYTES - len(f"…{dot}{end}".encode())
    return f"{stem.encode()[:room].decode(errors='ignore').rstrip(_ENDS)}…{dot}{end}"
