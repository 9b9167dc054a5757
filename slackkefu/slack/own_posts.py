"""
Changing and deleting posts of the app's own (facts/slack.md §8), and its files.

All of it may be done again without harm: the same change once more shows the same, and what is deleted is gone. Slack
deletes no post that was made under another name than the app's, but changes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slackkefu.slack.installation import Installation
    from slackkefu.slack.web import WebClient

__all__ = ["MAX_CHARACTERS", "delete", "delete_file", "update"]

MAX_CHARACTERS: Final = 4000
"""The longest text that a change may give, escapes included; ten times as much may be posted (trap 16)."""


async def update(
    web: WebClient,
    installation: Installation,
    *,
    channel: str,
    ts: str,
    text: str,
    blocks: Sequence[Mapping[str, object]] = (),
) -> None:
    """
    Give a post other words.

    Args:
        web: The Web API.
        installation: Who made it.
        channel: The conversation it stands in; never a user.
        ts: Which it is.
        text: Escaped for Slack already.
        blocks: What is shown instead of the text; without any, those that it had go.

    Raises:
        SlackError, LinkError: as :meth:`~slackkefu.slack.web.WebClient.call`.

    """
    arguments = {
        "channel": channel,
        "ts": ts,
        "text": text,
        "blocks": list(blocks) or None,
        # Not the default here, as it is for posts; what it does to links is the same.
        "parse": "none",
        "link_names": False,
    }
    await web.call("chat.update", arguments, token=installation.bot_token, channel=channel)


async def delete(web: WebClient, installation: Installation, *, channel: str, ts: str) -> None:
    """Delete a post; arguments and errors as for :func:`update`."""
    await web.call("chat.delete", {"channel": channel, "ts": ts}, token=installation.bot_token, channel=channel)


async def delete_file(web: WebClient, installation: Installation, file_id: str) -> None:
    """Delete a file, wherever it is shared; what it was shared in stays. Errors as for :func:`update`."""
    await web.call("files.delete", {"file": file_id}, token=installation.bot_token)
