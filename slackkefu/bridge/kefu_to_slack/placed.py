"""
Where kefu's messages stand in Slack.

An agent may take a message back, and Slack wants to know which post is meant. The latest :data:`MOST` messages are
known, and all of the last hour; of older ones only that they were posted. Ids only: what the journal says is brought
here after a restart.

Plain: time comes in as an argument, seconds on a clock that never jumps.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, final

from slackkefu.bridge.kefu_to_slack.seen import KEEP_S
from slackkefu.bridge.remembered import Remembered

if TYPE_CHECKING:
    from slackkefu.store.entries import Standing

__all__ = ["Placed"]

MOST: Final = 10_000
KEPT_S: Final = 3600.0

AT_MOST: Final = 100_000
"""However many an hour brings: a message takes about half a kilobyte."""


@final
class Placed:
    """The posts of each message, within its visitor."""

    def __init__(self) -> None:
        self._posts: OrderedDict[tuple[str, str], tuple[float, tuple[Standing, ...]]] = OrderedDict()
        self._forgotten = Remembered(keep_s=KEEP_S)

    def __len__(self) -> int:
        return len(self._posts)

    def note(self, user: str, message: str, posts: tuple[Standing, ...], *, now: float) -> None:
        """Know from now on where a message stands, and forget the oldest beyond what is kept."""
        if not message or not posts:
            # Nobody can take back what has no id of kefu's.
            return
        self._posts[user, message] = now, posts
        self._posts.move_to_end((user, message))
        while len(self._posts) > AT_MOST or (len(self._posts) > MOST and self._eldest() <= now - KEPT_S):
            (eldest_user, eldest), _ = self._posts.popitem(last=False)
            self._forgotten.note(f"{eldest_user} {eldest}", now)

    def where(self, user: str, message: str) -> tuple[Standing, ...]:
        """Return where a message stands; nowhere for one that does not, or of which it is not known any more."""
        _, posts = self._posts.get((user, message), (0.0, ()))
        return posts

    def is_forgotten(self, user: str, message: str) -> bool:
        """Tell whether a message stands somewhere that is not known any more."""
        return f"{user} {message}" in self._forgotten

    def gone(self, user: str, message: str) -> None:
        """Know that a message stands nowhere any more."""
        self._posts.pop((user, message), None)

    def forget(self, user: str) -> None:
        """Know nothing of *user* any more."""
        for message in [message for message in self._posts if message[0] == user]:
            del self._posts[message]

    def _eldest(self) -> float:
        """Return when the eldest was noted."""
        at, _ = next(iter(self._posts.values()))
        return at
