"""
The desk: does it know the tenant, and is the service number the tenant's (facts/kefu.md §3.1).

It is asked what its web widget asks before anybody has logged in. That API is the desk's own and not documented, so
without ``kefu.private_api`` nothing here is more than a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from slackkefu.doctor.report import Finding, Level, ok
from slackkefu.doctor.ways import examine_way, way_to
from slackkefu.easemob.exchange import exchange
from slackkefu.errors import ConnectFailed, RestOutcomeUnknown
from slackkefu.kefu.fields import at, entries, words
from slackkefu.kefu.im_json import read_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slackkefu.config import Config
    from slackkefu.doctor.report import Say
    from slackkefu.doctor.scene import Scene
    from slackkefu.easemob.message import Json

__all__ = ["examine_kefu"]

CALL_S: Final = 10.0
MAX_BYTES: Final = 1 << 20

_NO_SECOND: Final = "while a visitor's login fails there is no second way to the desk, and its state is not shown"


async def examine_kefu(scene: Scene, say: Say) -> None:
    """Examine the desk."""
    config = scene.config
    if not config.kefu.url or not config.kefu.tenant_id:
        say(
            ok(
                "kefu.tenant",
                "not asked: kefu.url and kefu.tenant_id are not set, and needed for kefu.private_api alone",
            )
        )
        return
    level = Level.FAILURE if config.kefu.private_api else Level.WARNING
    way = await examine_way(scene, way_to(config.kefu.url, means=_NO_SECOND, level=level))
    say(way)
    if way.level is not Level.OK:
        return
    address = f"{config.kefu.url}/v1/webimplugin/targetChannels?{urlencode({'tenantId': config.kefu.tenant_id})}"
    async with scene.world.network.http_client(base_url="", timeout_s=CALL_S) as client:
        try:
            status, raw = await exchange(
                client,
                "GET",
                address,
                call="GET targetChannels",
                headers={"Accept": "application/json"},
                limit_s=CALL_S,
                max_bytes=MAX_BYTES,
            )
        except (ConnectFailed, RestOutcomeUnknown) as error:
            say(_tenant(level, str(error), do="check again; if this stays, look at kefu.url"))
            return
    for finding in _channels(config, level, status, raw):
        say(finding)


def _tenant(level: Level, says: str, *, do: str) -> Finding:
    return Finding(id="kefu.tenant", level=level, says=says, means=_NO_SECOND, do=do)


def _channels(config: Config, level: Level, status: int, raw: bytes) -> Iterator[Finding]:
    """Read the tenant's channels."""
    tenant = config.kefu.tenant_id
    host = urlsplit(config.kefu.url).netloc
    try:
        answer = read_value(raw)
    except ValueError:
        answer = None
    if status == 503:
        yield _tenant(level, f"the desk answered 503: tenant {tenant} may be over its limit", do="ask Easemob's staff")
        return
    # A list, or what all other answers of the desk are (facts/kefu.md §3).
    if not isinstance(answer, list) and not words(at(answer, "status")):
        said = f"{host} answered HTTP {status} with something that is not the desk's"
        do = "check kefu.url, which is another on other clusters, and what is between this machine and the desk"
        yield _tenant(level, said, do=do)
        return
    channels = entries(answer)
    if status != 200 or not channels:
        do = (
            "check kefu.tenant_id (租户ID: the desk's console, admin mode, settings, company info), and kefu.url, which"
            " is another on other clusters"
        )
        yield _tenant(level, f"{host} knows no tenant {tenant}", do=do)
        return
    yield ok("kefu.tenant", f"tenant {tenant} has {len(channels)} channels")
    ours = (*config.easemob.app_key.split("#"), config.kefu.service_number)
    if any(_named(each) == tuple(map(str.lower, ours)) for each in channels):
        yield ok("kefu.service_number", f"{config.kefu.service_number} is the tenant's")
        return
    yield Finding(
        id="kefu.service_number",
        level=level,
        says=f"tenant {tenant} has no channel of {config.kefu.service_number} in {config.easemob.app_key}",
        means="visitors may write to another tenant's desk, or to nobody",
        do="check kefu.service_number, easemob.app_key and kefu.tenant_id: all three are of one channel",
    )


def _named(channel: Json) -> tuple[str, ...]:
    return tuple(words(at(channel, name)).lower() for name in ("orgName", "appName", "imServiceNumber"))
