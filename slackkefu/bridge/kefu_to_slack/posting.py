"""
Posting: bringing posts to the right conversation, until Slack has taken them.

Where that is, :mod:`slackkefu.bridge.kefu_to_slack.addresses` says; what Slack refuses there may go elsewhere.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias, final

import structlog
import trio

from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.bridge.kefu_to_slack.addresses import address_of
from slackkefu.bridge.kefu_to_slack.making import Counts, Making
from slackkefu.bridge.kefu_to_slack.sharing import AT_ONCE, Sharing
from slackkefu.bridge.kefu_to_slack.speaking import Speaking
from slackkefu.bridge.kefu_to_slack.to_slack import InChannel, InPrivate, elsewhere
from slackkefu.errors import SlackkefuError, StoreBroken, StoreUnwritable, VisitorUnreachable
from slackkefu.net.backoff import backoff
from slackkefu.slack.ids import ChannelId, TeamId
from slackkefu.slack.recovery import GiveUp, LookFirst, Operator, Retry
from slackkefu.slack.uploads import Upload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.kefu_to_slack.addresses import Address
    from slackkefu.bridge.kefu_to_slack.hearing import Hearing
    from slackkefu.bridge.kefu_to_slack.intents import Intended, Intents
    from slackkefu.bridge.kefu_to_slack.looking import Looking
    from slackkefu.bridge.kefu_to_slack.making import Way
    from slackkefu.bridge.kefu_to_slack.to_slack import Place
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.installation import InstallationKey, Installations
    from slackkefu.slack.uploads import Uploads
    from slackkefu.slack.web import Post, WebClient
    from slackkefu.world import World

__all__ = ["APP_REMOVED", "BLOCKED_S", "NO_ADDRESS", "Part", "Posting", "PostingStatistics"]

log = structlog.get_logger()

BLOCKED_S: Final = 60.0
"""Pause where only an operator or a new installation helps."""

Part: TypeAlias = "Post | Upload"
"""A part of a message: words or a file."""

BLOCKS_REFUSED: Final = frozenset(
    {"invalid_arguments", "invalid_attachments", "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"}
)
"""Codes after which a post is made as plain text (facts/slack.md §9), such as for a picture that Slack cannot fetch."""

APP_REMOVED: Final = "app_removed"
WITHDRAWN: Final = "workspace_withdrawn"
NO_ADDRESS: Final = "no_address"
"""Our codes where Slack was not even asked."""

LEFT: Final = "not_in_channel"
"""What Slack says of a channel that the app has left."""


@dataclass(frozen=True, slots=True)
class PostingStatistics:
    """Counts since the start."""

    posted: int
    """Posts that Slack has taken."""
    files: int
    """Of these, files."""
    refused: int
    """Posts that were given up: Slack has refused them for good, or a file could not be had."""
    doubled_possible: int
    """Posts made again because Slack did not say whether they were there; each may stand in Slack twice."""
    looked: int
    """Posts that were looked for, after a lost answer or a crash."""
    found: int
    """Of these, found, and not posted again."""
    heard: int
    """Of the found ones, those whose own echo came; the history was not needed."""


@final
class Posting:
    """
    Posts to Slack, in order, each until Slack has taken or finally refused it.

    Args:
        world: Chance.
        web: Slack's Web API.
        installations: Who installed the app.
        book: The visitors' records.
        intents: What is about to be posted.
        hearing: Told of each try.
        looking: Looks for what may be there.
        uploads: Brings files.
        on_left: Told of each channel of which Slack says that the app has left it.

    """

    def __init__(
        self,
        *,
        world: World,
        web: WebClient,
        installations: Installations,
        book: Book,
        intents: Intents,
        hearing: Hearing,
        looking: Looking,
        uploads: Uploads,
        on_left: Callable[[InstallationKey, ChannelId], None] = lambda _key, _channel: None,
    ) -> None:
        self._world = world
        self._web = web
        self._installations = installations
        self._book = book
        self._intents = intents
        self._hearing = hearing
        self._looking = looking
        self._uploads = uploads
        self._on_left = on_left
        self._trouble = DiskTrouble("store.unwritable", meaning="the answer waits")
        self._speaking = Speaking()
        self._room = trio.CapacityLimiter(AT_ONCE)
        self._counts = Counts()

    def statistics(self) -> PostingStatistics:
        """Count."""
        return PostingStatistics(**asdict(self._counts))

    async def post(self, user: ImUser, make: Callable[[Place], Iterable[Part]]) -> str | None:
        """
        Post what *make* makes for the place where *user* is answered.

        Returns when Slack has taken all of it, or refused it everywhere it may go. A cancellation may leave a beginning
        of it posted, and a post made whose answer was not seen; so may an error, and when it is posted again what is
        there stays the only one.

        Returns:
            Slack's code of the last refusal, or ours where there is no way to this visitor; None when it is posted.

        Raises:
            VisitorUnreachable: The app has left the workspace or the channel.

        """
        address = address_of(user, self._book.get(user))
        if address is None:
            log.error("slack.no_address", visitor=user, meaning="not one of our visitors; the answer is not in Slack")
            return NO_ADDRESS
        begun = self._begun(user, address, make)
        place = begun or address.place
        while True:
            refusal = await self._post_all(user, address.key, make(place))
            if refusal is None:
                return None
            if refusal == LEFT and isinstance(place, InChannel) and not address.is_direct:
                self._on_left(address.key, place.channel)
                raise VisitorUnreachable(refusal)
            if place is begun:
                next_place: Place | None = address.place
            else:
                next_place = elsewhere(place, refusal, user=address.user, is_direct=address.is_direct)
            log.warning(
                "slack.refused", visitor=user, code=refusal, meaning="goes elsewhere" if next_place else "not in Slack"
            )
            if next_place is None:
                return refusal
            place = next_place

    def _begun(self, user: ImUser, address: Address, make: Callable[[Place], Iterable[Part]]) -> Place | None:
        """Return where a message goes on that an earlier try has begun; None where it belongs, or there is none."""
        post = next(iter(make(address.place)), None)
        left = self._intents.left_elsewhere(user, post) if post is not None else None
        if left is None:
            return None
        channel, thread_ts = left
        if channel == address.user:
            return InPrivate(address.user, about=address.channel)
        return InChannel(ChannelId(channel), thread_ts)

    async def _post_all(self, user: ImUser, key: InstallationKey, parts: Iterable[Part]) -> str | None:
        """Post in order; the code of the first final refusal, or None."""
        for part in parts:
            refusal = await self._post_part(user, key, part)
            if refusal is not None:
                return refusal
        return None

    async def _post_part(self, user: ImUser, key: InstallationKey, made: Part) -> str | None:
        """Post one part, unless it stands there; the code of a final refusal, or None."""
        left = self._intents.left_open(user, made)
        if left is not None and left.is_posted:
            return None
        # What may be there is looked for, and posted again, where it was to go: the visitor may have moved on since.
        part: Part = made if left is None else replace(made, thread_ts=left.thread_ts)
        refusal = await (
            self._share(user, key, part, left) if isinstance(part, Upload) else self._make(user, key, part, left)
        )
        if refusal is None:
            return None
        self._intents.refused(user, part)
        if not isinstance(made, Upload) and made.blocks and refusal in BLOCKS_REFUSED:
            log.warning("slack.blocks_refused", visitor=user, code=refusal, meaning="posted as plain text")
            return await self._post_part(user, key, replace(made, blocks=()))
        return refusal if part == made else await self._post_part(user, key, made)

    async def _make(self, user: ImUser, key: InstallationKey, post: Post, left: Intended | None) -> str | None:
        """Post words."""
        intended = left or await self._until_written(user, lambda: self._intents.intend(user, post))
        with self._hearing.attempt(post, is_new=left is None) as attempt:
            making = Making(
                web=self._web,
                hearing=self._hearing,
                looking=self._looking,
                speaking=self._speaking,
                counts=self._counts,
                attempt=attempt,
                tried_at=intended.at,
            )
            refusal = await self._go(user, key, making)
        if refusal is None:
            self._intents.posted(user, attempt.post, intended, at=attempt.stands_at)
        return refusal

    async def _share(self, user: ImUser, key: InstallationKey, upload: Upload, left: Intended | None) -> str | None:
        """Post a file."""

        async def intend(file_id: str) -> Intended:
            return await self._until_written(user, lambda: self._intents.intend(user, upload, file_id=file_id))

        sharing = Sharing(
            uploads=self._uploads,
            hearing=self._hearing,
            room=self._room,
            counts=self._counts,
            upload=upload,
            left=left,
            intend=intend,
        )
        refusal = await self._go(user, key, sharing)
        if refusal is None and sharing.intended is not None:
            self._intents.posted(user, upload, sharing.intended, at=sharing.stands_at)
        return refusal

    async def _go(self, user: ImUser, key: InstallationKey, way: Way) -> str | None:
        """Try *way* until Slack has taken it, or refused it for good: its code."""
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=60.0)
        while True:
            installation = self._installations.get(key)
            if installation is None:
                raise VisitorUnreachable(APP_REMOVED)
            record = self._book.get(user)
            if record is not None and self._installations.is_withdrawn(key, TeamId(record.team)):
                raise VisitorUnreachable(WITHDRAWN)
            try:
                await way.go(installation)
            except StoreBroken:
                raise
            except SlackkefuError as error:
                step = way.after(error)
                if isinstance(step, GiveUp):
                    self._counts.refused += 1
                    return step.reason
                pause = max(next(pauses), step.after_s) if isinstance(step, Retry | LookFirst) else BLOCKED_S
                problem = step.advice if isinstance(step, Operator) else str(error)
                log.warning("slack.post_again", visitor=user, problem=problem, in_s=round(pause, 1))
            else:
                return None
            await trio.sleep(pause)

    async def _until_written(self, user: ImUser, intend: Callable[[], Awaitable[Intended]]) -> Intended:
        """Write down what is about to be posted; until the disk takes it nothing is posted, and Easemob keeps it."""
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=30.0)
        while True:
            try:
                intended = await intend()
            except StoreUnwritable as exc:
                self._trouble.refused(exc, visitor=user)
                await trio.sleep(next(pauses))
            else:
                self._trouble.taken()
                return intended
