"""
Home tabs: shown when they are opened, shown anew while their conversations change.

Only tabs that were opened within :data:`LATELY_S` are kept up to date; Slack tells nobody when one is left. What
happens in quick succession is shown once, and one person's tab is published at most every :data:`EVERY_S`. A tab that
cannot be published is not tried again: the next change, or the next opening, does it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, final

import structlog
import trio

from slackkefu.bridge.deeds.granting import Asker
from slackkefu.bridge.deeds.home_view import MOST_SHOWN, home_view, wish_in
from slackkefu.bridge.deeds.wishes import Wish
from slackkefu.bridge.lanes import Lanes
from slackkefu.easemob.agenda import Alarm
from slackkefu.errors import LinkError, SlackError
from slackkefu.slack.envelope import Interaction, OtherEvent
from slackkefu.slack.features import COMMAND
from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import ChannelId, TeamId, UserId
from slackkefu.slack.interaction import read_click, trigger_of

if TYPE_CHECKING:
    from slackkefu.bridge.deeds.act import Act
    from slackkefu.bridge.deeds.granting import Granting
    from slackkefu.bridge.deeds.standing import Standing
    from slackkefu.bridge.deeds.whereabouts import Whereabouts
    from slackkefu.bridge.languages import Languages
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.installation import InstallationKey, Installations
    from slackkefu.slack.views import Views

__all__ = ["Homes", "HomesStatistics"]

log = structlog.get_logger()

LATELY_S: Final = 1800.0
"""How long after it was opened, or used, a tab is kept up to date."""

SOON_S: Final = 1.0
"""How long a change waits for the next one before it is shown."""

EVERY_S: Final = 10.0
"""How often one tab is published at most for changes that its reader has not made."""

MOST_OPEN: Final = 1000
"""Tabs kept up to date; beyond it those opened longest ago stay as they are."""

PER_LANE: Final = 200
"""Tabs of one installation to be published; what is more waits for its next change."""

_Reader: TypeAlias = "tuple[InstallationKey, UserId]"


@dataclass(frozen=True, slots=True)
class HomesStatistics:
    """Counts since the start, but for the first."""

    kept: int
    """Tabs that are kept up to date."""
    published: int
    failed: int


@dataclass(slots=True)
class _Tab:
    """One tab that is kept up to date."""

    until: float
    """For how long (trio's clock)."""
    published_at: float = float("-inf")
    notice: str = ""
    """What became of the last wish; shown with the next publication, and gone with the one after."""


@final
class Homes:
    """
    Publishes home tabs, and takes what is pressed in them.

    Args:
        installations: Whose app it is.
        granting: Grants what is wished for.
        whereabouts: Where people's conversations are.
        standing: How they stand.
        languages: What people are spoken to in.
        views: Publishes.

    """

    def __init__(
        self,
        *,
        installations: Installations,
        granting: Granting,
        whereabouts: Whereabouts,
        standing: Standing,
        languages: Languages,
        views: Views,
    ) -> None:
        self._installations = installations
        self._granting = granting
        self._whereabouts = whereabouts
        self._standing = standing
        self._languages = languages
        self._views = views
        self._tabs: OrderedDict[_Reader, _Tab] = OrderedDict()
        self._due: Alarm[_Reader] = Alarm()
        self._lanes: Lanes[InstallationKey, _Reader] = Lanes(self._publish, per_lane=PER_LANE, in_all=MOST_OPEN)
        self._published = 0
        self._failed = 0

    def __repr__(self) -> str:
        return f"<Homes, {len(self._tabs)} kept up to date>"

    def statistics(self) -> HomesStatistics:
        """Count."""
        return HomesStatistics(kept=len(self._tabs), published=self._published, failed=self._failed)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Publish what is due until cancelled."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._lanes.run)
            task_status.started()
            while True:
                for reader in await self._due.due():
                    self._lanes.put(reader[0], reader)

    # What people do.

    async def opened(self, act: Act) -> None:
        """Show the tab that was opened; another tab of the app only tells where the direct messages are."""
        event = act.doing
        if not isinstance(event, OtherEvent):
            return
        user, channel = UserId(text_at(event.raw, "user")), ChannelId(text_at(event.raw, "channel"))
        if user and channel:
            self._whereabouts.learn(act.installation, user, channel)
        await act.acknowledge()
        if user and text_at(event.raw, "tab") == "home":
            self._show((act.installation.key, user))

    async def pressed(self, act: Act) -> None:
        """Grant what a button stands for, and show what became of it."""
        interaction = act.doing
        click = read_click(interaction) if isinstance(interaction, Interaction) else None
        wish = wish_in(click.action_id) if click is not None else None
        if not isinstance(interaction, Interaction) or click is None or wish is None or interaction.user is None:
            return
        installation, user = act.installation, interaction.user
        team = interaction.user_team or interaction.team_id or TeamId("")
        conversation = self._whereabouts.of(installation, user, click.value) if click.value else None
        if conversation is None:
            conversation = await self._whereabouts.direct(installation, team, user)
        locale = await self._languages.of(installation, user)
        log.info("deeds.button", wish=wish.value, user=user)
        # How it stands is what the tab shows anyway.
        # A button does not say which command it stands for; the manifest does.
        asker = Asker(act, locale, trigger_of(interaction), COMMAND.name)
        notice = "" if wish is Wish.STATUS else await self._granting.grant(wish, asker, conversation)
        self._show((installation.key, user), notice=notice)

    def changed(self, user: ImUser) -> None:
        """Take note that the conversation of a visitor's stands otherwise."""
        reader = self._whereabouts.reader_of(user)
        tab = self._tabs.get(reader) if reader is not None else None
        if reader is None or tab is None:
            return
        now = trio.current_time()
        if now > tab.until:
            del self._tabs[reader]
        else:
            self._due.put(reader, max(now + SOON_S, tab.published_at + EVERY_S))

    def forget(self, user: UserId) -> None:
        """Keep no tab of *user*'s up to date, and know nothing of them."""
        for reader in [reader for reader in self._tabs if reader[1] == user]:
            del self._tabs[reader]
            self._due.drop(reader)
        self._whereabouts.forget(user)

    def _show(self, reader: _Reader, *, notice: str = "") -> None:
        """Show somebody's tab at once, and keep it up to date for a while."""
        now = trio.current_time()
        tab = self._tabs.setdefault(reader, _Tab(now))
        tab.until, tab.notice = now + LATELY_S, notice
        self._tabs.move_to_end(reader)
        if len(self._tabs) > MOST_OPEN:
            self._due.drop(self._tabs.popitem(last=False)[0])
        self._due.put(reader, now)

    # The work of an installation's lane.

    async def _publish(self, key: InstallationKey, reader: _Reader) -> None:
        _, user = reader
        installation, tab = self._installations.get(key), self._tabs.get(reader)
        if installation is None or tab is None:
            return
        tab.published_at = trio.current_time()
        notice, tab.notice = tab.notice, ""
        try:
            locale = await self._languages.of(installation, user)
            conversations = self._whereabouts.all_of(installation, user)[:MOST_SHOWN]
            view = home_view(conversations, standing=self._standing, locale=locale, notice=notice)
            await self._views.publish(installation, user, view)
        except (SlackError, LinkError) as error:
            self._failed += 1
            log.warning("home.not_published", user=user, problem=str(error), meaning="it shows what it showed before")
        except Exception:
            # The edge of a task: one tab that we cannot make must not keep the others from being shown.
            self._failed += 1
            log.exception("home.fault", user=user)
        else:
            self._published += 1
