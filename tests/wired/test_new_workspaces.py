"""A workspace that has just installed the app is served from its first message, also from one that came a bit early."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
import trio.testing

from tests.installed import bot_of
from tests.wired.test_uninstall import heard, posted
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

SOON_S = 30.0
AT_ONCE_S = 3.0
LATER_S = 300.0


async def test_the_first_message(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """It is with the desk at once, and its writer is told who reads it."""
    async with town(tmp_path, introduction=True) as here:
        south = here.slack.add_workspace("T0SOUTH001", name="South")
        ben = south.add_user(name="Ben")
        await here.installs(south)
        await ben.says(ben.dm(), "first words")
        with trio.fail_after(AT_ONCE_S):
            await here.desk.heard("first words")
        with trio.fail_after(SOON_S):
            (introduction,) = await here.slack.posted(1)

        assert (south.installation, ben.dm()) == (introduction.installation, introduction.channel)


async def test_written_while_the_app_is_being_installed(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Slack tells of messages as soon as it has given out the token; they go on when that is in the store, in order."""
    async with town(tmp_path, introduction=True) as here:
        south, west = (here.slack.add_workspace(f"T0{name}001", name=name) for name in ("SOUTH", "WEST"))
        ben, wim = south.add_user(name="Ben"), west.add_user(name="Wim")
        installed = south.install()
        west.install()
        first = await ben.says(ben.dm(), "first words")
        await wim.says(wim.dm(), "somebody else's")
        await trio.sleep(2)
        await ben.says(ben.dm(), "more words")
        await ben.edits(first, "first words, corrected")
        await trio.sleep(2)
        await here.daemon.installing.install(bot_of(installed, at=here.wall()))
        with trio.fail_after(AT_ONCE_S):
            await here.desk.heard("more words")
        await trio.sleep(SOON_S)
        texts = heard(here, here.visitor(ben, ben.dm()))

        assert "first words" in texts[0]
        assert "more words" in texts[1]
        assert "first words, corrected" in texts[2]
        assert 1 == len(posted(here))
        assert [here.visitor(ben, ben.dm())] == [*here.desk.conversations]

        await here.installs(west)
        await trio.sleep(LATER_S)


async def test_what_is_long_ago_is_not_kept(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Words of a workspace that nobody finishes to install are not kept for it, nor are they over a restart."""
    async with town(tmp_path, lost=2) as here:
        south = here.slack.add_workspace("T0SOUTH001", name="South")
        ben = south.add_user(name="Ben")
        installed = south.install()
        await ben.says(ben.dm(), "first words")
        await trio.sleep(LATER_S)
        await ben.says(ben.dm(), "more words")
        await trio.sleep(SOON_S)
        await here.kill()
        await here.start()
        await here.daemon.installing.install(bot_of(installed, at=here.wall()))
        await trio.sleep(LATER_S)

        assert not here.desk.everything_heard()
