"""
Looking for a post of ours that may be in Slack.

Slack has no key that would make a post happen once (facts/slack.md §8). Each post carries an id of ours as metadata,
which the history shows; so after a lost answer the history is read from a little before the post was tried. A new
message may be missing there for a moment, so the answer "not there" is given only when two looks agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.errors import LinkError, RemoteProtocolError, SlackApiError, SlackkefuError, SlackRateLimited
from slackkefu.slack.fields import text_at

if TYPE_CHECKING:
    from slackkefu.slack.installation import Installation
    from slackkefu.slack.web import Post, WebClient

__all__ = ["Found", "Looking"]

log = structlog.get_logger()

PATIENCE_S: Final = 60.0
"""How long an answer waits for the answer to this question; strict limits allow one look a minute (§10)."""

SECOND_LOOK_S: Final = 5.0
AGAIN_S: Final = 2.0

CLOCKS_APART_S: Final = 600.0
"""How much our clock may be ahead of Slack's."""

PAGE: Final = 200

_NO_THREAD: Final = frozenset({"thread_not_found"})


class Found(Enum):
    """What came of looking."""

    THERE = auto()
    NOT_THERE = auto()
    UNKNOWN = auto()
    """Slack did not say in time, or does not let us look."""


@final
class Looking:
    """Looks for posts."""

    def __init__(self, *, web: WebClient) -> None:
        self._web = web

    async def find(self, installation: Installation, post: Post, *, tried_at: float) -> Found:
        """
        Say whether *post* is in Slack; takes at most :data:`PATIENCE_S`.

        Args:
            installation: Who posted it.
            post: The post.
            tried_at: When it was first tried (wall clock).

        """
        found = Found.UNKNOWN
        with trio.move_on_after(PATIENCE_S):
            found = await self._look_patiently(installation, post, tried_at)
            if found is Found.NOT_THERE:
                await trio.sleep(SECOND_LOOK_S)
                found = await self._look_patiently(installation, post, tried_at)
        log.info("slack.looked", found=found.name.lower(), id=post.metadata_id)
        return found

    async def _look_patiently(self, installation: Installation, post: Post, tried_at: float) -> Found:
        while True:
            try:
                there = await self._look(installation, post, tried_at)
            except SlackRateLimited as exc:
                await trio.sleep(exc.retry_after_s)
            except SlackApiError as exc:
                return Found.NOT_THERE if exc.code in _NO_THREAD else Found.UNKNOWN
            except LinkError:
                await trio.sleep(AGAIN_S)
            except SlackkefuError:
                return Found.UNKNOWN
            else:
                return Found.THERE if there else Found.NOT_THERE

    async def _look(self, installation: Installation, post: Post, tried_at: float) -> bool:
        """Read the conversation from a little before the post was tried; raises what a call raises."""
        token = installation.bot_token
        channel = post.channel
        if channel.startswith(("U", "W")):
            opened = await self._web.call("conversations.open", {"users": channel}, token=token)
            channel = text_at(opened.get("channel"), "id")
        method = "conversations.replies" if post.thread_ts else "conversations.history"
        arguments: dict[str, object] = {
            "channel": channel,
            "ts": post.thread_ts,
            "oldest": f"{max(tried_at - CLOCKS_APART_S, 0.0):.6f}",
            "include_all_metadata": True,
            "limit": PAGE,
        }
        while True:
            answer = await self._web.call(method, arguments, token=token)
            messages = answer.get("messages")
            if not isinstance(messages, list):
                raise RemoteProtocolError("history without messages")
            if any(_metadata_id(each) == post.metadata_id for each in messages):
                return True
            cursor = text_at(answer.get("response_metadata"), "next_cursor")
            if answer.get("has_more") is not True or not cursor:
                return False
            arguments["cursor"] = cursor


def _metadata_id(message: object) -> str:
    """Return our own id of a post in the history; empty when it has none."""
    metadata = message.get("metadata") if isinstance(message, Mapping) else None
    payload = metadata.get("event_payload") if isinstance(metadata, Mapping) else None
    return text_at(payload, "id")
