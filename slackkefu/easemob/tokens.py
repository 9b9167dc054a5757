"""
The app token: kept, renewed in time, never asked for too often.

Asking for app tokens too often gets the account banned, at a number nobody publishes (facts/easemob-rest.md §3). So:

* The token is kept in the store; a restart asks for none while it is good.
* It is used to its end. From half of its life on a new one is fetched behind it, as Easemob's own server library does;
  when that fails, half of what remains is the next time.
* One request serves all who wait, and outlives them (:mod:`~slackkefu.easemob.flight`).
* Requests are at least 10 s apart, after failures 10 s growing to 10 minutes. The time of the last one is written down
  *before* it is made, so that a crash loop keeps to it too; after a restart at most 30 s are waited, because an
  operator who has just mended a secret is watching.
* A 401 leads to a new token, once, and once more; then only an operator can help. A 401 to one call soon after
  another call went well with the same token is about that call, not about the token.

The note of the last request needs no file of its own. While there is a token, its ``obtained_at`` is moved to the time
of the request, from which "half of what remains" follows by itself. While there is none, a token without value is
stored, good until the next request may be made.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol, final

import structlog
import trio

from slackkefu.credentials import StoredToken, StoredUser
from slackkefu.easemob.flight import Flights
from slackkefu.errors import ConnectFailed, EasemobSetupError, RestUnauthorized, SlackkefuError
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["AppToken", "TokenStore", "is_good"]

log = structlog.get_logger()

FLOOR_S: Final = 10.0
"""Shortest time between two requests, and the first pause after a failed one."""
FLOOR_CAP_S: Final = 600.0
RESTART_CAP_S: Final = 30.0
"""Longest wait that a restart takes over from the run before."""
PATIENCE_S: Final = 15.0
"""A pause shorter than this is waited for; a longer one is answered with the error that caused it."""
NOT_THE_TOKEN_S: Final = 600.0
"""How long after a fetch a 401 is not believed to be about a token that has worked since."""
USELESS: Final = 3
"""This many tokens refused with 401, none of which ever worked, are enough."""
MARGIN_SHARE: Final = 0.1
"""The last part of a life in which a token is not handed out any more, at most the caller's own limit."""
APP_MARGIN_S: Final = 60.0


class TokenStore(Protocol):
    """Where tokens and passwords rest between runs. Each may raise :class:`~slackkefu.errors.StoreError`."""

    async def load_app(self) -> StoredToken | None:
        """Return the app token, if there is one."""
        ...

    async def save_app(self, token: StoredToken) -> None:
        """Keep the app token; on disk when this returns."""
        ...

    async def load_user(self, user: str) -> StoredUser | None:
        """Return what lets *user* in, if anything is known."""
        ...

    async def save_user(self, user: str, value: StoredUser) -> None:
        """Keep what lets *user* in; on disk when this returns."""
        ...


def is_good(token: StoredToken, *, now: float, margin_s: float) -> bool:
    """Tell whether *token* may be handed out: not in the last tenth of its life, at most *margin_s*."""
    life_s = token.expires_at - token.obtained_at
    return bool(token.value) and now < token.expires_at - min(margin_s, max(life_s, 0.0) * MARGIN_SHARE)


@final
class AppToken:
    """
    The app token of one app.

    Args:
        store: Where it rests.
        fetch: Asks Easemob for a new one, once.
        wall: Seconds since the epoch.
        nursery: Where requests run.

    """

    def __init__(
        self,
        *,
        store: TokenStore,
        fetch: Callable[[], Awaitable[StoredToken]],
        wall: Callable[[], float],
        nursery: trio.Nursery,
    ) -> None:
        self._store = store
        self._fetch = fetch
        self._wall = wall
        self._loads: Flights[None, None] = Flights(nursery)
        self._fetches: Flights[None, StoredToken] = Flights(nursery)
        self._loaded = False
        self._token: StoredToken | None = None
        self._fetched_at = float("-inf")
        self._worked = False
        self._useless = 0
        self._asked_at = float("-inf")
        self._pause_s = 0.0
        self._failures = 0
        self._error: SlackkefuError | None = None
        self.requests = 0
        """Requests for a token in this process."""

    # For those who call.

    async def get(self) -> Secret:
        """
        Return a token to use, waiting for one if need be.

        Raises:
            EasemobSetupError: Easemob refuses the app's credentials, or takes none of its own tokens.
            SlackkefuError: Any other reason why the last request failed.

        """
        if not self._loaded:
            await self._loads.join(None, self._load)
        now = self._wall()
        if self._token is not None and is_good(self._token, now=now, margin_s=APP_MARGIN_S):
            if now >= self._half_life(self._token) and self._wait_s(now) <= 0:
                self._fetches.start(None, self._renew)
            return self._token.value
        if self._error is not None and self._wait_s(now) > PATIENCE_S:
            raise self._error.with_traceback(None)
        return (await self._fetches.join(None, self._renew)).value

    def accepted(self, value: Secret) -> None:
        """Take note that a call went well with *value*."""
        if self._token is not None and self._token.value == value:
            self._worked = True
            self._useless = 0

    def rejected(self, value: Secret, error: RestUnauthorized) -> None:
        """
        Take note that *value* was answered with 401; after this another :meth:`get` is worth its while.

        Raises:
            RestUnauthorized: *error* itself: the token is fine, the call is not allowed.
            EasemobSetupError: No token of ours is taken; an operator has to look.

        """
        if self._token is None or self._token.value != value:
            return
        if self._worked and self._wall() - self._fetched_at < NOT_THE_TOKEN_S:
            raise error
        self._token = None
        self._useless += 1
        if self._useless < USELESS:
            return
        self._error = EasemobSetupError(
            error.call,
            f"401 {error.code}".rstrip(),
            "It takes none of the app tokens it issued. Check easemob.app_key and easemob.rest_url, and the state of "
            "the app in the console. Nothing is forwarded until then.",
            is_theirs=bool(error.code),
        )
        self._slow_down()
        raise self._error

    # How it comes.

    async def _load(self) -> None:
        kept = await self._store.load_app()
        if kept is not None:
            self._asked_at = kept.obtained_at
            left_s = FLOOR_S if kept.value else kept.expires_at - kept.obtained_at
            self._pause_s = min(left_s, RESTART_CAP_S)
            self._token = kept if kept.value else None
        self._loaded = True

    async def _renew(self) -> StoredToken:
        """Ask for a token when that may be done; keep it, or the error."""
        await trio.sleep(max(self._wait_s(self._wall()), 0.0))
        await self._note_request()
        try:
            token = await self._fetch()
        except SlackkefuError as error:
            self._error = error
            if isinstance(error, ConnectFailed):
                self._pause_s = FLOOR_S  # it never left, so nobody counts it
            else:
                self._slow_down()
            log.warning("easemob.app_token_failed", reason=str(error), again_in_s=self._pause_s)
            raise
        self._token, self._error = token, None
        self._fetched_at, self._worked = self._wall(), False
        self._pause_s = FLOOR_S
        if not self._useless:
            self._failures = 0
        log.info("easemob.app_token_fetched", life_s=round(token.expires_at - self._fetched_at, 1))
        await self._store.save_app(token)
        return token

    async def _note_request(self) -> None:
        """Write down that a token is about to be asked for."""
        now = self._asked_at = self._wall()
        if self._token is not None and now < self._token.expires_at:
            note = self._token = replace(self._token, obtained_at=now)
        else:
            pause_s = self._pause_after(self._failures + 1)
            note = StoredToken(Secret(""), obtained_at=now, expires_at=now + pause_s)
        await self._store.save_app(note)
        self.requests += 1

    def _slow_down(self) -> None:
        """Make the pause before the next request longer."""
        self._failures += 1
        self._asked_at = self._wall()
        self._pause_s = self._pause_after(self._failures)

    @staticmethod
    def _pause_after(failures: int) -> float:
        return min(FLOOR_S * 2.0 ** (failures - 1), FLOOR_CAP_S) if failures < 10 else FLOOR_CAP_S

    def _wait_s(self, now: float) -> float:
        """How long until a request may be made; a calendar that was set back does not prolong it."""
        return self._pause_s - max(now - self._asked_at, 0.0)

    @staticmethod
    def _half_life(token: StoredToken) -> float:
        return token.obtained_at + (token.expires_at - token.obtained_at) / 2

    def __repr__(self) -> str:
        return f"<AppToken {'kept' if self._token else 'none'}, {self.requests} requests, {self._failures} failures>"
