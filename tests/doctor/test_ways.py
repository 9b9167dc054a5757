"""Which step of a way is named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slackkefu.doctor.report import Level
from slackkefu.doctor.ways import examine_way, way_to
from slackkefu.secret import Secret
from tests.doctor.patient import patient

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doctor.patient import Patient


def wants_a_password(here: Patient) -> None:
    """Let the proxy refuse, as the network says it."""
    here.ways.tcp["slack.com"] = "the proxy proxy.shop.test:3128 wants a name and password (HTTP 407)"


@pytest.mark.parametrize(
    ("ill", "id_", "words"),
    [
        (lambda here: here.unresolved.add("slack.com"), "net.way", "through the proxy proxy.shop.test:3128"),
        (lambda here: here.unresolved.add("proxy.shop.test"), "net.proxy", "name of the proxy: Name or service"),
        (wants_a_password, "net.proxy", "HTTP 407"),
        (lambda here: here.ways.tls.update({"slack.com": "a self-signed certificate"}), "net.tls", "self-signed"),
    ],
)
async def test_a_way_by_a_proxy(ill: object, id_: str, words: str, autojump_clock: object, tmp_path: Path) -> None:
    """The proxy resolves the target's name, and what it refuses is its own step."""
    async with patient(tmp_path) as here:
        here.configure("network", proxy=Secret("http://buyer:hunter2@proxy.shop.test:3128"))
        assert callable(ill)
        ill(here)
        finding = await examine_way(await here.scene(), way_to("https://slack.com/api/", means="nothing passes"))

    assert (id_, "slack.com:443") == (finding.id, finding.about)
    assert words in finding.says
    assert {"proxy.shop.test"} == set(here.looked_up)
    assert "network.proxy" in finding.do or id_ != "net.proxy"
    assert "hunter2" not in repr(finding)


async def test_a_proxy_of_the_environment(autojump_clock: object, tmp_path: Path) -> None:
    """What there is to do is done where the proxy was named."""
    async with patient(tmp_path) as here:
        here.configure("network", proxy=Secret("http://proxy.shop.test:3128"), proxy_source="HTTPS_PROXY")
        wants_a_password(here)
        finding = await examine_way(await here.scene(), way_to("https://slack.com/api/", means="nothing passes"))

    assert finding.do.startswith("check $HTTPS_PROXY, and whether")


@pytest.mark.parametrize("url", ["http://127.0.0.1:80/", "ws://[::1]:80/websocket", "http://localhost/"])
async def test_this_machine_and_numbers_are_not_looked_up(url: str, autojump_clock: object, tmp_path: Path) -> None:
    """A number has no name to resolve; nobody listens there."""
    async with patient(tmp_path) as here:
        finding = await examine_way(await here.scene(), way_to(url, means="nothing passes", level=Level.WARNING))

    assert ("net.tcp", Level.WARNING) == (finding.id, finding.level)
    assert [] == here.looked_up


async def test_nothing_is_sent(autojump_clock: object, tmp_path: Path) -> None:
    """A way is opened and closed, and not a byte goes over it."""
    async with patient(tmp_path) as here:
        scene = await here.scene()
        finding = await examine_way(scene, way_to("wss://im.easemob.test/websocket", means="nothing passes"))

    assert ("net.way", "name, TCP, TLS: good") == (finding.id, finding.says)
    assert [] == here.ways.sent
    assert way_to("https://slack.com", means="") == replace(way_to("https://slack.com/api/", means=""))
