"""Slack → desk: the lanes of what people wrote, how it is sent, and what keeps it until it has arrived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from slackkefu.bridge.absence.gaps import Gaps
from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.proof.proof import Proof, Way
from slackkefu.bridge.proof.proving import Proving
from slackkefu.bridge.proof.rereading import Rereading
from slackkefu.bridge.slack_to_kefu.carrying import Carrying
from slackkefu.bridge.slack_to_kefu.entrances import Entrances
from slackkefu.bridge.slack_to_kefu.forwarding import Forwarding
from slackkefu.bridge.slack_to_kefu.receipts import Receipts
from slackkefu.bridge.slack_to_kefu.sheltering import Sheltering
from slackkefu.bridge.slack_to_kefu.source_card import SourceCards
from slackkefu.bridge.slack_to_kefu.telling import Telling
from slackkefu.bridge.slack_to_kefu.ways import Ways
from slackkefu.easemob.attachments import Attachments
from slackkefu.easemob.rest_send import RestSend
from slackkefu.parts.core import each

if TYPE_CHECKING:
    from collections.abc import Callable

    import trio

    from slackkefu.bridge.slack_to_kefu.receipts import Parcel
    from slackkefu.easemob.names import ImUser
    from slackkefu.parts.core import Core, Statistics
    from slackkefu.parts.easemob_end import EasemobEnd
    from slackkefu.parts.slack_end import SlackEnd
    from slackkefu.parts.to_slack import DeskToSlack
    from slackkefu.slack.installation import InstallationKey

__all__ = ["IN_ALL_LANES", "SlackToDesk", "slack_to_desk"]

PER_LANE: Final = 20_000
"""Messages in one visitor's lane, mostly in the spill; more are left to Slack."""

IN_ALL_LANES: Final = 200_000
"""Messages in hand in all; one that waits in the spill takes about 40 bytes of memory."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SlackToDesk:
    """What brings people's messages to the desk."""

    words: Lanes[ImUser, Parcel]
    """By visitor."""
    forwarding: Forwarding
    carrying: Carrying
    ways: Ways
    receipts: Receipts
    sheltering: Sheltering
    gaps: Gaps
    proving: Proving
    telling: Telling

    async def start(self, nursery: trio.Nursery) -> None:
        """Start what runs."""
        await nursery.start(self.ways.run)
        await nursery.start(self.words.run)
        await nursery.start(self.sheltering.run)
        await nursery.start(self.receipts.run)
        await nursery.start(self.proving.run)
        await nursery.start(self.telling.run)

    def statistics(self) -> Statistics:
        """Return what tells how each is."""
        return {
            "lanes_to_kefu": self.words.statistics,
            "files_to_kefu": self.carrying.statistics,
            "ways": self.ways.statistics,
            "messages": self.receipts.statistics,
            "proof": self.proving.statistics,
            "telling": self.telling.statistics,
        }


def slack_to_desk(
    core: Core,
    slack: SlackEnd,
    easemob: EasemobEnd,
    to_slack: DeskToSlack,
    *,
    on_gap: Callable[[InstallationKey], None],
) -> SlackToDesk:
    """
    Make what brings people's messages to the desk.

    Args:
        core: What every part may need.
        slack: Slack's end.
        easemob: Easemob's end.
        to_slack: The other direction: the logins are there.
        on_gap: Told of the installation of each message that the disk did not take.

    """
    config, world, store = core.config, core.world, core.store
    installations, book = core.installations, core.book
    pool, second_channel = to_slack.pool, easemob.second_channel

    ways = Ways(
        logins=pool,
        rest=RestSend(easemob.rest),
        second=second_channel,
        wrote=each(to_slack.polling.wrote, to_slack.desk_life.wrote, to_slack.greeting.wrote),
    )
    telling = Telling(
        world=world,
        web=slack.web,
        installations=installations,
        languages=slack.languages,
        journal=store.slack_journal,
    )
    gaps = Gaps(store.reserve, on_gap=on_gap)
    receipts = Receipts(
        journal=store.slack_journal, spill=store.spill, gaps=gaps, wall=world.wall, on_left=telling.take
    )
    sheltering = Sheltering(
        receipts=receipts,
        is_live=pool.is_up,
        on_safe=lambda user: words.stow(user),  # noqa: PLW0108 - words comes later
    )
    carrying = Carrying(files=slack.files, attachments=Attachments(easemob.rest, chance=world.chance), world=world)
    proving = Proving(
        proof=Proof(ways=(Way.AGAIN, Way.TELL) if second_channel is None else (Way.AGAIN, Way.SECOND, Way.TELL)),
        sessions=pool,
        reader=Rereading(
            reading=slack.reading,
            installations=installations,
            make=lambda forward: forwarding.again(forward),  # noqa: PLW0108 - forwarding comes later
            carry=carrying.bring,
        ),
        send=pool.send,
        second=None if second_channel is None else second_channel.send,
        tell=telling.take,
        take_back=telling.take_back,
        journal=store.slack_journal,
        wall=world.wall,
    )
    sources = SourceCards(
        is_on=config.kefu.source_card,
        directory=slack.directory,
        book=book,
        send=ways.send,
        service_number=easemob.service_number,
        wall=world.wall,
    )
    forwarding = Forwarding(
        world=world,
        pool=ways,
        directory=slack.directory,
        book=book,
        receipts=receipts,
        sheltering=sheltering,
        proving=proving,
        aside=to_slack.aside,
        installations=installations,
        fields=config.kefu.visitor_fields,
        sources=sources,
        entrances=Entrances(config.kefu.entrance, config.kefu.workspaces, config.kefu.channels),
        service_number=easemob.service_number,
        carrying=carrying,
        on_typed=to_slack.used_menus.typed,
    )
    words: Lanes[ImUser, Parcel] = Lanes(
        forwarding.work, per_lane=PER_LANE, in_all=IN_ALL_LANES, order=lambda parcel: parcel.order, tail=receipts
    )
    return SlackToDesk(
        words=words,
        forwarding=forwarding,
        carrying=carrying,
        ways=ways,
        receipts=receipts,
        sheltering=sheltering,
        gaps=gaps,
        proving=proving,
        telling=telling,
    )
