"""
Affairs of the bridge itself: what Slack tells us, not the desk.

The work of an installation's lane of special events: the app left a workspace, came into a channel, a channel has a new
id, a person's profile changed. Each has been acknowledged already; each is harmless when it comes twice or late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, final

import msgspec
import structlog

from slackkefu.bridge.book import installation_key
from slackkefu.bridge.table import Rule
from slackkefu.easemob.names import ImUser
from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import ChannelId, UserId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.slack_to_kefu.routing import Special
    from slackkefu.bridge.workspaces.grants import Grants
    from slackkefu.bridge.workspaces.reach import Reach
    from slackkefu.slack.directory import Directory
    from slackkefu.slack.envelope import OtherEvent
    from slackkefu.slack.installation import Installation, InstallationKey

__all__ = ["Affairs"]

log = structlog.get_logger()


class Removing(Protocol):
    """The part of :class:`slackkefu.bridge.workspaces.installing.Installing` that events are for."""

    async def remove(self, key: InstallationKey, *, cause: str, happened_at: float | None) -> bool:
        """Forget an installation."""
        ...


@final
class Affairs:
    """
    Acts on special events, one at a time for each installation.

    Args:
        installing: Changes who installed the app.
        book: The visitors' records.
        directory: Names.
        grants: Where organisations let the app work.
        reach: Told of each channel that the app has come into or left.
        is_in: Asks Slack whether the app is in a channel; None where it does not say.
        of_bot: Returns the installations whose bot user somebody is: where several share a channel, Slack may tell it
            to another one (facts/slack.md §13).
        on_joined: Told of each channel that the app has come into, with the installation.

    """

    def __init__(
        self,
        *,
        installing: Removing,
        book: Book,
        directory: Directory,
        grants: Grants,
        reach: Reach,
        is_in: Callable[[Installation, ChannelId], Awaitable[bool | None]],
        of_bot: Callable[[UserId], Iterable[Installation]],
        on_joined: Callable[[Installation, ChannelId], None] = lambda _installation, _channel: None,
    ) -> None:
        self._installing = installing
        self._book = book
        self._directory = directory
        self._grants = grants
        self._reach = reach
        self._is_in = is_in
        self._of_bot = of_bot
        self._on_joined = on_joined

    async def handle(self, _: InstallationKey, special: Special) -> None:
        """Act on one event."""
        match special.rule:
            case Rule.REMOVAL:
                await self._removed(special.installation, special.event, special.happened_at)
            case Rule.RENUMBERING:
                await self._renumbered(special.installation, special.event)
            case Rule.PROFILE:
                self._directory.user_changed(special.installation, special.event.raw)
            case Rule.JOINING:
                await self._joined(special.event)
            case Rule.LEAVING:
                await self._left(special.event)
            case Rule.ACCESS:
                self._grants.told(special.installation, special.event)
            case _:
                log.warning("affairs.unknown", kind=special.event.type)

    async def _joined(self, event: OtherEvent) -> None:
        """Hand on that the app itself has come into a channel; people come and go without us."""
        for installation, channel in self._own(event):
            self._reach.joined(installation.key, channel)
            self._on_joined(installation, channel)
            await self._reach.write(installation.key, channel)

    async def _left(self, event: OtherEvent) -> None:
        """
        Hand on that the app itself has left a channel, or was removed from it.

        That may be told late, when it is back; so Slack is asked. It says nothing of a private channel that we are not
        in, nor while it is away: then the event counts, and whoever writes there proves it wrong.
        """
        for installation, channel in self._own(event):
            if await self._is_in(installation, channel) is not True:
                self._reach.left(installation.key, channel)
                await self._reach.write(installation.key, channel)

    def _own(self, event: OtherEvent) -> list[tuple[Installation, ChannelId]]:
        """Return whose bot has come or gone, and where; nothing where it was a person."""
        channel, user = ChannelId(text_at(event.raw, "channel")), UserId(text_at(event.raw, "user"))
        return [(installation, channel) for installation in self._of_bot(user)] if channel and user else []

    async def _removed(self, installation: Installation, event: OtherEvent, happened_at: float) -> None:
        """
        Forget one installation, unless this is old news.

        ``tokens_revoked`` names users, not tokens, and means the bot only when it names the bot user
        (facts/slack.md §3, traps 18).
        """
        if event.type == "tokens_revoked" and installation.bot_user_id not in _revoked_bots(event):
            return
        await self._installing.remove(installation.key, cause=event.type, happened_at=happened_at)

    async def _renumbered(self, installation: Installation, event: OtherEvent) -> None:
        """Follow a channel to its new id (facts/slack.md §5): answers to those who wrote under the old one go there."""
        old, new = event.raw.get("old_channel_id"), event.raw.get("new_channel_id")
        if not isinstance(old, str) or not isinstance(new, str) or not new:
            return
        moved = [each for each in self._book if each.channel == old and installation_key(each) == installation.key]
        # All at once, before anything else can change a record, and only then to the disk.
        for record in moved:
            self._book.remember(msgspec.structs.replace(record, channel=new))
        for record in moved:
            await self._book.write(ImUser(record.im_user))


def _revoked_bots(event: OtherEvent) -> Sequence[object]:
    """Return the bot users whose tokens died; either key of ``tokens`` may be missing (facts/slack.md §3)."""
    tokens = event.raw.get("tokens")
    bots = tokens.get("bot") if isinstance(tokens, Mapping) else None
    return bots if isinstance(bots, list) else ()
