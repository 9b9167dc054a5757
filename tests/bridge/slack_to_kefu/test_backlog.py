"""The backlog keeps what waits, its order and its turns, in little room."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.slack_to_kefu.backlog import Backlog, Waiting
from slackkefu.bridge.slack_to_kefu.message_key import MessageKey
from slackkefu.slack.ids import ChannelId, TeamId, Ts
from slackkefu.slack.installation import InstallationKey

LANES = ("mia", "leo")


def key(number: int, channel: str = "D1") -> MessageKey:
    """Name a message in a conversation of one workspace."""
    return MessageKey(InstallationKey(None, TeamId("T1")), ChannelId(channel), Ts(f"1760000000.{number:06}"))


def test_turns_are_in_order() -> None:
    """Whatever comes late takes its turn by its time, also among the conversations of one lane."""
    backlog = Backlog()
    for number, channel in ((3, "D1"), (1, "D1"), (4, "D2"), (2, "D2")):
        backlog.put("mia", key(number, channel), number * 10, is_repeat=number == 2)

    assert "1760000000.000001" == backlog.first("mia")
    assert [
        Waiting(key(1), 10, is_repeat=False, is_crossed_out=False),
        Waiting(key(2, "D2"), 20, is_repeat=True, is_crossed_out=False),
        Waiting(key(3), 30, is_repeat=False, is_crossed_out=False),
        Waiting(key(4, "D2"), 40, is_repeat=False, is_crossed_out=False),
    ] == [backlog.pop("mia") for _ in range(4)]
    assert (None, 0) == (backlog.first("mia"), backlog.depth("mia"))


def test_what_is_crossed_out_keeps_its_turn() -> None:
    """Nobody finds it any more, but its turn comes; and should it come again, that is another turn."""
    backlog = Backlog()
    for number in (1, 2):
        backlog.put("mia", key(number), number, is_repeat=False)

    assert 1 == backlog.cross_out(key(1))
    assert (False, 1, 2) == (key(1) in backlog, len(backlog), backlog.depth("mia"))

    with pytest.raises(KeyError):
        backlog.cross_out(key(1))
    backlog.put("mia", key(1), 7, is_repeat=True)

    assert key(1) in backlog
    assert [(1, True), (7, False), (2, False)] == [
        (each.number, each.is_crossed_out) for each in (backlog.pop("mia") for _ in range(3))
    ]


@pytest.mark.parametrize("ts", ["1", "1760000000.1", "1760000000.0000001", "01760000000.000001", "１760000000.000001"])
def test_a_ts_that_would_not_come_back(ts: str) -> None:
    """What is no ``ts`` as Slack makes them is not taken, for a number would not remember how it was written."""
    backlog = Backlog()
    strange = MessageKey(key(1).installation, key(1).channel, Ts(ts))

    assert not backlog.put("mia", strange, 1, is_repeat=False)
    assert strange not in backlog
    assert (None, 0) == (backlog.first("mia"), len(backlog))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "put", "put", "pop", "cross out"]),
            st.sampled_from(LANES),
            st.integers(0, 4),
            st.sampled_from(["D1", "C1"]),
        ),
        max_size=60,
    )
)
def test_any_order_of_everything(steps: list[tuple[str, str, int, str]]) -> None:
    """It is what a list of each lane would be, kept in order."""
    backlog = Backlog()
    lanes: dict[str, list[Waiting]] = {lane: [] for lane in LANES}
    for number, (step, lane, low, channel) in enumerate(steps):
        name = key(low, channel)
        there = [(whose, each) for whose in LANES for each in lanes[whose] if each.key == name]
        alive = [(whose, each) for whose, each in there if not each.is_crossed_out]
        if step == "put" and not alive:
            assert backlog.put(lane, name, number, is_repeat=number % 2 == 1)
            lanes[lane].append(Waiting(name, number, number % 2 == 1, is_crossed_out=False))
            lanes[lane].sort(key=lambda each: each.key.ts)
        elif step == "pop" and lanes[lane]:
            popped = backlog.pop(lane)

            # Of two conversations at the very same time either may be the first.
            assert popped in lanes[lane]
            assert lanes[lane][0].key.ts == popped.key.ts

            lanes[lane].remove(popped)
        elif step == "cross out" and alive:
            ((whose, each),) = alive
            assert each.number == backlog.cross_out(name)
            place = lanes[whose].index(each)
            lanes[whose][place] = Waiting(name, each.number, each.is_repeat, is_crossed_out=True)
        waiting = [each.key for whose in LANES for each in lanes[whose] if not each.is_crossed_out]

        assert len(waiting) == len(backlog)
        assert all(each in backlog for each in waiting)
        assert [len(lanes[whose]) for whose in LANES] == [backlog.depth(whose) for whose in LANES]
        assert [lanes[whose][0].key.ts if lanes[whose] else None for whose in LANES] == [
            backlog.first(whose) for whose in LANES
        ]


def test_one_that_waits_takes_little_room() -> None:
    """Of a lane of ten thousand each takes less than 20 bytes; when they are gone nothing is left."""
    tracemalloc.start()
    try:
        backlog = Backlog()
        for number in range(10_000):
            backlog.put("mia", key(number), number, is_repeat=False)
        full, _ = tracemalloc.get_traced_memory()
        for _ in range(10_000):
            backlog.pop("mia")
        empty, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert full < 20 * 10_000
    assert empty < 2000


def test_a_correction_has_no_place_here() -> None:
    """It would come back as its message; and its message is found beside it."""
    backlog = Backlog()
    correction = key(1).deleted("1760000050.000000")

    assert not backlog.put("mia", correction, 1, is_repeat=False)
    assert backlog.put("mia", key(1), 2, is_repeat=False)
    assert (True, False) == (key(1) in backlog, correction in backlog)
