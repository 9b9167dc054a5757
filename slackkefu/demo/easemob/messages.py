"""
A message in JSON terms, and the same as ``MessageBody`` on the wire.

:class:`ImMessage` has the shape in which REST, callbacks and the kefu facts describe a message
(facts/easemob-rest.md §6.2, facts/kefu.md §1.1). The codec here is the fake's own and shares nothing with
``slackkefu.easemob``, so that an error there is not hidden by the same error here.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from slackkefu.easemob.proto import msync_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["ImMessage", "JsonObject", "decode", "encode"]

JsonObject: TypeAlias = dict[str, Any]  # type: ignore[explicit-any]  # JSON of any shape, from outside
"""A JSON object as somebody outside made it."""

_TYPES: Final = {"txt": 0, "img": 1, "video": 2, "loc": 3, "audio": 4, "file": 5, "cmd": 6, "custom": 7}
_NAMES: Final = {number: name for name, number in _TYPES.items()}

_FIELDS: Final = {
    "msg": "text",
    "action": "action",
    "url": "remote_path",
    "secret": "secret_key",
    "filename": "display_name",
    "file_length": "file_length",
    "length": "duration",
    "thumb": "thumbnail_remote_path",
    "thumb_secret": "thumbnail_secret_key",
    "lat": "latitude",
    "lng": "longitude",
    "addr": "address",
    "customEvent": "custom_event",
}
"""Body fields as REST names them (facts/easemob-rest.md §6.2), and on the wire (facts/msync.md §11)."""

_NUMBERS: Final = {"file_length": int, "duration": int, "latitude": float, "longitude": float}


@dataclass(frozen=True, slots=True)
class ImMessage:
    """One one-to-one message."""

    sender: str
    to: str
    type: str
    """``txt``, ``cmd``, ``img``, …; for what we do not know ``type 99``, and for receipts and the like ``receipt``."""
    body: JsonObject = field(default_factory=dict, repr=False)
    ext: JsonObject = field(default_factory=dict, repr=False)

    @classmethod
    def of_sample(cls, sample: JsonObject) -> ImMessage:
        """Make one of a sample of ``facts/kefu-samples``."""
        body = {key: value for key, value in sample["body"].items() if key != "type"}
        return cls(sample["from"], sample["to"], sample["type"], body, dict(sample["ext"]))

    @property
    def text(self) -> str:
        """The text of a ``txt``, else empty."""
        return str(self.body.get("msg") or "") if self.type == "txt" else ""

    @property
    def weichat(self) -> JsonObject:
        """``ext.weichat``, or an empty object (facts/kefu.md §2.1: any level may be missing or null)."""
        weichat = self.ext.get("weichat")
        return weichat if isinstance(weichat, dict) else {}


def encode(message: ImMessage) -> bytes:
    """Return *message* as the payload of a meta."""
    content = pb.MessageBody.Content(type=pb.MessageBody.Content.Type.ValueType(_TYPES[message.type]))
    for key, wire in _FIELDS.items():
        if message.body.get(key) is not None:
            setattr(content, wire, _NUMBERS.get(wire, str)(message.body[key]))
    size = message.body.get("size")
    if isinstance(size, dict):
        content.size.width = size.get("width") or 0
        content.size.height = size.get("height") or 0
    content.custom_exts.extend(_key_values(message.body.get("customExts") or {}))
    body = pb.MessageBody(type=pb.MessageBody.CHAT, to=pb.JID(name=message.to), contents=[content])
    getattr(body, "from").name = message.sender
    body.ext.extend(_key_values(message.ext))
    return body.SerializeToString()


def decode(sender: str, to: str, payload: bytes) -> ImMessage:
    """
    Return the payload of a chat meta as a message.

    Raises:
        google.protobuf.message.DecodeError: It is no MessageBody.
        ValueError: Its ext is not JSON where it says so.

    """
    body = pb.MessageBody.FromString(payload)
    if body.type not in (pb.MessageBody.CHAT, pb.MessageBody.GROUPCHAT, pb.MessageBody.CHATROOM):
        # Receipts, recalls and edits hold one empty Content that looks like an empty text (facts/msync.md §1.10).
        return ImMessage(sender, to, "receipt", {"about": body.ack_message_id or body.edit_message_id})
    content = body.contents[0] if body.contents else pb.MessageBody.Content()
    json_body: JsonObject = {
        key: getattr(content, wire)
        for key, wire in _FIELDS.items()
        if content.HasField(wire)  # type: ignore[arg-type]  # names out of our own table
    }
    if content.HasField("size"):
        json_body["size"] = {"width": content.size.width, "height": content.size.height}
    if content.custom_exts:
        json_body["customExts"] = _json_object(content.custom_exts)
    kind = _NAMES.get(content.type, f"type {content.type}")
    return ImMessage(sender, to, kind, json_body, _json_object(body.ext))


def _key_values(values: Mapping[str, object]) -> Iterable[pb.KeyValue]:
    """Encode an object's members (facts/msync.md §11, the table)."""
    for key, value in values.items():
        item = pb.KeyValue(key=key)
        if isinstance(value, bool):
            item.type, item.varint_value = pb.KeyValue.BOOL, int(value)
        elif isinstance(value, int):
            item.type, item.varint_value = pb.KeyValue.INT, value
        elif isinstance(value, float):
            item.type, item.double_value = pb.KeyValue.DOUBLE, value
        elif isinstance(value, str):
            item.type, item.string_value = pb.KeyValue.STRING, value
        else:
            item.type = pb.KeyValue.JSON_STRING
            item.string_value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        yield item


def _json_object(items: Iterable[pb.KeyValue]) -> JsonObject:
    """Decode an object's members."""
    return {item.key: _value(item) for item in items}


def _value(item: pb.KeyValue) -> object:
    """Decode one value."""
    match item.type:
        case pb.KeyValue.JSON_STRING:
            return json.loads(item.string_value)
        case pb.KeyValue.STRING:
            return item.string_value
        case pb.KeyValue.BOOL:
            return bool(item.varint_value)
        case pb.KeyValue.FLOAT:
            return item.float_value
        case pb.KeyValue.DOUBLE:
            return item.double_value
        case pb.KeyValue.UINT:
            return struct.unpack("<Q", struct.pack("<q", item.varint_value))[0]
        case _:
            return item.varint_value
