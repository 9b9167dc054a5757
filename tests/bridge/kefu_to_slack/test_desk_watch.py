"""Who is asked about, and what of the answers is new: plain rules, without a clock."""

from __future__ import annotations

import pytest

from slackkefu.bridge.kefu_to_slack import desk_watch as module
from slackkefu.bridge.kefu_to_slack.desk_watch import AT_MOST, DeskWatch, Kind, Pause, Question
from slackkefu.easemob.names import ImUser
from slackkefu.kefu.desk_state import Typing, Waiting
from slackkefu.kefu.messages import Event, EventName, Text
from slackkefu.kefu.speaker import NOBODY, Speaker
from slackkefu.kefu.text import Plain
from slackkefu.store.visitors import SessionStatus

LIN = Speaker("agent", "a-1", "小林")
BOT = Speaker("robot", "r-1", "小环")
MIA, LEO = ImUser("mia"), ImUser("leo")


def event(name: EventName, by: Speaker = NOBODY, session: str | None = "s-1") -> Event:
    """Let something happen to a session."""
    return Event(name, by=by, service_session_id=session)


def says(by: Speaker, session: str | None = "s-1") -> Text:
    """Let somebody speak in it."""
    return Text((Plain("hi"),), by=by, service_session_id=session)


def served() -> tuple[DeskWatch, Question]:
    """Make a watch with Mia, whom an agent serves, and the question about her."""
    watch = DeskWatch()
    watch.heard(MIA, event("opened", LIN))
    (question,) = watch.questions(now=0)
    return watch, question


def waits() -> tuple[DeskWatch, Question]:
    """Make a watch with Mia, who waits, and the question about her."""
    watch = DeskWatch()
    watch.heard(MIA, event("created"))
    (question,) = watch.questions(now=0)
    return watch, question


@pytest.mark.parametrize(
    ("expected", "messages"),
    [
        (None, []),
        (Kind.QUEUE, [event("created")]),
        (Kind.QUEUE, [event("created"), event("wait_timeout")]),
        (Kind.TYPING, [event("created"), event("opened", LIN)]),
        (Kind.TYPING, [says(LIN)]),
        (Kind.TYPING, [event("created"), says(LIN)]),
        (None, [says(BOT)]),
        (None, [event("created"), event("opened", BOT)]),
        (Kind.QUEUE, [says(BOT), event("transfering", session=None)]),
        (Kind.TYPING, [says(BOT), event("transfering"), event("transfered", LIN)]),
        (None, [says(LIN), event("closed")]),
        # A new session is another matter.
        (Kind.QUEUE, [says(LIN), event("created", session="s-2")]),
        (None, [says(BOT, session=None)]),
    ],
)
def test_what_is_asked(expected: Kind | None, messages: list[Event | Text]) -> None:
    """The queue while a human is awaited, writing while a human serves, and else nothing."""
    watch = DeskWatch()
    for message in messages:
        watch.heard(MIA, message)

    assert ([] if expected is None else [expected]) == [question.kind for question in watch.questions(now=0)]
    assert (expected is Kind.TYPING) == watch.is_served(MIA)


def test_those_who_were_heard_of_last() -> None:
    """So many at most, the latest first; a word, or something written, brings somebody back."""
    watch = DeskWatch()
    people = [ImUser(f"p{number}") for number in range(AT_MOST + 2)]
    for user in people:
        watch.heard(user, event("created", session=user))
    first = [question.user for question in watch.questions(now=0)]
    watch.wrote(people[0])
    watch.wrote(ImUser("a stranger"))
    watch.heard(people[1], event("opened", LIN, session=people[1]))

    assert people[:1:-1] == first
    assert [people[1], people[0], *people[:3:-1]] == [question.user for question in watch.questions(now=0)]

    watch.closed(people[1])
    assert people[0] == watch.questions(now=0)[0].user


def test_what_is_not_asked_takes_nobodys_place() -> None:
    """Somebody else is asked about instead."""
    watch = DeskWatch()
    people = [ImUser(f"p{number}") for number in range(AT_MOST + 2)]
    for user in people:
        watch.heard(user, event("created", session=user))
    asked = watch.questions(now=0, is_asked=lambda question: question.user not in people[-2:])

    assert people[-3::-1] == [question.user for question in asked]


def test_no_more_than_so_many_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more, the one that was quiet for longest is forgotten."""
    monkeypatch.setattr(module, "KNOWN", 2)
    watch = DeskWatch()
    for user in ("a", "b", "c"):
        watch.heard(ImUser(user), event("created", session=user))

    assert (2, ["c", "b"]) == (len(watch), [question.user for question in watch.questions(now=0)])


def test_writing_is_shown_and_taken_back() -> None:
    """From the second sign on, anew each minute while there are newer ones, and taken back when there are none."""
    watch, question = served()
    seen = []
    for at in range(0, 130, 5):
        shows = watch.typed(question, Typing(1000 + at, is_typing=True), now=at)
        if shows is not None:
            seen.append((at, shows))
            watch.shown(question, is_typing=shows, now=at)
    for at in range(130, 150, 5):
        shows = watch.typed(question, Typing(1125, is_typing=True), now=at)
        if shows is not None:
            seen.append((at, shows))
            watch.shown(question, is_typing=shows, now=at)

    assert [(5, True), (65, True), (125, True), (135, False)] == seen


def test_a_stop_is_news() -> None:
    """A newer sign that says that nobody writes takes it back at once; an older one says nothing."""
    watch, question = served()
    watch.typed(question, Typing(1, is_typing=True), now=0)
    shown = watch.typed(question, Typing(2, is_typing=True), now=5)
    watch.shown(question, is_typing=True, now=5)

    assert (True, None) == (shown, watch.typed(question, Typing(1, is_typing=False), now=6))
    assert watch.typed(question, Typing(3, is_typing=False), now=7) is False


def test_an_answer_takes_the_line_away() -> None:
    """What an agent has written ends what Slack shows; then the next sign is shown again."""
    watch, question = served()
    watch.typed(question, Typing(1, is_typing=True), now=0)
    watch.typed(question, Typing(2, is_typing=True), now=5)
    watch.shown(question, is_typing=True, now=5)
    watch.heard(MIA, says(LIN))

    assert watch.typed(question, Typing(2, is_typing=True), now=20) is None
    assert watch.typed(question, Typing(3, is_typing=True), now=25) is True


def test_what_slack_did_not_take_is_tried_again() -> None:
    """Only what was shown counts as shown."""
    watch, question = served()
    watch.typed(question, Typing(1, is_typing=True), now=0)

    assert [True, True] == [watch.typed(question, Typing(2 + at, is_typing=True), now=at) for at in (5, 10)]


def test_the_queue() -> None:
    """A number is shown when it is new, by the desk's clock and to us, and not too often."""
    watch, question = waits()
    seen = []
    for at, stamp, count in ((0, 9, 3), (5, 10, 3), (20, 8, 2), (21, 11, 2), (22, 12, 1), (40, 13, 0)):
        shown = watch.queued(question, Waiting(stamp, count), now=at)
        if shown is not None:
            seen.append((at, shown))
            watch.told(question, shown, now=at)

    assert [(0, 3), (21, 2), (40, 0)] == seen


def test_a_number_that_was_not_shown() -> None:
    """It is shown when it can be."""
    watch, question = waits()

    assert [3, 3] == [watch.queued(question, Waiting(stamp, 3), now=stamp) for stamp in (1, 2)]


def test_answers_that_come_too_late() -> None:
    """What was asked about another time says nothing any more."""
    watch, question = waits()
    watch.heard(MIA, event("opened", LIN))

    assert not watch.is_current(question)
    assert watch.queued(question, Waiting(1, 3), now=1) is None
    watch.told(question, 3, now=1)
    (typing,) = watch.questions(now=0)
    watch.closed(MIA)
    assert watch.typed(typing, Typing(1, is_typing=True), now=1) is None
    watch.shown(typing, is_typing=True, now=1)
    assert () == watch.questions(now=0)


def test_a_pause() -> None:
    """It grows with each failure up to its bound, not with those inside of it, and is short again after a success."""
    pause, now, lengths = Pause(), 0.0, []
    for _ in range(9):
        pause.failed(now)
        pause.failed(now)
        began = now
        while pause.holds(now):
            now += 1.0
        lengths.append(now - began)
    pause.went_well()
    pause.failed(now)

    assert [10, 20, 40, 80, 160, 320, 600, 600, 600] == lengths
    assert (True, False) == (pause.holds(now + 9), pause.holds(now + 10))


def test_a_refusal() -> None:
    """A service session of which the desk does not say it is asked about more and more seldom, others as before."""
    watch, question = waits()
    watch.heard(LEO, event("created", session="s-9"))
    asked = []
    for now in range(0, 100, 5):
        for each in watch.questions(now=now):
            if each == question:
                asked.append(now)
                watch.refused(each, now=now)
    watch.queued(question, Waiting(1, 3), now=150)
    watch.refused(question, now=150)

    assert [0, 10, 30, 70] == asked
    assert [[LEO], [LEO, MIA]] == [[each.user for each in watch.questions(now=now)] for now in (155, 160)]


def test_what_the_run_before_knew() -> None:
    """A session that is over is not taken over."""
    watch, _ = waits()
    other = DeskWatch()
    other.restore(MIA, SessionStatus(session="s-1", stage="waiting", waiting=3))
    other.restore(LEO, SessionStatus(session="s-2", stage="closed"))

    assert watch.questions(now=0) == other.questions(now=0)
    assert (False, True) == (other.is_idle(), DeskWatch().is_idle())
