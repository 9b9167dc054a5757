"""
Reading what conversations hold, after an absence.

What Slack does not repeat is still in its history (facts/slack.md §14): which conversations the app is in, their
messages and threads since a moment, or one message by its name. Everything comes a page at a time and as Slack sent it;
:func:`as_event` makes of a message the event it would have come as.

Reading is patient. It sleeps as long as Slack asks, and that may be a minute for every page: apps distributed to other
companies get one call a minute and 15 messages a call (facts/slack.md §10). A call that got no answer is made again
after growing pauses. What Slack refuses is raised. The caller bounds all of it by cancelling, which leaves nothing
behind, and reads one conversation at a time of an installation; installations do not hold up each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, final

import structlog
import trio

from slackkefu.errors import RemoteProtocolError, SlackApiError, SlackkefuError, SlackRateLimited
from slackkefu.slack.fields import is_true, text_at
from slackkefu.slack.ids import ChannelId, TeamId, Ts, UserId
from slackkefu.slack.recovery import Retry, after

if TYPE_CHECKING:
    from slackkefu.slack.installation import Installation, InstallationKey
    from slackkefu.slack.web import WebClient

__all__ = ["Conversation", "Kind", "Page", "Reading", "as_event"]

log = structlog.get_logger()

Kind = Literal["im", "mpim", "channel", "group"]
"""What a conversation is, in the words of ``channel_type`` (facts/slack.md §3)."""

TYPES: Final = ("im", "mpim", "public_channel", "private_channel")
"""The same, in the words of ``users.conversations``; the one with new customers first."""

CONVERSATIONS: Final = 999
MESSAGES: Final = 200
"""Asked for in one call; Slack may give less."""
STRICT_MESSAGES: Final = 15
"""The most under the strict limit. Whether asking for more is refused there, or cut, is not known."""

FIRST_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 60.0
"""Shortest and longest pause after a call without an answer."""

_NOT_IN_EVENTS: Final = frozenset(
    {"is_locked", "last_read", "latest_reply", "reactions", "reply_count", "reply_users", "reply_users_count"}
    | {"subscribed"}
)
"""What a message has gathered since it was written; its event could not know."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One that the app is in."""

    id: ChannelId
    kind: Kind
    user: UserId | None
    """With whom, in a direct message."""
    is_archived: bool
    team: TeamId | None = None
    """The workspace it was found in; of an organisation's messages some may not say (facts/slack.md §13)."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of what was asked for."""

    messages: tuple[Mapping[str, object], ...] = field(repr=False)
    """
    As they came.

    Pages may go forward or backward in time, so only all of them together can be put in order.
    """
    cursor: str
    """Leads to the next page; empty on the last."""


@final
class Reading:
    """
    What the Web API tells about conversations and their past.

    All its calls raise, beside what they name:

    * :class:`~slackkefu.errors.SlackApiError`: Slack refuses.
    * :class:`~slackkefu.errors.RemoteProtocolError`: the answer is none.
    """

    def __init__(self, *, web: WebClient) -> None:
        self._web = web
        # Where more than STRICT_MESSAGES were refused.
        self._strict: set[InstallationKey] = set()

    async def conversations(self, installation: Installation) -> list[Conversation]:
        """
        Return everything the app is in, archived conversations too.

        Kinds for which a scope is missing are left out. An organisation's conversations are those of all its workspaces
        that have been granted the app.
        """
        found: dict[ChannelId, Conversation] = {}
        for team in await self._teams(installation):
            for raw in await self._listed(installation, team, TYPES):
                conversation = _conversation(raw, team or installation.key.team_id)
                if conversation is not None:
                    found.setdefault(conversation.id, conversation)
        return [*found.values()]

    async def workspaces(self, installation: Installation) -> frozenset[TeamId]:
        """Return the workspaces that an organisation has granted the app."""
        return frozenset(team for team in await self._teams(installation) if team is not None)

    async def history(
        self, installation: Installation, channel: ChannelId, *, since: Ts, until: Ts | None = None, cursor: str = ""
    ) -> Page:
        """
        Read a page of a conversation, without the replies in its threads.

        Args:
            installation: Whose bot is a member.
            channel: The conversation.
            since: The oldest message wanted; any number of seconds with a fraction will do.
            until: The newest message wanted; None: up to now.
            cursor: Of the page before; empty for the first.

        """
        window: dict[str, object] = {"channel": channel, "oldest": since, "latest": until}
        return await self._page(installation, "conversations.history", window, cursor)

    async def replies(
        self, installation: Installation, channel: ChannelId, root: Ts, *, since: Ts, cursor: str = ""
    ) -> Page:
        """
        Read a page of a thread; empty where the thread is gone.

        The root may come along, though it is older than *since*; arguments as for :meth:`history`.
        """
        window: dict[str, object] = {"channel": channel, "ts": root, "oldest": since}
        return await self._thread(installation, window, cursor)

    async def message(
        self, installation: Installation, channel: ChannelId, ts: Ts, thread_ts: Ts | None
    ) -> Mapping[str, object] | None:
        """
        Read one message as it is now.

        Args:
            installation: Whose bot is a member.
            channel: Where it was written.
            ts: Its name.
            thread_ts: The root of its thread, if it is in one.

        Returns:
            None where it is not there any more.

        """
        window: dict[str, object] = {"channel": channel, "oldest": ts, "latest": ts}
        if thread_ts is None or thread_ts == ts:
            page = await self._page(installation, "conversations.history", window | {"limit": 1}, "")
        else:
            # The root is always among them (facts/slack.md §8), and takes up room.
            page = await self._thread(installation, window | {"ts": thread_ts, "limit": 2}, "")
        return next((each for each in page.messages if text_at(each, "ts") == ts), None)

    # Conversations.

    async def _teams(self, installation: Installation) -> list[TeamId | None]:
        """Return the workspaces that have to be named: an organisation's token stands for several."""
        if installation.key.team_id is not None:
            return [None]
        teams = await self._all(installation, "auth.teams.list", {}, "teams")
        return [TeamId(text_at(each, "id")) for each in teams if text_at(each, "id")]

    async def _listed(self, installation: Installation, team: TeamId | None, types: tuple[str, ...]) -> list[object]:
        """List the conversations of some types; where scopes are missing, those of each type that may be listed."""
        asked: dict[str, object] = {"types": ",".join(types), "team_id": team, "limit": CONVERSATIONS}
        try:
            return await self._all(installation, "users.conversations", asked, "channels")
        except SlackApiError as error:
            if error.code != "missing_scope":
                raise
            if len(types) == 1:
                log.info("slack.unlisted", installation=str(installation.key), type=types[0], needed=error.needed)
                return []
        return [raw for each in types for raw in await self._listed(installation, team, (each,))]

    async def _all(
        self, installation: Installation, method: str, arguments: Mapping[str, object], name: str
    ) -> list[object]:
        """Read the list *name* through all its pages."""
        found: list[object] = []
        cursor = ""
        while True:
            answer = await self._ask(installation, method, {**arguments, "cursor": cursor or None})
            found += _list_at(answer, name, method)
            cursor = _next_cursor(answer, cursor)
            if not cursor:
                return found

    # Messages.

    async def _thread(self, installation: Installation, window: Mapping[str, object], cursor: str) -> Page:
        """Read a page of a thread that may be gone."""
        try:
            return await self._page(installation, "conversations.replies", window, cursor)
        except SlackApiError as error:
            if error.code != "thread_not_found":
                raise
            return Page((), "")

    async def _page(self, installation: Installation, method: str, window: Mapping[str, object], cursor: str) -> Page:
        """Read a page of messages."""
        is_strict = installation.key in self._strict
        asked = {
            "limit": STRICT_MESSAGES if is_strict else MESSAGES,
            "inclusive": True,
            "include_all_metadata": True,
            "cursor": cursor or None,
            **window,
        }
        try:
            answer = await self._ask(installation, method, asked)
        except SlackApiError as error:
            if error.code != "invalid_limit" or is_strict:
                raise
            self._strict.add(installation.key)
            return await self._page(installation, method, window, cursor)
        messages = tuple(each for each in _list_at(answer, "messages", method) if isinstance(each, Mapping))
        return Page(messages, _next_cursor(answer, cursor) if answer.get("has_more") is True else "")

    # One call.

    async def _ask(
        self, installation: Installation, method: str, arguments: Mapping[str, object]
    ) -> Mapping[str, object]:
        """Call until there is an answer, or a refusal."""
        growing_s = FIRST_PAUSE_S
        while True:
            try:
                return await self._web.call(method, arguments, token=installation.bot_token)
            except SlackkefuError as error:
                step = after(error)
                if not isinstance(step, Retry):
                    raise
                pause_s = step.after_s
                if not isinstance(error, SlackRateLimited):
                    pause_s = max(pause_s, growing_s)
                    # The first of a row is news.
                    say = log.warning if growing_s == FIRST_PAUSE_S else log.debug
                    say("slack.read_again", method=method, problem=str(error), in_s=pause_s)
                    growing_s = min(2 * growing_s, MAX_PAUSE_S)
            await trio.sleep(pause_s)


def as_event(message: Mapping[str, object], conversation: Conversation) -> dict[str, object]:
    """
    Make of a *message* of the history the inner event that it came, or would have come, as.

    The history leaves out where it is from (facts/slack.md §14), and adds what has happened since. A root carries
    ``thread_ts`` once it has been replied to; its event had none.
    """
    event = {name: value for name, value in message.items() if name not in _NOT_IN_EVENTS}
    if event.get("thread_ts") == event.get("ts"):
        event.pop("thread_ts", None)
    return {"type": "message", **event, "channel": conversation.id, "channel_type": conversation.kind}


def _next_cursor(answer: Mapping[str, object], cursor: str) -> str:
    """Return what leads on from the page that *cursor* led to; empty at the end, and where it leads back there."""
    found = text_at(answer.get("response_metadata"), "next_cursor")
    return found if found != cursor else ""


def _conversation(raw: object, team: TeamId | None) -> Conversation | None:
    """Read a conversation object (facts/slack.md §5); None for what names none."""
    channel = text_at(raw, "id")
    if not channel or not isinstance(raw, Mapping):
        return None
    kind: Kind = "channel"
    if is_true(raw.get("is_im")):
        kind = "im"
    elif is_true(raw.get("is_mpim")):
        kind = "mpim"
    elif is_true(raw.get("is_private")) or is_true(raw.get("is_group")):
        kind = "group"
    user = UserId(text_at(raw, "user")) or None
    return Conversation(ChannelId(channel), kind, user, is_true(raw.get("is_archived")), team)


def _list_at(answer: Mapping[str, object], name: str, method: str) -> list[object]:
    """Return the list *name* of an answer, which must have one."""
    value = answer.get(name)
    if not isinstance(value, list):
        raise RemoteProtocolError(f"an answer to {method} without {name}")
    return value
