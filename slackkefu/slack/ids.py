"""
Slack's ids, each its own type.

They are opaque strings. A prefix says what kind of thing is meant (``T`` workspace, ``U`` or ``W`` user, ``E``
organisation), but never whether a conversation is public (facts/slack.md §5).
"""

from __future__ import annotations

import re
from typing import Final, NewType

__all__ = ["ChannelId", "EnterpriseId", "TeamId", "Ts", "UserId", "written_at"]

TeamId = NewType("TeamId", str)
"""A workspace, ``T…``."""

EnterpriseId = NewType("EnterpriseId", str)
"""An organisation of workspaces, ``E…``."""

UserId = NewType("UserId", str)
"""A person or bot user, ``U…`` or ``W…``; unique only together with its team."""

ChannelId = NewType("ChannelId", str)
"""A conversation: ``C…``, ``G…`` or ``D…``. It may change (facts/slack.md §5)."""

Ts = NewType("Ts", str)
"""
A message within its conversation, like ``1512085950.000216``.

It looks like a time but is an identifier; as a float it loses digits (facts/slack.md §3).
"""


_TIME: Final = re.compile(r"[0-9]{1,10}\.[0-9]{1,6}")


def written_at(ts: Ts) -> float | None:
    """
    Return when a message was written, in seconds since the epoch; None where its name is no time.

    Good for showing and for telling which of two came first: a float holds today's times to a quarter of the
    microsecond that Slack writes. Never good for naming the message.
    """
    return float(ts) if _TIME.fullmatch(ts) else None
