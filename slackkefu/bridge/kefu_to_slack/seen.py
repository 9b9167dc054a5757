"""
Seen: which of kefu's messages have been dealt with.

The same message can come again after a reconnect, in a batch delivered twice, or by another way, with the same
``Meta.id`` or at least the same ``ext.weichat.msgId`` (facts/kefu.md §2.11). Either is enough to recognise it, for as
long as the journal keeps it.

Plain: what the journal says is brought here after a restart. Time comes in as an argument, seconds on a clock that
never jumps: the calendar may, and would take all ids with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from slackkefu.bridge.remembered import Remembered

if TYPE_CHECKING:
    from slackkefu.easemob.names import ImUser

__all__ = ["KEEP_S", "Seen"]

KEEP_S: Final = 8 * 24 * 3600.0
"""As long as the journal: longer than Easemob keeps waiting messages on most plans (facts/easemob-rest.md §9.3)."""


@final
class Seen:
    """The ids of messages, each within its visitor."""

    def __init__(self) -> None:
        self._ids = Remembered(keep_s=KEEP_S)

    def __len__(self) -> int:
        return len(self._ids)

    def knows(self, user: ImUser, *ids: int | str | None) -> bool:
        """Tell whether any of *ids* has been noted for *user*."""
        return any(_key(user, each) in self._ids for each in ids if each)

    def note(self, user: ImUser, *ids: int | str | None, now: float) -> None:
        """Remember that the message with these ids has been dealt with."""
        for each in ids:
            if each:
                self._ids.note(_key(user, each), now)


def _key(user: ImUser, name: int | str) -> str:
    """Return what an id is known by; a number is another id than the same digits as text."""
    return f"{user} {'#' if isinstance(name, int) else ''}{name}"
