"""Who gets how many envelopes, and who is silent."""

from __future__ import annotations

from random import Random

import pytest

from slackkefu.slack.shares import AT_LEAST_S, ENOUGH, MOST, Shares


def count(shares: Shares[str], word: str, now: float = 100.0) -> list[str | None]:
    """Count an envelope on each connection named by a letter; what was found each time."""
    return [shares.received(letter, now) for letter in word]


def shares_of(names: str) -> Shares[str]:
    """Make the shares of some connections."""
    shares = Shares[str]()
    for name in names:
        shares.add(name, 0.0)
    return shares


@pytest.mark.parametrize(
    ("names", "word", "found"),
    [
        ("ab", "a" * 49, None),
        ("ab", "a" * 50, "b"),
        ("ab", "b" * 50, "a"),
        ("a", "a" * 500, None),
        ("abc", "a" * 99, None),
        ("abc", "ab" * 50, "c"),
        # What it got ends what is held against it.
        ("ab", "a" * 49 + "b" + "a" * 49, None),
        ("ab", "b" + "a" * 500, None),
        # What comes on others than those counts for nothing.
        ("ab", "z" * 500, None),
    ],
)
def test_who_is_silent(names: str, word: str, found: str | None) -> None:
    """Fifty for each other connection and none for itself is what makes one silent, and nothing less."""
    assert {found} | {None} == {*count(shares_of(names), word), None}


def test_envelopes_from_before_do_not_count() -> None:
    """A connection is judged by what came since it was opened."""
    shares = shares_of("a")
    count(shares, "a" * 49)
    shares.add("b", 50.0)

    assert [None] * 49 == count(shares, "a" * 49)
    assert ["b"] == count(shares, "a")


def test_a_moment_is_no_silence() -> None:
    """Whatever the others get, one is silent only after a while; that counts from its own last envelope."""
    shares = shares_of("ab")
    count(shares, "b", 7.0)

    assert [None] * 500 == count(shares, "a" * 500, 7.0 + AT_LEAST_S - 0.1)
    assert ["b"] == count(shares, "a", 7.0 + AT_LEAST_S)


def test_one_that_leaves_is_not_judged() -> None:
    """What is to be replaced neither counts nor is counted."""
    shares = shares_of("abc")
    shares.remove("b")
    shares.remove("b")

    assert ["c"] == [found for found in count(shares, "a" * 50) if found]


def test_a_pattern_of_slacks_is_not_fought() -> None:
    """When successors are silent too it takes more and more; one that gets something ends the doubt."""
    shares = shares_of("ab")
    taken = []
    for _ in range(8):
        number = 0
        while shares.received("a", 100.0) is None:
            number += 1
        taken.append(number + 1)
        shares.add("b", 0.0)

    assert [ENOUGH * 2**power for power in range(7)] == taken[:7]
    assert MOST == taken[-1]
    count(shares, "b")
    assert "b" in count(shares, "a" * ENOUGH, 200.0)


def test_chance_alone_finds_nobody() -> None:
    """However many envelopes come: where each may get any of them, none is silent."""
    chance = Random(7)
    shares = shares_of("abc")

    assert {None} == {shares.received(chance.choice("abc"), float(at)) for at in range(100_000)}


def test_it_shows_no_more_than_numbers() -> None:
    """Shares can be logged."""
    assert "<Shares of 2 connections>" == repr(shares_of("ab"))
