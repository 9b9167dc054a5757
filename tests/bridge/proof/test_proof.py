"""What the desk does not confirm in time is due, one way after the other; what it confirms, or may not have, is not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from slackkefu.bridge.proof import proof
from slackkefu.bridge.proof.awaited import LEARNING_S, Conclusion, Origin, concluded
from slackkefu.bridge.proof.proof import DOUBTS, IN_ALL, PROOF_S, TRIES, Due, Proof, ProofStatistics, Way
from slackkefu.bridge.slack_to_kefu.custody import MessageKey
from slackkefu.easemob.names import ImUser
from slackkefu.slack.ids import ChannelId, Ts, UserId
from slackkefu.store.entries import Awaiting, Concluded
from tests.bridge.people import MIA, NORTH

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

USER = ImUser(MIA)
LEO = ImUser("t0north001_u0leo00001_d0leo00001")
WALL = 1_760_000_000.0


def origin(number: int = 1, visitor: ImUser = USER) -> Origin:
    """Tell where a message comes from."""
    key = MessageKey(NORTH.key, ChannelId("D0MIA00001"), Ts(f"176.{number:06}"))
    return Origin(key, Ts("176.0"), visitor, UserId("U0MIA00001"), is_direct=True)


class Bench:
    """A proof, with a clock and what would be on disk."""

    def __init__(
        self, *, ways: Iterable[Way] = (Way.AGAIN, Way.SECOND, Way.TELL), per_visitor: int = 1000, in_all: int = IN_ALL
    ) -> None:
        self.proof = Proof(ways=(*ways,), per_visitor=per_visitor, in_all=in_all)
        self.now = 0.0
        self.entries: list[Awaiting | Concluded] = []

    def send(self, number: int, *kinds: str, visitor: ImUser = USER) -> Origin:
        """Send a message with a part of each kind (one text by default); Easemob accepts it."""
        one = origin(number, visitor)
        marks = {mark(number, part): kind for part, kind in enumerate(kinds or ("txt",))}
        self.proof.expect(one, marks, self.now)
        self.accept(one)
        return one

    def accept(self, one: Origin) -> None:
        """Let Easemob accept it."""
        entry = self.proof.accepted(one.key, self.now, wall=WALL + self.now)
        self.entries += [entry] if entry else []

    def confirm(self, number: int, part: int = 0, visitor: ImUser = USER) -> bool:
        """Let the desk confirm a part."""
        return self.proof.confirm(visitor, mark(number, part), self.now)

    def learn(self, kind: str = "txt") -> None:
        """Let the desk confirm something of this kind."""
        self.send(999_999, kind)
        assert self.confirm(999_999)

    def due(self, visitor: ImUser = USER, *, since: float = 0.0) -> list[Due]:
        """Return what is due now."""
        return self.proof.due(visitor, self.now, since=since)

    def tell(self, one: Origin) -> frozenset[str]:
        """Have its writer told; that is on disk first."""
        self.entries.append(concluded(one.key, Conclusion.TOLD, at=WALL + self.now))
        return self.proof.told(one.key)

    def write(self) -> list[str]:
        """Write down what has concluded, and return how."""
        over = self.proof.take_concluded(wall=WALL + self.now)
        self.entries += over
        return [each.outcome for each in over]

    def restart(self, *, down_s: float = 0.0) -> Bench:
        """Return what the next run makes of the disk; its own clock begins at 0."""
        after = Bench(ways=self.proof._ways)
        after.proof.restore(self.entries, now=0.0, wall=WALL + self.now + down_s)
        return after

    @property
    def counts(self) -> ProofStatistics:
        """The statistics."""
        return self.proof.statistics()


def mark(number: int, part: int = 0) -> str:
    """Name a part of a message."""
    return f"mark-{number}-{part}"


# When something is due.


def test_what_is_confirmed_is_never_due() -> None:
    """A message that the desk has confirmed is over."""
    bench = Bench()
    bench.learn()
    bench.send(1)
    bench.now = PROOF_S - 1
    assert not bench.confirm(1)
    bench.now = 1e6

    assert [] == bench.due()
    assert (0, 2) == (bench.counts.awaiting, bench.counts.confirmed)
    assert ["confirmed", "confirmed"] == bench.write()


def test_what_is_not_confirmed_in_time_is_sent_again() -> None:
    """Its time counts from when Easemob accepted it, and is over exactly then."""
    bench = Bench()
    bench.learn()
    bench.now = 100
    one = bench.send(1)
    bench.now = 100 + PROOF_S - 0.1
    assert [] == bench.due()
    bench.now = 100 + PROOF_S

    assert bench.now == bench.proof.next_at(USER, since=0)
    assert [Due(one, Way.AGAIN, frozenset({mark(1)}))] == bench.due()


def test_time_counts_only_while_the_session_keeps_up() -> None:
    """What came while it was down was taken first; then the desk has its whole time once more."""
    bench = Bench()
    bench.learn()
    bench.send(1)
    bench.now = 500

    assert [] == bench.due(since=500 - PROOF_S + 1)
    assert 1 == len(bench.due(since=500 - PROOF_S))
    assert 490 + PROOF_S == bench.proof.next_at(USER, since=490)


def test_ways_come_one_after_the_other() -> None:
    """Again, through the second channel, told; each has the same time, and the mark stays the same."""
    bench = Bench()
    bench.learn()
    one = bench.send(1)
    ways = []
    for step in (1, 2):
        bench.now = step * PROOF_S
        (due,) = bench.due()
        ways.append(due.way)
        bench.proof.went(one.key, bench.now)
        assert [] == bench.due()
    bench.now = 3 * PROOF_S
    (due,) = bench.due()
    bench.tell(one)

    assert [Way.AGAIN, Way.SECOND, Way.TELL] == [*ways, due.way]
    assert (1, 1, 1, 0) == (
        bench.counts.resent,
        bench.counts.second_channel,
        bench.counts.told,
        bench.counts.awaiting,
    )
    assert ["confirmed"] == bench.write()
    assert 0 == bench.restart().counts.awaiting


def test_without_a_second_channel_it_is_told_after_one_more_try() -> None:
    """The ways are those that there are."""
    bench = Bench(ways=(Way.AGAIN, Way.TELL))
    bench.learn()
    one = bench.send(1)
    bench.proof.went(one.key, 0)
    bench.now = PROOF_S

    assert [Way.TELL] == [due.way for due in bench.due()]


def test_a_confirmation_on_the_way_ends_it() -> None:
    """Whichever of the messages the desk confirms, it has it."""
    bench = Bench()
    bench.learn()
    one = bench.send(1)
    bench.proof.went(one.key, 0)
    bench.confirm(1)
    for late in (bench.proof.went, lambda key, until: bench.proof.failed(key, until=until)):
        late(one.key, 1)
    bench.proof.put_off(one.key, until=1)
    bench.proof.gone(one.key)

    assert not bench.proof.told(one.key)
    assert (frozenset(), 0) == (bench.proof.marks(one.key), bench.counts.awaiting)
    assert ["confirmed", "confirmed"] == bench.write()


def test_only_the_parts_that_are_not_confirmed_are_due() -> None:
    """Of a message in three parts, two are confirmed."""
    bench = Bench()
    bench.learn()
    bench.send(1, "txt", "txt", "txt")
    bench.confirm(1, 2)
    bench.confirm(1, 0)
    bench.now = PROOF_S

    assert [frozenset({mark(1, 1)})] == [due.marks for due in bench.due()]
    assert 1 == bench.counts.awaiting


def test_what_is_still_being_sent_is_not_due() -> None:
    """A confirmation is recognised from the first on; what was confirmed before it was accepted leaves nothing."""
    bench = Bench()
    bench.learn()
    for number in (1, 2):
        bench.proof.expect(origin(number), {mark(number, part): "txt" for part in (0, 1)}, bench.now)
    bench.now = 1e4
    assert math.inf == bench.proof.next_at(USER, since=0)
    bench.confirm(1, 0)
    bench.confirm(1, 1)
    bench.confirm(2, 1)
    bench.entries.clear()
    for number in (1, 2):
        bench.accept(origin(number))

    assert [{mark(2, 0): "txt"}] == [entry.marks for entry in bench.entries if isinstance(entry, Awaiting)]
    assert (1, 2) == (bench.counts.awaiting, bench.counts.confirmed)


def test_what_was_not_sent_after_all_is_forgotten() -> None:
    """A message that Easemob refuses in the middle, or that is sent anew, is not waited for."""
    bench = Bench()
    bench.proof.expect(origin(1), {mark(1): "txt"}, 0)
    bench.proof.drop(origin(1).key)
    bench.proof.expect(origin(2), {}, 0)
    bench.accept(origin(1))
    bench.proof.expect(origin(3), {"old": "txt"}, 0)
    bench.send(3)
    bench.proof.confirm(USER, "old", 0)

    assert [Ts("176.000003")] == [entry.ts for entry in bench.entries]
    assert (1, 1) == (bench.counts.awaiting, bench.counts.unknown_acks)


def test_a_confirmation_counts_for_its_visitor_only() -> None:
    """One that comes to another, and one that nothing waits for, changes nothing and is counted."""
    bench = Bench()
    bench.send(1)
    assert not bench.confirm(1, visitor=LEO)
    assert not bench.confirm(7)

    assert (2, 1, 0) == (bench.counts.unknown_acks, bench.counts.awaiting, bench.counts.learnt)


# What fails for now.


def test_a_way_that_fails_is_tried_a_few_times() -> None:
    """Not before the time that was named; then the next way is due."""
    bench = Bench()
    bench.learn()
    one = bench.send(1)
    seen = []
    for _ in range(2 * TRIES):
        bench.now = bench.proof.next_at(USER, since=0)
        seen.append(bench.due()[0].way)
        bench.proof.failed(one.key, until=bench.now + 77)
        assert bench.now + 77 == bench.proof.next_at(USER, since=0)

    assert [Way.AGAIN] * TRIES + [Way.SECOND] * TRIES == seen
    assert (0, 0) == (bench.counts.resent, bench.counts.second_channel)


def test_a_writer_who_cannot_be_told_is_given_up() -> None:
    """Also the last way is tried a few times only."""
    bench = Bench(ways=[Way.TELL])
    bench.learn()
    one = bench.send(1)
    for _ in range(TRIES):
        bench.proof.failed(one.key, until=0)

    assert (0, 1, 0) == (bench.counts.awaiting, bench.counts.unproved, bench.counts.told)


def test_what_cannot_be_read_now_is_put_off_as_long_as_it_takes() -> None:
    """A rate limit is no failure of the way."""
    bench = Bench()
    bench.learn()
    one = bench.send(1)
    for _ in range(20):
        bench.now = bench.proof.next_at(USER, since=0)
        assert [Way.AGAIN] == [due.way for due in bench.due()]
        bench.proof.put_off(one.key, until=bench.now + 61)
        assert [] == bench.due()


def test_what_was_deleted_is_over() -> None:
    """It is neither sent nor told."""
    bench = Bench()
    bench.learn()
    one = bench.send(1)
    bench.proof.gone(one.key)

    assert (0, 1, 0) == (bench.counts.awaiting, bench.counts.gone, bench.counts.told)
    assert ["confirmed", "gone"] == bench.write()


# What the desk is known to confirm.


def test_nothing_is_judged_that_was_never_confirmed() -> None:
    """A desk that confirms nothing is not waited for, and keeps nobody's session."""
    bench = Bench()
    bench.send(1)
    bench.now = 1e5

    assert [] == bench.due()
    assert math.inf == bench.proof.next_at(USER, since=0)
    assert not bench.proof.awaits(USER)
    assert (USER,) == bench.proof.visitors()


def test_each_kind_is_learnt_by_itself() -> None:
    """A desk that confirms texts may not confirm pictures; a picture is judged when it does."""
    bench = Bench()
    bench.learn("txt")
    bench.send(1, "txt", "img")
    bench.send(2, "img")
    bench.now = PROOF_S
    assert [frozenset({mark(1, 0)})] == [due.marks for due in bench.due()]
    bench.confirm(1, 0)
    assert [] == bench.due()
    assert not bench.proof.awaits(USER)
    bench.learn("img")

    assert [frozenset({mark(1, 1)}), frozenset({mark(2, 0)})] == [due.marks for due in bench.due()]
    assert bench.proof.awaits(USER)
    assert 2 == bench.counts.learnt


def test_a_part_that_turned_out_to_be_another_kind() -> None:
    """A line that went in a file's place is confirmed as words, and nothing is learnt of files by it."""
    bench = Bench()
    bench.proof.expect(origin(1), {mark(1): "img"}, bench.now)
    bench.proof.turned(origin(1).key, mark(1), "txt")
    bench.proof.turned(origin(1).key, mark(2), "txt")
    bench.proof.turned(origin(2).key, mark(1), "txt")
    bench.accept(origin(1))
    assert bench.confirm(1)
    bench.send(3, "img")
    bench.now = PROOF_S

    assert [] == bench.due()
    assert {mark(1): "txt"} == bench.entries[0].marks  # type: ignore[union-attr]  # one that waits


def test_learning_looks_back_an_hour() -> None:
    """What waited longer for its kind to be learnt is let go; the rest is judged, of whatever visitor."""
    bench = Bench()
    bench.send(1)
    bench.send(2, "txt", "img")
    bench.now = LEARNING_S / 2
    bench.send(3, visitor=LEO)
    bench.send(4, visitor=LEO)
    bench.now = LEARNING_S + 1
    assert bench.confirm(4, visitor=LEO)

    assert [] == bench.due()
    assert [origin(3, LEO)] == [due.origin for due in bench.due(LEO)]
    assert 2 == bench.counts.awaiting
    assert 1 == bench.counts.unproved


def test_a_desk_that_never_confirms_costs_an_hour_of_memory() -> None:
    """Older messages are let go with each new one, without a line on the disk; nobody counts them as lost."""
    bench = Bench()
    for number in range(200):
        bench.now = number * 60.0
        bench.send(number)

    assert 61 == bench.counts.awaiting
    assert (0, []) == (bench.counts.unproved, bench.write())


def test_a_desk_that_stops_confirming_is_in_doubt() -> None:
    """After a few in a row nothing more is sent again or told; the next confirmation judges the last hour anew."""
    bench = Bench(ways=[Way.TELL])
    bench.learn()
    ones = [bench.send(number) for number in range(20)]
    doubted = [bench.tell(one) for one in ones[:DOUBTS]]
    bench.now = 1800
    bench.send(100)
    bench.now = LEARNING_S + 1

    assert [frozenset()] * (DOUBTS - 1) + [frozenset({"txt"})] == doubted
    assert ([], False, 0) == (bench.due(), bench.proof.awaits(USER), bench.counts.learnt)
    assert bench.confirm(19)
    assert [origin(100)] == [due.origin for due in bench.due()]
    assert [DOUBTS, 14] == [bench.counts.told, bench.counts.unproved]


def test_what_arrives_after_the_telling() -> None:
    """The desk confirmed every part after all: that is said once, and a kind that was in doubt is learnt again."""
    bench = Bench(ways=[Way.TELL])
    bench.learn()
    ones = [bench.send(number, "txt", "txt") for number in range(DOUBTS)]
    for one in ones:
        bench.tell(one)
    known = [bench.confirm(0, 0), bench.proof.take_arrived(), bench.confirm(0, 1, LEO), bench.confirm(0, 1)]

    assert [True, [], False, False] == known
    assert [ones[0]] == bench.proof.take_arrived()
    assert not bench.confirm(0, 1)
    assert [] == bench.proof.take_arrived()
    assert (1, DOUBTS, 1) == (bench.counts.arrived, bench.counts.told, bench.counts.learnt)


def test_of_what_was_told_only_so_much_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten; one of which a part is forgotten counts as arrived no more."""
    monkeypatch.setattr(proof, "TOLD", 3)
    bench = Bench(ways=[Way.TELL])
    bench.learn()
    for one in [bench.send(number, "txt", "txt") for number in (1, 2)]:
        bench.tell(one)
    for number, part in ((1, 0), (1, 1), (2, 0), (2, 1)):
        bench.confirm(number, part)

    assert [origin(2)] == bench.proof.take_arrived()
    assert 1 == bench.counts.unknown_acks


def test_doubts_are_about_messages_in_a_row() -> None:
    """A single confirmation in between, and the desk is believed."""
    bench = Bench(ways=[Way.TELL])
    bench.learn()
    for number in range(3 * DOUBTS):
        one = bench.send(number)
        if number % DOUBTS:
            assert not bench.tell(one)
        else:
            bench.confirm(number)

    assert 1 == bench.counts.learnt


def test_a_doubted_message_is_on_the_disk_as_over() -> None:
    """What was given up because of the doubt is not dug out by the next run."""
    bench = Bench(ways=[Way.TELL])
    bench.learn()
    for number in range(DOUBTS):
        bench.tell(bench.send(number))
    bench.send(100)
    bench.now = LEARNING_S + 1
    bench.send(101)

    assert ["confirmed", "unproved"] == bench.write()
    assert 1 == bench.restart().counts.awaiting


# Bounds.


def test_one_visitor_keeps_only_so_many() -> None:
    """The oldest of the same visitor is let go and counted; others' are not touched."""
    bench = Bench(per_visitor=3)
    bench.learn()
    bench.send(0, visitor=LEO)
    for number in range(1, 6):
        bench.send(number)
    bench.now = PROOF_S

    assert [origin(3), origin(4), origin(5)] == [due.origin for due in bench.due()]
    assert 1 == len(bench.due(LEO))
    assert 2 == bench.counts.unproved


def test_all_together_keep_only_so_many() -> None:
    """The oldest of all is let go and counted."""
    bench = Bench(in_all=3)
    bench.learn()
    for number, visitor in enumerate((LEO, USER, LEO, USER)):
        bench.send(number, visitor=visitor)

    assert (3, 1) == (bench.counts.awaiting, bench.counts.unproved)
    assert (1, 2) == tuple(len(bench.proof._of_visitor[visitor]) for visitor in (LEO, USER))


# The disk.


def test_a_restart_goes_on_where_it_was() -> None:
    """What was accepted and not concluded is due again, from the first way on, when the desk has had its time."""
    bench = Bench()
    bench.learn()
    one = bench.send(1, "txt", "txt")
    bench.confirm(1, 1)
    bench.send(2)
    bench.confirm(2)
    bench.proof.went(one.key, 0)
    bench.write()
    after = bench.restart(down_s=3600)

    assert [] == after.due()
    after.now = PROOF_S
    assert [(one, Way.AGAIN)] == [(due.origin, due.way) for due in after.due()]
    assert (1, 1) == (after.counts.awaiting, after.counts.learnt)


def test_what_the_disk_does_not_take_is_kept_in_order() -> None:
    """It is written the next time, before what comes later."""
    bench = Bench()
    for number in (1, 2):
        bench.send(number)
        bench.confirm(number)
    known = [bench.proof.has_concluded]
    entries = bench.proof.take_concluded(wall=WALL)
    known.append(bench.proof.has_concluded)
    bench.send(3)
    bench.confirm(3)
    bench.proof.give_back(entries)
    known.append(bench.proof.has_concluded)

    assert [True, False, True] == known
    assert ["176.000001", "176.000002", "176.000003"] == [entry.ts for entry in bench.proof.take_concluded(wall=WALL)]


def test_its_repr_says_how_much_waits() -> None:
    """One line for the log."""
    bench = Bench()
    bench.learn()
    bench.send(1)

    assert "<Proof of 1, 1 kinds learnt>" == repr(bench.proof)


# Any order of things.


class Everything(RuleBasedStateMachine):
    """
    Messages are sent, confirmed, judged and told, and the daemon is restarted, in any order.

    Nothing confirmed or concluded is ever due, nothing is due before its time, and nothing else is forgotten.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.bench.learn()
        self.last = 0
        self.sending: set[int] = set()
        self.sent_at: dict[int, float] = {}

    @rule()
    def send(self) -> None:
        """Begin to send a message."""
        self.last += 1
        self.bench.proof.expect(origin(self.last), {mark(self.last): "txt"}, self.bench.now)
        self.sending.add(self.last)

    @rule(number=st.integers(1, 9), is_accepted=st.booleans())
    def end(self, number: int, is_accepted: bool) -> None:
        """Let Easemob accept or refuse one that is being sent; nothing is left of one that is confirmed by then."""
        if number in self.sending:
            self.sending.remove(number)
            if is_accepted:
                self.bench.accept(origin(number))
                self.sent_at[number] = self.bench.now
            else:
                self.bench.proof.drop(origin(number).key)

    @rule(number=st.integers(1, 9))
    def confirm(self, number: int) -> None:
        """Let the desk confirm one, whether it is waited for or not."""
        self.bench.confirm(number)
        self.sending.discard(number)
        self.sent_at.pop(number, None)

    @rule(pause_s=st.floats(0, 2 * PROOF_S))
    def wait(self, pause_s: float) -> None:
        """Let time pass."""
        self.bench.now += pause_s

    @rule(fails=st.booleans())
    def act(self, fails: bool) -> None:
        """Do what is due."""
        for due in self.bench.due():
            number = int(due.origin.key.ts[-6:])

            assert self.bench.now >= self.sent_at[number] + PROOF_S

            if due.way is Way.TELL:
                self.bench.tell(due.origin)
                del self.sent_at[number]
            elif fails:
                self.bench.proof.failed(due.origin.key, until=self.bench.now)
            else:
                self.bench.proof.went(due.origin.key, self.bench.now)
                self.sent_at[number] = self.bench.now

    @rule()
    def restart(self) -> None:
        """Stop in order, and begin anew with what is on disk: what was being sent is its source's again."""
        self.bench.write()
        entries, self.bench = self.bench.entries, self.bench.restart()
        self.bench.entries = entries
        self.sending.clear()
        self.sent_at = dict.fromkeys(self.sent_at, 0.0)

    @invariant()
    def nothing_is_forgotten(self) -> None:
        """What waits is exactly what was sent and is neither confirmed nor concluded."""
        waiting = {int(key.ts[-6:]) for key, each in self.bench.proof._messages.items() if each.marks}

        assert waiting == self.sending | {*self.sent_at}
        assert 0 == self.bench.counts.unproved


TestEverything = Everything.TestCase
