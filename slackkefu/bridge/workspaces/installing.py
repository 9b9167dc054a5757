"""
Installing: who is served changes here, and nowhere else.

An installation is on disk before it is used: a kill in between costs nothing, the next start knows it. One that goes is
forgotten in memory first, so that nothing is called with its token any more, and then on disk; after a kill in between
the next start asks Slack, and finds its token dead. A disk that takes neither is tried again until it does.

Slack tells of an uninstall up to a day late (facts/slack.md §2), also when the app is back by then, and never what it
told while nobody listened. So the token itself is asked: it dies before Slack tells (§3), and one that works is not
removed. Only where Slack cannot be asked does the time of the event decide, and in doubt nothing is removed: whoever
uses a dead token next reports it.

Since when the app has been in a workspace *without a break* is kept with its installation. What was written there
before is not read from the history: the app had left, and nobody there had agreed to it. It is not known for a break
that was never noticed, so it is asked at an install: the break is over then only if the token before it works still.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, final

import structlog
import trio

from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.easemob.agenda import Alarm
from slackkefu.errors import SlackApiError, SlackkefuError, StoreBroken, StoreError
from slackkefu.net.backoff import backoff
from slackkefu.secret import Secret
from slackkefu.slack.installation import from_bot, to_bot
from slackkefu.slack.recovery import DEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_sdk.oauth.installation_store.models.bot import Bot

    from slackkefu.slack.absence import Gap
    from slackkefu.slack.installation import Installation, InstallationKey, Installations
    from slackkefu.slack.tokens import Renewed
    from slackkefu.slack.web import Identity
    from slackkefu.world import World

__all__ = ["Installing", "InstallingStatistics"]

log = structlog.get_logger()

CLOCKS_S: Final = 600.0
"""How much later than the installation an event must be, where nothing but the time tells: clocks differ."""

AT_ONCE: Final = 8
"""Installations that are asked about at a time."""

RETRY_FIRST_S: Final = 10.0
RETRY_CAP_S: Final = 600.0

ABSENT_S: Final = 300.0
"""Without a connection for longer than this Slack may have told of an uninstall in vain."""

_GONE: Final = DEAD | {"invalid_auth", "not_authed"}
"""Codes that bear out what Slack has told; by themselves some may mean something else (facts/slack.md §9)."""


class Store(Protocol):
    """Where installations are kept; blocks on files. The part of :class:`slackkefu.store.installations`."""

    def keep_only(self, bot: Bot) -> None:
        """Keep a bot and nothing else there; on disk when this returns."""
        ...

    def delete_all(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Forget all there."""
        ...


class Asked(Protocol):
    """Who says whether a token works; the part of :class:`slackkefu.slack.web.WebClient`."""

    async def auth_test(self, token: Secret) -> Identity:
        """Ask whose *token* is."""
        ...


@dataclass(frozen=True, slots=True)
class InstallingStatistics:
    """Who is served; all but the first two are counts since the start."""

    served: int
    """Workspaces and organisations that have the app, and a token that works as far as known."""
    need_reinstall: int
    """Those whose token is dead: they are not served until the app is installed there again."""
    installed: int
    removed: int
    died: int
    """Installations whose token was found dead."""
    not_removed: int
    """Removals that Slack told of too late: the app was back, or its token works."""
    asked: int
    """Questions whether a token works."""
    unwritten: int
    """Changes that the disk has not taken yet."""


@final
class Installing:
    """
    Knows who comes and goes.

    Args:
        installations: Who installed the app, in memory.
        store: The same on disk.
        web: Says whether a token works.
        world: Disk, wall clock and chance.
        on_change: Told of each installation that came, came back or went; :attr:`Installations` knows it by then.

    """

    def __init__(
        self,
        *,
        installations: Installations,
        store: Store,
        web: Asked,
        world: World,
        on_change: Callable[[InstallationKey], None] = lambda _: None,
    ) -> None:
        self._installations = installations
        self._store = store
        self._web = web
        self._world = world
        self._on_change = on_change
        # One change at a time: what is on disk is what was known last.
        self._turn = trio.Lock()
        # What the disk has not taken yet; None: nothing is to be left there.
        self._unwritten: dict[InstallationKey, Installation | None] = {}
        self._is_unwritten = trio.Event()
        self._trouble = DiskTrouble("store.unwritable", meaning="a token that works no more is on disk still")
        self._due: Alarm[InstallationKey] = Alarm()
        self._failures: dict[InstallationKey, int] = {}
        self._asking: set[InstallationKey] = set()
        self._room = trio.CapacityLimiter(AT_ONCE)
        self._installed = self._removed = self._died = self._not_removed = self._asked = 0

    def __repr__(self) -> str:
        return f"<Installing of {len(self._installations)}, {len(self._unwritten)} unwritten>"

    def statistics(self) -> InstallingStatistics:
        """Count."""
        served = len(self._installations)
        return InstallingStatistics(
            served=served,
            need_reinstall=len(self._installations.all_known()) - served,
            installed=self._installed,
            removed=self._removed,
            died=self._died,
            not_removed=self._not_removed,
            asked=self._asked,
            unwritten=len(self._unwritten),
        )

    # Coming.

    async def install(self, bot: Bot) -> Installation:
        """
        Serve a workspace or organisation, anew or again; what waits for it goes on at once.

        A cancellation leaves it installed, or as it was before.

        Args:
            bot: As Slack has installed it, or as an operator brings it.

        Raises:
            StoreError: The disk does not take it; nothing has changed.

        """
        new = from_bot(bot)
        before = self._installations.get(new.key)
        goes_on = before is not None and (
            before.bot_token == new.bot_token or await self._refusal(before, is_report=True) == ""
        )
        since = before.served_since if before is not None and goes_on else self._world.wall()
        new = replace(new, served_since=since, needs_reinstall="")
        async with self._turn:
            known = self._installations.known(new.key)
            await self._world.disk.run(partial(self._store.keep_only, to_bot(new, new.installed_at)))
            self._unwritten.pop(new.key, None)
            if known is not None and known.key != new.key:
                # A workspace that has moved into an organisation meanwhile has another name.
                await self._write(known.key, None)
            self._installations.put(new)
            self._due.drop(new.key)
        self._installed += 1
        log.info("slack.installed", installation=str(new.key), meaning="served from now on", goes_on=goes_on)
        self._on_change(new.key)
        return new

    async def renew(self, installation: Installation, renewed: Renewed) -> bool:
        """
        Replace the token of an installation by its next one, on disk first: Slack gives it once (facts/slack.md §12).

        Returns:
            Whether it is used now; not where the app was installed anew or removed meanwhile.

        Raises:
            StoreError: The disk does not take it; nothing has changed.

        """
        async with self._turn:
            now = self._installations.get(installation.key)
            if now is None or now.bot_token != installation.bot_token:
                return False
            new = replace(
                now,
                bot_token=renewed.bot_token,
                refresh_token=renewed.refresh_token,
                expires_at=renewed.expires_at,
            )
            await self._world.disk.run(partial(self._store.keep_only, to_bot(new, new.installed_at)))
            self._unwritten.pop(new.key, None)
            self._installations.put(new)
        return True

    # Going.

    async def remove(self, key: InstallationKey, *, cause: str, happened_at: float | None = None) -> bool:
        """
        Forget an installation, and erase its tokens at once.

        Args:
            key: Which.
            cause: Why; a stable name.
            happened_at: When Slack says that it happened, seconds, 0 where it does not say; None for what an operator
                wants, who is not doubted.

        Returns:
            Whether it was removed: not where it is unknown, or where this is old news about one that works.

        """
        known = self._installations.known(key)
        if known is None:
            return False
        if happened_at is not None and not await self._is_borne_out(known, happened_at):
            self._not_removed += 1
            log.info("slack.not_removed", installation=str(known.key), cause=cause, meaning="old news; it works")
            return False
        async with self._turn:
            now = self._installations.known(key)
            if now is None or (happened_at is not None and now.installed_at != known.installed_at):
                # Somebody was faster, or it has been installed anew while Slack was asked.
                return False
            self._forget(now)
            log.warning("slack.removed", installation=str(now.key), cause=cause, meaning="its visitors are not served")
            await self._write(now.key, None)
        return True

    async def mark_dead(self, key: InstallationKey, *, cause: str) -> None:
        """
        Erase the tokens of an installation that Slack does not accept any more; its name is kept for the operator.

        A report about the token before the last installation changes nothing.
        """
        known = self._installations.get(key)
        if known is None or known.key in self._asking or await self._refusal(known, is_report=True) == "":
            return
        await self._die(known, cause)

    async def _die(self, known: Installation, cause: str) -> None:
        async with self._turn:
            now = self._installations.get(known.key)
            if now is None or now.installed_at != known.installed_at:
                return
            dead = replace(now, bot_token=Secret(""), refresh_token=None, expires_at=None, needs_reinstall=cause)
            self._died += 1
            self._installations.put(dead)
            self._due.drop(dead.key)
            log.error(
                "slack.needs_reinstall",
                installation=str(dead.key),
                cause=cause,
                meaning="its visitors are not served until the app is installed there again",
            )
            self._on_change(dead.key)
            await self._write(dead.key, dead)

    def _forget(self, installation: Installation) -> None:
        self._removed += 1
        self._installations.remove(installation.key)
        self._due.drop(installation.key)
        self._failures.pop(installation.key, None)
        self._on_change(installation.key)

    async def _write(self, key: InstallationKey, installation: Installation | None) -> None:
        """Have on disk what is known, now or as soon as the disk takes it; the lock is held."""
        try:
            if installation is None:
                erase = partial(self._store.delete_all, enterprise_id=key.enterprise_id, team_id=key.team_id)
                await self._world.disk.run(erase)
            else:
                await self._world.disk.run(
                    partial(self._store.keep_only, to_bot(installation, installation.installed_at))
                )
        except StoreBroken:
            raise
        except StoreError as exc:
            self._trouble.refused(exc, installation=str(key))
            self._unwritten[key] = installation
            self._is_unwritten.set()
        else:
            self._trouble.taken()
            self._unwritten.pop(key, None)

    # Asking Slack.

    def ask_all(self) -> None:
        """Ask about every installation, now: what Slack told meanwhile may have been told to nobody."""
        for installation in self._installations:
            self._due.put(installation.key, trio.current_time())

    def missed(self, gap: Gap) -> None:
        """Take note of a time in which Slack may have told things in vain."""
        if trio.current_time() - gap.since > ABSENT_S:
            self.ask_all()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ask whoever is due, and write what the disk did not take, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write_again)
            task_status.started()
            while True:
                for key in await self._due.due():
                    nursery.start_soon(self._check, key)

    async def _check(self, key: InstallationKey) -> None:
        """Ask about one installation: its token may be dead, and its names and scopes may be others."""
        async with self._room:
            installation = self._installations.get(key)
            if installation is None:
                return
            refusal = await self._refusal(installation)
        if refusal == "":
            self._failures.pop(key, None)
        elif refusal in DEAD:
            await self._die(installation, refusal)
        else:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            # A refusal that may be about this machine's address erases nothing: somebody has to look.
            if refusal:
                log.error("slack.refuses_token", installation=str(key), code=refusal, meaning="nothing was erased")
            self._due.put(key, trio.current_time() + min(RETRY_FIRST_S * 2.0 ** min(failures - 1, 10), RETRY_CAP_S))

    async def _is_borne_out(self, installation: Installation, happened_at: float) -> bool:
        """Tell whether Slack's news of a removal holds for the installation as it is now."""
        # A token that has died otherwise says nothing of what went before it.
        is_old = 0 < happened_at < installation.installed_at
        if installation.needs_reinstall:
            return not is_old
        refusal = await self._refusal(installation, is_report=True)
        if refusal == "token_expired" and is_old:
            self._due.put(installation.key, trio.current_time())
            return False
        if refusal is None or (refusal and refusal not in _GONE):
            self._due.put(installation.key, trio.current_time() + RETRY_FIRST_S)
            return happened_at > installation.installed_at + CLOCKS_S
        return bool(refusal)

    async def _refusal(self, installation: Installation, *, is_report: bool = False) -> str | None:
        """
        Ask Slack whether a token works, and know what it says besides.

        Args:
            installation: Whose token.
            is_report: Somebody acts on the answer; the same report that comes of asking is not acted on again.

        Returns:
            Slack's code; empty where the token works, None where Slack cannot be asked now.

        """
        self._asked += 1
        if is_report:
            self._asking.add(installation.key)
        try:
            identity = await self._web.auth_test(installation.bot_token)
        except SlackApiError as error:
            # No code of Slack's: something on the way.
            return None if error.code.startswith("http_") else error.code
        except SlackkefuError:
            return None
        finally:
            self._asking.discard(installation.key)
        await self._learn(installation, identity)
        return ""

    async def _learn(self, asked: Installation, identity: Identity) -> None:
        """Keep what Slack says of an installation, where it is something new."""
        async with self._turn:
            now = self._installations.get(asked.key)
            if now is None or now.bot_token != asked.bot_token:
                return
            known = replace(
                now,
                team_name=identity.team_name or now.team_name,
                bot_user_id=identity.bot_user_id or now.bot_user_id,
                bot_id=identity.bot_id or now.bot_id,
                scopes=identity.scopes or now.scopes,
            )
            if known != now:
                self._installations.put(known)
                await self._write(known.key, known)

    # The disk.

    async def _write_again(self) -> None:
        """Write what the disk did not take, until it does; what was installed anew meanwhile is written already."""
        while True:
            await self._is_unwritten.wait()
            self._is_unwritten = trio.Event()
            pauses = backoff(self._world.chance, first_s=1.0, cap_s=60.0)
            while self._unwritten:
                await trio.sleep(next(pauses))
                async with self._turn:
                    for key, installation in [*self._unwritten.items()]:
                        await self._write(key, installation)
