"""
A network made of memory, for tests under a virtual clock.

:class:`MemoryNetwork` is a :class:`slackkefu.net.network.Network`: the daemon dials hosts that a test has registered,
gets streams and HTTP clients as from a real network, and every delay and fault between happens on trio's clock. There
are no threads and no sockets.

A request that has reached its server is carried out there whatever happens to the one who asked, as on a real network.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, final
from urllib.parse import urlsplit

import httpx
import trio

from slackkefu.demo.line import Line, Weather
from slackkefu.demo.serve import AnswerLost
from slackkefu.errors import AddressNotPublic, ConnectFailed
from slackkefu.net.public import is_public

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from random import Random

    from starlette.types import ASGIApp

__all__ = ["HostFaults", "MemoryNetwork", "VirtualWall", "virtual_wall"]


@final
class VirtualWall:
    """
    A calendar that goes with trio's clock, and can be set.

    Args:
        start: Where it begins, seconds since the epoch.

    """

    def __init__(self, start: float) -> None:
        self._start = start

    def __call__(self) -> float:
        """Return the time, seconds since the epoch."""
        return self._start + trio.current_time()

    def step(self, seconds: float) -> None:
        """Set it forward, or back."""
        self._start += seconds


def virtual_wall(start: float = 1_760_000_000.0) -> VirtualWall:
    """Return a calendar that begins at *start* (seconds since the epoch) and goes with trio's clock."""
    return VirtualWall(start)


@dataclass(slots=True)
class HostFaults:
    """How one host behaves; may be set at any time, and holds for what begins from then on."""

    refuse: str = ""
    """Why connections are refused; empty: they are not."""
    black_hole: bool = False
    """Whether connecting, and every HTTP request, hangs."""
    connect_s: float = 0.0
    """How long connecting takes."""
    latency_s: float = 0.0
    """How long an HTTP request, and its answer, is under way."""
    jitter_s: float = 0.0
    """At most this much more, each way."""
    lose_requests: int = 0
    """So many of the next HTTP requests never reach the server; the connection breaks."""
    lose_answers: int = 0
    """So many of the next HTTP requests are carried out, and the connection breaks before the answer."""
    weather: Weather = field(default_factory=Weather)
    """How the lines of new streams behave."""


@final
class MemoryNetwork:
    """
    Hosts, and the way to them.

    Args:
        nursery: Where servers run; its end is theirs.
        chance: Where jitter and slices are drawn from.

    """

    def __init__(self, nursery: trio.Nursery, *, chance: Random) -> None:
        self._nursery = nursery
        self._chance = chance
        self._handlers: dict[tuple[str, int], Callable[[trio.abc.Stream], Awaitable[None]]] = {}
        self._apps: dict[str, ASGIApp] = {}
        self.hosts: defaultdict[str, HostFaults] = defaultdict(HostFaults)
        """How each host behaves, by name."""
        self.private: set[str] = set()
        """Names of hosts whose addresses are not public."""
        self.lines: list[tuple[str, Line]] = []
        """Every stream dialled, with its host, oldest first: to be cut, silenced or slowed."""
        self.requests: list[tuple[str, str, str]] = []
        """Every HTTP request that was sent: host, method, path."""
        self.happened: Counter[str] = Counter()
        """How often the network did something to what passes: request lost, answer lost, connection refused, …"""

    # For tests.

    def serve(self, host: str, port: int, handler: Callable[[trio.abc.Stream], Awaitable[None]]) -> None:
        """Let *handler* serve each stream to *host* and *port*, TLS or not, in a task of its own."""
        self._handlers[host, port] = handler

    def serve_url(self, url: str, handler: Callable[[trio.abc.Stream], Awaitable[None]]) -> None:
        """Let *handler* serve the host of a ``ws``, ``wss``, ``http`` or ``https`` address."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme in {"wss", "https"} else 80)
        self.serve(parts.hostname or "", port, handler)

    def serve_http(self, host: str, app: ASGIApp) -> None:
        """Let an ASGI application answer for *host*, on every port."""
        self._apps[host] = app

    def lines_to(self, host: str) -> list[Line]:
        """Return the lines of the streams dialled to *host*, oldest first."""
        return [line for name, line in self.lines if name == host]

    def open_lines(self, *hosts: str) -> list[Line]:
        """Return the lines that are open now, to *hosts* or to any, oldest first."""
        return [line for name, line in self.lines if line.is_open and (not hosts or name in hosts)]

    # For the daemon: see slackkefu.net.network.Network.

    async def open_stream(self, host: str, port: int, *, tls: bool) -> trio.abc.Stream:
        """Open a stream to a registered host."""
        del tls
        faults = self.hosts[host]
        await trio.sleep(faults.connect_s)
        if faults.black_hole:
            await trio.sleep_forever()
        if faults.refuse:
            raise ConnectFailed(f"{host}:{port}", faults.refuse)
        handler = self._handlers.get((host, port))
        if handler is None:
            raise ConnectFailed(f"{host}:{port}", "nobody listens there")
        line = Line(chance=self._chance, weather=faults.weather)
        self.lines.append((host, line))
        self._nursery.start_soon(_serve, handler, line.far)
        return line.near

    def http_client(
        self,
        *,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
        public_only: bool = False,
    ) -> httpx.AsyncClient:
        """Make an HTTP client whose requests go to the registered applications."""
        return httpx.AsyncClient(
            base_url=base_url,
            headers=headers,
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            transport=_Transport(self, public_only=public_only),
        )

    async def request(self, request: httpx.Request) -> httpx.Response:
        """Carry one HTTP request there and its answer back."""
        host = request.url.host
        faults = self.hosts[host]
        app = self._apps.get(host)
        limits = _Limits.of(request)
        self.requests.append((host, request.method, request.url.path))
        with limits.connecting(request):
            await trio.sleep(faults.connect_s)
            if faults.black_hole:
                await trio.sleep_forever()
        if faults.refuse or app is None:
            raise httpx.ConnectError(faults.refuse or "nobody listens there", request=request)
        await request.aread()
        with limits.reading(request):
            await trio.sleep(self._under_way(faults))
            if faults.lose_requests > 0:
                faults.lose_requests -= 1
                self.happened["request lost"] += 1
                raise httpx.ReadError("the connection broke", request=request)
            answer = _Answer()
            self._nursery.start_soon(answer.fetch, app, request)
            await answer.there.wait()
            await trio.sleep(self._under_way(faults))
        if faults.lose_answers > 0:
            faults.lose_answers -= 1
            self.happened["answer lost"] += 1
            raise httpx.ReadError("the connection broke", request=request)
        if answer.response is None:
            raise httpx.RemoteProtocolError("the server closed the connection in mid-answer", request=request)
        return answer.response

    def _under_way(self, faults: HostFaults) -> float:
        return faults.latency_s + (self._chance.uniform(0, faults.jitter_s) if faults.jitter_s else 0.0)


async def _serve(handler: Callable[[trio.abc.Stream], Awaitable[None]], stream: trio.abc.Stream) -> None:
    """Run *handler*, and close its stream when it returns."""
    try:
        await handler(stream)
    finally:
        await trio.aclose_forcefully(stream)


@final
class _Answer:
    """What a server gives to one request."""

    def __init__(self) -> None:
        self.there = trio.Event()
        self.response: httpx.Response | None = None

    async def fetch(self, app: ASGIApp, request: httpx.Request) -> None:
        """Let *app* answer; when it breaks off there is no response."""
        try:
            with suppress(AnswerLost):
                self.response = await httpx.ASGITransport(app).handle_async_request(request)
        finally:
            self.there.set()


@final
@dataclass(frozen=True, slots=True)
class _Limits:
    """The time limits of one request, as httpx hands them to a transport; seconds."""

    connect_s: float
    read_s: float

    @classmethod
    def of(cls, request: httpx.Request) -> _Limits:
        """Read them from the request."""
        given = request.extensions.get("timeout", {})
        return cls(*(inf if given.get(name) is None else given[name] for name in ("connect", "read")))

    def connecting(self, request: httpx.Request) -> _Limit:
        """Return the limit on connecting."""
        return _Limit(self.connect_s, httpx.ConnectTimeout("connecting took too long", request=request))

    def reading(self, request: httpx.Request) -> _Limit:
        """Return the limit on waiting for the answer."""
        return _Limit(self.read_s, httpx.ReadTimeout("the answer took too long", request=request))


@final
class _Limit:
    """A time limit that raises httpx's own error."""

    def __init__(self, seconds: float, error: httpx.TimeoutException) -> None:
        self._scope = trio.CancelScope(relative_deadline=seconds)
        self._error = error

    def __enter__(self) -> None:
        self._scope.__enter__()

    def __exit__(self, *exc: object) -> bool:
        caught = self._scope.__exit__(*exc)  # type: ignore[arg-type]  # exactly what we were given
        if self._scope.cancelled_caught:
            raise self._error
        return bool(caught)


@final
class _Transport(httpx.AsyncBaseTransport):
    """What httpx hands requests to."""

    def __init__(self, network: MemoryNetwork, *, public_only: bool) -> None:
        self._network = network
        self._public_only = public_only

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hand *request* on, if it may go there."""
        host = request.url.host
        is_number = host.replace(".", "").isdecimal() or ":" in host
        if self._public_only and (host in self._network.private or (is_number and not is_public(host))):
            raise AddressNotPublic(host)
        return await self._network.request(request)
