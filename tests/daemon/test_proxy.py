"""
The daemon's process behind a firewall: every path goes through a real proxy, over TLS by a private CA.

All hosts have names that nobody but the proxy knows, so what would go around it would go nowhere.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import trio

from slackkefu.demo.conservation import judge_town
from slackkefu.demo.desk import Desk, KefuHost, MediaHost
from slackkefu.demo.serve import serve_http
from slackkefu.demo.slack import Addresses, Timing
from tests.daemon.process import daemon, fakes, write_config
from tests.net.certificates import PrivateCa
from tests.net.real_proxy import proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from slackkefu.demo.easemob import FakeEasemob
    from slackkefu.demo.slack import FakeSlack, Workspace
    from tests.net.real_proxy import RealProxy

SLACK = Addresses(
    api="https://slack.test/api/",
    files="https://files.slack.test/",
    hooks="https://hooks.slack.test/",
    socket="wss://wss-primary.slack.test/link/",
)
PLACES = {
    "slack": ("slack.test", "files.slack.test", "hooks.slack.test"),
    "socket mode": ("wss-primary.slack.test",),
    "easemob": ("rs.easemob.test", "rest.easemob.test"),
    "msync": ("im.easemob.test",),
    "kefu": ("kefu.test",),
    "somebody": ("media.test",),
}
"""The hosts of each server."""


@dataclass
class Outside:
    """The world beyond the proxy."""

    slack: FakeSlack
    easemob: FakeEasemob
    desk: Desk
    kefu: KefuHost
    somebody: MediaHost
    """A host that a message names."""
    north: Workspace
    proxy: RealProxy
    config: Path


@asynccontextmanager
async def outside(folder: Path, scheme: str) -> AsyncIterator[Outside]:
    """Run everything but the daemon."""
    ca = PrivateCa(folder)
    async with fakes() as (slack, easemob), trio.open_nursery() as nursery:
        desk = Desk(easemob)
        kefu, somebody = KefuHost(desk, easemob), MediaHost()
        plain = {
            "slack": urlsplit(slack.addresses.api).port,
            "socket mode": urlsplit(slack.addresses.socket).port,
            "easemob": urlsplit(easemob.rest_url).port,
            "msync": urlsplit(easemob.websocket_url).port,
            "kefu": await nursery.start(serve_http, kefu.asgi),
            "somebody": await nursery.start(serve_http, somebody),
        }
        slack.addresses = SLACK
        easemob.listens(rest=("rest.easemob.test", 443), websocket=("im.easemob.test", 443), is_tls=True)
        names: dict[str, int] = {}
        for place, hosts in PLACES.items():
            port = await nursery.start(partial(ca.serve, plain[place]), *hosts)
            names |= {f"{host}:443": port for host in hosts}
        north = slack.add_workspace("T0NORTH001", name="North")
        async with proxy(scheme, names, certificate=ca.file_for("localhost"), credentials="mia:hunter2") as running:
            config = write_config(
                folder,
                slack,
                easemob,
                north.install(token="xoxb-north").token,
                slack__session_status="false",
                easemob__discovery_url="https://rs.easemob.test/easemob/server.json",
                kefu__url="https://kefu.test",
                kefu__tenant_id=kefu.tenant_id,
                kefu__private_api="true",
                network__proxy=running.url,
                network__ca_bundle=ca.bundle.name,
            )
            yield Outside(slack, easemob, desk, kefu, somebody, north, running, config)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
async def test_every_path_goes_through_the_proxy(tmp_path: Path, scheme: str) -> None:
    """Socket Mode, the Web API, files both ways, answers to commands, discovery, REST, MSYNC, the desk, strangers."""
    chance = Random(1)
    from_mia, from_agent, from_somebody = (chance.randbytes(300_000) for _ in range(3))
    async with outside(tmp_path, scheme) as here, daemon(here.config) as running:
        await running.says("daemon.ready")
        mia = here.north.add_user("U0MIA00001", name="Mia")
        await mia.says(mia.dm(), "hello")
        visitor = (await here.desk.heard("hello")).visitor
        await mia.shares(mia.dm(), "a.bin", from_mia)
        here.desk.answers(visitor, "here you are")
        here.desk.sends_file(visitor, "file", here.kefu.keeps("1", from_agent), name="b.bin")
        url = f"https://media.test{here.somebody.keeps('/c.bin', from_somebody)}"
        here.desk.sends_file(visitor, "file", url, name="c.bin")
        await mia.commands(mia.dm(), "/kefu", "转人工")
        posts = [post for post in await here.slack.posted(4) if not post.ephemeral_to]
        while from_mia not in [each.content for each in here.easemob.attachments()]:
            await here.desk.change()

        assert "here you are" == posts[0].text
        assert [from_agent, from_somebody] == [file.content for post in posts for file in post.message.files]

        running.process.terminate()

        assert 0 == await running.ends()
        assert {f"{host}:443" for hosts in PLACES.values() for host in hosts} == here.proxy.targets
        assert {200} == {passed.result for passed in here.proxy.passed}
        assert {"SOCKS5" if scheme == "socks5" else "CONNECT"} == {passed.way for passed in here.proxy.passed}
        assert not [line for line in running.lines if "hunter2" in line or "Traceback" in line or "Warning" in line]


async def test_a_proxy_that_is_gone_for_a_while(tmp_path: Path) -> None:
    """What was written meanwhile, on either side, arrives once; it is said what is wrong, and with which proxy."""
    async with outside(tmp_path, "http") as here, daemon(here.config) as running:
        here.slack.timing = Timing(retries_s=(0.1, *([0.5] * 100)))
        await running.says("daemon.ready")
        mia = here.north.add_user("U0MIA00001", name="Mia")
        await mia.says(mia.dm(), "one")
        visitor = (await here.desk.heard("one")).visitor
        here.desk.answers(visitor, "first")
        await here.slack.posted(1)
        await here.proxy.stop()
        await mia.says(mia.dm(), "two")
        here.desk.answers(visitor, "second")
        line = await running.says(f"the proxy localhost:{here.proxy.port} cannot be reached")

        assert "check network.proxy, and that it runs" in line

        await here.proxy.start()
        await mia.says(mia.dm(), "three")
        here.desk.answers(visitor, "third")
        # One that comes late says so, so its words are not waited for.
        await here.desk.heard(count=3)
        await here.slack.posted(3)
        await here.slack.settled()
        verdict = judge_town(here.slack, here.easemob, here.desk)

        assert verdict.is_clean, verdict
        assert 6 == verdict.arrived
        assert not [line for line in running.lines if "hunter2" in line or "Traceback" in line]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("refuse", "refuses the way (HTTP 403)"), ("page", "cannot reach the host"), ("rubbish", "does not answer as")],
)
async def test_what_a_proxy_says_is_not_taken_for_an_answer(tmp_path: Path, kind: str, words: str) -> None:
    """A proxy that turns us away at the start is named, and asked again: that is no refusal of Slack's or Easemob's."""
    async with outside(tmp_path, "http") as here:
        await here.proxy.has(kind)
        async with daemon(here.config) as running:
            for event in ("easemob.unreachable", "slack.unreachable"):
                line = await running.says(event)

                assert f"the proxy localhost:{here.proxy.port} {words}" in line

            running.process.terminate()

            assert 0 == await running.ends()
            assert not [line for line in running.lines if "hunter2" in line or "Traceback" in line]
