"""
Whether a robot's answer was useful: two buttons (facts/kefu.md §2.4).

It is told to the desk's own API, so where that may not be used nothing is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from slackkefu.bridge.kefu_to_slack.forms.blocks import MAX_VALUE, actions, button
from slackkefu.bridge.sentences import Sentence, label

if TYPE_CHECKING:
    from slackkefu.bridge.kefu_to_slack.forms.blocks import Block
    from slackkefu.bridge.kefu_to_slack.forms.offered import Offered

__all__ = ["USEFUL", "Opinion", "useful_row"]

USEFUL: Final = "useful"
"""The word of the buttons."""


class Opinion(msgspec.Struct, frozen=True):
    """What a visitor thinks of an answer."""

    robot_id: str
    key: str
    is_useful: bool

    @classmethod
    def read(cls, value: str) -> Opinion | None:
        """Read what a button carries; None when it is something else."""
        try:
            return msgspec.json.decode(value, type=cls)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return None


def useful_row(robot_id: str, key: str, offered: Offered, *, locale: str) -> Block | None:
    """Return the two buttons; None where what they have to carry is too long."""
    names = {True: Sentence.USEFUL, False: Sentence.NOT_USEFUL}
    values = {each: msgspec.json.encode(Opinion(robot_id, key, each)).decode() for each in names}
    if max(map(len, values.values())) > MAX_VALUE:
        return None
    buttons = [
        button(f"{USEFUL}:{int(each)}", label(name, locale=locale), values[each]) for each, name in names.items()
    ]
    return actions(offered.block_id(), buttons)
