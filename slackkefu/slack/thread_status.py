"""
The line under a thread that says what the app is doing: "<app> is typing…" (facts/slack.md §8).

Slack takes it away with the app's next post in that thread, or after two minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from slackkefu.slack.installation import Installation
    from slackkefu.slack.web import WebClient

__all__ = ["METHOD", "set_status"]

METHOD: Final = "assistant.threads.setStatus"


async def set_status(web: WebClient, installation: Installation, *, channel: str, thread_ts: str, status: str) -> None:
    """
    Say in a thread what the app is doing; the same again does no harm.

    Args:
        web: The Web API.
        installation: Who does it.
        channel: The conversation.
        thread_ts: The thread, which has to be there.
        status: Follows the app's name; empty to say nothing.

    Raises:
        SlackError, LinkError: As :meth:`~slackkefu.slack.web.WebClient.call`.

    """
    arguments = {"channel_id": channel, "thread_ts": thread_ts, "status": status}
    await web.call(METHOD, arguments, token=installation.bot_token)
