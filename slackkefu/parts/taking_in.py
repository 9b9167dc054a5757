"""What comes from Slack: the connections, what decides about each envelope, and what reads what was missed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, final

from slackkefu.bridge.absence.backfill import Backfill
from slackkefu.bridge.absence.marks import Marks
from slackkefu.bridge.absence.presence import Presence
from slackkefu.bridge.absence.watch import Watch
from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.slack_to_kefu.changes import Changes
from slackkefu.bridge.slack_to_kefu.intake import Intake
from slackkefu.bridge.workspaces.affairs import Affairs
from slackkefu.bridge.workspaces.grants import Grants
from slackkefu.bridge.workspaces.heirs import Heirs
from slackkefu.parts.core import each
from slackkefu.parts.to_kefu import IN_ALL_LANES
from slackkefu.slack.connections import SocketMode
from slackkefu.slack.membership import is_in

if TYPE_CHECKING:
    import trio

    from slackkefu.bridge.slack_to_kefu.routing import Special
    from slackkefu.bridge.workspaces.installing import Installing
    from slackkefu.bridge.workspaces.reach import Reach
    from slackkefu.parts.core import Core, Statistics
    from slackkefu.parts.doing import Doing
    from slackkefu.parts.slack_end import SlackEnd
    from slackkefu.parts.to_kefu import SlackToDesk
    from slackkefu.parts.to_slack import DeskToSlack
    from slackkefu.slack.ids import ChannelId
    from slackkefu.slack.installation import InstallationKey, Installations

__all__ = ["TakingIn", "taking_in"]

AFFAIRS: Final = 200
"""Special events in one installation's lane."""

HOUR_S: Final = 3600.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TakingIn:
    """What listens to Slack. :mod:`slackkefu.app` starts the connections and the reading, last of all."""

    installations: Installations
    socket_mode: SocketMode
    intake: Intake
    affairs: Lanes[InstallationKey, Special]
    """Lanes for what the bridge itself acts on, by installation."""
    backfill: Backfill
    watch: Watch
    heirs: Heirs
    grants: Grants
    reach: Reach

    def changed(self, key: InstallationKey) -> None:
        """Know that an installation has come or gone: who has an heir is reached all the same."""
        self.watch.changed(key)
        self.heirs.changed(key)
        self.grants.installed(key)
        self.reach.changed(key)
        if self.installations.get(key) is not None:
            self.intake.installed(key)

    def left(self, key: InstallationKey, channel: ChannelId) -> None:
        """Know that the app is in a channel no more, of which Slack did not tell."""
        self.watch.left(key, channel)
        self.reach.left(key, channel)

    def begin(self) -> None:
        """See who is served, now that it is known how the run before has left everybody."""
        self.heirs.begin()
        self.grants.begin()

    async def start(self, nursery: trio.Nursery) -> None:
        """Start what takes envelopes."""
        await nursery.start(self.heirs.run)
        await nursery.start(self.grants.run)
        await nursery.start(self.affairs.run)
        await nursery.start(self.intake.run)

    def statistics(self) -> Statistics:
        """Return what tells how each is."""
        return {
            "slack": self.socket_mode.statistics,
            "intake": self.intake.statistics,
            "affairs": self.affairs.statistics,
            "backfill": self.backfill.statistics,
        }


def taking_in(
    core: Core, slack: SlackEnd, to_slack: DeskToSlack, to_kefu: SlackToDesk, doing: Doing, *, installing: Installing
) -> TakingIn:
    """Make what listens to Slack."""
    config, world, store = core.config.slack, core.world, core.store
    installations, book, receipts = core.installations, core.book, to_kefu.receipts

    reach = to_slack.reach
    marks, presence = Marks(max_age_s=config.backfill_max_age * HOUR_S), Presence()
    heirs = Heirs(installations=installations, presence=presence, book=book, web=slack.web, on_change=reach.look)
    grants = Grants(installations=installations, book=book, reading=slack.reading, on_change=reach.changed)
    affairs = Lanes(
        Affairs(
            grants=grants,
            installing=installing,
            book=book,
            directory=slack.directory,
            reach=reach,
            is_in=partial(is_in, slack.web),
            of_bot=installations.of_bot,
            on_joined=each(doing.first_contact.joined, heirs.joined),
        ).handle,
        per_lane=AFFAIRS,
        in_all=IN_ALL_LANES,
    )
    intake = Intake(
        installations=installations,
        channels=config.channels,
        book=book,
        receipts=receipts,
        words=to_kefu.words,
        sheltering=to_kefu.sheltering,
        changes=Changes(receipts=receipts, aside=to_slack.aside, way=to_kefu.forwarding),
        deeds=doing.deeds,
        affairs=affairs,
        hearing=to_slack.hearing,
        wall=world.wall,
        stands_in=heirs.in_channel,
        on_came=lambda envelope: watch.came(envelope),  # noqa: PLW0108 - the watch comes later
        on_wrote=each(doing.first_contact.wrote, lambda forward: to_slack.reach.look(forward.user)),
    )
    socket_mode = SocketMode(
        world=world,
        web=slack.web,
        connections=config.connections,
        on_delivery=intake.take,
        on_gap=each(installing.missed, grants.missed, lambda gap: watch.missed(gap)),  # noqa: PLW0108 - it comes later
    )

    max_age_s = config.backfill_max_age * HOUR_S
    backfill = Backfill(
        reading=slack.reading,
        installations=installations,
        book=book,
        intake=intake,
        receipts=receipts,
        marks=marks,
        presence=presence,
        gaps=to_kefu.gaps,
        journal=store.slack_journal,
        channels=config.channels,
        max_age_s=max_age_s,
        wall=world.wall,
    )
    watch = Watch(
        marks=marks,
        presence=presence,
        installations=installations,
        gaps=to_kefu.gaps,
        receipts=receipts,
        backfill=backfill,
        file=store.alive,
        places=store.presence,
        disk=world.disk,
        is_listening=lambda: socket_mode.statistics().connections_up > 0,
        wall=world.wall,
        on_left=heirs.left,
    )
    return TakingIn(
        installations=installations,
        socket_mode=socket_mode,
        intake=intake,
        affairs=affairs,
        backfill=backfill,
        watch=watch,
        heirs=heirs,
        grants=grants,
        reach=reach,
    )
