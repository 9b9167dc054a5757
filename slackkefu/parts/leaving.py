"""Who goes: visitors who are not heard of any more, and people who want to be forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from slackkefu.bridge.forgetting.forgetting import Forgetting
from slackkefu.bridge.forgetting.memories import Memories
from slackkefu.bridge.forgetting.retention import Retention
from slackkefu.bridge.slack_to_kefu.expiring import Expiring

if TYPE_CHECKING:
    import trio

    from slackkefu.bridge.forgetting.erasing import Erasing
    from slackkefu.parts.core import Core, Statistics
    from slackkefu.parts.doing import Doing
    from slackkefu.parts.easemob_end import EasemobEnd
    from slackkefu.parts.slack_end import SlackEnd
    from slackkefu.parts.taking_in import TakingIn
    from slackkefu.parts.to_kefu import SlackToDesk
    from slackkefu.parts.to_slack import DeskToSlack

__all__ = ["Leaving", "leaving"]

DAY_S: Final = 24 * 3600.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What erases visitors."""

    erasing: Erasing
    memories: Memories
    retention: Retention
    forgetting: Forgetting

    async def start(self, nursery: trio.Nursery) -> None:
        """Start what runs."""
        await nursery.start(self.erasing.run)
        await nursery.start(self.retention.run)

    def statistics(self) -> Statistics:
        """Return what tells how each is."""
        return {"erasing": self.erasing.statistics}


def leaving(
    core: Core,
    slack: SlackEnd,
    easemob: EasemobEnd,
    to_slack: DeskToSlack,
    to_kefu: SlackToDesk,
    doing: Doing,
    taking_in: TakingIn,
) -> Leaving:
    """
    Make what erases visitors.

    Args:
        core: What every part may need.
        slack: Slack's end.
        easemob: Easemob's end.
        to_slack: The way from the desk.
        to_kefu: The way to the desk.
        doing: What people do besides writing.
        taking_in: What listens to Slack.

    """
    wall, erasing = core.world.wall, easemob.erasing
    memories = Memories(
        words=to_kefu.words,
        receipts=to_kefu.receipts,
        forwarding=to_kefu.forwarding,
        ways=to_kefu.ways,
        proving=to_kefu.proving,
        telling=to_kefu.telling,
        replies=to_slack.replies,
        intents=to_slack.intents,
        reach=to_slack.reach,
        sessions=to_slack.sessions,
        attendance=to_slack.attendance,
        polling=to_slack.polling,
        second_channel=easemob.second_channel,
        pool=to_slack.pool,
        aside=to_slack.aside,
        directory=slack.directory,
        homes=doing.homes,
        wall=wall,
    )
    erasing.remembered_by(memories)
    expiring = Expiring(
        receipts=to_kefu.receipts, forwarding=to_kefu.forwarding, installations=core.installations, wall=wall
    )
    retention = Retention(
        keep_s=core.config.store.keep_days * DAY_S,
        book=core.book,
        erasing=erasing,
        is_free=memories.is_free,
        is_reading=lambda: taking_in.backfill.statistics().to_read > 0,
        expire=expiring.expire,
        wall=wall,
        ahead_s=lambda: slack.web.ahead_s,
    )
    forgetting = Forgetting(world=core.world, store=core.store, book=core.book, memories=memories, erasing=erasing)
    return Leaving(erasing=erasing, memories=memories, retention=retention, forgetting=forgetting)
