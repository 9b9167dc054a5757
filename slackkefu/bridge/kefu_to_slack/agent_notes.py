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

It carries ``ext.weichat`` like other visitors' messages: without a nickname the desk may show the IM user's raw name
(facts/kefu.md §1.3), and by ``msg_id_for_ack`` the desk recognises a repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import msgspec
import structlog
import trio

from slackkefu.bridge.agent_lines import not_in_slack
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
    """Agents told that an answer of theirs did not arrive."""
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
    # No message in Slack is without a ts, so no visitor's message has these ids.
    source = TeamId(record.team), ChannelId(record.im_user), Ts(""), f"note/{session}", 0, digest(session)
    card = VisitorCard(user_id=record.user, name=record.name, workspace=record.workspace)
    return session, OutgoingMessage(
        meta_id=meta_id(*source),
        to=service_number,
        body=TextBody(not_in_slack(code)),
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
        world: Wall clock and chance.

    """

    def __init__(
        self,
        *,
        book: Book,
        service_number: ImUser,
        send: Callable[[ImUser, OutgoingMessage], Awaitable[object]],
        world: World,
    ) -> None:
        self._book = book
        self._service_number = service_number
        self._send = send
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
            "agent.not_told", visitor=user, problem=problem, meaning="the agent does not know of the refused answer"
        )
