"""
Menus that are used up without a click: answered by typing, or dead with their service session.

A click brings the message along that it was made in, so its menu is changed at once
(:mod:`slackkefu.bridge.deeds.replying`). Otherwise only the latest menu is known: where it stands, and what its robot
wrote above it. It is changed once the desk has the typed answer, or when kefu says that the session is over. A menu
that cannot be changed, and an older one, keeps its buttons, and whoever presses one is told what became of it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, final

import structlog

from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.open_menus import is_dead
from slackkefu.bridge.sentences import Sentence, label
from slackkefu.slack import own_posts
from slackkefu.slack.text import escape

if TYPE_CHECKING:
    import trio

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.kefu_to_slack.changing import Changing
    from slackkefu.bridge.kefu_to_slack.placed import Placed
    from slackkefu.bridge.kefu_to_slack.readers import Readers
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
    Shows what became of menus.

    Args:
        web: Slack's Web API.
        book: The visitors' records.
        placed: Where kefu's messages stand.
        changing: Makes changes until they are made.
        readers: What a visitor is spoken to in.

    """

    def __init__(self, *, web: WebClient, book: Book, placed: Placed, changing: Changing, readers: Readers) -> None:
        self._web = web
        self._book = book
        self._placed = placed
        self._changing = changing
        self._readers = readers
        # With what was chosen; None for a menu that is over.
        self._lanes: Lanes[ImUser, tuple[OpenMenu, str | None]] = Lanes(self._show, per_lane=10, in_all=IN_ALL)

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Change menus until cancelled; one that is not changed then keeps its buttons."""
        await self._lanes.run(task_status=task_status)

    def typed(self, user: ImUser, deed: ForDesk) -> None:
        """Take note that the desk has a typed answer; returns at once."""
        record = self._book.get(user)
        menu = record.menu if record is not None else None
        if menu is not None and menu.mark == deed.answers:
            self._lanes.put(user, (menu, deed.words))

    def over(self, user: ImUser) -> None:
        """Take note that a service session of *user* is over; returns at once."""
        record = self._book.get(user)
        menu = record.menu if record is not None else None
        if record is not None and menu is not None and is_dead(record, menu):
            self._lanes.put(user, (menu, None))

    async def _show(self, user: ImUser, used: tuple[OpenMenu, str | None]) -> None:
        menu, chosen = used
        became = (
            DONE + chosen
            if chosen is not None
            else label(Sentence.OVER_HERE, locale=await self._readers.locale_of(user))
        )
        # The buttons stand in the last post, and in the only one below what the robot wrote.
        *others, post = self._placed.where(user, menu.message) or (None,)
        if post is None or not post.ts:
            return
        lines = (became,) if others else (menu.title, became)
        text = escape("\n".join(filter(None, lines)))[: own_posts.MAX_CHARACTERS]
        change = partial(own_posts.update, self._web, channel=post.channel, ts=post.ts, text=text)
        refusal = await self._changing.until_done(user, change, patience_s=0.0)
        if refusal is not None:
            log.info("menus.not_shown", visitor=user, code=refusal, meaning="it is used up, and keeps its buttons")
