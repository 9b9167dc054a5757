"""
Where a person's conversations with the desk are.

A visitor is one person in one channel, so what somebody wishes for by a command is about the conversation they have in
the channel where they gave it. Where they have none it is about none: a command can be given in any channel at all,
also where the app is not, and nothing may begin in a place where no answer could be posted. Only the direct messages
with the app are a conversation that may begin by a command.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.book import installation_key
from slackkefu.bridge.identity import Unmappable, Visitor
from slackkefu.easemob.names import ImUser
from slackkefu.errors import LinkError, SlackError
from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import ChannelId, TeamId, Ts, UserId

if TYPE_CHECKING:
    from slackkefu.bridge.book import Book
    from slackkefu.slack.installation import Installation, InstallationKey
    from slackkefu.slack.web import WebClient
    from slackkefu.store.visitors import VisitorRecord

__all__ = ["Conversation", "Whereabouts"]

log = structlog.get_logger()

PATIENCE_S: Final = 1.5
"""How long Slack is asked for somebody's direct messages with the app; a command has 3 s in all."""

MOST_KNOWN: Final = 10_000
"""Direct messages remembered; the longest unused go first."""


@final
@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation of a person's with the desk."""

    visitor: Visitor
    """With the channel as it is called now."""
    user: ImUser
    is_direct: bool
    """In the direct messages with the app."""
    thread_ts: Ts | None = None
    """The thread that answers go to."""
    record: VisitorRecord | None = None
    """None where nothing has been written yet."""


@final
class Whereabouts:
    """
    Finds people's conversations.

    Args:
        web: Slack's Web API.
        book: The visitors' records.

    """

    def __init__(self, *, web: WebClient, book: Book) -> None:
        self._web = web
        self._book = book
        self._direct: OrderedDict[tuple[InstallationKey, UserId], ChannelId] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Whereabouts, {len(self._direct)} direct messages known>"

    def forget(self, user: UserId) -> None:
        """Know nothing of *user* any more."""
        for known in [known for known in self._direct if known[1] == user]:
            del self._direct[known]

    async def here(self, installation: Installation, visitor: Visitor) -> Conversation | None:
        """Return the conversation of *visitor*, which may begin only in their direct messages with the app."""
        # By person and place: within an organisation a person's workspace is not always told the same
        # (facts/slack.md §13).
        for known in self.all_of(installation, visitor.user):
            if known.visitor.channel == visitor.channel:
                return known
        may_be_direct = visitor.channel.startswith("D")
        if may_be_direct and visitor.channel == await self._channel_of(installation, visitor.user):
            return self.at(visitor)
        return None

    async def direct(self, installation: Installation, team: TeamId, user: UserId) -> Conversation | None:
        """Return the conversation of a person's in their direct messages with the app; None where Slack has none."""
        channel = await self._channel_of(installation, user)
        return None if channel is None else self.at(Visitor(team, user, channel))

    def at(self, visitor: Visitor) -> Conversation | None:
        """Return the conversation of *visitor* where nobody need be asked whether it may begin; None without a name."""
        user = self._book.user_of(visitor)
        if isinstance(user, Unmappable):
            return None
        record = self._book.get(user)
        return Conversation(visitor, user, is_direct=True) if record is None else _conversation(record)

    def all_of(self, installation: Installation, user: UserId) -> list[Conversation]:
        """Return the conversations that a person has had, the latest first."""
        own = (each for each in self._book if each.user == user and _is_served(each, installation))
        return [_conversation(record) for record in sorted(own, key=lambda each: each.last_active, reverse=True)]

    def of(self, installation: Installation, user: UserId, name: str) -> Conversation | None:
        """Return the conversation that the IM user *name* has; None where it is not this person's."""
        record = self._book.get(ImUser(name))
        is_theirs = record is not None and record.user == user and _is_served(record, installation)
        return _conversation(record) if record is not None and is_theirs else None

    def reader_of(self, user: ImUser) -> tuple[InstallationKey, UserId] | None:
        """Return the person that a visitor is, by the installation that serves them; None where that is not known."""
        record = self._book.get(user)
        key = installation_key(record) if record is not None else None
        return (key, UserId(record.user)) if record is not None and key is not None else None

    def learn(self, installation: Installation, user: UserId, channel: ChannelId) -> None:
        """Know where the direct messages of *user* with the app are."""
        self._direct[installation.key, user] = channel
        self._direct.move_to_end((installation.key, user))
        if len(self._direct) > MOST_KNOWN:
            self._direct.popitem(last=False)

    async def _channel_of(self, installation: Installation, user: UserId) -> ChannelId | None:
        """Ask Slack for the direct messages of *user* with the app, once; they are opened where there are none yet."""
        known = self._direct.get((installation.key, user))
        if known is not None:
            self.learn(installation, user, known)
            return known
        try:
            with trio.fail_after(PATIENCE_S):
                answer = await self._web.call("conversations.open", {"users": user}, token=installation.bot_token)
        except (SlackError, LinkError, trio.TooSlowError) as error:
            log.info("whereabouts.unknown", problem=str(error), meaning="a command is taken for one from elsewhere")
            return None
        channel = ChannelId(text_at(answer.get("channel"), "id"))
        if channel:
            self.learn(installation, user, channel)
        return channel or None


def _is_served(record: VisitorRecord, installation: Installation) -> bool:
    """
    Tell whether what somebody does by *installation* may be about the conversation of *record*.

    It is answered by that one, or is of a person of its own workspace, in a channel where another of ours answers them.
    """
    return installation_key(record) == installation.key or record.team == installation.key.team_id


def _conversation(record: VisitorRecord) -> Conversation:
    visitor = Visitor(TeamId(record.team), UserId(record.user), ChannelId(record.channel))
    thread_ts = Ts(record.thread_ts) if record.thread_ts else None
    return Conversation(
        visitor, ImUser(record.im_user), is_direct=record.channel_type == "im", thread_ts=thread_ts, record=record
    )
