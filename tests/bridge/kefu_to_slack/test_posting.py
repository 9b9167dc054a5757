"""An answer is posted in its place until Slack has taken it, or has refused it everywhere it may go."""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
import trio
import trio.testing

from slackkefu.bridge.book import Book, wrote
from slackkefu.bridge.kefu_to_slack.hearing import Hearing
from slackkefu.bridge.kefu_to_slack.intents import Intents
from slackkefu.bridge.kefu_to_slack.looking import Looking
from slackkefu.bridge.kefu_to_slack.posting import APP_REMOVED, BLOCKS_REFUSED, NO_ADDRESS, Posting
from slackkefu.bridge.kefu_to_slack.to_slack import InPrivate, posts
from slackkefu.bridge.slack_to_kefu.routing import Ignored
from slackkefu.bridge.table import Reason
from slackkefu.easemob.names import ImUser
from slackkefu.errors import LinkClosed, SlackApiError, SlackOutcomeUnknown, SlackRateLimited, VisitorUnreachable
from slackkefu.slack.ids import ChannelId, Ts
from slackkefu.slack.installation import Installation, Installations
from slackkefu.slack.reading import Reading
from slackkefu.slack.uploads import Upload
from slackkefu.slack.web import Post, Posted
from slackkefu.store.entries import Answered, Intent, Standing
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, MIA_CHANNEL, NORTH, Journal, Shelf, envelope, forward, installation, world
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from structlog.testing import LogCapture

    from slackkefu.bridge.kefu_to_slack.to_slack import Place
    from slackkefu.secret import Secret
    from slackkefu.slack.installation import InstallationKey
    from slackkefu.slack.uploads import Source, Uploads
    from slackkefu.slack.web import WebClient

METHOD = "chat.postMessage"
SOUTH = installation("south")
CHANNEL: dict[str, Any] = {"channel": "C0SUPPORT1", "channel_type": "channel"}


def now() -> Ts:
    """Return what Slack calls a message that is written now."""
    return Ts(f"{virtual_wall()():.6f}")


class Slack:
    """A Slack whose first answers to posts are given; then every post is taken, after *takes_s*."""

    def __init__(self) -> None:
        self.takes_s = 0.0
        self.answers: deque[Exception | None] = deque()
        self.tried: list[tuple[Post, float]] = []
        self.taken: list[tuple[str, str, str | None, str]] = []
        self.ids: list[str] = []
        self.at: list[Ts] = []
        self.refusals: deque[Exception] = deque()
        self.calls: list[str] = []

    async def post_message(self, installation: Installation, post: Post) -> Posted:
        """Take a post, or give the next answer."""
        self.tried.append((post, trio.current_time()))
        await trio.sleep(self.takes_s)
        answer = self.answers.popleft() if self.answers else None
        if answer is not None:
            raise answer
        self.take(installation, post)
        self.at.append(now())
        return Posted(ChannelId(post.channel), self.at[-1])

    def take(self, installation: Installation, post: Post) -> None:
        """Let a post stand in Slack, whatever was answered."""
        self.taken.append((installation.team_name, post.channel, post.thread_ts, post.text))
        self.ids.append(post.metadata_id)

    async def call(self, method: str, arguments: Mapping[str, object], *, token: Secret) -> Mapping[str, object]:
        """Open a conversation, or show the history: one message a page, or the next refusal."""
        await trio.lowlevel.checkpoint()
        self.calls.append(method)
        if method == "conversations.open":
            return {"channel": {"id": "D0OPENED01"}}
        if self.refusals:
            raise self.refusals.popleft()
        page = int(str(arguments.get("cursor") or 0))
        shown = [{"ts": f"9.{page}", "metadata": {"event_payload": {"id": each}}} for each in self.ids[page : page + 1]]
        more = page + 1 < len(self.ids)
        return {
            "messages": [{"text": "somebody's"}, *shown],
            "has_more": more,
            "response_metadata": {"next_cursor": str(page + 1) if more else ""},
        }


class Files(Slack):
    """A Slack that takes files too; the first completions meet the given refusals."""

    def __init__(self) -> None:
        super().__init__()
        self.shared: list[tuple[str, str, str | None]] = []
        self.brought = 0
        self.refused: deque[Exception] = deque()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Open the file."""
        await trio.lowlevel.checkpoint()
        yield

    async def conversation(self, _: Installation, channel: str) -> ChannelId:
        """Open a direct message."""
        await trio.lowlevel.checkpoint()
        return ChannelId("D0OPENED01" if channel.startswith("U") else channel)

    async def bring(self, _: Installation, content: None, *, alt_text: str) -> str:
        """Take the bytes."""
        await trio.lowlevel.checkpoint()
        self.brought += 1
        return f"F{self.brought}"

    async def complete(self, _: Installation, file_id: str, upload: Upload, channel: ChannelId) -> None:
        """Share a file."""
        await trio.lowlevel.checkpoint()
        if self.refused:
            raise self.refused.popleft()
        self.shared.append((file_id, channel, upload.thread_ts))

    async def shares(self, _: Installation, file_id: str, channel: ChannelId) -> Posted | None:
        """Say where a file stands."""
        await trio.lowlevel.checkpoint()
        return next((Posted(channel, Ts("9.9")) for each in self.shared if each[:2] == (file_id, channel)), None)


class Desk:
    """Posting with a stand-in for Slack, and a book in which some visitors have written."""

    def __init__(self, *installations: Installation, slack: Slack | None = None) -> None:
        self.slack = slack or Slack()
        self.installations = Installations(installations or (NORTH,))
        self.book = Book([], store=Shelf(), disk=InlineDisk())
        self.journal = Journal()
        self.intents = Intents(journal=self.journal, wall=virtual_wall())
        self.hearing = Hearing(renew=lambda: None)
        self.left: list[tuple[InstallationKey, str]] = []
        self.posting = Posting(
            hearing=self.hearing,
            looking=Looking(
                web=cast("WebClient", self.slack),
                reading=Reading(web=cast("WebClient", self.slack)),
                hearing=self.hearing,
            ),
            intents=self.intents,
            world=world(),
            web=cast("WebClient", self.slack),
            uploads=cast("Uploads", self.slack),
            installations=self.installations,
            book=self.book,
            on_left=lambda key, channel: self.left.append((key, channel)),
        )

    def wrote(self, **changes: Any) -> None:
        """Let Mia write."""
        message = forward(**changes)
        self.book.remember(wrote(self.book.get(message.user), message, now=0.0))

    def hears(self, text: str, decision: Ignored, **changes: Any) -> None:
        """Let an event come, by default one of now."""
        event = envelope(text, **{"ts": now(), **changes})
        self.hearing.took(event.payload, decision)

    async def answers(self, words: str, user: str = MIA, identity: str = "m-1") -> str | None:
        """Post an answer."""

        def make(place: Place) -> Iterable[Post]:
            return posts(words, place=place, identity=identity)

        return await self.posting.post(ImUser(user), make)


# Files.


def shared(place: Place) -> list[Upload]:
    """Make the upload of a file."""
    channel = place.user if isinstance(place, InPrivate) else place.channel
    thread_ts = None if isinstance(place, InPrivate) else place.thread_ts
    return [Upload(channel=channel, thread_ts=thread_ts, file=cast("Source", FILES), metadata_id="m-1/0")]


FILES = Files()


async def test_a_file_goes_where_words_would(autojump_clock: trio.testing.MockClock) -> None:
    """A file that the channel refuses goes to the visitor alone, brought anew; where it stands is known."""
    slack = Files()
    desk = Desk(slack=slack)
    desk.wrote(**CHANNEL)
    slack.refused.append(SlackApiError("files.completeUploadExternal", "is_archived"))

    assert await desk.posting.post(ImUser(MIA_CHANNEL), shared) is None
    assert [("F2", "D0OPENED01", None)] == slack.shared
    assert (Standing("D0OPENED01", "9.9", file_id="F2"),) == desk.intents.standing(ImUser(MIA_CHANNEL), "m-1")
    assert ["F1", "F2"] == [entry.file_id for entry in desk.journal.entries if isinstance(entry, Intent)]
    assert 1 == desk.posting.statistics().files


async def test_a_file_that_the_run_before_has_shared(autojump_clock: trio.testing.MockClock) -> None:
    """After a restart a file that stands there is found, in the thread it went to, and not even fetched."""
    slack = Files()
    before, after = Desk(slack=slack), Desk(slack=slack)
    before.wrote(**CHANNEL)
    after.wrote(**CHANNEL, ts="1760000099.000001")
    slack.refused.append(SlackOutcomeUnknown("files.completeUploadExternal", "HTTP 502"))
    with trio.move_on_after(1):
        await before.posting.post(ImUser(MIA_CHANNEL), shared)
    slack.shared.append(("F1", "C0SUPPORT1", "1760000000.000001"))
    after.intents.restore(before.journal.entries)

    assert await after.posting.post(ImUser(MIA_CHANNEL), shared) is None
    assert (1, 1) == (slack.brought, after.posting.statistics().found)


# Where it stands.


async def test_where_a_post_stands(autojump_clock: trio.testing.MockClock) -> None:
    """It is known from Slack's answer, the echo, or the history."""
    desk = Desk()
    await desk.answers("hi")

    assert (Standing("D0MIA00001", desk.slack.at[0]),) == desk.intents.standing(ImUser(MIA), "m-1")

    heard = Desk()
    heard.hears("before", Ignored(Reason.OWN_MESSAGE))
    heard.slack.answers.append(SlackOutcomeUnknown(METHOD, "HTTP 502"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(heard.answers, "hi")
        await trio.sleep(1)
        heard.hears("hi", Ignored(Reason.OWN_MESSAGE), ts="1999999999.000001")

    assert (Standing("D0MIA00001", "1999999999.000001"),) == heard.intents.standing(ImUser(MIA), "m-1")

    found = Desk()
    found.slack.answers.append(SlackOutcomeUnknown(METHOD, "HTTP 502"))
    found.slack.ids += ["other/0", "m-1/0"]
    await found.answers("hi")

    assert (Standing("D0MIA00001", "9.1"),) == found.intents.standing(ImUser(MIA), "m-1")


# Where it belongs.


@pytest.mark.parametrize(
    ("expected", "user", "changes"),
    [
        (("D0MIA00001", None, "hi"), MIA, {}),
        (("D0MIA00001", "1.1", "hi"), MIA, {"thread_ts": "1.1"}),
        (("C0SUPPORT1", "1760000000.000001", "hi"), MIA_CHANNEL, CHANNEL),
        (("C0SUPPORT1", "1.1", "hi"), MIA_CHANNEL, {**CHANNEL, "thread_ts": "1.1"}),
    ],
)
async def test_an_answer_goes_where_the_visitor_wrote(
    expected: tuple[str, str | None, str], user: str, changes: dict[str, Any]
) -> None:
    """In a direct message plainly or in its thread; in a channel in the thread of the visitor's last message."""
    desk = Desk()
    desk.wrote(**changes)
    await desk.answers("hi", user)

    assert [("North", *expected)] == desk.slack.taken


async def test_the_last_words_decide() -> None:
    """The thread of an answer is that of the latest message."""
    desk = Desk()
    desk.wrote(number=1, thread_ts="1.1")
    desk.wrote(number=2)
    await desk.answers("hi")

    assert [("North", "D0MIA00001", None, "hi")] == desk.slack.taken


async def test_a_channel_without_a_thread_is_answered_in_private() -> None:
    """Where no thread is known nothing is written openly into the channel."""
    desk = Desk()
    desk.wrote(**CHANNEL)
    known = desk.book.get(ImUser(MIA_CHANNEL))
    assert known is not None
    desk.book.remember(msgspec.structs.replace(known, thread_ts=None))
    await desk.answers("hi", MIA_CHANNEL)

    assert [("North", "U0MIA00001", None, "<#C0SUPPORT1> hi")] == desk.slack.taken


@pytest.mark.parametrize(
    ("expected", "user"),
    [(("D0MIA00001", None, "hi"), MIA), (("U0MIA00001", None, "<#C0SUPPORT1> hi"), MIA_CHANNEL)],
)
async def test_a_lost_store_loses_no_answer(expected: tuple[str, str | None, str], user: str) -> None:
    """Without a record the visitor is known by name: a direct message is answered, a channel in private."""
    desk = Desk()
    await desk.answers("hi", user)

    assert [("North", *expected)] == desk.slack.taken


async def test_a_guest_is_answered_with_the_token_that_knows_them() -> None:
    """In a shared channel the answer goes out through the installation the words came by, not the author's own team."""
    desk = Desk(NORTH, SOUTH)
    desk.wrote(**CHANNEL, user_team="T0SOUTH001")
    await desk.answers("hi", "t0south001_u0mia00001_c0support1")

    assert ["North"] == [name for name, *_ in desk.slack.taken]


async def test_a_stranger_is_no_visitor(log: LogCapture) -> None:
    """An answer to an IM user that is none of ours goes nowhere, and is said."""
    desk = Desk()

    assert NO_ADDRESS == await desk.answers("hi", "somebody_else")
    assert [] == desk.slack.tried
    assert ["slack.no_address"] == [entry["event"] for entry in log.entries]


# Until it is taken.


@pytest.mark.parametrize(
    ("problem", "at_least_s", "doubled"),
    [
        (SlackRateLimited(METHOD, 30.0), 30.0, 0),
        (SlackOutcomeUnknown(METHOD, "HTTP 502"), 2.0, 0),
        (LinkClosed("slack.com", "cut"), 1.0, 0),
        (SlackApiError(METHOD, "team_added_to_org"), 60.0, 0),
        (SlackApiError(METHOD, "invalid_auth"), 60.0, 0),
        (SlackApiError(METHOD, "token_revoked"), 60.0, 0),
    ],
)
async def test_what_slack_does_not_take_now_is_tried_again(
    autojump_clock: trio.testing.MockClock, problem: Exception, at_least_s: float, doubled: int
) -> None:
    """The same post comes again after the pause its error asks for; a possible double is counted."""
    desk = Desk()
    desk.slack.answers.append(problem)
    await desk.answers("hi")
    (first, _), (again, at) = desk.slack.tried

    assert first == again
    assert at >= at_least_s
    assert 1 == len(desk.slack.taken)
    statistics = desk.posting.statistics()
    assert (1, 0, doubled) == (statistics.posted, statistics.refused, statistics.doubled_possible)


async def test_the_parts_stay_in_order(autojump_clock: trio.testing.MockClock) -> None:
    """A part that is not taken yet holds back those behind it."""
    desk = Desk()
    desk.slack.answers += [LinkClosed("slack.com", "cut"), None, SlackOutcomeUnknown(METHOD, "HTTP 500")]
    await desk.answers("x" * 3900 + " " + "y" * 3900 + " z")

    assert ["x", "y", "z"] == [text[0] for *_, text in desk.slack.taken]


async def test_an_operator_is_told_what_to_do(autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """Where only a person can help, the line says how; the words are in no line."""
    desk = Desk()
    desk.slack.answers.append(SlackApiError(METHOD, "missing_scope", needed="chat:write"))
    await desk.answers("sekrit")
    (entry,) = log.entries

    assert ("slack.post_again", "warning") == (entry["event"], entry["log_level"])
    assert "chat:write" in entry["problem"]
    assert "install the app again" in entry["problem"]
    assert "sekrit" not in str(log.entries)


async def test_nothing_is_posted_without_an_installation(autojump_clock: trio.testing.MockClock) -> None:
    """Where the app has left nothing is tried, and whoever posts is told so: the answer stays where it is."""
    desk = Desk(SOUTH)
    with pytest.raises(VisitorUnreachable) as unreachable:
        await desk.answers("hi")

    assert APP_REMOVED == unreachable.value.reason
    assert [] == desk.slack.tried
    assert 0 == desk.posting.statistics().refused


async def test_a_token_that_dies_while_it_is_tried(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A dead answer refuses nothing for good; once somebody has found out that the app has left, that counts."""
    desk = Desk(NORTH)
    desk.slack.answers += [SlackApiError(METHOD, "account_inactive")] * 1000

    async def finds_out() -> None:
        await trio.sleep(300)
        desk.installations.remove(NORTH.key)

    nursery.start_soon(finds_out)
    with pytest.raises(VisitorUnreachable):
        await desk.answers("hi")

    assert 300 <= trio.current_time() < 420


async def test_a_channel_that_the_app_has_left(autojump_clock: trio.testing.MockClock) -> None:
    """An answer does not go round to its reader in private: the app was put out there, and that is told at once."""
    desk = Desk(NORTH)
    desk.wrote(**CHANNEL)
    desk.slack.answers += [SlackApiError(METHOD, "not_in_channel")]
    with pytest.raises(VisitorUnreachable):
        await desk.answers("hi", MIA_CHANNEL)

    assert [(NORTH.key, "C0SUPPORT1")] == desk.left
    assert [] == desk.slack.taken


# Where it is refused.


@pytest.mark.parametrize("code", ["channel_not_found", "is_archived", "thread_not_found"])
async def test_a_refused_channel_is_answered_in_private(code: str) -> None:
    """What a channel does not take goes to the visitor alone, whole."""
    desk = Desk()
    desk.wrote(**CHANNEL)
    desk.slack.answers += [None, SlackApiError(METHOD, code)]
    await desk.answers("x" * 3900 + " y", MIA_CHANNEL)
    private = [text for _, channel, _, text in desk.slack.taken if channel == "U0MIA00001"]

    assert ["<#C0SUPPORT1> " + "x" * 3900, "<#C0SUPPORT1> y"] == private


async def test_what_is_refused_everywhere_is_said(log: LogCapture) -> None:
    """An answer that Slack takes nowhere is given up with each of Slack's codes in the log, and does not block."""
    desk = Desk()
    desk.wrote(**CHANNEL)
    desk.slack.answers += [SlackApiError(METHOD, "is_archived"), SlackApiError(METHOD, "user_disabled")]
    assert "user_disabled" == await desk.answers("hi", MIA_CHANNEL)
    assert [] == desk.slack.taken
    assert [("is_archived", "goes elsewhere"), ("user_disabled", "not in Slack")] == [
        (entry["code"], entry["meaning"]) for entry in log.entries
    ]
    assert 2 == desk.posting.statistics().refused


async def test_the_same_words_again_are_another_message(autojump_clock: trio.testing.MockClock) -> None:
    """What is recognised is the message, not its words."""
    desk = Desk()
    for identity in ("m-1", "m-2"):
        await desk.posting.post(
            ImUser(MIA),
            lambda place, identity=identity: posts("yes", place=place, identity=identity),  # type: ignore[misc]  # mypy does not see defaults of lambdas
        )

    assert 2 == len(desk.slack.taken)


# What may be there already.


async def test_an_intent_is_on_disk_before_the_post(autojump_clock: trio.testing.MockClock) -> None:
    """While the disk takes no intent nothing is posted; then each part is, after its own intent."""
    desk = Desk()
    desk.wrote()
    desk.journal.is_full = True
    with trio.move_on_after(60):
        await desk.answers("hi")

    assert [] == desk.slack.tried

    desk.journal.is_full = False
    await desk.answers("hi")

    assert 1 == len(desk.slack.taken)
    assert [("m-1", 0)] == [(each.message, each.part) for each in desk.journal.entries if isinstance(each, Intent)]


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_lost_answer_is_looked_into(autojump_clock: trio.testing.MockClock, is_there: bool) -> None:
    """A post whose answer was lost is looked for page by page, and made again only when it is not there."""
    desk = Desk()
    desk.wrote()
    desk.slack.ids += ["m-0/0", *(["m-1/0"] if is_there else [])]
    desk.slack.answers.append(SlackOutcomeUnknown(METHOD, "HTTP 502"))
    await desk.answers("hi")
    statistics = desk.posting.statistics()

    assert (0 if is_there else 1) == len(desk.slack.taken)
    assert (1, is_there, 0) == (statistics.looked, statistics.found, statistics.doubled_possible)


@pytest.mark.parametrize("is_there", [True, False])
async def test_what_the_run_before_left_open(autojump_clock: trio.testing.MockClock, is_there: bool) -> None:
    """After a restart an intent without an ending is looked for before anything is posted; an ending ends it."""
    desk = Desk()
    desk.wrote()
    desk.slack.answers.append(SlackOutcomeUnknown(METHOD, "HTTP 502"))
    with trio.move_on_after(1):
        await desk.answers("hi")
    after = Desk()
    after.wrote()
    after.intents.restore(desk.journal.entries)
    after.slack.ids += ["m-1/0"] if is_there else []
    await after.answers("hi")

    assert (0 if is_there else 1) == len(after.slack.taken)
    assert 1 == after.posting.statistics().looked

    ended = Answered(user=MIA, msg_id="m-1", outcome="posted", at=0.0)
    later = Desk()
    later.wrote()
    later.intents.restore([*desk.journal.entries, ended])
    await later.answers("hi")

    assert 0 == later.posting.statistics().looked


@pytest.mark.parametrize(
    ("refusal", "times", "doubled"),
    [
        (SlackRateLimited("conversations.history", 61.0), 1, 1),
        (SlackRateLimited("conversations.history", 20.0), 1, 0),
        (LinkClosed("slack.com", "cut"), 5, 0),
        (LinkClosed("slack.com", "cut"), 100, 1),
        (SlackApiError("conversations.history", "missing_scope"), 1, 1),
        (SlackApiError("conversations.replies", "thread_not_found"), 2, 0),
    ],
)
async def test_what_slack_does_not_say(
    autojump_clock: trio.testing.MockClock, refusal: Exception, times: int, doubled: int
) -> None:
    """A question that is not answered in a minute, or not at all, ends in a post that may be there twice; counted."""
    desk = Desk()
    desk.wrote(thread_ts="1.1" if getattr(refusal, "method", "") == "conversations.replies" else None)
    desk.slack.refusals += [refusal] * times
    desk.slack.answers.append(SlackOutcomeUnknown(METHOD, "HTTP 502"))
    with trio.fail_after(70):
        await desk.answers("hi")

    assert 1 == len(desk.slack.taken)
    assert doubled == desk.posting.statistics().doubled_possible


async def test_an_echo_settles_a_lost_answer(autojump_clock: trio.testing.MockClock) -> None:
    """A post whose echo came is there: nothing is looked for, and nothing posted again."""
    desk = Desk()
    desk.wrote()
    desk.hears("somebody's", Ignored(Reason.EMPTY))
    await trio.sleep(1)
    desk.slack.answers.append(SlackOutcomeUnknown(METHOD, "HTTP 502"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.answers, "hi")
        await trio.sleep(0.5)
        desk.hears("hi", Ignored(Reason.OWN_MESSAGE), bot_id="B0NORTHBOT")
    statistics = desk.posting.statistics()

    assert ([], []) == (desk.slack.taken, desk.slack.calls)
    assert (1, 1, 1) == (statistics.looked, statistics.found, statistics.heard)


async def test_the_echo_of_an_equal_post_settles_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Of two answers with the same words the first one's echo, which comes late, is not taken for the second's."""
    desk = Desk()
    desk.wrote()
    await desk.answers("yes")
    desk.slack.answers.append(SlackOutcomeUnknown(METHOD, "HTTP 502"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.answers, "yes", MIA, "m-2")
        await trio.sleep(0.5)
        desk.hears("yes", Ignored(Reason.OWN_MESSAGE), bot_id="B0NORTHBOT", ts=desk.slack.at[0])

    assert ["m-1/0", "m-2/0"] == desk.slack.ids


async def test_a_try_that_was_interrupted(autojump_clock: trio.testing.MockClock) -> None:
    """What was posted of a message before it made us fail is left alone, and what may be there is looked for."""
    desk = Desk()
    desk.wrote()
    words = "x" * 3900 + " " + "y" * 3900 + " z"
    desk.slack.answers += [None, ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        await desk.answers(words)
    desk.intents.interrupted(ImUser(MIA), "m-1")
    await desk.answers(words)

    assert ["x", "y", "z"] == [text[0] for *_, text in desk.slack.taken]
    assert 1 == desk.posting.statistics().looked


async def test_what_may_be_there_stays_in_its_thread(autojump_clock: trio.testing.MockClock) -> None:
    """A visitor who has moved on meanwhile does not move what may be posted already; where it is refused, it moves."""
    desk = Desk()
    desk.wrote(number=1, thread_ts="1.1")
    desk.slack.answers.append(SlackOutcomeUnknown(METHOD, "HTTP 502"))
    with trio.move_on_after(1):
        await desk.answers("hi")
    for now_in, refusals, thread in (
        ("2.2", [], "1.1"),
        ("1.1", [SlackApiError(METHOD, "thread_not_found")], None),
        ("2.2", [SlackApiError(METHOD, "thread_not_found")], "2.2"),
        (None, [SlackApiError(METHOD, "thread_not_found")], None),
    ):
        after = Desk()
        after.wrote(thread_ts=now_in)
        after.intents.restore(desk.journal.entries)
        after.slack.answers += refusals
        await after.answers("hi")

        assert [thread] == [each for _, _, each, _ in after.slack.taken]


async def test_a_private_answer_is_looked_for_where_it_went(autojump_clock: trio.testing.MockClock) -> None:
    """A post to a person is looked for in their direct message with the app, which is opened for it."""
    desk = Desk()
    desk.slack.ids.append("m-1/0")
    desk.slack.answers.append(SlackOutcomeUnknown(METHOD, "HTTP 502"))
    await desk.answers("hi", MIA_CHANNEL)

    assert [] == desk.slack.taken
    assert ["conversations.open", "conversations.history"] == desk.slack.calls


@pytest.mark.parametrize("restart", [False, True])
async def test_what_was_begun_goes_on_where_it_was_begun(autojump_clock: trio.testing.MockClock, restart: bool) -> None:
    """A message that was begun in private stays there, though its visitor has a thread by now: it is there once."""
    desk = Desk()
    words = "x" * 3900 + " " + "y" * 3900 + " z"
    desk.slack.answers += [None, ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        await desk.answers(words, MIA_CHANNEL)
    after = Desk() if restart else desk
    if restart:
        after.intents.restore(desk.journal.entries)
        after.slack.ids += desk.slack.ids
    else:
        desk.intents.interrupted(ImUser(MIA_CHANNEL), "m-1")
    after.wrote(thread_ts="1.1", **CHANNEL)
    await after.answers(words, MIA_CHANNEL)
    taken = [*desk.slack.taken, *(after.slack.taken if restart else [])]

    assert ["x", "y", "z"] == [text.removeprefix("<#C0SUPPORT1> ")[0] for *_, text in taken]
    assert {"U0MIA00001"} == {channel for _, channel, _, _ in taken}


async def test_what_was_begun_where_it_may_not_go_any_more(autojump_clock: trio.testing.MockClock) -> None:
    """Where an earlier try has begun and is refused now, the message goes where it belongs."""
    desk = Desk()
    desk.slack.answers.append(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await desk.answers("hi", MIA_CHANNEL)
    desk.intents.interrupted(ImUser(MIA_CHANNEL), "m-1")
    desk.wrote(thread_ts="1.1", **CHANNEL)
    desk.slack.answers.append(SlackApiError(METHOD, "user_not_found"))

    assert await desk.answers("hi", MIA_CHANNEL) is None
    assert [("North", "C0SUPPORT1", "1.1", "hi")] == desk.slack.taken


@pytest.mark.parametrize("code", sorted(BLOCKS_REFUSED))
async def test_blocks_that_are_refused(autojump_clock: trio.testing.MockClock, code: str) -> None:
    """Where Slack does not take the blocks, the same post is made again as plain text."""
    desk = Desk()
    desk.wrote()
    desk.slack.answers += [SlackApiError("chat.postMessage", code)]
    block = {"type": "divider"}
    refusal = await desk.posting.post(
        ImUser(MIA), lambda place: [replace(each, blocks=(block,)) for each in posts("hi", place=place, identity="m")]
    )

    assert refusal is None
    assert [(block,), ()] == [post.blocks for post, _ in desk.slack.tried]
    assert ["hi"] == [text for _, _, _, text in desk.slack.taken]


async def test_an_answer_without_blocks_is_refused_as_before(autojump_clock: trio.testing.MockClock) -> None:
    """A plain post that is refused is not made again."""
    desk = Desk()
    desk.wrote()
    desk.slack.answers += [SlackApiError("chat.postMessage", "invalid_blocks")]
    refusal = await desk.posting.post(ImUser(MIA), lambda place: posts("hi", place=place, identity="m"))

    assert ("invalid_blocks", 1) == (refusal, len(desk.slack.tried))
