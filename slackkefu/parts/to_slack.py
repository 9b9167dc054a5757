"""
Desk → Slack: logins that bring the desk's messages, and all that becomes of those in Slack.

Some know each other in a circle: who holds sessions, who answers, who knows which are open, who tells agents, who asks
where a login is missing; and who posts, and who hears of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, final

from slackkefu.bridge.aside import Aside
from slackkefu.bridge.attendance import Attendance
from slackkefu.bridge.kefu_to_slack.agent_notes import AgentNotes
from slackkefu.bridge.kefu_to_slack.answering import Answering
from slackkefu.bridge.kefu_to_slack.arrivals import Arrivals
from slackkefu.bridge.kefu_to_slack.attempts import Attempts
from slackkefu.bridge.kefu_to_slack.changing import Changing
from slackkefu.bridge.kefu_to_slack.desk_life import DeskLife
from slackkefu.bridge.kefu_to_slack.greeting import Greeting
from slackkefu.bridge.kefu_to_slack.hearing import Hearing
from slackkefu.bridge.kefu_to_slack.intents import Intents
from slackkefu.bridge.kefu_to_slack.looking import Looking
from slackkefu.bridge.kefu_to_slack.media import MediaAnswering
from slackkefu.bridge.kefu_to_slack.notices import Notices
from slackkefu.bridge.kefu_to_slack.placed import Placed
from slackkefu.bridge.kefu_to_slack.polling import Polling
from slackkefu.bridge.kefu_to_slack.posting import Posting
from slackkefu.bridge.kefu_to_slack.readers import Readers
from slackkefu.bridge.kefu_to_slack.recalling import Recalling
from slackkefu.bridge.kefu_to_slack.replies import Replies
from slackkefu.bridge.kefu_to_slack.session_status import SessionStatuses
from slackkefu.bridge.kefu_to_slack.used_menus import UsedMenus
from slackkefu.bridge.open_sessions import OpenSessions
from slackkefu.bridge.workspaces.reach import Reach
from slackkefu.bridge.workspaces.stopping import Stopping
from slackkefu.easemob.names import DOMAIN, Queue
from slackkefu.easemob.pool import Pool
from slackkefu.kefu.media_fetch import MediaFetch
from slackkefu.parts.core import each

if TYPE_CHECKING:
    from collections.abc import Callable

    import trio

    from slackkefu.easemob.names import ImUser
    from slackkefu.parts.core import Core, Statistics
    from slackkefu.parts.easemob_end import EasemobEnd
    from slackkefu.parts.slack_end import SlackEnd
    from slackkefu.slack.ids import ChannelId
    from slackkefu.slack.installation import InstallationKey

__all__ = ["DeskToSlack", "desk_to_slack"]

DAY_S: Final = 24 * 3600.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DeskToSlack:
    """What brings the desk's messages to Slack."""

    # In the order of a message's way.
    pool: Pool
    arrivals: Arrivals
    polling: Polling
    replies: Replies
    reach: Reach
    posting: Posting
    intents: Intents
    media: MediaAnswering
    hearing: Hearing
    # What stands in Slack and is changed there.
    recalling: Recalling
    used_menus: UsedMenus
    session_status: SessionStatuses
    # How things are at the desk.
    sessions: OpenSessions
    attendance: Attendance
    desk_life: DeskLife
    greeting: Greeting
    # What could not be brought over.
    agent_notes: AgentNotes
    aside: Aside

    async def start(self, nursery: trio.Nursery) -> None:
        """Start everything but the polling: from what answers back to what brings."""
        await nursery.start(self.sessions.run)
        await nursery.start(self.hearing.run)
        await nursery.start(self.agent_notes.run)
        await nursery.start(self.session_status.run)
        await nursery.start(self.used_menus.run)
        await nursery.start(self.desk_life.run)
        await nursery.start(self.greeting.run)
        await nursery.start(self.replies.run)
        await nursery.start(self.pool.run)

    def statistics(self) -> Statistics:
        """Return what tells how each is."""
        return {
            "easemob_sessions": self.pool.statistics,
            "lanes_to_slack": self.replies.lanes,
            "replies": self.replies.statistics,
            "reach": self.reach.statistics,
            "agent_notes": self.agent_notes.statistics,
            "posting": self.posting.statistics,
            "media": self.media.statistics,
            "session_status": self.session_status.statistics,
            "desk_life": self.desk_life.statistics,
            "echoes": self.hearing.statistics,
            "arrivals": self.arrivals.statistics,
            "polling": self.polling.statistics,
            "aside": self.aside.statistics,
        }


def desk_to_slack(
    core: Core,
    slack: SlackEnd,
    easemob: EasemobEnd,
    *,
    renew: Callable[[], None],
    on_ack: Callable[[ImUser, str], None],
    on_drained: Callable[[ImUser], None],
    on_attendance: Callable[[ImUser], None],
    on_left: Callable[[InstallationKey, ChannelId], None],
) -> DeskToSlack:
    """
    Make what brings the desk's messages to Slack.

    Args:
        core: What every part may need.
        slack: Slack's end.
        easemob: Easemob's end.
        renew: Makes the connections to Slack anew: one of them may be deaf.
        on_ack: Told of each message that the desk confirms.
        on_drained: Told when a login has brought all that waited.
        on_attendance: Told when it changes who serves somebody.
        on_left: Told of each channel of which Slack says that the app has left it.

    """
    config, world, store = core.config, core.world, core.store
    installations, book = core.installations, core.book
    web, rest, endpoints = slack.web, easemob.rest, easemob.endpoints

    aside = Aside(store.aside, wall=world.wall, keep_s=config.store.keep_days * DAY_S)
    intents = Intents(journal=store.kefu_journal, wall=world.wall)
    placed = Placed()
    hearing = Hearing(renew=renew)
    reach = Reach(
        installations=installations,
        book=book,
        on_change=lambda user, why: stopping.changed(user, why),  # noqa: PLW0108 - it comes later
    )
    posting = Posting(
        world=world,
        web=web,
        installations=installations,
        book=book,
        intents=intents,
        hearing=hearing,
        looking=Looking(web=web, reading=slack.reading, hearing=hearing),
        uploads=slack.uploads,
        on_left=on_left,
    )
    media = MediaAnswering(
        fetch=MediaFetch(
            world=world, kefu_url=config.kefu.url, app_key=easemob.app_key, addresses=endpoints, tokens=rest
        ),
        posting=posting,
    )

    changing = Changing(world=world, installations=installations, book=book)
    readers = Readers(book=book, installations=installations, languages=slack.languages)
    recalling = Recalling(
        world=world,
        web=web,
        placed=placed,
        changing=changing,
        posting=posting,
        readers=readers,
    )
    used_menus = UsedMenus(web=web, book=book, placed=placed, changing=changing, readers=readers)
    session_status = SessionStatuses(
        is_on=config.slack.session_status,
        web=web,
        book=book,
        posting=posting,
        changing=changing,
        placed=placed,
        intents=intents,
        journal=store.kefu_journal,
        readers=readers,
        wall=world.wall,
    )

    attempts = Attempts()
    desk_life = DeskLife(
        desk=easemob.desk_state,
        statuses=session_status,
        notices=Notices(posting=posting, intents=intents, journal=store.kefu_journal, wall=world.wall),
        attempts=attempts,
        web=web,
        installations=installations,
        book=book,
        readers=readers,
        is_live=lambda user: pool.is_up(user),  # noqa: PLW0108 - pool comes later
        shows_queue=config.slack.session_status,
        wall=world.wall,
    )
    attendance = Attendance(on_change=on_attendance)
    sessions = OpenSessions(
        each(
            lambda user, is_open: pool.set_open(user, is_open),  # noqa: PLW0108 - pool comes later
            lambda user, is_open: polling.set_open(user, is_open),  # noqa: PLW0108 - polling comes later
            desk_life.set_open,
        )
    )
    agent_notes = AgentNotes(
        book=book,
        service_number=easemob.service_number,
        send=lambda user, message: pool.send(user, message),  # noqa: PLW0108 - pool comes later
        serving=attendance.of,
        world=world,
    )
    replies = Replies(
        service_number=easemob.service_number,
        answering=Answering(
            book=book,
            posting=posting,
            recalling=recalling,
            media=media,
            statuses=session_status,
            sessions=sessions,
            readers=readers,
            on_over=used_menus.over,
            kefu_url=config.kefu.url,
            asks_useful=easemob.second_channel is not None,
            wall=world.wall,
            on_said=each(attendance.note, desk_life.heard),
        ),
        notes=agent_notes,
        aside=aside,
        journal=store.kefu_journal,
        intents=intents,
        placed=placed,
        on_ack=on_ack,
        why_not=reach.why_not,
        world=world,
    )
    pool = Pool(
        world=world,
        rest=easemob.erasing,
        endpoints=endpoints,
        app_key=easemob.app_key,
        resource=store.resource,
        max_sessions=config.easemob.max_sessions,
        logins_per_second=config.easemob.logins_per_second,
        on_batch=replies.deliver,
        on_drained=on_drained,
        on_lost=lambda user: polling.lost(user),  # noqa: PLW0108 - polling comes later
    )
    arrivals = Arrivals(
        shelf=store.incoming,
        deliver=replies.deliver,
        queue=Queue.of(str(easemob.app_key), easemob.service_number, DOMAIN, home=str(easemob.app_key)),
        world=world,
    )
    greeting = Greeting(desk=easemob.desk_state, arrivals=arrivals, attempts=attempts, book=book)
    polling = Polling(channel=easemob.second_channel, arrivals=arrivals, is_missing=pool.is_missing)

    stopping = Stopping(
        book=book,
        logins=pool,
        notes=agent_notes,
        sessions=sessions,
        ask_no_more=each(partial(polling.set_open, is_open=False), partial(desk_life.set_open, is_open=False)),
        look_again=replies.look_again,
        wall=world.wall,
    )

    return DeskToSlack(
        pool=pool,
        arrivals=arrivals,
        polling=polling,
        replies=replies,
        reach=reach,
        posting=posting,
        intents=intents,
        media=media,
        hearing=hearing,
        recalling=recalling,
        used_menus=used_menus,
        session_status=session_status,
        sessions=sessions,
        attendance=attendance,
        desk_life=desk_life,
        greeting=greeting,
        agent_notes=agent_notes,
        aside=aside,
    )
