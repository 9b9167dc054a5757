"""
Polling: who is asked for at the second channel, and when.

A visitor whose login fails is asked for every :data:`FAST_S`, as the official widget does (facts/kefu.md §0), while its
service session is open or it wrote lately; one that is logged in and has an open session every :data:`SLOW_S`, for what
the IM connection may have missed. One question at a time for a visitor: the next comes when all that was found has
ended, so that no more is taken than Slack takes. What was found is in :mod:`slackkefu.bridge.kefu_to_slack.arrivals`.

One timer serves all visitors, and nobody is looked at for whom nothing can be expected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, final

import structlog
import trio

from slackkefu.easemob.agenda import Alarm
from slackkefu.errors import KefuError, LinkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from slackkefu.bridge.kefu_to_slack.arrivals import Arrivals, Kept
    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.second_channel import Received
    from slackkefu.store.spill import Spilled

__all__ = ["FAST_S", "SLOW_S", "WROTE_S", "Polling", "PollingStatistics", "Watched"]

log = structlog.get_logger()

FAST_S: Final = 20.0
SLOW_S: Final = 600.0
WROTE_S: Final = 1800.0
"""How long after writing a visitor is asked for without an open session: kefu's events may be missing (§2.3)."""
AT_ONCE: Final = 8


class Channel(Protocol):
    """The part of :class:`~slackkefu.kefu.second_channel.SecondChannel` that is needed."""

    async def receive(self, visitor: ImUser, /) -> Sequence[Received]:
        """Take what the desk has for *visitor*."""
        ...


@dataclass(frozen=True, slots=True)
class PollingStatistics:
    """What was asked, since the start."""

    watched: int
    """Visitors for whom something may be expected now."""
    asked: int
    """Questions."""
    failed: int
    """Of these, without a usable answer."""


@final
@dataclass(slots=True)
class Watched:
    """A visitor for whom something may be expected. Plain: time comes in as an argument, trio's clock."""

    is_open: bool = False
    """Whether its service session is open."""
    wrote_at: float = float("-inf")
    asked_at: float = float("-inf")
    look_at: float = float("inf")
    """When it is looked at next."""
    failures: int = 0
    """Questions without an answer, one after the other."""

    def is_expecting(self, now: float) -> bool:
        """Tell whether anything may come for it."""
        return self.is_open or now - self.wrote_at < WROTE_S

    def is_asked_for(self, *, is_missing: bool) -> bool:
        """Tell whether it is asked for at all; one that is logged in and has no open session is not."""
        return is_missing or self.is_open

    def next_at(self, *, is_missing: bool) -> float:
        """Return when the next question may be asked."""
        return self.asked_at + (min(FAST_S * 2 ** min(self.failures, 5), SLOW_S) if is_missing else SLOW_S)


@final
class Polling:
    """
    Asks for visitors.

    Args:
        channel: The second channel; None where it may not be used. What an earlier run has left is brought all the
            same.
        arrivals: Brings what was found to its end.
        is_missing: Whether a visitor's login does not come about.

    """

    def __init__(self, *, channel: Channel | None, arrivals: Arrivals, is_missing: Callable[[ImUser], bool]) -> None:
        self._channel = channel
        self._arrivals = arrivals
        self._is_missing = is_missing
        self._watched: dict[ImUser, Watched] = {}
        self._looks: Alarm[ImUser] = Alarm()
        self._left: dict[ImUser, list[Kept]] = {}
        self._at_once = trio.Semaphore(AT_ONCE)
        self._busy: set[ImUser] = set()
        self._bringing: dict[ImUser, trio.CancelScope] = {}
        self._asking = 0
        self._is_over = False
        self._answered = trio.Event()
        self._asked = 0
        self._failed = 0

    def __repr__(self) -> str:
        return f"<Polling of {len(self._watched)}, {len(self._busy)} in work>"

    # For the app.

    def restore(self, left: Iterable[Spilled]) -> None:
        """Take over what the run before has left; :meth:`run` brings it."""
        self._left = self._arrivals.restore(left)
        self._busy.update(self._left)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ask for whoever is due, until cancelled."""
        async with trio.open_nursery() as nursery:
            for user, kept in self._left.items():
                nursery.start_soon(self._bring, user, kept)
            self._left = {}
            task_status.started()
            while True:
                for user in await self._looks.due():
                    await self._look(user, nursery)

    async def finish(self) -> None:
        """Ask no more, and wait until what was handed out is on disk."""
        self._is_over = True
        while self._asking:
            self._answered = trio.Event()
            await self._answered.wait()

    def statistics(self) -> PollingStatistics:
        """Count."""
        return PollingStatistics(watched=len(self._watched), asked=self._asked, failed=self._failed)

    # For the bridge.

    def wrote(self, user: ImUser) -> None:
        """Take note that *user* has something to say, so something may come for it."""
        if self._channel is not None:
            self._watch(user).wrote_at = trio.current_time()

    def set_open(self, user: ImUser, is_open: bool) -> None:  # noqa: FBT001 - the value is the point
        """Take note that the service session of *user* is open or closed."""
        if self._channel is not None and (is_open or user in self._watched):
            self._watch(user).is_open = is_open

    def is_busy(self, user: ImUser) -> bool:
        """Tell whether *user* is being asked for, or what was found is on its way."""
        return user in self._busy

    def forget(self, user: ImUser) -> None:
        """Ask for *user* no more, and drop what was found and has not ended."""
        self._watched.pop(user, None)
        self._looks.drop(user)
        if user in self._bringing:
            self._bringing[user].cancel()

    def lost(self, user: ImUser) -> None:
        """Take note that a login of *user* is gone; whether it comes back by itself is seen a little later."""
        if user in self._watched:
            self._watch(user)

    # Looking.

    def _watch(self, user: ImUser) -> Watched:
        """Return what is known of *user*, who is looked at soon."""
        watched = self._watched.get(user)
        if watched is None:
            # The first slow question comes after its whole time.
            watched = self._watched[user] = Watched(asked_at=trio.current_time())
        self._look_at(user, watched, min(watched.look_at, trio.current_time() + FAST_S))
        return watched

    def _look_at(self, user: ImUser, watched: Watched, at: float) -> None:
        watched.look_at = at
        if user not in self._busy:
            self._looks.put(user, at)

    async def _look(self, user: ImUser, nursery: trio.Nursery) -> None:
        """Ask for *user* if it is time, or note when it will be."""
        watched, now = self._watched.get(user), trio.current_time()
        if watched is None:
            return
        is_missing = self._is_missing(user)
        if not watched.is_expecting(now):
            del self._watched[user]
        elif self._is_over or not watched.is_asked_for(is_missing=is_missing):
            # It may lose its login while something is expected; that is told, and looked at then.
            self._look_at(user, watched, now + SLOW_S)
        elif now < (next_at := watched.next_at(is_missing=is_missing)):
            self._look_at(user, watched, next_at)
        else:
            self._busy.add(user)
            await self._at_once.acquire()
            nursery.start_soon(self._ask, user, watched)

    async def _ask(self, user: ImUser, watched: Watched) -> None:
        """Ask for *user*, and bring what is found to its end."""
        self._asked += 1
        self._asking += 1
        watched.asked_at = trio.current_time()
        kept: Sequence[Kept] = ()
        try:
            if self._channel is not None:
                kept = await self._arrivals.keep(user, await self._channel.receive(user))
            watched.failures = 0
        except (KefuError, LinkError) as error:
            self._failed += 1
            watched.failures += 1
            log.info("polling.failed", visitor=user, problem=str(error), failures=watched.failures)
        finally:
            self._at_once.release()
            self._asking -= 1
            self._answered.set()
        await self._bring(user, kept)

    async def _bring(self, user: ImUser, kept: Sequence[Kept]) -> None:
        """Bring what was found to its end; then *user* may be asked for again."""
        with trio.CancelScope() as scope:
            self._bringing[user] = scope
            await self._arrivals.bring(user, kept)
        if scope.cancelled_caught:
            self._arrivals.drop(kept)
        self._bringing.pop(user, None)
        self._busy.discard(user)
        watched = self._watched.get(user)
        if watched is not None:
            self._look_at(user, watched, watched.next_at(is_missing=self._is_missing(user)))
