"""What Slack tells the bridge itself: the app left, a channel has a new id, a profile changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from slackkefu.bridge.book import Book, wrote
from slackkefu.bridge.slack_to_kefu.routing import Special
from slackkefu.bridge.table import EVENTS, Rule
from slackkefu.bridge.workspaces.affairs import Affairs
from slackkefu.bridge.workspaces.grants import Grants
from slackkefu.bridge.workspaces.reach import Reach, Why
from slackkefu.easemob.names import ImUser
from slackkefu.slack.directory import Directory
from slackkefu.slack.envelope import OtherEvent
from slackkefu.slack.ids import UserId
from slackkefu.slack.installation import Installations
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA_CHANNEL, NORTH, Shelf, forward, installation

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.testing import LogCapture

    from slackkefu.slack.installation import Installation, InstallationKey
    from slackkefu.slack.reading import Reading
    from slackkefu.slack.web import WebClient
    from slackkefu.store.visitors import VisitorRecord
    from slackkefu.world import Disk

T = TypeVar("T")
SOUTH = installation("south")


class Office:
    """Affairs with two installations, a book and a store."""

    def __init__(self, *records: VisitorRecord, disk: Disk | None = None) -> None:
        disk = disk or InlineDisk()
        self.shelf = Shelf()
        self.removed: list[tuple[InstallationKey, str, float | None]] = []
        self.book = Book(records, store=self.shelf, disk=disk)
        # Nothing is asked while the directory does not run.
        self.directory = Directory(web=cast("WebClient", None))
        self.joined: list[str] = []
        self.reached: list[tuple[str, Why | None]] = []
        self.is_in: bool | None = False
        """What Slack says when it is asked whether the app is in a channel."""
        installations = Installations([NORTH, SOUTH])
        self._affairs = Affairs(
            installing=self,
            book=self.book,
            directory=self.directory,
            grants=Grants(installations=installations, book=self.book, reading=cast("Reading", None)),
            reach=Reach(installations=installations, book=self.book, on_change=self._reached),
            is_in=self._is_in,
            of_bot=installations.of_bot,
            on_joined=lambda installation, channel: self.joined.append(f"{installation.team_name} {channel}"),
        )

    def _reached(self, user: ImUser, why: Why | None) -> None:
        self.reached.append((user, why))

    async def _is_in(self, _: Installation, _channel: str) -> bool | None:
        await trio.lowlevel.checkpoint()
        return self.is_in

    async def remove(self, key: InstallationKey, *, cause: str, happened_at: float | None) -> bool:
        """Remove an installation."""
        await trio.lowlevel.checkpoint()
        self.removed.append((key, cause, happened_at))
        return True

    async def hears(self, kind: str, *, about: Installation = NORTH, **fields: Any) -> None:
        """Handle one event."""
        event = OtherEvent(kind, {"type": kind, **fields})
        await self._affairs.handle(about.key, Special(EVENTS[kind], about, event, 1_760_000_000.0))


def record(user: str, channel: str, *, about: Installation = NORTH) -> VisitorRecord:
    """Make a record of somebody in a channel."""
    known = wrote(None, forward(channel="C0SUPPORT1", channel_type="channel"), now=0.0)
    team = about.key.team_id
    return msgspec.structs.replace(known, im_user=user, channel=channel, installation_team_id=team)


async def test_an_uninstalled_app_is_forgotten() -> None:
    """The installation is removed, with the time at which Slack says that it went."""
    office = Office()
    await office.hears("app_uninstalled")

    assert [(NORTH.key, "app_uninstalled", 1_760_000_000.0)] == office.removed


@pytest.mark.parametrize(
    ("goes", "tokens"),
    [
        (True, {"bot": ["U0NORTHBOT"]}),
        (True, {"oauth": ["U0MIA00001"], "bot": ["U0OTHERBOT", "U0NORTHBOT"]}),
        (False, {"oauth": ["U0NORTHBOT"]}),
        (False, {"bot": ["U0OTHERBOT"]}),
        (False, {"bot": None}),
        (False, {"bot": "U0NORTHBOT"}),
        (False, {}),
        (False, None),
    ],
)
async def test_revoked_tokens(goes: bool, tokens: object) -> None:
    """``tokens_revoked`` means the bot only where it names the bot user; what cannot be read means nobody."""
    office = Office()
    await office.hears("tokens_revoked", tokens=tokens)

    assert ([(NORTH.key, "tokens_revoked", 1_760_000_000.0)] if goes else []) == office.removed


async def test_a_channel_is_followed() -> None:
    """Everybody who wrote in the channel through that installation is found under its new id; others stay."""
    here, too = record("t1_u1_c1", "C0OLD00001"), record("t1_u2_c1", "C0OLD00001")
    elsewhere, theirs = record("t1_u1_c2", "C0OTHER001"), record("t2_u3_c1", "C0OLD00001", about=SOUTH)
    office = Office(here, too, elsewhere, theirs)
    await office.hears("channel_id_changed", old_channel_id="C0OLD00001", new_channel_id="C0NEW00001")

    expected = [msgspec.structs.replace(each, channel="C0NEW00001") for each in (here, too)]
    assert [*expected, elsewhere, theirs] == list(office.book)
    assert expected == office.shelf.saved


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"old_channel_id": "C0OLD00001"},
        {"old_channel_id": "C0OLD00001", "new_channel_id": ""},
        {"new_channel_id": 3},
    ],
)
async def test_half_an_event_changes_nothing(fields: dict[str, Any]) -> None:
    """A renumbering that does not name both channels is passed over."""
    known = record("t1_u1_c1", "C0OLD00001")
    office = Office(known)
    await office.hears("channel_id_changed", **fields)

    assert [known] == list(office.book)


class SlowDisk:
    """A disk that takes a second a file."""

    async def run(self, work: Callable[[], T]) -> T:
        """Do it, later."""
        await trio.sleep(1)
        return work()


async def test_what_happens_meanwhile_is_kept(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """While the records of a channel are being written, what its visitors write is not undone."""
    people = [record(f"t1_u{number}_c1", "C0OLD00001") for number in range(3)]
    office = Office(*people, disk=SlowDisk())

    async def renumber() -> None:
        await office.hears("channel_id_changed", old_channel_id="C0OLD00001", new_channel_id="C0NEW00001")

    nursery.start_soon(renumber)
    await wait_all_tasks_blocked()
    last = office.book.get(ImUser("t1_u2_c1"))
    assert last is not None
    office.book.remember(msgspec.structs.replace(last, thread_ts="1760000099.000001"))
    await trio.sleep(10)
    last = office.book.get(ImUser("t1_u2_c1"))

    assert last is not None
    assert ("C0NEW00001", "1760000099.000001") == (last.channel, last.thread_ts)
    assert last == office.shelf.last["t1_u2_c1"]


async def test_a_changed_profile_is_known() -> None:
    """A name that changed in Slack is the one that is used from then on."""
    office = Office()
    await office.hears("user_change", user={"id": "U0MIA00001", "profile": {"display_name": "Mia the Great"}})
    profile = await office.directory.user(NORTH, UserId("U0MIA00001"))

    assert profile is not None
    assert "Mia the Great" == profile.name


async def test_an_affair_of_no_known_kind_is_said(log: LogCapture) -> None:
    """A rule that nobody acts on is a line in the log, never an error that stops the lane."""
    office = Office()
    affairs = office._affairs
    await affairs.handle(NORTH.key, Special(Rule.RECALL, NORTH, OtherEvent("novel", {})))

    assert ["affairs.unknown"] == [entry["event"] for entry in log.entries]


def test_mia_is_in_the_channel() -> None:
    """The record of these tests is that of a visitor in a channel."""
    assert MIA_CHANNEL == forward(channel="C0SUPPORT1", channel_type="channel").user


@pytest.mark.parametrize(
    ("expected", "fields"),
    [
        (["North C0SUPPORT1"], {"user": "U0NORTHBOT", "channel": "C0SUPPORT1"}),
        (["South C0SUPPORT1"], {"user": "U0SOUTHBOT", "channel": "C0SUPPORT1"}),
        ([], {"user": "U0MIA00001", "channel": "C0SUPPORT1"}),
        ([], {"user": "U0NORTHBOT"}),
        ([], {"user": None, "channel": 5}),
    ],
)
async def test_the_app_comes_into_a_channel(expected: list[str], fields: dict[str, Any]) -> None:
    """Only the app's own coming counts, whichever installation it is told to, and where Slack says the channel."""
    office = Office()
    await office.hears("member_joined_channel", **fields)

    assert expected == office.joined


@pytest.mark.parametrize(
    ("expected", "is_in", "fields"),
    [
        (["t1_u1_c1"], False, {"user": "U0NORTHBOT", "channel": "C0SUPPORT1"}),
        (["t1_u1_c1"], None, {"user": "U0NORTHBOT", "channel": "C0SUPPORT1"}),
        (["t2_u3_c1"], False, {"user": "U0SOUTHBOT", "channel": "C0SUPPORT1"}),
        ([], True, {"user": "U0NORTHBOT", "channel": "C0SUPPORT1"}),
        ([], False, {"user": "U0MIA00001", "channel": "C0SUPPORT1"}),
        ([], False, {"user": "U0NORTHBOT"}),
        ([], False, {"user": None, "channel": 5}),
    ],
)
async def test_the_app_leaves_a_channel(expected: list[str], is_in: bool | None, fields: dict[str, Any]) -> None:
    """Only the app's own leaving counts, and not when Slack says that it is back: the event may be a day late."""
    office = Office(record("t1_u1_c1", "C0SUPPORT1"), record("t2_u3_c1", "C0SUPPORT1", about=SOUTH))
    office.is_in = is_in
    await office.hears("member_left_channel", **fields)

    assert [(user, Why.LEFT_CHANNEL) for user in expected] == office.reached
    assert expected == [each.im_user for each in office.shelf.saved if each.left]


async def test_the_app_comes_back_into_a_channel() -> None:
    """Its visitors there are reached again, after a restart too; nobody else is touched."""
    here, elsewhere = record("t1_u1_c1", "C0SUPPORT1"), record("t1_u1_c2", "C0OTHER001")
    theirs = record("t2_u3_c1", "C0SUPPORT1", about=SOUTH)
    office = Office(here, elsewhere, theirs)
    for kind in ("member_left_channel", "member_left_channel", "member_joined_channel", "member_joined_channel"):
        await office.hears(kind, user="U0NORTHBOT", channel="C0SUPPORT1")

    assert [("t1_u1_c1", Why.LEFT_CHANNEL), ("t1_u1_c1", None)] == office.reached
    assert [here, elsewhere, theirs] == list(office.book)
    assert [True, False] == [each.left for each in office.shelf.saved]
