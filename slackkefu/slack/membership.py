"""Whether the app is in a channel, as Slack says when it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slackkefu.errors import LinkError, SlackError

if TYPE_CHECKING:
    from slackkefu.slack.ids import ChannelId
    from slackkefu.slack.installation import Installation
    from slackkefu.slack.web import WebClient

__all__ = ["is_in"]


async def is_in(web: WebClient, installation: Installation, channel: ChannelId) -> bool | None:
    """
    Ask Slack whether the app is in *channel*.

    Returns:
        None where it does not say: it is away, or the channel is private and we are not in it, or gone.

    """
    try:
        answer = await web.call("conversations.info", {"channel": channel}, token=installation.bot_token)
    except (SlackError, LinkError):
        return None
    found = answer.get("channel")
    said = found.get("is_member") if isinstance(found, Mapping) else None
    return said if isinstance(said, bool) else None
