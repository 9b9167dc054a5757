"""
Routing: from an envelope to what is done with it.

A pure decision. :func:`route` answers with exactly one of :class:`Forward` (a person's words for the desk),
:class:`Change` (a person changed or deleted some), :class:`Deed` (a person did something else), :class:`Special`
(something the bridge itself acts on) or :class:`Ignored` (with its named reason). The kinds are in
:mod:`slackkefu.bridge.table`; here is who wrote it, where, and to whom.

Loops are impossible by construction: words are forwarded only when no mark of facts/slack.md §4 says that anything but
a person wrote them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from slackkefu.bridge.identity import Unmappable, Visitor, author_team, digest, im_user, visitor_of
from slackkefu.bridge.slack_to_kefu.custody import MessageKey
from slackkefu.bridge.table import EVENTS, PAYLOADS, SUBTYPES, Reason, Rule
from slackkefu.bridge.workspaces.grants import teams_of
from slackkefu.slack.envelope import (
    AppRateLimited,
    EventCallback,
    Interaction,
    Malformed,
    MessageEvent,
    OtherEvent,
    SlashCommand,
)
from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import ChannelId, Ts, UserId, written_at
from slackkefu.slack.installation import key_of
from slackkefu.slack.text import mentions

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
    from slackkefu.config import ChannelsMode
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.envelope import Envelope
    from slackkefu.slack.installation import Installation, Installations

__all__ = ["Change", "Deed", "Forward", "Ignored", "Route", "Special", "route"]

SLACKBOT: Final = "USLACKBOT"

TOMBSTONE: Final = "tombstone"
"""What is left of the deleted root of a thread; it comes as an edit (facts/slack.md §4)."""


@dataclass(frozen=True, slots=True)
class Forward:
    """A person's words for the desk."""

    visitor: Visitor
    user: ImUser
    installation: Installation
    event: MessageEvent
    is_direct: bool
    """A direct message to the app."""
    thread_ts: Ts | None
    """The thread an answer belongs in: in a channel always, in a direct message where the visitor wrote in one."""
    is_mention: bool
    """The app was mentioned; in a channel this opens the conversation in its thread."""
    revision: str = ""
    """Of a correction: which change of the message it tells; see :class:`MessageKey`."""
    own_users: frozenset[UserId] = frozenset()
    """The app's own users that it mentions: there may be one of each installation in a channel."""
    deed: ForDesk | None = None
    """What the desk gets instead of the words: it is an answer to something that kefu has offered."""

    @property
    def stands_in_slack(self) -> bool:
        """Whether it is a message that Slack keeps and repeats; of a click it does neither."""
        return self.deed is None or self.deed.is_typed

    @property
    def key(self) -> MessageKey:
        """What the message is, however often and in whatever envelope it comes."""
        # One string a channel, not one a message: what waits for long is known by this key.
        channel = ChannelId(sys.intern(self.event.channel))
        return MessageKey(self.installation.key, channel, self.event.ts, self.revision)

    @property
    def edit_in_it(self) -> MessageKey | None:
        """The edit that has made its words what they are, of a message that was read from the history."""
        return _edit(self.key, self.event) if self.event.edited and not self.revision else None


@dataclass(frozen=True, slots=True)
class Change:
    """
    A person changed or deleted a message, which may be one that we have or had.

    The desk is told by a *correction*: a :class:`Forward` with a revision, whose event is the message as it is now, and
    of a deleted one has no words.
    """

    rule: Rule
    """``EDIT`` or ``DELETION``."""
    installation: Installation
    channel: ChannelId
    ts: Ts
    """The message that is changed; never the change."""
    correction: Forward | None = None
    """What the desk is told, if it has the message; None where Slack does not say whose it was."""

    @property
    def key(self) -> MessageKey:
        """The message that is changed."""
        return MessageKey(self.installation.key, self.channel, self.ts)


@dataclass(frozen=True, slots=True)
class Deed:
    """A person pressed, filled in, commanded or opened something."""

    installation: Installation
    doing: Interaction | SlashCommand | OtherEvent


@dataclass(frozen=True, slots=True)
class Special:
    """Something the bridge itself acts on."""

    rule: Rule
    installation: Installation
    event: OtherEvent
    happened_at: float = 0.0
    """When, by Slack's clock, seconds; 0 where it does not say."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Left alone."""

    reason: Reason
    detail: str = ""
    """The kind of thing, never its content."""
    may_follow: ImUser | None = None
    """
    Whose mention, if it were known, would make this a word for the desk: Slack promises no order (facts/slack.md §2),
    so the mention that opened the thread may come a moment later.
    """


Route = Forward | Change | Deed | Special | Ignored


def route(
    envelope: Envelope,
    *,
    installations: Installations,
    channels: ChannelsMode,
    listens: Callable[[ImUser, Ts, Ts], bool],
    user_of: Callable[[Visitor], ImUser | Unmappable] = im_user,
    stands_in: Callable[[ChannelId], Installation | None] = lambda _: None,
) -> Route:
    """
    Decide what is done with *envelope*.

    Args:
        envelope: As it came from Slack.
        installations: Who installed the app.
        channels: What of members' messages outside direct messages is for the desk.
        listens: Whether a conversation with this visitor was open in this thread when this message was written.
        user_of: The visitor's name at the desk; another than its ids make where its channel has changed its id.
        stands_in: One of ours that is in a channel: Slack names only one of several that share it (facts/slack.md §3),
            and that may be one whose token nobody has.

    """
    rule = PAYLOADS.get(envelope.kind)
    if rule is None:
        return Ignored(Reason.UNKNOWN_PAYLOAD, envelope.kind)
    payload = envelope.payload
    if isinstance(payload, Malformed):
        return Ignored(Reason.MALFORMED, payload.reason)
    if isinstance(payload, AppRateLimited):
        return Ignored(Reason.EVENTS_HELD_BACK, str(payload.team_id))
    if isinstance(payload, Interaction | SlashCommand) and rule is Rule.DEED:
        installation = installations.owner_of(payload)
        return (
            Ignored(Reason.UNKNOWN_INSTALLATION, envelope.kind) if installation is None else Deed(installation, payload)
        )
    if rule is not Rule.FORWARD or not isinstance(payload, EventCallback):
        return Ignored(Reason.NOT_FOR_THE_DESK, envelope.kind)
    event = payload.event
    if isinstance(event, Malformed):
        return Ignored(Reason.MALFORMED, event.reason)
    if isinstance(event, OtherEvent):
        return _route_other(event, payload, installations)
    # Words need no token. Where there is none the app is in Slack all the same, or was when they were written.
    installation = installations.owner_of(payload) or stands_in(event.channel) or installations.known(key_of(payload))
    if installation is None:
        return Ignored(Reason.UNKNOWN_INSTALLATION, "message")
    return _route_message(event, payload, installation, installations, channels, listens, user_of)


def _route_other(event: OtherEvent, payload: EventCallback, installations: Installations) -> Route:
    rule = EVENTS.get(event.type)
    if rule is None:
        return Ignored(Reason.UNKNOWN_EVENT, event.type)
    if rule is Rule.IGNORE:
        return Ignored(Reason.NOT_FOR_THE_DESK, event.type)
    installation = installations.owner_of(payload)
    if rule is Rule.REMOVAL:
        # Its token may have been found dead before Slack tells why.
        installation = installations.known(key_of(payload))
    if rule in (Rule.JOINING, Rule.LEAVING) and installation is None:
        # Whichever it is told to, it is about this one (facts/slack.md §13).
        installation = next(iter(installations.of_bot(UserId(text_at(event.raw, "user")))), None)
    if rule is Rule.ACCESS and installation is None:
        # Nothing outside may say whose workspaces these are (facts/slack.md §3).
        installation = installations.granted_to(teams_of(event.raw))
    if installation is None:
        return Ignored(Reason.UNKNOWN_INSTALLATION, event.type)
    if rule is Rule.DEED:
        return Deed(installation, event)
    return Special(rule, installation, event, payload.happened_at)


def _route_message(
    event: MessageEvent,
    payload: EventCallback,
    installation: Installation,
    installations: Installations,
    channels: ChannelsMode,
    listens: Callable[[ImUser, Ts, Ts], bool],
    user_of: Callable[[Visitor], ImUser | Unmappable],
) -> Route:
    rule = SUBTYPES.get(event.subtype or "")
    if rule in (Rule.EDIT, Rule.DELETION):
        return _route_change(event, payload, installation, installations, user_of)
    reason = _mark(event, payload, installation)
    if reason is not None or installations.has_bot(event.user):
        return Ignored(reason or Reason.OWN_MESSAGE, event.subtype or event.channel_type)
    if rule is None:
        return Ignored(Reason.UNKNOWN_SUBTYPE, event.subtype or "")
    if rule is not Rule.FORWARD:
        return Ignored(Reason.SYSTEM_MESSAGE, event.subtype or "")
    if event.user is None or not (event.text.strip() or event.files):
        return Ignored(Reason.EMPTY)
    visitor = Visitor(author_team(event.user_team, event.team, payload.team_id), event.user, event.channel)
    user = user_of(visitor)
    if isinstance(user, Unmappable):
        return Ignored(Reason.UNMAPPABLE_ID)
    visitor = _as_named(visitor, user)
    # Whichever of them is meant, and whichever is told of it (facts/slack.md §13).
    own_users = installations.bots_among(mentions(event.text))
    is_mention = event.is_mention_event or bool(own_users)
    forward = partial(Forward, visitor, user, installation, event, is_mention=is_mention, own_users=own_users)
    if _is_direct(event):
        return forward(is_direct=True, thread_ts=event.thread_ts)
    if channels == "off":
        return Ignored(Reason.CHANNELS_OFF)
    root = event.thread_ts or event.ts
    if channels == "mention" and not is_mention and not listens(user, root, event.ts):
        return Ignored(Reason.NOT_MENTIONED, may_follow=user if root != event.ts else None)
    return forward(is_direct=False, thread_ts=root)


def _is_direct(event: MessageEvent) -> bool:
    """
    Tell a direct message to the app.

    ``channel_type`` decides (facts/slack.md §5). ``app_mention`` has none, and never is a direct message; elsewhere a
    missing ``channel_type`` leaves only the ``D`` of the id, which does mean one.
    """
    if event.channel_type or event.is_mention_event:
        return event.channel_type == "im"
    return event.channel.startswith("D")


def _route_change(
    event: MessageEvent,
    payload: EventCallback,
    installation: Installation,
    installations: Installations,
    user_of: Callable[[Visitor], ImUser | Unmappable],
) -> Route:
    """
    Tell a person's edit or deletion from the many other changes.

    The marks sit in the inner message (facts/slack.md §4). Of a deleted message little may be left to read: without
    marks it is taken for a person's, and whether it was ever ours is known by its name alone.
    """
    message, previous = event.message, event.previous
    deleted_ts = message.ts if message is not None and message.subtype == TOMBSTONE else event.deleted_ts
    inner = previous if message is None or deleted_ts is not None else message
    reason = _mark(inner, payload, installation) if inner is not None else None
    if inner is not None and installations.has_bot(inner.user):
        reason = reason or Reason.OWN_MESSAGE
    if reason is not None:
        return Ignored(reason, event.subtype or "")
    if deleted_ts is not None:
        key = MessageKey(installation.key, event.channel, deleted_ts).deleted(event.ts)
        wordless = None if inner is None else replace(inner, ts=deleted_ts, text="", emoji={}, files=())
        correction = _correction(wordless, payload, installation, installations, user_of, key.revision)
        return Change(Rule.DELETION, installation, event.channel, deleted_ts, correction)
    before = previous.text if previous is not None else None
    if message is None or not message.edited or message.text == before:
        return Ignored(Reason.NOT_AN_EDIT)
    key = _edit(MessageKey(installation.key, event.channel, message.ts), message)
    correction = _correction(message, payload, installation, installations, user_of, key.revision)
    return Change(Rule.EDIT, installation, event.channel, message.ts, correction)


def _correction(
    message: MessageEvent | None,
    payload: EventCallback,
    installation: Installation,
    installations: Installations,
    user_of: Callable[[Visitor], ImUser | Unmappable],
    revision: str,
) -> Forward | None:
    """Make what the desk is told of a changed message; None where nobody can be named who wrote it."""
    if message is None or message.user is None:
        return None
    visitor = Visitor(author_team(message.user_team, message.team, payload.team_id), message.user, message.channel)
    user = user_of(visitor)
    if isinstance(user, Unmappable):
        return None
    visitor = _as_named(visitor, user)
    is_direct = _is_direct(message)
    in_thread = message.thread_ts if message.thread_ts != message.ts else None
    own_users = installations.bots_among(mentions(message.text))
    return Forward(
        visitor=visitor,
        user=user,
        installation=installation,
        event=message,
        is_direct=is_direct,
        thread_ts=in_thread if is_direct else in_thread or message.ts,
        is_mention=bool(own_users),
        own_users=own_users,
        revision=revision,
    )


def _as_named(visitor: Visitor, user: ImUser) -> Visitor:
    """Return *visitor* of the workspace that it is known by at the desk: ids of what we send derive from that."""
    named = visitor_of(user)
    return visitor if named is None else replace(visitor, team=named.team)


def _edit(key: MessageKey, message: MessageEvent) -> MessageKey:
    """Name the edit that has made *message* what it is: alike in an event and in the history."""
    at = message.edited_ts or ""
    return key.edited(at if written_at(Ts(at)) is not None else "", digest(message.text))


# Who wrote it: the marks of facts/slack.md §4 that say nobody did.


def _mark(event: MessageEvent, payload: EventCallback, installation: Installation) -> Reason | None:
    """Say why a message is nobody's words, or None where a person wrote it."""
    if (
        _same(event.bot_id, installation.bot_id)
        or _same(event.app_id, payload.api_app_id)
        or _same(event.app_id, installation.app_id)
        or _same(event.user, installation.bot_user_id)
    ):
        return Reason.OWN_MESSAGE
    if event.bot_id or event.subtype == "bot_message":
        return Reason.OTHER_BOT
    if event.user == SLACKBOT:
        return Reason.SLACKBOT
    if event.hidden:
        return Reason.HIDDEN
    return Reason.NO_USER if event.user is None else None


def _same(theirs: str | None, ours: str) -> bool:
    return bool(ours) and theirs == ours
