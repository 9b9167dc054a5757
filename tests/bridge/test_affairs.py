"""What Slack tells the bridge itself: the app left, a channel has a new id, a profile changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from slackkefu.bridge.affairs import Affairs
from slackkefu.bridge.book import Book, wrote
from slackkefu.bridge.slack_to_kefu.routing import Special
from slackkefu.bridge.table import EVENTS, Rule
from slackkefu.easemob.names import ImUser
from slackkefu.slack.directory import Directory
from slackkefu.slack.envelope import OtherEvent
from slackkefu.slack.ids import EnterpriseId, UserId
from slackkefu.slack.installation import Installation, InstallationKey, Installations
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA_CHANNEL, NORTH, Shelf, forward, installation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from structlog.testing import LogCapture

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
        self.installations = Installations([NORTH, SOUTH])
        self.book = Book(records, store=self.shelf, disk=disk)
        # Nothing is asked while the directory does not run.
        self.directory = Directory(web=cast("WebClient", None))
        self.joined: list[str] = []
        self._affairs = Affairs(
            installations=self.installations,
            store=self.shelf,
            book=self.book,
            directory=self.directory,
            disk=disk,
            on_joined=lambda _, channel: self.joined.append(channel),
        )

    async def hears(self, kind: str, *, about: Installation = NORTH, **fields: Any) -> None:
        """Handle one event."""
        event = OtherEvent(kind, {"type": kind, **fields})
        await self._affairs.handle(about.key, Special(EVENTS[kind], about, event))


def record(user: str, channel: str, *, about: Installation = NORTH) -> VisitorRecord:
    """Make a record of somebody in a channel."""
    known = wrote(None, forward(channel="C0SUPPORT1", channel_type="channel"), now=0.0)
    team = about.key.team_id
    return msgspec.structs.replace(known, im_user=user, channel=channel, installation_team_id=team)


async def test_an_uninstalled_app_is_forgotten() -> None:
    """The installation goes from memory and disk, and only that one; twice is harmless."""
    office = Office()
    await office.hears("app_uninstalled")
    await office.hears("app_uninstalled")

    assert [SOUTH] == list(office.installations)
    assert (None, "T0NORTH001") == office.shelf.deleted


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

    assert goes is (NORTH not in list(office.installations))
    assert goes is hasattr(office.shelf, "deleted")


async def test_an_organisation_is_removed_by_its_own_name() -> None:
    """An organisation-wide installation is forgotten under the organisation's key."""
    office = Office()
    wide = Installation(
        InstallationKey(EnterpriseId("E0GRID0001"), None), "Grid", NORTH.bot_token, "B1", UserId("U1"), "", frozenset()
    )
    office.installations.put(wide)
    await office.hears("app_uninstalled", about=wide)

    assert [NORTH, SOUTH] == list(office.installations)
    assert ("E0GRID0001", None) == office.shelf.deleted


async def test_a_full_disk_is_said(tmp_path: Path, log: LogCapture) -> None:
    """A store that cannot be written is an error line, and no end: memory has forgotten the installation."""
    office = Office()
    office.shelf.fill(tmp_path)
    await office.hears("app_uninstalled")

    assert [SOUTH] == list(office.installations)
    assert ["store.unwritable"] == [entry["event"] for entry in log.entries if entry["log_level"] == "error"]


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
        (["C0SUPPORT1"], {"user": "U0NORTHBOT", "channel": "C0SUPPORT1"}),
        ([], {"user": "U0MIA00001", "channel": "C0SUPPORT1"}),
        ([], {"user": "U0SOUTHBOT", "channel": "C0SUPPORT1"}),
        ([], {"user": "U0NORTHBOT"}),
        ([], {"user": None, "channel": 5}),
    ],
)
async def test_the_app_comes_into_a_channel(expected: list[str], fields: dict[str, Any]) -> None:
    """Only the app's own coming counts, and only where Slack says into which channel."""
    office = Office()
    await office.hears("member_joined_channel", **fields)

    assert expected == office.joined
