"""Posting, editing and removing messages (facts/slack.md §8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slackkefu.demo.slack.ledger import Post
from slackkefu.demo.slack.model import ChannelKind, Message
from slackkefu.demo.slack.web_api.blocks import problem_of
from slackkefu.demo.slack.web_api.call import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slackkefu.demo.slack.model import Channel
    from slackkefu.demo.slack.shape import Document, Shape
    from slackkefu.demo.slack.state import State
    from slackkefu.demo.slack.web_api.call import BotCall

__all__ = ["add_reaction", "delete", "permalink", "post_ephemeral", "post_message", "update"]

POST_CHARACTERS: Final = 40_000
"""More is cut without a word."""
UPDATE_CHARACTERS: Final = 4_000
MARKDOWN_CHARACTERS: Final = 12_000
MAX_ATTACHMENTS: Final = 100


def post_message(state: State, call: BotCall) -> Shape:
    """``chat.postMessage``: also opens a direct message where a user id is given."""
    channel = _where_to_post(state, call)
    content = _content(call)
    if any(call.text(name) for name in ("username", "icon_url", "icon_emoji")):
        call.need("chat:write.customize")
    thread_ts = _thread(state, call, channel)
    arguments: Shape = dict(call.arguments) | content
    arguments["reply_broadcast"] = call.flag("reply_broadcast") and thread_ts is not None
    message = state.post(
        call.installation,
        channel,
        text=str(content["text"])[:POST_CHARACTERS],
        arguments=arguments,
        thread_ts=thread_ts,
    )
    state.ledger.posts.append(Post(call.at, call.installation, channel, message, call.arguments))
    return {"channel": channel.id, "ts": message.ts, "message": message.as_shape(metadata=True)}


def post_ephemeral(state: State, call: BotCall) -> Shape:
    """``chat.postEphemeral``: one member sees it; it is in no history."""
    channel = _where_to_post(state, call)
    reader = call.user(state)
    if reader.id not in channel.members:
        raise Refused("user_not_in_channel")
    text = str(_content(call)["text"])
    message = Message(
        channel, state.mint.ts(channel.id), text, user=call.installation.bot, installation=call.installation
    )
    post = Post(call.at, call.installation, channel, message, call.arguments, ephemeral_to=reader.id)
    state.ledger.posts.append(post)
    return {"message_ts": message.ts}


def update(state: State, call: BotCall) -> Shape:
    """``chat.update``: own messages only, at most 4,000 characters."""
    channel, message = _own(state, call, "cant_update_message")
    content = _content(call)
    text = str(content["text"])
    if len(text) > UPDATE_CHARACTERS:
        raise Refused("msg_too_long")
    blocks = content["blocks"]
    marked = None if isinstance(blocks, list) else call.installation.bot
    state.edit(message, text, blocks=blocks if isinstance(blocks, list) else None, by=marked)
    if isinstance(content["metadata"], dict):
        message.metadata = content["metadata"]
    return {"channel": channel.id, "ts": message.ts, "text": text, "message": message.as_shape(metadata=True)}


def delete(state: State, call: BotCall) -> Shape:
    """``chat.delete``: own messages only, and none posted under another name."""
    channel, message = _own(state, call, "cant_delete_message")
    if message.subtype == "bot_message":
        raise Refused("cant_delete_message")
    state.delete(message)
    return {"channel": channel.id, "ts": message.ts}


def permalink(state: State, call: BotCall) -> Shape:
    """``chat.getPermalink``: where people read a message."""
    channel = call.channel(state)
    message = channel.find(call.required("message_ts"))
    if message is None:
        raise Refused("message_not_found")
    digits = message.ts.replace(".", "")
    thread = f"?thread_ts={message.thread_ts}&cid={channel.id}" if message.is_reply else ""
    host = f"{call.installation.bot.team.domain}.slack.com"
    return {"channel": channel.id, "permalink": f"https://{host}/archives/{channel.id}/p{digits}{thread}"}


def add_reaction(state: State, call: BotCall) -> Shape:
    """``reactions.add``."""
    channel = call.channel(state)
    message = channel.find(call.required("timestamp"))
    name = call.required("name")
    if message is None:
        raise Refused("message_not_found")
    if ":" in name:
        raise Refused("invalid_name")
    users = message.reactions.setdefault(name, [])
    if call.installation.bot.id in users:
        raise Refused("already_reacted")
    users.append(call.installation.bot.id)
    return {}


def remove_reaction(state: State, call: BotCall) -> Shape:
    """``reactions.remove``: the app's own."""
    message = call.channel(state).find(call.required("timestamp"))
    name = call.required("name")
    if message is None:
        raise Refused("message_not_found")
    users = message.reactions.get(name, [])
    if call.installation.bot.id not in users:
        raise Refused("no_reaction")
    users.remove(call.installation.bot.id)
    if not users:
        del message.reactions[name]
    return {}


def _where_to_post(state: State, call: BotCall) -> Channel:
    """Return the conversation to post into, or refuse as Slack does."""
    name = call.required("channel")
    if name[0] in "UW" and name not in state.channels:
        return open_direct(state, call, name)
    channel = call.channel(state)
    if channel.archived:
        raise Refused("is_archived")
    public = channel.kind is ChannelKind.PUBLIC and "chat:write.public" in call.installation.scopes
    if not call.in_channel(channel) and not public:
        raise Refused("not_in_channel")
    if channel.kind is ChannelKind.IM:
        _check_reachable(state, channel)
    return channel


def open_direct(state: State, call: BotCall, user_id: str) -> Channel:
    """Return the direct message with a user, opened where there is none."""
    user = state.users.get(user_id)
    if user is None or not call.knows(state, user):
        raise Refused("channel_not_found")
    if user.is_bot:
        raise Refused("cannot_dm_bot")
    if user.team.id in call.installation.withheld:
        raise Refused("team_access_not_granted")
    channel = state.direct(user, call.installation)
    _check_reachable(state, channel)
    return channel


def _check_reachable(state: State, channel: Channel) -> None:
    if not state.settings.messages_tab:
        raise Refused("messages_tab_disabled")
    if any(member.deleted for member in channel.members.values()):
        raise Refused("user_disabled")


def _content(call: BotCall) -> Shape:
    """Return text, blocks, attachments and metadata, checked; refuse what Slack refuses."""
    text = call.text("text")
    blocks = _list(call, "blocks", "invalid_blocks_format")
    attachments = _list(call, "attachments", "invalid_attachments")
    markdown = call.text("markdown_text")
    if markdown and (text or blocks):
        raise Refused("markdown_text_conflict")
    if len(markdown) > MARKDOWN_CHARACTERS:
        raise Refused("msg_too_long")
    if not (text or blocks or attachments or markdown):
        raise Refused("no_text")
    problem = problem_of([*blocks]) if blocks is not None else ""
    if problem:
        raise Refused("invalid_blocks", response_metadata={"messages": [f"[ERROR] {problem}"]})
    if attachments is not None and len(attachments) > MAX_ATTACHMENTS:
        raise Refused("too_many_attachments")
    content: Shape = {
        "text": text or markdown,
        "blocks": blocks,
        "attachments": attachments,
        "metadata": _metadata(call),
    }
    return content


def _list(call: BotCall, name: str, error: str) -> Sequence[object] | None:
    value = call.nested(name, error)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Refused(error)
    return value


def _metadata(call: BotCall) -> Document | None:
    """Return ``metadata``: a type and a flat payload."""
    value = call.nested("metadata", "invalid_metadata_format")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Refused("invalid_metadata_format")
    if not isinstance(value.get("event_type"), str) or not isinstance(value.get("event_payload"), dict):
        raise Refused("invalid_metadata_schema")
    return value


def _thread(state: State, call: BotCall, channel: Channel) -> str | None:
    """Return ``thread_ts``, which names a root (facts/slack.md §5, §9)."""
    thread_ts = call.text("thread_ts")
    if not thread_ts:
        return None
    root = channel.find(thread_ts)
    if root is None:
        if thread_ts not in channel.threads and not state.switches.unknown_threads:
            raise Refused("thread_not_found")
        return thread_ts
    if root.is_reply and not state.switches.reply_opens_thread:
        raise Refused("cannot_reply_to_message")
    return thread_ts


def _own(state: State, call: BotCall, error: str) -> tuple[Channel, Message]:
    """Return the own message that ``channel`` and ``ts`` name."""
    channel = call.channel(state)
    message = channel.find(call.required("ts"))
    if message is None:
        raise Refused("message_not_found")
    if message.installation is not call.installation:
        raise Refused(error)
    return channel, message
