"""
The watch over what may have been missed.

It begins when Slack is listened to, is told of every gap in that, and writes down each minute how far everything has
been seen, for the next start. A minute that was not written down is read from the history once more, at most. It also
sees the app itself come into channels and leave them, which is written down at once.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, final

import trio

from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.errors import StoreUnwritable
from slackkefu.slack.envelope import EventCallback, MessageEvent, OtherEvent
from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import ChannelId, Ts, UserId, written_at
from slackkefu.store.entries import Read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from slackkefu.bridge.absence.backfill import Backfill
    from slackkefu.bridge.absence.gaps import Gaps
    from slackkefu.bridge.absence.marks import Marks
    from slackkefu.bridge.absence.presence import Presence
    from slackkefu.bridge.slack_to_kefu.receipts import Receipts
    from slackkefu.slack.absence import Gap
    from slackkefu.slack.envelope import Envelope
    from slackkefu.slack.installation import InstallationKey, Installations
    from slackkefu.store.alive import Alive
    from slackkefu.store.presence import PresenceRecord
    from slackkefu.store.reserve import Mark
    from slackkefu.world import Disk

__all__ = ["Watch"]

KEEP_S: Final = 60.0


class Places(Protocol):
    """Where it is written down which channels the app is in; the part of :class:`slackkefu.store.presence`."""

    def save(self, record: PresenceRecord) -> None:
        """Keep *record*; raises StoreUnwritable."""
        ...

    def delete(self, record: PresenceRecord) -> None:
        """Forget the record of an installation; raises StoreUnwritable."""
        ...


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
        presence: Which channels the app is in.
        installations: Who installed the app.
        gaps: What it may not pass.
        receipts: What it may not pass, too.
        backfill: Reads what was missed.
        file: Where the mark is kept.
        places: Where it is kept which channels the app is in.
        disk: Where blocking work runs.
        is_listening: Whether Slack is connected.
        wall: Wall clock, seconds.
        on_left: Told of each channel that the app has left.

    """

    def __init__(
        self,
        *,
        marks: Marks,
        presence: Presence,
        installations: Installations,
        gaps: Gaps,
        receipts: Receipts,
        backfill: Backfill,
        file: AliveFile,
        places: Places,
        disk: Disk,
        is_listening: Callable[[], bool],
        wall: Callable[[], float],
        on_left: Callable[[InstallationKey, ChannelId], None] = lambda _key, _channel: None,
    ) -> None:
        self._marks = marks
        self._presence = presence
        self._installations = installations
        self._gaps = gaps
        self._receipts = receipts
        self._backfill = backfill
        self._file = file
        self._places = places
        self._disk = disk
        self._is_listening = is_listening
        self._wall = wall
        self._on_left = on_left
        self._trouble = DiskTrouble("store.unwritable", meaning="after a restart more is read than was missed")
        self._news = trio.Event()

    def restore(
        self,
        before: Alive | None,
        entries: Iterable[object],
        marks: Mapping[int, Mark],
        places: Iterable[PresenceRecord] = (),
    ) -> None:
        """
        Take over what the run before has left.

        Args:
            before: How far everything had been seen.
            entries: What the journal says.
            marks: What is marked in the reserve.
            places: Which channels the app was in.

        """
        self._presence.restore(places)
        self._marks.restore(before, self._wall())
        for entry in entries:
            if isinstance(entry, Read):
                self._marks.read(ChannelId(entry.channel), entry.through)
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
        """Know of an envelope, the moment it has come."""
        payload = envelope.payload
        if not isinstance(payload, EventCallback):
            return
        if isinstance(payload.event, OtherEvent):
            self._member(payload.event)
            self._renumbered(payload, payload.event)
        elif isinstance(payload.event, MessageEvent):
            self._message(payload, payload.event, is_new=not envelope.retry_attempt)

    def _message(self, payload: EventCallback, event: MessageEvent, *, is_new: bool) -> None:
        """Learn from a message what Slack's clock shows, and where the app is."""
        at = written_at(event.ts)
        if is_new and at is not None:
            self._marks.came(at, self._wall())
        installation = self._installations.owner_of(payload)
        # A mention may be why the app is let in, and come before it is (facts/slack.md §3).
        is_there = event.channel_type in ("channel", "group") and not event.is_mention_event
        if is_there and installation is not None and not self._marks.is_missing(installation.key):
            self._presence.seen(installation.key, event.channel)

    def _member(self, event: OtherEvent) -> None:
        """Note that the app itself has come into a channel or left it, whichever installation Slack tells of that."""
        if event.type not in ("member_joined_channel", "member_left_channel"):
            return
        channel = ChannelId(text_at(event.raw, "channel"))
        at = written_at(Ts(text_at(event.raw, "event_ts"))) or self._marks.slack_time(self._wall())
        for installation in self._installations.of_bot(UserId(text_at(event.raw, "user"))) if channel else ():
            if event.type == "member_joined_channel":
                self._presence.came(installation.key, channel, at)
                # A crash must not forget it.
                self._news.set()
            else:
                self.left(installation.key, channel, at)

    def _renumbered(self, payload: EventCallback, event: OtherEvent) -> None:
        """Note that a channel has a new id."""
        installation = self._installations.owner_of(payload)
        old, new = (ChannelId(text_at(event.raw, name)) for name in ("old_channel_id", "new_channel_id"))
        if event.type == "channel_id_changed" and installation is not None and old and new:
            self._presence.renumbered(installation.key, old, new, self._marks.slack_time(self._wall()))
            self._news.set()

    def left(self, key: InstallationKey, channel: ChannelId, at: float | None = None) -> None:
        """Note that the app has left a channel; *at* is when, now where nobody says."""
        self._presence.left(key, channel, self._marks.slack_time(self._wall()) if at is None else at)
        if key not in self._presence.members(channel):
            self._on_left(key, channel)
        self._news.set()

    def changed(self, key: InstallationKey) -> None:
        """Know that an installation has come or gone."""
        if self._installations.get(key) is None:
            self._presence.gone(key)
            self._news.set()
        else:
            self._backfill.installed(key)

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
            await self._keep_places()
            await self._disk.run(partial(self._file.save, alive))
        except StoreUnwritable as exc:
            self._trouble.refused(exc)
        else:
            self._trouble.taken()

    async def _keep_places(self) -> None:
        """Write down where the app is, as far as that has changed; raises StoreUnwritable."""
        while (key := self._presence.unwritten()) is not None:
            record = self._presence.record(key, now=self._wall())
            write = self._places.save if self._presence.knows(key) else self._places.delete
            try:
                await self._disk.run(partial(write, record))
            except BaseException:
                self._presence.keep(key)
                raise
