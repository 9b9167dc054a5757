"""Ratings between the fakes: an invitation, its modal, and an answer in kefu's own form, once and in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from slackkefu.demo.slack.elements import labels
from slackkefu.demo.slack.faults import Hang, Refusal
from tests.facts import load
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.ledger import Post
    from slackkefu.demo.slack.model import Message
    from tests.wired.town import Town

SOON_S = 30.0
BUTTON = "评价"
REASONS = {2: ("回复慢", "没解决"), 1: ("态度差",)}


async def invited(here: Town, person: Person) -> tuple[str, Message]:
    """Let *person* write, and the desk invite them to rate; return the visitor and the invitation."""
    await person.says(person.dm(), "hello")
    visitor = (await here.desk.heard("hello")).visitor
    here.desk.answers(visitor, "done")
    await here.slack.posted(1)
    here.desk.invites_rating(visitor, tags=REASONS)
    return visitor, (await here.slack.posted(2))[-1].message


def filled(degree: int, *, reasons: tuple[int, ...] | None = None, remark: str = "") -> dict[str, Any]:
    """Fill a modal in: the degree and the reasons by their places."""
    values: dict[str, Any] = {
        "degree": {"rate": {"type": "radio_buttons", "selected_option": {"value": str(degree)}}},
        "remark": {"remark": {"type": "plain_text_input", "value": remark}},
    }
    if reasons is not None:
        options = [{"value": str(each)} for each in reasons]
        values[f"tags:{degree}"] = {"tags": {"type": "multi_static_select", "selected_options": options}}
    return values


def ratings(here: Town, visitor: str) -> list[dict[str, Any]]:
    """Return what the desk got as ratings."""
    heard = here.desk.conversations[visitor].heard
    return [dict(line.weichat["ctrlArgs"]) for line in heard if line.weichat.get("ctrlType") == "enquiry"]


def private(here: Town) -> list[Post]:
    """Return what the app said to one person alone."""
    return [post for post in here.slack.ledger.posts if post.ephemeral_to]


async def opened(here: Town, person: Person, message: Message) -> None:
    """Let *person* press the button, and wait for the modal."""
    await person.chooses(message, BUTTON)
    await here.slack.until(lambda: person.id in here.slack.state.modals)


async def test_a_rating(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Degree, reasons and remark are asked in a modal, reach the desk in its form, and are shown as answered."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(10 * SOON_S):
            visitor, invitation = await invited(here, mia)
            await opened(here, mia, invitation)
            await mia.picks(filled(3), "degree")
            await here.slack.until(lambda: "tags:3" in str(mia.modal))
            refused = await mia.submits(mia.modal, filled(3, reasons=()))
            await here.slack.acknowledged(refused)
            taken = await mia.submits(mia.modal, filled(3, reasons=(1,), remark="not yet"))
            await here.slack.acknowledged(taken)
            await here.settle()
            await here.slack.until(lambda: "✅" in str(invitation.blocks))

        (rating,) = ratings(here, visitor)
        assert {"response_action", "errors"} == {*(refused.answer or {})}
        assert not taken.answer
        assert ("2", "97", "agent", "not yet") == tuple(
            rating[name] for name in ("summary", "evaluationDegreeId", "evaluateWay", "detail")
        )
        assert [{"id": "t21", "name": "没解决"}] == rating["appraiseTags"]
        assert isinstance(rating["inviteId"], int)
        assert "不满意" in str(invitation.blocks)
        assert [] == labels(invitation.blocks)


async def test_an_invitation_without_a_service_session(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """It is about the one that is open."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(10 * SOON_S):
            await mia.says(mia.dm(), "hello")
            visitor = (await here.desk.heard("hello")).visitor
            here.desk.answers(visitor, "hi")
            sample = load("kefu-samples/satisfaction-invite.json")
            weichat = sample["ext"]["weichat"]
            weichat["service_session"] = weichat["ctrlArgs"]["serviceSessionId"] = None
            here.desk.sends(visitor, sample)
            await opened(here, mia, (await here.slack.posted(2))[-1].message)
            await mia.submits(mia.modal, filled(0))
            await here.settle()

        session = here.desk.conversations[visitor].session
        (rating,) = ratings(here, visitor)
        assert session is not None
        assert session.id == rating["serviceSessionId"]


async def test_only_once(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A second modal, opened before, and a second click after, over a restart, are told so and not sent."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(100 * SOON_S):
            visitor, invitation = await invited(here, mia)
            button = invitation.blocks
            await opened(here, mia, invitation)
            first = mia.modal
            await mia.submits(first, filled(0))
            await here.settle()
            again = await mia.submits(first, filled(4))
            await here.slack.acknowledged(again)
            await here.stop()
            await here.start()
            invitation.blocks = button
            await mia.chooses(invitation, BUTTON)
            await here.slack.until(lambda: private(here))

        assert ["5"] == [each["summary"] for each in ratings(here, visitor)]
        assert "errors" in (again.answer or {})


async def test_after_the_end(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """An invitation may come after its service session: it is answered for eight hours, and opens no new one."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(12 * 3600):
            await mia.says(mia.dm(), "hello")
            visitor = (await here.desk.heard("hello")).visitor
            here.desk.closes(visitor)
            here.desk.invites_rating(visitor)
            invitation = (await here.slack.posted(1))[-1].message
            await trio.sleep(7 * 3600)
            await opened(here, mia, invitation)
            await mia.submits(mia.modal, filled(1))
            await here.settle()

        assert ["4"] == [each["summary"] for each in ratings(here, visitor)]
        assert 1 == here.desk.conversations[visitor].sessions


async def test_too_late(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Eight hours after its session an invitation says so and goes dead; so does a modal that was left open."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(24 * 3600):
            visitor, invitation = await invited(here, mia)
            await opened(here, mia, invitation)
            left_open = mia.modal
            here.desk.closes(visitor)
            await trio.sleep(8 * 3600 + 60)
            late = await mia.submits(left_open, filled(0))
            await here.slack.acknowledged(late)
            await mia.chooses(invitation, BUTTON)
            await here.slack.until(lambda: private(here) and not labels(invitation.blocks))

        assert [] == ratings(here, visitor)
        assert "errors" in (late.answer or {})


async def test_somebody_else_presses(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Only whom the desk has invited can rate; another one sees no modal, and is told."""
    async with town(tmp_path) as here:
        mia, leo = here.north.add_user(name="Mia"), here.north.add_user(name="Leo")
        with trio.fail_after(SOON_S):
            visitor, invitation = await invited(here, mia)
            await leo.chooses(invitation, BUTTON)
            await here.slack.until(lambda: private(here))

        assert [leo.id] == [post.ephemeral_to for post in private(here)]
        assert leo.id not in here.slack.state.modals
        assert [] == ratings(here, visitor)


async def test_a_modal_that_does_not_open(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """When Slack refuses the trigger, or does not answer, the person is told to press again, and that works."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(10 * SOON_S):
            _, invitation = await invited(here, mia)
            here.slack.faults.web.next("views.open", Refusal("expired_trigger_id"))
            here.slack.faults.web.next("views.open", Hang())
            await mia.chooses(invitation, BUTTON)
            await here.slack.until(lambda: len(private(here)) == 1)
            slow = await mia.chooses(invitation, BUTTON)
            await here.slack.until(lambda: len(private(here)) == 2)
            await opened(here, mia, invitation)

        assert slow.acknowledged
        assert all("again" in post.text or "再点一次" in post.text for post in private(here))


async def test_a_kill_after_the_modal(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A rating that was acknowledged while Easemob was away reaches the desk after a kill, once."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(100 * SOON_S):
            visitor, invitation = await invited(here, mia)
            await trio.sleep(15)
            await opened(here, mia, invitation)
            here.easemob.faults.black_hole = True
            parcel = await mia.submits(mia.modal, filled(0, remark="谢谢 <!channel>"))
            await here.slack.acknowledged(parcel)
            await here.kill()
            here.calm()
            await here.start()
            await here.settle()

        assert ["谢谢 <!channel>"] == [each["detail"] for each in ratings(here, visitor)]
