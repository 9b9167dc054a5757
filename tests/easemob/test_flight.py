"""Tests of :mod:`slackkefu.easemob.flight`."""

from __future__ import annotations

import pytest
import trio

from slackkefu.easemob.flight import Flights
from slackkefu.errors import ConnectFailed, LinkClosed


class Call:
    """A slow call that counts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.times = 0
        self.error = error

    async def __call__(self) -> int:
        """Take a second."""
        self.times += 1
        await trio.sleep(1)
        if self.error is not None:
            raise self.error
        return 7


async def test_many_join_one_call(autojump_clock: trio.testing.MockClock) -> None:
    """However many ask under one key, one call is made, and all get its value."""
    call, got = Call(), []

    async def ask() -> None:
        got.append(await flights.join("a", call))

    async with trio.open_nursery() as home, trio.open_nursery() as nursery:
        flights: Flights[str, int] = Flights(home)
        for _ in range(5):
            nursery.start_soon(ask)

    assert ([7] * 5, 1) == (got, call.times)


async def test_keys_fly_apart(autojump_clock: trio.testing.MockClock) -> None:
    """Calls under different keys do not wait for each other."""
    call = Call()
    async with trio.open_nursery() as home:
        flights: Flights[str, int] = Flights(home)
        began = trio.current_time()
        flights.start("a", call)
        await flights.join("b", call)

        assert (2, 1) == (call.times, round(trio.current_time() - began))


async def test_after_landing_a_call_is_made_anew(autojump_clock: trio.testing.MockClock) -> None:
    """A call that landed is not kept."""
    call = Call()
    async with trio.open_nursery() as home:
        flights: Flights[str, int] = Flights(home)
        await flights.join("a", call)
        await flights.join("a", call)

    assert call.times == 2


async def test_a_cancelled_waiter_leaves_the_call_to_the_others(autojump_clock: trio.testing.MockClock) -> None:
    """Who started the call may stop waiting; it lands for the rest."""
    call = Call()
    async with trio.open_nursery() as home:
        flights: Flights[str, int] = Flights(home)
        with trio.move_on_after(0.5):
            await flights.join("a", call)

        assert await flights.join("a", call) == 7
    assert call.times == 1


async def test_an_error_reaches_all(autojump_clock: trio.testing.MockClock) -> None:
    """An error of ours is raised to everybody who waits, and does not end the nursery."""
    call, errors = Call(ConnectFailed("im.example.com", "refused")), []

    async def ask() -> None:
        with pytest.raises(ConnectFailed) as caught:
            await flights.join("a", call)
        errors.append(caught.value)

    async with trio.open_nursery() as home:
        flights: Flights[str, int] = Flights(home)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(ask)
    assert (2, 1) == (len(errors), call.times)


async def test_a_call_that_is_stopped_tells_its_waiters(autojump_clock: trio.testing.MockClock) -> None:
    """When the nursery ends first, who waits elsewhere is told instead of waiting for ever."""
    async with trio.open_nursery() as home:
        flights: Flights[str, int] = Flights(home)

        async def stop() -> None:
            await trio.sleep(0.5)
            home.cancel_scope.cancel()

        async def ask() -> None:
            with trio.CancelScope(shield=True), pytest.raises(LinkClosed):
                await flights.join("a", Call())

        home.start_soon(ask)
        home.start_soon(stop)
