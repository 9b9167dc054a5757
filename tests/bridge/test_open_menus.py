"""What was offered can be answered by typing while that is clear, and everything once and in time."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.book import closed, opened
from slackkefu.bridge.kefu_to_slack.forms.offered import Offered
from slackkefu.bridge.kefu_to_slack.forms.shaping import Source
from slackkefu.bridge.open_menus import (
    MOST_ANSWERED,
    RATING_S,
    answered,
    is_answered,
    is_over,
    offered,
    rating_is_over,
    typed,
)
from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
from slackkefu.easemob.names import ImUser
from slackkefu.kefu.messages import Choice, Event, KefuMessage, Menu, Rating, Text
from slackkefu.kefu.offers import RelatedQuestion, RelatedQuestions
from slackkefu.kefu.text import Plain
from slackkefu.slack.ids import Ts
from slackkefu.store.visitors import VisitorRecord

USER = ImUser("t0north001_u0mia00001_d0mia00001")
BEGUN = VisitorRecord(im_user=USER, team="T0NORTH001", user="U0MIA00001", channel="D0MIA00001", open_session="s-1")
TS = Ts("1760000000.000001")
MENU = Menu("Choose", (Choice("Orders", "m-1"), Choice("Refunds", "m-2"), Choice("Orders", "m-3")), None)


def given_menu(record: VisitorRecord, message: KefuMessage, session: str | None = "s-1") -> VisitorRecord:
    """Return the record after the desk has said something."""
    return offered(record, message, Source(USER, "m-1", session, 1_760_000_000.0))


def menuid(deed: ForDesk | None) -> object:
    """Return the id that an answer carries."""
    msgtype = deed.ext.get("msgtype") if deed is not None else None
    choice = msgtype.get("choice") if isinstance(msgtype, dict) else None
    return choice.get("menuid") if isinstance(choice, dict) else None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("2", "m-2"),
        (" ２。", "m-2"),
        ("3)", "m-3"),
        ("refunds", "m-2"),
        (" Refunds ", "m-2"),
        ("Orders", None),
        ("4", None),
        ("0", None),
        ("2 please", None),
        ("2.5", None),
        ("", None),
    ],
)
def test_what_is_typed(words: str, expected: str | None) -> None:
    """A number or a whole label is a choice, in any width and case; a label that stands twice is none."""
    assert expected == menuid(typed(given_menu(BEGUN, MENU), words, ts=TS))


def test_a_label_that_looks_like_another_number() -> None:
    """A number that is also the label of another entry is not clear, so it is only words."""
    menu = Menu("How many?", (Choice("2", "two"), Choice("1", "one")), None)

    assert typed(given_menu(BEGUN, menu), "2", ts=TS) is None


def test_questions_can_be_typed() -> None:
    """Questions below an answer are typed like a menu."""
    questions = RelatedQuestions((RelatedQuestion("Who pays?", "r", "a", "q"),))
    deed = typed(given_menu(BEGUN, Text((Plain("Sure."),), offers=(questions,))), "1", ts=TS)

    assert deed is not None
    assert "Who pays?" == deed.words


@pytest.mark.parametrize("message", [Text((Plain("How many?"),)), Rating(1, "s-1", ())])
def test_a_number_is_for_the_last_words(message: KefuMessage) -> None:
    """After other words of the desk's a number is no choice any more; a label still is."""
    record = given_menu(given_menu(BEGUN, MENU), message)

    assert typed(record, "2", ts=TS) is None
    assert "m-2" == menuid(typed(record, "Refunds", ts=TS))


def test_an_event_is_no_word() -> None:
    """What happened to the session leaves the menu the last word."""
    assert "m-2" == menuid(typed(given_menu(given_menu(BEGUN, MENU), Event("transfering")), "2", ts=TS))


def test_once() -> None:
    """What has been answered takes no other answer, and the same one again is the same one."""
    record = given_menu(BEGUN, MENU)
    deed = typed(record, "2", ts=TS)
    record = answered(record, deed, TS)

    assert typed(record, "1", ts=Ts("1760000000.000002")) is None
    assert menuid(deed) == menuid(typed(record, "2", ts=TS))
    assert record == answered(record, deed, Ts("1760000000.000002"))


def test_what_was_answered_is_bounded() -> None:
    """Only the latest answers are remembered."""
    record = BEGUN
    for number in range(MOST_ANSWERED + 5):
        record = answered(record, ForDesk(answers=f"mark-{number}"), TS)

    assert MOST_ANSWERED == len(record.answered)
    assert is_answered(record, f"mark-{MOST_ANSWERED + 4}")
    assert not is_answered(record, "")


def test_a_menu_too_large_to_be_kept() -> None:
    """A menu that would make the record large is answered by its buttons alone, and takes the place of the last."""
    huge = Menu("t", tuple(Choice("x" * 900, number) for number in range(100)), None)

    assert given_menu(given_menu(BEGUN, MENU), huge).menu is None


@pytest.mark.parametrize(
    ("record", "session", "expected"),
    [
        (BEGUN, "s-1", False),
        (BEGUN, "s-0", True),
        (BEGUN, None, False),
        (closed(BEGUN, "s-1", at=5.0), "s-1", True),
        (closed(BEGUN, "s-1", at=5.0), "s-0", False),
        (opened(closed(BEGUN, "s-1", at=5.0), "s-2", now=6.0), "s-1", True),
        (None, "s-1", False),
    ],
)
def test_what_is_over(record: VisitorRecord | None, session: str | None, expected: bool) -> None:
    """What was offered ends with its session; where nobody knows how that stands it is taken to live."""
    named = Offered.of(USER, identity="m-1", kind="menu", session_id=session, at=1.0)

    assert expected == is_over(record, named)


@pytest.mark.parametrize(
    ("record", "now", "expected"),
    [
        (BEGUN, 1e9, False),
        (closed(BEGUN, "s-1", at=1000.0), 1000.0 + RATING_S - 1, False),
        (closed(BEGUN, "s-1", at=1000.0), 1000.0 + RATING_S, True),
        (closed(closed(BEGUN, "s-1", at=1000.0), "s-1", at=9e9), 1000.0 + RATING_S, True),
        (None, 10.0 + RATING_S - 1, False),
        (None, 10.0 + RATING_S, True),
    ],
)
def test_how_long_can_be_rated(record: VisitorRecord | None, now: float, expected: bool) -> None:
    """An open session can be rated; a closed one for eight hours; one of an unknown end since it was asked."""
    named = Offered.of(USER, identity="m-1", kind="rating", session_id="s-1", at=10.0)

    assert expected == rating_is_over(record, named, "s-1", now=now)


labels = st.lists(st.text(max_size=30) | st.integers(0, 12).map(str), min_size=1, max_size=12)


@given(labels=labels, words=st.text(max_size=30) | st.integers(0, 15).map(str))
def test_any_words_at_any_menu(labels: list[str], words: str) -> None:
    """Whatever is typed at whatever menu: an answer is one of its entries, and survives being written down."""
    menu = Menu("t", tuple(Choice(label, number) for number, label in enumerate(labels)), None)
    record = msgspec.json.decode(msgspec.json.encode(given_menu(BEGUN, menu)), type=VisitorRecord)
    deed = typed(record, words, ts=TS)

    if deed is not None:
        assert deed.words in labels
        assert deed.is_typed
