"""The Web API client, against an HTTP transport in memory and virtual time."""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, final
from urllib.parse import parse_qs

import httpx
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from slackkefu.errors import (
    ConnectFailed,
    LinkClosed,
    SlackApiError,
    SlackError,
    SlackkefuError,
    SlackOutcomeUnknown,
    SlackRateLimited,
    SlackSetupError,
    SlackTokenPending,
)
from slackkefu.secret import Secret
from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, Ts, UserId
from slackkefu.slack.installation import Installation, InstallationKey
from slackkefu.slack.profile import Profile
from slackkefu.slack.web import CALL_S, MAX_BYTES, Identity, OAuthClient, Post, Posted, Verdict, WebClient
from slackkefu.world import World
from tests.net.streams import MemoryNetwork

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = Secret("xoxb-north")
NORTH = Installation(
    key=InstallationKey(None, TeamId("T1")),
    team_name="North",
    bot_token=TOKEN,
    bot_id="B1",
    bot_user_id=UserId("U1"),
    app_id="A1",
    scopes=frozenset(),
)
POST = "chat.postMessage"

Answer = httpx.Response | Exception | Callable[[httpx.Request], Awaitable[httpx.Response]]


class Slack(httpx.AsyncBaseTransport):
    """A Slack that gives the next of its answers, or ``ok`` with a ts when there is none left."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.times: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        await trio.lowlevel.checkpoint()
        self.requests.append(request)
        self.times.append(trio.current_time())
        answer = self.answers.pop(0) if self.answers else ok(channel="C1", ts="1.2")
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else await answer(request)


def ok(**fields: object) -> httpx.Response:
    """Make an ``ok`` answer."""
    return httpx.Response(200, json={"ok": True, **fields})


def error(code: str, **fields: object) -> httpx.Response:
    """Make an ``ok: false`` answer."""
    return httpx.Response(200, json={"ok": False, "error": code, **fields})


def limited(**headers: str) -> httpx.Response:
    """Make a 429."""
    return httpx.Response(429, headers=headers, json={"ok": False, "error": "ratelimited"})


@asynccontextmanager
async def client(slack: Slack) -> AsyncIterator[WebClient]:
    """Make a client of *slack*."""
    web = WebClient(
        world=World(MemoryNetwork(http=slack)), api_url="https://slack.test/api/", app_token=Secret("xapp-test")
    )
    try:
        yield web
    finally:
        await web.aclose()


async def post(web: WebClient, text: str = "hello", channel: str = "C1") -> Posted:
    """Post *text*."""
    return await web.post_message(NORTH, Post(channel=channel, text=text))


# What is sent.


async def test_a_post_is_literal() -> None:
    """A post is JSON, unformatted, without previews, and never asks Slack to make mentions (facts/slack.md §6)."""
    slack = Slack(ok(channel="D9", ts="1760000000.000100"))
    async with client(slack) as web:
        posted = await web.post_message(
            NORTH, Post(channel="U7", text="a &amp; b 好", thread_ts=Ts("1.0"), metadata_id="m-1")
        )

    (request,) = slack.requests
    assert posted == Posted(ChannelId("D9"), Ts("1760000000.000100"))
    assert (request.method, str(request.url)) == ("POST", "https://slack.test/api/chat.postMessage")
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.headers["authorization"] == "Bearer xoxb-north"
    assert json.loads(request.content) == {
        "channel": "U7",
        "text": "a &amp; b 好",
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "thread_ts": "1.0",
        "metadata": {"event_type": "slackkefu_message", "event_payload": {"id": "m-1"}},
    }


async def test_what_is_not_given_is_not_sent() -> None:
    """No thread and no id mean no such fields; half an emoji is sent as a question mark."""
    slack = Slack()
    async with client(slack) as web:
        await post(web, "cut \ud83d")

    sent = json.loads(slack.requests[0].content)
    assert not {"thread_ts", "metadata", "link_names", "parse"} & set(sent)
    assert sent["text"] == "cut ?"


async def test_reads_are_forms() -> None:
    """Reads send a form: nested values as JSON, nothing in the query (facts/slack.md §8)."""
    slack = Slack(ok(user={"profile": {"display_name": "mia"}}), ok())
    async with client(slack) as web:
        assert await web.users_info(NORTH, UserId("U7")) == Profile(display_name="mia")
        await web.call("conversations.history", {"limit": 15, "x": True, "y": None}, token=TOKEN)

    first, second = slack.requests
    assert parse_qs(first.content.decode()) == {"user": ["U7"], "include_locale": ["true"]}
    assert first.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(second.content.decode()) == {"limit": ["15"], "x": ["true"]}
    assert not first.url.query


async def test_the_ticket_comes_with_the_app_token_and_stays_hidden() -> None:
    """apps.connections.open is asked with the xapp token; the address is a secret."""
    slack = Slack(ok(url="wss://wss-primary.slack.com/link/?ticket=hush-hush"), ok())
    async with client(slack) as web:
        url = await web.open_connection()
        with pytest.raises(LinkClosed):
            await web.open_connection()

    assert slack.requests[0].headers["authorization"] == "Bearer xapp-test"
    assert url.reveal().endswith("hush-hush")
    assert "hush-hush" not in repr(url)


async def test_whose_a_token_is() -> None:
    """auth.test names workspace, bot and scopes; an organisation-wide token has no workspace."""
    workspace = {"team_id": "T1", "team": "North", "user_id": "U1", "bot_id": "B1", "enterprise_id": None}
    slack = Slack(
        httpx.Response(200, json={"ok": True, **workspace}, headers={"x-oauth-scopes": "chat:write, im:history"}),
        ok(**{**workspace, "enterprise_id": "E1", "is_enterprise_install": True}),
    )
    async with client(slack) as web:
        small, large = await web.auth_test(TOKEN), await web.auth_test(TOKEN)

    assert small == Identity(
        key=InstallationKey(None, TeamId("T1")),
        team_name="North",
        bot_user_id=UserId("U1"),
        bot_id="B1",
        scopes=frozenset({"chat:write", "im:history"}),
    )
    assert large.key == InstallationKey(EnterpriseId("E1"), None)
    assert small.installation(TOKEN, app_id="A1") == Installation(
        key=small.key,
        team_name="North",
        bot_token=TOKEN,
        bot_id="B1",
        bot_user_id=UserId("U1"),
        app_id="A1",
        scopes=small.scopes,
    )


async def test_whose_a_token_is_has_to_be_said() -> None:
    """An ``ok`` of somebody who is not Slack names no workspace, and makes no installation."""
    async with client(Slack(ok())) as web:
        with pytest.raises(LinkClosed, match="names no workspace"):
            await web.auth_test(TOKEN)


async def test_other_calls() -> None:
    """Workspaces and conversations are read with their holes."""
    slack = Slack(
        ok(team={"id": "T1", "name": "North", "domain": "north"}),
        ok(channel={"id": "C1", "name": "support", "is_private": True}),
        ok(channel=None),
    )
    async with client(slack) as web:
        assert "North" == await web.team_name(NORTH)
        assert "support" == await web.conversation_name(NORTH, ChannelId("C1"))
        assert "" == await web.conversation_name(NORTH, ChannelId("C1"))


# Answers that are not ok.


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (error("channel_not_found"), SlackApiError, "channel_not_found"),
        (error("missing_scope", needed="chat:write"), SlackApiError, "chat:write"),
        (httpx.Response(404, text="nothing here"), SlackApiError, "http_404"),
        (httpx.Response(400, json={"ok": False, "error": "invalid_form_data"}), SlackApiError, "invalid_form_data"),
        (httpx.Response(408), SlackOutcomeUnknown, "HTTP 408"),
        (httpx.Response(503, text="<html>"), SlackOutcomeUnknown, "HTTP 503"),
        (httpx.Response(500, json={"ok": True, "ts": "1"}), SlackOutcomeUnknown, "HTTP 500"),
        (error("internal_error"), SlackOutcomeUnknown, "internal_error"),
        (httpx.Response(200, text="<html>sign in</html>"), SlackOutcomeUnknown, "not Slack's"),
        (httpx.Response(200, json=[1]), SlackOutcomeUnknown, "not Slack's"),
        (httpx.Response(200, json={"ts": "1"}), SlackOutcomeUnknown, "not Slack's"),
        (httpx.Response(200, content=b"[" * 100_000), SlackOutcomeUnknown, "not Slack's"),
        (httpx.Response(302, headers={"location": "https://elsewhere"}), SlackOutcomeUnknown, "HTTP 302"),
        (httpx.ConnectError("refused"), ConnectFailed, "refused"),
        (httpx.ConnectTimeout(""), ConnectFailed, "ConnectTimeout"),
        (httpx.PoolTimeout(""), ConnectFailed, "PoolTimeout"),
        (httpx.ReadTimeout("slow"), SlackOutcomeUnknown, "ReadTimeout"),
        (httpx.RemoteProtocolError("gone"), SlackOutcomeUnknown, "RemoteProtocolError"),
        (httpx.WriteError("gone"), SlackOutcomeUnknown, "WriteError"),
    ],
)
async def test_a_post_that_fails(answer: Answer, kind: type[SlackkefuError], text: str) -> None:
    """Trap 14: only ``ok: true`` is success; and what may have happened is told from what did not."""
    async with client(Slack(answer)) as web:
        with pytest.raises(kind, match=text):
            await post(web)


async def test_an_ok_without_a_ts_is_an_ok() -> None:
    """A post that Slack calls ok is never made again, whatever else the answer lacks."""
    async with client(Slack(ok(channel="C1"))) as web:
        assert Posted(ChannelId("C1"), None) == await web.post_message(NORTH, Post(channel="C1", text="hello"))


@pytest.mark.parametrize(
    "answer", [httpx.Response(503), error("fatal_error"), httpx.ReadTimeout("slow"), httpx.Response(200, text="x")]
)
async def test_a_read_that_fails_can_be_repeated(answer: Answer) -> None:
    """Nothing happens by asking: the same errors of a read are plain link errors."""
    async with client(Slack(answer)) as web:
        with pytest.raises(LinkClosed):
            await web.users_info(NORTH, UserId("U7"))


async def test_an_answer_that_is_too_long() -> None:
    """Memory does not grow with what answers in Slack's place; a read can be repeated, a post may have been made."""

    async def long() -> AsyncIterator[bytes]:
        for _ in range(1 + (MAX_BYTES >> 20)):
            await trio.lowlevel.checkpoint()
            yield bytes(1 << 20)

    async with client(Slack(httpx.Response(200, content=long()), httpx.Response(200, content=long()))) as web:
        with pytest.raises(LinkClosed, match="more than"):
            await web.auth_test(TOKEN)
        with pytest.raises(SlackOutcomeUnknown):
            await post(web)


async def test_a_call_has_a_time_limit(autojump_clock: trio.abc.Clock) -> None:
    """Thirty seconds for all, even if bytes keep trickling in."""

    async def never(_: httpx.Request) -> httpx.Response:
        await trio.sleep_forever()
        raise AssertionError

    for call, kind in ((POST, SlackOutcomeUnknown), ("users.info", LinkClosed)):
        async with client(Slack(never)) as web:
            started = trio.current_time()
            with pytest.raises(kind, match="nothing within 30 s"):
                await web.call(call, {}, token=TOKEN)

            assert trio.current_time() - started == CALL_S


async def test_the_token_is_never_seen(caplog: pytest.LogCaptureFixture) -> None:
    """Neither errors, nor their chain, nor reprs, nor any log show a token."""
    caplog.set_level(logging.DEBUG)
    slack = Slack(httpx.ReadTimeout("slow"), error("invalid_auth"), httpx.ConnectError("no"))
    shown: list[str] = []
    async with client(slack) as web:
        shown.append(repr(web))
        for _ in range(3):
            with pytest.raises(SlackkefuError) as caught:
                await post(web)
            shown += [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]

    assert "xoxb-north" not in "".join(shown) + caplog.text
    assert "hello" not in "".join(shown) + caplog.text


async def test_trap_15_the_token_does_not_follow_a_redirect() -> None:
    """Wherever an answer points to, only Slack's own address gets the token."""
    slack = Slack(httpx.Response(307, headers={"location": "https://elsewhere.test/"}))
    async with client(slack) as web:
        with pytest.raises(SlackOutcomeUnknown):
            await post(web)

    assert [str(request.url) for request in slack.requests] == ["https://slack.test/api/chat.postMessage"]


@pytest.mark.parametrize("token", ["", "xoxb-north\n", "xoxb-nörth", "xoxb north"])
async def test_a_token_that_is_none_is_not_sent(token: str) -> None:
    """A token that cannot stand in a header is refused here, unseen."""
    slack = Slack()
    async with client(slack) as web:
        with pytest.raises(SlackApiError, match="invalid_auth") as caught:
            await web.call("auth.test", {}, token=Secret(token))

    assert not slack.requests
    assert "rth" not in str(caught.value)


# Pacing and 429.


async def test_posts_to_a_channel_are_paced(autojump_clock: trio.abc.Clock) -> None:
    """A burst of three, then one a second; another channel is not held up."""
    slack = Slack()
    async with client(slack) as web, trio.open_nursery() as nursery:
        started = trio.current_time()
        for number in range(5):
            nursery.start_soon(post, web, f"{number}", "C1")
        nursery.start_soon(post, web, "other", "C2")

    by_channel: dict[str, list[float]] = {"C1": [], "C2": []}
    for request, at in zip(slack.requests, slack.times, strict=True):
        by_channel[json.loads(request.content)["channel"]].append(at - started)
    assert by_channel == {"C1": [0, 0, 0, 1, 2], "C2": [0]}


async def test_posts_to_a_channel_keep_their_order(autojump_clock: trio.abc.Clock) -> None:
    """However slow the answers and whatever is limited, posts to one channel arrive as they were handed in."""
    arrived: list[str] = []

    async def slow(request: httpx.Request) -> httpx.Response:
        text = json.loads(request.content)["text"]
        await trio.sleep(2 if text == "0" else 0.1)
        arrived.append(text)
        return ok(ts="1.1")

    slack = Slack(slow, limited(**{"retry-after": "5"}), slow, slow, slow)
    async with client(slack) as web, trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(post, web, f"{number}")
            await wait_all_tasks_blocked()

    assert arrived == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("headers", "pause"),
    [({"retry-after": "7"}, 7), ({"retry-after": "2.5"}, 2.5), ({}, 10), ({"retry-after": "0"}, 1)]
    + [({"retry-after": value}, 10) for value in ("soon", "nan", "inf", "")],
)
async def test_429_is_obeyed_and_the_call_made_again(
    headers: dict[str, str], pause: float, autojump_clock: trio.abc.Clock
) -> None:
    """Retry-After may have a fraction, be missing or be nonsense; the same call goes again after it."""
    slack = Slack(limited(**headers))
    async with client(slack) as web:
        await post(web)

    first, second = slack.times
    assert second - first == pytest.approx(pause)


async def test_a_pause_longer_than_the_call_is_handed_on(autojump_clock: trio.abc.Clock) -> None:
    """Nobody waits for longer than a call may take; what is known is said at once, also to the next caller."""
    slack = Slack(limited(**{"retry-after": "90000"}))
    async with client(slack) as web:
        started = trio.current_time()
        with pytest.raises(SlackRateLimited) as caught:
            await post(web)
        assert caught.value.retry_after_s == pytest.approx(3600)
        await trio.sleep(600)
        with pytest.raises(SlackRateLimited) as caught:
            await post(web)
        assert caught.value.retry_after_s == pytest.approx(3000)
        assert trio.current_time() - started == 600

    assert len(slack.requests) == 1


async def test_trap_17_a_limit_holds_up_nothing_else(autojump_clock: trio.abc.Clock) -> None:
    """While one channel is held, other channels, methods and workspaces go on."""
    slack = Slack(limited(**{"retry-after": "20"}))
    async with client(slack) as web, trio.open_nursery() as nursery:
        nursery.start_soon(post, web, "held", "C1")
        await wait_all_tasks_blocked()
        started = trio.current_time()
        await post(web, "other", "C2")
        await web.users_info(NORTH, UserId("U7"))
        await web.call(POST, {"channel": "C1", "text": "x"}, token=Secret("xoxb-south"), channel="C1")

        assert trio.current_time() == started


async def test_ratelimited_by_code_and_for_unordered_methods(autojump_clock: trio.abc.Clock) -> None:
    """The code alone means the same as the status, and every method waits."""
    slack = Slack(error("ratelimited"), limited(**{"retry-after": "3"}))
    async with client(slack) as web:
        await web.users_info(NORTH, UserId("U7"))

    first, second, third = slack.times
    assert second - first == pytest.approx(10)
    assert third - second == pytest.approx(3)


async def test_a_turn_that_does_not_come_is_told(autojump_clock: trio.abc.Clock) -> None:
    """Behind a post that hangs, the next gives up in time, surely unsent, and the one after that gets through."""

    async def never(_: httpx.Request) -> httpx.Response:
        await trio.sleep_forever()
        raise AssertionError

    outcomes: list[object] = []

    async def attempt(web: WebClient, text: str) -> None:
        try:
            outcomes.append(await post(web, text))
        except SlackError as exc:
            outcomes.append(type(exc))

    slack = Slack(never)
    async with client(slack) as web, trio.open_nursery() as nursery:
        nursery.start_soon(attempt, web, "hangs")
        await wait_all_tasks_blocked()
        nursery.start_soon(attempt, web, "waits too long")
        await wait_all_tasks_blocked()
        await trio.sleep(10)
        nursery.start_soon(attempt, web, "gets through")

    assert set(outcomes[:2]) == {SlackOutcomeUnknown, SlackRateLimited}
    assert outcomes[2] == Posted(ChannelId("C1"), Ts("1.2"))
    assert len(slack.requests) == 2


# OAuth.


async def test_a_refresh_is_asked_for_as_slack_wants_it() -> None:
    """A form, with the app's own name and secret as HTTP Basic; no token, and neither of the two as a field."""
    slack = Slack(ok(access_token="xoxe.xoxb-2"))
    web = WebClient(
        world=World(MemoryNetwork(http=slack)),
        api_url="https://slack.test/api/",
        app_token=Secret("xapp-test"),
        client=OAuthClient("1.2", Secret("hush:hush")),
    )
    answer = await web.oauth_access({"grant_type": "refresh_token", "refresh_token": "xoxe-1"})
    await web.aclose()

    (request,) = slack.requests
    assert "xoxe.xoxb-2" == answer["access_token"]
    assert ("POST", "https://slack.test/api/oauth.v2.access") == (request.method, str(request.url))
    assert "Basic " + b64encode(b"1.2:hush:hush").decode() == request.headers["authorization"]
    assert {"grant_type": ["refresh_token"], "refresh_token": ["xoxe-1"]} == parse_qs(request.content.decode())
    assert "hush" not in repr(web) + repr(slack.requests[0].url)


async def test_oauth_needs_a_client_secret() -> None:
    """Without one nothing is sent, and what is missing is named."""
    slack = Slack()
    async with client(slack) as web:
        with pytest.raises(SlackSetupError, match=r"slack\.client_secret"):
            await web.oauth_access({"grant_type": "refresh_token"})

    assert not slack.requests


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(503), SlackOutcomeUnknown),
        (httpx.ReadError("x"), SlackOutcomeUnknown),
        (httpx.ConnectError("x"), ConnectFailed),
        (limited(**{"retry-after": "7"}), SlackRateLimited),
        (error("bad_client_secret"), SlackApiError),
    ],
)
async def test_a_refresh_that_fails(answer: Answer, expected: type[SlackkefuError]) -> None:
    """Whether it may have been carried out is told apart, as for every call; it is not repeated here."""
    slack = Slack(answer)
    web = WebClient(
        world=World(MemoryNetwork(http=slack)),
        api_url="https://slack.test/api/",
        app_token=Secret("xapp-test"),
        client=OAuthClient("1.2", Secret("hush")),
    )
    with pytest.raises(expected):
        await web.oauth_access({"grant_type": "refresh_token"})
    await web.aclose()

    assert 1 == len(slack.requests)


# Tokens that are replaced.


@final
class Replacing:
    """Tokens of NORTH, of which each refused one has a successor."""

    def __init__(self, *, takes_s: float = 0.0) -> None:
        self.number = 0
        self.refusals: list[tuple[str, str]] = []
        self._takes_s = takes_s

    def holder(self, token: Secret) -> InstallationKey | None:
        """Return whose it is."""
        return NORTH.key if token.reveal().startswith("xoxb-north") else None

    async def current(self, token: Secret) -> Secret:
        """Return the newest."""
        await trio.sleep(self._takes_s)
        return Secret(f"xoxb-north-{self.number}") if self.holder(token) else token

    async def refused(self, token: Secret, code: str) -> Verdict:
        """Let there be a next one."""
        await trio.sleep(self._takes_s)
        self.refusals.append((token.reveal(), code))
        self.number += 1
        return {"token_expired": Verdict.REPEAT, "token_revoked": Verdict.PENDING}.get(code, Verdict.FINAL)


@asynccontextmanager
async def replacing(slack: Slack, tokens: Replacing) -> AsyncIterator[WebClient]:
    """Make a client that replaces tokens."""
    web = WebClient(
        world=World(MemoryNetwork(http=slack)),
        api_url="https://slack.test/api/",
        app_token=Secret("xapp-test"),
        tokens=tokens,
    )
    yield web
    await web.aclose()


async def test_a_refused_call_is_made_once_more(autojump_clock: trio.abc.Clock) -> None:
    """With the successor; where that is refused in the same way the call is worth a retry, later."""
    tokens = Replacing()
    slack = Slack(error("token_expired"), ok(ts="1.2"), error("token_expired"), error("token_expired"))
    async with replacing(slack, tokens) as web:
        await post(web)
        with pytest.raises(SlackTokenPending, match=POST):
            await post(web)

    sent = [request.headers["authorization"].removeprefix("Bearer xoxb-north-") for request in slack.requests]
    assert ["0", "1", "1", "2"] == sent
    assert 3 == len(tokens.refusals)


async def test_a_refused_call_without_a_successor(autojump_clock: trio.abc.Clock) -> None:
    """It is not made again here, and surely did not happen."""
    slack = Slack(error("token_revoked"))
    async with replacing(slack, Replacing()) as web:
        with pytest.raises(SlackTokenPending):
            await post(web)

    assert 1 == len(slack.requests)


async def test_a_successor_that_takes_too_long(autojump_clock: trio.abc.Clock) -> None:
    """No call takes longer for it than a call may."""
    slack = Slack(error("token_expired"))
    async with replacing(slack, Replacing(takes_s=CALL_S * 0.6)) as web:
        with pytest.raises(SlackTokenPending):
            await post(web)

        assert CALL_S == trio.current_time()


async def test_only_what_a_token_is_refused_for_is_repeated(autojump_clock: trio.abc.Clock) -> None:
    """Any other refusal, and a lost answer, is what it was."""
    tokens = Replacing()
    slack = Slack(error("channel_not_found"), httpx.Response(503))
    async with replacing(slack, tokens) as web:
        with pytest.raises(SlackApiError, match="channel_not_found"):
            await post(web)
        with pytest.raises(SlackOutcomeUnknown):
            await post(web)

    assert 2 == len(slack.requests)
    assert [("xoxb-north-0", "channel_not_found")] == tokens.refusals


async def test_a_budget_outlives_a_token(autojump_clock: trio.abc.Clock) -> None:
    """Slack counts by workspace: a successor brings no second burst."""
    tokens = Replacing()
    slack = Slack()
    async with replacing(slack, tokens) as web:
        for number in range(5):
            tokens.number = number
            await post(web)

    assert [0, 0, 0, 1, 2] == [at - slack.times[0] for at in slack.times]


async def test_a_token_that_does_not_come(autojump_clock: trio.abc.Clock) -> None:
    """A call that waits for it longer than a call may take was surely not sent."""
    slack = Slack()
    async with replacing(slack, Replacing(takes_s=1000.0)) as web:
        with pytest.raises(ConnectFailed):
            await post(web)

        assert CALL_S == trio.current_time()
    assert not slack.requests


async def test_the_app_level_token_is_sent_as_it_is(autojump_clock: trio.abc.Clock) -> None:
    """It is nobody's."""
    tokens = Replacing()
    slack = Slack(ok(url="wss://x"))
    async with replacing(slack, tokens) as web:
        await web.open_connection()

    assert "Bearer xapp-test" == slack.requests[0].headers["authorization"]
