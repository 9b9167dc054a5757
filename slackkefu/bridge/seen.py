"""
Seen: which of kefu's messages have been dealt with.

The same message can come again after a reconnect, in a batch delivered twice, or by another way, with the same
``Meta.id`` or at least the same ``ext.weichat.msgId`` (facts/kefu.md §2.11). Either is enough to recognise it.

Plain: what the journal says is brought here after a restart.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from slackkefu.easemob.names import ImUser

__all__ = ["Seen"]

REMEMBERED: Final = 100_000
"""Ids remembered, the oldest forgotten first."""


@final
class Seen:
    """A bounded set of message ids, each within its visitor."""

    def __init__(self, *, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._ids: OrderedDict[tuple[ImUser, int | str], None] = OrderedDict()

    def knows(self, user: ImUser, *ids: int | str | None) -> bool:
        """Tell whether any of *ids* has been noted for *user*."""
        return any((user, each) in self._ids for each in ids if each)

    def note(self, user: ImUser, *ids: int | str | None) -> None:
        """Remember that the message with these ids has been dealt with."""
        for each in ids:
            if each:
                self._ids[user, each] = None
        while len(self._ids) > self._remembered:
            self._ids.popitem(last=False)
