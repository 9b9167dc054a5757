"""Which way a message goes, and which it never goes."""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, final

import pytest
import trio
import trio.testing

from slackkefu.bridge.slack_to_kefu.ways import PATIENCE_S, Ways, may_go_round
from slackkefu.easemob.message import Accepted, MediaBody, OutgoingMessage, TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.easemob.recovery import SendAgain, after_send
from slackkefu.errors import (
    ConnectFailed,
    EasemobSetupError,
    KefuOutcomeUnknown,
    KefuRefused,
    KefuUnavailable,
    LinkClosed,
    LocalProtocolError,
    LoginRefused,
    RemoteProtocolError,
    RestError,
    RestOutcomeUnknown,
    RestPlanLimit,
    RestRateLimited,
    RestSendRefused,
    RestUnauthorized,
    SendOutcomeUnknown,
    SendPossiblyDone,
    SendRefused,
    SessionKicked,
    SlackkefuError,
)
from slackkefu.kefu.second_channel import SecondChannel
from tests.bridge.people import MIA

if TYPE_CHECKING:
    from structlog.testing import LogCapture

    from slackkefu.easemob.message import Body

LIMIT = LoginRefused(7, "Sorry, the app day live count limit")
NO_LOGIN = ConnectFailed("Easemob IM", "no login within 30 s")
SETUP = EasemobSetupError("POST /token", "400 invalid_grant", "Check easemob.client_secret.")
LOST = SendOutcomeUnknown("none in 15 s")


@final
class Road:
    """A way whose answers are given; without one it takes everything."""

    def __init__(self, name: str, log: list[tuple[str, int]]) -> None:
        self.name = name
        self.log = log
        self.answers: deque[Exception | None] = deque()
        self.always: SlackkefuError | None = None
        self.takes_s = 0.0
        self.live = False
        self.patience: set[float] = set()

    async def send(self, user: ImUser, message: OutgoingMessage, /, *, patience_s: float = 0.0) -> Accepted:
        """Note the message, and answer."""
        await trio.lowlevel.checkpoint()
        self.patience.add(patience_s)
        self.log.append((self.name, message.meta_id))
        await trio.sleep(self.takes_s)
        answer = self.answers.popleft() if self.answers else self.always
        if answer is not None:
            raise answer
        return Accepted(message.meta_id, 1, 2)

    def is_up(self, user: ImUser) -> bool:
        """Be up or not."""
        return self.live

    def hold(self, user: ImUser) -> AbstractContextManager[None]:
        """Hold nothing."""
        return nullcontext()

    @staticmethod
    def carries(body: Body, /) -> bool:
        """Carry what the second channel carries."""
        return SecondChannel.carries(body)


@final
class Crossing:
    """All ways, and which message went which."""

    def __init__(self, *, second: bool = True) -> None:
        self.went: list[tuple[str, int]] = []
        self.wrote: list[ImUser] = []
        self.login = Road("login", self.went)
        self.second = Road("second", self.went)
        self.rest = Road("rest", self.went)
        self.ways = Ways(
            logins=self.login, rest=self.rest, second=self.second if second else None, wrote=self.wrote.append
        )

    async def sends(self, number: int = 1, *, body: Body | None = None) -> SlackkefuError | None:
        """Send a message; return what came of it."""
        message = OutgoingMessage(number, ImUser("kefu_service"), body or TextBody("hello"))
        try:
            await self.ways.send(ImUser(MIA), message)
        except SlackkefuError as error:
            return error
        return None


async def cross(nursery: trio.Nursery, *, second: bool = True) -> Crossing:
    """Open all ways."""
    crossing = Crossing(second=second)
    await nursery.start(crossing.ways.run)
    return crossing


# The policy.


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NO_LOGIN, True),
        (LoginRefused(1, "Sorry, token expired"), True),
        (LoginRefused(1, "Sorry, user not found"), True),
        (LoginRefused(1, "Sorry, user register limit"), True),
        (LIMIT, True),
        (LoginRefused(13, ""), True),
        (LoginRefused(14, ""), True),
        (LoginRefused(3, ""), True),
        (LoginRefused(8, ""), True),
        (LoginRefused(7, ""), False),
        (LoginRefused(12, "user is forbidden"), False),
        (RestPlanLimit("POST /token (inherit)", 429, "resource_limited"), True),
        (RestUnauthorized("POST /token (inherit)", 401, "unauthorized"), True),
        (RestError("POST /token (password)", 400, "invalid_grant", "user not activated"), False),
        (RestError("POST /token (inherit)", 403, "forbidden_service_operation"), False),
        (RestError("POST /token (inherit)", 400, "illegal_argument"), True),
        (SETUP, True),
        (SendRefused(1, "blocked"), False),
        (SendRefused(15, ""), False),
        (SendRefused(7, "traffic limit"), False),
        (LOST, False),
        (SessionKicked(1, ""), False),
        (LinkClosed("Easemob IM", "stopping"), False),
        (LocalProtocolError("too large"), False),
    ],
)
def test_who_may_go_round(error: SlackkefuError, expected: bool) -> None:
    """Network, token and limits open another way; what is forbidden, refused or unclear opens none."""
    assert expected == may_go_round(error)


# Its execution.


async def test_while_the_login_works_nothing_else_is_tried(nursery: trio.Nursery) -> None:
    """A login gets its patience; who has something to say is told of."""
    crossing = await cross(nursery)

    assert await crossing.sends() is None
    assert [("login", 1)] == crossing.went
    assert ({PATIENCE_S}, [MIA]) == (crossing.login.patience, crossing.wrote)


@pytest.mark.parametrize(("second", "expected"), [(True, "second"), (False, "rest")])
@pytest.mark.parametrize("refusal", [LIMIT, NO_LOGIN])
async def test_the_other_way(
    nursery: trio.Nursery, second: bool, expected: str, refusal: SlackkefuError, log: LogCapture
) -> None:
    """By the second channel where there is one, else by REST; by the login again as soon as it works."""
    crossing = await cross(nursery, second=second)
    crossing.login.answers += [refusal, refusal]
    for number in (1, 2, 3):
        assert await crossing.sends(number) is None

    assert [("login", 1), (expected, 1), ("login", 2), (expected, 2), ("login", 3)] == crossing.went
    assert ["ways.round", "ways.back"] == [entry["event"] for entry in log.entries]
    assert 0 == crossing.ways.statistics().round


@pytest.mark.parametrize("refusal", [LoginRefused(12, ""), SendRefused(1, "blocked"), SendRefused(15, "muted"), LOST])
async def test_no_other_way(nursery: trio.Nursery, refusal: SlackkefuError) -> None:
    """What is forbidden, and what may have arrived, is left as it is."""
    crossing = await cross(nursery)
    crossing.login.answers.append(refusal)

    assert refusal is await crossing.sends()
    assert [("login", 1)] == crossing.went


@pytest.mark.parametrize("gone", [ConnectFailed("kefu", "refused"), KefuUnavailable("call", "HTTP 404")])
async def test_a_second_channel_that_is_not_there(nursery: trio.Nursery, gone: SlackkefuError) -> None:
    """REST is tried where it has taken nothing."""
    crossing = await cross(nursery)
    crossing.login.always, crossing.second.always = LIMIT, gone

    assert await crossing.sends() is None
    assert [("login", 1), ("second", 1), ("rest", 1)] == crossing.went
    assert (0, 1) == (crossing.ways.statistics().second_channel, crossing.ways.statistics().rest)


async def test_what_the_second_channel_refuses_does_not_go_by_rest(nursery: trio.Nursery) -> None:
    """Perhaps the tenant has shut this visitor out."""
    crossing = await cross(nursery)
    crossing.login.always, crossing.second.always = LIMIT, KefuRefused("call", "FAIL")

    assert crossing.second.always is await crossing.sends()
    assert ("rest", 1) not in crossing.went


@pytest.mark.parametrize("problem", [KefuRefused("call", "FAIL"), KefuOutcomeUnknown("call", "cut")])
async def test_a_desk_in_trouble_ends_no_message_that_waits_for_the_network(
    nursery: trio.Nursery, problem: SlackkefuError
) -> None:
    """What waits for the network waits as long as it takes, also when the desk's own API fails meanwhile."""
    crossing = await cross(nursery)
    crossing.login.answers.append(NO_LOGIN)
    crossing.second.always = problem
    error = await crossing.sends()
    assert error is not None
    step = after_send(error)

    assert isinstance(step, SendAgain)
    assert ("", isinstance(problem, KefuOutcomeUnknown)) == (step.reason, step.possibly)
    assert await crossing.sends() is None
    assert ["login", "second", "login"] == [way for way, _ in crossing.went]


async def test_a_file_goes_by_rest(nursery: trio.Nursery) -> None:
    """What the second channel does not carry is not given to it."""
    crossing = await cross(nursery)
    crossing.login.always = LIMIT

    assert await crossing.sends(body=MediaBody("img", "https://im.example.com/x")) is None
    assert [("login", 1), ("rest", 1)] == crossing.went


@pytest.mark.parametrize(
    "closed",
    [
        RestUnauthorized("POST /messages/users", 401, "unauthorized"),
        RestError("POST /messages/users", 403, "forbidden_op"),
        RestError("POST /messages", 404, ""),
        RestPlanLimit("POST /messages/users", 429, "resource_limited"),
        SETUP,
        RestOutcomeUnknown("GET /users/{username}", "cut"),
        RemoteProtocolError("the answer to GET /users/{username} is no JSON object"),
        RestError("GET /users/{username}", 502, ""),
    ],
)
async def test_where_nobody_may_send_by_rest_the_refused_login_stands(
    nursery: trio.Nursery, closed: SlackkefuError
) -> None:
    """It is the visitor's trouble then, and has the visitor's time limit."""
    crossing = await cross(nursery, second=False)
    crossing.login.always, crossing.rest.always = LIMIT, closed

    assert LIMIT is await crossing.sends()


@pytest.mark.parametrize(
    "problem",
    [
        RestRateLimited("POST /messages/users", 429, "reach_limit"),
        RestSendRefused("POST /messages/users", 400, "message_send_error"),
        ConnectFailed("rest", "refused"),
        SendPossiblyDone("POST /messages/users", "cut"),
    ],
)
async def test_what_rest_says_of_a_message_stands(nursery: trio.Nursery, problem: SlackkefuError) -> None:
    """Later, never, not there, and possibly are for whoever sends."""
    crossing = await cross(nursery, second=False)
    crossing.login.always, crossing.rest.always = LIMIT, problem

    assert problem is await crossing.sends()
    assert isinstance(problem, SendPossiblyDone) == (crossing.ways.statistics().possibly == 1)


# What may have arrived.


async def test_what_im_may_have_taken_does_not_go_by_rest(nursery: trio.Nursery) -> None:
    """REST would make it two messages; it waits for a way that recognises it. The next message is free to go."""
    crossing = await cross(nursery, second=False)
    crossing.login.answers.append(LOST)
    crossing.login.always = LIMIT

    assert [LOST, LIMIT, LIMIT] == [await crossing.sends(1) for _ in range(3)]
    assert "rest" not in {way for way, _ in crossing.went}
    assert await crossing.sends(2) is None
    assert ("rest", 2) == crossing.went[-1]


async def test_what_im_may_have_taken_goes_by_the_second_channel(nursery: trio.Nursery) -> None:
    """That recognises it, as the official widget relies on (facts/kefu.md §3.2)."""
    crossing = await cross(nursery)
    crossing.login.answers.append(LOST)
    crossing.login.always = LIMIT

    assert (LOST, None) == (await crossing.sends(), await crossing.sends())
    assert ("second", 1) == crossing.went[-1]


async def test_what_the_second_channel_may_have_taken_does_not_go_by_rest(nursery: trio.Nursery) -> None:
    """It is sent again by the second channel, or by the login, whichever is there."""
    crossing = await cross(nursery)
    unknown = KefuOutcomeUnknown("call", "cut")
    crossing.login.always = LIMIT
    crossing.second.answers += [unknown, KefuUnavailable("call", "HTTP 503")]

    assert [unknown, LIMIT, None] == [await crossing.sends() for _ in range(3)]
    assert "rest" not in {way for way, _ in crossing.went}


# Given up while it is under way.


@pytest.mark.parametrize(("second", "way"), [(False, "rest"), (True, "second")])
async def test_what_is_under_way_may_have_left(
    nursery: trio.Nursery, second: bool, way: str, autojump_clock: trio.testing.MockClock
) -> None:
    """Who wants to stop a message is told that it cannot be stopped any more."""
    crossing = await cross(nursery, second=second)
    crossing.login.always = LIMIT
    crossing.rest.takes_s = crossing.second.takes_s = 2
    async with trio.open_nursery() as senders:
        senders.start_soon(crossing.sends)
        await trio.sleep(1)

        assert (way, 1) == crossing.went[-1]
        assert crossing.ways.is_up(ImUser(MIA))

    assert not crossing.ways.is_up(ImUser(MIA))


@pytest.mark.parametrize(("second", "way"), [(False, "rest"), (True, "second")])
async def test_what_nobody_waits_for_any_more_goes_on(
    nursery: trio.Nursery, second: bool, way: str, autojump_clock: trio.testing.MockClock
) -> None:
    """Who asks for the same message again gets the end of it; the next message waits for that end, and then goes."""
    crossing = await cross(nursery, second=second)
    crossing.login.always = LIMIT
    crossing.rest.takes_s = crossing.second.takes_s = 5
    for _ in range(3):
        with trio.move_on_after(1):
            await crossing.sends(1)

    assert crossing.ways.is_up(ImUser(MIA))
    assert await crossing.sends(1) is None
    assert 5 == trio.current_time()

    with trio.move_on_after(1):
        await crossing.sends(2)
    assert await crossing.sends(3) is None
    assert (15, [1, 2, 3]) == (trio.current_time(), [number for name, number in crossing.went if name == way])
    assert not crossing.ways.is_up(ImUser(MIA))


async def test_what_ended_while_nobody_waited(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """Its end is kept: taken is taken, never left is sent again, and possibly stays possibly."""
    crossing = await cross(nursery, second=False)
    crossing.login.always = LIMIT
    crossing.rest.takes_s = 2
    possibly = SendPossiblyDone("POST /messages/users", "cut")
    ends = []
    crossing.rest.answers += [None, ConnectFailed("rest", "refused"), None, possibly]
    for number in (1, 2, 3):
        with trio.move_on_after(1):
            await crossing.sends(number)
        await trio.sleep(10)
        ends.append(await crossing.sends(number))

    assert [None, None, possibly] == ends
    assert [1, 2, 2, 3] == [number for way, number in crossing.went if way == "rest"]


async def test_a_fault_of_ours_is_for_whoever_waits(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """It ends no lane but that of its message, and not the daemon."""
    crossing = await cross(nursery, second=False)
    crossing.login.always = LIMIT
    crossing.rest.takes_s = 2
    crossing.rest.answers.append(ZeroDivisionError())
    with trio.move_on_after(1):
        await crossing.sends()
    with pytest.raises(ZeroDivisionError):
        await crossing.sends()

    assert await crossing.sends() is None


async def test_a_stop_waits_for_what_is_under_way(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """It is not cut, and nothing more goes another way."""
    crossing = await cross(nursery, second=False)
    crossing.login.always = LIMIT
    crossing.rest.takes_s = 3
    nursery.start_soon(crossing.sends, 1)
    await trio.sleep(1)
    await crossing.ways.finish()

    assert (3, 1) == (trio.current_time(), crossing.ways.statistics().rest)
    assert isinstance(await crossing.sends(2), LinkClosed)


@pytest.mark.parametrize(("live", "second", "expected"), [(True, False, 0), (False, False, 1), (True, True, 0)])
async def test_what_was_given_up_on_its_way_by_im(
    nursery: trio.Nursery, live: bool, second: bool, expected: int, autojump_clock: trio.testing.MockClock
) -> None:
    """Where a login was up it may have left, and does not go by REST; where there was none it has not."""
    crossing = await cross(nursery, second=second)
    crossing.login.takes_s, crossing.login.live = 2, live
    with trio.move_on_after(1):
        await crossing.sends()
    crossing.login.always, crossing.login.live = LIMIT, False
    await crossing.sends()

    assert expected == sum(way == "rest" for way, _ in crossing.went)
    assert second == (("second", 1) in crossing.went)
