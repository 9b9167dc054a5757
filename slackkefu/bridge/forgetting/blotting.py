"""
Blotting: what is left of a person's ids in what is kept, once they are to be forgotten.

Nothing but one thing: that their latest messages have ended, so that a repeat of Slack's, which may come for a day, is
not brought over as the word of somebody new. Of each there is a hash then, which names nobody.

Plain functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, final

from slackkefu.bridge.identity import visitor_of
from slackkefu.bridge.slack_to_kefu.custody import hashes_of
from slackkefu.bridge.slack_to_kefu.receipts import key_of
from slackkefu.slack.ids import TeamId, UserId
from slackkefu.store.entries import Awaiting, Blotted, Read, Settled, Untold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from slackkefu.store.entries import KefuEntry, SlackEntry

__all__ = ["Person", "blot_all", "blot_kefu", "blot_slack"]

E = TypeVar("E")


@final
@dataclass(frozen=True, slots=True)
class Person:
    """A person in a workspace: every visitor that they are, in whatever channel."""

    team: TeamId
    user: UserId
    conversations: frozenset[str] = frozenset()
    """Their direct messages with the app, which are nobody else's."""

    @classmethod
    def of(cls, team: str, user: str, names: Iterable[str], *, channels: Iterable[str] = ()) -> Person:
        """
        Say who somebody is.

        Args:
            team: Their workspace.
            user: Who they are in it.
            names: The IM users that they are.
            channels: Direct messages of theirs that are known besides.

        """
        visitors = (visitor_of(name) for name in names)
        direct = {visitor.channel for visitor in visitors if visitor is not None and visitor.channel.startswith("D")}
        return cls(TeamId(team), UserId(user), frozenset({*direct, *channels}))

    @property
    def ids(self) -> tuple[str, ...]:
        """What names them; each of their IM users begins with the first."""
        return (f"{self.team}_{self.user}_".lower(), self.user, *sorted(self.conversations))

    def is_im_user(self, name: str) -> bool:
        """Tell whether they are the IM user *name*."""
        return name.startswith(self.ids[0])


def blot_slack(entry: SlackEntry, person: Person) -> SlackEntry | None:
    """Return what an entry says without *person*, itself where it is not about them; None for nothing."""
    if isinstance(entry, Blotted):
        return entry
    if isinstance(entry, Read):
        return None if entry.channel in person.conversations else entry
    is_theirs = entry.channel in person.conversations
    if isinstance(entry, Settled | Awaiting):
        is_theirs |= person.is_im_user(entry.im_user)
    if isinstance(entry, Awaiting | Untold):
        is_theirs |= entry.user == person.user
    if not is_theirs:
        return entry
    if isinstance(entry, Settled):
        return Blotted(hashes=hashes_of(key_of(entry)), outcome=entry.outcome, at=entry.at)
    # Nobody is told any more, and nothing is proved.
    return None


def blot_kefu(entry: KefuEntry, person: Person) -> KefuEntry | None:
    """Return what an entry says without *person*; None for nothing: Easemob has nothing left that could come again."""
    return None if person.is_im_user(entry.user) else entry


def blot_all(entries: Iterable[E], people: Iterable[Person], blot: Callable[[E, Person], E | None]) -> list[E]:
    """Return *entries* without *people*."""
    left = [*entries]
    for person in people:
        left = [made for entry in left if (made := blot(entry, person)) is not None]
    return left
