"""What an agent takes back is gone from Slack, or says so, and does not come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
import trio
import trio.testing

from slackkefu.bridge.book import Book
from slackkefu.bridge.kefu_to_slack.ending import Ended, Ending
from slackkefu.bridge.kefu_to_slack.placed import Placed
from slackkefu.bridge.kefu_to_slack.seen import KEEP_S
from slackkefu.bridge.kefu_to_slack.to_slack import InChannel
from slackkefu.easemob.names import ImUser
from slackkefu.errors import SlackApiError, SlackOutcomeUnknown
from slackkefu.slack.ids import ChannelId
from slackkefu.store.entries import Answered, Standing
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, MIA_CHANNEL, Changes, Shelf, recalling
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from slackkefu.bridge.kefu_to_slack.posting import Posting
    from slackkefu.bridge.kefu_to_slack.to_slack import Place
    from slackkefu.slack.web import Post

USER = ImUser(MIA)
RECALLED = "This message was recalled"
NOT_RECALLED = "Customer service has recalled an earlier message, which cannot be removed here."
NOTHING = Ended(Ending.IGNORED, "nothing_to_recall")


class Scene:
    """Somebody who takes messages back, of which one stands in Slack."""

    def __init__(self, *posts: Standing) -> None:
        self.slack = Changes()
        self.placed = Placed()
        self.placed.note(MIA, "m-1", posts, now=0.0)
        self.posts: list[Post] = []
        book = Book([], store=Shelf(), disk=InlineDisk())
        self.recalling = recalling(book=book, placed=self.placed, posting=cast("Posting", self), web=self.slack)

    async def post(self, user: ImUser, make: Callable[[Place], Iterable[Post]]) -> str | None:
        """Post in the direct message."""
        await trio.lowlevel.checkpoint()
        assert USER == user
        self.posts += make(InChannel(ChannelId("D0MIA00001"), None))
        return None

    async def recall(self, message: str = "m-1", user: str = MIA) -> Ended:
        """Take a message back."""
        return await self.recalling.take_back(ImUser(user), message, identity=f"recall/{message}")

    def refuses(self, *codes: str) -> None:
        """Refuse the next changes."""
        self.slack.answers += [SlackApiError("chat.delete", code) for code in codes]


PLAIN = Standing("D0MIA00001", "1.1")
MORE = Standing("D0MIA00001", "1.2")
NAMED = Standing("D0MIA00001", "2.1", is_named=True)
FILE = Standing("D0MIA00001", "3.1", file_id="F1")
UNSEEN = Standing("", "", file_id="F1")


async def test_every_part_is_deleted() -> None:
    """A long message stands in several posts."""
    scene = Scene(PLAIN, MORE)

    assert Ended(Ending.TOOK_BACK) == await scene.recall()
    assert [("chat.delete", "1.1", ""), ("chat.delete", "1.2", "")] == scene.slack.done
    assert [] == scene.posts
    assert () == scene.placed.where(MIA, "m-1")


async def test_another_name() -> None:
    """What stands under another name cannot be deleted, and says that it was recalled."""
    scene = Scene(NAMED)

    assert Ended(Ending.TOOK_BACK) == await scene.recall()
    assert [("chat.update", "2.1", RECALLED)] == scene.slack.done


async def test_a_refused_deletion() -> None:
    """Where the post was made under another name without our knowing, it is changed too."""
    scene = Scene(PLAIN)
    scene.refuses("cant_delete_message")

    assert Ended(Ending.TOOK_BACK) == await scene.recall()
    assert [("chat.update", "1.1", RECALLED)] == scene.slack.done


@pytest.mark.parametrize("post", [PLAIN, NAMED])
async def test_somebody_has_deleted_it(post: Standing) -> None:
    """What is gone is gone."""
    scene = Scene(post)
    scene.refuses("message_not_found")

    assert Ended(Ending.TOOK_BACK) == await scene.recall()
    assert ([], []) == (scene.slack.done, scene.posts)


async def test_neither_is_possible() -> None:
    """One line says so, however many parts stand, and the other parts are taken back all the same."""
    scene = Scene(NAMED, PLAIN, MORE)
    scene.refuses("edit_window_closed")

    assert Ended(Ending.LEFT_STANDING, "edit_window_closed") == await scene.recall()
    assert [("chat.delete", "1.1", ""), ("chat.delete", "1.2", "")] == scene.slack.done
    assert [(NOT_RECALLED, "recall/m-1/0", "")] == [
        (post.text, post.metadata_id, post.username) for post in scene.posts
    ]


@pytest.mark.parametrize(
    ("done", "codes", "post"),
    [
        (["files.delete", "chat.delete"], [], FILE),
        (["chat.delete"], ["file_not_found"], FILE),
        (["chat.delete"], ["cant_delete_file"], FILE),
        (["files.delete"], [], UNSEEN),
        ([], ["file_deleted"], UNSEEN),
    ],
)
async def test_a_file(done: list[str], codes: list[str], post: Standing) -> None:
    """The file is deleted and its message too; one of them is enough, also where nobody has said where it stands."""
    scene = Scene(post)
    scene.refuses(*codes)

    assert Ended(Ending.TOOK_BACK) == await scene.recall()
    assert done == [method for method, _, _ in scene.slack.done]


async def test_a_file_that_cannot_be_removed() -> None:
    """One line says so."""
    scene = Scene(FILE)
    scene.refuses("cant_delete_file", "cant_delete_message", "cant_update_message")

    assert Ended(Ending.LEFT_STANDING, "cant_update_message") == await scene.recall()
    assert [NOT_RECALLED] == [post.text for post in scene.posts]


async def test_it_is_not_known_any_more_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that stands somewhere cannot be removed, and one line says so."""
    monkeypatch.setattr("slackkefu.bridge.kefu_to_slack.placed.AT_MOST", 1)
    scene = Scene(PLAIN)
    scene.placed.note(MIA, "m-2", (MORE,), now=0.0)

    assert Ended(Ending.LEFT_STANDING, "forgotten") == await scene.recall()
    assert [NOT_RECALLED] == [post.text for post in scene.posts]


async def test_a_lost_answer(autojump_clock: trio.testing.MockClock) -> None:
    """A change whose answer was lost is made again: that does no harm."""
    scene = Scene(PLAIN, NAMED)
    scene.slack.answers.append(SlackOutcomeUnknown("chat.delete", "HTTP 502"))
    scene.refuses("message_not_found")

    assert Ended(Ending.TOOK_BACK) == await scene.recall()
    assert [("chat.update", "2.1", RECALLED)] == scene.slack.done


async def test_what_was_never_here() -> None:
    """It is ignored by name; so is another visitor's message of the same id."""
    scene = Scene(PLAIN)

    assert [NOTHING, NOTHING] == [await scene.recall("m-2"), await scene.recall(user=MIA_CHANNEL)]
    assert ([], []) == (scene.slack.done, scene.posts)


async def test_what_is_recalled_stays_recalled(autojump_clock: trio.testing.MockClock) -> None:
    """Also what has not come yet, over a restart too, for eight days."""
    scene = Scene(PLAIN)
    await scene.recall()
    await scene.recall("m-2")

    assert [True, True, False, False] == [scene.recalling.is_recalled(USER, each) for each in ("m-1", "m-2", "m", None)]

    await trio.sleep(KEEP_S / 2)
    after = Scene()
    wall = virtual_wall()() - KEEP_S / 2
    after.recalling.restore([Answered(user=MIA, msg_id="recall/m-2", outcome="ignored", recalls="m-2", at=wall)])
    after.recalling.restore([Answered(user=MIA, msg_id="m-3", outcome="posted", at=wall)])
    await trio.sleep(KEEP_S / 2 - 3600)

    assert [True, False] == [after.recalling.is_recalled(USER, each) for each in ("m-2", "m-3")]
