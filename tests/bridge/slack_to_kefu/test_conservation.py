"""
Any order of deliveries, repeats, edits, deletions, sheltering and restarts.

Each message is sent once, in order with those in hand; what was deleted before, never. A correction comes once, behind
its message, and not at all where that has not arrived.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.slack_to_kefu.custody import Joined, Outcome, Owed, Safe
from slackkefu.bridge.slack_to_kefu.receipts import Parcel
from slackkefu.easemob.names import ImUser
from slackkefu.store.spill import Spilled
from tests.bridge.people import MIA, Journal, Parcels, Spill, envelope, forward, receipts

if TYPE_CHECKING:
    from slackkefu.bridge.slack_to_kefu.receipts import Delivery
    from slackkefu.bridge.slack_to_kefu.routing import Forward

USER = ImUser(MIA)
EDIT = 100
"""What the number of an edit's envelope has more than its message's."""
SEND_S = 1.0

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(1, 8)),
        st.tuples(st.just("edit"), st.integers(1, 8)),
        st.tuples(st.just("delete"), st.integers(1, 8)),
        st.tuples(st.just("pass"), st.integers(1, 3)),
        st.tuples(st.just("shelter"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=40,
)


class Life:
    """One run of the bridge's custody, over a disk that outlives it."""

    def __init__(self, journal: Journal, spill: Spill, desk: list[str]) -> None:
        self.book = receipts(journal, spill)
        self.book.restore(journal.entries)
        self.lanes: Lanes[ImUser, Parcel] = Lanes(
            self._send, per_lane=100, in_all=100, order=lambda each: each.order, tail=self.book
        )
        self.waiting: dict[str, Parcel] = {}
        self.overtaken: list[tuple[str, str]] = []
        self.deleted: list[str] = []
        self.most_stowed = 0
        self._sending: str | None = None
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
        await self._deliver(forward(number=number), connection.bring(envelope(number=number)))

    async def edit(self, number: int, connection: Parcels) -> None:
        """Let Slack deliver an edit, or repeat it; one that comes before its message is left to Slack."""
        edit = replace(forward(number=number), revision="1760000100.000000~0a1b2c3d")
        if self.book.find(edit.key.original) is not None:
            await self._deliver(edit, connection.bring(envelope(number=EDIT + number)))

    async def _deliver(self, message: Forward, delivery: Delivery) -> None:
        taken = self.book.take(message, delivery)
        if isinstance(taken, Parcel):
            self._put(taken)
        elif not isinstance(taken, Joined):
            await self.book.acknowledge_repeat(taken, delivery)

    async def shelter(self) -> None:
        """Bring what is in memory to the spill."""
        exposed = [each for each in self.waiting.values() if not each.is_safe]
        if exposed:
            await self.book.shelter(USER, exposed)
            self.lanes.stow(USER)
        self.most_stowed = max(self.most_stowed, self.book.stowed(USER))

    async def delete(self, number: int) -> None:
        """Let its writer delete a message that waits, if it does."""
        key = forward(number=number).key
        known = self.book.find(key)
        if isinstance(known, Owed | Safe) and key.ts != self._sending:
            await self.book.withdraw(known)
            self.deleted.append(key.ts)
            # Whether the run before has sent it does not matter from here on.
            self._desk[:] = [name for name in self._desk if name != key.ts]

    def _put(self, parcel: Parcel) -> None:
        self.waiting[_name(parcel)] = parcel
        assert self.lanes.put(USER, parcel)

    async def _send(self, _: ImUser, parcel: Parcel) -> None:
        self._sending = name = _name(parcel)
        key = parcel.owed.key
        if key.revision and not self.book.is_wanted(key):
            await self.book.settle(parcel, Outcome.IGNORED)
        elif self.book.is_in_hand(parcel):
            earlier = (other for other, each in self.waiting.items() if each.order < parcel.order)
            self.overtaken += [(name, other) for other in earlier if other not in self.deleted]
            await trio.sleep(SEND_S)
            # Easemob has it from here on, whatever becomes of us.
            self._desk.append(name)
            await self.book.settle(parcel, Outcome.DELIVERED)
        del self.waiting[name]
        self._sending = None


def _name(parcel: Parcel) -> str:
    """Name a message; a correction has a mark behind the name of its message."""
    key = parcel.owed.key
    return f"{key.ts}~" if key.revision else key.ts


@dataclass
class Story:
    """What has happened."""

    came: set[str]
    edited: set[str]
    desk: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    overtaken: list[tuple[str, str]] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    most_stowed: int = 0


async def live(steps: list[tuple[str, int]]) -> Story:
    """Go through *steps*, then let Slack repeat until all is acknowledged; return what happened."""
    journal, spill, connection = Journal(), Spill(), Parcels()
    numbers = sorted({number for what, number in steps if what == "deliver"})
    edited = sorted({number for what, number in steps if what == "edit" and number in numbers})
    came, changed = ({str(forward(number=number).key.ts) for number in each} for each in (numbers, edited))
    story = Story(came, {f"{ts}~" for ts in changed})
    runs: list[list[tuple[str, int]]] = [[]]
    for step in steps:
        runs[-1].append(step)
        if step[0] == "restart":
            runs.append([])
    # Slack repeats everything, and once more what was not acknowledged in time.
    repeats = [("deliver", number) for number in numbers] + [("edit", number) for number in edited]
    runs.append([("pass", 30), *repeats, ("pass", 30), *repeats])
    for run in runs:
        life = Life(journal, spill, story.desk)
        async with trio.open_nursery() as nursery:
            await nursery.start(life.lanes.run)
            life.restore()
            for what, number in run:
                if what == "deliver":
                    await life.deliver(number, connection)
                elif what == "edit":
                    await life.edit(number, connection)
                elif what == "delete":
                    await life.delete(number)
                elif what == "shelter":
                    await life.shelter()
                else:
                    await trio.sleep(number * 0.7)
            nursery.cancel_scope.cancel()
        story.overtaken += life.overtaken
        story.deleted |= {*life.deleted}
        story.most_stowed = max(story.most_stowed, life.most_stowed)
    story.acknowledged = connection.names
    return story


def tell(steps: list[tuple[str, int]]) -> Story:
    """Do so in virtual time."""
    return trio.run(live, steps, clock=trio.testing.MockClock(autojump_threshold=0))


@given(STEPS)
def test_every_message_once(steps: list[tuple[str, int]]) -> None:
    """None is lost; none is sent twice unless we died between Easemob's yes and its record; none overtakes another."""
    story = tell(steps)
    restarts = sum(what == "restart" for what, _ in steps)

    messages = [name for name in story.desk if not name.endswith("~")]
    told = {name for name in story.desk if name.endswith("~")}

    assert story.came - story.deleted == {*messages}
    assert told <= story.edited
    assert {name for name in story.edited if name[:-1] not in story.deleted} <= told
    assert all(story.desk.index(name[:-1]) < story.desk.index(name) for name in told if name[:-1] in story.desk)
    assert sum(count - 1 for count in Counter(story.desk).values()) <= restarts
    assert not story.overtaken
    everything = {f"e{int(ts[-6:])}.0" for ts in story.came}
    everything |= {f"e{EDIT + int(name[-7:-1])}.0" for name in story.edited}
    assert everything == {*story.acknowledged}


@pytest.mark.parametrize("pause", [0, 1, 2, 3])
def test_a_restart_in_each_stage(pause: int) -> None:
    """Before the send, during it and after it: a restart neither loses nor doubles what was in the spill."""
    steps = [("deliver", 1), ("deliver", 3), ("deliver", 2), ("shelter", 0), ("delete", 2), ("pass", pause)]
    story = tell([*steps, ("restart", 0)])

    assert ["1760000000.000001", "1760000000.000003"] == [*dict.fromkeys(story.desk)]
    assert 2 == story.most_stowed


def test_one_that_comes_late() -> None:
    """It takes its place among those that wait as numbers."""
    story = tell([("deliver", 1), ("deliver", 4), ("deliver", 3), ("shelter", 0), ("deliver", 2), ("pass", 10)])

    assert [f"1760000000.00000{number}" for number in (1, 2, 3, 4)] == story.desk
    assert 2 == story.most_stowed
