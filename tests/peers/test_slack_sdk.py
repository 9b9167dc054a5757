"""Slack's own Python clients against our fake Slack, over real sockets."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from slack_sdk.oauth import AuthorizeUrlGenerator

from slackkefu.demo.slack import FakeSlack, Person, Timing
from slackkefu.secret import Secret
from slackkefu.slack.features import BOT_SCOPES
from slackkefu.slack.oauth import App, authorize_link
from tests.peers.node import Peer, python_peer

if TYPE_CHECKING:
    import trio

pytestmark = pytest.mark.timeout(40)


# Its close() waits for the next frame.
LIVELY = Timing(ping_s=0.25)


async def start(nursery: trio.Nursery, timing: Timing = LIVELY) -> tuple[FakeSlack, Person]:
    """Return a running Slack, and a person in it."""
    slack = FakeSlack(chance=Random(7), timing=timing)
    north = slack.add_workspace("T0NORTH001", name="North")
    north.install(token="xoxb-north")
    await nursery.start(slack.serve_loopback)
    return slack, north.add_user("U0MIA00001", name="Mia", email="mia@example.com")


def settings(slack: FakeSlack) -> dict[str, Any]:
    """Return what the clients have to know."""
    return {"api_url": slack.addresses.api, "app_token": slack.settings.app_token, "bot_token": "xoxb-north"}


async def call(client: Peer, method: str, **arguments: Any) -> dict[str, Any]:
    """Let the client call the Web API; return the answer."""
    await client.tell(call=method, arguments=arguments)
    answer: dict[str, Any] = (await client.expect("answer"))["answer"]
    return answer


async def test_it_receives_and_acknowledges(nursery: trio.Nursery) -> None:
    """slack_sdk gets an event and a command, and the fake gets its acknowledgements and its answer."""
    slack, mia = await start(nursery)
    async with python_peer("slack_sdk_client.py", settings(slack)) as client:
        assert 1 == (await client.expect("connected"))["connections"]
        message = await mia.says(mia.dm(), "你好 <&>")
        heard = await client.expect("request")
        await slack.acknowledged()
        command = await mia.commands(mia.dm(), "/kefu", "end")
        await client.expect("request")
        await slack.acknowledged(command)

    (parcel,) = slack.ledger.of(message)
    assert message.text == heard["text"]
    assert parcel.event_id == heard["event_id"]
    assert {"text": "thank you"} == command.answer
    assert not slack.ledger.strays


async def test_it_replaces_a_connection_that_is_being_refreshed(nursery: trio.Nursery) -> None:
    """slack_sdk follows warning and refresh_requested of a short life with a new connection, and misses nothing."""
    slack, mia = await start(nursery, replace(LIVELY, life_s=4.0))
    async with python_peer("slack_sdk_client.py", settings(slack)) as client:
        await client.expect("connected")
        reasons = {(await client.expect("disconnect"))["reason"]}
        await client.expect("connected")
        await mia.says(mia.dm(), "still there?")
        await client.expect("request")
        await slack.acknowledged()

    assert {"warning"} == reasons
    assert 2 <= len(slack.ledger.links)


async def test_its_web_client_posts_and_reads(nursery: trio.Nursery) -> None:
    """slack_sdk's WebClient posts, and reads back what it posted; its forms and JSON are both understood."""
    slack, mia = await start(nursery)
    async with python_peer("slack_sdk_client.py", settings(slack)) as client:
        await client.expect("connected")
        metadata = {"event_type": "slackkefu_message", "event_payload": {"id": "m-1"}}
        identity = await call(client, "auth.test")
        by_json = await call(
            client,
            "chat.postMessage",
            json={"channel": mia.id, "text": "by JSON", "metadata": metadata, "mrkdwn": False},
        )
        by_form = await call(client, "chat.postMessage", data={"channel": by_json["channel"], "text": "by form"})
        shown = await call(
            client,
            "conversations.history",
            http_verb="GET",
            params={"channel": by_json["channel"], "include_all_metadata": True, "limit": 10},
        )
        who = await call(client, "users.info", http_verb="GET", params={"user": mia.id})
        refused = await call(client, "chat.postMessage", json={"channel": "C0NOWHERE1", "text": "x"})

    assert ("T0NORTH001", "North") == (identity["team_id"], identity["team"])
    assert ["by JSON", "by form"] == [post.text for post in slack.ledger.posts]
    assert "m-1" == slack.ledger.posts[0].metadata_id
    assert [by_form["ts"], by_json["ts"]] == [message["ts"] for message in shown["messages"]]
    assert metadata == shown["messages"][1]["metadata"]
    assert "mia@example.com" == who["user"]["profile"]["email"]
    assert {"ok": False, "error": "channel_not_found"} == refused


async def test_its_web_client_exchanges_a_code(nursery: trio.Nursery) -> None:
    """A code from the fake's page is taken from slack_sdk's WebClient, as its ``oauth_v2_access`` sends it, once."""
    slack, _ = await start(nursery)
    south = slack.add_workspace("T0SOUTH001", name="South")
    app = slack.settings
    redirect_url = app.redirect_urls[0]
    link = AuthorizeUrlGenerator(
        client_id=app.client_id,
        redirect_uri=quote(redirect_url, safe=""),
        scopes=sorted(app.scopes),
        authorization_url=slack.addresses.api.replace("/api/", "/oauth/v2/authorize"),
    ).generate("state-1", team="T0SOUTH001")
    address = parse_qs(urlsplit(slack.follow(link, south)).query)
    asked = {
        "auth": {"client_id": app.client_id, "client_secret": app.client_secret},
        "data": {"code": address["code"][0], "redirect_uri": redirect_url},
    }
    async with python_peer("slack_sdk_client.py", settings(slack)) as client:
        await client.expect("connected")
        granted = await call(client, "oauth.v2.access", **asked)
        again = await call(client, "oauth.v2.access", **asked)

    assert ["state-1"] == address["state"]
    assert ("T0SOUTH001", "bot") == (granted["team"]["id"], granted["token_type"])
    assert {"ok": False, "error": "invalid_code"} == again


def test_its_link_is_ours() -> None:
    """slack_sdk's link, given encoded values, asks for the same as ours, but for user scopes that we do not want."""
    app = App("1234.5678", Secret("s"), "https://shop.example/slack cb?x=1&y")
    ours = authorize_link(
        app, BOT_SCOPES, api_url="https://slack.com/api/", now=1e9, nonce=bytes(8), team_id="T0NORTH001"
    )
    values = parse_qs(urlsplit(ours).query)
    theirs = AuthorizeUrlGenerator(
        client_id=app.client_id, redirect_uri=quote(app.redirect_url, safe=""), scopes=sorted(BOT_SCOPES)
    ).generate(quote(values["state"][0], safe=""), team="T0NORTH001")

    assert urlsplit(theirs)[:3] == urlsplit(ours)[:3]
    assert values == parse_qs(urlsplit(theirs).query)
