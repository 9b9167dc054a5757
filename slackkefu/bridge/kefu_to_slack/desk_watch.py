"""
What the desk is asked while somebody waits or is served, and what of its answers is new (facts/kefu.md §2.10, §3.1).

Agents' writing and the queue are not pushed. A visitor who is served by a human is asked about for the one, a visitor
who waits for a human for the other; of many visitors those who were heard of last. A question that went wrong is not
asked for a while, longer each time.

Pure: times come in as arguments, on one steady clock.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, final

from slackkefu.bridge.kefu_to_slack.stages import CLOSED, QUEUED, queued, spoken

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.desk_state import Typing, Waiting
    from slackkefu.kefu.messages import KefuMessage
    from slackkefu.store.visitors import SessionStatus

__all__ = ["AT_MOST", "EVERY_S", "DeskWatch", "Kind", "Pause", "Question"]

EVERY_S: Final = 5.0
"""How often a visitor is asked about; the desk's own page asks more often (facts/kefu.md §3.1)."""
AT_MOST: Final = 50
"""Visitors that are asked about; of more, those that were heard of last."""
KNOWN: Final = 10_000
"""Open service sessions that are known; beyond it those of which nothing was heard for longest are not asked about."""

STOPPED_S: Final = 8.0
"""An agent of whom there is no newer sign for so long has stopped writing: one answer may be missed."""
RENEW_S: Final = 60.0
"""Slack shows a status for two minutes (facts/slack.md §8)."""
CHANGE_S: Final = 15.0
"""A visitor's place in the queue is not shown anew more often: Slack lets a workspace change few posts a minute."""

FIRST_PAUSE_S: Final = 10.0
LONGEST_PAUSE_S: Final = 600.0


class Kind(enum.Enum):
    """A kind of question, or of what is done with its answer; the name in logs."""

    FEATURES = "features"
    TYPING = "typing"
    QUEUE = "queue"
    DUTY = "duty"
    GREETING = "greeting"
    STATUS = "status"
    """Slack's line that says that somebody writes."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be asked."""

    user: ImUser
    kind: Kind
    session: str


@final
class Pause:
    """How long something is not tried that went wrong, twice as long each time."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = float("-inf")

    def holds(self, now: float) -> bool:
        """Tell whether it is not tried now."""
        return now < self._until

    def failed(self, now: float) -> None:
        """Take note that it went wrong; what was begun before the pause does not lengthen it."""
        if not self.holds(now):
            self._until = now + min(FIRST_PAUSE_S * 2.0 ** min(self._failures, 10), LONGEST_PAUSE_S)
            self._failures += 1

    def went_well(self) -> None:
        """Take note that it works."""
        self._failures = 0


@final
@dataclass(slots=True)
class _Watched:
    """One visitor's service session."""

    status: SessionStatus
    # An agent's writing: the desk's last sign of it, when it came, and since when Slack shows it.
    typing_stamp: int | None = None
    typed_at: float = float("-inf")
    shown_at: float | None = None
    # The queue.
    waiting_stamp: int = -1
    queue_shown_at: float = float("-inf")
    pause: Pause = field(default_factory=Pause)
    """After the desk has refused to say how it stands."""

    @property
    def kind(self) -> Kind | None:
        """What is asked about it."""
        if self.status.stage in QUEUED:
            return Kind.QUEUE
        return Kind.TYPING if self.status.is_agent else None


@final
class DeskWatch:
    """The open service sessions, as far as something is asked about them."""

    def __init__(self) -> None:
        # By when they were heard of last, the latest last.
        self._watched: dict[ImUser, _Watched] = {}

    def __len__(self) -> int:
        return len(self._watched)

    # What happens.

    def restore(self, user: ImUser, status: SessionStatus) -> None:
        """Take over how the open service session of *user* stood when the run before ended."""
        if status.stage != CLOSED:
            self._watched[user] = _Watched(status)

    def heard(self, user: ImUser, message: KefuMessage) -> None:
        """Take note of a word or an event in the open service session of *user*."""
        watched = self._watched.pop(user, None)
        session = message.service_session_id or (watched.status.session if watched is not None else "")
        if watched is not None and watched.status.session != session:
            watched = None
        status = spoken(watched.status if watched is not None else None, message, session)
        if not session or status is None or status.stage == CLOSED:
            return
        if watched is None:
            watched = _Watched(status)
        if message.by.kind == "agent" and watched.status.is_agent:
            # What an agent has written takes Slack's line away.
            watched.typed_at, watched.shown_at = float("-inf"), None
        watched.status = status
        self._watched[user] = watched
        if len(self._watched) > KNOWN:
            del self._watched[next(iter(self._watched))]

    def wrote(self, user: ImUser) -> None:
        """Take note that *user* wrote: somebody who is heard of."""
        watched = self._watched.pop(user, None)
        if watched is not None:
            self._watched[user] = watched

    def closed(self, user: ImUser) -> None:
        """Take note that the service session of *user* is over."""
        self._watched.pop(user, None)

    def is_idle(self) -> bool:
        """Tell whether nothing is to be asked until somebody is heard of."""
        return all(watched.kind is None for watched in self._watched.values())

    def is_served(self, user: ImUser) -> bool:
        """Tell whether a human serves *user*."""
        watched = self._watched.get(user)
        return watched is not None and watched.kind is Kind.TYPING

    # What is asked.

    def questions(self, *, now: float, is_asked: Callable[[Question], bool] = lambda _: True) -> tuple[Question, ...]:
        """
        Return what is asked now, about those heard of last first.

        A visitor is asked about again :data:`EVERY_S` later.

        Args:
            now: The time.
            is_asked: Whether the answer could be had, and shown; others take nobody's place.

        """
        asked = (
            Question(user, watched.kind, watched.status.session)
            for user, watched in reversed(self._watched.items())
            if watched.kind is not None and not watched.pause.holds(now)
        )
        return tuple(islice(filter(is_asked, asked), AT_MOST))

    def is_current(self, question: Question) -> bool:
        """Tell whether the answer to *question* still matters."""
        return self._of(question) is not None

    # What was answered.

    def refused(self, question: Question, *, now: float) -> None:
        """Take note that the desk does not say it of this service session."""
        watched = self._of(question)
        if watched is not None:
            watched.pause.failed(now)

    def typed(self, question: Question, typing: Typing, *, now: float) -> bool | None:
        """
        Take an answer about an agent's writing.

        The first one only says from when on a sign is a new one.

        Returns:
            What Slack is to show from now on, that somebody writes or nothing; None for what it shows.

        """
        watched = self._of(question)
        if watched is None:
            return None
        watched.pause.went_well()
        is_news = watched.typing_stamp is not None and typing.stamp > watched.typing_stamp
        watched.typing_stamp = max(typing.stamp, watched.typing_stamp or typing.stamp)
        if is_news and typing.is_typing:
            watched.typed_at = now
            return True if watched.shown_at is None or now >= watched.shown_at + RENEW_S else None
        has_stopped = is_news or now >= watched.typed_at + STOPPED_S
        return False if has_stopped and watched.shown_at is not None else None

    def shown(self, question: Question, *, is_typing: bool, now: float) -> None:
        """Take note of what Slack shows."""
        watched = self._of(question)
        if watched is not None:
            watched.shown_at = now if is_typing else None

    def queued(self, question: Question, waiting: Waiting, *, now: float) -> int | None:
        """Take an answer about the queue; return how many wait where that is to be shown, else None."""
        watched = self._of(question)
        if watched is None:
            return None
        watched.pause.went_well()
        if waiting.stamp <= watched.waiting_stamp:
            return None
        watched.waiting_stamp = waiting.stamp
        is_news = waiting.count != watched.status.waiting and now >= watched.queue_shown_at + CHANGE_S
        return waiting.count if is_news else None

    def told(self, question: Question, waiting: int, *, now: float) -> None:
        """Take note that *waiting* is shown."""
        watched = self._of(question)
        if watched is not None:
            watched.queue_shown_at = now
            watched.status = queued(watched.status, waiting)

    def _of(self, question: Question) -> _Watched | None:
        watched = self._watched.get(question.user)
        if watched is None or watched.status.session != question.session or watched.kind is not question.kind:
            return None
        return watched
