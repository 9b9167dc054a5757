"""What is read first, which messages are ours, and what becomes of them."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.absence.history import Window, as_callback, in_order
from slackkefu.bridge.absence.presence import ALWAYS, Stays
from slackkefu.bridge.slack_to_kefu.routing import Forward, route
from slackkefu.slack.envelope import Envelope, MessageEvent
from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, Ts, UserId
from slackkefu.slack.installation import Installation, InstallationKey, Installations
from slackkefu.slack.reading import Conversation, Kind
from slackkefu.store.visitors import VisitorRecord
from tests.bridge.people import NORTH

NOW = 1_760_000_000.0
DAY_S = 24 * 3600.0
ME = UserId("U0NORTHBOT")


def conversation(channel: str, kind: Kind = "channel", team: str | None = None) -> Conversation:
    """Make a conversation."""
    return Conversation(ChannelId(channel), kind, None, is_archived=False, team=TeamId(team) if team else None)


def visitor(channel: str, *, days_ago: float = 0.0, **fields: Any) -> VisitorRecord:
    """Make the record of somebody in a conversation."""
    record = VisitorRecord(im_user="x", team="T", user="U", channel=channel, last_active=NOW - days_ago * DAY_S)
    return msgspec.structs.replace(record, **fields)


def message(ts: float, **fields: Any) -> dict[str, object]:
    """Make a message as the history shows it."""
    return {"type": "message", "ts": f"{ts:.6f}", "user": "U0MIA00001", "text": f"words of {ts}", **fields}


def stays() -> Stays:
    """Return a stay in a channel that has lasted for ever, as far as known."""
    return Stays({ME: ALWAYS}, present=[ME], is_own=[ME].__contains__)


def texts(window: Window) -> list[object]:
    """Return what a window holds."""
    return [each["text"] for each in window.messages()]


# Which conversations.


def test_where_somebody_waits_comes_first() -> None:
    """Open service sessions, then direct messages, then channels with visitors, then the rest."""
    conversations = [
        conversation("C0QUIET001"),
        conversation("C0LATE0001"),
        conversation("C0EARLY001", "group"),
        conversation("D0LONGAGO1", "im"),
        conversation("D0NEW00001", "im"),
        conversation("D0LATELY01", "im"),
        conversation("C0OPEN0001", "mpim"),
    ]
    records = [
        visitor("C0LATE0001", days_ago=1),
        visitor("C0EARLY001", days_ago=2),
        visitor("D0LONGAGO1", days_ago=30),
        visitor("D0LATELY01", days_ago=1),
        visitor("C0OPEN0001", days_ago=0.2, open_session="s-1"),
        visitor("C0GONE0001", open_session="s-2"),
    ]
    order = ["C0OPEN0001", "D0LATELY01", "D0NEW00001", "D0LONGAGO1", "C0LATE0001", "C0EARLY001", "C0QUIET001"]
    for seed in range(5):
        Random(seed).shuffle(conversations)
        wanted = in_order(conversations, records, channels="all", since=NOW - DAY_S, now=NOW)

        assert order == [each.conversation.id for each in wanted]

    direct = in_order(conversations, records, channels="off", since=NOW - DAY_S, now=NOW)

    assert ["D0LATELY01", "D0NEW00001", "D0LONGAGO1"] == [each.conversation.id for each in direct]


def test_the_threads_that_are_remembered() -> None:
    """Threads that were open since the mark, and the last one of a direct message, are asked for by name."""
    records = [
        visitor("C0SUPPORT1", mention_threads={"1.1": NOW - 2 * DAY_S, "2.2": NOW + 1}, thread_ts="3.3"),
        visitor("C0SUPPORT1", mention_threads={"4.4": NOW + 1}),
        visitor("D0MIA00001", thread_ts="5.5", channel_type="im"),
    ]
    conversations = [conversation("C0SUPPORT1"), conversation("D0MIA00001", "im")]
    wanted = in_order(conversations, records, channels="all", since=NOW - DAY_S, now=NOW)

    assert [{"5.5"}, {"2.2", "4.4"}] == [each.threads for each in wanted]


# Which messages.


def test_pages_in_any_order_are_put_in_order() -> None:
    """Whichever way the pages come, messages come out once, oldest first, from the moment on."""
    pages = [[message(5), message(4)], [message(3), message(2, text="the first")], [message(4), message(1)]]
    for seed in range(5):
        Random(seed).shuffle(pages)
        window = Window(since=2.0, stays=stays(), most=10)
        for page in pages:
            window.add(page)

        assert ["the first", "words of 3", "words of 4", "words of 5"] == texts(window)
        assert window.cut is None


def test_threads_with_news() -> None:
    """A root whose last reply is newer than the moment is named; the others are not."""
    page = [
        message(9, latest_reply="10.000000"),
        message(8, latest_reply="4.000000"),
        message(1, latest_reply="5.000000"),
        message(7),
    ]

    assert {"9.000000", "1.000000"} == Window(since=5.0, stays=stays(), most=10).add(page)


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 5), st.integers(0, 10))
def test_more_than_is_held(numbers: list[int], most: int, since: int) -> None:
    """Read again and again from where it was cut, each message comes once, and in order."""
    found: list[object] = []
    begin: float | None = float(since)
    while begin is not None:
        window = Window(since=begin, stays=stays(), most=most)
        for number in numbers:
            window.add([message(number)])
        found += texts(window)
        begin = window.cut

        assert len(window) <= most

    assert [f"words of {number}" for number in sorted({*numbers}) if number >= since] == found


def test_what_was_written_before_we_were_let_in() -> None:
    """It is not ours, but for a mention; of several times the last one counts."""
    window = Window(since=0.0, stays=stays(), most=10)
    window.add(
        [
            message(6),
            message(5, subtype="channel_join", user=ME, text="joined"),
            message(4, text=f"<@{ME}> come here"),
            message(3),
            message(2, subtype="channel_join", user=ME, text="joined"),
            message(1, subtype="channel_join", user="U0LEO00001", text="joined"),
        ]
    )

    assert [f"<@{ME}> come here", "joined", "words of 6"] == texts(window)


def test_what_cannot_be_named_is_passed_over() -> None:
    """A message without a readable name is left out; it could be neither placed nor recognised."""
    window = Window(since=0.0, stays=stays(), most=10)
    window.add([{"text": "nameless"}, {"ts": 5, "text": "number"}, {"ts": "novel", "text": "novel"}, message(1)])

    assert ["words of 1"] == texts(window)


# What becomes of them.


def event_of(raw: dict[str, object], place: Conversation, installation: Installation = NORTH) -> Forward:
    """Route what was made of a message, which must be for the desk."""
    callback = as_callback(raw, place, installation)
    assert callback is not None
    decision = route(
        Envelope("", "events_api", callback, accepts_response_payload=False, retry_attempt=0, retry_reason=""),
        installations=Installations([installation]),
        channels="all",
        listens=lambda *_: False,
    )
    assert isinstance(decision, Forward), decision
    return decision


def test_a_message_becomes_the_event_it_would_have_come_as() -> None:
    """It is its author's, in its conversation, for the installation that read it."""
    direct = event_of(message(5, team="T0NORTH001"), conversation("D0MIA00001", "im"))

    assert ("t0north001_u0mia00001_d0mia00001", True) == (direct.user, direct.is_direct)
    assert (NORTH, Ts("5.000000"), None) == (direct.installation, direct.event.ts, direct.thread_ts)

    root = message(5, team="T0NORTH001", thread_ts="5.000000", reply_count=2, latest_reply="6.000000")

    assert event_of(message(5, team="T0NORTH001"), conversation("C0SUPPORT1")) == event_of(
        root, conversation("C0SUPPORT1")
    )


def test_whose_it_is_where_the_message_does_not_say() -> None:
    """An author without a workspace is of the one in which the conversation was found."""
    grid = Installation(
        key=InstallationKey(EnterpriseId("E0GRID0001"), None),
        team_name="Grid",
        bot_token=NORTH.bot_token,
        bot_id="B0GRIDBOT1",
        bot_user_id=UserId("U0GRIDBOT1"),
        app_id="A0SLKFAPP1",
        scopes=frozenset(),
    )
    place = conversation("C0SUPPORT1", team="T0GRIDWS01")

    assert "t0gridws01_u0mia00001_c0support1" == event_of(message(5), place, grid).user
    assert "t0north001_u0mia00001_c0support1" == event_of(message(5), conversation("C0SUPPORT1")).user


def test_what_cannot_be_read_is_no_event() -> None:
    """A broken message of the history is malformed like one that came, and nothing is raised."""
    callback = as_callback({"ts": "5.0", "user": 7}, conversation("C0SUPPORT1"), NORTH)

    assert callback is not None
    assert not isinstance(callback.event, MessageEvent)
