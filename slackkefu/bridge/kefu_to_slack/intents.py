"""
Intents: what is about to be posted, synced before it is.

A post whose answer is lost, or a daemon that dies after posting, leaves a question: is it in Slack? The intent says
that the question is there to be asked; :mod:`slackkefu.bridge.kefu_to_slack.looking` answers it. An intent is open
until its message has ended, which the journal says too (:class:`~slackkefu.store.entries.Answered`).

A message that makes us fail on the way is tried again from its beginning. What an earlier try has left is treated like
what the run before has left, but for what is known to be posted: that is not even looked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, final

from slackkefu.slack.ids import Ts
from slackkefu.slack.web import Post
from slackkefu.store.entries import Answered, Intent, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.uploads import Upload
    from slackkefu.slack.web import Posted
    from slackkefu.store.entries import KefuEntry

__all__ = ["Intended", "Intents", "Journal"]


class Journal(Protocol):
    """Where intents are written down; the part of :class:`slackkefu.store.journal.Journal`."""

    async def append(self, *entries: KefuEntry) -> None:
        """Write *entries*; on disk when this returns. Raises StoreUnwritable."""
        ...


@dataclass(frozen=True, slots=True)
class Intended:
    """A post that was about to be made."""

    at: float
    """Wall clock, seconds."""
    thread_ts: Ts | None
    """The thread it was to go to."""
    file_id: str = ""
    """The uploaded file, for a post that is one."""
    is_posted: bool = False
    """Known to stand in Slack."""
    stands_at: Standing | None = None
    """Where; None where Slack has not said."""


@final
class Intents:
    """
    The intents of messages that have not ended.

    Args:
        journal: Where they are written down.
        wall: Wall clock, seconds.

    """

    def __init__(self, *, journal: Journal, wall: Callable[[], float]) -> None:
        self._journal = journal
        self._wall = wall
        # By message, then by part and conversation: of earlier tries, the run before included, and of this one.
        self._left: dict[tuple[str, str], dict[tuple[str, str], Intended]] = {}
        self._begun: dict[tuple[str, str], dict[tuple[str, str], Intended]] = {}

    def restore(self, entries: Iterable[object]) -> None:
        """Take over what the run before has left open."""
        for entry in entries:
            if isinstance(entry, Intent):
                posts = self._left.setdefault((entry.user, entry.message), {})
                part = f"{entry.message}/{entry.part}", entry.channel
                # A later one for the same part: it was refused in its thread, and went elsewhere in the conversation.
                at = posts[part].at if part in posts else entry.at
                posts[part] = Intended(at, Ts(entry.thread_ts) if entry.thread_ts else None, entry.file_id or "")
            elif isinstance(entry, Answered):
                self.ended(entry.user, entry.msg_id or str(entry.meta_id))

    def left_open(self, user: ImUser, post: Post | Upload) -> Intended | None:
        """Return what an earlier try, or the run before, has left of *post*; None when it was never tried."""
        return self._left.get(_message(user, post), {}).get(_part(post))

    def left_elsewhere(self, user: ImUser, post: Post | Upload) -> tuple[str, Ts | None] | None:
        """
        Return the conversation and thread in which an earlier try has begun the message of *post*.

        None when it has begun nowhere, or where *post* goes.
        """
        begun = {channel: each.thread_ts for (_, channel), each in self._left.get(_message(user, post), {}).items()}
        return None if post.channel in begun or not begun else [*begun.items()][-1]

    async def intend(self, user: ImUser, post: Post | Upload, *, file_id: str = "") -> Intended:
        """
        Write down that *post* is about to be posted; of one that is a file, which: it carries no metadata.

        Raises:
            StoreUnwritable: The disk does not take it; it must not be posted.

        """
        intended = Intended(self._wall(), post.thread_ts, file_id)
        message, _, part = post.metadata_id.rpartition("/")
        await self._journal.append(
            Intent(
                user=user,
                message=message,
                part=int(part),
                channel=post.channel,
                thread_ts=post.thread_ts,
                file_id=file_id or None,
                at=intended.at,
            )
        )
        self._begun.setdefault(_message(user, post), {})[_part(post)] = intended
        return intended

    def posted(self, user: ImUser, post: Post | Upload, intended: Intended, *, at: Posted | None = None) -> None:
        """Know that *post* stands in Slack, and where, if Slack has said."""
        is_named = isinstance(post, Post) and bool(post.username)
        channel, ts = ("", "") if at is None or at.ts is None else (at.channel, at.ts)
        standing = Standing(channel, ts, is_named, intended.file_id)
        done = replace(intended, is_posted=True, stands_at=standing if ts or standing.file_id else None)
        self._begun.setdefault(_message(user, post), {})[_part(post)] = done

    def standing(self, user: ImUser, message: str) -> tuple[Standing, ...]:
        """Return where the posts of a message stand, which has not ended yet."""
        posts = {**self._left.get((user, message), {}), **self._begun.get((user, message), {})}
        return tuple(each.stands_at for each in posts.values() if each.stands_at is not None)

    def refused(self, user: ImUser, post: Post | Upload) -> None:
        """Know that *post* does not stand in Slack, and cannot where it was to go."""
        self._left.get(_message(user, post), {}).pop(_part(post), None)
        self._begun.get(_message(user, post), {}).pop(_part(post), None)

    def interrupted(self, user: ImUser, message: str) -> None:
        """Know that this try of a message is over, and the message has not ended."""
        self._left.setdefault((user, message), {}).update(self._begun.pop((user, message), {}))

    def are_open(self, user: ImUser, *, since: float) -> bool:
        """Tell whether something that was about to be posted for *user* after *since* (wall clock) is in question."""
        return any(
            each.at > since
            for known in (self._left, self._begun)
            for (whose, _), posts in known.items()
            if whose == user
            for each in posts.values()
        )

    def forget(self, user: ImUser) -> None:
        """Know nothing of *user* any more."""
        for known in (self._left, self._begun):
            for message in [message for message in known if message[0] == user]:
                del known[message]

    def ended(self, user: str, message: str) -> None:
        """Know that a message has ended: nothing of it is open any more."""
        self._left.pop((user, message), None)
        self._begun.pop((user, message), None)


def _message(user: ImUser, post: Post | Upload) -> tuple[str, str]:
    return user, post.metadata_id.rpartition("/")[0]


def _part(post: Post | Upload) -> tuple[str, str]:
    return post.metadata_id, post.channel
