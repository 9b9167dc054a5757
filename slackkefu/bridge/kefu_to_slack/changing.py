"""
Changing: what is done to posts of ours that stand already, until Slack has done it or refuses it for good.

Unlike a post, a change can be made again without harm. So after a lost answer it is simply repeated, and after a crash
by whoever wanted it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.kefu_to_slack.addresses import address_of
from slackkefu.bridge.kefu_to_slack.posting import APP_REMOVED, BLOCKED_S, NO_ADDRESS
from slackkefu.errors import SlackkefuError, VisitorUnreachable
from slackkefu.net.backoff import backoff
from slackkefu.slack.recovery import GiveUp, InstallationDead, LookFirst, Operator, Retry, after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slackkefu.bridge.book import Book
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.installation import Installation, Installations
    from slackkefu.world import World

__all__ = ["Changing"]

log = structlog.get_logger()

OPERATOR_S: Final = 3600.0
"""How long an operator is waited for: what is behind a change waits with it."""

OPERATOR: Final = "operator"
"""Our code where somebody had to act, and did not in time."""


@final
class Changing:
    """
    Makes changes.

    Args:
        world: Chance.
        installations: Who installed the app.
        book: The visitors' records.

    """

    def __init__(self, *, world: World, installations: Installations, book: Book) -> None:
        self._world = world
        self._installations = installations
        self._book = book

    async def until_done(
        self, user: ImUser, change: Callable[[Installation], Awaitable[None]], *, patience_s: float = OPERATOR_S
    ) -> str | None:
        """
        Make a change in a conversation of *user*.

        A pause of Slack's, and a Slack that is away, are waited for. A cancellation leaves open whether it is made.

        Args:
            user: The visitor.
            change: Makes it; may be called again.
            patience_s: How long an operator is waited for; 0 for a courtesy, which is not made where the app has left.

        Returns:
            Why it was not made: Slack's code or ours; None when it was.

        Raises:
            VisitorUnreachable: The app has left the workspace, and it has to be made when it is back.

        """
        address = address_of(user, self._book.get(user))
        if address is None:
            return NO_ADDRESS
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=60.0)
        gives_up_at = trio.current_time() + patience_s
        while True:
            installation = self._installations.get(address.key)
            if installation is None and patience_s:
                raise VisitorUnreachable(APP_REMOVED)
            if installation is None:
                return APP_REMOVED
            try:
                await change(installation)
            except SlackkefuError as error:
                step = after(error)
                if isinstance(step, GiveUp):
                    return step.reason
                reason = step.reason if isinstance(step, InstallationDead) else ""
                reason = OPERATOR if isinstance(step, Operator) else reason
                pause_s = max(next(pauses), step.after_s) if isinstance(step, Retry | LookFirst) else BLOCKED_S
                problem = step.advice if isinstance(step, Operator) else str(error)
            else:
                return None
            if reason and trio.current_time() >= gives_up_at:
                return reason
            log.warning("slack.change_again", visitor=user, problem=problem, in_s=round(pause_s, 1))
            await trio.sleep(pause_s)
