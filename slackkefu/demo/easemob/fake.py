"""
The fake Easemob as a whole.

::

    easemob = FakeEasemob(app_key="acme#support")
    easemob.register("kefu_service", password="service")
    await nursery.start(easemob.serve_loopback)
    …  # a client finds it at easemob.rest_url and easemob.websocket_url

It runs wherever its streams (:meth:`FakeEasemob.serve_stream`) and its ASGI application (:attr:`FakeEasemob.asgi`) run:
over memory streams in virtual time, or over real sockets.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, final

import trio
from google.protobuf.message import DecodeError

from slackkefu.demo.easemob.accounts import Accounts
from slackkefu.demo.easemob.cluster import Address, Cluster, StoredFile
from slackkefu.demo.easemob.exchange import CHAT, Exchange, Sending
from slackkefu.demo.easemob.faults import Faults
from slackkefu.demo.easemob.ledger import Complaint, Ledger
from slackkefu.demo.easemob.messages import decode, encode
from slackkefu.demo.easemob.rest import build_rest
from slackkefu.demo.easemob.server import PATH, Server
from slackkefu.demo.easemob.session import Session
from slackkefu.demo.easemob.switches import Switches
from slackkefu.demo.serve import serve_http, serve_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.applications import Starlette

    from slackkefu.demo.easemob.mailbox import Meta
    from slackkefu.demo.easemob.messages import ImMessage

__all__ = ["FakeEasemob"]


@final
class FakeEasemob:
    """
    One app at one Easemob.

    Args:
        app_key: ``org#app``.
        client_id: The app's credentials, which REST wants to see.
        client_secret: The same.
        switches: How this server behaves where the facts leave it open.
        wall: Seconds since the epoch: timestamps, message ids, the life of tokens.

    """

    def __init__(
        self,
        *,
        app_key: str = "acme#support",
        client_id: str = "client-id",
        client_secret: str = "client-secret",
        switches: Switches | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        org, _, app = app_key.partition("#")
        self.app_key = app_key
        self.client_id = client_id
        self.client_secret = client_secret
        self.switches = switches or Switches()
        self.faults = Faults()
        """What is to go wrong."""
        self.ledger = Ledger()
        """What has happened."""
        self.accounts = Accounts(
            label=f"{org}-{app}", client_id=client_id, client_secret=client_secret, plan_users=self.switches.plan_users
        )
        """Users and tokens."""
        self._exchange = Exchange(switches=self.switches, faults=self.faults, ledger=self.ledger, wall=wall)
        self._cluster = Cluster(
            org,
            app,
            str(uuid.uuid5(uuid.NAMESPACE_DNS, app_key)),
            self.switches,
            self.faults,
            self.ledger,
            self.accounts,
            self._exchange,
            wall,
            rest=Address("rest.easemob.test", 80),
            websocket=Address("im.easemob.test", 80),
        )
        self._server = Server(self._cluster)
        self.asgi: Starlette = build_rest(self._cluster)
        """The REST API and discovery."""

    def __repr__(self) -> str:
        return f"<FakeEasemob {self.app_key} with {len(self._server)} connections>"

    # Where it is.

    def listens(self, *, rest: tuple[str, int], websocket: tuple[str, int], is_tls: bool = False) -> None:
        """Take note of where it is served, for discovery: host and port of each, and whether with TLS."""
        self._cluster.rest = Address(*rest, is_tls)
        self._cluster.websocket = Address(*websocket, is_tls)

    @property
    def rest_url(self) -> str:
        """Base address of the REST API, without org and app."""
        return f"http{_s(self._cluster.rest)}://{self._cluster.rest}"

    @property
    def websocket_url(self) -> str:
        """Address of the MSYNC server."""
        return f"ws{_s(self._cluster.websocket)}://{self._cluster.websocket}{PATH}"

    @property
    def discovery_url(self) -> str:
        """Address of the discovery document."""
        return f"{self.rest_url}/easemob/server.json"

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one MSYNC connection until it is over."""
        await self._server.serve_stream(stream)

    async def serve_loopback(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run on real sockets of this machine, until cancelled; started when the addresses above are good."""
        async with trio.open_nursery() as nursery:
            http_port = await nursery.start(serve_http, self.asgi)
            stream_port = await nursery.start(serve_streams, self.serve_stream)
            self.listens(rest=("127.0.0.1", http_port), websocket=("127.0.0.1", stream_port))
            task_status.started()

    # Users and messages.

    def register(self, name: str, *, password: str | None = None) -> None:
        """Register a user, as an operator does in the console."""
        self.accounts.create(self.accounts.check_name(name), password=password, now=self._cluster.wall())

    def attach(self, user: str, receive: Callable[[ImMessage], None]) -> None:
        """
        Let a program in this process be *user*.

        Args:
            user: Its name; registered if it is not yet.
            receive: Called with each message for it, at once, without a mailbox between; what cannot be read is only
                complained of.

        """
        if self.accounts.find(user) is None:
            self.register(user)

        def take(meta: Meta) -> None:
            if meta.namespace != CHAT:
                return
            try:
                message = decode(meta.sender, meta.to, meta.payload)
            except (DecodeError, ValueError):
                self.ledger.write(Complaint(meta.sender, "a message that cannot be read"))
            else:
                receive(message)

        self._exchange.attach(user, take)

    def post(self, message: ImMessage) -> int:
        """Send a message as its sender would; return its server id."""
        return self.post_raw(message.sender, message.to, encode(message))

    def post_raw(self, sender: str, to: str, payload: bytes, *, namespace: int = CHAT) -> int:
        """Send any payload, also one that nobody can read; return its server id."""
        sending = Sending(sender.lower(), "", to.lower(), payload, namespace=namespace)
        taken = self._exchange.take(sending)
        self._exchange.deliver(sending, taken)
        return taken.meta.id

    def keeps(self, content: bytes, *, secret: str = "") -> str:
        """Keep an attachment that somebody has sent; return its address. With a *secret* it is restricted."""
        name = str(uuid.uuid4())
        self._cluster.files[name] = StoredFile(content, secret)
        return f"{self.rest_url}/{self._cluster.org}/{self._cluster.app}/chatfiles/{name}"

    # Looking in.

    def now(self) -> float:
        """Return the calendar's time: seconds since the epoch."""
        return self._cluster.wall()

    def attachment(self, url: str) -> StoredFile:
        """Return the file that lies at *url*; raises KeyError when there is none."""
        return self._cluster.files[url.rpartition("/")[2].partition("?")[0]]

    def attachments(self) -> tuple[StoredFile, ...]:
        """Return every file that was uploaded."""
        return tuple(self._cluster.files.values())

    def online(self, user: str) -> tuple[str, ...]:
        """Return the resources of the devices with which *user* is online."""
        return tuple(device.resource for device in self._exchange.devices(user))

    def waiting(self, user: str) -> int:
        """Count the messages for *user* that no device has acknowledged."""
        return self._exchange.mailbox(user).unread()

    def delivered(self, user: str, server_id: int) -> bool:
        """Tell whether a device of *user* has acknowledged this message."""
        return self._exchange.mailbox(user).delivered(server_id)

    # Ending and disturbing logins.

    def kick(self, user: str, operation: int, reason: str = "") -> None:
        """End the logins of *user* with a STATISTIC: 1 removed, 2 other device, 3 password, 4 console."""
        for device in self._exchange.devices(user):
            device.kick(operation, reason)

    def cut(self, user: str = "") -> None:
        """Cut the connections of *user*, or all there are, without a word."""
        if not user:
            self._server.cut_all()
        for device in self._exchange.devices(user) if user else ():
            device.cut("cut")

    def repeat_page(self, user: str) -> None:
        """Send each device of *user* its last page once more, unasked."""
        for session in self._sessions(user):
            session.repeat_page()

    def notice(self, user: str, queue: str) -> None:
        """Send *user* a NOTICE for the conversation with *queue*, whether something waits there or not."""
        for session in self._sessions(user):
            session.send_notice(queue)

    def _sessions(self, user: str) -> Iterator[Session]:
        return (device for device in self._exchange.devices(user) if isinstance(device, Session))


def _s(address: Address) -> str:
    """Return what the scheme of *address* has more than the plain one."""
    return "s" if address.is_tls else ""
