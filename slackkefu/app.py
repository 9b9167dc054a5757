"""
The daemon as a whole: what is started, in which order, and how it is stopped.

Everything lives in one nursery. The way to the desk is up before Slack is listened to, so that no envelope arrives that
nobody could take; it goes down after Slack has been let go, so that what is in hand can still pass. Stopping takes less
than 10 s: what is not over by then was neither acknowledged to Slack nor pulled past at Easemob, and comes again.
"""

from __future__ import annotations

import os
import signal
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog
import trio

from slackkefu.bridge.affairs import Affairs
from slackkefu.bridge.book import Book, is_open
from slackkefu.bridge.forwarding import Forwarding
from slackkefu.bridge.intake import Intake
from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.open_sessions import OpenSessions
from slackkefu.bridge.posting import Posting
from slackkefu.bridge.receipts import Receipts
from slackkefu.bridge.replies import Replies
from slackkefu.easemob.discovery import Endpoints
from slackkefu.easemob.names import AppKey, im_user
from slackkefu.easemob.pool import Pool
from slackkefu.easemob.rest import RestClient
from slackkefu.errors import OperatorError, SlackApiError, SlackkefuError, SlackSetupError
from slackkefu.net.backoff import backoff
from slackkefu.service import notify
from slackkefu.service.metrics import Metrics
from slackkefu.slack.connections import SocketMode
from slackkefu.slack.directory import Directory
from slackkefu.slack.installation import Installations, from_bot, to_bot
from slackkefu.slack.recovery import InstallationDead, Operator, after
from slackkefu.slack.web import WebClient
from slackkefu.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import DataclassInstance

    from slackkefu.config import Config
    from slackkefu.secret import Secret
    from slackkefu.slack.installation import Installation
    from slackkefu.store import Store
    from slackkefu.world import Disk, World

__all__ = ["Statistics", "run", "run_daemon"]

log = structlog.get_logger()

PER_LANE: Final = 200
"""Messages in one visitor's lane; more are left to Slack."""

IN_ALL_LANES: Final = 20_000
"""Messages in hand in all; at a few kilobytes each they stay under 100 MB."""

FINISH_S: Final = 4.0
"""How long answers in hand may still take; Slack's own 3 s bound the other direction."""

CLOSE_S: Final = 1.0

METRICS_S: Final = 15.0

Statistics: TypeAlias = "Mapping[str, Callable[[], DataclassInstance]]"
"""What tells how each part is, by name."""


async def run_daemon(config: Config, world: World) -> None:
    """
    Run until SIGTERM or SIGINT.

    Raises:
        OperatorError: Somebody has to act before the daemon can work; its text says what to do.

    """
    stop = trio.Event()
    async with trio.open_nursery() as nursery:

        def on_ready(statistics: Statistics) -> None:
            nursery.start_soon(_be_a_good_service, Metrics(statistics), world.disk)

        await nursery.start(_stop_on_signal, stop)
        await run(config, world, stop=stop, on_ready=on_ready)
        nursery.cancel_scope.cancel()


async def _be_a_good_service(metrics: Metrics, disk: Disk) -> None:
    """Tell systemd that we are ready and alive, and write the metrics where $RUNTIME_DIRECTORY wants them."""
    folder = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    notify.ready()
    while True:
        notify.alive()
        if folder:
            try:
                await disk.run(partial(metrics.write_textfile, Path(folder, "metrics.prom")))
            except OSError as exc:
                log.warning("metrics.unwritable", problem=str(exc))
        await trio.sleep(min(METRICS_S, notify.watchdog_s() or METRICS_S))


async def _stop_on_signal(stop: trio.Event, *, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            log.info("daemon.stopping", signal=signal.Signals(number).name)
            notify.stopping()
            stop.set()


async def run(config: Config, world: World, *, stop: trio.Event, on_ready: Callable[[Statistics], None]) -> None:
    """
    Run until *stop* is set; returns when everything is closed.

    A cancellation closes everything too, without finishing what is in hand.

    Args:
        config: What the operator said.
        world: Network, disk, calendar and chance.
        stop: Set by whoever wants the daemon to end.
        on_ready: Called once messages can pass, with what tells how things are.

    Raises:
        OperatorError: Somebody has to act before the daemon can work.

    """
    with open_store(config.store.path, world) as store:
        # The clients are closed after everything that calls them has ended.
        async with AsyncExitStack() as clients, trio.open_nursery() as nursery:
            await _run(config, world, store, clients, nursery, stop, on_ready)
            nursery.cancel_scope.cancel()
    log.info("daemon.stopped")


async def _run(
    config: Config,
    world: World,
    store: Store,
    clients: AsyncExitStack,
    nursery: trio.Nursery,
    stop: trio.Event,
    on_ready: Callable[[Statistics], None],
) -> None:
    ready = trio.Event()
    nursery.start_soon(_give_up_starting, stop, ready, nursery.cancel_scope)

    # What is known from before.
    bots, _ = await world.disk.run(store.installations.bots)
    installations = Installations(map(from_bot, bots))
    records, _ = await world.disk.run(store.visitors.load_all)
    book = Book(records, store=store.visitors, disk=world.disk)

    # The parts, from the ends to the middle.
    web = WebClient(world=world, api_url=config.slack.api_url, app_token=config.slack.app_token)
    clients.push_async_callback(_close, web)
    app_key = AppKey.parse(config.easemob.app_key)
    service_number = im_user(config.kefu.service_number)
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
    clients.push_async_callback(_close, rest)
    posting = Posting(world=world, web=web, installations=installations, book=book)
    # The three know each other in a circle: sessions, who answers, who listens.
    sessions = OpenSessions(lambda user, is_open: pool.set_open(user, is_open))  # noqa: PLW0108 - pool comes later
    replies = Replies(service_number=service_number, book=book, posting=posting, sessions=sessions, wall=world.wall)
    pool = Pool(
        world=world,
        rest=rest,
        endpoints=endpoints,
        app_key=app_key,
        resource=store.resource,
        max_sessions=config.easemob.max_sessions,
        logins_per_second=config.easemob.logins_per_second,
        on_batch=replies.deliver,
    )
    directory = Directory(web=web)
    receipts = Receipts()
    forwarding = Forwarding(
        world=world,
        pool=pool,
        directory=directory,
        book=book,
        receipts=receipts,
        fields=config.kefu.visitor_fields,
        service_number=service_number,
    )
    affairs = Affairs(
        installations=installations, store=store.installations, book=book, directory=directory, disk=world.disk
    )
    words = Lanes(forwarding.work, per_lane=PER_LANE, in_all=IN_ALL_LANES)
    affair_lanes = Lanes(affairs.handle, per_lane=PER_LANE, in_all=IN_ALL_LANES)
    intake = Intake(
        installations=installations,
        channels=config.slack.channels,
        book=book,
        receipts=receipts,
        words=words,
        affairs=affair_lanes,
        wall=world.wall,
    )
    socket_mode = SocketMode(world=world, web=web, connections=config.slack.connections, on_delivery=intake.take)

    # Who has to let us in.
    await _check_easemob(rest)
    if config.slack.bot_token is not None:
        await _install_own(config.slack.bot_token, world, store, web, installations)
    if not len(installations):
        log.warning("slack.no_installations", meaning="no workspace has the app; set slack.bot_token or install it")

    # From the desk towards Slack.
    await nursery.start(sessions.run)
    await nursery.start(replies.run)
    await nursery.start(pool.run)
    await nursery.start(directory.run)
    await nursery.start(words.run)
    await nursery.start(affair_lanes.run)
    now = world.wall()
    pool.watch((im_user(record.im_user), record.last_active, is_open(record, now=now)) for record in book)
    for record in book:
        if is_open(record, now=now):
            sessions.heard(im_user(record.im_user), ago_s=now - record.last_active)
    async with trio.open_nursery() as listening:
        await listening.start(socket_mode.run)
        log.info("daemon.ready", installations=len(installations), visitors=len(book))
        ready.set()
        on_ready(
            {
                "slack": socket_mode.statistics,
                "easemob_sessions": pool.statistics,
                "easemob_rest": rest.statistics,
                "messages": receipts.statistics,
                "lanes_to_kefu": words.statistics,
                "lanes_to_slack": replies.statistics,
                "affairs": affair_lanes.statistics,
                "names": directory.statistics,
                "intake": intake.statistics,
                "posting": posting.statistics,
            }
        )
        await stop.wait()
        # What is in hand passes and is acknowledged; what comes now is left to its source, which keeps it.
        listening.start_soon(socket_mode.drain)
        with trio.move_on_after(FINISH_S):
            await replies.finish()
    log.info("daemon.left", unacknowledged=receipts.statistics().in_hand, meaning="Slack still has these messages")


async def _give_up_starting(stop: trio.Event, ready: trio.Event, scope: trio.CancelScope) -> None:
    """Let a stop that comes before everything works end the start at once: nothing is in hand yet."""
    await stop.wait()
    if not ready.is_set():
        scope.cancel()


async def _close(client: WebClient | RestClient) -> None:
    with trio.move_on_after(CLOSE_S, shield=True):
        await client.aclose()


async def _check_easemob(rest: RestClient) -> None:
    """Make sure of the app's credentials; an Easemob that is away now is asked again when it is needed."""
    try:
        await rest.check()
    except OperatorError:
        raise
    except SlackkefuError as error:
        log.warning(
            "easemob.unreachable",
            problem=str(error),
            meaning="messages wait at Slack until it answers",
            advice="check easemob.rest_url or easemob.discovery_url, DNS and the firewall",
        )


async def _install_own(token: Secret, world: World, store: Store, web: WebClient, installations: Installations) -> None:
    """
    Make the installation of the configured bot token.

    Slack is asked until it answers: without the installation every message would look like a stranger's.
    """
    installation = await _ask_who_we_are(token, world, web)
    installations.put(installation)
    await world.disk.run(partial(store.installations.save_bot, to_bot(installation, world.wall())))


async def _ask_who_we_are(token: Secret, world: World, web: WebClient) -> Installation:
    pauses = backoff(world.chance, first_s=1.0, cap_s=60.0)
    while True:
        try:
            return (await web.auth_test(token)).installation(token)
        except SlackkefuError as error:
            if isinstance(error, SlackApiError) and isinstance(after(error), InstallationDead | Operator):
                advice = "Check slack.bot_token: it is the bot token (xoxb-…) of this app in one workspace."
                raise SlackSetupError(error.method, error.code, advice) from error
            pause = next(pauses)
            advice = "check slack.api_url, DNS and the firewall"
            log.warning("slack.unreachable", problem=str(error), advice=advice, again_in_s=round(pause, 1))
        await trio.sleep(pause)
