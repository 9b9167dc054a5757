"""What people write with more than words comes to the desk as it reads in Slack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from tests.wired.town import Town

SOON_S = 30.0


async def arrives(here: Town, text: str) -> None:
    """Wait until the desk has heard something."""
    with trio.fail_after(SOON_S):
        await here.desk.heard(text)


async def test_an_act(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What somebody does says who."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.acts(mia.dm(), "waves")
        await arrives(here, "* Mia waves")


async def test_a_broadcast_of_a_thread(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A reply that is shown in the channel too belongs to its thread, and comes once."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[mia])
        root = await mia.says(support, f"<@{here.north.installation.bot.id}> one")
        await arrives(here, "one")
        await mia.says(support, "two", thread=root, broadcast=True)
        await arrives(here, "two")
        await mia.says(support, "nobody's", broadcast=True)
        here.desk.answers(here.visitor(mia, support), "yes")
        await trio.sleep(SOON_S)
        (post,) = here.slack.ledger.posts

        assert ["one", "two"] == [line.text for line in here.desk.everything_heard()]
        assert root.ts == post.message.thread_ts


@pytest.mark.parametrize(("typed", "expected"), [("", ""), ("look at this", "look at this\n")])
async def test_a_shared_message(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, typed: str, expected: str
) -> None:
    """Somebody's message that is passed on is a quote behind one's own words."""
    async with town(tmp_path, lost=bool(typed)) as here:
        mia, leo = (here.north.add_user(name=name) for name in ("Mia", "Leo"))
        lunch = here.north.add_channel("C0LUNCH001", name="lunch", members=[mia, leo], with_app=False)
        theirs = await leo.says(lunch, "the order <https://example.com/4711|4711> is late")
        await mia.passes_on(theirs, mia.dm(), typed)
        await arrives(here, f"{expected}> Leo: the order 4711 (https://example.com/4711) is late")


async def test_a_list(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Numbers and bullets are written out where Slack's text has none."""
    async with town(tmp_path, lost=1) as here:
        mia = here.north.add_user(name="Mia")
        points = [
            {"type": "rich_text_section", "elements": [{"type": "text", "text": words}]}
            for words in ("first", "second")
        ]
        blocks = [
            {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "ordered", "elements": points}]}
        ]
        here.slack.state.write(mia.user, mia.dm(), "first\nsecond", blocks=blocks)
        await arrives(here, "1. first\n2. second")
