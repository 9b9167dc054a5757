"""The judge finds every loss, double and disorder, and nothing where there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.demo.judge import Lane, Verdict, judge


def verdict(sent: str, arrived: str, repeated: str = "") -> Verdict:
    """Judge one lane whose messages are letters."""
    return judge([Lane("lane", sent, arrived, frozenset(repeated))])


@pytest.mark.parametrize(
    ("sent", "arrived", "repeated", "expected"),
    [
        ("abc", "abc", "", ("", "", "")),
        ("abc", "ac", "", ("b", "", "")),
        ("abc", "abcb", "", ("", "b", "")),
        ("abc", "acb", "", ("", "", "b")),
        ("abc", "cab", "", ("", "", "ab")),
        ("abc", "acb", "b", ("", "", "")),
        ("abc", "acb", "a", ("", "", "b")),
        ("abc", "", "", ("abc", "", "")),
        ("abc", "abxc", "", ("", "", "")),
    ],
)
def test_every_verdict(sent: str, arrived: str, repeated: str, expected: tuple[str, str, str]) -> None:
    """What is lost, doubled or out of order is named; what its source repeated may come late."""
    found = verdict(sent, arrived, repeated)
    named = tuple("".join(text for _, text in each) for each in (found.lost, found.doubled, found.reordered))

    assert expected == named
    assert found.is_clean == (expected == ("", "", ""))


def test_lanes_are_judged_apart() -> None:
    """The same text in two lanes is two messages."""
    found = judge([Lane("one", "a", "a"), Lane("two", "a", "")])

    assert (("two", "a"),) == found.lost
    assert "sent 2, arrived 1, lost 1, doubled 0, reordered 0" == str(found)


def test_what_nobody_could_tell() -> None:
    """A text that was sent twice in a lane cannot be judged."""
    with pytest.raises(ValueError, match="sent twice"):
        verdict("aa", "a")


@given(st.permutations("abcdef"))
def test_only_the_order_in_which_it_was_sent_is_in_order(arrived: list[str]) -> None:
    """Every other order is found."""
    assert verdict("abcdef", "".join(arrived)).is_clean == ("".join(arrived) == "abcdef")
