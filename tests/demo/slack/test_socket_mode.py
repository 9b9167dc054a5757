"""Socket Mode on streams: tickets, connections, and what can happen to them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

import pytest
import trio

from slackkefu.demo.line import Weather
from slackkefu.demo.slack import Timing
from slackkefu.demo.slack.ledger import AttemptState
from slackkefu.errors import ConnectFailed, LinkClosed
from slackkefu.net.websocket import WebSocket
from tests.memory_network import MemoryNetwork

if TYPE_CHECKING:
    from random import Random

    from tests.demo.slack.conftest import Stage


@dataclass
class Client:
    """A plain client of Socket Mode."""

    stage: Stage
    network: MemoryNetwork

    def url(self, more: str = "") -> str:
        """Ask for a URL."""
        return str(self.stage.call("apps.connections.open", "xapp-test")["url"]) + more

    async def dial(self, url: str) -> WebSocket:
        """Connect."""
        with trio.fail_after(20):
            return await WebSocket.connect(self.network, url, max_bytes=1 << 22)

    async def connect(self, more: str = "") -> WebSocket:
        """Connect with a fresh URL, and swallow the hello."""
        websocket = await self.dial(self.url(more))
        assert "hello" == (await hear(websocket))["type"]
        return websocket


async def hear(websocket: WebSocket) -> dict[str, Any]:
    """Return the next frame."""
    frame: dict[str, Any] = json.loads(await websocket.receive())
    return frame


async def acknowledge(websocket: WebSocket, envelope: dict[str, Any]) -> None:
    """Acknowledge an envelope."""
    await websocket.send(json.dumps({"envelope_id": envelope["envelope_id"]}))


async def hear_all(websocket: WebSocket) -> None:
    """Swallow frames for ever."""
    while True:
        await websocket.receive()


@pytest.fixture
async def client(stage: Stage, nursery: trio.Nursery, chance: Random) -> Client:
    """A client, and the fake running."""
    network = MemoryNetwork(nursery, chance=chance)
    network.serve_url(stage.slack.addresses.socket, stage.slack.serve_stream)
    await nursery.start(stage.slack.run)
    return Client(stage, network)


async def test_an_event_there_and_its_acknowledgement_back(
    stage: Stage, client: Client, autojump_clock: trio.abc.Clock
) -> None:
    """An event reaches the client, and its acknowledgement the ledger."""
    websocket = await client.connect()
    message = await stage.mia.says(stage.dm, "hello")
    envelope = await hear(websocket)
    await trio.sleep(1)
    await acknowledge(websocket, envelope)
    await stage.slack.acknowledged()

    (parcel,) = stage.slack.ledger.of(message)
    assert envelope["payload"]["event_id"] == parcel.event_id
    assert 1.0 == parcel.acknowledged_after_s


async def test_a_retry_comes_by_itself(stage: Stage, client: Client, autojump_clock: trio.abc.Clock) -> None:
    """Without an acknowledgement the event comes again after 3.1 s in a new envelope."""
    websocket = await client.connect()
    await stage.mia.says(stage.dm, "hello")
    first = await hear(websocket)
    second = await hear(websocket)

    assert 3.1 == pytest.approx(trio.current_time())
    assert first["envelope_id"] != second["envelope_id"]
    assert first["payload"] == second["payload"]


async def test_nobody_acknowledges(stage: Stage, client: Client, autojump_clock: trio.abc.Clock) -> None:
    """After some six minutes an event is given up."""
    await client.connect()
    await stage.mia.says(stage.dm, "hello")
    await stage.slack.settled()

    (parcel,) = stage.slack.ledger.parcels
    assert not parcel.acknowledged
    assert 372.1 == pytest.approx(trio.current_time())


async def test_a_ticket_is_for_one_connection(stage: Stage, client: Client) -> None:
    """A URL lets one connection in; with the switch, two; an unknown or old one none; other paths are not there."""
    url = client.url()
    await client.dial(url)
    for wrong in (url, stage.slack.addresses.socket, stage.slack.addresses.socket + "?ticket=x"):
        with pytest.raises(ConnectFailed, match="409"):
            await client.dial(wrong)
    with pytest.raises(ConnectFailed, match="404"):
        await client.dial(client.url().replace("/link/", "/other/"))

    stage.slack.switches = replace(stage.slack.switches, ticket_works_twice=True)
    url = client.url()
    await client.dial(url)
    await client.dial(url)


async def test_a_ticket_grows_old(client: Client, autojump_clock: trio.abc.Clock) -> None:
    """A URL that was not used at once is no good."""
    url = client.url()
    await trio.sleep(31)
    with pytest.raises(ConnectFailed, match="409"):
        await client.dial(url)


async def test_handshakes_refused_on_demand(stage: Stage, client: Client) -> None:
    """The queued statuses refuse the next handshakes (facts/slack.md §1: 408 and 409 were seen)."""
    stage.slack.faults.link.handshakes.append(408)
    with pytest.raises(ConnectFailed, match="408"):
        await client.dial(client.url())
    await client.connect()


async def test_a_client_that_is_no_websocket(stage: Stage, client: Client, autojump_clock: trio.abc.Clock) -> None:
    """A stream that says something else, or nothing, is closed and counts for nothing."""
    for words in (b"GET / HTTP/1.1\r\n\r\n", b""):
        stream = await client.network.open_stream("wss-primary.slack.com", 443, tls=True)
        await stream.send_all(words)
        while await stream.receive_some():
            pass

    assert 30.0 <= trio.current_time() <= 31.0
    assert [] == list(stage.slack.ledger.links)


async def test_a_connection_is_replaced_when_its_life_is_over(
    stage: Stage, client: Client, autojump_clock: trio.abc.Clock
) -> None:
    """With a life of ten seconds: warning, refresh_requested, and the close of a client that does not leave."""
    stage.slack.timing = Timing(life_s=10.0)
    websocket = await client.connect()
    assert "warning" == (await hear(websocket))["reason"]
    assert 5.0 == trio.current_time()
    assert "refresh_requested" == (await hear(websocket))["reason"]
    with pytest.raises(LinkClosed, match="1000"):
        await websocket.receive()
    assert 20.0 == trio.current_time()
    await stage.slack.until(lambda: not stage.slack.links)


async def test_a_short_life_for_trying_out(client: Client, autojump_clock: trio.abc.Clock) -> None:
    """debug_reconnects shortens the life to 360 s (facts/slack.md §1)."""
    websocket = await client.connect("&debug_reconnects=true")
    assert "warning" == (await hear(websocket))["reason"]
    assert 350.0 == trio.current_time()


async def test_a_refresh_and_switching_off(stage: Stage, client: Client, autojump_clock: trio.abc.Clock) -> None:
    """A refresh is said at once; switching off closes, and a new connection is told the same."""
    websocket = await client.connect()
    stage.slack.refresh()
    assert "refresh_requested" == (await hear(websocket))["reason"]
    stage.slack.disable_socket_mode()
    assert "link_disabled" == (await hear(websocket))["reason"]
    again = await client.dial(client.url())
    assert "link_disabled" == (await hear(again))["reason"]
    with pytest.raises(LinkClosed):
        await again.receive()


async def test_the_server_pings(stage: Stage, client: Client, autojump_clock: trio.abc.Clock) -> None:
    """Pings come every ten seconds, and an answering client is heard."""
    websocket = await client.connect()
    with trio.move_on_after(25):
        await websocket.receive()

    assert 20.0 == websocket.heard_at


async def test_a_cut_and_a_ghost(stage: Stage, client: Client, autojump_clock: trio.abc.Clock) -> None:
    """A connection that was cut leaves a ghost that still gets its share."""
    stage.slack.faults.link.ghost_life_s = 100.0
    websocket = await client.connect()
    stage.slack.links[0].line.reset()
    with pytest.raises(LinkClosed):
        await websocket.receive()
    await stage.slack.until(lambda: not stage.slack.links)
    second = await client.dial(client.url())
    assert 2 == (await hear(second))["num_connections"]
    parcel = await stage.mia.commands(stage.dm, "/kefu")
    await stage.slack.settled()

    assert AttemptState.TIMED_OUT is parcel.attempts[0].state


async def test_a_close_that_never_arrives_leaves_a_ghost(
    stage: Stage, client: Client, autojump_clock: trio.abc.Clock
) -> None:
    """A client closes in order, but into a black hole: it stays registered, and gets its share, until given up."""
    stage.slack.timing = Timing(unheard_s=100.0)
    websocket = await client.connect()
    client.network.lines[0][1].black_hole()
    await websocket.aclose()
    second = await client.dial(client.url())
    assert 2 == (await hear(second))["num_connections"]
    parcels = [await stage.mia.commands(stage.dm, "/kefu") for _ in range(20)]
    assert {1, 2} == {parcel.attempts[0].link for parcel in parcels}
    with trio.move_on_after(100):
        await hear_all(second)

    assert [2] == [link.number for link in stage.slack.links]
    assert "nothing was heard" == stage.slack.ledger.links[0].how
    third = await client.dial(client.url())
    assert 2 == (await hear(third))["num_connections"]


async def test_a_client_that_is_heard_is_kept(stage: Stage, client: Client, autojump_clock: trio.abc.Clock) -> None:
    """Pongs are enough."""
    stage.slack.timing = Timing(unheard_s=25.0)
    websocket = await client.connect()
    with trio.move_on_after(1000):
        await hear_all(websocket)

    assert 1 == len(stage.slack.links)


async def test_a_deaf_connection_answers_pings(stage: Stage, client: Client, autojump_clock: trio.abc.Clock) -> None:
    """A connection can be heard and get no envelope, though it is sent its share."""
    websocket = await client.connect()
    stage.slack.deafen(stage.slack.links[0])
    parcel = await stage.mia.commands(stage.dm, "/kefu")
    with trio.move_on_after(25):
        await websocket.receive()

    assert 20.0 == websocket.heard_at
    assert AttemptState.TIMED_OUT is parcel.attempts[0].state


async def test_a_line_that_ends_without_a_close_frame(
    stage: Stage, client: Client, autojump_clock: trio.abc.Clock
) -> None:
    """Slack's edge hangs up without a word (facts/slack.md §1: about ten a day)."""
    websocket = await client.connect()
    stage.slack.links[0].line.hang_up()
    with pytest.raises(LinkClosed, match="without a close frame"):
        await websocket.receive()
    await stage.slack.until(lambda: not stage.slack.links)

    assert not websocket.was_closed


@pytest.mark.parametrize(("delay_s", "kept_s"), [(0.5, 0.5), (20.0, 20.0), (inf, 50.0)])
async def test_a_slow_close(
    stage: Stage, client: Client, autojump_clock: trio.abc.Clock, delay_s: float, kept_s: float
) -> None:
    """A close is answered late or never; until then the connection counts and gets its share."""
    stage.slack.timing = Timing(unheard_s=50.0)
    stage.slack.faults.link.slow_close_s = delay_s
    websocket = await client.connect()
    await websocket.aclose()
    closed_at = trio.current_time()
    assert (delay_s < 1) is websocket.was_closed
    if delay_s > 1:
        parcel = await stage.mia.commands(stage.dm, "/kefu")
        assert 1 == parcel.attempts[0].link
    await stage.slack.until(lambda: stage.slack.ledger.links[0].how != "")

    assert min(delay_s, 1.0) == closed_at
    assert kept_s == trio.current_time()


async def test_a_slow_close_is_only_an_answer(stage: Stage, client: Client, autojump_clock: trio.abc.Clock) -> None:
    """What Slack closes itself is closed at once, and long frames before it are no close."""
    stage.slack.faults.link.slow_close_s = inf
    websocket = await client.connect()
    for size in (10, 1000, 100_000):
        stage.slack.send_frame({"type": "padding", "text": "x" * size})
        assert "padding" == (await hear(websocket))["type"]
    stage.slack.disable_socket_mode()
    assert "link_disabled" == (await hear(websocket))["reason"]
    with pytest.raises(LinkClosed, match="1000"):
        await websocket.receive()

    assert 0.0 == trio.current_time()


async def test_a_black_hole_tells_nobody(stage: Stage, client: Client, autojump_clock: trio.abc.Clock) -> None:
    """In a black hole an event is lost on the way, no one is told, and after healing all of it arrives."""
    websocket = await client.connect()
    (link,) = stage.slack.links
    link.line.black_hole()
    await stage.mia.says(stage.dm, "hello")
    with trio.move_on_after(60) as silence:
        await websocket.receive()
    assert silence.cancelled_caught
    link.line.heal()

    assert [0, 1] == [(await hear(websocket))["retry_attempt"] for _ in range(2)]


async def test_one_way_only(stage: Stage, client: Client, autojump_clock: trio.abc.Clock) -> None:
    """In a black hole upwards events arrive and their acknowledgements do not."""
    websocket = await client.connect()
    stage.slack.links[0].line.black_hole(down=False)
    await stage.mia.says(stage.dm, "hello")
    for attempt in range(2):
        envelope = await hear(websocket)
        await acknowledge(websocket, envelope)
        assert attempt == envelope["retry_attempt"]


async def test_slices_and_latency(stage: Stage, client: Client, autojump_clock: trio.abc.Clock) -> None:
    """Frames survive slices of a byte or two, and arrive later by the latency."""
    stage.slack.faults.link.weather = Weather(slice_bytes=2, latency_s=0.5)
    websocket = await client.connect()
    begun = trio.current_time()
    await stage.mia.says(stage.dm, "你好")
    envelope = await hear(websocket)

    assert "你好" == envelope["payload"]["event"]["text"]
    assert 0.5 == pytest.approx(trio.current_time() - begun)


async def test_a_client_that_reads_nothing_is_cut(stage: Stage, client: Client, autojump_clock: trio.abc.Clock) -> None:
    """A queue without room breaks the connection instead of growing."""
    await client.connect()
    frame = {"type": "padding", "text": "x" * 1000}
    for _ in range(10_500):
        stage.slack.send_frame(frame)
        if not stage.slack.links:
            break
    await stage.slack.until(lambda: not stage.slack.links)

    assert stage.slack.ledger.links[0].closed_at is not None


async def test_any_frame_and_any_kind(stage: Stage, client: Client) -> None:
    """Unknown frames and unknown kinds of envelope reach the client."""
    websocket = await client.connect()
    stage.slack.send_frame({"type": "news"})
    stage.slack.send_frame("not JSON")
    parcel = stage.slack.send("workflow_step", {"a": 1}, accepts_answer=True)

    assert {"type": "news"} == await hear(websocket)
    assert "not JSON" == await websocket.receive()
    envelope = await hear(websocket)
    assert ("workflow_step", True) == (envelope["type"], envelope["accepts_response_payload"])
    await acknowledge(websocket, envelope)
    await stage.slack.acknowledged(parcel)


async def test_a_protocol_fault_ends_the_connection(stage: Stage, client: Client, chance: Random) -> None:
    """A client that sends too much, or rubbish, loses its connection, and the ledger says why."""
    websocket = await client.connect()
    await websocket.send("x" * 2_000_000)
    with pytest.raises(LinkClosed):
        await websocket.receive()
    await stage.slack.until(lambda: not stage.slack.links)

    assert "closed by the other side" not in stage.slack.ledger.links[0].how


async def test_waiting_for_connections_and_posts(
    stage: Stage, client: Client, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    """connected() and posted() return when their number is reached."""
    nursery.start_soon(client.connect)
    assert 1 == len(await stage.slack.connected(1))
    stage.call("chat.postMessage", channel="C0SUPPORT1", text="x")
    (post,) = await stage.slack.posted(1)
    assert "x" == post.shown
