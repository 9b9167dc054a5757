"""Who wrote a message that did not reach the desk is told so, once, until Slack has taken it."""

from __future__ import annotations

from collections import defaultdict, deque
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
import trio
import trio.testing

from slackkefu.bridge.languages import Languages
from slackkefu.bridge.proof.awaited import Conclusion, concluded
from slackkefu.bridge.slack_to_kefu import telling
from slackkefu.bridge.slack_to_kefu.custody import MessageKey
from slackkefu.bridge.slack_to_kefu.telling import KEEP_S, Telling, untold
from slackkefu.errors import (
    ConnectFailed,
    SlackApiError,
    SlackOutcomeUnknown,
    SlackRateLimited,
    StoreBroken,
)
from slackkefu.slack.directory import Directory
from slackkefu.slack.ids import ChannelId, Ts, UserId
from slackkefu.slack.installation import Installations
from slackkefu.slack.profile import Profile
from slackkefu.store.entries import Settled, Told, Untold
from tests.bridge.people import NORTH, Journal, installation, world

if TYPE_CHECKING:
    from collections.abc import Mapping

    from structlog.testing import LogCapture

    from slackkefu.secret import Secret
    from slackkefu.slack.web import WebClient
    from slackkefu.store.entries import Certainty

MARK = "reactions.add"
NOTE = "chat.postEphemeral"
UNMARK = "reactions.remove"
MIA = UserId("U0MIA00001")
SOUTH = installation("south")


class Web:
    """A Web API whose first answers, by method, are given (None: taken); then it takes everything."""

    def __init__(self) -> None:
        self.answers: defaultdict[str, deque[Exception | None]] = defaultdict(deque)
        self.calls: list[tuple[str, str, float]] = []
        self.notes: list[Mapping[str, object]] = []
        self.takes_s = 0.0

    async def call(
        self, method: str, arguments: Mapping[str, object], *, token: Secret, channel: str
    ) -> Mapping[str, object]:
        """Note a call, and give its answer."""
        assert channel == arguments["channel"]
        self.calls.append((method, token.reveal(), trio.current_time()))
        await trio.sleep(self.takes_s)
        problem = self.answers[method].popleft() if self.answers[method] else None
        if problem is not None:
            raise problem
        if method == NOTE:
            self.notes.append(arguments)
        return {"ok": True}

    @property
    def methods(self) -> list[str]:
        """What was called, in order."""
        return [method for method, _, _ in self.calls]


class Crier:
    """A telling, with what it needs."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.web = Web()
        self.journal = journal or Journal()
        self.installations = Installations([NORTH, SOUTH])
        self.directory = Directory(web=cast("WebClient", None))
        self.telling = Telling(
            world=world(),
            web=cast("WebClient", self.web),
            installations=self.installations,
            languages=Languages(self.directory, default="both"),
            journal=self.journal,
        )

    @property
    def outcomes(self) -> list[str]:
        """What was written of how it ended."""
        return [entry.outcome for entry in self.journal.entries if isinstance(entry, Told)]

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Pending, told surely, told possibly, untold."""
        counted = self.telling.statistics()
        return counted.pending, counted.told_surely, counted.told_possibly, counted.untold


@pytest.fixture
async def crier(nursery: trio.Nursery) -> Crier:
    """Give one that runs."""
    crier = Crier()
    await nursery.start(crier.telling.run)
    return crier


def entry(
    number: int = 1, *, certainty: Certainty = "surely", thread: str | None = None, at: float = 1_760_000_000.0
) -> Untold:
    """Make what is to be told of a message of Mia's."""
    key = MessageKey(NORTH.key, ChannelId("D0MIA00001"), Ts(f"1760000000.{number:06}"))
    thread_ts = Ts(thread) if thread else None
    return untold(key, user=MIA, thread_ts=thread_ts, certainty=certainty, reason="moderated", at=at)


def ended(number: int = 1, outcome: str = "refused") -> Settled:
    """Make the end of such a message."""
    return Settled(team_id="T0NORTH001", channel="D0MIA00001", ts=f"1760000000.{number:06}", outcome=outcome, at=0.0)


MISSING = SlackApiError(MARK, "missing_scope", needed="reactions:write")
GONE = SlackApiError(MARK, "message_not_found")
DONE = SlackApiError(MARK, "already_reacted")
LOST = SlackOutcomeUnknown(MARK, "HTTP 503")
AWAY = ConnectFailed("slack.com", "no route")
LIMITED = SlackRateLimited(MARK, 300.0)
POLICY = SlackApiError(MARK, "access_denied")
NOT_IN = SlackApiError(NOTE, "user_not_in_channel")


async def test_a_mark_and_a_note(crier: Crier, autojump_clock: trio.testing.MockClock) -> None:
    """The message is marked, that is written down, and then its writer alone gets a note in the same thread."""
    crier.journal.takes_s = 1.0
    crier.telling.take(entry(thread="1759999999.000001"))
    await trio.sleep(60)
    (told,) = (each for each in crier.journal.entries if isinstance(each, Told))

    assert [(MARK, "xoxb-north", 0.0), (NOTE, "xoxb-north", 1.0)] == crier.web.calls
    assert ("told", "D0MIA00001", "1760000000.000001") == (told.outcome, told.channel, told.ts)
    assert ["D0MIA00001", MIA, "1759999999.000001"] == [
        crier.web.notes[0][name] for name in ("channel", "user", "thread_ts")
    ]
    assert (0, 1, 0, 0) == crier.counts


@pytest.mark.parametrize(
    ("locale", "certainty", "has", "has_not"),
    [
        ("zh-CN", "surely", ["没有送达客服"], ["Your"]),
        ("de-DE", "surely", ["did not reach"], ["客服"]),
        ("en-US", "possibly", ["may not have reached"], ["客服"]),
        ("", "possibly", ["可能没有送达客服", "may not have reached"], []),
    ],
)
async def test_in_the_writer_s_language(
    crier: Crier,
    autojump_clock: trio.testing.MockClock,
    locale: str,
    certainty: Certainty,
    has: list[str],
    has_not: list[str],
) -> None:
    """The note says how sure it is, in the language of its reader, or in both."""
    if locale:
        crier.directory._users.put((NORTH.key, MIA), Profile(locale=locale))
    crier.telling.take(entry(certainty=certainty))
    await trio.sleep(60)
    text = str(crier.web.notes[0]["text"])

    assert all(piece in text for piece in has)
    assert not any(piece in text for piece in has_not)
    assert "<!date^1760000000^" in text


@pytest.mark.parametrize(
    ("mark", "note", "outcome"),
    [
        ([DONE], [], "told"),
        ([LOST, DONE], [], "told"),
        ([DONE], [NOT_IN], "told"),
        ([AWAY, AWAY], [], "told"),
        ([LIMITED, POLICY], [], "told"),
        ([MISSING], [], "told"),
        ([GONE], [], "told"),
        ([MISSING], [AWAY, LOST], "told"),
        ([None], [NOT_IN], "told"),
        ([None], [AWAY, LIMITED], "told"),
        ([MISSING], [SlackApiError(NOTE, "missing_scope")], "missing_scope"),
        ([GONE], [LOST, NOT_IN], "user_not_in_channel"),
        ([SlackApiError(MARK, "token_revoked")], [SlackApiError(NOTE, "token_revoked")], "token_revoked"),
    ],
)
async def test_what_counts(
    crier: Crier,
    autojump_clock: trio.testing.MockClock,
    log: LogCapture,
    mark: list[Exception | None],
    note: list[Exception | None],
    outcome: str,
) -> None:
    """A mark that stands counts as told, else a note that was taken; what both refuse is an error."""
    crier.web.answers[MARK] += mark
    crier.web.answers[NOTE] += note
    crier.telling.take(entry())
    await trio.sleep(3600)

    assert [outcome] == crier.outcomes
    assert (0, int(outcome == "told"), 0, int(outcome != "told")) == crier.counts
    assert [] == [*crier.web.answers[MARK], *crier.web.answers[NOTE]]
    assert int(outcome != "told") == sum(entry["log_level"] == "error" for entry in log.entries)
    assert len(crier.web.notes) == (NOT_IN not in note and outcome == "told")


async def test_no_note_is_posted_twice(crier: Crier, autojump_clock: trio.testing.MockClock) -> None:
    """Where the mark stands a note whose answer got lost is left at that."""
    crier.web.answers[NOTE].append(LOST)
    crier.telling.take(entry())
    await trio.sleep(3600)

    assert [MARK, NOTE] == crier.web.methods


async def test_nothing_is_told_twice(crier: Crier, autojump_clock: trio.testing.MockClock) -> None:
    """What is pending is not taken again, and what is no matter of telling is passed over."""
    crier.web.takes_s = 5.0
    for _ in range(2):
        crier.telling.take(entry())
        await trio.sleep(1)
    crier.telling.take(Settled(team_id="T0NORTH001", channel="D0MIA00001", ts="1.0", outcome="delivered", at=0.0))
    await trio.sleep(60)

    assert [MARK, NOTE] == crier.web.methods


async def test_after_the_pause_that_slack_asks_for(crier: Crier, autojump_clock: trio.testing.MockClock) -> None:
    """A rate limit is obeyed: nothing is asked before its time."""
    crier.web.answers[MARK].append(LIMITED)
    crier.telling.take(entry())
    await trio.sleep(3600)

    assert 300.0 == crier.web.calls[1][2]


async def test_one_workspace_holds_up_no_other(crier: Crier, autojump_clock: trio.testing.MockClock) -> None:
    """While calls of one workspace hang, one at a time, another's are made."""
    crier.web.takes_s = 20.0
    for number in range(3):
        crier.telling.take(entry(number))
    crier.telling.take(msgspec.structs.replace(entry(), team_id="T0SOUTH001", channel="D0BEN00001"))
    await trio.sleep(1)

    assert ["xoxb-north", "xoxb-south"] == sorted(token for _, token, _ in crier.web.calls)


async def test_one_that_waits_holds_up_no_other(crier: Crier, autojump_clock: trio.testing.MockClock) -> None:
    """What is to be tried later leaves its place to the next."""
    crier.web.answers[MARK].append(LIMITED)
    crier.telling.take(entry(1))
    crier.telling.take(entry(2))
    await trio.sleep(10)

    assert (1, 1, 0, 0) == crier.counts


async def test_the_app_was_removed(crier: Crier, autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """Without a token nobody can be told, which is named."""
    crier.installations.remove(NORTH.key)
    crier.telling.take(entry())
    await trio.sleep(1)

    assert [] == crier.web.calls
    assert ["app_removed"] == crier.outcomes
    assert ["app_removed"] == [line["problem"] for line in log.entries if line["event"] == "telling.untold"]


async def test_a_day_is_enough(crier: Crier, autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """What could not be told within a day is given up, as an error; the pauses grow meanwhile."""
    crier.web.answers[MARK] += [AWAY] * 10_000
    crier.telling.take(entry())
    await trio.sleep(2 * KEEP_S)

    assert (0, 0, 0, 1) == crier.counts
    assert ["too_late"] == crier.outcomes
    assert KEEP_S == crier.web.calls[-1][2]
    assert 100 < len(crier.web.calls) < 400


async def test_a_note_is_given_up_quietly(crier: Crier, autojump_clock: trio.testing.MockClock) -> None:
    """Where the mark stands the message is told, also when its note never comes."""
    crier.web.answers[NOTE] += [AWAY] * 10_000
    crier.telling.take(entry())
    await trio.sleep(10)
    counted = crier.counts
    await trio.sleep(2 * KEEP_S)

    assert (0, 1, 0, 0) == counted == crier.counts
    assert ["told"] == crier.outcomes


async def test_more_than_fits_waits(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """A workspace with more to be told than its lane takes is told all of it."""
    crier = Crier()
    await nursery.start(crier.telling.run)
    for number in range(1200):
        crier.telling.take(entry(number))
    await trio.sleep(3600)

    assert (0, 1200, 0, 0) == crier.counts


async def test_a_fault_of_ours(crier: Crier, autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """An error that nobody foresaw is said, and tried again."""
    crier.web.answers[MARK].append(ZeroDivisionError())
    crier.telling.take(entry())
    await trio.sleep(3600)

    assert ["telling.fault"] == [line["event"] for line in log.entries if line["log_level"] == "error"]
    assert (0, 1, 0, 0) == crier.counts


# On disk.


async def test_a_full_disk(crier: Crier, autojump_clock: trio.testing.MockClock) -> None:
    """While it cannot be written that the mark stands the note waits: a crash now must not double it."""
    crier.journal.is_full = True
    crier.telling.take(entry())
    await trio.sleep(600)

    assert [MARK] == crier.web.methods
    assert 1 == crier.counts[0]

    crier.journal.is_full = False
    await trio.sleep(600)

    assert [MARK, NOTE] == crier.web.methods
    assert (0, 1, 0, 0) == crier.counts


async def test_a_full_disk_to_the_end(crier: Crier, autojump_clock: trio.testing.MockClock) -> None:
    """What is given up while the disk is full is counted; the next run finds it untold."""
    crier.journal.is_full = True
    crier.web.answers[MARK].append(GONE)
    crier.web.answers[NOTE].append(NOT_IN)
    crier.telling.take(entry())
    await trio.sleep(2 * KEEP_S)

    assert (0, 0, 0, 1) == crier.counts
    assert [] == crier.outcomes


async def test_a_broken_store(autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed sync nothing goes on: it ends the daemon."""
    crier = Crier()

    async def break_down(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        raise StoreBroken(Path("journal"), "a sync failed")

    monkeypatch.setattr(crier.journal, "append", break_down)
    with pytest.RaisesGroup(StoreBroken, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            await nursery.start(crier.telling.run)
            crier.telling.take(entry())


async def test_a_restart_tells_what_is_left(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """The next run tells what the journal has as untold, and that alone."""
    first = Crier()
    done, left = entry(1), entry(2)
    first.journal.entries += [done, ended(1), left, ended(2)]
    first.telling.take(done)
    with trio.move_on_after(5):
        await first.telling.run()
    second = Crier(first.journal)
    second.telling.restore(first.journal.entries)
    await nursery.start(second.telling.run)
    await trio.sleep(60)

    assert [MARK, NOTE] == second.web.methods
    assert ["1760000000.000001", "1760000000.000002"] == [
        each.ts for each in first.journal.entries if isinstance(each, Told)
    ]


@pytest.mark.parametrize("later", [[], [ended(outcome="delivered")]])
async def test_what_has_not_ended_is_not_told(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, later: list[Settled]
) -> None:
    """A message whose end a crash has cut off is brought over anew; nobody is told that it did not arrive."""
    crier = Crier()
    crier.telling.restore([entry(), *later])
    await nursery.start(crier.telling.run)
    await trio.sleep(60)

    assert [] == crier.web.methods
    assert (0, 0, 0, 0) == crier.counts


@pytest.mark.parametrize("outcome", ["refused", "set_aside", "too_old", "of a later version"])
async def test_every_end_that_is_to_be_told(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, outcome: str
) -> None:
    """However a message ended with which it was to be told, it is; what is written of its edits is no end."""
    crier = Crier()
    edit = msgspec.structs.replace(ended(outcome="delivered"), revision="1760000050.000000")
    crier.telling.restore([entry(), edit, ended(outcome=outcome)])
    await nursery.start(crier.telling.run)
    await trio.sleep(60)

    assert [MARK, NOTE] == crier.web.methods


async def test_what_the_desk_does_not_confirm_is_told_after_a_restart(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """The end of waiting for the desk is an end too."""
    crier = Crier()
    key = MessageKey(NORTH.key, ChannelId("D0MIA00001"), Ts("1760000000.000001"))
    crier.telling.restore([ended(outcome="delivered"), entry(), concluded(key, Conclusion.TOLD, at=0.0)])
    await nursery.start(crier.telling.run)
    await trio.sleep(60)

    assert [MARK, NOTE] == crier.web.methods


@pytest.mark.parametrize(("reached", "methods"), [(True, [MARK, NOTE]), (False, [MARK])])
async def test_one_that_is_too_old(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, reached: bool, methods: list[str]
) -> None:
    """What a long absence has made older than a day is tried once."""
    crier = Crier()
    if not reached:
        crier.web.answers[MARK].append(AWAY)
    crier.telling.restore([entry(at=1_760_000_000.0 - 2 * KEEP_S), ended()])
    await nursery.start(crier.telling.run)
    await trio.sleep(3600)

    assert methods == crier.web.methods
    assert [("told" if reached else "too_late")] == crier.outcomes


def test_it_says_what_it_has() -> None:
    """Its representation says how much is to be told."""
    assert "<Telling of 0>" == repr(Crier().telling)


async def test_taken_back(crier: Crier, autojump_clock: trio.testing.MockClock) -> None:
    """The mark of a message that has arrived after all goes, tried until Slack has taken that; its note stays."""
    crier.telling.take(entry())
    await trio.sleep(60)
    crier.web.answers[UNMARK].append(AWAY)
    crier.telling.take_back(entry())
    crier.telling.take_back(entry())
    await trio.sleep(60)

    assert [MARK, NOTE, UNMARK, UNMARK] == crier.web.methods
    assert (["told"], 1) == (crier.outcomes, crier.telling.statistics().taken_back)
    assert (0, 1, 0, 0) == crier.counts


async def test_taken_back_before_it_was_told(crier: Crier, autojump_clock: trio.testing.MockClock) -> None:
    """What could not be told yet is told no more; the mark may stand all the same, for an answer was lost."""
    crier.web.answers[MARK].append(LOST)
    crier.telling.take(entry())
    await trio.sleep(0.5)
    crier.telling.take_back(entry())
    await trio.sleep(600)

    assert [MARK, UNMARK] == crier.web.methods
    assert (["arrived"], 1) == (crier.outcomes, crier.telling.statistics().taken_back)
    assert (0, 0, 0, 0) == crier.counts


async def test_taken_back_while_it_is_told(crier: Crier, autojump_clock: trio.testing.MockClock) -> None:
    """A mark that is just being made is taken back after it."""
    crier.web.takes_s = 1.0
    crier.telling.take(entry())
    await trio.sleep(0.5)
    crier.telling.take_back(entry())
    await trio.sleep(60)

    assert UNMARK == crier.web.methods[-1]
    assert 1 == crier.telling.statistics().taken_back


@pytest.mark.parametrize(
    ("problem", "taken_back"),
    [(SlackApiError(UNMARK, "no_reaction"), 1), (SlackApiError(UNMARK, "missing_scope"), 0)],
)
async def test_what_counts_as_taken_back(
    crier: Crier, autojump_clock: trio.testing.MockClock, problem: SlackApiError, taken_back: int
) -> None:
    """A mark that is not there is gone; one that may not be removed stays, and is not tried for ever."""
    crier.web.answers[UNMARK].append(problem)
    crier.telling.take_back(entry())
    await trio.sleep(600)

    assert [UNMARK] == crier.web.methods
    assert ([], taken_back) == (crier.outcomes, crier.telling.statistics().taken_back)


async def test_no_room_to_take_back(
    crier: Crier, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, log: LogCapture
) -> None:
    """Then the mark stays, which is said; it does not count as untold."""
    monkeypatch.setattr(telling, "MOST", 0)
    crier.telling.take_back(entry())

    assert (0, 0, 0, 0) == crier.counts
    assert ["telling.not_taken_back"] == [each["event"] for each in log.entries]


async def test_more_than_can_be_told(
    crier: Crier, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, log: LogCapture
) -> None:
    """A workspace with too much leaves room for others; the rest is said once, counted, and told by the next run."""
    monkeypatch.setattr(telling, "MOST_OF_ONE", 4)
    monkeypatch.setattr(telling, "MOST", 5)
    for number in range(1, 10):
        crier.telling.take(entry(number))
    for number in (1, 2):
        crier.telling.take(msgspec.structs.replace(entry(number), team_id=SOUTH.key.team_id, channel="D0BEN00001"))

    assert (5, 0, 0, 6) == crier.counts
    assert ["telling.full", "telling.full"] == [each["event"] for each in log.entries]

    await trio.sleep(60)
    crier.telling.take(entry(10))
    await trio.sleep(60)

    assert (0, 6, 0, 6) == crier.counts

    after = Crier()
    after.telling.restore([each for number in (5, 6) for each in (entry(number), ended(number))])

    assert (2, 0, 0, 0) == after.counts


async def test_a_full_workspace_is_said_again(
    crier: Crier, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, log: LogCapture
) -> None:
    """Not for every message, but once more when there was much room between."""
    monkeypatch.setattr(telling, "MOST_OF_ONE", 2)
    for number in range(1, 10):
        crier.telling.take(entry(number))
    await trio.sleep(60)
    for number in range(11, 20):
        crier.telling.take(entry(number))

    assert 2 == len([each for each in log.entries if each["event"] == "telling.full"])


async def test_a_change_is_told_beside_its_message(crier: Crier, autojump_clock: trio.testing.MockClock) -> None:
    """A message and a correction of it are two matters, each with a sentence of its own; over a restart too."""
    change = msgspec.structs.replace(entry(), revision="1760000050.000000~0a1b2c3d")
    crier.telling.restore([entry(), change, ended(), msgspec.structs.replace(ended(), revision=change.revision)])
    await trio.sleep(60)
    told = [(each.ts, each.revision) for each in crier.journal.entries if isinstance(each, Told)]

    assert {(change.ts, ""), (change.ts, change.revision)} == {*told}
    assert [1, 1] == [sum(words in str(note["text"]) for note in crier.web.notes) for words in ("消息没有", "更改没有")]
