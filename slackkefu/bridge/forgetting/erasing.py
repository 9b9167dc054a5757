"""
Erasing: everything that is kept of a visitor goes, here and at Easemob.

In this order, so that a crash anywhere is made up for by the next start: an erasure is synced
(:mod:`slackkefu.store.erasures`); what is in memory goes, then what is on disk, and the erasure says so; Easemob
removes the IM user; the erasure goes. While Easemob is away, or refuses, the last two wait, and are tried again.

Whoever writes again is a new visitor. The IM user has the same name, so a new one is made only when the old one is
removed: whoever wants a token for it asks here first. Nothing that they write before that is lost, it waits like
anything that waits for a login. The ids of what they write derive from messages that nobody has written before, so none
comes twice; whether an agent sees their earlier conversations is for kefu to say.

Journals hold ids only, and go by their own age (:mod:`slackkefu.store.journal`); but of somebody who is to be
*forgotten* nothing is left in them either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, final

import msgspec
import structlog
import trio

from slackkefu.bridge.forgetting.clearing import clear
from slackkefu.bridge.forgetting.memories import Dropped
from slackkefu.easemob.agenda import Alarm
from slackkefu.easemob.names import ImUser
from slackkefu.easemob.pace import Pace
from slackkefu.easemob.recovery import after_removal
from slackkefu.errors import SlackkefuError, StoreBroken, StoreError
from slackkefu.net.backoff import backoff
from slackkefu.store.erasures import Erasure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.forgetting.blotting import Person
    from slackkefu.bridge.forgetting.memories import Memories
    from slackkefu.easemob.rest import UserToken
    from slackkefu.secret import Secret
    from slackkefu.store import Store
    from slackkefu.store.erasures import Cause
    from slackkefu.world import World

__all__ = ["Erasing", "ErasingStatistics"]

log = structlog.get_logger()

A_SECOND: Final = 3.0
"""Removals at Easemob, which lets an app make 100 calls a second in all (facts/easemob-rest.md §12.1)."""

AGAIN_S: Final = 60.0
AGAIN_CAP_S: Final = 1800.0
REFUSED_S: Final = 24 * 3600.0
"""When a removal is tried again that Easemob refuses."""


class Users(Protocol):
    """Easemob's users; the part of :class:`~slackkefu.easemob.rest.RestClient` that is needed."""

    async def user_token(self, user: ImUser, *, rejected: Secret | None = None) -> UserToken:
        """Return a token that logs *user* in, making the user where there is none."""
        ...

    async def forget_user(self, user: ImUser) -> None:
        """Forget the token of a user that was removed."""
        ...

    async def offline_count(self, user: ImUser) -> int:
        """Return how many messages wait for *user*."""
        ...

    async def user_exists(self, user: ImUser) -> bool:
        """Tell whether *user* is registered."""
        ...

    async def remove_user(self, user: ImUser) -> None:
        """Remove *user*."""
        ...


@dataclass(frozen=True, slots=True)
class ErasingStatistics:
    """What was erased; the counts are since the start."""

    quiet: int
    """Visitors of whom nothing was heard for ``store.keep_days``."""
    forgotten: int
    """Visitors whom somebody has asked to be forgotten."""
    dropped: int
    """Messages that went with them, undelivered."""
    removed: int
    """IM users that Easemob has removed."""
    pending: int
    """IM users that it has yet to remove."""
    failed: int
    """Removals that went wrong; each is tried again."""


@dataclass(slots=True, eq=False)
class _Leaving:
    """An IM user that is being erased."""

    erasure: Erasure
    people: Sequence[Person] = ()
    clean: trio.Event = field(default_factory=trio.Event)
    """Nothing is kept of them here any more."""
    turn: trio.Lock = field(default_factory=trio.Lock)
    """Held by whoever has Easemob remove them."""


@final
class Erasing:
    """
    Erases visitors; stands before Easemob's users for whoever logs visitors in.

    Args:
        world: Wall clock, disk and chance.
        store: What is kept.
        book: The visitors' records.
        users: Easemob's users.

    """

    def __init__(self, *, world: World, store: Store, book: Book, users: Users) -> None:
        self._world = world
        self._store = store
        self._users = users
        self._leaving: dict[ImUser, _Leaving] = {}
        self._due: Alarm[ImUser] = Alarm()
        self._turn = trio.Lock()
        self._pace = Pace(A_SECOND)
        self._pauses = self._fresh_pauses()
        self._book = book
        self._memories: Memories | None = None
        self._erased: dict[Cause, int] = {"quiet": 0, "forgotten": 0}
        self._dropped = self._removed = self._failed = 0

    def __repr__(self) -> str:
        return f"<Erasing, {len(self._leaving)} to be removed at Easemob>"

    def remembered_by(self, memories: Memories) -> None:
        """Know where visitors are remembered besides; some of that needs this one itself."""
        self._memories = memories

    def restore(self, erasures: Iterable[Erasure]) -> None:
        """Take over what the run before has not finished; on disk everything is clean by now."""
        for erasure in erasures:
            leaving = self._leaving[ImUser(erasure.im_user)] = _Leaving(erasure)
            leaving.clean.set()
            self._due.put(ImUser(erasure.im_user), trio.current_time())

    def statistics(self) -> ErasingStatistics:
        """Count."""
        return ErasingStatistics(
            quiet=self._erased["quiet"],
            forgotten=self._erased["forgotten"],
            dropped=self._dropped,
            removed=self._removed,
            pending=len(self._leaving),
            failed=self._failed,
        )

    def pending(self) -> tuple[ImUser, ...]:
        """Return the IM users that Easemob has yet to remove."""
        return tuple(self._leaving)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Finish what is not finished, one at a time, until cancelled."""
        task_status.started()
        while True:
            for user in await self._due.due():
                await self._pace.turn()
                await self._try(user)

    # Erasing.

    async def erase(self, users: Sequence[ImUser], *, cause: Cause, person: Person | None = None) -> Dropped:
        """
        Let everything go that is kept of *users*; Easemob is told afterwards, by :meth:`run` or :meth:`remove`.

        A cancellation leaves the rest to :meth:`run`, or to the next start.

        Args:
            users: The visitors.
            cause: Why.
            person: Who they are, where the person is to be forgotten at once.

        Raises:
            StoreError: The disk does not take it; it is tried again.

        """
        people = () if person is None else (person,)
        async with self._turn:
            at, through = self._world.wall(), self._store.spill.last
            for user in users:
                erasure = Erasure(im_user=user, cause=cause, at=at, through=through)
                await self._begin(user, erasure, people)
            dropped = Dropped()
            for user in users:
                dropped += await self._forget(user)
            if self._memories is not None and person is not None:
                self._memories.forget_person(person.user)
            self._erased[cause] += len(users)
            self._dropped += dropped.words + dropped.answers + dropped.aside
            log.info("visitors.erased", visitors=len(users), cause=cause, dropped=dropped.words)
            await self._clear(users, people)
            return dropped

    async def _begin(self, user: ImUser, erasure: Erasure, people: Sequence[Person]) -> None:
        """Write down that *user* is being erased, from now on; raises StoreUnwritable."""
        before = self._leaving.get(user)
        # One that Easemob is removing right now comes to its end first.
        async with trio.Lock() if before is None else before.turn:
            await self._world.disk.run(partial(self._store.erasures.save, erasure))
            self._leaving[user] = _Leaving(erasure, people)
            # Should this be cut off.
            self._due.put(user, trio.current_time() + AGAIN_S)

    async def _forget(self, user: ImUser) -> Dropped:
        """Know nothing of *user* any more; return what is dropped."""
        # Whoever writes from here on has a record of their own, and a lane with something in it.
        self._book.forget(user)
        if self._memories is None:
            return Dropped()
        dropped = await self._memories.forget(user)
        if not self._memories.has_written(user):
            # What was ended meanwhile may have taken note of something.
            self._book.forget(user)
        return dropped

    async def _clear(self, users: Sequence[ImUser], people: Sequence[Person]) -> None:
        """Take them off the disk, and note that they are; raises StoreError."""
        for user in users:
            await self._book.clear(user)
        await clear(self._store, self._world.disk, users, people)
        for user in users:
            leaving = self._leaving[user]
            leaving.erasure = msgspec.structs.replace(leaving.erasure, is_clean=True)
            await self._world.disk.run(partial(self._store.erasures.save, leaving.erasure))
            leaving.clean.set()
            self._due.put(user, trio.current_time())

    # At Easemob.

    async def remove(self, users: Iterable[ImUser]) -> str:
        """Have Easemob remove *users* now; return why some have to wait, empty where none has."""
        for user in users:
            try:
                await self._remove(user)
            except StoreBroken:
                raise
            except SlackkefuError as error:
                self._failed += 1
                return str(error)
        return ""

    async def _remove(self, user: ImUser) -> None:
        """Have Easemob remove *user*, and be done with them; raises SlackkefuError."""
        leaving = self._leaving.get(user)
        if leaving is None:
            return
        await leaving.clean.wait()
        async with leaving.turn:
            if self._leaving.get(user) is not leaving:
                return
            await self._users.remove_user(user)
            # One that was on its way when the others went.
            await self._store.tokens.delete_user(user)
            self._removed += 1
            log.info("visitors.removed", visitor=user)
            await self._be_done(user)

    async def _be_done(self, user: ImUser) -> None:
        """Be done with an erasure; raises StoreUnwritable, for after a restart it would be about whoever came back."""
        await self._world.disk.run(partial(self._store.erasures.delete, user))
        self._leaving.pop(user, None)
        self._due.drop(user)

    async def _try(self, user: ImUser) -> None:
        """Go on with one as far as disk and Easemob let us now; where they are away, all wait."""
        leaving = self._leaving.get(user)
        if leaving is None:
            return
        try:
            async with self._turn:
                # It is under way mostly, and over when our turn has come.
                if self._leaving.get(user) is leaving and not leaving.clean.is_set():
                    await self._clear([user], leaving.people)
            await self._remove(user)
        except StoreBroken:
            raise
        except SlackkefuError as error:
            self._failed += 1
            least_s = after_removal(error)
            pause_s = REFUSED_S if least_s is None else max(next(self._pauses), least_s)
            self._due.put(user, trio.current_time() + pause_s)
            log.warning(
                "visitors.not_removed",
                visitor=user,
                problem=str(error),
                in_s=round(pause_s),
                meaning="nothing is kept of them here; their IM user is still at Easemob",
            )
            if least_s is not None:
                await trio.sleep(least_s)
        else:
            self._pauses = self._fresh_pauses()

    def _fresh_pauses(self) -> Iterator[float]:
        return backoff(self._world.chance, first_s=AGAIN_S, cap_s=AGAIN_CAP_S)

    # For whoever logs visitors in.

    async def user_token(self, user: ImUser, *, rejected: Secret | None = None) -> UserToken:
        """
        Return a token that logs *user* in; of one that is being erased, for the IM user that is made after that.

        Raises:
            SlackkefuError: As :meth:`slackkefu.easemob.rest.RestClient.user_token`, or why they cannot be removed yet.

        """
        leaving = self._leaving.get(user)
        if leaving is not None:
            try:
                await self._remove(user)
            except StoreError:
                raise
            except SlackkefuError as error:
                if after_removal(error) is not None:
                    raise
                log.error(  # noqa: TRY400 - for an operator, no traceback
                    "visitors.not_removed",
                    visitor=user,
                    problem=str(error),
                    meaning="they are back, as the IM user that they were",
                )
                await self._be_done(user)
        return await self._users.user_token(user, rejected=rejected)

    async def forget_user(self, user: ImUser) -> None:
        """Forget the token of a user that was removed at Easemob."""
        await self._users.forget_user(user)

    async def offline_count(self, user: ImUser) -> int:
        """Return how many messages wait for *user*."""
        return await self._users.offline_count(user)

    async def user_exists(self, user: ImUser) -> bool:
        """Tell whether *user* is registered."""
        return await self._users.user_exists(user)
