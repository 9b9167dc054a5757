"""
Sharing a file: from where it stands to a conversation of Slack's, once.

A file carries no metadata of ours, but Slack gives it an id before anybody sees it. That id is synced with the intent,
and only then is the file completed, which shares it. So after a lost answer, or a crash, there is always something to
ask for: the file's own echo, or ``files.info``, which says where the file stands. Where both say that it is not there
it is completed again, by the same id: what Slack completes only once (facts/slack.md §7) cannot come twice. Only when
Slack will not do that either is the file brought anew.

A share appears a while after Slack has taken it. What follows in the same conversation waits until it does, at most
:data:`APPEARS_S`: or the words after a picture would stand before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.kefu_to_slack.looking import Found
from slackkefu.errors import MediaUnavailable, SlackApiError, SlackkefuError, SlackOutcomeUnknown
from slackkefu.kefu.recovery import after_fetch
from slackkefu.slack.recovery import UNKNOWN_FILE, UPLOAD, GiveUp, Retry, after, after_upload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slackkefu.bridge.kefu_to_slack.hearing import Hearing
    from slackkefu.bridge.kefu_to_slack.intents import Intended
    from slackkefu.bridge.kefu_to_slack.making import Counts
    from slackkefu.slack.ids import ChannelId
    from slackkefu.slack.installation import Installation
    from slackkefu.slack.recovery import Recovery
    from slackkefu.slack.uploads import Upload, Uploads
    from slackkefu.slack.web import Posted

__all__ = ["AT_ONCE", "Sharing"]

log = structlog.get_logger()

AT_ONCE: Final = 20
"""Files that are brought at a time, of all visitors."""

PATIENCE_S: Final = 600.0
"""How long one file may take; Easemob has given 500 kB a second (facts/easemob-rest.md §7.3)."""

APPEARS_S: Final = 10.0

LOOKS_S: Final = (1.0, 2.0, 3.0, 3.5)
"""Pauses before each look for a file, almost :data:`APPEARS_S`; its echo is listened for all the while."""


@final
class Sharing:
    """
    The way of one file.

    Args:
        uploads: Brings it to Slack.
        hearing: Where echoes come.
        room: How many are brought at a time.
        counts: Where it is counted.
        upload: The file.
        left: What an earlier try, or the run before, has left of it.
        intend: Writes down that the file with this id is about to be shared.

    """

    def __init__(
        self,
        *,
        uploads: Uploads,
        hearing: Hearing,
        room: trio.CapacityLimiter,
        counts: Counts,
        upload: Upload,
        left: Intended | None,
        intend: Callable[[str], Awaitable[Intended]],
    ) -> None:
        self._uploads = uploads
        self._hearing = hearing
        self._room = room
        self._counts = counts
        self._upload = upload
        self._intend = intend
        self._failures = 0
        self._silence: SlackkefuError | None = None
        self._is_known = False
        self.intended = left
        """What is written down of it; the file it names may be shared."""
        self.stands_at: Posted | None = None
        """Where it stands, once that is known."""

    async def go(self, installation: Installation) -> None:
        """Share the file, unless it is."""
        channel = await self._uploads.conversation(installation, self._upload.channel)
        file_id = self.intended.file_id if self.intended is not None else ""
        if not (file_id and await self._is_shared(installation, file_id, channel)):
            async with self._room:
                file_id = await self._bring(installation)
            self.intended = await self._intend(file_id)
            await self._complete(installation, file_id, channel)

    def after(self, error: SlackkefuError) -> Recovery:
        """Say what follows; a file that cannot be had, or brought, is given up: words must do."""
        if isinstance(error, MediaUnavailable):
            self._failures += 1
            pause_s = after_fetch(error, failures=self._failures)
            return GiveUp(error.reason) if pause_s is None else Retry(pause_s)
        is_lost = isinstance(error, SlackApiError) and error.code == UNKNOWN_FILE
        self._failures += is_lost or (isinstance(error, SlackOutcomeUnknown) and error.method == UPLOAD)
        return after_upload(error, failures=self._failures)

    async def _bring(self, installation: Installation) -> str:
        """Fetch the file and bring it to Slack, where nobody sees it yet; return its id."""
        with trio.move_on_after(PATIENCE_S):
            async with self._upload.file.open() as content:
                return await self._uploads.bring(installation, content, alt_text=self._upload.alt_text)
        raise MediaUnavailable("too_slow")

    async def _complete(self, installation: Installation, file_id: str, channel: ChannelId) -> None:
        """Complete the file, and wait until it can be seen."""
        await self._uploads.complete(installation, file_id, self._upload, channel)
        self._counts.posted += 1
        self._counts.files += 1
        with trio.move_on_after(APPEARS_S):
            if await self._find(installation, file_id, channel) in (Found.HEARD, Found.THERE):
                return
        log.warning("slack.file_unseen", file=file_id, meaning="Slack has taken it; what follows may stand before it")

    async def _is_shared(self, installation: Installation, file_id: str, channel: ChannelId) -> bool:
        """Tell whether a file is shared that may be; one that is not is completed now, if that can be."""
        found = await self._find(installation, file_id, channel)
        if self._counts.looks(found):
            return True
        if found is Found.UNKNOWN and self._silence is not None and isinstance(after(self._silence), Retry):
            # Slack will say.
            raise self._silence
        try:
            await self._complete(installation, file_id, channel)
        except SlackApiError as error:
            if error.code != UNKNOWN_FILE and not isinstance(after_upload(error, failures=0), GiveUp):
                raise
        else:
            return True
        # It may have been completed after the look; or Slack knows nothing of it any more.
        found = await self._find(installation, file_id, channel)
        self._counts.doubled_possible += found is Found.UNKNOWN or (found is Found.NOT_THERE and self._is_known)
        return found in (Found.HEARD, Found.THERE)

    # Where it stands.

    async def _find(self, installation: Installation, file_id: str, channel: ChannelId) -> Found:
        """Wait until a file can be seen in its conversation; a look that fails is as good as none."""
        found = Found.UNKNOWN

        async def listen() -> None:
            nonlocal found
            self.stands_at = await self._hearing.until_file_heard(channel, file_id)
            found = Found.HEARD
            search.cancel_scope.cancel()

        async with trio.open_nursery() as search:
            search.start_soon(listen)
            for pause_s in LOOKS_S:
                await trio.sleep(pause_s)
                found = await self._look(installation, file_id, channel) or found
                if found is Found.THERE:
                    break
            search.cancel_scope.cancel()
        log.debug("slack.looked_for_file", file=file_id, found=found.name.lower())
        return found

    async def _look(self, installation: Installation, file_id: str, channel: ChannelId) -> Found | None:
        """Ask where the file stands; None where Slack does not say now."""
        try:
            stands_at = await self._uploads.shares(installation, file_id, channel)
        except SlackkefuError as error:
            self._silence = error
            self._is_known = not (isinstance(error, SlackApiError) and error.code == UNKNOWN_FILE)
            return None if self._is_known else Found.NOT_THERE
        self._is_known = True
        if stands_at is None:
            return Found.NOT_THERE
        self.stands_at = stands_at
        if stands_at.ts is not None:
            self._hearing.found(channel, stands_at.ts)
        return Found.THERE
