"""
The server's half of MSYNC for one connection (facts/msync.md §5 to §9).

An engine: frames go in by :meth:`Session.receive`, and what it wants done comes out as calls of a :class:`Link`,
which a socket or a test stands behind. It is a :class:`~slackkefu.demo.easemob.exchange.Device` as soon as it is
logged in.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from typing import TYPE_CHECKING, Final, Protocol, final

from google.protobuf.message import DecodeError

from slackkefu.demo.easemob import ledger
from slackkefu.demo.easemob.accounts import Token
from slackkefu.demo.easemob.exchange import CHAT, Sending
from slackkefu.demo.easemob.faults import Redirect, Refusal
from slackkefu.demo.easemob.frames import OK, Frames, queue_of, status_of, token_in
from slackkefu.demo.easemob.mailbox import DOMAIN, Cursor, Mailbox, Meta, Queue
from slackkefu.easemob.proto import msync_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slackkefu.demo.easemob.cluster import Cluster

__all__ = ["Link", "Session"]

SYSTEM: Final = Queue("")
STATISTIC: Final = 0
KICK_S: Final = 3.0
"""How long a kicked device has to fetch the reason before its socket is closed."""

REASONS: Final[Mapping[str, tuple[Refusal, Refusal]]] = {
    "token": (Refusal(1, "Sorry, token or password does not match login info"), Refusal(2, "unauthorized")),
    "expired": (Refusal(1, "Sorry, token expired"), Refusal(6, "token expired")),
    "user": (Refusal(1, "Sorry, user not found"), Refusal(2, "unauthorized")),
}
"""Refused logins, as a reason and as a status (facts/msync.md §6)."""


class Link(Protocol):
    """The connection as the engine sees it. Nothing here waits."""

    def send(self, frame: bytes, *, delay_s: float = 0.0) -> None:
        """Send a frame after all that were to be sent before it."""
        ...

    def close(self) -> None:
        """Close in order, after what is still to be sent."""
        ...

    def close_within(self, seconds: float) -> None:
        """Close at the latest then."""
        ...

    def cut(self) -> None:
        """Close at once, without a word."""
        ...


@final
class Session:
    """One connection, before and after its login."""

    def __init__(self, cluster: Cluster, link: Link) -> None:
        self._cluster = cluster
        self._link = link
        self._switches = cluster.switches
        self._faults = cluster.faults
        self._ledger = cluster.ledger
        self._frames = Frames(cluster.app_key, compressed=self._switches.zlib)
        self._cursors: defaultdict[Queue, Cursor] = defaultdict(Cursor)
        # What the server itself has to say to this connection; it dies with it.
        self._system = Mailbox()
        self._last_page = b""
        self._logged_in = False
        self._kicked = False
        self._over = ""
        self.user = ""
        self.resource = ""
        self.uuid = ""
        self.name = ""

    def __repr__(self) -> str:
        return f"<Session {self.user}/{self.resource} {self._over or ('in' if self._logged_in else 'not in')}>"

    # For the connection.

    def receive(self, frame: bytes) -> None:
        """Take one frame."""
        if self._over:
            return
        try:
            msync = pb.MSync.FromString(frame)
            if not self._logged_in and msync.command != pb.MSync.PROVISION:
                self._break_off("a frame before the login")
                return
            handle = _HANDLERS.get(msync.command)
            if handle is None:
                self._break_off("a command that only servers send")
            else:
                handle(self, msync)
        except DecodeError:
            self._break_off("a frame that cannot be decoded")

    def lost(self, why: str) -> None:
        """Take note that the connection is over."""
        if not self._over:
            self._leave(why)

    # For the exchange.

    def notice(self, queue: Queue, peer_resource: str) -> None:
        """Send a NOTICE."""
        resource = peer_resource if self._switches.resource_in == "notice" else ""
        self._link.send(self._frames.notice(self._frames.queue(queue, resource)))

    def kick(self, operation: int, reason: str) -> None:
        """End the login with a STATISTIC, by whichever way this server takes (facts/msync.md §9)."""
        body = pb.StatisticsBody(operation=pb.StatisticsBody.Operation.ValueType(operation))
        if reason:
            body.reason = reason
        exchange = self._cluster.exchange
        meta = Meta(exchange.next_id(), "", "", self.user, exchange.now_ms(), STATISTIC, body.SerializeToString())
        self._leave(f"kicked with {operation}", still_read=True)
        self._kicked = True
        if self._switches.kick == "queue":
            self._system.store(SYSTEM, meta, [self.resource])
            self.notice(SYSTEM, "")
            self._link.close_within(KICK_S)
        else:
            wire = [self._frames.meta(meta, online_mark=False)]
            page = pb.CommSyncDL(metas=wire, queue=self._frames.queue(SYSTEM), is_last=True)
            self._link.send(self._frames.sync(page))
            self._link.close()

    def cut(self, why: str) -> None:
        """End the connection without a word."""
        self._leave(why)
        self._link.cut()

    def send_notice(self, name: str) -> None:
        """Send a NOTICE for the conversation with *name*."""
        self.notice(Queue(name.lower()), "")

    def repeat_page(self) -> None:
        """Send the last page once more, unasked."""
        if self._last_page:
            self._ledger.write(ledger.Disturbed(self.user, "page sent again"))
            self._link.send(self._last_page)

    # PROVISION (facts/msync.md §5, §6).

    def _provision(self, msync: pb.MSync) -> None:
        if self._logged_in:
            self._break_off("a second login on one connection")
            return
        provision = pb.Provision.FromString(msync.payload)
        user = msync.guid.name.lower()
        resource = provision.resource or msync.guid.client_resource
        judged = self._judge(msync, provision)
        if not isinstance(judged, Token):
            self._refuse_login(user, resource, judged)
            return
        prefixed = token_in(msync, provision)[1]
        self.user, self.resource = user, resource
        self.uuid, self.name = provision.device_uuid, provision.device_name
        full = self._make_room(provision.reason)
        if full is not None:
            self._refuse_login(user, resource, full)
            return
        self._logged_in = True
        self._cluster.exchange.connect(self)
        self._ledger.write(ledger.LoggedIn(user, resource, prefixed))
        reply = pb.Provision(
            status=OK,
            compress_type=[pb.Provision.COMPRESS_NONE],
            resource=resource,
            session_id=f"{self._cluster.exchange.now_ms()}:{self._cluster.exchange.next_id() & 0xFFFFFF:x}",
            auth_token=self._token_reply(judged),
        )
        self._link.send(self._frames.provision(reply), delay_s=self._faults.login_delay_s)

    def _judge(self, msync: pb.MSync, provision: pb.Provision) -> Token | Refusal | Redirect:
        """Return the good token of a login, or what it is refused with."""
        user = msync.guid.name.lower()
        fault = self._faults.next_login(user)
        if fault is not None:
            return fault
        if not user or not (provision.resource or msync.guid.client_resource):
            return Refusal(3, "missing parameter")
        if msync.guid.app_key != self._cluster.app_key:
            # Which status a wrong app key gets is not documented; 4 is final for both clients (facts/msync.md §6).
            return Refusal(4, "app key not found")
        position = 1 if self._switches.token_refusals == "status" else 0
        value, prefixed = token_in(msync, provision)
        account = self._cluster.accounts.find(user)
        if account is None:
            return REASONS["user"][position]
        if not account.activated:
            return Refusal(12, "user is forbidden")
        if {True: "refused", False: "required"}[prefixed] == self._switches.dollar_prefix:
            return REASONS["token"][position]
        token = self._cluster.accounts.judge(value, now=self._cluster.wall())
        if token == "expired":
            return REASONS["expired"][position]
        if not isinstance(token, Token) or token.user != user:
            return REASONS["token"][position]
        return token

    def _make_room(self, reason: str) -> Refusal | None:
        """End or refuse a login where there are too many (facts/msync.md §5, "Several devices")."""
        exchange = self._cluster.exchange
        for older in exchange.devices(self.user):
            if older.resource == self.resource:
                if self._switches.same_resource == "kicked":
                    older.kick(pb.StatisticsBody.USER_LOGIN_ANOTHER_DEVICE, reason)
                else:
                    older.cut("the same resource logged in again")
        devices = exchange.devices(self.user)
        if len(devices) < self._switches.max_devices:
            return None
        if self._switches.too_many_devices == "refused":
            return Refusal(13, "too many devices")
        older = devices[0 if self._switches.too_many_devices == "oldest out" else -1]
        older.kick(pb.StatisticsBody.USER_LOGIN_ANOTHER_DEVICE, reason)
        return None

    def _refuse_login(self, user: str, resource: str, fault: Refusal | Redirect) -> None:
        status = status_of(fault)
        self._ledger.write(ledger.LoginRefused(user, resource, status.error_code, status.reason))
        self._link.send(self._frames.provision(pb.Provision(status=status)), delay_s=self._faults.login_delay_s)
        self._over = "login refused"
        self._link.close()

    def _token_reply(self, token: Token) -> bytes:
        """Return the JSON of the login answer's ``auth_token``; nothing for a token without an end."""
        if self._switches.expires_in == "absent" or math.isinf(token.expires_at):
            return b""
        if self._switches.token_replaced:
            token = self._cluster.accounts.issue(token.user, expires_at=token.expires_at)
        ends = {
            "ms": int(token.expires_at * 1000),
            "s": int(token.expires_at),
            "relative": int(token.expires_at - self._cluster.wall()),
        }
        return json.dumps({"token": token.value, "expires_in": ends[self._switches.expires_in]}).encode()

    # UNREAD (facts/msync.md §7.1, §9).

    def _unread(self, msync: pb.MSync) -> None:
        del msync
        redirect = self._faults.next_heartbeat()
        if redirect is not None:
            self._reply(self._frames.unread(pb.CommUnreadDL(status=status_of(redirect))))
            return
        waiting = self._system.waiting(self.resource) + self._mailbox(Queue(self.user)).waiting(self.resource)
        self._ledger.write(ledger.Heartbeat(self.user, self.resource, tuple(queue.name for queue, _ in waiting)))
        reply = pb.CommUnreadDL(timestamp=self._cluster.exchange.now_ms())
        reply.unread.extend(pb.MetaQueue(queue=self._frames.queue(queue), n=count) for queue, count in waiting)
        if self._switches.status_in_pages:
            reply.status.CopyFrom(OK)
        self._reply(self._frames.unread(reply))

    # SYNC (facts/msync.md §7, §8).

    def _sync(self, msync: pb.MSync) -> None:
        sync = pb.CommSyncUL.FromString(msync.payload)
        if self._kicked and not (sync.HasField("queue") and queue_of(sync.queue) == SYSTEM):
            return
        if sync.HasField("meta"):
            self._take(sync.meta)
        elif sync.HasField("queue"):
            self._pull(queue_of(sync.queue), sync.key)
        else:
            self._complain("a SYNC with neither a message nor a queue")

    def _pull(self, queue: Queue, key: int) -> None:
        """Acknowledge what *key* moves past, and answer with the next page."""
        if self._faults.take("lost_pulls"):
            self._ledger.write(ledger.Disturbed(self.user, "pull lost"))
            return
        mailbox, cursor = self._mailbox(queue), self._cursors[queue]
        again = cursor.pulled
        if key:
            ids = mailbox.acknowledge(self.resource, queue, cursor, key)
            if ids:
                self._ledger.write(ledger.Acknowledged(self.user, self.resource, queue.name, ids))
        size = self._switches.page_size
        if not key and again and self._switches.pull_without_key == "empty":
            size = 0
        after = min(key, cursor.handed)
        page = mailbox.page(self.resource, queue, cursor, after=after, size=size)
        ids = tuple(meta.id for meta in page.metas)
        self._ledger.write(ledger.Pulled(self.user, self.resource, queue.name, key or None, ids))
        resource = page.metas[0].sender_resource if page.metas and self._switches.resource_in == "page" else ""
        reply = pb.CommSyncDL(queue=self._frames.queue(queue, resource))
        reply.metas.extend(self._frames.meta(meta, online_mark=self._switches.online_mark) for meta in page.metas)
        if self._switches.status_in_pages:
            reply.status.CopyFrom(OK)
        if page.metas:
            reply.next_key = page.next_key
            if page.last and self._switches.last_with_metas:
                reply.is_last = True
        elif self._switches.end_of_queue == "is_last":
            reply.is_last = True
        else:
            reply.next_key = 0
        frame = self._frames.sync(reply)
        self._last_page = frame if page.metas else self._last_page
        self._reply(frame)
        if queue == SYSTEM and page.metas:
            self._link.close()

    def _take(self, meta: pb.Meta) -> None:
        """Take a message, acknowledge it, and send it on."""
        if meta.ns != CHAT:
            # The web client uploads a STATISTIC of its own after each login (facts/msync.md §7.1).
            self._acknowledge(meta.id, pb.CommSyncDL(status=OK))
            return
        refusal = self._faults.next_send() or self._refusal(meta)
        if refusal is not None:
            self._ledger.write(ledger.Refused(self.user, meta.to.name.lower(), meta.id, refusal.status, refusal.reason))
            self._acknowledge(meta.id, pb.CommSyncDL(status=status_of(refusal)))
            return
        self._inspect(meta)
        sending = Sending(
            self.user,
            self.resource,
            meta.to.name.lower(),
            meta.payload,
            client_id=meta.id,
            online_only=meta.routetype == pb.Meta.ROUTE_ONLINE,
        )
        exchange = self._cluster.exchange
        taken = exchange.take(sending)
        cut = self._faults.take("cut_after_sends")
        lost = cut or self._faults.take("lost_acknowledgements")
        if not lost:
            reply = pb.CommSyncDL(status=OK, server_id=taken.meta.id, timestamp=taken.meta.timestamp_ms)
            self._acknowledge(meta.id, reply)
        if cut:
            self.cut("cut after a message")
        exchange.deliver(sending, taken, acknowledged=not lost)

    def _acknowledge(self, client_id: int, reply: pb.CommSyncDL) -> None:
        reply.meta_id = client_id
        self._reply(self._frames.sync(reply))

    def _refusal(self, meta: pb.Meta) -> Refusal | None:
        """Return what a message is refused with (facts/msync.md §8)."""
        if not meta.to.name or not meta.id:
            return Refusal(3, "missing parameter")
        if (meta.to.domain or DOMAIN) != DOMAIN:
            return Refusal(1, "group not found")
        if len(meta.payload) > self._switches.max_message_bytes:
            return Refusal(7, "Sorry, data is too large")
        return None

    def _inspect(self, meta: pb.Meta) -> None:
        """Complain of what a server lets pass and a receiver trips over (facts/msync.md §1, §12)."""
        body = pb.MessageBody.FromString(meta.payload)
        if getattr(body, "from").name.lower() != self.user:
            self._complain("MessageBody.from is not the sender")
        if body.to.name.lower() != meta.to.name.lower():
            self._complain("MessageBody.to is not Meta.to")
        if not body.contents:
            self._complain("a message without contents")
        if any(content.HasField("sub_type") and not content.type for content in body.contents):
            self._complain("sub_type on a text makes it a combined forward")
        if any(not item.key for item in body.ext):
            self._complain("an empty ext key")

    # LOGOUT (facts/msync.md §9).

    def _logout(self, msync: pb.MSync) -> None:
        logout = pb.Logout.FromString(msync.payload)
        self._ledger.write(ledger.LoggedOut(self.user, self.resource, logout.reason))
        if self._switches.logout_reply:
            self._reply(self._frames.logout())
        self._leave("logged out")
        self._link.close()

    # Helpers.

    def _mailbox(self, queue: Queue) -> Mailbox:
        return self._system if queue == SYSTEM else self._cluster.exchange.mailbox(self.user)

    def _reply(self, frame: bytes) -> None:
        self._link.send(frame, delay_s=self._faults.reply_delay_s)

    def _complain(self, what: str) -> None:
        self._ledger.write(ledger.Complaint(self.user, what))

    def _break_off(self, what: str) -> None:
        """End a connection that broke the protocol."""
        self._complain(what)
        self._leave(what)
        self._link.close()

    def _leave(self, why: str, *, still_read: bool = False) -> None:
        """Go offline; with *still_read* the device may yet fetch what the server has to say."""
        if self._logged_in and not self._kicked:
            self._cluster.exchange.disconnect(self)
            self._ledger.write(ledger.Ended(self.user, self.resource, why))
        if not still_read:
            self._over = why


_HANDLERS: Final[Mapping[int, Callable[[Session, pb.MSync], None]]] = {
    pb.MSync.SYNC: Session._sync,  # noqa: SLF001 -- the table of this class
    pb.MSync.UNREAD: Session._unread,  # noqa: SLF001
    pb.MSync.PROVISION: Session._provision,  # noqa: SLF001
    pb.MSync.LOGOUT: Session._logout,  # noqa: SLF001
}
