"""Custody: a message is answered for exactly once, however often it comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.remembered import BUCKET_S
from slackkefu.bridge.slack_to_kefu.custody import KEEP_S, Custody, Joined, MessageKey, Outcome, Owed, Settled
from slackkefu.slack.ids import ChannelId, TeamId, Ts
from slackkefu.slack.installation import InstallationKey


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


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["come", "settle", "let_go"])), max_size=60))
def test_each_message_is_brought_over_once(steps: list[tuple[str, str]]) -> None:
    """In any order of arrivals and endings, a message is new again only after it was let go."""
    custody = Custody[str]()
    in_hand: dict[str, Owed[str]] = {}
    ended: set[str] = set()
    for ts, step in steps:
        if step == "come":
            taken = custody.take(key(ts), "envelope")

            assert isinstance(taken, Owed) == (ts not in in_hand and ts not in ended)

            if isinstance(taken, Owed):
                in_hand[ts] = taken
        elif ts in in_hand and step == "settle":
            custody.settle(in_hand.pop(ts), Outcome.DELIVERED, now=0.0)
            ended.add(ts)
        elif ts in in_hand:
            custody.let_go(in_hand.pop(ts))

    assert len(in_hand) == custody.statistics().in_hand


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
    """Of what ended before, over a restart too, it is known whether its writer took it back."""
    custody = Custody[str]()
    custody.restore([(key("1"), "withdrawn", 0.0), (key("2"), "delivered", 0.0), (key("3"), "novel", 0.0)])
    custody.settle(take(custody, "4", "first"), Outcome.WITHDRAWN, now=0.0)

    assert [Outcome.WITHDRAWN, None, None, Outcome.WITHDRAWN] == [
        taken.outcome for ts in "1234" if isinstance(taken := custody.take(key(ts), "late"), Settled)
    ]


def test_every_outcome_is_counted() -> None:
    """Each message is counted under how it ended, and under nothing else."""
    custody = Custody[str]()
    for number, outcome in enumerate(Outcome):
        custody.settle(take(custody, str(number), "first"), outcome, now=0.0)
    counted = custody.statistics()

    assert dict.fromkeys(Outcome, 1) == {outcome: getattr(counted, outcome.value) for outcome in Outcome}
