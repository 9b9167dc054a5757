"""Tests of :mod:`slackkefu.easemob.pool`: visitors whose answers have nowhere to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.easemob.pooled import SHORT_S
from tests.easemob.fakes import START, message
from tests.easemob.pool_bench import ADA, BOB, DAY, EVE, HOUR, Bench

if TYPE_CHECKING:
    from trio.testing import MockClock


@pytest.fixture
async def bench() -> Bench:
    """A pool with a server."""
    await trio.lowlevel.checkpoint()
    return Bench()


async def test_a_stopped_visitor_is_let_go_a_little_later(bench: Bench, autojump_clock: MockClock) -> None:
    """Also with an open service session and a batch that nobody settles; the others stay."""
    bench.batch_s = 1000 * DAY
    async with bench.running() as pool, trio.open_nursery() as nursery:
        for user in (ADA, BOB):
            await pool.send(user, message())
            pool.set_open(user, is_open=True)
        nursery.start_soon(bench.deliver, ADA)
        await trio.sleep(1)
        pool.set_stopped(ADA, True)
        await trio.sleep(SHORT_S - 2)
        assert [ADA, BOB] == bench.online
        await trio.sleep(4)

        assert [BOB] == bench.online
        assert (1, 0) == (pool.statistics().stopped, pool.statistics().waiting)
        nursery.cancel_scope.cancel()


async def test_nobody_looks_at_a_stopped_visitor(bench: Bench, autojump_clock: MockClock) -> None:
    """Whatever waits at Easemob, there is neither a question nor a login, and it is known to nobody."""
    async with bench.running() as pool:
        await pool.send(ADA, message())
        pool.set_stopped(ADA, True)
        pool.set_stopped(BOB, True)
        bench.rest.waiting = {ADA: 3, BOB: 1}
        await trio.sleep(10 * DAY)

        assert ([], []) == (bench.rest.checks, bench.online)
        assert (0, 0, False) == (pool.statistics().quiet, pool.statistics().live, pool.is_missing(ADA))


async def test_what_has_waited_is_fetched_at_once(bench: Bench, autojump_clock: MockClock) -> None:
    """Whoever goes on is looked at now, not at the next turn; who has nothing waiting is not logged in."""
    async with bench.running() as pool:
        for user in (ADA, BOB):
            await pool.send(user, message())
            pool.set_stopped(user, True)
        await trio.sleep(9 * DAY)
        bench.rest.waiting = {ADA: 3}
        pool.set_stopped(ADA, False)
        pool.set_stopped(BOB, False)
        await trio.sleep(1)

        assert [ADA] == bench.online
        assert {ADA, BOB} == {user for _, user in bench.rest.checks}
        assert 0 == pool.statistics().stopped


async def test_going_on_while_it_is_being_let_go(bench: Bench, autojump_clock: MockClock) -> None:
    """A login that is on its way out is made anew, once, and never two at a time."""
    bench.server.logout_s = 2.0
    async with bench.running() as pool:
        await pool.send(ADA, message())
        pool.set_stopped(ADA, True)
        await trio.sleep(SHORT_S + 1)
        bench.rest.waiting = {ADA: 1}
        pool.set_stopped(ADA, False)
        await trio.sleep(10)

        assert [ADA] == bench.online
        assert 2 == pool.statistics().logins


async def test_what_goes_to_the_desk_goes_on(bench: Bench, autojump_clock: MockClock) -> None:
    """A message that was taken before has a login for as long as it takes, also without one at the beginning."""
    async with bench.running() as pool:
        pool.set_stopped(ADA, True)
        bench.server.send_s = 100
        await pool.send(ADA, message())
        assert [ADA] == bench.online
        pool.set_awaits(ADA, awaits=True)
        await trio.sleep(HOUR)
        assert [ADA] == bench.online
        pool.set_awaits(ADA, awaits=False)
        await trio.sleep(2 * SHORT_S)

        assert [] == bench.online
        assert 1 == pool.statistics().logins


async def test_a_stopped_visitor_takes_no_place(bench: Bench, autojump_clock: MockClock) -> None:
    """With one place for all, whoever waits for it gets it; one that waited for answers alone waits no more."""
    bench.batch_s = 1000 * DAY
    async with bench.running(max_sessions=1) as pool, trio.open_nursery() as nursery:
        await pool.send(ADA, message())
        pool.set_open(ADA, is_open=True)
        nursery.start_soon(bench.deliver, ADA)
        bench.rest.waiting = {EVE: 1}
        pool.watch([(EVE, START - 2 * DAY, True)])
        await trio.sleep(120)
        assert 1 == pool.statistics().waiting
        pool.set_stopped(EVE, True)
        assert 0 == pool.statistics().waiting
        pool.set_stopped(ADA, True)
        await pool.send(BOB, message())

        assert [BOB] == bench.online
        nursery.cancel_scope.cancel()


async def test_a_start_does_not_log_in_for_them(bench: Bench, autojump_clock: MockClock) -> None:
    """Who was stopped before is left alone, however lately they wrote."""
    async with bench.running() as pool:
        pool.set_stopped(ADA, True)
        pool.watch([(ADA, START, True), (BOB, START, True)])
        await trio.sleep(HOUR)

        assert [BOB] == bench.online
        assert {BOB} >= {user for _, user in bench.rest.checks}
