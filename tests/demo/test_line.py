"""A line between two ends, in good and bad weather."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.demo.line import BUFFER_BYTES, Line, Weather, through

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def both_ends() -> tuple[trio.abc.Stream, trio.abc.Stream]:
    """Return the ends of a line in good weather."""
    line = Line(chance=Random(1))
    return line.near, line.far


async def test_a_line_is_a_pair_of_streams() -> None:
    """Both ends keep trio's own rules for streams."""
    await trio.testing.check_two_way_stream(both_ends, None)


async def test_a_full_line_keeps_the_rules() -> None:
    """With a sender that has to wait, too."""

    async def clogged() -> tuple[trio.abc.Stream, trio.abc.Stream]:
        near, far = await both_ends()
        await near.send_all(b"x" * BUFFER_BYTES)
        return near, far

    await trio.testing.check_one_way_stream(both_ends, clogged)


@pytest.mark.parametrize("seed", range(5))
async def test_bytes_come_late_but_in_order(seed: int, autojump_clock: trio.abc.Clock) -> None:
    """Latency and jitter delay bytes and never reorder them; slices never change them."""
    line = Line(chance=Random(seed), weather=Weather(latency_s=1.0, jitter_s=2.0, slice_bytes=3))
    for number in range(50):
        await line.near.send_all(b"%03d" % number)
    received = b""
    while len(received) < 150:
        piece = await line.far.receive_some(100)
        assert 1 <= len(piece) <= 3
        received += piece

    assert b"".join(b"%03d" % number for number in range(50)) == received
    assert 1.0 <= trio.current_time() <= 3.0


async def test_latency_is_no_queue(autojump_clock: trio.abc.Clock) -> None:
    """Ten writes of one moment arrive at one moment: latency delays, it does not space out."""
    line = Line(chance=Random(1), weather=Weather(latency_s=1.0))
    for _ in range(10):
        await line.near.send_all(b"x")
    for _ in range(10):
        await line.far.receive_some(1)

    assert 1.0 == trio.current_time()


async def test_a_reset_is_an_error_for_both() -> None:
    """After a reset both ends get an error, and what was under way is lost."""
    line = Line(chance=Random(1))
    await line.near.send_all(b"lost")
    line.reset()
    for end in (line.near, line.far):
        with pytest.raises(trio.BrokenResourceError):
            await end.receive_some()
        with pytest.raises(trio.BrokenResourceError):
            await end.send_all(b"x")
    assert "<Line up broken down broken>" == repr(line)


async def test_a_reset_wakes_those_who_wait() -> None:
    """A reader and a writer that wait get the error at once."""
    line = Line(chance=Random(1))
    await line.near.send_all(b"x" * BUFFER_BYTES)
    broken = 0

    async def wait(act: Callable[[], Awaitable[object]]) -> None:
        nonlocal broken
        with pytest.raises(trio.BrokenResourceError):
            await act()
        broken += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, lambda: line.near.send_all(b"x"))
        nursery.start_soon(wait, line.near.receive_some)
        await trio.testing.wait_all_tasks_blocked()
        line.reset()
    assert 2 == broken


async def test_hanging_up_is_the_end_for_both() -> None:
    """After a hang-up both read what was under way and then the end; writing is an error."""
    line = Line(chance=Random(1))
    await line.near.send_all(b"last words")
    line.hang_up()

    assert b"last words" == await line.far.receive_some()
    assert b"" == await line.far.receive_some()
    assert b"" == await line.near.receive_some()
    with pytest.raises(trio.BrokenResourceError):
        await line.near.send_all(b"x")
    assert "<Line up ended down ended>" == repr(line)


async def test_a_black_hole_holds_everything_back(autojump_clock: trio.abc.Clock) -> None:
    """Nothing arrives, not even the end, until the line is healed; a sender is told nothing and in the end waits."""
    line = Line(chance=Random(1))
    line.black_hole(down=False)
    await line.near.send_all(b"x" * BUFFER_BYTES)
    with trio.move_on_after(100) as waiting:
        await line.near.send_all(b"y")
    assert waiting.cancelled_caught
    await line.near.aclose()
    with trio.move_on_after(100) as silence:
        await line.far.receive_some()
    assert silence.cancelled_caught
    await line.far.send_all(b"but this way is open")
    assert "<Line up silent down open>" == repr(line)

    line.heal()
    received = b""
    while data := await line.far.receive_some():
        received += data
    assert b"x" * BUFFER_BYTES == received


async def test_a_close_in_a_black_hole_is_not_noticed(autojump_clock: trio.abc.Clock) -> None:
    """Who writes to an end that closed behind a black hole is not told."""
    line = Line(chance=Random(1))
    line.black_hole()
    await line.far.aclose()
    await line.near.send_all(b"into the void")
    line.heal()
    with pytest.raises(trio.BrokenResourceError):
        await line.near.send_all(b"x")


async def test_a_slow_close(autojump_clock: trio.abc.Clock) -> None:
    """The end comes later than the last byte."""
    line = Line(chance=Random(1), weather=Weather(close_after_s=5.0))
    await line.near.send_all(b"x")
    await line.near.aclose()

    assert b"x" == await line.far.receive_some()
    assert 0.0 == trio.current_time()
    assert b"" == await line.far.receive_some()
    assert 5.0 == trio.current_time()


async def test_through_carries_both_ways() -> None:
    """A handler behind a line talks with the client in front of it."""
    client, server = trio.testing.memory_stream_pair()
    line = Line(chance=Random(1), weather=Weather(slice_bytes=1))

    async def echo(stream: trio.abc.Stream) -> None:
        while data := await stream.receive_some():
            await stream.send_all(data.upper())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(through, server, line, echo)
        await client.send_all(b"hello")
        received = b""
        while len(received) < 5:
            received += await client.receive_some()
        await client.aclose()
    assert b"HELLO" == received


async def test_through_closes_when_the_handler_is_done() -> None:
    """When the handler returns the client reads the end; when the line is reset, too."""

    async def bye(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"bye")

    async def wait(stream: trio.abc.Stream) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()

    client, server = trio.testing.memory_stream_pair()
    await through(server, Line(chance=Random(1)), bye)
    assert b"bye" == await client.receive_some()
    assert b"" == await client.receive_some()

    client, server = trio.testing.memory_stream_pair()
    line = Line(chance=Random(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(through, server, line, wait)
        await trio.testing.wait_all_tasks_blocked()
        line.reset()
    assert b"" == await client.receive_some()
