"""Each envelope of a message is acknowledged on its own connection, in time or not at all."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.bridge.absence.gaps import Gaps
from slackkefu.bridge.slack_to_kefu.custody import Joined, Marked, Outcome, Owed, Safe, Settled
from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
from slackkefu.bridge.slack_to_kefu.receipts import BUDGET_S, Parcel, Receipts
from slackkefu.errors import StoreUnwritable
from slackkefu.slack.ids import TeamId
from slackkefu.slack.installation import InstallationKey
from slackkefu.store.entries import Settled as SettledEntry
from slackkefu.store.reserve import Mark
from slackkefu.store.spill import Spilled
from tests.bridge.people import Journal, Parcels, Reserve, Spill, envelope, forward, installation, receipts
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from slackkefu.store.entries import SlackEntry


def gaps(*, is_full: bool) -> Gaps:
    """Make gaps that have a reserve, or none."""
    reserve = Reserve()
    reserve.is_full = is_full
    return Gaps(reserve, on_gap=lambda _: None)


def take(book: Receipts, connection: Parcels, *, retry: int = 0, received_at: float | None = None) -> Parcel:
    """Take a message that must be new."""
    taken = book.take(forward(), connection.bring(envelope(retry=retry), received_at=received_at))
    assert isinstance(taken, Parcel)
    return taken


async def test_nothing_is_acknowledged_before_it_is_settled(autojump_clock: trio.testing.MockClock) -> None:
    """A message in hand is Slack's until it is settled; then its envelope is acknowledged at once."""
    book, connection = receipts(), Parcels()
    parcel = take(book, connection)
    await trio.sleep(1)

    assert [] == connection.names

    await book.settle(parcel, Outcome.DELIVERED)

    assert [("e1.0", 1.0)] == connection.acknowledged


async def test_too_late_is_left_alone(autojump_clock: trio.testing.MockClock) -> None:
    """At 2.5 s after it came an envelope is still acknowledged, later not: Slack has counted it as failed."""
    for wait_s, names in ((BUDGET_S, ["e1.0"]), (BUDGET_S + 0.01, [])):
        book, connection = receipts(), Parcels()
        parcel = take(book, connection)
        await trio.sleep(wait_s)
        await book.settle(parcel, Outcome.DELIVERED)

        assert names == connection.names


async def test_the_budget_counts_from_the_arrival(autojump_clock: trio.testing.MockClock) -> None:
    """Time spent in a queue before us is Slack's time too."""
    await trio.sleep(10)
    book, connection = receipts(), Parcels()
    parcel = take(book, connection, received_at=trio.current_time() - 2)
    await trio.sleep(1)
    await book.settle(parcel, Outcome.DELIVERED)

    assert [] == connection.names


async def test_repeats_are_acknowledged_where_they_came(autojump_clock: trio.testing.MockClock) -> None:
    """A repeat joins the message in hand; of its envelopes those still in time are acknowledged, each on its own."""
    book, old, new = receipts(), Parcels(), Parcels()
    parcel = take(book, old)
    await trio.sleep(2)
    second = book.take(forward(), new.bring(envelope(retry=1)))
    await trio.sleep(2)
    third = book.take(forward(), old.bring(envelope(retry=2)))
    await book.settle(parcel, Outcome.DELIVERED)

    assert isinstance(second, Joined)
    assert isinstance(third, Joined)
    assert (["e1.2"], ["e1.1"]) == (old.names, new.names)
    assert isinstance(book.take(forward(), new.bring(envelope(retry=3))), Settled)


async def test_a_connection_that_is_gone_stops_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """An acknowledgement that cannot be written leaves the others to be written."""
    book, gone, there = receipts(), Parcels(), Parcels()
    parcel = take(book, gone)
    book.take(forward(), there.bring(envelope(retry=1)))
    gone.is_gone = True
    await book.settle(parcel, Outcome.REFUSED)

    assert ([], ["e1.1"]) == (gone.names, there.names)
    assert (0, 1) == (book.statistics().in_hand, book.statistics().refused)


async def test_a_message_let_go_is_never_acknowledged(autojump_clock: trio.testing.MockClock) -> None:
    """What was given back stays with Slack, and its next repeat is new."""
    book, connection = receipts(), Parcels()
    book.let_go(take(book, connection))
    parcel = take(book, connection, retry=1)
    await book.settle(parcel, Outcome.DELIVERED)

    assert ["e1.1"] == connection.names


async def test_two_installations_bring_one_message(autojump_clock: trio.testing.MockClock) -> None:
    """Channel and ts name a message, whichever of several installations Slack tells; it is answered in each."""
    book, connection = receipts(), Parcels()
    parcel = take(book, connection)
    elsewhere = replace(forward(), installation=installation("south"))
    other = book.take(elsewhere, connection.bring(envelope(retry=1)))

    assert isinstance(other, Joined)
    assert 1 == book.statistics().in_hand

    await book.settle(parcel, Outcome.DELIVERED)

    assert 2 == len(connection.acknowledged)


# On disk.


async def test_an_ending_is_on_disk_before_slack_is_told(autojump_clock: trio.testing.MockClock) -> None:
    """The id record is synced first: a crash in between brings a repeat, never a loss."""
    journal, connection = Journal(), Parcels()
    book = receipts(journal)
    journal.takes_s = 0.5
    await book.settle(take(book, connection), Outcome.DELIVERED)

    assert [("e1.0", 0.5)] == connection.acknowledged


async def test_what_was_settled_is_known_after_a_restart(autojump_clock: trio.testing.MockClock) -> None:
    """The next run reads the journal and takes a repeat for what it is."""
    journal, connection = Journal(), Parcels()
    book = receipts(journal)
    await book.settle(take(book, connection), Outcome.REFUSED)
    after = receipts()
    after.restore(journal.entries)
    known = after.take(forward(), connection.bring(envelope(retry=1)))

    assert isinstance(known, Settled)
    assert ["refused"] == [entry.outcome for entry in journal.entries if isinstance(entry, SettledEntry)]


async def test_a_full_disk_acknowledges_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """What could be neither written down nor marked is not acknowledged; its repeat is, once there is room."""
    journal, connection = Journal(), Parcels()
    book = receipts(journal, gaps=gaps(is_full=True))
    parcel = take(book, connection)
    journal.is_full = True
    await book.settle(parcel, Outcome.DELIVERED)
    for retry in (1, 2):
        delivery = connection.bring(envelope(retry=retry))
        known = book.take(forward(), delivery)
        assert isinstance(known, Settled)
        await book.acknowledge_repeat(known, delivery)
        journal.is_full = False

    assert ["e1.2"] == connection.names
    assert 1 == len(journal.entries)


async def test_a_full_disk_keeps_no_words_in_memory(autojump_clock: trio.testing.MockClock) -> None:
    """What waits for the disk to take its end may be any number of messages, and holds none of their words."""
    journal, reserve = Journal(), Reserve()
    book = receipts(journal, gaps=Gaps(reserve, on_gap=lambda _: None))
    journal.is_full = reserve.is_full = True

    async def settle(number: int) -> weakref.ref[object]:
        delivery = Parcels().bring(envelope(number=number))
        parcel = book.take(forward(number=number), delivery)
        assert isinstance(parcel, Parcel)
        await book.settle(parcel, Outcome.DELIVERED)
        return weakref.ref(delivery)

    there = [await settle(number) for number in range(3)]
    gc.collect()

    assert [None] * 3 == [each() for each in there]


async def test_what_is_in_the_spill_is_acknowledged(autojump_clock: trio.testing.MockClock) -> None:
    """Sheltered messages are acknowledged with all their envelopes, and so is every later repeat."""
    spill, connection = Spill(), Parcels()
    book = receipts(spill=spill)
    parcel = take(book, connection)
    book.take(forward(), connection.bring(envelope(retry=1)))
    await book.shelter("lane", [parcel])
    delivery = connection.bring(envelope(retry=2))
    known = book.take(forward(), delivery)
    assert isinstance(known, Safe)
    await book.acknowledge_repeat(known, delivery)

    assert ["e1.0", "e1.1", "e1.2"] == connection.names
    assert (1, 1) == (book.statistics().in_hand, book.statistics().spilled)

    await book.settle(parcel, Outcome.DELIVERED)

    assert {1} == spill.over
    assert (0, 0) == (book.statistics().in_hand, book.statistics().spilled)


async def test_what_waits_as_a_number(autojump_clock: trio.testing.MockClock) -> None:
    """A repeat of it is acknowledged, and in its turn its words are there, and how it came."""
    spill, connection = Spill(), Parcels()
    book = receipts(spill=spill)
    parcel = take(book, connection)

    assert not book.stow("lane", parcel)

    await book.shelter("lane", [parcel])

    assert book.stow("lane", parcel)
    assert (1, "1760000000.000001") == (book.stowed("lane"), book.first_stowed("lane"))
    assert await book.passed(parcel.owed.key)

    delivery = connection.bring(envelope(retry=1))
    known = book.take(forward(), delivery)
    assert isinstance(known, Safe)
    await book.acknowledge_repeat(known, delivery)
    turn = book.unstow("lane")

    assert ["e1.0", "e1.1"] == connection.names
    assert (parcel.owed.key, True, False) == (turn.owed.key, book.is_in_hand(turn), turn.is_repeat)
    assert b"hello" in await book.fetch(turn)

    await book.settle(turn, Outcome.DELIVERED)

    assert {1} == spill.over
    assert (0, 0) == (book.statistics().in_hand, book.statistics().spilled)


async def test_a_spill_that_takes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Without room in spill and reserve nothing is acknowledged, and the message stays in memory."""
    spill, connection = Spill(), Parcels()
    book = receipts(spill=spill, gaps=gaps(is_full=True))
    parcel = take(book, connection)
    spill.is_full = True
    with pytest.raises(StoreUnwritable):
        await book.shelter("lane", [parcel])

    assert [] == connection.names
    assert parcel.forward is not None


async def test_one_that_ends_on_its_way_to_the_spill(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """A message accepted while it is being written to the spill leaves nothing to be done there."""
    spill, connection = Spill(), Parcels()
    book = receipts(spill=spill)
    parcel = take(book, connection)
    spill.takes_s = 1.0
    nursery.start_soon(book.shelter, "lane", [parcel])
    await trio.sleep(0.5)
    await book.settle(parcel, Outcome.DELIVERED)
    await trio.sleep(1.0)

    assert {1} == spill.over
    assert (0, 0) == (book.statistics().in_hand, book.statistics().spilled)


async def test_the_spill_after_a_restart(autojump_clock: trio.testing.MockClock) -> None:
    """What waits there is in hand again, but not what the journal says has ended."""
    journal, spill, connection = Journal(), Spill(), Parcels()
    book = receipts(journal, spill)
    parcels = [take(book, connection)]
    taken = book.take(forward(number=2), connection.bring(envelope(number=2)))
    assert isinstance(taken, Parcel)
    parcels.append(taken)
    await book.shelter("lane", parcels)
    await book.settle(parcels[0], Outcome.DELIVERED)
    after = receipts(spill=spill)
    after.restore(journal.entries)
    numbered = enumerate(spill.pieces, start=1)
    found = [*after.restore_spilled(Spilled(number, piece.lane, piece.key) for number, piece in numbered)]

    assert [("lane", "1760000000.000002")] == [(lane, str(parcel.owed.key.ts)) for lane, parcel in found]
    assert isinstance(after.take(forward(number=2), connection.bring(envelope(number=2))), Safe)
    assert b"hello" in await after.fetch(found[0][1])


async def test_what_goes_along_is_on_disk_first(autojump_clock: trio.testing.MockClock) -> None:
    """What a message leaves behind is written with its end, also when the disk took nothing at first."""
    journal, connection = Journal(), Parcels()
    book = receipts(journal, gaps=gaps(is_full=True))
    along = SettledEntry(team_id="T0NORTH001", channel="D0MIA00001", ts="1.0", outcome="ignored", at=0.0)
    journal.is_full = True
    await book.settle(take(book, connection), Outcome.DELIVERED, along)
    journal.is_full = False
    known = book.take(forward(), connection.bring(envelope(retry=1)))
    assert isinstance(known, Settled)
    await book.acknowledge_repeat(known, connection.bring(envelope(retry=1)))

    assert [along, "delivered"] == [journal.entries[0], getattr(journal.entries[1], "outcome", None)]
    assert ["e1.1"] == connection.names


async def test_what_is_left_is_handed_on_once(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """What a message left behind is handed on when it is on disk, and once, also when two repeats write it."""
    journal, connection = Journal(), Parcels()
    left: list[SlackEntry] = []
    known_gaps = gaps(is_full=True)
    book = Receipts(journal=journal, spill=Spill(), gaps=known_gaps, wall=virtual_wall(), on_left=left.append)
    along = SettledEntry(team_id="T0NORTH001", channel="D0MIA00001", ts="1.0", outcome="ignored", at=0.0)
    journal.is_full = True
    await book.settle(take(book, connection), Outcome.REFUSED, along)

    assert [] == left

    journal.is_full, journal.takes_s = False, 1.0
    known = book.take(forward(), connection.bring(envelope(retry=1)))
    assert isinstance(known, Settled)
    for retry in (1, 2):
        nursery.start_soon(book.acknowledge_repeat, known, connection.bring(envelope(retry=retry)))
    await trio.sleep(5)

    assert [along] == left
    assert {"e1.1", "e1.2"} == set(connection.names)


async def test_what_nobody_repeats_is_written_in_the_end(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """The end of a message from the spill that a full disk did not take is written when there is room."""
    journal, spill, connection = Journal(), Spill(), Parcels()
    book = receipts(journal, spill)
    parcel = take(book, connection)
    await book.shelter("lane", [parcel])
    journal.is_full = True
    await nursery.start(book.run)
    await book.settle(parcel, Outcome.REFUSED)
    await trio.sleep(60)

    assert ([], set()) == (journal.entries, spill.over)

    journal.is_full = False
    await trio.sleep(60)

    assert 1 == len(journal.entries)
    assert {1} == spill.over


@pytest.mark.parametrize("is_stowed", [False, True])
async def test_what_its_writer_deleted(autojump_clock: trio.testing.MockClock, is_stowed: bool) -> None:
    """A message in hand that was deleted ends on disk, leaves the spill, and is known as such after a restart."""
    journal, spill, connection = Journal(), Spill(), Parcels()
    book = receipts(journal, spill)
    parcel = take(book, connection)
    await book.shelter("lane", [parcel])
    if is_stowed:
        book.stow("lane", parcel)
    known = book.find(parcel.owed.key)
    assert isinstance(known, Safe if is_stowed else Owed)

    assert await book.withdraw(known)
    assert {1} == spill.over
    assert not is_stowed or not book.is_in_hand(book.unstow("lane"))

    after = receipts()
    after.restore(journal.entries)

    assert [] == [*after.restore_spilled([Spilled(1, "lane", str(parcel.owed.key))])]
    assert Outcome.WITHDRAWN is getattr(after.find(parcel.owed.key), "outcome", None)


# On a full disk.


async def test_what_the_disk_does_not_take_is_marked(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """A message that ended is acknowledged against the mark of its thread; when there is room its end is written."""
    journal, connection, reserve = Journal(), Parcels(), Reserve()
    book = receipts(journal, gaps=Gaps(reserve, on_gap=lambda _: None))
    await nursery.start(book.run)
    journal.is_full = True
    await book.settle(take(book, connection), Outcome.DELIVERED)

    assert ["e1.0"] == connection.names
    assert [Mark(team_id="T0NORTH001", channel="D0MIA00001", since="1760000000.000001")] == [*reserve.marks.values()]
    assert 1760000000.000001 == book.exposed_since()

    await trio.sleep(600)
    journal.is_full = False
    await trio.sleep(6)

    assert ["delivered"] == [getattr(entry, "outcome", None) for entry in journal.entries]
    assert book.exposed_since() is None


async def test_the_spill_without_room_marks(autojump_clock: trio.testing.MockClock) -> None:
    """A message that waits is acknowledged against its mark, and so is its repeat; one before the mark moves it."""
    spill, connection, reserve = Spill(), Parcels(), Reserve()
    book = receipts(spill=spill, gaps=Gaps(reserve, on_gap=lambda _: None))
    spill.is_full = True
    parcels = []
    for number in (5, 7, 3):
        taken = book.take(forward(number=number), connection.bring(envelope(number=number)))
        assert isinstance(taken, Parcel)
        parcels.append(taken)
    with pytest.raises(StoreUnwritable):
        await book.shelter("lane", parcels)
    delivery = connection.bring(envelope(number=7, retry=1))
    known = book.take(forward(number=7), delivery)
    assert isinstance(known, Marked)
    await book.acknowledge_repeat(known, delivery)

    assert ["e5.0", "e7.0", "e3.0", "e7.1"] == connection.names
    assert ["1760000000.000005", "1760000000.000003"] == [mark.since for mark in reserve.marks.values()]
    assert (3, 3) == (book.statistics().in_hand, book.statistics().marked)

    spill.is_full = False
    await book.shelter("lane", parcels)

    assert (3, 0) == (book.statistics().spilled, book.statistics().marked)
    assert book.exposed_since() is None


async def test_a_repeat_is_marked_when_there_is_room_again(autojump_clock: trio.testing.MockClock) -> None:
    """What ended while neither journal nor reserve had room is acknowledged with the repeat that finds some."""
    journal, connection, reserve = Journal(), Parcels(), Reserve()
    book = receipts(journal, gaps=Gaps(reserve, on_gap=lambda _: None))
    journal.is_full = reserve.is_full = True
    await book.settle(take(book, connection), Outcome.DELIVERED)
    reserve.is_full = False
    await trio.sleep(60)
    known = book.take(forward(), connection.bring(envelope(retry=1)))
    assert isinstance(known, Settled)
    await book.acknowledge_repeat(known, connection.bring(envelope(retry=1)))

    assert ["e1.1"] == connection.names
    assert 1 == len(reserve.marks)


async def test_what_is_safe_needs_no_mark(autojump_clock: trio.testing.MockClock) -> None:
    """A message in the spill whose end cannot be written down is neither marked nor exposed."""
    journal, spill, reserve, connection = Journal(), Spill(), Reserve(), Parcels()
    book = receipts(journal, spill, Gaps(reserve, on_gap=lambda _: None))
    parcel = take(book, connection)
    await book.shelter("lane", [parcel])
    journal.is_full = True
    await book.settle(parcel, Outcome.DELIVERED)
    known = book.take(forward(), connection.bring(envelope(retry=1)))
    assert isinstance(known, Settled)
    await book.acknowledge_repeat(known, connection.bring(envelope(retry=1)))

    assert ["e1.0", "e1.1"] == connection.names
    assert {} == reserve.marks
    assert book.exposed_since() is None


# What passes.


async def test_waiting_until_a_message_has_passed(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """It has when it is in the spill or its end is on disk; one that was given back has not."""
    journal, spill, connection = Journal(), Spill(), Parcels()
    book = receipts(journal, spill)
    ends: list[tuple[int, bool, float]] = []
    parcels = []
    for number in (1, 2, 3):
        taken = book.take(forward(number=number), connection.bring(envelope(number=number)))
        assert isinstance(taken, Parcel)
        parcels.append(taken)

    async def wait(number: int) -> None:
        has_passed = await book.passed(parcels[number - 1].owed.key)
        ends.append((number, has_passed, trio.current_time()))

    for number in (1, 2, 3):
        nursery.start_soon(wait, number)
    journal.takes_s = spill.takes_s = 1.0
    await trio.sleep(10)
    await book.settle(parcels[0], Outcome.DELIVERED)
    await book.shelter("lane", [parcels[1]])
    book.let_go(parcels[2])
    await trio.sleep(1)

    assert [(1, True, 11.0), (2, True, 12.0), (3, False, 12.0)] == sorted(ends)


async def test_what_was_given_back_is_a_gap(autojump_clock: trio.testing.MockClock) -> None:
    """Slack may have repeated it for the last time."""
    noted: list[InstallationKey] = []
    known = Gaps(Reserve(), on_gap=noted.append)
    book, connection = receipts(gaps=known), Parcels()
    book.let_go(take(book, connection))

    assert 1760000000.000001 == known.earliest()
    assert [InstallationKey(None, TeamId("T0NORTH001"))] == noted


async def test_one_that_came_by_another_installation(autojump_clock: trio.testing.MockClock) -> None:
    """What is in hand or has ended is recognised whichever installation it comes by, also after a restart."""
    journal, connection = Journal(), Parcels()
    book = receipts(journal)
    parcel = take(book, connection)
    elsewhere = replace(parcel.owed.key, installation=InstallationKey(None, TeamId("T0SOUTH001")))

    assert parcel.owed is book.find(elsewhere)

    await book.settle(parcel, Outcome.DELIVERED)
    after = receipts()
    after.restore(journal.entries)

    assert Settled(elsewhere) == book.find(elsewhere)
    assert Settled(elsewhere) == after.find(elsewhere)


async def test_an_edit_that_went_along_is_known(autojump_clock: trio.testing.MockClock) -> None:
    """Words that were read as edited count that edit as seen, also after a restart; a plain message has none."""
    journal, connection = Journal(), Parcels()
    book = receipts(journal)
    words = forward(edited={"user": "U0MIA00001", "ts": "1760000050.000000"})
    parcel = take(book, connection)
    await book.settle(parcel, Outcome.DELIVERED, *book.edit_of(words))
    after = receipts()
    after.restore(journal.entries)

    assert () == book.edit_of(forward())
    assert words.edit_in_it is not None
    assert [False, False] == [each.is_wanted(words.edit_in_it) for each in (book, after)]
    assert after.is_wanted(words.key.edited("1760000051.000000", b"other words"))


async def test_a_correction_is_left_to_slack_by_a_full_disk(autojump_clock: trio.testing.MockClock) -> None:
    """No mark stands for a change, for no history shows it again; and it holds no mark back where it is read from."""
    journal, spill, reserve, connection = Journal(), Spill(), Reserve(), Parcels()
    book = receipts(journal, spill, Gaps(reserve, on_gap=lambda _: None))
    change = replace(forward(), revision="1760000050.000000~0a1b2c3d")
    taken = book.take(change, connection.bring(envelope()))
    assert isinstance(taken, Parcel)
    spill.is_full = True
    with pytest.raises(StoreUnwritable):
        await book.shelter("mia", [taken])

    assert ({}, [], None) == (reserve.marks, connection.names, book.exposed_since())

    spill.is_full = False
    await book.shelter("mia", [taken])

    assert ["e1.0"] == connection.names
    assert [str(change.key)] == [each.key for each in spill.pieces]


async def test_a_click_is_acknowledged_against_no_mark(autojump_clock: trio.testing.MockClock) -> None:
    """While the disk takes nothing a click is not acknowledged, for no history shows it; the reserve is not touched."""
    reserve, spill = Reserve(), Spill()
    book, connection = receipts(spill=spill, gaps=Gaps(reserve, on_gap=lambda _: None)), Parcels()
    clicked = replace(forward(), deed=ForDesk(action="TransferToKf"))
    taken = book.take(clicked, connection.bring(envelope()))
    assert isinstance(taken, Parcel)
    spill.is_full = True
    with pytest.raises(StoreUnwritable):
        await book.shelter("lane", [taken])

    assert ([], {}) == (connection.names, reserve.marks)

    spill.is_full = False
    await book.shelter("lane", [taken])

    assert ["e1.0"] == connection.names
