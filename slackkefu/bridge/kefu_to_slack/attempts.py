"""
Attempts at what is only a courtesy: what went wrong is not tried for a while, and is said once a minute at most.

Nothing of it may cost anybody's words, so no fault of it goes any further, but for a disk that nobody can trust.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.kefu_to_slack.desk_watch import Kind, Pause
from slackkefu.errors import KefuRefused, SlackkefuError, StoreBroken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slackkefu.slack.installation import InstallationKey

__all__ = ["Attempts"]

log = structlog.get_logger()

SAY_S: Final = 60.0

_ABOUT_ONE: Final = frozenset({Kind.TYPING, Kind.QUEUE})
"""Kinds of which a refusal is about one service session, and says nothing of others."""


@final
class Attempts:
    """What is tried, by its kind."""

    def __init__(self) -> None:
        self._pauses: defaultdict[tuple[Kind, InstallationKey | None], Pause] = defaultdict(Pause)
        self._said_at = float("-inf")
        self.made = 0
        self.failed = 0

    def __repr__(self) -> str:
        return f"<Attempts {self.made} made, {self.failed} failed>"

    def pauses(self, kind: Kind) -> bool:
        """Tell whether nothing of *kind* is asked of the desk now."""
        return self._pauses[kind, None].holds(trio.current_time())

    async def make(self, kind: Kind, work: Callable[[], Awaitable[None]], *, at: InstallationKey | None = None) -> None:
        """
        Do *work*, unless its kind went wrong lately.

        Args:
            kind: What kind it is.
            work: What is to be done.
            at: Where, when it is nothing of the desk's.

        Raises:
            StoreBroken: A sync has failed.

        """
        pause = self._pauses[kind, at]
        if pause.holds(trio.current_time()):
            return
        self.made += 1
        try:
            await work()
        except StoreBroken:
            raise
        except SlackkefuError as error:
            self.failed += 1
            self._say(kind, error)
            if not isinstance(error, KefuRefused) or kind not in _ABOUT_ONE:
                pause.failed(trio.current_time())
        except Exception as error:  # noqa: BLE001 - the edge of a courtesy; it is logged with its traceback
            self.failed += 1
            self._say(kind, error)
            pause.failed(trio.current_time())
        else:
            pause.went_well()

    def _say(self, kind: Kind, error: Exception) -> None:
        now = trio.current_time()
        if now < self._said_at + SAY_S:
            return
        self._said_at = now
        meaning = "not shown; words go on"
        if isinstance(error, SlackkefuError):
            log.info("desk_life.failed", kind=kind.value, problem=str(error), meaning=meaning)
        else:
            log.error("desk_life.fault", kind=kind.value, exc_info=error, meaning=meaning)
