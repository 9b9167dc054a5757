"""
``ext`` on the wire: a JSON object as a list of typed KeyValues, both ways (facts/msync.md §11).

Reading keeps what can be kept. A key whose value cannot be read is named and left out; its neighbours, and the
message, stay. Halves of surrogate pairs, which JavaScript makes when it cuts a text, become U+FFFD: they are legal in
JSON and in no other place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, Never, TypeAlias

from slackkefu.easemob.proto import msync_pb2 as pb
from slackkefu.errors import LocalProtocolError

if TYPE_CHECKING:
    from slackkefu.easemob.message import Json

__all__ = ["mended", "read_ext", "well_formed", "write_ext"]

_INT64: Final = range(-(2**63), 2**63)
_UINT64: Final = 2**64
_EXACT: Final = 2**53
"""Beyond it a double no longer tells whole numbers apart."""

_JSON_IN_STRING: Final = frozenset({"weichat"})
"""Keys whose object other platforms may send as a plain STRING of JSON text (``?``, facts/msync.md §11)."""

_Field: TypeAlias = Literal["varint_value", "float_value", "double_value", "string_value"]


class _Unreadable(ValueError):
    """Type and value do not fit, or the value has no place in JSON."""


def well_formed(text: str | bytes) -> str:
    """
    Return *text* as characters that UTF-8 can hold.

    protobuf hands out a string field that is no UTF-8 as bytes, whatever its type says.
    """
    if isinstance(text, bytes):
        return text.decode(errors="replace")
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


# Reading.


def read_ext(pairs: Iterable[pb.KeyValue]) -> tuple[dict[str, Json], tuple[str, ...]]:
    """Return the object that *pairs* hold, and the keys that could not be read."""
    ext: dict[str, Json] = {}
    bad: list[str] = []
    for pair in pairs:
        key = well_formed(pair.key)
        try:
            ext[key] = _read_value(key, pair)
        except (ValueError, RecursionError):
            bad.append(key)
    return ext, tuple(bad)


def _read_value(key: str, pair: pb.KeyValue) -> Json:
    """Read one value by its type, without a known type by its field; raise ValueError if that does not work."""
    field = pair.WhichOneof("value")
    kind = pair.type if pair.HasField("type") else _TYPE_OF_FIELD.get(field)
    if kind is None:
        raise _Unreadable
    fields = _FIELDS_OF_TYPE[kind]
    # An encoder may leave zeros out (facts/msync.md §1.5): the type alone then tells the value.
    field = field or fields[0]
    if field not in fields:
        raise _Unreadable
    value: int | float | str | bytes = getattr(pair, field)
    if isinstance(value, str | bytes):
        return _read_text(key, well_formed(value), is_json=kind == pb.KeyValue.JSON_STRING)
    if kind == pb.KeyValue.BOOL:
        return value != 0
    if kind == pb.KeyValue.UINT:
        return int(value) % _UINT64
    return _finite(value) if isinstance(value, float) else value


_FIELDS_OF_TYPE: Final[dict[pb.KeyValue.ValueType.ValueType, tuple[_Field, ...]]] = {
    pb.KeyValue.BOOL: ("varint_value",),
    pb.KeyValue.INT: ("varint_value",),
    pb.KeyValue.UINT: ("varint_value",),
    pb.KeyValue.LLINT: ("varint_value",),
    pb.KeyValue.FLOAT: ("float_value", "double_value"),
    pb.KeyValue.DOUBLE: ("double_value", "float_value"),
    pb.KeyValue.STRING: ("string_value",),
    pb.KeyValue.JSON_STRING: ("string_value",),
}
"""Which fields may hold a value of the type; the first is the one it belongs in."""

_TYPE_OF_FIELD: Final[dict[_Field | None, pb.KeyValue.ValueType.ValueType]] = {
    "varint_value": pb.KeyValue.INT,
    "float_value": pb.KeyValue.FLOAT,
    "double_value": pb.KeyValue.DOUBLE,
    "string_value": pb.KeyValue.STRING,
}
"""How a value without a known type is read."""


def _read_text(key: str, text: str, *, is_json: bool) -> Json:
    """Read a string value: JSON text, plain text, or plain text that holds an object where one is expected."""
    if is_json:
        return _parse(text)
    if key in _JSON_IN_STRING and text.lstrip().startswith("{"):
        try:
            return _parse(text)
        except (ValueError, RecursionError):
            return text
    return text


def _finite(number: float) -> float:
    """Return *number*, which JSON must be able to write."""
    if not math.isfinite(number):
        raise _Unreadable
    return number


def _parse(text: str) -> Json:
    """Parse JSON text strictly, whole numbers exactly."""
    return mended(json.loads(text, parse_constant=_refuse, parse_float=_parse_float))


def _parse_float(text: str) -> float:
    return _finite(float(text))


def _refuse(_constant: str) -> Never:
    """Refuse ``NaN`` and ``Infinity``, which Python reads and JSON does not know."""
    raise _Unreadable


def mended(value: Json) -> Json:
    """Return *value* with well-formed strings throughout."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, Mapping):
        return {well_formed(key): mended(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [mended(item) for item in value]
    return value


# Writing.


def write_ext(ext: Mapping[str, Json]) -> list[pb.KeyValue]:
    """
    Return *ext* as KeyValues, in its own order.

    Whole numbers are INT, also those written ``1.0``, as JavaScript counts; those beyond 64 bits have no varint and go
    as JSON text.

    Raises:
        LocalProtocolError: a key is empty, or a value is not JSON.

    """
    return [_write_pair(key, value) for key, value in ext.items()]


def _write_pair(key: str, value: Json) -> pb.KeyValue:
    if not key:
        message = "an ext key is empty"
        raise LocalProtocolError(message)
    pair = pb.KeyValue(key=well_formed(key))
    match value:
        case bool():
            pair.type, pair.varint_value = pb.KeyValue.BOOL, int(value)
        case int() if value in _INT64:
            pair.type, pair.varint_value = pb.KeyValue.INT, value
        case float() if value.is_integer() and abs(value) <= _EXACT:
            pair.type, pair.varint_value = pb.KeyValue.INT, int(value)
        case float() if math.isfinite(value):
            pair.type, pair.double_value = pb.KeyValue.DOUBLE, value
        case str():
            pair.type, pair.string_value = pb.KeyValue.STRING, well_formed(value)
        case _:
            pair.type, pair.string_value = pb.KeyValue.JSON_STRING, _json_text(value)
    return pair


def _json_text(value: Json) -> str:
    """Return compact JSON text, non-ASCII as it is (facts/msync.md §11)."""
    try:
        return well_formed(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))
    except (TypeError, ValueError, RecursionError) as exc:
        message = f"an ext value is not JSON: {type(exc).__name__}"
        raise LocalProtocolError(message) from None
