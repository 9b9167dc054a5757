"""The samples that offer something, through the whole daemon: each in its form, and answered in kefu's."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import trio

from slackkefu.demo.slack.elements import labels
from tests.facts import load
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

    from tests.wired.town import Town

SOON_S = 60.0

EXPECT: dict[str, dict[str, Any]] = load("kefu-samples/expect.json")

FORMS: dict[str, list[str]] = {
    "robot-menu": ["actions"],
    "robot-menu-list": ["actions"],
    "transfer-guide-menu": ["actions"],
    "related-questions": ["actions"],
    "transfer-hint": ["actions"],
    "ticket-hint": ["actions"],
    "event-wait-timeout-ticket": ["actions"],
    "satisfaction-invite": ["actions"],
    "video-call-invite": ["actions"],
    "location": [],
    "article": ["image"],
    "html-form": [],
}
"""What is below the words in the form of each sample."""


def sample_of(name: str, here: Town, visitor: str) -> dict[str, Any]:
    """Return a sample as this desk would send it: in the service session that is open here."""
    session = here.desk.conversations[visitor].session
    assert session is not None
    text = json.dumps(load(f"kefu-samples/{name}.json"))
    made: dict[str, Any] = json.loads(text.replace("6f1c2a34-0b1d-4c55-9a77-0d3a1e5b7c01", session.id))
    return made


@pytest.mark.parametrize("name", FORMS)
async def test_each_sample_in_its_form(tmp_path: Path, autojump_clock: trio.testing.MockClock, name: str) -> None:
    """A sample that offers something is one post in its form, whose text says it all, and pings nobody."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            await mia.says(mia.dm(), "hello")
            visitor = (await here.desk.heard("hello")).visitor
            here.desk.sends(visitor, sample_of(name, here, visitor))
            post = (await here.slack.posted(1))[-1]
            await here.settle()

        blocks = [dict(block) for block in post.message.blocks or ()]  # type: ignore[call-overload]  # JSON
        assert ["rich_text", *FORMS[name]] == [block["type"] for block in blocks]
        assert post.text.strip()
        assert () == post.rings
        assert 1 == len(here.slack.ledger.posts)


ANSWERED = [name for name in FORMS if "answer" in EXPECT[name] or "answer_cmd" in EXPECT[name]]


@pytest.mark.parametrize("name", ANSWERED)
async def test_each_sample_is_answered(tmp_path: Path, autojump_clock: trio.testing.MockClock, name: str) -> None:
    """What the sample says is to be answered reaches the desk in just that form."""
    expected = EXPECT[name].get("answer") or EXPECT[name]["answer_cmd"]
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            await mia.says(mia.dm(), "hello")
            visitor = (await here.desk.heard("hello")).visitor
            here.desk.sends(visitor, sample_of(name, here, visitor))
            message = (await here.slack.posted(1))[-1].message
            await mia.chooses(message, expected.get("msg") or labels(message.blocks)[0])
            await here.settle()
        heard = here.desk.conversations[visitor].heard[-1]
        session = here.desk.conversations[visitor].session

    if "action" in expected:
        assert session is not None
        assert ("cmd", expected["action"]) == (heard.type, heard.body["action"])
        assert expected["ctrlArgs"] | {"serviceSessionId": session.id} == heard.weichat["ctrlArgs"]
        return
    assert expected["msg"] == heard.text
    if "ext" in expected:
        assert expected["ext"]["msgtype"] == heard.ext["msgtype"]
    elif "action_data" in expected:
        choice: Any = heard.ext["msgtype"]
        assert expected["action_data"] == json.loads(choice["choice"]["relatedRuleClickActionData"])
    else:
        assert "msgtype" not in heard.ext


@pytest.mark.parametrize(("label", "kind"), [("👍 有用", 1), ("👎 没用", 2)])
async def test_a_useful_answer(tmp_path: Path, autojump_clock: trio.testing.MockClock, label: str, kind: int) -> None:
    """Where the desk's own API may be used a robot's answer can be rated, once, also over a restart."""
    async with town(tmp_path, private_api=True) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            await mia.says(mia.dm(), "hello")
            visitor = (await here.desk.heard("hello")).visitor
            here.desk.sends(visitor, sample_of("robot-useful-question", here, visitor))
            message = (await here.slack.posted(1))[-1].message
            buttons = message.blocks
            await mia.chooses(message, label)
            await here.slack.until(lambda: not labels(message.blocks))
            await here.stop()
            await here.start()
            message.blocks = buttons
            await mia.chooses(message, label)
            await here.slack.until(lambda: any(post.ephemeral_to for post in here.slack.ledger.posts))

        robot = load("kefu-samples/robot-useful-question.json")["ext"]["weichat"]["agent"]["userId"]
        assert [(robot, {"satisfactionCommentKey": "key-77", "type": kind})] == here.kefu.comments


async def test_what_changes_meanwhile_stays(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A menu that is answered while the desk is told whether an answer was useful stays answered."""
    async with town(tmp_path, private_api=True) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(10 * SOON_S):
            await mia.says(mia.dm(), "hello")
            visitor = (await here.desk.heard("hello")).visitor
            here.desk.sends(visitor, sample_of("robot-useful-question", here, visitor))
            question = (await here.slack.posted(1))[-1].message
            here.desk.offers(visitor, "请选择", {"m-1": "one", "m-2": "two"})
            menu = (await here.slack.posted(2))[-1].message
            buttons = menu.blocks
            here.network.serve_http("kefu.test", slowly(here.kefu.asgi))
            await mia.chooses(question, "👍 有用")
            await mia.chooses(menu, "one")
            await here.desk.heard("one")
            await here.slack.until(lambda: not labels(question.blocks))
            menu.blocks = buttons
            await mia.chooses(menu, "two")
            await here.slack.until(lambda: any(post.ephemeral_to for post in here.slack.ledger.posts))

        assert ["hello", "one"] == [line.text for line in here.desk.everything_heard()]


def slowly(app: ASGIApp) -> ASGIApp:
    """Let each answer of *app* take its time."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep(3)
        await app(scope, receive, send)

    return answer


async def test_no_useful_question_without_the_api(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Where nobody could be told, nothing is asked."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(SOON_S):
            await mia.says(mia.dm(), "hello")
            visitor = (await here.desk.heard("hello")).visitor
            here.desk.sends(visitor, sample_of("robot-useful-question", here, visitor))
            message = (await here.slack.posted(1))[-1].message

        assert [] == labels(message.blocks)


JUNK: list[Any] = [
    None,
    "",
    " ",
    0,
    -1,
    2**62,
    True,
    [],
    {},
    [None],
    ["x"],
    {"a": 1},
    "<!channel>",
    "好" * 9000,
]


def damaged(value: Any, chance: Random) -> Any:
    """Return a sample with a few of its parts replaced, taken away, doubled or written in other letters."""
    value = copy.deepcopy(value)
    for _ in range(chance.randint(1, 4)):
        inner = value["ext"]
        while isinstance(inner, dict | list) and inner:
            key: Any = chance.choice([*inner]) if isinstance(inner, dict) else chance.randrange(len(inner))
            if isinstance(inner[key], dict | list) and inner[key] and chance.random() < 0.8:
                inner = inner[key]
                continue
            match chance.randrange(4):
                case 0:
                    inner[key] = chance.choice(JUNK)
                case 1:
                    del inner[key]
                case 2 if isinstance(inner, list):
                    inner += [copy.deepcopy(inner[key])] * chance.choice([1, 60])
                case _ if isinstance(inner[key], str):
                    inner[key] = inner[key].upper()
            break
    return value


@pytest.mark.parametrize("seed", range(12))
async def test_malformed_samples_stop_nothing(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int
) -> None:
    """However damaged what the desk sends is, nothing empty is posted, nothing pings, and what follows arrives."""
    chance = Random(seed)
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(3600):
            await mia.says(mia.dm(), "hello")
            visitor = (await here.desk.heard("hello")).visitor
            for number, name in enumerate(chance.sample([*FORMS], 10)):
                sample = sample_of(name, here, visitor)
                sample["ext"]["weichat"]["msgId"] = f"sample-{number}"
                # Each is known by its words to whoever judges the order.
                sample["body"]["msg"] = f"words {number}"
                here.desk.sends(visitor, damaged(sample, chance))
            here.desk.answers(visitor, "the last word")
            await here.slack.until(lambda: any(post.text == "the last word" for post in here.slack.ledger.posts))
            for post in [*here.slack.ledger.posts]:
                for label in labels(post.message.blocks)[:3]:
                    await mia.chooses(post.message, label)
            await here.settle()

        assert all(post.text.strip() for post in here.slack.ledger.posts)
        assert all(not post.rings for post in here.slack.ledger.posts)
        assert here.statistics["replies"]().set_aside == 0  # type: ignore[attr-defined]  # that group's class
        assert here.statistics["deeds"]().failed == 0  # type: ignore[attr-defined]  # that group's class
