"""
Where a visitor is reached in Slack.

It comes from the visitor's record: in a direct message plainly, or in the thread the visitor wrote in; in a channel in
the thread of the visitor's last message. Where no thread is known, what is said goes to the visitor alone, in a direct
message that names the channel, never openly into the channel.

A visitor without a record (a lost store) is still known by name: the name holds workspace, user and channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slackkefu.bridge.book import installation_key
from slackkefu.bridge.identity import visitor_of
from slackkefu.bridge.kefu_to_slack.to_slack import InChannel, InPrivate, Place
from slackkefu.slack.ids import ChannelId, Ts, UserId
from slackkefu.slack.installation import InstallationKey

if TYPE_CHECKING:
    from slackkefu.easemob.names import ImUser
    from slackkefu.store.visitors import VisitorRecord

__all__ = ["Address", "address_of"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a visitor is reached."""

    key: InstallationKey
    user: UserId
    is_direct: bool
    channel: ChannelId
    """The conversation it is about."""
    place: Place


def address_of(user: ImUser, record: VisitorRecord | None) -> Address | None:
    """Return where *user* is reached; None where that is none of our visitors."""
    visitor = visitor_of(user)
    if visitor is None:
        return None
    if record is None:
        is_direct = visitor.channel.startswith("D")
        key = InstallationKey(None, visitor.team)
        channel, thread = visitor.channel, None
    else:
        is_direct = record.channel_type == "im"
        key = installation_key(record) or InstallationKey(None, visitor.team)
        channel, thread = ChannelId(record.channel), Ts(record.thread_ts) if record.thread_ts else None
    place: Place = InChannel(channel, thread) if is_direct or thread else InPrivate(visitor.user, about=channel)
    return Address(key, visitor.user, is_direct, channel, place)
