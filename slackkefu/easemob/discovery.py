"""
Where Easemob's REST and WebSocket servers of this app are.

The first half is an engine: :func:`read_reply` turns the discovery server's answer into addresses, :func:`in_order`
puts those that failed lately last. The second half, :class:`Endpoints`, asks, keeps the answer and hands out addresses.

The two official clients differ in how they choose (facts/msync.md §2.3). Here:

* ``priority`` 1 first, then as listed, doubles removed, at most 64: the Go client's order. The web client ignores
  ``priority``, so no server can rely on the listed order alone.
* ``domain``, else ``ip``, as the web client takes it; checked for being one, as the Go client does.
* ``https`` and ``wss`` both mean TLS. ``http`` and ``ws`` are taken for this machine's own addresses only.
* The port is left out where it is the scheme's own; with TLS also when it is given as 80, as the web client does.
* WebSocket hosts are those of ``msync-wx``, else ``msync-ws``, else ``msync`` (newer names, uncertain).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final
from urllib.parse import quote, urlsplit

import msgspec
import structlog
import trio

from slackkefu.easemob.exchange import exchange
from slackkefu.easemob.flight import Flights
from slackkefu.errors import ConnectFailed, EasemobSetupError, RemoteProtocolError, RestOutcomeUnknown, SlackkefuError
from slackkefu.net.address import is_loopback

if TYPE_CHECKING:
    import httpx

    from slackkefu.easemob.names import AppKey
    from slackkefu.world import World

__all__ = ["Endpoints", "Hosts", "in_order", "read_reply"]

log = structlog.get_logger()

CALL: Final = "GET server.json"
SOCKET_SECTIONS: Final = ("msync-wx", "msync-ws", "msync")
MAX_HOSTS: Final = 64
MAX_BYTES: Final = 1 << 20
BETWEEN_TRIES_S: Final = 0.1
LIMIT_S: Final = 10.0
FRESH_S: Final = 5 * 60.0
STALE_S: Final = 30 * 60.0
COOL_FIRST_S: Final = 5.0
COOL_CAP_S: Final = 120.0
FAILED_S: Final = 60.0
"""How long an address that failed stays behind the others."""
AGAIN_S: Final = 30.0
"""Shortest time between two requests that failing addresses cause."""

_TLS: Final = ("https", "wss")
_PLAIN: Final = ("http", "ws")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_LAST_PORT: Final = 65535


# Reading and choosing.


@dataclass(frozen=True, slots=True)
class Hosts:
    """Addresses, the best first."""

    rest: tuple[str, ...]
    """``https://host[:port]``, without the app key's two halves."""
    websockets: tuple[str, ...]
    """``wss://host[:port]/websocket``."""


def read_reply(body: bytes) -> Hosts:
    """
    Read the discovery server's answer (facts/msync.md §2.2). Entries that cannot be used are passed over.

    Raises:
        RemoteProtocolError: It is no JSON object.

    """
    try:
        reply = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        reply = None
    if not isinstance(reply, Mapping):
        raise RemoteProtocolError("the discovery server's answer is no JSON object")
    sockets: tuple[str, ...] = ()
    for section in SOCKET_SECTIONS:
        sockets = sockets or _candidates(reply.get(section), secure="wss", plain="ws", path="/websocket")
    return Hosts(rest=_candidates(reply.get("rest"), secure="https", plain="http", path=""), websockets=sockets)


def in_order(urls: Sequence[str], failed_at: Mapping[str, float], *, now: float) -> tuple[str, ...]:
    """Return *urls* with those that failed within the last minute behind, the longest ago of them first."""
    late = {url: failed_at[url] for url in urls if now - failed_at.get(url, float("-inf")) < FAILED_S}
    return (*(url for url in urls if url not in late), *sorted(late, key=late.__getitem__))


def _candidates(section: object, *, secure: str, plain: str, path: str) -> tuple[str, ...]:
    """Turn one section's hosts into addresses."""
    listed = section.get("hosts") if isinstance(section, Mapping) else None
    entries = [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, Sequence) else []
    first = [entry for entry in entries if _number(entry.get("priority")) == 1]
    rest = [entry for entry in entries if _number(entry.get("priority")) != 1]
    addresses = (_address(entry, secure=secure, plain=plain, path=path) for entry in (*first, *rest))
    return tuple(dict.fromkeys(address for address in addresses if address is not None))[:MAX_HOSTS]


def _address(entry: Mapping[str, object], *, secure: str, plain: str, path: str) -> str | None:
    """Turn one host entry into an address, or None when it is not for us."""
    host = _host(entry.get("domain")) or _host(entry.get("ip"))
    protocol = entry.get("protocol")
    if host is None or protocol not in (*_TLS, *_PLAIN):
        return None
    tls = protocol in _TLS
    if not tls and not is_loopback(host.strip("[]")):
        return None
    usual = (443, 80) if tls else (80,)
    given = entry.get("port")
    port = usual[0] if given is None or given == "" else _number(given)
    if port is None or not 0 < port <= _LAST_PORT:
        return None
    return f"{secure if tls else plain}://{host}{'' if port in usual else f':{port}'}{path}"


def _host(value: object) -> str | None:
    """Return *value* as it goes into an address, if it is a domain or an IP address."""
    if not isinstance(value, str):
        return None
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return value.lower() if _DOMAIN.fullmatch(value) else None
    return f"[{address}]" if isinstance(address, ipaddress.IPv6Address) else str(address)


def _number(value: object) -> int | None:
    """Read a number that may be written as a string (facts/msync.md §2.2)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(_LAST_PORT)):
        return int(value)
    return None


# Asking and keeping.


@final
class Endpoints:
    """
    The addresses to use now, configured or found.

    An address given in the configuration is used as it is, and nothing is asked for its kind. What was found is fresh
    for 5 minutes; up to 30 minutes it is used while a new answer is fetched behind it; later it is not used. After a
    failed request none is made for 5 seconds, growing to 2 minutes; who needs an address meanwhile gets the error of
    the last one.

    Args:
        world: Network.
        nursery: Where requests run, so that one serves all who wait.
        app_key: The app whose servers are looked for.
        discovery_url: The discovery server's address.
        rest_url: The REST server, ``https://host[:port]``; empty to look for it.
        websocket_url: The WebSocket, ``wss://host[:port]/websocket``; empty to look for it. Without a path the usual
            one is added.

    """

    def __init__(
        self,
        *,
        world: World,
        nursery: trio.Nursery,
        app_key: AppKey,
        discovery_url: str,
        rest_url: str = "",
        websocket_url: str = "",
    ) -> None:
        self._world = world
        self._flights: Flights[None, Hosts] = Flights(nursery)
        self._url = f"{discovery_url}?app_key={quote(str(app_key), safe='')}"
        self._rest = (rest_url.rstrip("/"),) if rest_url else ()
        self._websockets = (_with_path(websocket_url),) if websocket_url else ()
        self._found: Hosts | None = None
        self._found_at = float("-inf")
        self._worn = False
        self._failed_at: dict[str, float] = {}
        self._cool_until = float("-inf")
        self._cool_s = COOL_FIRST_S
        self._error: SlackkefuError | None = None

    # For those who dial.

    async def rest_base(self) -> str:
        """
        Return the REST address to use now, ``https://host[:port]``.

        Raises:
            ConnectFailed: The discovery server could not be reached.
            EasemobSetupError: It knows no REST server for this app key.

        """
        return (await self.rest_urls())[0]

    async def rest_urls(self) -> tuple[str, ...]:
        """Return all REST addresses, the one to use now in front; raises as :meth:`rest_base`."""
        found = self._rest or (await self._hosts()).rest
        if not found:
            raise _nothing_found("REST", "easemob.rest_url")
        return in_order(found, self._failed_at, now=trio.current_time())

    async def websocket_urls(self) -> tuple[str, ...]:
        """
        Return the WebSocket addresses, the one to try first in front.

        Raises:
            ConnectFailed: The discovery server could not be reached.
            EasemobSetupError: It knows no WebSocket server for this app key.

        """
        found = self._websockets or (await self._hosts()).websockets
        if not found:
            raise _nothing_found("WebSocket", "easemob.websocket_url")
        return in_order(found, self._failed_at, now=trio.current_time())

    def report_failure(self, url: str) -> None:
        """Put *url* behind the others for a minute; when all of its kind have failed, look for others."""
        now = trio.current_time()
        self._failed_at = {known: at for known, at in self._failed_at.items() if now - at < FAILED_S}
        if url not in self._failed_at:
            advice = "check DNS, the firewall, and easemob.rest_url and easemob.websocket_url where they are set"
            log.warning("easemob.host_failed", address=url, advice=advice)
        self._failed_at[url] = now
        if self._found is None or now - self._found_at < AGAIN_S:
            return
        kinds = (self._found.rest, self._found.websockets)
        self._worn = self._worn or any(url in kind and self._failed_at.keys() >= set(kind) for kind in kinds)

    # Looking.

    async def _hosts(self) -> Hosts:
        """Return what is known, looking for it when that is too old."""
        now = trio.current_time()
        age_s = now - self._found_at
        cooling = now < self._cool_until
        if self._found is not None and age_s < STALE_S:
            if (age_s >= FRESH_S or self._worn) and not cooling:
                self._flights.start(None, self._look)
            return self._found
        if cooling and self._error is not None:
            raise self._error.with_traceback(None)
        return await self._flights.join(None, self._look)

    async def _look(self) -> Hosts:
        """Ask the discovery server, and remember what came of it."""
        try:
            hosts = await self._ask()
        except SlackkefuError as error:
            self._error = error
            self._cool_until = trio.current_time() + self._cool_s
            log.warning("easemob.discovery_failed", reason=str(error), again_in_s=self._cool_s)
            self._cool_s = min(self._cool_s * 2, COOL_CAP_S)
            raise
        self._found, self._found_at, self._worn = hosts, trio.current_time(), False
        self._cool_s, self._error = COOL_FIRST_S, None
        log.debug("easemob.discovered", rest=len(hosts.rest), websockets=len(hosts.websockets))
        return hosts

    async def _ask(self) -> Hosts:
        """Make the request, twice if need be (facts/msync.md §2.1)."""
        async with self._world.network.http_client(base_url="", timeout_s=LIMIT_S) as client:
            try:
                return await self._ask_once(client)
            except ConnectFailed:
                await trio.sleep(BETWEEN_TRIES_S)
            return await self._ask_once(client)

    async def _ask_once(self, client: httpx.AsyncClient) -> Hosts:
        try:
            status, body = await exchange(
                client,
                "GET",
                self._url,
                call=CALL,
                headers={"Accept": "application/json"},
                limit_s=LIMIT_S,
                max_bytes=MAX_BYTES,
            )
        except RestOutcomeUnknown as error:
            raise ConnectFailed(self._host, error.reason) from error
        if status == 200:
            return read_reply(body)
        if status == 429 or status >= 500:
            raise ConnectFailed(self._host, f"the discovery server answered {status}")
        raise EasemobSetupError(
            CALL, str(status), "Check easemob.app_key and easemob.discovery_url. Nothing is forwarded until then."
        )

    @property
    def _host(self) -> str:
        return urlsplit(self._url).netloc

    def __repr__(self) -> str:
        state = "configured" if self._rest and self._websockets else "found" if self._found else "not looked for yet"
        return f"<Endpoints {state}>"


def _with_path(url: str) -> str:
    """Add the WebSocket's usual path where the address has none."""
    return url.rstrip("/") + "/websocket" if urlsplit(url).path in ("", "/") else url


def _nothing_found(kind: str, key: str) -> EasemobSetupError:
    return EasemobSetupError(
        CALL,
        f"no {kind} host",
        f"Check easemob.app_key, or set {key} to the address Easemob gave you; nothing is forwarded until then.",
    )
