"""
The watch over what may have been missed.

It begins when Slack is listened to, is told of every gap in that, and writes down each minute how far everything has
been seen, for the next start. A minute that was not written down is read from the history once more, at most.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, final

import trio

from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.errors import StoreUnwritable
from slackkefu.slack.envelope import EventCallback, MessageEvent
from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, written_at
from slackkefu.slack.installation import InstallationKey
from slackkefu.store.entries import Read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from slackkefu.bridge.absence.backfill import Backfill
    from slackkefu.bridge.absence.gaps import Gaps
    from slackkefu.bridge.absence.marks import Marks
    from slackkefu.bridge.slack_to_kefu.receipts import Receipts
    from slackkefu.slack.absence import Gap
    from slackkefu.slack.envelope import Envelope
    from slackkefu.store.alive import Alive
    from slackkefu.store.reserve import Mark
    from slackkefu.world import Disk

__all__ = ["Watch"]

KEEP_S: Final = 60.0


class AliveFile(Protocol):
    """Where it is written down; blocks. The part of :class:`slackkefu.store.alive.AliveFile`."""

    def save(self, alive: Alive) -> None:
        """Keep *alive*; raises StoreUnwritable."""
        ...


@final
class Watch:
    """
    Keeps the low-water mark.

    Args:
        marks: The mark.
        gaps: What it may not pass.
        receipts: What it may not pass, too.
        backfill: Reads what was missed.
        file: Where the mark is kept.
        disk: Where blocking work runs.
        is_listening: Whether Slack is connected.
        wall: Wall clock, seconds.

    """

    def __init__(
        self,
        *,
        marks: Marks,
        gaps: Gaps,
        receipts: Receipts,
        backfill: Backfill,
        file: AliveFile,
        disk: Disk,
        is_listening: Callable[[], bool],
        wall: Callable[[], float],
    ) -> None:
        self._marks = marks
        self._gaps = gaps
        self._receipts = receipts
        self._backfill = backfill
        self._file = file
        self._disk = disk
        self._is_listening = is_listening
        self._wall = wall
        self._trouble = DiskTrouble("store.unwritable", meaning="after a restart more is read than was missed")
        self._news = trio.Event()

    def restore(self, before: Alive | None, entries: Iterable[object], marks: Mapping[int, Mark]) -> None:
        """
        Take over what the run before has left.

        Args:
            before: How far everything had been seen.
            entries: What the journal says.
            marks: What is marked in the reserve.

        """
        self._marks.restore(before, self._wall())
        for entry in entries:
            if isinstance(entry, Read):
                self._marks.read(*_place(entry), entry.through)
        self._gaps.restore(marks)

    async def begin(self) -> None:
        """Begin, now that Slack is listened to."""
        self._backfill.begin(is_missed=self._marks.begin(self._wall()))
        await self.keep()

    @property
    def mark(self) -> float:
        """Everything that was written in Slack before has been seen (wall clock)."""
        return self._marks.mark

    def came(self, envelope: Envelope) -> None:
        """Know of an envelope, the moment it has come: a new message tells what Slack's clock shows."""
        event = envelope.payload.event if isinstance(envelope.payload, EventCallback) else None
        if isinstance(event, MessageEvent) and not envelope.retry_attempt:
            at = written_at(event.ts)
            if at is not None:
                self._marks.came(at, self._wall())

    def missed(self, gap: Gap) -> None:
        """Note that something may have been missed while we were listening."""
        now = self._wall()
        self._marks.missed(now - (trio.current_time() - gap.since), now)
        self._backfill.missed()
        # A crash must not forget it.
        self._news.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write down each minute, and when something was missed, how far everything has been seen, until cancelled."""
        task_status.started()
        while True:
            with trio.move_on_after(KEEP_S):
                await self._news.wait()
            self._news = trio.Event()
            await self.keep()

    async def keep(self) -> None:
        """Write down how far everything has been seen; a disk that does not take it has the next minute to."""
        held_at = (self._receipts.exposed_since(), self._gaps.earliest())
        alive = self._marks.tick(self._wall(), is_listening=self._is_listening(), held_at=held_at)
        self._receipts.keep_since(self._marks.mark)
        self._backfill.missed()
        try:
            await self._disk.run(partial(self._file.save, alive))
        except StoreUnwritable as exc:
            self._trouble.refused(exc)
        else:
            self._trouble.taken()


def _place(entry: Read) -> tuple[InstallationKey, ChannelId]:
    installation = InstallationKey(
        EnterpriseId(entry.enterprise_id) if entry.enterprise_id else None,
        TeamId(entry.team_id) if entry.team_id else None,
    )
    return installation, ChannelId(entry.channel)
