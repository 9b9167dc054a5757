"""What people do besides writing, and what is said to them at first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from slackkefu.bridge.deeds.bringing import Bringing
from slackkefu.bridge.deeds.clicks import Clicks
from slackkefu.bridge.deeds.commands import Commands
from slackkefu.bridge.deeds.deeds import Deeds, Handlers
from slackkefu.bridge.deeds.forms import Forms
from slackkefu.bridge.deeds.granting import Granting
from slackkefu.bridge.deeds.home_view import WISH
from slackkefu.bridge.deeds.homes import Homes
from slackkefu.bridge.deeds.notes import NOTE, QUESTION
from slackkefu.bridge.deeds.replying import Replying
from slackkefu.bridge.deeds.standing import Standing
from slackkefu.bridge.deeds.whereabouts import Whereabouts
from slackkefu.bridge.first_contact import FirstContact
from slackkefu.bridge.saying import Saying

if TYPE_CHECKING:
    import trio

    from slackkefu.bridge.deeds.bringing import Take
    from slackkefu.parts.core import Core, Statistics
    from slackkefu.parts.easemob_end import EasemobEnd
    from slackkefu.parts.slack_end import SlackEnd
    from slackkefu.parts.to_kefu import SlackToDesk
    from slackkefu.parts.to_slack import DeskToSlack

__all__ = ["Doing", "doing"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """What carries out what people do."""

    deeds: Deeds
    homes: Homes
    first_contact: FirstContact

    async def start(self, nursery: trio.Nursery) -> None:
        """Start what runs."""
        await nursery.start(self.deeds.run)
        await nursery.start(self.homes.run)
        await nursery.start(self.first_contact.run)

    def statistics(self) -> Statistics:
        """Return what tells how each is."""
        return {
            "deeds": self.deeds.statistics,
            "homes": self.homes.statistics,
            "first_contact": self.first_contact.statistics,
        }


def doing(
    core: Core, slack: SlackEnd, easemob: EasemobEnd, to_slack: DeskToSlack, to_kefu: SlackToDesk, *, take: Take
) -> Doing:
    """
    Make what carries out what people do.

    Args:
        core: What every part may need.
        slack: Slack's end.
        easemob: Easemob's end.
        to_slack: The way from the desk.
        to_kefu: The way to the desk.
        take: Puts what is for the desk on its lane.

    """
    config, world = core.config.slack, core.world
    book, installations = core.book, core.installations
    views, languages, second_channel = slack.views, slack.languages, easemob.second_channel

    bringing = Bringing(take=take, custody=to_kefu.receipts, book=book, installations=installations, wall=world.wall)
    standing = Standing(attendance=to_slack.attendance, waiting=to_kefu.words.depth, wall=world.wall)
    saying = Saying(world=world, web=slack.web)
    first_contact = FirstContact(
        saying=saying, book=book, languages=languages, channels=config.channels, is_on=config.introduction
    )
    replying = Replying(web=slack.web, views=views, languages=languages, is_taken_back=to_slack.recalling.is_taken_back)
    clicks = Clicks(
        book=book, bringing=bringing, replying=replying, views=views, wall=world.wall, channel=second_channel
    )
    whereabouts = Whereabouts(web=slack.web, book=book)
    granting = Granting(
        bringing=bringing,
        standing=standing,
        views=views,
        rate=clicks.ask_rating,
        stop=None if second_channel is None else second_channel.stop,
    )
    homes = Homes(
        installations=installations,
        granting=granting,
        whereabouts=whereabouts,
        standing=standing,
        languages=languages,
        views=views,
    )
    book.listen(homes.changed)
    forms = Forms(
        bringing=bringing,
        whereabouts=whereabouts,
        directory=slack.directory,
        languages=languages,
        views=views,
        saying=saying,
    )
    commands = Commands(granting=granting, whereabouts=whereabouts, languages=languages, views=views)
    handlers = Handlers(
        on_click={**clicks.on_click, WISH: homes.pressed, NOTE: forms.note_wanted},
        on_submit={**clicks.on_submit, NOTE: forms.note_written, QUESTION: forms.question_written},
        on_command=commands.handle,
        on_shortcut=forms.question_wanted,
        on_home=homes.opened,
    )
    return Doing(deeds=Deeds(handlers), homes=homes, first_contact=first_contact)
