"""Where the latest messages stand is known, within a bound; of older ones, only that they stand somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackkefu.bridge.kefu_to_slack import placed as module
from slackkefu.bridge.kefu_to_slack.placed import KEPT_S, Placed
from slackkefu.store.entries import Standing
from tests.bridge.people import MIA, MIA_CHANNEL

if TYPE_CHECKING:
    import pytest

HERE = (Standing("D0MIA00001", "1.1"), Standing("D0MIA00001", "1.2", is_named=True))


def test_where_a_message_stands() -> None:
    """Every part of it, within its visitor, until it is gone."""
    placed = Placed()
    placed.note(MIA, "m-1", HERE, now=0.0)

    assert [HERE, (), ()] == [placed.where(*each) for each in ((MIA, "m-1"), (MIA, "m-2"), (MIA_CHANNEL, "m-1"))]

    placed.gone(MIA, "m-1")

    assert () == placed.where(MIA, "m-1")
    assert not placed.is_forgotten(MIA, "m-1")


def test_what_nobody_can_take_back() -> None:
    """A message without an id, or without a post, takes no room."""
    placed = Placed()
    placed.note(MIA, "", HERE, now=0.0)
    placed.note(MIA, "m-1", (), now=0.0)

    assert 0 == len(placed)


def test_the_latest_and_the_last_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound what is older than an hour is forgotten, but for the fact that it stands."""
    monkeypatch.setattr(module, "MOST", 2)
    placed = Placed()
    for number in range(5):
        placed.note(MIA, f"m-{number}", HERE, now=float(number))

    assert 5 == len(placed)

    placed.note(MIA, "m-5", HERE, now=KEPT_S + 1)

    assert [False, False, True] == [bool(placed.where(MIA, f"m-{number}")) for number in range(3)]
    assert [True, True, False] == [placed.is_forgotten(MIA, f"m-{number}") for number in range(3)]


def test_a_bound_on_the_hour_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many an hour brings, memory is bounded."""
    monkeypatch.setattr(module, "AT_MOST", 3)
    placed = Placed()
    for number in range(5):
        placed.note(MIA, f"m-{number}", HERE, now=0.0)

    assert 3 == len(placed)
    assert placed.is_forgotten(MIA, "m-0")
