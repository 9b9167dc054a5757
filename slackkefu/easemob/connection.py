"""
One live login: a :class:`~slackkefu.easemob.session.Session` with a socket, a clock and tasks.

Two tasks a connection: one reads, one writes and keeps the deadlines; a short third one for each batch in work. Whoever
sends only hands a message in and waits, so that a sender that is cancelled leaves the stream as it was.

Promises:

* A batch is acknowledged when ``on_batch`` has returned, and not before; one batch of a queue at a time.
* Every message handed in gets one answer: accepted, refused, unknown, or never left.
* Nothing here is logged but kinds and numbers.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias, final
from urllib.parse import urlsplit

import structlog
import trio

from slackkefu.easemob.events import (
    BatchReceived,
    Dead,
    Drained,
    Kicked,
    LoggedIn,
    LoggedOut,
    NeverLeft,
    PassedOver,
    Redirected,
    Refused,
    SendFailed,
)
from slackkefu.easemob.message import Accepted, Batch, OutgoingMessage
from slackkefu.easemob.session import Session, State
from slackkefu.easemob.timing import ATTENTIVE, STANDARD, Heartbeat, Limits
from slackkefu.easemob.wire import MAX_FRAME_BYTES
from slackkefu.errors import (
    ConnectFailed,
    LinkClosed,
    RemoteProtocolError,
    SendOutcomeUnknown,
    SendRefused,
)
from slackkefu.net.address import check_url
from slackkefu.net.websocket import WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slackkefu.easemob.login import Login
    from slackkefu.world import World

__all__ = ["MAX_HOPS", "MAX_UNACKNOWLEDGED", "Connection"]

log = structlog.get_logger()

DIAL_S: Final = 10.0
"""Longest time for DNS, TCP, TLS and the WebSocket handshake, as in the web client (facts/msync.md §5)."""

WRITE_S: Final = 15.0
"""Longest time for one frame to leave; the same as for its acknowledgement."""

CLOSE_S: Final = 0.5
"""Longest time for a close in order; with the logout's own wait, a connection is gone within a second."""

MAX_HOPS: Final = 5
"""Redirects followed in a row, as in the Go client (facts/msync.md §9)."""

MAX_UNACKNOWLEDGED: Final = 32
"""Messages on their way at a time; further senders wait."""

_Outcome: TypeAlias = Accepted | SendRefused | SendOutcomeUnknown | LinkClosed
_End: TypeAlias = Refused | Redirected | Kicked | LoggedOut | Dead


@final
class _Pending:
    """A message on its way, and who waits for it."""

    __slots__ = ("done", "outcome")

    def __init__(self) -> None:
        self.done = trio.Event()
        self.outcome: _Outcome = SendOutcomeUnknown("not yet answered")


@final
class Connection:
    """One live login over one WebSocket; over several, one after the other, where the server redirects."""

    __slots__ = (
        "_changed",
        "_end",
        "_failure",
        "_heartbeat",
        "_limits",
        "_login",
        "_on_batch",
        "_on_drained",
        "_over",
        "_pending",
        "_room",
        "_session",
        "_url",
        "_wake",
        "_workers",
        "_world",
        "login_told",
    )

    def __init__(
        self,
        *,
        world: World,
        url: str,
        login: Login,
        on_batch: Callable[[Batch], Awaitable[None]],
        on_drained: Callable[[], None] = lambda: None,
        # time limits
        heartbeat: Heartbeat = ATTENTIVE,
        limits: Limits = STANDARD,
    ) -> None:
        """
        Make a connection that is not yet dialled; :meth:`run` dials.

        Args:
            world: Network, calendar and chance.
            url: ``wss://host[:port]/websocket``; ``ws://`` for loopback.
            login: Who, from which device, with which token.
            on_batch: Takes responsibility for a batch: when it returns, the batch is acknowledged. It runs in a task of
                the connection's and is cancelled with it; the batch then comes again with a later login. When it
                raises, the connection ends with that error, and nothing is pulled past.
            on_drained: Called each time that all that waited has been handed over and looked through.
            heartbeat: How often to ask; see :meth:`set_heartbeat`.
            limits: How long answers may take.

        """
        self._world = world
        self._url = url
        self._login = login
        self._on_batch = on_batch
        self._on_drained = on_drained
        self._heartbeat = heartbeat
        self._limits = limits
        self._session = self._new_session()
        # The last word of the session before; this stands until there is one.
        self._end: _End = Dead("not begun")
        self._failure: Exception | None = None
        self._over = False
        self._pending: dict[int, _Pending] = {}
        self._room = trio.Semaphore(MAX_UNACKNOWLEDGED, max_value=MAX_UNACKNOWLEDGED)
        # Set when there may be something to write, or an earlier deadline.
        self._wake = trio.Event()
        # Set, and replaced, when the state or the queues have changed.
        self._changed = trio.Event()
        self._workers: trio.Nursery | None = None
        self.login_told: LoggedIn | None = None
        """What the server said at the login: resource, session, a new token, the token's end."""

    def __repr__(self) -> str:
        return f"<Connection {self.address} {self._session!r}>"

    @property
    def address(self) -> str:
        """``host[:port]`` of the present WebSocket."""
        return urlsplit(self._url).netloc

    @property
    def heard_at(self) -> float:
        """When the last frame came (trio's clock)."""
        return self._session.heard_at

    @property
    def drained(self) -> bool:
        """Whether all that waited at the server has been handed over and looked through."""
        return self._session.drained

    def set_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Ask at another pace from now on."""
        self._heartbeat = heartbeat
        self._session.set_heartbeat(heartbeat)
        self._wake.set()

    def ask(self) -> None:
        """Ask what waits at the server; :attr:`drained` is false until that is answered."""
        self._session.ask(trio.current_time())
        self._wake.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """
        Dial, log in, say so, and serve until the connection is over. Runs once.

        Returns after :meth:`logout`. A cancellation closes the socket without a logout and cancels ``on_batch``; what
        was not acknowledged comes again with a later login.

        Raises:
            ConnectFailed: it never came to an answered login, or redirects went in circles or out into the clear.
            LoginRefused: the login was answered with a refusal.
            SessionKicked: the server ended this login.
            LinkClosed: the connection was lost, or is of no use any more.
            Exception: what ``on_batch`` raised.

        """
        seen: set[str] = set()
        started = False
        try:
            while True:
                if self._url in seen or len(seen) > MAX_HOPS:
                    raise ConnectFailed(self.address, "redirected in circles or too often")
                seen.add(self._url)
                end = await self._serve(task_status, started=started)
                if not isinstance(end, Redirected):
                    return
                started = started or self.login_told is not None
                self._url = _elsewhere(self._url, end)
                if problem := check_url(self._url, schemes=("wss", "ws")):
                    raise ConnectFailed(self.address, f"redirected to {problem}")
                self._session = self._new_session()
                log.info("msync.redirected", user=self._login.user, address=self.address)
        finally:
            self._over = True
            self._announce()

    async def send(self, message: OutgoingMessage) -> Accepted:
        """
        Send a message and wait until the server has taken it.

        Waits for the login where it is not yet good, and for room where many are on their way. A second call with the
        id of a message that is on its way sends nothing and waits for the same answer. A cancellation leaves the
        message to its fate: it may have been sent, and a repeat must carry the same id.

        Raises:
            SendRefused: the server does not take it.
            SendOutcomeUnknown: it left, and no answer came in time.
            LinkClosed: it never left.
            LocalProtocolError: it cannot be written.

        """
        pending = self._pending.get(message.meta_id)
        if pending is None:
            pending = await self._hand_in(message)
        await pending.done.wait()
        if isinstance(pending.outcome, Accepted):
            return pending.outcome
        raise pending.outcome

    async def logout(self) -> None:
        """
        Log out, and wait until :meth:`run` has ended; it takes a second at most.

        A connection that is not logged in is left as it is: cancel its :meth:`run`.
        """
        if self._session.state is State.ONLINE:
            self._session.logout(trio.current_time())
            self._dispatch()
            self._wake.set()
        if self._session.state in {State.LEAVING, State.OVER}:
            while not self._over:
                await self._changed.wait()

    async def wait_drained(self) -> None:
        """
        Wait until all that waited at the server has been handed over and looked through.

        Raises:
            LinkClosed: the connection ended before.

        """
        while not self.drained:
            if self._over:
                raise LinkClosed(self.address, "ended before its queues were empty")
            await self._changed.wait()

    # One WebSocket.

    def _new_session(self) -> Session:
        wall_s = self._world.wall()
        return Session(
            self._login,
            heartbeat=self._heartbeat,
            limits=self._limits,
            # Milliseconds and a sequence, as both clients do (facts/msync.md §3).
            first_trace_id=(int(wall_s * 1000) << 22) % 2**64 | self._world.chance.getrandbits(21),
            clock_offset_s=wall_s - trio.current_time(),
        )

    async def _serve(self, task_status: trio.TaskStatus[None], *, started: bool) -> Redirected | LoggedOut:
        """Serve one WebSocket from dialling to its end; return a redirect or our own logout, raise any other end."""
        websocket = await self._dial()
        try:
            async with trio.open_nursery() as nursery:
                self._workers = nursery
                self._session.start(trio.current_time())
                nursery.start_soon(self._write, websocket)
                await self._read(websocket, None if started else task_status)
        finally:
            self._workers = None
            # A cancellation, or on_batch's fault, ends the session here; otherwise it is over already.
            self._session.connection_lost("closed by us")
            self._dispatch()
            with trio.move_on_after(CLOSE_S, shield=True):
                await websocket.aclose()
        if self._failure is not None:
            raise self._failure
        return self._ended()

    async def _dial(self) -> WebSocket:
        try:
            with trio.fail_after(DIAL_S):
                return await WebSocket.connect(self._world.network, self._url, max_bytes=MAX_FRAME_BYTES)
        except trio.TooSlowError:
            raise ConnectFailed(self.address, f"no connection in {DIAL_S:g} s") from None

    def _ended(self) -> Redirected | LoggedOut:
        """Return or raise the session's last word."""
        match self._end:
            case Refused(error) | Kicked(error):
                raise error
            case Redirected() | LoggedOut():
                return self._end
            case Dead(reason) if self.login_told is None:
                raise ConnectFailed(self.address, reason)
            case Dead(reason):
                raise LinkClosed(self.address, reason)

    async def _read(self, websocket: WebSocket, task_status: trio.TaskStatus[None] | None) -> None:
        """Give the session what comes, until the connection is over."""
        while True:
            try:
                message = await websocket.receive()
            except (LinkClosed, RemoteProtocolError) as exc:
                self._session.connection_lost(exc.reason if isinstance(exc, LinkClosed) else str(exc))
                self._wake.set()
                return
            if isinstance(message, str):
                # MSYNC is binary; what is text is somebody else's.
                self._pass_over(PassedOver("text_message"))
                continue
            self._session.receive_frame(message, trio.current_time())
            self._dispatch()
            self._wake.set()
            if task_status is not None and self._session.state is State.ONLINE:
                task_status.started()
                task_status = None

    async def _write(self, websocket: WebSocket) -> None:
        """Send what the session has to say and keep its deadlines, until it is over; then stop the others."""
        session = self._session
        while True:
            self._wake = trio.Event()
            for frame in session.frames():
                try:
                    with trio.fail_after(WRITE_S):
                        await websocket.send(frame)
                except trio.TooSlowError:
                    session.connection_lost(f"a frame did not leave in {WRITE_S:g} s")
                except LinkClosed as exc:
                    session.connection_lost(exc.reason)
            self._dispatch()
            if session.state is State.OVER:
                break
            deadline = session.next_deadline
            with trio.move_on_at(math.inf if deadline is None else deadline):
                await self._wake.wait()
            session.timeout(trio.current_time())
        self._stop()

    async def _work(self, batch: Batch) -> None:
        """Hand a batch over; acknowledge it when it is settled."""
        session = self._session

        def looked_through() -> None:
            session.looked_through(batch.queue)
            self._dispatch()

        try:
            await self._on_batch(replace(batch, looked_through=looked_through))
        except Exception as exc:  # noqa: BLE001  # it is not ours to judge: run() raises it
            self._failure = self._failure or exc
            self._stop()
            return
        session.pull_on(batch.queue, trio.current_time())
        self._dispatch()
        self._wake.set()

    def _stop(self) -> None:
        if self._workers is not None:
            self._workers.cancel_scope.cancel()

    # Sending.

    async def _hand_in(self, message: OutgoingMessage) -> _Pending:
        """Give *message* to the session once it is logged in and there is room."""
        await self._room.acquire()
        try:
            await self._until_online()
            # Somebody may have handed in the same one while we waited.
            if message.meta_id not in self._pending:
                self._session.send(message, trio.current_time())
                self._wake.set()
                pending = self._pending[message.meta_id] = _Pending()
                return pending
        except BaseException:
            self._room.release()
            raise
        self._room.release()
        return self._pending[message.meta_id]

    async def _until_online(self) -> None:
        """Wait for the login; raise LinkClosed when there will be none."""
        while self._session.state is not State.ONLINE:
            if self._over or self._session.state is State.LEAVING:
                raise LinkClosed(self.address, "the connection is over")
            await self._changed.wait()

    def _settle(self, meta_id: int, outcome: _Outcome) -> None:
        """Give whoever waits for *meta_id* the answer."""
        pending = self._pending.pop(meta_id)
        pending.outcome = outcome
        pending.done.set()
        self._room.release()

    # What the session tells.

    def _dispatch(self) -> None:
        """Act on what has happened."""
        for event in self._session.events():
            match event:
                case Accepted() | SendFailed() | NeverLeft():
                    self._settle(event.meta_id, self._outcome(event))
                case BatchReceived(batch):
                    if self._workers is not None:
                        self._workers.start_soon(self._work, batch)
                case LoggedIn() | Drained():
                    self._note(event)
                case PassedOver():
                    self._pass_over(event)
                case _:
                    self._end = event

    def _outcome(self, event: Accepted | SendFailed | NeverLeft) -> _Outcome:
        if isinstance(event, Accepted):
            return event
        if isinstance(event, SendFailed):
            return event.error
        return LinkClosed(self.address, "ended before the message left")

    def _note(self, event: LoggedIn | Drained) -> None:
        """Keep what can be looked up, and wake who waits for it."""
        self._announce()
        if isinstance(event, LoggedIn):
            self.login_told = event
        else:
            self._on_drained()

    def _announce(self) -> None:
        """Wake who waits for a change."""
        self._changed.set()
        self._changed = trio.Event()

    def _pass_over(self, event: PassedOver) -> None:
        log.info("msync.passed_over", user=self._login.user, what=event.what, number=event.number)


def _elsewhere(url: str, redirect: Redirected) -> str:
    """Return *url* with the redirect's host and port; scheme and path stay (facts/msync.md §9)."""
    port = "" if redirect.port is None else f":{redirect.port}"
    return urlsplit(url)._replace(netloc=f"{redirect.host}{port}").geturl()
