"""Menus and hints between the fakes: shown as buttons, answered by a click or by typing, once, whatever happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.demo.desk import shapes
from slackkefu.demo.slack.elements import labels
from slackkefu.demo.slack.faults import Drop, Refusal
from tests.wired.town import town

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from slackkefu.demo.desk import Heard
    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.ledger import Post
    from slackkefu.demo.slack.model import Message
    from tests.wired.town import Town

SOON_S = 30.0

MENU = {"m-1": "查询订单", "m-2": "退换货", "m-3": "转人工"}


async def shown(here: Town, person: Person, *, say: str = "hello") -> tuple[str, Message]:
    """Let *person* write, and the robot answer with a menu; return the visitor and the message that shows it."""
    await person.says(person.dm(), say)
    heard = await here.desk.heard(say)
    return heard.visitor, await offered(here, heard.visitor)


async def offered(here: Town, visitor: str) -> Message:
    """Let the robot offer a menu; return the message that shows it."""
    before = len(here.slack.ledger.posts)
    here.desk.offers(visitor, "请选择", MENU)
    return (await here.slack.posted(before + 1))[-1].message


def answers(here: Town) -> Sequence[Heard]:
    """Return what was heard that answers a menu."""
    return [line for line in here.desk.everything_heard() if "msgtype" in line.ext]


def private(here: Town) -> list[Post]:
    """Return what the app said to one person alone."""
    return [post for post in here.slack.ledger.posts if post.ephemeral_to]


async def test_a_click_reaches_the_desk(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A menu is buttons; the one that is pressed reaches the desk as label and id, and stands in its place then."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            _, menu = await shown(here, mia)
            before = labels(menu.blocks)
            parcel = await mia.chooses(menu, "退换货")
            heard = await here.desk.heard("退换货")
            await here.slack.acknowledged(parcel)
            await here.slack.until(lambda: not labels(menu.blocks))

        assert [*MENU.values()] == before
        assert {"choice": {"menuid": "m-2"}} == heard.ext["msgtype"]
        assert heard.weichat["msg_id_for_ack"]
        assert parcel.acknowledged_after_s is not None
        assert parcel.acknowledged_after_s < 3
        assert "✅ 退换货" in str(menu.blocks)
        assert "请选择" in str(menu.blocks)


async def test_only_once(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A second click on the same menu, at the same time or after a restart, is answered privately and not sent."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            _, menu = await shown(here, mia)
            buttons = menu.blocks
            await mia.chooses(menu, "退换货")
            await mia.chooses(menu, "查询订单")
            await here.desk.heard("退换货")
            await here.slack.settled()
            await here.stop()
            await here.start()
            menu.blocks = buttons
            await mia.chooses(menu, "退换货")
            await here.slack.until(lambda: len(private(here)) == 2)
            await here.slack.settled()

        assert ["退换货"] == [line.text for line in answers(here)]
        assert all("already" in post.text or "已经回答" in post.text for post in private(here))


async def test_somebody_else_presses(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """In a channel everybody can press; only whose menu it is counts, and the other one is told privately."""
    async with town(tmp_path) as here:
        mia, leo = here.north.add_user(name="Mia"), here.north.add_user(name="Leo")
        support = here.north.add_channel(name="support", members=[mia, leo])
        bot = here.north.installation.bot.id
        with trio.fail_after(SOON_S):
            await mia.says(support, f"<@{bot}> hello")
            heard = await here.desk.heard("hello")
            menu = await offered(here, heard.visitor)
            await leo.chooses(menu, "退换货")
            await here.slack.until(lambda: private(here))
            await here.slack.settled()
            nothing = answers(here)
            await mia.chooses(menu, "查询订单")
            chosen = await here.desk.heard("查询订单")

        assert [] == nothing
        assert [leo.id] == [post.ephemeral_to for post in private(here)]
        assert here.visitor(mia, support) == chosen.visitor


async def test_a_menu_of_a_closed_session(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """When its service session is over a menu says so to who presses it, goes dead, and opens no new session."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            visitor, menu = await shown(here, mia)
            buttons = menu.blocks
            here.desk.closes(visitor)
            await here.settle()
            await here.slack.until(lambda: not labels(menu.blocks))
            menu.blocks = buttons  # as in a client that has not seen the change yet
            await mia.chooses(menu, "退换货")
            await here.slack.until(lambda: not labels(menu.blocks))
            await here.slack.settled()

        assert [] == answers(here)
        assert 1 == len(private(here))
        assert 1 == here.desk.conversations[visitor].sessions


@pytest.mark.parametrize(("typed", "label"), [("2", "退换货"), ("3.", "转人工"), (" 查询订单 ", "查询订单")])
async def test_a_typed_answer(tmp_path: Path, autojump_clock: trio.testing.MockClock, typed: str, label: str) -> None:
    """A number or a label that is typed answers the menu as its button does."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            _, menu = await shown(here, mia)
            await mia.says(mia.dm(), typed)
            heard = await here.desk.heard(label)

            await here.slack.until(lambda: not labels(menu.blocks))

        number = [*MENU.values()].index(label) + 1
        assert {"choice": {"menuid": f"m-{number}"}} == heard.ext["msgtype"]
        assert f"请选择\n✅ {label}" == menu.shown


async def test_a_menu_that_was_recalled(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A number typed after a menu was taken back is a number: it does not answer what nobody sees any more."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(2 * SOON_S):
            visitor, _ = await shown(here, mia)
            here.desk.recalls(visitor, here.desk.conversation(visitor).said[-1].message_id)
            await trio.sleep(SOON_S)
            await mia.says(mia.dm(), "1")
            heard = await here.desk.heard("1")

        assert "msgtype" not in heard.ext


async def test_a_menu_whose_session_ends(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """When its service session is over a menu that nobody answered says so where it stands."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            visitor, menu = await shown(here, mia)
            here.desk.closes(visitor)
            await here.slack.until(lambda: not labels(menu.blocks))

        assert "请选择\n已失效" == menu.shown


async def test_a_number_after_other_words(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Once the desk has said something else a number is a number; a label still is one."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            visitor, _ = await shown(here, mia)
            here.desk.answers(visitor, "how many do you want?")
            await here.slack.posted(2)
            await mia.says(mia.dm(), "2")
            number = await here.desk.heard("2")
            await mia.says(mia.dm(), "退换货")
            label = await here.desk.heard("退换货")

        assert "msgtype" not in number.ext
        assert {"choice": {"menuid": "m-2"}} == label.ext["msgtype"]


async def test_a_typed_answer_uses_the_menu_up(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """After a typed answer a click on the same menu is not sent, and a number is just words; over a restart too."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            _, menu = await shown(here, mia)
            buttons = menu.blocks
            await mia.says(mia.dm(), "1")
            await here.desk.heard("查询订单")
            await here.stop()
            await here.start()
            menu.blocks = buttons  # as in a client that has not seen the change yet
            await mia.chooses(menu, "退换货")
            await here.slack.until(lambda: private(here))
            await mia.says(mia.dm(), "2")
            number = await here.desk.heard("2")

        assert ["查询订单"] == [line.text for line in answers(here)]
        assert "msgtype" not in number.ext


async def test_a_menu_survives_a_restart(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What was offered before a restart is answered after it, by typing and by a click."""
    async with town(tmp_path) as here:
        mia, leo = here.north.add_user(name="Mia"), here.north.add_user(name="Leo")
        with trio.fail_after(SOON_S):
            await shown(here, mia)
            _, other = await shown(here, leo, say="hi")
            await here.kill()
            await here.start()
            await mia.says(mia.dm(), "2")
            await leo.chooses(other, "转人工")
            typed, clicked = await here.desk.heard("退换货"), await here.desk.heard("转人工")

        assert ["m-2", "m-3"] == [each.ext["msgtype"]["choice"]["menuid"] for each in (typed, clicked)]


@pytest.mark.parametrize("action", ["answer:0", "rate", "useful:1"])
async def test_a_button_that_nobody_knows(tmp_path: Path, autojump_clock: trio.testing.MockClock, action: str) -> None:
    """Whoever presses a button of another version, or for what is switched off, is told that nothing was sent."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            _, menu = await shown(here, mia)
            await mia.presses(menu, action, value="{")
            await here.slack.until(lambda: private(here))
            await here.slack.settled()

        assert [] == answers(here)
        assert ["没有发送" in post.text for post in private(here)] == [True]


async def test_a_hint_leads_to_a_human(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """The hint's button sends kefu's command with the ids of the hint, and is used up then."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            await mia.says(mia.dm(), "hello")
            visitor = (await here.desk.heard("hello")).visitor
            here.desk.hints(visitor, "没有找到答案")
            hint = (await here.slack.posted(1))[-1].message
            await mia.chooses(hint, "转人工")
            await here.slack.until(lambda: not labels(hint.blocks))
            await here.settle()
            (command,) = [line for line in here.desk.conversations[visitor].heard if line.type == "cmd"]

        session = here.desk.conversations[visitor].session
        assert session is not None
        assert "TransferToKf" == command.body["action"]
        assert session.id == command.weichat["ctrlArgs"]["serviceSessionId"]
        assert "没有找到答案" in hint.text


async def test_blocks_that_slack_refuses(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Where Slack does not take the blocks the menu is plain text, and can be typed."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            await mia.says(mia.dm(), "hello")
            visitor = (await here.desk.heard("hello")).visitor
            here.slack.faults.web.next("chat.postMessage", Refusal("invalid_blocks"))
            menu = await offered(here, visitor)
            await mia.says(mia.dm(), "2")
            heard = await here.desk.heard("退换货")

        assert [] == labels(menu.blocks)
        assert "2. 退换货" in menu.shown
        assert "msgtype" in heard.ext


async def test_a_lost_answer_posts_a_menu_once(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """When Slack's answer to a menu is lost it is found again, and stands there once."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(10 * SOON_S):
            await mia.says(mia.dm(), "hello")
            visitor = (await here.desk.heard("hello")).visitor
            here.slack.faults.web.next("chat.postMessage", Drop(carried_out=True))
            await offered(here, visitor)
            await here.settle()

        assert 1 == len(here.slack.ledger.posts)


async def test_a_kill_after_the_click(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A click that was acknowledged is on disk: it reaches the desk after a kill, once, though Easemob was away."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(10 * SOON_S):
            _, menu = await shown(here, mia)
            here.easemob.faults.black_hole = True
            parcel = await mia.chooses(menu, "退换货")
            await here.slack.acknowledged(parcel)
            await here.kill()
            here.calm()
            await here.start()
            await here.desk.heard("退换货")
            await here.settle()

        assert ["退换货"] == [line.text for line in answers(here)]


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_a_kill_at_any_moment_of_a_click(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, turns: int
) -> None:
    """Killed at any moment, a click that was acknowledged is heard; one that was not can be made again; never twice."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(100 * SOON_S):
            _, menu = await shown(here, mia)
            # Until it is on disk that the desk confirms messages.
            await trio.sleep(15)
            buttons = menu.blocks
            parcel = await mia.chooses(menu, "退换货")
            for _ in range(turns):
                await trio.lowlevel.checkpoint()
            await here.kill()
            was_acknowledged = parcel.acknowledged
            await here.start()
            await here.settle()
            before = [line.text for line in answers(here)]
            menu.blocks = buttons
            await mia.chooses(menu, "退换货")
            await here.desk.heard("退换货")
            await here.settle()

        assert not was_acknowledged or before == ["退换货"]
        assert ["退换货"] == [line.text for line in answers(here)]


async def test_an_acknowledgement_that_is_lost(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Slack shows an error and repeats nothing; the answer has reached the desk, and a second click says so."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(10 * SOON_S):
            _, menu = await shown(here, mia)
            buttons = menu.blocks
            here.slack.faults.link.lose_acknowledgements = 1
            await mia.chooses(menu, "退换货")
            await here.desk.heard("退换货")
            await here.slack.until(lambda: not labels(menu.blocks))
            menu.blocks = buttons
            await mia.chooses(menu, "退换货")
            await here.slack.until(lambda: private(here))
            await here.settle()

        assert ["退换货"] == [line.text for line in answers(here)]


async def test_a_message_before_the_click_goes_first(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Clicks are in order with words: what was written before a click is heard before it."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            visitor, menu = await shown(here, mia)
            await mia.says(mia.dm(), "one")
            await mia.chooses(menu, "退换货")
            await mia.says(mia.dm(), "two")
            await here.desk.heard("two")

        heard = [line.text for line in here.desk.conversations[visitor].heard if line.text]
        assert ["hello", "one", "退换货", "two"] == heard


@pytest.mark.parametrize("choices", [["价格", "门店"], {str(n): f"问题 {n}" for n in range(60)}])
async def test_other_menus(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, choices: dict[str, str] | list[str]
) -> None:
    """A list of words is answered without an id; many entries are a select."""
    names = [*choices.values()] if isinstance(choices, dict) else choices
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            await mia.says(mia.dm(), "hello")
            visitor = (await here.desk.heard("hello")).visitor
            here.desk.offers(visitor, "请选择", choices)
            menu = (await here.slack.posted(1))[-1].message
            shown_labels = labels(menu.blocks)
            await mia.chooses(menu, names[-1])
            heard = await here.desk.heard(names[-1])

        assert names == shown_labels
        assert isinstance(choices, dict) == ("msgtype" in heard.ext)
        assert shapes.ROBOT.name not in heard.text
