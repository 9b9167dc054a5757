"""
The stages of a service session, as a customer is told of them.

kefu's events may be missing, a paid feature, and its agents may be hidden (facts/kefu.md §2.3, §2.9). So whoever is
named by a message in a session has taken it; a robot that speaks on while a human is awaited, or there, changes
nothing. What is over stays over.

Pure: a status and a message in, the next status out.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from slackkefu.bridge.kefu_to_slack.speaking import name_of
from slackkefu.bridge.sentences import Sentence, say
from slackkefu.kefu.messages import Event
from slackkefu.store.visitors import SessionStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.kefu.messages import EventName, KefuMessage
    from slackkefu.kefu.speaker import Speaker

__all__ = ["CLOSED", "QUEUED", "over", "queued", "spoken", "words"]

Stage: TypeAlias = Literal["waiting", "waiting_long", "opened", "transferring", "transferred", "closed"]
"""In visitors' records, so never changed."""

CLOSED: Final = "closed"

_STAGES: Final[Mapping[EventName, Stage]] = MappingProxyType(
    {
        "created": "waiting",
        "wait_timeout": "waiting_long",
        "opened": "opened",
        "transfering": "transferring",
        "transfered": "transferred",
        "closed": "closed",
    }
)

_WAITING: Final = ("waiting", "waiting_long")

QUEUED: Final = (*_WAITING, "transferring")
"""In which a human is awaited."""

_SENTENCES: Final[Mapping[str, tuple[Sentence, Sentence]]] = MappingProxyType(
    {
        "waiting": (Sentence.SESSION_WAITING, Sentence.SESSION_WAITING),
        "waiting_long": (Sentence.SESSION_WAITING_LONG, Sentence.SESSION_WAITING_LONG),
        "opened": (Sentence.SESSION_OPENED, Sentence.SESSION_OPENED_BY),
        "transferring": (Sentence.SESSION_TRANSFERRING, Sentence.SESSION_TRANSFERRING),
        "transferred": (Sentence.SESSION_TRANSFERRED, Sentence.SESSION_TRANSFERRED_TO),
        CLOSED: (Sentence.SESSION_CLOSED, Sentence.SESSION_CLOSED),
    }
)
"""By stage: where nobody is named, and where somebody is."""

_NOT_OF_A_SESSION: Final = frozenset({"rating", "ticket-notice"})
"""Kinds of messages that say nothing of who serves: they come after the end too (facts/kefu.md §2.3, §2.6)."""


def spoken(status: SessionStatus | None, message: KefuMessage, session: str) -> SessionStatus | None:
    """
    Return how a service session stands after *message*.

    Args:
        status: How it stood; None when nothing was known of it.
        message: What has come in it.
        session: Its id.

    Returns:
        The same *status*, also None, where the message says nothing new.

    """
    stage = _stage_after(status, message)
    if stage is None:
        return status
    # Who has it is asked again while it is being transferred, and of no interest at its end.
    by = message.by if stage in ("opened", "transferred") else None
    known = status or SessionStatus(session=session, stage=stage)
    told = msgspec.structs.replace(
        known,
        stage=stage,
        is_agent=by is not None and by.kind == "agent",
        name="" if by is None else name_of(by),
        waiting=known.waiting if stage in QUEUED else 0,
    )
    return status if told == status else msgspec.structs.replace(told, is_shown=False)


def over(status: SessionStatus) -> SessionStatus:
    """Return *status* for a session that has ended without a word: its visitor has another one."""
    if status.stage == CLOSED:
        return status
    return msgspec.structs.replace(status, stage=CLOSED, is_agent=False, name="", waiting=0, is_shown=False)


def queued(status: SessionStatus, waiting: int) -> SessionStatus:
    """Return *status* after the desk has said how many wait; the same one where that is nothing new."""
    if status.stage not in QUEUED or status.waiting == waiting:
        return status
    return msgspec.structs.replace(status, waiting=waiting, is_shown=False)


def words(status: SessionStatus, *, locale: str) -> str:
    """Return what is shown of *status*; nothing in it has a meaning for Slack."""
    unnamed, named = _SENTENCES.get(status.stage, _SENTENCES["opened"])
    said = say(named if status.name else unnamed, locale=locale, name=status.name)
    if not status.waiting:
        return said
    return f"{said}\n{say(Sentence.SESSION_QUEUE, locale=locale, count=str(status.waiting))}"


def _stage_after(status: SessionStatus | None, message: KefuMessage) -> Stage | None:
    """Return the stage that *message* means; None where it means none."""
    if status is not None and status.stage == CLOSED:
        return None
    if isinstance(message, Event):
        stage = _STAGES[message.name]
        is_late = stage in _WAITING and status is not None and status.stage not in _WAITING
        return None if is_late else stage
    if message.kind in _NOT_OF_A_SESSION or not _takes_over(status, message.by):
        return None
    return "opened"


def _takes_over(status: SessionStatus | None, by: Speaker) -> bool:
    """Tell whether somebody who speaks has taken the session by that."""
    if by.kind == "agent":
        return status is None or not status.is_agent
    return by.kind == "robot" and (status is None or status.stage in _WAITING)
