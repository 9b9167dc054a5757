"""Slack's own Node client against our fake Slack, over real sockets."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from slackkefu.demo.slack import FakeSlack, Person, Timing
from tests.peers.node import node_peer

if TYPE_CHECKING:
    import trio

pytestmark = pytest.mark.timeout(40)


async def start(nursery: trio.Nursery, **set_up: Any) -> tuple[FakeSlack, Person]:
    """Return a running Slack, and a person in it."""
    slack = FakeSlack(chance=Random(7), **set_up)
    north = slack.add_workspace("T0NORTH001", name="North")
    north.install()
    await nursery.start(slack.serve_loopback)
    return slack, north.add_user("U0MIA00001", name="Mia")


def settings(slack: FakeSlack) -> dict[str, Any]:
    """Return what the client has to know."""
    return {"api_url": slack.addresses.api, "app_token": slack.settings.app_token, "ping_timeout_ms": 600}


async def test_it_receives_and_acknowledges(nursery: trio.Nursery) -> None:
    """The Node client gets an event and a command, and the fake gets its acknowledgements and its answer."""
    slack, mia = await start(nursery)
    async with node_peer("socket_mode.mjs", settings(slack)) as client:
        await client.expect("connected")
        message = await mia.says(mia.dm(), "你好 <&> 👍🏼")
        heard = await client.expect("request")
        await slack.acknowledged()
        command = await mia.commands(mia.dm(), "/kefu", "end")
        await client.expect("request")
        await slack.acknowledged(command)

    (parcel,) = slack.ledger.of(message)
    assert message.text == heard["text"]
    assert parcel.event_id == heard["event_id"]
    assert 1 == len(parcel.attempts)
    assert {"text": "thank you"} == command.answer
    assert not slack.ledger.strays
    assert "closed by the other side with code 1000" == slack.ledger.links[0].how


async def test_it_leaves_when_asked_and_comes_back(nursery: trio.Nursery) -> None:
    """The Node client follows a refresh, and an event sent while it is away comes by the retry."""
    slack, mia = await start(nursery, timing=Timing(retries_s=(0.5, 1.0, 2.0)))
    async with node_peer("socket_mode.mjs", settings(slack)) as client:
        await client.expect("connected")
        slack.refresh()
        await slack.until(lambda: not slack.links)
        await mia.says(mia.dm(), "still there?")
        await client.expect("connected")
        heard = await client.expect("request")
        await slack.acknowledged()

    assert heard["retry"] >= 1
    assert 2 == len(slack.ledger.links)


async def test_it_survives_sliced_bytes_and_a_cut(nursery: trio.Nursery) -> None:
    """The Node client reads frames that arrive in pieces, and reconnects after its line was cut."""
    slack, mia = await start(nursery)
    async with node_peer("socket_mode.mjs", settings(slack)) as client:
        await client.expect("connected")
        (link,) = slack.links
        link.line.weather = type(link.line.weather)(slice_bytes=3)
        await mia.says(mia.dm(), "in pieces")
        await client.expect("request")
        await slack.acknowledged()
        link.line.reset()
        await client.expect("connected")

    assert slack.ledger.links[0].how.startswith("connection")
