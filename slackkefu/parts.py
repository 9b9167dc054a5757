"""
What the daemon is made of: every part with those it needs, and nothing started yet.

The parts are made from the two ends to the middle: what speaks to Slack and to Easemob, then what carries words between
them. :mod:`slackkefu.app` starts and stops them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, ParamSpec, TypeAlias

from slackkefu.bridge.absence.backfill import Backfill
from slackkefu.bridge.absence.gaps import Gaps
from slackkefu.bridge.absence.marks import Marks
from slackkefu.bridge.absence.watch import Watch
from slackkefu.bridge.affairs import Affairs
from slackkefu.bridge.aside import Aside
from slackkefu.bridge.attendance import Attendance
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
from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.languages import Languages
from slackkefu.bridge.open_sessions import OpenSessions
from slackkefu.bridge.proof.proof import Proof, Way
from slackkefu.bridge.proof.proving import Proving
from slackkefu.bridge.proof.rereading import Rereading
from slackkefu.bridge.saying import Saying
from slackkefu.bridge.slack_to_kefu.carrying import Carrying
from slackkefu.bridge.slack_to_kefu.changes import Changes
from slackkefu.bridge.slack_to_kefu.entrances import Entrances
from slackkefu.bridge.slack_to_kefu.forwarding import Forwarding
from slackkefu.bridge.slack_to_kefu.intake import Intake
from slackkefu.bridge.slack_to_kefu.receipts import Receipts
from slackkefu.bridge.slack_to_kefu.sheltering import Sheltering
from slackkefu.bridge.slack_to_kefu.source_card import SourceCards
from slackkefu.bridge.slack_to_kefu.telling import Telling
from slackkefu.bridge.slack_to_kefu.ways import Ways
from slackkefu.easemob.attachments import Attachments
from slackkefu.easemob.discovery import Endpoints
from slackkefu.easemob.names import DOMAIN, AppKey, ImUser, Queue, im_user
from slackkefu.easemob.pool import Pool
from slackkefu.easemob.rest import RestClient
from slackkefu.easemob.rest_send import RestSend
from slackkefu.kefu.desk_state import DeskState
from slackkefu.kefu.media_fetch import MediaFetch
from slackkefu.kefu.second_channel import SecondChannel
from slackkefu.slack.connections import SocketMode
from slackkefu.slack.directory import Directory
from slackkefu.slack.files import Files
from slackkefu.slack.reading import Reading
from slackkefu.slack.uploads import Uploads
from slackkefu.slack.views import Views
from slackkefu.slack.web import WebClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import trio
    from _typeshed import DataclassInstance

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.slack_to_kefu.receipts import Parcel
    from slackkefu.bridge.slack_to_kefu.routing import Special
    from slackkefu.config import Config
    from slackkefu.slack.installation import InstallationKey, Installations
    from slackkefu.store import Store
    from slackkefu.store.spill import Spill
    from slackkefu.world import World

__all__ = ["Parts", "Statistics", "build"]

PER_LANE: Final = 20_000
"""Messages in one visitor's lane, mostly in the spill; more are left to Slack."""

IN_ALL_LANES: Final = 200_000
"""Messages in hand in all; one that waits in the spill takes about 40 bytes of memory."""

HOUR_S: Final = 3600.0

AFFAIRS: Final = 200
"""Special events in one installation's lane."""

P = ParamSpec("P")

Statistics: TypeAlias = "Mapping[str, Callable[[], DataclassInstance]]"
"""What tells how each part is, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts that are started, stopped or asked how they are."""

    # Who is served.
    installations: Installations
    book: Book
    # Slack.
    web: WebClient
    files: Files
    directory: Directory
    views: Views
    socket_mode: SocketMode
    # Easemob.
    rest: RestClient
    pool: Pool
    second_channel: SecondChannel | None
    """The desk's own API, where it may be used."""
    desk_state: DeskState | None
    """So."""
    # Between the two.
    intake: Intake
    deeds: Deeds
    homes: Homes
    first_contact: FirstContact
    receipts: Receipts
    sheltering: Sheltering
    proving: Proving
    telling: Telling
    backfill: Backfill
    watch: Watch
    forwarding: Forwarding
    carrying: Carrying
    words: Lanes[ImUser, Parcel]
    """Lanes to the desk, by visitor."""
    affairs: Lanes[InstallationKey, Special]
    """Lanes for what the bridge itself acts on, by installation."""
    ways: Ways
    sessions: OpenSessions
    replies: Replies
    agent_notes: AgentNotes
    arrivals: Arrivals
    polling: Polling
    posting: Posting
    media: MediaAnswering
    session_status: SessionStatuses
    used_menus: UsedMenus
    desk_life: DeskLife
    greeting: Greeting
    hearing: Hearing
    # What is on disk.
    spill: Spill
    aside: Aside
    incoming: Spill

    def statistics(self) -> Statistics:
        """Return what tells how each part is; the names are those of the metrics, so never changed."""
        statistics: dict[str, Callable[[], DataclassInstance]] = {
            "slack": self.socket_mode.statistics,
            "easemob_sessions": self.pool.statistics,
            "easemob_rest": self.rest.statistics,
            "files_to_kefu": self.carrying.statistics,
            "messages": self.receipts.statistics,
            "proof": self.proving.statistics,
            "telling": self.telling.statistics,
            "backfill": self.backfill.statistics,
            "lanes_to_kefu": self.words.statistics,
            "lanes_to_slack": self.replies.lanes,
            "affairs": self.affairs.statistics,
            "spill": self.spill.statistics,
            "aside": self.aside.statistics,
            "names": self.directory.statistics,
            "intake": self.intake.statistics,
            "deeds": self.deeds.statistics,
            "homes": self.homes.statistics,
            "first_contact": self.first_contact.statistics,
            "replies": self.replies.statistics,
            "agent_notes": self.agent_notes.statistics,
            "posting": self.posting.statistics,
            "media": self.media.statistics,
            "session_status": self.session_status.statistics,
            "desk_life": self.desk_life.statistics,
            "echoes": self.hearing.statistics,
            "ways": self.ways.statistics,
            "arrivals": self.arrivals.statistics,
            "polling": self.polling.statistics,
            "incoming": self.incoming.statistics,
        }
        if self.second_channel is not None:
            statistics["second_channel"] = self.second_channel.statistics
        if self.desk_state is not None:
            statistics["desk_state"] = self.desk_state.statistics
        return statistics


def build(
    config: Config, world: World, store: Store, *, installations: Installations, book: Book, nursery: trio.Nursery
) -> Parts:
    """
    Make every part.

    Args:
        config: What the operator said.
        world: Network, disk, calendar and chance.
        store: Where tokens and installations are kept, and the name of our device.
        installations: Who installed the app.
        book: The visitors' records.
        nursery: Where discovery and token requests run that several wait for.

    """
    app_key, service_number = AppKey.parse(config.easemob.app_key), im_user(config.kefu.service_number)

    # The ends.
    web = WebClient(world=world, api_url=config.slack.api_url, app_token=config.slack.app_token)
    files = Files(world=world, web=web, api_url=config.slack.api_url)
    directory = Directory(web=web)
    languages = Languages(directory, default=config.slack.language)
    views = Views(world=world, web=web, api_url=config.slack.api_url)
    reading = Reading(web=web)
    endpoints = Endpoints(
        world=world,
        nursery=nursery,
        app_key=app_key,
        rest_url=config.easemob.rest_url,
        websocket_url=config.easemob.websocket_url,
        discovery_url=config.easemob.discovery_url,
    )
    rest = RestClient(
        world=world,
        nursery=nursery,
        endpoints=endpoints,
        app_key=app_key,
        client_id=config.easemob.client_id,
        client_secret=config.easemob.client_secret,
        store=store.tokens,
    )

    second_channel, desk_state = _private_api(config, world, app_key, service_number, rest)

    # Desk → Slack. Some know each other in a circle: who holds sessions, who answers, who knows which are open, who
    # tells agents, who asks where a login is missing, who waits for the desk's confirmation; and who posts, and who
    # hears of it.
    aside = Aside(store.aside, wall=world.wall)
    intents = Intents(journal=store.kefu_journal, wall=world.wall)
    placed = Placed()
    hearing = Hearing(renew=lambda: socket_mode.renew())  # noqa: PLW0108 - socket_mode comes later
    posting = Posting(
        world=world,
        web=web,
        installations=installations,
        book=book,
        intents=intents,
        hearing=hearing,
        looking=Looking(web=web, reading=reading, hearing=hearing),
        uploads=Uploads(world=world, web=web),
    )
    media = MediaAnswering(
        fetch=MediaFetch(world=world, kefu_url=config.kefu.url, app_key=app_key, addresses=endpoints, tokens=rest),
        posting=posting,
    )

    changing = Changing(world=world, installations=installations, book=book)
    readers = Readers(book=book, installations=installations, languages=languages)
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
        desk=desk_state,
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
    attendance = Attendance(on_change=lambda user: homes.changed(user))  # noqa: PLW0108 - the homes come later
    sessions = OpenSessions(
        _each(
            lambda user, is_open: pool.set_open(user, is_open),  # noqa: PLW0108 - pool comes later
            lambda user, is_open: polling.set_open(user, is_open),  # noqa: PLW0108 - polling comes later
            desk_life.set_open,
        )
    )
    agent_notes = AgentNotes(
        book=book,
        service_number=service_number,
        send=lambda user, message: pool.send(user, message),  # noqa: PLW0108 - pool comes later
        world=world,
    )
    replies = Replies(
        service_number=service_number,
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
            asks_useful=second_channel is not None,
            wall=world.wall,
            on_said=_each(attendance.note, desk_life.heard),
        ),
        notes=agent_notes,
        aside=aside,
        journal=store.kefu_journal,
        intents=intents,
        placed=placed,
        on_ack=lambda user, mark: proving.on_ack(user, mark),  # noqa: PLW0108 - proving comes later
        world=world,
    )
    pool = Pool(
        world=world,
        rest=rest,
        endpoints=endpoints,
        app_key=app_key,
        resource=store.resource,
        max_sessions=config.easemob.max_sessions,
        logins_per_second=config.easemob.logins_per_second,
        on_batch=replies.deliver,
        on_drained=lambda user: proving.on_drained(user),  # noqa: PLW0108 - proving comes later
        on_lost=lambda user: polling.lost(user),  # noqa: PLW0108 - polling comes later
    )
    arrivals = Arrivals(
        shelf=store.incoming,
        deliver=replies.deliver,
        queue=Queue.of(str(app_key), service_number, DOMAIN, home=str(app_key)),
        world=world,
    )
    greeting = Greeting(desk=desk_state, arrivals=arrivals, attempts=attempts, book=book)
    polling = Polling(channel=second_channel, arrivals=arrivals, is_missing=pool.is_missing)

    # Slack → desk.
    ways = Ways(
        logins=pool,
        rest=RestSend(rest),
        second=second_channel,
        wrote=_each(polling.wrote, desk_life.wrote, greeting.wrote),
    )
    telling = Telling(
        world=world, web=web, installations=installations, languages=languages, journal=store.slack_journal
    )
    gaps = Gaps(store.reserve, on_gap=lambda key: backfill.gap(key))  # noqa: PLW0108 - backfill comes later
    receipts = Receipts(
        journal=store.slack_journal, spill=store.spill, gaps=gaps, wall=world.wall, on_left=telling.take
    )
    sheltering = Sheltering(
        receipts=receipts,
        is_live=pool.is_up,
        on_safe=lambda user: words.stow(user),  # noqa: PLW0108 - words comes later
    )
    carrying = Carrying(files=files, attachments=Attachments(rest, chance=world.chance), world=world)
    proving = Proving(
        proof=Proof(ways=(Way.AGAIN, Way.TELL) if second_channel is None else (Way.AGAIN, Way.SECOND, Way.TELL)),
        sessions=pool,
        reader=Rereading(
            reading=reading,
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
        directory=directory,
        book=book,
        send=ways.send,
        service_number=service_number,
        wall=world.wall,
    )
    forwarding = Forwarding(
        world=world,
        pool=ways,
        directory=directory,
        book=book,
        receipts=receipts,
        sheltering=sheltering,
        proving=proving,
        aside=aside,
        installations=installations,
        fields=config.kefu.visitor_fields,
        sources=sources,
        entrances=Entrances(config.kefu.entrance, config.kefu.workspaces, config.kefu.channels),
        service_number=service_number,
        carrying=carrying,
        on_typed=used_menus.typed,
    )
    words: Lanes[ImUser, Parcel] = Lanes(
        forwarding.work, per_lane=PER_LANE, in_all=IN_ALL_LANES, order=lambda parcel: parcel.order, tail=receipts
    )
    deeds, homes, first_contact = _deeds(
        config,
        world,
        _Ends(web=web, views=views, directory=directory, languages=languages, second_channel=second_channel),
        is_taken_back=recalling.is_taken_back,
        installations=installations,
        book=book,
        bringing=Bringing(
            take=lambda forward, delivery: intake.take_deed(forward, delivery),  # noqa: PLW0108 - the intake comes later
            custody=receipts,
            book=book,
            installations=installations,
            wall=world.wall,
        ),
        standing=Standing(attendance=attendance, waiting=words.depth, wall=world.wall),
    )
    affairs = Lanes(
        Affairs(
            installations=installations,
            store=store.installations,
            book=book,
            directory=directory,
            disk=world.disk,
            on_joined=first_contact.joined,
        ).handle,
        per_lane=AFFAIRS,
        in_all=IN_ALL_LANES,
    )
    intake = Intake(
        installations=installations,
        channels=config.slack.channels,
        book=book,
        receipts=receipts,
        words=words,
        sheltering=sheltering,
        changes=Changes(receipts=receipts, aside=aside, way=forwarding),
        deeds=deeds,
        affairs=affairs,
        hearing=hearing,
        wall=world.wall,
        on_came=lambda envelope: watch.came(envelope),  # noqa: PLW0108 - the watch comes later
        on_wrote=first_contact.wrote,
    )
    socket_mode = SocketMode(
        world=world,
        web=web,
        connections=config.slack.connections,
        on_delivery=intake.take,
        on_gap=lambda gap: watch.missed(gap),  # noqa: PLW0108 - the watch comes later
    )

    # What was missed.
    max_age_s = config.slack.backfill_max_age * HOUR_S
    marks = Marks(max_age_s=max_age_s)
    backfill = Backfill(
        reading=reading,
        installations=installations,
        book=book,
        intake=intake,
        receipts=receipts,
        marks=marks,
        gaps=gaps,
        journal=store.slack_journal,
        channels=config.slack.channels,
        max_age_s=max_age_s,
        wall=world.wall,
    )
    watch = Watch(
        marks=marks,
        gaps=gaps,
        receipts=receipts,
        backfill=backfill,
        file=store.alive,
        disk=world.disk,
        is_listening=lambda: socket_mode.statistics().connections_up > 0,
        wall=world.wall,
    )

    return Parts(
        installations=installations,
        book=book,
        web=web,
        files=files,
        directory=directory,
        views=views,
        socket_mode=socket_mode,
        rest=rest,
        pool=pool,
        second_channel=second_channel,
        desk_state=desk_state,
        intake=intake,
        deeds=deeds,
        homes=homes,
        first_contact=first_contact,
        receipts=receipts,
        sheltering=sheltering,
        proving=proving,
        telling=telling,
        backfill=backfill,
        watch=watch,
        forwarding=forwarding,
        carrying=carrying,
        words=words,
        affairs=affairs,
        ways=ways,
        sessions=sessions,
        replies=replies,
        agent_notes=agent_notes,
        arrivals=arrivals,
        polling=polling,
        posting=posting,
        media=media,
        session_status=session_status,
        used_menus=used_menus,
        desk_life=desk_life,
        greeting=greeting,
        hearing=hearing,
        spill=store.spill,
        aside=aside,
        incoming=store.incoming,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ends:
    """What deeds need of the two ends."""

    web: WebClient
    views: Views
    directory: Directory
    languages: Languages
    second_channel: SecondChannel | None


def _deeds(
    config: Config,
    world: World,
    ends: _Ends,
    *,
    installations: Installations,
    book: Book,
    bringing: Bringing,
    standing: Standing,
    is_taken_back: Callable[[str, str], bool],
) -> tuple[Deeds, Homes, FirstContact]:
    """Make what carries out what people do besides writing, and what is said to them at first."""
    views, languages = ends.views, ends.languages
    saying = Saying(world=world, web=ends.web)
    first_contact = FirstContact(
        saying=saying,
        book=book,
        languages=languages,
        channels=config.slack.channels,
        is_on=config.slack.introduction,
    )
    replying = Replying(web=ends.web, views=views, languages=languages, is_taken_back=is_taken_back)
    clicks = Clicks(
        book=book,
        bringing=bringing,
        replying=replying,
        views=views,
        wall=world.wall,
        channel=ends.second_channel,
    )
    whereabouts = Whereabouts(web=ends.web, book=book)
    granting = Granting(
        bringing=bringing,
        standing=standing,
        views=views,
        rate=clicks.ask_rating,
        stop=None if ends.second_channel is None else ends.second_channel.stop,
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
        directory=ends.directory,
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
    return Deeds(handlers), homes, first_contact


def _private_api(
    config: Config, world: World, app_key: AppKey, service_number: ImUser, tokens: RestClient
) -> tuple[SecondChannel, DeskState] | tuple[None, None]:
    """Make what calls the desk's own API, where it may be used."""
    if not config.kefu.private_api:
        return None, None
    url, tenant_id = config.kefu.url, config.kefu.tenant_id
    second = SecondChannel(world=world, url=url, tenant_id=tenant_id, app_key=app_key, service_number=service_number)
    state = DeskState(
        world=world, url=url, tenant_id=tenant_id, app_key=app_key, service_number=service_number, tokens=tokens
    )
    return second, state


def _each(*told: Callable[P, None]) -> Callable[P, None]:
    """Return what tells everybody the same."""

    def tell(*args: P.args, **kwargs: P.kwargs) -> None:
        for each in told:
            each(*args, **kwargs)

    return tell
