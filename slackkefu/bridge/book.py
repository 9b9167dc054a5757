"""
The book of visitors: which installation, channel and thread belong to each.

One record a visitor, kept in memory and on disk. The name of an IM user tells who a visitor is, but not where an answer
to them belongs: channel ids change, threads move on, and in shared channels the author's team may never have
installed the app. The way there is remembered here, and only here.

The functions that change a record are pure; :class:`Book` holds the records and writes what changed.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, final

import msgspec

from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.bridge.identity import Unmappable, Visitor, im_user, visitor_of
from slackkefu.bridge.open_sessions import OPEN_S
from slackkefu.easemob.names import ImUser
from slackkefu.errors import StoreUnwritable
from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, UserId, written_at
from slackkefu.slack.installation import InstallationKey
from slackkefu.store.visitors import VisitorRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.slack.ids import Ts
    from slackkefu.world import Disk

__all__ = [
    "Book",
    "closed",
    "duty_told",
    "has_source",
    "installation_key",
    "is_open",
    "is_owed_duty",
    "listens",
    "named",
    "opened",
    "sourced",
    "wrote",
]

LISTENING_S: Final = 24 * 3600.0
"""How long a mention keeps its thread open for its visitor, unless the service session closes before."""

MOST_THREADS: Final = 20
"""Threads of one visitor that are listened to at a time; beyond it the oldest needs another mention."""

MOST_WRITTEN_IN: Final = 5
"""Threads of one direct message that are read after an absence: each costs a call, and there may be one a minute."""

MOST_CLOSED: Final = 10

DUTY_S: Final = 3600.0
"""How long after they were told that the desk is off duty nobody is told again."""

STALE_S: Final = 60.0
"""A record is not written anew only because its last activity is this much later."""


def wrote(record: VisitorRecord | None, forward: Forward, *, now: float) -> VisitorRecord:
    """
    Note that the visitor wrote: where an answer belongs from here on.

    Args:
        record: What was known, if anything.
        forward: The message.
        now: Wall clock, seconds.

    """
    key = forward.installation.key
    known = record or VisitorRecord(
        im_user=forward.user, team=forward.visitor.team, user=forward.visitor.user, channel=forward.visitor.channel
    )
    if forward.is_mention and not forward.is_direct:
        # By Slack's time: a mention that comes late does not open its thread for longer.
        known = _mentioned(known, str(forward.thread_ts), at=written_at(forward.event.ts) or now)
    return msgspec.structs.replace(
        known,
        channel=forward.event.channel,
        channel_type="im" if forward.is_direct else (forward.event.channel_type or known.channel_type),
        enterprise_id=key.enterprise_id,
        installation_team_id=key.team_id,
        thread_ts=forward.thread_ts,
        threads=_written_in(known, forward.thread_ts) if forward.is_direct and forward.thread_ts else known.threads,
        # Slack tells nothing of a channel that the app is not in.
        left=False,
        last_active=_active(known, now=now),
    )


def named(record: VisitorRecord, *, name: str, workspace: str) -> VisitorRecord:
    """Note the visitor's names; an empty one leaves what is known."""
    return msgspec.structs.replace(record, name=name or record.name, workspace=workspace or record.workspace)


def opened(record: VisitorRecord, session_id: str, *, now: float) -> VisitorRecord:
    """Note that kefu holds a service session with this visitor."""
    return msgspec.structs.replace(
        record,
        open_session=session_id or record.open_session or "",
        last_active=_active(record, now=now),
    )


def sourced(record: VisitorRecord, *, now: float) -> VisitorRecord:
    """Note that the agent was shown where the visitor writes."""
    return msgspec.structs.replace(record, source_shown=now)


def has_source(record: VisitorRecord, *, now: float) -> bool:
    """Tell whether the agent can see where the visitor writes, or serves them already, so that nobody need say so."""
    return is_open(record, now=now) or now - record.source_shown < OPEN_S


def is_owed_duty(record: VisitorRecord, *, now: float) -> bool:
    """Tell whether somebody who writes may be told that the desk is off duty: once a service session, once an hour."""
    if now - record.duty_told < DUTY_S:
        return False
    return not is_open(record, now=now) or any(at > record.duty_told for at in record.closed_at.values())


def duty_told(record: VisitorRecord, *, now: float) -> VisitorRecord:
    """Note that the visitor is told that the desk is off duty."""
    return msgspec.structs.replace(record, duty_told=now)


def closed(record: VisitorRecord, session_id: str | None = None, *, at: float = 0.0) -> VisitorRecord:
    """
    Note that a service session is over; the threads opened by mentions close with it.

    The late end of another session than the open one ends nothing.

    Args:
        record: What is known.
        session_id: Which session; None for the one that is open.
        at: When it ended: what was written in those threads before is still for the desk, however late it comes.

    """
    over = session_id or record.open_session
    others = tuple(each for each in record.closed_sessions if each != over)
    sessions = (*others, over)[-MOST_CLOSED:] if over else others
    ends = {**record.closed_at, over: record.closed_at.get(over, at)} if over else record.closed_at
    record = msgspec.structs.replace(
        record, closed_sessions=sessions, closed_at={each: ends[each] for each in sessions if each in ends}
    )
    if session_id and record.open_session and session_id != record.open_session:
        return record
    threads = {
        thread: min(until, at)
        for thread, until in record.mention_threads.items()
        if record.mentioned_at.get(thread, 0.0) < at
    }
    return msgspec.structs.replace(record, open_session=None, mention_threads=threads, source_shown=0.0)


def listens(record: VisitorRecord | None, thread_ts: Ts, *, at: float) -> bool:
    """Tell whether what the visitor wrote in this thread *at* that time is for the desk without another mention."""
    if record is None or thread_ts not in record.mention_threads:
        return False
    return record.mentioned_at.get(thread_ts, 0.0) <= at < record.mention_threads[thread_ts]


def is_open(record: VisitorRecord, *, now: float) -> bool:
    """Tell whether a service session with this visitor counts as open."""
    return record.open_session is not None and now - record.last_active < OPEN_S


def _mentioned(record: VisitorRecord, thread: str, *, at: float) -> VisitorRecord:
    """Add a thread to those that a mention has opened, or keep it open for longer; the latest are kept."""
    threads = {other: until for other, until in record.mention_threads.items() if until > at and other != thread}
    threads[thread] = max(at + LISTENING_S, record.mention_threads.get(thread, at))
    threads = dict([*threads.items()][-MOST_THREADS:])
    opened = {other: record.mentioned_at.get(other, 0.0) for other in threads}
    is_open = record.mention_threads.get(thread, 0.0) > at
    opened[thread] = min(at, opened[thread]) if is_open else at
    return msgspec.structs.replace(record, mention_threads=threads, mentioned_at=opened)


def _written_in(record: VisitorRecord, thread_ts: Ts) -> tuple[str, ...]:
    """Add a thread to those of a direct message that were written in; the latest are kept."""
    return (*(each for each in record.threads if each != thread_ts), str(thread_ts))[-MOST_WRITTEN_IN:]


def _active(record: VisitorRecord, *, now: float) -> float:
    """Return the time of the last activity; one that a wrong clock had put into the future is corrected."""
    return now if abs(now - record.last_active) > STALE_S else record.last_active


def installation_key(record: VisitorRecord) -> InstallationKey | None:
    """Tell through which installation this visitor is reached; None for a record that does not say."""
    if record.enterprise_id is None and record.installation_team_id is None:
        return None
    return InstallationKey(
        enterprise_id=EnterpriseId(record.enterprise_id) if record.enterprise_id else None,
        team_id=TeamId(record.installation_team_id) if record.installation_team_id else None,
    )


class Records(Protocol):
    """Where records are kept; blocks on files."""

    def save(self, record: VisitorRecord) -> None:
        """Write *record*; raises StoreUnwritable."""
        ...

    def delete(self, im_user: str) -> None:
        """Remove the record of *im_user*; raises StoreUnwritable."""
        ...


@final
class Book:
    """Every visitor's record: changed in memory at once, written when asked."""

    def __init__(self, records: Iterable[VisitorRecord], *, store: Records, disk: Disk) -> None:
        self._records = {ImUser(record.im_user): record for record in records}
        # By whom they are in the channel that they write in now; a user id means one person there.
        self._people: dict[tuple[UserId, ChannelId], ImUser] = {}
        self._unwritten: set[ImUser] = set()
        self._store = store
        self._disk = disk
        self._on_change: Callable[[ImUser], None] = lambda _: None
        self._trouble = DiskTrouble("store.unwritable", meaning="the way to a visitor is known until a restart")
        for record in self._records.values():
            self._note(record)

    def __iter__(self) -> Iterator[VisitorRecord]:
        return iter(self._records.values())

    def __len__(self) -> int:
        return len(self._records)

    def listen(self, on_change: Callable[[ImUser], None]) -> None:
        """Have *on_change* told of each visitor whose record changes."""
        self._on_change = on_change

    def get(self, user: ImUser) -> VisitorRecord | None:
        """Return the record of *user*, if any."""
        return self._records.get(user)

    def user_of(self, visitor: Visitor) -> ImUser | Unmappable:
        """
        Return the visitor's name at the desk: the one it has had.

        Also when its channel has a new id since, or when Slack names their workspace otherwise, which it may where
        companies share a channel (facts/slack.md §13).
        """
        return self._people.get((visitor.user, visitor.channel)) or im_user(visitor)

    def remember(self, record: VisitorRecord) -> None:
        """Take *record* into memory; what the next envelope is decided by."""
        user = ImUser(record.im_user)
        if self._records.get(user) != record:
            self._records[user] = record
            self._unwritten.add(user)
            self._note(record)
            self._on_change(user)

    async def write(self, user: ImUser) -> None:
        """
        Write the record of *user* if it has changed.

        A disk that cannot be written does not stop the message: memory knows the way until the daemon ends, and the
        next write tries the disk again. A cancellation may leave the record unwritten; the next write makes up for it.
        """
        if user not in self._unwritten:
            return
        record = self._records[user]
        try:
            await self._disk.run(partial(self._save, record))
        except StoreUnwritable as exc:
            self._trouble.refused(exc, visitor=user)
            return
        self._trouble.taken()
        if self._records.get(user) is record:
            self._unwritten.discard(user)

    def forget(self, user: ImUser) -> None:
        """Know nothing of *user* from now on; for the disk there is :meth:`clear`."""
        record, visitor = self._records.pop(user, None), visitor_of(user)
        self._unwritten.discard(user)
        places = {(visitor.user, visitor.channel)} if visitor is not None else set()
        places |= {(UserId(record.user), ChannelId(record.channel))} if record is not None else set()
        for place in places:
            if self._people.get(place) == user:
                del self._people[place]

    async def clear(self, user: ImUser) -> None:
        """
        Take the record of a forgotten visitor off the disk.

        Who has written since has a record of their own, which is written behind that.

        Raises:
            StoreUnwritable: It is still there.

        """
        await self._disk.run(partial(self._store.delete, user))
        if user in self._records:
            self._unwritten.add(user)
            await self.write(user)

    def _save(self, record: VisitorRecord) -> None:
        """Write *record*, unless its visitor was erased meanwhile."""
        if ImUser(record.im_user) in self._records:
            self._store.save(record)

    def _note(self, record: VisitorRecord) -> None:
        """Remember which name a person has in a channel: of two the one brought along from another id of it."""
        channel = ChannelId(record.channel)
        visitor = visitor_of(record.im_user)
        place, named = (UserId(record.user), channel), ImUser(record.im_user)
        if visitor is not None and visitor.channel != channel:
            self._people[place] = named
        else:
            self._people.setdefault(place, named)
