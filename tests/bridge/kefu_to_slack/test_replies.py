"""A batch from kefu is over when each of its messages is posted, recognised, or left alone for a named reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
import trio
import trio.testing
from trio.testing import wait_all_tasks_blocked

from slackkefu.bridge.aside import TRIES, Aside
from slackkefu.bridge.book import Book, listens
from slackkefu.bridge.kefu_to_slack.agent_notes import AgentNotes
from slackkefu.bridge.kefu_to_slack.answering import Answering
from slackkefu.bridge.kefu_to_slack.intents import Intents
from slackkefu.bridge.kefu_to_slack.media import MediaAnswering
from slackkefu.bridge.kefu_to_slack.placed import Placed
from slackkefu.bridge.kefu_to_slack.readers import Readers
from slackkefu.bridge.kefu_to_slack.replies import PER_LANE, Replies
from slackkefu.bridge.kefu_to_slack.to_slack import InChannel
from slackkefu.bridge.open_sessions import OpenSessions
from slackkefu.easemob.message import Batch, IncomingMessage, IncomingOther, TextBody
from slackkefu.easemob.names import AppKey, ImUser, Queue
from slackkefu.errors import LinkClosed, StoreBroken, VisitorUnreachable
from slackkefu.kefu import incoming as incoming_module
from slackkefu.kefu.media_fetch import MediaFetch
from slackkefu.slack.ids import ChannelId, Ts
from slackkefu.slack.installation import Installations
from slackkefu.slack.text import escape
from slackkefu.slack.uploads import Upload
from slackkefu.slack.web import Post
from slackkefu.store.entries import Answered
from slackkefu.store.visitors import VisitorRecord
from slackkefu.world import InlineDisk
from tests.bridge.people import Changes, Journal, Shelf, Spill, recalling, statuses, world
from tests.kefu.samples import EXPECT, SERVICE_NUMBER, VISITOR, incoming, text
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from structlog.testing import LogCapture

    from slackkefu.bridge.kefu_to_slack.posting import Part, Posting
    from slackkefu.bridge.kefu_to_slack.to_slack import Place
    from slackkefu.bridge.languages import Languages
    from slackkefu.easemob.discovery import Endpoints
    from slackkefu.easemob.message import Meta, OutgoingMessage
    from slackkefu.easemob.rest import RestClient

USER = ImUser(VISITOR)
DAY_S = 24 * 3600.0
SESSION = "6f1c2a34-0b1d-4c55-9a77-0d3a1e5b7c01"
QUEUE = Queue.of("a#b", SERVICE_NUMBER, "", home="a#b")


class Wall:
    """Where answers are posted, each after *takes_s*; fails when told so."""

    def __init__(self) -> None:
        self.takes_s = 0.0
        self.faults: list[Exception] = []
        self.refusals: list[str] = []
        self.posts: list[tuple[ImUser, Post]] = []

    async def post(self, user: ImUser, make: Callable[[Place], Iterable[Part]]) -> str | None:
        """Post in a direct message, or refuse; always refuse a file."""
        await trio.sleep(self.takes_s)
        made = [*make(InChannel(ChannelId("D0CCCCCC1"), None))]
        if any(isinstance(part, Upload) for part in made):
            return "file_uploads_disabled"
        if self.faults:
            raise self.faults.pop()
        if self.refusals:
            return self.refusals.pop()
        self.posts += [(user, part) for part in made if isinstance(part, Post)]
        return None

    @property
    def texts(self) -> list[str]:
        """What stands there."""
        return [post.text for _, post in self.posts]


def no_files() -> MediaFetch:
    """Make what fetches files; it is never asked to."""
    return MediaFetch(
        world=world(),
        kefu_url="https://kefu.example",
        app_key=AppKey("demo-org", "demo-app"),
        addresses=cast("Endpoints", None),
        tokens=cast("RestClient", None),
    )


class Kefu:
    """Replies with a wall to post on, and a visitor whom kefu may answer."""

    def __init__(self) -> None:
        team, user, channel = VISITOR.upper().split("_")
        self.wall = Wall()
        self.shelf = Shelf()
        record = VisitorRecord(im_user=VISITOR, team=team, user=user, channel=channel, channel_type="im")
        self.book = Book([record], store=self.shelf, disk=InlineDisk())
        self.told: list[tuple[ImUser, bool]] = []
        self.acks: list[tuple[ImUser, str]] = []
        self.journal = Journal()
        self.intents = Intents(journal=self.journal, wall=virtual_wall())
        self.placed = Placed()
        self.why: str | None = None
        """Why nobody can be reached."""
        self.changes = Changes()
        self.spill = Spill()
        self.aside = Aside(self.spill, wall=virtual_wall(), keep_s=1e9)
        self.notes: list[tuple[ImUser, OutgoingMessage]] = []
        self.agent_notes = AgentNotes(
            book=self.book, service_number=ImUser(SERVICE_NUMBER), send=self._send, world=world()
        )
        self.replies = Replies(
            service_number=ImUser(SERVICE_NUMBER),
            answering=Answering(
                book=self.book,
                posting=cast("Posting", self.wall),
                recalling=recalling(
                    book=self.book, placed=self.placed, posting=cast("Posting", self.wall), web=self.changes
                ),
                media=MediaAnswering(fetch=no_files(), posting=cast("Posting", self.wall)),
                sessions=OpenSessions(lambda user, is_open: self.told.append((user, is_open))),
                readers=Readers(
                    book=self.book, installations=Installations([]), languages=cast("Languages", self.changes)
                ),
                statuses=statuses(
                    book=self.book,
                    placed=self.placed,
                    posting=cast("Posting", self.wall),
                    web=self.changes,
                    is_on=False,
                ),
                kefu_url="https://kefu.example",
                wall=virtual_wall(),
            ),
            notes=self.agent_notes,
            aside=self.aside,
            journal=self.journal,
            intents=self.intents,
            placed=self.placed,
            on_ack=lambda user, mark: self.acks.append((user, mark)),
            why_not=lambda _: self.why,
            world=world(),
        )

    async def run(self, nursery: trio.Nursery) -> None:
        """Begin to work."""
        await nursery.start(self.agent_notes.run)
        await nursery.start(self.replies.run)

    async def _send(self, user: ImUser, message: OutgoingMessage) -> None:
        await trio.lowlevel.checkpoint()
        self.notes.append((user, message))

    async def says(self, *metas: Meta, user: ImUser = USER) -> None:
        """Deliver one batch."""
        await self.replies.deliver(user, Batch(QUEUE, metas))

    @property
    def record(self) -> VisitorRecord:
        """The visitor's record."""
        record = self.book.get(USER)
        assert record is not None
        return record


@pytest.fixture
async def kefu(nursery: trio.Nursery) -> Kefu:
    """Make a kefu whose replies are at work."""
    made = Kefu()
    await made.run(nursery)
    return made


def message(words: str = "hi", *, meta_id: int = 1, msg_id: str | None = None, session: str | None = None) -> Meta:
    """Make a text of an agent's."""
    weichat: dict[str, Any] = {"msgId": msg_id, "agent": {"userType": "Agent"}}
    if session:
        weichat["service_session"] = {"serviceSessionId": session}
    return replace(text(words, {"weichat": weichat}), meta_id=meta_id)


# Every sample.

SHOWN: dict[str, str] = {
    "text-emoji-codes": "好的🙂收到😃 没有这个码[(zz)] 🌹",
    "robot-text-anchor": "请看帮助中心 (https://help.example/faq?a=1&b=2)。",
    "robot-menu": "请选择您要咨询的问题\n1. 查询订单\n2. 退换货\n3. 转人工",
    "robot-menu-list": "您想了解什么?\n1. 价格\n2. 门店\n3. 会员",
    "transfer-guide-menu": "请选择服务\n1. 售前\n2. 视频客服\n3. 留言",
    "related-questions": "七天内可以退货\n1. 运费谁出?\n2. 怎么寄回?",
    "robot-useful-question": "答案:周一到周五发货",
    "transfer-hint": "没有找到答案,需要人工吗?\n[转人工]",
    "ticket-hint": "现在无人值守,请留言",
    "event-wait-timeout-ticket": "等待时间较长,您可以留言",
    "satisfaction-invite": "请对我的服务做出评价",
    "event-ticket-comment": "您的留言有新回复\n[留言 Ticket] 发货\n今天发",
    "image": "[图片 Image] screen.png",
    "image-relative-url": "[图片 Image] a.jpg",
    "file": "[文件 File] 报价单.pdf",
    "audio": "[语音 Voice] v.amr 4 s",
    "video": "[视频 Video] v.mp4 10 s",
    "location": "[位置 Location] 北京市海淀区 (39.9839, 116.307)",
    "article": "[图文 Article] 春季新品 https://shop.example/news/1",
    "html-form": "[表单 Form] 预约单 https://form.example/f/1",
    "custom-sticker": "[表情 Sticker]",
    "video-call-invite": "客服邀请您进行视频通话\n[视频通话 Video call] 这里无法接通 / cannot be taken here",
    **{
        name: expected["text"] for name, expected in EXPECT.items() if expected["kind"] == "text" and "text" in expected
    },
}
"""What a reader of Slack sees: the expected text where the samples say it, else its plain form in this version."""

IGNORED: dict[str, str] = {
    "recall": "nothing_to_recall",
    "recalled-message-replayed": "nothing_to_recall",
    "unknown-command": "unknown_command",
    "agent-typing": "unknown_command",
    "empty-text": "empty_text",
    "not-from-service-number": "not_from_service_number",
    "own-message-echo": "own_echo",
    "visitor-text-sent": "own_echo",
    "visitor-rating-sent": "own_echo",
    "visitor-transfer-sent": "own_echo",
}
EVENTS = [name for name, expected in EXPECT.items() if expected["kind"] == "event"]


def test_every_sample_is_tried() -> None:
    """Each sample is shown, ignored, an event, or the confirmation."""
    assert set(EXPECT) == {*SHOWN, *IGNORED, *EVENTS, "kf-ack"}
    assert len(EXPECT) == len(SHOWN) + len(IGNORED) + len(EVENTS) + len(["kf-ack"])


@pytest.mark.parametrize("name", SHOWN)
async def test_shown_samples(kefu: Kefu, name: str) -> None:
    """
    What has something for a reader is one post of the visitor's, escaped for Slack, under kefu's own id.

    Where files are refused, words are the second part of a message that has one.
    """
    given = incoming(name)
    await kefu.says(given)
    ((user, post),) = kefu.wall.posts
    weichat: Any = given.ext["weichat"]

    assert USER == user
    assert escape(SHOWN[name]) == post.text
    expected = EXPECT[name]
    is_file = expected["kind"] in ("image", "file", "audio", "video")

    assert f"{weichat['msgId']}/{int(is_file)}" == post.metadata_id

    labels = expected.get("labels", []) + expected.get("titles", [])
    named = [value for key in ("filename", "text", "title") if (value := expected.get(key))]
    assert [] == [each for each in (*labels, *named) if escape(each) not in post.text]


@pytest.mark.parametrize("name", IGNORED)
async def test_ignored_samples(kefu: Kefu, name: str, log: LogCapture) -> None:
    """What is not for a reader is posted nowhere and opens nothing; its reason is in the log."""
    await kefu.says(incoming(name))

    assert [] == kefu.wall.posts
    assert [] == kefu.told
    assert [("kefu.ignored", IGNORED[name])] == [(entry["event"], entry["reason"]) for entry in log.entries]


@pytest.mark.parametrize("name", EVENTS)
async def test_events(kefu: Kefu, name: str) -> None:
    """Events open and close the service session, and put no words of ours into Slack."""
    kefu.book.remember(msgspec.structs.replace(kefu.record, mention_threads={"1.1": 1e12}))
    await kefu.says(incoming(name))
    is_open = EXPECT[name]["event"] != "closed"

    assert [] == kefu.wall.posts
    assert [(USER, is_open)] == kefu.told
    assert (SESSION if is_open else None) == kefu.record.open_session
    assert is_open == listens(kefu.record, Ts("1.1"), at=1e11)
    assert kefu.record == kefu.shelf.last[VISITOR]


async def test_a_confirmation_is_handed_on_once(kefu: Kefu) -> None:
    """It is nobody's words; whoever waits for it is told before its batch is over, and not again by a repeat."""
    given = incoming("kf-ack")
    weichat: Any = given.ext["weichat"]
    await kefu.says(given)
    await kefu.says(given)

    assert [(USER, weichat["ack_for_msg_id"])] == kefu.acks
    assert ([], []) == (kefu.wall.posts, kefu.told)


async def test_a_confirmation_does_not_wait_for_slack(
    kefu: Kefu, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A batch whose first message Slack does not take has its confirmations handed on at once, and says so."""
    kefu.wall.takes_s = 3600.0
    known: list[int] = []
    batch = Batch(
        QUEUE,
        (message("stuck", meta_id=1), replace(incoming("kf-ack"), meta_id=2)),
        looked_through=lambda: known.append(len(kefu.acks)),
    )
    nursery.start_soon(kefu.replies.deliver, USER, batch)
    await trio.sleep(1)

    assert [1] == known

    await trio.sleep(3600)

    assert 1 == len(kefu.acks)


async def test_words_that_come_with_an_event_are_posted(kefu: Kefu) -> None:
    """An event whose message has words of kefu's is both."""
    closed = incoming("event-session-closed")
    await kefu.says(replace(closed, body=TextBody("goodbye &amp; thanks")))

    assert ["goodbye &amp; thanks"] == kefu.wall.texts
    assert [(USER, False)] == kefu.told


# Service sessions.


async def test_any_word_of_a_session_opens_it(kefu: Kefu) -> None:
    """Events may be missing: a message that names its session is enough."""
    await kefu.says(message(session="s-1"))

    assert [(USER, True)] == kefu.told
    assert "s-1" == kefu.record.open_session
    assert kefu.record == kefu.shelf.last[VISITOR]


@pytest.mark.parametrize("late", ["satisfaction-invite", "event-ticket-comment", "kf-ack", "recall"])
async def test_what_may_come_after_the_end_opens_nothing(kefu: Kefu, late: str) -> None:
    """A rating, news of a ticket, a receipt or a recall after the closing leaves the session closed."""
    given = incoming(late)
    weichat: Any = given.ext["weichat"]
    given = replace(given, ext={**given.ext, "weichat": {**weichat, "service_session": {"serviceSessionId": SESSION}}})
    await kefu.says(incoming("event-session-closed"))
    await kefu.says(replace(given, meta_id=2))

    assert [(USER, False)] == kefu.told
    assert None is kefu.record.open_session


async def test_a_greeting_without_a_session_opens_nothing(kefu: Kefu) -> None:
    """A message that names no session says nothing about one."""
    await kefu.says(message())

    assert ["hi"] == kefu.wall.texts
    assert [] == kefu.told


async def test_a_visitor_without_a_record_is_answered(kefu: Kefu) -> None:
    """After a lost store an answer is posted all the same."""
    await kefu.says(message(session="s-1"), user=ImUser("t1_u1_d1"))

    assert ["hi"] == kefu.wall.texts


# Repeats.


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (message(meta_id=7), message(meta_id=7)),
        (message(meta_id=7, msg_id="m-1"), message(meta_id=8, msg_id="m-1")),
        (message(meta_id=7, msg_id="m-1"), message("hi &amp; ho", meta_id=7, msg_id="m-2")),
    ],
)
async def test_a_repeat_is_posted_once(kefu: Kefu, log: LogCapture, first: Meta, again: Meta) -> None:
    """The same Meta.id or the same msgId is the same message, in one batch or in two."""
    await kefu.says(first, again)
    await kefu.says(again)

    assert ["hi"] == kefu.wall.texts
    assert 2 == sum(entry.get("reason") == "duplicate" for entry in log.entries)


async def test_the_same_words_again_are_posted_again(kefu: Kefu) -> None:
    """Equal words with ids of their own are two messages; so is the same id at another visitor."""
    await kefu.says(message("yes", meta_id=1, msg_id="m-1"), message("yes", meta_id=2, msg_id="m-2"))
    await kefu.says(message("yes", meta_id=1, msg_id="m-1"), user=ImUser("t1_u1_d1"))

    assert ["yes", "yes", "yes"] == kefu.wall.texts


async def test_a_stranger_cannot_hide_a_message(kefu: Kefu) -> None:
    """A message of somebody else's with a msgId does not make kefu's own one a repeat."""
    ours = message(meta_id=2, msg_id="m-1")
    assert isinstance(ours, IncomingMessage)
    await kefu.says(replace(ours, meta_id=1, sender="mallory"), ours)

    assert ["hi"] == kefu.wall.texts


# Faults, order, cancellation.


async def test_a_message_that_makes_us_fail_once(
    kefu: Kefu, log: LogCapture, autojump_clock: trio.testing.MockClock
) -> None:
    """It is tried again after a moment, and those behind it wait: order holds."""
    kefu.wall.faults.append(ZeroDivisionError())
    await kefu.says(message("one", meta_id=1), message("two", meta_id=2))

    assert ["one", "two"] == kefu.wall.texts
    assert [("lane.fault", 1)] == [(entry["event"], entry["meta_id"]) for entry in log.entries]
    assert trio.current_time() < 3
    assert [] == kefu.spill.pieces


async def test_a_poisoned_message_is_set_aside(kefu: Kefu, autojump_clock: trio.testing.MockClock) -> None:
    """After a few tries it is on the shelf with why, and its neighbours are posted; it ends the batch like them."""
    kefu.wall.faults += [ZeroDivisionError()] * TRIES
    batch = [message("one", meta_id=1, msg_id="m-1"), message("two", meta_id=2), message("three", meta_id=3)]
    await kefu.says(*batch)
    (piece,) = kefu.spill.pieces
    statistics = kefu.replies.statistics()

    assert ["two", "three"] == kefu.wall.texts
    assert (USER, f"{USER}/m-1") == (piece.lane, piece.key)
    assert b'"reason":"ZeroDivisionError"' in piece.content
    assert [b'"text": "one"' in piece.content, b"userType" in piece.content] == [True, True]
    assert ["aside", "posted", "posted"] == [
        each.outcome for each in kefu.journal.entries if isinstance(each, Answered)
    ]
    assert (1, 2, 0) == (statistics.set_aside, statistics.delivered, statistics.duplicates)

    await kefu.says(*batch)

    assert ["two", "three"] == kefu.wall.texts
    assert 3 == kefu.replies.statistics().duplicates


async def test_what_a_crash_left_aside_is_posted_after_all(kefu: Kefu, autojump_clock: trio.testing.MockClock) -> None:
    """What the run before set aside and did not end comes again; when it is posted it is not kept aside."""
    await kefu.aside.put("to_slack", USER, f"{USER}/m-1", reason="ValueError", content=b"null")
    await kefu.says(message("one", msg_id="m-1"))

    assert ["one"] == kefu.wall.texts
    assert (0, {1}) == (kefu.aside.statistics().kept, kefu.spill.over)


async def test_a_message_that_cannot_be_read_is_set_aside(
    kefu: Kefu, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in reading is a fault like any other."""
    with monkeypatch.context() as patched:
        patched.setattr(incoming_module, "read", lambda *_, **__: 1 // 0)
        await kefu.says(message("poison", meta_id=1))
    await kefu.says(message("two", meta_id=2))

    assert ["two"] == kefu.wall.texts
    assert [f"{USER}/1"] == [piece.key for piece in kefu.spill.pieces]


async def test_what_cannot_be_set_aside_waits(kefu: Kefu, autojump_clock: trio.testing.MockClock) -> None:
    """While the disk does not take a poisoned message its batch is not over; Easemob has it still."""
    kefu.spill.is_full = True
    kefu.wall.faults += [ZeroDivisionError()] * TRIES
    with trio.move_on_after(60) as waiting:
        await kefu.says(message("one"), message("two", meta_id=2))

    assert waiting.cancelled_caught
    assert [] == kefu.journal.entries

    kefu.spill.is_full = False
    await kefu.says(message("one"), message("two", meta_id=2))

    assert (1, ["two"]) == (len(kefu.spill.pieces), kefu.wall.texts)


async def test_a_broken_store_is_no_poison(autojump_clock: trio.testing.MockClock) -> None:
    """After a failed sync the process ends: nobody knows what is on disk."""
    kefu = Kefu()
    kefu.wall.faults.append(StoreBroken(Path("store"), "sync failed"))
    ended: list[BaseException] = []
    try:
        async with trio.open_nursery() as nursery:
            await kefu.run(nursery)
            nursery.start_soon(kefu.says, message())
    except* StoreBroken as group:
        ended.append(group)

    assert 1 == len(ended)
    assert [] == kefu.journal.entries


@pytest.mark.parametrize(
    ("kind", "level"),
    [("read_receipt", "debug"), ("roster", "debug"), ("undecodable", "warning"), ("too_large", "warning")],
)
async def test_other_metas_are_passed_over(kefu: Kefu, log: LogCapture, kind: Any, level: str) -> None:
    """What is no message is left alone in its place; what may have been one, but cannot be read, is a warning."""
    await kefu.says(IncomingOther(1, kind), message(meta_id=2))

    assert ["hi"] == kefu.wall.texts
    assert [level] == [entry["log_level"] for entry in log.entries if kind in entry.values()]


async def test_one_at_a_time_for_a_visitor(
    kefu: Kefu, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Of two queues' batches for one visitor one message is posted at a time; another visitor does not wait."""
    kefu.wall.takes_s = 10.0
    for number in (1, 2):
        nursery.start_soon(
            kefu.says, message(f"{number}a", meta_id=10 * number), message(f"{number}b", meta_id=11 * number)
        )
        await wait_all_tasks_blocked()
    other = ImUser("t1_u1_d1")
    await trio.sleep(5)
    await kefu.says(message("other", meta_id=3), user=other)

    assert 15.0 == trio.current_time()
    assert {(USER, "1a"), (other, "other")} == {(user, post.text) for user, post in kefu.wall.posts}

    await trio.sleep(60)

    assert ["1a", "2a", "1b", "2b"] == [post.text for user, post in kefu.wall.posts if user == USER]


async def test_a_cancelled_batch_comes_again(kefu: Kefu, autojump_clock: trio.testing.MockClock) -> None:
    """When a batch is cancelled the message in hand goes on; the batch brought again joins it, and adds the rest."""
    kefu.wall.takes_s = 10.0
    batch = [message(words, meta_id=number, session="s-1") for number, words in enumerate(("a", "b", "c"), 1)]
    with trio.move_on_after(15):
        await kefu.says(*batch)

    assert ["a"] == kefu.wall.texts

    with trio.fail_after(16):
        await kefu.says(*batch)

    assert ["a", "b", "c"] == kefu.wall.texts


async def test_a_message_brought_again_joins_the_one_in_hand(
    kefu: Kefu, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """While a message is being posted its repeat waits for the same end: one post, and nothing to be ignored."""
    kefu.wall.takes_s = 10.0
    with trio.move_on_after(5):
        await kefu.says(message())
    await kefu.says(message())

    assert (10.0, ["hi"]) == (trio.current_time(), kefu.wall.texts)
    assert [] == log.entries


async def test_nothing_is_begun_while_finishing(
    kefu: Kefu, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """The end waits for the batch in work; one that comes after it is neither posted nor given back as done."""
    kefu.wall.takes_s = 3.0
    nursery.start_soon(kefu.says, message("in work", meta_id=1))
    await wait_all_tasks_blocked()
    with trio.fail_after(4):
        await kefu.replies.finish()

    assert (3.0, ["in work"]) == (trio.current_time(), kefu.wall.texts)

    with trio.move_on_after(60) as late:
        await kefu.says(message("late", meta_id=2))

    assert late.cancelled_caught
    assert ["in work"] == kefu.wall.texts


async def test_finishing_waits_for_what_has_lost_its_batch(kefu: Kefu, autojump_clock: trio.testing.MockClock) -> None:
    """A message being posted when its batch is cancelled is seen through before the end; after that it is at once."""
    kefu.wall.takes_s = 3.0
    with trio.move_on_after(1):
        await kefu.says(message())
    await kefu.replies.finish()

    assert (3.0, ["hi"]) == (trio.current_time(), kefu.wall.texts)

    await kefu.replies.finish()

    assert 3.0 == trio.current_time()


async def test_too_much_in_hand_is_left_to_easemob(
    kefu: Kefu, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A batch for which there is no room is not given back as done; what is in hand is posted."""
    kefu.wall.takes_s = 1.0
    for number in range(1, PER_LANE + 1):
        nursery.start_soon(kefu.says, message(meta_id=number))
    await wait_all_tasks_blocked()
    with pytest.raises(LinkClosed):
        await kefu.says(message(meta_id=PER_LANE + 1))

    assert PER_LANE == kefu.replies.lanes().waiting

    await kefu.replies.finish()

    assert PER_LANE == len(kefu.wall.posts)
    assert 0 == kefu.replies.lanes().waiting


async def test_after_the_end_nothing_is_taken(autojump_clock: trio.testing.MockClock) -> None:
    """A batch that comes while everything is being closed ends its connection; it is not lost and no fault."""
    kefu = Kefu()
    async with trio.open_nursery() as nursery:
        await kefu.run(nursery)
        nursery.cancel_scope.cancel()
    with pytest.raises(LinkClosed):
        await kefu.says(message())

    assert [] == kefu.wall.texts


# On disk.


async def test_an_ending_is_on_disk_before_the_batch_is_over(
    kefu: Kefu, autojump_clock: trio.testing.MockClock
) -> None:
    """While the disk takes nothing the batch is not over; then it is, and the message was posted once."""
    kefu.journal.is_full = True
    with trio.move_on_after(60) as waiting:
        await kefu.says(message())

    assert waiting.cancelled_caught

    kefu.journal.is_full = False
    await kefu.says(message())

    assert ["hi"] == kefu.wall.texts
    assert 1 == len(kefu.journal.entries)


async def test_a_repeat_after_a_restart(kefu: Kefu, nursery: trio.Nursery) -> None:
    """What the journal says has ended is not posted again, by whichever of its ids it comes."""
    await kefu.says(message(meta_id=1, msg_id="m1"))
    after = Kefu()
    await after.run(nursery)
    after.replies.restore(kefu.journal.entries)
    await after.says(message(meta_id=1), message(meta_id=2, msg_id="m1"), message("new", meta_id=3))

    assert ["new"] == after.wall.texts


async def test_a_repeat_days_after_a_restart(
    kefu: Kefu, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A message is known for eight days from its end, over a restart too."""
    await kefu.says(message(msg_id="m1"))
    await trio.sleep(6 * DAY_S)
    after = Kefu()
    await after.run(nursery)
    after.replies.restore(kefu.journal.entries)
    await trio.sleep(1.9 * DAY_S)
    await after.says(message(meta_id=2, msg_id="m1"), message("another", meta_id=3))

    assert ["another"] == after.wall.texts


# How it ended.


async def test_how_each_ended_is_written_and_counted(kefu: Kefu, autojump_clock: trio.testing.MockClock) -> None:
    """Posted, refused, ignored by its reason, or a repeat: one of them for each message."""
    kefu.wall.refusals.append("is_archived")
    await kefu.says(
        message("refused", meta_id=1),
        message("posted", meta_id=2),
        message("posted", meta_id=2),
        message(" ", meta_id=3),
        replace(incoming("kf-ack"), meta_id=4),
        replace(incoming("recall"), meta_id=5),
        IncomingOther(6, "read_receipt"),
    )
    statistics = kefu.replies.statistics()

    assert (1, 1, 1, 0) == (statistics.delivered, statistics.refused, statistics.duplicates, statistics.set_aside)
    assert {"empty_text": 1, "ack": 1, "nothing_to_recall": 1, "read_receipt": 1} == statistics.ignored
    assert ["refused", "posted", "ignored", "ignored", "ignored"] == [
        entry.outcome for entry in kefu.journal.entries if isinstance(entry, Answered)
    ]


# By another way than MSYNC.


async def test_messages_without_a_meta_id(kefu: Kefu, nursery: trio.Nursery) -> None:
    """What came by another way has kefu's id alone: two are two, in hand together too, and each is recognised."""
    one, two = message("one", meta_id=0, msg_id="m-1"), message("two", meta_id=0, msg_id="m-2")
    async with trio.open_nursery() as both:
        both.start_soon(kefu.says, one)
        both.start_soon(kefu.says, two)
    await kefu.says(message("one", meta_id=7, msg_id="m-1"), message("two", meta_id=0, msg_id="m-2"))

    assert ["one", "two"] == sorted(kefu.wall.texts)
    assert 2 == kefu.replies.statistics().duplicates

    after = Kefu()
    await after.run(nursery)
    after.replies.restore(kefu.journal.entries)
    await after.says(one, two)

    assert [] == after.wall.texts


async def test_both_ways_at_once(kefu: Kefu, autojump_clock: trio.testing.MockClock) -> None:
    """A message that comes by the other way while it is being posted joins itself."""
    kefu.wall.takes_s = 10.0
    async with trio.open_nursery() as both:
        both.start_soon(kefu.says, message(meta_id=7, msg_id="m-1"))
        both.start_soon(kefu.says, message(meta_id=0, msg_id="m-1"))

    assert (10.0, ["hi"]) == (trio.current_time(), kefu.wall.texts)


async def test_messages_without_any_id(kefu: Kefu) -> None:
    """A message that has neither id is what it says and when: two are two, and the same again is a repeat."""
    one, two = message("one", meta_id=0), message("two", meta_id=0)
    await kefu.says(one, two, one)

    assert ["one", "two"] == kefu.wall.texts
    assert 1 == kefu.replies.statistics().duplicates


# The agent is told.


async def test_an_agent_is_told_of_a_refused_answer(kefu: Kefu, autojump_clock: trio.testing.MockClock) -> None:
    """Once a service session, in the visitor's name, without holding up what comes behind."""
    kefu.wall.refusals += ["is_archived"] * 2
    await kefu.says(
        message("one", meta_id=1, session="s-1"),
        message("two", meta_id=2, session="s-1"),
        message("three", meta_id=3, session="s-1"),
    )
    await wait_all_tasks_blocked()

    assert ["three"] == kefu.wall.texts
    assert [USER] == [user for user, _ in kefu.notes]


async def test_an_agent_is_told_of_what_was_set_aside(kefu: Kefu, autojump_clock: trio.testing.MockClock) -> None:
    """A message that we could not bring over did not arrive either."""
    kefu.wall.faults += [ZeroDivisionError()] * TRIES
    await kefu.says(message("one", session="s-1"))
    await kefu.says(message("two", meta_id=2, session="s-1"))
    kefu.wall.faults += [ZeroDivisionError()] * TRIES
    await kefu.says(message("three", meta_id=3, session="s-1"))
    await wait_all_tasks_blocked()

    assert 1 == len(kefu.notes)


# Lanes that are stopped.


async def test_a_stopped_lane_waits_in_its_order(
    kefu: Kefu, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """What is for somebody who cannot be reached waits, whatever brought it, and goes on in its order."""
    kefu.why = "app_removed"
    nursery.start_soon(kefu.says, message("one", meta_id=1), message("two", meta_id=2))
    await trio.sleep(DAY_S)

    assert [] == kefu.wall.texts
    assert [] == kefu.journal.entries
    assert 1 == kefu.replies.statistics().stopped

    kefu.why = None
    kefu.replies.look_again()
    await trio.sleep(1)

    assert ["one", "two"] == kefu.wall.texts
    assert 0 == kefu.replies.statistics().stopped


async def test_what_is_stopped_in_the_middle_is_done_once(
    kefu: Kefu, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """An answer that meets the end of its way is not lost, not set aside, and not counted as a fault of ours."""
    kefu.wall.faults = [VisitorUnreachable("app_removed")]
    kefu.wall.takes_s = 10.0
    nursery.start_soon(kefu.says, message("one"))
    await trio.sleep(5)
    kefu.why = "app_removed"
    await trio.sleep(100)

    assert ([], 0) == (kefu.wall.texts, kefu.replies.statistics().set_aside)

    kefu.why = None
    kefu.replies.look_again()
    await trio.sleep(30)

    assert ["one"] == kefu.wall.texts
    assert 1 == kefu.replies.statistics().delivered


async def test_a_stopped_lane_holds_nothing_that_nobody_waits_for(
    kefu: Kefu, autojump_clock: trio.testing.MockClock
) -> None:
    """When the login is let go that brought it, Easemob has it, and memory nothing; it comes again and is posted."""
    kefu.why = "app_removed"
    with trio.move_on_after(5):
        await kefu.says(message("one", meta_id=1), message("two", meta_id=2))
    await trio.sleep(1)

    assert (0, 0) == (kefu.replies.lanes().waiting, kefu.replies.statistics().stopped)

    kefu.why = None
    await kefu.says(message("one", meta_id=1), message("two", meta_id=2))

    assert ["one", "two"] == kefu.wall.texts


async def test_confirmations_of_a_stopped_visitor_are_handed_on(
    kefu: Kefu, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """What they had written before still goes to the desk, and is confirmed."""
    kefu.why = "left_channel"
    nursery.start_soon(kefu.says, message("one"), incoming("kf-ack"))
    await trio.sleep(1)

    assert 1 == len(kefu.acks)


async def test_a_stop_of_the_daemon_does_not_wait_for_them(
    kefu: Kefu, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Stopped lanes end at once, unacknowledged."""
    kefu.why = "app_removed"
    nursery.start_soon(kefu.says, message("one"))
    await trio.sleep(5)
    began = trio.current_time()
    await kefu.replies.finish()

    assert trio.current_time() - began < 1
    assert [] == kefu.journal.entries
