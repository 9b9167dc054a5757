"""Files: what is known of them, and the three steps of an upload (facts/slack.md §7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackkefu.demo.slack.ledger import Post
from slackkefu.demo.slack.model import HostedFile
from slackkefu.demo.slack.web_api.call import Refused

if TYPE_CHECKING:
    from slackkefu.demo.slack.shape import Shape
    from slackkefu.demo.slack.state import State
    from slackkefu.demo.slack.web_api.call import BotCall

__all__ = ["complete_upload", "file_info", "get_upload_url"]


def file_info(state: State, call: BotCall) -> Shape:
    """``files.info``: complete, also where the event had only an id."""
    file = state.files.get(call.required("file"))
    if file is None or not file.complete or not call.knows(state, file.owner):
        raise Refused("file_not_found")
    return {"file": file.as_shape()}


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
    )
    file.url_private = f"{state.addresses.files}files-pri/{call.installation.name}-{file.id}/{name}"
    state.files[file.id] = file
    ticket = state.uploads.issue(state.mint.hex(24), file, now=call.at)
    return {"upload_url": f"{state.addresses.files}upload/v1/{ticket}", "file_id": file.id}


def complete_upload(state: State, call: BotCall) -> Shape:
    """``files.completeUploadExternal``: the last step, which shares the file; without a channel it stays private."""
    listed = call.nested("files", "invalid_arguments")
    if not isinstance(listed, list) or not listed:
        raise Refused("invalid_arguments")
    files = [_uploaded(state, call, entry) for entry in listed]
    names = call.text("channel_id") or call.text("channels")
    for name in filter(None, names.split(",")):
        channel = state.channels.get(name)
        if channel is None:
            raise Refused("channel_not_found")
        if not call.in_channel(channel):
            raise Refused("not_in_channel")
        message = state.share(
            call.installation,
            channel,
            files,
            text=call.text("initial_comment"),
            thread_ts=call.text("thread_ts") or None,
        )
        state.ledger.posts.append(Post(call.at, call.installation, channel, message, call.arguments))
    return {"files": [file.as_shape() for file in files]}


def _uploaded(state: State, call: BotCall, entry: object) -> HostedFile:
    """Return a file whose bytes have come and that is not complete yet."""
    file = state.files.get(str(entry.get("id"))) if isinstance(entry, dict) else None
    if file is None or file.owner is not call.installation.bot or file.complete or not file.content:
        raise Refused("file_not_found")
    file.complete = True
    file.title = str(entry.get("title") or file.name) if isinstance(entry, dict) else file.name
    return file
