"""How far everything has been seen is on disk each minute, at a stop, and whenever something was missed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast, final

import pytest
import trio
import trio.testing

from slackkefu.bridge.absence.gaps import Gaps, Strand
from slackkefu.bridge.absence.marks import BEHIND_S, Marks
from slackkefu.bridge.absence.presence import ALWAYS, Presence
from slackkefu.bridge.absence.watch import Watch
from slackkefu.bridge.slack_to_kefu.receipts import Parcel
from slackkefu.errors import StoreUnwritable
from slackkefu.slack.absence import Gap, GapReason
from slackkefu.slack.envelope import parse_envelope
from slackkefu.slack.ids import ChannelId, TeamId, Ts
from slackkefu.slack.installation import InstallationKey, Installations
from slackkefu.store.alive import Alive
from slackkefu.store.entries import Read
from slackkefu.store.presence import Stay
from slackkefu.store.reserve import Mark
from slackkefu.world import InlineDisk
from tests.bridge import people
from tests.bridge.people import Parcels, Reserve, envelope, forward, receipts
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from structlog.testing import LogCapture

    from slackkefu.bridge.absence.backfill import Backfill
    from slackkefu.slack.envelope import Envelope
    from slackkefu.store.presence import PresenceRecord

START = 1_760_000_000.0
NORTH = InstallationKey(None, TeamId("T0NORTH001"))
DIRECT = ChannelId("D0MIA00001")


@final
class Told:
    """A backfill that remembers what it was told when."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self.begun: list[bool] = []
        self.missed_at: list[float] = []
        self.installations: list[InstallationKey] = []

    def begin(self, *, is_missed: bool) -> None:
        """Begin."""
        self.begun.append(is_missed)

    def installed(self, key: InstallationKey) -> None:
        """Ask where an installation is."""
        self.installations.append(key)

    def missed(self) -> None:
        """Plan a reading, where there is something to read."""
        if self._marks.missed_until is not None:
            self.missed_at.append(trio.current_time())


@final
class Places:
    """Where it is kept which channels the app is in."""

    def __init__(self) -> None:
        self.is_full = False
        self.kept: dict[str, dict[str, Stay]] = {}

    def save(self, record: PresenceRecord) -> None:
        """Keep *record*, unless the disk is full."""
        if self.is_full:
            raise StoreUnwritable(Path("presence"), "the disk is full")
        self.kept[record.team_id or ""] = record.channels

    def delete(self, record: PresenceRecord) -> None:
        """Forget it."""
        del self.kept[record.team_id or ""]


@final
class Post:
    """A watch with everything it needs."""

    def __init__(self) -> None:
        self.saved: list[tuple[float, Alive]] = []
        self.is_full = False
        self.is_listening = True
        self.marks = Marks(max_age_s=24 * 3600.0)
        self.presence, self.places = Presence(), Places()
        self.installations = Installations([people.NORTH])
        self.left: list[tuple[InstallationKey, ChannelId]] = []
        self.gaps = Gaps(Reserve(), on_gap=lambda _: None)
        self.receipts = receipts(gaps=self.gaps)
        self.told = Told(self.marks)
        self.watch = Watch(
            marks=self.marks,
            presence=self.presence,
            installations=self.installations,
            gaps=self.gaps,
            receipts=self.receipts,
            backfill=cast("Backfill", self.told),
            file=self,
            places=self.places,
            disk=InlineDisk(),
            is_listening=lambda: self.is_listening,
            wall=virtual_wall(),
            on_left=lambda key, channel: self.left.append((key, channel)),
        )

    def save(self, alive: Alive) -> None:
        """Keep *alive*, unless the disk is full."""
        if self.is_full:
            raise StoreUnwritable(Path("alive.json"), "the disk is full")
        self.saved.append((trio.current_time(), alive))

    async def begin(self, nursery: trio.Nursery, before: Alive | None = None) -> None:
        """Begin to listen."""
        self.watch.restore(before, [], {})
        await self.watch.begin()
        await nursery.start(self.watch.run)


@pytest.fixture
async def post() -> Post:
    """Give a watch that has not begun."""
    return Post()


async def test_each_minute_it_is_written_down(
    post: Post, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """The last moment at which Slack was listened to is known to a minute, also where there is none."""
    await post.begin(nursery)
    await trio.sleep(150)
    post.is_listening = False
    await trio.sleep(120)

    assert [0.0, 60.0, 120.0, 120.0, 120.0] == [alive.at - START for _, alive in post.saved]
    assert [0.0, 60.0, 120.0, 180.0, 240.0] == [at for at, _ in post.saved]


async def test_it_begins_with_what_was_left(post: Post, autojump_clock: trio.testing.MockClock) -> None:
    """The mark, how far each conversation was read and what is marked in the reserve are taken over."""
    before = Alive(mark=START - 7200, at=START - 3600)
    read = Read(team_id="T0NORTH001", channel=DIRECT, through=START - 3000, at=START - 3000)
    mark = Mark(team_id="T0NORTH001", channel="C0SUPPORT1", since="1.5")
    post.watch.restore(before, [read], {3: mark})
    await post.watch.begin()

    assert [True] == post.told.begun
    assert START - 3000 - BEHIND_S == post.marks.since(NORTH, DIRECT, START)
    assert {NORTH} == post.gaps.installations()
    assert [Alive(mark=START - 7200, at=START, missed_until=START)] == [alive for _, alive in post.saved]


async def test_the_mark_waits_for_what_is_in_hand(
    post: Post, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """It passes neither a message that only memory knows nor a gap."""
    await post.begin(nursery)
    parcel = post.receipts.take(forward(number=5), Parcels().bring(envelope(number=5)))
    assert isinstance(parcel, Parcel)
    await trio.sleep(1800)

    assert START + 5e-6 == post.saved[-1][1].mark

    post.receipts.let_go(parcel)
    await trio.sleep(1800)

    assert START + 5e-6 == post.saved[-1][1].mark

    await post.gaps.close(post.gaps.of(NORTH))
    await trio.sleep(120)

    assert post.saved[-1][1].mark > START + 3000


async def test_what_was_missed_is_written_down_at_once(
    post: Post, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A crash in the next minute must not forget it, nor from when on."""
    await post.begin(nursery)
    await trio.sleep(3605)
    post.watch.missed(Gap(since=5.0, reason=GapReason.STRANGERS))
    await trio.sleep(1)

    assert (3605.0, Alive(mark=START + 5, at=START + 3605, missed_until=START + 3605)) == post.saved[-1]
    assert 3605.0 == post.told.missed_at[0]


async def test_what_comes_tells_the_time(
    post: Post, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A message at its first try says what Slack's clock shows; a repeat, or what is no message, says nothing."""
    await post.begin(nursery)
    await trio.sleep(50)
    post.watch.came(envelope(retry=1))
    post.watch.came(parse_envelope({"envelope_id": "e", "type": "events_api", "payload": {"event": {"type": "x"}}}))
    await trio.sleep(20)

    assert 0.0 == post.saved[-1][1].ahead_s

    post.watch.came(envelope())
    await trio.sleep(60)

    assert 70.0 == round(post.saved[-1][1].ahead_s, 3)


async def test_a_full_disk(
    post: Post, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """It is said, the watch goes on, the next minute tries again, and the end is said."""
    await post.begin(nursery)
    post.is_full = True
    await trio.sleep(90)
    post.is_full = False
    await trio.sleep(60)

    assert [0.0, 120.0] == [at for at, _ in post.saved]
    assert ["store.unwritable", "store.writable_again"] == [entry["event"] for entry in log.entries]


async def test_a_reading_that_is_due_is_planned(
    post: Post, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A machine that slept for an hour finds that out itself."""
    await post.begin(nursery)
    post.is_listening = False
    await trio.sleep(3630)
    post.is_listening = True
    await trio.sleep(90)

    assert [3660.0] == post.told.missed_at[:1]


async def test_a_strand_that_is_marked_holds_the_mark(
    post: Post, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """What is marked in the reserve may have to be recognised: the journal reaches back to it."""
    await post.begin(nursery)
    await post.gaps.mark(Strand(NORTH, DIRECT, None), Ts(f"{START + 60:.6f}"))
    await trio.sleep(3600)

    assert START + 60 == post.saved[-1][1].mark


def member(kind: str, user: str, *, at: str = "", **fields: object) -> Envelope:
    """Make the envelope of somebody's coming or going, told to North."""
    event = {"type": kind, "user": user, "channel": "C0SUPPORT1", "event_ts": at, **fields}
    authorization = {"team_id": "T0NORTH001", "is_bot": True}
    payload = {"type": "event_callback", "event": event, "authorizations": [authorization]}
    return parse_envelope({"envelope_id": "e", "type": "events_api", "payload": payload})


async def test_the_app_comes_and_goes(
    post: Post, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """It is on disk at once, with Slack's time, whichever bot it is; people's comings are nothing to us."""
    await post.begin(nursery)
    await trio.sleep(5)
    post.watch.came(member("member_joined_channel", "U0NORTHBOT", at="1760000003.5"))
    post.watch.came(member("member_joined_channel", "U0MIA00001", at="1760000004.5"))
    post.watch.came(member("member_joined_channel", "U0NORTHBOT", at="1760000004.5", channel=None))
    await trio.sleep(1)

    assert {"T0NORTH001": {"C0SUPPORT1": Stay((START + 3.5,))}} == post.places.kept
    assert [] == post.left

    # Slack may leave out the dot.
    post.watch.came(member("member_left_channel", "U0NORTHBOT", at="1760000005500000"))
    await trio.sleep(1)

    assert {"T0NORTH001": {"C0SUPPORT1": Stay((START + 3.5,), (START + 6.0,))}} == post.places.kept
    assert [(NORTH, "C0SUPPORT1")] == post.left

    # One that is late says nothing new.
    post.watch.came(member("member_joined_channel", "U0NORTHBOT", at="1760000007.5"))
    post.watch.came(member("member_left_channel", "U0NORTHBOT", at="1760000005.5"))

    assert 1 == len(post.left)


async def test_a_full_disk_for_where_the_app_is(
    post: Post, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """What the disk does not take is written with the next minute."""
    await post.begin(nursery)
    post.places.is_full = True
    post.watch.came(member("member_joined_channel", "U0NORTHBOT", at="1760000003.5"))
    await trio.sleep(30)
    post.places.is_full = False
    await trio.sleep(60)

    assert {"T0NORTH001": {"C0SUPPORT1": Stay((START + 3.5,))}} == post.places.kept


async def test_what_comes_tells_where_the_app_is(
    post: Post, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A message from a channel does, but no mention, and nothing while something is missing."""
    await post.begin(nursery, Alive(mark=START - 7200, at=START - 3600))
    channel = ChannelId("C0SUPPORT1")
    post.watch.came(envelope(channel=channel, channel_type="channel"))

    assert post.presence.stay(NORTH, channel) is None

    post.marks.complete(NORTH, START + 60, among=[NORTH])
    post.watch.came(envelope(channel=channel, channel_type="channel", type="app_mention"))
    post.watch.came(envelope())

    assert not post.presence.knows(NORTH)

    post.watch.came(envelope(channel=channel, channel_type="channel"))

    assert ALWAYS == post.presence.stay(NORTH, channel)


async def test_a_new_id(post: Post, autojump_clock: trio.testing.MockClock) -> None:
    """The channel is the same one under another id."""
    told = member("channel_id_changed", "", old_channel_id="G0SUPPORT1", new_channel_id="C0SUPPORT1")
    post.watch.came(told)
    post.watch.came(member("channel_id_changed", "", old_channel_id="", new_channel_id="C0OTHER001"))

    assert ["G0SUPPORT1"] == post.presence.formerly(NORTH, ChannelId("C0SUPPORT1"))
    assert post.presence.stay(NORTH, ChannelId("C0OTHER001")) is None


async def test_installations_come_and_go(
    post: Post, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Of a new one it is asked where it is; of one that has gone nothing is known, and nothing left on disk."""
    await post.begin(nursery)
    post.watch.changed(NORTH)

    assert [NORTH] == post.told.installations

    post.presence.came(NORTH, ChannelId("C0SUPPORT1"), 1.0)
    await post.watch.keep()
    post.installations.remove(NORTH)
    post.watch.changed(NORTH)
    await trio.sleep(1)

    assert {} == post.places.kept
    assert not post.presence.knows(NORTH)
