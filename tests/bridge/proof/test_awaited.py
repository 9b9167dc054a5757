"""The disk knows by ids alone what the desk has to confirm yet, and which kinds of bodies it confirms."""

from __future__ import annotations

from itertools import permutations

import pytest

from slackkefu.bridge.proof.awaited import LEARNING_S, Conclusion, Origin, awaiting, concluded, left
from slackkefu.store.entries import Awaiting, Concluded, Settled
from tests.bridge.people import MIA, NORTH, forward

WALL = 1_760_000_000.0
HOUR_S = 3600.0


def origin(number: int = 1) -> Origin:
    """Tell where a message comes from."""
    return Origin.of(forward(number=number))


def waits(number: int = 1, kind: str = "txt", *, ago_s: float = 0.0) -> Awaiting:
    """Make the entry of a message that waits."""
    return awaiting(origin(number), {f"mark-{number}": kind}, at=WALL - ago_s)


def ended(number: int = 1, how: Conclusion = Conclusion.CONFIRMED, *, ago_s: float = 0.0) -> Concluded:
    """Make the entry of one that waits no more."""
    return concluded(origin(number).key, how, at=WALL - ago_s)


def numbers(*entries: object) -> list[int]:
    """Return which messages are left by these entries."""
    messages, _ = left(entries, wall=WALL)
    return [int(each.origin.key.ts[-6:]) for each in messages]


def test_what_leaves_on_disk_is_ids_only() -> None:
    """Enough to read the message again and to tell its writer, and no words."""
    one = Origin.of(forward("secret words", thread_ts="1759999999.000001"))
    entry = awaiting(one, {"m": "txt"}, at=WALL)

    assert (
        Awaiting(
            team_id=NORTH.key.team_id,
            channel="D0MIA00001",
            ts="1760000000.000001",
            thread_ts="1759999999.000001",
            im_user=MIA,
            user="U0MIA00001",
            is_direct=True,
            marks={"m": "txt"},
            at=WALL,
        )
        == entry
    )
    ((back,), _) = left([entry], wall=WALL)
    assert (one, {"m": "txt"}, WALL) == (back.origin, back.marks, back.at)


def test_what_is_concluded_is_not_left() -> None:
    """However it ended, and in whatever order it was written: the disk may have been full in between."""
    entries = (waits(1), waits(2), waits(3), ended(1), ended(3, Conclusion.UNPROVED))
    other = Settled(team_id="T1", channel="C1", ts="1.0", outcome="delivered", at=WALL)

    for order in permutations(entries):
        assert [2] == numbers(other, *order)


def test_only_a_confirmation_says_what_the_desk_confirms() -> None:
    """By the kinds of the parts that were waited for; one whose message is not known says nothing."""
    entries = (waits(1), ended(1), waits(2, "img"), ended(2, Conclusion.TOLD), waits(3, "file"), ended(4))

    assert frozenset({"txt"}) == left(entries, wall=WALL)[1]


@pytest.mark.parametrize(("ago_s", "expected"), [(23 * HOUR_S, [1]), (25 * HOUR_S, [])])
def test_a_day_is_gone_back(ago_s: float, expected: list[int]) -> None:
    """What is older is not sent again by whoever starts now."""
    entries = (waits(1, ago_s=ago_s), waits(2, ago_s=30 * HOUR_S), ended(2, ago_s=30 * HOUR_S))

    assert expected == numbers(*entries)


def test_what_was_sent_long_before_the_desk_began_to_confirm_is_not_judged() -> None:
    """Nor, for longer than an hour, what waits for a kind that was never confirmed."""
    entries = (
        waits(1, ago_s=5 * HOUR_S),
        waits(2, ago_s=3.5 * HOUR_S),
        waits(3, ago_s=3 * HOUR_S),
        ended(3, ago_s=3 * HOUR_S),
        waits(4, "img", ago_s=LEARNING_S + 1),
        waits(5, "img", ago_s=LEARNING_S - 1),
    )

    assert [2, 5] == numbers(*entries)
