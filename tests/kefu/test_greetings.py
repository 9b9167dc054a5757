"""Greetings are read in all their forms, however often they are escaped; what has no known form is passed over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.easemob.message import IncomingMessage, MediaBody
from slackkefu.easemob.names import im_user
from slackkefu.kefu.greetings import company_greeting, robot_greetings
from slackkefu.kefu.im_json import read_entity, read_received
from slackkefu.kefu.incoming import read
from slackkefu.kefu.messages import Menu
from tests.kefu.samples import SERVICE_NUMBER, VISITOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slackkefu.kefu.messages import KefuMessage
    from slackkefu.kefu.second_channel import Received

MIA = im_user(VISITOR)
CHOICE = {"title": "您好", "items": [{"id": "m-1", "name": "查询订单"}]}


def company(raw: bytes) -> tuple[Received, ...]:
    """Read what the company says."""
    return company_greeting(raw, visitor=MIA, sender=SERVICE_NUMBER)


def robot(answer: Any) -> tuple[Received, ...]:
    """Read what the robot says."""
    return robot_greetings(answer, visitor=MIA, sender=SERVICE_NUMBER)


def understood(received: Sequence[Received]) -> list[KefuMessage]:
    """Read messages as those of the desk are read; what is on disk is the same."""
    for each in received:
        assert each.message == read_entity(read_received(each.content), visitor=MIA)
    return [read(each.message, service_number=SERVICE_NUMBER) for each in received]


@pytest.mark.parametrize(
    ("expected", "raw"),
    [
        ("您好", "您好".encode()),
        ("您好", '"您好"'.encode()),
        ("您好", '{"status": "OK", "entity": "您好"}'.encode()),
        ("a & b <c>", b"a &amp;amp;amp; b &lt;c&gt;"),
        ("{hello}", b"{hello}"),
    ],
)
def test_the_company(expected: str, raw: bytes) -> None:
    """A bare text, or one in JSON; the system says it, in no service session."""
    (message,) = understood(company(raw))

    assert (expected, "system", None) == (message.plain, message.by.kind, message.service_session_id)
    assert f"greeting-company-{VISITOR}" == message.msg_id


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" \n",
        b"null",
        b"17",
        b"[]",
        b'{"status": "FAIL"}',
        b'{"status": "OK"}',
        b'{"status": "OK", "entity": 3}',
        b"<!DOCTYPE html><title>Bad Gateway</title>",
        b"  <html>",
        b"x" * 5001,
    ],
)
def test_what_is_no_greeting(raw: bytes) -> None:
    """Nothing, an error, and what a gateway says are passed over."""
    assert () == company(raw)


@pytest.mark.parametrize("times", range(3))
def test_the_robot(times: int) -> None:
    """Text, menu, picture and articles, one or several, each as a message of the robot's."""

    def escaped(value: object) -> str:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for _ in range(times):
            text = text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
        return text

    forms = [
        {"greetingTextType": 0, "greetingText": escaped("a < b")},
        {"greetingTextType": "1", "greetingText": escaped({"ext": {"msgtype": {"choice": CHOICE}}})},
        {"greetingTextType": 2, "greetingText": escaped({"urlPath": "/v1/Tenant/1001/MediaFiles/a.png"})},
        {
            "greetingTextType": 4,
            "greetingText": escaped({"news": {"articles": [{"title": "新品", "url": "https://a.example"}]}}),
        },
    ]
    received = robot({"greetingTextType": 5, "greetingText": escaped(forms)})
    text, menu, picture, articles = understood(received)

    assert ("a < b", "robot") == (text.plain, text.by.kind)
    assert isinstance(menu, Menu)
    assert "查询订单" in menu.plain
    assert isinstance(received[2].message, IncomingMessage)
    assert isinstance(received[2].message.body, MediaBody)
    assert "media" == picture.kind or picture.plain
    assert "新品" in articles.plain
    assert 4 == len({message.msg_id for message in (text, menu, picture, articles)})


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"greetingTextType": 0, "greetingText": " "},
        {"greetingTextType": 3, "greetingText": "hi"},
        {"greetingTextType": 1, "greetingText": "hi"},
        {"greetingTextType": 1, "greetingText": '{"ext": {"msgtype": {"choice": []}}}'},
        {"greetingTextType": 2, "greetingText": {"urlPath": None}},
        {"greetingTextType": 4, "greetingText": '{"news": {"articles": {}}}'},
        {"greetingTextType": 5, "greetingText": "{}"},
        {"greetingTextType": 5, "greetingText": [{"greetingTextType": 5, "greetingText": [{"greetingTextType": 0}]}]},
    ],
)
def test_what_the_robot_does_not_say(answer: Any) -> None:
    """Forms that nobody knows, and empty ones, are passed over."""
    assert () == robot(answer)


def test_so_many_parts() -> None:
    """A robot greets with so much and no more."""
    assert 10 == len(
        robot({"greetingTextType": 5, "greetingText": [{"greetingTextType": 0, "greetingText": "hi"}] * 99})
    )


_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 6) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("greetingTextType", "greetingText", "ext", "msgtype", "choice", "urlPath", "news")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(_VALUE)
def test_any_greeting(answer: Any) -> None:
    """Whatever comes is messages that can be read, or none."""
    understood(robot(answer))


@given(st.binary(max_size=40))
def test_any_text(raw: bytes) -> None:
    """Whatever comes is at most one message, and never an empty one."""
    assert all(message.plain.strip() for message in understood(company(raw)))
