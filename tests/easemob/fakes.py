"""
What the tests of the REST side and of the sessions stand on.

A network that answers HTTP from a function, a calendar on trio's clock, a token store in memory that keeps its order of
events, a small cluster with users and tokens, and a small IM server that knows connections, not frames.
"""

from __future__ import annotations

import json
import random
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import trio

from slackkefu.easemob.message import Accepted, Batch, OutgoingMessage, TextBody
from slackkefu.easemob.names import AppKey, ImUser, Queue, im_user
from slackkefu.errors import ConnectFailed, LinkClosed
from slackkefu.secret import Secret
from slackkefu.world import InlineDisk, World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from slackkefu.credentials import StoredToken, StoredUser
    from slackkefu.easemob.login import Login
    from slackkefu.easemob.timing import Heartbeat

APP_KEY = AppKey("acme", "support")
REST = "https://im-rest.example.com"
SOCKET = "wss://im.example.com/websocket"
START = 1_753_000_000.0
"""The calendar when a test begins."""


def answer(status: int, body: object = None) -> httpx.Response:
    """Make an HTTP answer; no body for None, as gateways send it."""
    return httpx.Response(status, content=b"" if body is None else json.dumps(body).encode())


def error(status: int, code: str, description: str = "") -> httpx.Response:
    """Make an answer with Easemob's error body."""
    return answer(status, {"error": code, "error_description": description, "exception": "x", "timestamp": 1})


class HttpNetwork:
    """A network whose HTTP is a function, and which has no streams."""

    def __init__(self, handler: Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]) -> None:
        self.handler = handler

    async def open_stream(self, host: str, port: int, *, tls: bool) -> trio.abc.Stream:
        """Refuse: nothing here dials."""
        raise ConnectFailed(f"{host}:{port}", "no streams in this test")

    def http_client(
        self,
        *,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
        public_only: bool = False,
    ) -> httpx.AsyncClient:
        """Make a client that asks the function."""
        return httpx.AsyncClient(
            base_url=base_url, headers=headers, timeout=timeout_s, transport=httpx.MockTransport(self.handler)
        )


def make_world(handler: Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]) -> World:
    """Make a world with virtual time: a calendar on trio's clock. Call it inside the test."""
    began = trio.current_time()
    return World(
        network=HttpNetwork(handler),
        disk=InlineDisk(),
        wall=lambda: START + trio.current_time() - began,
        chance=random.Random(1),
    )


class MemoryStore:
    """A token store in memory."""

    def __init__(self) -> None:
        self.app: StoredToken | None = None
        self.users: dict[str, StoredUser] = {}
        self.events: list[str] = []
        """What was done, also by the cluster that shares this list."""

    async def load_app(self) -> StoredToken | None:
        """Return the app token."""
        await trio.lowlevel.checkpoint()
        return self.app

    async def save_app(self, token: StoredToken) -> None:
        """Keep the app token."""
        await trio.lowlevel.checkpoint()
        self.app = token
        self.events.append("save app token" if token.value else "note app request")

    async def load_user(self, user: str) -> StoredUser | None:
        """Return what is kept for *user*."""
        await trio.lowlevel.checkpoint()
        return self.users.get(user)

    async def save_user(self, user: str, value: StoredUser) -> None:
        """Keep something for *user*."""
        await trio.lowlevel.checkpoint()
        self.users[user] = value
        self.events.append("save user token" if value.token else "save password")


class FixedEndpoints:
    """Addresses that are given."""

    def __init__(self, *, rest: tuple[str, ...] = (REST,), websockets: tuple[str, ...] = (SOCKET,)) -> None:
        self.rest = rest
        self.websockets = websockets
        self.failed: list[str] = []

    async def rest_base(self) -> str:
        """Return the first that did not fail."""
        await trio.lowlevel.checkpoint()
        return next((base for base in self.rest if base not in self.failed), self.rest[0])

    async def websocket_urls(self) -> tuple[str, ...]:
        """Return all."""
        await trio.lowlevel.checkpoint()
        return self.websockets

    def report_failure(self, url: str) -> None:
        """Take note."""
        self.failed.append(url)


@dataclass
class Cluster:
    """The REST side of a small cluster: users, passwords, tokens, waiting messages."""

    events: list[str] = field(default_factory=list)
    """Requests in order, by kind."""
    inherit: bool = True
    """Whether the ``inherit`` grant is known."""
    unknown_grant: Callable[[], httpx.Response] = lambda: error(400, "unsupported_grant_type", "Unsupported grant type")
    life: object = 5_184_000
    delay_s: float = 0.1
    users: dict[str, str | None] = field(default_factory=dict)
    """Passwords; None for users that have none."""
    waiting: dict[str, int] = field(default_factory=dict)
    issued: list[str] = field(default_factory=list)
    """App tokens."""
    good: set[str] = field(default_factory=set)
    """App tokens that are taken."""
    scripted: deque[httpx.Response | Exception] = field(default_factory=deque)
    """Answers to the next requests, in place of the cluster's own."""
    refuse: dict[str, Callable[[], httpx.Response]] = field(default_factory=dict)
    """Answers by kind of request, as long as they are here."""
    requests: list[httpx.Request] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        body = json.loads(request.content) if request.content else {}
        kind = self._kind(request, body)
        self.requests.append(request)
        self.events.append(kind)
        await trio.sleep(self.delay_s)
        if self.scripted:
            scripted = self.scripted.popleft()
            if isinstance(scripted, Exception):
                raise scripted
            return scripted
        if kind in self.refuse:
            return self.refuse[kind]()
        if kind not in ("app token", "password grant"):
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in self.good:
                return error(401, "unauthorized", "Unable to authenticate due to expired access token")
        return self._answers()[kind](request, body)

    def count(self, kind: str) -> int:
        """Count requests of a kind."""
        return self.events.count(kind)

    def _kind(self, request: httpx.Request, body: Any) -> str:
        path = request.url.path.removeprefix("/acme/support")
        match request.method, path.split("/")[1:]:
            case "POST", ["token"]:
                return {"client_credentials": "app token", "password": "password grant"}.get(
                    body["grant_type"], "inherit"
                )
            case "POST", ["users"]:
                return "register"
            case "PUT", ["users", _, "password"]:
                return "set password"
            case "GET", ["users", _, "offline_msg_count"]:
                return "count"
            case "GET", ["users", _]:
                return "get user"
            case "DELETE", ["users", _]:
                return "remove user"
            case "POST", ["messages", "users"]:
                return "send"
            case "POST", ["messages"]:
                return "send 2017"
        raise AssertionError(path)

    def _answers(self) -> dict[str, Callable[[httpx.Request, Any], httpx.Response]]:
        return {
            "app token": self._app_token,
            "inherit": self._inherit,
            "password grant": self._password_grant,
            "register": self._register,
            "set password": self._set_password,
            "count": self._count,
            "get user": self._get_user,
            "remove user": self._remove_user,
            "send": lambda _, body: answer(200, {"data": {body["to"][0]: "1290000000000000112"}, "timestamp": 5}),
            "send 2017": lambda _, body: answer(200, {"data": {body["target"][0]: "success"}}),
        }

    def _app_token(self, request: httpx.Request, body: Any) -> httpx.Response:
        token = f"app-token-{len(self.issued) + 1}"
        self.issued.append(token)
        self.good.add(token)
        return answer(200, {"access_token": token, "expires_in": self.life, "application": "x"})

    def _user_token(self, user: str) -> httpx.Response:
        number = self.count("inherit") + self.count("password grant")
        return answer(200, {"access_token": f"{user}-token-{number}", "expires_in": self.life, "user": {}})

    def _inherit(self, request: httpx.Request, body: Any) -> httpx.Response:
        if not self.inherit:
            return self.unknown_grant()
        self.users.setdefault(body["username"], None)
        return self._user_token(body["username"])

    def _password_grant(self, request: httpx.Request, body: Any) -> httpx.Response:
        if body["username"] not in self.users:
            return error(404, "invalid_grant", "user not found")
        if self.users[body["username"]] != body["password"]:
            return error(400, "invalid_grant", "invalid password")
        return self._user_token(body["username"])

    def _register(self, request: httpx.Request, body: Any) -> httpx.Response:
        if body["username"] in self.users:
            return error(400, "duplicate_unique_property_exists", "Application x Entity user requires ...")
        self.users[body["username"]] = body["password"]
        return answer(200, {"action": "post", "entities": [{"username": body["username"]}]})

    def _set_password(self, request: httpx.Request, body: Any) -> httpx.Response:
        self.users[request.url.path.split("/")[-2]] = body["newpassword"]
        return answer(200, {"action": "set user password"})

    def _count(self, request: httpx.Request, body: Any) -> httpx.Response:
        user = request.url.path.split("/")[-2]
        if user not in self.users:
            return error(404, "service_resource_not_found", "Service resource not found")
        return answer(200, {"data": {user: self.waiting.get(user, 0)}})

    def _get_user(self, request: httpx.Request, body: Any) -> httpx.Response:
        if request.url.path.split("/")[-1] not in self.users:
            return error(404, "service_resource_not_found", "Service resource not found")
        return answer(200, {"entities": [{}], "count": 1})

    def _remove_user(self, request: httpx.Request, body: Any) -> httpx.Response:
        gone = self._get_user(request, body)
        self.users.pop(request.url.path.split("/")[-1], None)
        return gone


# The long connection, without frames.


class FakeConnection:
    """A connection that does what its server says."""

    def __init__(
        self,
        server: FakeServer,
        url: str,
        login: Login,
        on_batch: Callable[[Batch], Awaitable[None]],
        on_drained: Callable[[], None],
    ) -> None:
        self.server = server
        self.url = url
        self.login = login
        self.on_batch = on_batch
        self.on_drained = on_drained
        self.drained = False
        self.asked = 0
        self.heartbeat: Heartbeat | None = None
        self.up = False
        self.logged_out = False
        self.over = trio.Event()
        self.end: Exception | None = None
        self.sent: list[OutgoingMessage] = []

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Log in as the server allows, and stay until it ends."""
        user = self.login.user
        self.server.dials.append((trio.current_time(), user, self.url))
        outcome = self.server.next_outcome(self)
        await trio.sleep(self.server.login_s)
        if outcome is not None:
            raise outcome
        assert user not in self.server.online, "two links for one user"
        self.server.online[user] = self
        self.server.logins.append((trio.current_time(), user))
        self.server.most_online = max(self.server.most_online, len(self.server.online))
        self.up = True
        task_status.started()
        self.server.announce()
        try:
            await self.over.wait()
        finally:
            self.up = False
            del self.server.online[user]
            self.server.announce()
        if self.end is not None:
            raise self.end

    async def send(self, message: OutgoingMessage) -> Accepted:
        """Take a message, after the server's delay."""
        if not self.up:
            raise LinkClosed("im.example.com", "not up")
        await trio.sleep(self.server.send_s)
        self.sent.append(message)
        self.server.sent.append((self.login.user, message))
        return Accepted(message.meta_id, message.meta_id + 1000, 1)

    async def logout(self) -> None:
        """End in order, after the server's delay."""
        await trio.sleep(self.server.logout_s)
        self.logged_out = True
        self.server.logouts.append((trio.current_time(), self.login.user))
        self.over.set()

    def set_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Take note."""
        self.heartbeat = heartbeat

    def ask(self) -> None:
        """Take note, and count as undrained until :meth:`drain`."""
        self.asked += 1
        self.drained = False

    def drain(self) -> None:
        """Say that nothing waits."""
        self.drained = True
        self.on_drained()

    def finish(self, end: Exception | None) -> None:
        """End, as the server wants it."""
        self.end = end
        self.over.set()


class FakeServer:
    """The IM server behind the connections."""

    def __init__(self) -> None:
        self.online: dict[ImUser, FakeConnection] = {}
        self.most_online = 0
        self.dials: list[tuple[float, ImUser, str]] = []
        self.logins: list[tuple[float, ImUser]] = []
        self.logouts: list[tuple[float, ImUser]] = []
        self.sent: list[tuple[ImUser, OutgoingMessage]] = []
        self.outcomes: deque[Exception | None] = deque()
        """What the next logins come to; None, and an empty queue: well."""
        self.by_token: dict[str, Exception] = {}
        """What logins with a token come to."""
        self.login_s = 0.0
        self.send_s = 0.0
        self.logout_s = 0.1
        self._changed = trio.Event()

    def dial(
        self,
        url: str,
        login: Login,
        on_batch: Callable[[Batch], Awaitable[None]],
        on_drained: Callable[[], None],
    ) -> FakeConnection:
        """Make a connection."""
        return FakeConnection(self, url, login, on_batch, on_drained)

    def next_outcome(self, connection: FakeConnection) -> Exception | None:
        """Say how a login ends."""
        if connection.login.token.reveal() in self.by_token:
            return self.by_token[connection.login.token.reveal()]
        return self.outcomes.popleft() if self.outcomes else None

    async def until(self, met: Callable[[], bool]) -> None:
        """Wait until *met*; looked at after each login and logout."""
        while not met():
            await self._changed.wait()

    async def up(self, user: ImUser) -> FakeConnection:
        """Wait for *user*'s present connection."""
        await self.until(lambda: user in self.online)
        return self.online[user]

    def announce(self) -> None:
        """Wake who waits for a login or logout."""
        self._changed.set()
        self._changed = trio.Event()


def message(number: int = 1) -> OutgoingMessage:
    """Make a message."""
    return OutgoingMessage(meta_id=number, to=im_user("acme-service"), body=TextBody("hello"))


def batch() -> Batch:
    """Make an empty batch of the service number's queue."""
    return Batch(Queue.of("acme#support", "acme-service", "easemob.com", home="acme#support"), ())


SECRET = Secret("CLIENT-SECRET-EXAMPLE")
