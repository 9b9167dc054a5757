"""
Forgetting: what a person may ask of whoever keeps something of them: to see it, and to be forgotten.

A person is a Slack user in a workspace, in whatever channels they wrote. What is kept of them goes at once: records and
tokens, words that wait or are set aside, ids in the journals. The IM users go when Easemob removes them, which is now
where it answers. Who writes again is somebody new.

Here it is done in the running daemon; :mod:`slackkefu.bridge.forgetting.at_rest` does it while there is none. Both
answer alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, TypeVar, final

import msgspec
import trio

from slackkefu.bridge.book import is_open
from slackkefu.bridge.forgetting.blotting import Person
from slackkefu.bridge.forgetting.memories import Dropped
from slackkefu.easemob.names import ImUser
from slackkefu.errors import WrongUse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.forgetting.erasing import Erasing
    from slackkefu.bridge.forgetting.memories import Memories
    from slackkefu.store import Store
    from slackkefu.store.visitors import VisitorRecord
    from slackkefu.world import World

__all__ = [
    "REMOVE_S",
    "Forget",
    "Forgetting",
    "ListVisitors",
    "answer",
    "listing",
    "names_of",
    "person_of",
    "read_arguments",
]

REMOVE_S: Final = 60.0
"""How long Easemob is waited for; what it has not removed by then is removed later."""

SlackId = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9]+$", max_length=64)]

T = TypeVar("T")


class ListVisitors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``visitors.list`` is asked with."""

    team: SlackId | None = None
    """Only people of this workspace."""
    names: bool = False
    """What they are called, as well."""


class Forget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``visitors.forget`` is asked with."""

    team: SlackId
    user: SlackId
    count: bool = False
    """Only say what would go."""


def read_arguments(arguments: Mapping[str, object], kind: type[T]) -> T:
    """Read what a command has sent; raises WrongUse."""
    try:
        return msgspec.convert(arguments, kind)
    except msgspec.ValidationError as exc:
        raise WrongUse(
            "visitors are asked for by ids as Slack writes them: a workspace, T…, and a user, U… or W…."
        ) from exc


def listing(
    records: Iterable[VisitorRecord],
    asked: ListVisitors,
    *,
    waiting: Callable[[ImUser], Dropped],
    leaving: Iterable[str],
    now: float,
) -> Mapping[str, object]:
    """
    Say who is known, the latest heard of first.

    Args:
        records: Everybody.
        asked: What is asked for.
        waiting: How much of a visitor's waits.
        leaving: IM users that Easemob has yet to remove.
        now: Wall clock, seconds.

    """
    known = sorted(
        (record for record in records if asked.team in (None, record.team)),
        key=lambda record: (-record.last_active, record.im_user),
    )
    return {
        "visitors": [
            {
                "team": record.team,
                "user": record.user,
                "channel": record.channel,
                "im_user": record.im_user,
                "installation": {"enterprise_id": record.enterprise_id, "team_id": record.installation_team_id},
                "last_active": record.last_active,
                "open_session": is_open(record, now=now),
                "waiting": waiting(ImUser(record.im_user)).as_json(),
                **({"name": record.name, "workspace": record.workspace} if asked.names else {}),
            }
            for record in known
        ],
        "leaving": [*leaving],
    }


def names_of(person: Person, *known: Iterable[str]) -> list[ImUser]:
    """Return the IM users among *known* that *person* is."""
    return sorted({ImUser(name) for names in known for name in names if person.is_im_user(name)})


def person_of(asked: Forget, records: Iterable[VisitorRecord], *known: Iterable[str]) -> tuple[Person, list[ImUser]]:
    """
    Say who is to be forgotten.

    Args:
        asked: What is asked for.
        records: Everybody.
        known: Names of IM users that something is known of.

    Returns:
        The person, and the IM users that they are.

    """
    own = [record for record in records if (record.team, record.user) == (asked.team, asked.user)]
    anybody = Person.of(asked.team, asked.user, ())
    users = names_of(anybody, (record.im_user for record in own), *known)
    direct = (record.channel for record in own if record.channel_type == "im")
    return Person.of(asked.team, asked.user, users, channels=direct), users


def answer(
    users: Iterable[str], dropped: Dropped, *, leaving: Iterable[str] = (), problem: str = ""
) -> dict[str, object]:
    """
    Say what has gone.

    Args:
        users: The IM users that the person was.
        dropped: What was not delivered.
        leaving: Of the IM users, those that Easemob has yet to remove.
        problem: Why.

    """
    return {"im_users": [*users], "dropped": dropped.as_json(), "leaving": [*leaving], "problem": problem}


@final
class Forgetting:
    """
    Answers what operators ask about visitors.

    Args:
        world: Wall clock and disk.
        store: What is kept.
        book: The visitors' records.
        memories: What is known besides.
        erasing: Erases.

    """

    def __init__(self, *, world: World, store: Store, book: Book, memories: Memories, erasing: Erasing) -> None:
        self._world = world
        self._store = store
        self._book = book
        self._memories = memories
        self._erasing = erasing

    def handlers(self) -> Mapping[str, Callable[[Mapping[str, object]], Awaitable[Mapping[str, object]]]]:
        """Return what can be asked, by name."""
        return {"visitors.list": self.list, "visitors.forget": self.forget}

    async def list(self, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """Say who is known; raises WrongUse."""
        await trio.lowlevel.checkpoint()
        return listing(
            self._book,
            read_arguments(arguments, ListVisitors),
            waiting=self._memories.waiting,
            leaving=self._erasing.pending(),
            now=self._world.wall(),
        )

    async def forget(self, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """
        Forget a person, or say what that would take.

        Raises:
            WrongUse: The arguments are none.
            StoreError: The disk does not take it; it is tried again.

        """
        asked = read_arguments(arguments, Forget)
        kept = await self._world.disk.run(self._store.visitors.names)
        tokens = await self._world.disk.run(self._store.tokens.users)
        person, users = person_of(asked, self._book, kept, tokens, self._erasing.pending())
        if asked.count:
            return answer(users, sum(map(self._memories.waiting, users), Dropped()))
        dropped = await self._erasing.erase(users, cause="forgotten", person=person)
        problem = f"no answer within {REMOVE_S:g} s"
        with trio.move_on_after(REMOVE_S):
            problem = await self._erasing.remove(users)
        leaving = names_of(person, self._erasing.pending())
        return answer(users, dropped, leaving=leaving, problem=problem if leaving else "")
