"""The low-water mark passes nothing that is not seen, and an absence is not over before everything is read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.absence.marks import BEHIND_S, LOOK_BACK_S, REPEATS_S, Marks
from slackkefu.slack.ids import ChannelId, TeamId
from slackkefu.slack.installation import InstallationKey
from slackkefu.store.alive import Alive

NORTH = InstallationKey(None, TeamId("T0NORTH001"))
SOUTH = InstallationKey(None, TeamId("T0SOUTH001"))
SUPPORT = ChannelId("C0SUPPORT1")
OTHER = ChannelId("C0OTHER001")
START = 1_760_000_000.0
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


def marks(before: Alive | None = None, *, now: float = START) -> Marks:
    """Make the marks of a run that begins now."""
    book = Marks(max_age_s=DAY_S)
    book.restore(before, now)
    book.begin(now)
    return book


def tick(book: Marks, now: float, *held_at: float | None, is_listening: bool = True) -> Alive:
    """Let a minute pass."""
    return book.tick(now, is_listening=is_listening, held_at=held_at)


def listened(book: Marks, since: float, until: float, *held_at: float | None) -> Alive:
    """Listen without a break, with a tick a minute."""
    alive = tick(book, since, *held_at)
    for minute in range(1, round((until - since) / 60) + 1):
        alive = tick(book, since + 60 * minute, *held_at)
    return alive


# The mark.


def test_the_mark_follows_the_clock() -> None:
    """It stays ten minutes behind, and in a new store begins where the store began."""
    book = marks()

    assert Alive(mark=START, at=START + 300) == listened(book, START, START + 300)
    assert Alive(mark=START + 900 - BEHIND_S, at=START + 900) == listened(book, START + 300, START + 900)


def test_the_mark_stops_before_what_is_not_safe() -> None:
    """It never passes what memory alone knows or what is a gap, and goes on when that is over."""
    book = marks()

    assert START + 100 == listened(book, START, START + HOUR_S, None, START + 200, START + 100).mark
    assert START + 2 * HOUR_S - BEHIND_S == listened(book, START + HOUR_S, START + 2 * HOUR_S, None).mark


def test_the_mark_stands_still_while_nobody_listens() -> None:
    """Without a connection nothing is seen, and the last moment is the one before."""
    book = marks()
    before = listened(book, START, START + HOUR_S)

    assert before == tick(book, START + 5 * HOUR_S, is_listening=False)


def test_a_clock_that_is_set_back_takes_the_mark_along() -> None:
    """A mark in the future would hide what is written until then."""
    book = marks()
    listened(book, START, START + HOUR_S)

    assert START - DAY_S - BEHIND_S == tick(book, START - DAY_S).mark


def test_a_clock_that_is_ahead() -> None:
    """What comes at the first try tells how far: the mark keeps its distance on Slack's clock, also after a restart."""
    ahead_s = 8 * HOUR_S
    book = marks(now=START + ahead_s)
    for age_s in (ahead_s + 400, ahead_s + 1):
        book.came(START + 100, START + 100 + age_s)
    alive = listened(book, START + ahead_s, START + ahead_s + HOUR_S)

    assert Alive(mark=START + HOUR_S - BEHIND_S - 1, at=START + ahead_s + HOUR_S, ahead_s=ahead_s + 1) == alive
    assert marks(alive, now=alive.at + 10).missed_until is None

    away = marks(alive, now=alive.at + 2 * HOUR_S)

    assert alive.mark == away.since(NORTH, SUPPORT, alive.at + 2 * HOUR_S)
    assert away.was_away(START + 2 * HOUR_S)
    assert not away.was_away(START + HOUR_S - 10)


def test_a_clock_that_is_behind() -> None:
    """Messages from the future change nothing: too much may be read then, never too little."""
    book = marks()
    book.came(START + 500, START)

    assert 0.0 == tick(book, START + HOUR_S).ahead_s


# Absences.


@pytest.mark.parametrize(
    ("before", "is_missed"),
    [
        (None, False),
        (Alive(mark=START - 605, at=START - 5), False),
        (Alive(mark=START - 660, at=START - 60), False),
        (Alive(mark=START - 661, at=START - 61), True),
        (Alive(mark=START - 5000, at=START - 5), True),
        (Alive(mark=START - 605, at=START - 5, missed_until=START - 100), True),
        (Alive(mark=START + HOUR_S, at=START + HOUR_S), True),
    ],
    ids=["new", "short", "just short", "long", "held", "left unread", "clock set back"],
)
def test_what_was_missed_at_a_start(before: Alive | None, is_missed: bool) -> None:
    """More than a minute away, something in memory at the end, or something unread: the history has to be read."""
    book = Marks(max_age_s=DAY_S)
    book.restore(before, START)

    assert is_missed == book.begin(START)
    assert is_missed == (book.missed_until is not None) == (book.since(NORTH, SUPPORT, START) is not None)


def test_everything_is_read_from_the_mark() -> None:
    """After an absence each conversation is read from the mark on, but not from very long ago."""
    book = marks(Alive(mark=START - 2 * HOUR_S, at=START - HOUR_S))

    assert START - 2 * HOUR_S == book.since(NORTH, SUPPORT, START)
    assert START == book.missed_until

    assert START - LOOK_BACK_S == marks(Alive(mark=0.0, at=1.0)).since(NORTH, SUPPORT, START)


def test_a_clock_that_was_ahead_hides_nothing() -> None:
    """After a start with an earlier clock than before, everything is read that may still be for the desk."""
    book = marks(Alive(mark=START + HOUR_S, at=START + HOUR_S + BEHIND_S))

    assert START - DAY_S == book.since(NORTH, SUPPORT, START)


def test_the_mark_stands_still_until_all_is_read() -> None:
    """What has been read is known for each conversation; the mark moves when the last one has."""
    book = marks(Alive(mark=START - 2 * HOUR_S, at=START - HOUR_S))
    book.read(SUPPORT, START + 60)

    assert Alive(mark=START - 2 * HOUR_S, at=START + 600, missed_until=START) == listened(book, START, START + 600)
    assert book.since(NORTH, SUPPORT, START + 600) is None
    assert START - 2 * HOUR_S == book.since(NORTH, OTHER, START + 600)

    book.complete(NORTH, START, among=[NORTH, SOUTH])

    assert (False, True) == (book.is_missing(NORTH), book.is_missing(SOUTH))
    assert book.since(NORTH, OTHER, START + 600) is None
    assert START - 2 * HOUR_S == tick(book, START + 600).mark

    book.complete(SOUTH, START, among=[NORTH, SOUTH])

    assert Alive(mark=START + 600 - BEHIND_S, at=START + 600) == tick(book, START + 600)


def test_what_is_missed_while_it_is_read() -> None:
    """A further gap makes everything be read once more, from a little before where it has been read to."""
    book = marks(Alive(mark=START - 2 * HOUR_S, at=START - HOUR_S))
    book.read(SUPPORT, START + 60)
    book.missed(START + 100, START + 120)

    book.complete(NORTH, START, among=[NORTH])

    assert book.is_missing(NORTH)
    assert START + 60 - BEHIND_S == book.since(NORTH, SUPPORT, START + 120)
    assert START - 2 * HOUR_S == book.since(NORTH, OTHER, START + 120)


def test_an_installation_that_is_gone_holds_nothing() -> None:
    """Only those that are there have to be read."""
    book = marks(Alive(mark=START - 2 * HOUR_S, at=START - HOUR_S))
    book.complete(NORTH, START, among=[])

    assert book.missed_until is None


def test_a_gap_from_long_ago() -> None:
    """What may have been missed before the mark takes the mark back."""
    book = marks()
    listened(book, START, START + 2 * HOUR_S)
    book.missed(START + 600, START + 2 * HOUR_S)

    assert START + 600 == book.since(NORTH, SUPPORT, START + 2 * HOUR_S)


def test_a_restart_goes_on_where_it_was() -> None:
    """After a short restart what was read stays read; after a long one it is read from there on."""
    kept = listened(marks(Alive(mark=START - 2 * HOUR_S, at=START - HOUR_S)), START, START + 1200)
    for away_s, expected in ((10, None), (HOUR_S, START + 900 - BEHIND_S)):
        now = START + 1200 + away_s
        book = Marks(max_age_s=DAY_S)
        book.restore(kept, now)
        book.read(SUPPORT, START + 900)

        assert book.begin(now)
        assert expected == book.since(NORTH, SUPPORT, now)
        assert START - 2 * HOUR_S == book.since(NORTH, OTHER, now)


def test_two_short_absences_are_a_long_one() -> None:
    """When a run was too short for Slack's repeats, the history is read at the next start; a longer run covers it."""
    kept = listened(marks(), START, START + HOUR_S)
    now = START + HOUR_S + 10
    second = marks(kept, now=now)

    assert second.missed_until is None

    early = listened(second, now, now + 120)
    late = listened(second, now + 120, now + REPEATS_S + 60)

    assert marks(early, now=early.at + 10).missed_until is not None
    assert marks(late, now=late.at + 10).missed_until is None


def test_a_gap_before_the_beginning() -> None:
    """What the first hello tells is not forgotten when listening begins."""
    book = Marks(max_age_s=DAY_S)
    book.restore(Alive(mark=START - 610, at=START - 10), START - 5)
    book.missed(START - 5, START - 1)

    assert not book.begin(START)
    assert START - 1 == book.missed_until


def test_a_machine_that_slept() -> None:
    """A minute that took an hour was an absence, though nobody told of one."""
    book = marks()
    listened(book, START, START + HOUR_S)
    tick(book, START + 2 * HOUR_S)

    assert START + 2 * HOUR_S == book.missed_until
    assert START + HOUR_S - BEHIND_S == book.since(NORTH, SUPPORT, START + 2 * HOUR_S)


# Whatever happens.


@dataclass
class Life:
    """A store through many runs, and what nobody has seen yet."""

    now: float = START
    book: Marks = field(default_factory=marks)
    kept: Alive = field(default_factory=lambda: Alive(mark=START, at=START))
    unseen: list[float] = field(default_factory=list)
    """When messages were written that Slack does not repeat any more."""
    held: float = math.inf

    def minutes(self, count: int) -> None:
        """Listen for a while, and write down each minute how far that has come; with 0, only write it down."""
        for minute in range(count + 1):
            self.now += 60 * (minute > 0)
            self.kept = self.book.tick(self.now, is_listening=True, held_at=[self.held] if self.unsafe else [])

    @property
    def unsafe(self) -> bool:
        """Whether something is in memory alone."""
        return self.held < math.inf

    def restart(self, away_s: int) -> None:
        """Be away; what was written is missed, unless Slack repeats it."""
        self.unseen += [self.now + away_s / 2] if away_s > 60 else []
        # What memory alone knew is lost, and Slack has given up on all that is older.
        self.unseen += [self.held] if self.unsafe and self.held < self.now - 720 else []
        self.held = math.inf
        self.now += away_s
        self.book = marks(self.kept, now=self.now)

    def gap(self, age_s: int) -> None:
        """Learn of a gap."""
        self.unseen.append(self.now - age_s)
        self.book.missed(self.now - age_s, self.now)
        self.minutes(0)

    def take(self) -> None:
        """Take a message in hand that nothing on disk knows."""
        self.held = min(self.held, self.now)

    def read(self) -> None:
        """Read everything."""
        until = self.book.missed_until
        if until is not None:
            since = self.book.since(NORTH, SUPPORT, self.now)
            self.unseen = [at for at in self.unseen if since is None or at < since]
            self.book.read(SUPPORT, self.now)
            self.book.complete(NORTH, until, among=[NORTH])
            assert not self.book.is_missing(NORTH)


STEPS = st.one_of(
    st.tuples(st.just("minutes"), st.integers(1, 40)),
    st.tuples(st.just("restart"), st.integers(1, 7200)),
    st.tuples(st.just("gap"), st.integers(0, 3600)),
    st.tuples(st.sampled_from(["take", "read"])),
)


@given(st.lists(STEPS, max_size=30))
def test_nothing_is_forgotten(steps: list[tuple[str, int] | tuple[str]]) -> None:
    """Through any runs, gaps and readings: what nobody has seen is ahead of the mark, and is going to be read."""
    life = Life()
    for name, *arguments in steps:
        getattr(life, name)(*arguments)
        for at in life.unseen:
            since = life.book.since(NORTH, SUPPORT, life.now)
            assert since is not None
            assert since <= at or at < life.now - LOOK_BACK_S
        assert life.book.mark <= life.now
        assert not life.unsafe or life.book.mark <= life.held
