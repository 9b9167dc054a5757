"""
The sessions of many visitors.

A visitor is *live* while it has a :class:`~slackkefu.easemob.link.Link`, and *quiet* otherwise. Sending makes it live;
so does something that waits for it at Easemob. At most ``max_sessions`` are live: a further one takes the place of the
longest quiet, but never of one with work in hand (a send, a batch, a :meth:`Pool.hold`), with something that the desk
has to confirm yet (:meth:`Pool.set_awaits`), or with an open service session; when there is none to take, it waits, in
order of arrival. Batches that are not settled within an hour are no such work, whatever holds them up: their visitors'
places go first. What is not settled stays at Easemob, and is found when the visitor is looked at.

A visitor whose answers have nowhere to go is *stopped* (:meth:`Pool.set_stopped`): it is let go a little after the last
that goes to the desk, whatever is open or waits, and nobody looks at it until that is over.

Logins, also those after a loss, come at ``logins_per_second``, those that somebody waits for first.

A live visitor that was quiet for half an hour is let go, unless its service session is open. The quiet ones are looked
at in turn (:mod:`~slackkefu.easemob.quiet`): ``offline_msg_count`` tells whether something waits, and only then is
there a login, for a login makes a daily user of the plan. Where that call is refused there is a short login instead.

There is one task a live link, one that hands out login turns, one that looks at whoever is due, and one that notices
what is stuck; none for quiet visitors, and nothing is polled.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final, Protocol, final

import structlog
import trio

from slackkefu.easemob.agenda import Alarm
from slackkefu.easemob.connection import Connection
from slackkefu.easemob.link import Link, Spelling, UserTokens
from slackkefu.easemob.pace import Turns
from slackkefu.easemob.pooled import SHORT_S, STUCK_S, PooledVisitor
from slackkefu.easemob.quiet import DAY_S, Counts, Waiting, ask, interval_s
from slackkefu.errors import ConnectFailed, LinkClosed, SlackkefuError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from slackkefu.easemob.link import Dial, SocketAddresses
    from slackkefu.easemob.login import Login
    from slackkefu.easemob.message import Accepted, Batch, OutgoingMessage
    from slackkefu.easemob.names import AppKey, ImUser
    from slackkefu.world import World

__all__ = ["Pool", "PoolRest", "PoolStatistics"]

log = structlog.get_logger()

REFUSED_S: Final = 60.0
"""How long a final refusal is answered from memory, so that a visitor who keeps writing does not hammer."""
CHECKS_AT_ONCE: Final = 8
STOP_S: Final = 3.0


class PoolRest(UserTokens, Counts, Protocol):
    """The part of :class:`~slackkefu.easemob.rest.RestClient` that the pool needs."""


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """What the pool has, and has done since the start."""

    live: int
    """Visitors with a link, whatever its state."""
    up: int
    """Of these, logged in now."""
    waiting: int
    """Visitors for whom there is no room: more than 0 for long means that ``max_sessions`` is too small."""
    turns: int
    """Logins that wait for their turn."""
    quiet: int
    """Visitors without a link that are looked at in turn."""
    open: int
    """Visitors with an open service session."""
    stopped: int
    """Visitors whose answers have nowhere to go; nobody looks at them."""
    stuck: int
    """Visitors with batches that were not settled within an hour: Slack takes their answers not, or not yet."""
    logins: int
    kicks: int
    """Sessions that Easemob ended: 1 removed, 2 other device, 3 password changed, 4 logged out by somebody."""
    refused: int
    """Links that gave up."""
    let_go: int
    """Sessions let go because they were quiet, or to make room."""
    checks: int
    """Questions for how much waits."""
    checks_refused: int
    """Of these, refused; each made a short login."""
    found: int
    """Quiet visitors for whom something waited."""


@final
class Pool:
    """
    All visitors' sessions.

    Args:
        world: Chance.
        rest: Tokens and counts.
        endpoints: Where the WebSocket servers are.
        app_key: The app.
        resource: The device of all visitors, the same for the life of the store (facts/msync.md §1.9).
        max_sessions: Most live visitors.
        logins_per_second: Pace of logins.
        on_batch: Handles a batch for a visitor; the batch is acknowledged when it returns. One batch a queue is in
            work at a time. When it raises an error of ours, that visitor's connection is made anew.
        on_drained: Told each time that all that waited for a visitor has been handed over and looked through.
        on_lost: Told of each login that is gone, by whatever.
        dial: Makes connections; for tests.

    """

    def __init__(
        self,
        *,
        world: World,
        rest: PoolRest,
        endpoints: SocketAddresses,
        app_key: AppKey,
        resource: str,
        max_sessions: int,
        logins_per_second: float,
        on_batch: Callable[[ImUser, Batch], Awaitable[None]],
        on_drained: Callable[[ImUser], None] = lambda _: None,
        on_lost: Callable[[ImUser], None] = lambda _: None,
        dial: Dial | None = None,
    ) -> None:
        self._world = world
        self._rest = rest
        self._endpoints = endpoints
        self._app_key = app_key
        self._resource = resource
        self._dial = self._connection if dial is None else dial
        self._max_sessions = max_sessions
        self._on_batch = on_batch
        self._on_drained = on_drained
        self._on_lost = on_lost
        self._spelling = Spelling()
        self._turns: Turns[ImUser] = Turns(logins_per_second)
        self._nursery: trio.Nursery | None = None
        self._stopping = False
        self._visitors: dict[ImUser, PooledVisitor] = {}
        self._live: dict[ImUser, PooledVisitor] = {}
        # Also those who are in none of the others.
        self._stopped: set[ImUser] = set()
        # For whom there is no room yet, in order of arrival; one entry a visitor, so no longer than the visitors' list.
        self._waiting: dict[ImUser, PooledVisitor] = {}
        self._looks: Alarm[ImUser] = Alarm()
        # Whose batches are stuck then, if none is settled before.
        self._stuck_at: Alarm[ImUser] = Alarm()
        self._checking = trio.Semaphore(CHECKS_AT_ONCE)
        self._logins = 0
        self._kicks = 0
        self._refused = 0
        self._let_go_count = 0
        self._checks = 0
        self._checks_refused = 0
        self._found = 0

    # For the app.

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """
        Keep the sessions until cancelled; then log all of them out, together within 3 s.

        What is sent or watched before this has started waits for it.
        """
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope(shield=True)
            await nursery.start(self._hold_links, scope)
            nursery.start_soon(self._turns.run)
            nursery.start_soon(self._look_in_turn)
            nursery.start_soon(self._notice_stuck)
            self._admit()
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._stopping = True
                with trio.CancelScope(shield=True, deadline=trio.current_time() + STOP_S):
                    await self._log_out_all()
                scope.cancel()

    def watch(self, users: Iterable[tuple[ImUser, float, bool]]) -> None:
        """
        Take over visitors from the run before.

        Those active within a day get their session back, the most recent first, as far as there is room and as fast
        as logins may come, behind all that somebody waits for. The others are looked at in turn.

        Args:
            users: Name, time of last activity (seconds since the epoch), and whether a service session is open.

        """
        now, wall = trio.current_time(), self._world.wall()
        for user, last_active, is_open in sorted(users, key=lambda entry: -entry[1]):
            if user in self._stopped:
                continue
            visitor = self._visitor(user)
            quiet_s = max(wall - last_active, 0.0)
            visitor.active_at = max(visitor.active_at, now - quiet_s) if visitor.link else now - quiet_s
            visitor.is_open = is_open
            if visitor.link is not None or user in self._waiting:
                continue
            if quiet_s < DAY_S and len(self._live) < self._max_sessions:
                self._start(visitor)
            else:
                interval = interval_s(quiet_s=quiet_s, is_open=is_open)
                self._look_after(visitor, None if interval is None else self._world.chance.uniform(0.0, interval))

    # For the bridge.

    async def send(self, user: ImUser, message: OutgoingMessage, *, patience_s: float = inf) -> Accepted:
        """
        Send *message* as *user*, whose session is brought up when there is none.

        Waits for room, for a login turn, for the login, for an end of a pause, and for the acknowledgement. A
        cancellation leaves the session coming up: who wrote once writes again. So does an end of patience.

        Args:
            user: The visitor.
            message: The message.
            patience_s: How long room, and then a login, may be missing, each counted from when somebody first waited
                for it. 0: only a session that is up is used.

        Raises:
            SendRefused: Easemob does not take the message.
            SendOutcomeUnknown: It left, and was not acknowledged.
            ConnectFailed: There was no login in time; it never left.
            LoginRefused, SessionKicked, RestError: Easemob does not let this visitor in.
            EasemobSetupError: An operator has to mend something.
            LinkError: The pool is stopping.

        """
        visitor = self._visitor(user)
        visitor.active_at = trio.current_time()
        visitor.short = False
        with self._busy(visitor):
            link = await self._session(visitor, patience_s)
            return await link.send(message, patience_s=patience_s)

    @contextmanager
    def hold(self, user: ImUser) -> Iterator[None]:
        """Keep *user*'s session, if it has one, from being let go meanwhile: there is work in hand."""
        with self._busy(self._visitor(user)):
            yield

    def set_open(self, user: ImUser, is_open: bool) -> None:  # noqa: FBT001 - the value is the point
        """Take note that *user*'s service session is open or closed. An open one is kept, and looked at each minute."""
        visitor = self._visitor(user)
        if visitor.is_open == is_open:
            return
        visitor.is_open = is_open
        if visitor.link is not None:
            visitor.link.set_heartbeat(visitor.heartbeat)
        self._look_again(visitor)
        self._admit()

    def set_stopped(self, user: ImUser, is_stopped: bool) -> None:  # noqa: FBT001 - the value is the point
        """
        Take note that *user*'s answers have nowhere to go, or can go again: what has come meanwhile is looked for.

        Work for the desk goes on meanwhile, with a login for as long as it takes.
        """
        if is_stopped == (user in self._stopped):
            return
        if is_stopped:
            self._stopped.add(user)
            visitor = self._visitors.get(user)
            if visitor is None:
                return
            visitor.is_stopped, visitor.stopped_at = True, trio.current_time()
            if not visitor.busy:
                # It wanted a place for its answers alone.
                self._waiting.pop(user, None)
        else:
            self._stopped.discard(user)
            visitor = self._visitor(user)
            visitor.is_stopped, visitor.overdue = False, True
        self._look_again(visitor)
        self._admit()

    def set_awaits(self, user: ImUser, awaits: bool) -> None:  # noqa: FBT001 - the value is the point
        """Take note that the desk has, or has not, to confirm something to *user* yet; its session is kept so long."""
        visitor = self._visitor(user)
        if visitor.awaits != awaits:
            visitor.awaits = awaits
            self._admit()

    async def remove(self, user: ImUser) -> None:
        """Log *user* out, and know nothing of them any more, unless somebody has sent something meanwhile."""
        await trio.lowlevel.checkpoint()
        self._stopped.discard(user)
        visitor = self._visitors.get(user)
        if visitor is None:
            return
        visitor.is_open = visitor.awaits = visitor.is_stopped = False
        link = visitor.link
        if link is not None and not visitor.leaving:
            self._let_go(visitor)
        while link is not None and visitor.link is link:
            await visitor.changed.wait()
        if visitor.link is None and user not in self._waiting:
            self._looks.drop(user)
            self._stuck_at.drop(user)
            self._visitors.pop(user, None)

    def is_up(self, user: ImUser) -> bool:
        """Tell whether *user* is logged in now."""
        link = self._link(user)
        return link is not None and link.up_since is not None

    def drained_since(self, user: ImUser) -> float | None:
        """
        Say since when *user*'s session is up and keeps up (trio's clock).

        Everything that came to the server since then has been handed over and looked through. None while something
        waits that was not looked through, and while there is no session.
        """
        link = self._link(user)
        return None if link is None else link.drained_since

    def ask(self, user: ImUser) -> None:
        """
        Make sure that nothing waits for *user*, should a notice have been lost.

        :meth:`drained_since` is None until the server has answered; then *on_drained* is called.
        """
        link = self._link(user)
        if link is not None:
            link.ask()

    def is_missing(self, user: ImUser) -> bool:
        """Tell whether *user* has no login that is due: one that does not come about, was refused, or has no room."""
        visitor = self._visitors.get(user)
        if visitor is None or visitor.is_stopped:
            return False
        return visitor.is_missing or user in self._waiting

    def statistics(self) -> PoolStatistics:
        """Return the state of all sessions."""
        links = [visitor.link for visitor in self._live.values() if visitor.link is not None]
        return PoolStatistics(
            live=len(links),
            up=sum(link.up_since is not None for link in links),
            waiting=len(self._waiting),
            turns=len(self._turns),
            quiet=sum(visitor.link is None and user in self._looks for user, visitor in self._visitors.items()),
            open=sum(visitor.is_open for visitor in self._visitors.values()),
            stopped=len(self._stopped),
            stuck=sum(visitor.is_stuck for visitor in self._visitors.values()),
            logins=self._logins + sum(link.logins for link in links),
            kicks=self._kicks + sum(link.kicked for link in links),
            refused=self._refused,
            let_go=self._let_go_count,
            checks=self._checks,
            checks_refused=self._checks_refused,
            found=self._found,
        )

    def __repr__(self) -> str:
        return f"<Pool {len(self._live)} of {self._max_sessions} live, {len(self._waiting)} waiting>"

    # Visitors.

    def _visitor(self, user: ImUser) -> PooledVisitor:
        visitor = self._visitors.get(user)
        if visitor is None:
            visitor = self._visitors[user] = PooledVisitor(user, trio.current_time())
            visitor.is_stopped = user in self._stopped
            if not visitor.is_stopped:
                self._look_again(visitor)
        return visitor

    def _link(self, user: ImUser) -> Link | None:
        """Return *user*'s link, unless it is being let go."""
        visitor = self._visitors.get(user)
        return None if visitor is None or visitor.leaving else visitor.link

    @contextmanager
    def _busy(self, visitor: PooledVisitor) -> Iterator[None]:
        """Count work in hand; at its end somebody may be waiting for this place."""
        visitor.busy += 1
        try:
            yield
        finally:
            visitor.busy -= 1
            self._admit()

    # Room.

    async def _session(self, visitor: PooledVisitor, patience_s: float) -> Link:
        """Wait for *visitor*'s link, asking for room when it has none."""
        while True:
            if self._stopping:
                raise LinkClosed("Easemob IM", "stopping")
            if visitor.link is not None and not visitor.leaving:
                self._turns.hurry(visitor.user)
                return visitor.link
            if visitor.refused is not None and trio.current_time() < visitor.refused_until:
                raise visitor.refused.with_traceback(None)
            self._want(visitor)
            if visitor.link is None or visitor.leaving:
                with trio.move_on_at(visitor.wanted_at + patience_s) as limit:
                    await visitor.changed.wait()
                if limit.cancelled_caught:
                    raise ConnectFailed("Easemob IM", f"no room for a login within {patience_s:g} s")

    def _want(self, visitor: PooledVisitor) -> None:
        """Queue *visitor* for a session."""
        visitor.urgent = True
        if visitor.user not in self._waiting:
            visitor.wanted_at = trio.current_time()
            self._waiting[visitor.user] = visitor
        self._admit()

    def _admit(self) -> None:
        """Give free places to those who wait, and free as many as are missing."""
        if self._nursery is None or self._stopping:
            return
        for visitor in [*self._waiting.values()]:
            if len(self._live) >= self._max_sessions:
                break
            # One that is being let go must be out before it comes in again: never two links for one user.
            if visitor.user not in self._live:
                del self._waiting[visitor.user]
                self._start(visitor)
        missing = len(self._waiting) - sum(visitor.leaving for visitor in self._live.values()) if self._waiting else 0
        for _ in range(missing):
            candidates = [visitor for visitor in self._live.values() if visitor.may_make_room]
            if not candidates:
                return
            self._let_go(min(candidates, key=lambda visitor: (not visitor.is_stuck, visitor.active_at)))

    def _let_go(self, visitor: PooledVisitor) -> None:
        """Log *visitor* out, behind the caller's back."""
        if self._nursery is not None and visitor.link is not None:
            visitor.leaving = True
            self._let_go_count += 1
            self._nursery.start_soon(visitor.link.logout)

    def _start(self, visitor: PooledVisitor) -> None:
        """Give *visitor* a link."""
        visitor.link = Link(
            visitor.user,
            app_key=self._app_key,
            resource=self._resource,
            tokens=self._rest,
            addresses=self._endpoints,
            dial=self._dial,
            on_batch=partial(self._take, visitor),
            on_drained=partial(self._on_drained, visitor.user),
            on_lost=partial(self._on_lost, visitor.user),
            turn=partial(self._turn, visitor),
            kicks=visitor.kicks,
            spelling=self._spelling,
            heartbeat=visitor.heartbeat,
            chance=self._world.chance,
        )
        visitor.started_at = trio.current_time()
        self._live[visitor.user] = visitor
        # In line from now on: tasks that start together run in any order.
        visitor.turn = self._turns.enter(visitor.user, urgent=visitor.urgent)
        self._look_again(visitor)
        visitor.wake()
        if self._nursery is not None:
            self._nursery.start_soon(self._keep, visitor, visitor.link)

    def _connection(
        self,
        url: str,
        login: Login,
        on_batch: Callable[[Batch], Awaitable[None]],
        on_drained: Callable[[], None],
    ) -> Connection:
        return Connection(world=self._world, url=url, login=login, on_batch=on_batch, on_drained=on_drained)

    async def _keep(self, visitor: PooledVisitor, link: Link) -> None:
        """Run *visitor*'s link to its end."""
        try:
            await link.run()
        except SlackkefuError as error:
            self._refused += 1
            visitor.refused, visitor.refused_until = error, trio.current_time() + REFUSED_S
        else:
            visitor.refused = None
        finally:
            self._logins += link.logins
            self._kicks += link.kicked
            del self._live[visitor.user]
            self._turns.leave(visitor.user)
            visitor.link, visitor.leaving, visitor.short = None, False, False
            self._look_again(visitor)
            visitor.wake()
            self._admit()

    async def _turn(self, visitor: PooledVisitor) -> None:
        """Wait for *visitor*'s turn to log in; the first one was asked for when the link was made."""
        turn, visitor.turn = visitor.turn, None
        if turn is None:
            turn = self._turns.enter(visitor.user, urgent=visitor.busy > 0)
        await turn.wait()
        visitor.urgent = False

    async def _take(self, visitor: PooledVisitor, batch: Batch) -> None:
        """Hand a batch to the bridge."""
        if visitor.leaving:
            # It stays at Easemob; the next look finds it.
            raise LinkClosed("Easemob IM", "being let go")
        visitor.active_at = trio.current_time()
        visitor.short = False
        if visitor.user not in self._stuck_at and not visitor.is_stuck:
            self._stuck_at.put(visitor.user, trio.current_time() + STUCK_S)
        with self._busy(visitor):
            visitor.batches += 1
            try:
                await self._on_batch(visitor.user, batch)
            finally:
                visitor.batches -= 1
        visitor.is_stuck = False
        self._stuck_at.drop(visitor.user)
        if visitor.batches:
            self._stuck_at.put(visitor.user, trio.current_time() + STUCK_S)

    async def _notice_stuck(self) -> None:
        """Take note of batches that are stuck; somebody may be waiting for their places."""
        while True:
            for user in await self._stuck_at.due():
                visitor = self._visitors.get(user)
                if visitor is not None:
                    visitor.is_stuck = True
                    log.warning("msync.stuck", user=user, meaning="its answers wait; its place may go to another")
            self._admit()

    # The links' nursery, which outlives the others so that they can log out.

    async def _hold_links(self, scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]) -> None:
        with scope:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                for visitor in self._live.values():
                    if visitor.link is not None:
                        nursery.start_soon(self._keep, visitor, visitor.link)
                task_status.started()
                await trio.sleep_forever()

    async def _log_out_all(self) -> None:
        """Log all visitors out at the same time."""
        for visitor in self._waiting.values():
            visitor.wake()
        async with trio.open_nursery() as nursery:
            for visitor in self._live.values():
                if visitor.link is not None and not visitor.leaving:
                    visitor.leaving = True
                    nursery.start_soon(visitor.link.logout)

    # Looking at whoever is due.

    async def _look_in_turn(self) -> None:
        """Look at visitors when they are due."""
        while True:
            for user in await self._looks.due():
                visitor = self._visitors.get(user)
                if visitor is not None:
                    await self._look(visitor)

    async def _look(self, visitor: PooledVisitor) -> None:
        """Let a live visitor go that was quiet for long; ask about a quiet one."""
        if visitor.link is not None:
            if visitor.may_leave and trio.current_time() >= visitor.leaves_at(trio.current_time()):
                self._let_go(visitor)
            else:
                self._look_again(visitor)
        elif visitor.user not in self._waiting and self._nursery is not None:
            await self._checking.acquire()
            self._nursery.start_soon(self._check, visitor)

    async def _check(self, visitor: PooledVisitor) -> None:
        """Ask whether something waits for a quiet visitor, and bring its session up if so."""
        self._checks += 1
        visitor.overdue = False
        try:
            with self._busy(visitor):
                found = await ask(self._rest, visitor.user)
        finally:
            self._checking.release()
        if self._visitors.get(visitor.user) is not visitor:
            return
        self._found += found is Waiting.SOME
        self._checks_refused += found is Waiting.REFUSED
        if visitor.link is not None or visitor.user in self._waiting:
            return
        if visitor.is_stopped or found is Waiting.NOTHING:
            self._look_again(visitor)
            return
        visitor.short = found is Waiting.REFUSED
        self._want(visitor)

    def _look_again(self, visitor: PooledVisitor) -> None:
        """Note when to look at *visitor* next; forget who need not be looked at."""
        now = trio.current_time()
        if visitor.link is not None:
            # An open one is looked at again when it closes; one with work in hand, a while later.
            leaves_at = max(visitor.leaves_at(now), now + SHORT_S)
            is_kept = visitor.is_open and not visitor.is_stopped
            self._look_after(visitor, None if is_kept else leaves_at - now)
        elif visitor.is_stopped:
            self._look_after(visitor, None)
        elif visitor.overdue:
            self._look_after(visitor, 0.0)
        else:
            self._look_after(visitor, interval_s(quiet_s=now - visitor.active_at, is_open=visitor.is_open))

    def _look_after(self, visitor: PooledVisitor, pause_s: float | None) -> None:
        """Note *visitor* for a look after *pause_s*; None: no look."""
        if pause_s is None:
            self._looks.drop(visitor.user)
            if visitor.link is None and not visitor.busy and visitor.user not in self._waiting:
                self._visitors.pop(visitor.user, None)
            return
        self._looks.put(visitor.user, trio.current_time() + pause_s)
