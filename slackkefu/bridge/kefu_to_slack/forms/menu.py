"""
Menus: buttons, five a row, or selects where there are many (facts/kefu.md §2.4, §1.6).

A label that is longer than Slack shows is cut on its button and stands in full in a numbered list above, and so does
everything where there are selects. A choice that does not fit on an element is in that list alone; it can be typed, as
every choice can, by its number or its words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slackkefu.bridge.kefu_to_slack.forms.blocks import (
    MAX_LABEL,
    MAX_OPTION_VALUE,
    MAX_OPTIONS,
    MAX_VALUE,
    actions,
    button,
    option,
    select,
)
from slackkefu.bridge.kefu_to_slack.forms.offered import ANSWER, write_value
from slackkefu.bridge.sentences import Sentence, label
from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from slackkefu.bridge.kefu_to_slack.forms.blocks import Block
    from slackkefu.bridge.kefu_to_slack.forms.offered import Offered
    from slackkefu.easemob.message import Json
    from slackkefu.kefu.messages import Choice, Menu
    from slackkefu.kefu.offers import RelatedQuestion, RelatedQuestions

__all__ = ["NOTE", "Option", "is_whole", "menu_options", "question_options", "rows"]

NOTE: Final = "note"
"""The word of the ``action_id`` of buttons that open the form for a note to the desk."""

PER_ROW: Final = 5
MOST_BUTTONS: Final = 25
MOST_SELECTS: Final = 5

GUIDE: Final = "transferManualGuide"
_NOTE_IDS: Final = ("hasTransferNote",)
_NOTE_TYPES: Final = ("transfer",)
_NOT_HERE: Final = ("independentVideo",)
"""Entries of a guide that open another widget, which Slack is not."""


@dataclass(frozen=True, slots=True)
class Option:
    """One entry, and what it leads to."""

    label: str
    deed: ForDesk | None
    """What the desk gets; None for what the desk gets nothing of."""
    is_note: bool = False
    """It leads to the form for a note to the desk."""


def menu_options(menu: Menu) -> tuple[Option, ...]:
    """Return the entries of a menu."""
    return tuple(_option(choice, menu.mode) for choice in menu.choices)


def _option(choice: Choice, mode: str | None) -> Option:
    if mode == GUIDE:
        if choice.queue_type in _NOTE_TYPES or choice.menu_id in _NOTE_IDS:
            return Option(choice.label, None, is_note=True)
        if choice.queue_type in _NOT_HERE:
            return Option(choice.label, None)
    if choice.menu_id is None:
        return Option(choice.label, ForDesk(words=choice.label))
    given: dict[str, Json] = {"menuid": choice.menu_id}
    if mode == GUIDE:
        given |= {"queueId": choice.queue_id, "queueType": choice.queue_type}
    # In a guide the mode moves up beside the choice (facts/kefu.md §1.6).
    beside: dict[str, Json] = {"mode": mode} if mode == GUIDE else {}
    return Option(choice.label, ForDesk(words=choice.label, ext={"msgtype": {**beside, "choice": given}}))


def question_options(offer: RelatedQuestions) -> tuple[Option, ...]:
    """Return the questions a robot suggests, as entries."""
    return tuple(Option(each.label, ForDesk(words=each.label, ext=_clicked(each))) for each in offer.questions)


def _clicked(question: RelatedQuestion) -> dict[str, Json]:
    """Return the ids of a question, as a text of JSON (facts/kefu.md §1.6)."""
    ids = {
        "ruleId": question.rule_id,
        "answerId": question.answer_id,
        "relatedRuleId": question.related_rule_id,
    }
    data = json.dumps({name: value for name, value in ids.items() if value is not None}, ensure_ascii=False)
    return {"msgtype": {"choice": {"relatedRuleClickActionData": data}}}


def rows(options: Sequence[Option], offered: Offered, *, locale: str) -> tuple[Block, ...]:
    """Return the elements to choose with; none where nothing fits on one."""
    if len(options) <= MOST_BUTTONS:
        elements = [made for number, each in enumerate(options) if (made := _button(number, each)) is not None]
        return tuple(
            actions(offered.block_id(row), elements[start : start + PER_ROW])
            for row, start in enumerate(range(0, len(elements), PER_ROW))
        )
    choices = [made for each in options if (made := _option_of(each)) is not None]
    made_rows = [
        actions(
            offered.block_id(row),
            [select(f"{ANSWER}:{row}", label(Sentence.CHOOSE, locale=locale), choices[start : start + MAX_OPTIONS])],
        )
        for row, start in enumerate(range(0, min(len(choices), MOST_SELECTS * MAX_OPTIONS), MAX_OPTIONS))
    ]
    notes = [made for number, each in enumerate(options) if each.is_note and (made := _button(number, each))]
    return (*made_rows, *([actions(offered.block_id(len(made_rows)), notes[:PER_ROW])] if notes else ()))


def is_whole(options: Sequence[Option]) -> bool:
    """Tell whether buttons show everything there is to read, so that no list is needed."""
    return len(options) <= MOST_BUTTONS and all(
        len(each.label) <= MAX_LABEL and _button(0, each) is not None for each in options
    )


def _button(number: int, each: Option) -> Block | None:
    if each.is_note:
        return button(f"{NOTE}:{number}", each.label, NOTE)
    value = _value(each, MAX_VALUE)
    return None if value is None else button(f"{ANSWER}:{number}", each.label, value)


def _option_of(each: Option) -> Block | None:
    value = _value(each, MAX_OPTION_VALUE)
    return None if value is None else option(each.label, value)


def _value(each: Option, most: int) -> str | None:
    """Return what an element carries; None where it does not fit."""
    if each.deed is None:
        return None
    # What the element shows comes back with the click, unless it was cut.
    value = write_value(each.deed, label=each.label if _is_shown_whole(each.label) else "")
    return value if len(value) <= most else None


def _is_shown_whole(label: str) -> bool:
    """Tell whether a label comes back as it is: one that Slack has to escape may come back escaped."""
    return len(label) <= MAX_LABEL and label == " ".join(label.split()) and not any(each in label for each in "&<>")


def typed_choices(options: Sequence[Option]) -> Iterator[tuple[str, str]]:
    """Yield each entry that the desk gets something of, by its label, with what that is; empty for the others."""
    for each in options:
        yield each.label, "" if each.deed is None else write_value(each.deed)
