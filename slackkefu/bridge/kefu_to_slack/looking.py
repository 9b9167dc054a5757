"""
Looking for a post of ours that may be in Slack.

Slack has no key that would make a post happen once (facts/slack.md §8). After a lost answer there are two witnesses:
the post's own echo, which comes as an event without being asked for (:mod:`slackkefu.bridge.kefu_to_slack.echoes`), and
the history, which shows the id of ours that each post carries as metadata. The echo is waited for first,
:data:`ECHO_S`: mostly it comes within a second, but events may be delayed (§2); and a look at the history may be the
only one in a minute (§10). After that both are waited for, whichever comes first.

A new message may be missing in the history for a moment. So the answer "not there" is given only when two looks agree,
or one look and the silence of a conversation from which echoes come.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import contextmanager
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.errors import LinkError, SlackkefuError, SlackOutcomeUnknown, SlackRateLimited
from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import ChannelId, Ts
from slackkefu.slack.web import Posted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slackkefu.bridge.kefu_to_slack.echoes import Attempt
    from slackkefu.bridge.kefu_to_slack.hearing import Hearing
    from slackkefu.slack.installation import Installation, InstallationKey
    from slackkefu.slack.reading import Page, Reading
    from slackkefu.slack.web import WebClient

__all__ = ["Found", "Looking"]

log = structlog.get_logger()

PATIENCE_S: Final = 60.0
"""How long an answer waits for the answer to this question; strict limits allow one look a minute (§10)."""

TURN_S: Final = 5.0
"""What looking for one post may take from another: two calls, of which Slack allows one in 1.2 s (§10)."""

ECHO_S: Final = 5.0
SECOND_LOOK_S: Final = 5.0
AGAIN_S: Final = 2.0

CLOCKS_APART_S: Final = 600.0
"""How much our clock may be ahead of Slack's, where Slack's is not known."""

EARLIER_S: Final = 60.0
"""How much earlier the history is read where it is: a message too many costs nothing, one too few is a double."""


class Found(Enum):
    """What came of looking."""

    HEARD = auto()
    """It is there: its echo came."""
    THERE = auto()
    """It is there: the history shows it."""
    NOT_THERE = auto()
    UNKNOWN = auto()
    """Slack did not say in time, or does not let us look."""


@final
class Looking:
    """
    Looks for posts.

    Args:
        web: Opens direct messages.
        reading: Shows the history, however patiently it must be asked.
        hearing: Where echoes come.

    """

    def __init__(self, *, web: WebClient, reading: Reading, hearing: Hearing) -> None:
        self._web = web
        self._reading = reading
        self._hearing = hearing
        # Until when the posts of an installation are looked for.
        self._in_line: defaultdict[InstallationKey, list[trio.CancelScope]] = defaultdict(list)

    async def find(self, installation: Installation, attempt: Attempt, *, tried_at: float) -> Found:
        """
        Say whether a post is in Slack.

        It takes at most :data:`PATIENCE_S`, and :data:`TURN_S` more for each other post of this installation that is
        looked for: after a crash there may be one in each conversation, and all of them share what Slack allows.

        Args:
            installation: Who posted it.
            attempt: The post.
            tried_at: When it was tried first (wall clock).

        """
        written_after = self._hearing.written_after(attempt)
        since = max(tried_at - CLOCKS_APART_S, 0.0) if written_after is None else written_after - EARLIER_S
        search = _Search(self._web, self._reading, self._hearing, installation, attempt, Ts(f"{since:.6f}"))
        with self._patience(installation.key):
            await search.run()
        log.info("slack.looked", found=search.found.name.lower(), id=attempt.post.metadata_id)
        return search.found

    @contextmanager
    def _patience(self, key: InstallationKey) -> Iterator[None]:
        """Bound a search; whoever comes gives those before it as much more time as it may take from them."""
        others = self._in_line[key]
        for other in others:
            other.deadline += TURN_S
        scope = trio.CancelScope(deadline=trio.current_time() + PATIENCE_S + len(others) * TURN_S)
        others.append(scope)
        try:
            with scope:
                yield
        finally:
            others.remove(scope)
            if not others:
                del self._in_line[key]


@final
class _Search:
    """One question; :attr:`found` is the answer so far, also when :meth:`run` is cancelled."""

    def __init__(
        self,
        web: WebClient,
        reading: Reading,
        hearing: Hearing,
        installation: Installation,
        attempt: Attempt,
        since: Ts,
    ) -> None:
        self._web = web
        self._reading = reading
        self._hearing = hearing
        self._installation = installation
        self._attempt = attempt
        self._post = attempt.post
        self._since = since
        self.found = Found.UNKNOWN

    async def run(self) -> None:
        """Listen, and look after a while."""
        channel = await self._conversation()
        if channel is None:
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, channel, nursery.cancel_scope)
            await trio.sleep(ECHO_S)
            await self._look_twice(channel)
            nursery.cancel_scope.cancel()

    async def _conversation(self) -> ChannelId | None:
        """Return where the post went, also where it was addressed to a user; None when Slack does not say."""
        channel = self._post.channel
        if not self._attempt.is_to_user:
            return ChannelId(channel)
        while True:
            try:
                token = self._installation.bot_token
                opened = await self._web.call("conversations.open", {"users": channel}, token=token)
            except SlackRateLimited as exc:
                await trio.sleep(exc.retry_after_s)
            except (LinkError, SlackOutcomeUnknown):
                # It may be done twice (facts/slack.md §8).
                await trio.sleep(AGAIN_S)
            except SlackkefuError:
                return None
            else:
                return ChannelId(text_at(opened.get("channel"), "id"))

    async def _listen(self, channel: ChannelId, search: trio.CancelScope) -> None:
        await self._hearing.until_heard(self._attempt, channel)
        self.found = Found.HEARD
        search.cancel()

    async def _look_twice(self, channel: ChannelId) -> None:
        first = await self._look(channel)
        if first is not Found.NOT_THERE:
            self.found = first
            return
        if self._hearing.echoes_come_from(channel):
            # If there is no time for a second look.
            self.found = Found.NOT_THERE
        await trio.sleep(SECOND_LOOK_S)
        self.found = await self._look(channel)

    async def _look(self, channel: ChannelId) -> Found:
        """Read the conversation from about when the post was tried."""
        cursor = ""
        while True:
            try:
                page = await self._page(channel, cursor)
            except SlackkefuError:
                return Found.UNKNOWN
            for message in page.messages:
                if _metadata_id(message) == self._post.metadata_id:
                    ts = text_at(message, "ts")
                    self._attempt.stands_at = Posted(channel, Ts(ts) if ts else None)
                    self._hearing.found(channel, ts)
                    return Found.THERE
            cursor = page.cursor
            if not cursor:
                return Found.NOT_THERE

    async def _page(self, channel: ChannelId, cursor: str) -> Page:
        read, thread_ts = self._reading, self._post.thread_ts
        if thread_ts is None:
            return await read.history(self._installation, channel, since=self._since, cursor=cursor)
        return await read.replies(self._installation, channel, thread_ts, since=self._since, cursor=cursor)


def _metadata_id(message: Mapping[str, object]) -> str:
    """Return our own id of a post in the history; empty when it has none."""
    metadata = message.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, Mapping) else None
    return text_at(payload, "id")
