"""
Naming: what people and places in a message are called, without keeping it waiting.

Everything is asked for at once and waited for together, at most :data:`PATIENCE_S`: the event's own profile first, else
what is known, else the id stays; the visitor's next message has the name (facts/slack.md trap 20).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final

import trio

from slackkefu.slack.text import mentions

if TYPE_CHECKING:
    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.slack.directory import Directory
    from slackkefu.slack.ids import ChannelId, UserId
    from slackkefu.slack.profile import Profile

__all__ = ["Naming", "name_all"]

PATIENCE_S: Final = 0.3

MOST: Final = 20
"""People mentioned in one message whose names are asked for; further ones keep their ids."""


@final
@dataclass(slots=True)
class Naming:
    """What is known in time; fits :class:`slackkefu.slack.text.Names`."""

    author: Profile | None = None
    workspace: str = ""
    place: str = ""
    """The channel's name without ``#``; empty for a direct message."""
    people: dict[UserId, str] = field(default_factory=dict)

    def user(self, user_id: UserId, /) -> str | None:
        """Return the name of a person, or None."""
        return self.people.get(user_id)

    def channel(self, _: ChannelId, /) -> str | None:
        """Return None: a channel's mention mostly brings its name along, and its id tells an agent no less."""
        return None


async def name_all(forward: Forward, directory: Directory) -> Naming:
    """Find the names in *forward*, as far as they are known within :data:`PATIENCE_S`."""
    naming = Naming()
    installation, visitor, event = forward.installation, forward.visitor, forward.event
    if event.profile is not None:
        directory.learn(installation, visitor.user, event.profile)

    async def author() -> None:
        naming.author = await directory.user(installation, visitor.user, patience_s=PATIENCE_S)

    async def workspace() -> None:
        naming.workspace = await directory.workspace_name(installation, visitor.team, patience_s=PATIENCE_S) or ""

    async def place() -> None:
        naming.place = await directory.channel_name(installation, event.channel, patience_s=PATIENCE_S) or ""

    async def person(user: UserId) -> None:
        name = await directory.user_name(installation, user, patience_s=PATIENCE_S)
        if name:
            naming.people[user] = name

    async with trio.open_nursery() as nursery:
        nursery.start_soon(author)
        nursery.start_soon(workspace)
        if not forward.is_direct:
            nursery.start_soon(place)
        for user in sorted(mentions(event.text) - {installation.bot_user_id} - forward.own_users)[:MOST]:
            nursery.start_soon(person, user)
    return naming
