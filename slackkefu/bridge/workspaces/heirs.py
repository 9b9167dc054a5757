"""
Heirs: who goes on with a conversation when the installation that held it has gone.

A visitor is answered by the installation that their latest message came by. Where that one is removed, or its bot has
left the channel, another of ours may be there still: the other company's in a shared channel (facts/slack.md §13), or
the organisation's where a workspace had one of its own. Their record then names that one; nothing else has to know.

A direct message belongs to one bot. An heir has to open its own with that person, which Slack allows where they share a
workspace; the visitor stays the same one to the desk, as when a channel has a new id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec
import structlog
import trio

from slackkefu.bridge.book import installation_key
from slackkefu.easemob.names import ImUser
from slackkefu.errors import SlackkefuError
from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import ChannelId, TeamId
from slackkefu.slack.installation import InstallationKey
from slackkefu.slack.recovery import LookFirst, Retry, after

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.bridge.absence.presence import Presence
    from slackkefu.bridge.book import Book
    from slackkefu.slack.installation import Installation, Installations
    from slackkefu.slack.web import WebClient
    from slackkefu.store.visitors import VisitorRecord

__all__ = ["Heirs"]

log = structlog.get_logger()

AGAIN_S: Final = 60.0
"""Pause before a direct message is asked for again that could not be opened."""


@final
class Heirs:
    """
    Hands conversations over.

    Args:
        installations: Who installed the app.
        presence: Which channels they are in.
        book: The visitors' records.
        web: Opens direct messages.
        on_change: Told of each visitor who has an heir.

    """

    def __init__(
        self,
        *,
        installations: Installations,
        presence: Presence,
        book: Book,
        web: WebClient,
        on_change: Callable[[ImUser], None] = lambda _: None,
    ) -> None:
        self._installations = installations
        self._presence = presence
        self._book = book
        self._web = web
        self._on_change = on_change
        # Whose direct messages have to be opened, and by whom.
        self._to_open: dict[ImUser, InstallationKey] = {}
        self._news = trio.Event()

    def __repr__(self) -> str:
        return f"<Heirs, {len(self._to_open)} direct messages to open>"

    def in_channel(self, channel: ChannelId) -> Installation | None:
        """Return one of ours that is in a channel now, as far as known."""
        members = map(self._installations.get, self._presence.members(channel))
        return next(filter(None, members), None)

    # What happens.

    def begin(self) -> None:
        """Hand over what was held by installations that are there no more."""
        for record, key in self._orphans():
            self._hand_over(record, key)

    def changed(self, key: InstallationKey) -> None:
        """Know that an installation has come, or gone: then what it has held is handed over."""
        if self._installations.get(key) is not None:
            # It comes into channels only later, one by one.
            for record, gone in self._orphans():
                if record.channel_type == "im":
                    self._hand_over(record, gone)
            return
        for record in [*self._book]:
            if installation_key(record) == key:
                self._hand_over(record, key)

    def left(self, key: InstallationKey, channel: ChannelId) -> None:
        """Hand over what an installation has held in a channel."""
        for record in [*self._book]:
            if record.channel == channel and installation_key(record) == key:
                self._hand_over(record, key)

    def joined(self, installation: Installation, channel: ChannelId) -> None:
        """Hand over to an installation what nobody holds in a channel that it has come into."""
        for record, gone in self._orphans():
            if record.channel == channel and record.channel_type != "im" and gone != installation.key:
                self._inherit(record, installation.key, channel=channel)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Open the direct messages that heirs need, until cancelled; a restart does what is left."""
        task_status.started()
        while True:
            await self._news.wait()
            self._news = trio.Event()
            failed: dict[ImUser, InstallationKey] = {}
            while self._to_open:
                user, key = self._to_open.popitem()
                if not await self._open(user, key):
                    failed[user] = key
            if failed:
                self._to_open.update(failed)
                with trio.move_on_after(AGAIN_S):
                    await self._news.wait()
                self._news.set()

    # Who.

    def _orphans(self) -> list[tuple[VisitorRecord, InstallationKey]]:
        """Return whom nobody can answer now, with the installation that did."""
        held = ((record, installation_key(record)) for record in self._book)
        return [
            (record, key)
            for record, key in held
            if key is not None and (record.left or self._installations.get(key) is None)
        ]

    def _hand_over(self, record: VisitorRecord, gone: InstallationKey) -> None:
        user = ImUser(record.im_user)
        if record.channel_type == "im":
            heir = self._for_company(record, gone)
            if heir is not None:
                self._to_open[user] = heir.key
                self._news.set()
            return
        for key in self._presence.members(ChannelId(record.channel)):
            if key != gone and self._installations.get(key) is not None:
                self._inherit(record, key, channel=record.channel)
                return

    def _for_company(self, record: VisitorRecord, gone: InstallationKey) -> Installation | None:
        """Return the organisation's installation in the place of its workspace's, or the workspace's in its place."""
        keys = [InstallationKey(gone.enterprise_id, None)] if gone.enterprise_id is not None else []
        keys.append(InstallationKey(None, TeamId(record.team)))
        known = (self._installations.get(key) for key in keys if key != gone)
        return next((each for each in known if each is not None and each.key != gone), None)

    async def _open(self, user: ImUser, key: InstallationKey) -> bool:
        """Let an heir open its direct message; False where that is to be tried again."""
        record, installation = self._book.get(user), self._installations.get(key)
        if record is None or installation is None:
            return True
        holder = installation_key(record)
        if holder is not None and self._installations.get(holder) is not None:
            # It is back.
            return True
        try:
            answer = await self._web.call("conversations.open", {"users": record.user}, token=installation.bot_token)
        except SlackkefuError as error:
            is_final = not isinstance(after(error), Retry | LookFirst)
            meaning = "not answered until they write" if is_final else "tried again"
            log.warning("heirs.not_opened", visitor=user, problem=str(error), meaning=meaning)
            return is_final
        channel = text_at(answer.get("channel"), "id")
        # Slack may have told of a message of theirs meanwhile.
        now = self._book.get(user)
        if channel and now is not None and installation_key(now) == installation_key(record):
            self._inherit(now, key, channel=channel)
            await self._book.write(user)
        return True

    def _inherit(self, record: VisitorRecord, key: InstallationKey, *, channel: str) -> None:
        user = ImUser(record.im_user)
        is_new_place = channel != record.channel
        self._book.remember(
            msgspec.structs.replace(
                record,
                enterprise_id=key.enterprise_id,
                installation_team_id=key.team_id,
                channel=channel,
                left=False,
                thread_ts=None if is_new_place else record.thread_ts,
                threads=() if is_new_place else record.threads,
            )
        )
        log.info("heirs.inherited", visitor=user, installation=str(key), meaning="answered by it from now on")
        self._on_change(user)
