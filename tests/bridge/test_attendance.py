"""Who serves a visitor is who spoke last, until the service session ends or moves."""

from __future__ import annotations

import pytest

from slackkefu.bridge import attendance
from slackkefu.bridge.attendance import Attendance
from slackkefu.easemob.names import ImUser
from slackkefu.kefu.messages import Event, Text
from slackkefu.kefu.speaker import Speaker
from slackkefu.kefu.text import Plain
from tests.bridge.people import MIA

ANN = Speaker("agent", name="Ann")
MIA_USER = ImUser(MIA)


def said(by: Speaker) -> Text:
    """Make a text."""
    return Text((Plain("hi"),), by=by)


def test_who_spoke_last() -> None:
    """A robot gives way to the agent; what the system says changes nothing."""
    serving = Attendance()
    for message in (said(Speaker("robot", name="Bot")), Event("opened", by=ANN), said(Speaker("system", name="x"))):
        serving.note(MIA_USER, message)

    assert ANN == serving.of(MIA_USER)


@pytest.mark.parametrize("name", ["closed", "transfering", "created"])
def test_nobody_serves(name: str) -> None:
    """After the end, and on the way to somebody else, nobody does."""
    serving = Attendance()
    serving.note(MIA_USER, said(ANN))
    serving.note(MIA_USER, Event(name, by=ANN))  # type: ignore[arg-type]  # one of the names

    assert serving.of(MIA_USER) is None


def test_who_was_heard_of_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded."""
    monkeypatch.setattr(attendance, "MOST", 2)
    serving = Attendance()
    for name in ("a", "b", "a", "c"):
        serving.note(ImUser(name), said(ANN))

    assert [ANN, None, ANN] == [serving.of(ImUser(name)) for name in ("a", "b", "c")]


def test_changes_are_told() -> None:
    """Once each: what the same agent says changes nothing."""
    told: list[str] = []
    serving = Attendance(on_change=told.append)
    for message in (said(ANN), said(ANN), Event("closed"), Event("closed")):
        serving.note(MIA_USER, message)

    assert [MIA, MIA] == told
