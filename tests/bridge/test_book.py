"""The book knows where each visitor's answers belong, and which thread a mention has opened."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING, TypeVar

import msgspec
import pytest
import trio
import trio.testing

from slackkefu.bridge.book import (
    Book,
    closed,
    duty_told,
    installation_key,
    is_open,
    is_owed_duty,
    listens,
    named,
    opened,
    wrote,
)
from slackkefu.bridge.identity import Visitor
from slackkefu.bridge.slack_to_kefu.routing import Forward
from slackkefu.easemob.names import ImUser
from slackkefu.errors import StoreUnwritable
from slackkefu.secret import Secret
from slackkefu.slack.ids import ChannelId, TeamId, Ts, UserId
from slackkefu.slack.installation import Installation, InstallationKey
from slackkefu.slack.message import MessageEvent, read_message
from slackkefu.store.visitors import VisitorRecord
from slackkefu.world import InlineDisk
from tests.bridge.people import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable


T = TypeVar("T")

NORTH = Installation(
    key=InstallationKey(None, TeamId("T1")),
    team_name="North",
    bot_token=Secret("xoxb-north"),
    bot_id="B1",
    bot_user_id=UserId("U0BOT"),
    app_id="A1",
    scopes=frozenset(),
)
ANN = ImUser("t1_u1_c1")
THREAD = Ts("100.000001")
AT = 100.000001
"""When Ann wrote, by Slack's clock."""
DAY_S = 24 * 3600.0


def forward(*, thread_ts: Ts | None = THREAD, is_direct: bool = False, is_mention: bool = False) -> Forward:
    """Make a message of Ann's."""
    raw = {"type": "message", "channel": "C1", "channel_type": "channel", "ts": "100.000001", "user": "U1", "text": "x"}
    event = read_message(raw)
    assert isinstance(event, MessageEvent)
    visitor = Visitor(TeamId("T1"), UserId("U1"), ChannelId("C1"))
    return Forward(visitor, ANN, NORTH, event, is_direct, thread_ts, is_mention)


def test_the_first_word_makes_a_record() -> None:
    """Installation, channel and thread of a new visitor are remembered."""
    expected = VisitorRecord(
        im_user=ANN,
        team="T1",
        user="U1",
        channel="C1",
        installation_team_id="T1",
        thread_ts=THREAD,
        channel_type="channel",
        last_active=1000.0,
    )
    record = wrote(None, forward(), now=1000.0)

    assert expected == record
    assert NORTH.key == installation_key(record)


def test_the_thread_follows_the_last_word() -> None:
    """An answer belongs to the thread of the visitor's last message, also when that is none."""
    record = wrote(wrote(None, forward(), now=0.0), forward(thread_ts=None, is_direct=True), now=1.0)

    assert (None, "im") == (record.thread_ts, record.channel_type)


def test_a_mention_opens_its_thread_for_a_day() -> None:
    """In the thread of a mention the visitor is listened to for 24 hours, elsewhere and later not."""
    record = wrote(None, forward(is_mention=True), now=0.0)

    assert listens(record, THREAD, at=AT + DAY_S - 1)
    assert not listens(record, THREAD, at=AT + DAY_S)
    assert not listens(record, Ts("999.000001"), at=AT)
    assert not listens(None, THREAD, at=AT)


def test_words_in_an_open_thread_do_not_prolong_it() -> None:
    """Only a mention opens a thread, so only a mention opens it for longer."""
    record = wrote(wrote(None, forward(is_mention=True), now=0.0), forward(), now=DAY_S / 2)

    assert not listens(record, THREAD, at=AT + DAY_S)


def test_words_before_their_mention_are_not_for_the_desk() -> None:
    """What was written in a thread before it was opened stays private, however late it comes."""
    record = wrote(None, forward(is_mention=True), now=0.0)

    assert listens(record, THREAD, at=AT)
    assert not listens(record, THREAD, at=AT - 1)


def test_mentions_in_any_order_open_a_thread_for_the_same_time() -> None:
    """A mention that is read late makes a thread begin earlier, and never ends it earlier."""
    early = forward(is_mention=True)
    late = replace(early, event=replace(early.event, ts=Ts("200.000001")))
    records = [wrote(wrote(None, first, now=300.0), second, now=300.0) for first, second in permutations((early, late))]

    assert records[0] == records[1]
    assert listens(records[0], THREAD, at=AT)
    assert listens(records[0], THREAD, at=200 + DAY_S - 1)


def test_a_thread_that_was_over_begins_anew() -> None:
    """After a day, or after the service session, a thread is opened by the next mention only, from then on."""
    first = forward(is_mention=True)
    again = replace(first, event=replace(first.event, ts=Ts(f"{2 * DAY_S:.6f}")))
    record = wrote(wrote(None, first, now=0.0), again, now=2 * DAY_S)

    assert not listens(record, THREAD, at=2 * DAY_S - 1)
    assert listens(record, THREAD, at=2 * DAY_S + 1)


def test_a_second_mention_leaves_the_first_thread_open() -> None:
    """Each mention opens its own thread; the threads of a visitor are listened to side by side."""
    record = wrote(None, forward(is_mention=True), now=0.0)
    record = wrote(record, forward(is_mention=True, thread_ts=Ts("200.000001")), now=10.0)

    assert listens(record, THREAD, at=AT + 20.0)
    assert listens(record, Ts("200.000001"), at=AT + 20.0)


def test_only_so_many_threads_are_listened_to() -> None:
    """The oldest thread of very many needs another mention."""
    record = None
    for number in range(25):
        record = wrote(record, forward(is_mention=True, thread_ts=Ts(f"{number}.000001")), now=0.0)

    assert [False, True, True] == [listens(record, Ts(f"{number}.000001"), at=AT) for number in (4, 5, 24)]


def test_the_end_of_the_service_session_closes_the_thread() -> None:
    """After kefu has closed the service session, others' talk in the thread is not for the desk."""
    record = closed(opened(wrote(None, forward(is_mention=True), now=0.0), "s-1", now=1.0))

    assert not listens(record, THREAD, at=AT)
    assert not is_open(record, now=2.0)


def test_what_was_written_before_the_end_is_for_the_desk() -> None:
    """A service session that ended while we were down ends its thread then, not for what was written before."""
    record = closed(opened(wrote(None, forward(is_mention=True), now=0.0), "s-1", now=1.0), at=AT + 60)

    assert listens(record, THREAD, at=AT + 59)
    assert not listens(record, THREAD, at=AT + 60)


def test_an_open_session_ends_after_a_day_of_silence() -> None:
    """A service session whose closing was never told does not count as open for ever."""
    record = opened(wrote(None, forward(), now=0.0), "s-1", now=0.0)

    assert is_open(record, now=DAY_S - 1)
    assert not is_open(record, now=DAY_S)


def test_small_steps_of_time_change_nothing() -> None:
    """A record is not written anew because a few seconds have passed."""
    record = wrote(None, forward(), now=1000.0)

    assert record == wrote(record, forward(), now=1059.0)
    assert 1061.0 == wrote(record, forward(), now=1061.0).last_active


def test_an_empty_name_leaves_the_known_one() -> None:
    """A lookup that failed does not take a name away."""
    record = named(wrote(None, forward(), now=0.0), name="Ann", workspace="North")

    assert record == named(record, name="", workspace="")


class Disk:
    """Keeps what is saved; full when told so."""

    def __init__(self) -> None:
        self.saved: list[VisitorRecord] = []
        self.full = False

    def save(self, record: VisitorRecord) -> None:
        """Keep, or be full."""
        if self.full:
            raise StoreUnwritable(None, "the disk is full")  # type: ignore[arg-type]  # only its text matters
        self.saved.append(record)

    def delete(self, im_user: str) -> None:
        """Keep nothing of *im_user*."""
        self.saved = [record for record in self.saved if record.im_user != im_user]


async def test_only_changes_are_written() -> None:
    """A record is known at once, and written once for each change."""
    disk = Disk()
    book = Book([], store=disk, disk=InlineDisk())
    record = wrote(None, forward(), now=0.0)
    for _ in range(3):
        book.remember(record)
        await book.write(ANN)

    assert record == book.get(ANN)
    assert [record] == disk.saved


async def test_a_full_disk_does_not_stop_a_message() -> None:
    """What could not be written is known all the same, and written when the disk takes it again."""
    disk = Disk()
    book = Book([], store=disk, disk=InlineDisk())
    record = wrote(None, forward(), now=0.0)
    book.remember(record)
    disk.full = True
    await book.write(ANN)
    disk.full = False

    assert record == book.get(ANN)
    assert [] == disk.saved

    await book.write(ANN)

    assert [record] == disk.saved


class SlowDisk:
    """Takes a second for each piece of work."""

    async def run(self, work: Callable[[], T]) -> T:
        """Do it, later."""
        await trio.sleep(1)
        return work()


async def test_a_cancelled_write_is_made_up_for(autojump_clock: trio.testing.MockClock) -> None:
    """A record whose writing was cancelled is written with the next one, though it has not changed since."""
    disk = Disk()
    book = Book([], store=disk, disk=SlowDisk())
    record = wrote(None, forward(), now=0.0)
    book.remember(record)
    with trio.move_on_after(0.5):
        await book.write(ANN)

    assert [] == disk.saved

    await book.write(ANN)

    assert [record] == disk.saved


async def test_a_change_during_a_write_is_written(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """What changes while the record is being written is not taken for written."""
    disk = Disk()
    book = Book([], store=disk, disk=SlowDisk())
    first = wrote(None, forward(), now=0.0)
    book.remember(first)
    nursery.start_soon(book.write, ANN)
    await trio.sleep(0.5)
    second = named(first, name="Ann", workspace="")
    book.remember(second)
    await trio.sleep(1)
    await book.write(ANN)

    assert [first, second] == disk.saved


@pytest.mark.parametrize(("enterprise", "team"), [(None, "T1"), ("E1", "T1"), ("E1", None), (None, None)])
def test_installation_keys(enterprise: str | None, team: str | None) -> None:
    """A record names a workspace's or an organisation's installation, or none."""
    record = VisitorRecord(
        im_user=ANN, team="T1", user="U1", channel="C1", enterprise_id=enterprise, installation_team_id=team
    )
    key = installation_key(record)

    assert (enterprise, team) == ((key.enterprise_id, key.team_id) if key else (None, None))


async def test_a_channel_with_a_new_id_keeps_its_visitors() -> None:
    """A visitor has the same name at the desk when the channel's id has changed, also after a restart."""
    shelf = Disk()
    book = Book([], store=shelf, disk=InlineDisk())
    record = wrote(None, forward(), now=0.0)
    moved = Visitor(TeamId("T1"), UserId("U1"), ChannelId("C2"))
    book.remember(record)

    assert "t1_u1_c2" == book.user_of(moved)

    book.remember(msgspec.structs.replace(record, channel="C2"))

    assert ANN == book.user_of(moved)
    assert ANN == Book(list(book), store=shelf, disk=InlineDisk()).user_of(moved)


async def test_one_person_in_a_channel_is_one_visitor() -> None:
    """Whatever workspace Slack says they are of, also after a restart; one who is erased has no name any more."""
    book = Book([], store=Disk(), disk=InlineDisk())
    record = wrote(None, forward(), now=0.0)
    book.remember(record)
    elsewhere = Visitor(TeamId("T2"), UserId("U1"), ChannelId("C1"))

    assert ANN == book.user_of(elsewhere)
    assert ANN == Book(list(book), store=Disk(), disk=InlineDisk()).user_of(elsewhere)

    book.forget(ANN)

    assert "t2_u1_c1" == book.user_of(elsewhere)


def test_closed_sessions_are_remembered() -> None:
    """Which sessions were closed is known, so that a late word of one opens nothing."""
    record = opened(wrote(None, forward(), now=0.0), "s-1", now=1.0)

    assert ("s-1",) == closed(record).closed_sessions
    assert ("s-1", "s-2") == closed(closed(record), "s-2").closed_sessions
    assert ("s-2", "s-1") == closed(closed(closed(record), "s-2"), "s-1").closed_sessions
    assert ("s-1",) == closed(closed(record)).closed_sessions


def test_the_late_end_of_another_session_ends_nothing() -> None:
    """While one session is open, the end of an older one leaves it and its threads as they are."""
    record = opened(wrote(None, forward(is_mention=True), now=0.0), "s-9", now=1.0)
    after = closed(record, "s-0")

    assert ("s-9", ("s-0",)) == (after.open_session, after.closed_sessions)
    assert listens(after, THREAD, at=AT)


def test_a_time_in_the_future_is_corrected() -> None:
    """A record written under a wrong clock gets the right time with the next word."""
    record = wrote(None, forward(), now=1_000_000.0)

    assert 1000.0 == wrote(record, forward(), now=1000.0).last_active


def test_threads_of_a_direct_message() -> None:
    """The latest threads of a direct message are remembered; those of a channel are not, mentions open them."""
    record = None
    for number in (1, 2, 3, 4, 5, 6, 2):
        record = wrote(record, forward(thread_ts=Ts(f"{number}.0"), is_direct=True), now=0.0)
    record = wrote(record, forward(thread_ts=None, is_direct=True), now=0.0)

    assert ("3.0", "4.0", "5.0", "6.0", "2.0") == record.threads
    assert () == wrote(None, forward(), now=0.0).threads


def test_changes_are_told() -> None:
    """Whoever listens hears of each visitor whose record changes, and of nobody whose does not."""
    told: list[str] = []
    book = Book([], store=Shelf(), disk=InlineDisk())
    book.listen(told.append)
    record = wrote(None, forward(), now=0.0)
    for each in (record, record, wrote(record, forward(thread_ts=Ts("1.5")), now=0.0)):
        book.remember(each)

    assert [record.im_user, record.im_user] == told


def test_duty_hours_are_told_once_in_a_session_and_once_an_hour() -> None:
    """Not while the session lasts in which it was told, and in the next one not within the hour."""
    record = VisitorRecord(im_user="t1_u1_d1", team="T1", user="U1", channel="D1")
    told = opened(duty_told(record, now=10_000.0), "s-1", now=10_001.0)
    ended = closed(told, "s-1", at=12_000.0)
    again = opened(ended, "s-2", now=12_500.0)

    assert is_owed_duty(record, now=10_000.0)
    assert not is_owed_duty(told, now=20_000.0)
    assert [False, True] == [is_owed_duty(ended, now=now) for now in (13_000.0, 14_000.0)]
    assert [False, True] == [is_owed_duty(again, now=now) for now in (13_000.0, 14_000.0)]
