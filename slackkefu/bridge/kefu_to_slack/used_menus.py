"""
Menus that were answered by typing, shown as answered.

A click brings the message along that it was made in, so its menu is changed at once
(:mod:`slackkefu.bridge.deeds.replying`). Of a typed answer only the menu is known: where it stands, and what its robot
wrote above it. It is changed once the desk has the answer. A menu that cannot be changed keeps its buttons, and whoever
presses one is told that it was answered.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, final

import structlog

from slackkefu.bridge.lanes import Lanes
from slackkefu.slack import own_posts
from slackkefu.slack.text import escape

if TYPE_CHECKING:
    import trio

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.kefu_to_slack.changing import Changing
    from slackkefu.bridge.kefu_to_slack.placed import Placed
    from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.web import WebClient
    from slackkefu.store.visitors import OpenMenu

__all__ = ["UsedMenus"]

log = structlog.get_logger()

IN_ALL: Final = 1_000
"""Changes under way; beyond it a menu keeps its buttons."""

DONE: Final = "✅ "


@final
class UsedMenus:
    """
    Shows what was typed at menus.

    Args:
        web: Slack's Web API.
        book: The visitors' records.
        placed: Where kefu's messages stand.
        changing: Makes changes until they are made.

    """

    def __init__(self, *, web: WebClient, book: Book, placed: Placed, changing: Changing) -> None:
        self._web = web
        self._book = book
        self._placed = placed
        self._changing = changing
        self._lanes: Lanes[ImUser, tuple[OpenMenu, str]] = Lanes(self._show, per_lane=10, in_all=IN_ALL)

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Change menus until cancelled; one that is not changed then keeps its buttons."""
        await self._lanes.run(task_status=task_status)

    def typed(self, user: ImUser, deed: ForDesk) -> None:
        """Take note that the desk has a typed answer; returns at once."""
        record = self._book.get(user)
        menu = record.menu if record is not None else None
        if menu is not None and menu.mark == deed.answers:
            self._lanes.put(user, (menu, deed.words))

    async def _show(self, user: ImUser, used: tuple[OpenMenu, str]) -> None:
        menu, chosen = used
        # The buttons stand in the last post, and in the only one below what the robot wrote.
        *others, post = self._placed.where(user, menu.message) or (None,)
        if post is None or not post.ts:
            return
        lines = (DONE + chosen,) if others else (menu.title, DONE + chosen)
        text = escape("\n".join(filter(None, lines)))[: own_posts.MAX_CHARACTERS]
        change = partial(own_posts.update, self._web, channel=post.channel, ts=post.ts, text=text)
        refusal = await self._changing.until_done(user, change, patience_s=0.0)
        if refusal is not None:
            log.info("menus.not_shown", visitor=user, code=refusal, meaning="it was answered, and keeps its buttons")
