"""Tests of :mod:`slackkefu.easemob.rest`, against a small cluster that keeps users and tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import trio
import trio.lowlevel

from slackkefu.credentials import StoredToken, StoredUser
from slackkefu.easemob.names import AppKey, im_user
from slackkefu.easemob.rest import TOTAL_S, RestClient
from slackkefu.errors import (
    ConnectFailed,
    EasemobSetupError,
    RestConflict,
    RestError,
    RestOutcomeUnknown,
    RestPlanLimit,
    RestRateLimited,
    RestUnauthorized,
    StoreUnwritable,
)
from slackkefu.secret import Secret
from tests.easemob.fakes import (
    APP_KEY,
    REST,
    SECRET,
    START,
    Cluster,
    FixedEndpoints,
    MemoryStore,
    answer,
    error,
    make_world,
)
from tests.facts import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from structlog.testing import LogCapture
    from trio.testing import MockClock

DAY_S = 86400.0
ADA = im_user("t1_u1_c1")
BOB = im_user("t1_u2_c1")


class Bench:
    """A client with a cluster and a store; :meth:`restart` makes a new process of it."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.cluster = Cluster()
        self.store = MemoryStore()
        # One list, so that tests see what came first.
        self.store.events = self.cluster.events
        self.endpoints = FixedEndpoints(rest=(REST, "https://other.example.com"))
        self.world = make_world(self.cluster)
        self.rest = self.restart()

    def restart(self, app_key: AppKey = APP_KEY) -> RestClient:
        """Forget what is in memory."""
        self.rest = RestClient(
            world=self.world,
            nursery=self.nursery,
            endpoints=self.endpoints,
            app_key=app_key,
            client_id="CLIENT-ID-EXAMPLE",
            client_secret=SECRET,
            store=self.store,
        )
        return self.rest

    def old_cluster(self, unknown_grant: Callable[[], httpx.Response] | None = None) -> None:
        """Let the cluster be one that does not know ``inherit``."""
        self.cluster.inherit = False
        if unknown_grant is not None:
            self.cluster.unknown_grant = unknown_grant


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A client with a cluster and a store."""
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        yield bench
        await bench.rest.aclose()
        nursery.cancel_scope.cancel()


# The app token.


async def test_restart_fetches_no_token(bench: Bench, autojump_clock: MockClock) -> None:
    """Neither an app token nor a user token is asked for again."""
    first = await bench.rest.user_token(ADA)
    asked = list(bench.cluster.events)
    bench.restart()
    await bench.rest.check()
    second = await bench.rest.user_token(ADA)

    assert (first.token, True, False) == (second.token, first.fresh, second.fresh)
    assert asked == bench.cluster.events


async def test_the_app_token_is_asked_for_as_documented(bench: Bench, autojump_clock: MockClock) -> None:
    """Body and headers as in the sample without ``ttl``; the secret is in the body only."""
    (sample,) = [c for c in load("rest-samples/app-token.json")["cases"] if c["case"] == "ok-2017-no-ttl"]
    await bench.rest.check()
    (request,) = bench.cluster.requests

    assert (sample["request"]["method"], sample["request"]["url"]) == (request.method, str(request.url))
    assert sample["request"]["body"] == json.loads(request.content)
    assert sample["request"]["headers"].items() <= {k.title(): v for k, v in request.headers.items()}.items()
    assert "Authorization" not in request.headers


async def test_many_waiters_one_fetch(bench: Bench, autojump_clock: MockClock) -> None:
    """Many visitors at once: one app token, one user token each."""
    users = [im_user(f"t1_u{n}_c1") for n in range(10)]
    async with trio.open_nursery() as nursery:
        for user in users:
            nursery.start_soon(bench.rest.user_token, user)

    assert (1, 10) == (bench.cluster.count("app token"), bench.cluster.count("inherit"))


async def test_cancelled_waiter(bench: Bench, autojump_clock: MockClock) -> None:
    """Who gives up early leaves the request to the others, and to itself when it comes again."""
    with trio.move_on_after(0.15):
        await bench.rest.user_token(ADA)
    await bench.rest.user_token(ADA)

    assert (1, 1) == (bench.cluster.count("app token"), bench.cluster.count("inherit"))


async def test_401_leads_to_one_more_token(bench: Bench, autojump_clock: MockClock) -> None:
    """An app token that is not taken any more is replaced, and the call made again."""
    await bench.rest.check()
    bench.cluster.good.clear()
    await trio.sleep(60)
    await bench.rest.user_token(ADA)

    assert ["app token", "inherit", "app token", "inherit"] == [
        event for event in bench.cluster.events if event in ("app token", "inherit")
    ]


async def test_401_twice_then_stop(bench: Bench, autojump_clock: MockClock) -> None:
    """After two more tokens it is the operator's; further calls make no requests for a while."""
    bench.cluster.refuse["inherit"] = lambda: error(401, "unauthorized", "Unable to authenticate (OAuth)")
    with pytest.raises(EasemobSetupError, match="none of the app tokens"):
        await bench.rest.user_token(ADA)

    assert (3, 3) == (bench.cluster.count("app token"), bench.cluster.count("inherit"))
    for user in (BOB, im_user("t1_u3_c1")):
        with pytest.raises(EasemobSetupError):
            await bench.rest.user_token(user)
    assert bench.cluster.count("app token") <= 5


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("client-id-wrong", "easemob.client_id"),
        ("client-secret-wrong", "easemob.client_secret"),
        ("client-id-missing", "easemob.client_id"),
        ("app-unknown", "easemob.app_key"),
    ],
)
async def test_wrong_credentials_stop_at_once(case: str, words: str, bench: Bench, autojump_clock: MockClock) -> None:
    """One request, one line that names the key, and no second request right after."""
    (sample,) = [c["response"] for c in load("rest-samples/app-token.json")["cases"] if c["case"] == case]
    bench.cluster.refuse["app token"] = lambda: answer(sample["status"], sample["body"])
    with pytest.raises(EasemobSetupError, match=words.replace(".", r"\.")) as caught:
        await bench.rest.check()

    assert "\n" not in str(caught.value)
    assert SECRET.reveal() not in str(caught.value)
    assert bench.cluster.count("app token") == 1


async def test_a_page_of_somebody_else_is_named(bench: Bench, autojump_clock: MockClock) -> None:
    """A web server that answers everything with 200 is no Easemob."""
    bench.cluster.scripted.append(httpx.Response(200, content=b"<html>"))
    with pytest.raises(EasemobSetupError, match=r"easemob\.rest_url"):
        await bench.rest.check()


async def test_trouble_with_the_app_token_is_no_setup_error(bench: Bench, autojump_clock: MockClock) -> None:
    """A server that is down is told as such."""
    bench.cluster.refuse["app token"] = lambda: answer(502)
    with pytest.raises(RestError) as caught:
        await bench.rest.check()
    assert caught.value.status == 502


async def test_an_app_token_that_never_left_is_asked_for_at_the_next_host(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """No connection to one host: the next one, at once."""
    bench.cluster.scripted.append(httpx.ConnectError("refused"))
    began = trio.current_time()
    await bench.rest.check()

    assert trio.current_time() - began < 1
    assert ["im-rest.example.com", "other.example.com"] == [request.url.host for request in bench.cluster.requests]


@pytest.mark.parametrize(("life", "seconds"), [(86400, DAY_S), (86_400_000, DAY_S), (5_184_000_000, 60 * DAY_S)])
async def test_vip5(life: int, seconds: float, bench: Bench, autojump_clock: MockClock) -> None:
    """Lives in milliseconds are read as such, for both kinds of token."""
    bench.cluster.life = life
    token = await bench.rest.user_token(ADA)

    assert seconds == pytest.approx(token.expires_at - START, abs=2)
    assert bench.store.app is not None
    assert seconds == pytest.approx(bench.store.app.expires_at - START, abs=2)


async def test_vip5_read_wrongly_is_mended_by_a_refusal(bench: Bench, autojump_clock: MockClock) -> None:
    """A short life in milliseconds looks like a long one in seconds; the refused login brings a new token."""
    bench.cluster.life = 3_600_000
    first = await bench.rest.user_token(ADA)
    await trio.sleep(2 * 3600)
    second = await bench.rest.user_token(ADA, rejected=first.token)

    assert second.fresh
    assert first.token != second.token


# User tokens.


async def test_inherit_is_asked_for_as_documented(bench: Bench, autojump_clock: MockClock) -> None:
    """``autoCreateUser`` true, no ``ttl``, the app token in the header."""
    await bench.rest.user_token(ADA)
    request = bench.cluster.requests[-1]

    assert {"grant_type": "inherit", "username": ADA, "autoCreateUser": True} == json.loads(request.content)
    assert request.headers["Authorization"] == "Bearer app-token-1"
    assert {ADA: None} == bench.cluster.users


async def test_one_call_at_a_time_for_a_visitor(bench: Bench, autojump_clock: MockClock) -> None:
    """Many who need the same visitor's token make one call."""
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(bench.rest.user_token, ADA)

    assert bench.cluster.count("inherit") == 1


async def test_a_user_token_is_used_until_a_tenth_before_its_end(bench: Bench, autojump_clock: MockClock) -> None:
    """Then a new one is asked for."""
    bench.cluster.life = 100_000
    await bench.rest.user_token(ADA)
    await trio.sleep(80_000)
    await trio.sleep(9_000)
    assert not (await bench.rest.user_token(ADA)).fresh
    await trio.sleep(2_000)

    assert (await bench.rest.user_token(ADA)).fresh


async def test_a_rejected_token_is_not_returned_again(bench: Bench, autojump_clock: MockClock) -> None:
    """A token refused at login makes room for a new one, also on disk."""
    first = await bench.rest.user_token(ADA)
    second = await bench.rest.user_token(ADA, rejected=first.token)

    assert (True, True) == (second.fresh, first.token != second.token)
    kept = bench.store.users[ADA].token
    assert kept is not None
    assert kept.value == second.token


async def test_a_rejected_token_is_not_returned_by_a_call_of_somebody_else(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """A call in the air that knows nothing of the refusal does not bring the refused token back."""
    first = await bench.rest.user_token(ADA)
    got = []

    async def ask() -> None:
        got.append(await bench.rest.user_token(ADA, rejected=first.token))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.rest.user_token, ADA)
        await trio.lowlevel.checkpoint()
        nursery.start_soon(ask)

    assert [True] == [token.token != first.token for token in got]


async def test_409_waits_at_least_a_second(bench: Bench, autojump_clock: MockClock) -> None:
    """Two creations at once: again after a second, and a little later."""
    await bench.rest.check()
    bench.cluster.scripted.extend(error(409, "concurrent_operation_error") for _ in range(2))
    began = trio.current_time()
    await bench.rest.user_token(ADA)

    assert 3.0 <= trio.current_time() - began < 4.0
    assert bench.cluster.count("inherit") == 3


async def test_409_for_ever_is_an_error(bench: Bench, autojump_clock: MockClock) -> None:
    """It is not tried without end."""
    bench.cluster.refuse["inherit"] = lambda: error(409, "concurrent_operation_error")
    with pytest.raises(RestConflict):
        await bench.rest.user_token(ADA)
    assert bench.cluster.count("inherit") == 5


async def test_plan_limit(bench: Bench, autojump_clock: MockClock) -> None:
    """The plan's users are used up: no second attempt, no registration by another way."""
    bench.cluster.refuse["inherit"] = lambda: error(429, "resource_limited", "You have exceeded the limit")
    with pytest.raises(RestPlanLimit):
        await bench.rest.user_token(ADA)
    assert (1, 0) == (bench.cluster.count("inherit"), bench.cluster.count("register"))


@pytest.mark.parametrize("given", [error(429, "reach_limit"), answer(503), error(403, "x", "message send reach limit")])
async def test_rate_limits_slow_all_calls_down(given: httpx.Response, bench: Bench, autojump_clock: MockClock) -> None:
    """The caller is told at once; whatever comes next waits a second, two, four."""
    await bench.rest.check()
    began = trio.current_time()
    for _ in range(3):
        bench.cluster.scripted.append(given)
        with pytest.raises(RestRateLimited):
            await bench.rest.user_token(ADA)
    await bench.rest.user_token(BOB)

    assert 7.0 <= trio.current_time() - began < 8.0
    assert bench.rest.statistics().rate_limited == 3


async def test_calls_are_paced(bench: Bench, autojump_clock: MockClock) -> None:
    """100 visitors at once stay well below 100 calls a second."""
    await bench.rest.check()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(bench.rest.user_token, im_user(f"t1_u{number}_c1"))

    assert 4.9 <= trio.current_time() - began < 6


async def test_gateway_trouble_is_waited_out(bench: Bench, autojump_clock: MockClock) -> None:
    """502, then a lost answer, then it works."""
    await bench.rest.check()
    bench.cluster.scripted.extend([answer(502), httpx.ReadError("cut")])
    await bench.rest.user_token(ADA)

    assert bench.cluster.count("inherit") == 3


async def test_everything_together_is_bounded(bench: Bench, autojump_clock: MockClock) -> None:
    """A server that never answers is an unknown outcome in the end."""
    await bench.rest.check()
    bench.cluster.delay_s = 1e6
    began = trio.current_time()
    with pytest.raises(RestOutcomeUnknown):
        await bench.rest.user_token(ADA)
    assert trio.current_time() - began <= TOTAL_S + 1


async def test_no_host_at_all(bench: Bench, autojump_clock: MockClock) -> None:
    """No connection anywhere: three attempts, then it is said, with the host."""
    await bench.rest.check()
    bench.cluster.scripted.extend(httpx.ConnectError("refused") for _ in range(9))
    with pytest.raises(ConnectFailed, match=r"example\.com"):
        await bench.rest.user_token(ADA)
    assert bench.cluster.count("inherit") == 3


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (400, "illegal_argument", "username [has space] is not legal"),
        (400, "illegal_argument", "USERNAME_TOO_LONG"),
        (400, "invalid_grant", "user not activated"),
        (403, "forbidden_service_operation", "Service operation not allowed"),
    ],
)
async def test_a_refused_user_is_refused(
    status: int, code: str, text: str, bench: Bench, autojump_clock: MockClock
) -> None:
    """One call; another grant is not tried."""
    bench.cluster.refuse["inherit"] = lambda: error(status, code, text)
    with pytest.raises(RestError):
        await bench.rest.user_token(ADA)
    assert (1, 0) == (bench.cluster.count("inherit"), bench.cluster.count("register"))


# Clusters without inherit.

UNKNOWN: list[Callable[[], httpx.Response]] = [
    lambda: error(400, "unsupported_grant_type", "Unsupported grant type"),
    lambda: error(400, "invalid_grant", "invalid username or password"),
    lambda: error(404, "service_resource_not_found", "Service resource not found"),
    lambda: answer(404),
    lambda: answer(405),
    lambda: error(500, "web_application", "javax.ws.rs.WebApplicationException"),
    lambda: error(500, "unsupported_service_operation", "Service operation not supported"),
]


@pytest.mark.parametrize("refusal", UNKNOWN)
async def test_inherit_unknown(refusal: Callable[[], httpx.Response], bench: Bench, autojump_clock: MockClock) -> None:
    """The user is registered with a password that is on disk before Easemob learns it, then logged in by it."""
    bench.old_cluster(refusal)
    token = await bench.rest.user_token(ADA)
    kept = bench.store.users[ADA]

    assert kept.password is not None
    assert kept.password.reveal() == bench.cluster.users[ADA]
    assert len(kept.password.reveal()) == 32
    assert kept.token is not None
    assert kept.token.value == token.token
    assert [
        "note app request", "app token", "save app token",
        "inherit", "save password", "register", "password grant", "save user token",
    ] == bench.cluster.events  # fmt: skip


async def test_the_unknown_grant_is_remembered_for_this_process(bench: Bench, autojump_clock: MockClock) -> None:
    """It is tried once; after a restart once more, for clusters are renewed."""
    bench.old_cluster()
    await bench.rest.user_token(ADA)
    await bench.rest.user_token(BOB)
    assert bench.cluster.count("inherit") == 1
    assert bench.rest.statistics().by_password
    bench.restart()
    await bench.rest.user_token(im_user("t1_u3_c1"))

    assert bench.cluster.count("inherit") == 2


async def test_an_odd_answer_alone_is_not_remembered(bench: Bench, autojump_clock: MockClock) -> None:
    """Where the other way fails too, it was not the grant."""
    await bench.rest.check()
    bench.cluster.scripted.extend([answer(404), answer(404)])
    with pytest.raises(RestError):
        await bench.rest.user_token(ADA)
    await bench.rest.user_token(BOB)

    assert not bench.rest.statistics().by_password
    assert bench.cluster.count("inherit") == 2


async def test_a_kept_password_is_used(bench: Bench, autojump_clock: MockClock) -> None:
    """A known user needs one call for a new token."""
    bench.old_cluster()
    first = await bench.rest.user_token(ADA)
    bench.cluster.events.clear()
    await bench.rest.user_token(ADA, rejected=first.token)

    assert ["password grant", "save user token"] == bench.cluster.events


async def test_a_lost_password_is_set_anew(bench: Bench, autojump_clock: MockClock) -> None:
    """The store was lost: the user is there, nobody knows its password; it is set, and kept before."""
    bench.old_cluster()
    bench.cluster.users[ADA] = "nobody-knows"
    await bench.rest.user_token(ADA)

    assert ["save password", "register", "set password", "password grant", "save user token"] == (
        bench.cluster.events[-5:]
    )
    kept = bench.store.users[ADA].password
    assert kept is not None
    assert kept.reveal() == bench.cluster.users[ADA]


async def test_existing_user_in_the_newer_spelling(bench: Bench, autojump_clock: MockClock) -> None:
    """200 with ``registerUserFailReason`` means the same as 400 ``duplicate_unique_property_exists``."""
    bench.old_cluster()
    bench.cluster.users[ADA] = "nobody-knows"
    bench.cluster.refuse["register"] = lambda: answer(
        200, {"entities": [], "data": [{"username": ADA, "registerUserFailReason": "the x already exists"}]}
    )
    await bench.rest.user_token(ADA)

    assert bench.cluster.count("set password") == 1


@pytest.mark.parametrize("there", [True, False])
async def test_a_kept_password_that_is_refused(there: bool, bench: Bench, autojump_clock: MockClock) -> None:
    """Changed by somebody, or the user removed: the kept password is made true again either way."""
    bench.old_cluster()
    if there:
        bench.cluster.users[ADA] = "changed"
    bench.store.users[ADA] = StoredUser(token=None, password=Secret("kept-password"))
    await bench.rest.user_token(ADA)

    assert {ADA: "kept-password"} == bench.cluster.users
    assert int(there) == bench.cluster.count("set password")


async def test_no_password_is_set_that_could_not_be_kept(bench: Bench, autojump_clock: MockClock) -> None:
    """A full disk: nothing is registered, and nobody's password is changed to one that would be lost."""
    bench.old_cluster()
    await bench.rest.check()

    async def cut(user: str, value: StoredUser) -> None:
        raise StoreUnwritable(Path("users"), "full")

    save = bench.store.save_user
    bench.store.save_user = cut  # type: ignore[method-assign]  # a full disk
    with pytest.raises(StoreUnwritable):
        await bench.rest.user_token(ADA)
    assert {} == bench.cluster.users
    bench.store.save_user = save  # type: ignore[method-assign]  # and room again
    await bench.rest.user_token(ADA)
    assert bench.cluster.count("register") == 1


async def test_a_crash_after_registration_loses_nothing(bench: Bench, autojump_clock: MockClock) -> None:
    """The answer to the registration is lost; the next attempt finds the user with the password we kept."""
    bench.old_cluster()
    home = bench.nursery
    async with trio.open_nursery() as bench.nursery:
        bench.restart()
        bench.nursery.cancel_scope.deadline = trio.current_time() + 0.25
        await bench.rest.user_token(ADA)
    kept = bench.store.users[ADA].password
    assert kept is not None
    assert bench.cluster.events[-1] == "register"
    bench.cluster.users[ADA] = kept.reveal()
    bench.nursery = home
    bench.restart()
    await bench.rest.user_token(ADA)

    assert kept == bench.store.users[ADA].password
    assert bench.cluster.count("register") == 1


async def test_a_banned_user_by_password(bench: Bench, autojump_clock: MockClock) -> None:
    """Banned is banned: the password is not set anew."""
    bench.old_cluster()
    bench.store.users[ADA] = StoredUser(token=None, password=Secret("kept-password"))
    bench.cluster.refuse["password grant"] = lambda: error(400, "invalid_grant", "user not activated")
    with pytest.raises(RestError):
        await bench.rest.user_token(ADA)
    assert (0, 0) == (bench.cluster.count("register"), bench.cluster.count("set password"))


async def test_forget_user_keeps_the_password(bench: Bench, autojump_clock: MockClock) -> None:
    """A removed user's token is worthless; its password registers it again."""
    token = StoredToken(Secret("t"), START, START + 1000)
    bench.store.users[ADA] = StoredUser(token=token, password=Secret("kept-password"))
    await bench.rest.forget_user(ADA)
    await bench.rest.forget_user(BOB)

    assert StoredUser(token=None, password=Secret("kept-password")) == bench.store.users[ADA]


# Counts and users.


async def test_offline_count_and_user_exists(bench: Bench, autojump_clock: MockClock) -> None:
    """What waits, who is there, and who is not."""
    bench.cluster.users[ADA] = None
    bench.cluster.waiting[ADA] = 3

    assert await bench.rest.offline_count(ADA) == 3
    assert await bench.rest.user_exists(ADA)
    assert not await bench.rest.user_exists(BOB)
    with pytest.raises(RestError):
        await bench.rest.offline_count(BOB)


async def test_user_exists_does_not_guess(bench: Bench, autojump_clock: MockClock) -> None:
    """Any other refusal is an error, not a no."""
    bench.cluster.refuse["get user"] = lambda: error(403, "forbidden_service_operation")
    with pytest.raises(RestError):
        await bench.rest.user_exists(ADA)


async def test_a_user_is_removed(bench: Bench, autojump_clock: MockClock) -> None:
    """Once; who is not there, and who was removed by a call whose answer was lost, is as good as removed."""
    bench.cluster.users[ADA] = None
    bench.cluster.scripted.append(httpx.ConnectError("cut"))
    await bench.rest.remove_user(ADA)
    await bench.rest.remove_user(ADA)
    bench.cluster.refuse["remove user"] = lambda: error(400, "management", "User with id null does not exist in app x")
    await bench.rest.remove_user(BOB)

    assert ADA not in bench.cluster.users


@pytest.mark.parametrize(("status", "code"), [(403, "forbidden_op"), (400, "illegal_argument"), (404, "odd")])
async def test_a_user_whom_easemob_does_not_remove(
    bench: Bench, autojump_clock: MockClock, status: int, code: str
) -> None:
    """Any other refusal is told: the user is still there."""
    bench.cluster.refuse["remove user"] = lambda: error(status, code)
    with pytest.raises(RestError):
        await bench.rest.remove_user(ADA)


async def test_401_to_the_count_alone_asks_for_no_tokens(bench: Bench, autojump_clock: MockClock) -> None:
    """A call the app may not make does not use up app tokens, however often it is made."""
    await bench.rest.user_token(ADA)
    bench.cluster.refuse["count"] = lambda: error(401, "unauthorized", "not privileged")
    for _ in range(5):
        with pytest.raises(RestUnauthorized):
            await bench.rest.offline_count(ADA)

    assert bench.cluster.count("app token") == 1


async def test_names_are_encoded(autojump_clock: MockClock) -> None:
    """Whatever an app key or a user's name holds, it stays in its place of the path."""
    paths = []

    async def handler(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return answer(200, {"access_token": "x", "expires_in": 5000, "data": 0})

    async with trio.open_nursery() as nursery:
        rest = RestClient(
            world=make_world(handler),
            nursery=nursery,
            endpoints=FixedEndpoints(),
            app_key=AppKey("a/b", "c?d"),
            client_id="CLIENT-ID-EXAMPLE",
            client_secret=SECRET,
            store=MemoryStore(),
        )
        await rest.offline_count(im_user("../x"))
        await rest.aclose()

    assert [b"/a%2Fb/c%3Fd/token", b"/a%2Fb/c%3Fd/users/..%2Fx/offline_msg_count"] == paths


# What is shown.


async def test_no_secret_is_shown(bench: Bench, log: LogCapture, autojump_clock: MockClock) -> None:
    """Neither logs nor repr hold a token, a secret or a password."""
    bench.old_cluster()
    await bench.rest.user_token(ADA)
    bench.cluster.good.clear()
    await trio.sleep(700)
    await bench.rest.user_token(BOB)
    shown = f"{log.entries!r} {bench.rest!r} {bench.rest.statistics()!r} {await bench.rest.user_token(ADA)!r}"
    secrets = [*bench.cluster.issued, *filter(None, bench.cluster.users.values()), f"{ADA}-token", SECRET.reveal()]

    assert [] == [secret for secret in secrets if secret in shown]
