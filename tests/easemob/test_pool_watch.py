"""Visitors of the pool that were let go: when they are looked at, and what brings them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.easemob.pooled import IDLE_S
from slackkefu.errors import (
    ConnectFailed,
    EasemobSetupError,
    RemoteProtocolError,
    RestError,
    RestRateLimited,
    SlackkefuError,
)
from tests.easemob.fakes import START, batch, message
from tests.easemob.pool_bench import ADA, DAY, HOUR, MINUTE, REFUSED, UNKNOWN_USER, Bench, visitor

if TYPE_CHECKING:
    from trio.testing import MockClock


@pytest.fixture
async def bench() -> Bench:
    """A pool with a server."""
    await trio.lowlevel.checkpoint()
    return Bench()


# Quiet.


async def test_one_that_was_quiet_for_half_an_hour_is_let_go(bench: Bench, autojump_clock: MockClock) -> None:
    """Counted from the last message either way."""
    async with bench.running() as pool:
        await pool.send(ADA, message())
        await trio.sleep(20 * MINUTE)
        await bench.server.online[ADA].on_batch(batch())
        await trio.sleep(20 * MINUTE)
        assert [ADA] == bench.online
        await trio.sleep(11 * MINUTE)

        assert ([], 1) == (bench.online, pool.statistics().quiet)


async def test_one_with_work_in_hand_is_let_go_after_it(bench: Bench, autojump_clock: MockClock) -> None:
    """Being held puts it off."""
    async with bench.running() as pool:
        await pool.send(ADA, message())
        with pool.hold(ADA):
            await trio.sleep(2 * IDLE_S)
            assert [ADA] == bench.online
        await trio.sleep(2 * MINUTE)

        assert [] == bench.online


@pytest.mark.parametrize(
    ("quiet_s", "is_open", "during_s", "times"),
    [
        (2 * DAY, True, HOUR, 60),
        (2 * DAY, False, DAY, 24),
        (6.5 * DAY, False, 2 * DAY, 12),
        (8 * DAY, False, 2 * DAY, 0),
        (8 * DAY, True, 2 * DAY, 0),
    ],
)
async def test_quiet_watch_schedule(
    quiet_s: float, is_open: bool, during_s: float, times: int, bench: Bench, autojump_clock: MockClock
) -> None:
    """Open: each minute; within a week: hourly; later not. Nobody logs in when nothing waits."""
    async with bench.running() as pool:
        pool.watch([(ADA, START - quiet_s, is_open)])
        await trio.sleep(during_s)

        assert times == pytest.approx(len(bench.rest.checks), abs=1)
        assert [] == bench.server.logins
        assert (0 if quiet_s + during_s >= 7 * DAY else 1) == pool.statistics().quiet


async def test_quiet_within_a_day_every_ten_minutes(bench: Bench, autojump_clock: MockClock) -> None:
    """From being let go to a day after the last message, then hourly."""
    async with bench.running() as pool:
        await pool.send(ADA, message())
        await trio.sleep(IDLE_S + HOUR)
        assert len(bench.rest.checks) == pytest.approx(6, abs=1)
        await trio.sleep(DAY - IDLE_S - HOUR)
        in_a_day = len(bench.rest.checks)
        assert in_a_day == pytest.approx(23.5 * 6, abs=2)
        await trio.sleep(DAY / 2)

        assert len(bench.rest.checks) - in_a_day == pytest.approx(12, abs=1)


async def test_a_new_open_session_is_looked_at_each_minute(bench: Bench, autojump_clock: MockClock) -> None:
    """At once after the change, not when the old time comes."""
    async with bench.running() as pool:
        pool.watch([(ADA, START - 2 * DAY, False)])
        pool.set_open(ADA, is_open=True)
        await trio.sleep(10 * MINUTE)

        assert len(bench.rest.checks) == pytest.approx(10, abs=1)


async def test_what_waits_brings_the_session_up(bench: Bench, autojump_clock: MockClock) -> None:
    """What an agent writes first arrives."""
    async with bench.running() as pool:
        pool.watch([(ADA, START - 2 * DAY, False)])
        bench.rest.waiting[ADA] = 1
        with trio.fail_after(HOUR):
            await bench.server.up(ADA)
        await trio.sleep(MINUTE)

        assert [ADA] == bench.online
        assert (1, 0) == (pool.statistics().found, pool.statistics().checks_refused)


@pytest.mark.parametrize("refusal", [REFUSED, UNKNOWN_USER, RemoteProtocolError("no count")])
async def test_a_refused_count_makes_a_short_login(
    refusal: SlackkefuError, bench: Bench, autojump_clock: MockClock
) -> None:
    """Logged in to look, and let go after half a minute; again at the next turn."""
    bench.rest.count_error = refusal
    async with bench.running() as pool:
        pool.watch([(ADA, START - 2 * DAY, False)])
        await trio.sleep(3 * HOUR)
        logins = [at for at, _ in bench.server.logins]
        logouts = [at for at, _ in bench.server.logouts]

        assert len(logins) == pytest.approx(3, abs=1)
        assert all(30 <= end - begin <= 61 for begin, end in zip(logins, logouts, strict=False))
        assert len(logins) == pool.statistics().checks_refused


async def test_a_short_login_that_brings_something_stays(bench: Bench, autojump_clock: MockClock) -> None:
    """Something waited: from there on it is an active visitor."""
    bench.rest.count_error = REFUSED
    async with bench.running() as pool:
        pool.watch([(ADA, START - 2 * DAY, False)])
        await bench.server.up(ADA)
        await bench.server.online[ADA].on_batch(batch())
        await trio.sleep(20 * MINUTE)

        assert [ADA] == bench.online


@pytest.mark.parametrize(
    "error",
    [
        ConnectFailed("h", "refused"),
        RestRateLimited("call", 429, "reach_limit"),
        RestError("call", 502, ""),
        EasemobSetupError("call", "400", "Mend it."),
    ],
)
async def test_a_count_that_could_not_be_asked_is_asked_again_later(
    error: SlackkefuError, bench: Bench, autojump_clock: MockClock
) -> None:
    """Trouble is no reason for thousands of logins."""
    bench.rest.count_error = error
    async with bench.running() as pool:
        pool.watch([(ADA, START - 2 * DAY, False)])
        await trio.sleep(5 * HOUR)

        assert len(bench.rest.checks) == pytest.approx(5, abs=1)
        assert [] == bench.server.logins


@pytest.mark.parametrize("exists", [False, ConnectFailed("h", "refused")])
async def test_for_an_unknown_user_nothing_waits(
    exists: bool | SlackkefuError, bench: Bench, autojump_clock: MockClock
) -> None:
    """404 may be about the user: one that is not registered is not made for a look."""
    bench.rest.count_error = UNKNOWN_USER
    bench.rest.exists = exists
    async with bench.running() as pool:
        pool.watch([(ADA, START - 2 * DAY, False)])
        await trio.sleep(5 * HOUR)

        assert [] == bench.server.logins


async def test_a_message_during_the_question_wins(bench: Bench, autojump_clock: MockClock) -> None:
    """The session is up when the answer comes: no second one, and no short one."""
    bench.rest.count_s = 10
    bench.rest.count_error = REFUSED
    async with bench.running() as pool:
        pool.watch([(ADA, START - 2 * DAY, True)])
        await bench.rest.asked.wait()
        await pool.send(ADA, message())
        pool.set_open(ADA, is_open=False)
        await trio.sleep(10 * MINUTE)

        assert [ADA] == bench.online
    assert len(bench.server.logins) == 1


async def test_questions_are_few_at_a_time(bench: Bench, autojump_clock: MockClock) -> None:
    """Slow answers do not pile up."""
    bench.rest.count_s = 30
    async with bench.running(max_sessions=1) as pool:
        pool.watch([(visitor(number), START - 2 * DAY, True) for number in range(100)])
        await trio.sleep(61)
        assert len(bench.rest.checks) <= 3 * 8


# After a restart.


async def test_the_recently_active_are_back_by_themselves(bench: Bench, autojump_clock: MockClock) -> None:
    """Those of the last day, the latest first, paced; the others are looked at."""
    async with bench.running(logins_per_second=10) as pool:
        pool.watch([(visitor(number), START - number * HOUR, False) for number in range(48)])
        await trio.sleep(2)
        assert 15 <= len(bench.server.logins) <= 21
        await trio.sleep(2)

        assert [visitor(number) for number in range(24)] == [user for _, user in bench.server.logins]
        assert pool.statistics().quiet == 24


async def test_those_back_are_let_go_again_when_nothing_comes(bench: Bench, autojump_clock: MockClock) -> None:
    """Half an hour after the login, not at once for having been quiet before."""
    async with bench.running() as pool:
        pool.watch([(ADA, START - 20 * HOUR, False)])
        await trio.sleep(IDLE_S - MINUTE)
        assert [ADA] == bench.online
        await trio.sleep(2 * MINUTE)

        assert [] == bench.online


async def test_those_beyond_the_room_are_looked_at(bench: Bench, autojump_clock: MockClock) -> None:
    """Bringing back lets nobody go."""
    async with bench.running(max_sessions=3) as pool:
        pool.watch([(visitor(number), START - number, False) for number in range(10)])
        await trio.sleep(5)
        assert [visitor(0), visitor(1), visitor(2)] == bench.online
        assert (0, 7) == (pool.statistics().let_go, pool.statistics().quiet)


async def test_watching_those_already_live_changes_nothing(bench: Bench, autojump_clock: MockClock) -> None:
    """A visitor who wrote before the list was read stays as active as it is."""
    async with bench.running() as pool:
        await pool.send(ADA, message())
        pool.watch([(ADA, START - 3 * DAY, False)])
        await trio.sleep(20 * MINUTE)

        assert [ADA] == bench.online
    assert len(bench.server.logins) == 1
