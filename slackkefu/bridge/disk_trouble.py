"""
A disk that takes nothing, said once and not for every message.

A full disk refuses hundreds of writes a minute, and all of them say the same. The first one is logged, then one line a
minute says how many there were; when a write is taken again, and none was refused for a minute, that is said too.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

if TYPE_CHECKING:
    from slackkefu.errors import StoreError

__all__ = ["SAY_S", "DiskTrouble"]

log = structlog.get_logger()

SAY_S: Final = 60.0
"""How often it is said, and how long no write may be refused before it is over: some still fit on a full disk."""


@final
class DiskTrouble:
    """
    The refused writes of one kind.

    Args:
        event: The name of the log line.
        meaning: What a refused write means for messages.

    """

    def __init__(self, event: str, *, meaning: str) -> None:
        self._event = event
        self._meaning = meaning
        self._refused = 0
        self._began_at = self._refused_at = self._said_at = -inf

    def __repr__(self) -> str:
        return f"<DiskTrouble {self._event}, {self._refused} refused>"

    def refused(self, problem: StoreError, **names: str) -> None:
        """Take note of a refused write; *names* says whose it was, in the line that is written for it."""
        now = self._refused_at = trio.current_time()
        if not self._refused:
            self._began_at = now
        self._refused += 1
        if now >= self._said_at + SAY_S:
            self._said_at = now
            log.error(self._event, problem=str(problem), meaning=self._meaning, writes=self._refused, **names)

    def taken(self) -> None:
        """Take note of a write that was taken."""
        now = trio.current_time()
        if not self._refused or now < self._refused_at + SAY_S:
            return
        lasted_s = round(self._refused_at - self._began_at, 1)
        log.info("store.writable_again", was=self._event, writes=self._refused, lasted_s=lasted_s)
        self._refused, self._said_at = 0, -inf
