"""
Frames in the nested form of the wire facts' samples, both ways.

64-bit integers are decimal strings, enumerations ``"number:NAME"`` (a bare number where the schema has no name), and
only fields present on the wire appear; see ``tests/facts/msync-vectors/README.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.unknown_fields import UnknownFieldSet

from slackkefu.easemob.metas import number
from slackkefu.easemob.proto import msync_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["Direction", "from_nested", "nested"]

Direction = Literal["c2s", "s2c"]

PAYLOADS: dict[tuple[str, int], type[Message]] = {
    ("c2s", pb.MSync.SYNC): pb.CommSyncUL,
    ("c2s", pb.MSync.UNREAD): pb.CommUnreadUL,
    ("c2s", pb.MSync.PROVISION): pb.Provision,
    ("c2s", pb.MSync.LOGOUT): pb.Logout,
    ("s2c", pb.MSync.SYNC): pb.CommSyncDL,
    ("s2c", pb.MSync.UNREAD): pb.CommUnreadDL,
    ("s2c", pb.MSync.NOTICE): pb.CommNotice,
    ("s2c", pb.MSync.PROVISION): pb.Provision,
    ("s2c", pb.MSync.LOGOUT): pb.Logout,
}
BODIES: dict[int, type[Message]] = {
    pb.Meta.STATISTIC: pb.StatisticsBody,
    pb.Meta.CHAT: pb.MessageBody,
    pb.Meta.MUC: pb.MUCBody,
    pb.Meta.ROSTER: pb.RosterBody,
}
NAMED = {kind.DESCRIPTOR.name: kind for kind in (*PAYLOADS.values(), *BODIES.values())}

# Enumerations that the samples' own schema has no names for.
BARE = {"easemob.pb.MSync.encrypt_type", "easemob.pb.Provision.encrypt_type", "easemob.pb.RosterBody.operation"}
WIDE = {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}


def nested(frame: bytes, direction: Direction) -> dict[str, Any]:
    """Return *frame* in nested form."""
    message = pb.MSync.FromString(frame)
    form = _form(message)
    kind = PAYLOADS[direction, number(message, "command")]
    if message.HasField("payload"):
        form["payload"] = {kind.DESCRIPTOR.name: _form(kind.FromString(message.payload))}
    else:
        form["payload"] = {kind.DESCRIPTOR.name: {}, "_absent": True}
    return form


def _form(message: Message) -> dict[str, Any]:
    form: dict[str, Any] = {}
    for field, value in message.ListFields():
        items = list(value) if field.is_repeated else [value]
        rendered = [_value(field, item, message) for item in items]
        form[field.name] = rendered if field.is_repeated else rendered[0]
    unknown = UnknownFieldSet(message)
    for index in range(len(unknown)):
        name = message.DESCRIPTOR.fields_by_number[unknown[index].field_number].name
        form[name] = number(message, name)
    return form


def _value(field: Any, value: Any, parent: Message) -> Any:
    if field.message_type is not None:
        return _form(value)
    if field.enum_type is not None and field.full_name not in BARE:
        return f"{value}:{field.enum_type.values_by_number[value].name}"
    if field.cpp_type in WIDE:
        return str(value)
    if isinstance(value, bytes):
        if isinstance(parent, pb.Meta) and field.name == "payload":
            kind = BODIES.get(number(parent, "ns"))
            if kind is not None:
                return {kind.DESCRIPTOR.name: _form(kind.FromString(value))}
            return {"utf8": value.decode()} if parent.ns == pb.Meta.NOTIFY else {"hex": value.hex()}
        return {"utf8": value.decode()} if field.name == "auth_token" else value
    return value


def from_nested(form: dict[str, Any]) -> bytes:
    """Return the frame whose nested form is *form*."""
    return _build(pb.MSync, form).SerializeToString()


def _build(kind: type[Message], form: dict[str, Any]) -> Message:
    message = kind()
    for name, value in form.items():
        field = kind.DESCRIPTOR.fields_by_name[name]
        for item in value if field.is_repeated else [value]:
            _put(message, field, item)
    return message


def _put(message: Message, field: Any, value: Any) -> None:
    """Add one value, by way of the wire: so that numbers without a name can be written, too."""
    if field.message_type is not None:
        part = type(message)()
        target = getattr(part, field.name)
        inner = _build(type(target.add() if field.is_repeated else target), value)
        raw = inner.SerializeToString()
        message.MergeFromString(_varint(field.number << 3 | 2) + _varint(len(raw)) + raw)
    elif field.enum_type is not None:
        code = int(value.split(":")[0]) if isinstance(value, str) else value
        message.MergeFromString(_varint(field.number << 3) + _varint(code))
    elif field.type == FieldDescriptor.TYPE_BYTES:
        _put_bytes(message, field, value)
    else:
        setattr(message, field.name, int(value) if field.cpp_type in WIDE else value)


def _put_bytes(message: Message, field: Any, value: dict[str, Any]) -> None:
    if "_absent" in value:
        return
    ((name, content),) = value.items()
    if name == "utf8":
        raw = content.encode()
    elif name == "hex":
        raw = bytes.fromhex(content)
    else:
        raw = _build(NAMED[name], content).SerializeToString()
    setattr(message, field.name, raw)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
