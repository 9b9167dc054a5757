"""
Presence: in which channels the app is, and since when.

What was written in a channel before the app came, or while it was out, is not for the desk: nobody there knew of it.
Slack sends no event of that, but its history shows all of it to whoever is a member now. So each coming and going is
known with Slack's own time: from the event that tells of it (facts/slack.md §3), kept on disk, and from the line that
Slack writes into the channel. Both may be missing, come twice, late or in any order; what is known is a set of moments,
so that does not matter.

Several installations may share a channel (facts/slack.md §13). It is ours as long as one of them is in it, whichever
reads its history.

Plain: times come in as arguments, by Slack's clock; :class:`~slackkefu.bridge.absence.watch.Watch` brings this to disk.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, final

from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, Ts, UserId, written_at
from slackkefu.slack.installation import InstallationKey
from slackkefu.slack.text import mentions
from slackkefu.store.presence import PresenceRecord, Stay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["ALWAYS", "Presence", "Stays", "counted_from", "is_in", "was_in"]

KEPT_S: Final = 8 * 24 * 3600.0
"""How long a moment is known: the history is read a week back at most."""

ALWAYS: Final = Stay((0.0,))
"""In it for longer than anything is known."""

_COMING: Final = frozenset({"channel_join", "group_join"})
_LEAVING: Final = frozenset({"channel_leave", "group_leave"})


def counted_from(stay: Stay, begin: float) -> Stay:
    """Return what is left of a stay of which nothing before *begin* counts."""
    if begin <= 0:
        return stay
    came = [each for each in stay.came if each > begin]
    left = [each for each in stay.left if each > begin]
    return Stay((*([begin] if was_in(stay, begin) else []), *came), (*left,))


def was_in(stay: Stay, at: float) -> bool:
    """
    Tell whether the app was in a channel at a moment.

    Two comings in a row mean that it was out between them, nobody knows for how long: then it was not.
    """
    came_before = max((each for each in stay.came if each <= at), default=-math.inf)
    left_before = max((each for each in stay.left if each <= at), default=-math.inf)
    came_after = min((each for each in stay.came if each > at), default=math.inf)
    left_after = min((each for each in stay.left if each > at), default=math.inf)
    if came_after < math.inf and came_after <= left_after:
        return False
    return came_before > left_before or (came_before == left_before == -math.inf and left_after < math.inf)


def is_in(stay: Stay) -> bool:
    """Tell whether the app is in a channel now."""
    return max(stay.came, default=-math.inf) > max(stay.left, default=-math.inf)


@final
class Presence:
    """The channels of every installation; direct messages and group conversations are not among them."""

    def __init__(self) -> None:
        self._channels: dict[InstallationKey, dict[ChannelId, Stay]] = {}
        self._by_channel: dict[ChannelId, set[InstallationKey]] = {}
        # The id that a channel had before, by the one that it has now.
        self._formerly: dict[InstallationKey, dict[ChannelId, ChannelId]] = {}
        self._unwritten: set[InstallationKey] = set()
        # Nothing was known at the start: whatever Slack lists first was there before anybody took note.
        self._is_new = True

    def __repr__(self) -> str:
        return f"<Presence in {sum(map(len, self._channels.values()))} channels>"

    def restore(self, records: Iterable[PresenceRecord]) -> None:
        """Take over what the run before has left."""
        for record in records:
            self._is_new = False
            self._channels[_key(record)] = {}
            for name, stay in record.channels.items():
                self._put(_key(record), ChannelId(name), stay)
            self._formerly[_key(record)] = {ChannelId(new): ChannelId(old) for new, old in record.formerly.items()}

    # What happens.

    def came(self, key: InstallationKey, channel: ChannelId, at: float) -> None:
        """Note that the app came into a channel."""
        self._add(key, channel, Stay(came=(at,)))

    def left(self, key: InstallationKey, channel: ChannelId, at: float) -> None:
        """Note that the app left a channel, or was removed from it."""
        self._add(key, channel, Stay(left=(at,)))

    def renumbered(self, key: InstallationKey, old: ChannelId, new: ChannelId, at: float) -> None:
        """Note that a channel has a new id (facts/slack.md §5); all that was written there has come along."""
        stay = self.stay(key, old)
        if new not in self._channels.get(key, {}):
            self._add(key, new, ALWAYS if stay is None else stay)
            self._formerly.setdefault(key, {})[new] = old
            self.left(key, old, at)

    def seen(self, key: InstallationKey, channel: ChannelId) -> None:
        """Note that an event came from a channel while nothing was missing: all before it has been seen."""
        if channel not in self._channels.get(key, {}):
            self._add(key, channel, ALWAYS)

    def listed(self, key: InstallationKey, channels: Iterable[ChannelId], at: float) -> None:
        """
        Note in which channels the app is *at* this moment, and in no others.

        Since when it is in those that are new is for the history to say, see :meth:`found`.
        """
        channels = {*channels}
        if key not in self._channels:
            self._channels[key] = {}
            self._unwritten.add(key)
            for channel in channels if self._is_new else ():
                self._put(key, channel, ALWAYS)
        for channel, stay in [*self._channels[key].items()]:
            if is_in(stay) and channel not in channels:
                self.left(key, channel, at)

    def found(self, key: InstallationKey, channel: ChannelId, stay: Stay) -> None:
        """Note what the history of a channel says."""
        self._add(key, channel, stay)

    def gone(self, key: InstallationKey) -> None:
        """Forget an installation: if it comes back, its bot has to be let into channels anew."""
        if key not in self._channels:
            return
        self._unwritten.add(key)
        self._formerly.pop(key, None)
        for channel in self._channels.pop(key):
            self._by_channel[channel].discard(key)
            if not self._by_channel[channel]:
                del self._by_channel[channel]

    # What is known.

    def knows(self, key: InstallationKey) -> bool:
        """Tell whether it is known in which channels an installation is."""
        return key in self._channels

    def stay(self, key: InstallationKey, channel: ChannelId) -> Stay | None:
        """Return when an installation was in a channel; None where nothing is known of that."""
        return self._channels.get(key, {}).get(channel)

    def formerly(self, key: InstallationKey, channel: ChannelId) -> list[ChannelId]:
        """Return the ids that a channel had before."""
        known, found = self._formerly.get(key, {}), list[ChannelId]()
        while (before := known.get(channel)) is not None and before not in found:
            found.append(before)
            channel = before
        return found

    def members(self, channel: ChannelId) -> list[InstallationKey]:
        """Return the installations that are in a channel now, as far as known."""
        return sorted(
            (key for key in self._by_channel.get(channel, ()) if is_in(self._channels[key][channel])), key=str
        )

    def ever_in(self, channel: ChannelId) -> list[InstallationKey]:
        """Return the installations of which anything is known in a channel."""
        return [*self._by_channel.get(channel, ())]

    # The disk.

    def unwritten(self) -> InstallationKey | None:
        """Return an installation that has changed since it was written, as one that is written now."""
        return self._unwritten.pop() if self._unwritten else None

    def keep(self, key: InstallationKey) -> None:
        """Have an installation written once more."""
        self._unwritten.add(key)

    def record(self, key: InstallationKey, *, now: float) -> PresenceRecord:
        """Return what is to be on disk of an installation, without what is too old to matter."""
        recent = {channel: _recent(stay, now) for channel, stay in self._channels.get(key, {}).items()}
        channels: dict[str, Stay] = {channel: stay for channel, stay in recent.items() if stay != Stay()}
        formerly: dict[str, str] = {new: old for new, old in self._formerly.get(key, {}).items() if new in channels}
        return PresenceRecord(
            enterprise_id=key.enterprise_id, team_id=key.team_id, channels=channels, formerly=formerly
        )

    def _add(self, key: InstallationKey, channel: ChannelId, more: Stay) -> None:
        before = self._channels.setdefault(key, {}).get(channel, Stay())
        after = _joined(before, more)
        if before != after:
            self._put(key, channel, after)
            self._unwritten.add(key)

    def _put(self, key: InstallationKey, channel: ChannelId, stay: Stay) -> None:
        self._channels[key][channel] = stay
        self._by_channel.setdefault(channel, set()).add(key)


@final
class Stays:
    """
    When the app was in one conversation, by any of its bot users: as far as known, and as the history tells.

    Args:
        known: What is known of its bot users, also of those that have left.
        present: Those that are in it now. Where no coming of theirs is known, they came at a moment that nobody knows.
        is_own: Tells the app's bot users, also those of which nothing is known yet.

    """

    def __init__(
        self, known: Mapping[UserId, Stay], *, present: Iterable[UserId], is_own: Callable[[UserId], bool]
    ) -> None:
        self._known = {**known}
        self._present = frozenset(present)
        self._is_own = is_own
        # What a coming that nobody knows is taken to be.
        self._began: dict[UserId, float] = {}

    def note(self, message: Mapping[str, object]) -> None:
        """Learn what the history shows: Slack writes a line for each who comes or goes."""
        subtype, user = text_at(message, "subtype"), UserId(text_at(message, "user"))
        at = written_at(Ts(text_at(message, "ts")))
        if at is not None and subtype in _COMING | _LEAVING and self._is_own(user):
            shown = Stay(came=(at,)) if subtype in _COMING else Stay(left=(at,))
            self._known[user] = _joined(self._stay(user), shown)

    def ours(self, messages: Iterable[Mapping[str, object]]) -> list[Mapping[str, object]]:
        """
        Return which of *messages*, oldest first, were written while the app was there.

        And the mention that it was let in for, which is the last one before it came (facts/slack.md §3). Where no
        coming is known, the first mention since it was out last is taken for that.
        """
        found: list[Mapping[str, object]] = []
        asked: tuple[float, Mapping[str, object]] | None = None
        for message in messages:
            at = written_at(Ts(text_at(message, "ts"))) or 0.0
            named = [*filter(self._is_own, mentions(text_at(message, "text")))]
            for user in named:
                if self._is_unknown(user) and at > max(self._stay(user).left, default=-math.inf):
                    self._began[user] = at
            if self._is_there(at):
                if asked is not None and self._comes_between(asked[0], at):
                    found.append(asked[1])
                asked = None
                found.append(message)
            elif named:
                asked = (at, message)
        if asked is not None and self._comes_between(asked[0], math.inf):
            found.append(asked[1])
        return found

    def of(self, user: UserId, now: float) -> Stay:
        """Return what is known by now of one of the bot users that are in it *now*."""
        stay = self._stay(user)
        return stay if is_in(stay) else _joined(stay, Stay(came=(self._began.get(user, now),)))

    def _stay(self, user: UserId) -> Stay:
        return self._known.get(user, Stay())

    def _is_unknown(self, user: UserId) -> bool:
        return user in self._present and user not in self._began and not is_in(self._stay(user))

    def _is_there(self, at: float) -> bool:
        began = min(self._began.values(), default=math.inf)
        return began <= at or any(was_in(stay, at) for stay in self._known.values())

    def _comes_between(self, begin: float, end: float) -> bool:
        return any(begin < came <= end for stay in self._known.values() for came in stay.came)


def _joined(one: Stay, other: Stay) -> Stay:
    return Stay(tuple(sorted({*one.came, *other.came})), tuple(sorted({*one.left, *other.left})))


def _recent(stay: Stay, now: float) -> Stay:
    """Leave out what is too old to matter; nothing is left of a stay that ended long ago."""
    old = now - KEPT_S
    last = max((each for each in (*stay.came, *stay.left) if each <= old), default=old)
    came = tuple(each for each in stay.came if each >= last)
    left = tuple(each for each in stay.left if each > old)
    return Stay(came, left)


def _key(record: PresenceRecord) -> InstallationKey:
    return InstallationKey(
        EnterpriseId(record.enterprise_id) if record.enterprise_id else None,
        TeamId(record.team_id) if record.team_id else None,
    )
