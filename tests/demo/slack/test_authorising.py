"""The page on which somebody agrees, and the codes it gives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from slackkefu.demo.slack.authorising import WrongLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import trio

    from tests.demo.slack.conftest import Stage

REDIRECT = "https://localhost:18443/slack/oauth_redirect"
GOOD = {"client_id": "client-test", "scope": "chat:write,commands", "state": "s/1", "redirect_uri": REDIRECT}
CLIENT = {"client_id": "client-test", "client_secret": "client-secret-test"}


def link(**change: str) -> str:
    """Make a link; an empty value leaves it out."""
    values = {name: value for name, value in (GOOD | change).items() if value}
    return f"https://slack.com/oauth/v2/authorize?{urlencode(values)}"


def code_of(address: str) -> str:
    """Return the code in a redirect address."""
    return parse_qs(urlsplit(address).query)["code"][0]


@pytest.fixture
async def browser(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that follows no redirects."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(stage.slack.asgi), base_url="https://slack.com") as http:
        yield http


async def test_somebody_agrees(stage: Stage, browser: httpx.AsyncClient) -> None:
    """The page offers every place, the one of the link first; a click leads to the redirect address with a code."""
    west = stage.slack.add_workspace("T0WEST0001", name="West <&>")
    page = await browser.get(link(team="T0WEST0001"))
    agreed = await browser.get(link(agree="T0WEST0001"))

    assert "helpdesk asks for chat:write, commands" in page.text
    assert page.text.index("West &lt;&amp;&gt;") < page.text.index("North")
    assert "Grid<" in page.text
    assert 302 == agreed.status_code
    where = urlsplit(agreed.headers["location"])
    assert REDIRECT == f"{where.scheme}://{where.netloc}{where.path}"
    assert ["s/1"] == parse_qs(where.query)["state"]

    answer = stage.call("oauth.v2.access", "", **CLIENT, code=code_of(where.geturl()), redirect_uri=REDIRECT)

    assert (west.team.id, "chat:write,commands") == (answer["team"]["id"], answer["scope"])
    assert "bot_id" not in answer


async def test_somebody_does_not_agree(browser: httpx.AsyncClient) -> None:
    """Cancelling leads to the same address, with an error and the state."""
    refused = await browser.get(link(agree="no"))

    assert f"{REDIRECT}?error=access_denied&state=s%2F1" == refused.headers["location"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": "another"}, "invalid_client_id"),
        ({"redirect_uri": "https://elsewhere.example/"}, "bad_redirect_uri"),
        ({"redirect_uri": REDIRECT + "evil"}, "bad_redirect_uri"),
        ({"scope": "chat:write,admin"}, "invalid_scope"),
        ({"scope": ""}, "no_scopes"),
    ],
)
async def test_a_wrong_link(stage: Stage, browser: httpx.AsyncClient, change: dict[str, str], error: str) -> None:
    """What is wrong with a link stays on the page, whatever is clicked."""
    for clicked in ("", "T0NORTH001"):
        page = await browser.get(link(**change, agree=clicked))

        assert 200 == page.status_code
        assert error in page.text

    with pytest.raises(WrongLink, match=error):
        stage.slack.follow(link(**change), stage.north)


async def test_where_the_app_cannot_be_had(stage: Stage) -> None:
    """An app that is not distributed is for its own workspace, and one without the switch for no organisation."""
    state = stage.slack.state
    state.settings = replace(state.settings, distributed=False, home="T0NORTH001")

    assert "code=" in stage.slack.follow(link(), stage.north)

    with pytest.raises(WrongLink, match="invalid_team_for_non_distributed_app"):
        stage.slack.follow(link(), stage.south)

    state.settings = replace(state.settings, distributed=True, org_deploy=False)
    with pytest.raises(WrongLink, match="app_not_org_deployable"):
        stage.slack.follow(link(), stage.grid)


async def test_a_code_is_bound_to_its_link(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """It wants the redirect address of its link again, and none where there was none; once, and for ten minutes."""
    good: dict[str, Any] = CLIENT | {"redirect_uri": REDIRECT}
    west = stage.slack.add_workspace("T0WEST0001", name="West")
    code = code_of(stage.slack.follow(link(redirect_uri=REDIRECT + "/deeper"), west))

    assert "bad_redirect_uri" == stage.error("oauth.v2.access", "", **good, code=code)
    assert "bad_redirect_uri" == stage.error("oauth.v2.access", "", **CLIENT, code=code)
    assert stage.call("oauth.v2.access", "", **CLIENT, code=code, redirect_uri=REDIRECT + "/deeper")["ok"]
    assert "invalid_code" == stage.error("oauth.v2.access", "", **CLIENT, code=code, redirect_uri=REDIRECT + "/deeper")
    assert stage.call("oauth.v2.access", "", **CLIENT, code=code_of(stage.slack.follow(link(redirect_uri=""), west)))[
        "ok"
    ]

    late = code_of(stage.slack.follow(link(), west))
    ticket = stage.slack.state.codes.look(late)
    assert ticket is not None
    ticket.issued_at -= 601

    assert "invalid_code" == stage.error("oauth.v2.access", "", **good, code=late)


async def test_a_workspace_of_an_organisation_that_has_the_app(stage: Stage) -> None:
    """Where the organisation has it as a whole, its workspaces cannot have it once more."""
    code = code_of(stage.slack.follow(link(), stage.grid_team))

    assert "cannot_install_an_org_installed_app" == stage.error(
        "oauth.v2.access", "", **CLIENT, code=code, redirect_uri=REDIRECT
    )
