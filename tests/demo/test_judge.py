"""The judge finds every loss, double, disorder and delay, and nothing where there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.demo.judge import Arrived, Lane, Sent, Verdict, judge


def lane(sent: str, arrived: str, *, told: str = "", free: str = "", name: str = "lane") -> Lane:
    """Make a lane whose messages are letters; a capital one says when it was sent."""
    return Lane(
        name,
        [Sent(each, 0.0, was_told=each in told, is_owed=each not in free) for each in sent],
        [Arrived(each.lower(), 0.0, says_when=each.isupper()) for each in arrived],
    )


def found(verdict: Verdict) -> tuple[str, str, str]:
    """Return what was lost, doubled and out of order, as letters."""
    lost, doubled, reordered = (
        "".join(text for _, text in each) for each in (verdict.lost, verdict.doubled, verdict.reordered)
    )
    return lost, doubled, reordered


@pytest.mark.parametrize(
    ("sent", "arrived", "expected"),
    [
        ("abc", "abc", ("", "", "")),
        ("abc", "ac", ("b", "", "")),
        ("abc", "abcb", ("", "b", "")),
        ("abc", "abcbb", ("", "b", "")),
        ("abc", "acb", ("", "", "b")),
        ("abc", "acB", ("", "", "")),
        ("abc", "cab", ("", "", "ab")),
        ("abc", "cAb", ("", "", "b")),
        ("abc", "", ("abc", "", "")),
        ("abc", "abxc", ("", "", "")),
        ("aba", "aba", ("", "", "")),
        ("aba", "ab", ("a", "", "")),
        ("aba", "abaa", ("", "a", "")),
    ],
)
def test_every_verdict(sent: str, arrived: str, expected: tuple[str, str, str]) -> None:
    """What is lost, doubled or out of order is named; what says when it was sent may come late."""
    verdict = judge([lane(sent, arrived)])

    assert expected == found(verdict)
    assert verdict.is_clean == (expected == ("", "", ""))


def test_who_was_told_has_lost_nothing() -> None:
    """A message whose sender was told is not lost, whether it has arrived or not."""
    verdict = judge([lane("abc", "a", told="ab")])

    assert ("c", "", "") == found(verdict)
    assert (("lane", "a"), ("lane", "b")) == verdict.told


def test_what_need_not_arrive() -> None:
    """What need not arrive is not lost, and counts like any other when it does."""
    verdict = judge([lane("abcd", "acbb", free="bd")])

    assert ("", "b", "b") == found(verdict)
    assert (3, 3) == (verdict.sent, verdict.arrived)


@pytest.mark.parametrize(("in_hand_at", "reordered"), [(2.5, "a"), (3.5, ""), (4.5, "")])
def test_what_was_in_hand_leaves_in_order(in_hand_at: float, reordered: str) -> None:
    """What the daemon had before two later ones left is out of order, though it says when it was sent."""
    sent = [Sent("a", 0.0, in_hand_at=in_hand_at), Sent("b", 1.0), Sent("c", 2.0)]
    arrived = [Arrived("b", 3.0), Arrived("c", 4.0), Arrived("a", 5.0, says_when=True)]

    assert ("", "", reordered) == found(judge([Lane("lane", sent, arrived)]))


def test_how_long_it_took() -> None:
    """What took long is late, and half of all and the slowest are named."""
    sent = [Sent("a", 100.0), Sent("b", 101.0), Sent("c", 102.0)]
    arrived = [Arrived("a", 100.5), Arrived("b", 103.0), Arrived("c", 112.5), Arrived("a", 900.0)]
    verdict = judge([Lane("lane", sent, arrived)], late_s=10)

    assert (("lane", "c"),) == verdict.late
    assert (2.0, 10.5) == (verdict.median_s, verdict.longest_s)


def test_lanes_are_judged_apart() -> None:
    """The same text in two lanes is two messages."""
    verdict = judge([lane("a", "a", name="one"), lane("a", "", name="two")], absorbed=3)

    assert (("two", "a"),) == verdict.lost
    assert (
        "sent 2, arrived 1, lost 1, doubled 0, reordered 0, told 0, late 0 (median 0.0 s, longest 0.0 s), "
        "repeats absorbed 3" == str(verdict)
    )


@given(st.permutations("abcdef"))
def test_only_the_order_in_which_it_was_sent_is_in_order(arrived: list[str]) -> None:
    """Every other order is found."""
    assert judge([lane("abcdef", "".join(arrived))]).is_clean == ("".join(arrived) == "abcdef")
