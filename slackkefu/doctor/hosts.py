"""Every host and port that a firewall must let out, by what is configured and what discovery gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from slackkefu.doctor.slack import slack_domain
from slackkefu.doctor.ways import way_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from slackkefu.doctor.easemob import Addresses
    from slackkefu.doctor.scene import Scene
    from slackkefu.net.proxy import Proxy

__all__ = ["Host", "list_hosts"]


@dataclass(frozen=True, slots=True)
class Host:
    """One line of the list."""

    host: str
    """May begin with ``*.`` or hold a ``*``: any name like it."""
    port: int
    use: str
    """What for."""


ANYBODY: Final = Host(
    "*",
    443,
    "files that stand elsewhere: storage that Easemob sends us on to, and addresses in agents' messages; those that "
    "cannot be had are links for the customer",
)
"""Where a message leads, and a redirect, nobody knows before (facts/msync.md §11)."""


def list_hosts(scene: Scene, addresses: Addresses | None) -> Sequence[Host]:
    """
    List the hosts, each once.

    Args:
        scene: Configuration and proxy.
        addresses: Easemob's, where discovery was asked.

    """
    found: dict[tuple[str, int], Host] = {}
    proxies = scene.config.network.proxies
    for each in (*_slack(scene.config.slack.api_url), *_easemob(scene, addresses), *_kefu(scene), ANYBODY):
        proxy = proxies.of(each.host.replace("*", "x"), each.port)
        line = each if proxy is None else _proxy(proxy)
        before = found.setdefault((line.host, line.port), line)
        if line.use not in before.use:
            found[line.host, line.port] = replace(line, use=f"{before.use}; {line.use}")
    return [*found.values()]


def _proxy(proxy: Proxy) -> Host:
    return Host(proxy.host, proxy.port, "the proxy, for everything that is not listed beside it")


def _slack(api_url: str) -> Iterator[Host]:
    way = way_to(api_url, means="")
    yield Host(way.host, way.port, "Slack: Web API")
    if domain := slack_domain(api_url):
        yield Host(f"wss-primary.{domain}", 443, "Slack: Socket Mode")
        yield Host(f"wss-backup.{domain}", 443, "Slack: Socket Mode")
        yield Host(f"wss-*.{domain}", 443, "Slack: Socket Mode; Slack may name any such host")
        yield Host(f"files.{domain}", 443, "Slack: files, up and down")
        yield Host(f"hooks.{domain}", 443, "Slack: answers to clicks and commands")


def _easemob(scene: Scene, addresses: Addresses | None) -> Iterator[Host]:
    config = scene.config.easemob
    if not (config.rest_url and config.websocket_url):
        yield from _hosts([config.discovery_url], "Easemob: discovery")
    rest = addresses.rest if addresses is not None else [config.rest_url]
    sockets = addresses.websockets if addresses is not None else [config.websocket_url]
    yield from _hosts(rest, "Easemob: REST, and files")
    yield from _hosts(sockets, "Easemob: IM (MSYNC over WebSocket)")


def _kefu(scene: Scene) -> Iterator[Host]:
    use = "the desk: files of agents" + (", its own API" if scene.config.kefu.private_api else "")
    yield from _hosts([scene.config.kefu.url], use)


def _hosts(urls: Iterable[str], use: str) -> Iterator[Host]:
    for url in urls:
        if urlsplit(url).hostname:
            way = way_to(url, means="")
            yield Host(way.host, way.port, use)
