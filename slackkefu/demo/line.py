"""
A line between two ends that can behave badly.

A :class:`Line` is a pair of joined byte streams, ``near`` (the client's end) and ``far`` (the server's end). What goes
in at one end comes out at the other in order and unharmed, and between them the line can be slow, uneven, cut into
small pieces, silent or broken. All of it happens on trio's clock, so under a virtual clock hours cost nothing, and the
same seed gives the same weather.

A silent line (a *black hole*) does what a dead network does to TCP: nothing arrives, nobody is told, the sender's
buffer fills up, and after :meth:`Line.heal` everything that was sent arrives late. A reset tells both ends at once.

:func:`through` puts a line in front of a handler of real connections.
"""

from __future__ import annotations

import operator
from collections import Counter, deque
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final, final

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

__all__ = ["Line", "Weather", "through"]

BUFFER_BYTES: Final = 65_536
"""What a direction holds before its sender has to wait, like the buffers of a socket."""

CHUNK_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Weather:
    """How a line behaves while it is up."""

    latency_s: float = 0.0
    """How long every byte is under way."""
    jitter_s: float = 0.0
    """At most this much more, drawn anew for each write; bytes never overtake each other."""
    slice_bytes: int | None = None
    """A read gives between one and this many bytes, drawn anew each time; None leaves writes whole."""
    close_after_s: float = 0.0
    """How much later than the last byte the other end learns that the stream was closed."""


@final
class Line:
    """
    Two joined streams and the faults between them.

    Args:
        chance: Where jitter and slices are drawn from.
        weather: How the line behaves; :attr:`weather` may be set at any time for what is written from then on.

    """

    def __init__(self, *, chance: Random, weather: Weather | None = None) -> None:
        self.weather = weather if weather is not None else Weather()
        self.happened: Counter[str] = Counter()
        """How often the line did what to what passes: reset, cut, silenced, slowed, uneven, sliced, closed late."""
        self._chance = chance
        self._up = _Way(self, chance)
        self._down = _Way(self, chance)
        self._up.back, self._down.back = self._down, self._up
        self.near: trio.abc.Stream = _End(outgoing=self._up, incoming=self._down)
        """The client's end."""
        self.far: trio.abc.Stream = _End(outgoing=self._down, incoming=self._up)
        """The server's end."""

    def __repr__(self) -> str:
        return f"<Line up {self._up.state} down {self._down.state}>"

    @property
    def is_open(self) -> bool:
        """Whether neither end has closed it, and nothing has broken it; a silent one may be."""
        return all(way.state in ("open", "silent") and not way.reader_gone for way in (self._up, self._down))

    def reset(self) -> None:
        """Break the line: both ends get an error at once, and what was under way is lost (a TCP reset)."""
        self.happened["reset"] += 1
        for way in (self._up, self._down):
            way.reset()

    def hang_up(self) -> None:
        """End the line without a word: both ends read the end of the stream, whatever they were about to say."""
        self.happened["cut"] += 1
        for way in (self._up, self._down):
            way.end(trio.current_time())
            way.reader_gone = True
            way.changed()

    def black_hole(self, *, up: bool = True, down: bool = True) -> None:
        """
        Let nothing arrive any more, and tell nobody.

        Args:
            up: From the client to the server.
            down: From the server to the client.

        """
        self.happened["silenced"] += 1
        self._up.silent = self._up.silent or up
        self._down.silent = self._down.silent or down

    def heal(self) -> None:
        """End a black hole: what was sent meanwhile arrives now."""
        for way in (self._up, self._down):
            way.silent = False
            way.changed()


@final
class _Way:
    """One direction of a line."""

    def __init__(self, line: Line, chance: Random) -> None:
        self._line = line
        self._chance = chance
        # What is under way: when it arrives, and the bytes.
        self._chunks: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._latest = -inf
        self._ends_at: float | None = None
        self._waiting = trio.lowlevel.ParkingLot()
        self.back: _Way = self
        """The other direction: the way news goes back to the sender."""
        self.silent = False
        self.broken = False
        self.reader_gone = False

    @property
    def state(self) -> str:
        """One word for a repr."""
        if self.broken:
            return "broken"
        if self.silent:
            return "silent"
        return "open" if self._ends_at is None else "ended"

    @property
    def full(self) -> bool:
        """Whether a sender has to wait."""
        return self._size >= BUFFER_BYTES and not self.refuses

    @property
    def refuses(self) -> bool:
        """Whether a sender gets an error: nobody will ever read this, and the line says so."""
        return self.broken or (self.reader_gone and not self.back.silent)

    def changed(self) -> None:
        """Wake whoever waits for this direction."""
        self._waiting.unpark_all()

    async def wait(self, until: float = inf) -> None:
        """Wait for a change, or until a time."""
        with trio.move_on_at(until):
            await self._waiting.park()

    def put(self, data: bytes) -> None:
        """Send *data* on its way."""
        weather = self._line.weather
        delay = weather.latency_s + (self._chance.uniform(0, weather.jitter_s) if weather.jitter_s else 0.0)
        self._line.happened["slowed"] += weather.latency_s > 0
        self._line.happened["uneven"] += weather.jitter_s > 0
        self._latest = max(self._latest, trio.current_time() + delay)
        self._chunks.append((self._latest, data))
        self._size += len(data)
        self.changed()

    def end(self, at: float) -> None:
        """Nothing more follows; the reader learns it at time *at*, after the last byte."""
        if self._ends_at is None:
            self._ends_at = max(at, self._latest)
        self.changed()

    def reset(self) -> None:
        """Lose what is under way."""
        self.broken = True
        self._chunks.clear()
        self._size = 0
        self.changed()

    def take(self, max_bytes: int, now: float) -> bytes | None:
        """Return what has arrived, ``b""`` at the end of the stream, or None while there is nothing."""
        if self.silent:
            return None
        if self._chunks and self._chunks[0][0] <= now:
            if self._line.weather.slice_bytes is not None:
                max_bytes = min(max_bytes, self._chance.randint(1, self._line.weather.slice_bytes))
            due, data = self._chunks.popleft()
            if len(data) > max_bytes:
                self._line.happened["sliced"] += 1
                self._chunks.appendleft((due, data[max_bytes:]))
                data = data[:max_bytes]
            self._size -= len(data)
            self.changed()
            return data
        if not self._chunks and self._ends_at is not None and self._ends_at <= now:
            return b""
        return None

    @property
    def next_arrival(self) -> float:
        """When the next byte, or the end, gets to the reader."""
        if self.silent:
            return inf
        if self._chunks:
            return self._chunks[0][0]
        return self._ends_at if self._ends_at is not None else inf


@final
class _End(trio.abc.Stream):
    """One end of a line, as a trio stream."""

    def __init__(self, *, outgoing: _Way, incoming: _Way) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self._closed = False
        self._sending = _OneAtATime("sending")
        self._receiving = _OneAtATime("receiving")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send; waits while the direction is full. See :meth:`trio.abc.SendStream.send_all`."""
        with self._sending:
            await trio.lowlevel.checkpoint()
            while self._may_go_on(self._outgoing.refuses) and self._outgoing.full:
                await self._outgoing.wait()
            if data:
                self._outgoing.put(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for room. See :meth:`trio.abc.SendStream.wait_send_all_might_not_block`."""
        with self._sending:
            await trio.lowlevel.checkpoint()
            while self._may_go_on(self._outgoing.refuses) and self._outgoing.full:
                await self._outgoing.wait()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what arrives next, empty at the end. See :meth:`trio.abc.ReceiveStream.receive_some`."""
        most = CHUNK_BYTES if max_bytes is None else operator.index(max_bytes)
        if most < 1:
            raise ValueError("max_bytes is at least 1")
        with self._receiving:
            await trio.lowlevel.checkpoint()
            data = None
            while self._may_go_on(self._incoming.broken) and data is None:
                data = self._incoming.take(most, trio.current_time())
                if data is None:
                    await self._incoming.wait(self._incoming.next_arrival)
            return data or b""

    async def aclose(self) -> None:
        """Close this end; the other one learns it when the line lets it."""
        if not self._closed:
            self._closed = True
            self._outgoing.end(trio.current_time() + self._outgoing_delay())
            self._incoming.reader_gone = True
            self._incoming.changed()
        await trio.lowlevel.checkpoint()

    def _outgoing_delay(self) -> float:
        line = self._outgoing._line  # noqa: SLF001  (one module, one mechanism)
        line.happened["closed late"] += line.weather.close_after_s > 0
        return line.weather.latency_s + line.weather.close_after_s

    def _may_go_on(self, broken: bool) -> bool:  # noqa: FBT001  (private, one meaning)
        """Return True; raise when this end is closed or the line is broken."""
        if self._closed:
            raise trio.ClosedResourceError("this end of the line was closed")
        if broken:
            raise trio.BrokenResourceError("the line is broken")
        return True


@final
class _OneAtATime:
    """Lets one task in, and gives the next one trio's error."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._taken = False

    def __enter__(self) -> None:
        if self._taken:
            raise trio.BusyResourceError(f"another task is {self._doing} on this end")
        self._taken = True

    def __exit__(self, *_: object) -> None:
        self._taken = False


async def through(stream: trio.abc.Stream, line: Line, handler: Callable[[trio.abc.Stream], Awaitable[None]]) -> None:
    """
    Serve *stream* with *handler*, every byte passing through *line*.

    Returns when both the handler and the connection are over; *stream* is closed then. A black hole keeps it open until
    the client hangs up.
    """
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_carry, stream, line.near)
        nursery.start_soon(_carry, line.near, stream)
        try:
            await handler(line.far)
        finally:
            await trio.aclose_forcefully(line.far)


async def _carry(source: trio.abc.Stream, sink: trio.abc.Stream) -> None:
    """Copy until the source ends or either breaks; then close the sink, so that its other side learns it."""
    try:
        while data := await source.receive_some(CHUNK_BYTES):
            await sink.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    finally:
        await trio.aclose_forcefully(sink)
