"""The line under a thread that says what an app is doing (facts/slack.md §8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackkefu.demo.slack.web_api.call import Refused

if TYPE_CHECKING:
    from slackkefu.demo.slack.shape import Shape
    from slackkefu.demo.slack.state import State
    from slackkefu.demo.slack.web_api.call import BotCall

__all__ = ["set_status"]


def set_status(state: State, call: BotCall) -> Shape:
    """``assistant.threads.setStatus``: needs a thread; no text takes the line away."""
    channel = state.channels.get(call.required("channel_id"))
    if channel is None or not call.in_channel(channel):
        raise Refused("channel_not_found")
    thread_ts = call.required("thread_ts")
    if channel.find(thread_ts) is None and thread_ts not in channel.threads:
        raise Refused("thread_not_found")
    channel.set_status(thread_ts, call.text("status"), at=call.at)
    return {}
