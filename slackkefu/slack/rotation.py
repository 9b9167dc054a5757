"""
Which token a call is made with: the next one fetched in time, a dead one told of.

Where an app has token rotation, each installation's bot token is replaced while it still lives for hours
(:mod:`~slackkefu.slack.tokens`). The order is what counts: the answer of a refresh is *synced to the store before the
new token is used*, since Slack takes a refresh token once (facts/slack.md §12).

* One refresh at a time for an installation, however many calls wait for it. It is nobody's: it goes on when all who
  waited have gone, and for :data:`FINISH_S` after a stop.
* Until the new token is on disk calls are made with the old one. That is so after any failure, for as long as Slack
  takes it: Slack's word decides, our calendar may be wrong. A call refused with ``token_expired`` did not happen: it is
  made again with the next token, or is :class:`~slackkefu.errors.SlackTokenPending` while there is none.
* After a lost answer, or a crash at any point, the old refresh token is tried again; Slack lets it live for a short
  while. Once it is refused the installation cannot be kept up: it is served until its token dies, and then reported.
* What an operator has to mend (client id, client secret) is named, and is nobody's death.

A token's death that shows in the answer to any call is reported once, if the token was still the installation's own:
one that a reinstall has replaced says nothing. ``invalid_auth`` is not death. It is also what this machine's address
gets when it is on nobody's list (facts/slack.md §1), so the token is kept, and an operator told.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.errors import SlackkefuError, StoreBroken, StoreError
from slackkefu.net.backoff import backoff
from slackkefu.slack.recovery import DEAD, InstallationDead, Operator, after_refresh
from slackkefu.slack.tokens import LIFE_S, Holders, Renewed, due_in, is_ending, read_renewed
from slackkefu.slack.web import Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from slackkefu.secret import Secret
    from slackkefu.slack.installation import Installation, InstallationKey, Installations
    from slackkefu.world import World

__all__ = ["Rotation", "RotationStatistics"]

log = structlog.get_logger()

AT_ONCE: Final = 4
"""Refreshes under way at a time; others wait their turn."""

FINISH_S: Final = 3.0
"""How long a refresh may still take after a stop: an answer that nobody writes down can cost an installation."""

FIRST_PAUSE_S: Final = 2.0
"""Upper end of the first pause after a failure: after a lost answer the old refresh token lives but a short while."""
MAX_PAUSE_S: Final = 300.0
OPERATOR_S: Final = 300.0
"""Pause while somebody has to act."""

DOUBT_S: Final = 3600.0
"""How often an operator is told of a token that is not accepted."""

LOOK_S: Final = 600.0
"""How often Slack is asked whether a token has died that will have no successor."""

_ABOUT_TOKENS: Final = DEAD | {"invalid_auth"}

_WAITS: Final = "nothing is posted there until Slack accepts it; it is kept"
_LISTED: Final = (
    "this machine's address may not be on the allowed list of the app or workspace: add it; if it is, install the app "
    "there again"
)
_TWELVE_HOURS: Final = "their tokens die within 12 hours, and cannot be replaced: then nothing is posted there"
_NO_CLIENT: Final = (
    "set slack.client_id and slack.client_secret; they stand on the app's page, Basic Information, App Credentials"
)
_OVER: Final = "its visitors are not served until the app is installed there again"
_ENDING: Final = "Slack gives no next token: served until this one dies; install the app there again before"


@dataclass(frozen=True, slots=True)
class RotationStatistics:
    """How tokens are doing; the counts are since the start."""

    rotating: int
    """Installations whose token expires."""
    unsaved: int
    """New tokens that the disk has not taken yet; they are not used."""
    ending: int
    """Installations served only until their token dies: the next one was refused."""
    refreshed: int
    failed: int
    """Refreshes, and writes of what they brought, that failed; most are tried again."""
    repeated: int
    """Calls refused for a token that had been replaced, and made again with its successor."""
    dead: int
    """Installations reported dead."""


@final
@dataclass(slots=True, eq=False)
class _Watch:
    """What is known of an installation's present token."""

    token: Secret = field(repr=False)
    is_rotating: bool
    pauses: Iterator[float] = field(repr=False)
    again_at: float = float("-inf")
    """No refresh before that (trio's clock)."""
    unsaved: Renewed | None = field(default=None, repr=False)
    """The next token, while the disk does not take it."""
    refusal: str = ""
    """Why there will be no next token; empty while there may be."""
    is_reported: bool = False
    doubted_at: float = float("-inf")


@final
class Rotation:
    """
    The tokens of all installations.

    Args:
        world: Disk, calendar and chance.
        installations: Who installed the app.
        refresh: Asks Slack, with a refresh token, for what follows.
        renew: Replaces the token of an installation on disk, and then there; tells whether it did, which it does not
            where the app was installed anew or removed meanwhile. Raises StoreError when the disk does not take it.
        check: Asks Slack whose a token is; what is refused there comes back to :meth:`refused`.
        on_dead: Told once of an installation whose token is gone for good, with the code that says so.
        has_client: Whether there are a client id and secret to ask with.
        nursery: Where refreshes run.

    """

    def __init__(
        self,
        *,
        world: World,
        installations: Installations,
        refresh: Callable[[Secret], Awaitable[Mapping[str, object]]],
        renew: Callable[[Installation, Renewed], Awaitable[bool]],
        check: Callable[[Secret], Awaitable[object]],
        on_dead: Callable[[InstallationKey, str], Awaitable[None]],
        has_client: bool,
        nursery: trio.Nursery,
    ) -> None:
        self._world = world
        self._installations = installations
        self._replace = renew
        self._ask = refresh
        self._check = check
        self._on_dead = on_dead
        self._has_client = has_client
        self._nursery = nursery
        self._holders = Holders()
        self._watches: dict[InstallationKey, _Watch] = {}
        self._due: dict[InstallationKey, float] = {}
        self._sooner = trio.Event()
        self._aloft: dict[InstallationKey, trio.Event] = {}
        self._turns = trio.CapacityLimiter(AT_ONCE)
        self._refreshed = self._failed = self._repeated = self._dead = 0
        for installation in installations:
            # How long it was to live nobody has written down.
            self._took(installation, life_s=LIFE_S)
        installations.listen(self._took)

    def __repr__(self) -> str:
        return f"<Rotation of {len(self._due)}, {len(self._aloft)} under way>"

    def statistics(self) -> RotationStatistics:
        """Return how things are now."""
        watches = [self._watches[each.key] for each in self._installations]
        return RotationStatistics(
            rotating=sum(watch.is_rotating for watch in watches),
            unsaved=sum(watch.unsaved is not None for watch in watches),
            ending=sum(bool(watch.refusal) for watch in watches),
            refreshed=self._refreshed,
            failed=self._failed,
            repeated=self._repeated,
            dead=self._dead,
        )

    # For those who call.

    def holder(self, token: Secret) -> InstallationKey | None:
        """Return whose *token* is or was; None for any other."""
        return self._holders.of(token)

    async def current(self, token: Secret) -> Secret:
        """
        Return the token that stands for *token* now, asking for the next one where it is about to die.

        One that is nobody's is given back. A cancellation leaves a refresh under way.
        """
        installation = self._of(token)
        if installation is not None and is_ending(installation, now=self._world.wall()):
            await self._renew(installation)
            installation = self._of(token)
        return token if installation is None else installation.bot_token

    async def refused(self, token: Secret, code: str) -> Verdict:
        """
        Take note that a call with *token* was refused with *code*, and did not happen.

        A cancellation leaves a refresh under way.

        Returns:
            What may follow.

        """
        installation = self._of(token) if code in _ABOUT_TOKENS else None
        if installation is not None and code == "token_expired" and installation.bot_token == token:
            await self._renew(installation)
            installation = self._of(token)
        if installation is None:
            return Verdict.FINAL
        if installation.bot_token != token:
            self._repeated += 1
            return Verdict.REPEAT
        watch = self._watches[installation.key]
        if code == "invalid_auth":
            self._doubt(installation, watch)
        elif code == "token_expired" and watch.is_rotating and not watch.refusal:
            return Verdict.PENDING
        else:
            self._report(installation, watch, (code == "token_expired" and watch.refusal) or code)
        return Verdict.FINAL

    def _doubt(self, installation: Installation, watch: _Watch) -> None:
        """Tell an operator, now and then."""
        if trio.current_time() < watch.doubted_at + DOUBT_S:
            return
        watch.doubted_at = trio.current_time()
        log.error("slack.token_not_accepted", installation=str(installation.key), meaning=_WAITS, advice=_LISTED)

    def _report(self, installation: Installation, watch: _Watch, code: str) -> None:
        """Tell of a death, once."""
        if watch.is_reported:
            return
        watch.is_reported = True
        self._dead += 1
        log.error("slack.token_dead", installation=str(installation.key), code=code, meaning=_OVER)
        self._nursery.start_soon(self._tell, installation.key, watch, code)

    async def _tell(self, key: InstallationKey, watch: _Watch, code: str) -> None:
        try:
            await self._on_dead(key, code)
        except StoreBroken:
            raise
        except StoreError as exc:
            watch.is_reported = False
            log.error("store.unwritable", problem=str(exc), meaning="noted at its next refused call")  # noqa: TRY400 - for an operator, no traceback

    # When.

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Fetch the next tokens when they are due, until cancelled."""
        rotating = self.statistics().rotating
        if rotating and not self._has_client:
            log.error("slack.no_client_secret", installations=rotating, meaning=_TWELVE_HOURS, advice=_NO_CLIENT)
        task_status.started()
        while True:
            self._sooner = trio.Event()
            with trio.move_on_at(min(self._due.values(), default=float("inf"))):
                await self._sooner.wait()
            for key in [key for key, at in self._due.items() if at <= trio.current_time()]:
                del self._due[key]
                installation = self._installations.get(key)
                if installation is not None:
                    self._is_due(installation, self._watches[key])

    def _is_due(self, installation: Installation, watch: _Watch) -> None:
        """Fetch the next token; of one that will have no successor, see whether it is dead by now."""
        if not watch.refusal:
            self._start(installation.key)
            return
        # No call may come for days, and only Slack knows: our calendar may be wrong.
        self._set(installation.key, LOOK_S)
        self._nursery.start_soon(self._look, installation)

    async def _look(self, installation: Installation) -> None:
        with suppress(SlackkefuError):
            await self._check(installation.bot_token)

    def _set(self, key: InstallationKey, in_s: float) -> None:
        self._due[key] = trio.current_time() + in_s
        self._sooner.set()

    def _left_s(self, installation: Installation) -> float:
        """How long its token lives yet, by our calendar."""
        return max((installation.expires_at or 0.0) - self._world.wall(), 0.0)

    def _took(self, installation: Installation, *, life_s: float = 0.0) -> None:
        """Note the token that an installation has now, and when it is to be replaced."""
        key = installation.key
        self._holders.note(installation.bot_token, key)
        known = self._watches.get(key)
        if known is not None and known.token == installation.bot_token:
            return
        is_rotating = installation.refresh_token is not None
        pauses = backoff(self._world.chance, first_s=FIRST_PAUSE_S, cap_s=MAX_PAUSE_S)
        self._watches[key] = _Watch(installation.bot_token, is_rotating, pauses)
        self._due.pop(key, None)
        if is_rotating:
            left_s = self._left_s(installation)
            self._set(key, due_in(left_s, life_s=max(left_s, life_s), share=self._world.chance.random()))

    def _of(self, token: Secret) -> Installation | None:
        key = self._holders.of(token)
        return None if key is None else self._installations.get(key)

    # A refresh.

    async def _renew(self, installation: Installation) -> None:
        """Wait for a refresh, where one may bring something now."""
        watch = self._watches[installation.key]
        may_ask = watch.is_rotating and not watch.refusal and trio.current_time() >= watch.again_at
        if may_ask or installation.key in self._aloft:
            await self._start(installation.key).wait()

    def _start(self, key: InstallationKey) -> trio.Event:
        """Start a refresh when none is under way; return what is set when it has ended."""
        landed = self._aloft.get(key)
        if landed is None:
            landed = self._aloft[key] = trio.Event()
            self._nursery.start_soon(self._fly, key, landed)
        return landed

    async def _fly(self, key: InstallationKey, landed: trio.Event) -> None:
        try:
            async with self._turns, _outlasting(FINISH_S):
                await self._refresh(key)
        finally:
            del self._aloft[key]
            landed.set()

    async def _refresh(self, key: InstallationKey) -> None:
        """Ask for the next token and keep it; or try again to keep the one that the disk did not take."""
        installation = self._installations.get(key)
        if installation is None or installation.refresh_token is None:
            return
        watch = self._watches[key]
        try:
            if watch.unsaved is None:
                asked_at = self._world.wall()
                answer = await self._ask(installation.refresh_token)
                watch.unsaved = read_renewed(answer, refresh_token=installation.refresh_token, asked_at=asked_at)
            is_used = await self._replace(installation, watch.unsaved)
        except StoreBroken:
            raise
        except SlackkefuError as error:
            self._failed += 1
            self._again(installation, watch, error)
            return
        watch.unsaved = None
        if is_used:
            self._refreshed += 1
            log.info("slack.token_refreshed", installation=str(key))
        else:
            log.info("slack.token_superseded", installation=str(key), meaning="installed anew or removed meanwhile")

    def _again(self, installation: Installation, watch: _Watch, error: SlackkefuError) -> None:
        """Decide when to try again, if that is of any use."""
        key, left_s = installation.key, self._left_s(installation)
        if self._watches[key] is not watch:
            return  # installed anew meanwhile
        step = after_refresh(error)
        name, left = str(key), round(left_s)
        if isinstance(step, InstallationDead):
            watch.refusal = step.reason
            log.error("slack.token_lost", installation=name, code=step.reason, left_s=left, meaning=_ENDING)
            self._set(key, left_s)
            return
        pause_s = OPERATOR_S if isinstance(step, Operator) else max(next(watch.pauses), step.after_s)
        say = log.error if isinstance(step, Operator) else log.warning
        problem = step.advice if isinstance(step, Operator) else str(error)
        say("slack.token_not_refreshed", installation=name, problem=problem, left_s=left, again_in_s=round(pause_s, 1))
        watch.again_at = trio.current_time() + pause_s
        self._set(key, pause_s)


@asynccontextmanager
async def _outlasting(within_s: float) -> AsyncIterator[None]:
    """Let what is done in a ``with`` block go on that much longer than a cancellation from outside."""
    async with trio.open_nursery() as nursery:
        with trio.CancelScope(shield=True) as scope:
            nursery.start_soon(_limit, scope, within_s)
            yield
        nursery.cancel_scope.cancel()


async def _limit(scope: trio.CancelScope, within_s: float) -> None:
    """Give *scope* a deadline once we are cancelled ourselves."""
    try:
        await trio.sleep_forever()
    finally:
        scope.deadline = min(scope.deadline, trio.current_time() + within_s)
