"""Several companies with the app: a second workspace, an organisation, and channels that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slackkefu.demo.slack import Switches
from tests.installed import keep

if TYPE_CHECKING:
    from slackkefu.demo.slack import Person, Workspace
    from slackkefu.demo.slack.model import Channel
    from slackkefu.demo.slack.people import Enterprise
    from tests.wired.town import Town

__all__ = ["EITHER", "NOTE", "Companies", "companies", "heard", "whole"]

NOTE = "[系统提示 System]"
"""Begins what the bridge itself says to agents."""

EITHER = Switches(authorization="random", retry_authorization="next", org_author="random")
"""Slack names whichever installation it likes, in a retry another one."""


@dataclass(frozen=True)
class Companies:
    """North, South and an organisation share a channel; each has the app, and somebody who writes there."""

    south: Workspace
    grid: Enterprise
    desks: tuple[Workspace, Workspace]
    """The workspaces of the organisation."""
    leo: Person
    """Of North."""
    ben: Person
    """Of South."""
    nina: Person
    """Of the organisation."""
    joint: Channel


def companies(here: Town, *, members: bool = True) -> Companies:
    """Install the app at three companies, before the start; *members*: it is in the channel that they share."""
    south = here.slack.add_workspace("T0SOUTH001", name="South")
    grid = here.slack.add_organisation("E0GRID0001", name="Grid")
    desks = grid.add_workspace("T0GRIDWS01", name="Desk one"), grid.add_workspace("T0GRIDWS02", name="Desk two")
    installed = south.install(token="xoxb-south"), grid.install(token="xoxb-grid")
    grants = here.slack.state.grants if here.slack.state.rotates else None
    keep(here.config.store.path, here.world, *installed, grants=grants)
    leo, ben = here.north.add_user(name="Leo"), south.add_user(name="Ben")
    nina = desks[0].add_user("W0NINA0001", name="Nina")
    joint = here.north.add_channel(
        "C0JOINT001", name="joint", members=[leo, ben, nina], shared_with=[south, desks[0]], with_app=members
    )
    return Companies(south, grid, desks, leo, ben, nina, joint)


def heard(here: Town, person: Person, channel: Channel) -> list[str]:
    """Return the words that the desk has of *person* in *channel*, in order, and without the time of what came late."""
    lines = here.desk.conversation(here.visitor(person, channel)).heard
    return [line.text.rpartition("]\n")[2] for line in lines if not line.text.startswith(NOTE)]


def whole(here: Town) -> list[str]:
    """Return everything that the desk has heard, with the notes of the bridge."""
    return [line.text for line in here.desk.everything_heard()]
