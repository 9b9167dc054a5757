"""
Posting: bringing posts to the right conversation, until Slack has taken them.

Where that is, :mod:`slackkefu.bridge.kefu_to_slack.addresses` says; what Slack refuses there may go elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.disk_trouble import DiskTrouble
from slackkefu.bridge.kefu_to_slack.addresses import address_of
from slackkefu.bridge.kefu_to_slack.looking import Found
from slackkefu.bridge.kefu_to_slack.speaking import Speaking
from slackkefu.bridge.kefu_to_slack.to_slack import InChannel, InPrivate, elsewhere
from slackkefu.errors import SlackkefuError, StoreUnwritable
from slackkefu.net.backoff import backoff
from slackkefu.slack.ids import ChannelId
from slackkefu.slack.recovery import GiveUp, InstallationDead, LookFirst, Operator, Retry, after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.kefu_to_slack.addresses import Address
    from slackkefu.bridge.kefu_to_slack.echoes import Attempt
    from slackkefu.bridge.kefu_to_slack.hearing import Hearing
    from slackkefu.bridge.kefu_to_slack.intents import Intended, Intents
    from slackkefu.bridge.kefu_to_slack.looking import Looking
    from slackkefu.bridge.kefu_to_slack.to_slack import Place
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.installation import Installation, InstallationKey, Installations
    from slackkefu.slack.web import Post, WebClient
    from slackkefu.world import World

__all__ = ["APP_REMOVED", "BLOCKED_S", "NO_ADDRESS", "REMOVED_S", "Posting", "PostingStatistics"]

log = structlog.get_logger()

BLOCKED_S: Final = 60.0
"""Pause where only an operator or a new installation helps."""

REMOVED_S: Final = 3600.0
"""
How long an answer waits for a workspace that has removed the app: an installation made anew takes less.

It must not be for ever, for an answer that waits holds its visitor's session, one of many visitors' places.
"""

APP_REMOVED: Final = "app_removed"
NO_ADDRESS: Final = "no_address"
"""Our codes where Slack was not even asked."""


@dataclass(frozen=True, slots=True)
class PostingStatistics:
    """Counts since the start."""

    posted: int
    """Posts that Slack has taken."""
    refused: int
    """Posts that Slack has refused for good."""
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
    """Posts to Slack, in order, each until Slack has taken or finally refused it."""

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
    ) -> None:
        self._world = world
        self._web = web
        self._installations = installations
        self._book = book
        self._intents = intents
        self._hearing = hearing
        self._looking = looking
        self._trouble = DiskTrouble("store.unwritable", meaning="the answer waits")
        self._speaking = Speaking()
        self._looked = 0
        self._found = 0
        self._heard = 0
        self._posted = 0
        self._refused = 0
        self._doubled_possible = 0

    def statistics(self) -> PostingStatistics:
        """Count."""
        return PostingStatistics(
            posted=self._posted,
            refused=self._refused,
            doubled_possible=self._doubled_possible,
            looked=self._looked,
            found=self._found,
            heard=self._heard,
        )

    async def post(self, user: ImUser, make: Callable[[Place], Iterable[Post]]) -> str | None:
        """
        Post what *make* makes for the place where *user* is answered.

        Returns when Slack has taken all of it, or refused it everywhere it may go. A cancellation may leave a beginning
        of it posted, and a post made whose answer was not seen; so may an error, and when it is posted again what is
        there stays the only one.

        Returns:
            Slack's code of the last refusal, or ours where there is no way to this visitor; None when it is posted.

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

    def _begun(self, user: ImUser, address: Address, make: Callable[[Place], Iterable[Post]]) -> Place | None:
        """Return where a message goes on that an earlier try has begun; None where it belongs, or there is none."""
        post = next(iter(make(address.place)), None)
        left = self._intents.left_elsewhere(user, post) if post is not None else None
        if left is None:
            return None
        channel, thread_ts = left
        if channel == address.user:
            return InPrivate(address.user, about=address.channel)
        return InChannel(ChannelId(channel), thread_ts)

    async def _post_all(self, user: ImUser, key: InstallationKey, posts: Iterable[Post]) -> str | None:
        """Post in order; the code of the first final refusal, or None."""
        for post in posts:
            refusal = await self._post_part(user, key, post)
            if refusal is not None:
                return refusal
        return None

    async def _post_part(self, user: ImUser, key: InstallationKey, made: Post) -> str | None:
        """Post one part, unless it stands there; the code of a final refusal, or None."""
        left = self._intents.left_open(user, made)
        if left is not None and left.is_posted:
            return None
        # What may be there is looked for, and posted again, where it was to go: the visitor may have moved on since.
        post = made if left is None else replace(made, thread_ts=left.thread_ts)
        intended = left or await self._intend(user, post)
        with self._hearing.attempt(post, is_new=left is None) as attempt:
            refusal = await self._post(user, key, attempt, tried_at=intended.at)
        if refusal is None:
            self._intents.posted(user, attempt.post, intended, at=attempt.stands_at)
            return None
        self._intents.refused(user, post)
        return refusal if post == made else await self._post_part(user, key, made)

    async def _post(self, user: ImUser, key: InstallationKey, attempt: Attempt, *, tried_at: float) -> str | None:
        may_be_there = not attempt.is_new
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=60.0)
        gives_up_at = trio.current_time() + REMOVED_S
        while True:
            installation = self._installations.get(key)
            if installation is None and trio.current_time() >= gives_up_at:
                self._refused += 1
                return APP_REMOVED
            if installation is None:
                log.warning("slack.no_installation", visitor=user, installation=str(key), meaning="the answer waits")
                await trio.sleep(BLOCKED_S)
                continue
            if may_be_there and await self._is_there(installation, attempt, tried_at):
                return None
            may_be_there = False
            attempt.becomes(self._speaking.fit(installation, attempt.post))
            self._hearing.tried(attempt)
            try:
                posted = await self._web.post_message(installation, attempt.post)
            except SlackkefuError as error:
                if self._speaking.refused(installation, attempt.post, error):
                    continue
                step = after(error)
                is_late = trio.current_time() >= gives_up_at
                if isinstance(step, GiveUp) or (isinstance(step, InstallationDead) and is_late):
                    self._refused += 1
                    return step.reason
                may_be_there = isinstance(step, LookFirst)
                pause = max(next(pauses), step.after_s) if isinstance(step, Retry | LookFirst) else BLOCKED_S
                problem = step.advice if isinstance(step, Operator) else str(error)
                log.warning("slack.post_again", visitor=user, problem=problem, in_s=round(pause, 1))
            else:
                self._posted += 1
                attempt.stands_at = posted
                self._hearing.accepted(posted)
                return None
            await trio.sleep(pause)

    async def _is_there(self, installation: Installation, attempt: Attempt, tried_at: float) -> bool:
        """Tell whether a post that may have been made was made."""
        found = await self._looking.find(installation, attempt, tried_at=tried_at)
        is_there = found in (Found.HEARD, Found.THERE)
        self._looked += 1
        self._found += is_there
        self._heard += found is Found.HEARD
        self._doubled_possible += found is Found.UNKNOWN
        return is_there

    async def _intend(self, user: ImUser, post: Post) -> Intended:
        """Write down what is about to be posted; until the disk takes it nothing is posted, and Easemob keeps it."""
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=30.0)
        while True:
            try:
                intended = await self._intents.intend(user, post)
            except StoreUnwritable as exc:
                self._trouble.refused(exc, visitor=user)
                await trio.sleep(next(pauses))
            else:
                self._trouble.taken()
                return intended
