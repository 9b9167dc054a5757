"""
What a message may offer besides its words: buttons and questions (facts/kefu.md §2.4, §2.5).

Each has a ``heading``, for a message that came without any words, and ``plain``, its lines where there are no buttons;
both are empty where the words of the message are enough. Ids that an answer has to carry are kept as they were given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeAlias, final

from slackkefu.kefu.wording import Wording, tag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slackkefu.kefu.fields import Id

__all__ = ["Offer", "RelatedQuestion", "RelatedQuestions", "TicketOffer", "TransferOffer", "UsefulOffer", "numbered"]


@final
@dataclass(frozen=True, slots=True)
class TransferOffer:
    """A button "talk to a human"; answered by a command (facts/kefu.md §1.7)."""

    heading: ClassVar[str] = tag(Wording.HUMAN_AGENT)
    label: str = field(repr=False)
    """Never empty."""
    action: str
    """The command's action."""
    hint_id: Id | None
    service_session_id: Id | None

    @property
    def plain(self) -> str:
        """The button's label."""
        return f"[{self.label}]"


@final
@dataclass(frozen=True, slots=True)
class TicketOffer:
    """A button "leave a message"; the message's own words say so."""

    heading: ClassVar[str] = tag(Wording.LEAVE_A_MESSAGE)
    plain: ClassVar[str] = ""


@final
@dataclass(frozen=True, slots=True)
class UsefulOffer:
    """The question whether a robot's answer was useful; answered by REST with the robot's id."""

    heading: ClassVar[str] = ""
    plain: ClassVar[str] = ""
    key: str
    """``satisfactionCommentKey``."""


@final
@dataclass(frozen=True, slots=True)
class RelatedQuestion:
    """One question a robot suggests; the ids go back in ``relatedRuleClickActionData``."""

    label: str = field(repr=False)
    rule_id: Id | None
    answer_id: Id | None
    related_rule_id: Id | None


@final
@dataclass(frozen=True, slots=True)
class RelatedQuestions:
    """Questions a robot suggests below its answer."""

    heading: ClassVar[str] = tag(Wording.RELATED_QUESTIONS)
    questions: tuple[RelatedQuestion, ...]

    @property
    def plain(self) -> str:
        """The questions, numbered."""
        return numbered(question.label for question in self.questions)


Offer: TypeAlias = TransferOffer | TicketOffer | UsefulOffer | RelatedQuestions


def numbered(labels: Iterable[str]) -> str:
    """Return *labels* as lines, numbered from 1."""
    return "\n".join(f"{number}. {label}" for number, label in enumerate(labels, start=1))
