"""What a customer is told of a service session follows from events and from who speaks, in whatever order they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.kefu_to_slack.stages import CLOSED, Stage, over, queued, spoken, words
from slackkefu.kefu import incoming as reading
from slackkefu.kefu.messages import Event, EventName, KefuMessage, Rating, Text
from slackkefu.kefu.speaker import NOBODY, Speaker
from slackkefu.kefu.text import Plain
from slackkefu.store.visitors import SessionStatus
from tests.kefu.samples import EXPECT, SERVICE_NUMBER, incoming

if TYPE_CHECKING:
    from collections.abc import Sequence

SESSION = "s-1"
LIN = Speaker("agent", "a-1", "小林")
WANG = Speaker("agent", "a-2", "小王")
BOT = Speaker("robot", "r-1", "小环")
SYSTEM = Speaker("system", name="调度员")


def event(name: EventName, by: Speaker = NOBODY) -> Event:
    """Let something happen to the session."""
    return Event(name, by=by, service_session_id=SESSION)


def says(by: Speaker) -> Text:
    """Let somebody speak in it."""
    return Text((Plain("hi"),), by=by, service_session_id=SESSION)


def told(*messages: KefuMessage) -> str:
    """Return what is shown after *messages*; empty for nothing."""
    status: SessionStatus | None = None
    for message in messages:
        status = spoken(status, message, SESSION)
    return "" if status is None else words(status, locale="en-US")


WAITING = "Waiting for customer service to take your conversation."
WITH_LIN = "小林 is with you now."
WITH_BOT = "小环 · 机器人 Bot is with you now."
TRANSFERRING = "You are being transferred, please wait."
ENDED = "This conversation has ended."


@pytest.mark.parametrize(
    ("expected", "messages"),
    [
        ("", []),
        (WAITING, [event("created")]),
        ("Nobody is free yet; your conversation is still waiting.", [event("created"), event("wait_timeout")]),
        (WITH_LIN, [event("created"), event("opened", LIN)]),
        (WITH_BOT, [event("opened", BOT)]),
        ("Customer service has taken your conversation.", [event("opened")]),
        (TRANSFERRING, [event("opened", BOT), event("transfering")]),
        ("You have been transferred to 小王.", [event("opened", LIN), event("transfered", WANG)]),
        ("You have been transferred.", [event("opened", LIN), event("transfered")]),
        (ENDED, [event("opened", LIN), event("closed")]),
        # Events are missing: who speaks has taken it.
        (WITH_LIN, [says(LIN)]),
        (WITH_BOT, [says(BOT)]),
        (WITH_LIN, [says(BOT), says(LIN)]),
        (WITH_LIN, [event("created"), says(LIN)]),
        (WITH_LIN, [event("opened", BOT), says(LIN)]),
        (WITH_LIN, [event("opened"), says(LIN)]),
        (WITH_LIN, [event("opened", BOT), event("transfering"), says(LIN)]),
        ("", [says(SYSTEM)]),
        ("", [says(NOBODY)]),
        # Who does not take it.
        (WITH_LIN, [says(LIN), says(BOT)]),
        (WITH_LIN, [says(LIN), says(WANG)]),
        (WITH_LIN, [says(LIN), says(SYSTEM), says(NOBODY)]),
        (TRANSFERRING, [says(BOT), event("transfering"), says(BOT)]),
        ("", [Rating(1, SESSION, (), by=LIN, service_session_id=SESSION)]),
        # Late, and over.
        (WITH_LIN, [event("opened", LIN), event("created")]),
        (ENDED, [event("closed"), event("opened", LIN), says(LIN), event("created")]),
    ],
)
def test_what_is_told(expected: str, messages: Sequence[KefuMessage]) -> None:
    """Each stage has its sentence; who is not named is not made up."""
    assert expected == told(*messages)


def test_the_samples() -> None:
    """Every sample that is an event of a session is a stage."""
    shown = {
        name: told(reading.read(incoming(name), service_number=SERVICE_NUMBER))
        for name, expected in EXPECT.items()
        if expected["kind"] == "event"
    }

    assert {
        "event-session-created": WAITING,
        "event-session-opened": WITH_LIN,
        "event-session-opened-by-robot": "智能助手 · 机器人 Bot is with you now.",
        "event-session-transfering": TRANSFERRING,
        "event-session-transfered": "You have been transferred to 老王.",
        "event-session-closed": ENDED,
        "event-session-aborted": ENDED,
    } == shown


def test_nothing_new() -> None:
    """What says nothing new leaves the very same status, so that nothing is edited."""
    status = spoken(None, event("opened", LIN), SESSION)

    assert status is spoken(status, event("opened", LIN), SESSION)
    assert status is spoken(status, says(LIN), SESSION)


def test_what_is_shown_is_not_shown_any_more() -> None:
    """A new stage has to be shown, and keeps its place."""
    before = SessionStatus(session=SESSION, stage="opened", name="小林", channel="D1", ts="1.1", is_shown=True)
    after = spoken(before, event("transfering"), SESSION)

    assert SessionStatus(session=SESSION, stage="transferring", channel="D1", ts="1.1") == after
    assert (CLOSED, "", "1.1", False) == ((ended := over(before)).stage, ended.name, ended.ts, ended.is_shown)
    assert over(ended) is ended


def test_a_later_version_wrote_it() -> None:
    """A stage that is not known is no fault."""
    assert words(SessionStatus(session=SESSION, stage="levitating"), locale="en-US")


SPEAKERS = st.sampled_from([LIN, WANG, BOT, SYSTEM, NOBODY])
MESSAGES = st.builds(event, st.sampled_from(get_args(EventName)), SPEAKERS) | st.builds(says, SPEAKERS)


@given(st.lists(MESSAGES, max_size=12), st.sampled_from(["", "zh-CN", "en-US"]))
def test_any_order(messages: list[KefuMessage], locale: str) -> None:
    """Whatever comes, the end is the end, each stage is known, and nobody is named who is not there."""
    status: SessionStatus | None = None
    for message in messages:
        was, status = status, spoken(status, message, SESSION)
        if was is not None and was.stage == CLOSED:
            assert status is was
        if status is not None:
            assert status.stage in get_args(Stage)
            assert words(status, locale=locale)
            assert status.name == "" or status.stage in ("opened", "transferred")
            assert "调度员" != status.name


@pytest.mark.parametrize("event_name", ["created", "wait_timeout", "transfering"])
def test_how_many_wait(event_name: EventName) -> None:
    """It is said while a human is awaited, and no more when one is there or the session is over."""
    waiting = spoken(None, event(event_name), SESSION)
    assert waiting is not None
    told_so = queued(waiting, 3)
    taken = spoken(told_so, event("opened", LIN), SESSION)
    assert taken is not None

    assert f"{words(waiting, locale='en-US')}\nWaiting in line: 3" == words(told_so, locale="en-US")
    assert (False, told_so) == (told_so.is_shown, queued(told_so, 3))
    assert (WITH_LIN, ENDED) == (words(taken, locale="en-US"), words(over(told_so), locale="en-US"))
    assert queued(taken, 3) is taken
