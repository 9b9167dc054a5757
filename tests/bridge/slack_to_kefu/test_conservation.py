"""Any order of deliveries, repeats, sheltering and restarts: each message is sent once, in order with those in hand."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.slack_to_kefu.custody import Joined, Outcome
from slackkefu.bridge.slack_to_kefu.receipts import Parcel
from slackkefu.easemob.names import ImUser
from slackkefu.store.spill import Spilled
from tests.bridge.people import MIA, Journal, Parcels, Spill, envelope, forward, receipts

if TYPE_CHECKING:
    from slackkefu.slack.ids import Ts

USER = ImUser(MIA)
SEND_S = 1.0

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(1, 5)),
        st.tuples(st.just("pass"), st.integers(1, 3)),
        st.tuples(st.just("shelter"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=25,
)


class Life:
    """One run of the bridge's custody, over a disk that outlives it."""

    def __init__(self, journal: Journal, spill: Spill, desk: list[Ts]) -> None:
        self.book = receipts(journal, spill)
        self.book.restore(journal.entries)
        self.lanes: Lanes[ImUser, Parcel] = Lanes(self._send, per_lane=100, in_all=100, order=lambda each: each.order)
        self.waiting: dict[Ts, Parcel] = {}
        self.overtaken: list[tuple[Ts, Ts]] = []
        self._spill = spill
        self._desk = desk

    def restore(self) -> None:
        """Take over what waits in the spill."""
        numbered = enumerate(self._spill.pieces, start=1)
        left = [Spilled(number, each.lane, each.key) for number, each in numbered if number not in self._spill.over]
        for _, parcel in self.book.restore_spilled(left):
            self._put(parcel)

    async def deliver(self, number: int, connection: Parcels) -> None:
        """Let Slack deliver a message, or repeat it."""
        delivery = connection.bring(envelope(number=number))
        taken = self.book.take(forward(number=number), delivery)
        if isinstance(taken, Parcel):
            self._put(taken)
        elif not isinstance(taken, Joined):
            await self.book.acknowledge_repeat(taken, delivery)

    async def shelter(self) -> None:
        """Bring what is in memory to the spill."""
        exposed = [each for each in self.waiting.values() if not each.is_safe]
        if exposed:
            await self.book.shelter(USER, exposed)

    def _put(self, parcel: Parcel) -> None:
        self.waiting[parcel.owed.key.ts] = parcel
        assert self.lanes.put(USER, parcel)

    async def _send(self, _: ImUser, parcel: Parcel) -> None:
        ts = parcel.owed.key.ts
        self.overtaken += [(ts, other) for other in self.waiting if other < ts]
        await trio.sleep(SEND_S)
        # Easemob has it from here on, whatever becomes of us.
        self._desk.append(ts)
        await self.book.settle(parcel, Outcome.DELIVERED)
        del self.waiting[ts]


async def live(steps: list[tuple[str, int]]) -> tuple[list[Ts], list[str], list[tuple[Ts, Ts]], set[int]]:
    """Go through *steps*, then let Slack repeat until all is acknowledged; return what happened."""
    journal, spill, connection = Journal(), Spill(), Parcels()
    desk: list[Ts] = []
    overtaken: list[tuple[Ts, Ts]] = []
    came = {number for what, number in steps if what == "deliver"}
    runs: list[list[tuple[str, int]]] = [[]]
    for step in steps:
        runs[-1].append(step)
        if step[0] == "restart":
            runs.append([])
    # Slack repeats everything, and once more what was not acknowledged in time.
    repeats = [("deliver", number) for number in sorted(came)]
    runs.append([("pass", 30), *repeats, ("pass", 30), *repeats])
    for run in runs:
        life = Life(journal, spill, desk)
        async with trio.open_nursery() as nursery:
            await nursery.start(life.lanes.run)
            life.restore()
            for what, number in run:
                if what == "deliver":
                    await life.deliver(number, connection)
                elif what == "shelter":
                    await life.shelter()
                else:
                    await trio.sleep(number * 0.7)
            nursery.cancel_scope.cancel()
        overtaken += life.overtaken
    return desk, connection.names, overtaken, came


@given(STEPS)
def test_every_message_once(steps: list[tuple[str, int]]) -> None:
    """None is lost; none is sent twice unless we died between Easemob's yes and its record; none overtakes another."""
    desk, acknowledged, overtaken, came = trio.run(live, steps, clock=trio.testing.MockClock(autojump_threshold=0))
    restarts = sum(what == "restart" for what, _ in steps)

    assert {f"1760000000.{number:06}" for number in came} == {*desk}
    assert sum(count - 1 for count in Counter(desk).values()) <= restarts
    assert not overtaken
    assert {f"e{number}.0" for number in came} == {*acknowledged}


@pytest.mark.parametrize("pause", [0, 1, 2])
def test_a_restart_in_each_stage(pause: int) -> None:
    """Before the send, during it and after it: a restart neither loses nor doubles what was in the spill."""
    steps = [("deliver", 1), ("deliver", 2), ("shelter", 0), ("pass", pause), ("restart", 0)]
    desk, *_ = trio.run(live, steps, clock=trio.testing.MockClock(autojump_threshold=0))

    assert ["1760000000.000001", "1760000000.000002"] == [*dict.fromkeys(desk)]
