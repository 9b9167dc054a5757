"""The HTTP of the fake: bodies, headers, faults, files and response URLs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio

from slackkefu.demo.slack import Cut, Drop, Hang, Late, Refusal, Status, TooMany, Trickle
from slackkefu.demo.slack.faults import WebFaults
from slackkefu.demo.slack.web_api.limits import Limit
from tests.memory_network import MemoryNetwork

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from random import Random

    from trio.testing import MockClock

    from tests.demo.slack.conftest import Stage

BEARER = {"authorization": "Bearer xoxb-north"}
HELLO = {"channel": "C0SUPPORT1", "text": "hello"}


@pytest.fixture
async def http(stage: Stage, nursery: trio.Nursery, chance: Random) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the fake, with the token of north."""
    network = MemoryNetwork(nursery, chance=chance)
    for address in (stage.slack.addresses.api, stage.slack.addresses.files, stage.slack.addresses.hooks):
        network.serve_http(httpx.URL(address).host, stage.slack.asgi)
    async with network.http_client(base_url=stage.slack.addresses.api, headers=BEARER, timeout_s=10.0) as client:
        yield client


@pytest.mark.parametrize(
    "how",
    [
        {"json": HELLO},
        {"data": HELLO},
        {"params": HELLO},
        {"data": HELLO, "files": {"ignored": b""}},
    ],
    ids=["json", "form", "query", "multipart"],
)
async def test_bodies_of_every_kind(stage: Stage, http: httpx.AsyncClient, how: dict[str, Any]) -> None:
    """JSON, form, query and multipart all carry arguments."""
    answer = await http.post("chat.postMessage", **how)

    assert answer.json()["ok"]
    assert "hello" == stage.slack.ledger.posts[0].text
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")
    assert answer.headers["x-slack-req-id"]


async def test_read_methods_do_not_read_json(http: httpx.AsyncClient) -> None:
    """A read method ignores a JSON body, and so misses its arguments (facts/slack.md §8)."""
    by_json = await http.post("users.info", json={"user": "U0MIA00001"})
    by_query = await http.get("users.info", params={"user": "U0MIA00001"})

    assert "invalid_arguments" == by_json.json()["error"]
    assert by_query.json()["ok"]


@pytest.mark.parametrize(
    ("content", "kind", "error"),
    [
        (b"{", "application/json; charset=utf-8", "invalid_json"),
        (b"[]", "application/json", "json_not_object"),
        (b"text=\xff", "application/x-www-form-urlencoded", "invalid_charset"),
        (b"", "application/json", "invalid_arguments"),
    ],
)
async def test_bodies_that_cannot_be_read(http: httpx.AsyncClient, content: bytes, kind: str, error: str) -> None:
    """A body that is not what it says has its error, with HTTP 200."""
    answer = await http.post("chat.postMessage", content=content, headers={"content-type": kind})

    assert (200, error) == (answer.status_code, answer.json()["error"])


async def test_tokens_in_the_body(stage: Stage, http: httpx.AsyncClient) -> None:
    """A bot token may come as an argument and is not written down; the app-level token may not."""
    del http.headers["authorization"]
    posted = await http.post("chat.postMessage", data=HELLO | {"token": "xoxb-north"})
    opened = await http.post("apps.connections.open", data={"token": "xapp-test"})

    assert posted.json()["ok"]
    assert "not_authed" == opened.json()["error"]
    assert HELLO == stage.slack.ledger.calls[0].arguments
    assert ["T0NORTH001", ""] == [call.caller for call in stage.slack.ledger.calls]


async def test_oauth_by_http_basic(stage: Stage, http: httpx.AsyncClient) -> None:
    """Client id and secret come by HTTP Basic; a broken header is none."""
    code = stage.slack.authorize(stage.south)
    broken = await http.post("oauth.v2.access", data={"code": code}, headers={"authorization": "Basic ="})
    good = await http.post("oauth.v2.access", data={"code": code}, auth=("client-test", "client-secret-test"))

    assert "invalid_client_id" == broken.json()["error"]
    assert good.json()["ok"]


# Faults.


async def test_a_429_names_the_pause(stage: Stage, http: httpx.AsyncClient) -> None:
    """The queued faults are met in order, and then all is well; nothing was carried out meanwhile."""
    stage.slack.faults.web.next("chat.postMessage", TooMany(retry_after_s=7), times=2)
    answers = [await http.post("chat.postMessage", json=HELLO) for _ in range(3)]

    assert [429, 429, 200] == [answer.status_code for answer in answers]
    assert "7" == answers[0].headers["retry-after"]
    assert 1 == len(stage.slack.ledger.posts)
    assert ["TooMany", "TooMany", ""] == [call.error for call in stage.slack.ledger.calls_of("chat.postMessage")]


@pytest.mark.parametrize("carried_out", [False, True])
async def test_a_5xx_may_have_been_carried_out(stage: Stage, http: httpx.AsyncClient, carried_out: bool) -> None:
    """A 503 comes as a page, whether the post was made or not."""
    stage.slack.faults.web.next("*", Status(503, carried_out=carried_out))
    answer = await http.post("chat.postMessage", json=HELLO)

    assert (503, "text/html; charset=utf-8") == (answer.status_code, answer.headers["content-type"])
    assert int(carried_out) == len(stage.slack.ledger.posts)


async def test_a_refusal_on_demand(stage: Stage, http: httpx.AsyncClient) -> None:
    """Any error can be given, carried out or not."""
    stage.slack.faults.web.next("chat.postMessage", Refusal("internal_error", carried_out=True))
    answer = await http.post("chat.postMessage", json=HELLO)

    assert {"ok": False, "error": "internal_error"} == answer.json()
    assert 1 == len(stage.slack.ledger.posts)


@pytest.mark.parametrize("carried_out", [False, True])
async def test_a_hanging_call(
    stage: Stage, http: httpx.AsyncClient, carried_out: bool, autojump_clock: trio.abc.Clock
) -> None:
    """No answer comes within the client's limit, whether the post was made or not."""
    stage.slack.faults.web.next("chat.postMessage", Hang(carried_out=carried_out))
    with pytest.raises(httpx.ReadTimeout):
        await http.post("chat.postMessage", json=HELLO)

    assert 10.0 == trio.current_time()
    assert int(carried_out) == len(stage.slack.ledger.posts)


async def test_a_lost_answer(stage: Stage, http: httpx.AsyncClient) -> None:
    """The connection breaks in mid-answer, and the post was made."""
    stage.slack.faults.web.next("chat.postMessage", Drop())
    with pytest.raises(httpx.RemoteProtocolError):
        await http.post("chat.postMessage", json=HELLO)

    assert 1 == len(stage.slack.ledger.posts)


async def test_slow_answers(stage: Stage, http: httpx.AsyncClient, autojump_clock: trio.abc.Clock) -> None:
    """A late answer, and latency with jitter for all, take virtual time."""
    faults = stage.slack.faults.web
    faults.next("auth.test", Late(4.0))
    assert (await http.post("auth.test")).json()["ok"]
    assert 4.0 == trio.current_time()

    faults.latency_s, faults.jitter_s = 1.0, 0.5
    await http.post("auth.test")
    assert 5.0 <= trio.current_time() <= 5.5


async def test_a_storm_meets_a_share(chance: Random) -> None:
    """A storm meets about its share of calls, of its method or of all, until it is cleared."""
    faults = WebFaults(chance)
    faults.storm("auth.test", TooMany(), share=0.5)
    met = [faults.meet("auth.test") for _ in range(200)]
    assert 60 < sum(fault is not None for fault in met) < 140
    assert faults.meet("chat.postMessage") is None

    faults.storm("*", Status())
    assert Status() == faults.meet("chat.postMessage")
    faults.clear("*")
    assert faults.meet("chat.postMessage") is None
    faults.next("auth.test", Drop())
    faults.clear()
    assert faults.meet("auth.test") is None


async def test_the_strict_history_limit(stage: Stage, http: httpx.AsyncClient, autojump_clock: trio.abc.Clock) -> None:
    """By the switch, history and replies may be called once a minute each, per workspace."""
    stage.slack.switches = replace(stage.slack.switches, strict_history=True)
    where = {"channel": "C0SUPPORT1"}
    answers = [await http.get("conversations.history", params=where) for _ in range(2)]
    assert [200, 429] == [answer.status_code for answer in answers]
    assert "60" == answers[1].headers["retry-after"]

    await trio.sleep(60)
    assert 200 == (await http.get("conversations.history", params=where)).status_code


async def test_a_limit_per_channel(stage: Stage, http: httpx.AsyncClient, autojump_clock: trio.abc.Clock) -> None:
    """A limit counted by conversation holds none of the others up."""
    stage.slack.limits.by_method["chat.postMessage"] = Limit(1, 1.0, per_channel=True)
    statuses = [
        (await http.post("chat.postMessage", json={"channel": channel, "text": "x"})).status_code
        for channel in ("C0SUPPORT1", "D0MIA00001", "C0SUPPORT1")
    ]

    assert [200, 200, 429] == statuses


# Files.


async def test_downloads_and_the_sign_in_page(stage: Stage, http: httpx.AsyncClient) -> None:
    """A good token gets the bytes; any other is led to a page that is a 200 (facts/slack.md §7)."""
    await stage.mia.shares(stage.dm, "shot.png", b"\x89PNG" * 50_000, mimetype="image/png")
    shown = stage.events[-1]["files"][0]
    for name in ("url_private", "url_private_download", "thumb_360"):
        answer = await http.get(shown[name])
        assert ("image/png", b"\x89PNG" * 50_000) == (answer.headers["content-type"], answer.content)
        assert shown["size"] == len(answer.content)

    for token in ("Bearer xoxb-south", "Bearer xoxb-nobody", ""):
        answer = await http.get(shown["url_private"], headers={"authorization": token})
        assert 302 == answer.status_code
        page = await http.get(answer.headers["location"])
        assert (200, "?;acl_fail") == (page.status_code, page.headers["x-slack-meta"])
        assert page.headers["content-type"].startswith("text/html")


async def test_what_cannot_be_downloaded(stage: Stage, http: httpx.AsyncClient) -> None:
    """What is deleted, hidden or denied shows no more than that, and its bytes are kept back."""
    for mode, access in (("tombstone", "visible"), ("hidden_by_limit", "visible"), ("hosted", "access_denied")):
        file = stage.mia.uploads("a.txt", b"abc")
        file.mode, file.access = mode, access
        await stage.mia.shares_all(stage.dm, [file])
        (shown,) = stage.events[-1]["files"]
        answer = await http.get(file.url_private)

        assert (mode, access == "visible") == (shown["mode"], "url_private" not in shown)
        assert (302 if mode != "hidden_by_limit" else 200) == answer.status_code
    deleted = stage.mia.uploads("b.txt", b"abc")
    deleted.mode = "tombstone"
    assert "file_deleted" == stage.error("files.info", file=deleted.id)


async def test_a_download_through_faults(stage: Stage, http: httpx.AsyncClient, autojump_clock: MockClock) -> None:
    """One that is cut gives no answer, one that trickles takes its time; a link that lies elsewhere is only shown."""
    stage.slack.faults.web.next("download", Cut(after_bytes=10))
    stage.slack.faults.web.next("download", Trickle(pause_s=2.0, piece_bytes=100))
    link = stage.mia.links("plan", "https://docs.example.com/plan")
    clip = stage.mia.uploads("a.m4a", b"x" * 300, mimetype="audio/mp4", clip="slack_audio", duration_ms=5)
    await stage.mia.shares_all(stage.dm, [link, clip])
    elsewhere, recorded = stage.events[-1]["files"]
    with pytest.raises(httpx.RemoteProtocolError):
        await http.get(clip.url_private)
    began = trio.current_time()
    assert b"x" * 300 == (await http.get(clip.url_private)).content

    assert 6.0 == pytest.approx(trio.current_time() - began, abs=0.1)
    assert (True, "https://docs.example.com/plan") == (elsewhere["is_external"], elsewhere["url_private"])
    assert ("slack_audio", 5) == (recorded["subtype"], recorded["duration_ms"])


@pytest.mark.parametrize("how", [{"content": b"abc"}, {"files": {"filename": b"abc"}}], ids=["raw", "multipart"])
async def test_uploads(stage: Stage, http: httpx.AsyncClient, how: dict[str, Any]) -> None:
    """The bytes of an upload come raw or as a form, once."""
    first = (await http.post("files.getUploadURLExternal", data={"filename": "a.txt", "length": 3})).json()
    answer = await http.post(first["upload_url"], **how)

    assert (200, "OK - 3") == (answer.status_code, answer.text)
    assert b"abc" == stage.slack.state.files[first["file_id"]].content
    assert 404 == (await http.post(first["upload_url"], content=b"abc")).status_code


async def test_an_empty_form_uploads_nothing(stage: Stage, http: httpx.AsyncClient) -> None:
    """A form without a file gives no bytes, and so not as many as were announced."""
    first = (await http.post("files.getUploadURLExternal", data={"filename": "a.txt", "length": 3})).json()
    kind = {"content-type": "multipart/form-data; boundary=x"}

    assert 400 == (await http.post(first["upload_url"], content=b"--x--\r\n", headers=kind)).status_code


# Response URLs.


async def test_response_urls(stage: Stage, http: httpx.AsyncClient) -> None:
    """A response URL takes five messages, ephemeral unless said otherwise; what makes no sense is refused."""
    command = await stage.mia.commands(stage.support, "/kefu")
    url = str(command.payload["response_url"])
    assert (400, "invalid_payload") == status_of(await http.post(url, content=b"{"))
    assert (400, "no_text") == status_of(await http.post(url, json={}))
    assert (200, "ok") == status_of(await http.post(url, json={"text": "only you"}))
    assert (200, "ok") == status_of(await http.post(url, json={"text": "all", "response_type": "in_channel"}))
    assert ["U0MIA00001", ""] == [post.ephemeral_to for post in stage.slack.ledger.posts]
    assert ["all"] == [message.text for message in stage.support.messages]
    for _ in range(3):
        await http.post(url, json={"delete_original": True})
    assert (404, "used_url") == status_of(await http.post(url, json={"text": "x"}))
    assert (404, "no_such_url") == status_of(await http.post(f"{url}x", json={"text": "x"}))


async def test_a_response_url_ends(stage: Stage, http: httpx.AsyncClient, autojump_clock: trio.abc.Clock) -> None:
    """After half an hour a response URL is over; after the app's removal it is too."""
    url = str((await stage.mia.commands(stage.support, "/kefu")).payload["response_url"])
    await trio.sleep(1801)
    assert (404, "expired_url") == status_of(await http.post(url, json={"text": "x"}))

    url = str((await stage.mia.commands(stage.support, "/kefu")).payload["response_url"])
    await stage.north.uninstalls()
    assert (404, "app_missing_action_url") == status_of(await http.post(url, json={"text": "x"}))


def status_of(answer: httpx.Response) -> tuple[int, str]:
    """Return status and text."""
    return answer.status_code, answer.text
