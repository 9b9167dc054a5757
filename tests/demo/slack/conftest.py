"""The Slack of facts/slack-samples: north, south, an organisation, and a partner company without the app."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from slackkefu.demo.slack import AppSettings, FakeSlack, Person, Workspace
from slackkefu.demo.slack.state import ChannelKind
from slackkefu.demo.slack.web_api.call import Call
from slackkefu.demo.slack.web_api.methods import answer
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from slackkefu.demo.slack.people import Enterprise
    from slackkefu.demo.slack.state import Channel


@dataclass
class Stage:
    """A Slack with everybody the samples speak of."""

    slack: FakeSlack
    north: Workspace = field(init=False)
    south: Workspace = field(init=False)
    partner: Workspace = field(init=False)
    grid: Enterprise = field(init=False)
    grid_team: Workspace = field(init=False)
    mia: Person = field(init=False)
    leo: Person = field(init=False)
    eva: Person = field(init=False)
    nina: Person = field(init=False)
    dm: Channel = field(init=False)
    support: Channel = field(init=False)
    private: Channel = field(init=False)
    joint: Channel = field(init=False)

    def __post_init__(self) -> None:
        slack = self.slack
        self.north = slack.add_workspace("T0NORTH001", name="North")
        self.south = slack.add_workspace("T0SOUTH001", name="South")
        self.partner = slack.add_workspace("T0PARTNER1", name="Partner")
        self.grid = slack.add_organisation("E0GRID0001", name="Grid")
        self.grid_team = self.grid.add_workspace("T0GRIDWS01", name="Gridspace")
        self.north.install(bot_user_id="U0NORTHBOT", bot_id="B0NORTHBOT", token="xoxb-north")
        self.south.install(bot_user_id="U0SOUTHBOT", bot_id="B0SOUTHBOT", token="xoxb-south")
        self.grid.install(bot_user_id="U0GRIDBOT1", bot_id="B0GRIDBOT1", token="xoxb-grid")
        self.mia = self.north.add_user("U0MIA00001", name="Mia", email="mia@example.com")
        self.leo = self.north.add_user("U0LEO00001", name="Leo")
        self.eva = self.partner.add_user("U0EVA00001", name="Eva Partner", display_name="eva", email="eva@example.com")
        self.nina = self.grid_team.add_user("W0NINA0001", name="Nina")
        self.dm = self.mia.dm("D0MIA00001")
        people = (self.mia, self.leo)
        self.support = self.north.add_channel("C0SUPPORT1", name="support", members=people)
        self.private = self.north.add_channel("C0PRIVATE9", name="vip", kind=ChannelKind.PRIVATE, members=people)
        self.joint = self.north.add_channel(
            "C0JOINT001", name="joint", members=(self.mia, self.eva), shared_with=(self.partner,)
        )

    def call(self, method: str, token: str = "xoxb-north", **arguments: Any) -> dict[str, Any]:
        """Call the Web API without HTTP."""
        now = self.slack.state.mint.now()
        return answer(self.slack.state, Call(method, arguments, now), token=token)

    def error(self, method: str, token: str = "xoxb-north", **arguments: Any) -> str:
        """Call the Web API, expecting to be refused; return the error."""
        document = self.call(method, token, **arguments)
        assert document["ok"] is False
        return str(document["error"])

    @property
    def events(self) -> list[dict[str, Any]]:
        """The inner events sent so far."""
        return [dict(parcel.event) for parcel in self.slack.ledger.parcels]


@pytest.fixture
async def stage() -> Stage:
    """A Slack of the samples; nobody is connected, and nothing is tried again."""
    return Stage(FakeSlack(wall=virtual_wall(), chance=Random(7), settings=AppSettings()))
