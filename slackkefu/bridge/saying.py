"""
Saying: a line of the bridge's own, to one person or to a channel.

At most once: a line that may have been posted is not posted again, since nobody looks for it; one that surely was not
is tried a few times. What has to arrive is said by :mod:`slackkefu.bridge.slack_to_kefu.telling`, and what kefu says by
:mod:`slackkefu.bridge.kefu_to_slack.posting`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.errors import LinkError, SlackError
from slackkefu.net.backoff import backoff
from slackkefu.slack.recovery import Retry, after

if TYPE_CHECKING:
    from slackkefu.slack.ids import ChannelId, Ts, UserId
    from slackkefu.slack.installation import Installation
    from slackkefu.slack.web import WebClient
    from slackkefu.world import World

__all__ = ["Saying"]

log = structlog.get_logger()

TRIES: Final = 5


@final
class Saying:
    """
    Says lines.

    Args:
        world: Chance.
        web: Slack's Web API.

    """

    def __init__(self, *, world: World, web: WebClient) -> None:
        self._world = world
        self._web = web

    async def say(
        self,
        installation: Installation,
        text: str,
        *,
        channel: ChannelId,
        only_to: UserId | None = None,
        thread_ts: Ts | None = None,
    ) -> bool:
        """
        Say a line; tell whether Slack has taken it for sure.

        Args:
            installation: As whom.
            text: The line, in Slack's markup.
            channel: Where.
            only_to: Who alone sees it; None for everybody there.
            thread_ts: The root of the thread to say it in; a line to one person is seen only in a thread with answers.

        """
        method = "chat.postMessage" if only_to is None else "chat.postEphemeral"
        arguments = {"channel": channel, "user": only_to, "thread_ts": thread_ts, "text": text}
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=60.0)
        for _ in range(TRIES):
            try:
                await self._web.call(method, arguments, token=installation.bot_token, channel=channel)
            except (SlackError, LinkError) as error:
                step = after(error)
                log.info("saying.refused", channel=channel, problem=str(error))
                if not isinstance(step, Retry):
                    return False
                await trio.sleep(max(next(pauses), step.after_s))
            else:
                return True
        return False
