"""
One call in the air, however many wait for it.

Several tasks need the same answer at the same time: a token, a list of hosts. The first to ask starts the call in a
task of its own, the others join it. Who stops waiting, the first one included, leaves the call in the air; it lands
for the rest. That matters where callers have small time budgets and calls are counted: a call that is started anew
each time a budget runs out would be made often and never answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, final

import trio

from slackkefu.errors import LinkClosed, SlackkefuError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

__all__ = ["Flights"]

K = TypeVar("K", bound="Hashable")
T = TypeVar("T")


@final
class Flights(Generic[K, T]):
    """
    Calls in the air, at most one a key.

    Args:
        nursery: Where the calls run; they end with it.

    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._aloft: dict[K, _Flight[T]] = {}

    async def join(self, key: K, call: Callable[[], Awaitable[T]]) -> T:
        """
        Wait for the call under *key*, starting it when none is in the air.

        A cancellation leaves the call in the air for the others.

        Raises:
            SlackkefuError: Whatever of ours the call raised, to everybody who waited.
            LinkClosed: The nursery ended before the call did.

        """
        flight = self._flight(key, call)
        await flight.landed.wait()
        return flight.result()

    def start(self, key: K, call: Callable[[], Awaitable[T]]) -> None:
        """Start the call under *key* when none is in the air, without waiting for it."""
        self._flight(key, call)

    def _flight(self, key: K, call: Callable[[], Awaitable[T]]) -> _Flight[T]:
        flight = self._aloft.get(key)
        if flight is None:
            flight = self._aloft[key] = _Flight()
            self._nursery.start_soon(self._fly, key, flight, call)
        return flight

    async def _fly(self, key: K, flight: _Flight[T], call: Callable[[], Awaitable[T]]) -> None:
        try:
            flight.value = (await call(),)
        except SlackkefuError as error:
            flight.error = error
        finally:
            del self._aloft[key]
            flight.landed.set()


@final
class _Flight(Generic[T]):
    """One call and what came of it."""

    __slots__ = ("error", "landed", "value")

    def __init__(self) -> None:
        self.landed = trio.Event()
        self.value: tuple[T] | None = None
        self.error: SlackkefuError | None = None

    def result(self) -> T:
        """Return the value, or raise the error."""
        if self.value is not None:
            return self.value[0]
        if self.error is None:
            raise LinkClosed("Easemob", "stopping")
        # One error may be raised to many; its traceback would grow with each.
        raise self.error.with_traceback(None)
