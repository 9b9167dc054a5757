"""
Who serves whom: the agent or robot that spoke last in each open service session.

Read from what kefu says (facts/kefu.md §2.9). It is in memory only: after a restart nobody is known until they speak
again, and where the desk hides its agents' names nobody ever is.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, final

from slackkefu.kefu.messages import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.messages import KefuMessage
    from slackkefu.kefu.speaker import Speaker

__all__ = ["Attendance"]

MOST: Final = 10_000
"""Visitors remembered; who was heard of longest ago goes first."""


@final
class Attendance:
    """
    Who serves each visitor, as far as it is known.

    Args:
        on_change: Told of each visitor whom somebody else serves now.

    """

    def __init__(self, *, on_change: Callable[[ImUser], None] = lambda _: None) -> None:
        self._serving: OrderedDict[ImUser, Speaker] = OrderedDict()
        self._on_change = on_change

    def __repr__(self) -> str:
        return f"<Attendance of {len(self._serving)}>"

    def note(self, user: ImUser, message: KefuMessage) -> None:
        """Take note of who says *message* to a visitor, or of the end that it tells of."""
        before = self._serving.get(user)
        if isinstance(message, Event) and message.name in ("closed", "transfering", "created"):
            self._serving.pop(user, None)
        elif message.by.kind in ("agent", "robot"):
            self._serving[user] = message.by
            self._serving.move_to_end(user)
            if len(self._serving) > MOST:
                self._serving.popitem(last=False)
        if self._serving.get(user) != before:
            self._on_change(user)

    def forget(self, user: ImUser) -> None:
        """Know nothing of *user* any more."""
        self._serving.pop(user, None)

    def of(self, user: ImUser) -> Speaker | None:
        """Return who serves *user*, if that is known."""
        return self._serving.get(user)
