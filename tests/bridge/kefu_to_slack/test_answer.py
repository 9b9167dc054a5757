"""A message of kefu's is known by an id, and can be kept for a person, whatever is in it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from slackkefu.bridge.kefu_to_slack.answer import Answer
from slackkefu.easemob.message import CommandBody, IncomingMessage, LocationBody, MediaBody, TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.kefu import incoming
from slackkefu.secret import Secret

SERVICE = ImUser("kefu_service")


def meta(words: str = "hi", *, meta_id: int = 7, msg_id: str | None = "m-1", **weichat: Any) -> IncomingMessage:
    """Make a message of kefu's."""
    ext = {"weichat": {"msgId": msg_id, **weichat}}
    return IncomingMessage(meta_id, SERVICE, "t1_u1_d1", 1_760_000_000_000, TextBody(words), ext)


def answer(given: IncomingMessage) -> Answer:
    """Open a message."""
    return Answer(given, service_number=SERVICE)


@pytest.mark.parametrize(
    ("identity", "given"),
    [("m-1", meta()), ("m-1", meta(meta_id=0)), ("7", meta(msg_id=None))],
)
def test_what_it_is(identity: str, given: IncomingMessage) -> None:
    """Kefu's id, else the Meta.id."""
    assert identity == answer(given).identity
    assert f"<Answer {identity}>" == repr(answer(given))


def test_what_has_no_id() -> None:
    """It is what it says, and when."""
    given = meta(meta_id=0, msg_id=None)
    changed = (meta("another", meta_id=0, msg_id=None), replace(given, timestamp_ms=1))

    assert answer(given).identity == answer(given).identity
    assert 3 == len({answer(each).identity for each in (given, *changed)})


def test_recalls() -> None:
    """A recall is one, in whichever form it comes, and is not the message that it takes back."""
    command = replace(
        meta(msg_id=None, recall_msg_id="m-1"), body=CommandBody("KEFU_MESSAGE_RECALL"), meta_id=8, timestamp_ms=1
    )
    flagged = meta(recall_flag=1)

    assert [("m-1", "recall/m-1")] * 2 == [(answer(each).recalls, answer(each).identity) for each in (command, flagged)]
    assert ["", ""] == [answer(each).recalls for each in (meta(), meta(msg_id=None, recall_flag=1))]


def test_what_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has an identity still, and says what is wrong when it is read again, or what it means."""
    with monkeypatch.context() as patched:
        patched.setattr(incoming, "read", lambda *_, **__: 1 // 0)
        opened = answer(meta())

        assert ("7", None) == (opened.identity, opened.message)
        with pytest.raises(ZeroDivisionError):
            opened.read()

    assert "text" == opened.read().kind


@pytest.mark.parametrize(
    "body",
    [
        TextBody("hi"),
        MediaBody("file", "https://example", secret=Secret("sekrit"), filename="a.pdf"),
        LocationBody(1.0, 2.0),
    ],
)
def test_what_is_kept(body: Any) -> None:
    """Ids, kind, words and ext, and never what opens a file."""
    kept = json.loads(answer(replace(meta(), body=body)).content())

    assert (7, "m-1", type(body).__name__) == (kept["meta_id"], kept["msg_id"], kept["kind"])
    assert {"msgId": "m-1"} == kept["ext"]["weichat"]
    assert "sekrit" not in str(kept)


@pytest.mark.parametrize("poison", [float("nan"), {1, 2}, Secret("sekrit")])
def test_what_cannot_be_kept(poison: Any) -> None:
    """An ext that cannot be written is left out: it may be what makes us fail."""
    kept = json.loads(answer(meta(poison=poison)).content())

    assert ("hi", None) == (kept["text"], kept.get("ext"))
