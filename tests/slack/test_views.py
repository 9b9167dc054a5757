"""Views and answers by response_url, against an HTTP transport in memory."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from slackkefu.errors import ConnectFailed, SlackApiError, SlackOutcomeUnknown
from slackkefu.secret import Secret
from slackkefu.slack.ids import UserId
from slackkefu.slack.views import Views
from slackkefu.slack.web import WebClient
from slackkefu.world import World
from tests.net.streams import MemoryNetwork
from tests.slack.test_web import NORTH, Slack, error, ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MODAL = {"type": "modal", "title": {"type": "plain_text", "text": "Rate"}, "blocks": []}
URL = Secret("https://hooks.slack.com/actions/T1/2/three")


@asynccontextmanager
async def views(slack: Slack, api_url: str = "https://slack.com/api/") -> AsyncIterator[Views]:
    """Make the views of *slack*."""
    world = World(MemoryNetwork(http=slack))
    web = WebClient(world=world, api_url=api_url, app_token=Secret("xapp-test"))
    made = Views(world=world, web=web, api_url=api_url)
    try:
        yield made
    finally:
        await made.aclose()
        await web.aclose()


def sent(slack: Slack) -> list[Any]:
    """Return what was sent."""
    return [json.loads(request.content) for request in slack.requests]


async def test_views_go_by_the_web_api() -> None:
    """A modal is opened against its trigger, changed by its id and version, a home tab published to its user."""
    slack = Slack(ok(), ok(), ok())
    async with views(slack) as here:
        await here.open(NORTH, Secret("trigger-1"), MODAL)
        await here.update(NORTH, "V1", MODAL, version="h1")
        await here.publish(NORTH, UserId("U7"), MODAL)

    assert [
        {"trigger_id": "trigger-1", "view": MODAL},
        {"view_id": "V1", "hash": "h1", "view": MODAL},
        {"user_id": "U7", "view": MODAL},
    ] == sent(slack)
    assert ["views.open", "views.update", "views.publish"] == [each.url.path[5:] for each in slack.requests]
    assert {"Bearer xoxb-north"} == {each.headers["authorization"] for each in slack.requests}


async def test_a_trigger_that_is_too_old() -> None:
    """What Slack says against a trigger comes out as its code, and nothing is tried again."""
    slack = Slack(error("expired_trigger_id"))
    async with views(slack) as here:
        with pytest.raises(SlackApiError, match="expired_trigger_id"):
            await here.open(NORTH, Secret("trigger-1"), MODAL)

    assert 1 == len(slack.requests)


async def test_an_answer_goes_without_a_token() -> None:
    """An answer is JSON to the address itself, without any token."""
    slack = Slack(httpx.Response(200, text="ok"))
    async with views(slack) as here:
        await here.answer(URL, {"text": "好"})

    (request,) = slack.requests
    assert ("POST", URL.reveal()) == (request.method, str(request.url))
    assert {"text": "好"} == json.loads(request.content)
    assert "authorization" not in request.headers


FOREIGN = (
    "",
    "https://evil.example/actions/T1",
    "https://hooks.slack.com.evil.example/actions",
    "https://hooks.slack.com@evil.example/actions",
    "https://user:word@hooks.slack.com/actions",
    "https://hooks.slack.com:8443/actions",
    "http://hooks.slack.com/actions",
    "//hooks.slack.com/actions",
    "https://[hooks.slack.com/actions",
)


@pytest.mark.parametrize("url", FOREIGN)
async def test_nothing_goes_to_a_foreign_address(url: str) -> None:
    """What is not plainly Slack's own address gets nothing at all."""
    slack = Slack()
    async with views(slack) as here:
        with pytest.raises(SlackApiError, match="foreign_address"):
            await here.answer(Secret(url), {"text": "hello"})

    assert [] == slack.requests


async def test_a_slack_of_another_name() -> None:
    """Where the API is elsewhere, answers go there or to the hooks beside it, and not to slack.com."""
    slack = Slack(httpx.Response(200), httpx.Response(200))
    async with views(slack, "http://127.0.0.1:8080/api/") as here:
        await here.answer(Secret("http://127.0.0.1:8080/actions/1"), {"text": "hello"})
        with pytest.raises(SlackApiError, match="foreign_address"):
            await here.answer(URL, {"text": "hello"})

    assert 1 == len(slack.requests)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(404, text="used_url"), "used_url"),
        (httpx.Response(404, text="<html>no such page</html>"), "http_404"),
        (httpx.Response(302, headers={"location": "https://evil.example/"}), "http_302"),
    ],
)
async def test_an_address_that_is_used_up(answer: httpx.Response, expected: str) -> None:
    """What Slack says against an address is its code, or the bare status; no redirect is followed."""
    async with views(Slack(answer)) as here:
        with pytest.raises(SlackApiError) as caught:
            await here.answer(URL, {"text": "hello"})

    assert expected == caught.value.code


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.ConnectError("no"), ConnectFailed),
        (httpx.ReadError("broken"), SlackOutcomeUnknown),
        (httpx.Response(503), SlackOutcomeUnknown),
    ],
)
async def test_whether_it_happened(answer: httpx.Response | Exception, expected: type[Exception]) -> None:
    """An error tells whether the answer may have been taken, and never shows the address."""
    async with views(Slack(answer)) as here:
        with pytest.raises(expected) as caught:
            await here.answer(URL, {"text": "hello"})

    assert "hooks" not in str(caught.value)
