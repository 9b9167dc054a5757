"""A message comes back from the disk as it was decided, whatever has been decided since."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
from slackkefu.bridge.slack_to_kefu.routing import Change, route
from slackkefu.bridge.slack_to_kefu.spilled import restore, write
from slackkefu.slack.envelope import EventCallback, parse_event_callback
from slackkefu.slack.installation import Installations
from tests.bridge.people import NORTH, envelope, forward, frame

if TYPE_CHECKING:
    from slackkefu.bridge.slack_to_kefu.routing import Forward

CHANGES: list[dict[str, Any]] = [
    {},
    {"text": "你好 <@U0NORTHBOT> 👋"},
    {"thread_ts": "1760000000.000001"},
    {"channel": "C0SUPPORT1", "channel_type": "channel"},
    {"files": [{"id": "F1", "name": "x.txt"}], "text": ""},
    {"user_team": "T0OTHER001"},
]


def content(**changes: Any) -> bytes:
    """Write a message as it is kept."""
    payload = envelope(**changes).payload
    assert isinstance(payload, EventCallback)
    return write(forward(**changes), payload)


@pytest.mark.parametrize("changes", CHANGES)
def test_it_comes_back(changes: dict[str, Any]) -> None:
    """Who wrote it, where, what and where an answer belongs are as before."""
    expected: Forward = forward(**changes)

    assert expected == restore(content(**changes), Installations([NORTH]))


def changed(**event: Any) -> tuple[Forward, bytes]:
    """Write a correction as it is kept."""
    envelope_ = envelope(None, number=9, user=None, hidden=True, **event)
    decision = route(
        envelope_, installations=Installations([NORTH]), channels="all", listens=lambda _user, _thread, _ts: False
    )
    assert isinstance(decision, Change)
    assert decision.correction is not None
    assert isinstance(envelope_.payload, EventCallback)
    return decision.correction, write(decision.correction, envelope_.payload)


INNER = {"user": "U0MIA00001", "ts": "1760000000.000001", "text": "secret words", "thread_ts": "1760000000.000001"}


def test_an_edit_comes_back() -> None:
    """Of an edit the message as it is now is kept, and not what it was."""
    edited = {**INNER, "text": "new words", "edited": {"user": "U0MIA00001", "ts": "1760000009.000000"}}
    expected, kept = changed(subtype="message_changed", message=edited, previous_message=INNER)

    assert expected == restore(kept, Installations([NORTH]))
    assert b"secret words" not in kept


def test_of_a_deletion_no_words_are_kept() -> None:
    """Whose message was deleted, and where, comes back; what it said is not on disk."""
    expected, kept = changed(subtype="message_deleted", deleted_ts=INNER["ts"], previous_message=INNER)
    found = restore(kept, Installations([NORTH]))

    assert found is not None
    assert (expected.key, expected.visitor, "") == (found.key, found.visitor, found.event.text)
    assert b"secret words" not in kept


def test_an_installation_that_is_gone() -> None:
    """A message goes to the desk without its workspace's token, too; nothing can be called about it."""
    forward = restore(content(), Installations([]))

    assert NORTH.key == forward.installation.key
    assert not forward.installation.bot_token


def test_no_token_is_on_disk() -> None:
    """What is kept holds ids of the installation, never its token, nor the token in Slack's payload."""
    payload = parse_event_callback({**frame()["payload"], "token": "old-verification"})
    assert isinstance(payload, EventCallback)
    kept = write(forward(), payload)

    assert NORTH.bot_token.reveal().encode() not in kept
    assert b"old-verification" not in kept


def test_something_else() -> None:
    """An event that is no message is not ours."""
    kept = json.loads(content())
    kept["payload"]["event"] = {"type": "user_change"}
    with pytest.raises(ValueError, match="no message"):
        restore(json.dumps(kept).encode(), Installations([NORTH]))


@given(st.binary())
def test_any_bytes(raw: bytes) -> None:
    """Bytes that were not written by us are refused, and nothing else happens."""
    with pytest.raises(ValueError):  # noqa: PT011 - whichever reason its reader gives
        restore(raw, Installations([NORTH]))


@pytest.mark.parametrize(
    "deed",
    [
        ForDesk(words="退换货", ext={"msgtype": {"choice": {"menuid": 7}}}, answers="m", is_typed=True),
        ForDesk(action="TransferToKf", ext={"weichat": {"ctrlArgs": {"id": "h-1", "serviceSessionId": None}}}),
    ],
)
def test_what_was_pressed_comes_back(deed: ForDesk) -> None:
    """What the desk gets of a click is kept with it, ids in their own types."""
    expected = replace(forward(), deed=deed)
    payload = envelope().payload
    assert isinstance(payload, EventCallback)

    assert expected == restore(write(expected, payload), Installations([NORTH]))
