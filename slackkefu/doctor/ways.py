"""
The way to an address, step by step: name, proxy or TCP, TLS.

The daemon's own network is used, so what goes by a proxy there goes by it here. Nothing is sent over what is opened: it
is closed at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

import trio

from slackkefu.doctor.report import Finding, Level, ok
from slackkefu.errors import ConnectFailed
from slackkefu.net.address import is_loopback
from slackkefu.net.proxy import joined

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slackkefu.doctor.scene import Scene
    from slackkefu.net.proxy import Proxy

__all__ = ["Way", "examine_way", "way_to"]

STEP_S: Final = 10.0
"""Longest time for one step."""

_PORTS: Final = {"https": 443, "wss": 443, "http": 80, "ws": 80}

_Step: TypeAlias = "Callable[[], Awaitable[object]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """An address, and what depends on it."""

    host: str
    port: int
    tls: bool
    means: str
    """What it means when there is no way."""
    level: Level = Level.FAILURE
    """How bad that is."""

    @property
    def address(self) -> str:
        """``host:port``."""
        return joined(self.host, self.port)


def way_to(url: str, *, means: str, level: Level = Level.FAILURE) -> Way:
    """Return the way to the host of *url*."""
    parts = urlsplit(url)
    return Way(
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        tls=parts.scheme in {"https", "wss"},
        means=means,
        level=level,
    )


async def examine_way(scene: Scene, way: Way) -> Finding:
    """Go the way as far as it goes; the finding's id names the step at which it ends, ``net.way`` a whole one."""
    proxy = scene.config.network.proxies.of(way.host, way.port)
    first = proxy or way

    async def name() -> None:
        # By a proxy the target's own name is not for us to resolve.
        await scene.machine.look_up(first.host, first.port)

    async def dial(*, tls: bool) -> None:
        await trio.aclose_forcefully(await scene.world.network.open_stream(way.host, way.port, tls=tls))

    steps: list[tuple[str, str, _Step]] = []
    if not _is_number(first.host):
        steps.append(("net.proxy" if proxy else "net.dns", "name of the proxy" if proxy else "name", name))
    if proxy:
        steps.append(("net.proxy", f"way through the proxy {proxy.address}", partial(dial, tls=False)))
    else:
        steps.append(("net.tcp", "TCP", partial(dial, tls=False)))
    if way.tls:
        steps.append(("net.tls", "TLS", partial(dial, tls=True)))
    for id_, word, step in steps:
        if problem := await _problem(step):
            # What TLS says of itself begins with its name.
            said = problem if problem.startswith(word) else f"{word}: {problem}"
            return _ended(way, id_, said, proxy)
    return ok("net.way", f"{', '.join(word for _, word, _ in steps)}: good", about=way.address)


async def _problem(step: _Step) -> str:
    """Say why *step* fails; empty where it does not."""
    try:
        with trio.fail_after(STEP_S):
            await step()
    except trio.TooSlowError:
        return f"nothing within {STEP_S:g} s"
    except ConnectFailed as exc:
        return exc.reason
    except (OSError, UnicodeError) as exc:
        return getattr(exc, "strerror", None) or type(exc).__name__
    return ""


def _ended(way: Way, id_: str, says: str, proxy: Proxy | None) -> Finding:
    place = proxy.place if proxy is not None else ""
    to_open = f"let TCP port {way.port} to {way.host} out of the firewall"
    do = {
        "net.dns": "check DNS on this machine; where only a proxy can resolve such names, set network.proxy",
        "net.tcp": f"{to_open} (slackkefu check --hosts lists all), or set network.proxy",
        "net.tls": (
            "where a firewall or proxy opens TLS, give its CA's certificate as network.ca_bundle; else check the clock,"
            f" and what answers there{'' if proxy else f': openssl s_client -connect {way.address}'}"
        ),
        "net.proxy": (
            f"check {place}, and whether it lets {way.address} out; hosts to be reached without it belong into "
            "network.no_proxy"
        ),
    }[id_]
    return Finding(id=id_, level=way.level, about=way.address, says=says, means=way.means, do=do)


def _is_number(host: str) -> bool:
    return is_loopback(host) or ":" in host or host.replace(".", "").isdecimal()
