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

from slackkefu.bridge.book import Book, wrote
from slackkefu.bridge.forwarding import Forwarding
from slackkefu.bridge.receipts import Parcel
from slackkefu.bridge.sheltering import Sheltering
from slackkefu.easemob.message import Accepted, OutgoingMessage, TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.errors import EasemobSetupError, LinkClosed, LoginRefused, SendOutcomeUnknown, SendRefused, StoreError
from slackkefu.slack.directory import Directory
from slackkefu.slack.installation import Installations
from slackkefu.slack.profile import Profile
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, NORTH, Parcels, Shelf, Spill, envelope, forward, receipts, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from structlog.testing import LogCapture

    from slackkefu.config import VisitorField
    from slackkefu.easemob.pool import Pool
    from slackkefu.slack.web import WebClient


class Post:
    """A pool of sessions whose first answers are given; then everything is accepted, after *takes_s*."""

    def __init__(self) -> None:
        self.takes_s = 0.0
        self.answers: deque[Exception] = deque()
        self.sent: list[tuple[str, OutgoingMessage, float]] = []
        self.held: set[ImUser] = set()
        self.always_held = True

    @contextmanager
    def hold(self, user: ImUser) -> Iterator[None]:
        """Keep a session."""
        self.held.add(user)
        try:
            yield
        finally:
            self.held.remove(user)

    async def send(self, user: ImUser, message: OutgoingMessage) -> Accepted:
        """Note a message and give the next answer."""
        self.always_held = self.always_held and user in self.held
        self.sent.append((user, message, trio.current_time()))
        await trio.sleep(self.takes_s)
        if self.answers:
            raise self.answers.popleft()
        return Accepted(message.meta_id, 1, 0)

    @property
    def texts(self) -> list[str]:
        """The words of what was sent, in order."""
        return [message.body.text for _, message, _ in self.sent if isinstance(message.body, TextBody)]


class Way:
    """Forwarding with a stand-in for the pool, and nobody to ask for names."""

    def __init__(self, fields: tuple[VisitorField, ...] = ("name", "workspace")) -> None:
        self.pool = Post()
        self.connection = Parcels()
        self.spill = Spill()
        self.receipts = receipts(spill=self.spill)
        self.sheltering = Sheltering(receipts=self.receipts, is_live=lambda _: True)
        self.shelf = Shelf()
        self.book = Book([], store=self.shelf, disk=InlineDisk())
        self.installations = Installations([NORTH])
        self.directory = Directory(web=cast("WebClient", None))
        self._forwarding = Forwarding(
            world=world(),
            pool=cast("Pool", self.pool),
            directory=self.directory,
            book=self.book,
            receipts=self.receipts,
            sheltering=self.sheltering,
            installations=self.installations,
            fields=fields,
            service_number=ImUser("kefu_service"),
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
        await self._forwarding.work(ImUser(MIA), parcel)

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


async def test_all_parts_then_the_acknowledgement(autojump_clock: trio.testing.MockClock) -> None:
    """The parts go in order, as the visitor, to the service number; the envelope is acknowledged after the last."""
    way = Way()
    way.pool.takes_s = 0.5
    await way.carry("x" * 2000 + " " + "y" * 2000)

    assert ["x" * 2000, "y" * 2000] == way.pool.texts
    assert {(MIA, "kefu_service")} == {(user, message.to) for user, message, _ in way.pool.sent}
    assert [("e1.0", 1.0)] == way.connection.acknowledged
    assert 1 == way.receipts.statistics().delivered
    assert way.pool.always_held
    assert not way.pool.held


@pytest.mark.parametrize("problem", [LOST, CUT, LATER, BANNED])
async def test_what_may_pass_is_sent_again_under_its_id(
    autojump_clock: trio.testing.MockClock, problem: Exception
) -> None:
    """A part whose fate is unknown, or that may be taken later, is sent again as the same message before the next."""
    way = Way()
    way.pool.answers += [problem, problem]
    await way.carry("x" * 2000 + " y")
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


async def test_a_message_refused_for_good_is_settled(autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """What Easemob never takes is said without its words, is acknowledged, and its other parts are not sent."""
    way = Way()
    way.pool.answers.append(NEVER)
    await way.carry("x" * 2000 + " sekrit")

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
    way.pool.answers += [BANNED] * 1000
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


async def test_a_fault_of_ours_leaves_the_message_to_slack(
    autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """An unforeseen error ends neither lane nor daemon: it is said, the message is not acknowledged, its repeat new."""
    way = Way()
    way.pool.answers.append(ZeroDivisionError())
    await way.carry()

    assert [] == way.connection.names
    assert ["lane.fault"] == [entry["event"] for entry in log.entries]

    await way.carry(retry=1)

    assert ["e1.1"] == way.connection.names


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
    """What was changed on the disk is an error in the log, and the visitor's next messages go on."""
    way = Way()
    parcel = way.take("damaged")
    await way.receipts.shelter(MIA, [parcel])
    parcel.forget_words()
    way.spill.problems.append(ValueError("its checksum is wrong"))
    await way.work(parcel)
    await way.carry("next", number=2)

    assert ["next"] == way.pool.texts
    assert ["lane.fault"] == [entry["event"] for entry in log.entries if entry["log_level"] == "error"]


async def test_the_app_was_removed_meanwhile(autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """A message of a workspace that is gone is not brought over, which is said."""
    way = Way()
    parcel = way.take("hello")
    await way.receipts.shelter(MIA, [parcel])
    parcel.forget_words()
    way.installations.remove(NORTH.key)
    await way.work(parcel)

    assert [] == way.pool.texts
    assert ["slack.no_installation"] == [entry["event"] for entry in log.entries if entry["log_level"] == "warning"]
