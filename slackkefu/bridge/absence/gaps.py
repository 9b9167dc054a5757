"""
Gaps: messages that Slack may not repeat and that only its history has for sure.

While the disk takes nothing, a message in our hands is in memory alone, and would be lost with us. So its conversation
is marked in the reserve (:mod:`slackkefu.store.reserve`), and then the message may be acknowledged. A message that we
gave back to Slack may have been repeated for the last time; that is noted in memory, and the low-water mark
(:mod:`slackkefu.bridge.absence.marks`) stands still before it.

A gap is closed when its conversation has been read from it on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, final

import trio

from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.errors import StoreUnwritable
from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, Ts, written_at
from slackkefu.slack.installation import InstallationKey
from slackkefu.store.reserve import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Found", "Gaps", "Strand"]


class Reserve(Protocol):
    """What takes marks on a full disk; the part of :class:`slackkefu.store.reserve.Reserve`."""

    async def put(self, mark: Mark) -> int:
        """Keep *mark*, and return its slot; on disk when this returns. Raises StoreUnwritable."""
        ...

    async def free(self, *slots: int) -> None:
        """Free *slots*; raises StoreUnwritable, and frees them with the next ones."""
        ...


@dataclass(frozen=True, slots=True)
class Strand:
    """The messages of a conversation outside its threads, or those of one of its threads."""

    installation: InstallationKey
    channel: ChannelId
    thread_ts: Ts | None
    """The root; None outside threads."""


@dataclass(slots=True)
class _Gap:
    since: Ts
    slots: list[int] = field(default_factory=list)
    marked_since: Ts | None = None
    """From where on it is marked in the reserve."""
    noted: int = 0
    """How many messages it was noted for; one more may be missing from what has been read meanwhile."""


@dataclass(frozen=True, slots=True)
class Found:
    """A gap as it was when it was asked for."""

    strand: Strand
    since: Ts
    noted: int


@final
class Gaps:
    """
    The gaps of one store.

    Args:
        reserve: What takes marks.
        on_gap: Told of the installation, each time a message is noted.

    """

    def __init__(self, reserve: Reserve, *, on_gap: Callable[[InstallationKey], None]) -> None:
        self._reserve = reserve
        self._on_gap = on_gap
        self._trouble = DiskTrouble("reserve.unwritable", meaning="what is read already may be read once more")
        self._gaps: dict[Strand, _Gap] = {}
        # Visitors of one conversation must not take a slot each.
        self._marking = trio.Lock()

    def __repr__(self) -> str:
        return f"<Gaps {len(self._gaps)}>"

    def __len__(self) -> int:
        return len(self._gaps)

    def restore(self, marks: Mapping[int, Mark]) -> None:
        """Take over what the run before has marked."""
        for slot, mark in marks.items():
            installation = InstallationKey(
                EnterpriseId(mark.enterprise_id) if mark.enterprise_id else None,
                TeamId(mark.team_id) if mark.team_id else None,
            )
            thread_ts = Ts(mark.thread_ts) if mark.thread_ts else None
            self._keep(Strand(installation, ChannelId(mark.channel), thread_ts), Ts(mark.since), slot)

    async def mark(self, strand: Strand, ts: Ts) -> None:
        """
        Mark *strand* from the message *ts* on; on disk when this returns.

        Raises:
            StoreUnwritable: The reserve has no room; nothing has changed.

        """
        async with self._marking:
            gap = self._gaps.get(strand)
            if gap is None or gap.marked_since is None or _moment(ts) < _moment(gap.marked_since):
                slot = await self._reserve.put(
                    Mark(
                        enterprise_id=strand.installation.enterprise_id,
                        team_id=strand.installation.team_id,
                        channel=strand.channel,
                        thread_ts=strand.thread_ts,
                        since=ts,
                    )
                )
                self._keep(strand, ts, slot)
            else:
                gap.noted += 1
        self._on_gap(strand.installation)

    def note(self, strand: Strand, ts: Ts) -> None:
        """Note a gap in memory: Slack may not repeat the message *ts* any more."""
        gap = self._gaps.setdefault(strand, _Gap(ts))
        gap.since = min(gap.since, ts, key=_moment)
        gap.noted += 1
        self._on_gap(strand.installation)

    def of(self, installation: InstallationKey) -> list[Found]:
        """Return the gaps in one installation's conversations."""
        return [
            Found(strand, gap.since, gap.noted)
            for strand, gap in self._gaps.items()
            if strand.installation == installation
        ]

    def installations(self) -> set[InstallationKey]:
        """Return the installations that have gaps."""
        return {strand.installation for strand in self._gaps}

    def earliest(self) -> float | None:
        """Return when the first message was written that may be missing."""
        return min((_moment(gap.since) for gap in self._gaps.values()), default=None)

    async def close(self, gaps: Iterable[Found]) -> None:
        """Close *gaps*, which have been read; one that was noted again meanwhile stays."""
        slots = []
        for found in gaps:
            gap = self._gaps.get(found.strand)
            if gap is not None and gap.noted == found.noted:
                del self._gaps[found.strand]
                slots += gap.slots
        try:
            await self._reserve.free(*slots)
        except StoreUnwritable as exc:
            self._trouble.refused(exc)
        else:
            self._trouble.taken()

    def _keep(self, strand: Strand, ts: Ts, slot: int) -> None:
        gap = self._gaps.setdefault(strand, _Gap(ts))
        gap.since = min(gap.since, ts, key=_moment)
        gap.marked_since = min(gap.marked_since or ts, ts, key=_moment)
        gap.slots.append(slot)
        gap.noted += 1


def _moment(ts: Ts) -> float:
    """Return when a message was written; one whose name is no time comes before all others."""
    return written_at(ts) or 0.0
