"""A deletion takes back what has not left us; of what has, and of edits, the desk is told, once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slackkefu.bridge.aside import Aside
from slackkefu.bridge.slack_to_kefu.changes import Changes
from slackkefu.bridge.slack_to_kefu.custody import MessageKey, Outcome
from slackkefu.bridge.slack_to_kefu.receipts import Parcel
from slackkefu.bridge.slack_to_kefu.routing import Change
from slackkefu.bridge.table import Reason, Rule
from slackkefu.easemob.names import ImUser
from slackkefu.slack.ids import ChannelId, Ts
from tests.bridge.people import MIA, NORTH, Journal, Parcels, Spill, envelope, forward, receipts
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    import trio.testing

    from slackkefu.bridge.slack_to_kefu.routing import Forward

KEY = MessageKey(NORTH.key, ChannelId("D0MIA00001"), Ts("1760000000.000001"))
GONE = replace(forward(), revision="1760000050.000100~deleted")
CHANGED = replace(forward("hello!"), revision="1760000040.000000~0a1b2c3d")
CHANNEL = {"channel": "C0SUPPORT1", "channel_type": "channel"}
DELETION = Change(Rule.DELETION, NORTH, KEY.channel, KEY.ts, GONE)
EDIT = Change(Rule.EDIT, NORTH, KEY.channel, KEY.ts, CHANGED)


class Hands:
    """What holds messages, and how it stands with each."""

    def __init__(self) -> None:
        self.journal, self.shelf, self.connection = Journal(), Spill(), Parcels()
        self.aside = Aside(self.shelf, wall=virtual_wall(), keep_s=1e9)
        self.is_leaving = False
        self.restart()

    def restart(self) -> None:
        """Begin again with what is on disk."""
        self.receipts = receipts(self.journal)
        self.receipts.restore(self.journal.entries)
        self.changes = Changes(receipts=self.receipts, aside=self.aside, way=self)

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
            await self.aside.put("to_kefu", ImUser(MIA), KEY.name, reason="ValueError", content=parcel.content())
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

    assert Reason.WITHDRAWN is await hands.changes.delete(DELETION)
    assert not hands.receipts.is_in_hand(parcel)
    assert ["e1.0"] == hands.connection.names
    assert ["withdrawn"] == [getattr(entry, "outcome", None) for entry in hands.journal.entries]
    assert Reason.DUPLICATE is await hands.changes.delete(DELETION)
    assert 1 == hands.receipts.statistics().withdrawn


async def test_on_its_way(autojump_clock: trio.testing.MockClock) -> None:
    """Of a message that is being sent the desk is told, behind it."""
    hands = Hands()
    hands.take()
    hands.is_leaving = True

    assert GONE is await hands.changes.delete(DELETION)
    assert 1 == hands.receipts.statistics().in_hand


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.DELIVERED, GONE),
        (Outcome.REFUSED, Reason.DELETION_NOT_CARRIED),
        (Outcome.IGNORED, Reason.DELETION_NOT_CARRIED),
        (Outcome.SET_ASIDE, Reason.WITHDRAWN),
    ],
)
async def test_ended(autojump_clock: trio.testing.MockClock, outcome: Outcome, reason: Reason | Forward) -> None:
    """The desk is told of what it has; what is set aside is taken back, and of the rest there is nothing to tell."""
    hands = Hands()
    await hands.end(outcome)

    assert reason is await hands.changes.delete(DELETION)
    assert 0 == hands.aside.statistics().kept


async def test_aside_for_longer_than_we_remember(autojump_clock: trio.testing.MockClock) -> None:
    """What is set aside is known there for as long as it is there."""
    hands = Hands()
    await hands.end(Outcome.SET_ASIDE)
    later = Changes(receipts=receipts(), aside=hands.aside, way=hands)

    assert Reason.WITHDRAWN is await later.delete(DELETION)


async def test_unknown(autojump_clock: trio.testing.MockClock) -> None:
    """What we never had is named; should it come after its deletion, over a restart too, it goes nowhere."""
    hands = Hands()

    assert Reason.UNKNOWN_ORIGINAL is await hands.changes.delete(DELETION)

    known = hands.receipts.take(forward(), hands.connection.bring(envelope()))

    assert Outcome.WITHDRAWN is getattr(known, "outcome", None)
    assert Reason.WITHDRAWN is hands.changes.edit(EDIT)

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

    assert [None, None] == [await hands.changes.delete(DELETION) for _ in range(2)]

    hands.journal.is_full = hands.shelf.is_full = False

    assert (Reason.WITHDRAWN if where == "aside" else Reason.DUPLICATE) is await hands.changes.delete(DELETION)


@pytest.mark.parametrize(
    ("outcome", "effect"),
    [
        (None, Reason.UNKNOWN_ORIGINAL),
        (Outcome.DELIVERED, CHANGED),
        (Outcome.REFUSED, Reason.EDIT_NOT_CARRIED),
        (Outcome.IGNORED, Reason.EDIT_NOT_CARRIED),
        (Outcome.SET_ASIDE, Reason.EDIT_NOT_CARRIED),
        (Outcome.TOO_OLD, Reason.EDIT_NOT_CARRIED),
        (Outcome.WITHDRAWN, Reason.WITHDRAWN),
    ],
)
@pytest.mark.parametrize("is_restarted", [False, True])
async def test_edits(
    autojump_clock: trio.testing.MockClock, outcome: Outcome | None, effect: Reason | Forward, is_restarted: bool
) -> None:
    """The desk is told of an edit of what it has, and of nothing else; over a restart too."""
    hands = Hands()
    if outcome is not None:
        await hands.end(outcome)
    if is_restarted:
        hands.restart()

    assert effect is hands.changes.edit(EDIT, retry=3)


@pytest.mark.parametrize(
    ("retry", "text", "place", "at", "effect"),
    [
        (0, "hello", {}, "1760000040.000000", None),
        (2, "hello", {}, "1760000040.000000", None),
        (3, "hello", {}, "1760000040.000000", Reason.UNKNOWN_ORIGINAL),
        (0, "hello", {}, "1760000700.000000", Reason.UNKNOWN_ORIGINAL),
        (0, "hello", {}, "", Reason.UNKNOWN_ORIGINAL),
        (0, "hello", CHANNEL, "1760000040.000000", Reason.UNKNOWN_ORIGINAL),
        (0, "<@U0NORTHBOT> hello", CHANNEL, "1760000040.000000", None),
    ],
)
async def test_an_edit_before_its_message(
    autojump_clock: trio.testing.MockClock,
    retry: int,
    text: str,
    place: dict[str, str],
    at: str,
    effect: Reason | None,
) -> None:
    """What may still come is left to Slack as long as that repeats it; members' talk among themselves never is."""
    correction = replace(forward(text, **place), revision=f"{at}~0a1b2c3d")
    early = Change(Rule.EDIT, NORTH, correction.event.channel, KEY.ts, correction)

    assert effect is Hands().changes.edit(early, retry=retry)


@pytest.mark.parametrize(("retry", "effect"), [(0, None), (3, Reason.UNKNOWN_ORIGINAL)])
async def test_an_edit_before_words_that_need_no_mention(
    autojump_clock: trio.testing.MockClock, retry: int, effect: Reason | None
) -> None:
    """Where all that is written is for the desk, what may still come is left to Slack too."""
    correction = replace(forward("hello", **CHANNEL), revision="1760000040.000000~0a1b2c3d")
    early = Change(Rule.EDIT, NORTH, correction.event.channel, KEY.ts, correction)

    assert effect is Hands().changes.edit(early, retry=retry, is_heard=True)


async def test_an_edit_of_what_is_in_hand(autojump_clock: trio.testing.MockClock) -> None:
    """An edit of a message that has not left us goes behind it; whether it is wanted is asked at its turn."""
    hands = Hands()
    parcel = hands.take()

    assert CHANGED is hands.changes.edit(EDIT)
    assert not hands.receipts.is_wanted(CHANGED.key)

    await hands.receipts.shelter(MIA, [parcel])
    hands.receipts.stow(MIA, parcel)

    assert CHANGED is hands.changes.edit(EDIT)
    assert not hands.receipts.is_wanted(CHANGED.key)

    parcel = hands.receipts.unstow(MIA)
    await hands.receipts.settle(parcel, Outcome.DELIVERED)

    assert hands.receipts.is_wanted(CHANGED.key)


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_told_once(autojump_clock: trio.testing.MockClock, is_restarted: bool) -> None:
    """Another event about the same deletion, or an edit that comes after it, is nothing to tell."""
    hands = Hands()
    await hands.end(Outcome.DELIVERED)
    taken = hands.receipts.take(GONE, hands.connection.bring(envelope(number=2)))
    assert isinstance(taken, Parcel)
    again = replace(DELETION, correction=replace(GONE, revision="1760000051.000000~deleted"))

    assert GONE is await hands.changes.delete(DELETION)
    assert Reason.DUPLICATE is await hands.changes.delete(again)

    await hands.receipts.settle(taken, Outcome.DELIVERED)
    if is_restarted:
        hands.restart()

    assert Reason.DUPLICATE is await hands.changes.delete(again)
    assert Reason.WITHDRAWN is hands.changes.edit(EDIT)
    assert not hands.receipts.is_wanted(CHANGED.key)


@pytest.mark.parametrize("change", [DELETION, EDIT])
async def test_nobodys(autojump_clock: trio.testing.MockClock, change: Change) -> None:
    """A change of which Slack does not say whose message it is about is named."""
    hands = Hands()
    await hands.end(Outcome.DELIVERED)
    nobodys = replace(change, correction=None)
    effect = hands.changes.edit(nobodys) if change is EDIT else await hands.changes.delete(nobodys)

    assert effect in (Reason.EDIT_NOT_CARRIED, Reason.DELETION_NOT_CARRIED)
