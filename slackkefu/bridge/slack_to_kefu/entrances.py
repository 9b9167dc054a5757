"""
Entrances: where kefu is to lead a visitor, by configuration.

A channel's word goes before the author's workspace's, and that before what is said for everybody; tags add up.

Plain.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from slackkefu.kefu.outgoing import ANYWHERE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.kefu.outgoing import Entrance

__all__ = ["Entrances"]


@final
@dataclass(frozen=True, slots=True)
class Entrances:
    """What the operator said of who serves whom."""

    everywhere: Entrance = ANYWHERE
    workspaces: Mapping[str, Entrance] = field(default_factory=dict)
    channels: Mapping[str, Entrance] = field(default_factory=dict)

    def of(self, forward: Forward) -> Entrance:
        """Return where the author of *forward* is led; a channel that has a new id is known by its old one too."""
        visitor = forward.visitor
        here = self.channels.get(forward.event.channel) or self.channels.get(visitor.channel) or ANYWHERE
        return here.within(self.workspaces.get(visitor.team) or ANYWHERE).within(self.everywhere)
