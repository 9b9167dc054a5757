"""Who goes on with a conversation when the installation that held it has gone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast, final

import trio
import trio.testing

from slackkefu.bridge.absence.presence import Presence
from slackkefu.bridge.book import Book, installation_key
from slackkefu.bridge.workspaces.heirs import Heirs
from slackkefu.easemob.names import ImUser
from slackkefu.errors import SlackApiError, SlackkefuError
from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId
from slackkefu.slack.installation import InstallationKey, Installations
from slackkefu.store.visitors import VisitorRecord
from slackkefu.world import InlineDisk
from tests.bridge.people import NORTH, Shelf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from structlog.testing import LogCapture

    from slackkefu.slack.web import WebClient

SUPPORT = ChannelId("C0SUPPORT1")
OWN = replace(NORTH, key=InstallationKey(EnterpriseId("E0GRID0001"), TeamId("T0NORTH001")))
GRID = replace(NORTH, key=InstallationKey(EnterpriseId("E0GRID0001"), None), bot_user_id=NORTH.bot_user_id)
SOUTH = replace(NORTH, key=InstallationKey(None, TeamId("T0SOUTH001")))


def record(channel: str, key: InstallationKey, *, is_direct: bool = False) -> VisitorRecord:
    """Make the record of somebody of North."""
    return VisitorRecord(
        im_user=f"t0north001_u1_{channel}".lower(),
        team="T0NORTH001",
        user="U1",
        channel=channel,
        channel_type="im" if is_direct else "channel",
        enterprise_id=key.enterprise_id,
        installation_team_id=key.team_id,
        thread_ts="1.5",
    )


@final
class House:
    """Heirs of some installations, and a Slack that opens direct messages."""

    def __init__(self, *records: VisitorRecord) -> None:
        self.opened: list[object] = []
        self.answer: Mapping[str, object] | SlackkefuError = {"channel": {"id": "D0GRID0001"}}
        self.changed: list[str] = []
        self.installations = Installations([OWN, GRID, SOUTH])
        self.presence = Presence()
        self.book = Book(records, store=Shelf(), disk=InlineDisk())
        self.heirs = Heirs(
            installations=self.installations,
            presence=self.presence,
            book=self.book,
            web=cast("WebClient", self),
            on_change=self.changed.append,
        )

    async def call(self, method: str, arguments: Mapping[str, object], *, token: object) -> Mapping[str, object]:
        """Open a direct message."""
        assert token is GRID.bot_token
        await trio.lowlevel.checkpoint()
        self.opened.append((method, arguments["users"]))
        if isinstance(self.answer, SlackkefuError):
            raise self.answer
        return self.answer

    def holder(self, channel: str) -> tuple[InstallationKey | None, str]:
        """Return who answers, and where, the visitor named by *channel*."""
        known = self.book.get(ImUser(f"t0north001_u1_{channel}".lower()))
        assert known is not None
        return installation_key(known), known.channel


def test_another_in_the_channel() -> None:
    """It holds the conversation from then on; where nobody else is, it stays."""
    house = House(record(SUPPORT, SOUTH.key), record("C0OTHER001", SOUTH.key), record("C0THIRD001", GRID.key))
    for key in (SOUTH.key, GRID.key):
        house.presence.came(key, SUPPORT, 1.0)
    house.heirs.changed(SOUTH.key)

    assert [] == house.changed

    house.installations.remove(SOUTH.key)
    house.heirs.changed(SOUTH.key)

    assert (GRID.key, SUPPORT) == house.holder(SUPPORT)
    assert (SOUTH.key, "C0OTHER001") == house.holder("C0OTHER001")
    assert ["t0north001_u1_c0support1"] == house.changed


def test_one_that_was_removed_from_a_channel() -> None:
    """Only what it held there is handed over."""
    house = House(record(SUPPORT, SOUTH.key), record("C0OTHER001", SOUTH.key))
    house.presence.came(GRID.key, SUPPORT, 1.0)
    house.presence.came(GRID.key, ChannelId("C0OTHER001"), 1.0)
    house.heirs.left(SOUTH.key, SUPPORT)

    assert (GRID.key, SOUTH.key) == (house.holder(SUPPORT)[0], house.holder("C0OTHER001")[0])


def test_what_was_removed_while_we_were_away() -> None:
    """A start hands over what is held by nobody any more."""
    house = House(record(SUPPORT, InstallationKey(None, TeamId("T0GONE0001"))), record("C0OTHER001", SOUTH.key))
    house.presence.came(GRID.key, SUPPORT, 1.0)
    house.heirs.begin()

    assert (GRID.key, SOUTH.key) == (house.holder(SUPPORT)[0], house.holder("C0OTHER001")[0])


async def test_a_direct_message(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """The organisation's bot opens its own; threads of the old one are not there."""
    house = House(record("D0MIA00001", OWN.key, is_direct=True))
    await nursery.start(house.heirs.run)
    house.installations.remove(OWN.key)
    house.heirs.changed(OWN.key)
    await trio.sleep(1)

    assert [("conversations.open", "U1")] == house.opened
    assert (GRID.key, "D0GRID0001") == house.holder("D0MIA00001")

    known = house.book.get(ImUser("t0north001_u1_d0mia00001"))

    assert known is not None
    assert known.thread_ts is None


async def test_a_direct_message_that_cannot_be_opened(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """It is said, and stays as it was; nobody is asked where there is no heir, or somebody else was faster."""
    house = House(record("D0MIA00001", OWN.key, is_direct=True), record("D0BEN00001", SOUTH.key, is_direct=True))
    house.answer = SlackApiError("conversations.open", "user_disabled")
    await nursery.start(house.heirs.run)
    for key in (OWN.key, SOUTH.key):
        house.installations.remove(key)
        house.heirs.changed(key)
    await trio.sleep(1)

    assert 1 == len(house.opened)
    assert (OWN.key, "D0MIA00001") == house.holder("D0MIA00001")
    assert ["heirs.not_opened"] == [entry["event"] for entry in log.entries]

    house.heirs.changed(OWN.key)
    house.installations.remove(GRID.key)
    await trio.sleep(1)

    assert 1 == len(house.opened)
