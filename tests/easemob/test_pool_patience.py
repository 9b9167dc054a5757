"""Tests of :mod:`slackkefu.easemob.pool` and its links: senders who do not wait for a login for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.easemob.pool import REFUSED_S
from slackkefu.errors import ConnectFailed, LinkClosed, LoginRefused, SessionKicked
from tests.easemob.fakes import message
from tests.easemob.pool_bench import ADA, BOB, Bench

if TYPE_CHECKING:
    from trio.testing import MockClock

    from slackkefu.easemob.pool import Pool

LIMIT = LoginRefused(7, "Sorry, the app day live count limit")


@pytest.fixture
async def bench() -> Bench:
    """A pool with a server."""
    await trio.lowlevel.checkpoint()
    return Bench()


async def failed_after(pool: Pool, patience_s: float) -> float:
    """Return how long a sender waited in vain."""
    began = trio.current_time()
    with pytest.raises(ConnectFailed):
        await pool.send(ADA, message(), patience_s=patience_s)
    return round(trio.current_time() - began, 3)


async def test_patience_counts_from_the_first_who_waited(bench: Bench, autojump_clock: MockClock) -> None:
    """The first sender waits its time, those after it what is left; a login that comes begins it anew."""
    bench.server.outcomes += [ConnectFailed("im.example.com", "refused")] * 8
    async with bench.running() as pool:
        assert (30.0, 0.0) == (await failed_after(pool, 30), await failed_after(pool, 30))
        assert pool.is_missing(ADA)
        await bench.server.up(ADA)
        await pool.send(ADA, message(), patience_s=0)
        assert not pool.is_missing(ADA)
        bench.server.online[ADA].finish(SessionKicked(2, ""))
        await trio.sleep(0.001)

        assert (True, 30.0) == (pool.is_missing(ADA), await failed_after(pool, 30))


async def test_an_acknowledgement_is_not_a_matter_of_patience(bench: Bench, autojump_clock: MockClock) -> None:
    """What has left is waited for, however long that takes: it must not be taken for what never left."""
    bench.server.send_s = 100
    async with bench.running() as pool:
        assert 1 == (await pool.send(ADA, message(), patience_s=30)).meta_id


async def test_after_a_refusal_the_next_login_gets_its_time(bench: Bench, autojump_clock: MockClock) -> None:
    """A refusal is an answer and comes at once; when it is asked for again, the answer is waited for."""
    bench.server.login_s = 2
    bench.server.outcomes.append(LIMIT)
    async with bench.running() as pool:
        with pytest.raises(LoginRefused):
            await pool.send(ADA, message(), patience_s=30)
        assert pool.is_missing(ADA)
        with pytest.raises(LoginRefused):
            await pool.send(ADA, message(), patience_s=30)
        await trio.sleep(REFUSED_S)
        await pool.send(ADA, message(), patience_s=30)

        assert not pool.is_missing(ADA)


async def test_patience_with_a_full_house(bench: Bench, autojump_clock: MockClock) -> None:
    """Who gets no room waits no longer either, keeps its place in the queue, and is in when there is room."""
    async with bench.running(max_sessions=1) as pool:
        await pool.send(BOB, message())
        with pool.hold(BOB):
            assert (30.0, 0.0) == (await failed_after(pool, 30), await failed_after(pool, 30))
            assert pool.is_missing(ADA)
        await bench.server.up(ADA)

        assert not pool.is_missing(ADA)


async def test_a_quiet_visitor_misses_nothing(bench: Bench, autojump_clock: MockClock) -> None:
    """Who was let go, and who was never heard of, has no login that is due."""
    async with bench.running(max_sessions=1) as pool:
        await pool.send(ADA, message())
        await pool.send(BOB, message())

        assert (False, False) == (pool.is_missing(ADA), pool.is_missing(BOB))


async def test_a_login_that_is_gone_is_told(bench: Bench, autojump_clock: MockClock) -> None:
    """Once for each that worked, and never for one that did not come about."""
    async with bench.running() as pool:
        await pool.send(ADA, message())
        bench.server.outcomes += [ConnectFailed("im.example.com", "refused")] * 3
        bench.server.online[ADA].finish(LinkClosed("im.example.com", "cut"))
        await trio.sleep(0.001)
        await bench.server.up(ADA)

        assert [ADA] == bench.lost
