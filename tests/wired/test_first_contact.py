"""At the first contact people are told who reads what they write: once, and where nobody else is disturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.demo.slack.faults import Drop, TooMany
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack.ledger import Post
    from slackkefu.keys import ChannelsMode
    from tests.wired.town import Town


def lines(here: Town) -> list[Post]:
    """Return what the app said of its own."""
    return [post for post in here.slack.ledger.posts if "metadata" not in post.arguments]


async def test_a_direct_message(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """The first one is answered by one line, later ones by none, also after a restart."""
    async with town(tmp_path, introduction=True) as here:
        mia = here.north.add_user(name="Mia")
        for number in range(2):
            await mia.says(mia.dm(), f"hello {number}")
            await trio.sleep(5)
        await here.stop()
        await here.start()
        await mia.says(mia.dm(), "still there?")
        await trio.sleep(30)

    (line,) = lines(here)

    assert mia.dm() is line.channel
    assert "" == line.ephemeral_to
    assert "由客服人员阅读" in line.text


async def test_a_mention_in_a_channel(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Only who wrote it sees the line; each writer gets their own."""
    async with town(tmp_path, introduction=True) as here:
        mia, leo = (here.north.add_user(name=name) for name in ("Mia", "Leo"))
        support = here.north.add_channel(name="support", members=[mia, leo])
        app = f"<@{here.north.installation.bot.id}>"
        root = await mia.says(support, f"{app} hello")
        await trio.sleep(5)
        await mia.says(support, "more", thread=root)
        await leo.says(support, f"{app} me too", thread=root)
        await trio.sleep(30)

    assert [(mia.id, None), (leo.id, root.ts)] == [
        (post.ephemeral_to, post.arguments.get("thread_ts")) for post in lines(here)
    ]
    assert all("这个消息列" in post.text for post in lines(here))


@pytest.mark.parametrize(
    ("channels", "expected"),
    [("mention", "messages that mention me"), ("all", "everything"), ("off", "Nothing in this channel")],
)
async def test_the_app_joins_a_channel(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, channels: ChannelsMode, expected: str
) -> None:
    """One post says what of that channel is read; people who join get none."""
    async with town(tmp_path, introduction=True, channels=channels) as here:
        mia, leo = (here.north.add_user(name=name) for name in ("Mia", "Leo"))
        support = here.north.add_channel(name="support", members=[mia], with_app=False)
        await mia.invites_app(support)
        await leo.joins(support)
        await trio.sleep(30)

    (line,) = lines(here)

    assert support is line.channel
    assert expected in line.text
    assert "" == line.ephemeral_to


async def test_it_can_be_switched_off(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """An operator who tells people in another way has nothing said."""
    async with town(tmp_path, introduction=False) as here:
        mia = here.north.add_user(name="Mia")
        support = here.north.add_channel(name="support", members=[mia], with_app=False)
        await mia.invites_app(support)
        await mia.says(mia.dm(), "hello")
        await trio.sleep(30)

    assert [] == lines(here)


async def test_a_lost_answer_does_not_double_it(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Where nobody knows whether it was posted it is not posted again; where it surely was not, it is."""
    async with town(tmp_path, introduction=True) as here:
        mia, leo = (here.north.add_user(name=name) for name in ("Mia", "Leo"))
        here.slack.faults.web.next("chat.postMessage", Drop())
        await mia.says(mia.dm(), "hello")
        await trio.sleep(60)
        here.slack.faults.web.next("chat.postMessage", TooMany(1), times=2)
        await leo.says(leo.dm(), "hello")
        await trio.sleep(120)

    assert {mia.dm().id, leo.dm().id} == {post.channel.id for post in lines(here)}
    assert 2 == len(lines(here))
