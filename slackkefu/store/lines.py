"""
One record, one line: ``{"v":1,"c":"89abcdef","r":{…}}``.

``v`` is the version of this form, ``c`` the CRC-32 of the bytes of ``r``, ``r`` the record. A line that was written
to its end has a line feed, and its checksum is right; JSON has no bare line feed inside. So a line that a crash has
cut is told from one that a later version has written.
"""

from __future__ import annotations

import zlib
from typing import Final

import msgspec

__all__ = ["Foreign", "Unsound", "seal", "unseal"]

_VERSION: Final = 1


class Unsound(ValueError):
    """The line is not what was written: cut, or changed on the disk."""


class Foreign(ValueError):
    """The line is whole, and of a version that is not ours."""


class _Line(msgspec.Struct, frozen=True):
    v: int
    c: str = ""
    r: msgspec.Raw = msgspec.Raw()


_DECODER: Final = msgspec.json.Decoder(_Line)


def seal(record: bytes) -> bytes:
    """Return the line of *record*, which is JSON without a line feed."""
    return b'{"v":%d,"c":"%08x","r":%b}\n' % (_VERSION, zlib.crc32(record), record)


def unseal(line: bytes) -> bytes:
    """
    Return the record in *line*, checked.

    Raises:
        Unsound: It is no line, or its checksum is wrong.
        Foreign: It has another version.

    """
    try:
        found = _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise Unsound("it is no line of the store") from exc
    if found.v != _VERSION:
        raise Foreign(f"it is of version {found.v}; this slackkefu knows version {_VERSION}")
    record = bytes(found.r)
    if found.c != f"{zlib.crc32(record):08x}":
        raise Unsound("its checksum is wrong")
    return record
