"""
The same as :mod:`slackkefu.bridge.forgetting.forgetting` while no daemon runs: on a store whose lock the command holds.

A person is forgotten as a start finishes what a crash has cut off: the erasures are written, and carried out. Where
Easemob cannot be asked they stay, for the next command or the daemon.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from slackkefu.bridge.forgetting.clearing import clear, load
from slackkefu.bridge.forgetting.forgetting import Forget, ListVisitors, answer, listing, person_of
from slackkefu.bridge.forgetting.memories import Dropped
from slackkefu.store.erasures import Erasure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.bridge.forgetting.clearing import Left
    from slackkefu.easemob.names import ImUser
    from slackkefu.store import Store
    from slackkefu.world import World

__all__ = ["erase", "list_visitors"]


async def list_visitors(store: Store, world: World, asked: ListVisitors) -> Mapping[str, object]:
    """Say who is known; raises StoreError."""
    erasures, _ = await world.disk.run(store.erasures.load_all)
    left = await load(store, world.disk, erasures)
    records, _ = await world.disk.run(store.visitors.load_all)
    waiting = _counts(left)
    leaving = [each.im_user for each in erasures]
    return listing(records, asked, waiting=lambda user: waiting.get(user, Dropped()), leaving=leaving, now=world.wall())


async def erase(store: Store, world: World, asked: Forget) -> tuple[list[ImUser], Mapping[str, object]]:
    """
    Take a person off the disk, or say what that would take.

    Returns:
        The IM users that Easemob is to remove, and the answer as far as it goes without that.

    Raises:
        StoreError: The disk does not take it. The next command, or the daemon, goes on with it.

    """
    erasures, _ = await world.disk.run(store.erasures.load_all)
    left = await load(store, world.disk, erasures)
    records, _ = await world.disk.run(store.visitors.load_all)
    kept, tokens = await world.disk.run(store.visitors.names), await world.disk.run(store.tokens.users)
    shelved = [each.lane for shelf in (left.spilled, left.aside, left.incoming) for each in shelf]
    person, users = person_of(asked, records, kept, tokens, shelved, (each.im_user for each in erasures))
    waiting = _counts(left)
    dropped = sum((waiting.get(user, Dropped()) for user in users), Dropped())
    if asked.count:
        return [], answer(users, dropped)
    for user in users:
        erasure = Erasure(im_user=user, cause="forgotten", at=world.wall(), through=store.spill.last)
        await world.disk.run(partial(store.erasures.save, erasure))
    for shelf, waits in ((store.spill, left.spilled), (store.aside, left.aside), (store.incoming, left.incoming)):
        shelf.done(*(each.number for each in waits if each.lane in users))
    for user in users:
        await world.disk.run(partial(store.visitors.delete, user))
    await clear(store, world.disk, users, [person])
    for user in users:
        erasure = Erasure(im_user=user, cause="forgotten", at=world.wall(), is_clean=True)
        await world.disk.run(partial(store.erasures.save, erasure))
    return users, answer(users, dropped, leaving=users)


def _counts(left: Left) -> Mapping[str, Dropped]:
    """Count what waits, by visitor."""
    words, answers, aside = (
        Counter(each.lane for each in shelf) for shelf in (left.spilled, left.incoming, left.aside)
    )
    return {user: Dropped(words[user], answers[user], aside[user]) for user in {*words, *answers, *aside}}
