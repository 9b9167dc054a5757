"""Socket Mode connections that end, and those that take their place."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import httpx
import pytest
import trio
from trio.testing import MemorySendStream

from slackkefu.slack.connections import GRACE_S
from tests.slack.bench import Bench, bench, settled
from tests.slack.tiny import message

if TYPE_CHECKING:
    from structlog.testing import LogCapture


async def watch_up(b: Bench, counts: list[int], interval_s: float) -> None:
    """Note how many connections Slack sees, whenever something happens."""
    while True:
        counts.append(len(b.slack.open))
        await trio.sleep(interval_s)


@pytest.mark.parametrize("reason", ["warning", "refresh_requested", "whatever"])
@pytest.mark.parametrize("connections", [1, 2])
async def test_trap_9_change_over_without_a_gap(reason: str, connections: int, autojump_clock: trio.abc.Clock) -> None:
    """The new connection says hello before the old one is let go, which is read and acknowledged on until then."""
    counts: list[int] = []
    async with bench(connections) as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(200)
        old = b.slack.open[0]
        b.nursery.start_soon(watch_up, b, counts, 0.1)
        started = trio.current_time()
        await old.disconnect(reason)
        await old.send(message(1))
        await trio.sleep(1)
        await old.send(message(2))
        await settled()

        assert old.acknowledged == ["e1", "e2"]
        assert old in b.slack.open
        assert len(b.slack.open) == connections + 1
        assert b.mode.statistics().connections_leaving == 1
        await trio.sleep(10)
        assert old.closed_at is not None
        assert old.closed_at - started == pytest.approx(GRACE_S, abs=0.1)
        assert "1000" in old.reason
        assert len(b.slack.open) == connections
        assert min(counts) == connections


async def test_the_announced_end_is_met(autojump_clock: trio.abc.Clock) -> None:
    """Before approximate_connection_time is over each connection has been replaced without a gap."""
    counts: list[int] = []
    async with bench(2) as b:
        b.slack.life_s = 3600
        await b.nursery.start(b.mode.run)
        await trio.sleep(61)
        b.nursery.start_soon(watch_up, b, counts, 2.5)
        await trio.sleep(2.5 * 3600)

        lives = [one.closed_at - one.opened_at for one in b.slack.connections if one.closed_at is not None]
        assert len(lives) >= 4
        assert all(0.8 * 3600 <= life <= 0.9 * 3600 + 70 for life in lives)
        assert min(counts) == 2
        opened = [one.opened_at for one in b.slack.connections]
        assert all(later - at >= 60 for at, later in pairwise(opened))


async def test_one_lost_of_two_waits_its_minute(autojump_clock: trio.abc.Clock) -> None:
    """While another is up, a lost connection is replaced at the minute's pace, and traffic goes on."""
    async with bench(2) as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(70)
        first, second = b.slack.open
        await first.websocket.aclose()
        await second.send(message(1))
        await settled()

        assert b.ids == ["e1"]
        assert len(b.slack.open) == 1
        await trio.sleep(60)
        assert len(b.slack.open) == 2


async def test_the_only_one_lost_is_replaced_after_a_moment(autojump_clock: trio.abc.Clock) -> None:
    """With nothing up the minute does not count, only the pause, at first of up to a second."""
    async with bench(2) as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(70)
        for connection in b.slack.open:
            await connection.websocket.aclose()
        await trio.sleep(1.1)

        assert len(b.slack.open) == 1


async def test_waiting_for_the_minute_ends_when_the_last_one_goes(autojump_clock: trio.abc.Clock) -> None:
    """A connection lost while its sister's replacement waits makes that one urgent."""
    async with bench(2) as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(70)
        first, second = b.slack.open
        await first.websocket.aclose()
        await trio.sleep(10)
        assert len(b.slack.open) == 1
        await second.websocket.aclose()
        await trio.sleep(1.1)

        assert len(b.slack.open) == 1


async def test_connections_that_never_last_are_not_opened_in_a_tight_loop(autojump_clock: trio.abc.Clock) -> None:
    """A Slack that says hello and hangs up costs growing pauses."""
    async with bench(1) as b:

        async def hang_up() -> None:
            while True:
                await settled()
                for connection in b.slack.open:
                    await connection.websocket.aclose()
                await trio.sleep(0.1)

        await b.nursery.start(b.mode.run)
        b.nursery.start_soon(hang_up)
        await trio.sleep(600)

        assert len(b.slack.asked_at) < 30


async def test_trap_10_a_deaf_connection_is_noticed(autojump_clock: trio.abc.Clock) -> None:
    """A half-open connection, which never ends by itself, is given up after 30 s and replaced."""
    async with bench(1) as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(100)
        b.slack.open[0].fall_silent()
        deaf_at = trio.current_time()
        await trio.sleep(45)

        assert len(b.slack.connections) == 2
        assert 20 <= b.slack.connections[1].opened_at - deaf_at <= 35
        assert b.mode.statistics().connections_up == 1


async def test_trap_10_a_ping_that_cannot_be_written_is_death_too(autojump_clock: trio.abc.Clock) -> None:
    """When even our own ping hangs, the 30 s still count, and envelopes of that connection cannot be acknowledged."""
    async with bench(1) as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(100)
        (old,) = b.slack.open
        ours = b.mode._connections[0]._websocket._stream
        assert isinstance(ours, trio.StapledStream)
        assert isinstance(ours.send_stream, MemorySendStream)
        ours.send_stream.send_all_hook = trio.Event().wait
        stuck_at = trio.current_time()
        await old.send(message(1))
        await trio.sleep(45)

        assert len(b.slack.connections) == 2
        assert b.slack.connections[1].opened_at - stuck_at <= 35
        assert [False] == [delivery.is_acknowledged for delivery in b.received]


async def test_a_second_hello_changes_nothing(autojump_clock: trio.abc.Clock) -> None:
    """Slack may say hello again; it is the same connection."""
    async with bench(1) as b:
        await b.nursery.start(b.mode.run)
        await b.slack.open[0].send({"type": "hello"}, message(1))
        await settled()

        assert b.ids == ["e1"]
        assert b.mode.statistics().connections_opened == 1


async def test_a_handshake_that_hangs_is_given_up(autojump_clock: trio.abc.Clock) -> None:
    """A server that takes the connection and says nothing costs ten seconds, then a new address is asked for."""
    async with bench(1) as b:
        serve, hangs = b.slack.network._handler, iter([True, False])

        async def first_hangs(stream: trio.abc.Stream) -> None:
            if next(hangs):
                await trio.sleep_forever()
            assert serve is not None
            await serve(stream)

        b.slack.network._handler = first_hangs
        started = trio.current_time()
        await b.nursery.start(b.mode.run)

        assert 10 <= trio.current_time() - started <= 12
        assert len(b.slack.asked_at) == 2


async def test_an_idle_connection_lives_on(autojump_clock: trio.abc.Clock) -> None:
    """Silence is no fault as long as pings are answered."""
    async with bench(1) as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(3600)

        assert len(b.slack.connections) == 1
        age = b.mode.statistics().last_frame_age_s
        assert age is not None
        assert age <= 10


async def test_trap_19_ghosts_and_second_instances_are_seen(log: LogCapture, autojump_clock: trio.abc.Clock) -> None:
    """More connections in hello than are ours are logged and counted."""
    async with bench(1) as b:
        b.slack.num_connections = 4
        await b.nursery.start(b.mode.run)

        assert b.mode.statistics().ghosts == 3
        assert any(entry["event"] == "socketmode.ghosts" and entry["count"] == 3 for entry in log.entries)


@pytest.mark.parametrize("connections", [1, 2, 3])
async def test_renewing_replaces_all_without_a_gap(connections: int, autojump_clock: trio.abc.Clock) -> None:
    """Every connection is replaced, the first at once and the others a minute apart; none is missing meanwhile."""
    counts: list[int] = []
    async with bench(connections) as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(200)
        old = b.slack.open
        b.nursery.start_soon(watch_up, b, counts, 0.1)
        started = trio.current_time()
        b.mode.renew()
        await settled()
        await old[-1].send(message(1))
        await settled()

        assert b.ids == ["e1"]
        assert len(b.slack.open) == connections + 1
        await trio.sleep(60 * connections)
        assert not {*old} & {*b.slack.open}
        assert [at - started for at in b.slack.asked_at[connections:]] == pytest.approx(
            [60 * number for number in range(connections)]
        )
        assert min(counts) == connections
        assert not b.gaps
        assert b.mode.statistics().renewals == 1


async def test_renewing_while_renewing_is_harmless(autojump_clock: trio.abc.Clock) -> None:
    """However often it is asked for, each connection is replaced once; then it may be asked for again."""
    async with bench(2) as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(200)
        for _ in range(62):
            b.mode.renew()
            await trio.sleep(1)

        assert len(b.slack.asked_at) == 4
        await trio.sleep(60)
        b.mode.renew()
        await trio.sleep(120)
        assert len(b.slack.asked_at) == 6
        assert len(b.slack.open) == 2
        assert b.mode.statistics().renewals == 2


async def test_renewing_waits_for_a_pause_that_slack_asked_for(autojump_clock: trio.abc.Clock) -> None:
    """A refusal holds a renewal up; the old connections are read until it succeeds."""
    async with bench(1) as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(200)
        (old,) = b.slack.open
        b.slack.answers = [httpx.Response(429, headers={"retry-after": "90"})]
        b.mode.renew()
        await trio.sleep(80)
        await old.send(message(1))
        await settled()

        assert b.ids == ["e1"]
        assert old in b.slack.open
        await trio.sleep(30)
        assert old not in b.slack.open
        assert len(b.slack.open) == 1


async def test_renewing_without_connections_does_nothing(autojump_clock: trio.abc.Clock) -> None:
    """There is nothing to replace before the first one is up."""
    async with bench(1) as b:
        b.mode.renew()
        await b.nursery.start(b.mode.run)
        await trio.sleep(100)

        assert len(b.slack.asked_at) == 1
        assert b.mode.statistics().renewals == 0
