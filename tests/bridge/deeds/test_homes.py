"""A home tab is shown when it is opened, and kept up to date while somebody may look at it, not more often."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.deeds import homes
from slackkefu.bridge.deeds.homes import EVERY_S, LATELY_S, SOON_S
from slackkefu.easemob.names import ImUser
from slackkefu.errors import SlackApiError
from tests.bridge.deeds.counter import DIRECT, Counter, in_direct, serving
from tests.bridge.people import MIA, NORTH

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from slackkefu.store.visitors import VisitorRecord

MIA_USER = ImUser(MIA)


@asynccontextmanager
async def running(*records: VisitorRecord) -> AsyncIterator[Counter]:
    """Run the homes of a counter."""
    counter = Counter(*records)
    async with trio.open_nursery() as nursery:
        await nursery.start(counter.homes.run)
        yield counter
        nursery.cancel_scope.cancel()


def words(counter: Counter) -> list[str]:
    """Return what the first section of each published tab says."""
    return [
        next((block["text"]["text"] for block in view["blocks"] if block["type"] == "section"), "")
        for _, view in counter.shown.homes
    ]


async def test_an_opened_tab(autojump_clock: trio.testing.MockClock) -> None:
    """It is acknowledged and shown; the messages tab only tells where the direct messages are."""
    async with running(in_direct()) as counter:
        await counter.homes.opened(counter.home(tab="messages"))
        await trio.sleep(1)
        before = len(counter.shown.homes)
        await counter.homes.opened(counter.home())
        await trio.sleep(1)

    assert (0, ["U0MIA00001"]) == (before, [user for user, _ in counter.shown.homes])
    assert ["e1", "e1"] == counter.connection.names
    assert DIRECT == counter.whereabouts._direct[NORTH.key, "U0MIA00001"]  # type: ignore[index]  # a user's id


async def test_changes_are_shown_once(autojump_clock: trio.testing.MockClock) -> None:
    """What happens in quick succession is one publication, and one tab is published every ten seconds at most."""
    async with running(in_direct()) as counter:
        await counter.homes.opened(counter.home())
        await trio.sleep(EVERY_S)
        for _ in range(20):
            counter.homes.changed(MIA_USER)
            await trio.sleep(0.01)
        counter.book.remember(serving(in_direct()))
        await trio.sleep(SOON_S)
        first = words(counter)
        for _ in range(100):
            counter.homes.changed(MIA_USER)
            await trio.sleep(0.5)

    assert ["No conversation is open", "conversation with"] == [
        found for found in ("No conversation is open", "conversation with") if found in "".join(first)
    ]
    assert 2 == len(first)
    assert 7 >= len(counter.shown.homes)


async def test_a_tab_that_nobody_looks_at(autojump_clock: trio.testing.MockClock) -> None:
    """One that was never opened, or long ago, is left as it is."""
    async with running(in_direct()) as counter:
        counter.homes.changed(MIA_USER)
        counter.homes.changed(ImUser("nobody"))
        await counter.homes.opened(counter.home())
        await trio.sleep(LATELY_S + 1)
        counter.homes.changed(MIA_USER)
        await trio.sleep(60)

    assert 1 == len(counter.shown.homes)
    assert 0 == counter.homes.statistics().kept


async def test_tabs_are_bounded(autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound those opened longest ago are kept up to date no more."""
    monkeypatch.setattr(homes, "MOST_OPEN", 1)
    async with running(in_direct()) as counter:
        await counter.homes.opened(counter.home())
        counter.homes._show((NORTH.key, "U0LEO00001"))  # type: ignore[arg-type]  # a user's id
        await trio.sleep(1)

    assert 1 == counter.homes.statistics().kept


async def test_a_button(autojump_clock: trio.testing.MockClock) -> None:
    """Its wish goes to the desk in the conversation it stands under, and the tab says so, once."""
    async with running(in_direct()) as counter:
        await counter.homes.pressed(counter.press("wish:human", MIA))
        await trio.sleep(1)
        counter.homes.changed(MIA_USER)
        await trio.sleep(EVERY_S)

    assert [(MIA, "TransferToKf")] == counter.brought
    assert "asked for" in words(counter)[0]
    assert "asked for" not in words(counter)[1]


@pytest.mark.parametrize("value", ["", "t0north001_u0leo00001_d0leo00001", 5, None])
async def test_a_button_without_a_conversation_of_one_s_own(value: object, autojump_clock: object) -> None:
    """It is about the direct messages with the app, never about somebody else's conversation."""
    async with running() as counter:
        await counter.homes.pressed(counter.press("wish:human", value))
        await trio.sleep(1)

    assert [(MIA, "TransferToKf")] == counter.brought


async def test_help_and_state(autojump_clock: trio.testing.MockClock) -> None:
    """Help is said above; how things stand is what the tab shows."""
    async with running(in_direct()) as counter:
        await counter.homes.pressed(counter.press("wish:help"))
        await trio.sleep(1)
        await counter.homes.pressed(counter.press("wish:status"))
        await trio.sleep(1)

    assert "`/kefu human`" in words(counter)[0]
    assert words(counter)[1].startswith("*Direct messages*")


async def test_a_tab_that_cannot_be_published(autojump_clock: trio.testing.MockClock) -> None:
    """It is counted and logged; the next one is shown, also after a fault of ours."""
    async with running(in_direct()) as counter:
        for problem in (SlackApiError("views.publish", "not_enabled"), RuntimeError("ours"), None):
            counter.shown.problem = problem
            await counter.homes.opened(counter.home())
            await trio.sleep(1)

    assert (1, 2) == (counter.homes.statistics().published, counter.homes.statistics().failed)
    assert "<Homes, 1 kept up to date>" == repr(counter.homes)


async def test_nobody_to_publish_for(autojump_clock: trio.testing.MockClock) -> None:
    """An app that was removed meanwhile has no tabs."""
    async with running(in_direct()) as counter:
        counter.installations.remove(NORTH.key)
        await counter.homes.opened(counter.home())
        await trio.sleep(1)

    assert [] == counter.shown.homes


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=100) | st.lists(st.text()) | st.just({"id": "x"})


@given(st.dictionaries(st.sampled_from(["user", "channel", "tab"]), JSON))
async def test_any_opening(changes: dict[str, Any]) -> None:
    """Missing, null or of another type: acknowledged, and never an error."""
    counter = Counter()
    event = {"type": "app_home_opened", "user": "U0MIA00001", "tab": "home"} | changes
    await counter.homes.opened(
        counter.act("events_api", {"type": "event_callback", "team_id": "T0NORTH001", "event": event})
    )

    assert [] == counter.brought
