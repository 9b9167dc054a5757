"""
Bringing files to Slack: the external upload flow, the only one there is (facts/slack.md §7).

Three steps: ask for a place, bring the bytes there, complete the file, which shares it. A file that is not completed is
discarded, so the first two may be repeated as one likes, together. A completed one is completed once and for all, and
appears in its conversation a moment later; where it stands :meth:`Uploads.shares` tells.

The place is on Slack's file host. No token goes there; who knows its address may fill it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, final

import httpx

from slackkefu.errors import LinkClosed, SlackApiError, SlackOutcomeUnknown
from slackkefu.net.address import check_url
from slackkefu.net.network import reason_of
from slackkefu.secret import Secret
from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import ChannelId, Ts
from slackkefu.slack.recovery import UPLOAD
from slackkefu.slack.web import Posted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from slackkefu.slack.installation import Installation
    from slackkefu.slack.web import WebClient
    from slackkefu.world import World

__all__ = ["Bytes", "Source", "Upload", "Uploads"]

SILENT_S: Final = 60.0
"""How long nothing may move, while bytes are brought or their receipt is waited for."""

CONNECT_S: Final = 10.0
MAX_ALT_TEXT: Final = 1000


class Bytes(Protocol):
    """What is to be brought."""

    @property
    def name(self) -> str:
        """What it is called; never a path."""
        ...

    @property
    def size(self) -> int:
        """How many bytes, more than none."""
        ...

    @property
    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes, once."""
        ...


class Source(Protocol):
    """Where a file comes from."""

    def open(self) -> AbstractAsyncContextManager[Bytes]:
        """Open it for a ``with`` block; may be done again and again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file to be posted; like a :class:`~slackkefu.slack.web.Post`, but Slack keeps no metadata with it."""

    channel: str
    """A conversation, or a user for their direct messages with the app."""
    file: Source = field(repr=False)
    thread_ts: Ts | None = None
    """The root of the thread to post in."""
    metadata_id: str = ""
    """Our own id, for ourselves only."""
    comment: str = field(default="", repr=False)
    """Words above the file, escaped for Slack."""
    alt_text: str = field(default="", repr=False)
    """What a picture shows, for whoever does not see it."""


@final
class Uploads:
    """
    Uploads files.

    Args:
        world: Where the HTTP client for the bytes comes from.
        web: For the calls.

    """

    def __init__(self, *, world: World, web: WebClient) -> None:
        self._world = world
        self._web = web

    async def bring(self, installation: Installation, content: Bytes, *, alt_text: str = "") -> str:
        """
        Bring the bytes; return the id of the file, which nobody sees yet.

        Whoever calls bounds the time. A cancellation leaves nothing that anybody sees.

        Raises:
            SlackError, LinkError: As :meth:`slackkefu.slack.web.WebClient.call`; with the method
                :data:`~slackkefu.slack.recovery.UPLOAD` where it was about the bytes.

        """
        method = "files.getUploadURLExternal"
        arguments = {"filename": content.name, "length": content.size, "alt_txt": alt_text[:MAX_ALT_TEXT] or None}
        answer = await self._web.call(method, arguments, token=installation.bot_token)
        file_id, place = text_at(answer, "file_id"), Secret(text_at(answer, "upload_url"))
        if not file_id or check_url(place.reveal(), schemes=("https", "http")) is not None:
            raise LinkClosed("Slack", f"no place for a file in the answer to {method}")
        await self._fill(place, content)
        return file_id

    async def complete(self, installation: Installation, file_id: str, upload: Upload, channel: ChannelId) -> None:
        """
        Complete a file, which shares it; not twice.

        Args:
            installation: Who has brought it.
            file_id: The file.
            upload: What it is.
            channel: The conversation: nothing else will do here.

        Raises:
            SlackError, LinkError: As :meth:`slackkefu.slack.web.WebClient.call`.

        """
        arguments = {
            "files": [{"id": file_id}],
            "channel_id": channel,
            "thread_ts": upload.thread_ts,
            "initial_comment": upload.comment or None,
        }
        await self._web.call("files.completeUploadExternal", arguments, token=installation.bot_token)

    async def shares(self, installation: Installation, file_id: str, channel: ChannelId) -> Posted | None:
        """
        Return where in a conversation a file stands; None where it does not.

        Raises:
            SlackError, LinkError: As :meth:`slackkefu.slack.web.WebClient.call`; ``file_not_found`` also for a file
                that is not completed.

        """
        answer = await self._web.call("files.info", {"file": file_id}, token=installation.bot_token)
        file = answer.get("file")
        shares = file.get("shares") if isinstance(file, Mapping) else None
        for kind in shares.values() if isinstance(shares, Mapping) else ():
            here = kind.get(channel) if isinstance(kind, Mapping) else None
            if isinstance(here, list) and here:
                ts = text_at(here[0], "ts")
                return Posted(channel, Ts(ts) if ts else None)
        return None

    async def conversation(self, installation: Installation, channel: str) -> ChannelId:
        """
        Return the conversation *channel*, or the direct message with the user *channel*, opened if need be.

        Raises:
            SlackError, LinkError: As :meth:`slackkefu.slack.web.WebClient.call`.

        """
        if not channel.startswith(("U", "W")):
            return ChannelId(channel)
        method = "conversations.open"
        try:
            opened = await self._web.call(method, {"users": channel}, token=installation.bot_token)
        except SlackOutcomeUnknown as exc:
            # It may be done twice (facts/slack.md §8).
            raise LinkClosed("Slack", exc.reason) from exc
        found = text_at(opened.get("channel"), "id")
        if not found:
            raise LinkClosed("Slack", f"no conversation in the answer to {method}")
        return ChannelId(found)

    async def _fill(self, place: Secret, content: Bytes) -> None:
        """Bring the bytes to their place; it may be that they are there when this raises."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(content.size)}
        timeout = httpx.Timeout(SILENT_S, connect=CONNECT_S, pool=CONNECT_S)
        async with self._world.network.http_client(base_url="", timeout_s=SILENT_S) as client:
            try:
                response = await client.post(place.reveal(), content=content.chunks, headers=headers, timeout=timeout)
            except httpx.HTTPError as exc:
                # Not chained: the error holds the request, and with it the place.
                raise SlackOutcomeUnknown(
                    UPLOAD, reason_of(exc) if _is_connecting(exc) else type(exc).__name__
                ) from None
        if response.is_client_error and response.status_code not in (408, 429):
            raise SlackApiError(UPLOAD, f"http_{response.status_code}")
        if response.status_code != 200 or not response.content.startswith(b"OK"):
            raise SlackOutcomeUnknown(UPLOAD, f"HTTP {response.status_code}")


def _is_connecting(exc: httpx.HTTPError) -> bool:
    return isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout)
