"""All parts: the groups, made in their order and joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from slackkefu.bridge.workspaces.installing import Installing
from slackkefu.parts.doing import doing
from slackkefu.parts.easemob_end import easemob_end
from slackkefu.parts.leaving import leaving
from slackkefu.parts.slack_end import slack_end
from slackkefu.parts.taking_in import taking_in
from slackkefu.parts.to_kefu import slack_to_desk
from slackkefu.parts.to_slack import desk_to_slack

if TYPE_CHECKING:
    import trio

    from slackkefu.parts.core import Client, Core, Statistics
    from slackkefu.parts.doing import Doing
    from slackkefu.parts.easemob_end import EasemobEnd
    from slackkefu.parts.leaving import Leaving
    from slackkefu.parts.slack_end import SlackEnd
    from slackkefu.parts.taking_in import TakingIn
    from slackkefu.parts.to_kefu import SlackToDesk
    from slackkefu.parts.to_slack import DeskToSlack

__all__ = ["Parts", "build"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Every part, by group."""

    core: Core
    installing: Installing
    """Changes who is served."""
    slack: SlackEnd
    easemob: EasemobEnd
    to_slack: DeskToSlack
    to_kefu: SlackToDesk
    doing: Doing
    taking_in: TakingIn
    leaving: Leaving

    async def start(self, nursery: trio.Nursery) -> None:
        """Start everything but listening to Slack: first the way back to Slack, then the way to the desk."""
        await self.slack.start(nursery)
        await nursery.start(self.installing.run)
        await self.to_slack.start(nursery)
        await self.to_kefu.start(nursery)
        await self.doing.start(nursery)
        await self.taking_in.start(nursery)

    def clients(self) -> tuple[Client, ...]:
        """Return what is to be closed at the very end."""
        return *self.slack.clients(), *self.easemob.clients()

    def statistics(self) -> Statistics:
        """Return what tells how each part is."""
        return {
            "installations": self.installing.statistics,
            **self.slack.statistics(),
            **self.easemob.statistics(),
            **self.to_slack.statistics(),
            **self.to_kefu.statistics(),
            **self.doing.statistics(),
            **self.taking_in.statistics(),
            **self.leaving.statistics(),
            "spill": self.core.store.spill.statistics,
            "incoming": self.core.store.incoming.statistics,
        }


def build(core: Core, *, nursery: trio.Nursery) -> Parts:
    """
    Make every part.

    Args:
        core: What every part may need.
        nursery: Where discovery and token requests run that several wait for.

    """
    slack = slack_end(
        core,
        renew=lambda installation, renewed: installing.renew(installation, renewed),  # noqa: PLW0108 - it comes later
        on_dead=lambda key, code: installing.mark_dead(key, cause=code),
        nursery=nursery,
    )
    easemob = easemob_end(core, nursery=nursery)
    installing = Installing(
        installations=core.installations,
        store=core.store.installations,
        web=slack.web,
        world=core.world,
        on_change=lambda key: listening.changed(key),  # noqa: PLW0108 - it comes later, as do the next five
    )
    to_slack = desk_to_slack(
        core,
        slack,
        easemob,
        renew=lambda: listening.socket_mode.renew(),  # noqa: PLW0108
        on_ack=lambda user, mark: to_kefu.proving.on_ack(user, mark),  # noqa: PLW0108
        on_drained=lambda user: to_kefu.proving.on_drained(user),  # noqa: PLW0108
        on_attendance=lambda user: deeds.homes.changed(user),  # noqa: PLW0108
        on_left=lambda key, channel: listening.left(key, channel),  # noqa: PLW0108
    )
    to_kefu = slack_to_desk(
        core,
        slack,
        easemob,
        to_slack,
        on_gap=lambda key: listening.backfill.gap(key),  # noqa: PLW0108 - it comes later
    )
    deeds = doing(
        core,
        slack,
        easemob,
        to_slack,
        to_kefu,
        take=lambda forward, delivery: listening.intake.take_deed(forward, delivery),  # noqa: PLW0108 - it comes later
    )
    listening = taking_in(core, slack, to_slack, to_kefu, deeds, installing=installing)
    return Parts(
        core=core,
        installing=installing,
        slack=slack,
        easemob=easemob,
        to_slack=to_slack,
        to_kefu=to_kefu,
        doing=deeds,
        taking_in=listening,
        leaving=leaving(core, slack, easemob, to_slack, to_kefu, deeds, listening),
    )
