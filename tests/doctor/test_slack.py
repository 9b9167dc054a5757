"""Slack is asked, and nothing of its customers' is taken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.demo.slack.faults import Hang
from slackkefu.doctor.report import Level
from slackkefu.doctor.slack import slack_domain
from slackkefu.secret import Secret
from slackkefu.slack.ids import TeamId, UserId
from slackkefu.slack.installation import Installation, InstallationKey, to_bot
from slackkefu.slack.web import WebClient
from tests.doctor.patient import APP_ID, patient

if TYPE_CHECKING:
    from pathlib import Path


async def test_no_web_socket_is_opened(autojump_clock: object, tmp_path: Path) -> None:
    """The address of a connection is not connected to: its ticket is left, and nothing is sent to its host."""
    async with patient(tmp_path) as here:
        await here.examined(login=True)
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        opened = [call for call in here.slack.ledger.calls if call.method == "apps.connections.open"]
        tickets = list(here.slack.state.links._issued.values())

        assert 1 == len(opened)
        assert [1] == [ticket.uses_left for ticket in tickets]
        assert ("wss-primary.slack.com", 443, True) in here.ways.opened
        assert {"im.easemob.test"} == set(here.ways.sent)
        assert not here.slack.links
        assert not any(parcel.acknowledged for parcel in here.slack.ledger.parcels)


async def test_of_many_those_are_told_that_were_examined(autojump_clock: object, tmp_path: Path) -> None:
    """Where time is up before one of many workspaces has been asked about, the others are told all the same."""
    async with patient(tmp_path) as here:
        south = here.slack.add_workspace("T0SOUTH001", name="South").install(token="xoxb-south")
        here.slack.faults.web.next("auth.test", Hang())
        kept = Installation(
            key=InstallationKey(None, TeamId("T0SOUTH001")),
            team_name="South",
            bot_token=Secret(south.token),
            bot_id=south.bot_id,
            bot_user_id=UserId(south.bot.id),
            app_id=APP_ID,
            scopes=frozenset(south.scopes),
        )
        here.stored().installations.save_bot(to_bot(kept, 1.0))
        with trio.move_on_after(5):
            await here.examined()

    assert [Level.OK] == [each.level for each in here.findings if each.id == "slack.installation"]


async def test_little_is_asked_of_slack(autojump_clock: object, tmp_path: Path) -> None:
    """What it costs the daemon's budgets: one question of each kind for a workspace."""
    async with patient(tmp_path) as here:
        await here.examined()
        asked = sorted(call.method for call in here.slack.ledger.calls)

    assert ["api.test", "apps.connections.open", "auth.test", "bots.info", "users.conversations"] == asked


async def test_the_host_of_a_connection_is_tried_whatever_it_is(autojump_clock: object, tmp_path: Path) -> None:
    """Slack may name any host; that one has to be let out too."""
    async with patient(tmp_path) as here:
        here.slack.addresses = replace(here.slack.addresses, socket="wss://wss-7.slack.com/link/")
        findings = await here.examined()
    found = [(each.id, each.level) for each in findings if each.about == "wss-7.slack.com:443"]

    assert [("net.tcp", Level.FAILURE)] == found


async def test_each_installation_is_examined(autojump_clock: object, tmp_path: Path) -> None:
    """Workspaces and organisations, those of the store and the configured one, each once and in the same order."""
    async with patient(tmp_path) as here:
        store = here.stored()
        grid = here.slack.add_organisation("E0GRID0001", name="Grid")
        grid.add_workspace("T0GRIDWS01", name="Gridspace")
        south = here.slack.add_workspace("T0SOUTH001", name="South")
        web = WebClient(world=here.world, api_url=here.config.slack.api_url, app_token=Secret("xapp"))
        for at, token in enumerate((grid.install(token="xoxb-grid").token, south.install(token="xoxb-south").token)):
            identity = await web.auth_test(Secret(token))
            store.installations.save_bot(to_bot(identity.installation(Secret(token)), float(at)))
        await web.aclose()
        findings = await here.examined()
    about = [each.about for each in findings if each.id == "slack.installation"]
    granted = [each.says for each in findings if each.id == "slack.workspaces"]

    assert ["slack.bot_token", "E0GRID0001/-", "-/T0SOUTH001"] == about
    assert ["granted 1: T0GRIDWS01"] == granted


@pytest.mark.parametrize(
    ("api_url", "domain"),
    [
        ("https://slack.com/api/", "slack.com"),
        ("https://slack-gov.com/api/", "slack-gov.com"),
        ("http://127.0.0.1:8000/api/", ""),
    ],
)
def test_whose_hosts_are_slacks(api_url: str, domain: str) -> None:
    """GovSlack has its own domain for everything (facts/slack.md §13); another server has no hosts that we know."""
    assert domain == slack_domain(api_url)
