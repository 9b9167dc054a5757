"""
First contact: one short line that says who reads what is written here.

A person gets it with their first message in a conversation: in direct messages as a message, in channels as a note
that nobody else sees. A channel gets it when the app joins. It is said at most once: that it was said is in the
visitor's record before it is posted, so a crash or a lost answer can cost the line and never doubles it. It holds up
nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import msgspec
import structlog
import trio

from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.remembered import Remembered
from slackkefu.bridge.sentences import Sentence, say

if TYPE_CHECKING:
    from slackkefu.bridge.book import Book
    from slackkefu.bridge.languages import Languages
    from slackkefu.bridge.saying import Saying
    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.config import ChannelsMode
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.ids import ChannelId, Ts, UserId
    from slackkefu.slack.installation import Installation, InstallationKey

__all__ = ["FirstContact", "FirstContactStatistics"]

log = structlog.get_logger()

PER_LANE: Final = 1000
IN_ALL: Final = 10_000
"""Most lines of one installation, and of all, that wait for their turn; what is more is not said."""

JOINED_KEPT_S: Final = 3600.0
"""How long a joining is known: Slack may tell of it several times (facts/slack.md §2)."""


@dataclass(frozen=True, slots=True)
class FirstContactStatistics:
    """Counts since the start."""

    said: int
    """Lines that Slack has taken."""
    unsaid: int
    """Lines that nobody has read for sure."""


@final
@dataclass(frozen=True, slots=True)
class _Line:
    """One line to be said."""

    installation: Installation
    sentence: Sentence
    channel: ChannelId
    user: UserId | None = None
    """Who is spoken to; None for a whole channel."""
    is_private: bool = False
    """Only they see it."""
    thread_ts: Ts | None = None
    visitor: ImUser | None = None
    """Whose record says that it was said."""


@final
class FirstContact:
    """
    Says who reads what is written.

    Args:
        saying: Says it.
        book: The visitors' records.
        languages: What people are spoken to in.
        channels: What of members' messages is for the desk.
        is_on: Whether anything is said at all.

    """

    def __init__(
        self,
        *,
        saying: Saying,
        book: Book,
        languages: Languages,
        channels: ChannelsMode,
        is_on: bool,
    ) -> None:
        self._saying = saying
        self._book = book
        self._languages = languages
        self._channels: ChannelsMode = channels
        self._is_on = is_on
        self._joined = Remembered(keep_s=JOINED_KEPT_S)
        self._lanes: Lanes[InstallationKey, _Line] = Lanes(self._say, per_lane=PER_LANE, in_all=IN_ALL)
        self._said = 0
        self._unsaid = 0

    def __repr__(self) -> str:
        return f"<FirstContact {'on' if self._is_on else 'off'}, {self._said} said>"

    def statistics(self) -> FirstContactStatistics:
        """Count."""
        return FirstContactStatistics(said=self._said, unsaid=self._unsaid)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Say what is to be said until cancelled."""
        await self._lanes.run(task_status=task_status)

    def wrote(self, forward: Forward) -> None:
        """Take note of a person's message that is in their record; with the first one they are told."""
        record = self._book.get(forward.user)
        # Without a token nothing can be said now; with the next message it is.
        if not self._is_on or record is None or record.introduced or forward.installation.needs_reinstall:
            return
        self._book.remember(msgspec.structs.replace(record, introduced=True))
        event = forward.event
        in_channel = Sentence.READS_CHANNEL if self._channels == "all" else Sentence.READS_THREAD
        self._put(
            _Line(
                forward.installation,
                Sentence.READS_DIRECT if forward.is_direct else in_channel,
                event.channel,
                user=forward.visitor.user,
                is_private=not forward.is_direct,
                # In a thread that has no answer yet nobody would see a note (facts/slack.md §8).
                thread_ts=event.thread_ts,
                visitor=forward.user,
            )
        )

    def joined(self, installation: Installation, channel: ChannelId) -> None:
        """Take note that the app has come into a channel; its members are told."""
        # Of two companies that share it the second has nothing to add.
        key = str(channel)
        if not self._is_on or key in self._joined:
            return
        self._joined.note(key, trio.current_time())
        sentence = {
            "mention": Sentence.JOINED_MENTION,
            "all": Sentence.JOINED_ALL,
            "off": Sentence.JOINED_OFF,
        }[self._channels]
        self._put(_Line(installation, sentence, channel))

    def _put(self, line: _Line) -> None:
        if not self._lanes.put(line.installation.key, line):
            self._unsaid += 1
            log.warning("first_contact.full", channel=line.channel, meaning="nobody is told who reads there")

    # The work of an installation's lane.

    async def _say(self, _: InstallationKey, line: _Line) -> None:
        try:
            is_said = await self._post(line)
        except Exception:
            # The edge of a task: one line that we cannot say must not keep the others from being said.
            log.exception("first_contact.fault", channel=line.channel)
            is_said = False
        self._said += is_said
        self._unsaid += not is_said

    async def _post(self, line: _Line) -> bool:
        """Write down that a line is said, and say it; tell whether Slack has taken it for sure."""
        locale = self._languages.default
        if line.user is not None:
            locale = await self._languages.of(line.installation, line.user)
        if line.visitor is not None:
            await self._book.write(line.visitor)
        return await self._saying.say(
            line.installation,
            say(line.sentence, locale=locale, app=f"<@{line.installation.bot_user_id}>"),
            channel=line.channel,
            only_to=line.user if line.is_private else None,
            thread_ts=line.thread_ts,
        )
