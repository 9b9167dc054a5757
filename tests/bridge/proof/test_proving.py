"""What the desk does not confirm is sent again, when it is sure that no confirmation waits, and beside the lanes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from slackkefu.bridge.proof.awaited import Origin
from slackkefu.bridge.proof.proof import PROOF_S, TRIES, Proof, Way
from slackkefu.bridge.proof.proving import SEND_S, WRITE_S, Proving, marks_of
from slackkefu.bridge.proof.rereading import Missing
from slackkefu.bridge.slack_to_kefu.custody import MessageKey, Outcome
from slackkefu.easemob.message import OutgoingMessage, TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.errors import LinkClosed, SendOutcomeUnknown, SendRefused, StoreBroken
from slackkefu.kefu.outgoing import mark_of
from slackkefu.store.entries import Awaiting, Concluded, Untold
from tests.bridge.people import MIA, NORTH, Journal, forward, installation
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from structlog.testing import LogCapture

    from slackkefu.bridge.proof.rereading import Reread
    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.slack.installation import Installation
    from slackkefu.store.entries import SlackEntry

USER = ImUser(MIA)
SOUTH = installation("south")


class Sessions:
    """The sessions of visitors, all up and drained unless told otherwise; a question is answered at once."""

    def __init__(self) -> None:
        self.since: dict[ImUser, float | None] = {}
        self.is_silent = False
        self.asked: list[tuple[ImUser, float]] = []
        self.kept: set[ImUser] = set()
        self.proving: Proving | None = None

    def drained_since(self, user: ImUser) -> float | None:
        """Tell since when."""
        return self.since.get(user, 0.0)

    def ask(self, user: ImUser) -> None:
        """Take a question."""
        self.asked.append((user, trio.current_time()))
        if self.is_silent:
            self.since[user] = None
        elif self.proving is not None:
            self.proving.on_drained(user)

    def drain(self, user: ImUser = USER, *, since: float = 0.0) -> None:
        """Say that nothing waits."""
        self.since[user] = since
        assert self.proving is not None
        self.proving.on_drained(user)

    def set_awaits(self, user: ImUser, awaits: bool) -> None:
        """Keep a session or not."""
        (self.kept.add if awaits else self.kept.discard)(user)


class Slack:
    """Where messages are read again: as they were sent, or as told."""

    def __init__(self) -> None:
        self.parts: dict[MessageKey, list[OutgoingMessage]] = {}
        self.answers: list[Reread | Exception] = []
        self.takes_s = 0.0
        self.read_at: list[float] = []
        self.most_at_once = 0
        self._reading = 0

    async def read(self, origin: Origin, marks: frozenset[str]) -> Reread:
        """Return the parts with these marks, or the next answer."""
        self.read_at.append(trio.current_time())
        self._reading += 1
        self.most_at_once = max(self.most_at_once, self._reading)
        await trio.sleep(self.takes_s)
        self._reading -= 1
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return tuple(part for part in self.parts[origin.key] if mark_of(part) in marks)


class Carrier:
    """A way to the desk that notes what goes there, and when; it takes everything unless told otherwise."""

    def __init__(self) -> None:
        self.went: list[tuple[str, float]] = []
        self.answers: list[Exception] = []
        self.takes_s = 0.0

    async def __call__(self, user: ImUser, message: OutgoingMessage) -> None:
        """Send."""
        await trio.sleep(self.takes_s)
        self.went.append((mark_of(message), trio.current_time()))
        if self.answers:
            raise self.answers.pop(0)

    @property
    def marks(self) -> list[str]:
        """What went there, in order."""
        return [mark for mark, _ in self.went]


class Broken:
    """A journal whose disk is broken."""

    async def append(self, *entries: object) -> None:
        """Fail."""
        await trio.lowlevel.checkpoint()
        raise StoreBroken(Path("journal"), f"sync failed with {len(entries)} entries")


class Bench:
    """Proving with stand-ins on all sides."""

    def __init__(self, *, with_second: bool = False, journal: Broken | None = None) -> None:
        self.sessions = Sessions()
        self.slack = Slack()
        self.first, self.second = Carrier(), Carrier()
        self.told: list[SlackEntry] = []
        self.taken_back: list[Untold] = []
        self.journal = Journal()
        ways = [Way.AGAIN, *[Way.SECOND] * with_second, Way.TELL]
        self.proving = self.sessions.proving = Proving(
            proof=Proof(ways=ways),
            sessions=self.sessions,
            reader=self.slack,
            send=self.first,
            second=self.second if with_second else None,
            tell=self.told.append,
            take_back=self.taken_back.append,
            journal=journal or self.journal,
            wall=virtual_wall(),
        )

    def send(
        self, number: int, *, parts: int = 1, user: str = "U0MIA00001", installation: Installation = NORTH
    ) -> Forward:
        """Bring a message to Easemob."""
        message = replace(forward(number=number, user=user), installation=installation)
        key = Origin.of(message).key
        self.slack.parts[key] = [
            OutgoingMessage(
                number * 10 + part,
                ImUser("kefu_service"),
                TextBody("x"),
                {"weichat": {"msg_id_for_ack": f"{number}.{part}"}},
            )
            for part in range(parts)
        ]
        self.proving.sending(message, marks_of(self.slack.parts[key]))
        self.journal.entries += self.proving.ended(message.user, key, Outcome.DELIVERED)
        return message

    def confirm(self, mark: str) -> None:
        """Let the desk confirm a part."""
        self.proving.on_ack(USER, mark)

    def learn(self) -> None:
        """Let the desk confirm something."""
        self.send(999)
        self.confirm("999.0")

    def outcomes(self) -> list[str]:
        """Return how messages have concluded, as the disk knows it."""
        return [entry.outcome for entry in self.journal.entries if isinstance(entry, Concluded)]


@pytest.fixture
async def bench(nursery: trio.Nursery) -> Bench:
    """Proving at work, with a desk that is known to confirm."""
    return await at_work(nursery, Bench())


async def at_work(nursery: trio.Nursery, made: Bench) -> Bench:
    """Let it work, with a desk that is known to confirm."""
    await nursery.start(made.proving.run)
    made.learn()
    return made


# In time.


async def test_what_is_not_confirmed_is_sent_again(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """When its time is over, once Easemob was asked what waits; its session is kept so long."""
    bench.send(1, parts=3)
    bench.confirm("1.1")
    await trio.sleep(PROOF_S + 1)

    assert [("1.0", PROOF_S), ("1.2", PROOF_S)] == bench.first.went
    assert [(USER, PROOF_S)] == bench.sessions.asked
    assert {USER} == bench.sessions.kept
    bench.confirm("1.0")
    bench.confirm("1.2")
    await trio.sleep(10 * PROOF_S)
    assert (2, 1, set(), []) == (
        len(bench.first.went),
        bench.proving.statistics().resent,
        bench.sessions.kept,
        bench.told,
    )


async def test_what_is_confirmed_costs_nothing(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """No question, no reading, no sending."""
    for number in range(1, 20):
        bench.send(number)
        await trio.sleep(5)
        bench.confirm(f"{number}.0")
    await trio.sleep(1000)

    assert ([], [], []) == (bench.sessions.asked, bench.slack.read_at, bench.first.went)


async def test_each_message_has_its_own_time(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """Several messages of one visitor are due one after the other."""
    for number in (1, 2, 3):
        bench.send(number)
        await trio.sleep(7)
    await trio.sleep(PROOF_S)

    assert [("1.0", PROOF_S), ("2.0", PROOF_S + 7), ("3.0", PROOF_S + 14)] == bench.first.went


async def test_while_something_waits_nothing_is_judged(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """Easemob is asked, and until it has answered that nothing waits, the confirmation may be there."""
    bench.sessions.is_silent = True
    bench.send(1)
    await trio.sleep(10 * PROOF_S)
    assert ([], 1) == (bench.first.went, len(bench.sessions.asked))
    bench.confirm("1.0")
    bench.sessions.drain()
    await trio.sleep(10 * PROOF_S)

    assert ([], 1) == (bench.first.went, len(bench.sessions.asked))


async def test_after_the_answer_it_is_judged_at_once(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """The question was asked after its time was over, and all that waited is settled."""
    bench.sessions.is_silent = True
    bench.send(1)
    await trio.sleep(10 * PROOF_S)
    bench.sessions.drain()
    await trio.sleep(0.1)

    assert [("1.0", 10 * PROOF_S)] == bench.first.went


async def test_a_session_that_was_lost_has_to_keep_up_anew(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    """An old question means nothing to a new connection; the desk has its whole time again."""
    bench.sessions.is_silent = True
    bench.send(1)
    await trio.sleep(PROOF_S + 20)
    bench.sessions.is_silent = False
    bench.sessions.drain(since=trio.current_time())
    await trio.sleep(PROOF_S + 1)

    assert [("1.0", 2 * PROOF_S + 20)] == bench.first.went
    assert [PROOF_S, 2 * PROOF_S + 20] == [at for _, at in bench.sessions.asked]


async def test_a_session_that_is_down(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """Nobody is asked, nothing is judged, until it keeps up again."""
    bench.sessions.since[USER] = None
    bench.send(1)
    await trio.sleep(3600)

    assert ([], []) == (bench.sessions.asked, bench.first.went)
    bench.sessions.drain(since=3600.0)
    await trio.sleep(PROOF_S + 1)
    assert [("1.0", 3600 + PROOF_S)] == bench.first.went


async def test_a_desk_that_never_confirms(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """Nothing is asked, sent or kept."""
    bench = Bench()
    await nursery.start(bench.proving.run)
    for number in range(1, 50):
        bench.send(number)
        bench.sessions.drain()
    await trio.sleep(3600)

    assert ([], [], set()) == (bench.sessions.asked, bench.first.went, bench.sessions.kept)


async def test_the_first_confirmation_wakes_everybody(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery, log: LogCapture
) -> None:
    """What other visitors wrote before is judged from then on."""
    bench = Bench()
    await nursery.start(bench.proving.run)
    bench.send(1)
    other = bench.send(2, user="U0LEO00001")
    await trio.sleep(PROOF_S)
    bench.learn()
    await trio.sleep(1)

    assert ["1.0", "2.0"] == sorted(bench.first.marks)
    assert {USER, other.user} == bench.sessions.kept
    assert ["proof.learnt"] == [entry["event"] for entry in log.entries if entry["log_level"] == "info"]


# One way after the other.


async def test_lost_twice_is_told(autojump_clock: trio.testing.MockClock, bench: Bench, log: LogCapture) -> None:
    """After as much time again its writer is told, once; that is on disk before, together with the message's end."""
    bench.send(1)
    await trio.sleep(10 * PROOF_S)
    place: dict[str, Any] = {"team_id": "T0NORTH001", "channel": "D0MIA00001", "ts": "1760000000.000001"}
    at = 1_760_000_000.0 + 2 * PROOF_S
    entry = Untold(**place, user="U0MIA00001", certainty="possibly", reason="not_confirmed", at=at)

    assert (["1.0"], [entry]) == (bench.first.marks, bench.told)
    assert [entry, Concluded(**place, outcome="told", at=at)] == bench.journal.entries[-2:]
    assert (1, 1, 0) == (
        bench.proving.statistics().resent,
        bench.proving.statistics().told,
        bench.proving.statistics().awaiting,
    )
    assert ["proof.again", "proof.none"] == [each["event"] for each in log.entries if each["log_level"] == "warning"]


async def test_confirmed_after_it_was_told(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """What was told is taken back, once, as soon as the last part is confirmed."""
    bench.send(1, parts=2)
    await trio.sleep(10 * PROOF_S)
    bench.confirm("1.0")
    assert [] == bench.taken_back
    bench.confirm("1.1")
    bench.confirm("1.1")

    assert [("1760000000.000001", "arrived")] == [(each.ts, each.reason) for each in bench.taken_back]
    assert (1, 1) == (bench.proving.statistics().told, bench.proving.statistics().arrived)


async def test_the_second_channel_comes_before(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """Where there is one, it gets its own time."""
    bench = await at_work(nursery, Bench(with_second=True))
    bench.send(1)
    await trio.sleep(2 * PROOF_S + 1)
    assert ([("1.0", PROOF_S)], [("1.0", 2 * PROOF_S)], []) == (bench.first.went, bench.second.went, bench.told)
    bench.send(2)
    await trio.sleep(10 * PROOF_S)

    assert (2, 2, 2) == (len(bench.first.went), len(bench.second.went), len(bench.told))
    assert 2 == bench.proving.statistics().second_channel


async def test_a_way_that_fails_for_now_is_tried_again(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """A few times, with pauses; the same again means the same ids."""
    bench.first.answers += [LinkClosed("im", "cut"), SendOutcomeUnknown("none in 15 s")]
    bench.send(1)
    await trio.sleep(TRIES * PROOF_S + 1)
    assert ([PROOF_S, 2 * PROOF_S, 3 * PROOF_S], []) == ([at for _, at in bench.first.went], bench.told)
    await trio.sleep(PROOF_S)

    assert 1 == len(bench.told)


async def test_a_way_that_takes_too_long(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """A session that went away in the meantime holds up nobody."""
    bench.first.takes_s = 1e6
    bench.send(1)
    await trio.sleep(TRIES * (PROOF_S + SEND_S) + PROOF_S + 1)

    assert ([], 1) == (bench.first.went, len(bench.told))


async def test_a_visitor_who_is_forbidden_is_told_at_once(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """What Easemob refuses for good is tried no other way."""
    bench.first.answers.append(SendRefused(1, "blocked"))
    bench.send(1)
    await trio.sleep(PROOF_S + 1)

    assert 1 == len(bench.told)


@pytest.mark.parametrize(
    ("answer", "told", "gone"), [(Missing.GONE, 0, 1), (Missing.CHANGED, 1, 0), (Missing.UNREADABLE, 1, 0)]
)
async def test_there_is_nothing_to_send(
    autojump_clock: trio.testing.MockClock, bench: Bench, answer: Missing, told: int, gone: int
) -> None:
    """A deleted message is dropped; of one that was edited, or cannot be read, its writer is told."""
    bench.slack.answers.append(answer)
    bench.send(1)
    await trio.sleep(10 * PROOF_S)

    assert ([], told, gone) == (bench.first.went, len(bench.told), bench.proving.statistics().gone)


async def test_a_confirmation_while_it_is_being_read(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """What is confirmed in the last moment is not sent."""
    bench.slack.takes_s = 5
    bench.send(1, parts=2)
    bench.send(2)
    await trio.sleep(PROOF_S + 3)
    bench.confirm("1.0")
    bench.confirm("2.0")
    await trio.sleep(20)

    assert (["1.1"], [PROOF_S]) == (bench.first.marks, bench.slack.read_at)


async def test_a_fault_of_ours_holds_up_nobody(
    autojump_clock: trio.testing.MockClock, bench: Bench, log: LogCapture
) -> None:
    """It is said, and the message is tried again; the next one goes meanwhile."""
    bench.slack.answers.append(ZeroDivisionError())
    bench.send(1)
    bench.send(2)
    await trio.sleep(10 * PROOF_S)

    assert [("2.0", PROOF_S), ("1.0", 2 * PROOF_S)] == bench.first.went
    assert 1 == len([entry for entry in log.entries if entry["event"] == "proof.fault"])


async def test_a_disk_that_is_full_when_somebody_is_to_be_told(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    """Nobody is told before that is on disk, so it is tried until it is."""
    bench.send(1)
    bench.journal.is_full = True
    await trio.sleep(30 * PROOF_S)
    assert [] == bench.told
    bench.journal.is_full = False
    await trio.sleep(2 * PROOF_S)

    assert 1 == len(bench.told)


async def test_a_broken_disk_ends_it(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """After a failed sync nothing can be promised any more, whoever meets it."""
    bench.send(1)
    await bench.proving.flush()
    after = Bench(journal=Broken())
    after.slack.parts = bench.slack.parts
    after.proving.restore(bench.journal.entries)
    with pytest.RaisesGroup(StoreBroken, flatten_subgroups=True):
        await after.proving.run()

    assert 2 * PROOF_S == trio.current_time()


async def test_a_desk_that_stops_confirming(
    autojump_clock: trio.testing.MockClock, bench: Bench, log: LogCapture
) -> None:
    """After a few messages nobody is told any more; the log says that the desk is in doubt."""
    for number in range(1, 31):
        bench.send(number)
    await trio.sleep(100 * PROOF_S)

    assert 5 == len(bench.told)
    assert ["txt"] == [entry["kind"] for entry in log.entries if entry["event"] == "proof.in_doubt"]
    assert set() == bench.sessions.kept


async def test_something_comes_while_it_is_being_read(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """Reading may take long; what waits at Easemob by then is settled first, and all is judged anew."""
    bench.slack.takes_s = 600
    bench.send(1)
    await trio.sleep(PROOF_S + 1)
    bench.slack.takes_s = 0
    bench.sessions.since[USER] = None
    await trio.sleep(1000)
    assert [] == bench.first.went
    bench.sessions.drain()
    await trio.sleep(1)

    assert [("1.0", PROOF_S + 1001)] == bench.first.went


async def test_installations_do_not_hold_up_each_other(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """One message after the other is read of each, at the same time."""
    bench.slack.takes_s = 10
    for number in range(1, 7):
        bench.send(number, user=f"U0EVE{number:05}", installation=(NORTH, SOUTH)[number % 2])
    await trio.sleep(PROOF_S + 31)

    assert [PROOF_S + pause for pause in (10, 10, 20, 20, 30, 30)] == [at for _, at in bench.first.went]
    assert 2 == bench.slack.most_at_once


async def test_one_visitor_has_one_turn_at_a_time(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """What becomes due while the visitor's others are dealt with comes after them."""
    bench.slack.takes_s = 20
    bench.send(1)
    await trio.sleep(10)
    bench.send(2)
    await trio.sleep(PROOF_S + 100)

    assert 1 == bench.slack.most_at_once
    assert ["1.0", "2.0"] == bench.first.marks[:2]


# The disk.


async def test_what_is_waited_for_goes_along_with_the_end(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """Together with what has been confirmed since; a refused message leaves nothing."""
    bench.send(1)
    refused = forward(number=2)
    bench.proving.sending(refused, {"2.0": "txt"})
    along = bench.proving.ended(USER, Origin.of(refused).key, Outcome.REFUSED)

    assert [Awaiting, Concluded, Awaiting] == [type(entry) for entry in bench.journal.entries]
    assert () == along
    assert 1 == bench.proving.statistics().awaiting


async def test_what_was_confirmed_is_written_soon(autojump_clock: trio.testing.MockClock, bench: Bench) -> None:
    """When nothing else is written, by itself, and several at once."""
    for number in (1, 2):
        bench.send(number)
        bench.confirm(f"{number}.0")
    await trio.sleep(WRITE_S + 1)

    assert ["confirmed"] * 3 == bench.outcomes()


async def test_a_full_disk_is_tried_again(
    autojump_clock: trio.testing.MockClock, bench: Bench, log: LogCapture
) -> None:
    """What it does not take is kept in memory until it does."""
    bench.journal.is_full = True
    await trio.sleep(5 * WRITE_S)
    assert [] == bench.outcomes()
    bench.journal.is_full = False
    await trio.sleep(WRITE_S + 1)

    assert ["confirmed"] == bench.outcomes()
    assert "store.unwritable" in {entry["event"] for entry in log.entries}


async def test_a_restart_goes_on(autojump_clock: trio.testing.MockClock, bench: Bench, nursery: trio.Nursery) -> None:
    """What was waited for is waited for, the visitors' sessions are kept, and what is lost is sent again."""
    bench.send(1)
    await bench.proving.flush()
    after = Bench()
    after.slack.parts = bench.slack.parts
    after.proving.restore(bench.journal.entries)
    assert {USER} == after.sessions.kept
    await nursery.start(after.proving.run)
    await trio.sleep(PROOF_S + 1)

    assert [("1.0", PROOF_S)] == after.first.went
