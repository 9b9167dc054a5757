"""One app in many workspaces: each is answered with its own token, strangers in shared channels too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
import trio.testing

from tests.installed import keep
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack import Workspace
    from tests.wired.town import Town

SOON_S = 30.0
LATER_S = 300.0


def add_south(here: Town) -> Workspace:
    """Install the app in a second workspace, before the start."""
    south = here.slack.add_workspace("T0SOUTH001", name="South")
    keep(here.config.store.path, here.world, south.install(token="xoxb-south"))
    return south


async def test_a_configured_token_that_is_refused(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """It ends no start while other workspaces have the app: their customers are served."""
    async with town(tmp_path, started=False) as here:
        south = add_south(here)
        await here.north.uninstalls()
        await here.start()
        ben = south.add_user(name="Ben")
        await ben.says(ben.dm(), "hello")
        with trio.fail_after(30):
            await here.desk.heard("hello")
        await here.settle()
        await here.stop()


async def test_each_workspace_is_answered_with_its_token(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """Two workspaces, one app: their customers hold separate conversations, each by its own installation."""
    async with town(tmp_path, started=False) as here:
        south = add_south(here)
        await here.start()
        mia, ben = here.north.add_user(name="Mia"), south.add_user(name="Ben")
        await mia.says(mia.dm(), "from the north")
        await ben.says(ben.dm(), "from the south")
        with trio.fail_after(SOON_S):
            await here.desk.heard("from the north", visitor=here.visitor(mia, mia.dm()))
            heard = await here.desk.heard("from the south", visitor=here.visitor(ben, ben.dm()))

        assert "South" == heard.card["companyName"]

        here.desk.answers(here.visitor(ben, ben.dm()), "to the south")
        here.desk.answers(here.visitor(mia, mia.dm()), "to the north")
        with trio.fail_after(SOON_S):
            posts = {post.text: post for post in await here.slack.posted(2)}

        assert south.installation is posts["to the south"].installation
        assert here.north.installation is posts["to the north"].installation

        await here.stop()


async def test_a_stranger_in_a_shared_channel(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Somebody of a company without the app is a visitor of that company, answered by the installation that saw it."""
    async with town(tmp_path) as here:
        partner = here.slack.add_workspace("T0PARTNER1", name="Partner")
        eva = partner.add_user("U0EVA00001", name="Eva Partner")
        joint = here.north.add_channel("C0JOINT001", name="joint", members=[eva], shared_with=[partner])
        root = await eva.says(joint, f"<@{here.north.installation.bot.id}> hello from outside")
        with trio.fail_after(SOON_S):
            heard = await here.desk.heard("hello from outside")

        assert "t0partner1_u0eva00001_c0joint001" == heard.visitor
        assert "Eva Partner" == heard.card["userNickname"]

        here.desk.answers(heard.visitor, "welcome")
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert (here.north.installation, joint.id, root.ts) == (post.installation, post.channel.id, post.thread)


async def test_an_organisation_as_a_whole(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """An organisation-wide installation is found by its organisation, and answers in all of its workspaces."""
    async with town(tmp_path, started=False) as here:
        grid = here.slack.add_organisation("E0GRID0001", name="Grid")
        workspace = grid.add_workspace("T0GRIDWS01", name="Workspace")
        installed = grid.install(token="xoxb-grid")
        keep(here.config.store.path, here.world, installed)
        await here.start()
        nina = workspace.add_user("W0NINA0001", name="Nina")
        await nina.says(nina.dm(), "help please")
        with trio.fail_after(SOON_S):
            heard = await here.desk.heard("help please")
        here.desk.answers(heard.visitor, "here I am")
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert (installed, nina.dm().id) == (post.installation, post.channel.id)

        await here.stop()


async def test_a_workspace_that_has_gone_takes_nobodys_place(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """An answer to those who have removed the app does not hold for good the only place that there is."""
    async with town(tmp_path, started=False, max_sessions=1) as here:
        south = add_south(here)
        await here.start()
        mia, ben = here.north.add_user(name="Mia"), south.add_user(name="Ben")
        visitor = here.visitor(ben, ben.dm())
        await ben.says(ben.dm(), "from the south")
        with trio.fail_after(SOON_S):
            await here.desk.heard("from the south")
        await south.uninstalls()
        here.desk.answers(visitor, "nobody reads this")
        here.desk.closes(visitor)
        await trio.sleep(SOON_S)
        await mia.says(mia.dm(), "from the north")
        await trio.sleep(LATER_S)

        assert here.desk.everything_heard()[-1].text.endswith("from the north")
        assert not here.slack.ledger.posts

        await here.stop()
