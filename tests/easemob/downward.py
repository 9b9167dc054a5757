"""Frames as a server sends them, for tests; written with the schema, not with our own codec."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from slackkefu.easemob.proto import msync_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

__all__ = [
    "HOME",
    "ack",
    "batch",
    "frame",
    "jid",
    "login_reply",
    "logout",
    "meta",
    "notice",
    "statistic",
    "text",
    "unread",
]

HOME = "org#app"


def frame(command: pb.MSync.Command.ValueType, payload: Message | None = None) -> bytes:
    """Return an envelope around *payload*."""
    envelope = pb.MSync(version=pb.MSync.MSYNC_V1, command=command)
    if payload is not None:
        envelope.payload = payload.SerializeToString()
    return envelope.SerializeToString()


def jid(name: str = "kefu", resource: str = "") -> pb.JID:
    """Return a user's JID; without a name it is the system queue's."""
    made = pb.JID(app_key=HOME, domain="easemob.com")
    if name:
        made.name = name
    if resource:
        made.client_resource = resource
    return made


def status(code: int = 0, reason: str = "", redirect: tuple[str, int] | None = None) -> pb.Status:
    """Return a status."""
    made = pb.Status(error_code=pb.Status.ErrorCode.ValueType(code), reason=reason)
    if redirect is not None:
        made.redirect_info.add(host=redirect[0], port=redirect[1])
    return made


def login_reply(
    code: int = 0,
    reason: str = "",
    *,
    resource: str = "",
    session_id: str = "s-1",
    auth_token: Mapping[str, object] | bytes = b"",
    redirect: tuple[str, int] | None = None,
) -> bytes:
    """Return the answer to a login."""
    provision = pb.Provision(status=status(code, reason, redirect), session_id=session_id)
    if resource:
        provision.resource = resource
    provision.auth_token = auth_token if isinstance(auth_token, bytes) else json.dumps(auth_token).encode()
    return frame(pb.MSync.PROVISION, provision)


def unread(*queues: pb.JID, code: int = 0, timestamp_ms: int = 0, redirect: tuple[str, int] | None = None) -> bytes:
    """Return the list of waiting queues."""
    reply = pb.CommUnreadDL(status=status(code, redirect=redirect), timestamp=timestamp_ms)
    for queue in queues:
        reply.unread.add(queue=queue, n=1)
    return frame(pb.MSync.UNREAD, reply)


def notice(queue: pb.JID | None = None) -> bytes:
    """Return a notice."""
    return frame(pb.MSync.NOTICE, pb.CommNotice(queue=queue))


def text(
    meta_id: int = 1, words: str = "hello", *, sender: str = "kefu", ext: list[pb.KeyValue] | None = None
) -> pb.Meta:
    """Return a text message."""
    body = pb.MessageBody(
        type=pb.MessageBody.CHAT,
        contents=[pb.MessageBody.Content(type=pb.MessageBody.Content.TEXT, text=words)],
        ext=ext or [],
    )
    getattr(body, "from").name = sender
    return meta(pb.Meta.CHAT, body.SerializeToString(), meta_id=meta_id, sender=sender)


def statistic(operation: int, reason: str = "", *, meta_id: int = 9) -> pb.Meta:
    """Return a meta of namespace STATISTIC."""
    body = pb.StatisticsBody(operation=pb.StatisticsBody.Operation.ValueType(operation), reason=reason)
    return meta(pb.Meta.STATISTIC, body.SerializeToString(), meta_id=meta_id, sender="")


def meta(namespace: int, payload: bytes, *, meta_id: int = 1, sender: str = "kefu", timestamp_ms: int = 5) -> pb.Meta:
    """Return a meta around *payload*."""
    made = pb.Meta(id=meta_id, ns=pb.Meta.NameSpace.ValueType(namespace), payload=payload, timestamp=timestamp_ms)
    made.to.CopyFrom(jid("visitor"))
    getattr(made, "from").CopyFrom(jid(sender))
    return made


def batch(
    queue: pb.JID | None,
    *metas: pb.Meta,
    next_key: int | None = None,
    is_last: bool | None = None,
    code: int = 0,
) -> bytes:
    """Return the answer to a pull."""
    reply = pb.CommSyncDL(status=status(code), metas=metas, queue=queue, next_key=next_key, is_last=is_last)
    return frame(pb.MSync.SYNC, reply)


def ack(meta_id: int, code: int = 0, reason: str = "", *, server_id: int = 0) -> bytes:
    """Return the acknowledgement of a sent message."""
    reply = pb.CommSyncDL(status=status(code, reason), meta_id=meta_id, server_id=server_id, timestamp=7)
    return frame(pb.MSync.SYNC, reply)


def logout(code: int = 0) -> bytes:
    """Return the answer to a logout, or the server's own."""
    return frame(pb.MSync.LOGOUT, pb.Logout(status=status(code)))
