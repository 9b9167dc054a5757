"""
Ways: how a visitor's message gets to the desk.

By the visitor's own login. While that fails by network, token or limits, by another way: the desk's second channel
where the operator has opened it, else Easemob's REST API. Where the tenant has blocked, muted or forbidden the visitor
there is no other way: the refusal stands.

The login is tried first for each message. While it is known to fail that costs nothing, it keeps the login being tried,
and it brings the visitor back as soon as it works. A message goes one way after the other within its lane, so order
holds whichever way each goes, and by each it carries the same ``msg_id_for_ack``, by which the desk can know it again.

REST knows no repeats (facts/easemob-rest.md §6.1). So a message that may have arrived already is never sent by it, and
one whose answer it loses is not sent again by any way. What is under way by another way goes on when its sender stops
waiting, as it does when a message becomes late, and its end is kept for the sender's next attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, final

import structlog
import trio

from slackkefu.easemob.recovery import is_banned
from slackkefu.errors import (
    ConnectFailed,
    EasemobSetupError,
    KefuOutcomeUnknown,
    KefuRefused,
    KefuUnavailable,
    LinkClosed,
    LoginRefused,
    RemoteProtocolError,
    RestError,
    RestOutcomeUnknown,
    RestRateLimited,
    RestSendRefused,
    SendOutcomeUnknown,
    SendPossiblyDone,
    SlackkefuError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from slackkefu.easemob.message import Accepted, Body, OutgoingMessage
    from slackkefu.easemob.names import ImUser

__all__ = ["PATIENCE_S", "Ways", "WaysStatistics", "may_go_round"]

log = structlog.get_logger()

PATIENCE_S: Final = 30.0
"""
How long a login may be missing before a message goes another way.

A lost connection mostly comes back within 2 s, at worst after a second try of up to 10 s more. Slack does not wait for
this: a message is in the spill after 1.5 s.
"""


# The policy.

_LOGIN_FAILED: Final = (ConnectFailed, EasemobSetupError, LoginRefused, RestError)
"""Errors of a login: none came about in time (network, a pause after a kick, no room), or it was refused."""

_NOT_THERE: Final = (ConnectFailed, KefuUnavailable)
"""Errors of the second channel after which the next way is tried: nothing was taken, and nothing said against it."""

_ABOUT_THE_MESSAGE: Final = (RestRateLimited, RestSendRefused)
"""Errors of REST that stand for themselves."""

_SHUT: Final = (EasemobSetupError, RestError, RestOutcomeUnknown, RemoteProtocolError)
"""The others: nobody may send this way here, or it does not work now; the message never left."""


def may_go_round(error: SlackkefuError) -> bool:
    """
    Tell whether a message may go another way.

    Args:
        error: Why it did not go by the visitor's login.

    Returns:
        True when the login has failed, and not because the visitor is banned. False when the message itself was
        refused, when it may have arrived, and when nothing is wrong with the login: we are stopping, or cannot write.

    """
    return isinstance(error, _LOGIN_FAILED) and not is_banned(error)


# Its execution.


class Logins(Protocol):
    """The part of :class:`~slackkefu.easemob.pool.Pool` that is needed."""

    async def send(self, user: ImUser, message: OutgoingMessage, *, patience_s: float) -> Accepted:
        """Send by the visitor's login; raise ConnectFailed when there is none in time."""
        ...

    def hold(self, user: ImUser) -> AbstractContextManager[None]:
        """Keep the visitor's session meanwhile."""
        ...

    def is_up(self, user: ImUser) -> bool:
        """Tell whether the visitor is logged in now."""
        ...


class OtherWay(Protocol):
    """A way beside it."""

    async def send(self, user: ImUser, message: OutgoingMessage, /) -> Accepted:
        """Send; see :mod:`slackkefu.easemob.rest_send` and :mod:`slackkefu.kefu.second_channel` for the errors."""
        ...


class Second(OtherWay, Protocol):
    """The part of :class:`~slackkefu.kefu.second_channel.SecondChannel` that is needed."""

    def carries(self, body: Body, /) -> bool:
        """Tell whether it can carry such a body."""
        ...


_Name: TypeAlias = Literal["second_channel", "rest"]


@dataclass(slots=True, eq=False)
class _Trip:
    """A message on another way, until its sender has heard of its end."""

    meta_id: int
    way: _Name
    over: trio.Event = field(default_factory=trio.Event)
    end: Accepted | Exception | None = None


@dataclass(frozen=True, slots=True)
class WaysStatistics:
    """How messages went, since the start."""

    second_channel: int
    """Messages that went by the second channel."""
    rest: int
    """Messages that went by REST."""
    possibly: int
    """Messages whose answer REST lost: they may have arrived, and are not repeated."""
    round: int
    """Visitors whose last message went another way than by their login."""


@final
class Ways:
    """
    Sends by the first way that is open; stands in for the pool.

    Args:
        logins: The visitors' logins.
        rest: Easemob's REST API.
        second: The second channel, where it may be used.
        wrote: Told of each visitor who has something to send.

    """

    def __init__(
        self, *, logins: Logins, rest: OtherWay, second: Second | None, wrote: Callable[[ImUser], None]
    ) -> None:
        self._logins = logins
        self._rest = rest
        self._second = second
        self._wrote = wrote
        # By visitor, each at most one: the next message begins when this one has ended. What left by a way that knows
        # repeats and was not answered; and what is under way by another way.
        self._unanswered: dict[ImUser, int] = {}
        self._trips: dict[ImUser, _Trip] = {}
        self._round: dict[ImUser, _Name] = {}
        self._counts: dict[_Name, int] = {"second_channel": 0, "rest": 0}
        self._possibly = 0
        self._nursery: trio.Nursery | None = None
        self._is_over = False

    def __repr__(self) -> str:
        return f"<Ways {'with' if self._second else 'without'} a second channel, {len(self._round)} go round>"

    # For the app.

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Let messages go other ways, until cancelled; a cancellation leaves open what became of those under way."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            await trio.sleep_forever()

    async def finish(self) -> None:
        """Let no further message go another way, and wait for those that are under way."""
        self._is_over = True
        for trip in [*self._trips.values()]:
            await trip.over.wait()

    def statistics(self) -> WaysStatistics:
        """Count."""
        return WaysStatistics(
            second_channel=self._counts["second_channel"],
            rest=self._counts["rest"],
            possibly=self._possibly,
            round=len(self._round),
        )

    # For who sends.

    async def send(self, user: ImUser, message: OutgoingMessage) -> Accepted:
        """
        Send *message* as *user*.

        Waits for a login for :data:`PATIENCE_S` at most, where that is known to fail not at all. A cancellation leaves
        it under way; the next call with the same message continues there.

        Returns:
            What the way that took it says; other ways than a login may tell neither server id nor time.

        Raises:
            SendPossiblyDone: It may have arrived, and must not be sent again.
            SendOutcomeUnknown, KefuOutcomeUnknown: It may have arrived; a repeat with the same ids is recognised.
            RestSendRefused, KefuRefused: Not taken by the way it went, and the login is refused.
            RestRateLimited: Later.
            SlackkefuError: As :meth:`slackkefu.easemob.pool.Pool.send`; no other way was open either.

        """
        self._wrote(user)
        accepted = await self._end_of_last(user, message)
        if accepted is not None:
            return accepted
        if self._unanswered.get(user) != message.meta_id:
            self._unanswered.pop(user, None)
        try:
            accepted = await self._by_login(user, message)
        except SlackkefuError as refusal:
            if not may_go_round(refusal):
                raise
            return await self._go_round(user, message, refusal)
        self._unanswered.pop(user, None)
        if self._round.pop(user, None):
            log.info("ways.back", visitor=user)
        return accepted

    def hold(self, user: ImUser) -> AbstractContextManager[None]:
        """Keep *user*'s session, if it has one, meanwhile."""
        return self._logins.hold(user)

    def is_up(self, user: ImUser) -> bool:
        """Tell whether what was given to :meth:`send` for *user* may be on its way now, or may have arrived."""
        return user in self._trips or user in self._unanswered or self._logins.is_up(user)

    def forget(self, user: ImUser) -> None:
        """Know nothing of *user* any more; what is under way goes on, and nobody waits for it."""
        for known in (self._unanswered, self._trips, self._round):
            known.pop(user, None)

    # One way after the other.

    async def _by_login(self, user: ImUser, message: OutgoingMessage) -> Accepted:
        try:
            return await self._logins.send(user, message, patience_s=PATIENCE_S)
        except SendOutcomeUnknown:
            self._unanswered[user] = message.meta_id
            raise
        except trio.Cancelled:
            if self._logins.is_up(user):
                self._unanswered[user] = message.meta_id
            raise

    async def _go_round(self, user: ImUser, message: OutgoingMessage, refusal: SlackkefuError) -> Accepted:
        """Send another way; raise *refusal* where there is none."""
        if self._second is not None and self._second.carries(message.body):
            try:
                return await self._by(self._second, "second_channel", user, message)
            except _NOT_THERE as error:
                log.info("ways.closed", visitor=user, way="second_channel", problem=str(error))
            except (KefuOutcomeUnknown, KefuRefused) as error:
                if not isinstance(refusal, ConnectFailed):
                    raise
                # The network comes back: the login is waited for, whatever the desk's own API makes of it meanwhile.
                is_open = isinstance(error, KefuOutcomeUnknown)
                raise (SendOutcomeUnknown(error.reason) if is_open else refusal) from error
        if user in self._unanswered:
            # By REST it would be another message.
            raise refusal
        try:
            return await self._by(self._rest, "rest", user, message)
        except _ABOUT_THE_MESSAGE:
            raise
        except _SHUT as error:
            log.warning("ways.closed", visitor=user, way="rest", problem=str(error))
            raise refusal from error

    # Other ways.

    async def _by(self, way: OtherWay, name: _Name, user: ImUser, message: OutgoingMessage) -> Accepted:
        """Send by *way*, and wait for the end of that."""
        if self._nursery is None or self._is_over:
            raise LinkClosed("Easemob", "stopping")
        trip = self._trips[user] = _Trip(message.meta_id, name)
        self._nursery.start_soon(self._travel, trip, way, user, message)
        return await self._end(user, trip)

    async def _travel(self, trip: _Trip, way: OtherWay, user: ImUser, message: OutgoingMessage) -> None:
        """Send by another way, whether or not somebody waits for it."""
        try:
            trip.end = await way.send(user, message)
        except Exception as exc:  # noqa: BLE001 - whoever waits for it has to deal with it
            trip.end = exc
            if isinstance(exc, KefuOutcomeUnknown):
                self._unanswered[user] = trip.meta_id
            self._possibly += isinstance(exc, SendPossiblyDone)
        else:
            self._unanswered.pop(user, None)
            self._counts[trip.way] += 1
            if self._round.get(user) != trip.way:
                log.info("ways.round", visitor=user, way=trip.way)
                self._round[user] = trip.way
        finally:
            trip.over.set()

    async def _end_of_last(self, user: ImUser, message: OutgoingMessage) -> Accepted | None:
        """Wait for what is under way; return or raise how *message* ended if that is it, and if it may have arrived."""
        trip = self._trips.get(user)
        if trip is None:
            return None
        is_it = trip.meta_id == message.meta_id
        try:
            accepted = await self._end(user, trip)
        except SendPossiblyDone:
            if is_it:
                raise
        except SlackkefuError as error:
            log.info("ways.closed", visitor=user, way=trip.way, problem=str(error))
        else:
            return accepted if is_it else None
        return None

    async def _end(self, user: ImUser, trip: _Trip) -> Accepted:
        """Wait for the end of a trip, and forget it; a cancellation leaves it to the next who asks."""
        await trip.over.wait()
        if self._trips.get(user) is trip:
            del self._trips[user]
        if isinstance(trip.end, Exception):
            raise trip.end
        if trip.end is None:
            raise LinkClosed("Easemob", "stopping")
        return trip.end
