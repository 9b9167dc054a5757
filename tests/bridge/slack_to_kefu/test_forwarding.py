"""One message reaches the desk, part by part, or is refused for good; until then it stays owed to Slack."""

from __future__ import annotations

import itertools
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
import trio.testing

from slackkefu.bridge.aside import Aside
from slackkefu.bridge.book import Book, wrote
from slackkefu.bridge.slack_to_kefu.cargo import Cargo
from slackkefu.bridge.slack_to_kefu.entrances import Entrances
from slackkefu.bridge.slack_to_kefu.forwarding import Forwarding
from slackkefu.bridge.slack_to_kefu.receipts import Parcel
from slackkefu.bridge.slack_to_kefu.sheltering import Sheltering
from slackkefu.bridge.slack_to_kefu.source_card import SourceCards
from slackkefu.bridge.slack_to_kefu.to_kefu import PART_BYTES
from slackkefu.easemob.message import Accepted, MediaBody, OutgoingMessage, TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.errors import (
    EasemobSetupError,
    LinkClosed,
    LoginRefused,
    RestError,
    SendOutcomeUnknown,
    SendRefused,
    StoreBroken,
    StoreError,
)
from slackkefu.kefu.outgoing import Entrance, mark_of
from slackkefu.slack.directory import Directory
from slackkefu.slack.installation import Installations
from slackkefu.slack.profile import Profile
from slackkefu.store.entries import Awaiting, Concluded, Settled, Untold
from slackkefu.world import InlineDisk
from tests.bridge.people import (
    MIA,
    NORTH,
    Carrier,
    Journal,
    Parcels,
    Shelf,
    Spill,
    envelope,
    forward,
    proving,
    receipts,
    world,
)
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from structlog.testing import LogCapture

    from slackkefu.bridge.slack_to_kefu.carrying import Carrying
    from slackkefu.config import VisitorField
    from slackkefu.easemob.pool import Pool
    from slackkefu.slack.web import WebClient


class Post:
    """A pool of sessions whose first answers are given (None: accepted); then all is accepted, after *takes_s*."""

    def __init__(self) -> None:
        self.takes_s = 0.0
        self.answers: deque[Exception | None] = deque()
        self.sent: list[tuple[str, OutgoingMessage, float]] = []
        self.held: set[ImUser] = set()
        self.is_there = True
        self.always_held = True

    @contextmanager
    def hold(self, user: ImUser) -> Iterator[None]:
        """Keep a session."""
        self.held.add(user)
        try:
            yield
        finally:
            self.held.remove(user)

    def is_up(self, _: ImUser) -> bool:
        """Tell whether what is sent leaves at once."""
        return self.is_there

    async def send(self, user: ImUser, message: OutgoingMessage) -> Accepted:
        """Note a message and give the next answer."""
        self.always_held = self.always_held and user in self.held
        self.sent.append((user, message, trio.current_time()))
        await trio.sleep(self.takes_s)
        problem = self.answers.popleft() if self.answers else None
        if problem is not None:
            raise problem
        return Accepted(message.meta_id, 1, 0)

    @property
    def texts(self) -> list[str]:
        """The words of what was sent, in order."""
        return [message.body.text for _, message, _ in self.sent if isinstance(message.body, TextBody)]


class Way:
    """Forwarding with a stand-in for the pool, and nobody to ask for names."""

    def __init__(self, fields: tuple[VisitorField, ...] = ("name", "workspace")) -> None:
        self.pool = Post()
        self.carrier = Carrier()
        self.connection = Parcels()
        self.spill = Spill()
        self.journal = Journal()
        self.receipts = receipts(self.journal, self.spill)
        self.proving = proving()
        self.kept = Spill()
        self.aside = Aside(self.kept, wall=virtual_wall(), keep_s=1e9)
        self.sheltering = Sheltering(receipts=self.receipts, is_live=lambda _: True)
        self.shelf = Shelf()
        self.book = Book([], store=self.shelf, disk=InlineDisk())
        self.installations = Installations([NORTH])
        self.directory = Directory(web=cast("WebClient", None))
        self.forwarding = Forwarding(
            world=world(),
            pool=cast("Pool", self.pool),
            directory=self.directory,
            book=self.book,
            receipts=self.receipts,
            sheltering=self.sheltering,
            proving=self.proving,
            aside=self.aside,
            installations=self.installations,
            fields=fields,
            sources=SourceCards(
                is_on=False,
                directory=self.directory,
                book=self.book,
                send=self.pool.send,
                service_number=ImUser("kefu_service"),
                wall=virtual_wall(),
            ),
            entrances=Entrances(Entrance(tags=("slack",))),
            service_number=ImUser("kefu_service"),
            carrying=cast("Carrying", self.carrier),
        )

    def take(self, text: str = "hello", **changes: Any) -> Parcel:
        """Take a message as the intake does."""
        message = forward(text, **changes)
        taken = self.receipts.take(message, self.connection.bring(envelope(text, **changes)))
        assert isinstance(taken, Parcel)
        self.book.remember(wrote(self.book.get(message.user), message, now=0.0))
        return taken

    async def carry(self, text: str = "hello", **changes: Any) -> None:
        """Bring one message over."""
        parcel = self.take(text, **changes)
        await self.work(parcel)

    async def work(self, parcel: Parcel) -> None:
        """Bring over one that was taken."""
        await self.forwarding.work(ImUser(MIA), parcel)

    @property
    def untold(self) -> list[Untold]:
        """What is to be told."""
        return [entry for entry in self.journal.entries if isinstance(entry, Untold)]

    def visitor(self) -> dict[str, str]:
        """Return the visitor's fields that came with the last message."""
        ext: Any = self.pool.sent[-1][1].ext
        fields: dict[str, str] = ext["weichat"]["visitor"]
        return fields


LOST = SendOutcomeUnknown("nothing in 15 s")
CUT = LinkClosed("im", "cut")
LATER = SendRefused(7, "traffic limit")
NEVER = SendRefused(7, "sensitive words")
BANNED = LoginRefused(12, "banned")
USED_UP = LoginRefused(7, "Sorry, the app day live count limit")


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


# What is told.


PART = "x" * PART_BYTES


@pytest.mark.parametrize(
    ("certainty", "answers"),
    [
        ("surely", [NEVER]),
        ("surely", [CUT, LATER, USED_UP, NEVER]),
        ("possibly", [LOST, NEVER]),
        ("possibly", [LOST, CUT, NEVER]),
        ("surely", [USED_UP] * 40),
        ("possibly", [LOST, *[USED_UP] * 40]),
        ("surely", [BANNED]),
        ("surely", [RestError("POST /token", 403, "forbidden_service_operation")]),
    ],
)
async def test_how_sure_it_is(autojump_clock: trio.testing.MockClock, certainty: str, answers: list[Exception]) -> None:
    """What Easemob refused did surely not arrive, unless an attempt before had left and was not answered."""
    way = Way()
    way.pool.answers += answers
    await way.carry(thread_ts="1759999999.000001")

    assert [(certainty, "U0MIA00001", "1759999999.000001")] == [
        (entry.certainty, entry.user, entry.thread_ts) for entry in way.untold
    ]
    assert 1 == way.receipts.statistics().refused
    assert ["untold", "settled"] == [entry.__struct_config__.tag for entry in way.journal.entries]


async def test_a_refused_second_part(autojump_clock: trio.testing.MockClock) -> None:
    """When a part has been accepted before the refused one, the message did not surely not arrive."""
    way = Way()
    way.pool.answers += [None, NEVER]
    await way.carry(PART + PART)

    assert ["possibly"] == [entry.certainty for entry in way.untold]


async def test_a_message_of_the_run_before(autojump_clock: trio.testing.MockClock) -> None:
    """What was written before this run began may have left in the run before, so nothing is sure."""
    await trio.sleep(100)
    way = Way()
    way.pool.answers.append(NEVER)
    await way.carry()

    assert ["possibly"] == [entry.certainty for entry in way.untold]


async def test_the_banned_are_told_at_once(autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """A visitor whom the tenant has banned is not tried for again."""
    way = Way()
    way.pool.answers.append(BANNED)
    await way.carry()

    assert (1, 0.0) == (len(way.pool.sent), trio.current_time())
    assert ["banned"] == [entry["problem"] for entry in log.entries if entry["event"] == "kefu.refused"]


async def test_a_root_is_told_outside_of_its_thread(autojump_clock: trio.testing.MockClock) -> None:
    """A note about the root of a thread stands in the channel, where the root was written."""
    way = Way()
    way.pool.answers.append(NEVER)
    await way.carry(thread_ts="1760000000.000001")

    assert [None] == [entry.thread_ts for entry in way.untold]


# Poison.


FAULT = ZeroDivisionError


async def test_a_fault_that_passes(autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """A message that makes us fail twice is tried a third time; parts that have arrived are not sent again."""
    way = Way()
    way.pool.answers += [FAULT(), FAULT()]
    await way.carry(PART + "y")

    assert [PART, PART, PART, "y"] == way.pool.texts
    assert 2 == sum(entry["event"] == "lane.fault" for entry in log.entries)
    assert ["e1.0"] == way.connection.names
    assert 1 == way.receipts.statistics().delivered


@pytest.mark.parametrize(("where", "certainty"), [("before", "surely"), ("while sending", "possibly")])
async def test_poison_is_set_aside(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, where: str, certainty: str
) -> None:
    """The third time it is set aside whole, its writer is told, it is acknowledged, and its neighbour arrives."""
    way = Way()
    with monkeypatch.context() as patched:
        if where == "before":
            patched.setattr("slackkefu.bridge.slack_to_kefu.forwarding.parts", fail)
        way.pool.answers += [FAULT()] * 3
        await way.carry("poison")
    way.pool.answers.clear()
    await way.carry("next", number=2)

    assert "next" == way.pool.texts[-1]
    assert ["e1.0", "e2.0"] == way.connection.names
    assert [(certainty, "ZeroDivisionError")] == [(entry.certainty, entry.reason) for entry in way.untold]
    assert b"poison" in way.kept.pieces[0].content
    assert (1, 1) == (way.receipts.statistics().set_aside, way.aside.statistics().kept)


def fail(*_: object, **__: object) -> None:
    """Fail; several faults may come together."""
    raise ExceptionGroup("several", [FAULT()])


async def test_what_a_crash_left_aside_arrives_after_all(autojump_clock: trio.testing.MockClock) -> None:
    """What the run before set aside and did not end is tried anew; when it has arrived it is not kept aside."""
    way = Way()
    parcel = way.take()
    await way.aside.put("to_kefu", ImUser(MIA), parcel.owed.key.name, reason="ValueError", content=b"null")
    await way.work(parcel)

    assert ["hello"] == way.pool.texts
    assert (0, {1}) == (way.aside.statistics().kept, way.kept.over)


async def test_poison_from_the_spill(autojump_clock: trio.testing.MockClock) -> None:
    """What has left the memory is set aside as the spill has it, and is over there."""
    way = Way()
    parcel = way.take("poison")
    await way.receipts.shelter(MIA, [parcel])
    parcel.forget_words()
    way.pool.answers += [FAULT()] * 3
    await way.work(parcel)

    assert b"poison" in way.kept.pieces[0].content
    assert {1} == way.spill.over


async def test_a_full_disk_keeps_poison_at_the_head(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """Until it is safe aside it is neither acknowledged nor told, and waits."""
    way = Way()
    way.pool.answers += [FAULT()] * 3
    way.kept.is_full = True
    nursery.start_soon(way.carry, "poison")
    await trio.sleep(600)

    assert ([], []) == (way.connection.names, way.untold)
    assert 1 == way.receipts.statistics().in_hand

    way.kept.is_full = False
    await trio.sleep(60)

    assert 1 == len(way.untold)
    assert 0 == way.receipts.statistics().in_hand


async def test_a_broken_store_is_no_poison(autojump_clock: trio.testing.MockClock) -> None:
    """After a failed sync nothing goes on: it ends the daemon."""
    way = Way()

    def break_down() -> None:
        raise StoreBroken(Path("visitors"), "a sync failed")

    way.shelf.problem = break_down
    with pytest.raises(StoreBroken):
        await way.carry()


# Deleted on the way.


async def withdraw(way: Way, parcel: Parcel) -> bool:
    """Delete a message as the changes do; tell whether it could be taken back."""
    if not way.forwarding.stop(parcel.owed.key):
        return False
    assert await way.receipts.withdraw(parcel.owed)
    return True


async def test_what_was_deleted_is_passed_over(autojump_clock: trio.testing.MockClock) -> None:
    """A message that was deleted while it waited in its lane leaves it unsent."""
    way = Way()
    parcel = way.take()

    assert await withdraw(way, parcel)

    await way.work(parcel)

    assert [] == way.pool.sent
    assert ["e1.0"] == way.connection.names
    assert (1, 0) == (way.receipts.statistics().withdrawn, way.receipts.statistics().in_hand)


async def test_deleted_before_it_could_leave(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """A message that waits for its visitor's session can still be taken back, and its lane goes on at once."""
    way = Way()
    way.pool.takes_s, way.pool.is_there = 1000.0, False
    parcel, done = way.take(), trio.Event()

    async def work() -> None:
        await way.work(parcel)
        done.set()

    nursery.start_soon(work)
    await trio.sleep(10)

    assert await withdraw(way, parcel)

    with trio.fail_after(1):
        await done.wait()

    assert (1, 0) == (way.receipts.statistics().withdrawn, way.receipts.statistics().delivered)
    assert not way.pool.held


@pytest.mark.parametrize("when", ["on its way", "after a lost answer"])
async def test_deleted_when_it_may_have_left(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery, when: str
) -> None:
    """What may be at the desk is not sent again: if it is not there, it does not come there later."""
    way = Way()
    if when == "after a lost answer":
        way.pool.answers += [LOST, *[CUT] * 5]
    way.pool.takes_s = 5.0
    way.pool.is_there = when == "on its way"
    parcel = way.take(PART + PART)
    nursery.start_soon(way.work, parcel)
    await trio.sleep(6.0 if when != "on its way" else 1.0)
    tried = len(way.pool.sent)

    assert await withdraw(way, parcel)

    await trio.sleep(600)

    assert tried == len(way.pool.sent)
    assert (1, 0) == (way.receipts.statistics().withdrawn, way.receipts.statistics().delivered)


async def test_deleted_too_late(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """What Easemob has taken a part of is brought over as a whole."""
    way = Way()
    way.pool.takes_s = 5.0
    parcel = way.take(PART + PART)
    nursery.start_soon(way.work, parcel)
    await trio.sleep(6.0)

    assert not await withdraw(way, parcel)

    await trio.sleep(600)

    assert (0, 1) == (way.receipts.statistics().withdrawn, way.receipts.statistics().delivered)


async def test_deleted_on_its_way_aside(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """What is deleted in the very moment in which it is set aside is not kept there."""
    way = Way()
    way.kept.takes_s = 10.0
    parcel, done = way.take(), trio.Event()

    async def work() -> None:
        await way.work(parcel)
        done.set()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("slackkefu.bridge.slack_to_kefu.forwarding.parts", fail)
        nursery.start_soon(work)
        await trio.sleep(5)

        assert await withdraw(way, parcel)

        await done.wait()

    assert {1} == way.kept.over
    assert (0, []) == (way.aside.statistics().kept, way.untold)


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


# Files.


def shared(*ids: str, text: str | None = "look", **changes: Any) -> dict[str, Any]:
    """Say what makes a message one with files."""
    files = [{"id": each, "name": f"{each}.png", "mimetype": "image/png", "url_private": "x"} for each in ids]
    return {"text": text, "subtype": "file_share", "files": files, **changes}


def bodies(way: Way) -> list[str]:
    """Return what was sent, in order: words, and files by where they lie."""
    sent = [message.body for _, message, _ in way.pool.sent]
    return [body.remote_path if isinstance(body, MediaBody) else getattr(body, "text", "") for body in sent]


async def test_words_then_files(autojump_clock: trio.testing.MockClock) -> None:
    """In order, each brought before it is sent; the desk has to confirm each by its kind."""
    way = Way()
    await way.carry(**shared("F1", "F2"))
    (awaited,) = [entry for entry in way.journal.entries if isinstance(entry, Awaiting)]

    assert ["look", "https://im.test/F1", "https://im.test/F2"] == bodies(way)
    assert ["F1", "F2"] == way.carrier.asked
    assert ["txt", "img", "img"] == [*awaited.marks.values()]
    assert [*awaited.marks] == [mark_of(message) for _, message, _ in way.pool.sent]


async def test_a_file_is_brought_once(autojump_clock: trio.testing.MockClock) -> None:
    """However often it has to be sent; the same is sent each time."""
    way = Way()
    way.pool.answers += [None, LOST, CUT, LOST]
    await way.carry(**shared("F1"))
    _, *sent = [message for _, message, _ in way.pool.sent]

    assert 4 == len(sent)
    assert [sent[0]] * 4 == sent
    assert ["F1"] == way.carrier.asked


@pytest.mark.parametrize(("tries", "is_final"), [(1, True), (3, False)])
async def test_a_line_in_a_file_s_place(autojump_clock: trio.testing.MockClock, tries: int, is_final: bool) -> None:
    """Is confirmed as words; before it is sent again a file that may still come is tried again."""
    way = Way()
    way.carrier.lines["F1"] = is_final
    way.pool.answers += [None, CUT, CUT]
    await way.carry(**shared("F1"))
    (awaited,) = [entry for entry in way.journal.entries if isinstance(entry, Awaiting)]

    assert ["look", *["[文件 File] F1.png"] * 3] == bodies(way)
    assert ["txt", "txt"] == [*awaited.marks.values()]
    assert ["F1"] * tries == way.carrier.asked


async def test_a_file_that_comes_after_all(autojump_clock: trio.testing.MockClock) -> None:
    """The line did not leave, and now the file is there: under the same ids."""
    way = Way()
    way.carrier.lines["F1"] = False
    way.pool.answers.append(CUT)
    parcel = way.take(**shared("F1", text=None))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(way.work, parcel)
        await trio.testing.wait_all_tasks_blocked()
        way.carrier.lines.clear()

    assert ["[文件 File] F1.png", "https://im.test/F1"] == bodies(way)
    assert 1 == len({message.meta_id for _, message, _ in way.pool.sent})


async def test_a_file_that_is_not_taken_as_a_message(autojump_clock: trio.testing.MockClock) -> None:
    """A line goes in its place, and what comes behind it; only who is refused altogether is told."""
    way = Way()
    way.pool.answers += [None, NEVER]
    await way.carry(**shared("F1", "F2"))
    way.pool.answers += [NEVER, NEVER]
    await way.carry(**shared("F3", text=None, number=2))

    assert ["look", "https://im.test/F1", "[文件 File] F1.png", "https://im.test/F2"] == bodies(way)[:4]
    assert ["https://im.test/F3", "[文件 File] F3.png"] == bodies(way)[4:]
    assert ["1760000000.000002"] == [entry.ts for entry in way.untold]


async def test_a_file_that_became_late_on_the_way(autojump_clock: trio.testing.MockClock) -> None:
    """When it was written is said before it, once; the files behind it need no more."""
    way = Way()
    way.carrier.takes_s |= {"F1": 400.0, "F2": 400.0}
    await way.carry(**shared("F1", "F2", text=None, ts=f"{1_760_000_000 + trio.current_time():.6f}"))

    assert ["https://im.test/F1", "https://im.test/F2"] == bodies(way)[1:]
    assert bodies(way)[0].startswith("[补发 Late · ")
    assert ["F1", "F2"] == way.carrier.asked


async def test_what_became_late_when_some_of_it_was_there(autojump_clock: trio.testing.MockClock) -> None:
    """Needs no word of it between one file and the next."""
    way = Way()
    way.carrier.takes_s["F2"] = 400.0
    await way.carry(**shared("F1", "F2", text=None, ts=f"{1_760_000_000 + trio.current_time():.6f}"))

    assert ["https://im.test/F1", "https://im.test/F2"] == bodies(way)


async def test_deleted_while_its_file_is_brought(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing has left, so nothing leaves."""
    way = Way()
    way.carrier.takes_s["F1"] = 60.0
    parcel = way.take(**shared("F1", text=None))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(way.work, parcel)
        await trio.sleep(30)
        assert await withdraw(way, parcel)

    assert [] == bodies(way)


async def test_a_file_made_again_is_still_to_be_brought(autojump_clock: trio.testing.MockClock) -> None:
    """Where it lay at Easemob nobody knows any more; the desk knows it by its mark."""
    way = Way()
    await way.carry(**shared("F1"))
    _, again = await way.forwarding.again(forward(**shared("F1")))

    assert isinstance(again, Cargo)
    assert mark_of(again) == mark_of(way.pool.sent[1][1])
    assert again.message.meta_id != way.pool.sent[1][1].meta_id
