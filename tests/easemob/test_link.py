"""Tests of :mod:`slackkefu.easemob.link`."""

from __future__ import annotations

import random
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel

from slackkefu.easemob.link import KickPause, Link, Spelling, pauses
from slackkefu.easemob.names import im_user
from slackkefu.easemob.rest import UserToken
from slackkefu.easemob.timing import ATTENTIVE, RELAXED
from slackkefu.errors import (
    ConnectFailed,
    EasemobSetupError,
    LinkClosed,
    LoginRefused,
    RestPlanLimit,
    RestRateLimited,
    SendRefused,
    SessionKicked,
    SlackkefuError,
    StoreUnwritable,
)
from slackkefu.secret import Secret
from tests.easemob.fakes import APP_KEY, SOCKET, FakeConnection, FakeServer, FixedEndpoints, batch, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio.testing import MockClock

    from slackkefu.easemob.message import Batch
    from slackkefu.easemob.names import ImUser

ADA = im_user("t1_u1_c1")


class Tokens:
    """User tokens from a store, and fresh ones after a refusal."""

    def __init__(self) -> None:
        self.current = "kept-1"
        self.fresh = False
        self.issued = 0
        self.forgotten: list[ImUser] = []
        self.error: SlackkefuError | None = None

    async def user_token(self, user: ImUser, *, rejected: Secret | None = None) -> UserToken:
        """Return the kept token, or a new one."""
        await trio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        self.fresh = rejected == Secret(self.current) or not self.current
        if self.fresh:
            self.issued += 1
            self.current = f"fresh-{self.issued}"
        return UserToken(Secret(self.current), float("inf"), fresh=self.fresh)

    async def forget_user(self, user: ImUser) -> None:
        """Take note."""
        await trio.lowlevel.checkpoint()
        self.forgotten.append(user)


class Bench:
    """A link with a server, and what became of its run."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.server = FakeServer()
        self.tokens = Tokens()
        self.addresses = FixedEndpoints()
        self.kicks = KickPause()
        self.spelling = Spelling()
        self.batches: list[Batch] = []
        self.batch_error: SlackkefuError | None = None
        self.drained = 0
        self.turns = 0
        self.lost: list[float] = []
        self.ended: SlackkefuError | str | None = None
        self.link = self.make()

    def make(self) -> Link:
        """Make a link; :meth:`start` runs it."""
        self.link = Link(
            ADA,
            app_key=APP_KEY,
            resource="slackkefu-0123456789abcdef",
            tokens=self.tokens,
            addresses=self.addresses,
            dial=self.server.dial,
            on_batch=self._on_batch,
            on_drained=self._on_drained,
            on_lost=lambda: self.lost.append(trio.current_time()),
            turn=self._turn,
            kicks=self.kicks,
            spelling=self.spelling,
            heartbeat=RELAXED,
            chance=random.Random(1),
        )
        return self.link

    async def _on_batch(self, given: Batch) -> None:
        await trio.lowlevel.checkpoint()
        if self.batch_error is not None:
            raise self.batch_error
        self.batches.append(given)

    def _on_drained(self) -> None:
        self.drained += 1

    async def _turn(self) -> None:
        await trio.lowlevel.checkpoint()
        self.turns += 1

    def start(self) -> None:
        """Run the link, and note how it ends."""
        self.nursery.start_soon(self._run)

    async def _run(self) -> None:
        try:
            await self.link.run()
        except SlackkefuError as error:
            self.ended = error
        else:
            self.ended = "in order"

    async def up(self) -> FakeConnection:
        """Wait for the present connection."""
        return await self.server.up(ADA)

    @property
    def gaps(self) -> list[float]:
        """Seconds between dials."""
        return [later[0] - earlier[0] for earlier, later in pairwise(self.server.dials)]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A link with a server."""
    async with trio.open_nursery() as nursery:
        yield Bench(nursery)
        nursery.cancel_scope.cancel()


# Up, down, and again.


async def test_a_message_waits_for_the_login(bench: Bench, autojump_clock: MockClock) -> None:
    """Who sends before the login is served after it; login and token are those of the visitor."""
    bench.server.login_s = 2
    bench.start()
    accepted = await bench.link.send(message(7))

    assert accepted.meta_id == 7
    login = (await bench.up()).login
    assert (APP_KEY, ADA, Secret("kept-1"), "slackkefu-0123456789abcdef") == (
        login.app_key,
        login.user,
        login.token,
        login.resource,
    )


async def test_a_lost_connection_comes_back_within_2_s(bench: Bench, autojump_clock: MockClock) -> None:
    """The first attempt after a good connection is quick; a message sent meanwhile goes over the new one."""
    bench.start()
    (await bench.up()).finish(LinkClosed("im.example.com", "cut"))
    await trio.sleep(0.001)
    began = trio.current_time()
    await bench.link.send(message())

    assert trio.current_time() - began <= 2
    assert (2, 2) == (bench.link.logins, bench.turns)


async def test_the_steps_are_those_of_the_go_client(bench: Bench, autojump_clock: MockClock) -> None:
    """Quick once, three times 5 to 10 s, five times 20 to 40 s, then 60 to 120 s for ever."""
    bench.server.outcomes.extend(ConnectFailed("im.example.com", "refused") for _ in range(20))
    bench.start()
    await trio.sleep(3000)
    bounds = [(0, 2)] + [(5, 10)] * 3 + [(20, 40)] * 5 + [(60, 120)] * 11

    assert all(low <= gap <= high + 0.1 for gap, (low, high) in zip(bench.gaps, bounds, strict=True))
    assert bench.link.up_since is not None


async def test_the_steps_begin_anew_after_5_minutes(bench: Bench, autojump_clock: MockClock) -> None:
    """A connection that is lost again at once does not make the next attempt quick; one that lasted does."""
    bench.start()
    for lasts_s in (1.0, 1.0, 301.0, 1.0):
        connection = await bench.up()
        await trio.sleep(lasts_s)
        connection.finish(LinkClosed("im.example.com", "cut"))
        await trio.sleep(0.001)
    await bench.up()
    waits = [gap - lasted for gap, lasted in zip(bench.gaps, (1.0, 1.0, 301.0, 1.0), strict=True)]

    assert [True, False, True, False] == [wait <= 2.1 for wait in waits]


def test_pauses_are_jittered_and_never_end(chance: random.Random) -> None:
    """Links that lost one server do not come back in step."""
    first = list(islice(pauses(chance), 200))

    assert first != list(islice(pauses(chance), 200))
    assert max(first) <= 120


async def test_failover_over_websocket_hosts(bench: Bench, autojump_clock: MockClock) -> None:
    """A host that cannot be reached is reported, and the next tried at once; at most three in a row."""
    bench.addresses.websockets = tuple(f"wss://im-{n}.example.com/websocket" for n in range(5))
    bench.server.outcomes.extend(ConnectFailed("h", "refused") for _ in range(3))
    bench.start()
    await bench.up()

    assert [0, 1, 2, 0] == [int(url.split("-")[1][0]) for _, _, url in bench.server.dials]
    assert list(bench.addresses.websockets[:3]) == bench.addresses.failed
    assert bench.gaps[0] == bench.gaps[1] == 0
    assert bench.turns == 2


async def test_a_loss_after_the_login_is_no_failover(bench: Bench, autojump_clock: MockClock) -> None:
    """A host that worked is not reported."""
    bench.addresses.websockets = (SOCKET, "wss://other.example.com/websocket")
    bench.start()
    (await bench.up()).finish(LinkClosed("im.example.com", "cut"))
    await trio.sleep(5)

    assert ([SOCKET, SOCKET], []) == ([url for _, _, url in bench.server.dials], bench.addresses.failed)


async def test_a_login_that_hangs_is_given_up(bench: Bench, autojump_clock: MockClock) -> None:
    """After 20 s the host counts as failed."""
    bench.server.login_s = 1e6
    bench.start()
    await trio.sleep(25)

    assert [SOCKET] == bench.addresses.failed
    assert len(bench.server.dials) == 2


async def test_a_message_that_never_left_is_sent_on_the_next_connection(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """The connection says that it is over before its task has ended: the message waits for the next one."""
    bench.start()
    first = await bench.up()
    first.up = False
    with trio.move_on_after(5):
        await bench.link.send(message())
    first.finish(LinkClosed("im.example.com", "cut"))
    await bench.link.send(message())

    assert [] == first.sent
    assert len(bench.server.sent) == 1


async def test_a_refused_message_is_the_senders(bench: Bench, autojump_clock: MockClock) -> None:
    """What Easemob says to a message is not the link's affair."""
    bench.start()
    connection = await bench.up()

    async def refuse(_: object) -> None:
        raise SendRefused(7, "Sorry, data is too large")

    connection.send = refuse  # type: ignore[method-assign, assignment]  # a server that refuses
    with pytest.raises(SendRefused):
        await bench.link.send(message())
    assert bench.link.logins == 1


# Refused.


@pytest.mark.parametrize("refusal", [LoginRefused(1, "Sorry, token expired"), LoginRefused(2, ""), LoginRefused(6, "")])
async def test_a_refused_token_is_replaced_once(refusal: LoginRefused, bench: Bench, autojump_clock: MockClock) -> None:
    """A kept token that is refused brings a fresh one, at once."""
    bench.server.by_token["kept-1"] = refusal
    bench.start()
    connection = await bench.up()

    assert Secret("fresh-1") == connection.login.token
    assert [0] == bench.gaps


async def test_a_refused_fresh_token_is_final(bench: Bench, autojump_clock: MockClock) -> None:
    """Refused in both spellings it ends the link, and who waits hears why."""
    bench.server.by_token.update({name: LoginRefused(6, "") for name in ("kept-1", "fresh-1", "fresh-2")})
    bench.start()
    with pytest.raises(LoginRefused):
        await bench.link.send(message())

    assert isinstance(bench.ended, LoginRefused)
    assert (4, 2) == (len(bench.server.dials), bench.tokens.issued)
    assert bench.spelling.dollar_prefix
    with pytest.raises(LoginRefused):
        await bench.link.send(message())


async def test_the_spelling_that_works_is_kept_for_all(bench: Bench, autojump_clock: MockClock) -> None:
    """Where a cluster takes bare tokens only, one link finds out, and the next begins with them (facts/msync.md §5)."""
    bench.server.by_token.update({name: LoginRefused(2, "") for name in ("kept-1", "fresh-1")})
    bench.start()
    connection = await bench.up()

    assert not connection.login.dollar_prefix
    assert not bench.spelling.dollar_prefix
    assert not bench.make()._dollar_prefix


async def test_a_token_that_ends_after_weeks_is_replaced_again(bench: Bench, autojump_clock: MockClock) -> None:
    """Once a time, not once a life."""
    bench.server.by_token["kept-1"] = LoginRefused(6, "")
    bench.start()
    connection = await bench.up()
    await trio.sleep(400)
    bench.server.by_token["fresh-1"] = LoginRefused(6, "")
    connection.finish(LinkClosed("im.example.com", "cut"))
    await trio.sleep(5)

    assert Secret("fresh-2") == (await bench.up()).login.token


@pytest.mark.parametrize("code", [3, 4, 7, 11, 12, 13, 16, 17, 18, 20])
async def test_final_refusals_are_not_tried_again(code: int, bench: Bench, autojump_clock: MockClock) -> None:
    """One login, then the typed reason."""
    bench.server.outcomes.append(LoginRefused(code, ""))
    bench.start()
    await trio.sleep(1000)

    assert isinstance(bench.ended, LoginRefused)
    assert (code, 1) == (bench.ended.code, len(bench.server.dials))


@pytest.mark.parametrize(
    "problem",
    [RestPlanLimit("call", 429, "resource_limited"), EasemobSetupError("call", "400", "Mend it.")],
)
async def test_what_waiting_does_not_mend_ends_the_link(
    problem: SlackkefuError, bench: Bench, autojump_clock: MockClock
) -> None:
    """The sender is told at once."""
    bench.tokens.error = problem
    bench.start()
    with pytest.raises(type(problem)):
        await bench.link.send(message())
    assert problem is bench.ended


async def test_a_rate_limit_is_waited_out(bench: Bench, autojump_clock: MockClock) -> None:
    """The link stays, with its back-off."""
    bench.tokens.error = RestRateLimited("call", 429, "reach_limit")
    bench.start()
    await trio.sleep(20)
    bench.tokens.error = None
    await bench.link.send(message())

    assert bench.ended is None


# Thrown out.


@pytest.mark.parametrize("operation", [2, 4])
async def test_pause_growth(operation: int, bench: Bench, autojump_clock: MockClock) -> None:
    """After STATISTIC 2 or 4: one minute, two, four, … one hour."""
    bench.start()
    for _ in range(9):
        (await bench.up()).finish(SessionKicked(operation, ""))
        await trio.sleep(0.001)
    await bench.up()

    assert [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600] == [round(gap) for gap in bench.gaps]
    assert bench.link.kicked == 9


async def test_the_pause_begins_anew_after_an_hour_of_quiet(bench: Bench, autojump_clock: MockClock) -> None:
    """Counted from the end of the last pause."""
    bench.start()
    for quiet_s in (0.0, 3500.0, 3700.0):
        connection = await bench.up()
        await trio.sleep(quiet_s)
        connection.finish(SessionKicked(2, ""))
        await trio.sleep(0.001)
    await bench.up()

    assert [60, 120, 60] == [round(gap - quiet) for gap, quiet in zip(bench.gaps, (0, 3500, 3700), strict=True)]


async def test_the_pause_outlives_the_link(bench: Bench, autojump_clock: MockClock) -> None:
    """Letting go and needing again does not shorten it."""
    bench.start()
    (await bench.up()).finish(SessionKicked(2, ""))
    await trio.sleep(10)
    await bench.link.logout()
    bench.make()
    bench.start()
    await bench.up()

    assert [60] == [round(gap) for gap in bench.gaps]


async def test_a_changed_password_brings_a_fresh_token_then_a_pause(bench: Bench, autojump_clock: MockClock) -> None:
    """STATISTIC 3: at once with a new token; again within the hour: somebody else keeps changing it."""
    bench.start()
    for _ in range(2):
        (await bench.up()).finish(SessionKicked(3, ""))
        await trio.sleep(0.001)
    await bench.up()

    assert [0, 60] == [round(gap) for gap in bench.gaps]
    assert bench.tokens.issued == 1


async def test_a_removed_user_ends_the_link_and_its_token(bench: Bench, autojump_clock: MockClock) -> None:
    """STATISTIC 1: the token is forgotten; the next need makes the user anew."""
    bench.start()
    (await bench.up()).finish(SessionKicked(1, ""))
    await trio.sleep(1000)

    assert isinstance(bench.ended, SessionKicked)
    assert ([ADA], 1) == (bench.tokens.forgotten, len(bench.server.dials))


def test_kick_pause_knows_lately() -> None:
    """Within an hour of the last kick."""
    kicks = KickPause()

    assert not kicks.lately(0)
    kicks.note(0)
    assert kicks.lately(3599)
    assert not kicks.lately(3600)


# Batches, logout, state.


async def test_a_batch_goes_to_its_handler(bench: Bench, autojump_clock: MockClock) -> None:
    """As it came."""
    bench.start()
    await (await bench.up()).on_batch(batch())

    assert [batch()] == bench.batches


async def test_a_batch_that_cannot_be_settled_comes_again(bench: Bench, autojump_clock: MockClock) -> None:
    """An error of ours ends the connection, so that nothing is pulled past; the link goes on."""
    bench.batch_error = StoreUnwritable(__file__, "full")  # type: ignore[arg-type]  # any path
    bench.start()
    connection = await bench.up()
    with pytest.raises(LinkClosed, match="StoreUnwritable"):
        await connection.on_batch(batch())


async def test_a_link_knows_since_when_it_keeps_up(bench: Bench, autojump_clock: MockClock) -> None:
    """From the first time that nothing waited on this connection; what is waiting or asked makes it unknown."""
    known = [bench.link.drained_since]
    bench.link.ask()
    bench.start()
    connection = await bench.up()
    known.append(bench.link.drained_since)
    await trio.sleep(10)
    connection.drain()
    known.append(bench.link.drained_since)
    connection.drained = False
    await trio.sleep(10)
    known.append(bench.link.drained_since)
    connection.drain()
    known.append(bench.link.drained_since)
    bench.link.ask()
    known.append(bench.link.drained_since)

    assert [None, None, 10.0, None, 10.0, None] == known
    assert (1, 2) == (connection.asked, bench.drained)


async def test_a_new_connection_keeps_up_anew(bench: Bench, autojump_clock: MockClock) -> None:
    """What came while the link was down is not known before the new connection has been drained."""
    bench.start()
    connection = await bench.up()
    connection.drain()
    connection.finish(LinkClosed("im.example.com", "cut"))
    await trio.sleep(0.001)
    connection.drain()
    known = [bench.link.drained_since]
    connection = await bench.up()
    known.append(bench.link.drained_since)
    now = trio.current_time()
    connection.drain()
    known.append(bench.link.drained_since)

    assert [None, None, now] == known


async def test_logout_is_in_order_and_bounded(bench: Bench, autojump_clock: MockClock) -> None:
    """The server is told; one that does not answer is left after 3 s."""
    bench.start()
    connection = await bench.up()
    await bench.link.logout()
    await trio.sleep(0.001)

    assert (True, "in order") == (connection.logged_out, bench.ended)
    bench.make()
    bench.start()
    await bench.up()
    bench.server.logout_s = 1e6
    began = trio.current_time()
    await bench.link.logout()
    assert trio.current_time() - began == pytest.approx(3)


async def test_a_logout_that_fails_ends_the_link_all_the_same(bench: Bench, autojump_clock: MockClock) -> None:
    """The connection was lost at the same moment: gone is gone."""
    bench.start()
    connection = await bench.up()

    async def fail() -> None:
        raise LinkClosed("im.example.com", "cut")

    connection.logout = fail  # type: ignore[method-assign]  # a server that is gone
    await bench.link.logout()
    await trio.sleep(0.001)

    assert bench.ended == "in order"


async def test_logout_ends_any_waiting(bench: Bench, autojump_clock: MockClock) -> None:
    """A link that waits for its next attempt ends as well, and so does who waits for it."""
    bench.server.outcomes.append(ConnectFailed("h", "refused"))
    bench.start()
    with trio.move_on_after(0.01):
        await bench.up()
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            with pytest.raises(LinkClosed):
                await bench.link.send(message())

        nursery.start_soon(send)
        await trio.sleep(0.01)
        await bench.link.logout()

    assert bench.ended == "in order"


async def test_the_heartbeat_follows(bench: Bench, autojump_clock: MockClock) -> None:
    """A change reaches the present connection, and the next ones."""
    bench.start()
    first = await bench.up()
    assert RELAXED == first.heartbeat
    bench.link.set_heartbeat(ATTENTIVE)
    assert ATTENTIVE == first.heartbeat
    first.finish(LinkClosed("im.example.com", "cut"))
    await trio.sleep(5)

    assert ATTENTIVE == (await bench.up()).heartbeat


async def test_its_repr_is_one_line(bench: Bench, autojump_clock: MockClock) -> None:
    """State without secrets."""
    assert repr(bench.link) == "<Link t1_u1_c1 new, 0 logins>"
    bench.start()
    await bench.up()
    await trio.lowlevel.checkpoint()

    assert repr(bench.link) == "<Link t1_u1_c1 up, 1 logins>"
