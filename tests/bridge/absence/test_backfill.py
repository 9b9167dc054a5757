"""What was missed is read patiently, brought over once, and is over only when everything is settled or safe."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast, final

import pytest
import trio
import trio.testing

from slackkefu.bridge.absence.backfill import BLOCKED_S, Backfill, BackfillStatistics
from slackkefu.bridge.absence.gaps import Gaps, Strand
from slackkefu.bridge.absence.marks import LOOK_BACK_S, REPEATS_S, Marks
from slackkefu.bridge.absence.presence import ALWAYS, Presence
from slackkefu.bridge.aside import Aside
from slackkefu.bridge.book import Book
from slackkefu.bridge.deeds.deeds import Deeds, Handlers
from slackkefu.bridge.kefu_to_slack.hearing import Hearing
from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.slack_to_kefu.changes import Changes
from slackkefu.bridge.slack_to_kefu.custody import Outcome
from slackkefu.bridge.slack_to_kefu.intake import Intake
from slackkefu.bridge.slack_to_kefu.sheltering import Sheltering
from slackkefu.bridge.slack_to_kefu.spilled import restore
from slackkefu.errors import RemoteProtocolError, SlackApiError, SlackkefuError
from slackkefu.slack.ids import ChannelId, Ts
from slackkefu.slack.installation import Installations
from slackkefu.slack.reading import Conversation, Page
from slackkefu.store.alive import Alive
from slackkefu.store.entries import Read, Untold
from slackkefu.world import InlineDisk
from tests.bridge.people import NORTH, Journal, Parcels, Reserve, Shelf, Spill, envelope, installation, receipts
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from structlog.testing import LogCapture

    from slackkefu.bridge.slack_to_kefu.custody import MessageKey
    from slackkefu.bridge.slack_to_kefu.receipts import Parcel
    from slackkefu.bridge.slack_to_kefu.routing import Route, Special
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.envelope import Envelope
    from slackkefu.slack.installation import Installation, InstallationKey
    from slackkefu.slack.reading import Reading

START = 1_760_000_000.0
HOUR_S = 3600.0
DIRECT = ChannelId("D0MIA00001")
SUPPORT = ChannelId("C0SUPPORT1")


@final
class Past:
    """What Slack's history holds: messages by conversation or thread, and how it fails."""

    def __init__(self) -> None:
        self.kinds = {DIRECT: "im", SUPPORT: "channel"}
        self.messages: dict[ChannelId | Ts, list[Mapping[str, object]]] = {}
        self.problems: dict[object, list[SlackkefuError]] = {}
        """What is raised next, by conversation, root or installation."""
        self.takes_s: dict[object, float] = {}
        self.asked: list[object] = []

    def write(self, ago_s: float, text: str, *, channel: ChannelId = DIRECT, **fields: object) -> Ts:
        """Let Mia have written; return the message's name."""
        ts = Ts(f"{START - ago_s:.6f}")
        raw = {"type": "message", "ts": ts, "user": "U0MIA00001", "team": "T0NORTH001", "text": text, **fields}
        root = fields.get("thread_ts")
        self.messages.setdefault(Ts(str(root)) if root else channel, []).append(raw)
        return ts

    async def conversations(self, installation: Installation) -> list[Conversation]:
        """List what the app is in."""
        await self._ask(installation.key)
        return [
            Conversation(channel, kind, None, is_archived=False)  # type: ignore[arg-type]  # one of them
            for channel, kind in self.kinds.items()
        ]

    async def history(self, _: Installation, channel: ChannelId, *, since: Ts, cursor: str = "") -> Page:
        """Return a page of one message."""
        await self._ask(channel)
        return self._page(channel, since, cursor)

    async def replies(self, _: Installation, channel: ChannelId, root: Ts, *, since: Ts, cursor: str = "") -> Page:
        """Return a page of a thread."""
        assert channel
        await self._ask(root)
        return self._page(root, since, cursor)

    async def _ask(self, what: object) -> None:
        self.asked.append(what)
        await trio.sleep(self.takes_s.get(what, 0.0))
        if self.problems.get(what):
            raise self.problems[what].pop(0)

    def _page(self, where: ChannelId | Ts, since: Ts, cursor: str) -> Page:
        found = [each for each in reversed(self.messages.get(where, [])) if float(str(each["ts"])) >= float(since)]
        number = int(cursor or 0)
        return Page(tuple(found[number : number + 1]), str(number + 1) if number + 1 < len(found) else "")


@final
class Desk:
    """A backfill with everything it needs, and a desk that words take *takes_s* to."""

    def __init__(self, *, per_lane: int = 100) -> None:
        self.takes_s = 0.0
        self.lets_go: set[str] = set()
        """Words that make us fail on the way."""
        self.words: list[str] = []
        """What has reached the desk, in order."""
        self.past = Past()
        self.journal, self.spill, self.reserve = Journal(), Spill(), Reserve()
        self.installations = Installations([NORTH])
        self.marks = Marks(max_age_s=24 * HOUR_S)
        self.presence = Presence()
        self.presence.found(NORTH.key, SUPPORT, ALWAYS)
        self.gaps = Gaps(self.reserve, on_gap=lambda key: self.backfill.gap(key))  # noqa: PLW0108 - it comes later
        self.receipts = receipts(self.journal, self.spill, self.gaps)
        self.sheltering = Sheltering(receipts=self.receipts, is_live=lambda _: True)
        self.lanes: Lanes[ImUser, Parcel] = Lanes(self._work, per_lane=per_lane, in_all=100)
        self.intake = Intake(
            installations=self.installations,
            channels="all",
            book=Book([], store=Shelf(), disk=InlineDisk()),
            receipts=self.receipts,
            words=self.lanes,
            sheltering=self.sheltering,
            changes=Changes(receipts=self.receipts, aside=Aside(Spill(), wall=virtual_wall(), keep_s=1e9), way=self),
            deeds=Deeds(Handlers()),
            hearing=Hearing(renew=lambda: None),
            affairs=Lanes(self._ignore, per_lane=1, in_all=1),
            wall=virtual_wall(),
        )
        self.backfill = Backfill(
            reading=cast("Reading", self.past),
            installations=self.installations,
            book=Book([], store=Shelf(), disk=InlineDisk()),
            intake=self.intake,
            receipts=self.receipts,
            marks=self.marks,
            presence=self.presence,
            gaps=self.gaps,
            journal=self.journal,
            channels="all",
            max_age_s=24 * HOUR_S,
            wall=virtual_wall(),
        )

    async def open(self, nursery: trio.Nursery, *, away_s: float = HOUR_S) -> None:
        """Begin, after so long an absence."""
        await nursery.start(self.lanes.run)
        await nursery.start(self.sheltering.run)
        self.marks.restore(Alive(mark=START - away_s - 600, at=START - away_s), START)
        is_missed = self.marks.begin(START)
        await nursery.start(self.backfill.run)
        self.backfill.begin(is_missed=is_missed)

    def misses(self) -> None:
        """Learn that something was missed just now."""
        self.marks.missed(virtual_wall()() - 1, virtual_wall()())
        self.backfill.missed()

    @property
    def counts(self) -> BackfillStatistics:
        """The statistics."""
        return self.backfill.statistics()

    async def _work(self, user: ImUser, parcel: Parcel) -> None:
        message = parcel.forward or restore(await self.receipts.fetch(parcel), self.installations)
        assert message is not None
        await trio.sleep(self.takes_s)
        if message.event.text in self.lets_go:
            self.receipts.let_go(parcel)
        else:
            self.words.append(message.event.text)
            await self.receipts.settle(parcel, Outcome.DELIVERED)
        self.sheltering.ended(user, parcel)

    def stop(self, _: MessageKey) -> bool:
        """Stop nothing."""
        return False

    async def _ignore(self, _: InstallationKey, __: Special) -> None:
        await trio.lowlevel.checkpoint()


@pytest.fixture
def desk() -> Desk:
    """Give a desk that is not open yet."""
    return Desk()


async def test_what_was_missed_is_brought_over(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Each conversation is read through all its pages and threads, in order; then nothing is missing any more."""
    root = desk.past.write(3000, "root", latest_reply=f"{START - 100:.6f}")
    desk.past.write(2000, "second")
    desk.past.write(100, "reply", thread_ts=root)
    desk.past.write(50, "third")
    desk.past.write(7200, "long before")
    desk.past.write(1000, "elsewhere", channel=SUPPORT)
    desk.takes_s = 0.1
    await desk.open(nursery)
    await trio.sleep(60)

    assert ["root", "second", "reply", "third", "elsewhere"] == desk.words
    assert [NORTH.key, *[DIRECT] * 3, root, SUPPORT] == desk.past.asked
    assert desk.marks.missed_until is None
    assert [DIRECT, SUPPORT] == [entry.channel for entry in desk.journal.entries if isinstance(entry, Read)]
    assert (2, 5, 5, 0) == (desk.counts.read, desk.counts.found, desk.counts.forwarded, desk.counts.to_read)


async def test_a_conversation_is_read_when_all_of_it_has_passed(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Until what was found is settled or in the spill the conversation counts as unread, and the next one waits."""
    desk.past.write(1000, "slow")
    desk.takes_s = 100.0
    desk.spill.is_full = desk.reserve.is_full = True
    await desk.open(nursery)
    await trio.sleep(50)

    assert [NORTH.key, DIRECT] == desk.past.asked
    assert (2, 0) == (desk.counts.to_read, desk.counts.read)

    await trio.sleep(60)

    assert [NORTH.key, DIRECT, SUPPORT] == desk.past.asked
    assert (0, 2) == (desk.counts.to_read, desk.counts.read)


async def test_a_full_lane_is_waited_for(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Nothing that is read is dropped: with room for two, ten arrive."""
    desk = Desk(per_lane=2)
    for number in range(10):
        desk.past.write(1000 - number, f"message {number}")
    desk.takes_s = 10.0
    await desk.open(nursery)
    await trio.sleep(200)

    assert [f"message {number}" for number in range(10)] == desk.words
    assert 0 == desk.lanes.statistics().refused


async def test_what_is_too_old(desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """It is settled once, counted, never put on a lane, and to be told; a second reading knows it."""
    old = desk.past.write(25 * HOUR_S, "too old")
    seen = desk.past.write(26.1 * HOUR_S, "before we were away")
    desk.past.write(23 * HOUR_S, "not too old")
    await desk.open(nursery, away_s=26 * HOUR_S)
    await trio.sleep(60)
    desk.marks.missed(START - 26 * HOUR_S, START + 60)
    desk.backfill.missed()
    await trio.sleep(REPEATS_S + 60)

    assert ["not too old"] == desk.words
    assert [(seen, "possibly", "too_old"), (old, "surely", "too_old")] == [
        (entry.ts, entry.certainty, entry.reason) for entry in desk.journal.entries if isinstance(entry, Untold)
    ]
    assert (2, 1, 3) == (desk.counts.skipped_too_old, desk.counts.forwarded, desk.counts.known)
    assert 2 == desk.receipts.statistics().too_old


# When it is read.


async def test_what_was_missed_meanwhile_is_read_later(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """
    Many gaps are one reading, six and a half minutes after the first.

    One that comes while it goes on is another, of what had been read before it came.
    """
    await desk.open(nursery, away_s=10)
    desk.past.takes_s[DIRECT] = 10.0
    for _ in range(3):
        desk.misses()
        await trio.sleep(100)
    await trio.sleep(REPEATS_S - 300 - 1)

    assert [] == desk.past.asked

    await trio.sleep(5)
    desk.misses()
    await trio.sleep(100)

    assert [NORTH.key, DIRECT, SUPPORT] == desk.past.asked
    assert desk.marks.missed_until is not None

    await trio.sleep(REPEATS_S)

    assert [NORTH.key, DIRECT, SUPPORT, NORTH.key, DIRECT] == desk.past.asked
    assert desk.marks.missed_until is None


async def test_only_conversations_with_gaps(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A gap costs one conversation, and the thread it is in; it is closed then, also where we are not any more."""
    await desk.open(nursery, away_s=10)
    root = desk.past.write(5 * HOUR_S, "root", channel=SUPPORT)
    reply = desk.past.write(1000, "reply", channel=SUPPORT, thread_ts=root)
    await desk.gaps.mark(Strand(NORTH.key, SUPPORT, root), reply)
    await desk.gaps.mark(Strand(NORTH.key, ChannelId("C0GONE0001"), None), reply)
    await trio.sleep(REPEATS_S + 10)

    assert ["reply"] == desk.words
    assert [NORTH.key, SUPPORT, root] == desk.past.asked
    assert (0, {}) == (desk.counts.gaps, desk.reserve.marks)


async def test_marks_from_before_are_read_at_once(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """After a start nobody repeats what was marked; it does not wait."""
    first = desk.past.write(1000, "marked")
    await desk.gaps.mark(Strand(NORTH.key, DIRECT, None), first)
    await desk.open(nursery, away_s=10)
    await trio.sleep(10)

    assert ["marked"] == desk.words
    assert 0 == desk.counts.gaps


async def test_what_is_given_back_is_read_again(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """A message that was let go on its way leaves its conversation unread from there on, until it has arrived."""
    desk.past.write(1000, "poison")
    desk.past.write(900, "sound")
    desk.lets_go = {"poison"}
    await desk.open(nursery)
    await trio.sleep(10)
    (entry,) = [entry for entry in desk.journal.entries if isinstance(entry, Read) and entry.channel == DIRECT]

    assert ["sound"] == desk.words
    assert (START - 1000, 1) == (entry.through, desk.counts.gaps)

    desk.lets_go = set()
    await trio.sleep(REPEATS_S)

    assert ["sound", "poison"] == desk.words
    assert 0 == desk.counts.gaps


# What goes wrong.


async def test_a_conversation_that_may_not_be_read(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """What Slack refuses is said, counted and given up; the others are read, and a thread costs only itself."""
    desk.past.problems[DIRECT] = [SlackApiError("conversations.history", "missing_scope", needed="im:history")]
    root = desk.past.write(1000, "root", channel=SUPPORT, latest_reply=f"{START - 100:.6f}")
    desk.past.problems[root] = [SlackApiError("conversations.replies", "not_in_channel")]
    desk.past.write(900, "second", channel=SUPPORT)
    await desk.open(nursery)
    await trio.sleep(10)

    assert ["root", "second"] == desk.words
    assert (1, 1) == (desk.counts.unreadable, desk.counts.read)
    assert desk.marks.missed_until is None
    assert 2 == len([entry for entry in log.entries if entry["event"] == "backfill.refused"])


@pytest.mark.parametrize(
    "problem", [SlackApiError("conversations.history", "invalid_auth"), RemoteProtocolError("no messages")], ids=str
)
async def test_what_may_change_is_waited_for(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, problem: SlackkefuError
) -> None:
    """Where an operator has to act, or an answer is none, the same is asked again; nothing is given up meanwhile."""
    desk.past.write(1000, "patience")
    desk.past.problems[DIRECT] = [problem, problem]
    await desk.open(nursery)
    await trio.sleep(2 * BLOCKED_S - 1)

    assert [] == desk.words
    assert desk.marks.missed_until is not None

    await trio.sleep(2)

    assert ["patience"] == desk.words


async def test_installations_do_not_hold_up_each_other(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """One that is blocked for very long is given up at last; until then the other's gaps are read, but for the mark."""
    south = installation("south")
    desk.installations.put(south)
    desk.past.problems[south.key] = [SlackApiError("users.conversations", "invalid_auth")] * 10_000
    desk.past.write(1000, "from the north")
    await desk.open(nursery)
    await trio.sleep(10)

    assert ["from the north"] == desk.words
    assert desk.marks.missed_until is not None

    desk.past.write(-20, "once more")
    await trio.sleep(20)
    desk.misses()
    await trio.sleep(REPEATS_S + 10)

    assert ["from the north", "once more"] == desk.words
    assert START - HOUR_S - 600 == desk.marks.mark

    await trio.sleep(2 * LOOK_BACK_S)

    assert desk.marks.missed_until is None


async def test_an_app_that_is_removed_meanwhile(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Reading ends with the installation."""
    desk.past.takes_s[DIRECT] = 10.0
    desk.past.problems[DIRECT] = [SlackApiError("conversations.history", "invalid_auth")]
    await desk.open(nursery)
    await trio.sleep(5)
    desk.installations.remove(NORTH.key)
    await trio.sleep(BLOCKED_S + 10)

    assert [NORTH.key, DIRECT] == desk.past.asked
    assert desk.marks.missed_until is None


async def test_a_dead_token(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """Nothing more is asked with it, and what was missed there is said to be lost, once."""
    desk.past.problems[DIRECT] = [SlackApiError("conversations.history", "token_revoked")]
    await desk.gaps.mark(Strand(NORTH.key, SUPPORT, None), desk.past.write(1000, "marked", channel=SUPPORT))
    await desk.open(nursery)
    await trio.sleep(60)

    assert [NORTH.key, DIRECT] == desk.past.asked
    assert desk.marks.missed_until is None
    assert 0 == desk.counts.gaps
    assert ["backfill.given_up"] == [entry["event"] for entry in log.entries if entry["log_level"] == "error"]


async def test_a_message_that_makes_us_fail(
    desk: Desk,
    nursery: trio.Nursery,
    autojump_clock: trio.testing.MockClock,
    log: LogCapture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A fault of ours costs one message, which is logged without its words; the others are brought over."""
    desk.past.write(1000, "poison")
    desk.past.write(900, "sound")
    route = desk.intake.decide

    def decide(envelope: Envelope) -> Route:
        if "poison" in str(getattr(envelope.payload, "raw", "")):
            raise ZeroDivisionError
        return route(envelope)

    monkeypatch.setattr(desk.intake, "decide", decide)
    await desk.open(nursery)
    await trio.sleep(10)

    assert ["sound"] == desk.words
    assert ["backfill.fault"] == [entry["event"] for entry in log.entries if entry["log_level"] == "error"]
    assert desk.marks.missed_until is None


async def test_a_disk_that_does_not_take_the_progress(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """Reading goes on; only after a restart it is read once more."""
    desk.journal.is_full = True
    await desk.open(nursery)
    await trio.sleep(10)

    assert desk.marks.missed_until is None
    assert 1 == len([entry for entry in log.entries if entry["event"] == "store.unwritable"])


async def test_what_comes_while_it_is_read(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A message that Slack brings and that is found as well is one message, whichever way is first."""
    await desk.open(nursery, away_s=10)
    for number in (1, 2):
        desk.past.write(-number / 1e6, f"message {number}")
    desk.takes_s = 1.0
    connection = Parcels()
    await desk.intake.take(connection.bring(envelope("message 1", number=1)))
    desk.misses()
    await trio.sleep(REPEATS_S + 0.5)
    await desk.intake.take(connection.bring(envelope("message 2", number=2)))
    await trio.sleep(10)

    assert ["message 1", "message 2"] == desk.words
    assert ["e1.0", "e2.0"] == connection.names
    assert (2, 1, 1) == (desk.counts.found, desk.counts.forwarded, desk.counts.known)


# Several installations.

SOUTH = installation("south")


async def test_a_shared_channel_is_read_once(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """By whichever comes to it first; the other goes on with what is its own."""
    desk.installations.put(SOUTH)
    for key in (NORTH.key, SOUTH.key):
        desk.presence.found(key, SUPPORT, ALWAYS)
    desk.past.kinds = {SUPPORT: "channel"}
    desk.past.takes_s[SUPPORT] = 100.0
    desk.past.write(1000, "shared", channel=SUPPORT)
    await desk.open(nursery)
    await trio.sleep(500)

    assert ["shared"] == desk.words
    assert 1 == desk.past.asked.count(SUPPORT)
    assert desk.marks.missed_until is None


async def test_what_one_may_not_read(desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Another that shares it reads it."""
    desk.installations.put(SOUTH)
    for key in (NORTH.key, SOUTH.key):
        desk.presence.found(key, SUPPORT, ALWAYS)
    desk.past.kinds = {SUPPORT: "channel"}
    desk.past.problems[SUPPORT] = [SlackApiError("conversations.history", "missing_scope")]
    desk.past.write(1000, "shared", channel=SUPPORT)
    await desk.open(nursery)
    await trio.sleep(500)

    assert ["shared"] == desk.words
    assert (1, 1) == (desk.counts.read, desk.counts.unreadable)


# Where the app is.


async def test_where_it_is_is_asked_once(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Of an installation of which nothing is known, though nothing is missing; nothing is read for that."""
    desk.presence.gone(NORTH.key)
    await desk.open(nursery, away_s=10)
    await trio.sleep(10)

    assert [NORTH.key] == desk.past.asked
    assert ALWAYS == desk.presence.stay(NORTH.key, SUPPORT)
    assert desk.presence.stay(NORTH.key, DIRECT) is None

    desk.backfill.installed(NORTH.key)
    desk.installations.put(SOUTH)
    desk.backfill.installed(SOUTH.key)
    await trio.sleep(10)

    assert [NORTH.key, SOUTH.key] == desk.past.asked


async def test_before_it_was_there(desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Neither what was written before the app came into a channel, nor before it was installed at all."""
    desk.installations.put(replace(NORTH, served_since=START - 2000))
    desk.presence.gone(NORTH.key)
    desk.presence.came(NORTH.key, SUPPORT, START - 1000)
    desk.past.write(3000, "before the installation")
    desk.past.write(1900, "directly")
    desk.past.write(1900, "before it came", channel=SUPPORT)
    desk.past.write(900, "after it came", channel=SUPPORT)
    await desk.open(nursery)
    await trio.sleep(60)

    assert ["directly", "after it came"] == desk.words


async def test_what_had_come_under_the_old_id(
    desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A channel that has a new id shows all that was written under the old one; what has come is recognised."""
    new = ChannelId("C0MOVED001")
    ts = desk.past.write(1000, "has come", channel=SUPPORT)
    await desk.open(nursery)
    await trio.sleep(60)
    desk.past.kinds = {new: "channel"}
    desk.past.messages[new] = desk.past.messages.pop(SUPPORT)
    desk.presence.renumbered(NORTH.key, SUPPORT, new, START)
    desk.past.write(-30, "more", channel=new)
    desk.marks.missed(START - 1200, START + 60)
    desk.backfill.missed()
    await trio.sleep(REPEATS_S + 60)

    assert ["has come", "more"] == desk.words
    assert ts == Ts(str(desk.past.messages[new][0]["ts"]))
