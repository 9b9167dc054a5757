"""What happens to an envelope when it arrives: what is acknowledged when, and what waits for its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from trio.testing import wait_all_tasks_blocked

from slackkefu.bridge.absence.gaps import Gaps
from slackkefu.bridge.aside import Aside
from slackkefu.bridge.book import Book
from slackkefu.bridge.deeds.deeds import Deeds, Handlers
from slackkefu.bridge.kefu_to_slack.hearing import Hearing
from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.slack_to_kefu.changes import Changes
from slackkefu.bridge.slack_to_kefu.custody import Outcome
from slackkefu.bridge.slack_to_kefu.intake import Intake
from slackkefu.bridge.slack_to_kefu.receipts import Parcel
from slackkefu.bridge.slack_to_kefu.routing import Forward
from slackkefu.bridge.slack_to_kefu.sheltering import Sheltering
from slackkefu.bridge.slack_to_kefu.spilled import restore
from slackkefu.bridge.table import Reason, Rule
from slackkefu.easemob.names import ImUser
from slackkefu.slack.envelope import parse_envelope
from slackkefu.slack.installation import Installations
from slackkefu.world import InlineDisk
from tests.bridge.people import (
    MIA,
    MIA_CHANNEL,
    NORTH,
    Journal,
    Parcels,
    Reserve,
    Shelf,
    Spill,
    envelope,
    forward,
    frame,
    receipts,
)
from tests.facts import load
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from structlog.testing import LogCapture

    from slackkefu.bridge.slack_to_kefu.custody import MessageKey
    from slackkefu.bridge.slack_to_kefu.routing import Special
    from slackkefu.config import ChannelsMode
    from slackkefu.slack.envelope import Envelope
    from slackkefu.slack.installation import InstallationKey

THREAD = "1760000000.000001"


class Gate:
    """An intake whose words take *takes_s* to the desk."""

    def __init__(self, *, channels: ChannelsMode = "mention", per_lane: int = 10, affairs: int = 10) -> None:
        self.takes_s = 0.0
        self.words: list[tuple[ImUser, str]] = []
        self.begun: set[MessageKey] = set()
        self.affairs: list[Rule] = []
        self.connection = Parcels()
        self.spill = Spill()
        self.journal = Journal()
        self.reserve = Reserve()
        self.gaps = Gaps(self.reserve, on_gap=lambda _: None)
        self.receipts = receipts(self.journal, self.spill, self.gaps)
        self.is_live = True
        self.book = Book([], store=Shelf(), disk=InlineDisk())
        self.hearing = Hearing(renew=lambda: None)
        self.word_lanes: Lanes[ImUser, Parcel] = Lanes(
            self._work, per_lane=per_lane, in_all=100, order=lambda parcel: parcel.order, tail=self.receipts
        )
        self.sheltering = Sheltering(
            receipts=self.receipts, is_live=lambda _: self.is_live, on_safe=self.word_lanes.stow
        )
        self.affair_lanes: Lanes[InstallationKey, Special] = Lanes(self._handle, per_lane=affairs, in_all=affairs)
        self.deeds = Deeds(Handlers())
        self.intake = Intake(
            installations=Installations([NORTH]),
            channels=channels,
            book=self.book,
            receipts=self.receipts,
            words=self.word_lanes,
            sheltering=self.sheltering,
            changes=Changes(receipts=self.receipts, aside=Aside(Spill(), wall=virtual_wall(), keep_s=1e9), way=self),
            deeds=self.deeds,
            affairs=self.affair_lanes,
            hearing=self.hearing,
            wall=virtual_wall(),
        )

    async def open(self, nursery: trio.Nursery) -> None:
        """Let the lanes run."""
        await nursery.start(self.word_lanes.run)
        await nursery.start(self.affair_lanes.run)
        await nursery.start(self.sheltering.run)
        await nursery.start(self.intake.run)

    async def takes(self, envelope: Envelope, connection: Parcels | None = None) -> None:
        """Let one envelope arrive."""
        await self.intake.take((connection or self.connection).bring(envelope))

    def stop(self, key: MessageKey) -> bool:
        """Stop nothing that has begun."""
        return key not in self.begun

    async def _work(self, user: ImUser, parcel: Parcel) -> None:
        if not self.receipts.is_in_hand(parcel):
            self.sheltering.ended(user, parcel)
            return
        self.begun.add(parcel.owed.key)
        message = parcel.forward or restore(await self.receipts.fetch(parcel), Installations([NORTH]))
        assert message is not None
        self.words.append((user, message.event.text))
        await trio.sleep(self.takes_s)
        await self.receipts.settle(parcel, Outcome.DELIVERED)
        self.sheltering.ended(user, parcel)

    async def _handle(self, _: InstallationKey, special: Special) -> None:
        self.affairs.append(special.rule)


@pytest.fixture
async def gate(nursery: trio.Nursery) -> Gate:
    """Give a gate that is open."""
    gate = Gate()
    await gate.open(nursery)
    return gate


NOT_FOR_THE_DESK: list[tuple[str, Envelope]] = [
    ("own_message", envelope(bot_id="B0NORTHBOT")),
    ("other_bot", envelope(bot_id="B0OTHER001")),
    ("not_mentioned", envelope(channel="C0SUPPORT1", channel_type="channel")),
    ("system_message", envelope(subtype="channel_join")),
    ("unknown_subtype", envelope(subtype="novel")),
    ("malformed", parse_envelope({"envelope_id": "e1.0", "type": "events_api", "payload": 3})),
    ("unknown_payload", parse_envelope({"envelope_id": "e1.0", "type": "novel", "payload": {}})),
    ("unknown_installation", parse_envelope({"envelope_id": "e1.0", "type": "interactive", "payload": {"type": "x"}})),
    (
        "events_held_back",
        parse_envelope({"envelope_id": "e1.0", "type": "events_api", "payload": {"type": "app_rate_limited"}}),
    ),
]


@pytest.mark.parametrize(("reason", "envelope"), NOT_FOR_THE_DESK)
async def test_what_is_not_for_the_desk_is_acknowledged_at_once(
    gate: Gate, autojump_clock: trio.testing.MockClock, log: LogCapture, reason: str, envelope: Envelope
) -> None:
    """It has left the intake before any time has passed, and its reason is in the log and in the counts."""
    await gate.takes(envelope)

    assert [("e1.0", 0.0)] == gate.connection.acknowledged
    assert [reason] == [entry["reason"] for entry in log.entries if entry["event"] == "slack.ignored"]
    assert {reason: 1} == {name: count for name, count in gate.intake.statistics().ignored.items() if count}
    assert [] == gate.words


@pytest.mark.parametrize("name", ["06-own-message", "07-own-message-customised", "08-other-bot", "17-channel-join"])
async def test_loop_samples(gate: Gate, autojump_clock: trio.testing.MockClock, log: LogCapture, name: str) -> None:
    """Each sample that would make a loop is acknowledged, and its reason logged."""
    raw = load(f"slack-samples/{name}.json")["envelope"]
    await gate.takes(parse_envelope(raw))

    assert [raw["envelope_id"]] == gate.connection.names
    assert 1 == sum(entry["event"] == "slack.ignored" and bool(entry["reason"]) for entry in log.entries)


async def test_words_are_acknowledged_when_they_have_arrived(
    gate: Gate, autojump_clock: trio.testing.MockClock
) -> None:
    """Words go to their visitor's lane; their envelope is acknowledged when they are settled, not before."""
    gate.takes_s = 1.5
    await gate.takes(envelope("hello"))

    assert [] == gate.connection.acknowledged

    await trio.sleep(10)

    assert [(MIA, "hello")] == gate.words
    assert [("e1.0", 1.5)] == gate.connection.acknowledged


async def test_a_repeat_of_what_is_done_is_acknowledged(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """Words that took longer than the disk allowed are known as done when Slack repeats them; they are sent once."""
    gate.takes_s = 2.6
    gate.spill.is_full = gate.reserve.is_full = True
    await gate.takes(envelope())
    await trio.sleep(10)

    assert [] == gate.connection.names

    await gate.takes(envelope(retry=1))

    assert ["e1.1"] == gate.connection.names
    assert 1 == len(gate.words)
    assert 1 == gate.intake.statistics().ignored["duplicate"]


async def test_a_repeat_joins_and_is_acknowledged_where_it_came(
    gate: Gate, autojump_clock: trio.testing.MockClock
) -> None:
    """A repeat of words in hand is not sent again; it is acknowledged with them, on its own connection."""
    gate.takes_s = 62.0
    gate.spill.is_full = gate.reserve.is_full = True
    other = Parcels()
    await gate.takes(envelope())
    await trio.sleep(60)
    await gate.takes(envelope(retry=1), other)
    await trio.sleep(60)

    assert 1 == len(gate.words)
    assert ([], [("e1.1", 62.0)]) == (gate.connection.acknowledged, other.acknowledged)


async def test_a_mention_that_comes_twice_is_sent_once(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """``message`` and ``app_mention`` of the same words are one message; both envelopes are acknowledged."""
    gate.takes_s = 1.0
    for raw in load("slack-samples/13-mention-twice.json")["envelopes"]:
        await gate.takes(parse_envelope(raw))
    await trio.sleep(5)

    assert 1 == len(gate.words)
    assert 2 == len(gate.connection.names)


async def test_a_full_lane_leaves_the_message_to_slack(nursery: trio.Nursery, log: LogCapture) -> None:
    """What a full lane refuses is not acknowledged, is said, and is taken as new when Slack repeats it."""
    gate = Gate(per_lane=1)
    await gate.open(nursery)
    gate.takes_s = float("inf")
    await gate.takes(envelope("first", number=1))
    await gate.takes(envelope("second", number=2))
    await wait_all_tasks_blocked()

    assert [] == gate.connection.names
    assert ["lane.full"] == [entry["event"] for entry in log.entries if entry["log_level"] == "warning"]
    assert 1 == gate.receipts.statistics().in_hand

    nursery.cancel_scope.cancel()


async def test_a_refused_message_is_new_when_it_comes_again(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """When there is room again, the repeat of a refused message is sent and acknowledged."""
    gate = Gate(per_lane=1)
    await gate.open(nursery)
    gate.takes_s = 1.0
    await gate.takes(envelope("first", number=1))
    await gate.takes(envelope("second", number=2))
    await trio.sleep(60)
    await gate.takes(envelope("second", number=2, retry=1))
    await trio.sleep(60)

    assert [(MIA, "first"), (MIA, "second")] == gate.words
    assert ["e1.0", "e2.1"] == gate.connection.names

    nursery.cancel_scope.cancel()


async def test_a_mention_opens_its_thread_at_once(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """The words right behind a mention pass, while the mention itself is still on its way."""
    gate.takes_s = 1.0
    channel: dict[str, Any] = {"channel": "C0SUPPORT1", "channel_type": "channel"}
    await gate.takes(envelope("<@U0NORTHBOT> hello", number=1, **channel))
    await gate.takes(envelope("in the thread", number=2, thread_ts=THREAD, **channel))
    await gate.takes(envelope("outside", number=3, **channel))
    await trio.sleep(5)

    assert ["<@U0NORTHBOT> hello", "in the thread"] == [text for _, text in gate.words]

    record = gate.book.get(ImUser(MIA_CHANNEL))

    assert record is not None
    assert (THREAD, [THREAD]) == (record.thread_ts, [*record.mention_threads])


async def test_a_mention_may_come_after_its_next_words(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """Slack promises no order: words that came a moment before the mention of their thread are for the desk as well."""
    channel = {"channel": "C0SUPPORT1", "channel_type": "channel"}
    await gate.takes(envelope("and this", number=2, thread_ts=THREAD, **channel))
    await trio.sleep(0.5)
    await gate.takes(envelope("<@U0NORTHBOT> hello", number=1, **channel))
    await trio.sleep(5)

    assert ["<@U0NORTHBOT> hello", "and this"] == [text for _, text in gate.words]
    assert [("e1.0", 0.5), ("e2.0", 1.0)] == gate.connection.acknowledged


async def test_words_behind_those_that_wait_for_a_mention(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """What is written in a thread after words that wait for its mention stays behind them, another mention too."""
    channel = {"channel": "C0SUPPORT1", "channel_type": "channel"}
    for number, words in ((2, "two"), (1, "<@U0NORTHBOT> one"), (3, "three"), (4, "<@U0NORTHBOT> four")):
        thread = {} if number == 1 else {"thread_ts": THREAD}
        await gate.takes(envelope(words, number=number, **thread, **channel))
        await trio.sleep(0.1)
    await trio.sleep(5)

    assert ["<@U0NORTHBOT> one", "two", "three", "<@U0NORTHBOT> four"] == [text for _, text in gate.words]
    assert all(at < 3.0 for _, at in gate.connection.acknowledged)


async def test_others_talk_in_a_thread_is_acknowledged_in_time(
    gate: Gate, autojump_clock: trio.testing.MockClock
) -> None:
    """Where no mention comes, words in a thread are ignored a second later, well within Slack's three."""
    for number in range(2, 5):
        await gate.takes(envelope("hm", number=number, thread_ts=THREAD, channel="C0SUPPORT1", channel_type="channel"))
    await trio.sleep(5)

    assert [] == gate.words
    assert [("e2.0", 1.0), ("e3.0", 1.0), ("e4.0", 1.0)] == gate.connection.acknowledged
    assert 3 == gate.intake.statistics().ignored["not_mentioned"]


async def test_a_repeat_moves_no_thread(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """A late repeat of older words does not lead answers back to their thread."""
    await gate.takes(envelope("old", number=1, thread_ts="1.1"))
    await gate.takes(envelope("new", number=2, thread_ts="2.2"))
    await trio.sleep(1)
    await gate.takes(envelope("old", number=1, thread_ts="1.1", retry=1))
    record = gate.book.get(ImUser(MIA))

    assert record is not None
    assert "2.2" == record.thread_ts


async def test_affairs_of_the_bridge_are_acknowledged_and_handed_on(
    gate: Gate, autojump_clock: trio.testing.MockClock
) -> None:
    """What the bridge itself acts on is acknowledged at once and lands on its installation's lane."""
    raw = frame(None, type="app_uninstalled", ts=None)
    await gate.takes(parse_envelope(raw))
    await wait_all_tasks_blocked()

    assert ["e1.0"] == gate.connection.names
    assert [Rule.REMOVAL] == gate.affairs


async def test_affairs_without_room_are_said(nursery: trio.Nursery, log: LogCapture) -> None:
    """An affair that finds no room is a warning."""
    gate = Gate(affairs=0)
    await gate.open(nursery)
    await gate.takes(parse_envelope(frame(None, type="app_uninstalled", ts=None)))

    assert ["affairs.full"] == [entry["event"] for entry in log.entries]

    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("level", "changes"), [("warning", {"team_id": "T0STRANGER"}), ("info", {"team_id": "T0NORTH001"})]
)
async def test_losses_are_warnings(
    gate: Gate, autojump_clock: trio.testing.MockClock, log: LogCapture, level: str, changes: dict[str, str]
) -> None:
    """Words of a workspace that has no installation are lost, which an operator is told; own posts are routine."""
    raw = frame(bot_id="B0NORTHBOT")
    raw["payload"]["authorizations"][0].update(changes)
    await gate.takes(parse_envelope(raw))

    assert [level] == [entry["log_level"] for entry in log.entries]


async def test_every_reason_is_counted_from_the_start(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """A metric exists for each reason before it happens."""
    assert {reason.value for reason in Reason} == set(gate.intake.statistics().ignored)


# The spill.


async def test_what_takes_long_is_acknowledged_from_the_spill(
    gate: Gate, autojump_clock: trio.testing.MockClock
) -> None:
    """After 1.5 s the words are on disk and acknowledged; the send goes on, and what follows goes to disk at once."""
    gate.takes_s = 10.0
    await gate.takes(envelope("one"))
    await trio.sleep(3)
    await gate.takes(envelope("two", number=2))
    await trio.sleep(3)

    assert [("e1.0", 1.5), ("e2.0", 3.0)] == gate.connection.acknowledged

    await trio.sleep(30)

    assert [(MIA, "one"), (MIA, "two")] == gate.words
    assert {1, 2} == gate.spill.over


@pytest.mark.parametrize("what", ["a file", "no live session"])
async def test_what_cannot_be_quick_goes_to_the_spill_at_once(
    gate: Gate, autojump_clock: trio.testing.MockClock, what: str
) -> None:
    """A file, or a visitor who has to be logged in first, is acknowledged from the spill without waiting."""
    gate.takes_s = 10.0
    gate.is_live = what == "a file"
    files = [{"id": "F1", "name": "x.txt"}] if what == "a file" else None
    await gate.takes(envelope("look", files=files))
    await trio.sleep(1)

    assert [("e1.0", 0.0)] == gate.connection.acknowledged


async def test_a_lane_goes_to_the_spill_in_order(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """When one message goes to the spill, those of its lane before it go first."""
    gate.takes_s = 10.0
    await gate.takes(envelope("one"))
    await gate.takes(envelope("two", number=2))
    await gate.takes(envelope("three", number=3, files=[{"id": "F1", "name": "x.txt"}]))
    await trio.sleep(1)

    assert [f"1760000000.{number:06}" for number in (1, 2, 3)] == gate.spill.keys


async def test_a_spill_without_room_is_tried_again(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """While the disk takes nothing nothing is acknowledged; with room the message is sheltered and its repeat told."""
    gate.takes_s = 100.0
    gate.spill.is_full = gate.reserve.is_full = True
    await gate.takes(envelope())
    await trio.sleep(10)
    gate.spill.is_full = False
    await trio.sleep(10)

    assert [] == gate.connection.names

    await gate.takes(envelope(retry=1))

    assert ["e1.1"] == gate.connection.names


async def test_what_is_marked_is_acknowledged(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """A message that the spill does not take is acknowledged against its mark, and so is every repeat of it."""
    gate.takes_s = 100.0
    gate.spill.is_full = True
    await gate.takes(envelope())
    await trio.sleep(60)
    await gate.takes(envelope(retry=1))
    await trio.sleep(60)

    assert [("e1.0", 1.5), ("e1.1", 60.0)] == gate.connection.acknowledged
    assert ["1760000000.000001"] == [mark.since for mark in gate.reserve.marks.values()]
    assert 1 == len(gate.words)


async def test_a_full_lane_leaves_a_gap(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """What a full lane did not take is left to Slack, and known as perhaps missing."""
    gate = Gate(per_lane=1)
    await gate.open(nursery)
    gate.takes_s = 100.0
    await gate.takes(envelope())
    await gate.takes(envelope(number=2))

    assert 1760000000.000002 == gate.gaps.earliest()
    assert {} == gate.reserve.marks


async def test_what_is_read_waits_for_room(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """A message read from the history is not refused by a full lane; it waits, and is taken once."""
    gate = Gate(per_lane=1)
    await gate.open(nursery)
    gate.takes_s = 10.0
    await gate.takes(envelope())
    words = gate.intake.decide(envelope("read", number=2))
    assert isinstance(words, Forward)
    taken = [await gate.intake.take_read(words, gate.connection.bring(envelope("read", number=2))) for _ in range(2)]

    assert [True, False] == taken
    assert 20.0 == trio.current_time()
    assert ["hello", "read"] == [text for _, text in gate.words]


async def test_an_edit_that_was_read_is_a_duplicate(
    gate: Gate, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """The edit of a message that reached the desk as edited is known; another edit of it is not."""
    first = {"type": "message", "ts": "1760000000.000001", "user": "U0MIA00001", "text": "hello"}
    words = forward("hello, edited", edited={"user": "U0MIA00001", "ts": "1760000050.000000"})
    taken = gate.receipts.take(words, gate.connection.bring(envelope()))
    assert isinstance(taken, Parcel)
    await gate.receipts.settle(taken, Outcome.DELIVERED, *gate.receipts.edit_of(words))
    for number, ts in enumerate(["1760000050.000000", "1760000060.000000"], start=2):
        text = "hello, edited" if number == 2 else "hello, other"
        now = first | {"text": text, "edited": {"user": "U0MIA00001", "ts": ts}}
        changed: dict[str, Any] = {"subtype": "message_changed", "message": now, "previous_message": first}
        await gate.takes(envelope(None, number=number, user=None, **changed))
    await trio.sleep(1)

    assert ["duplicate"] == [entry["reason"] for entry in log.entries if entry["event"] == "slack.ignored"]
    assert ["hello, other"] == [text for _, text in gate.words]


async def test_a_stop_puts_nothing_twice_into_the_spill(
    gate: Gate, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """What is on its way to the spill when we stop is put there once, and what came behind it too."""
    gate.takes_s, gate.spill.takes_s = 1000.0, 1.0
    await gate.takes(envelope("one", number=1))
    await trio.sleep(2.0)
    await gate.takes(envelope("two", number=2))
    await gate.sheltering.shelter_all()
    statistics = gate.receipts.statistics()

    assert ["1760000000.000001", "1760000000.000002"] == gate.spill.keys
    assert (2, 2) == (statistics.in_hand, statistics.spilled)

    nursery.cancel_scope.cancel()


async def test_a_stop_leaves_everything_in_the_spill(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """At a stop what is in hand goes to the spill and is acknowledged."""
    gate.takes_s = 100.0
    await gate.takes(envelope())
    await gate.takes(envelope(number=2))
    await gate.sheltering.shelter_all()

    assert ["e1.0", "e2.0"] == gate.connection.names


# Edits and deletions.


def deletion(number: int = 1, *, retry: int = 0, **place: str) -> Envelope:
    """Make the envelope of a deletion of Mia's message *number*."""
    ts = f"1760000000.{number:06}"
    previous = {"user": "U0MIA00001", "text": "hello", "ts": ts}
    event = {"subtype": "message_deleted", "hidden": True, "deleted_ts": ts, "previous_message": previous, **place}
    return envelope(None, number=900, retry=retry, user=None, **event)


async def test_a_deletion_takes_back_what_waits(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """What waits behind another leaves its lane unsent, its neighbours pass, and all envelopes are acknowledged."""
    gate.takes_s = 10.0
    for number in (1, 2, 3):
        await gate.takes(envelope(f"message {number}", number=number))
    await gate.takes(deletion(2))
    await trio.sleep(60)

    assert [(MIA, "message 1"), (MIA, "message 3")] == gate.words
    assert {"e1.0", "e2.0", "e3.0", "e900.0"} == set(gate.connection.names)
    assert 1 == gate.intake.statistics().ignored["withdrawn"]


async def test_a_deletion_of_what_is_being_sent(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """What is being sent is not taken back; the correction follows it, without any words."""
    gate.takes_s = 10.0
    await gate.takes(envelope())
    await wait_all_tasks_blocked()
    await gate.takes(deletion())
    await trio.sleep(60)

    assert [(MIA, "hello"), (MIA, "")] == gate.words


async def test_a_deletion_that_the_disk_does_not_take(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """It is not acknowledged, for no history would show it; its repeat is."""
    gate.takes_s = 1000.0
    await gate.takes(envelope("first", number=1))
    await gate.takes(envelope("second", number=2))
    await trio.sleep(5)
    gate.journal.is_full = True
    await gate.takes(deletion(2))

    assert "e900.0" not in gate.connection.names

    gate.journal.is_full = False
    await gate.takes(deletion(2, retry=1))

    assert "e900.1" == gate.connection.names[-1]


async def test_a_deletion_before_its_message(
    gate: Gate, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """A deletion of what we never had is named and is no news; should the message still come it goes nowhere."""
    await gate.takes(deletion())
    await gate.takes(envelope(retry=1))

    assert [] == gate.words
    assert ["e900.0", "e1.1"] == gate.connection.names
    ignored = gate.intake.statistics().ignored
    assert (1, 1) == (ignored["unknown_original"], ignored["withdrawn"])
    assert ["debug", "info"] == [entry["log_level"] for entry in log.entries]


async def test_a_deletion_while_its_message_waits_for_a_mention(
    gate: Gate, autojump_clock: trio.testing.MockClock
) -> None:
    """Words that wait for the mention that opened their thread can be deleted too."""
    channel: dict[str, Any] = {"channel": "C0SUPPORT1", "channel_type": "channel"}
    await gate.takes(envelope("never mind", number=2, thread_ts=THREAD, **channel))
    await gate.takes(deletion(2, **channel))
    await gate.takes(envelope("<@U0NORTHBOT> hello", number=1, **channel))
    await trio.sleep(5)

    assert ["<@U0NORTHBOT> hello"] == [text for _, text in gate.words]


async def test_edits(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """An edit of what we have goes the way of a message, first to the spill; one of what we never had is named."""
    await gate.takes(envelope())
    for number in (1, 2):
        ts = f"1760000000.{number:06}"
        inner = {
            "user": "U0MIA00001",
            "ts": ts,
            "text": "hello!",
            "edited": {"user": "U0MIA00001", "ts": "1760009000.1"},
        }
        edit = {"subtype": "message_changed", "message": inner, "previous_message": {**inner, "text": "hello"}}
        await gate.takes(envelope(None, number=900 + number, user=None, hidden=True, **edit))
    await trio.sleep(1)

    assert 1 == gate.intake.statistics().ignored["unknown_original"]
    assert {"e901.0", "e902.0"} <= set(gate.connection.names)
    assert [(MIA, "hello"), (MIA, "hello!")] == gate.words


async def test_a_change_moves_no_conversation(gate: Gate, autojump_clock: trio.testing.MockClock) -> None:
    """An edit of an old message elsewhere does not change where the answer to the last one belongs."""
    await gate.takes(envelope(number=1, thread_ts=THREAD))
    await gate.takes(envelope(number=2))
    before = gate.book.get(ImUser(MIA))
    inner = {"user": "U0MIA00001", "ts": "1760000000.000001", "thread_ts": THREAD, "text": "hello!"}
    edit = {"message": {**inner, "edited": {"ts": "1760000009.1"}}, "previous_message": {**inner, "text": "hello"}}
    await gate.takes(envelope(None, number=900, user=None, subtype="message_changed", **edit))
    await trio.sleep(1)

    assert ["hello", "hello", "hello!"] == [text for _, text in gate.words]
    assert before == gate.book.get(ImUser(MIA))
