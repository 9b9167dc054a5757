"""
Reach: who can be reached in Slack, and what happens when that changes.

Where the app has left no answer can be posted, and none is lost: it stays at Easemob for as long as the plan keeps it.
So a visitor who cannot be reached is *stopped*. Their login is let go and nobody asks what waits for them, so they take
no place and cost no daily user; their lane stands still; the agent who serves them is told once, and why. What they had
written before is brought to the desk all the same.

They are reached again when the app is back: what has waited is fetched and posted in order, and the agent is told.

Why somebody is stopped is no state of its own. It follows from who has installed the app, and from whether it has left
the visitor's channel, which is in their record; so a restart finds it as it was.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import msgspec
import structlog

from slackkefu.bridge.book import installation_key
from slackkefu.bridge.kefu_to_slack.addresses import address_of
from slackkefu.easemob.names import ImUser
from slackkefu.slack.ids import TeamId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from slackkefu.bridge.book import Book
    from slackkefu.slack.ids import ChannelId
    from slackkefu.slack.installation import InstallationKey, Installations
    from slackkefu.store.visitors import VisitorRecord

__all__ = ["Reach", "ReachStatistics", "Why"]

log = structlog.get_logger()


class Why(enum.StrEnum):
    """Why somebody cannot be reached; the names in logs and metrics, so never changed."""

    APP_REMOVED = "app_removed"
    """Their workspace has uninstalled the app."""
    NEEDS_REINSTALL = "needs_reinstall"
    """Slack does not accept the token of their workspace any more."""
    WORKSPACE_WITHDRAWN = "workspace_withdrawn"
    """Their organisation lets the app work in their workspace no more."""
    LEFT_CHANNEL = "left_channel"
    """The app is not in their channel any more."""


@dataclass(frozen=True, slots=True)
class ReachStatistics:
    """Who cannot be reached."""

    stopped: Mapping[str, int]
    """Visitors whose lanes are stopped now, by reason."""


@final
class Reach:
    """
    Knows who can be reached.

    Args:
        installations: Who installed the app.
        book: The visitors' records.
        on_change: Told of each visitor who cannot be reached any more, with why, or can be again (None). Only told of
            what has changed since it was told last.

    """

    def __init__(
        self, *, installations: Installations, book: Book, on_change: Callable[[ImUser, Why | None], None]
    ) -> None:
        self._installations = installations
        self._book = book
        self._on_change = on_change
        self._stopped: dict[ImUser, Why] = {}

    def __repr__(self) -> str:
        return f"<Reach, {len(self._stopped)} stopped>"

    def statistics(self) -> ReachStatistics:
        """Count."""
        counts = Counter(self._stopped.values())
        return ReachStatistics(stopped={why.value: counts[why] for why in Why})

    def why_not(self, user: ImUser) -> Why | None:
        """Tell why *user* cannot be reached; None where they can, or where nobody knows who they are."""
        record = self._book.get(user)
        address = address_of(user, record)
        if address is None:
            return None
        if self._installations.get(address.key) is None:
            is_known = self._installations.known(address.key) is not None
            return Why.NEEDS_REINSTALL if is_known else Why.APP_REMOVED
        if record is not None and self._installations.is_withdrawn(address.key, TeamId(record.team)):
            return Why.WORKSPACE_WITHDRAWN
        return Why.LEFT_CHANNEL if record is not None and record.left else None

    def forget(self, user: ImUser) -> None:
        """Know nothing of *user* any more."""
        self._stopped.pop(user, None)

    # What changes.

    def look(self, user: ImUser) -> None:
        """See whether *user* can be reached, and tell if that has changed."""
        why = self.why_not(user)
        if why is self._stopped.get(user):
            return
        if why is None:
            del self._stopped[user]
        else:
            self._stopped[user] = why
        self._on_change(user, why)

    def restore(self) -> None:
        """Look at everybody, at the start: also at whom the run before has stopped, and who can be reached by now."""
        for record in [*self._book]:
            user = ImUser(record.im_user)
            if record.stop_told is not None and self.why_not(user) is None:
                self._on_change(user, None)
            self.look(user)

    def changed(self, key: InstallationKey) -> None:
        """Know that an installation has come or gone."""
        team, organisation = key.team_id, key.enterprise_id
        self._look_at(
            [
                record
                for record in self._book
                if (at := address_of(ImUser(record.im_user), record)) is not None
                and (at.key.team_id == team if team is not None else at.key.enterprise_id == organisation)
            ]
        )

    def left(self, key: InstallationKey, channel: ChannelId) -> None:
        """Know that the app is not in *channel* any more."""
        self._set_left(key, channel, is_left=True)

    def joined(self, key: InstallationKey, channel: ChannelId) -> None:
        """Know that the app is in *channel*."""
        self._set_left(key, channel, is_left=False)

    async def write(self, key: InstallationKey, channel: ChannelId) -> None:
        """Have on disk what :meth:`left` or :meth:`joined` has changed."""
        for record in self._in(key, channel):
            await self._book.write(ImUser(record.im_user))

    def _set_left(self, key: InstallationKey, channel: ChannelId, *, is_left: bool) -> None:
        here = [record for record in self._in(key, channel) if record.left is not is_left]
        # All at once, before anything else can change a record.
        for record in here:
            self._book.remember(msgspec.structs.replace(record, left=is_left))
        if here:
            log.info("slack.left" if is_left else "slack.joined", channel=channel, visitors=len(here))
        self._look_at(here)

    def _in(self, key: InstallationKey, channel: ChannelId) -> list[VisitorRecord]:
        return [
            record
            for record in self._book
            if record.channel == channel and record.channel_type != "im" and installation_key(record) == key
        ]

    def _look_at(self, records: Iterable[VisitorRecord]) -> None:
        for record in [*records]:
            self.look(ImUser(record.im_user))
