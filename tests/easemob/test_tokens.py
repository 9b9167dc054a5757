"""Tests of :mod:`slackkefu.easemob.tokens`: when an app token is asked for, and when it is not."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.credentials import StoredToken
from slackkefu.easemob.tokens import AppToken, is_good
from slackkefu.errors import ConnectFailed, EasemobSetupError, RestOutcomeUnknown, RestUnauthorized, SlackkefuError
from slackkefu.secret import Secret
from tests.easemob.fakes import START, MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DAY_S = 86400.0
LIFE_S = 60 * DAY_S
REFUSED = RestUnauthorized("GET /users/{username}", 401, "unauthorized")


class Issuer:
    """Issues tokens, and takes note of when."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self.wall = wall
        self.times: list[float] = []
        self.error: SlackkefuError | None = None
        self.life_s = LIFE_S

    async def __call__(self) -> StoredToken:
        """Take a second to issue a token."""
        self.times.append(self.wall() - START)
        await trio.sleep(1)
        if self.error is not None:
            raise self.error
        now = self.wall()
        return StoredToken(Secret(f"token-{len(self.times)}"), obtained_at=now, expires_at=now + self.life_s)


class Bench:
    """An app token with all around it; :meth:`restart` makes a new process of it."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.began = trio.current_time()
        self.store = MemoryStore()
        self.issuer = Issuer(self.wall)
        self.token = self.restart()

    def wall(self) -> float:
        """Tell the calendar's time."""
        return START + trio.current_time() - self.began

    def restart(self) -> AppToken:
        """Forget what is in memory."""
        self.token = AppToken(store=self.store, fetch=self.issuer, wall=self.wall, nursery=self.nursery)
        return self.token

    async def get(self) -> str:
        """Get the token's text."""
        return (await self.token.get()).reveal()

    def kept(self, value: str, *, age_s: float, life_s: float = LIFE_S) -> None:
        """Put a token into the store."""
        obtained_at = self.wall() - age_s
        self.store.app = StoredToken(Secret(value), obtained_at=obtained_at, expires_at=obtained_at + life_s)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """An app token with all around it."""
    async with trio.open_nursery() as nursery:
        yield Bench(nursery)
        nursery.cancel_scope.cancel()


# Kept and used.


async def test_restart_fetches_no_token(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """A token in the store that is good is used, restart after restart."""
    assert await bench.get() == "token-1"
    for _ in range(5):
        await trio.sleep(DAY_S)
        bench.restart()
        assert await bench.get() == "token-1"
    assert len(bench.issuer.times) == 1


async def test_many_waiters_one_fetch(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """However many wait, one request is made."""
    got: list[str] = []

    async def ask() -> None:
        got.append(await bench.get())

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask)

    assert (["token-1"] * 20, 1) == (got, len(bench.issuer.times))


async def test_cancelled_waiter_does_not_cancel_the_fetch(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """A caller with a small budget gives up; the request goes on and serves the next."""
    with trio.move_on_after(0.5):
        await bench.get()

    assert await bench.get() == "token-1"
    assert len(bench.issuer.times) == 1


async def test_from_half_of_its_life_a_new_one_is_fetched_behind_it(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    """The old one serves meanwhile, so nobody waits."""
    await bench.get()
    await trio.sleep(LIFE_S / 2 + 10)
    before = trio.current_time()

    assert await bench.get() == "token-1"
    assert before == trio.current_time()
    await trio.sleep(5)
    assert await bench.get() == "token-2"
    assert len(bench.issuer.times) == 2


async def test_a_failed_renewal_is_tried_at_half_of_what_remains(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    """The old token is used to its end; the attempts come at half of the rest, also over a restart."""
    bench.kept("kept", age_s=0, life_s=1000)
    bench.issuer.error = RestOutcomeUnknown("POST /token", "cut")
    for second in range(900):
        if second == 600:
            bench.restart()
        assert await bench.get() == "kept"
        await trio.sleep(1)
    times = bench.issuer.times

    assert [500, 750, 875] == pytest.approx(times[:3], abs=5)


async def test_a_token_at_its_end_is_not_handed_out(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """Who asks in the last minute waits for a new one."""
    bench.kept("kept", age_s=LIFE_S - 30)

    assert await bench.get() == "token-1"


async def test_a_token_without_end_is_never_renewed(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """``expires_in`` 0 of a permanent token."""
    bench.issuer.life_s = float("inf")
    await bench.get()
    await trio.sleep(3650 * DAY_S)

    assert await bench.get() == "token-1"
    assert len(bench.issuer.times) == 1


def test_the_margin_is_a_tenth_of_the_life_at_most() -> None:
    """A short life is not eaten up by the margin."""
    token = StoredToken(Secret("t"), obtained_at=0, expires_at=100)

    assert is_good(token, now=89, margin_s=60)
    assert not is_good(token, now=91, margin_s=60)
    assert not is_good(StoredToken(Secret(""), obtained_at=0, expires_at=100), now=1, margin_s=60)


# Not too often.


async def test_pauses_after_failures_grow_from_10_s_to_10_min(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    """Whoever asks how often: requests come 10 s, 20 s, … 10 min apart."""
    bench.issuer.error = RestOutcomeUnknown("POST /token", "cut")
    while trio.current_time() < 3600:
        with pytest.raises(RestOutcomeUnknown):
            await bench.get()
        await trio.sleep(0.5)
    gaps = [later - earlier for earlier, later in pairwise(bench.issuer.times)]

    assert [10, 20, 40, 80, 160, 320, 600, 600] == pytest.approx(gaps[:8], abs=3)


async def test_within_a_long_pause_the_last_error_is_the_answer(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    """Nobody waits ten minutes to hear what is known."""
    bench.issuer.error = EasemobSetupError("POST /token (app token)", "400 invalid_grant", "Mend it.")
    for _ in range(3):
        with pytest.raises(EasemobSetupError):
            await bench.get()
    before = trio.current_time()
    with pytest.raises(EasemobSetupError, match="Mend it"):
        await bench.get()

    assert before == trio.current_time()


async def test_no_connection_is_not_counted(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """What never left was not asked for: tried again every 10 s, so that the end of an outage is noticed."""
    bench.issuer.error = ConnectFailed("im-rest.example.com", "refused")
    for _ in range(20):
        with pytest.raises(ConnectFailed):
            await bench.get()
    bench.issuer.error = None

    assert await bench.get() == "token-21"
    gaps = [later - earlier for earlier, later in pairwise(bench.issuer.times)]
    assert all(gap == pytest.approx(10) for gap in gaps)


async def test_a_request_is_noted_before_it_is_made(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """A process that dies of its request finds the note when it starts again, and waits."""
    with trio.move_on_after(0.5):
        await bench.get()
    noted = bench.store.app
    assert noted is not None
    assert (Secret(""), START, START + 10) == (noted.value, noted.obtained_at, noted.expires_at)


async def test_the_pause_survives_a_restart_up_to_30_s(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """A restart waits for what is left of the pause, at most 30 s; a mended secret then works."""
    bench.issuer.error = RestOutcomeUnknown("POST /token", "cut")
    for _ in range(8):
        with pytest.raises(RestOutcomeUnknown):
            await bench.get()
        await trio.sleep(100)
    with pytest.raises(RestOutcomeUnknown):
        await bench.get()
    last = bench.issuer.times[-1]
    bench.issuer.error = None
    bench.restart()

    await bench.get()
    assert 5 <= bench.issuer.times[-1] - last
    assert bench.issuer.times[-1] - last <= 600


async def test_a_restart_soon_after_a_failed_request_waits(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    """Ten seconds lie between two requests even when the process was started anew between them."""
    bench.issuer.error = RestOutcomeUnknown("POST /token", "cut")
    with pytest.raises(RestOutcomeUnknown):
        await bench.get()
    bench.issuer.error = None
    bench.restart()
    await bench.get()

    assert [0, 10] == pytest.approx(bench.issuer.times)


async def test_a_calendar_set_back_does_not_stop_requests(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """A note from the future counts as just written."""
    bench.store.app = StoredToken(Secret(""), obtained_at=START + 1e6, expires_at=START + 1e6 + 20)

    await bench.get()
    assert [20] == pytest.approx(bench.issuer.times)


# 401.


async def test_401_leads_to_a_new_token(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """A kept token that is refused is replaced."""
    bench.kept("kept", age_s=1000)
    bench.token.rejected(await bench.token.get(), REFUSED)

    assert await bench.get() == "token-1"


async def test_401_twice_then_stop(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """A new token, one more, then the operator has to look; and asking on makes no requests."""
    bench.kept("kept", age_s=1000)
    for _ in range(2):
        bench.token.rejected(await bench.token.get(), REFUSED)
    with pytest.raises(EasemobSetupError, match="none of the app tokens"):
        bench.token.rejected(await bench.token.get(), REFUSED)

    assert [0, 10] == pytest.approx(bench.issuer.times, abs=2)
    for _ in range(100):
        with pytest.raises(EasemobSetupError):
            bench.token.rejected(await bench.token.get(), REFUSED)
    assert len(bench.issuer.times) <= 9


async def test_after_giving_up_one_token_a_pause_is_tried(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """It may be mended at Easemob; then all is well again without a restart."""
    while trio.current_time() < 4000:
        try:
            bench.token.rejected(await bench.token.get(), REFUSED)
        except EasemobSetupError:
            await trio.sleep(1)
    requests = len(bench.issuer.times)

    assert requests <= 15
    await trio.sleep(700)
    bench.token.accepted(await bench.token.get())
    assert await bench.get() == f"token-{requests + 1}"


async def test_many_401_to_one_token_are_one(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """Calls in the air at the same time all get 401; that is one refusal."""
    bench.kept("kept", age_s=1000)
    old = await bench.token.get()
    for _ in range(10):
        bench.token.rejected(old, REFUSED)
    assert await bench.get() == "token-1"
    bench.token.rejected(old, REFUSED)
    assert await bench.get() == "token-1"
    assert len(bench.issuer.times) == 1


async def test_401_to_one_call_only_is_about_that_call(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """A token that just worked elsewhere is not thrown away for a call that is not allowed."""
    token = await bench.token.get()
    bench.token.accepted(token)
    with pytest.raises(RestUnauthorized):
        bench.token.rejected(token, REFUSED)
    await trio.sleep(601)
    bench.token.rejected(token, REFUSED)

    assert await bench.get() == "token-2"


async def test_its_repr_hides_the_token(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """State in one line, no secret."""
    await bench.get()

    assert repr(bench.token) == "<AppToken kept, 1 requests, 0 failures>"
