"""
Frames: one binary WebSocket message is one bare ``MSync`` (facts/msync.md §1.1, §3).

Functions make the frames that go up; :func:`read_frame` turns one that came down into a typed value. Bytes in,
values out; nothing here remembers anything.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from slackkefu.easemob.ext import well_formed
from slackkefu.easemob.metas import Kick, number, parse, read_meta, write_meta
from slackkefu.easemob.names import DOMAIN, Queue
from slackkefu.easemob.proto import msync_pb2 as pb
from slackkefu.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slackkefu.easemob.login import Login
    from slackkefu.easemob.message import IncomingMessage, IncomingOther, OutgoingMessage

__all__ = [
    "MAX_FRAME_BYTES",
    "Down",
    "LoginReply",
    "LogoutReply",
    "Notice",
    "PullReply",
    "Redirect",
    "SendReply",
    "Status",
    "Unknown",
    "UnreadReply",
    "login_frame",
    "logout_frame",
    "pull_frame",
    "read_frame",
    "send_frame",
    "unread_frame",
]

MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
"""
Longest frame read, and longest payload after inflating.

The Go client stops at 4 MiB and 16 MiB (facts/msync.md §3). A frame refused for its size is a batch that cannot be
acknowledged and comes again for ever, so the larger bound serves for both.
"""

_MAX_REASON: Final = 200
"""Characters kept of a text of the server's."""

_CLIENT_VERSION: Final = "4.21.1"
"""The release of the web client whose spelling we follow; servers may go by it."""
_ACTION_VERSION: Final = "v5.2"
"""Detailed token errors and merged group presence (facts/msync.md §5)."""

_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_PORTS: Final = range(1, 65536)


# What comes down.


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where to log in instead (facts/msync.md §9)."""

    host: str
    port: int | None
    """None: the scheme's own."""


@dataclass(frozen=True, slots=True)
class Status:
    """How it went; 0 is OK, and so is an absent status (facts/msync.md §1.5, §6)."""

    code: int = 0
    reason: str = ""
    redirect: Redirect | None = None

    @property
    def ok(self) -> bool:
        """Whether it went well."""
        return self.code == pb.Status.OK


@dataclass(frozen=True, slots=True)
class LoginReply:
    """The answer to PROVISION."""

    status: Status
    resource: str
    """The resource the server knows this device by; empty when it did not say."""
    session_id: str
    auth_token: bytes


@dataclass(frozen=True, slots=True)
class UnreadReply:
    """Which queues have something waiting."""

    status: Status
    queues: Mapping[Queue, int]
    """Each with how much waits there; 0 where that is not told."""
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A queue has something new; None when the frame names no queue."""

    queue: Queue | None


@dataclass(frozen=True, slots=True)
class SendReply:
    """The acknowledgement of a message of ours."""

    status: Status
    meta_id: int
    server_id: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class PullReply:
    """A batch, asked for or not."""

    status: Status
    queue: Queue | None
    metas: tuple[IncomingMessage | IncomingOther, ...]
    """Without the kick, if there was one."""
    next_key: int
    """0 when there is none."""
    is_last: bool
    kick: Kick | None


@dataclass(frozen=True, slots=True)
class LogoutReply:
    """The answer to LOGOUT, or the server's own."""

    status: Status


@dataclass(frozen=True, slots=True)
class Unknown:
    """A command that is not in the schema."""

    command: int


Down: TypeAlias = LoginReply | UnreadReply | Notice | SendReply | PullReply | LogoutReply | Unknown


def read_frame(frame: bytes, home: str) -> Down:
    """
    Read a frame that came down.

    Args:
        frame: One whole binary WebSocket message.
        home: Our app key, meant where a JID names none.

    Raises:
        RemoteProtocolError: the bytes are no frame. What is wrong inside one meta never raises.

    """
    envelope = parse(pb.MSync, frame)
    if envelope is None:
        raise _broken("a frame that is no MSync")
    payload = _inflated(envelope)
    command = number(envelope, "command")
    reader = _READERS.get(command)
    return reader(payload, home) if reader is not None else Unknown(command)


def _broken(what: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"the IM server sent {what}")


def _inflated(envelope: pb.MSync) -> bytes:
    """Return the payload as it was before compression; LZ4 is not offered and so must not come (facts/msync.md §3)."""
    if envelope.compress_algorimth == 0:
        return envelope.payload
    if envelope.compress_algorimth != 1:
        raise _broken("a compression we did not offer")
    inflater = zlib.decompressobj()
    try:
        payload = inflater.decompress(envelope.payload, MAX_FRAME_BYTES)
    except zlib.error:
        raise _broken("a payload that does not inflate") from None
    if not inflater.eof:
        raise _broken("a payload that is cut off or inflates beyond the limit")
    return payload


def _read_login(payload: bytes, _home: str) -> LoginReply:
    reply = parse(pb.Provision, payload)
    if reply is None:
        raise _broken("an unreadable Provision")
    return LoginReply(
        _status(reply.status), well_formed(reply.resource), well_formed(reply.session_id), reply.auth_token
    )


def _read_unread(payload: bytes, home: str) -> UnreadReply:
    reply = parse(pb.CommUnreadDL, payload)
    if reply is None:
        raise _broken("an unreadable CommUnreadDL")
    queues = {_queue(item.queue, home): item.n for item in reply.unread if item.HasField("queue")}
    return UnreadReply(_status(reply.status), queues, reply.timestamp)


def _read_notice(payload: bytes, home: str) -> Notice:
    notice = parse(pb.CommNotice, payload)
    if notice is None:
        raise _broken("an unreadable CommNotice")
    return Notice(_queue(notice.queue, home) if notice.HasField("queue") else None)


def _read_sync(payload: bytes, home: str) -> SendReply | PullReply:
    """Read the two things that CommSyncDL is (facts/msync.md §1.6), each meta by itself."""
    reply = parse(pb.CommSyncDLClosed, payload)
    if reply is None:
        raise _broken("an unreadable CommSyncDL")
    status = _status(reply.status)
    if reply.meta_id > 0:
        return SendReply(status, reply.meta_id, reply.server_id, reply.timestamp)
    metas = [read_meta(raw, home) for raw in reply.metas]
    return PullReply(
        status=status,
        queue=_queue(reply.queue, home) if reply.HasField("queue") else None,
        metas=tuple(meta for meta in metas if not isinstance(meta, Kick)),
        next_key=reply.next_key,
        is_last=reply.is_last,
        kick=next((meta for meta in metas if isinstance(meta, Kick)), None),
    )


def _read_logout(payload: bytes, _home: str) -> LogoutReply:
    reply = parse(pb.Logout, payload)
    if reply is None:
        raise _broken("an unreadable Logout")
    return LogoutReply(_status(reply.status))


_READERS: Final[dict[int, Callable[[bytes, str], Down]]] = {
    pb.MSync.SYNC: _read_sync,
    pb.MSync.UNREAD: _read_unread,
    pb.MSync.NOTICE: _read_notice,
    pb.MSync.PROVISION: _read_login,
    pb.MSync.LOGOUT: _read_logout,
}


def _queue(jid: pb.JID, home: str) -> Queue:
    return Queue.of(
        well_formed(jid.app_key),
        well_formed(jid.name),
        well_formed(jid.domain),
        well_formed(jid.client_resource),
        home=home,
    )


def _status(status: pb.Status) -> Status:
    reason = well_formed(status.reason)[:_MAX_REASON]
    # The Go client follows the first entry (facts/msync.md §9).
    redirect = _redirect(status.redirect_info[0]) if status.redirect_info else None
    return Status(number(status, "error_code"), reason, redirect)


def _redirect(info: pb.RedirectInfo) -> Redirect | None:
    """Return where *info* leads, or None when that is no host and port."""
    host = well_formed(info.host)
    if not _HOST.fullmatch(host) or (info.port and info.port not in _PORTS):
        return None
    return Redirect(host, info.port or None)


# What goes up.


def login_frame(login: Login, *, trace_id: int) -> bytes:
    """Return PROVISION (facts/msync.md §5), the first frame of a connection."""
    provision = pb.Provision(
        os_type=pb.Provision.OS_OTHER,
        version=_CLIENT_VERSION,
        compress_type=[pb.Provision.COMPRESS_NONE],
        encrypt_type=[pb.MSync.ENCRYPT_NONE],
        device_uuid=login.resource,
        device_name="slackkefu",
        resource=login.resource,
        action_version=_ACTION_VERSION,
        auth_token=json.dumps({"token": login.wire_token}, separators=(",", ":")).encode(),
        # LZ4 would be 2: a stream with a memory of its own for each session (§3).
        protocol_compress_type=[pb.Provision.COMPRESS_NONE],
    )
    frame = _frame(pb.MSync.PROVISION, provision.SerializeToString(), trace_id)
    frame.guid.CopyFrom(_guid(login, login.resource))
    if login.dollar_prefix:
        frame.auth = login.wire_token
    return frame.SerializeToString()


def logout_frame(login: Login, *, resource: str, session_id: str, reason: str, trace_id: int) -> bytes:
    """Return LOGOUT (facts/msync.md §9)."""
    frame = _frame(pb.MSync.LOGOUT, pb.Logout(session_id=session_id, reason=reason).SerializeToString(), trace_id)
    if login.dollar_prefix:
        frame.guid.CopyFrom(_guid(login, resource))
        frame.auth = login.wire_token
    return frame.SerializeToString()


def unread_frame(*, trace_id: int) -> bytes:
    """Return UNREAD: the question for waiting queues, and the heartbeat."""
    return _frame(pb.MSync.UNREAD, None, trace_id).SerializeToString()


def pull_frame(queue: Queue, key: int, *, trace_id: int) -> bytes:
    """Return a pull of *queue*; a *key* other than 0 acknowledges the batch that had it as its next key."""
    pull = pb.CommSyncUL()
    if key:
        pull.key = key
    for field, value in zip(_JID_FIELDS, queue.given, strict=True):
        if value:
            setattr(pull.queue, field, value)
    # The system queue may be given as an empty JID; that it is there at all makes this a pull.
    pull.queue.SetInParent()
    return _frame(pb.MSync.SYNC, pull.SerializeToString(), trace_id).SerializeToString()


_JID_FIELDS: Final = ("app_key", "name", "domain", "client_resource")


def send_frame(message: OutgoingMessage, login: Login, *, trace_id: int) -> bytes:
    """
    Return *message* on its way up.

    Raises:
        LocalProtocolError: it cannot be written, see :func:`~slackkefu.easemob.metas.write_meta`.

    """
    meta = write_meta(message, app_key=login.app_key, sender=login.user)
    return _frame(pb.MSync.SYNC, pb.CommSyncUL(meta=meta).SerializeToString(), trace_id).SerializeToString()


def _guid(login: Login, resource: str) -> pb.JID:
    return pb.JID(app_key=str(login.app_key), name=login.user, domain=DOMAIN, client_resource=resource)


def _frame(command: pb.MSync.Command.ValueType, payload: bytes | None, trace_id: int) -> pb.MSync:
    """Return an envelope; zeros that mean something are written (facts/msync.md §1.5)."""
    frame = pb.MSync(
        version=pb.MSync.MSYNC_V1, command=command, encrypt_type=[pb.MSync.ENCRYPT_NONE], trace_id=trace_id
    )
    if payload is not None:
        frame.payload = payload
    return frame
