"""An agent whose answer did not arrive is told once a session, and never where a text could do harm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
import trio.testing
from trio.testing import wait_all_tasks_blocked

from slackkefu.bridge.agent_lines import reached_again, stopped
from slackkefu.bridge.book import Book, closed
from slackkefu.bridge.kefu_to_slack.agent_notes import IN_ALL, PATIENCE_S, AgentNotes, note
from slackkefu.bridge.workspaces.reach import Why
from slackkefu.easemob.message import IncomingMessage, TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.errors import LinkClosed, SendRefused
from slackkefu.kefu.incoming import read
from slackkefu.store.visitors import SessionStatus, VisitorRecord
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, Shelf, world

if TYPE_CHECKING:
    from slackkefu.easemob.message import OutgoingMessage
    from slackkefu.kefu.messages import KefuMessage
    from slackkefu.kefu.speaker import Speaker

USER = ImUser(MIA)
SERVICE = ImUser("kefu_service")
NOW = 1_760_000_000.0

RECORD = VisitorRecord(
    im_user=MIA,
    team="T0NORTH001",
    user="U0MIA00001",
    channel="D0MIA00001",
    name="Mia",
    workspace="North",
    open_session="s-1",
    last_active=NOW,
)


def answer(user_type: str | None = "Agent", *, session: str | None = "s-1") -> KefuMessage:
    """Make what somebody at the desk wrote."""
    agent: Any = None if user_type is None else {"userNickname": "Lin", "userType": user_type}
    if user_type == "":
        agent = {"userNickname": "Scheduler"}
    weichat: dict[str, Any] = {"msgId": "m-1", "agent": agent}
    if session is not None:
        weichat["service_session"] = {"serviceSessionId": session}
    meta = IncomingMessage(1, SERVICE, USER, 0, TextBody("sekrit"), {"weichat": weichat})
    return read(meta, service_number=SERVICE)


def made(record: VisitorRecord = RECORD, message: KefuMessage | None = None, *, now: float = NOW) -> Any:
    """Make the note about a refused answer, if there is one."""
    return note(record, message or answer(), code="is_archived", service_number=SERVICE, now=now)


def test_a_note() -> None:
    """It says why in two languages, to the service number, like every word of the visitor's; and not what was said."""
    session, message = made()

    assert ("s-1", SERVICE) == (session, message.to)
    assert "系统提示 System" in message.body.text
    assert 2 == message.body.text.count("is_archived")
    assert "sekrit" not in repr((message, message.body, message.ext))
    assert "Mia" == message.ext["weichat"]["visitor"]["userNickname"]


def test_a_repeat_is_the_same_message() -> None:
    """Its ids derive from visitor and session alone."""
    others = (
        msgspec.structs.replace(RECORD, open_session="s-2"),
        msgspec.structs.replace(RECORD, im_user="t0north001_u0leo00001_d0leo00001"),
    )
    _, first = made()
    _, again = made(msgspec.structs.replace(RECORD, name="Mia M.", thread_ts="1.1"))
    different = [made(record, answer(session=None))[1] for record in others]

    def ids(message: OutgoingMessage) -> tuple[int, object]:
        weichat: Any = message.ext["weichat"]
        return message.meta_id, weichat["msg_id_for_ack"]

    assert ids(first) == ids(again)
    assert 3 == len({ids(message) for message in (first, *different)})


@pytest.mark.parametrize("user_type", ["Robot", "", "Novel", None])
def test_only_agents_are_told(user_type: str | None) -> None:
    """Not a robot, not the system, and not whoever it was where the desk does not say."""
    assert made(message=answer(user_type)) is None


@pytest.mark.parametrize(
    "record",
    [
        msgspec.structs.replace(RECORD, open_session=None),
        msgspec.structs.replace(RECORD, open_session=""),
        msgspec.structs.replace(RECORD, open_session="s-2"),
        msgspec.structs.replace(RECORD, last_active=NOW - 25 * 3600),
        closed(RECORD, "s-1"),
    ],
)
def test_only_in_the_open_session(record: VisitorRecord) -> None:
    """Not after its end, in another one, in one that was silent for a day, or in one that nobody can name."""
    assert made(record) is None


def test_once_a_session() -> None:
    """What the record says was told is not told again; the next session is another."""
    told = msgspec.structs.replace(RECORD, agent_told="s-1")

    assert made(told) is None
    assert made(msgspec.structs.replace(told, open_session="s-2"), answer(session="s-2")) is not None


# Sending.


class Desk:
    """Agent notes with a stand-in for Easemob."""

    def __init__(self) -> None:
        self.problems: list[Exception] = []
        self.takes_s = 0.0
        self.sent: list[tuple[ImUser, OutgoingMessage]] = []
        self.shelf = Shelf()
        self.book = Book([RECORD], store=self.shelf, disk=InlineDisk())
        self.serving: Speaker | None = answer().by
        self.notes = AgentNotes(
            book=self.book, service_number=SERVICE, send=self._send, serving=lambda _: self.serving, world=world()
        )

    @property
    def texts(self) -> list[str]:
        """What agents were told."""
        return [message.body.text for _, message in self.sent if isinstance(message.body, TextBody)]

    def closes(self) -> None:
        """End the session."""
        record = self.book.get(USER)
        assert record is not None
        self.book.remember(closed(record, "s-1"))

    async def _send(self, user: ImUser, message: OutgoingMessage) -> None:
        await trio.sleep(self.takes_s)
        if self.problems:
            raise self.problems.pop()
        self.sent.append((user, message))


@pytest.fixture
async def desk(nursery: trio.Nursery) -> Desk:
    """Make a desk whose notes are sent."""
    made = Desk()
    await nursery.start(made.notes.run)
    return made


async def test_told_once(desk: Desk, autojump_clock: trio.testing.MockClock) -> None:
    """However many answers are refused in a session there is one note, and the record says so, on disk too."""
    for _ in range(3):
        desk.notes.did_not_arrive(USER, answer(), "is_archived")
    await wait_all_tasks_blocked()

    assert [USER] == [user for user, _ in desk.sent]
    assert "s-1" == desk.shelf.last[MIA].agent_told
    assert (1, 0) == (desk.notes.statistics().sent, desk.notes.statistics().unsent)


async def test_tried_again(desk: Desk, autojump_clock: trio.testing.MockClock) -> None:
    """A note that Easemob does not take now is the same message a moment later."""
    desk.problems += [LinkClosed("Easemob IM", "cut")] * 2
    desk.notes.did_not_arrive(USER, answer(), "is_archived")
    await trio.sleep(PATIENCE_S)

    assert 1 == len(desk.sent)


@pytest.mark.parametrize("times", [1, 1000])
async def test_not_for_ever(desk: Desk, autojump_clock: trio.testing.MockClock, times: int) -> None:
    """One that is refused, or not taken for a minute, is given up and said."""
    desk.problems += [SendRefused(15, "muted") if times == 1 else LinkClosed("Easemob IM", "cut")] * times
    desk.notes.did_not_arrive(USER, answer(), "is_archived")
    await trio.sleep(PATIENCE_S + 1)
    desk.problems.clear()
    await trio.sleep(600)

    assert [] == desk.sent
    assert 1 == desk.notes.statistics().unsent


async def test_not_after_the_end(desk: Desk, autojump_clock: trio.testing.MockClock) -> None:
    """A session that closes while its note waits to be sent again is left alone."""
    desk.problems.append(LinkClosed("Easemob IM", "cut"))
    desk.notes.did_not_arrive(USER, answer(), "is_archived")
    await wait_all_tasks_blocked()
    desk.closes()
    await trio.sleep(600)

    assert [] == desk.sent
    assert 1 == desk.notes.statistics().unsent


async def test_a_visitor_without_a_record(desk: Desk) -> None:
    """Where no session is known nobody is told."""
    desk.notes.did_not_arrive(ImUser("t1_u1_d1"), answer(), "is_archived")
    await wait_all_tasks_blocked()

    assert [] == desk.sent


async def test_too_many(desk: Desk, autojump_clock: trio.testing.MockClock) -> None:
    """Beyond the bound a note is given up; nobody waits for it."""
    desk.takes_s = 10.0
    for number in range(IN_ALL + 1):
        user = ImUser(f"t1_u1_d{number}")
        desk.book.remember(msgspec.structs.replace(RECORD, im_user=user))
        desk.notes.did_not_arrive(user, answer(), "is_archived")
    await trio.sleep(11)

    assert (IN_ALL, 1) == (desk.notes.statistics().sent, desk.notes.statistics().unsent)


# Customers who cannot be reached.


@pytest.mark.parametrize("why", [*Why])
async def test_told_once_that_the_customer_cannot_be_reached(
    desk: Desk, autojump_clock: trio.testing.MockClock, why: Why
) -> None:
    """Once until they can, with the reason, in both languages; and again when it is over."""
    for _ in range(2):
        desk.notes.stopped(USER, why)
    await wait_all_tasks_blocked()
    assert [stopped(why)] == desk.texts
    assert "s-1" == desk.shelf.last[MIA].stop_told
    for _ in range(2):
        desk.notes.reached_again(USER)
    await wait_all_tasks_blocked()

    assert [stopped(why), reached_again()] == desk.texts
    assert desk.shelf.last[MIA].stop_told is None


async def test_each_stop_is_another_message(desk: Desk, autojump_clock: trio.testing.MockClock) -> None:
    """The desk must not take the second for a repeat of the first."""
    for _ in range(2):
        desk.notes.stopped(USER, Why.APP_REMOVED)
        await trio.sleep(10)
        desk.notes.reached_again(USER)
        await trio.sleep(10)

    assert 4 == len({message.meta_id for _, message in desk.sent})


@pytest.mark.parametrize(
    ("expected", "user_type", "status"),
    [
        (1, "Agent", None),
        (0, "Robot", None),
        (0, None, None),
        (1, None, SessionStatus(session="s-1", stage="opened", is_agent=True)),
        (0, None, SessionStatus(session="s-1", stage="opened")),
        (0, None, SessionStatus(session="s-0", stage="opened", is_agent=True)),
    ],
)
async def test_only_an_agent_who_is_known_to_serve(
    desk: Desk,
    autojump_clock: trio.testing.MockClock,
    expected: int,
    user_type: str | None,
    status: SessionStatus | None,
) -> None:
    """By who spoke last or, after a restart, by what is kept of the session; to a robot a text is a question."""
    desk.serving = answer(user_type).by if user_type is not None else None
    if status is not None:
        desk.book.remember(msgspec.structs.replace(RECORD, statuses=(status,)))
    desk.notes.stopped(USER, Why.APP_REMOVED)
    await wait_all_tasks_blocked()

    assert expected == len(desk.sent)


async def test_nobody_is_told_after_the_end(desk: Desk, autojump_clock: trio.testing.MockClock) -> None:
    """A text would open a new service session: neither that it is stopped nor that it is over is said then."""
    desk.notes.stopped(USER, Why.APP_REMOVED)
    await wait_all_tasks_blocked()
    desk.closes()
    desk.notes.reached_again(USER)
    desk.notes.stopped(USER, Why.APP_REMOVED)
    desk.notes.stopped(ImUser("somebody"), Why.APP_REMOVED)
    desk.notes.reached_again(ImUser("somebody"))
    await wait_all_tasks_blocked()

    assert [stopped("app_removed")] == desk.texts
