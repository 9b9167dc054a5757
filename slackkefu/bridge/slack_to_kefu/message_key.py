"""What one message from Slack is: (installation, channel, ts), whatever envelope it comes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, Ts
from slackkefu.slack.installation import InstallationKey

__all__ = ["MessageKey"]


@final
@dataclass(frozen=True, slots=True)
class MessageKey:
    """What one message is, however often and in whatever envelope it comes."""

    installation: InstallationKey
    channel: ChannelId
    ts: Ts

    def __str__(self) -> str:
        return f"{self.installation}/{self.channel}/{self.ts}"

    @classmethod
    def parse(cls, text: str) -> MessageKey:
        """Read what ``str`` made; raises ValueError."""
        enterprise_id, team_id, channel, ts = text.split("/", 3)
        installation = InstallationKey(
            EnterpriseId(enterprise_id) if enterprise_id != "-" else None, TeamId(team_id) if team_id != "-" else None
        )
        return cls(installation, ChannelId(channel), Ts(ts))
