"""The rules of one Socket Mode connection."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.slack.envelope import EventCallback, MessageEvent, OtherPayload
from slackkefu.slack.session import (
    DisconnectAnnounced,
    Due,
    EnvelopeReceived,
    Hello,
    Malformed,
    Reaction,
    Session,
    Timing,
    Unknown,
    acknowledge,
)
from tests.facts import load
from tests.slack.samples import NAMES, frame, frames
from tests.slack.test_profile import JSON

T0 = 1000.0


def receive(raw: object, session: Session | None = None) -> object:
    """Give a frame to a fresh session."""
    return (session or Session(T0)).receive(json.dumps(raw), T0)


@pytest.mark.parametrize("name", NAMES)
def test_what_must_be_acknowledged(name: str) -> None:
    """Exactly the frames that the facts say are owed an acknowledgement come out as envelopes."""
    expected = load(f"slack-samples/{name}.json")["expect"]["ack"]
    for raw in frames(name):
        assert expected is isinstance(receive(raw), EnvelopeReceived)


def test_hello() -> None:
    """Sample 01: the counts and times in it are read."""
    assert receive(frame(1)) == Hello(1, 18060.0, "A0SLKFAPP1")


@pytest.mark.parametrize("life", [None, 0, -5, True, "3600", 1e12, {}, [1]])
def test_hello_with_holes(life: object) -> None:
    """A hello is a hello whatever else it says; no sensible time means no planned end."""
    session = Session(T0)

    hello = {"type": "hello", "num_connections": "x", "debug_info": {"approximate_connection_time": life}}
    assert receive(hello, session) == Hello(None, None, "")
    assert receive({"type": "hello", "debug_info": 5}) == Hello(None, None, "")
    assert session.due(T0 + 9, T0 + 9) is None
    assert session.next_deadline(T0 + 9) == T0 + 10


@pytest.mark.parametrize(
    ("reason", "reaction"),
    [
        ("warning", Reaction.KEEP_READING),
        ("refresh_requested", Reaction.REPLACE),
        ("link_disabled", Reaction.SWITCHED_OFF),
        ("too_many_websockets", Reaction.CROWDED),
        ("something_new", Reaction.REPLACE),
    ],
)
def test_disconnect_reasons(reason: str, reaction: Reaction) -> None:
    """The table of facts/slack.md §1; an unknown reason is like refresh_requested."""
    raw = {"type": "disconnect", "reason": reason, "num_connections": 11, "debug_info": {"host": "h"}}

    assert receive(raw) == DisconnectAnnounced(reason, reaction, 11)


def test_disconnect_without_a_reason() -> None:
    """A reason that is missing or no text is an unknown one."""
    assert receive({"type": "disconnect"}) == DisconnectAnnounced("", Reaction.REPLACE, None)
    assert receive({"type": "disconnect", "reason": 5}) == DisconnectAnnounced("", Reaction.REPLACE, None)


@pytest.mark.parametrize("kind", ["workflow", None, 17])
def test_trap_5_unknown_kinds_with_an_envelope_id_are_envelopes(kind: object) -> None:
    """What is not understood is acknowledged all the same."""
    received = receive({"type": kind, "envelope_id": "e1", "payload": [1]})

    assert isinstance(received, EnvelopeReceived)
    assert (received.envelope.envelope_id, received.envelope.payload) == ("e1", OtherPayload([1]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Malformed("frame: not JSON (JSONDecodeError)")),
        ("{", Malformed("frame: not JSON (JSONDecodeError)")),
        ('{"type": NaN}', Malformed("frame: not JSON (DecodeError)")),
        ("[" * 100_000, Malformed("frame: not JSON (RecursionError)")),
        ("[1]", Malformed("frame: not an object")),
        ("null", Malformed("frame: not an object")),
        ("{}", Malformed("frame: no type")),
        ('{"type": "events_api", "envelope_id": 7}', Malformed("frame: no usable envelope_id")),
        ('{"type": "events_api", "envelope_id": ""}', Malformed("frame: no usable envelope_id")),
        ('{"type": "news"}', Unknown("news")),
        (b"{}", Malformed("frame: binary")),
    ],
)
def test_frames_that_are_no_envelopes(text: str | bytes, expected: object) -> None:
    """Anything else has a typed name and no content."""
    assert Session(T0).receive(text, T0) == expected


def test_half_an_emoji_does_not_cost_the_envelope() -> None:
    """A text cut inside a surrogate pair is mended, so the frame can be acknowledged and its text encoded."""
    raw: dict[str, Any] = frame(2)
    text = json.dumps(raw).replace(json.dumps(raw["payload"]["event"]["text"]), r'"cut \ud83d"')
    received = Session(T0).receive(text, T0)

    assert isinstance(received, EnvelopeReceived)
    assert isinstance(received.envelope.payload, EventCallback)
    assert isinstance(received.envelope.payload.event, MessageEvent)
    assert received.envelope.payload.event.text == "cut ?"


@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_any_frame_gives_an_event(text: str | bytes) -> None:
    """No frame makes the session fail."""
    Session(T0).receive(text, T0)


def test_acknowledgements() -> None:
    """The id, and a payload only where one is given."""
    assert json.loads(acknowledge("e-1")) == {"envelope_id": "e-1"}
    assert json.loads(acknowledge("e-1", {"text": "好"})) == {"envelope_id": "e-1", "payload": {"text": "好"}}
    assert json.loads(acknowledge("e-1", {})) == {"envelope_id": "e-1", "payload": {}}


# Time.


def greeted(life_s: float | None = None, jitter: float = 0.0) -> Session:
    """Make a session that got its hello at T0."""
    session = Session(T0, jitter=jitter, timing=Timing())
    receive({"type": "hello", "debug_info": {"approximate_connection_time": life_s}}, session)
    return session


def test_a_hello_must_come_within_ten_seconds() -> None:
    """Until hello nothing may be assumed, and a connection without one is given up."""
    session = Session(T0)

    assert session.next_deadline(T0) == T0 + 10
    assert session.due(T0 + 9.9, T0 + 9) is None
    assert session.due(T0 + 10, T0 + 9) is Due.NO_HELLO


def test_trap_10_pings_every_ten_seconds() -> None:
    """Pings go out at their interval, whether or not something is heard."""
    session = greeted()

    assert session.next_deadline(T0) == T0 + 10
    assert session.due(T0 + 10, T0 + 10) is Due.PING
    assert session.due(T0 + 10, T0 + 10) is None
    assert session.next_deadline(T0 + 10) == T0 + 20


def test_trap_10_thirty_seconds_of_silence_are_death() -> None:
    """Nothing heard for 30 s ends a connection; any byte puts that off."""
    session = greeted()

    assert session.due(T0 + 29, T0) is Due.PING
    assert session.next_deadline(T0) == T0 + 30
    assert session.due(T0 + 30, T0) is Due.DEAF
    assert session.due(T0 + 30, T0 + 1) is None
    assert session.next_deadline(T0 + 1) == T0 + 31


@pytest.mark.parametrize(("jitter", "at"), [(0.0, 16254), (0.5, 15351)])
def test_the_announced_end_is_not_waited_for(jitter: float, at: float) -> None:
    """The change-over is due once, between 80 and 90 % of the announced life."""
    session = greeted(18060, jitter)
    now = T0 + at

    assert session.due(now - 1, now - 1) is Due.PING
    assert session.due(now - 1, now - 1) is None
    assert session.due(now + 0.001, now) is Due.REFRESH
    assert session.due(now + 0.001, now) is None


def test_an_announced_disconnect_needs_no_refresh() -> None:
    """Once Slack has said that it ends, the planned change-over is off."""
    session = greeted(100)
    receive({"type": "disconnect", "reason": "warning"}, session)

    assert session.due(T0 + 99, T0 + 99) is Due.PING
    assert session.due(T0 + 99, T0 + 99) is None


def test_a_second_hello_changes_nothing() -> None:
    """Only the first hello plans the end."""
    session = greeted(100)
    receive({"type": "hello", "debug_info": {"approximate_connection_time": 1000}}, session)

    assert session.due(T0 + 91, T0 + 91) is Due.REFRESH
