"""One message reaches the desk, part by part, or is refused for good; until then it stays owed to Slack."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import trio
import trio.testing

from slackkefu.bridge.slack_to_kefu.cargo import Cargo
from slackkefu.bridge.slack_to_kefu.to_kefu import PART_BYTES
from slackkefu.easemob.message import Accepted, OutgoingMessage, TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.errors import (
    EasemobSetupError,
    StoreError,
)
from slackkefu.kefu.outgoing import mark_of
from slackkefu.slack.profile import Profile
from slackkefu.store.entries import Awaiting, Concluded, Settled, Untold
from tests.bridge.people import (
    MIA,
    NORTH,
    forward,
)
from tests.bridge.slack_to_kefu.forwarding_bench import (
    CUT,
    LATER,
    LOST,
    NEVER,
    PART,
    USED_UP,
    Way,
)

if TYPE_CHECKING:
    from structlog.testing import LogCapture

    from slackkefu.config import VisitorField


async def test_all_parts_then_the_acknowledgement(autojump_clock: trio.testing.MockClock) -> None:
    """The parts go in order, as the visitor, to the service number; the envelope is acknowledged after the last."""
    way = Way()
    way.pool.takes_s = 0.5
    await way.carry("x" * PART_BYTES + " " + "y" * PART_BYTES)

    assert ["x" * PART_BYTES, "y" * PART_BYTES] == way.pool.texts
    assert {(MIA, "kefu_service")} == {(user, message.to) for user, message, _ in way.pool.sent}
    assert [("e1.0", 1.0)] == way.connection.acknowledged
    assert 1 == way.receipts.statistics().delivered
    assert way.pool.always_held
    assert not way.pool.held


@pytest.mark.parametrize("problem", [LOST, CUT, LATER, USED_UP])
async def test_what_may_pass_is_sent_again_under_its_id(
    autojump_clock: trio.testing.MockClock, problem: Exception
) -> None:
    """A part whose fate is unknown, or that may be taken later, is sent again as the same message before the next."""
    way = Way()
    way.pool.answers += [problem, problem]
    await way.carry("x" * PART_BYTES + " y")
    first, again, third, last = (message for _, message, _ in way.pool.sent)

    assert first == again == third
    assert TextBody("y") == last.body
    assert (1, 0) == (way.receipts.statistics().delivered, way.receipts.statistics().refused)


async def test_pauses_grow(autojump_clock: trio.testing.MockClock) -> None:
    """Attempts come at growing distances, never closer than the error asks, and at least once in a minute."""
    way = Way()
    way.pool.answers += [CUT] * 12
    await way.carry()
    times = [at for _, _, at in way.pool.sent]
    pauses = [after - before for before, after in itertools.pairwise(times)]

    assert 12 == len(pauses)
    assert all(1.0 <= pause <= 60.0 for pause in pauses)
    assert pauses[-1] > 20.0


async def test_what_the_desk_has_to_confirm_is_written_with_the_end(autojump_clock: trio.testing.MockClock) -> None:
    """The marks of all parts, and what the desk has confirmed since; a refused message has nothing to wait for."""
    way = Way()
    await way.carry("x" * 2000 + " y")
    marks = [mark_of(message) for _, message, _ in way.pool.sent]
    for mark in marks:
        way.proving.on_ack(ImUser(MIA), mark)
    way.pool.answers.append(NEVER)
    await way.carry("bad", number=2)
    await way.carry("good", number=3)
    awaiting, *after = way.journal.entries

    assert isinstance(awaiting, Awaiting)
    assert dict.fromkeys(marks, "txt") == awaiting.marks
    assert [Settled, Untold, Settled, Concluded, Awaiting, Settled] == [type(entry) for entry in after]
    assert 1 == way.proving.statistics().awaiting


async def test_a_confirmation_may_come_before_the_end(autojump_clock: trio.testing.MockClock) -> None:
    """The desk can be quicker than Easemob's answer to us."""
    way = Way()
    way.pool.takes_s = 10
    async with trio.open_nursery() as nursery:
        nursery.start_soon(way.carry)
        await trio.sleep(5)
        way.proving.on_ack(ImUser(MIA), mark_of(way.pool.sent[0][1]))

    assert [Settled] == [type(entry) for entry in way.journal.entries]
    assert (1, 0) == (way.proving.statistics().confirmed, way.proving.statistics().unknown_acks)


async def test_what_was_confirmed_before_a_fault_stays_so(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that was accepted and confirmed before a fault is neither sent nor waited for again."""
    way = Way()
    way.pool.answers += [None, ZeroDivisionError()]
    send = way.pool.send

    async def confirmed(user: ImUser, message: OutgoingMessage) -> Accepted:
        accepted = await send(user, message)
        way.proving.on_ack(user, mark_of(message))
        return accepted

    monkeypatch.setattr(way.pool, "send", confirmed)
    await way.carry(PART + PART)

    assert 3 == len(way.pool.sent)
    assert (0, 1) == (way.proving.statistics().awaiting, way.proving.statistics().confirmed)


async def test_a_message_made_again_is_the_same_to_the_desk(autojump_clock: trio.testing.MockClock) -> None:
    """Under a new IM id and the old mark, with the names, and with its time where it comes late."""
    way = Way()
    await way.carry("first", number=1)
    await way.carry("second", number=2)
    (second,) = await way.forwarding.again(forward("second", number=2))
    (first,) = await way.forwarding.again(forward("first", number=1))
    assert not isinstance(first, Cargo)
    assert not isinstance(second, Cargo)
    sent = [message for _, message, _ in way.pool.sent]

    assert [mark_of(message) for message in sent] == [mark_of(first), mark_of(second)]
    assert not {message.meta_id for message in sent} & {first.meta_id, second.meta_id}
    assert (sent[1].body, sent[1].ext) == (second.body, second.ext)
    assert isinstance(first.body, TextBody)
    assert first.body.text.endswith("\nfirst")


async def test_what_is_deleted_while_it_is_sent_is_not_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    """A message that was withdrawn did not leave."""
    way = Way()
    way.pool.is_there = False
    way.pool.takes_s = 100
    parcel = way.take()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(way.work, parcel)
        await trio.sleep(1)
        assert way.forwarding.stop(parcel.owed.key)
        await way.receipts.withdraw(parcel.owed)

    assert 0 == way.proving.statistics().awaiting


async def test_a_message_refused_for_good_is_settled(autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """What Easemob never takes is said without its words, is acknowledged, and its other parts are not sent."""
    way = Way()
    way.pool.answers.append(NEVER)
    await way.carry("x" * PART_BYTES + " sekrit")

    assert 1 == len(way.pool.sent)
    assert ["e1.0"] == way.connection.names
    assert 1 == way.receipts.statistics().refused
    assert [("kefu.refused", "moderated")] == [(entry["event"], entry["problem"]) for entry in log.entries]
    assert "sekrit" not in str(log.entries)


async def test_who_is_never_let_in_does_not_keep_its_place(
    autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """A message of a visitor whom Easemob lets in no more is given up after 15 minutes, and said; not before."""
    way = Way()
    way.pool.answers += [USED_UP] * 1000
    await way.carry()
    *_, (_, _, last) = way.pool.sent

    assert 15 * 60 <= last < 17 * 60
    assert ["no_login"] == [entry["problem"] for entry in log.entries if entry["event"] == "kefu.refused"]


async def test_what_concerns_everybody_is_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    """A network that is away, or an app's refused credentials, cost no message however long it takes."""
    way = Way()
    setup = EasemobSetupError("POST /token", "400 invalid_grant", "check easemob.client_secret")
    way.pool.answers += [CUT, setup] * 200
    await way.carry()

    assert trio.current_time() > 3600
    assert 1 == way.receipts.statistics().delivered


async def test_a_bare_mention_is_ignored_by_name(autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """A message in which nothing is left to read is acknowledged, named and counted as ignored, and nothing is sent."""
    way = Way()
    await way.carry("<@U0NORTHBOT>")

    assert [] == way.pool.sent
    assert ["e1.0"] == way.connection.names
    assert (0, 1) == (way.receipts.statistics().delivered, way.receipts.statistics().ignored)
    assert [("slack.ignored", "empty")] == [(entry["event"], entry["reason"]) for entry in log.entries]


async def test_a_cancellation_leaves_the_message_owed(autojump_clock: trio.testing.MockClock) -> None:
    """A message that is being sent when the daemon stops is not acknowledged, and its session is not held any more."""
    way = Way()
    way.pool.takes_s = 100
    with trio.move_on_after(1):
        await way.carry()

    assert [] == way.connection.names
    assert 1 == way.receipts.statistics().in_hand
    assert not way.pool.held


async def test_the_record_is_written_before_the_words_leave(autojump_clock: trio.testing.MockClock) -> None:
    """When the desk can answer, the way back is on disk."""
    way = Way()
    way.pool.takes_s = 100
    with trio.move_on_after(1):
        await way.carry(thread_ts="1759999999.000001")

    assert "1759999999.000001" == way.shelf.last[MIA].thread_ts
    assert 1 == len(way.pool.sent)


async def test_a_full_disk_stops_no_message(autojump_clock: trio.testing.MockClock, tmp_path: Path) -> None:
    """Words pass while the store cannot be written."""
    way = Way()
    way.shelf.fill(tmp_path)
    await way.carry()

    assert ["hello"] == way.pool.texts
    assert ["e1.0"] == way.connection.names


async def test_names_are_remembered(autojump_clock: trio.testing.MockClock) -> None:
    """The desk sees the name that is known now, else the one known before, also over a restart, else the id."""
    way = Way()
    await way.carry(number=1)

    assert {"userNickname": "U0MIA00001", "companyName": "North"}.items() <= way.visitor().items()

    way.directory.learn(NORTH, forward().visitor.user, Profile(display_name="Mia"))
    await way.carry(number=2)

    assert "Mia" == way.visitor()["userNickname"]

    later = Way()
    later.book.remember(way.shelf.last[MIA])
    await later.carry(number=3)

    assert "Mia" == later.visitor()["userNickname"]


async def test_only_chosen_fields_leave(autojump_clock: trio.testing.MockClock) -> None:
    """What ``kefu.visitor_fields`` does not name stays here."""
    profile = Profile("mia", "Mia M.", "mia@example.com", "+49 1", "Buyer", "Europe/Berlin")
    for fields, told in (((), []), (("workspace", "email"), ["North", "mia@example.com"])):
        way = Way(cast("tuple[VisitorField, ...]", fields))
        way.directory._users.put((NORTH.key, forward().visitor.user), profile)
        await way.carry()
        said = str(way.pool.sent[-1][1].ext)

        assert told == [
            each for each in ("mia'", "Mia M.", "North", "mia@example.com", "+49 1", "Buyer") if each in said
        ]


# From the spill.


async def test_words_come_back_from_the_spill(autojump_clock: trio.testing.MockClock) -> None:
    """A message in the spill is read there when its turn comes; a disk that cannot be read now is waited for."""
    way = Way()
    parcel = way.take("from the disk")
    await way.receipts.shelter(MIA, [parcel])
    parcel.forget_words()
    way.spill.problems += [StoreError(Path("spill"), "cannot be read")] * 3
    await way.work(parcel)

    assert ["from the disk"] == way.pool.texts
    assert {1} == way.spill.over


async def test_words_that_are_damaged_do_not_hold_up_the_lane(
    autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """What was changed on the disk is an error in the log, its writer is told, and the visitor's next messages go."""
    way = Way()
    parcel = way.take("damaged")
    await way.receipts.shelter(MIA, [parcel])
    parcel.forget_words()
    way.spill.problems += [ValueError("its checksum is wrong")] * 4
    await way.work(parcel)
    await way.carry("next", number=2)

    assert ["next"] == way.pool.texts
    assert 3 == sum(entry["event"] == "lane.fault" for entry in log.entries)
    assert [("U0MIA00001", "ValueError")] == [(entry.user, entry.reason) for entry in way.untold]
    assert b'"content":null' in way.kept.pieces[0].content


@pytest.mark.parametrize("is_spilled", [False, True])
async def test_the_app_was_removed_meanwhile(autojump_clock: trio.testing.MockClock, is_spilled: bool) -> None:
    """A message that was taken goes to the desk, whatever becomes of the app where it was written."""
    way = Way()
    parcel = way.take("hello")
    if is_spilled:
        await way.receipts.shelter(MIA, [parcel])
        parcel.forget_words()
    way.installations.remove(NORTH.key)
    await way.work(parcel)

    assert ["hello"] == way.pool.texts
    assert (1, []) == (way.receipts.statistics().delivered, way.untold)


# Late ones.


async def test_the_overtaken_say_when_they_were_written(autojump_clock: trio.testing.MockClock) -> None:
    """A message that comes after a later one says when it was written; the others do not."""
    way = Way()
    await way.carry("second", number=2)
    await way.carry("first", number=1)
    await way.carry("third", number=3)

    assert ["second", "[补发 Late · 2025-10-09 08:53 UTC]\nfirst", "third"] == way.pool.texts


async def test_the_old_say_when_they_were_written(autojump_clock: trio.testing.MockClock) -> None:
    """A message that leaves five minutes after it was written says so, in its first part."""
    way = Way()
    await trio.sleep(301)
    await way.carry(PART + "y")

    assert [f"[补发 Late · 2025-10-09 08:53 UTC]\n{PART}", "y"] == way.pool.texts


@pytest.mark.parametrize(("is_there", "certainty"), [(False, "surely"), (True, "possibly")])
async def test_a_message_becomes_late_while_it_waits(
    autojump_clock: trio.testing.MockClock, is_there: bool, certainty: str
) -> None:
    """One that could not leave for five minutes is made anew, with its mark and under the same id."""
    way = Way()
    way.pool.takes_s, way.pool.is_there = 400.0, is_there
    way.pool.answers.append(NEVER)
    await way.carry("patience")
    (_, first, _), (_, second, at) = way.pool.sent

    assert ["patience", "[补发 Late · 2025-10-09 08:53 UTC]\npatience"] == way.pool.texts
    assert first.meta_id == second.meta_id
    assert 300 <= at < 302
    assert [certainty] == [entry.certainty for entry in way.untold]
