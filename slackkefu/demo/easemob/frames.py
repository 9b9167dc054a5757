"""Frames that a server sends, and what it reads of those it gets (facts/msync.md §3, §4)."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Final, final

from slackkefu.demo.easemob.faults import Redirect
from slackkefu.demo.easemob.mailbox import DOMAIN, Queue
from slackkefu.easemob.proto import msync_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from slackkefu.demo.easemob.faults import Refusal
    from slackkefu.demo.easemob.mailbox import Meta

__all__ = ["Frames", "queue_of", "status_of", "token_in"]

OK: Final = pb.Status(error_code=pb.Status.OK)
_PREFIX: Final = "$t$"


def status_of(fault: Refusal | Redirect) -> pb.Status:
    """Return the status that says *fault*."""
    if isinstance(fault, Redirect):
        return pb.Status(
            error_code=pb.Status.REDIRECT, redirect_info=[pb.RedirectInfo(host=fault.host, port=fault.port)]
        )
    return pb.Status(error_code=pb.Status.ErrorCode.ValueType(fault.status), reason=fault.reason)


def queue_of(jid: pb.JID) -> Queue:
    """Return which queue a client means; names are folded."""
    return Queue(jid.name.lower(), jid.domain or DOMAIN)


def token_in(msync: pb.MSync, provision: pb.Provision) -> tuple[str, bool]:
    """
    Return the token of a login and whether it had the ``$t$`` (facts/msync.md §5).

    The token is in ``auth_token``, as JSON or bare, and in the web spelling in ``auth`` as well.
    """
    text = provision.auth_token.decode("utf-8", "replace") or msync.auth
    try:
        value = json.loads(text)["token"]
    except (ValueError, KeyError, TypeError):
        value = text
    token = str(value)
    return token.removeprefix(_PREFIX), token.startswith(_PREFIX)


@final
class Frames:
    """Makes the frames of one app."""

    def __init__(self, app_key: str, *, compressed: bool) -> None:
        self._app_key = app_key
        self._compressed = compressed

    def queue(self, queue: Queue, resource: str = "") -> pb.JID:
        """Return a queue's JID; the system queue has no name (facts/msync.md §7.2)."""
        jid = pb.JID(app_key=self._app_key, domain=queue.domain)
        if queue.name:
            jid.name = queue.name
        if resource:
            jid.client_resource = resource
        return jid

    def user(self, name: str, resource: str = "") -> pb.JID:
        """Return a user's JID."""
        return self.queue(Queue(name), resource)

    def meta(self, meta: Meta, *, online_mark: bool) -> pb.Meta:
        """Return a stored meta as a receiver sees it (facts/msync.md §7.4)."""
        wire = pb.Meta(
            id=meta.id,
            to=self.user(meta.to),
            timestamp=meta.timestamp_ms,
            ns=pb.Meta.NameSpace.ValueType(meta.namespace),
            payload=meta.payload,
        )
        getattr(wire, "from").CopyFrom(self.user(meta.sender, meta.sender_resource))
        if online_mark:
            wire.meta = json.dumps({"is_online": int(meta.online)}).encode()
        return wire

    def provision(self, payload: pb.Provision) -> bytes:
        """Return the answer to a login, which is never compressed."""
        return self._envelope(pb.MSync.PROVISION, payload, compressed=False)

    def sync(self, payload: pb.CommSyncDL) -> bytes:
        """Return a page or an acknowledgement."""
        return self._envelope(pb.MSync.SYNC, payload, compressed=self._compressed)

    def unread(self, payload: pb.CommUnreadDL) -> bytes:
        """Return the answer to a heartbeat."""
        return self._envelope(pb.MSync.UNREAD, payload, compressed=self._compressed)

    def notice(self, jid: pb.JID) -> bytes:
        """Return the word that something waits in a queue."""
        return self._envelope(pb.MSync.NOTICE, pb.CommNotice(queue=jid), compressed=self._compressed)

    def logout(self) -> bytes:
        """Return the answer to a logout."""
        return self._envelope(pb.MSync.LOGOUT, pb.Logout(status=OK), compressed=self._compressed)

    def _envelope(self, command: pb.MSync.Command.ValueType, payload: Message, *, compressed: bool) -> bytes:
        msync = pb.MSync(version=pb.MSync.MSYNC_V1, command=command, payload=payload.SerializeToString())
        if compressed:
            msync.compress_algorimth = 1
            msync.payload = zlib.compress(msync.payload)
        return msync.SerializeToString()
