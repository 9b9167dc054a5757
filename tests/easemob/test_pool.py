"""Tests of :mod:`slackkefu.easemob.pool`: who has a session, and who waits for one."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.easemob.pooled import IDLE_S, STUCK_S
from slackkefu.easemob.timing import ATTENTIVE, RELAXED
from slackkefu.errors import EasemobSetupError, LinkClosed, LoginRefused, SessionKicked
from tests.easemob.fakes import START, batch, message
from tests.easemob.pool_bench import ADA, BOB, DAY, EVE, HOUR, Bench, visitor

if TYPE_CHECKING:
    from trio.testing import MockClock

    from slackkefu.easemob.names import ImUser


@pytest.fixture
async def bench() -> Bench:
    """A pool with a server."""
    await trio.lowlevel.checkpoint()
    return Bench()


# Live.


async def test_sending_brings_a_session_up_once(bench: Bench, autojump_clock: MockClock) -> None:
    """The first message logs in, the second finds the session; many at once share one login."""
    bench.server.login_s = 1
    async with bench.running() as pool:
        async with trio.open_nursery() as nursery:
            for number in range(1, 6):
                bench.start_send(nursery, ADA, number)
        accepted = await pool.send(ADA, message(6))

    assert accepted.meta_id == 6
    assert ([ADA], 6) == ([user for _, user in bench.server.logins], len(bench.server.sent))


async def test_what_is_sent_before_the_start_waits_for_it(bench: Bench, autojump_clock: MockClock) -> None:
    """A bridge that is quicker than the pool loses nothing."""
    pool = bench.make()
    pool.watch([(BOB, START, False)])
    async with trio.open_nursery() as nursery:
        bench.start_send(nursery, ADA)
        await trio.sleep(1)
        await nursery.start(pool.run)
        await trio.sleep(1)

        assert ([ADA, BOB], 1) == (bench.online, len(bench.server.sent))
        nursery.cancel_scope.cancel()


async def test_batches_go_to_their_visitor(bench: Bench, autojump_clock: MockClock) -> None:
    """One handler for all, told who it is for."""
    async with bench.running() as pool:
        await pool.send(ADA, message())
        await bench.server.online[ADA].on_batch(batch())

    assert [(ADA, batch())] == bench.batches


async def test_a_lost_session_comes_back_by_itself(bench: Bench, autojump_clock: MockClock) -> None:
    """Nobody has to send for that."""
    async with bench.running() as pool:
        await pool.send(ADA, message())
        bench.server.online[ADA].finish(LinkClosed("im.example.com", "cut"))
        await trio.sleep(5)

        assert [ADA] == bench.online
        assert (2, 1, 1) == (pool.statistics().logins, pool.statistics().live, pool.statistics().up)


async def test_an_open_service_session_is_asked_about_more_often(bench: Bench, autojump_clock: MockClock) -> None:
    """The heartbeat follows the service session, now and for the next connection."""
    async with bench.running() as pool:
        await pool.send(ADA, message())
        assert RELAXED == bench.server.online[ADA].heartbeat
        pool.set_open(ADA, is_open=True)
        assert ATTENTIVE == bench.server.online[ADA].heartbeat
        pool.set_open(BOB, is_open=True)
        await pool.send(BOB, message())
        assert ATTENTIVE == bench.server.online[BOB].heartbeat


async def test_it_is_known_since_when_a_visitor_keeps_up(bench: Bench, autojump_clock: MockClock) -> None:
    """Asked of the visitor's link, and told each time; nothing is known of one without a session, or on its way out."""
    async with bench.running() as pool:
        assert pool.drained_since(ADA) is None
        pool.ask(ADA)
        await pool.send(ADA, message())
        connection = bench.server.online[ADA]
        connection.drain()
        assert trio.current_time() == pool.drained_since(ADA)
        pool.ask(ADA)
        assert pool.drained_since(ADA) is None
        connection.drain()

        assert (1, [ADA, ADA]) == (connection.asked, bench.drained)
        pool.set_open(BOB, is_open=True)
        assert pool.drained_since(BOB) is None


# Room.


async def test_at_max_sessions_the_longest_quiet_is_let_go(bench: Bench, autojump_clock: MockClock) -> None:
    """It is logged out before the new one logs in, so the limit holds at every moment."""
    async with bench.running(max_sessions=2) as pool:
        for user in (ADA, BOB, ADA, EVE):
            await pool.send(user, message())
            await trio.sleep(10)

        assert [ADA, EVE] == bench.online
    assert bench.server.most_online == 2
    assert BOB == bench.server.logouts[0][1]
    assert pool.statistics().let_go == 1


async def test_one_with_work_in_hand_is_not_let_go(bench: Bench, autojump_clock: MockClock) -> None:
    """A hold keeps the longest quiet; the next one goes."""
    async with bench.running(max_sessions=2) as pool:
        await pool.send(ADA, message())
        await trio.sleep(10)
        await pool.send(BOB, message())
        with pool.hold(ADA):
            await pool.send(EVE, message())

        assert [ADA, EVE] == bench.online


async def test_one_whose_message_is_not_confirmed_is_not_let_go(bench: Bench, autojump_clock: MockClock) -> None:
    """Its place is free when the desk has confirmed; until then the next one goes, or has to wait."""
    async with bench.running(max_sessions=2) as pool, trio.open_nursery() as nursery:
        await pool.send(ADA, message())
        pool.set_awaits(ADA, awaits=True)
        await trio.sleep(10)
        await pool.send(BOB, message())
        await pool.send(EVE, message())
        assert [ADA, EVE] == bench.online
        pool.set_awaits(EVE, awaits=True)
        bench.start_send(nursery, BOB)
        await trio.sleep(3600)
        assert [ADA, EVE] == bench.online
        pool.set_awaits(ADA, awaits=False)
        await trio.sleep(1)

        assert [BOB, EVE] == bench.online


async def test_one_with_a_batch_in_work_is_not_let_go(bench: Bench, autojump_clock: MockClock) -> None:
    """Neither is a visitor whose answer is just being posted."""
    bench.batch_s = 100
    async with bench.running(max_sessions=1) as pool, trio.open_nursery() as nursery:
        await pool.send(ADA, message())
        nursery.start_soon(bench.server.online[ADA].on_batch, batch())
        await trio.sleep(1)
        began = trio.current_time()
        await pool.send(BOB, message())

        assert 98 < trio.current_time() - began < 100
        assert [(ADA, batch())] == bench.batches


async def test_one_with_a_batch_that_is_stuck_is_let_go(bench: Bench, autojump_clock: MockClock) -> None:
    """Nor for ever: after an hour its place goes to another, also while its service session is open."""
    bench.batch_s = DAY
    async with bench.running(max_sessions=2) as pool, trio.open_nursery() as nursery:
        await pool.send(EVE, message())
        await pool.send(ADA, message())
        pool.set_open(ADA, is_open=True)
        pool.set_open(EVE, is_open=True)
        nursery.start_soon(bench.deliver, ADA)
        await trio.sleep(1)
        bench.start_send(nursery, BOB)
        await trio.sleep(STUCK_S - 10)
        assert ([ADA, EVE], 0) == (bench.online, pool.statistics().stuck)
        await trio.sleep(10)

        assert ([BOB, EVE], 1) == (bench.online, pool.statistics().stuck)
        assert [] == bench.batches


async def test_one_that_is_stuck_keeps_no_place_anew(bench: Bench, autojump_clock: MockClock) -> None:
    """It comes back when there is room, and leaves at once for another, until a batch of it is settled."""
    bench.batch_s = STUCK_S + 100
    async with bench.running(max_sessions=1) as pool, trio.open_nursery() as nursery:
        await pool.send(ADA, message())
        nursery.start_soon(bench.deliver, ADA)
        await trio.sleep(STUCK_S + 1)
        await pool.send(BOB, message())
        bench.rest.waiting[ADA] = 1
        await trio.sleep(700)
        assert [ADA] == bench.online
        nursery.start_soon(bench.deliver, ADA)
        await trio.sleep(1)
        await pool.send(BOB, message())
        assert [BOB] == bench.online

        bench.batch_s = 100
        bench.rest.waiting[ADA] = 1
        await trio.sleep(700)
        nursery.start_soon(bench.deliver, ADA)
        await trio.sleep(101)
        assert ([ADA], 0, 1) == (bench.online, pool.statistics().stuck, len(bench.batches))
        nursery.start_soon(bench.deliver, ADA)
        await trio.sleep(1)
        bench.start_send(nursery, BOB)
        await trio.sleep(50)

        assert [ADA] == bench.online


async def test_one_with_a_send_in_flight_is_not_let_go(bench: Bench, autojump_clock: MockClock) -> None:
    """Nor one whose message is not yet acknowledged."""
    bench.server.send_s = 10
    async with bench.running(max_sessions=1) as pool, trio.open_nursery() as nursery:
        bench.start_send(nursery, ADA)
        await trio.sleep(1)
        bench.start_send(nursery, BOB)
        await trio.sleep(5)

        assert ([ADA], 1) == (bench.online, pool.statistics().waiting)
    assert [ADA, BOB] == [user for user, _ in bench.server.sent]


async def test_one_with_an_open_service_session_is_not_let_go(bench: Bench, autojump_clock: MockClock) -> None:
    """Neither for others nor for being quiet; when it closes, its place is free."""
    async with bench.running(max_sessions=1) as pool, trio.open_nursery() as nursery:
        await pool.send(ADA, message())
        pool.set_open(ADA, is_open=True)
        await trio.sleep(10 * HOUR)
        assert [ADA] == bench.online
        bench.start_send(nursery, BOB)
        await trio.sleep(HOUR)
        assert ([ADA], 1) == (bench.online, pool.statistics().waiting)
        pool.set_open(ADA, is_open=False)
        await trio.sleep(1)
        assert ([BOB], 0) == (bench.online, pool.statistics().waiting)


async def test_those_without_room_wait_in_order_of_arrival(bench: Bench, autojump_clock: MockClock) -> None:
    """A metric says how many; the places go first come, first served."""
    async with bench.running(max_sessions=1) as pool, trio.open_nursery() as nursery:
        with pool.hold(ADA):
            await pool.send(ADA, message())
            for number in (5, 3, 4):
                bench.start_send(nursery, visitor(number))
                await trio.sleep(1)
            assert pool.statistics().waiting == 3

    assert [ADA, visitor(5), visitor(3), visitor(4)] == [user for _, user in bench.server.logins]
    assert bench.server.most_online == 1


async def test_one_that_comes_back_while_it_is_let_go_waits_for_its_end(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """Never two links for one user: the server would throw one out."""
    bench.server.logout_s = 2
    async with bench.running(max_sessions=1) as pool, trio.open_nursery() as nursery:
        await pool.send(ADA, message())
        await trio.sleep(1)
        bench.start_send(nursery, BOB)
        await trio.sleep(1)
        bench.start_send(nursery, ADA)

    assert [ADA, BOB, ADA] == [user for _, user in bench.server.logins]


async def test_also_with_free_places_it_waits_for_its_end(bench: Bench, autojump_clock: MockClock) -> None:
    """Let go for being quiet, and needed again during the logout: one link after the other."""
    bench.server.logout_s = 2
    async with bench.running() as pool:
        await pool.send(ADA, message())
        await trio.sleep(IDLE_S + 1)
        assert not bench.server.logouts
        await pool.send(ADA, message())

        ((logout, _),) = bench.server.logouts
        assert logout <= bench.server.logins[1][0]


async def test_a_cancelled_sender_leaves_the_session_coming(bench: Bench, autojump_clock: MockClock) -> None:
    """The budget ran out during a slow login; the repeat finds the session up."""
    bench.server.login_s = 5
    async with bench.running() as pool:
        with trio.move_on_after(2.5):
            await pool.send(ADA, message())
        await trio.sleep(5)
        began = trio.current_time()
        await pool.send(ADA, message())

        assert trio.current_time() == began
    assert len(bench.server.logins) == 1


async def test_a_batch_for_one_being_let_go_is_left_at_easemob(bench: Bench, autojump_clock: MockClock) -> None:
    """It is not handed on halfway."""
    bench.server.logout_s = 2
    async with bench.running(max_sessions=1) as pool, trio.open_nursery() as nursery:
        await pool.send(ADA, message())
        connection = bench.server.online[ADA]
        bench.start_send(nursery, BOB)
        await trio.sleep(1)
        with pytest.raises(LinkClosed):
            await connection.on_batch(batch())

    assert [] == bench.batches


# Pace.


async def test_logins_are_paced_in_order(bench: Bench, autojump_clock: MockClock) -> None:
    """At ``logins_per_second``, first come, first served; losses are no exception."""
    users = [visitor(number) for number in range(30)]
    async with bench.running(logins_per_second=10):
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for user in users:
                bench.start_send(nursery, user)
                await trio.sleep(0.001)
        assert users == [user for _, user in bench.server.logins]
        assert 2.8 < trio.current_time() - began < 3.2
        began = trio.current_time()
        for connection in [*bench.server.online.values()]:
            connection.finish(LinkClosed("im.example.com", "cut"))
        await trio.sleep(0.1)
        await bench.server.until(lambda: len(bench.server.online) == 30)
        assert 2.8 < trio.current_time() - began < 5.5


async def test_somebody_who_writes_does_not_wait_behind_those_brought_back(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """After a restart a new message goes first, also that of a visitor in the middle of the queue."""
    async with bench.running(logins_per_second=1) as pool:
        pool.watch([(visitor(number), START - number, False) for number in range(50)])
        await trio.sleep(5)
        began = trio.current_time()
        await pool.send(visitor(40), message())
        await pool.send(visitor(99), message())

        assert trio.current_time() - began <= 2.1


# Refused and thrown out.


async def test_a_final_refusal_reaches_the_sender_and_is_remembered(bench: Bench, autojump_clock: MockClock) -> None:
    """A visitor who keeps writing does not hammer; a minute later it is tried again."""
    bench.server.by_token[f"{ADA}-token"] = LoginRefused(12, "")
    async with bench.running() as pool:
        for _ in range(10):
            with pytest.raises(LoginRefused):
                await pool.send(ADA, message())
            await trio.sleep(1)
        assert (1, 1) == (len(bench.server.dials), pool.statistics().refused)
        await trio.sleep(60)
        bench.server.by_token.clear()
        await pool.send(ADA, message())

        assert [ADA] == bench.online


async def test_one_refused_visitor_delays_no_other(bench: Bench, autojump_clock: MockClock) -> None:
    """Its place is free again at once."""
    bench.server.by_token[f"{ADA}-token"] = LoginRefused(12, "")
    async with bench.running(max_sessions=1) as pool:
        with pytest.raises(LoginRefused):
            await pool.send(ADA, message())
        await pool.send(BOB, message())


async def test_wrong_credentials_reach_the_sender(bench: Bench, autojump_clock: MockClock) -> None:
    """At once, with the advice."""
    bench.rest.token_error = EasemobSetupError("call", "400", "Mend it.")
    async with bench.running() as pool:
        with pytest.raises(EasemobSetupError, match="Mend it"):
            await pool.send(ADA, message())


async def test_a_kick_pauses_that_visitor_only(bench: Bench, autojump_clock: MockClock) -> None:
    """The others go on; the pause holds also when the visitor writes."""
    async with bench.running() as pool:
        await pool.send(ADA, message())
        await pool.send(BOB, message())
        bench.server.online[ADA].finish(SessionKicked(2, ""))
        await trio.sleep(0.001)
        began = trio.current_time()
        await pool.send(BOB, message())
        assert trio.current_time() == began
        await pool.send(ADA, message())

        assert trio.current_time() - began == pytest.approx(60, abs=0.2)
        assert pool.statistics().kicks == 1


async def test_a_pause_outlives_being_let_go(bench: Bench, autojump_clock: MockClock) -> None:
    """Making room and coming back does not shorten it."""
    async with bench.running(max_sessions=1) as pool:
        await pool.send(ADA, message())
        bench.server.online[ADA].finish(SessionKicked(2, ""))
        await trio.sleep(1)
        await pool.send(BOB, message())
        began = trio.current_time()
        await pool.send(ADA, message())

        assert trio.current_time() - began > 50


async def test_a_removed_user_is_made_anew_at_the_next_need(bench: Bench, autojump_clock: MockClock) -> None:
    """STATISTIC 1 is final for the session, not for the visitor."""
    async with bench.running() as pool:
        await pool.send(ADA, message())
        bench.server.online[ADA].finish(SessionKicked(1, ""))
        await trio.sleep(70)
        assert [] == bench.online
        await pool.send(ADA, message())

        assert [ADA] == bench.online


# The end.


async def test_stopping_logs_all_out_together(bench: Bench, autojump_clock: MockClock) -> None:
    """Thirty logouts of two seconds take two seconds."""
    bench.server.logout_s = 2
    async with bench.running():
        async with trio.open_nursery() as nursery:
            for number in range(30):
                bench.start_send(nursery, visitor(number))
        began = trio.current_time()

    assert trio.current_time() - began == pytest.approx(2)
    assert len(bench.server.logouts) == 30


async def test_stopping_takes_3_s_at_most(bench: Bench, autojump_clock: MockClock) -> None:
    """A server that does not answer is left."""
    bench.server.logout_s = 1e6
    async with bench.running() as pool:
        await pool.send(ADA, message())
        began = trio.current_time()

    assert trio.current_time() - began == pytest.approx(3)


async def test_stopping_tells_those_who_wait(bench: Bench, autojump_clock: MockClock) -> None:
    """For room or for a login: nobody is left hanging."""
    errors = []

    async def send(user: ImUser) -> None:
        with pytest.raises(LinkClosed) as caught:
            await bench.pool.send(user, message())
        errors.append(caught.value)

    bench.server.login_s = 1e6
    async with trio.open_nursery() as nursery:
        async with bench.running(max_sessions=1):
            nursery.start_soon(send, ADA)
            await trio.sleep(1)
            nursery.start_soon(send, BOB)
            await trio.sleep(1)
        nursery.start_soon(send, EVE)

    assert len(errors) == 3


async def test_its_repr_is_one_line(bench: Bench, autojump_clock: MockClock) -> None:
    """State without names."""
    async with bench.running(max_sessions=5) as pool:
        await pool.send(ADA, message())

        assert repr(pool) == "<Pool 1 of 5 live, 0 waiting>"


async def test_a_stranger_is_forgotten_after_a_week(bench: Bench, autojump_clock: MockClock) -> None:
    """What the pool keeps has a bound: those active within a week."""
    async with bench.running() as pool:
        await pool.send(ADA, message())
        pool.set_open(ADA, is_open=True)
        pool.set_open(ADA, is_open=False)
        for _ in range(8):
            await trio.sleep(DAY / 2)
            await trio.sleep(DAY / 2)

        assert {} == pool._visitors
        assert pool.statistics().quiet == 0


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_happens_the_rules_hold(seed: int, bench: Bench, autojump_clock: MockClock) -> None:
    """Many visitors, little room, losses, kicks, holds and open sessions: every message goes out, the limit holds."""
    dice = random.Random(seed)
    users = [visitor(number) for number in range(12)]
    bench.server.login_s, bench.server.send_s, bench.server.logout_s = 0.3, 0.2, 0.3

    async def talk(user: ImUser) -> None:
        for number in range(20):
            await trio.sleep(dice.expovariate(1 / 40))
            pool.set_open(user, is_open=dice.random() < 0.1)
            with pool.hold(user) if dice.random() < 0.3 else trio.CancelScope():
                await pool.send(user, message(number + 1))
                await trio.sleep(dice.random())
        pool.set_open(user, is_open=False)

    async def trouble() -> None:
        while True:
            await trio.sleep(dice.expovariate(1 / 20))
            if bench.server.online:
                end = dice.choice([LinkClosed("h", "cut"), SessionKicked(2, "")])
                dice.choice([*bench.server.online.values()]).finish(end)

    async with bench.running(max_sessions=4) as pool, trio.open_nursery() as around:
        around.start_soon(trouble)
        async with trio.open_nursery() as nursery:
            for user in users:
                nursery.start_soon(talk, user)
        around.cancel_scope.cancel()

    assert bench.server.most_online <= 4
    assert set(users) == {user for user, _ in bench.server.sent}
    assert all({*range(1, 21)} <= {m.meta_id for u, m in bench.server.sent if u == user} for user in users)


# Who is forgotten.


async def test_a_live_visitor_who_is_removed(bench: Bench, autojump_clock: MockClock) -> None:
    """They are logged out and not looked at any more, whatever was kept for; a later message makes them anew."""
    async with bench.running() as pool:
        await pool.send(ADA, message())
        pool.set_open(ADA, is_open=True)
        await pool.remove(ADA)

        assert [] == bench.online
        assert (0, 0, 0) == (pool.statistics().live, pool.statistics().open, pool.statistics().quiet)

        await trio.sleep(DAY)

        assert 0 == pool.statistics().checks

        await pool.send(ADA, message(2))

        assert [ADA] == bench.online


async def test_a_quiet_visitor_who_is_removed(bench: Bench, autojump_clock: MockClock) -> None:
    """They are not asked about any more, also where that is being asked at this moment."""
    async with bench.running() as pool:
        pool.watch([(ADA, START - 2 * DAY, False), (BOB, START - 2 * DAY, False)])
        await pool.remove(ADA)
        await trio.sleep(DAY)

        assert 1 == pool.statistics().quiet
        assert [] == bench.online


async def test_nobody_who_is_removed(bench: Bench, autojump_clock: MockClock) -> None:
    """Who was never there is gone at once."""
    async with bench.running() as pool:
        await pool.remove(EVE)

        assert 0 == pool.statistics().live
