"""What the desk sends has exactly the shape of the samples (``facts/kefu-samples``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from slackkefu.demo.desk import AGENT, ROBOT, SYSTEM, Desk, DeskSwitches
from slackkefu.demo.desk.shapes import Speaker, escape
from slackkefu.demo.easemob import FakeEasemob, ImMessage
from tests.facts import load

if TYPE_CHECKING:
    from collections.abc import Callable

VISITOR = "t0aaaaaa1_u0bbbbbb1_d0cccccc1"
SESSION = "6f1c2a34-0b1d-4c55-9a77-0d3a1e5b7c01"
WANG = Speaker("Agent", "老王", "c3", "//img.kefu.example/avatar/wang.png")


def sent_by(act: Callable[[Desk], object], number: int, **switches: Any) -> list[ImMessage]:
    """Return what a visitor gets when an agent does *act*, ids counted from *number* of the samples."""
    easemob = FakeEasemob()
    ids = iter([SESSION, *(f"00000000-0000-4000-8000-{number + more:012d}" for more in range(10))])
    desk = Desk(easemob, switches=DeskSwitches(**switches), new_id=lambda: next(ids))
    found: list[ImMessage] = []
    easemob.attach(VISITOR, found.append)
    act(desk)
    return found


def sample(name: str) -> ImMessage:
    """Return a sample."""
    return ImMessage.of_sample(load(f"kefu-samples/{name}.json"))


def says(speaker: Speaker, text: str) -> Callable[[Desk], object]:
    """Return an act: *speaker* writes in an open session."""

    def act(desk: Desk) -> None:
        desk.answers(VISITOR, text, agent=speaker)

    return act


TEXTS: dict[str, tuple[Callable[[Desk], object], int, dict[str, Any]]] = {
    "agent-text": (says(AGENT, "您好,请问有什么可以帮您?"), 1, {}),
    "agent-text-no-nickname": (says(AGENT, "稍等,我查一下"), 2, {"names": False}),
    "robot-text": (says(ROBOT, "我是机器人,可以回答常见问题"), 3, {}),
    "system-text": (says(SYSTEM, "当前咨询人数较多,请稍候"), 4, {}),
    "text-html-escaped": (says(AGENT, '5 < 6 && 7 > 6,"对吗"? it\'s fine'), 5, {"escaped": 1}),
    "text-html-escaped-twice": (says(AGENT, "A <b> C & D"), 6, {"escaped": 2}),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_those_of_the_samples(name: str) -> None:
    """Agent, robot, system, hidden names, escaping once and twice."""
    act, number, switches = TEXTS[name]

    assert [sample(name)] == sent_by(act, number, events="none", **switches)


def test_session_events_are_those_of_the_samples() -> None:
    """Created, opened, transfering, transfered, closed; ids apart they are the samples."""

    def act(desk: Desk) -> None:
        desk.transfers(VISITOR, WANG)
        desk.closes(VISITOR)

    names = ["created", "opened", "transfering", "transfered", "closed"]
    expected = [sample(f"event-session-{name}") for name in names]
    found = sent_by(act, 18)

    for message in (*expected, *found):
        message.weichat["msgId"] = "any"
    # The sample of this one is a text without words; the other form is the switch below.
    assert ("cmd", {"action": "ServiceSessionTransferedEvent"}) == (found[3].type, found[3].body)
    assert expected[3].ext == found.pop(3).ext
    del expected[3]
    assert expected == found


def test_events_may_be_empty_texts() -> None:
    """Decide by eventName, never by body type (facts/kefu.md §2.3)."""
    found = sent_by(lambda desk: desk.transfers(VISITOR, WANG), 19, events="txt")

    assert sample("event-session-transfered") == found[-1]


def test_a_robot_opens_as_in_the_sample() -> None:
    """``agentType`` 6 is a robot; ours has a picture in its events as well."""
    found = sent_by(lambda desk: desk.answers(VISITOR, "hi"), 19, takes="robot")
    expected = sample("event-session-opened-by-robot")
    expected.weichat["event"]["eventObj"]["avatar"] = ROBOT.avatar

    assert expected == found[1]


def test_a_session_nobody_took_is_aborted() -> None:
    """It ends with the event for that."""

    def act(desk: Desk) -> None:
        desk.take(ImMessage(VISITOR, "kefu_service", "txt", {"msg": "hi"}))
        desk.closes(VISITOR)

    found = sent_by(act, 23, takes="nobody")

    assert ["ServiceSessionCreatedEvent", "ServiceSessionAbortedEvent"] == [message.body["action"] for message in found]
    assert sample("event-session-aborted") == found[1]


def test_menus_ratings_and_recalls_are_those_of_the_samples() -> None:
    """Their ext is the samples', members and all."""

    def act(desk: Desk) -> None:
        desk.answers(VISITOR, "hi")
        desk.offers(VISITOR, "请选择您要咨询的问题", {"m-1": "查询订单", "m-2": "退换货", "TransferToKf": "转人工"})
        desk.offers(VISITOR, "您想了解什么?", ["价格", "门店", "会员"])
        desk.invites_rating(VISITOR)
        desk.recalls(VISITOR, "00000000-0000-4000-8000-000000000001")

    _, menu, listed, invite, recall = sent_by(act, 9, events="none")

    assert sample("robot-menu").ext == menu.ext
    assert sample("robot-menu-list") == listed
    expected = sample("satisfaction-invite")
    assert expected.body == invite.body
    assert expected.weichat.keys() == invite.weichat.keys()
    degrees = [
        [(degree["id"], degree["level"], degree["name"], degree["score"]) for degree in arguments["evaluationDegree"]]
        for arguments in (expected.weichat["ctrlArgs"], invite.weichat["ctrlArgs"])
    ]
    assert degrees[0] == degrees[1]
    assert sample("recall") == recall


def test_any_sample_can_be_sent() -> None:
    """A sample goes out as the service number to whom it is for."""
    found = sent_by(lambda desk: desk.sends(VISITOR, load("kefu-samples/html-form.json")), 1)

    assert [sample("html-form")] == found


def test_escaping_takes_the_ampersand_first() -> None:
    """So that undoing it in kefu's order gives the text back (facts/kefu.md §2.2)."""
    assert "&lt;&amp;&gt;" == escape("<&>", 1)
    assert "<&>" == escape("<&>", 0)
