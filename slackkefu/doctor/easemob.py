"""
Easemob: discovery, the ways there, the clock, the app's credentials, the service number, REST sends.

One app token is asked for, whatever the store has: only that tells whether the secret is still right. Easemob bans apps
that ask too often, at a number nobody knows (facts/easemob-rest.md §3), so this is nothing to do every minute.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import trio

from slackkefu.doctor.clock import examine_clock
from slackkefu.doctor.examination import together
from slackkefu.doctor.login import examine_login
from slackkefu.doctor.plan import examine_plan
from slackkefu.doctor.report import Finding, Level, failure, ok, warning
from slackkefu.doctor.tokens import MemoryTokens
from slackkefu.doctor.ways import Way, examine_way, way_to
from slackkefu.easemob.answers import call_is_unknown
from slackkefu.easemob.discovery import Endpoints
from slackkefu.easemob.names import AppKey, ImUser, im_user
from slackkefu.easemob.recovery import after_rest_send
from slackkefu.easemob.rest import RestClient
from slackkefu.errors import (
    EasemobSetupError,
    RestError,
    RestPlanLimit,
    RestRateLimited,
    SlackkefuError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slackkefu.config import EasemobConfig
    from slackkefu.doctor.report import Say
    from slackkefu.doctor.scene import Scene

__all__ = ["Addresses", "examine_easemob", "find_addresses"]

DISCOVERY_S: Final = 20.0
CALL_S: Final = 15.0
WAYS_AT_ONCE: Final = 8
MOST_WAYS: Final = 6
"""Hosts of one kind that are tried: discovery may give many, and the daemon tries three in a row."""

PROBE: Final = "slackkefu-probe"
"""How the names of our own users begin, to whom messages are sent, and as whom we log in."""

_NO_DESK: Final = "nothing reaches the desk, and no answer comes back; messages wait at Slack, and on our disk"


class Addresses:
    """Easemob's addresses: what discovery gives, and what is used."""

    __slots__ = ("found_rest", "found_websockets", "problem", "rest", "websockets")

    def __init__(self, config: EasemobConfig, rest: Sequence[str], websockets: Sequence[str], problem: str) -> None:
        self.found_rest = tuple(rest)
        """What discovery gives."""
        self.found_websockets = tuple(websockets)
        self.problem = problem
        """Why it gives nothing, or not all."""
        self.rest = (config.rest_url,) if config.rest_url else self.found_rest
        """What the daemon uses."""
        self.websockets = (config.websocket_url,) if config.websocket_url else self.found_websockets


async def find_addresses(scene: Scene) -> Addresses:
    """Ask the discovery server, as the daemon does."""
    config = scene.config.easemob
    found: dict[str, Sequence[str]] = {"rest": (), "websockets": ()}
    problem = ""
    async with trio.open_nursery() as nursery:
        endpoints = _endpoints(scene, nursery, discovery_alone=True)
        try:
            with trio.fail_after(DISCOVERY_S):
                found["rest"] = await endpoints.rest_urls()
                found["websockets"] = await endpoints.websocket_urls()
        except SlackkefuError as error:
            problem = str(error)
        except trio.TooSlowError:
            problem = f"nothing within {DISCOVERY_S:g} s"
        nursery.cancel_scope.cancel()
    return Addresses(config, found["rest"], found["websockets"], problem)


async def examine_easemob(scene: Scene, say: Say, *, login: bool) -> None:
    """
    Examine everything of Easemob's IM.

    Args:
        scene: What is examined.
        say: Gets the findings.
        login: Whether to log in as a user made for it.

    """
    config = scene.config.easemob
    addresses = await find_addresses(scene)
    discovery = _discovery(config)
    way = await examine_way(scene, discovery)
    say(way)
    if way.level is Level.OK or addresses.rest:
        say(_discovered(addresses, config))
    urls = (*addresses.rest[:MOST_WAYS], *addresses.websockets[:MOST_WAYS])
    ways = [
        each for each in dict.fromkeys(way_to(url, means=_NO_DESK) for url in urls) if each.address != discovery.address
    ]
    found = await together([partial(examine_way, scene, way) for way in ways], at_once=WAYS_AT_ONCE)
    for finding in found:
        say(finding)
    reached = {each.about for each in (way, *found) if each.level is Level.OK}
    if not addresses.rest:
        say(_unasked("there is no address to ask at"))
        return
    if way_to(addresses.rest[0], means="").address not in reached:
        say(_unasked(f"{urlsplit(addresses.rest[0]).netloc} cannot be reached"))
        return
    say(await examine_clock(scene.world, addresses.rest[0] + "/", whose="Easemob"))
    async with trio.open_nursery() as nursery:
        await _ask(scene, nursery, addresses, say, login=login)
        nursery.cancel_scope.cancel()


async def _ask(scene: Scene, nursery: trio.Nursery, addresses: Addresses, say: Say, *, login: bool) -> None:
    config = scene.config.easemob
    endpoints = _endpoints(scene, nursery)
    rest = RestClient(
        world=scene.world,
        nursery=nursery,
        endpoints=endpoints,
        app_key=AppKey.parse(config.app_key),
        client_id=config.client_id,
        client_secret=config.client_secret,
        store=MemoryTokens(),
    )
    try:
        credentials = await _credentials(rest, addresses, config)
        say(credentials)
        if credentials.level is not Level.OK:
            return
        say(await _service_number(rest, im_user(scene.config.kefu.service_number)))
        probe = im_user(f"{PROBE}-{scene.world.chance.getrandbits(48):012x}")
        say(await _sending(rest, probe))
        await examine_plan(scene, rest, say)
        if login:
            say(await examine_login(scene, rest, endpoints, probe))
    finally:
        with trio.move_on_after(1, shield=True):
            await rest.aclose()


def _endpoints(scene: Scene, nursery: trio.Nursery, *, discovery_alone: bool = False) -> Endpoints:
    config = scene.config.easemob
    return Endpoints(
        world=scene.world,
        nursery=nursery,
        app_key=AppKey.parse(config.app_key),
        discovery_url=config.discovery_url,
        rest_url="" if discovery_alone else config.rest_url,
        websocket_url="" if discovery_alone else config.websocket_url,
    )


def _discovery(config: EasemobConfig) -> Way:
    """Return the way to the discovery server; without it one starts where both addresses are configured."""
    is_needed = not (config.rest_url and config.websocket_url)
    means = "nothing reaches the desk: its addresses are not found" if is_needed else "nothing: it is not needed"
    return way_to(config.discovery_url, means=means, level=Level.FAILURE if is_needed else Level.WARNING)


def _discovered(addresses: Addresses, config: EasemobConfig) -> Finding:
    id_, hosts = "easemob.discovery", _hosts((*addresses.found_rest, *addresses.found_websockets))
    if addresses.problem:
        if config.rest_url and config.websocket_url:
            return ok(id_, f"gives nothing ({addresses.problem}), and is not needed: both addresses are configured")
        return failure(
            id_,
            addresses.problem,
            means=_NO_DESK,
            do="check easemob.app_key, easemob.discovery_url, and what is between this machine and Easemob; VIP "
            "clusters and the customer-service zone are not found: ask Easemob's staff for easemob.rest_url and "
            "easemob.websocket_url",
        )
    others = [
        key
        for key, url, found in (
            ("easemob.rest_url", config.rest_url, addresses.found_rest),
            ("easemob.websocket_url", config.websocket_url, addresses.found_websockets),
        )
        if url and url not in found
    ]
    if others:
        return ok(id_, f"gives {hosts} for this app; {' and '.join(others)} have another, which is used")
    return ok(id_, f"gives {hosts}")


def _hosts(urls: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(urlsplit(url).netloc for url in urls))


def _unasked(why: str) -> Finding:
    return warning(
        "check.unasked",
        f"credentials and plan were not examined: {why}",
        about="Easemob",
        means="whether they are good is not known",
        do="mend what is said above, then check again",
    )


async def _credentials(rest: RestClient, addresses: Addresses, config: EasemobConfig) -> Finding:
    id_ = "easemob.credentials"
    try:
        with trio.fail_after(CALL_S):
            await rest.check()
    except EasemobSetupError as error:
        said = f"Easemob answered {error.code} to {error.call}"
        do = error.advice
        if addresses.found_rest and config.rest_url not in {"", *addresses.found_rest}:
            do = f"{do} Discovery gives {_hosts(addresses.found_rest)} for this app."
        return failure(id_, said, means=_NO_DESK, do=do)
    except SlackkefuError as error:
        do = "check again; if this stays, look at easemob.rest_url, and at what is between this machine and Easemob"
        return failure(id_, f"no app token: {error}", means=_NO_DESK, do=do)
    except trio.TooSlowError:
        do = "check again; if this stays, ask Easemob"
        return failure(id_, f"no app token within {CALL_S:g} s", means=_NO_DESK, do=do)
    return ok(id_, f"Easemob gives an app token for {config.app_key}")


async def _service_number(rest: RestClient, service_number: ImUser) -> Finding:
    id_ = "easemob.service_number"
    try:
        with trio.fail_after(CALL_S):
            exists = await rest.user_exists(service_number)
    except (SlackkefuError, trio.TooSlowError) as error:
        said = str(error) or f"no answer within {CALL_S:g} s"
        return warning(id_, f"not told: {said}", means="whether anybody hears is not known", do="check again later")
    if exists:
        return ok(id_, f"{service_number} is a user of this app")
    return failure(
        id_,
        f"no IM user of this app is called {service_number}",
        means="Easemob takes messages to anybody, so they are lost: nobody at the desk hears",
        do="set kefu.service_number to the IM service number of the desk's channel (IM服务号): its console, channel "
        "settings; and easemob.app_key to the app of the same channel",
    )


async def _sending(rest: RestClient, nobody: ImUser) -> Finding:
    """Send a command to a name that nobody has, to be dropped where nobody is online (facts/easemob-rest.md §6.1)."""
    id_, call = "easemob.sending", "POST /messages/users"
    body = {
        "to": [nobody],
        "type": "cmd",
        "body": {"action": "slackkefu_check"},
        "routetype": "ROUTE_ONLINE",
        "ext": {"em_ignore_notification": True},
    }
    means = "while a visitor's IM login fails, their messages have no other way to the desk"
    try:
        with trio.fail_after(CALL_S):
            await rest.authorised("POST", "/messages/users", body, call=call, again=after_rest_send)
    except RestPlanLimit as error:
        do = "raise the plan in Easemob's console"
        return warning(id_, str(error), means=means, do=do)
    except RestRateLimited as error:
        do = "check again later; if this stays, ask Easemob to raise the limit"
        return warning(id_, str(error), means=means, do=do)
    except RestError as error:
        if call_is_unknown(error):
            return ok(id_, "not tried: this cluster has only the older form, which would ask for a real receiver")
        do = "where the app has a REST-IP allowlist (REST-IP 白名单), add this machine's public address in the console"
        return warning(id_, f"{error}: this machine may not send by REST", means=means, do=do)
    except (SlackkefuError, trio.TooSlowError) as error:
        said = str(error) or f"no answer within {CALL_S:g} s"
        return warning(id_, f"not told: {said}", means=means, do="check again later")
    return ok(id_, "this machine may send by REST")
