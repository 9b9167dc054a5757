"""
Easemob's REST API, as far as visitors need it: their tokens, and how much waits for them.

:class:`RestClient` makes few kinds of calls, paces them well below what the app may make, and does the small dances
around them: another app token after a 401, another host after a lost one, the older grant where a cluster
does not know the newer one. What an answer means is in :mod:`~slackkefu.easemob.answers`, whether to try again in
:mod:`~slackkefu.easemob.recovery`. A message sent by REST goes the same way, and is in
:mod:`~slackkefu.easemob.rest_send`.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, final
from urllib.parse import quote

import msgspec
import structlog
import trio

from slackkefu.credentials import StoredToken, StoredUser
from slackkefu.easemob.answers import (
    as_setup_error,
    grant_is_unknown,
    password_is_refused,
    read_answer,
    read_count,
    read_token,
    user_exists_already,
    user_is_unknown,
    was_registered,
    was_removed,
)
from slackkefu.easemob.exchange import exchange
from slackkefu.easemob.flight import Flights
from slackkefu.easemob.pace import Pace
from slackkefu.easemob.recovery import after_call
from slackkefu.easemob.tokens import AppToken, is_good
from slackkefu.errors import (
    ConnectFailed,
    EasemobSetupError,
    RemoteProtocolError,
    RestError,
    RestOutcomeUnknown,
    RestRateLimited,
    RestUnauthorized,
    SlackkefuError,
)
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Mapping

    from slackkefu.easemob.names import AppKey, ImUser
    from slackkefu.easemob.tokens import TokenStore
    from slackkefu.world import World

__all__ = ["AgainRule", "RestClient", "RestStatistics", "UserToken"]

log = structlog.get_logger()

T = TypeVar("T")

EXCHANGE_S: Final = 10.0
"""Time limit of one request."""
TOTAL_S: Final = 45.0
"""Time limit of everything that one call of ours does, new app tokens and repeats included."""
MAX_BYTES: Final = 1 << 20
CALLS_PER_SECOND: Final = 20.0
"""All our calls together; an app may make 100 of each kind, shared with its other users (§12.1), in 2015 style 30."""
SLOWER_FIRST_S: Final = 1.0
SLOWER_CAP_S: Final = 60.0
USER_MARGIN_S: Final = 86400.0
PASSWORD_LETTERS: Final = string.ascii_letters + string.digits
PASSWORD_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class UserToken:
    """What logs one IM user in."""

    token: Secret
    expires_at: float
    """Wall clock, seconds since the epoch; ``inf`` for one without end."""
    fresh: bool
    """Issued just now, not taken from the store."""


@dataclass(frozen=True, slots=True)
class RestStatistics:
    """What the REST side has done since it started."""

    requests: int
    """HTTP requests, repeats included."""
    app_tokens: int
    """Requests for an app token; more than a few a day are too many."""
    user_tokens: int
    """User tokens issued."""
    rate_limited: int
    """Answers that asked us to be slower."""
    by_password: bool
    """This cluster does not know the ``inherit`` grant."""


class AgainRule(Protocol):
    """When to make a call again; see :func:`~slackkefu.easemob.recovery.after_call`."""

    def __call__(self, error: SlackkefuError, *, failures: int) -> float | None:
        """Return the seconds until the next attempt, or None."""
        ...


class RestAddress(Protocol):
    """The part of :class:`~slackkefu.easemob.discovery.Endpoints` that this client needs."""

    async def rest_base(self) -> str:
        """Return the address to use now."""
        ...

    def report_failure(self, url: str) -> None:
        """Take note that *url* could not be reached."""
        ...


@final
class RestClient:
    """
    The REST API for one app.

    Args:
        world: Network, calendar and chance.
        nursery: Where token requests run; they end with it.
        endpoints: Where the REST servers are.
        app_key: The app.
        client_id: The app's credentials.
        client_secret: The app's credentials.
        store: Where tokens and passwords rest.
        calls_per_second: Pace of all calls together.

    """

    def __init__(
        self,
        *,
        world: World,
        nursery: trio.Nursery,
        endpoints: RestAddress,
        app_key: AppKey,
        client_id: str,
        client_secret: Secret,
        store: TokenStore,
        calls_per_second: float = CALLS_PER_SECOND,
    ) -> None:
        self._world = world
        self._endpoints = endpoints
        self._path = f"/{quote(app_key.org, safe='')}/{quote(app_key.app, safe='')}"
        self._client_id = client_id
        self._client_secret = client_secret
        self._store = store
        self._http = world.network.http_client(base_url="", timeout_s=EXCHANGE_S)
        self._pace = Pace(calls_per_second)
        self._slower_s = SLOWER_FIRST_S
        self._app = AppToken(store=store, fetch=self._fetch_app_token, wall=world.wall, nursery=nursery)
        self._user_flights: Flights[ImUser, UserToken] = Flights(nursery)
        self._by_password = False
        self._requests = 0
        self._user_tokens = 0
        self._rate_limited = 0

    # For the rest of slackkefu.

    async def check(self) -> None:
        """
        Make sure that Easemob takes our credentials; makes no request when a good app token is in the store.

        Raises:
            EasemobSetupError: It does not; the text says what to mend.
            SlackkefuError: It could not be asked.

        """
        await self._in_time("POST /token (app token)", self._app.get)

    async def user_token(self, user: ImUser, *, rejected: Secret | None = None) -> UserToken:
        """
        Return a token that logs *user* in, making the user where there is none.

        One from the store is used until shortly before its end. Calls for one user are made one at a time: two that
        make the same user at once get in each other's way (facts/easemob-rest.md §4.2).

        Args:
            user: Who is to log in.
            rejected: A token that was refused at login; it is not returned again.

        Raises:
            EasemobSetupError: An operator has to mend something.
            RestPlanLimit: The plan allows no further user.
            RestError: Easemob refuses this user.
            LinkError: It could not be reached.
            RestOutcomeUnknown: It did not answer.
            StoreError: The token or password could not be kept.

        """
        while True:
            token = await self._user_flights.join(user, lambda: self._obtain(user, rejected))
            # A flight that somebody else had started knows nothing of our refused token.
            if token.fresh or token.token != rejected:
                return token

    async def forget_user(self, user: ImUser) -> None:
        """Forget the token of a user that was removed at Easemob; a password is kept and used again."""
        kept = await self._store.load_user(user)
        if kept is not None and kept.token is not None:
            await self._store.save_user(user, replace(kept, token=None))

    async def offline_count(self, user: ImUser) -> int:
        """
        Return how many messages wait for *user*, as far as the server counts them.

        Raises:
            RestError: The call is refused, or the user is unknown; and as :meth:`user_token`.

        """
        call, path = "GET offline_msg_count", f"/users/{quote(user, safe='')}/offline_msg_count"
        return read_count(await self._in_time(call, lambda: self.authorised("GET", path, call=call)), user)

    async def user_exists(self, user: ImUser) -> bool:
        """Tell whether *user* is registered; raises as :meth:`user_token`."""
        call, path = "GET /users/{username}", f"/users/{quote(user, safe='')}"
        try:
            await self._in_time(call, lambda: self.authorised("GET", path, call=call))
        except RestError as error:
            if user_is_unknown(error):
                return False
            raise
        return True

    async def remove_user(self, user: ImUser) -> None:
        """
        Remove *user*, who is gone when this returns: also one who was never there (facts/easemob-rest.md §5.3).

        Raises:
            RestError: Easemob does not remove this user; and as :meth:`user_token`.

        """
        call, path = "DELETE /users/{username}", f"/users/{quote(user, safe='')}"
        try:
            await self._in_time(call, lambda: self.authorised("DELETE", path, call=call))
        except RestError as error:
            if not was_removed(error):
                raise

    def statistics(self) -> RestStatistics:
        """Return what was done since the start."""
        return RestStatistics(
            requests=self._requests,
            app_tokens=self._app.requests,
            user_tokens=self._user_tokens,
            rate_limited=self._rate_limited,
            by_password=self._by_password,
        )

    async def aclose(self) -> None:
        """Close the HTTP connections."""
        await self._http.aclose()

    def __repr__(self) -> str:
        return f"<RestClient {self._path}, {self._requests} requests, app token: {self._app!r}>"

    # User tokens. These run in flights: one at a time for a user.

    async def _obtain(self, user: ImUser, rejected: Secret | None) -> UserToken:
        """Return the kept token if it is good, else a new one, kept."""
        kept = await self._store.load_user(user) or StoredUser(token=None, password=None)
        held, now = kept.token, self._world.wall()
        if held is not None and held.value != rejected and is_good(held, now=now, margin_s=USER_MARGIN_S):
            return UserToken(held.value, held.expires_at, fresh=False)
        token, password = await self._in_time("POST /token (user token)", lambda: self._new_token(user, kept.password))
        self._user_tokens += 1
        await self._store.save_user(user, StoredUser(token=token, password=password))
        return UserToken(token.value, token.expires_at, fresh=True)

    async def _new_token(self, user: ImUser, password: Secret | None) -> tuple[StoredToken, Secret | None]:
        """Ask for a token by ``inherit``, or by password where this cluster does not know that grant."""
        if not self._by_password:
            body = {"grant_type": "inherit", "username": user, "autoCreateUser": True}
            call = "POST /token (inherit)"
            try:
                return self._stored(call, await self.authorised("POST", "/token", body, call=call)), password
            except RestError as error:
                if not grant_is_unknown(error):
                    raise
        token, password = await self._token_by_password(user, password)
        # Only now: what was refused was the grant, for the other way works. An odd answer alone proves nothing.
        if not self._by_password:
            log.info("easemob.grant_unknown", grant="inherit", instead="password")
            self._by_password = True
        return token, password

    async def _token_by_password(self, user: ImUser, password: Secret | None) -> tuple[StoredToken, Secret]:
        """
        Ask for a token by password, registering the user or setting the password first where needed.

        A new password is kept before Easemob learns it: a user whose password nobody knows cannot log in.
        """
        if password is not None:
            try:
                return await self._password_grant(user, password), password
            except RestError as error:
                if not password_is_refused(error):
                    raise
        else:
            password = Secret("".join(self._world.chance.choices(PASSWORD_LETTERS, k=PASSWORD_LENGTH)))
            await self._store.save_user(user, StoredUser(token=None, password=password))
        if not await self._register(user, password):
            await self._set_password(user, password)
        return await self._password_grant(user, password), password

    async def _password_grant(self, user: ImUser, password: Secret) -> StoredToken:
        call = "POST /token (password)"
        body = {"grant_type": "password", "username": user, "password": password.reveal()}
        return self._stored(call, await self._repeated("POST", "/token", body, call=call))

    async def _register(self, user: ImUser, password: Secret) -> bool:
        """Register *user*; tell whether that made the user, or it was there before."""
        call, body = "POST /users", {"username": user, "password": password.reveal()}
        try:
            return was_registered(await self.authorised("POST", "/users", body, call=call))
        except RestError as error:
            if user_exists_already(error):
                return False
            raise

    async def _set_password(self, user: ImUser, password: Secret) -> None:
        path = f"/users/{quote(user, safe='')}/password"
        await self.authorised("PUT", path, {"newpassword": password.reveal()}, call="PUT /users/{username}/password")

    def _stored(self, call: str, answer: Mapping[str, object]) -> StoredToken:
        value, life_s = read_token(call, answer)
        now = self._world.wall()
        return StoredToken(value, obtained_at=now, expires_at=now + life_s)

    # The app token.

    async def _fetch_app_token(self) -> StoredToken:
        """Ask for an app token, once; ``ttl`` is left to what the console sets (facts/easemob-rest.md §3)."""
        call = "POST /token (app token)"
        body = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret.reveal(),
        }
        try:
            try:
                answer = await self._once("POST", "/token", body, call=call)
            except ConnectFailed:
                # It never left, so it was not asked for: the next host, at once.
                answer = await self._once("POST", "/token", body, call=call)
            return self._stored(call, answer)
        except RestError as error:
            problem = as_setup_error(error)
            if problem is None:
                raise
            raise problem from error
        except RemoteProtocolError as error:
            advice = "Check easemob.rest_url: it may not be an Easemob REST server. Nothing is forwarded until then."
            raise EasemobSetupError(call, "something without a token", advice, is_theirs=False) from error

    # Calls.

    async def _in_time(self, call: str, work: Callable[[], Awaitable[T]]) -> T:
        """Bound everything that one call does."""
        with trio.move_on_after(TOTAL_S):
            return await work()
        raise RestOutcomeUnknown(call, f"nothing within {TOTAL_S:g} s")

    async def authorised(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        call: str,
        again: AgainRule = after_call,
    ) -> Mapping[str, object]:
        """
        Make a call with the app token, and again with a new one after a 401.

        Takes its turn among all calls of ours. There is no time limit but that of each request.

        Args:
            method: HTTP method.
            path: Below the app.
            body: JSON.
            call: What errors name this call.
            again: When to make the same call again.

        Raises:
            SlackkefuError: As :meth:`user_token`.

        """
        while True:
            token = await self._app.get()
            try:
                answer = await self._repeated(method, path, body, call=call, bearer=token, again=again)
            except RestUnauthorized as error:
                log.info("easemob.app_token_refused", call=call, code=error.code)
                self._app.rejected(token, error)  # raises when another token would not help
            else:
                self._app.accepted(token)
                return answer

    async def send_stream(
        self, path: str, content: AsyncIterable[bytes], *, call: str, headers: Mapping[str, str], limit_s: float
    ) -> tuple[str, Mapping[str, object]]:
        """
        Post a stream with the app token, once: a stream cannot be sent again. Takes its turn among all calls of ours.

        Args:
            path: Below the app.
            content: The body. What it raises is raised here as it is.
            call: What errors name this call.
            headers: Of the body.
            limit_s: Time limit for everything.

        Returns:
            The address it went to, and the answer.

        Raises:
            RestUnauthorized: The token was not taken; the next call has another one, where that may help.
            SlackkefuError: As :meth:`user_token`.

        """
        token = await self._app.get()
        try:
            base, answer = await self._request(
                "POST", path, content, call=call, headers=headers, bearer=token, limit_s=limit_s
            )
        except RestUnauthorized as error:
            log.info("easemob.app_token_refused", call=call, code=error.code)
            self._app.rejected(token, error)
            raise
        self._app.accepted(token)
        return f"{base}{self._path}{path}", answer

    async def _repeated(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        *,
        call: str,
        bearer: Secret | None = None,
        again: AgainRule = after_call,
    ) -> Mapping[str, object]:
        """Make a call, again as often as the rule allows."""
        failures = 0
        while True:
            try:
                return await self._once(method, path, body, call=call, bearer=bearer)
            except SlackkefuError as error:
                failures += 1
                pause_s = again(error, failures=failures)
                if pause_s is None:
                    raise
            await trio.sleep(pause_s)

    async def _once(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        *,
        call: str,
        bearer: Secret | None = None,
    ) -> Mapping[str, object]:
        """Make one request when its turn comes, and read the answer."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        content = None if body is None else msgspec.json.encode(body)
        _, answer = await self._request(method, path, content, call=call, headers=headers, bearer=bearer)
        return answer

    async def _request(
        self,
        method: str,
        path: str,
        content: bytes | AsyncIterable[bytes] | None,
        *,
        call: str,
        headers: Mapping[str, str],
        bearer: Secret | None,
        limit_s: float = EXCHANGE_S,
    ) -> tuple[str, Mapping[str, object]]:
        """Make one request, and learn from how it ends; return the server's address and the answer."""
        base = await self._endpoints.rest_base()
        authorization = {} if bearer is None else {"Authorization": f"Bearer {bearer.reveal()}"}
        await self._pace.turn()
        self._requests += 1
        try:
            status, raw = await exchange(
                self._http,
                method,
                f"{base}{self._path}{path}",
                call=call,
                headers={"Accept": "application/json", **headers, **authorization},
                content=content,
                limit_s=limit_s,
                max_bytes=MAX_BYTES,
            )
            answer = read_answer(call, status, raw)
        except (ConnectFailed, RestOutcomeUnknown):
            self._endpoints.report_failure(base)
            raise
        except RestRateLimited:
            self._rate_limited += 1
            self._pace.pause(self._slower_s)
            log.warning("easemob.rate_limited", call=call, pause_s=self._slower_s)
            self._slower_s = min(self._slower_s * 2, SLOWER_CAP_S)
            raise
        self._slower_s = SLOWER_FIRST_S
        return base, answer
