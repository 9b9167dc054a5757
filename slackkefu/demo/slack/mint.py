"""
Fresh ids and timestamps, in the forms Slack gives them.

All chance comes from one seeded source and all time from one calendar, both handed in: the same seed and the same
calendar give the same ids.
"""

from __future__ import annotations

import string
import uuid
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

__all__ = ["Mint"]

_ID_LETTERS: Final = string.ascii_uppercase + string.digits
_HEX: Final = "0123456789abcdef"
_MICROSECONDS: Final = 1_000_000


@final
class Mint:
    """
    Where ids come from.

    Args:
        wall: The calendar: seconds since the epoch.
        chance: The source of everything random in the fake.

    """

    def __init__(self, *, wall: Callable[[], float], chance: Random) -> None:
        self._wall = wall
        self.chance = chance
        self._latest: dict[str, int] = {}
        self._serial = 0

    def now(self) -> float:
        """Return the calendar's time: seconds since the epoch."""
        return self._wall()

    def ts(self, channel: str) -> str:
        """
        Return a message timestamp for *channel*.

        It is unique in its channel and nowhere else (facts/slack.md §3): under a virtual clock two channels do share
        timestamps.
        """
        stamp = max(int(self._wall() * _MICROSECONDS), self._latest.get(channel, 0) + 1)
        self._latest[channel] = stamp
        return f"{stamp // _MICROSECONDS}.{stamp % _MICROSECONDS:06d}"

    def identity(self, prefix: str) -> str:
        """Return an id of the kind that *prefix* names: ``C`` a channel, ``U`` a user, ``F`` a file."""
        return prefix + "0" + "".join(self.chance.choices(_ID_LETTERS, k=9))

    def event_id(self) -> str:
        """Return an event id, unique over all workspaces."""
        self._serial += 1
        return f"Ev{self._serial:05X}{''.join(self.chance.choices(_ID_LETTERS, k=4))}"

    def event_context(self) -> str:
        """Return an opaque event context."""
        return f"4-{self.hex(40)}"

    def uuid(self) -> str:
        """Return a UUID, for envelopes and messages typed in a client."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def hex(self, digits: int) -> str:
        """Return random hexadecimal digits."""
        return "".join(self.chance.choices(_HEX, k=digits))
