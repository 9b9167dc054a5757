"""A service session has one message, which says how it stands; what goes wrong with it costs nobody's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
import trio
import trio.testing
from trio.testing import wait_all_tasks_blocked

from slackkefu.bridge.book import Book, closed
from slackkefu.bridge.kefu_to_slack import session_status as module
from slackkefu.bridge.kefu_to_slack.intents import Intents
from slackkefu.bridge.kefu_to_slack.placed import Placed
from slackkefu.bridge.kefu_to_slack.to_slack import InChannel, InPrivate, Place
from slackkefu.easemob.names import ImUser
from slackkefu.errors import SlackApiError, SlackOutcomeUnknown, SlackRateLimited, VisitorUnreachable
from slackkefu.kefu.messages import Event, EventName, Text
from slackkefu.kefu.speaker import NOBODY, Speaker
from slackkefu.kefu.text import Plain
from slackkefu.slack.ids import ChannelId, Ts, UserId
from slackkefu.slack.web import Post, Posted
from slackkefu.store.entries import Answered, Standing
from slackkefu.store.visitors import SessionStatus, VisitorRecord
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, Changes, Journal, Shelf, statuses
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from slackkefu.bridge.kefu_to_slack.posting import Posting

USER = ImUser(MIA)
DM = ChannelId("D0MIA00001")
LIN = Speaker("agent", "a-1", "小林")
WAITING = "Waiting for customer service to take your conversation."
WITH_LIN = "小林 is with you now."
ENDED = "This conversation has ended."


class Scene:
    """The messages about Mia's sessions, with stand-ins for posting and for Slack."""

    def __init__(self, *known: SessionStatus, is_on: bool = True, before: Scene | None = None) -> None:
        self.place: Place = InChannel(DM, None)
        self.refusal: str | None = None
        self.faults: list[Exception] = []
        self.posts: list[Post] = []
        self.slack = Changes()
        self.shelf = Shelf()
        self.placed = Placed()
        self.journal = Journal()
        self.intents = Intents(journal=self.journal, wall=virtual_wall())
        record = VisitorRecord(
            im_user=MIA, team="T0NORTH001", user="U0MIA00001", channel=DM, channel_type="im", statuses=known
        )
        self.book = Book([record], store=self.shelf, disk=InlineDisk())
        self.statuses = statuses(
            is_on=is_on,
            book=self.book,
            placed=self.placed,
            posting=cast("Posting", self),
            web=self.slack,
            intents=self.intents,
            journal=self.journal,
        )

    async def post(self, user: ImUser, make: Callable[[Place], Iterable[Post]]) -> str | None:
        """Post, as posting does, or refuse."""
        for post in make(self.place):
            intended = await self.intents.intend(user, post)
            if self.faults:
                raise self.faults.pop()
            if self.refusal is not None:
                return self.refusal
            self.posts.append(post)
            self.intents.posted(user, post, intended, at=Posted(DM, Ts(f"1.{len(self.posts)}")))
        return None

    async def event(self, name: EventName, by: Speaker = NOBODY, session: str | None = "s-1") -> None:
        """Let something happen to a session."""
        await self.statuses.follow(USER, Event(name, by=by, service_session_id=session))
        await wait_all_tasks_blocked()

    @property
    def kept(self) -> tuple[SessionStatus, ...]:
        """What a restart would find."""
        return self.shelf.last[MIA].statuses


@pytest.fixture
async def scene(nursery: trio.Nursery) -> Scene:
    """Make a scene that is at work."""
    made = Scene()
    await nursery.start(made.statuses.run)
    return made


async def test_posted_once_and_edited(scene: Scene) -> None:
    """The first news of a session is posted under the session's id; everything after it is an edit."""
    await scene.event("created")
    await scene.event("opened", LIN)
    await scene.event("opened", LIN)
    await scene.event("closed")
    (post,) = scene.posts

    assert (WAITING, "session/s-1/0", "", DM) == (post.text, post.metadata_id, post.username, post.channel)
    assert WAITING in str(post.blocks)
    assert [("chat.update", "1.1", WITH_LIN), ("chat.update", "1.1", ENDED)] == scene.slack.done
    assert (1, 2, 0, 0) == tuple(
        getattr(scene.statuses.statistics(), each) for each in ("posted", "edited", "given_up", "pending")
    )


async def test_it_is_written_down(scene: Scene) -> None:
    """The post in the journal, what is to be shown in the record; what is over needs none any more."""
    await scene.event("opened", LIN)
    ended = [each for each in scene.journal.entries if isinstance(each, Answered)]

    assert [("session/s-1", "posted", (Standing(DM, "1.1"),))] == [
        (each.msg_id, each.outcome, each.posts) for each in ended
    ]
    assert ("opened", "小林", "1.1", True) == tuple(
        getattr(scene.kept[0], each) for each in ("stage", "name", "ts", "is_shown")
    )
    assert "小林" not in repr(scene.kept)

    scene.book.remember(closed(scene.book.get(USER) or scene.shelf.last[MIA], "s-1"))
    await scene.event("closed")

    assert () == scene.kept


async def test_in_private(scene: Scene) -> None:
    """Where it stands in private it names the channel, after an edit too."""
    record = scene.book.get(USER)
    assert record is not None
    scene.book.remember(msgspec.structs.replace(record, channel="C0SUPPORT1"))
    scene.place = InPrivate(UserId("U0MIA00001"), about=ChannelId("C0SUPPORT1"))
    await scene.event("created")
    await scene.event("closed")

    assert ["<#C0SUPPORT1> " + WAITING] == [post.text for post in scene.posts]
    assert ["<#C0SUPPORT1> " + ENDED] == [text for _, _, text in scene.slack.done]
    assert "<#C0SUPPORT1>" in str(scene.posts[0].blocks)


@pytest.mark.parametrize("session", ["s-1", None])
async def test_the_end(scene: Scene, session: str | None) -> None:
    """An end of which nothing was shown is not; an event that names no session is about the latest."""
    await scene.event("closed", session=session)

    assert ([], []) == (scene.posts, scene.slack.done)

    await scene.event("opened", LIN, session="s-2")
    await scene.event("closed", session=None)

    assert [ENDED] == [text for _, _, text in scene.slack.done]


async def test_a_new_session_ends_the_one_before(scene: Scene) -> None:
    """Also where nobody said so; a late word of the old one does not begin it again."""
    await scene.event("opened", LIN)
    await scene.event("opened", LIN, session="s-2")
    await scene.event("transfering", session="s-1")

    assert [WITH_LIN, WITH_LIN] == [post.text for post in scene.posts]
    assert [("chat.update", "1.1", ENDED)] == scene.slack.done
    assert ["s-1", "s-2"] == [each.session for each in scene.kept]

    await scene.event("opened", LIN, session="s-3")

    assert ["s-2", "s-3"] == [each.session for each in scene.kept]


async def test_what_says_nothing(scene: Scene) -> None:
    """Words outside of a session, of a closed one, and of nobody's visitor."""
    await scene.statuses.follow(USER, Text((Plain("hi"),), by=LIN))
    await scene.statuses.follow(ImUser("t1_u1_d1"), Text((Plain("hi"),), by=LIN, service_session_id="s-1"))
    scene.book.remember(closed(scene.shelf.last.get(MIA) or scene.book.get(USER) or cast("Any", None), "s-1"))
    await scene.event("opened", LIN)

    assert [] == scene.posts


async def test_switched_off(nursery: trio.Nursery) -> None:
    """Nothing is posted, and nothing that the run before has left is edited."""
    scene = Scene(SessionStatus(session="s-1", stage="opened", channel=DM, ts="1.1"), is_on=False)
    await nursery.start(scene.statuses.run)
    await scene.event("opened", LIN, session="s-2")
    await scene.event("closed", session="s-1")

    assert ([], []) == (scene.posts, scene.slack.done)


async def test_only_the_latest_is_edited(scene: Scene, autojump_clock: trio.testing.MockClock) -> None:
    """While Slack asks for a pause stages pass; one edit is enough for all of them."""
    await scene.event("created")
    scene.slack.answers += [SlackRateLimited("chat.update", 60.0), SlackOutcomeUnknown("chat.update", "HTTP 502")]
    for name in ("opened", "transfering", "transfered"):
        await scene.event(name, LIN)
    await trio.sleep(300)

    assert [("chat.update", "1.1", "You have been transferred to 小林.")] == scene.slack.done
    assert scene.kept[0].is_shown


async def test_a_change_while_an_edit_is_on_its_way(scene: Scene) -> None:
    """What happens meanwhile is shown by the next edit."""
    await scene.event("created")
    await scene.statuses.follow(USER, Event("opened", by=LIN, service_session_id="s-1"))
    # The edit has begun, and has not ended.
    await trio.lowlevel.checkpoint()
    await trio.lowlevel.checkpoint()
    await scene.event("closed")

    assert ENDED == scene.slack.done[-1][2]
    assert [True] == [each.is_shown for each in scene.kept]


async def test_what_slack_refuses(scene: Scene) -> None:
    """An edit that is refused for good is given up; the next stage is tried all the same."""
    await scene.event("created")
    scene.slack.answers.append(SlackApiError("chat.update", "message_not_found"))
    await scene.event("opened", LIN)
    await scene.event("closed")

    assert [ENDED] == [text for _, _, text in scene.slack.done]
    assert 1 == scene.statuses.statistics().given_up


async def test_nowhere_to_post(scene: Scene) -> None:
    """A message that Slack refuses is not tried again in this session."""
    scene.refusal = "is_archived"
    await scene.event("created")
    scene.refusal = None
    await scene.event("opened", LIN)
    await scene.event("closed")

    assert ([], []) == (scene.posts, scene.slack.done)


async def test_nothing_goes_on_where_nobody_can_be_reached(scene: Scene) -> None:
    """Words cannot go either, so whoever brings them is told; what was begun is looked for when they can."""
    scene.faults.append(VisitorUnreachable("app_removed"))
    with pytest.raises(VisitorUnreachable):
        await scene.event("created")

    assert [] == scene.posts
    assert scene.intents.left_open(USER, Post(channel=DM, text="", metadata_id="session/s-1/0")) is not None
    await scene.event("created")
    assert [WAITING] == [post.text for post in scene.posts]


async def test_a_fault_costs_no_words(scene: Scene) -> None:
    """It is logged, and what was begun is looked for when it is tried again."""
    scene.faults.append(ZeroDivisionError())
    await scene.event("created")
    post = Post(channel=DM, text="", metadata_id="session/s-1/0")

    assert [] == scene.posts
    assert scene.intents.left_open(USER, post) is not None


# Over a restart.


async def test_what_was_not_shown_is(nursery: trio.Nursery) -> None:
    """The next run edits what the one before has left."""
    shown = SessionStatus(session="s-2", stage="opened", channel=DM, ts="1.2", is_shown=True)
    scene = Scene(SessionStatus(session="s-1", stage="closed", channel=DM, ts="1.1"), shown)
    await nursery.start(scene.statuses.run)
    await wait_all_tasks_blocked()

    assert [("chat.update", "1.1", ENDED)] == scene.slack.done


async def test_a_record_that_was_not_written(scene: Scene) -> None:
    """Where only the journal knows the message it is edited, never made a second time."""
    scene.placed.note(MIA, "session/s-1", (Standing(DM, "9.9"),), now=0.0)
    await scene.event("opened", LIN)

    assert [] == scene.posts
    assert [("chat.update", "9.9", WITH_LIN)] == scene.slack.done


async def test_a_full_disk(scene: Scene) -> None:
    """The post is not made before its intent is written; that it was made need not be."""
    await scene.event("created")
    scene.journal.is_full = True
    await scene.event("opened", LIN)

    assert [WITH_LIN] == [text for _, _, text in scene.slack.done]


async def test_too_many_edits(monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery) -> None:
    """What there is no room for is counted, and not shown before the next stage."""
    monkeypatch.setattr(module, "WAITING", 0)
    scene = Scene()
    await nursery.start(scene.statuses.run)
    await scene.event("created")
    await scene.event("opened", LIN)

    assert [] == scene.slack.done
    assert 1 == scene.statuses.statistics().given_up
    assert not scene.kept[0].is_shown
