"""
Reading kefu's JSON, where anything may be missing.

In ``ext`` every level may be absent, null or of another type than usual; ids are strings or numbers, booleans may be
strings (facts/kefu.md §2.1, "Robustness"). These readers take any JSON value and give a typed one or say that it is
not there; none raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urljoin

from slackkefu.kefu.text import is_web_url

if TYPE_CHECKING:
    from slackkefu.easemob.message import Json

__all__ = ["Id", "absolute_url", "at", "entries", "flag", "given_id", "name_of", "number", "words"]

Id: TypeAlias = str | int
"""An id as kefu gave it: it goes back in the same type."""

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)

_MAX_DIGITS: Final = 19
"""Longer ones are no numbers of kefu's, and very long ones cost time to read."""


def at(value: Json, *path: str) -> Json:
    """Return what is at *path* below *value*; None where the path breaks off."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def entries(value: Json) -> Sequence[Json]:
    """Return the entries of a list; none for anything else."""
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()


def words(value: Json) -> str:
    """Return a text, or a number as text; empty for anything else."""
    if isinstance(value, str):
        return value
    given = given_id(value)
    return "" if given is None else str(given)


def given_id(value: Json) -> Id | None:
    """Return an id just as it was given; None when it is none."""
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if abs(value) < 10**_MAX_DIGITS else None


def name_of(value: Json) -> str | None:
    """Return an id or a name as text without white space around it; None when there is none."""
    return words(value).strip() or None


def number(value: Json) -> int | None:
    """Return a whole number, also from text; None for anything else."""
    if isinstance(value, str):
        digits = value.strip()
        return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_DIGITS else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 10**_MAX_DIGITS else None
    given = given_id(value)
    return given if isinstance(given, int) else None


def flag(value: Json) -> bool:
    """Return whether a switch is on: true, 1, or either as text."""
    return words(value).strip().lower() in ("true", "1") or value is True


def absolute_url(url: str, *, kefu_url: str) -> str | None:
    """
    Return *url* in full, or None when it is no address of the web.

    The desk's files and avatars often come as a bare path, or begin with ``//`` (facts/kefu.md §2.7).

    Args:
        url: As kefu gave it.
        kefu_url: Address of the desk.

    """
    try:
        full = url if _SCHEME.match(url) else urljoin(kefu_url, url)
    except ValueError:
        return None
    return full if url and is_web_url(full) else None
