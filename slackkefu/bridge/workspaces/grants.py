"""
Grants: in which workspaces an organisation lets its installation work.

An organisation installs the app as a whole, and its admins grant it workspaces one by one (facts/slack.md §13). Events
tell of that, with neither a workspace nor an installation outside; what was told while nobody listened is asked for at
each start, and after a long time without a connection. Who writes from a workspace that has been taken away cannot be
answered until it is granted again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.book import installation_key
from slackkefu.errors import SlackkefuError
from slackkefu.slack.ids import TeamId
from slackkefu.slack.recovery import LookFirst, Retry, after

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slackkefu.bridge.book import Book
    from slackkefu.slack.absence import Gap
    from slackkefu.slack.envelope import OtherEvent
    from slackkefu.slack.installation import Installation, InstallationKey, Installations
    from slackkefu.slack.reading import Reading

__all__ = ["Grants", "teams_of"]

log = structlog.get_logger()

AGAIN_S: Final = 60.0
"""Pause before an organisation is asked again that did not answer."""

ABSENT_S: Final = 300.0
"""Without a connection for longer than this Slack may have told of a grant in vain."""

GRANTED, REVOKED = "team_access_granted", "team_access_revoked"


def teams_of(raw: Mapping[str, object]) -> frozenset[TeamId]:
    """Return the workspaces that an event about access names."""
    named = raw.get("team_ids")
    return frozenset(TeamId(each) for each in (named if isinstance(named, list) else ()) if isinstance(each, str))


@final
class Grants:
    """
    Keeps what organisations have granted.

    Args:
        installations: Who installed the app, and where it may not work.
        book: The visitors' records.
        reading: Asks for the workspaces of an organisation.
        on_change: Told of each organisation of which something has changed.

    """

    def __init__(
        self,
        *,
        installations: Installations,
        book: Book,
        reading: Reading,
        on_change: Callable[[InstallationKey], None] = lambda _: None,
    ) -> None:
        self._installations = installations
        self._book = book
        self._reading = reading
        self._on_change = on_change
        self._to_ask: set[InstallationKey] = set()
        self._asking: InstallationKey | None = None
        self._news = trio.Event()

    def __repr__(self) -> str:
        return f"<Grants, {len(self._to_ask)} organisations to ask>"

    def begin(self) -> None:
        """Ask every organisation what it has granted."""
        for installation in self._installations:
            self.installed(installation.key)

    def installed(self, key: InstallationKey) -> None:
        """Ask an organisation that has installed the app what it has granted."""
        if key.team_id is None and self._installations.get(key) is not None:
            self._to_ask.add(key)
            self._news.set()

    def missed(self, gap: Gap) -> None:
        """Take note of a time in which Slack may have told things in vain."""
        if trio.current_time() - gap.since > ABSENT_S:
            self.begin()

    def told(self, installation: Installation, event: OtherEvent) -> None:
        """Act on an event about access."""
        key, teams = installation.key, teams_of(event.raw)
        if key == self._asking:
            # The answer may be older than this.
            self.installed(key)
        if event.type == REVOKED:
            self._withdraw(key, teams)
        else:
            self._installations.grant(key, teams)
            log.info("slack.granted", installation=str(key), workspaces=len(teams), meaning="served from now on")
            self._on_change(key)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ask whom there is to ask, until cancelled."""
        task_status.started()
        while True:
            await self._news.wait()
            self._news = trio.Event()
            failed: set[InstallationKey] = set()
            while self._to_ask:
                self._asking = self._to_ask.pop()
                if not await self._ask(self._asking):
                    failed.add(self._asking)
            self._asking = None
            if failed:
                self._to_ask |= failed
                with trio.move_on_after(AGAIN_S):
                    await self._news.wait()
                self._news.set()

    async def _ask(self, key: InstallationKey) -> bool:
        """Ask one organisation; False where that is to be done again."""
        installation = self._installations.get(key)
        if installation is None:
            return True
        try:
            granted = await self._reading.workspaces(installation)
        except SlackkefuError as error:
            is_final = not isinstance(after(error), Retry | LookFirst)
            meaning = "served as far as known" if is_final else "tried again"
            log.warning("slack.grants_unknown", installation=str(key), problem=str(error), meaning=meaning)
            return is_final
        self._installations.grant(key, granted)
        self._on_change(key)
        # Whom we know in direct messages, which are of the organisation's own people, and whose workspace is not among
        # them: in channels there may be people of other companies.
        own = (each for each in self._book if installation_key(each) == key and each.channel_type == "im")
        self._withdraw(key, frozenset(TeamId(each.team) for each in own) - granted)
        return True

    def _withdraw(self, key: InstallationKey, teams: frozenset[TeamId]) -> None:
        if teams:
            self._installations.withdraw(key, teams)
            meaning = "who writes from there is not served until an organisation admin grants it again"
            log.warning("slack.withdrawn", installation=str(key), workspaces=len(teams), meaning=meaning)
            self._on_change(key)
