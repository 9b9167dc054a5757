"""
Slack: the ways there, the clock, and the app-level token.

``apps.connections.open`` is asked for an address, and that is never connected to: Slack would give a connection its
share of customers' messages. What is tried of the address is its host, up to TLS, with nothing sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

import trio

from slackkefu.doctor.clock import examine_clock
from slackkefu.doctor.examination import together
from slackkefu.doctor.installations import examine_installations
from slackkefu.doctor.report import Finding, Level, failure, ok, warning
from slackkefu.doctor.ways import Way, examine_way, way_to
from slackkefu.errors import LinkError, SlackApiError, SlackError, SlackRateLimited
from slackkefu.slack.recovery import setup_problem
from slackkefu.slack.web import WebClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slackkefu.doctor.report import Say
    from slackkefu.doctor.scene import Scene

__all__ = ["examine_slack", "slack_domain"]

CALL_S: Final = 15.0
WAYS_AT_ONCE: Final = 8

_DOMAINS: Final = ("slack.com", "slack-gov.com")
_NOTHING_IN: Final = "no message comes from Slack, and none goes there"
_NO_SOCKET: Final = "no message comes from Slack where its connection leads to this host"


@dataclass(frozen=True, slots=True)
class _Opened:
    """What the address of a Socket Mode connection tells, but for its ticket."""

    url: str
    """Scheme, host and port."""
    app_id: str


def slack_domain(api_url: str) -> str:
    """Return the domain of Slack's own servers, ``slack.com`` or GovSlack's; empty for another server."""
    host = urlsplit(api_url).hostname or ""
    return host if host in _DOMAINS else ""


async def examine_slack(scene: Scene, say: Say) -> None:
    """Examine everything of Slack's."""
    api_url = scene.config.slack.api_url
    ways = list(_ways(api_url))
    found = await together([partial(examine_way, scene, way) for way in ways], at_once=WAYS_AT_ONCE)
    for finding in found:
        say(finding)
    if found[0].level is not Level.OK:
        say(
            warning(
                "check.unasked",
                "tokens and installations were not examined",
                about="Slack",
                means="whether they are good is not known",
                do=f"open the way to {ways[0].address} first",
            )
        )
        return
    say(await examine_clock(scene.world, f"{api_url}api.test", whose="Slack"))
    web = WebClient(world=scene.world, api_url=api_url, app_token=scene.config.slack.app_token)
    try:
        finding, opened = await _open(web)
        say(finding)
        if opened is not None and (way := way_to(opened.url, means=_NO_SOCKET)) not in ways:
            say(await examine_way(scene, way))
        await examine_installations(scene, web, say, app_id=opened.app_id if opened is not None else "")
    finally:
        with trio.move_on_after(1, shield=True):
            await web.aclose()


def _ways(api_url: str) -> Iterator[Way]:
    yield way_to(api_url, means=_NOTHING_IN)
    if domain := slack_domain(api_url):
        for name in ("wss-primary", "wss-backup"):
            yield Way(host=f"{name}.{domain}", port=443, tls=True, means=_NO_SOCKET)
        some = Level.WARNING
        yield Way(host=f"files.{domain}", port=443, tls=True, means="no file passes, either way", level=some)
        yield Way(host=f"hooks.{domain}", port=443, tls=True, means="clicks get no answer of their own", level=some)


async def _open(web: WebClient) -> tuple[Finding, _Opened | None]:
    """Ask for a connection's address, and keep of it what is no secret."""
    method, id_ = "apps.connections.open", "slack.app_token"
    try:
        with trio.fail_after(CALL_S):
            parts = urlsplit((await web.open_connection()).reveal())
    except SlackApiError as error:
        problem = setup_problem(error.code)
        return failure(id_, f"Slack answered {error.code} to {method}", means=_NOTHING_IN, do=problem.advice), None
    except SlackRateLimited as error:
        means = "whether the app-level token is good is not known"
        do = "check again later; where a daemon asks all the time, its log says why"
        return warning(id_, str(error), means=means, do=do), None
    except (SlackError, LinkError) as error:
        do = "check again; if this stays, look at what is between this machine and Slack, and at slack.api_url"
        return failure(id_, f"no usable answer to {method}: {error}", means=_NOTHING_IN, do=do), None
    except trio.TooSlowError:
        do = "check again; if this stays, look at what is between this machine and Slack"
        return failure(id_, f"no answer to {method} within {CALL_S:g} s", means=_NOTHING_IN, do=do), None
    if parts.scheme not in {"wss", "ws"} or not parts.hostname:
        do = "check slack.api_url: it may be no server of Slack's"
        return failure(id_, f"the answer to {method} holds no WebSocket address", means=_NOTHING_IN, do=do), None
    app_id = parse_qs(parts.query).get("app_id", [""])[0]
    said = f"Slack gives a connection for app {app_id or 'of this token'}; it was not connected to"
    return ok(id_, said), _Opened(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", app_id)
