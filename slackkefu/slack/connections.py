"""
Socket Mode: several connections, kept open, replaced without a gap.

Slack gives each payload to one of the open connections, whichever (facts/slack.md §1), so two of them make a sudden
loss of one harmless. One that is to end is read, and its envelopes are acknowledged on it, until another has said
hello. What may have been missed all the same is told as a :class:`~slackkefu.slack.absence.Gap`.

One task opens connections, one at a time, as the :class:`~slackkefu.slack.schedule.Schedule` allows; each connection
has a task that reads it into the :class:`~slackkefu.slack.inbox.Inbox`, from which one task hands them to the consumer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.errors import (
    LinkError,
    RemoteProtocolError,
    SlackApiError,
    SlackError,
    SlackRateLimited,
    SlackSetupError,
)
from slackkefu.slack.absence import Absences
from slackkefu.slack.connection import Connection, TurnedAway
from slackkefu.slack.inbox import Inbox
from slackkefu.slack.recovery import SETUP_CODES, setup_problem
from slackkefu.slack.schedule import Failure, Schedule
from slackkefu.slack.session import TIMING, DisconnectAnnounced, Reaction, Timing, Unknown
from slackkefu.slack.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from structlog.typing import FilteringBoundLogger

    from slackkefu.slack.absence import Gap
    from slackkefu.slack.envelope import Envelope, Malformed
    from slackkefu.slack.inbox import Delivery
    from slackkefu.slack.web import WebClient
    from slackkefu.world import World

__all__ = ["SocketMode", "SocketModeStatistics"]

log: FilteringBoundLogger = structlog.get_logger()

GRACE_S: Final = 5.0
"""How long a connection is read after its successor's hello: longer than what is in hand may take."""

MAX_NOTED: Final = 100
"""Kinds of things not understood that are logged, once each."""

_UNREACHABLE: Final = (
    "Slack cannot be reached, so no message is received; it is tried again for ever. Check network, DNS and firewall: "
    "outgoing TCP 443 to slack.com and wss-*.slack.com is needed."
)
_SWITCHED_OFF: Final = (
    "Socket Mode is off: switch it on in the app's settings. No message is received from Slack until then."
)

_FAILURES: Final[Mapping[Reaction, Failure]] = {
    Reaction.KEEP_READING: Failure.LINK,
    Reaction.REPLACE: Failure.LINK,
    Reaction.SWITCHED_OFF: Failure.SWITCHED_OFF,
    Reaction.CROWDED: Failure.CROWDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketModeStatistics:
    """Socket Mode as it is now; the counts are since the start."""

    connections_wanted: int
    connections_up: int
    """Usable: they have said hello, their end is not announced, and nothing speaks against them."""
    connections_leaving: int
    """Still read, but to be replaced."""
    last_frame_age_s: float | None
    """Seconds since the last byte on any connection; None without one."""
    connections_opened: int
    """Connections that have said hello."""
    opens_failed: int
    envelopes: int
    """Received, retries included."""
    retries: int
    """Envelopes that were not the first try."""
    acknowledged: int
    overflowed: int
    """Dropped unacknowledged because the consumer was too slow."""
    waiting: int
    """In the queue to the consumer."""
    consumer_failures: int
    passed_over: int
    """Frames not understood: acknowledged where they had an id."""
    ghosts: int
    """Connections of this app, at the last hello, that are not ours: a second instance, or dead ones still served."""
    ghosts_sighted: int
    """Hellos that counted such connections."""
    connections_lost: int
    """Ended without a close frame, or deaf; Slack may have gone on serving them."""
    connections_silent: int
    """Replaced because they got no envelope while the others got many."""
    times_without_connection: int
    """How often none was open."""
    renewals: int
    """How often all of them were replaced because of deafness found elsewhere."""


@final
class SocketMode:
    """
    The connections of one app.

    Args:
        world: Network and chance.
        web: For apps.connections.open, with the app token.
        connections: How many, 1 to 9; one more is open during a change-over, and Slack allows 10.
        on_delivery: Takes each envelope. It is expected to return quickly; what it raises is logged, and the envelope
            is left to Slack to repeat.
        on_gap: Told, once a cause, when something may have been missed that Slack does not repeat. It returns at once.
        timing: Intervals of a connection.

    """

    def __init__(
        self,
        *,
        world: World,
        web: WebClient,
        connections: int,
        on_delivery: Callable[[Delivery], Awaitable[None]],
        on_gap: Callable[[Gap], None] = lambda _: None,
        timing: Timing = TIMING,
    ) -> None:
        self._world = world
        self._web = web
        self._wanted = connections
        self._inbox = Inbox(on_delivery)
        self._on_gap = on_gap
        self._timing = timing
        self._schedule = Schedule(world.chance)
        self._absences = Absences(trio.current_time())
        self._shares = Shares[Connection]()
        self._connections: list[Connection] = []
        # Those that renew() replaces.
        self._outdated: list[Connection] = []
        self._noted: set[str] = set()
        self._changed = trio.Event()
        self._opening = trio.CancelScope()
        self._drained = trio.Event()
        self._is_draining = False
        self._opened = 0
        self._opens_failed = 0
        self._passed_over = 0
        self._renewals = 0
        self.app_id = ""
        """The app's id as the last hello told it; it marks posts by other copies of the app."""

    def __repr__(self) -> str:
        return f"<SocketMode {self._usable()} of {self._wanted} connections up>"

    # Called by the app.

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """
        Keep the connections open until :meth:`drain`; started after the first hello.

        Network trouble is never an end. A cancellation closes all connections in order, within a second.

        Raises:
            SlackSetupError: Before the first hello, Slack refused the app token or said that Socket Mode is off. Later
                the same is logged as an error and tried again slowly.

        """
        problem: SlackSetupError | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._inbox.run)
            try:
                with self._opening:
                    problem = await self._keep_open(nursery, task_status)
                if problem is None:
                    await self._drained.wait()
            finally:
                await self._close_all()
            nursery.cancel_scope.cancel()
        if problem is not None:
            raise problem

    async def drain(self) -> None:
        """
        Take no more envelopes, let those in hand be acknowledged for as long as that counts, and close all connections.

        What arrives meanwhile is left unacknowledged, so Slack repeats it.
        """
        self._is_draining = True
        self._opening.cancel()
        await self._inbox.drain()
        await self._close_all()
        self._drained.set()

    def renew(self) -> None:
        """
        Replace all connections, one after the other and without a gap, as soon as the schedule allows.

        For deafness that shows elsewhere: our own posts that do not come back. Harmless while that is under way.
        """
        if any(connection in self._connections for connection in self._outdated):
            return
        self._outdated = [connection for connection in self._connections if not connection.is_leaving]
        self._renewals += bool(self._outdated)
        for connection in self._outdated:
            self._replace(connection, "renewed")

    def statistics(self) -> SocketModeStatistics:
        """Return how things are now."""
        heard_at = max((connection.heard_at for connection in self._connections), default=None)
        return SocketModeStatistics(
            connections_wanted=self._wanted,
            connections_up=self._usable(),
            connections_leaving=len(self._connections) - self._usable(),
            last_frame_age_s=None if heard_at is None else trio.current_time() - heard_at,
            connections_opened=self._opened,
            opens_failed=self._opens_failed,
            envelopes=self._inbox.envelopes,
            retries=self._inbox.retries,
            acknowledged=self._inbox.acknowledged,
            overflowed=self._inbox.overflowed,
            waiting=self._inbox.waiting,
            consumer_failures=self._inbox.consumer_failures,
            passed_over=self._passed_over,
            ghosts=self._absences.strangers,
            ghosts_sighted=self._absences.sightings,
            connections_lost=self._absences.lost,
            connections_silent=self._absences.silent,
            times_without_connection=self._absences.none_open,
            renewals=self._renewals,
        )

    # Called by the connections (their Listener); all return at once.

    def envelope_received(self, connection: Connection, envelope: Envelope) -> None:
        """Hand an envelope on, and see whether another connection should have got it."""
        self._inbox.put(connection, envelope)
        silent = self._shares.received(connection, trio.current_time())
        if silent is not None:
            silent.silent_since = silent.served_at
            self._replace(silent, "silent")

    def end_announced(self, connection: Connection, announced: DisconnectAnnounced | None) -> None:
        """Count *connection* as usable no more, and see to its successor."""
        failure = Failure.LINK if announced is None else _FAILURES[announced.reaction]
        reason = "announced end" if announced is None else announced.reason
        if failure is Failure.LINK:
            self._replace(connection, reason)
        else:
            self._turned_away(failure, reason)
            self._notify()

    def passed_over(self, connection: Connection, event: Unknown | Malformed) -> None:
        """Count what is not understood, and log each kind once."""
        self._passed_over += 1
        kind = event.type if isinstance(event, Unknown) else event.reason
        if kind not in self._noted and len(self._noted) < MAX_NOTED:
            self._noted.add(kind)
            log.warning("socketmode.not_understood", address=connection.address, kind=kind)

    # The task that opens connections.

    async def _keep_open(self, nursery: trio.Nursery, task_status: trio.TaskStatus[None]) -> SlackSetupError:
        """Open connections as they are missed; return what an operator has to mend before there can be a first one."""
        while True:
            usable = self._usable()
            now = trio.current_time()
            at = self._schedule.next_at(usable)
            if usable >= self._wanted and now >= self._absences.recount_at:
                self._replace(next(one for one in self._connections if not one.is_leaving), "counted again")
            elif usable >= self._wanted:
                with trio.move_on_at(self._absences.recount_at):
                    await self._changed.wait()
            elif at > now:
                with trio.move_on_at(at):
                    await self._changed.wait()
            else:
                self._schedule.attempt(now)
                opened = await self._open()
                if isinstance(opened, SlackSetupError) and not self._opened:
                    return opened
                if isinstance(opened, Connection):
                    self._admit(opened, nursery)
                    if self._opened == 1:
                        task_status.started()

    async def _open(self) -> Connection | SlackSetupError | None:
        """Try to open one connection; log and plan around what goes wrong."""
        try:
            opened = await Connection.open(world=self._world, web=self._web, timing=self._timing)
        except SlackRateLimited as exc:
            self._opens_failed += 1
            self._schedule.hold(exc.retry_after_s, trio.current_time())
            log.warning("socketmode.rate_limited", pause_s=round(exc.retry_after_s))
            return None
        except (LinkError, SlackError, RemoteProtocolError) as exc:
            self._opens_failed += 1
            if isinstance(exc, SlackApiError) and exc.code in SETUP_CODES:
                return self._refused(exc)
            if isinstance(exc, SlackApiError) and exc.code == "link_disabled":
                self._turned_away(Failure.SWITCHED_OFF, exc.code)
                return None
            # Whatever else Slack, or a proxy, may answer: it may pass.
            pause_s = self._schedule.fail(Failure.LINK, trio.current_time())
            hint = {} if self._opened else {"advice": _UNREACHABLE}
            log.warning("socketmode.open_failed", error=str(exc), pause_s=round(pause_s, 1), **hint)
            return None
        if isinstance(opened, TurnedAway):
            self._opens_failed += 1
            self._turned_away(_FAILURES[opened.announced.reaction], opened.announced.reason)
            return None
        return opened

    def _refused(self, error: SlackApiError) -> SlackSetupError:
        """Plan around a refusal of the app token; return what an operator has to mend."""
        problem = setup_problem(error.code)
        pause_s = self._schedule.fail(Failure.REFUSED, trio.current_time())
        if self._opened:
            log.error("socketmode.refused", advice=str(problem), pause_s=round(pause_s))
        return problem

    def _turned_away(self, failure: Failure, reason: str) -> None:
        """Plan around a disconnect that is no mere replacement."""
        pause_s = self._schedule.fail(failure, trio.current_time())
        if failure is Failure.SWITCHED_OFF:
            # It stays off until somebody acts, at the start as later (facts/slack.md §1).
            log.error("socketmode.switched_off", advice=_SWITCHED_OFF, pause_s=round(pause_s))
        else:
            log.warning("socketmode.turned_away", reason=reason, pause_s=round(pause_s, 1))

    def _admit(self, connection: Connection, nursery: trio.Nursery) -> None:
        """Take a connection that has said hello, and let surplus ones go."""
        self._connections.append(connection)
        self._opened += 1
        hello = connection.hello
        self.app_id = hello.app_id or self.app_id
        log.info(
            "socketmode.hello",
            address=connection.address,
            num_connections=hello.num_connections,
            lives_s=hello.approximate_connection_time_s,
        )
        strangers = max(0, (hello.num_connections or 0) - len(self._connections))
        if strangers:
            # Dead connections keep getting their share of the envelopes (facts/slack.md §1, trap 19).
            log.warning("socketmode.ghosts", count=strangers, ours=len(self._connections))
        self._tell(self._absences.hello(connection.hello_at, strangers=strangers))
        self._shares.add(connection, connection.hello_at)
        nursery.start_soon(self._serve, connection)
        leaving = [one for one in self._connections if one.is_leaving]
        for surplus in leaving[: max(0, len(self._connections) - self._wanted)]:
            nursery.start_soon(self._let_go, surplus)

    # The tasks of one connection.

    async def _serve(self, connection: Connection) -> None:
        """Read *connection* to its end."""
        try:
            reason = await connection.run(self)
        finally:
            self._connections.remove(connection)
            self._shares.remove(connection)
        now = trio.current_time()
        lived_s = now - connection.hello_at
        is_lost = connection.is_lost
        log.info("socketmode.closed", address=connection.address, reason=reason, lived_s=round(lived_s), lost=is_lost)
        if self._is_draining:
            return
        gaps = self._absences.ended(
            now,
            heard_at=connection.heard_at,
            is_lost=is_lost,
            may_live_on=connection.may_live_on,
            silent_since=connection.silent_since,
            others=len(self._connections),
        )
        self._tell(gaps)
        if not connection.is_leaving:
            self._schedule.end(lived_s, now, is_announced=False)
        self._notify()

    async def _let_go(self, connection: Connection) -> None:
        """Close *connection* after a grace in which its envelopes can still be acknowledged."""
        await trio.sleep(GRACE_S)
        await connection.aclose()

    # Small things.

    def _replace(self, connection: Connection, reason: str) -> None:
        """Count *connection* as usable no more; it is read until its successor works."""
        now = trio.current_time()
        log.info("socketmode.leaving", address=connection.address, reason=reason)
        connection.is_leaving = True
        self._shares.remove(connection)
        self._schedule.end(now - connection.hello_at, now, is_announced=True)
        self._notify()

    def _tell(self, gaps: Iterable[Gap]) -> None:
        """Tell whoever can look what was missed."""
        for gap in gaps:
            log.warning(
                "socketmode.gap",
                reason=gap.reason.name.lower(),
                age_s=round(trio.current_time() - gap.since, 1),
                meaning="messages may have been missed that Slack does not repeat",
            )
            self._on_gap(gap)

    async def _close_all(self) -> None:
        """Close every connection in order, all at once, within a second."""
        async with trio.open_nursery() as nursery:
            for connection in self._connections:
                nursery.start_soon(connection.aclose)

    def _usable(self) -> int:
        """Count the connections whose end is not announced."""
        return sum(not connection.is_leaving for connection in self._connections)

    def _notify(self) -> None:
        """Let the opener think again."""
        self._changed.set()
        self._changed = trio.Event()
