"""
One Socket Mode connection, from its ticket to its end.

:meth:`Connection.open` asks for an address (good for one connection, and a secret), dials it at once and waits for
``hello``; until then nothing may be assumed (facts/slack.md §1). :meth:`Connection.run` then reads until the
connection is over, pings, and notices silence. The rules are those of :mod:`slackkefu.slack.session`; how many
connections there are and when they are replaced is decided in :mod:`slackkefu.slack.connections`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, final

import trio

from slackkefu.errors import ConnectFailed, LinkClosed, RemoteProtocolError
from slackkefu.net.address import check_url
from slackkefu.net.websocket import WebSocket
from slackkefu.slack.envelope import Malformed, OtherPayload
from slackkefu.slack.session import (
    TIMING,
    DisconnectAnnounced,
    Due,
    EnvelopeReceived,
    Hello,
    Reaction,
    Session,
    SessionEvent,
    Timing,
    Unknown,
    acknowledge,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.slack.envelope import Envelope
    from slackkefu.slack.web import WebClient
    from slackkefu.world import World

__all__ = ["Connection", "Listener", "TurnedAway"]

MAX_FRAME_BYTES: Final = 16 * 2**20
"""Largest frame taken. About 100 kB is normal, and some megabytes must be possible (facts/slack.md §1)."""

MAX_EARLY: Final = 100
"""Envelopes kept that come before hello; what comes beyond is not acknowledged, so Slack repeats it."""

ACKNOWLEDGE_S: Final = 3.0
"""Longest time to write an acknowledgement. One that takes longer is too late anyway (facts/slack.md §1)."""

_CLOSE_NOW: Final = frozenset({Reaction.SWITCHED_OFF, Reaction.CROWDED})


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Slack announced the end of a new connection instead of saying hello."""

    announced: DisconnectAnnounced


class Listener(Protocol):
    """Who is told what a connection brings. All calls return at once."""

    def envelope_received(self, connection: Connection, envelope: Envelope) -> None:
        """Take an envelope, in order of arrival; it is owed an acknowledgement on *connection*."""
        ...

    def end_announced(self, connection: Connection, announced: DisconnectAnnounced | None) -> None:
        """Know that *connection* will end: Slack said so, or (None) its announced life is nearly over."""
        ...

    def passed_over(self, connection: Connection, event: Unknown | Malformed) -> None:
        """Know that something came that is not understood; where it had an id, it has been acknowledged."""
        ...


@final
class Connection:
    """One connection that has said hello."""

    def __init__(self, websocket: WebSocket, session: Session, timing: Timing) -> None:
        """Wrap a fresh *websocket*; use :meth:`open`."""
        self._websocket = websocket
        self._session = session
        self._timing = timing
        self._early: list[SessionEvent] = []
        self._reason = ""
        self._is_deaf = False
        # Slack has said that it will end; or we have closed it.
        self._is_announced = False
        self._is_closed = False
        self.hello = Hello(None, None, "")
        self.hello_at = trio.current_time()
        """Time (trio's clock) of the hello."""
        self.served_at = self.hello_at
        """Time (trio's clock) of the last envelope, or of the hello."""
        self.silent_since: float | None = None
        """When it got its last envelope, once it has been found that the others got many since."""
        self.is_leaving = False
        """It will be replaced, or Slack will end it: it is still read, but counts no more."""

    @classmethod
    async def open(cls, *, world: World, web: WebClient, timing: Timing = TIMING) -> Connection | TurnedAway:
        """
        Ask for an address, connect, wait for hello.

        A cancellation leaves nothing open.

        Raises:
            SlackError: apps.connections.open was refused.
            LinkError: No answer, no connection, or no hello in time.
            RemoteProtocolError: Something else than WebSocket frames came.

        """
        url = await web.open_connection()
        problem = check_url(url.reveal(), schemes=("wss", "ws"))
        if problem is not None:
            raise ConnectFailed("the address Slack gave", problem)
        try:
            with trio.fail_after(timing.hello_s):
                websocket = await WebSocket.connect(world.network, url.reveal(), max_bytes=MAX_FRAME_BYTES)
        except trio.TooSlowError:
            raise ConnectFailed("the address Slack gave", f"no handshake within {timing.hello_s:g} s") from None
        session = Session(trio.current_time(), jitter=world.chance.random(), timing=timing)
        connection = cls(websocket, session, timing)
        try:
            announced = await connection._greet()
        except BaseException:
            await connection.aclose()
            raise
        if announced is not None:
            await connection.aclose()
            return TurnedAway(announced)
        return connection

    def __repr__(self) -> str:
        return f"<Connection {self._websocket!r}{' leaving' if self.is_leaving else ''}>"

    @property
    def address(self) -> str:
        """Where it is connected to, without the ticket."""
        return self._websocket.address

    @property
    def heard_at(self) -> float:
        """Time (trio's clock) of the last byte received."""
        return self._websocket.heard_at

    @property
    def may_live_on(self) -> bool:
        """Whether Slack may take it for open though it is over: Slack neither closed it nor said that it would."""
        return not (self._is_announced or self._websocket.was_closed)

    @property
    def is_lost(self) -> bool:
        """Whether it just ended: deaf, or without our close and without Slack's."""
        return self._is_deaf or (self.may_live_on and not self._is_closed)

    async def run(self, listener: Listener) -> str:
        """
        Read until the connection is over, and return why it ended.

        Reading never waits for *listener*. A cancellation leaves the connection open; close it.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_alive, listener)
            try:
                for event in self._early:
                    await self._take(event, listener)
                self._early.clear()
                while True:
                    frame = await self._websocket.receive()
                    await self._take(self._session.receive(frame, trio.current_time()), listener)
            except (LinkClosed, RemoteProtocolError) as exc:
                self._reason = self._reason or str(exc)
            nursery.cancel_scope.cancel()
        return self._reason

    async def acknowledge(self, envelope_id: str, payload: Mapping[str, object] | None = None) -> bool:
        """
        Acknowledge an envelope that came on this connection.

        Once begun it is not cancelled, which would close the connection, but it is bounded.

        Returns:
            Whether it could be written. Slack never says whether it arrived.

        """
        await trio.lowlevel.checkpoint_if_cancelled()
        with trio.move_on_after(ACKNOWLEDGE_S, shield=True), suppress(LinkClosed):
            await self._websocket.send(acknowledge(envelope_id, payload))
            return True
        return False

    async def aclose(self) -> None:
        """
        Close in order, within a second, also when cancelled.

        A close that Slack does not see leaves a ghost, which goes on getting its share of the envelopes
        (facts/slack.md §1).
        """
        self._is_closed = True
        with trio.CancelScope(shield=True):
            await self._websocket.aclose()

    async def _greet(self) -> DisconnectAnnounced | None:
        """Wait for hello; return a disconnect that came instead."""
        address = self._websocket.address
        try:
            with trio.fail_after(self._timing.hello_s):
                while True:
                    event = self._session.receive(await self._websocket.receive(), trio.current_time())
                    match event:
                        case Hello():
                            self.hello = event
                            self.hello_at = self.served_at = trio.current_time()
                            return None
                        case DisconnectAnnounced():
                            return event
                        case _ if len(self._early) < MAX_EARLY:
                            self._early.append(event)
        except trio.TooSlowError:
            raise LinkClosed(address, f"no hello within {self._timing.hello_s:g} s") from None

    async def _take(self, event: SessionEvent, listener: Listener) -> None:
        """Tell the listener of one event; acknowledge what nobody can make anything of (facts/slack.md trap 5)."""
        match event:
            case EnvelopeReceived(envelope):
                self.served_at = trio.current_time()
                match envelope.payload:
                    case Malformed() as malformed:
                        await self.acknowledge(envelope.envelope_id)
                        listener.passed_over(self, malformed)
                    case OtherPayload():
                        await self.acknowledge(envelope.envelope_id)
                        listener.passed_over(self, Unknown(envelope.kind[:40]))
                    case _:
                        listener.envelope_received(self, envelope)
            case DisconnectAnnounced():
                self._leave(listener, event)
                if event.reaction in _CLOSE_NOW:
                    await self.aclose()
            case Unknown() | Malformed():
                listener.passed_over(self, event)
            case Hello():
                # A second hello changes nothing.
                pass

    async def _keep_alive(self, listener: Listener) -> None:
        """Do what time brings."""
        websocket, session = self._websocket, self._session
        while True:
            await trio.sleep_until(session.next_deadline(websocket.heard_at))
            match session.due(trio.current_time(), websocket.heard_at):
                case Due.PING:
                    # A ping that cannot be written is as good a sign as a silent line.
                    with trio.move_on_at(websocket.heard_at + self._timing.deaf_s), suppress(LinkClosed):
                        await websocket.ping()
                case Due.REFRESH:
                    self._leave(listener, None)
                case Due.DEAF | Due.NO_HELLO:
                    self._is_deaf = True
                    self._reason = f"nothing heard for {self._timing.deaf_s:g} s"
                    await websocket.aclose()
                    return
                case None:
                    pass

    def _leave(self, listener: Listener, announced: DisconnectAnnounced | None) -> None:
        """Count no more, and say so once for each announcement."""
        self.is_leaving = True
        self._is_announced = self._is_announced or announced is not None
        listener.end_announced(self, announced)
