"""
Intents: what is about to be posted, synced before it is.

A post whose answer is lost, or a daemon that dies after posting, leaves a question: is it in Slack? The intent says
that the question is there to be asked; :mod:`slackkefu.bridge.looking` answers it. An intent is open until its message
has ended, which the journal says too (:class:`~slackkefu.store.entries.Answered`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

from slackkefu.store.entries import Answered, Intent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.web import Post
    from slackkefu.store.entries import KefuEntry

__all__ = ["Intents", "Journal"]


class Journal(Protocol):
    """Where intents are written down; the part of :class:`slackkefu.store.journal.Journal`."""

    async def append(self, *entries: KefuEntry) -> None:
        """Write *entries*; on disk when this returns. Raises StoreUnwritable."""
        ...


@final
class Intents:
    """
    The intents of this run, and those that the run before left open.

    Args:
        journal: Where they are written down.
        wall: Wall clock, seconds.

    """

    def __init__(self, *, journal: Journal, wall: Callable[[], float]) -> None:
        self._journal = journal
        self._wall = wall
        self._left: dict[tuple[str, str], dict[tuple[str, str], float]] = {}

    def restore(self, entries: Iterable[object]) -> None:
        """Take over what the run before has left open."""
        for entry in entries:
            if isinstance(entry, Intent):
                posts = self._left.setdefault((entry.user, entry.message), {})
                posts.setdefault((f"{entry.message}/{entry.part}", entry.channel), entry.at)
            elif isinstance(entry, Answered):
                self.ended(entry.user, entry.msg_id or str(entry.meta_id))

    def left_open_at(self, user: ImUser, post: Post) -> float | None:
        """Return when the run before was about to post *post* (wall clock); None when it was not."""
        return self._left.get((user, _message(post)), {}).get((post.metadata_id, post.channel))

    async def intend(self, user: ImUser, post: Post) -> float:
        """
        Write down that *post* is about to be posted, and return when that was (wall clock).

        Raises:
            StoreUnwritable: The disk does not take it; it must not be posted.

        """
        at = self._wall()
        message, _, part = post.metadata_id.rpartition("/")
        await self._journal.append(
            Intent(user=user, message=message, part=int(part), channel=post.channel, thread_ts=post.thread_ts, at=at)
        )
        return at

    def ended(self, user: str, message: str) -> None:
        """Know that a message has ended: nothing of it is open any more."""
        self._left.pop((user, message), None)


def _message(post: Post) -> str:
    return post.metadata_id.rpartition("/")[0]
