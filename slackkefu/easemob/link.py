"""
One visitor's lasting link to Easemob IM.

A link is a row of connections: token, address, login, a connection that lives for hours, its loss, a pause, and again.
Who sends waits while there is none. What may be tried again, and how, is decided in
:func:`~slackkefu.easemob.recovery.after_link`; this module carries it out:

* *again*: after the next of :func:`pauses`, which begin anew after 5 minutes of a good connection;
* *fresh token*: at once, with a token that was issued for it;
* *pause*: after a minute, growing to an hour (:class:`KickPause`);
* *give up*: the link ends with the error, and everybody who waits gets it.

Every login takes a turn first, so that thousands of links that lost one server come back in step with what the
server stands.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, Protocol, final

import structlog
import trio

from slackkefu.easemob.login import Login
from slackkefu.easemob.recovery import FreshToken, GiveUp, Pause, advice, after_link
from slackkefu.errors import ConnectFailed, LinkClosed, LinkError, SessionKicked, SlackkefuError

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Iterator

    from slackkefu.easemob.message import Accepted, Batch, OutgoingMessage
    from slackkefu.easemob.names import AppKey, ImUser
    from slackkefu.easemob.rest import UserToken
    from slackkefu.easemob.timing import Heartbeat
    from slackkefu.secret import Secret

__all__ = ["Dial", "KickPause", "Link", "Live", "SocketAddresses", "Spelling", "UserTokens", "pauses"]

log = structlog.get_logger()

MAX_HOSTS: Final = 3
"""How many addresses one attempt tries, as the web client does (facts/msync.md §2.3)."""
LOGIN_S: Final = 20.0
"""Time limit for socket and login together: the web client allows 10 s for each (§5)."""
STABLE_S: Final = 300.0
LOGOUT_S: Final = 3.0
KICK_FIRST_S: Final = 60.0
KICK_CAP_S: Final = 3600.0


# What a link needs of others.


class Live(Protocol):
    """One connection; :class:`~slackkefu.easemob.connection.Connection` is the real one."""

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Dial and log in, say so, and serve until the connection is over; raise why it is over."""
        ...

    async def send(self, message: OutgoingMessage) -> Accepted:
        """Send *message* and wait for its acknowledgement."""
        ...

    async def logout(self) -> None:
        """Log out and end the connection."""
        ...

    def set_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Ask at this pace from now on."""
        ...

    @property
    def drained(self) -> bool:
        """Whether all that waited at the server has been handed over and looked through."""
        ...

    def ask(self) -> None:
        """Ask what waits at the server; not drained until that is answered."""
        ...


class Dial(Protocol):
    """Makes connections that are not yet dialled."""

    def __call__(
        self,
        url: str,
        login: Login,
        on_batch: Callable[[Batch], Awaitable[None]],
        on_drained: Callable[[], None],
    ) -> Live:
        """Make one to *url*."""
        ...


class UserTokens(Protocol):
    """The part of :class:`~slackkefu.easemob.rest.RestClient` that a link needs."""

    async def user_token(self, user: ImUser, *, rejected: Secret | None = None) -> UserToken:
        """Return a token for *user*, another one than *rejected*."""
        ...

    async def forget_user(self, user: ImUser) -> None:
        """Forget the token of a user that was removed."""
        ...


class SocketAddresses(Protocol):
    """The part of :class:`~slackkefu.easemob.discovery.Endpoints` that a link needs."""

    async def websocket_urls(self) -> tuple[str, ...]:
        """Return the addresses, the one to try first in front."""
        ...

    def report_failure(self, url: str) -> None:
        """Take note that *url* did not work."""
        ...


# How long to wait.


def pauses(chance: random.Random) -> Iterator[float]:
    """
    Yield the seconds before each new attempt.

    The Go client's steps (three times 5 to 10 s, five times 20 to 40 s, then 60 to 120 s; facts/msync.md §9), made for
    a server with many users behind one address; the web client's 1 to 2 s are made for one user in front of a
    screen. Before them one quick attempt within 2 s: most losses are a server's restart or a cut line.
    """
    yield chance.uniform(0.0, 2.0)
    for _ in range(3):
        yield chance.uniform(5.0, 10.0)
    for _ in range(5):
        yield chance.uniform(20.0, 40.0)
    while True:
        yield chance.uniform(60.0, 120.0)


@final
class KickPause:
    """
    How long a visitor stays away after being thrown out: a minute, twice as long each time, at most an hour.

    It begins anew after an hour of quiet, counted from the end of the last pause. It outlives the link, so
    that neither letting a session go nor needing it again shortens the pause.
    """

    __slots__ = ("_last_at", "_next_s", "until")

    def __init__(self) -> None:
        self.until = float("-inf")
        """No login before this time (trio's clock)."""
        self._next_s = KICK_FIRST_S
        self._last_at = float("-inf")

    def lately(self, now: float) -> bool:
        """Tell whether there was a kick within the last hour."""
        return now - self._last_at < KICK_CAP_S

    def note(self, now: float) -> None:
        """Take note of a kick that asks for no pause."""
        self._last_at = now

    def kicked(self, now: float) -> float:
        """Begin a pause; return its seconds."""
        if now - max(self.until, self._last_at) >= KICK_CAP_S:
            self._next_s = KICK_FIRST_S
        pause_s = self._next_s
        self._last_at, self.until = now, now + pause_s
        self._next_s = min(pause_s * 2, KICK_CAP_S)
        return pause_s


@final
class Spelling:
    """
    How this cluster wants tokens spelled at the login: with ``$t$`` before them or bare (uncertain, facts/msync.md §5).

    The spelling with the longer use comes first. A link whose fresh token is refused tries the other one, once; what
    works for one visitor is what all begin with from then on.
    """

    __slots__ = ("dollar_prefix",)

    def __init__(self) -> None:
        self.dollar_prefix = True


# The link.


@final
class Link:
    """
    One IM user, kept logged in.

    Args:
        user: Who.
        app_key: Of which app.
        resource: The device, the same for all users of this store (facts/msync.md §1.9).
        tokens: Where tokens come from.
        addresses: Where the servers are.
        dial: Makes connections.
        on_batch: Handles a batch; it is acknowledged when this returns. When it raises an error of ours, the connection
            is made anew, and the batch comes again.
        on_drained: Called each time that all that waited has been handed over and looked through.
        on_lost: Told when a login that worked is gone.
        turn: Waits for the turn to log in.
        kicks: The pause after kicks, which outlives this link.
        spelling: How tokens are spelled, for all links alike.
        heartbeat: How often to ask; see :meth:`set_heartbeat`.
        chance: Jitter.

    """

    __slots__ = (
        "_addresses",
        "_app_key",
        "_chance",
        "_changed",
        "_dial",
        "_dollar_prefix",
        "_drained_since",
        "_ended",
        "_heartbeat",
        "_is_said",
        "_kicks",
        "_leaving",
        "_live",
        "_missed_at",
        "_on_batch",
        "_on_drained",
        "_on_lost",
        "_resource",
        "_respelled",
        "_scope",
        "_spelling",
        "_state",
        "_tokens",
        "_turn",
        "kicked",
        "logins",
        "up_since",
        "user",
    )

    def __init__(
        self,
        user: ImUser,
        *,
        app_key: AppKey,
        resource: str,
        tokens: UserTokens,
        addresses: SocketAddresses,
        dial: Dial,
        on_batch: Callable[[Batch], Awaitable[None]],
        on_drained: Callable[[], None],
        on_lost: Callable[[], None],
        turn: Callable[[], Awaitable[None]],
        kicks: KickPause,
        spelling: Spelling,
        heartbeat: Heartbeat,
        chance: random.Random,
    ) -> None:
        self.user = user
        self._app_key = app_key
        self._resource = resource
        self._tokens = tokens
        self._addresses = addresses
        self._dial = dial
        self._on_batch = on_batch
        self._on_drained = on_drained
        self._on_lost = on_lost
        self._turn = turn
        self._kicks = kicks
        self._spelling = spelling
        self._dollar_prefix = spelling.dollar_prefix
        self._respelled = False
        # It has been said that this one is tried again and again.
        self._is_said = False
        self._heartbeat = heartbeat
        self._chance = chance
        self._state = "new"
        self._live: Live | None = None
        self._drained_since: float | None = None
        # Since when somebody has waited for the next login.
        self._missed_at: float | None = None
        self._ended: SlackkefuError | None = None
        self._changed = trio.Event()
        self._scope = trio.CancelScope()
        self._leaving = False
        self.up_since: float | None = None
        """Since when the present connection is logged in (trio's clock); None while there is none."""
        self.logins = 0
        """Logins that went well."""
        self.kicked = 0
        """Sessions that the server ended with a STATISTIC 1 to 4."""

    # For the one task that owns it.

    async def run(self) -> None:
        """
        Keep the user logged in until :meth:`logout`. Runs once.

        A cancellation drops the connection without a logout; messages not pulled past wait at the server.

        Raises:
            SlackkefuError: Why the link gave up.

        """
        try:
            with self._scope:
                await self._keep_up()
        except SlackkefuError as error:
            self._ended = error
            raise
        finally:
            if self._ended is None:
                self._ended = LinkClosed("Easemob IM", "logged out")
            self._now("ended")

    async def logout(self) -> None:
        """Log out, within 3 s, and end :meth:`run`; a cancellation ends it at once."""
        self._leaving = True
        try:
            if self._live is not None:
                with trio.move_on_after(LOGOUT_S):
                    await self._live.logout()
        except SlackkefuError:
            log.debug("msync.logout_failed", user=self.user)  # gone either way
        finally:
            self._scope.cancel()

    # For everybody.

    def set_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Ask at another pace, on this connection and the next ones."""
        self._heartbeat = heartbeat
        if self._live is not None:
            self._live.set_heartbeat(heartbeat)

    @property
    def drained_since(self) -> float | None:
        """
        Since when the link is up and keeps up: what came to the server since has been handed over and looked through.

        None while something waits that was not looked through, and while that is not known: see :meth:`ask`.
        """
        return self._drained_since if self._live is not None and self._live.drained else None

    def ask(self) -> None:
        """Make sure that nothing waits: until the server has said so, :attr:`drained_since` is None."""
        if self._live is not None:
            self._live.ask()

    async def send(self, message: OutgoingMessage, *, patience_s: float = inf) -> Accepted:
        """
        Send *message* as soon as the link is up.

        A connection that is lost before the message left is waited out.

        Args:
            message: The message.
            patience_s: How long a login may be missing, counted from when somebody first waited for it.

        Raises:
            SendRefused: Easemob does not take the message.
            SendOutcomeUnknown: It left, and was not acknowledged.
            ConnectFailed: There was no login in time; it never left.
            SlackkefuError: The link has given up; why.

        """
        while True:
            live = await self._up(patience_s)
            try:
                return await live.send(message)
            except LinkClosed:
                # It never left. This connection will not come back, though its task may not have noticed yet.
                if self._live is live:
                    self._down()

    def __repr__(self) -> str:
        return f"<Link {self.user} {self._state}, {self.logins} logins>"

    # The row of connections.

    async def _keep_up(self) -> None:
        steps = pauses(self._chance)
        rejected: Secret | None = None
        while True:
            token: UserToken | None = None
            try:
                await self._pause_over()
                self._now("waiting for its turn")
                await self._turn()
                self._now("logging in")
                token = await self._tokens.user_token(self.user, rejected=rejected)
                await self._connections(token)
            except SlackkefuError as error:
                problem = error
            else:
                problem = LinkClosed("Easemob IM", "ended without a reason")
            stable = self.up_since is not None and trio.current_time() - self.up_since >= STABLE_S
            self._down()
            if self.up_since is not None:
                self.up_since = None
                self._on_lost()
            if self._leaving:
                return
            if stable:
                steps, rejected = pauses(self._chance), None
                self._is_said = False
            rejected = await self._recover(problem, token, steps) or rejected

    async def _recover(self, problem: SlackkefuError, token: UserToken | None, steps: Iterator[float]) -> Secret | None:
        """
        Do what the rule says after *problem*; return when the next attempt may begin.

        Returns:
            A token not to be used again, or None.

        """
        now = trio.current_time()
        after = after_link(problem, fresh=token is not None and token.fresh, kicked_lately=self._kicks.lately(now))
        if isinstance(problem, SessionKicked):
            self.kicked += 1
            if problem.operation == 1:
                await self._tokens.forget_user(self.user)
        if isinstance(after, GiveUp) and after.reason == "token" and not self._respelled:
            self._respelled = True
            self._dollar_prefix = not self._dollar_prefix
            log.info("msync.other_spelling", user=self.user, dollar_prefix=self._dollar_prefix, error=str(problem))
            return None
        if isinstance(after, GiveUp):
            told = {"meaning": "this visitor's messages wait", "advice": advice(problem)}
            log.warning("msync.gave_up", user=self.user, reason=after.reason, error=str(problem), **told)
            raise problem
        if isinstance(after, Pause):
            log.warning("msync.kicked", user=self.user, pause_s=self._kicks.kicked(now), error=str(problem))
            return None
        if isinstance(after, FreshToken):
            if isinstance(problem, SessionKicked):
                self._kicks.note(now)
            log.info("msync.fresh_token", user=self.user, error=str(problem))
            return token.token if token is not None else None
        pause_s = next(steps)
        say = log.debug if self._is_said else log.info
        say("msync.again", user=self.user, in_s=round(pause_s, 1), error=str(problem))
        self._is_said = True
        self._now("waiting to try again")
        await trio.sleep(pause_s)
        return None

    async def _connections(self, token: UserToken) -> None:
        """Try one address after another; serve the first that logs in until it is over, and raise why."""
        login = Login(self._app_key, self.user, token.token, self._resource, self._dollar_prefix)
        problem: SlackkefuError = ConnectFailed("Easemob IM", "no address")
        for url in (await self._addresses.websocket_urls())[:MAX_HOSTS]:
            try:
                await self._connection(url, login)
            except LinkError as error:
                if self.up_since is not None:
                    raise
                self._addresses.report_failure(url)
                problem = error
            else:
                return
        raise problem

    async def _connection(self, url: str, login: Login) -> None:
        """Dial, log in, serve; raise why it is over."""
        live = self._dial(url, login, self._settle, self._note_drained)
        with trio.move_on_after(LOGIN_S) as limit:
            await live.run(task_status=_Started(self, live, limit))
        if limit.cancelled_caught:
            raise ConnectFailed("Easemob IM", f"no login within {LOGIN_S:g} s")

    async def _settle(self, batch: Batch) -> None:
        """Hand a batch over; one that cannot be settled ends the connection, and comes again with the next."""
        try:
            await self._on_batch(batch)
        except SlackkefuError as error:
            raise LinkClosed("Easemob IM", f"a batch was not settled: {type(error).__name__}") from error

    async def _pause_over(self) -> None:
        """Wait until a pause after a kick is over."""
        if trio.current_time() < self._kicks.until:
            self._now("pausing after a kick")
            await trio.sleep_until(self._kicks.until)

    # Up and down.

    async def _up(self, patience_s: float) -> Live:
        """Wait for a live connection."""
        while self._live is None:
            if self._ended is not None:
                raise self._ended.with_traceback(None)
            if self._missed_at is None:
                self._missed_at = trio.current_time()
            with trio.move_on_at(self._missed_at + patience_s) as limit:
                await self._changed.wait()
            if limit.cancelled_caught:
                raise ConnectFailed("Easemob IM", f"no login within {patience_s:g} s")
        return self._live

    def _came_up(self, live: Live) -> None:
        self._live, self._missed_at = live, None
        self._drained_since = None
        live.set_heartbeat(self._heartbeat)  # it may have changed during the login
        self.up_since = trio.current_time()
        self._spelling.dollar_prefix = self._dollar_prefix
        self._respelled = False
        self.logins += 1
        log.debug("msync.logged_in", user=self.user)
        self._now("up")

    def _note_drained(self) -> None:
        """Take note that nothing waits; what comes and is settled later on is no break."""
        if self._drained_since is None:
            self._drained_since = trio.current_time()
        self._on_drained()

    def _down(self) -> None:
        self._live = None
        self._now("down")

    def _now(self, state: str) -> None:
        """Take note of a new state, and wake who waits for one."""
        self._state = state
        self._changed.set()
        self._changed = trio.Event()


@final
class _Started(trio.TaskStatus[None]):
    """What a connection is told to call once it is logged in; no nursery is needed for that."""

    def __init__(self, link: Link, live: Live, limit: trio.CancelScope) -> None:
        self._link = link
        self._live = live
        self._limit = limit

    def started(self, value: None = None) -> None:
        """Lift the time limit of the login, and let messages go."""
        self._limit.deadline = float("inf")
        self._link._came_up(self._live)  # noqa: SLF001 - one thing in two classes
