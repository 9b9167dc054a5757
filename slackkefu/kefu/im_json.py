"""
Messages of the desk in JSON, as its own API hands them out (facts/kefu.md §3.2).

One entity is ``{"from", "to", "bodies": [...], "ext": {...}}`` with the same ``ext.weichat.msgId`` as the message on
the IM connection. It becomes the same value that a message of the IM connection is, so :mod:`slackkefu.kefu.incoming`
reads both. What may be missing, null or of another type than usual is read as in :mod:`slackkefu.kefu.fields`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import inf, isfinite
from typing import TYPE_CHECKING, Final

from slackkefu.easemob.ext import mended
from slackkefu.easemob.message import (
    CommandBody,
    CustomBody,
    IncomingMessage,
    LocationBody,
    MediaBody,
    TextBody,
    UnknownBody,
)
from slackkefu.kefu.fields import at, entries, number, words
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from slackkefu.easemob.message import Body, Json, MediaKind
    from slackkefu.easemob.names import ImUser

__all__ = ["read_entity", "read_received", "read_value", "write_entity"]

_MEDIA: Final[dict[str, MediaKind]] = {"img": "img", "image": "img", "audio": "audio", "video": "video", "file": "file"}

_MAX_DIGITS: Final = 40
"""Longer numbers are none of kefu's, and very long ones cannot be read."""

_UNNAMED: Final = -1
"""Stands for a kind of body that has a word and no number."""


def read_received(raw: bytes) -> Mapping[str, Json]:
    """
    Read JSON text as an object; as :func:`read_value`.

    Raises:
        ValueError: It is no object.

    """
    value = read_value(raw)
    if not isinstance(value, Mapping):
        raise ValueError("no JSON object")  # noqa: TRY004 - it is about the content
    return value


def read_value(raw: bytes) -> Json:
    """
    Read JSON text, mended where its characters are not whole; what is no number in JSON becomes null.

    Raises:
        ValueError: It is no JSON.

    """
    try:
        text = raw.decode("utf-8", "replace")
        return mended(json.loads(text, parse_constant=lambda _: None, parse_float=_finite, parse_int=_whole))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def write_entity(entity: Mapping[str, Json]) -> bytes:
    """Return *entity* as JSON text, to be kept and read again."""
    return json.dumps(entity, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def read_entity(entity: Mapping[str, Json], *, visitor: ImUser) -> IncomingMessage:
    """
    Read one message.

    Args:
        entity: As the desk handed it out.
        visitor: Who asked for it.

    Returns:
        The message; its ``meta_id`` is 0, because by this way it has none.

    Raises:
        ValueError: It is for somebody else, or nothing of a message is in it.

    """
    to = words(entity.get("to")).lower() or visitor
    if to != visitor:
        raise ValueError("for another visitor")
    bodies, ext = entries(entity.get("bodies")), entity.get("ext")
    if not bodies and not isinstance(ext, Mapping):
        raise ValueError("neither a body nor an ext")
    return IncomingMessage(
        meta_id=0,
        sender=words(entity.get("from")).lower(),
        to=to,
        timestamp_ms=number(entity.get("timestamp")) or 0,
        body=_read_body(bodies[0] if bodies else None),
        ext=ext if isinstance(ext, Mapping) else {},
    )


def _read_body(body: Json) -> Body:
    """Read a body; what rides on an ext alone has an empty text for one (facts/kefu.md §2.3)."""
    kind = words(at(body, "type")).lower()
    if kind == "txt" or body is None:
        return TextBody(words(at(body, "msg")))
    if kind == "cmd":
        return CommandBody(words(at(body, "action")))
    if kind == "custom":
        exts = at(body, "customExts")
        return CustomBody(words(at(body, "customEvent")), exts if isinstance(exts, Mapping) else {})
    if kind in _MEDIA:
        return _read_media(_MEDIA[kind], body)
    lat, lng = _degrees(at(body, "lat")), _degrees(at(body, "lng"))
    if kind == "loc" and lat is not None and lng is not None:
        return LocationBody(lat, lng, words(at(body, "addr")))
    return UnknownBody(_UNNAMED)


def _read_media(kind: MediaKind, body: Json) -> Body:
    return MediaBody(
        kind,
        words(at(body, "url")),
        secret=Secret(words(at(body, "secret"))),
        filename=words(at(body, "filename")),
        length_bytes=_size(at(body, "file_length")) or _size(at(body, "fileLength")),
        duration_s=_size(at(body, "length")),
        width=_size(at(body, "size", "width")),
        height=_size(at(body, "size", "height")),
        thumbnail_path=words(at(body, "thumb")),
        thumbnail_secret=Secret(words(at(body, "thumb_secret"))),
    )


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if isfinite(value) else None


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _size(value: Json) -> int:
    return max(number(value) or 0, 0)


def _degrees(value: Json) -> float | None:
    """Read a number that may be text (facts/easemob-rest.md §6.2)."""
    if isinstance(value, bool):
        return None
    try:
        degrees = float(value) if isinstance(value, int | float | str) else inf
    except (ValueError, OverflowError):
        return None
    return degrees if isfinite(degrees) else None
