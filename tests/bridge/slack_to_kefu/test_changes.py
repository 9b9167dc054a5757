"""A deletion takes back what has not left us, and is acknowledged only when that is on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slackkefu.bridge.aside import Aside
from slackkefu.bridge.slack_to_kefu.changes import Changes
from slackkefu.bridge.slack_to_kefu.custody import MessageKey, Outcome
from slackkefu.bridge.slack_to_kefu.receipts import Parcel
from slackkefu.bridge.table import Reason
from slackkefu.easemob.names import ImUser
from slackkefu.slack.ids import ChannelId, Ts
from tests.bridge.people import MIA, NORTH, Journal, Parcels, Spill, envelope, forward, receipts
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    import trio.testing

KEY = MessageKey(NORTH.key, ChannelId("D0MIA00001"), Ts("1760000000.000001"))


class Hands:
    """What holds messages, and how it stands with each."""

    def __init__(self) -> None:
        self.journal, self.shelf, self.connection = Journal(), Spill(), Parcels()
        self.receipts = receipts(self.journal)
        self.aside = Aside(self.shelf, wall=virtual_wall())
        self.changes = Changes(receipts=self.receipts, aside=self.aside, way=self)
        self.is_leaving = False

    def stop(self, _: MessageKey) -> bool:
        """Stop the work on a message."""
        return not self.is_leaving

    def take(self) -> Parcel:
        """Take a message of Mia's in hand."""
        taken = self.receipts.take(forward(), self.connection.bring(envelope()))
        assert isinstance(taken, Parcel)
        return taken

    async def end(self, outcome: Outcome) -> None:
        """Let a message come to its end."""
        parcel = self.take()
        if outcome is Outcome.SET_ASIDE:
            await self.aside.put("to_kefu", ImUser(MIA), str(KEY), reason="ValueError", content=parcel.content())
        await self.receipts.settle(parcel, outcome)


@pytest.mark.parametrize("where", ["lane", "spill", "backlog"])
async def test_in_hand(autojump_clock: trio.testing.MockClock, where: str) -> None:
    """A message in its lane or in the spill is withdrawn on disk and acknowledged; a repeat changes nothing."""
    hands = Hands()
    parcel = hands.take()
    if where != "lane":
        await hands.receipts.shelter(MIA, [parcel])
    if where == "backlog":
        assert hands.receipts.stow(MIA, parcel)

    assert Reason.WITHDRAWN is await hands.changes.delete(KEY)
    assert not hands.receipts.is_in_hand(parcel)
    assert ["e1.0"] == hands.connection.names
    assert ["withdrawn"] == [getattr(entry, "outcome", None) for entry in hands.journal.entries]
    assert Reason.DUPLICATE is await hands.changes.delete(KEY)
    assert 1 == hands.receipts.statistics().withdrawn


async def test_on_its_way(autojump_clock: trio.testing.MockClock) -> None:
    """A message that is being sent counts as delivered."""
    hands = Hands()
    hands.take()
    hands.is_leaving = True

    assert Reason.DELETION_NOT_CARRIED is await hands.changes.delete(KEY)
    assert 1 == hands.receipts.statistics().in_hand


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.DELIVERED, Reason.DELETION_NOT_CARRIED),
        (Outcome.REFUSED, Reason.DELETION_NOT_CARRIED),
        (Outcome.IGNORED, Reason.DELETION_NOT_CARRIED),
        (Outcome.SET_ASIDE, Reason.WITHDRAWN),
    ],
)
async def test_ended(autojump_clock: trio.testing.MockClock, outcome: Outcome, reason: Reason) -> None:
    """Of what has ended only what is set aside can be taken back."""
    hands = Hands()
    await hands.end(outcome)

    assert reason is await hands.changes.delete(KEY)
    assert 0 == hands.aside.statistics().kept


async def test_aside_for_longer_than_we_remember(autojump_clock: trio.testing.MockClock) -> None:
    """What is set aside is known there for as long as it is there."""
    hands = Hands()
    await hands.end(Outcome.SET_ASIDE)
    later = Changes(receipts=receipts(), aside=hands.aside, way=hands)

    assert Reason.WITHDRAWN is await later.delete(KEY)


async def test_unknown(autojump_clock: trio.testing.MockClock) -> None:
    """What we never had is named; should it come after its deletion, over a restart too, it goes nowhere."""
    hands = Hands()

    assert Reason.UNKNOWN_ORIGINAL is await hands.changes.delete(KEY)

    known = hands.receipts.take(forward(), hands.connection.bring(envelope()))

    assert Outcome.WITHDRAWN is getattr(known, "outcome", None)
    assert Reason.UNKNOWN_ORIGINAL is hands.changes.edit(KEY)

    later = receipts()
    later.restore(hands.journal.entries)
    known = later.take(forward(), hands.connection.bring(envelope()))

    assert Outcome.WITHDRAWN is getattr(known, "outcome", None)


@pytest.mark.parametrize("where", ["in hand", "aside", "nowhere"])
async def test_a_full_disk(autojump_clock: trio.testing.MockClock, where: str) -> None:
    """A deletion whose effect the disk does not take is not to be acknowledged; its repeat is, once it does."""
    hands = Hands()
    if where == "in hand":
        hands.take()
    elif where == "aside":
        await hands.end(Outcome.SET_ASIDE)
    hands.journal.is_full = hands.shelf.is_full = True

    assert [None, None] == [await hands.changes.delete(KEY) for _ in range(2)]

    hands.journal.is_full = hands.shelf.is_full = False

    assert (Reason.WITHDRAWN if where == "aside" else Reason.DUPLICATE) is await hands.changes.delete(KEY)


async def test_edits(autojump_clock: trio.testing.MockClock) -> None:
    """An edit of what we have or had is told from one of what we never had."""
    hands = Hands()
    unknown = hands.changes.edit(KEY)
    parcel = hands.take()
    in_hand = hands.changes.edit(KEY)
    await hands.receipts.shelter(MIA, [parcel])
    hands.receipts.stow(MIA, parcel)
    stowed = hands.changes.edit(KEY)
    await hands.receipts.settle(hands.receipts.unstow(MIA), Outcome.DELIVERED)

    assert Reason.UNKNOWN_ORIGINAL is unknown
    assert Reason.EDIT_NOT_CARRIED is in_hand
    assert Reason.EDIT_NOT_CARRIED is stowed
    assert Reason.EDIT_NOT_CARRIED is hands.changes.edit(KEY)
