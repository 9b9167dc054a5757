"""
The daemon as a whole: what is started, in which order, and how it is stopped.

Everything lives in one nursery. The way to the desk is up before Slack is listened to, so that no envelope arrives that
nobody could take; it goes down after Slack has been let go, so that what is in hand can still pass. Stopping takes less
than 10 s: what is not over by then is in the spill, or was neither acknowledged to Slack nor pulled past at Easemob,
and comes again.
"""

from __future__ import annotations

import os
import signal
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
import trio

from slackkefu.bridge.book import Book, is_open
from slackkefu.bridge.forgetting.clearing import load
from slackkefu.control import ControlServer
from slackkefu.easemob.names import im_user
from slackkefu.easemob.recovery import after_start
from slackkefu.errors import (
    EasemobSetupError,
    OperatorError,
    SlackApiError,
    SlackkefuError,
    SlackSetupError,
    StoreBroken,
    StoreError,
)
from slackkefu.net.backoff import backoff
from slackkefu.operating.handlers import handlers
from slackkefu.parts import Core, build
from slackkefu.service import notify
from slackkefu.service.metrics import Metrics, write_textfile
from slackkefu.slack.installation import Installations, from_bot, to_bot
from slackkefu.slack.recovery import InstallationDead, Operator, after
from slackkefu.store import open_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slackkefu.bridge.forgetting.clearing import Left
    from slackkefu.config import Config
    from slackkefu.easemob.names import ImUser
    from slackkefu.easemob.rest import RestClient
    from slackkefu.parts import Client, Parts, Statistics
    from slackkefu.secret import Secret
    from slackkefu.slack.installation import Installation
    from slackkefu.slack.web import WebClient
    from slackkefu.store import Store
    from slackkefu.world import Disk, World

__all__ = ["run", "run_daemon"]

log = structlog.get_logger()

FINISH_S: Final = 4.0
"""How long answers in hand may still take; Slack's own 3 s bound the other direction."""

CLOSE_S: Final = 1.0

METRICS_S: Final = 15.0

_NO_SERVICE_NUMBER: Final = "check kefu.service_number: no IM user of this app has that name"

_CHECK: Final = "Check slack.bot_token: it is the bot token (xoxb-…) of this app in one workspace."
_ROTATING: Final = (
    "The app has token rotation, so slack.bot_token (xoxe.xoxb-…) lives 12 hours, and nothing can renew it. Take it "
    "out, set slack.client_id and slack.client_secret, and run slackkefu install, which gets a token that is renewed."
)
_RENEWED: Final = "installed with a token that is renewed, and served with that; take slack.bot_token out"

HOUSEKEEPING_S: Final = 1800.0
"""How often the store is cleared of what nobody needs: words that are over leave the disk within an hour."""


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
        await run(config, world, stop=stop, on_ready=on_ready, is_asked=True)
        nursery.cancel_scope.cancel()


async def _be_a_good_service(metrics: Metrics, disk: Disk) -> None:
    """Tell systemd that we are ready and alive, and write the metrics where $RUNTIME_DIRECTORY wants them."""
    folder = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    notify.ready()
    while True:
        notify.alive()
        if folder:
            try:
                await disk.run(partial(write_textfile, Path(folder, "metrics.prom"), metrics.render()))
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


async def run(
    config: Config,
    world: World,
    *,
    stop: trio.Event,
    on_ready: Callable[[Statistics], None],
    is_asked: bool = False,
) -> None:
    """
    Run until *stop* is set; returns when everything is closed.

    A cancellation closes everything too, without finishing what is in hand.

    Args:
        config: What the operator said.
        world: Network, disk, calendar and chance.
        stop: Set by whoever wants the daemon to end.
        on_ready: Called once messages can pass, with what tells how things are.
        is_asked: Whether there is a control socket, which is no part of *world*: it does not live in virtual time.

    Raises:
        OperatorError: Somebody has to act before the daemon can work.

    """
    with open_store(config.store.path, world) as store:
        # The clients are closed after everything that calls them has ended.
        async with AsyncExitStack() as clients, trio.open_nursery() as nursery:
            ready = trio.Event()
            nursery.start_soon(_give_up_starting, stop, ready, nursery.cancel_scope)
            parts, left = await _build(config, world, store, nursery)
            for client in parts.clients():
                clients.push_async_callback(_close, client)
            await _make_sure_of_both(parts)
            await parts.start(nursery)
            await _take_over(parts, left, nursery)
            nursery.start_soon(_keep_house, parts)
            control = ControlServer(store.path, handlers(parts))
            if is_asked:
                await nursery.start(control.run)
            statistics = {**parts.statistics(), "control": control.statistics}
            await _serve(parts, stop=stop, ready=ready, on_ready=lambda: on_ready(statistics))
            nursery.cancel_scope.cancel()
    log.info("daemon.stopped")


async def _build(config: Config, world: World, store: Store, nursery: trio.Nursery) -> tuple[Parts, Left]:
    """Make the parts, with what is known from before; return what they have to take over besides."""
    # Before anything is written to the store, and before anybody is known who is being erased.
    erasures, _ = await world.disk.run(store.erasures.load_all)
    left = await load(store, world.disk, erasures)
    bots, _ = await world.disk.run(store.installations.bots)
    records, _ = await world.disk.run(store.visitors.load_all)
    core = Core(
        config=config,
        world=world,
        store=store,
        installations=Installations(map(from_bot, bots)),
        book=Book(records, store=store.visitors, disk=world.disk),
    )
    parts = build(core, nursery=nursery)
    parts.easemob.erasing.restore(erasures)
    return parts, left


async def _make_sure_of_both(parts: Parts) -> None:
    """Ask Easemob and Slack whether they let us in, before anything is taken from either."""
    config = parts.core.config
    # In the background: what Slack told while we were away, it told nobody.
    parts.installing.ask_all()
    await _check_easemob(parts.easemob.rest, parts.easemob.service_number)
    if config.slack.bot_token is not None:
        await _install_own(config.slack.bot_token, parts)
    if not len(parts.core.installations):
        log.warning("slack.no_installations", meaning="no workspace has the app; set slack.bot_token or install it")


async def _take_over(parts: Parts, left: Left, nursery: trio.Nursery) -> None:
    """Take over from the run before, then have the answers that have come since."""
    core, to_slack = parts.core, parts.to_slack
    await _restore(parts, left)
    await nursery.start(to_slack.polling.run)
    await parts.leaving.start(nursery)
    to_slack.reach.restore()
    now = core.world.wall()
    to_slack.pool.watch((im_user(record.im_user), record.last_active, is_open(record, now=now)) for record in core.book)
    for record in core.book:
        user = im_user(record.im_user)
        if is_open(record, now=now) and to_slack.reach.why_not(user) is None:
            to_slack.sessions.heard(user, ago_s=now - record.last_active)


async def _restore(parts: Parts, left: Left) -> None:
    """Know again what has ended, what is to be confirmed or told, and what waits in the spill."""
    store, disk = parts.core.store, parts.core.world.disk
    to_kefu, to_slack = parts.to_kefu, parts.to_slack
    ended = left.slack
    to_kefu.receipts.restore(ended)
    to_kefu.forwarding.restore(ended)
    to_kefu.proving.restore(ended)
    to_kefu.telling.restore(ended)
    before, marked = await disk.run(store.alive.load), await disk.run(store.reserve.load)
    parts.taking_in.watch.restore(before, ended, marked, await disk.run(store.presence.load))
    parts.taking_in.begin()
    to_slack.replies.restore(left.kefu)
    to_slack.polling.restore(left.incoming)
    await to_slack.aside.restore(left.aside)
    for lane, parcel in to_kefu.receipts.restore_spilled(left.spilled):
        user = im_user(lane)
        to_kefu.sheltering.took(user, parcel, received_at=0.0, is_slow=True)
        to_kefu.words.put(user, parcel)
    restored = to_kefu.receipts.statistics().spilled
    if restored:
        log.info("spill.restored", messages=restored, meaning="acknowledged before, brought to the desk now")


async def _keep_house(parts: Parts) -> None:
    """Clear the store of what nobody needs, until cancelled."""
    store = parts.core.store
    while True:
        await trio.sleep(HOUSEKEEPING_S)
        try:
            parts.taking_in.intake.forget_early()
            await store.slack_journal.forget(mark=parts.taking_in.watch.mark)
            await store.kefu_journal.forget()
            await store.spill.compact()
            parts.to_slack.aside.forget_old()
            await store.aside.compact()
            await store.incoming.compact()
            await store.reserve.prepare()
        except StoreBroken:
            raise
        except StoreError as exc:
            log.error("store.not_cleared", problem=str(exc), meaning="nothing is lost; tried again later")  # noqa: TRY400 - for an operator, no traceback


async def _serve(parts: Parts, *, stop: trio.Event, ready: trio.Event, on_ready: Callable[[], None]) -> None:
    """Listen to Slack until *stop* is set, then let what is in hand pass."""
    core, listen, to_kefu, to_slack = parts.core, parts.taking_in, parts.to_kefu, parts.to_slack
    async with trio.open_nursery() as listening:
        await listening.start(listen.socket_mode.run)
        async with trio.open_nursery() as reading:
            await listen.watch.begin()
            await reading.start(listen.watch.run)
            await reading.start(listen.backfill.run)
            log.info("daemon.ready", installations=len(core.installations), visitors=len(core.book))
            ready.set()
            on_ready()
            await stop.wait()
            # The last moment at which we listened.
            await listen.watch.keep()
            reading.cancel_scope.cancel()
        # What is in hand passes and is acknowledged; what comes now is left to its source, which keeps it.
        listening.start_soon(listen.socket_mode.drain)
        listening.start_soon(to_kefu.sheltering.shelter_all)
        with trio.move_on_after(FINISH_S):
            async with trio.open_nursery() as finishing:
                finishing.start_soon(to_kefu.ways.finish)
                finishing.start_soon(to_slack.polling.finish)
                finishing.start_soon(to_slack.replies.finish)
        with trio.move_on_after(CLOSE_S):
            await to_kefu.proving.flush()
    await listen.watch.keep()
    left = to_kefu.receipts.statistics()
    log.info("daemon.left", unacknowledged=left.in_hand - left.spilled, in_the_spill=left.spilled)


async def _give_up_starting(stop: trio.Event, ready: trio.Event, scope: trio.CancelScope) -> None:
    """Let a stop that comes before everything works end the start at once: nothing is in hand yet."""
    await stop.wait()
    if not ready.is_set():
        scope.cancel()


async def _close(client: Client) -> None:
    with trio.move_on_after(CLOSE_S, shield=True):
        await client.aclose()


async def _check_easemob(rest: RestClient, service_number: ImUser) -> None:
    """Make sure of the app's credentials; an Easemob that is away now is asked again when it is needed."""
    try:
        await _until_answered(rest.check)
        if not await rest.user_exists(service_number):
            # Easemob takes messages to anybody (facts/easemob-rest.md §6.1): nothing else would tell.
            log.error("easemob.no_service_number", meaning="nobody at the desk hears", advice=_NO_SERVICE_NUMBER)
    except OperatorError:
        raise
    except SlackkefuError as error:
        log.warning(
            "easemob.unreachable",
            problem=str(error),
            meaning="messages wait at Slack until it answers",
            advice="check easemob.rest_url or easemob.discovery_url, DNS and the firewall",
        )


async def _until_answered(check: Callable[[], Awaitable[None]]) -> None:
    """Ask until Easemob itself has answered; raises OperatorError, also when something else has answered too often."""
    failures = 0
    while True:
        try:
            return await check()
        except EasemobSetupError as error:
            failures += 1
            pause_s = after_start(error, failures=failures)
            if pause_s is None:
                raise
            log.warning("easemob.refused", problem=str(error), meaning="nothing is taken yet", again_in_s=pause_s)
        await trio.sleep(pause_s)


async def _install_own(token: Secret, parts: Parts) -> None:
    """
    Make the installation of the configured bot token.

    Slack is asked until it answers: without the installation every message would look like a stranger's. What was
    installed with a refresh token stays: the configured token knows nothing of those that followed it.
    """
    world, installations = parts.core.world, parts.core.installations
    try:
        installation = await _ask_who_we_are(token, world, parts.slack.web)
    except SlackSetupError as exc:
        if all(each.bot_token == token for each in installations):
            raise
        # One workspace's token must not keep the others from being served.
        log.error("slack.bot_token_refused", problem=str(exc), meaning="only what was installed otherwise is served")  # noqa: TRY400 - for an operator, no traceback
        return
    known = installations.get(installation.key)
    if known is not None and known.refresh_token is not None:
        log.warning("slack.bot_token_unused", installation=str(known.key), meaning=_RENEWED)
        return
    if _expires(token):
        log.error("slack.bot_token_expires", meaning="within 12 hours nothing is posted any more", advice=_ROTATING)
    is_the_same = known is not None and known.bot_token == token
    installed_at = known.installed_at if known is not None and is_the_same else world.wall()
    await parts.installing.install(to_bot(installation, installed_at))


async def _ask_who_we_are(token: Secret, world: World, web: WebClient) -> Installation:
    pauses = backoff(world.chance, first_s=1.0, cap_s=60.0)
    while True:
        try:
            return (await web.auth_test(token)).installation(token)
        except SlackkefuError as error:
            if isinstance(error, SlackApiError) and isinstance(after(error), InstallationDead | Operator):
                raise SlackSetupError(error.method, error.code, _ROTATING if _expires(token) else _CHECK) from error
            pause = next(pauses)
            advice = "check slack.api_url, DNS and the firewall"
            log.warning("slack.unreachable", problem=str(error), advice=advice, again_in_s=round(pause, 1))
        await trio.sleep(pause)


def _expires(token: Secret) -> bool:
    """Tell whether *token* is one of an app with token rotation (facts/slack.md §12)."""
    return token.reveal().startswith("xoxe.")
