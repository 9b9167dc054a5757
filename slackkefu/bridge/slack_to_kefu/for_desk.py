"""
What the desk gets of something a person did: the words, and what stands beside them in ``ext`` (facts/kefu.md §1).

A menu is answered by the label that was chosen, with the menu's id; a hint by a command; an invitation by a message
without words. Some of it answers something that can be answered once only; that is named, so that it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from slackkefu.easemob.message import CommandBody, TextBody

if TYPE_CHECKING:
    from slackkefu.easemob.message import Json

__all__ = ["ForDesk", "merged"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ForDesk:
    """What the desk gets of a deed."""

    words: str = field(default="", repr=False)
    """The text; may be empty, as in the answer to an invitation."""
    ext: Mapping[str, Json] = field(default_factory=dict, repr=False)
    """Beside what every message of the visitor's carries."""
    action: str = ""
    """Of a command; empty for a text."""
    answers: str = ""
    """The mark of what it answers, which takes one answer; empty for what can be done again."""
    in_parts: bool = False
    """The words are a person's, of any length: they go as a message's do, and not as the answer to a program."""
    is_typed: bool = False
    """It was written as an ordinary message, which stands in Slack and is repeated by it."""

    @property
    def body(self) -> TextBody | CommandBody:
        """The body of the message."""
        return CommandBody(self.action) if self.action else TextBody(self.words)

    @property
    def is_confirmed(self) -> bool:
        """Whether the desk can be expected to confirm it: no client of kefu's asks that of a rating (§1.8)."""
        return "ctrlType" not in _object(self.ext.get("weichat"))


def merged(ext: Mapping[str, Json], more: Mapping[str, Json]) -> dict[str, Json]:
    """Return *ext* with *more* in it, object by object; *more* wins."""
    both = dict(ext)
    for name, value in more.items():
        mine = both.get(name)
        both[name] = merged(mine, value) if isinstance(mine, Mapping) and isinstance(value, Mapping) else value
    return both


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}
