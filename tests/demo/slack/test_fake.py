"""The whole fake: how it is set, started, waited for and stopped."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import httpx
import trio
import trio.testing

from slackkefu.demo.slack import Addresses, AppSettings, FakeSlack, Switches, Timing
from slackkefu.net.network import TcpNetwork
from slackkefu.net.websocket import WebSocket

if TYPE_CHECKING:
    from tests.demo.slack.conftest import Stage


async def test_the_same_seed_gives_the_same_slack() -> None:
    """With one seed and one calendar, ids and tokens repeat."""

    def ids(seed: int) -> list[str]:
        slack = FakeSlack(wall=lambda: 1_760_000_000.0, chance=Random(seed))
        north = slack.add_workspace(name="North")
        return [north.id, north.install().token, north.add_user(name="Mia").id, slack.authorize(north)]

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)


async def test_it_is_set_at_the_start_or_later() -> None:
    """Switches, timing, addresses and settings hold at once, wherever they are looked at."""
    slack = FakeSlack(
        settings=AppSettings(app_id="A0OTHER001"),
        switches=Switches(spread="round_robin"),
        timing=Timing(ping_s=1.0),
        addresses=Addresses(api="https://slack-gov.com/api/"),
    )
    assert ("A0OTHER001", "round_robin", 1.0) == (slack.settings.app_id, slack.switches.spread, slack.timing.ping_s)
    assert "https://slack-gov.com/api/" == slack.addresses.api

    slack.switches = replace(slack.switches, spread="random")
    assert "random" == slack.state.switches.spread


async def test_secrets_are_in_no_repr(stage: Stage) -> None:
    """Neither tokens nor people's words are in any repr."""
    await stage.mia.says(stage.dm, "my words")
    stage.call("chat.postMessage", channel="D0MIA00001", text="my answer")
    shown = repr([stage.slack.settings, stage.north, stage.mia, stage.north.installation, stage.dm])
    shown += repr(
        [*stage.slack.ledger.parcels, *stage.slack.ledger.posts, *stage.slack.ledger.calls, stage.dm.messages]
    )

    for hidden in ("xapp-", "xoxb-", "secret", "my words", "my answer"):
        assert hidden not in shown


async def test_until_is_asked_again_at_each_change(stage: Stage) -> None:
    """A condition is asked when something has happened, not in between."""
    asked = 0
    answer: list[int] = []

    def condition() -> bool:
        nonlocal asked
        asked += 1
        return bool(stage.slack.ledger.parcels)

    async def wait() -> None:
        await stage.slack.until(condition)
        answer.append(asked)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert 1 == asked
        await stage.mia.says(stage.dm, "hello")
    assert [2] == answer


async def test_it_runs_on_this_machine_and_stops() -> None:
    """On loopback an ordinary client opens a connection and hears; stopping it is quick."""
    slack = FakeSlack(chance=Random(7))
    north = slack.add_workspace("T0NORTH001", name="North")
    north.install()
    mia = north.add_user("U0MIA00001", name="Mia")
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            addresses = await nursery.start(slack.serve_loopback)
            async with httpx.AsyncClient(base_url=addresses.api, trust_env=False) as client:
                answer = await client.post("apps.connections.open", headers={"authorization": "Bearer xapp-test"})
            websocket = await WebSocket.connect(TcpNetwork(), answer.json()["url"], max_bytes=1 << 20)
            assert '"hello"' in str(await websocket.receive())
            await slack.connected()
            await mia.says(mia.dm(), "hello")
            assert '"events_api"' in str(await websocket.receive())
            nursery.cancel_scope.cancel()
        await websocket.aclose()
    assert addresses is slack.addresses
