"""An echo says that a post is there, and never takes one post for another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.kefu_to_slack.echoes import CONVERSATIONS, LATELY_S, REMEMBERED, Echoes
from slackkefu.slack.ids import ChannelId, Ts
from slackkefu.slack.message import MessageEvent, read_message
from slackkefu.slack.web import Post, Posted

D1 = ChannelId("D1")
AHEAD_S = 1_760_000_000.0
"""How far Slack's clock is ahead of ours here."""


def post(text: str = "hi", *, number: int = 0, channel: str = "D1", thread_ts: str | None = None) -> Post:
    """Make a post."""
    return Post(channel=channel, text=text, thread_ts=Ts(thread_ts) if thread_ts else None, metadata_id=f"m-{number}/0")


def ts(at: float) -> Ts:
    """Return what Slack calls a message that is written when our clock shows *at*."""
    return Ts(f"{AHEAD_S + at:.6f}")


def echo(text: str = "hi", *, at: float = 10.0, channel: str = "D1", **more: Any) -> MessageEvent:
    """Make the event of a post of ours."""
    event = read_message({"ts": ts(at), "channel": channel, "text": text, "bot_id": "B1", **more})
    assert isinstance(event, MessageEvent)
    return event


def heard(*events: MessageEvent, prompt: bool = True) -> Echoes:
    """Make echoes that know Slack's clock, and have heard *events*."""
    echoes = Echoes()
    if prompt:
        echoes.learn_time(ts(0.0), 0.2)
    for event in events:
        echoes.heard(event)
    return echoes


def shows(echoes: Echoes, wanted: Post, *, tried_at: float | None = 10.0, channel: ChannelId = D1) -> bool:
    """Ask for a post that was tried at a time, or not yet in this run."""
    attempt = echoes.begin(wanted)
    if tried_at is not None:
        echoes.tried(attempt, tried_at)
    found = echoes.shows(attempt, channel)
    echoes.over(attempt)
    return found


# Files.


def test_the_echo_of_a_file_is_the_files() -> None:
    """A file is known by its id, where it stands; its words are never taken for those of a post."""
    echoes = heard(echo(files=[{"id": "F1"}, {"id": "F2"}]))

    assert (ts(10.0), ts(10.0)) == (echoes.file_at("D1", "F1"), echoes.file_at("D1", "F2"))
    assert echoes.file_at("D2", "F1") is None
    assert echoes.file_at("D1", "F3") is None
    assert not shows(echoes, post())


# What is an echo.


@pytest.mark.parametrize(
    ("expected", "wanted", "event"),
    [
        (True, post(), echo()),
        (False, post("another"), echo()),
        (False, post(), echo(channel="D2")),
        (True, post(thread_ts="1.1"), echo(thread_ts="1.1")),
        (False, post(thread_ts="1.1"), echo()),
        (False, post(), echo(thread_ts="1.1")),
        # A root that has answers already names itself.
        (True, post(), echo(thread_ts=ts(10.0))),
        # Slack writes links and mentions in its own way.
        (True, post("see https://shop.example/a?b=1&amp;c"), echo("see <https://shop.example/a?b=1&amp;c>")),
        (True, post("<#C1> hi"), echo("<#C1|support> hi ")),
        # With our id in it nothing else counts.
        (True, post(), echo("changed", metadata={"event_type": "slackkefu_message", "event_payload": {"id": "m-0/0"}})),
        (False, post(), echo(metadata={"event_type": "slackkefu_message", "event_payload": {"id": "m-1/0"}})),
    ],
)
def test_which_echo_is_whose(expected: bool, wanted: Post, event: MessageEvent) -> None:
    """Conversation, thread and words make an echo, or our id where it carries one."""
    assert expected == shows(heard(event), wanted)


def test_an_echo_before_the_answer() -> None:
    """An echo is remembered, so it counts also when it came before anybody asked."""
    echoes = heard()
    attempt = echoes.begin(post())
    echoes.tried(attempt, 10.0)

    assert not echoes.shows(attempt, D1)

    echoes.heard(echo(at=10.1))

    assert echoes.shows(attempt, D1)


# What must not be taken for one.


@pytest.mark.parametrize(("at", "expected"), [(8.0, False), (9.5, True), (10.0, True)])
def test_what_was_written_before_is_another_post(at: float, expected: bool) -> None:
    """The same words, written before this post was tried, by Slack's own clock: a late echo of an earlier post."""
    echoes = heard(echo(at=at))
    # A late event says less about Slack's clock than a prompt one, and loosens nothing.
    echoes.learn_time(ts(0.0), 500.0)

    assert expected == shows(echoes, post(), tried_at=10.0)


def test_without_slacks_clock_words_say_nothing() -> None:
    """Before anything was heard of Slack's clock only our own id counts."""
    assert not shows(heard(echo(), prompt=False), post())


def test_a_post_of_the_run_before_is_known_by_its_id_only() -> None:
    """What this run has not tried could be any earlier post with the same words."""
    assert not shows(heard(echo()), post(), tried_at=None)


def test_the_place_of_another_post_is_taken() -> None:
    """An echo that stands where an accepted post does, or where one was found, is that one's."""
    echoes = heard(echo())
    echoes.stands_at("D1", ts(10.0))

    assert not shows(echoes, post())


def test_an_echo_is_claimed_once() -> None:
    """Of two posts with the same words one echo settles one."""
    echoes = heard(echo())

    assert [True, False] == [shows(echoes, post(number=1)), shows(echoes, post(number=2))]


@pytest.mark.parametrize("channel", ["D1", "U1"])
def test_while_another_may_be_meant_nobody_is(channel: str) -> None:
    """Two posts on their way with the same words in one place: an echo is neither's until one of them is over."""
    echoes = heard()
    one, other = echoes.begin(post(number=1)), echoes.begin(post(number=2, channel=channel))
    echoes.tried(one, 10.0)
    echoes.heard(echo(at=10.5))

    assert not echoes.shows(one, D1)

    echoes.over(other)

    assert echoes.shows(one, D1)


def test_clocks_drift_apart() -> None:
    """What Slack's clock was ahead yesterday says nothing today, when ours has run faster since."""
    echoes = heard()
    for at in (1000.0, 2000.0, 86_400.0, 86_400.0 + LATELY_S):
        echoes.learn_time(ts(at - 5.0 * (at > 80_000.0)), at)
    echoes.heard(echo(at=87_000.0 - 5.0))

    assert shows(echoes, post(), tried_at=87_000.0)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 30)), max_size=20))
def test_slacks_clock_is_never_taken_for_later_than_it_is(messages: list[tuple[float, float]]) -> None:
    """However late its events come, a post that Slack wrote after it was tried is never taken for an earlier one."""
    echoes = Echoes()
    for at, late_s in messages:
        echoes.learn_time(ts(at), at + late_s)
    echoes.heard(echo(at=200.0))

    assert bool(messages) == shows(echoes, post(), tried_at=200.0)


def test_what_is_no_time() -> None:
    """A ``ts`` of another form says nothing, and breaks nothing."""
    echoes = heard(replace(echo(), ts=Ts("novel")))
    echoes.learn_time(Ts("novel"), 0.0)

    assert not shows(echoes, post())


# Which echoes are due.


def test_an_echo_is_due_where_echoes_come_from() -> None:
    """Not where none was ever heard, nor when it has come already, nor for a post whose place Slack did not say."""
    echoes = heard(echo(at=1.0))
    echoes.heard(echo(at=5.0))

    assert [True, False, False] == [
        echoes.is_echo_due(Posted(D1, ts(9.0))),
        echoes.is_echo_due(Posted(D1, ts(5.0))),
        echoes.is_echo_due(Posted(ChannelId("D2"), ts(9.0))),
    ]


def test_memory_of_files_is_bounded() -> None:
    """Files that were heard of long ago are forgotten."""
    echoes = heard(*(echo(at=float(number), files=[{"id": f"F{number}"}]) for number in range(REMEMBERED + 1)))

    assert echoes.file_at("D1", "F0") is None
    assert echoes.file_at("D1", f"F{REMEMBERED}") is not None


def test_memory_is_bounded() -> None:
    """Only so many echoes, places and conversations are remembered, the latest."""
    echoes = heard()
    for number in range(CONVERSATIONS + 10):
        echoes.heard(echo(at=float(number), channel=f"D{number}"))
        echoes.stands_at(f"D{number}", ts(number))

    assert f"<Echoes heard={REMEMBERED} under_way=0>" == repr(echoes)
    assert [False, True] == [echoes.come_from("D9"), echoes.come_from("D10")]
