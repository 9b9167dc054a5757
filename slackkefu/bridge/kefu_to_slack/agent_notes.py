"""
Notes to agents: an answer of theirs did not arrive in Slack.

An agent who is not told waits for a customer who has read nothing. So the first time in a service session that an
agent's answer is refused for good, or set aside, the agent gets one short text, which comes from the visitor to the
service number like every word of theirs.

A text from a visitor is never harmless (facts/kefu.md §7): to a robot it is a question, and after the end it opens a
new service session. So there is none for what a robot, the system, or nobody knows who wrote (a desk may hide its
agents' names); none but in a session that is known to be open, which is looked at again before each sending; and one a
session, which the visitor's record says, over a restart too. Its ids derive from visitor and session, so that a repeat
is the same message, and what kefu confirms of it is nobody's message.

An agent is told too when their customer cannot be reached at all any more, and when that is over
(:mod:`slackkefu.bridge.workspaces.reach`): nobody has written anything then, so it has to be known that an agent
serves.

It carries ``ext.weichat`` like other visitors' messages: without a nickname the desk may show the IM user's raw name
(facts/kefu.md §1.3), and by ``msg_id_for_ack`` the desk recognises a repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import msgspec
import structlog
import trio

from slackkefu.bridge.agent_lines import not_in_slack, reached_again, stopped
from slackkefu.bridge.book import is_open
from slackkefu.bridge.identity import digest, message_id, meta_id
from slackkefu.bridge.lanes import Lanes
from slackkefu.easemob.message import OutgoingMessage, TextBody
from slackkefu.easemob.recovery import GiveUp, after_send
from slackkefu.errors import SlackkefuError
from slackkefu.kefu.outgoing import VisitorCard, weichat
from slackkefu.net.backoff import backoff
from slackkefu.slack.ids import ChannelId, TeamId, Ts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slackkefu.bridge.book import Book
    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.messages import KefuMessage
    from slackkefu.kefu.speaker import Speaker
    from slackkefu.store.visitors import VisitorRecord
    from slackkefu.world import World

__all__ = ["AgentNoteStatistics", "AgentNotes", "note"]

log = structlog.get_logger()

PATIENCE_S: Final = 60.0
"""How long a note is tried; later it would speak of an answer that nobody remembers."""

IN_ALL: Final = 1_000
"""Notes on their way at a time; what Slack refuses beyond it is only logged."""


@dataclass(frozen=True, slots=True)
class AgentNoteStatistics:
    """Counts since the start."""

    sent: int
    """Agents told that an answer of theirs did not arrive, or that their customer cannot be reached, or can again."""
    unsent: int
    """Notes that could not be sent in time, or not any more."""


def note(
    record: VisitorRecord, message: KefuMessage, *, code: str, service_number: ImUser, now: float
) -> tuple[str, OutgoingMessage] | None:
    """
    Make the note about a message that did not arrive.

    Args:
        record: The visitor it was for.
        message: The message.
        code: Why it did not arrive; a stable name.
        service_number: To whom the note goes.
        now: Wall clock, seconds.

    Returns:
        The service session and the note; None when nobody may be told.

    """
    session = record.open_session
    if not session or not is_open(record, now=now) or session == record.agent_told:
        return None
    if message.by.kind != "agent" or message.service_session_id not in (None, session):
        return None
    return session, _from(record, f"note/{session}", not_in_slack(code), service_number)


def _from(record: VisitorRecord, name: str, words: str, service_number: ImUser) -> OutgoingMessage:
    """Make a note that comes from a visitor; its ids derive from its *name*."""
    # No message in Slack is without a ts, so no visitor's message has these ids.
    source = TeamId(record.team), ChannelId(record.im_user), Ts(""), name, 0, digest(name)
    card = VisitorCard(user_id=record.user, name=record.name, workspace=record.workspace)
    return OutgoingMessage(
        meta_id=meta_id(*source),
        to=service_number,
        body=TextBody(words),
        ext=weichat(card, language=None, message_id=message_id(*source)),
    )


@final
class AgentNotes:
    """
    Tells agents.

    Args:
        book: The visitors' records.
        service_number: To whom notes go.
        send: Sends as a visitor; the part of :class:`slackkefu.easemob.pool.Pool`.
        serving: Who serves a visitor, as far as it is known.
        world: Wall clock and chance.

    """

    def __init__(
        self,
        *,
        book: Book,
        service_number: ImUser,
        send: Callable[[ImUser, OutgoingMessage], Awaitable[object]],
        serving: Callable[[ImUser], Speaker | None] = lambda _: None,
        world: World,
    ) -> None:
        self._book = book
        self._service_number = service_number
        self._send = send
        self._serving = serving
        self._world = world
        self._lanes: Lanes[ImUser, tuple[str, OutgoingMessage]] = Lanes(self._tell, per_lane=10, in_all=IN_ALL)
        self._sent = 0
        self._unsent = 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Send until cancelled; a note on its way then is not sent again, and its answer is in the log."""
        await self._lanes.run(task_status=task_status)

    def statistics(self) -> AgentNoteStatistics:
        """Count."""
        return AgentNoteStatistics(sent=self._sent, unsent=self._unsent)

    def did_not_arrive(self, user: ImUser, message: KefuMessage, code: str) -> None:
        """Tell the agent who wrote *message*, if anybody may be told; returns at once."""
        record = self._book.get(user)
        if record is None:
            return
        made = note(record, message, code=code, service_number=self._service_number, now=self._world.wall())
        if made is None:
            return
        # Before it is sent: once is the promise, not at least once.
        self._book.remember(msgspec.structs.replace(record, agent_told=made[0]))
        self._put(user, made)

    def stopped(self, user: ImUser, why: str) -> None:
        """Tell the agent who serves *user* that they cannot be reached, and why; returns at once."""
        record = self._book.get(user)
        session = record.open_session if record is not None else None
        if record is None or not session or session == record.stop_told or not self._is_served(user, record):
            return
        self._book.remember(msgspec.structs.replace(record, stop_told=session))
        name = f"stop/{session}/{why}/{self._world.wall():.0f}"
        self._put(user, (session, _from(record, name, stopped(why), self._service_number)))

    def reached_again(self, user: ImUser) -> None:
        """Tell the agent who knows that *user* could not be reached that they can; returns at once."""
        record = self._book.get(user)
        if record is None or record.stop_told is None:
            return
        session = record.stop_told
        self._book.remember(msgspec.structs.replace(record, stop_told=None))
        if session == record.open_session:
            name = f"again/{session}/{self._world.wall():.0f}"
            self._put(user, (session, _from(record, name, reached_again(), self._service_number)))

    def _is_served(self, user: ImUser, record: VisitorRecord) -> bool:
        """Tell whether an agent is known to serve *user* in a session that is open."""
        if not is_open(record, now=self._world.wall()):
            return False
        serving = self._serving(user)
        if serving is not None:
            return serving.kind == "agent"
        return any(status.session == record.open_session and status.is_agent for status in record.statuses)

    def _put(self, user: ImUser, made: tuple[str, OutgoingMessage]) -> None:
        if not self._lanes.put(user, made):
            self._give_up(user, "too many notes are on their way")

    async def _tell(self, user: ImUser, made: tuple[str, OutgoingMessage]) -> None:
        """Send one note while its session is open; the work of a lane."""
        session, message = made
        await self._book.write(user)
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=30.0)
        problem = "no answer from Easemob"
        with trio.move_on_after(PATIENCE_S):
            while self._is_open(user, session):
                try:
                    await self._send(user, message)
                except SlackkefuError as error:
                    problem, step = str(error), after_send(error)
                    if isinstance(step, GiveUp):
                        break
                    await trio.sleep(max(next(pauses), step.after_s))
                else:
                    self._sent += 1
                    log.info("agent.told", visitor=user)
                    return
            else:
                problem = "the service session is over"
        self._give_up(user, problem)

    def _is_open(self, user: ImUser, session: str) -> bool:
        record = self._book.get(user)
        return record is not None and record.open_session == session and is_open(record, now=self._world.wall())

    def _give_up(self, user: ImUser, problem: str) -> None:
        self._unsent += 1
        log.warning(
            "agent.not_told",
            visitor=user,
            problem=problem,
            meaning="the agent does not know that answers wait or are lost",
        )
