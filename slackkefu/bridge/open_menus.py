"""
What kefu has offered to a visitor, and whether it can still be answered (facts/kefu.md §1.6).

A menu can be answered by its button, by typing a label of it, or by its number while nothing was said after it: "2"
is an answer to whatever was asked last. Each takes one answer, and goes dead when its service session is over; one that
belongs to none, such as a greeting's, stays.

Plain functions of a visitor's record; times come in as arguments.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from slackkefu.bridge.kefu_to_slack.forms.menu import menu_options, question_options, typed_choices
from slackkefu.bridge.kefu_to_slack.forms.offered import Offered, read_value, session_mark
from slackkefu.easemob.names import ImUser
from slackkefu.kefu.messages import Menu, Text
from slackkefu.kefu.offers import RelatedQuestions
from slackkefu.store.visitors import OpenMenu

if TYPE_CHECKING:
    from slackkefu.bridge.kefu_to_slack.forms.menu import Option
    from slackkefu.bridge.kefu_to_slack.forms.shaping import Source
    from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
    from slackkefu.kefu.messages import KefuMessage
    from slackkefu.slack.ids import Ts
    from slackkefu.store.visitors import VisitorRecord

__all__ = [
    "RATING_S",
    "answered",
    "is_answered",
    "is_dead",
    "is_over",
    "offered",
    "rating_is_over",
    "taken_back",
    "typed",
]

MOST_ANSWERED: Final = 30
MOST_CHOICES: Final = 100
MOST_CHARACTERS: Final = 20_000
"""Of all labels together, and what the desk gets of them: a menu that holds more is answered by its buttons alone."""

RATING_S: Final = 8 * 3600.0
"""How long after a service session's end it can be rated; the tenant's own time is not known (facts/kefu.md §1.8)."""

MOST_TITLE: Final = 3_000
"""Characters of what stands above a menu."""

_NUMBER: Final = re.compile(r"(\d{1,3})\s*[.。、)）]?")
_KINDS: Final = ("menu", "questions")
_SILENT: Final = frozenset({"event", "ack", "recall", "nothing", "ticket-notice"})
"""Kinds of messages that are not the desk's next words."""


def offered(record: VisitorRecord, message: KefuMessage, source: Source) -> VisitorRecord:
    """Note what a message offers that can be typed, and that what was offered before is not the last word any more."""
    options, kind = _options(message)
    if options:
        choices = tuple(typed_choices(options[:MOST_CHOICES]))
        if sum(len(label) + len(value) for label, value in choices) > MOST_CHARACTERS:
            return msgspec.structs.replace(record, menu=None)
        named = source.offered(kind)
        title = message.title if isinstance(message, Menu) else message.words
        made = OpenMenu(
            mark=named.mark,
            session=named.session,
            choices=choices,
            message=source.identity,
            title=title[:MOST_TITLE],
        )
        return msgspec.structs.replace(record, menu=made)
    menu = record.menu
    if menu is None or not menu.by_number or message.kind in _SILENT:
        return record
    return msgspec.structs.replace(record, menu=msgspec.structs.replace(menu, by_number=False))


def taken_back(record: VisitorRecord, message: str) -> VisitorRecord:
    """Note that a message of kefu's was recalled, by its id: what it offered is not answered by typing any more."""
    named = (Offered.of(ImUser(record.im_user), identity=message, kind=kind, session_id=None, at=0) for kind in _KINDS)
    is_gone = record.menu is not None and record.menu.mark in {each.mark for each in named}
    return msgspec.structs.replace(record, menu=None) if is_gone else record


def _options(message: KefuMessage) -> tuple[tuple[Option, ...], str]:
    if isinstance(message, Menu):
        return menu_options(message), "menu"
    questions = (
        (offer for offer in message.offers if isinstance(offer, RelatedQuestions)) if isinstance(message, Text) else ()
    )
    return next(((question_options(offer), "questions") for offer in questions), ((), ""))


def typed(record: VisitorRecord, words: str, *, ts: Ts) -> ForDesk | None:
    """
    Return what the desk gets of typed words that answer the open menu; None where they do not, or not clearly.

    Args:
        record: The visitor.
        words: What was typed.
        ts: The message.

    """
    menu = record.menu
    if menu is None or _is_over(record, menu.session) or is_answered(record, menu.mark, but_by=ts):
        return None
    meant = {value for label, value in menu.choices if _folded(label) == _folded(words)}
    number = _NUMBER.fullmatch(words.strip())
    if number is not None and menu.by_number and 1 <= int(number[1]) <= len(menu.choices):
        meant.add(menu.choices[int(number[1]) - 1][1])
    deed = read_value(meant.pop()) if len(meant) == 1 else None
    return None if deed is None else replace(deed, answers=menu.mark, is_typed=True)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def answered(record: VisitorRecord, deed: ForDesk | None, ts: Ts) -> VisitorRecord:
    """Note that something has been answered, by the message or click *ts*."""
    if deed is None or not deed.answers or deed.answers in record.answered:
        return record
    latest = [*record.answered.items(), (deed.answers, str(ts))][-MOST_ANSWERED:]
    return msgspec.structs.replace(record, answered=dict(latest))


def is_answered(record: VisitorRecord | None, mark: str, *, but_by: Ts | None = None) -> bool:
    """Tell whether something has been answered, by anything but the message or click *but_by*."""
    return record is not None and record.answered.get(mark, but_by) != but_by


def is_over(record: VisitorRecord | None, named: Offered) -> bool:
    """Tell whether what was offered has gone dead with its service session."""
    return record is not None and named.belongs_to_session and _is_over(record, named.session)


def is_dead(record: VisitorRecord, menu: OpenMenu) -> bool:
    """Tell whether a menu can be answered no more, and never was."""
    return _is_over(record, menu.session) and not is_answered(record, menu.mark)


def _is_over(record: VisitorRecord, session: str) -> bool:
    if session == session_mark(None):
        return False
    if record.open_session:
        return session != session_mark(record.open_session)
    # Which session is open may not be known, as after a lost store: then only what is known to be closed is over.
    return session in map(session_mark, record.closed_sessions)


def rating_is_over(record: VisitorRecord | None, named: Offered, session_id: str, *, now: float) -> bool:
    """
    Tell whether it is too late to rate.

    Args:
        record: The visitor.
        named: The invitation.
        session_id: The service session to be rated.
        now: Wall clock, seconds.

    """
    if record is not None and session_id and record.open_session == session_id:
        return False
    ended = record.closed_at.get(session_id) if record is not None else None
    # An end that was never told, a paid feature of kefu's, is taken to have been when the invitation came.
    return now >= (named.at if not ended else max(ended, named.at)) + RATING_S
