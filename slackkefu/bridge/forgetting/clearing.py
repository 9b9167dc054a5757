"""
Clearing: what is on disk of somebody goes, and what a crash has left of such a work is taken up.

All of it can be done again: an erasure (:mod:`slackkefu.store.erasures`) is unclean until everything is off the disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import groupby
from math import inf
from typing import TYPE_CHECKING, final

import msgspec

from slackkefu.bridge.forgetting.blotting import Person, blot_all, blot_kefu, blot_slack
from slackkefu.bridge.identity import visitor_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from slackkefu.store import Store
    from slackkefu.store.entries import KefuEntry, SlackEntry
    from slackkefu.store.erasures import Erasure
    from slackkefu.store.spill import Spilled
    from slackkefu.world import Disk

__all__ = ["Left", "clear", "forgotten", "load"]


@final
@dataclass(frozen=True, slots=True)
class Left:
    """What the run before has left, without whoever was being erased."""

    slack: list[SlackEntry]
    kefu: list[KefuEntry]
    spilled: list[Spilled]
    aside: list[Spilled]
    incoming: list[Spilled]
    dropped: int
    """Messages that waited, or were set aside, and went with whom they were of."""


def forgotten(erasures: Iterable[Erasure]) -> list[Person]:
    """Return the people among those who are being erased that are to be forgotten as a whole."""
    visitors = [
        (each.im_user, visitor)
        for each in erasures
        if each.cause == "forgotten" and (visitor := visitor_of(each.im_user)) is not None
    ]
    visitors.sort()
    people = groupby(visitors, key=lambda each: (each[1].team, each[1].user))
    return [Person.of(team, user, [name for name, _ in names]) for (team, user), names in people]


async def load(store: Store, disk: Disk, erasures: Iterable[Erasure]) -> Left:
    """
    Load what the run before has left, and finish on disk the erasures that a crash has cut off.

    Comes before anything is written to the store. An erasure is clean when this returns.

    Raises:
        StoreError: Something cannot be read or written.

    """
    cut = {each.im_user: each for each in erasures if not each.is_clean}
    people = forgotten(cut.values())
    slack = blot_all(await disk.run(store.slack_journal.load), people, blot_slack)
    kefu = blot_all(await disk.run(store.kefu_journal.load), people, blot_kefu)
    dropped = 0
    shelves: list[list[Spilled]] = []
    for shelf in (store.spill, store.aside, store.incoming):
        waiting = await disk.run(shelf.load)
        # What came to the spill later is of somebody who is back.
        last = {name: each.through if shelf is store.spill else inf for name, each in cut.items()}
        gone = {each.number for each in waiting if each.number <= last.get(each.lane, 0)}
        shelf.done(*gone)
        dropped += len(gone)
        shelves.append([each for each in waiting if each.number not in gone])
    for name in cut:
        await disk.run(partial(store.visitors.delete, name))
    await clear(store, disk, cut, people)
    for each in cut.values():
        await disk.run(partial(store.erasures.save, msgspec.structs.replace(each, is_clean=True)))
    spilled, aside, incoming = shelves
    return Left(slack, kefu, spilled, aside, incoming, dropped)


async def clear(store: Store, disk: Disk, names: Iterable[str], people: Sequence[Person] = ()) -> None:
    """
    Take off the disk what is kept of some IM users but their records; their words are done with by then.

    Args:
        store: The store.
        disk: Where that blocks.
        names: The IM users.
        people: Who of them is to be forgotten at once: ids in journals, and what is done with, go as well.

    Raises:
        StoreError: The disk does not take it; some of it may be gone.

    """
    for name in names:
        await store.tokens.delete_user(name)
    if people:
        for shelf in (store.spill, store.aside, store.incoming):
            await shelf.compact()
    for person in people:
        await store.slack_journal.revise(partial(blot_slack, person=person), about=person.ids)
        await store.kefu_journal.revise(partial(blot_kefu, person=person), about=person.ids[:1])
        await disk.run(partial(store.erasures.clear_damaged, person.ids))
