"""The app that the manifest makes is enough: nothing that the daemon does is refused, and all that it needs comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.demo.slack import app_from
from slackkefu.demo.slack.model import ChannelKind
from slackkefu.slack.features import ASK, COMMAND
from slackkefu.slack.manifest import manifest
from tests.wired.town import REDIRECT_URL, town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack import Person
    from tests.wired.town import Town

SOON_S = 30.0


async def tour(here: Town, mia: Person) -> None:
    """Do once what people and agents do: each kind of conversation, files, clicks, the command, the shortcut, home."""
    bot = f"<@{here.north.installation.bot.id}>"
    for kind in (ChannelKind.PUBLIC, ChannelKind.PRIVATE, ChannelKind.MPIM):
        channel = here.north.add_channel(name=kind.value, kind=kind, members=[mia])
        said = await mia.says(channel, f"{bot} {kind.value}")
        here.desk.answers((await here.desk.heard(kind.value)).visitor, f"re {kind.value}")
        await mia.edits(said, f"{bot} {kind.value}, edited")
    dm = mia.dm()
    said = await mia.shares(dm, "a.txt", b"a file", comment="with a file")
    await here.desk.heard("with a file")
    here.desk.answers(here.visitor(mia, dm), "thanks")
    await mia.commands(dm, COMMAND.name, "status")
    await mia.picks_shortcut(said, ASK.callback_id)
    await mia.opens_app(tab="home")
    await mia.changes_profile(display_name="mimi")
    await trio.sleep(SOON_S)
    await mia.presses_at_home("帮助")
    await trio.sleep(SOON_S)


async def test_nothing_is_refused(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """With the scopes, events and names of the manifest alone, everything works."""
    config = {"source_card": False, "visitor_fields": ("name", "workspace", "email")}
    async with town(tmp_path, desk_config=config, session_status=True, introduction=True) as here:
        mia = here.north.add_user(name="Mia", email="mia@example.com")
        with trio.fail_after(300):
            await tour(here, mia)
        refused = {(call.method, call.error) for call in here.slack.ledger.calls if call.error}
        shown = [post.shown for post in here.slack.ledger.posts]

    assert set() == refused
    assert {"re channel", "re group", "re mpim", "thanks"} <= set(shown)
    assert app_from(manifest(redirect_url=REDIRECT_URL)) == here.slack.settings


@pytest.mark.parametrize("scope", ["im:history", "chat:write"])
async def test_without_a_scope_it_shows(tmp_path: Path, autojump_clock: trio.testing.MockClock, scope: str) -> None:
    """The Slack of the test above refuses what no scope was granted for; else that would show nothing."""
    async with town(tmp_path, settles=False) as here:
        installation = here.north.installation
        installation.scopes -= {scope}
        mia = here.north.add_user(name="Mia")
        with trio.move_on_after(300):
            await tour(here, mia)
        refused = {call.error for call in here.slack.ledger.calls}
        shown = {post.shown for post in here.slack.ledger.posts}

    assert "missing_scope" in refused or not {"re channel", "re group", "re mpim", "thanks"} <= shown
