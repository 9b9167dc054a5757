"""A notice is posted with an intent, and is over whatever comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from slackkefu.bridge.kefu_to_slack.intents import Intents
from slackkefu.bridge.kefu_to_slack.notices import Notices
from slackkefu.bridge.kefu_to_slack.to_slack import InChannel
from slackkefu.easemob.names import ImUser
from slackkefu.errors import VisitorUnreachable
from slackkefu.slack.ids import ChannelId, Ts
from slackkefu.slack.web import Post, Posted
from slackkefu.store.entries import Answered, Intent, Standing
from tests.bridge.people import MIA, Journal
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from structlog.testing import LogCapture

    from slackkefu.bridge.kefu_to_slack.posting import Posting
    from slackkefu.bridge.kefu_to_slack.to_slack import Place

USER = ImUser(MIA)
DM = ChannelId("D0MIA00001")


class Scene:
    """Notices, with a stand-in for posting."""

    def __init__(self) -> None:
        self.come: str | Exception | None = None
        self.posts: list[Post] = []
        self.journal = Journal()
        self.intents = Intents(journal=self.journal, wall=virtual_wall())
        self.notices = Notices(
            posting=cast("Posting", self), intents=self.intents, journal=self.journal, wall=virtual_wall()
        )

    async def post(self, user: ImUser, make: Callable[[Place], Iterable[Post]]) -> str | None:
        """Post, as posting does, or fail."""
        (post,) = make(InChannel(DM, None))
        intended = await self.intents.intend(user, post)
        if isinstance(self.come, Exception):
            raise self.come
        if self.come is None:
            self.posts.append(post)
            self.intents.posted(user, post, intended, at=Posted(DM, Ts("1.1")))
        return self.come


async def test_posted() -> None:
    """It stands where the visitor is answered, under its own name, and the journal says so."""
    scene = Scene()

    assert await scene.notices.post(USER, "closed today", identity="duty/1")
    assert [("closed today", "duty/1/0", "")] == [(post.text, post.metadata_id, post.username) for post in scene.posts]
    intent, answered = scene.journal.entries
    assert isinstance(intent, Intent)
    assert isinstance(answered, Answered)
    assert ("posted", (Standing(DM, "1.1"),)) == (answered.outcome, answered.posts)
    assert scene.intents.left_open(USER, scene.posts[0]) is None


@pytest.mark.parametrize(
    "come", ["channel_not_found", RuntimeError("a fault of ours"), VisitorUnreachable("app_removed")]
)
async def test_not_posted(come: str | Exception, log: LogCapture) -> None:
    """Slack does not take it, we fail, or the app has left: it is over all the same."""
    scene = Scene()
    scene.come = come

    assert not await scene.notices.post(USER, "closed today", identity="duty/1")
    answered = scene.journal.entries[-1]
    assert isinstance(answered, Answered)
    assert "refused" == answered.outcome
    assert isinstance(come, RuntimeError) is any(entry["event"] == "notice.fault" for entry in log.entries)


async def test_a_full_disk() -> None:
    """What is posted stands, also where the disk does not take that."""
    scene = Scene()
    post = scene.post

    async def post_and_fill(user: ImUser, make: Callable[[Place], Iterable[Post]]) -> str | None:
        refusal = await post(user, make)
        scene.journal.is_full = True
        return refusal

    scene.post = post_and_fill  # type: ignore[method-assign]  # the disk fills in the middle

    assert await scene.notices.post(USER, "closed today", identity="duty/1")
