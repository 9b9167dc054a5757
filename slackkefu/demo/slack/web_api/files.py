"""Files: what is known of them, and the three steps of an upload (facts/slack.md §7)."""

from __future__ import annotations

import mimetypes
from functools import partial
from typing import TYPE_CHECKING

from slackkefu.demo.slack.ledger import Post
from slackkefu.demo.slack.model import HostedFile
from slackkefu.demo.slack.web_api.call import Refused

if TYPE_CHECKING:
    from slackkefu.demo.slack.model import Channel
    from slackkefu.demo.slack.shape import Shape
    from slackkefu.demo.slack.state import State
    from slackkefu.demo.slack.web_api.call import BotCall

__all__ = ["complete_upload", "delete_file", "file_info", "get_upload_url"]


def file_info(state: State, call: BotCall) -> Shape:
    """``files.info``: complete, also where the event had only an id."""
    file = state.files.get(call.required("file"))
    is_there = file is not None and (file.complete or state.switches.new_file_known)
    if file is None or not is_there or not call.knows(state, file.owner):
        raise Refused("file_not_found")
    if file.mode == "tombstone":
        raise Refused("file_deleted")
    return {"file": {**file.as_shape(), "shares": file.as_shares()}}


def delete_file(state: State, call: BotCall) -> Shape:
    """``files.delete``: an own file, wherever it is shared; the messages stay, without it."""
    file = state.files.get(call.required("file"))
    if file is None:
        raise Refused("file_not_found")
    if file.owner is not call.installation.bot:
        raise Refused("cant_delete_file")
    del state.files[file.id]
    for channel in state.channels.values():
        for message in channel.messages:
            if file in message.files:
                message.files.remove(file)
    return {}


def get_upload_url(state: State, call: BotCall) -> Shape:
    """``files.getUploadURLExternal``: the first step; a length of 0 is refused."""
    name = call.required("filename")
    length = call.text("length")
    if not length.isdecimal() or int(length) == 0:
        raise Refused("missing_argument")
    file = HostedFile(
        state.mint.identity("F"),
        name,
        "application/octet-stream",
        b"",
        call.installation.bot,
        int(call.at),
        complete=False,
        length=int(length),
        alt_text=call.text("alt_txt"),
    )
    file.mimetype = mimetypes.guess_type(name)[0] or file.mimetype
    file.url_private = f"{state.addresses.files}files-pri/{call.installation.name}-{file.id}/{name}"
    state.files[file.id] = file
    ticket = state.uploads.issue(state.mint.hex(24), file, now=call.at)
    return {"upload_url": f"{state.addresses.files}upload/v1/{ticket}", "file_id": file.id}


def complete_upload(state: State, call: BotCall) -> Shape:
    """
    ``files.completeUploadExternal``: the last step, which shares the file; without a channel it stays private.

    The share appears later; the answer does not know it (facts/slack.md §7).
    """
    listed = call.nested("files", "invalid_arguments")
    if not isinstance(listed, list) or not listed:
        raise Refused("invalid_arguments")
    names = call.text("channel_id") or call.text("channels")
    channels = [_channel(state, call, name) for name in filter(None, names.split(","))]
    files = [_uploaded(state, call, entry) for entry in listed]
    is_again = all(file.complete for file in files)
    for file, entry in zip(files, listed, strict=True):
        file.complete = True
        file.title = str(entry.get("title") or file.name)
    for channel in () if is_again else channels:
        state.later(state.timing.share_s, partial(_share, state, call, channel, files))
    return {"files": [file.as_shape() for file in files]}


def _share(state: State, call: BotCall, channel: Channel, files: list[HostedFile]) -> None:
    text, thread_ts = call.text("initial_comment"), call.text("thread_ts") or None
    message = state.share(call.installation, channel, files, text=text, thread_ts=thread_ts)
    state.ledger.posts.append(Post(state.mint.now(), call.installation, channel, message, call.arguments))


def _channel(state: State, call: BotCall, name: str) -> Channel:
    """Return a conversation that the bot is in."""
    channel = state.channels.get(name)
    if channel is None:
        raise Refused("channel_not_found")
    if channel.archived:
        raise Refused("is_archived")
    if not call.in_channel(channel):
        raise Refused("not_in_channel")
    return channel


def _uploaded(state: State, call: BotCall, entry: object) -> HostedFile:
    """Return a file whose bytes have come, and that is not complete yet, unless that does not matter."""
    file = state.files.get(str(entry.get("id"))) if isinstance(entry, dict) else None
    if file is None or file.owner is not call.installation.bot or not file.content:
        raise Refused("file_not_found")
    if file.complete and state.switches.second_completion == "refused":
        raise Refused("file_not_found")
    return file
