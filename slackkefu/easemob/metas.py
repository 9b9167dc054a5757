"""
Messages on the wire: one meta and the body inside it, both ways (facts/msync.md §7.4, §8, §10, §11).

Reading never fails: a meta that is no message of a one-to-one conversation, or cannot be read, becomes a named
:class:`~slackkefu.easemob.message.IncomingOther`, so that its neighbours are whole and the batch can be acknowledged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from slackkefu.easemob.ext import read_ext, well_formed, write_ext
from slackkefu.easemob.message import (
    Body,
    CommandBody,
    CustomBody,
    IncomingMessage,
    IncomingOther,
    LocationBody,
    MediaBody,
    MediaKind,
    OtherKind,
    OutgoingMessage,
    TextBody,
    UnknownBody,
)
from slackkefu.easemob.names import DOMAIN, AppKey, ImUser
from slackkefu.easemob.proto import msync_pb2 as pb
from slackkefu.errors import LocalProtocolError
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_PAYLOAD_BYTES", "Kick", "number", "parse", "read_meta", "write_meta"]

MAX_PAYLOAD_BYTES: Final = 256 * 1024
"""Longest body of one meta that is read; servers take 3 to 5 KB (facts/msync.md §1.11)."""

_META_IDS: Final = range(1, 2**63)

_M = TypeVar("_M", bound=Message)


@dataclass(frozen=True, slots=True)
class Kick:
    """The server ends this login (facts/msync.md §9)."""

    meta_id: int
    operation: int
    """1 removed, 2 another device, 3 password changed, 4 by another device or the console."""
    reason: str


def parse(kind: type[_M], raw: bytes) -> _M | None:
    """Return the message of *kind* that *raw* holds, or None when it holds none."""
    try:
        return kind.FromString(raw)
    except DecodeError:
        return None


def number(message: Message, field: str) -> int:
    """
    Return the number in the enumeration *field*: 0 when absent, also one that the schema does not list.

    A number that is not listed lands among the unknown fields, and the field reads as absent, which is 0: an unknown
    status would be OK, an unknown namespace STATISTIC (facts/msync.md §1.5).
    """
    if message.HasField(field):
        return int(getattr(message, field))
    tag = message.DESCRIPTOR.fields_by_name[field].number
    unknown = UnknownFieldSet(message)
    for index in reversed(range(len(unknown))):
        field_found = unknown[index]
        if field_found.field_number == tag and isinstance(field_found.data, int):
            return field_found.data
    return 0


# Reading.


def read_meta(raw: bytes, home: str) -> IncomingMessage | IncomingOther | Kick:
    """
    Read one meta of a batch.

    Args:
        raw: The meta's bytes.
        home: Our app key, meant where a JID names none.

    """
    meta = parse(pb.Meta, raw)
    if meta is None:
        return IncomingOther(0, "undecodable")
    namespace = number(meta, "ns")
    if namespace == pb.Meta.CHAT:
        return _read_chat(meta, home)
    if namespace == pb.Meta.STATISTIC:
        return _read_statistic(meta)
    return _other(meta, _NAMESPACES.get(namespace, "unknown_namespace"))


def _other(meta: pb.Meta, kind: OtherKind, refers_to: int = 0) -> IncomingOther:
    return IncomingOther(meta.id, kind, well_formed(getattr(meta, "from").name).lower(), refers_to)


def _read_statistic(meta: pb.Meta) -> IncomingOther | Kick:
    """Read a meta of namespace STATISTIC: operations 1 to 4 end this login, all else is only noted."""
    body = parse(pb.StatisticsBody, meta.payload)
    if body is None:
        return _other(meta, "undecodable")
    operation = number(body, "operation")
    if operation in _KICKS:
        return Kick(meta.id, operation, well_formed(body.reason))
    return _other(meta, "statistic")


def _read_chat(meta: pb.Meta, home: str) -> IncomingMessage | IncomingOther:
    """Read a meta of namespace CHAT, MessageBody.type first: receipts look like empty texts (facts/msync.md §1.10)."""
    if len(meta.payload) > MAX_PAYLOAD_BYTES:
        return _other(meta, "too_large")
    body = parse(pb.MessageBody, meta.payload)
    if body is None:
        return _other(meta, "undecodable")
    kind = number(body, "type")
    if kind != pb.MessageBody.CHAT:
        refers_to = body.edit_message_id if kind == pb.MessageBody.EDIT else body.ack_message_id
        return _other(meta, _CHAT_TYPES.get(kind, "unknown_type"), refers_to)
    server_from: pb.JID = getattr(meta, "from")
    if server_from.app_key and well_formed(server_from.app_key).lower() != home.lower():
        return _other(meta, "foreign_app")
    if not body.contents:
        return _other(meta, "empty")
    # The sender that the server writes cannot be made up by another client; the one in the body can.
    sender = server_from.name or getattr(body, "from").name
    receiver = meta.to.name or body.to.name
    ext, bad_ext = read_ext(body.ext)
    return IncomingMessage(
        meta_id=meta.id,
        sender=well_formed(sender).lower(),
        to=well_formed(receiver).lower(),
        timestamp_ms=meta.timestamp,
        body=_read_content(body.contents[0]),
        ext=ext,
        bad_ext=bad_ext,
    )


def _read_content(content: pb.MessageBody.Content) -> Body:
    kind = number(content, "type")
    reader = _CONTENTS.get(kind)
    return reader(content) if reader is not None else UnknownBody(kind)


def _read_text(content: pb.MessageBody.Content) -> Body:
    # Present with 0, sub_type makes a text a combined forward (facts/msync.md §1.4).
    if content.HasField("sub_type") and content.sub_type == pb.MessageBody.Content.COMBINE:
        return UnknownBody(pb.MessageBody.Content.COMBINED)
    return TextBody(well_formed(content.text))


def _read_media(content: pb.MessageBody.Content) -> Body:
    return MediaBody(
        kind=_MEDIA[content.type],
        remote_path=well_formed(content.remote_path),
        secret=Secret(well_formed(content.secret_key)),
        filename=well_formed(content.display_name),
        length_bytes=content.file_length,
        duration_s=content.duration,
        width=_pixels(content.size.width),
        height=_pixels(content.size.height),
        thumbnail_path=well_formed(content.thumbnail_remote_path),
        thumbnail_secret=Secret(well_formed(content.thumbnail_secret_key)),
    )


def _pixels(size: float) -> int:
    """Return *size* as whole pixels; 0 for what is no size (NaN and infinity are doubles, too)."""
    return int(size) if 0 < size < 2**31 else 0


def _read_location(content: pb.MessageBody.Content) -> Body:
    return LocationBody(content.latitude, content.longitude, well_formed(content.address))


def _read_command(content: pb.MessageBody.Content) -> Body:
    return CommandBody(well_formed(content.action))


def _read_custom(content: pb.MessageBody.Content) -> Body:
    exts, _ = read_ext(content.custom_exts)
    return CustomBody(well_formed(content.custom_event), exts)


_KICKS: Final = range(pb.StatisticsBody.USER_REMOVED, pb.StatisticsBody.USER_KICKED_BY_OTHER_DEVICE + 1)

_NAMESPACES: Final[dict[int, OtherKind]] = {
    pb.Meta.MUC: "group_event",
    pb.Meta.ROSTER: "roster",
    pb.Meta.CONFERENCE: "conference",
    pb.Meta.NOTIFY: "notify",
    pb.Meta.QUERY: "query",
}
"""Namespaces that are passed over unread; a payload that cannot be read is no matter there (facts/msync.md §7.3)."""

_CHAT_TYPES: Final[dict[int, OtherKind]] = {
    pb.MessageBody.NORMAL: "normal",
    pb.MessageBody.GROUPCHAT: "group_message",
    pb.MessageBody.CHATROOM: "room_message",
    pb.MessageBody.READ_ACK: "read_receipt",
    pb.MessageBody.DELIVER_ACK: "delivery_receipt",
    pb.MessageBody.RECALL: "recall",
    pb.MessageBody.CHANNEL_ACK: "conversation_read",
    pb.MessageBody.EDIT: "edit",
}

_MEDIA: Final[dict[int, MediaKind]] = {
    pb.MessageBody.Content.IMAGE: "img",
    pb.MessageBody.Content.VIDEO: "video",
    pb.MessageBody.Content.VOICE: "audio",
    pb.MessageBody.Content.FILE: "file",
}

_CONTENTS: Final[dict[int, Callable[[pb.MessageBody.Content], Body]]] = {
    pb.MessageBody.Content.TEXT: _read_text,
    pb.MessageBody.Content.IMAGE: _read_media,
    pb.MessageBody.Content.VIDEO: _read_media,
    pb.MessageBody.Content.LOCATION: _read_location,
    pb.MessageBody.Content.VOICE: _read_media,
    pb.MessageBody.Content.FILE: _read_media,
    pb.MessageBody.Content.COMMAND: _read_command,
    pb.MessageBody.Content.CUSTOM: _read_custom,
}


# Writing.


def write_meta(message: OutgoingMessage, *, app_key: AppKey, sender: ImUser) -> pb.Meta:
    """
    Return *message* as a meta, spelled as the web client spells it (facts/msync.md §8).

    Raises:
        LocalProtocolError: the id is out of range, the body of a kind that cannot be sent, or ``ext`` no JSON object.

    """
    if message.meta_id not in _META_IDS:
        raise LocalProtocolError("a meta id is 1 to 2^63-1")
    body = pb.MessageBody(
        type=pb.MessageBody.CHAT,
        to=pb.JID(name=message.to),
        contents=[_write_content(message.body)],
        ext=write_ext(message.ext),
    )
    getattr(body, "from").name = sender
    return pb.Meta(
        id=message.meta_id,
        to=pb.JID(app_key=str(app_key), name=message.to, domain=DOMAIN),
        ns=pb.Meta.CHAT,
        payload=body.SerializeToString(),
        routetype=pb.Meta.ROUTE_ALL,
    )


def _write_content(body: Body) -> pb.MessageBody.Content:
    """Return the one Content of *body*; ``sub_type`` stays unset (facts/msync.md §1.4)."""
    content = pb.MessageBody.Content()
    match body:
        case TextBody():
            content.type = pb.MessageBody.Content.TEXT
            content.text = well_formed(body.text)
        case CommandBody():
            content.type = pb.MessageBody.Content.COMMAND
            content.action = well_formed(body.action)
        case LocationBody():
            content.type = pb.MessageBody.Content.LOCATION
            content.latitude, content.longitude = body.lat, body.lng
            content.address = well_formed(body.address)
        case CustomBody():
            content.type = pb.MessageBody.Content.CUSTOM
            content.custom_event = well_formed(body.event)
            content.custom_exts.extend(write_ext(body.exts))
        case MediaBody():
            _write_media(body, content)
        case _:
            raise LocalProtocolError("a body of unknown kind cannot be sent")
    return content


def _write_media(body: MediaBody, content: pb.MessageBody.Content) -> None:
    """Fill *content* with what the web client sets for a file; fields without a value stay unset."""
    content.type = _MEDIA_TYPES[body.kind]
    content.display_name = well_formed(body.filename)
    content.remote_path = well_formed(body.remote_path)
    content.file_length = body.length_bytes
    if body.secret:
        content.secret_key = body.secret.reveal()
    if body.duration_s:
        content.duration = body.duration_s
    if body.width or body.height:
        content.size.width, content.size.height = body.width, body.height
    if body.thumbnail_path:
        content.thumbnail_remote_path = well_formed(body.thumbnail_path)
    if body.thumbnail_secret:
        content.thumbnail_secret_key = body.thumbnail_secret.reveal()


_MEDIA_TYPES: Final[dict[MediaKind, pb.MessageBody.Content.Type.ValueType]] = {
    "img": pb.MessageBody.Content.IMAGE,
    "video": pb.MessageBody.Content.VIDEO,
    "audio": pb.MessageBody.Content.VOICE,
    "file": pb.MessageBody.Content.FILE,
}
