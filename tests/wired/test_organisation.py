"""An organisation that installed the app as a whole: every way works, and what it takes away is not served."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.demo.slack import Drop, Switches
from tests.installed import bot_of, keep
from tests.wired.companies import EITHER, companies, heard
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

SOON_S = 30.0
MINUTE_S = 60.0
HOUR_S = 3600.0

UNNAMED = Switches(access_names_organisation=False)


async def test_both_workspaces_are_served(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Direct messages, channels and history of each granted workspace, by the one token."""
    async with town(tmp_path, slack_switches=EITHER, started=False, channels="all") as here:
        them = companies(here)
        otto = them.desks[1].add_user("W0OTTO0001", name="Otto")
        inner = them.desks[1].add_channel("C0INNER001", name="inner", members=[otto])
        await here.start()
        await otto.says(otto.dm(), "directly")
        await otto.says(inner, "among us")
        await trio.sleep(20 * MINUTE_S)
        await here.stop()
        await otto.says(otto.dm(), "later")
        await otto.says(inner, "later too")
        await trio.sleep(30 * MINUTE_S)
        await here.start()
        await trio.sleep(HOUR_S)
        here.desk.answers(here.visitor(otto, inner), "an answer")
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert ["directly", "later"] == heard(here, otto, otto.dm())
        assert ["among us", "later too"] == heard(here, otto, inner)
        assert them.desks[1].installation is post.installation

        await here.stop()


async def test_commands_buttons_and_the_home_tab(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """They name no workspace, or one of several, and are the organisation's all the same."""
    async with town(tmp_path, started=False) as here:
        them = companies(here)
        await here.start()
        nina = them.nina
        await nina.says(nina.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        status = await nina.commands(nina.dm(), "/kefu", "status")
        here.desk.offers(here.visitor(nina, nina.dm()), "How can we help?", ["Orders", "Returns"])
        with trio.fail_after(SOON_S):
            (menu,) = await here.slack.posted(1)
        await nina.chooses(menu.message, "Orders")
        await nina.opens_app(tab="home")
        await trio.sleep(MINUTE_S)

        assert status.acknowledged
        assert ["hello", "Orders"] == heard(here, nina, nina.dm())
        assert nina.id in here.slack.state.home_views

        await here.stop()


@pytest.mark.parametrize("switches", [Switches(), UNNAMED])
@pytest.mark.parametrize("is_down", [False, True])
async def test_a_workspace_is_taken_away(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, switches: Switches, *, is_down: bool
) -> None:
    """Answers to its people wait, their agent is told why; they go out when it is granted again."""
    async with town(tmp_path, slack_switches=switches, started=False) as here:
        them = companies(here)
        otto = them.desks[1].add_user("W0OTTO0001", name="Otto")
        await here.start()
        at = here.visitor(otto, otto.dm())
        for person in (them.nina, otto):
            await person.says(person.dm(), f"hello from {person.name}")
            await here.desk.heard(f"hello from {person.name}")
        if is_down:
            await here.stop()
            await trio.sleep(MINUTE_S)
        await them.grid.withdraws(them.desks[1])
        if is_down:
            await trio.sleep(HOUR_S)
            await here.start()
        await trio.sleep(MINUTE_S)
        here.desk.answers(at, "to Otto")
        here.desk.answers(here.visitor(them.nina, them.nina.dm()), "to Nina")
        await trio.sleep(HOUR_S)

        assert ["to Nina"] == [post.text for post in here.slack.ledger.posts]
        assert 1 == here.statistics["reach"]().stopped["workspace_withdrawn"]  # type: ignore[attr-defined]  # its class

        await them.grid.grants(them.desks[1])
        await trio.sleep(10 * MINUTE_S)

        assert ["to Nina", "to Otto"] == [post.text for post in here.slack.ledger.posts]

        await here.stop()


async def test_one_workspace_has_its_own_too(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Slack says which of the two it means; when one is removed the other goes on, also in direct messages."""
    async with town(tmp_path, started=False) as here:
        them = companies(here)
        own = them.desks[0].install(token="xoxb-own")
        keep(here.config.store.path, here.world, own)
        await here.start()
        nina = them.nina
        await nina.says(nina.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        visitor = here.visitor(nina, nina.dm())
        here.desk.answers(visitor, "first")
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert own is post.installation

        await them.desks[0].uninstalls()
        await trio.sleep(MINUTE_S)
        here.desk.answers(visitor, "second")
        with trio.fail_after(SOON_S):
            _, post = await here.slack.posted(2)

        assert them.desks[0].installation is post.installation
        assert nina.dm() is post.channel

        # The visitor stays the same one.
        await nina.says(nina.dm(), "I see")
        with trio.fail_after(SOON_S):
            assert visitor == (await here.desk.heard("I see")).visitor

        await here.stop()


async def test_an_organisation_leaves(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Of an organisation and its workspace each is removed for itself: the other's people are served on."""
    async with town(tmp_path, slack_switches=replace(EITHER, authorization="first"), started=False) as here:
        them = companies(here)
        own = them.desks[0].install(token="xoxb-own")
        keep(here.config.store.path, here.world, own)
        await here.start()
        await trio.sleep(MINUTE_S)
        whole = next(each for each in here.slack.state.installations if each.org_wide)
        here.slack.state.uninstall(whole)
        await trio.sleep(MINUTE_S)
        await them.nina.says(them.nina.dm(), "still here")
        with trio.fail_after(SOON_S):
            await here.desk.heard("still here")
        here.desk.answers(here.visitor(them.nina, them.nina.dm()), "so are we")
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert own is post.installation

        await here.stop()


async def test_the_organisation_takes_over(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Who was served by their workspace's own installation is by the organisation's, though that comes later."""
    async with town(tmp_path) as here:
        grid = here.slack.add_organisation("E0GRID0001", name="Grid")
        desk = grid.add_workspace("T0GRIDWS01", name="Desk one")
        nina = desk.add_user("W0NINA0001", name="Nina")
        await here.installs(desk)
        await nina.says(nina.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        visitor = here.visitor(nina, nina.dm())
        await desk.uninstalls()
        await trio.sleep(MINUTE_S)
        here.desk.answers(visitor, "at last")
        await trio.sleep(HOUR_S)
        whole = grid.install()
        await here.daemon.installing.install(bot_of(whole, at=here.wall()))
        with trio.fail_after(2 * MINUTE_S):
            (post,) = await here.slack.posted(1)

        assert (whole, nina.dm()) == (post.installation, post.channel)


@pytest.mark.parametrize("times", [1, 4])
async def test_an_heir_whose_call_fails(tmp_path: Path, autojump_clock: trio.testing.MockClock, times: int) -> None:
    """The direct message is opened as soon as Slack can be asked again."""
    async with town(tmp_path) as here:
        grid = here.slack.add_organisation("E0GRID0001", name="Grid")
        desk = grid.add_workspace("T0GRIDWS01", name="Desk one")
        nina = desk.add_user("W0NINA0001", name="Nina")
        whole = grid.install()
        await here.daemon.installing.install(bot_of(whole, at=here.wall()))
        await here.installs(desk)
        await nina.says(nina.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        visitor = here.visitor(nina, nina.dm())
        here.slack.faults.web.next("conversations.open", Drop(carried_out=False), times=times)
        await desk.uninstalls()
        await trio.sleep(MINUTE_S)
        here.desk.answers(visitor, "at last")
        with trio.fail_after(HOUR_S):
            (post,) = await here.slack.posted(1)

        assert whole is post.installation


@pytest.mark.parametrize("fault", [None, Drop()])
async def test_installed_again_after_a_withdrawal(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, fault: Drop | None
) -> None:
    """A new installation may work where the one before was not let: who writes there is answered, unasked."""
    async with town(tmp_path, started=False) as here:
        them = companies(here)
        await here.start()
        visitor = here.visitor(them.nina, them.nina.dm())
        await them.nina.says(them.nina.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        await them.grid.withdraws(them.desks[0])
        await trio.sleep(MINUTE_S)
        here.desk.answers(visitor, "at last")
        await trio.sleep(MINUTE_S)
        before = them.desks[1].installation
        here.slack.state.uninstall(before)
        await trio.sleep(MINUTE_S)
        if fault is not None:
            here.slack.faults.web.next("auth.teams.list", fault, times=3)
        whole = them.grid.install()
        await here.daemon.installing.install(bot_of(whole, at=here.wall()))
        with trio.fail_after(HOUR_S):
            (post,) = await here.slack.posted(1)

        assert whole is post.installation

        await here.stop()


async def test_granted_while_nobody_listened(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """After a long time without a connection organisations are asked what they have granted meanwhile."""
    async with town(tmp_path, started=False) as here:
        them = companies(here)
        await here.start()
        visitor = here.visitor(them.nina, them.nina.dm())
        await them.nina.says(them.nina.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        await them.grid.withdraws(them.desks[0])
        await trio.sleep(MINUTE_S)
        here.desk.answers(visitor, "at last")
        here.network.hosts["slack.com"].refuse = here.network.hosts["wss-primary.slack.com"].refuse = "no route to host"
        for line in here.network.open_lines("slack.com", "wss-primary.slack.com"):
            line.reset()
        await trio.sleep(MINUTE_S)
        them.desks[1].installation.withheld.clear()
        await trio.sleep(HOUR_S)
        here.network.hosts.clear()
        with trio.fail_after(HOUR_S):
            (post,) = await here.slack.posted(1)

        assert them.desks[0].installation is post.installation

        await here.stop()
