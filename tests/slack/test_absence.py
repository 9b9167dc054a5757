"""What may have been missed is told, once a cause, and nothing else is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import httpx
import pytest
import trio

from slackkefu.slack.absence import FIRST_RECOUNT_S, LAST_RECOUNT_S, Absences, Gap, GapReason
from slackkefu.slack.session import TIMING
from tests.slack.bench import Bench, bench, settled
from tests.slack.tiny import TinyConnection, message

if TYPE_CHECKING:
    from structlog.testing import LogCapture

LOST, NONE_OPEN, STRANGERS, SILENT = GapReason


# The bookkeeping.


def end(
    absences: Absences,
    now: float = 100.0,
    *,
    heard_at: float = 0.0,
    is_lost: bool = False,
    may_live_on: bool = False,
    silent_since: float | None = None,
    others: int = 0,
) -> list[Gap]:
    """Let a connection end."""
    return absences.ended(
        now,
        heard_at=heard_at,
        is_lost=is_lost,
        may_live_on=may_live_on,
        silent_since=silent_since,
        others=others,
    )


def test_a_loss_beside_others_is_told_at_once() -> None:
    """One that just ended is told from when it was last heard; one that was closed is not."""
    absences = Absences(0.0)

    assert [Gap(70.0, LOST)] == end(absences, heard_at=70.0, is_lost=True, others=1)
    assert [] == end(absences, heard_at=80.0, others=1)
    assert (1, 0) == (absences.lost, absences.none_open)


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_silent_one_is_told_when_it_is_over(is_lost: bool) -> None:
    """However it ends, what it did not get is one cause, since its last envelope."""
    absences = Absences(0.0)

    assert [Gap(30.0, SILENT)] == end(absences, heard_at=70.0, is_lost=is_lost, silent_since=30.0, others=1)
    assert [] == end(absences, heard_at=90.0, is_lost=is_lost, silent_since=80.0, others=0)
    assert [Gap(80.0, NONE_OPEN)] == absences.hello(500.0, strangers=0)
    assert (0, 2) == (absences.lost, absences.silent)


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_time_without_connections_is_told_when_it_is_over(is_lost: bool) -> None:
    """However the last one ended, the next hello tells it once, from when anything was last heard."""
    absences = Absences(0.0)
    absences.hello(10.0, strangers=0)

    assert [] == end(absences, heard_at=70.0, is_lost=is_lost)
    assert [Gap(70.0, NONE_OPEN)] == absences.hello(500.0, strangers=0)
    assert [] == absences.hello(600.0, strangers=0)
    assert 1 == absences.none_open


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((0, 0, 0), []),
        ((1, 0, 0), [0.0, 100.0]),
        ((0, 2, 0), [100.0, 200.0]),
        ((0, 1, 1), [100.0, 200.0]),
    ],
)
def test_strangers_between_two_counts(counts: tuple[int, ...], told: list[float]) -> None:
    """A time that begins or ends with a count of strangers is told from its beginning, also when they are gone."""
    absences = Absences(0.0)
    gaps = [gap for at, strangers in enumerate(counts, 1) for gap in absences.hello(at * 100.0, strangers=strangers)]

    assert [Gap(since, STRANGERS) for since in told] == gaps
    assert sum(count > 0 for count in counts) == absences.sightings


def test_strangers_are_counted_again_less_and_less_often() -> None:
    """While there are strangers the next count is wanted after growing pauses; without them there is none."""
    absences = Absences(0.0)
    pauses = []
    for _ in range(6):
        absences.hello(1000.0, strangers=1)
        end(absences)
        pauses.append(absences.recount_at - 1000)

    assert [FIRST_RECOUNT_S * 2**power for power in range(4)] == pauses[:4]
    assert LAST_RECOUNT_S == pauses[-1]
    absences.hello(1000.0, strangers=0)
    assert math.inf == absences.recount_at
    end(absences)
    absences.hello(1000.0, strangers=1)
    assert 1000 + FIRST_RECOUNT_S == absences.recount_at


def test_what_may_live_on_is_counted() -> None:
    """A connection of which Slack may not know that it is over is looked for, less often if that never ends."""
    absences = Absences(0.0)
    end(absences, 100.0, may_live_on=True)
    end(absences, 200.0, may_live_on=True)
    assert 100 + FIRST_RECOUNT_S == absences.recount_at

    absences.hello(500.0, strangers=0)
    assert math.inf == absences.recount_at
    end(absences, 600.0, may_live_on=True)
    assert 600 + 2 * FIRST_RECOUNT_S == absences.recount_at
    absences.hello(2000.0, strangers=0)
    end(absences, 2100.0)
    end(absences, 2200.0, may_live_on=True)
    assert 2200 + FIRST_RECOUNT_S == absences.recount_at


# As Socket Mode tells it.


async def up(b: Bench) -> None:
    """Wait until every connection is up."""
    await b.nursery.start(b.mode.run)
    await trio.sleep(65)


async def close(connection: TinyConnection) -> None:
    """End it with a close frame."""
    await connection.websocket.aclose()


async def announce(connection: TinyConnection) -> None:
    """Announce the end, and end without a close frame."""
    await connection.disconnect("refresh_requested")
    await settled()
    await connection.hang_up()


async def break_the_protocol(connection: TinyConnection) -> None:
    """Send what no WebSocket may send."""
    await connection.websocket._stream.send_all(b"\xff" * 20)


@pytest.mark.parametrize(
    ("end", "is_gap"),
    [(close, False), (announce, False), (TinyConnection.hang_up, True), (break_the_protocol, True)],
)
async def test_a_connection_that_ends(end: object, is_gap: bool, autojump_clock: trio.abc.Clock) -> None:
    """An end without a close frame is a gap since it was last heard, unless Slack had announced it."""
    async with bench(2) as b:
        await up(b)
        heard_at = b.mode._connections[0].heard_at
        await end(b.slack.open[0])  # type: ignore[operator]  # one of the four above
        await settled()

        if is_gap:
            assert [LOST] == [gap.reason for gap in b.gaps]
            assert heard_at <= b.gaps[0].since <= trio.current_time()
        else:
            assert not b.gaps
        assert int(is_gap) == b.mode.statistics().connections_lost
        await trio.sleep(200)
        assert int(is_gap) == len(b.gaps)


async def test_a_deaf_connection_is_a_gap_since_it_was_heard(autojump_clock: trio.abc.Clock, log: LogCapture) -> None:
    """What Slack sent into the silence may be lost, from the last byte on."""
    async with bench(2) as b:
        await up(b)
        b.slack.open[0].fall_silent()
        silent_at = trio.current_time()
        await trio.sleep(40)

        (gap,) = b.gaps
        assert LOST is gap.reason
        assert silent_at - 10 <= gap.since <= silent_at
        assert ["lost"] == [entry["reason"] for entry in log.entries if entry["event"] == "socketmode.gap"]


async def test_deaf_until_it_is_closed(autojump_clock: trio.abc.Clock) -> None:
    """A connection that was deaf for so long is a gap, also when Slack answers its close at last."""
    async with bench(2) as b:
        await up(b)
        heal = b.slack.open[0].fall_silent()
        await trio.sleep_until(b.mode._connections[0].heard_at + TIMING.deaf_s + 0.5)
        heal.set()
        await trio.sleep(0.1)

        assert [LOST] == [gap.reason for gap in b.gaps]
        assert "1000" in b.slack.connections[0].reason


async def test_a_change_over_is_no_gap(autojump_clock: trio.abc.Clock) -> None:
    """Connections that are replaced, by Slack's word or before their announced end, miss nothing."""
    async with bench(2) as b:
        b.slack.life_s = 3600
        await up(b)
        await b.slack.open[0].disconnect("warning")
        await trio.sleep(4 * 3600)

        assert b.mode.statistics().connections_opened > 6
        assert not b.gaps


async def test_a_close_that_is_not_answered_is_no_gap(autojump_clock: trio.abc.Clock) -> None:
    """What we close we close by force after a second; if Slack has not seen it, the next hello counts it."""
    async with bench(1) as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(65)
        (old,) = b.slack.open
        b.mode.renew()
        await trio.sleep(4)
        old.fall_silent()
        await trio.sleep(10)

        assert [old] != b.slack.open
        assert not b.gaps
        assert 0 == b.mode.statistics().connections_lost
        b.slack.num_connections = 3
        await trio.sleep(FIRST_RECOUNT_S)
        assert [STRANGERS] == [gap.reason for gap in b.gaps]


async def test_a_time_without_any_connection_is_one_gap(autojump_clock: trio.abc.Clock) -> None:
    """When all are lost, it is told once there is one again: only then can all of it be read."""
    async with bench(2) as b:
        await up(b)
        b.slack.statuses = [503] * 6
        first, second = b.slack.open
        await first.websocket.aclose()
        await settled()
        await second.hang_up()
        lost_at = trio.current_time()
        await settled()
        assert not b.gaps
        await trio.sleep(300)

        assert [NONE_OPEN] == [gap.reason for gap in b.gaps]
        assert lost_at - 10 <= b.gaps[0].since <= lost_at
        assert 1 == b.mode.statistics().times_without_connection


async def test_stopping_is_no_gap(autojump_clock: trio.abc.Clock) -> None:
    """What is closed because we end is told to nobody: the next start reads since our last moment."""
    async with bench(2) as b:
        await up(b)
        await b.mode.drain()
        await settled()

        assert not b.gaps
        assert 0 == b.mode.statistics().times_without_connection


async def test_ghosts_are_a_gap_until_they_are_gone(autojump_clock: trio.abc.Clock) -> None:
    """Slack is made to count again, less and less often; each time in between may have cost messages."""
    async with bench(2) as b:
        await up(b)
        await trio.sleep(60)
        b.slack.num_connections = 9
        await b.slack.open[0].disconnect("refresh_requested")
        await settled()
        seen_at = trio.current_time()
        assert [STRANGERS] == [gap.reason for gap in b.gaps]
        await trio.sleep(FIRST_RECOUNT_S + 10)
        assert [STRANGERS, STRANGERS] == [gap.reason for gap in b.gaps]
        assert seen_at == pytest.approx(b.gaps[1].since, abs=1)
        b.slack.num_connections = None
        await trio.sleep(2 * FIRST_RECOUNT_S + 10)
        assert [STRANGERS] * 3 == [gap.reason for gap in b.gaps]
        assert 0 == b.mode.statistics().ghosts
        assert 2 == b.mode.statistics().ghosts_sighted
        await trio.sleep(3600)

        assert 3 == len(b.gaps)
        assert 2 == len(b.slack.open)


async def test_a_hello_that_counts_nothing_is_believed(autojump_clock: trio.abc.Clock) -> None:
    """Without a count there are no strangers, and nothing is asked for again."""
    async with bench(1) as b:
        b.slack.greeting = lambda _: {"type": "hello"}
        await b.nursery.start(b.mode.run)
        await trio.sleep(7200)

        assert not b.gaps
        assert 1 == len(b.slack.asked_at)


async def test_a_silent_connection_is_replaced(autojump_clock: trio.abc.Clock) -> None:
    """One that gets nothing while the other gets fifty is a gap, and is closed once another is open."""
    async with bench(2) as b:
        await up(b)
        busy, silent = b.slack.open
        await busy.send(message(1000))
        await silent.send(message(1001))
        served_at = trio.current_time()
        await trio.sleep(60)
        for number in range(50):
            await busy.send(message(number))
        await settled()

        assert not b.gaps
        assert silent in b.slack.open
        assert 3 == len(b.slack.open)
        await trio.sleep(10)
        assert [busy] == b.slack.open[:1]
        assert silent not in b.slack.open
        assert [Gap(served_at, SILENT)] == b.gaps
        assert 1 == b.mode.statistics().connections_silent
        assert 52 == b.mode.statistics().acknowledged


@pytest.mark.parametrize("is_announced", [True, False])
async def test_what_is_over_or_leaving_is_not_judged(
    is_announced: bool, autojump_clock: trio.abc.Clock, log: LogCapture
) -> None:
    """Envelopes that come when a connection counts no more are not held against it."""
    async with bench(2) as b:
        await up(b)
        busy, other = b.slack.open
        b.slack.answers = [httpx.Response(429, headers={"retry-after": "600"})]
        if is_announced:
            await other.disconnect("warning")
        else:
            await other.websocket.aclose()
        await trio.sleep(100)
        for number in range(200):
            await busy.send(message(number))
            await settled()

        assert 200 == b.mode.statistics().acknowledged
        assert not [entry for entry in log.entries if entry.get("reason") == "silent"]
        assert 1 == b.mode.statistics().connections_up
        await trio.sleep(600)
        assert not b.gaps
