"""
What one message from Slack is: (channel, ts), whatever envelope it comes in and whichever installation it came by.

Where several installations share a channel, Slack names one of them with each event, the next time perhaps another, and
each of them reads the message in its history (facts/slack.md §3 and §13). It is one message all the same. Channels have
one id on all sides, and direct messages are never shared. By which installation it first came is kept beside, for that
one's token reads it again and tells its writer.

What its writer changes later, the desk is told by a *correction*: one more message, whose identity has a revision too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, final

from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, Ts
from slackkefu.slack.installation import InstallationKey

__all__ = ["MessageKey"]


_DELETED: Final = "deleted"


@final
@dataclass(frozen=True, slots=True)
class MessageKey:
    """What one message is, however often and in whatever envelope it comes."""

    installation: InstallationKey = field(compare=False)
    """Which one it came by; no part of what it is."""
    channel: ChannelId
    ts: Ts
    revision: str = ""
    """Empty for the message itself; of a correction, when the change was made, and what it is."""

    def __str__(self) -> str:
        return f"{self.installation}/{self.name}"

    @property
    def name(self) -> str:
        """What it is, in words: alike for two keys that are equal."""
        message = f"{self.channel}/{self.ts}"
        return f"{message}@{self.revision}" if self.revision else message

    @classmethod
    def parse(cls, text: str) -> MessageKey:
        """Read what ``str`` made; raises ValueError."""
        enterprise_id, team_id, channel, name = text.split("/", 3)
        ts, _, revision = name.partition("@")
        installation = InstallationKey(
            EnterpriseId(enterprise_id) if enterprise_id != "-" else None, TeamId(team_id) if team_id != "-" else None
        )
        return cls(installation, ChannelId(channel), Ts(ts), revision)

    def edited(self, at: str, words: bytes) -> MessageKey:
        """Name the correction by an edit: *at* is the edit's own time, and *words* a digest of what it made of it."""
        # Slack's time of an edit has whole seconds, and a program may change a message twice in one.
        return replace(self, revision=f"{at}~{words.hex()[:8]}")

    def deleted(self, at: str) -> MessageKey:
        """Name the correction by a deletion at that time."""
        return replace(self, revision=f"{at}~{_DELETED}")

    @property
    def original(self) -> MessageKey:
        """The message itself."""
        return replace(self, revision="") if self.revision else self

    @property
    def is_deletion(self) -> bool:
        """Whether it is a correction by a deletion."""
        return self.revision.endswith(f"~{_DELETED}")

    @property
    def changed_at(self) -> str:
        """When the change was made, whose digits sort as the times do; empty where Slack does not say."""
        return self.revision.partition("~")[0]

    @property
    def order(self) -> str:
        """
        What a lane is in order by: the ``ts``, whose digits sort as the times do that they name.

        A correction has the time of the change, and comes behind its message in any case.
        """
        return f"{max(self.ts, self.changed_at)}~" if self.revision else self.ts
