"""Custody: a message is answered for exactly once, however often it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.remembered import BUCKET_S
from slackkefu.bridge.slack_to_kefu.custody import KEEP_S, Custody, Joined, MessageKey, Outcome, Owed, Safe, Settled
from slackkefu.slack.ids import ChannelId, TeamId, Ts
from slackkefu.slack.installation import InstallationKey

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = "1760000000.000001"


def key(ts: str) -> MessageKey:
    """Name a message in one channel of one workspace."""
    return MessageKey(InstallationKey(None, TeamId("T1")), ChannelId("C1"), Ts(ts))


def take(custody: Custody[str], ts: str, delivery: str) -> Owed[str]:
    """Take a message that must be new."""
    taken = custody.take(key(ts), delivery)
    assert isinstance(taken, Owed)
    return taken


def test_a_new_message_is_owed() -> None:
    """The first envelope of a message makes it ours to bring over."""
    assert Owed(key("1"), ("first",)) == Custody[str]().take(key("1"), "first")


def test_a_repeat_in_hand_joins() -> None:
    """A repeat of a message in hand waits together with the first envelope."""
    custody = Custody[str]()
    owed = take(custody, "1", "first")

    assert Joined(key("1")) == custody.take(key("1"), "retry")
    assert ("first", "retry") == owed.deliveries


def test_a_repeat_of_a_settled_message_is_known() -> None:
    """A repeat after the end is told that it has ended, and is not brought over again."""
    custody = Custody[str]()

    assert Settled(key("1"), Outcome.DELIVERED) == custody.settle(
        take(custody, "1", "first"), Outcome.DELIVERED, now=0.0
    )
    assert Settled(key("1")) == custody.take(key("1"), "retry")
    assert (0, 1, 1) == (custody.statistics().in_hand, custody.statistics().delivered, custody.statistics().repeats)


def test_a_message_let_go_is_new_again() -> None:
    """What was given back to Slack is taken again when Slack repeats it: a retry is never dropped for being one."""
    custody = Custody[str]()
    custody.let_go(take(custody, "1", "first"))

    assert Owed(key("1"), ("retry",)) == custody.take(key("1"), "retry")


def test_a_settled_message_is_known_for_its_time() -> None:
    """Longer than Slack repeats it, across a restart too, a message is known; then it is forgotten."""
    custody = Custody[str]()
    custody.restore([(key("1"), "delivered", 0.0)])
    for ts, at in (("2", KEEP_S - 1), ("3", KEEP_S + 2 * BUCKET_S)):
        custody.settle(take(custody, ts, "first"), Outcome.DELIVERED, now=at)

    assert [Owed, Settled, Settled] == [type(custody.take(key(ts), "late")) for ts in "132"]


def test_what_is_stowed_is_in_hand() -> None:
    """A message that waits as a number is known, counted, and a repeat of it safe; its turn makes it one of ours."""
    custody = Custody[str]()
    owed = take(custody, PLAIN, "first")

    assert not custody.stow("mia", owed, is_repeat=True)

    custody.shelter(owed, 7)

    assert custody.stow("mia", owed, is_repeat=True)
    assert not custody.stow("mia", owed, is_repeat=True)
    assert Safe(key(PLAIN)) == custody.take(key(PLAIN), "retry") == custody.find(key(PLAIN))
    assert custody.restore_safe(key(PLAIN), 8, now=0.0) is None
    assert (True, False, []) == (custody.has(key(PLAIN)), custody.is_exposed(key(PLAIN)), [*custody.exposed()])
    assert (PLAIN, 1) == (custody.first_stowed("mia"), custody.stowed("mia"))
    assert (1, 1, 1) == (custody.statistics().in_hand, custody.statistics().spilled, custody.statistics().repeats)

    again, is_repeat = custody.unstow("mia")

    assert (Owed(key(PLAIN), entry=7), True) == (again, is_repeat)
    assert custody.is_in_hand(again)
    assert (1, 1) == (custody.statistics().in_hand, custody.statistics().spilled)

    custody.settle(again, Outcome.DELIVERED, now=0.0)

    assert (0, 0) == (custody.statistics().in_hand, custody.statistics().spilled)


def test_what_is_stowed_is_taken_back() -> None:
    """One that was deleted before its turn ends at once, and its turn finds nothing in hand."""
    custody = Custody[str]()
    custody.shelter(owed := take(custody, PLAIN, "first"), 7)
    custody.stow("mia", owed, is_repeat=False)
    custody.settle(custody.take_back(Safe(key(PLAIN))), Outcome.WITHDRAWN, now=0.0)

    assert Settled(key(PLAIN), Outcome.WITHDRAWN) == custody.take(key(PLAIN), "retry")
    assert (0, 0, 1) == (custody.statistics().in_hand, custody.statistics().spilled, custody.stowed("mia"))

    over, _ = custody.unstow("mia")

    assert (7, False) == (over.entry, custody.is_in_hand(over))


class Hands:
    """A book of custody, and what it has to say."""

    def __init__(self) -> None:
        self.custody = Custody[str]()
        self.in_hand: dict[str, Owed[str]] = {}
        self.stowed: set[str] = set()
        self.ended: set[str] = set()

    def come(self, ts: str) -> None:
        """Let a message come, or a repeat of it: it is new only if it is nowhere."""
        taken = self.custody.take(key(ts), "envelope")
        is_known = ts in self.in_hand or ts in self.stowed or ts in self.ended

        assert is_known == (not isinstance(taken, Owed))

        if isinstance(taken, Owed):
            self.in_hand[ts] = taken

    def shelter(self, ts: str) -> None:
        """Bring a message to the spill."""
        if ts in self.in_hand and self.in_hand[ts].entry is None:
            self.custody.shelter(self.in_hand[ts], 7)

    def stow(self, ts: str) -> None:
        """Let a message wait as a number."""
        if ts in self.in_hand and self.custody.stow("mia", self.in_hand[ts], is_repeat=False):
            del self.in_hand[ts]
            self.stowed.add(ts)

    def unstow(self, _: str) -> None:
        """Let the next turn come; of one that was taken back nothing is in hand by it."""
        if self.custody.stowed("mia"):
            owed, _is_repeat = self.custody.unstow("mia")
            ts = owed.key.ts

            assert self.custody.is_in_hand(owed) == (ts in self.stowed)

            if ts in self.stowed:
                self.stowed.remove(ts)
                self.in_hand[ts] = owed

    def take_back(self, ts: str) -> None:
        """Have a message before its turn."""
        if ts in self.stowed:
            self.stowed.remove(ts)
            self.in_hand[ts] = self.custody.take_back(Safe(key(ts)))

    def settle(self, ts: str) -> None:
        """Let a message end."""
        if ts in self.in_hand:
            self.custody.settle(self.in_hand.pop(ts), Outcome.DELIVERED, now=0.0)
            self.ended.add(ts)

    def let_go(self, ts: str) -> None:
        """Give a message back to Slack."""
        if ts in self.in_hand:
            self.custody.let_go(self.in_hand.pop(ts))


THREE = tuple(f"{PLAIN[:-1]}{number}" for number in (1, 2, 3))
STEPS = (Hands.come, Hands.shelter, Hands.stow, Hands.unstow, Hands.take_back, Hands.settle, Hands.let_go)


@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from([f"{PLAIN[:-1]}{low}" for low in "123"])), max_size=60)
)
def test_each_message_is_brought_over_once(steps: list[tuple[Callable[[Hands, str], None], str]]) -> None:
    """In any order of arrivals, stowing and endings, a message is new again only after it was let go."""
    hands = Hands()
    for step, ts in steps:
        step(hands, ts)
        spilled = [each for each in hands.in_hand.values() if each.entry is not None]

        assert len(hands.in_hand) + len(hands.stowed) == hands.custody.statistics().in_hand
        assert len(spilled) + len(hands.stowed) == hands.custody.statistics().spilled


def test_what_is_known() -> None:
    """A message is known from when it came, also when it has ended; one that never came is not."""
    custody = Custody[str]()
    owed = take(custody, "1", "first")

    assert owed is custody.find(key("1"))

    custody.settle(owed, Outcome.DELIVERED, now=0.0)

    assert Settled(key("1")) == custody.find(key("1"))
    assert custody.find(key("2")) is None


def test_what_was_deleted_before_it_came() -> None:
    """A message whose deletion came first is a repeat of that, and counts as nothing that was in our hands."""
    custody = Custody[str]()
    custody.preclude(key("1"), now=0.0)

    assert Settled(key("1"), Outcome.WITHDRAWN) == custody.take(key("1"), "late")
    assert 0 == custody.statistics().withdrawn


def test_what_was_withdrawn_stays_so() -> None:
    """Of what ended before, over a restart too, it is known how; a word that we do not know is no reason to doubt."""
    custody = Custody[str]()
    custody.restore([(key("1"), "withdrawn", 0.0), (key("2"), "delivered", 0.0), (key("3"), "novel", 0.0)])
    custody.settle(take(custody, "4", "first"), Outcome.WITHDRAWN, now=0.0)

    assert [Outcome.WITHDRAWN, Outcome.DELIVERED, Outcome.DELIVERED, Outcome.WITHDRAWN] == [
        taken.outcome for ts in "1234" if isinstance(taken := custody.take(key(ts), "late"), Settled)
    ]


def test_every_outcome_is_counted() -> None:
    """Each message is counted under how it ended, and under nothing else."""
    custody = Custody[str]()
    for number, outcome in enumerate(Outcome):
        custody.settle(take(custody, str(number), "first"), outcome, now=0.0)
    counted = custody.statistics()

    assert dict.fromkeys(Outcome, 1) == {outcome: getattr(counted, outcome.value) for outcome in Outcome}


EDIT = key("1").edited("1760000040.000000", b"words")
DELETION = key("1").deleted("1760000050.000100")


def test_corrections_have_names_of_their_own() -> None:
    """An edit and a deletion are messages beside the one they change, and each name can be read back."""
    names = [key("1"), EDIT, key("1").edited("1760000040.000000", b"others"), key("1").edited("", b"words"), DELETION]

    assert 5 == len({str(name) for name in names})
    assert names == [MessageKey.parse(str(name)) for name in names]
    assert [False] * 4 + [True] == [name.is_deletion for name in names]
    assert {key("1")} == {name.original for name in names}


def test_corrections_come_in_the_order_of_the_changes() -> None:
    """A correction stands where it was made, and never before its message, whatever time Slack gives for it."""
    message = key("1760000040.500000")
    early, unknown = message.edited("1760000040.000000", b"a"), message.edited("", b"a")
    later = key("1760000041.000000")

    assert message.order < unknown.order < later.order
    assert message.order < early.order < later.order
    assert later.order < message.deleted("1760000041.000001").order


def test_what_the_desk_is_told_of() -> None:
    """A correction is wanted of a message that is there, until it is deleted; never of one that is not."""
    custody = Custody[str]()

    assert not custody.is_wanted(EDIT)

    custody.settle(take(custody, "1", "first"), Outcome.DELIVERED, now=0.0)

    assert custody.is_wanted(EDIT)
    assert custody.is_wanted(DELETION)

    custody.take(DELETION, "second")

    assert not custody.is_wanted(EDIT)
    assert custody.is_wanted(DELETION)


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.DELIVERED])
def test_what_the_desk_has_not(outcome: Outcome) -> None:
    """Of a message that did not arrive no change is told."""
    custody = Custody[str]()
    custody.settle(take(custody, "1", "first"), outcome, now=0.0)

    assert not custody.is_wanted(EDIT)
    assert not custody.is_wanted(DELETION)


def test_a_deletion_is_known_from_the_spill() -> None:
    """A deletion that waits in the spill is known after a restart, before it is told."""
    custody = Custody[str]()
    custody.restore([(key("1"), "delivered", 0.0)])
    custody.restore_safe(DELETION, 1, now=0.0)

    assert custody.is_deleted(key("1"))
    assert not custody.is_wanted(EDIT)
