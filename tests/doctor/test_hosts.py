"""What to let out of the firewall."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackkefu.doctor.easemob import find_addresses
from slackkefu.doctor.hosts import list_hosts
from slackkefu.secret import Secret
from tests.doctor.patient import patient

if TYPE_CHECKING:
    from pathlib import Path

SLACK = ["slack.com", "wss-primary.slack.com", "wss-backup.slack.com", "wss-*.slack.com", "files.slack.com"]


async def test_every_host_that_is_dialled(autojump_clock: object, tmp_path: Path) -> None:
    """Slack's hosts, Easemob's of this app, the discovery server, the desk."""
    async with patient(tmp_path) as here:
        scene = await here.scene()
        hosts = list_hosts(scene, await find_addresses(scene))
    easemob = ["rs.easemob.com", "rest.easemob.test", "im.easemob.test", "kefu.test"]

    assert [*SLACK, "hooks.slack.com", *easemob, "*"] == [each.host for each in hosts]
    assert "files that stand elsewhere" in hosts[-1].use
    assert {443} == {each.port for each in hosts}


async def test_nothing_that_is_dialled_is_missing(autojump_clock: object, tmp_path: Path) -> None:
    """All that the doctor has dialled, or asked, is on the list."""
    async with patient(tmp_path) as here:
        await here.examined(login=True)
        scene = await here.scene()
        listed = {each.host for each in list_hosts(scene, await find_addresses(scene))}
    dialled = {host for host, *_ in (*here.ways.opened, *here.ways.inner.requests)}

    assert dialled <= listed


async def test_configured_addresses_are_those(autojump_clock: object, tmp_path: Path) -> None:
    """What is configured is listed with its port, and the discovery server is not needed."""
    async with patient(tmp_path) as here:
        here.configure("easemob", rest_url="https://a1.vip.test:8443", websocket_url="wss://im.vip.test/websocket")
        here.configure("slack", api_url="https://slack-gov.com/api/")
        here.configure("kefu", url="")
        hosts = list_hosts(await here.scene(), None)
    found = [(each.host, each.port) for each in hosts]

    assert ("wss-backup.slack-gov.com", 443) in found
    assert [("a1.vip.test", 8443), ("im.vip.test", 443)] == found[-3:-1]


async def test_a_host_of_several_uses_is_one_line(autojump_clock: object, tmp_path: Path) -> None:
    """Each use is named, once."""
    async with patient(tmp_path) as here:
        here.configure("easemob", rest_url="https://one.vip.test", websocket_url="wss://one.vip.test/websocket")
        here.configure("kefu", url="https://one.vip.test")
        (line,) = [each for each in list_hosts(await here.scene(), None) if each.host == "one.vip.test"]

    assert all(1 == line.use.count(use) for use in ("REST, and files", "IM (MSYNC", "files of agents"))


async def test_with_a_proxy_it_is_the_proxy(autojump_clock: object, tmp_path: Path) -> None:
    """Behind a proxy nothing else has to be let out."""
    async with patient(tmp_path) as here:
        here.configure("network", proxy=Secret("http://buyer:hunter2@proxy.shop.test:3128"))
        hosts = list_hosts(await here.scene(), None)

        here.configure("network", no_proxy=("kefu.test",))
        beside = list_hosts(await here.scene(), None)

    assert [("proxy.shop.test", 3128)] == [(each.host, each.port) for each in hosts]
    assert 1 == hosts[0].use.count("the proxy")
    assert [("proxy.shop.test", 3128), ("kefu.test", 443)] == [(each.host, each.port) for each in beside]
