"""What an organisation grants and takes away, told or asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast, final

import pytest
import trio
import trio.testing

from slackkefu.bridge.book import Book
from slackkefu.bridge.workspaces.grants import Grants, teams_of
from slackkefu.errors import ConnectFailed, SlackkefuError
from slackkefu.slack.envelope import OtherEvent
from slackkefu.slack.ids import EnterpriseId, TeamId
from slackkefu.slack.installation import InstallationKey, Installations
from slackkefu.store.visitors import VisitorRecord
from slackkefu.world import InlineDisk
from tests.bridge.people import NORTH, Shelf

if TYPE_CHECKING:
    from structlog.testing import LogCapture

    from slackkefu.slack.installation import Installation
    from slackkefu.slack.reading import Reading

GRID = replace(NORTH, key=InstallationKey(EnterpriseId("E0GRID0001"), None))
ONE, TWO = TeamId("T0GRIDWS01"), TeamId("T0GRIDWS02")


def record(team: str, channel: str, *, is_direct: bool = True) -> VisitorRecord:
    """Make the record of somebody whom the organisation's installation answers."""
    return VisitorRecord(
        im_user=f"{team}_u1_{channel}".lower(),
        team=team,
        user="U1",
        channel=channel,
        channel_type="im" if is_direct else "channel",
        enterprise_id="E0GRID0001",
    )


@final
class Office:
    """Grants of one organisation, and what Slack says when it is asked."""

    def __init__(self, *records: VisitorRecord) -> None:
        self.granted: frozenset[TeamId] | SlackkefuError = frozenset({ONE})
        self.changed: list[InstallationKey] = []
        self.asked: list[InstallationKey] = []
        self.installations = Installations([NORTH, GRID])
        self.grants = Grants(
            installations=self.installations,
            book=Book(records, store=Shelf(), disk=InlineDisk()),
            reading=cast("Reading", self),
            on_change=self.changed.append,
        )

    async def workspaces(self, installation: Installation) -> frozenset[TeamId]:
        """Return what is granted."""
        await trio.lowlevel.checkpoint()
        self.asked.append(installation.key)
        if isinstance(self.granted, SlackkefuError):
            raise self.granted
        return self.granted

    def is_withdrawn(self, team: TeamId) -> bool:
        """Tell whether a workspace is taken away."""
        return self.installations.is_withdrawn(GRID.key, team)


@pytest.mark.parametrize("raw", [{}, {"team_ids": None}, {"team_ids": "T1"}, {"team_ids": [1, None]}])
def test_an_event_that_names_nothing(raw: dict[str, object]) -> None:
    """Whatever comes in the place of workspaces is none."""
    assert frozenset() == teams_of(raw)


def test_it_is_told() -> None:
    """What is taken away is not served until it is granted again."""
    office = Office()
    office.grants.told(GRID, OtherEvent("team_access_revoked", {"team_ids": [TWO]}))

    assert (False, True) == (office.is_withdrawn(ONE), office.is_withdrawn(TWO))

    office.grants.told(GRID, OtherEvent("team_access_granted", {"team_ids": [TWO]}))

    assert not office.is_withdrawn(TWO)
    assert [GRID.key, GRID.key] == office.changed


async def test_it_is_asked(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """What was told to nobody is asked for: of the organisation's own people, not of guests in its channels."""
    office = Office(record(TWO, "D1"), record("T0OTHER001", "C1", is_direct=False), record(ONE, "D2"))
    office.grants.begin()
    await nursery.start(office.grants.run)
    await trio.sleep(1)

    assert [GRID.key] == office.asked
    assert [False, True, False] == [office.is_withdrawn(team) for team in (ONE, TWO, TeamId("T0OTHER001"))]

    office.granted = frozenset({ONE, TWO})
    office.grants.installed(GRID.key)
    await trio.sleep(1)

    assert not office.is_withdrawn(TWO)


async def test_slack_does_not_say(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """Then everybody is served; what Slack refuses is seen when it does. One that has gone is not asked."""
    office = Office(record(TWO, "D1"))
    office.granted = ConnectFailed("slack.com", "no route")
    office.grants.begin()
    await nursery.start(office.grants.run)
    await trio.sleep(1)

    assert not office.is_withdrawn(TWO)
    assert ["slack.grants_unknown"] == [entry["event"] for entry in log.entries]

    office.grants.installed(GRID.key)
    office.installations.remove(GRID.key)
    await trio.sleep(1)

    assert [GRID.key] == office.asked


def test_whose_workspaces_they_are() -> None:
    """An event that does not say it is about the organisation that has them, or the only one."""
    installations = Installations([NORTH])

    assert installations.granted_to(frozenset({TWO})) is None

    installations.put(GRID)

    assert GRID is installations.granted_to(frozenset({TWO}))

    other = replace(GRID, key=InstallationKey(EnterpriseId("E0OTHER001"), None))
    installations.put(other)

    assert installations.granted_to(frozenset({TWO})) is None

    installations.grant(other.key, [TWO])

    assert other is installations.granted_to(frozenset({TWO}))

    installations.withdraw(NORTH.key, [TWO])

    assert not installations.is_withdrawn(NORTH.key, TWO)
