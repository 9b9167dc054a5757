"""Envelopes on their way to the consumer, through Socket Mode as a whole in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.errors import StoreBroken
from slackkefu.slack import inbox as module
from tests.slack.bench import bench, settled
from tests.slack.tiny import message

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.testing import LogCapture

    from slackkefu.slack.inbox import Delivery


async def test_every_envelope_is_acknowledged_where_it_came(autojump_clock: trio.abc.Clock) -> None:
    """Acknowledgements go out on the connection that delivered, and the consumer gets arrivals in order."""
    async with bench() as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(60.1)
        first, second = b.slack.open
        await first.send(message(1), message(2))
        await settled()
        await second.send(message(3, retry_attempt=1))
        await settled()

        assert b.ids == ["e1", "e2", "e3"]
        assert (first.acknowledged, second.acknowledged) == (["e1", "e2"], ["e3"])
        await trio.sleep(10)
        await first.send(message(4))
        await settled()
        statistics = b.mode.statistics()
        assert (statistics.envelopes, statistics.acknowledged, statistics.retries) == (4, 4, 1)
        assert len(b.mode._inbox._recent) == 1
        assert "hush" not in repr(b.mode._connections)


async def test_acknowledging_twice_sends_once(autojump_clock: trio.abc.Clock) -> None:
    """A second acknowledgement is harmless and says the same."""
    async with bench(1) as b:
        await b.nursery.start(b.mode.run)
        (connection,) = b.slack.open
        await connection.send(message(1))
        await settled()
        (delivery,) = b.received

        assert await delivery.acknowledge()
        assert connection.acknowledged == ["e1"]
        assert repr(delivery) == "<Delivery e1 acknowledged>"


async def test_an_answer_goes_only_where_it_is_accepted(autojump_clock: trio.abc.Clock) -> None:
    """accepts_response_payload decides whether an answer is sent along (facts/slack.md §1)."""

    async def answer(delivery: Delivery) -> None:
        await delivery.acknowledge({"text": "hello"})

    async with bench(1, consumer=answer) as b:
        await b.nursery.start(b.mode.run)
        (connection,) = b.slack.open
        await connection.send(message(1), message(2, accepts_response_payload=True))
        await settled()

        assert connection.frames == [
            {"envelope_id": "e1"},
            {"envelope_id": "e2", "payload": {"text": "hello"}},
        ]


async def test_an_envelope_of_a_lost_connection_cannot_be_acknowledged(autojump_clock: trio.abc.Clock) -> None:
    """It is said, not raised, and never sent on another connection (facts/slack.md §1)."""
    deliveries: list[Delivery] = []

    async def keep(delivery: Delivery) -> None:
        deliveries.append(delivery)

    async with bench(consumer=keep) as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(61)
        first, second = b.slack.open
        await first.send(message(1))
        await settled()
        await first.websocket.aclose()
        await settled()

        assert not await deliveries[0].acknowledge()
        assert not deliveries[0].is_acknowledged
        assert not second.acknowledged


async def test_a_failing_consumer_kills_nothing(log: LogCapture, autojump_clock: trio.abc.Clock) -> None:
    """What the consumer raises is logged and counted; the envelope stays unacknowledged, the next one is delivered."""
    seen: list[str] = []

    async def fail(delivery: Delivery) -> None:
        seen.append(delivery.envelope.envelope_id)
        raise RuntimeError

    async with bench(1, consumer=fail) as b:
        await b.nursery.start(b.mode.run)
        (connection,) = b.slack.open
        await connection.send(message(1), message(2))
        await settled()

        assert seen == ["e1", "e2"]
        assert not connection.acknowledged
        assert b.mode.statistics().consumer_failures == 2
        assert b.slack.open == [connection]
        assert any(entry["event"] == "socketmode.consumer_failed" for entry in log.entries)


async def test_a_broken_store_ends_it(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """Where nobody knows what is on disk nothing more is taken in."""

    async def fail(_: Delivery) -> None:
        raise StoreBroken(tmp_path, "a sync has failed")

    with pytest.RaisesGroup(StoreBroken, flatten_subgroups=True):
        async with bench(1, consumer=fail) as b:
            await b.nursery.start(b.mode.run)
            await b.slack.open[0].send(message(1))
            await settled()


async def test_a_stuck_consumer_stops_neither_reading_nor_the_connection(
    monkeypatch: pytest.MonkeyPatch, log: LogCapture, autojump_clock: trio.abc.Clock
) -> None:
    """The queue is bounded; what does not fit is counted and left unacknowledged, and pings go on being answered."""
    monkeypatch.setattr(module, "QUEUE", 3)

    async def stuck(_: Delivery) -> None:
        await trio.sleep_forever()

    async with bench(1, consumer=stuck) as b:
        await b.nursery.start(b.mode.run)
        (connection,) = b.slack.open
        await connection.send(*(message(number) for number in range(10)))
        await settled()

        statistics = b.mode.statistics()
        assert (statistics.envelopes, statistics.waiting, statistics.overflowed) == (10, 3, 6)
        await trio.sleep(600)
        assert b.slack.open == [connection]
        assert sum(entry["event"] == "socketmode.overflow" for entry in log.entries) == 1


async def test_draining_lets_what_is_in_hand_be_acknowledged(autojump_clock: trio.abc.Clock) -> None:
    """drain() takes nothing new, waits for the acknowledgements owed, closes, and run() returns."""
    gate = trio.Event()
    received: list[str] = []

    async def slow(delivery: Delivery) -> None:
        received.append(delivery.envelope.envelope_id)
        await gate.wait()
        await delivery.acknowledge()

    async with bench(1, consumer=slow) as b:
        ended = trio.Event()

        async def run(*, task_status: trio.TaskStatus[None]) -> None:
            await b.mode.run(task_status=task_status)
            ended.set()

        await b.nursery.start(run)
        (connection,) = b.slack.open
        await connection.send(message(1))
        await settled()
        started = trio.current_time()
        b.nursery.start_soon(b.mode.drain)
        await settled()
        await connection.send(message(2))
        await trio.sleep(1)
        assert b.slack.open == [connection]
        gate.set()
        await ended.wait()

        assert trio.current_time() - started == pytest.approx(1)
        assert received == ["e1"]
        assert connection.acknowledged == ["e1"]
        assert "1000" in connection.reason


async def test_draining_does_not_wait_for_ever(autojump_clock: trio.abc.Clock) -> None:
    """What is not acknowledged within Slack's three seconds is Slack's again."""

    async def never(_: Delivery) -> None:
        pass

    async with bench(1, consumer=never) as b:
        await b.nursery.start(b.mode.run)
        await b.slack.open[0].send(message(1))
        await settled()
        started = trio.current_time()
        await b.mode.drain()

        assert trio.current_time() - started == pytest.approx(3)
        assert not b.slack.open
