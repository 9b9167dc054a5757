"""
The invitation to rate: a button, and the modal behind it (facts/kefu.md §1.8, §2.6).

Everything the modal needs rides in the button, and everything the answer needs in the modal. kefu lists the degrees,
best first; where it leaves them to be fetched, they are five stars, which its apps send without ids. The reasons are
those of the chosen degree, so the modal is shown anew when another is chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec

from slackkefu.bridge.kefu_to_slack.forms.blocks import (
    MAX_OPTIONS,
    MAX_VALUE,
    actions,
    button,
    clip,
    input_block,
    option,
    plain_text,
    radio,
    select,
)
from slackkefu.bridge.kefu_to_slack.forms.offered import Offered
from slackkefu.bridge.sentences import Sentence, label
from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slackkefu.bridge.kefu_to_slack.forms.blocks import Block
    from slackkefu.easemob.message import Json
    from slackkefu.kefu.messages import Rating
    from slackkefu.slack.interaction import Filled

__all__ = ["DEGREE", "RATE", "TAGS", "Ballot", "Grade", "Invited", "unasked"]

RATE: Final = "rate"
"""The word of the button, and of the modal."""

DEGREE: Final = "degree"
TAGS: Final = "tags"
REMARK: Final = "remark"
"""The blocks of the modal."""

MOST_GRADES: Final = 20
MOST_RADIO: Final = 10
"""Slack's most for radio buttons; more degrees are a select."""
MOST_TAGS: Final = 20
MOST_NAME: Final = 40
MOST_SESSION: Final = 250
MOST_REMARK: Final = 300
"""Characters of a remark: with all else the message stays under IM's 3 KB."""

MEMORY: Final = 3000
"""Slack's most for ``private_metadata``."""

_STARS: Final = ("★★★★★", "★★★★", "★★★", "★★", "★")


class Grade(msgspec.Struct, frozen=True, array_like=True):
    """One degree."""

    name: str
    degree_id: str | int | None = None
    score: str | None = None
    is_single: bool = False
    """At most one reason."""
    tags: tuple[tuple[str | int, str], ...] = ()
    """Reasons that may be given, with their ids."""


class Invited(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is rated; short names, for a button has room for 2,000 characters."""

    i: int = 0
    """The invitation; 0 where nobody was invited."""
    s: str = ""
    """The service session."""
    d: tuple[Grade, ...] = ()
    w: str = "agent"
    """``evaluateWay``: ``agent`` for an invited visitor, ``visitor`` for one that rates unasked."""

    @property
    def grades(self) -> tuple[Grade, ...]:
        """The degrees, best first."""
        return self.d or tuple(Grade(star, None, str(len(star))) for star in _STARS)

    @classmethod
    def of(cls, rating: Rating) -> Invited:
        """Return what an invitation of kefu's asks, as much of it as a button carries along."""
        grades = tuple(
            Grade(
                clip(degree.name or degree.score or "?", MOST_NAME),
                degree.degree_id,
                degree.score,
                degree.is_single_tag,
                tuple((tag.tag_id, clip(tag.name, MOST_NAME)) for tag in degree.tags[:MOST_TAGS] if tag.name),
            )
            for degree in rating.degrees[:MOST_GRADES]
        )
        invited = cls(rating.invite_id or 0, rating.rated_session_id or "", grades)
        most = MOST_TAGS
        while len(invited.value) > MAX_VALUE and most:
            # Fewer reasons are better than none, and none is better than no rating.
            most //= 2
            invited = msgspec.structs.replace(invited, d=tuple(_fewer(grade, most) for grade in grades))
        return invited if len(invited.value) <= MAX_VALUE else cls(invited.i, invited.s[:MOST_SESSION])

    @property
    def value(self) -> str:
        """What the button carries along."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def read(cls, value: str) -> Invited | None:
        """Read :attr:`value`; None when it is something else."""
        try:
            return msgspec.json.decode(value, type=cls)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return None

    def row(self, offered: Offered, *, locale: str) -> Block:
        """Return the button."""
        rate = label(Sentence.RATE, locale=locale)
        return actions(offered.block_id(), [button(RATE, rate, self.value, is_primary=True)])


def _fewer(grade: Grade, most: int) -> Grade:
    return msgspec.structs.replace(grade, tags=grade.tags[:most])


def unasked(session_id: str) -> Invited:
    """Return what a visitor rates of their own accord: the service session, in stars."""
    return Invited(0, session_id, (), "visitor")


@final
class Ballot(msgspec.Struct, frozen=True, omit_defaults=True):
    """A modal in somebody's hands: what it asks, and where its button stands."""

    o: str
    """The ``block_id`` of the button's row: see :class:`Offered`."""
    r: Invited
    c: str = ""
    """The channel of the invitation."""
    t: str = ""
    """Its ``ts``."""

    @property
    def offered(self) -> Offered | None:
        """What is answered."""
        return Offered.read(self.o)

    @classmethod
    def read(cls, memory: str) -> Ballot | None:
        """Read what a modal remembers; None when it is something else."""
        try:
            return msgspec.json.decode(memory, type=cls)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return None

    def view(self, *, locale: str, chosen: int | None = None) -> dict[str, object]:
        """
        Return the modal.

        Args:
            locale: The reader's; empty where it is not known.
            chosen: The degree that is chosen, by its place.

        """
        return {
            "type": "modal",
            "callback_id": RATE,
            "private_metadata": msgspec.json.encode(self).decode(),
            "title": plain_text(label(Sentence.RATING_TITLE, locale=locale), 24),
            "submit": plain_text(label(Sentence.RATING_SEND, locale=locale), 24),
            "close": plain_text(label(Sentence.RATING_CANCEL, locale=locale), 24),
            "blocks": [*self._blocks(locale, chosen)],
        }

    def _blocks(self, locale: str, chosen: int | None) -> Iterator[Block]:
        grades = self.r.grades
        options = [option(grade.name, str(place)) for place, grade in enumerate(grades)]
        choose = label(Sentence.CHOOSE, locale=locale)
        element = radio(RATE, options) if len(options) <= MOST_RADIO else select(RATE, choose, options)
        question = label(Sentence.RATING_DEGREE, locale=locale)
        dispatches = any(grade.tags for grade in grades)
        yield input_block(DEGREE, question, element, dispatches=dispatches)
        tags = grades[chosen].tags if chosen is not None else ()
        if chosen is not None and tags:
            reasons = [option(name, str(place)) for place, (_, name) in enumerate(tags[:MAX_OPTIONS])]
            most = 1 if grades[chosen].is_single else len(reasons)
            # Named after its degree: reasons of another one do not stay chosen.
            yield input_block(
                f"{TAGS}:{chosen}",
                label(Sentence.RATING_TAGS, locale=locale),
                select(TAGS, choose, reasons, most=most),
            )
        remark = {"type": "plain_text_input", "action_id": REMARK, "multiline": True, "max_length": MOST_REMARK}
        yield input_block(REMARK, label(Sentence.RATING_REMARK, locale=locale), remark, is_optional=True)

    def chosen(self, filled: Filled) -> int | None:
        """Return the place of the degree that is chosen; None while none is."""
        for value in filled.chosen(DEGREE):
            if value.isascii() and value.isdecimal() and int(value) < len(self.r.grades):
                return int(value)
        return None

    def lacks_reason(self, filled: Filled) -> bool:
        """Tell whether a reason is still to be chosen: where there are some, every client asks for one."""
        chosen = self.chosen(filled)
        return chosen is not None and filled.has(f"{TAGS}:{chosen}") and not self._tags(filled, chosen)

    def answer(self, filled: Filled) -> ForDesk | None:
        """Return what the desk gets (facts/kefu.md §1.8); None where no degree is chosen."""
        chosen, offered = self.chosen(filled), self.offered
        if chosen is None or offered is None:
            return None
        grade = self.r.grades[chosen]
        arguments: dict[str, Json] = {
            "inviteId": self.r.i,
            "serviceSessionId": self.r.s,
            "detail": filled.typed(REMARK).strip()[:MOST_REMARK],
            "summary": grade.score or "",
            "appraiseTags": self._tags(filled, chosen),
            "evaluateWay": self.r.w,
        }
        if grade.degree_id is not None:
            arguments["evaluationDegreeId"] = grade.degree_id
        return ForDesk(ext={"weichat": {"ctrlType": "enquiry", "ctrlArgs": arguments}}, answers=offered.mark)

    def _tags(self, filled: Filled, chosen: int) -> list[Json]:
        tags = self.r.grades[chosen].tags
        places = [int(each) for each in filled.chosen(f"{TAGS}:{chosen}") if each.isascii() and each.isdecimal()]
        return [{"id": tags[place][0], "name": tags[place][1]} for place in places if place < len(tags)]

    def said(self, filled: Filled) -> str:
        """Return the degree that was chosen, in words."""
        chosen = self.chosen(filled)
        return "" if chosen is None else self.r.grades[chosen].name
