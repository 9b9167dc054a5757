"""Conversations, their members and their history (facts/slack.md §5, §8, §10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slackkefu.demo.slack.model import ChannelKind, Message
from slackkefu.demo.slack.shape import without_absent
from slackkefu.demo.slack.web_api.call import MOST_OBJECTS, Refused, page_of
from slackkefu.demo.slack.web_api.chat import open_direct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slackkefu.demo.slack.shape import Shape
    from slackkefu.demo.slack.state import State
    from slackkefu.demo.slack.web_api.call import BotCall

__all__ = ["conversations_of", "history", "info", "members", "open_conversation", "replies"]

STRICT_OBJECTS: Final = 15
"""Messages a call for foreign companies' workspaces (facts/slack.md §10)."""
MOST_USERS: Final = 8

_KINDS: Final = {
    "public_channel": ChannelKind.PUBLIC,
    "private_channel": ChannelKind.PRIVATE,
    "im": ChannelKind.IM,
    "mpim": ChannelKind.MPIM,
}


def info(state: State, call: BotCall) -> Shape:
    """``conversations.info``."""
    channel = call.channel(state, right="read")
    return {"channel": channel.as_shape(reader=call.installation.bot)}


def open_conversation(state: State, call: BotCall) -> Shape:
    """``conversations.open``: the same conversation each time."""
    if call.text("channel"):
        return {"channel": {"id": call.channel(state).id}, "no_op": True, "already_open": True}
    names = [name for name in call.required("users").split(",") if name]
    if len(names) > MOST_USERS:
        raise Refused("too_many_users")
    if len(names) == 1:
        call.need("im:write")
        if names[0] not in state.users:
            raise Refused("user_not_found")
        return {"channel": {"id": open_direct(state, call, names[0]).id}}
    call.need("mpim:write")
    people = {name: state.users[name] for name in names if name in state.users}
    if len(people) < len(names):
        raise Refused("user_not_found")
    bot = call.installation.bot
    wanted = {*people, bot.id}
    for channel in state.channels.values():
        if channel.kind is ChannelKind.MPIM and set(channel.members) == wanted:
            return {"channel": {"id": channel.id}}
    everybody = [*people.values(), bot]
    channel = state.add_channel(None, ChannelKind.MPIM, "mpdm", teams=[bot.team], members=everybody)
    return {"channel": {"id": channel.id}}


def history(state: State, call: BotCall) -> Shape:
    """
    ``conversations.history``: newest first; no replies but those sent to the channel too.

    By a switch, pages go forward in time where only the beginning is given; each is newest first all the same.
    """
    channel = call.member_channel(state, right="history")
    found = [message for message in reversed(channel.roots) if _in_window(state, call, message)]
    is_open = bool(call.text("oldest")) and not call.text("latest")
    if state.switches.history_pages == "backward" or not is_open:
        return _page_of_messages(state, call, found)
    shape = _page_of_messages(state, call, found[::-1])
    return shape | {"messages": shape["messages"][::-1]}  # type: ignore[index]  # made in the line before


def replies(state: State, call: BotCall) -> Shape:
    """``conversations.replies``: oldest first, the root always among them, or what is left of it (§4, tombstone)."""
    channel = call.member_channel(state, right="history")
    if not state.switches.replies_readable and channel.kind in {ChannelKind.PUBLIC, ChannelKind.PRIVATE}:
        raise Refused("not_allowed_token_type")
    ts = call.required("ts")
    root, thread = channel.find(ts), channel.threads.get(ts, [])
    if root is None and thread:
        root = Message(channel, ts, "This message was deleted.", subtype="tombstone")
    if root is None:
        raise Refused("thread_not_found")
    return _page_of_messages(state, call, [root, *(reply for reply in thread if _in_window(state, call, reply))])


def members(state: State, call: BotCall) -> Shape:
    """``conversations.members``."""
    channel = call.channel(state, right="read")
    page, cursor = page_of(call, list(channel.members))
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


def conversations_of(state: State, call: BotCall) -> Shape:
    """``users.conversations``: what the bot is in; an organisation's token has to say of which workspace."""
    installation = call.installation
    team_id = call.text("team_id")
    if installation.org_wide and not team_id:
        raise Refused("missing_argument")
    kinds = [_KINDS.get(name.strip()) for name in call.text("types", "public_channel").split(",")]
    if None in kinds:
        raise Refused("invalid_types")
    for kind in ChannelKind:
        if kind in kinds:
            call.need(kind.scope("read"))
    found = [
        channel
        for channel in state.channels.values()
        if channel.kind in kinds
        and call.in_channel(channel)
        and not (channel.archived and call.flag("exclude_archived"))
        and (not team_id or any(team.id == team_id for team in channel.teams))
    ]
    page, cursor = page_of(call, found)
    shapes = [channel.as_shape(reader=installation.bot) for channel in page]
    for shape in shapes:
        shape.pop("is_member", None)
    return {"channels": shapes, "response_metadata": {"next_cursor": cursor}}


def _in_window(state: State, call: BotCall, message: Message) -> bool:
    """Tell whether ``oldest``, ``latest`` and ``inclusive`` let *message* in, and the history shows it yet."""
    if message.arrived_at > call.at - state.switches.history_lag_s:
        return False
    inclusive = call.flag("inclusive")
    at = _exact(message.ts)
    oldest = call.text("oldest")
    latest = call.text("latest")
    if oldest and (at < _exact(oldest) or (at == _exact(oldest) and not inclusive)):
        return False
    return not latest or at < _exact(latest) or (at == _exact(latest) and inclusive)


def _exact(ts: str) -> tuple[int, int]:
    """Return a timestamp, or a bare number of seconds, for comparing."""
    seconds, _, rest = ts.partition(".")
    try:
        return int(seconds), int(rest.ljust(6, "0")[:6])
    except ValueError:
        raise Refused("invalid_ts_oldest") from None


def _page_of_messages(state: State, call: BotCall, found: Sequence[Message]) -> Shape:
    most = STRICT_OBJECTS if state.switches.strict_history else MOST_OBJECTS
    if state.switches.strict_limit_refused and call.number("limit", most, most=MOST_OBJECTS) > most:
        raise Refused("invalid_limit")
    page, cursor = page_of(call, found, most=most)
    metadata = call.flag("include_all_metadata")
    return without_absent(
        {
            "messages": [message.as_shape(metadata=metadata) for message in page],
            "has_more": bool(cursor),
            "pin_count": 0,
            "latest": call.text("latest") or None,
            "response_metadata": {"next_cursor": cursor} if cursor else None,
        }
    )
