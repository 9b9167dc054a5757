"""Agents speak in Slack under their own name and face, and what they say under it never comes back to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.demo.desk import ROBOT, DeskSwitches, Speaker
from slackkefu.demo.slack import Drop
from slackkefu.demo.slack import Switches as SlackSwitches
from tests.facts import load
from tests.wired.town import greeted, town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack import Post

SOON_S = 30.0
FACE = "https://img.kefu.example/avatar/lin.png"
SCOPE = "chat:write.customize"


def shown(post: Post) -> tuple[str | None, object, str]:
    """Return who speaks, with which face, and the words."""
    return post.message.username, (post.message.icons or {}).get("url"), post.shown


async def test_an_account_of_campaigns(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What comes from an account of the tenant's own, and from nobody in particular, stands under its name."""
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        sample = load("kefu-samples/agent-text.json")
        account = {"official_account_id": "oa-2", "type": "CUSTOM", "name": "<!here> 活动", "img": "/x.png"}
        for number, agent in enumerate((None, sample["ext"]["weichat"]["agent"])):
            weichat = sample["ext"]["weichat"] | {"msgId": str(number), "agent": agent, "official_account": account}
            here.desk.sends(visitor, sample | {"body": {"msg": f"offer {number}"}, "ext": {"weichat": weichat}})
        with trio.fail_after(SOON_S):
            posts = await here.slack.posted(2)

        assert [("‹!here› 活动", "https://kefu.test/x.png", "offer 0"), ("小林", FACE, "offer 1")] == [
            *map(shown, posts)
        ]


async def test_agent_robot_and_system(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Each speaks as who they are; what any of them says rings at nobody's and comes back to nobody."""
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        here.desk.answers(visitor, "hi")
        here.desk.robot_answers(visitor, "I am a robot")
        here.desk.system_says(visitor, "please wait")
        here.desk.answers(visitor, "mine", agent=Speaker("Agent", "<!channel> &\u202e@here", "a-2", "/x.png"))
        with trio.fail_after(SOON_S):
            posts = await here.slack.posted(4)
        await trio.sleep(600)

        assert [
            ("小林", FACE, "hi"),
            (f"{ROBOT.name} · 机器人 Bot", ROBOT.avatar, "I am a robot"),
            (None, None, "please wait"),
            ("‹!channel› ＆@here", "https://kefu.test/x.png", "mine"),
        ] == [*map(shown, posts)]
        assert ["hello"] == [line.text for line in here.desk.everything_heard()]
        assert [()] * 4 == [post.rings for post in posts]


async def test_hidden_agents_stay_hidden(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Where the desk hides its agents' names nothing is made up."""
    async with town(tmp_path, desk_switches=DeskSwitches(names=False)) as here:
        _, visitor = await greeted(here)
        here.desk.answers(visitor, "hi")
        with trio.fail_after(SOON_S):
            posts = await here.slack.posted(1)

        assert [(None, None, "hi")] == [*map(shown, posts)]


@pytest.mark.parametrize("is_known", [True, False])
async def test_without_the_scope(tmp_path: Path, autojump_clock: trio.testing.MockClock, is_known: bool) -> None:
    """The name stands in front of the words; that it must costs one refused post at most, not one each."""
    async with town(tmp_path) as here:
        here.north.installation.scopes -= {SCOPE}
        if is_known:
            await here.stop()
            await here.start()
        _, visitor = await greeted(here)
        for words in ("one", "two", "three"):
            here.desk.answers(visitor, words)
        with trio.fail_after(SOON_S):
            posts = await here.slack.posted(3)
        refused = [call.error for call in here.slack.ledger.calls_of("chat.postMessage") if call.error]

        assert [(None, None, f"小林: {words}") for words in ("one", "two", "three")] == [*map(shown, posts)]
        assert ([] if is_known else ["missing_scope"]) == refused


@pytest.mark.parametrize("echoes", [True, False])
async def test_lost_answers_under_a_name(tmp_path: Path, autojump_clock: trio.testing.MockClock, echoes: bool) -> None:
    """A post under another name is recognised by its echo, which has no user, and found in the history."""
    async with town(tmp_path, slack_switches=SlackSwitches(echoes_posts=echoes)) as here:
        _, visitor = await greeted(here)
        here.slack.faults.web.next("chat.postMessage", Drop(carried_out=True), times=3)
        for words in ("one", "two", "three"):
            here.desk.answers(visitor, words)
        await trio.sleep(120)
        posting = here.statistics["posting"]()

        assert ["one", "two", "three"] == [post.shown for post in here.slack.ledger.posts]
        assert (3, 3 if echoes else 0) == (posting.found, posting.heard)  # type: ignore[attr-defined]  # that group's class
        assert ["hello"] == [line.text for line in here.desk.everything_heard()]


async def test_the_scope_goes_while_an_answer_is_lost(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A post that may have been made under a name, and may not be any more, stands there once."""
    async with town(tmp_path, slack_switches=SlackSwitches(echoes_posts=False)) as here:
        _, visitor = await greeted(here)
        here.slack.faults.web.next("chat.postMessage", Drop(carried_out=True))
        here.slack.faults.web.next("chat.postMessage", Drop(carried_out=False))
        here.desk.answers(visitor, "one")
        here.desk.answers(visitor, "two")
        await trio.sleep(8)
        here.north.installation.scopes -= {SCOPE}
        await trio.sleep(120)

        assert ["one", "小林: two"] == [post.shown for post in here.slack.ledger.posts]


async def test_two_apps_in_one_channel(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Also in a shared channel, where another installation may be the one that hears it, nothing loops."""
    async with town(tmp_path, channels="all", slack_switches=SlackSwitches(authorization="random")) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel(name="support", members=[leo])
        await leo.says(support, "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        visitor = here.visitor(leo, support)
        for number in range(5):
            here.desk.answers(visitor, f"answer {number}")
        await trio.sleep(600)

        assert ["hello"] == [line.text for line in here.desk.everything_heard()]
        assert {"小林"} == {post.message.username for post in here.slack.ledger.posts}
