"""
A client made of bare frames, for tests of the fake alone.

It shares nothing with ``slackkefu.easemob`` but the schema, and does only what it is told: nothing is pulled or
acknowledged by itself.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, final

from slackkefu.demo.easemob.messages import ImMessage, decode, encode
from slackkefu.easemob.proto import msync_pb2 as pb
from slackkefu.net.websocket import WebSocket

if TYPE_CHECKING:
    from slackkefu.demo.easemob import FakeEasemob

__all__ = ["RawClient", "envelope", "provision", "pull", "send"]

APP_KEY = "acme#support"


def envelope(command: pb.MSync.Command.ValueType, payload: Any, guid: pb.JID | None = None) -> bytes:
    """Return a frame."""
    return pb.MSync(command=command, payload=payload.SerializeToString(), guid=guid).SerializeToString()


def jid(name: str, resource: str = "") -> pb.JID:
    """Return a JID; without a name the system queue's."""
    return pb.JID(app_key=APP_KEY, name=name or None, domain="easemob.com", client_resource=resource or None)


def provision(
    user: str, token: str, *, resource: str = "device-1", prefix: str = "$t$", reason: str = "", app_key: str = APP_KEY
) -> bytes:
    """Return a login frame, in the web spelling or (without *prefix*) in the other."""
    login = pb.Provision(
        resource=resource,
        auth_token=json.dumps({"token": prefix + token}).encode(),
        device_name="raw",
        device_uuid="uuid-1",
        reason=reason or None,
    )
    guid = jid(user, resource)
    guid.app_key = app_key
    return envelope(pb.MSync.PROVISION, login, guid)


def send(message: ImMessage, meta_id: int, **meta: Any) -> bytes:
    """Return a frame that sends *message*."""
    sync = pb.CommSyncUL(meta=pb.Meta(id=meta_id, to=jid(message.to), ns=pb.Meta.CHAT, payload=encode(message), **meta))
    return envelope(pb.MSync.SYNC, sync)


def pull(queue: str, key: int | None = None) -> bytes:
    """Return a frame that pulls the conversation with *queue*."""
    return envelope(pb.MSync.SYNC, pb.CommSyncUL(queue=jid(queue), key=key))


def read(frame: bytes) -> Any:
    """Return the payload of a server's frame."""
    msync = pb.MSync.FromString(frame)
    payload = zlib.decompress(msync.payload) if msync.compress_algorimth else msync.payload
    kind: Any = {
        pb.MSync.SYNC: pb.CommSyncDL,
        pb.MSync.UNREAD: pb.CommUnreadDL,
        pb.MSync.NOTICE: pb.CommNotice,
        pb.MSync.PROVISION: pb.Provision,
        pb.MSync.LOGOUT: pb.Logout,
    }[msync.command]
    return kind.FromString(payload)


@final
class RawClient:
    """One connection."""

    def __init__(self, websocket: WebSocket, user: str) -> None:
        self.websocket = websocket
        self.user = user

    @classmethod
    async def connect(cls, network: Any, easemob: FakeEasemob, user: str) -> RawClient:
        """Open a connection without logging in."""
        return cls(await WebSocket.connect(network, easemob.websocket_url, max_bytes=1 << 20), user)

    @classmethod
    async def log_in(cls, network: Any, easemob: FakeEasemob, user: str, **how: Any) -> RawClient:
        """Open a connection and log in with a token made on the spot."""
        client = await cls.connect(network, easemob, user)
        token = easemob.accounts.issue(user, expires_at=4e9)
        reply = await client.ask(provision(user, token.value, **how))

        assert pb.Status.OK == reply.status.error_code
        return client

    async def ask(self, frame: bytes) -> Any:
        """Send a frame and return the payload of the next one."""
        await self.websocket.send(frame)
        return await self.hear()

    async def hear(self) -> Any:
        """Return the payload of the next frame."""
        frame = await self.websocket.receive()
        assert isinstance(frame, bytes)
        return read(frame)

    async def unread(self) -> dict[str, int]:
        """Send a heartbeat; return the queues with how much waits in each."""
        reply = await self.ask(envelope(pb.MSync.UNREAD, pb.CommUnreadUL()))
        return {item.queue.name: item.n for item in reply.unread}

    async def pull(self, queue: str, key: int | None = None) -> Any:
        """Pull and return the page."""
        return await self.ask(pull(queue, key))

    async def read_all(self, queue: str) -> list[ImMessage]:
        """Pull a conversation to its end, acknowledging every page."""
        found: list[ImMessage] = []
        page = await self.pull(queue)
        while page.metas:
            found.extend(decode(getattr(meta, "from").name, meta.to.name, meta.payload) for meta in page.metas)
            page = await self.pull(queue, page.next_key)
        return found
