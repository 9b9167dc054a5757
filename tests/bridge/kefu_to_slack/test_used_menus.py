"""A menu that was answered by typing shows what was chosen, where it stands alone, and keeps its buttons otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
import trio
import trio.testing

from slackkefu.bridge.book import Book
from slackkefu.bridge.kefu_to_slack.changing import Changing
from slackkefu.bridge.kefu_to_slack.placed import Placed
from slackkefu.bridge.kefu_to_slack.readers import Readers
from slackkefu.bridge.kefu_to_slack.used_menus import UsedMenus
from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
from slackkefu.easemob.names import ImUser
from slackkefu.errors import SlackApiError
from slackkefu.slack.installation import Installations
from slackkefu.store.entries import Standing
from slackkefu.store.visitors import OpenMenu, VisitorRecord
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, NORTH, Changes, Shelf, world

if TYPE_CHECKING:
    from slackkefu.bridge.languages import Languages
    from slackkefu.slack.web import WebClient

USER = ImUser(MIA)
MENU = OpenMenu(mark="mark", session="-", choices=(("A & B", "v"),), message="m-1", title="<Please>")


async def after_typing(*posts: Standing, answers: str = "mark", refuses: str = "") -> list[tuple[str, str, str]]:
    """Let the desk have a typed answer; return what was changed."""
    team, user, channel = MIA.upper().split("_")
    record = VisitorRecord(im_user=MIA, team=team, user=user, channel=channel, channel_type="im", menu=MENU)
    book = Book([record], store=Shelf(), disk=InlineDisk())
    placed, web = Placed(), Changes()
    if refuses:
        web.answers.append(SlackApiError("chat.update", refuses))
    placed.note(MIA, "m-1", posts, now=0.0)
    changing = Changing(world=world(), installations=Installations([NORTH]), book=book)
    readers = Readers(book=book, installations=Installations([NORTH]), languages=cast("Languages", web))
    menus = UsedMenus(web=cast("WebClient", web), book=book, placed=placed, changing=changing, readers=readers)
    async with trio.open_nursery() as nursery:
        await nursery.start(menus.run)
        menus.typed(USER, ForDesk(words="A & B", answers=answers))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return web.done


@pytest.mark.parametrize(
    ("posts", "done"),
    [
        ([Standing("D1", "1.1")], [("chat.update", "1.1", "&lt;Please&gt;\n✅ A &amp; B")]),
        ([Standing("D1", "1.1"), Standing("D1", "1.2")], [("chat.update", "1.2", "✅ A &amp; B")]),
        ([], []),
        ([Standing("", "")], []),
    ],
    ids=["one post", "words in a post of their own", "not known any more", "nowhere"],
)
async def test_where_it_stands(posts: list[Standing], done: list[tuple[str, str, str]]) -> None:
    """The post with the buttons is changed, below what the robot wrote."""
    assert done == await after_typing(*posts)


async def test_another_menu_or_a_refusal() -> None:
    """What answers an older menu changes nothing, and what Slack refuses is not asked again."""
    assert [] == await after_typing(Standing("D1", "1.1"), answers="older")
    assert [] == await after_typing(Standing("D1", "1.1"), refuses="cant_update_message")
