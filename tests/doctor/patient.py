"""
Somebody to examine: the two services with the network between, a configuration, a store, and what can go wrong.

Everything is well unless a test makes it ill: :meth:`Patient.examined` returns what the doctor finds.
"""

from __future__ import annotations

import socket  # noqa: TID251 - its error, which a look-up raises
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from email.utils import formatdate
from os import statvfs, statvfs_result
from random import Random
from typing import TYPE_CHECKING, Any

import httpx
import trio
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from slackkefu.config import Config, load
from slackkefu.demo.desk import Desk, KefuHost
from slackkefu.demo.easemob import FakeEasemob, Switches
from slackkefu.demo.slack import FakeSlack
from slackkefu.doctor.checkup import check_up
from slackkefu.doctor.scene import Machine, Scene, look_around
from slackkefu.errors import ConnectFailed
from slackkefu.secret import Secret
from slackkefu.store import open_store
from slackkefu.store.inspection import inspect
from slackkefu.world import InlineDisk, World
from tests.memory_network import MemoryNetwork, virtual_wall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, MutableMapping
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Send
    from starlette.types import Scope as AsgiScope

    from slackkefu.demo.slack import Workspace
    from slackkefu.demo.slack.model import Installation
    from slackkefu.doctor.report import Finding
    from slackkefu.store import Store
    from tests.memory_network import VirtualWall

__all__ = ["APP_ID", "HOSTS", "Patient", "patient"]

APP_ID = "A0SLKFAPP1"
SERVICE_NUMBER = "kefu_service"
LIMITS = "Max open files            {limit}                 {limit}                 files\n"

HOSTS = (
    *((f"{name}slack.com", 443) for name in ("", "wss-primary.", "wss-backup.", "files.", "hooks.")),
    *((f"{name}", 443) for name in ("rs.easemob.com", "rest.easemob.test", "im.easemob.test", "kefu.test")),
)
"""Whose TCP and TLS are tried."""


@dataclass
class Ways:
    """A network on which each step of a way can fail, and on which every answer has a Date."""

    inner: MemoryNetwork
    tcp: dict[str, str] = field(default_factory=dict)
    """By host, why there is no TCP."""
    tls: dict[str, str] = field(default_factory=dict)
    """By host, why there is no TLS."""
    opened: list[tuple[str, int, bool]] = field(default_factory=list)
    """Every stream that was opened: host, port, whether with TLS."""
    sent: list[str] = field(default_factory=list)
    """The host of each stream over which something was sent."""

    async def open_stream(self, host: str, port: int, *, tls: bool) -> trio.abc.Stream:
        """Open a stream, unless a step fails."""
        if host in self.tcp:
            raise ConnectFailed(f"{host}:{port}", self.tcp[host])
        stream = await self.inner.open_stream(host, port, tls=tls)
        if tls and host in self.tls:
            raise ConnectFailed(f"{host}:{port}", f"TLS: {self.tls[host]}")
        self.opened.append((host, port, tls))
        return _Watched(stream, host, self.sent)

    def http_client(
        self, *, base_url: str, headers: Mapping[str, str] | None = None, timeout_s: float, public_only: bool = False
    ) -> httpx.AsyncClient:
        """Make a client; what is broken for streams is broken for it."""
        client = self.inner.http_client(
            base_url=base_url, headers=headers, timeout_s=timeout_s, public_only=public_only
        )
        client._transport = _Broken(client._transport, self)
        return client


class _Broken(httpx.AsyncBaseTransport):
    """What httpx hands requests to, where the ways may be broken."""

    def __init__(self, inner: httpx.AsyncBaseTransport, ways: Ways) -> None:
        self._inner, self._ways = inner, ways

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hand *request* on, if there is a way."""
        reason = (self._ways.tcp | self._ways.tls).get(request.url.host)
        if reason:
            raise httpx.ConnectError(reason, request=request)
        return await self._inner.handle_async_request(request)


class _Watched(trio.abc.Stream):
    """A stream that notes that something was sent over it."""

    def __init__(self, inner: trio.abc.Stream, host: str, sent: list[str]) -> None:
        self._inner, self._host, self._sent = inner, host, sent

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Note it, and send."""
        self._sent.append(self._host)
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream below does."""
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive."""
        return await self._inner.receive_some(max_bytes)

    async def aclose(self) -> None:
        """Close."""
        await self._inner.aclose()


@dataclass
class Patient:
    """What is examined, and what a test can do to it."""

    ways: Ways
    slack: FakeSlack
    easemob: FakeEasemob
    desk: Desk
    kefu: KefuHost
    config: Config
    world: World
    folder: Path
    north: Workspace
    installation: Installation
    """Of the configured bot token."""
    ours: VirtualWall
    """This machine's clock."""
    theirs: VirtualWall
    """Everybody else's."""
    unresolved: set[str] = field(default_factory=set)
    """Names that nobody resolves."""
    looked_up: list[str] = field(default_factory=list)
    room: Mapping[str, int] = field(default_factory=dict)
    """What the disk says of itself instead of the truth."""
    open_files: int = 65536
    findings: list[Finding] = field(default_factory=list)

    def configure(self, table: str, **values: Any) -> None:
        """Change what is configured."""
        self.config = replace(self.config, **{table: replace(getattr(self.config, table), **values)})

    def stored(self) -> Store:
        """Make the store, as a daemon that has ended leaves it."""
        with open_store(self.config.store.path, self.world) as store:
            return store

    def runs(self, process: int, *, open_files: int) -> None:
        """Let a daemon work on the store, as the kernel tells of it."""
        self.stored()
        lock = self.config.store.path / "lock"
        lock.write_text(f"process {process}, started a while ago\n", encoding="utf-8")
        proc = self.folder / "proc"
        (proc / str(process)).mkdir(parents=True)
        (proc / str(process) / "limits").write_text(LIMITS.format(limit=open_files), encoding="ascii")
        line = f"1: FLOCK  ADVISORY  WRITE {process} 00:ff:{lock.stat().st_ino} 0 EOF\n"
        (proc / "locks").write_text(f"2: POSIX  ADVISORY  READ 7 00:ff:12 0 EOF\n{line}", encoding="ascii")

    async def look_up(self, host: str, port: int) -> list[str]:
        """Resolve a name."""
        await trio.lowlevel.checkpoint()
        self.looked_up.append(host)
        if host in self.unresolved:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ["192.0.2.7"]

    def statvfs(self, path: Path) -> statvfs_result:
        """Say how much room there is."""
        true = statvfs(path)
        names = [name for name in dir(true) if name.startswith("f_") and name != "f_fsid"]
        values = {name: getattr(true, name) for name in names} | {"f_bavail": 10**9} | dict(self.room)
        order = ["bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "favail", "flag", "namemax"]
        return statvfs_result([values[f"f_{name}"] for name in order])

    async def scene(self) -> Scene:
        """Return what the doctor looks at."""
        proc = self.folder / "proc"
        (proc / "self").mkdir(parents=True, exist_ok=True)
        (proc / "self" / "limits").write_text(LIMITS.format(limit=self.open_files), encoding="ascii")
        if not (proc / "locks").exists():
            (proc / "locks").write_text("", encoding="ascii")
        machine = Machine(look_up=self.look_up, statvfs=self.statvfs, proc=proc)
        return await look_around(self.config, self.world, machine)

    async def examined(self, *, offline: bool = False, login: bool = False) -> list[Finding]:
        """Let it be examined."""
        self.findings = []
        await check_up(await self.scene(), self.findings.append, offline=offline, login=login)
        return self.findings

    def secrets(self) -> Iterator[str]:
        """Yield every secret that the doctor may have come across."""
        yield from (self.slack.settings.app_token, self.easemob.client_secret, "client-secret-test", "ticket=")
        yield from (installation.token for installation in self.slack.state.installations)
        yield from self.easemob.accounts._tokens
        for table in (self.config.slack, self.config.easemob, self.config.network):
            values = (getattr(table, each.name) for each in fields(table))
            yield from (value.reveal() for value in values if isinstance(value, Secret))
        contents = inspect(self.config.store.path).contents
        for bot in contents.bots if contents is not None else ():
            yield from filter(None, (bot.bot_token, bot.bot_refresh_token))


@asynccontextmanager
async def patient(tmp_path: Path, **switches: Any) -> AsyncIterator[Patient]:
    """Make somebody who is well; *switches* are Easemob's."""
    ours, theirs = virtual_wall(), virtual_wall()
    async with trio.open_nursery() as nursery:
        inner = MemoryNetwork(nursery, chance=Random(1))
        slack = FakeSlack(wall=theirs, chance=Random(2))
        await nursery.start(slack.run)
        easemob = FakeEasemob(switches=Switches(**switches), wall=theirs)
        desk = Desk(easemob, service_number=SERVICE_NUMBER)
        kefu = KefuHost(desk, easemob)
        for host, port in HOSTS:
            inner.serve(host, port, _silent)
        inner.serve_url(slack.addresses.socket, slack.serve_stream)
        inner.serve("im.easemob.test", 443, easemob.serve_stream)
        apps: dict[str, ASGIApp] = {"slack.com": slack.asgi, "rest.easemob.test": easemob.asgi, "kefu.test": kefu.asgi}
        for host, app in (*apps.items(), ("rs.easemob.com", _discovery(easemob))):
            inner.serve_http(host, _dated(app, theirs))
        ways = Ways(inner)
        north = slack.add_workspace("T0NORTH001", name="North")
        installation = north.install(token="xoxb-north")
        values = {
            "slack.app_token": slack.settings.app_token,
            "slack.bot_token": installation.token,
            "easemob.app_key": easemob.app_key,
            "easemob.client_id": easemob.client_id,
            "easemob.client_secret": easemob.client_secret,
            "kefu.service_number": SERVICE_NUMBER,
            "kefu.tenant_id": kefu.tenant_id,
            "kefu.url": "https://kefu.test",
            "kefu.private_api": "true",
            "store.path": str(tmp_path / "store"),
        }
        path = tmp_path / "config.toml"
        path.write_text("".join(f'{key} = "{value}"\n' for key, value in values.items()), encoding="utf-8")
        path.chmod(0o600)
        config = load(path, {})
        world = World(network=ways, disk=InlineDisk(), wall=ours, chance=Random(3))
        yield Patient(ways, slack, easemob, desk, kefu, config, world, tmp_path, north, installation, ours, theirs)
        nursery.cancel_scope.cancel()


async def _silent(stream: trio.abc.Stream) -> None:
    """Listen until the other side has enough."""
    while await stream.receive_some():
        pass


def _discovery(easemob: FakeEasemob) -> ASGIApp:
    """Name the hosts of the app, with TLS, which the fake's own answer has not."""

    async def answer(request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        is_known = request.query_params.get("app_key") == easemob.app_key
        hosts = {"rest": "rest.easemob.test", "msync-wx": "im.easemob.test"} if is_known else {}
        return JSONResponse(
            {name: {"hosts": [{"protocol": "https", "domain": host, "port": 443}]} for name, host in hosts.items()}
        )

    return Starlette(routes=[Route("/easemob/server.json", answer)])


def _dated(app: ASGIApp, wall: VirtualWall) -> ASGIApp:
    """Put a Date on every answer, as every server does."""

    async def answer(scope: AsgiScope, receive: Receive, send: Send) -> None:
        async def dated(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(wall(), usegmt=True).encode()
                others = [each for each in message.get("headers", ()) if each[0] != b"date"]
                message["headers"] = [*others, (b"date", date)]
            await send(message)

        await app(scope, receive, dated)

    return answer
