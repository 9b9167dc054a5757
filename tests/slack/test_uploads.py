"""The three steps of an upload, what each can end in, and where a file is found (facts/slack.md §7)."""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.errors import LinkClosed, MediaUnavailable, SlackApiError, SlackOutcomeUnknown
from slackkefu.slack.ids import ChannelId, Ts
from slackkefu.slack.recovery import UPLOAD
from slackkefu.slack.uploads import MAX_ALT_TEXT, Upload, Uploads
from slackkefu.slack.web import READS, Posted
from tests.bridge.people import NORTH
from tests.easemob.fakes import make_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from slackkefu.secret import Secret
    from slackkefu.slack.web import WebClient

PLACE = "https://files.slack.com/upload/v1/abc"
DM = ChannelId("D0MIA00001")


@dataclass
class File:
    """A file of some bytes; breaks off after them when told so."""

    content: bytes = b"abcdef"
    breaks: bool = False
    name: str = "a.png"

    @property
    def size(self) -> int:
        """Its size."""
        return len(self.content)

    @property
    def chunks(self) -> AsyncIterator[bytes]:
        """Its bytes, in two pieces."""
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[bytes]:
        yield self.content[:2]
        await trio.lowlevel.checkpoint()
        if self.breaks:
            raise MediaUnavailable("ReadError", is_passing=True)
        yield self.content[2:]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[File]:
        """Open it."""
        yield self


class Slack:
    """A Slack whose answers are given."""

    def __init__(self, *answers: Mapping[str, object] | Exception) -> None:
        self.answers = deque(answers)
        self.calls: list[tuple[str, dict[str, object]]] = []
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []
        self.receipt: httpx.Response | Exception = httpx.Response(200, text="OK - 6")
        self.uploads = Uploads(world=make_world(self._fill), web=cast("WebClient", self))

    async def call(self, method: str, arguments: Mapping[str, object], *, token: Secret) -> Mapping[str, object]:
        """Answer a call."""
        await trio.lowlevel.checkpoint()
        assert token == NORTH.bot_token
        self.calls.append((method, {name: value for name, value in arguments.items() if value is not None}))
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _fill(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.bodies.append(await request.aread())
        if isinstance(self.receipt, Exception):
            raise self.receipt
        return self.receipt


async def test_bytes_are_brought() -> None:
    """Name, size and alternative text are announced, and the bytes are brought to their place, without any token."""
    slack = Slack({"file_id": "F1", "upload_url": PLACE})

    assert "F1" == await slack.uploads.bring(NORTH, File(), alt_text="a picture")
    assert [("files.getUploadURLExternal", {"filename": "a.png", "length": 6, "alt_txt": "a picture"})] == slack.calls

    (request,) = slack.requests

    assert ("POST", PLACE, b"abcdef") == (request.method, str(request.url), slack.bodies[0])
    assert ("6", False) == (request.headers["content-length"], "transfer-encoding" in request.headers)
    assert "authorization" not in request.headers


async def test_a_long_alternative_text() -> None:
    """Slack takes so much of it."""
    slack = Slack({"file_id": "F1", "upload_url": PLACE})
    await slack.uploads.bring(NORTH, File(), alt_text="x" * 2000)

    assert MAX_ALT_TEXT == len(str(slack.calls[0][1]["alt_txt"]))


def test_a_place_is_asked_for_by_a_form() -> None:
    """``files.getUploadURLExternal`` takes a form, and can be asked again: what is not completed is discarded."""
    assert "files.getUploadURLExternal" in READS
    assert "files.completeUploadExternal" not in READS


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"file_id": "F1"},
        {"file_id": 7, "upload_url": PLACE},
        {"file_id": "F1", "upload_url": "ftp://x"},
        {"file_id": "F1", "upload_url": "http://files.slack.com/x"},
    ],
)
async def test_no_place(answer: Mapping[str, object]) -> None:
    """An answer without a usable place is none; nothing is sent in the clear."""
    slack = Slack(answer)
    with pytest.raises(LinkClosed, match="no place"):
        await slack.uploads.bring(NORTH, File())

    assert [] == slack.requests


@pytest.mark.parametrize(
    ("receipt", "reason"),
    [
        (httpx.Response(503), "HTTP 503"),
        (httpx.Response(429), "HTTP 429"),
        (httpx.Response(302, headers={"location": "https://elsewhere.test/"}), "HTTP 302"),
        (httpx.Response(200, text="<html>"), "HTTP 200"),
        (httpx.ReadTimeout("x"), "ReadTimeout"),
        (httpx.ConnectError("refused"), "refused"),
    ],
)
async def test_bytes_that_may_not_be_there(receipt: httpx.Response | Exception, reason: str) -> None:
    """Without Slack's receipt the bytes may not be there; no redirect is followed, and no error quotes the place."""
    slack = Slack({"file_id": "F1", "upload_url": PLACE})
    slack.receipt = receipt
    with pytest.raises(SlackOutcomeUnknown) as caught:
        await slack.uploads.bring(NORTH, File())

    assert (UPLOAD, reason) == (caught.value.method, caught.value.reason)
    assert "abc" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_bytes_that_are_refused() -> None:
    """A refusal is one."""
    slack = Slack({"file_id": "F1", "upload_url": PLACE})
    slack.receipt = httpx.Response(403)
    with pytest.raises(SlackApiError) as caught:
        await slack.uploads.bring(NORTH, File())

    assert (UPLOAD, "http_403") == (caught.value.method, caught.value.code)


async def test_bytes_that_do_not_come() -> None:
    """Where the file itself breaks off, that is said, and not taken for Slack's fault."""
    slack = Slack({"file_id": "F1", "upload_url": PLACE})
    with pytest.raises(MediaUnavailable, match="ReadError"):
        await slack.uploads.bring(NORTH, File(breaks=True))


async def test_completing() -> None:
    """A file is completed into one conversation, its thread, and below its words."""
    slack = Slack({"files": []}, {"files": []})
    upload = Upload(channel="U0MIA00001", file=File(), thread_ts=Ts("1.1"), comment="Lin")
    await slack.uploads.complete(NORTH, "F1", upload, DM)
    await slack.uploads.complete(NORTH, "F2", Upload(channel=DM, file=File()), DM)
    method = "files.completeUploadExternal"

    assert [
        (method, {"files": [{"id": "F1"}], "channel_id": DM, "thread_ts": "1.1", "initial_comment": "Lin"}),
        (method, {"files": [{"id": "F2"}], "channel_id": DM}),
    ] == slack.calls


@pytest.mark.parametrize(
    ("shares", "stands_at"),
    [
        ({"private": {DM: [{"ts": "1.1"}]}}, Posted(DM, Ts("1.1"))),
        ({"public": {"C1": [{"ts": "2.2"}]}, "private": {DM: [{}]}}, Posted(DM, None)),
        ({"public": {"C1": [{"ts": "2.2"}]}}, None),
        ({"private": {DM: []}}, None),
        ({}, None),
        (None, None),
        ("x", None),
        ({"private": "x"}, None),
    ],
)
async def test_where_a_file_stands(shares: object, stands_at: Posted | None) -> None:
    """What ``files.info`` says of one conversation, however much of it there is."""
    slack = Slack({"file": {"id": "F1", "shares": shares}})

    assert stands_at == await slack.uploads.shares(NORTH, "F1", DM)


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda each: st.lists(each) | st.dictionaries(st.text(), each))
)
def test_any_answer_can_be_read(answer: Any) -> None:
    """No answer to ``files.info`` makes it fail."""

    async def ask() -> None:
        slack = Slack({"file": {"shares": {"private": answer}}}, {"file": answer})
        await slack.uploads.shares(NORTH, "F1", DM)
        await slack.uploads.shares(NORTH, "F1", DM)

    trio.run(ask)


async def test_the_conversation() -> None:
    """A user is reached in a direct message, which may be opened twice; a conversation is one already."""
    slack = Slack({"channel": {"id": DM}}, SlackOutcomeUnknown("conversations.open", "x"), {"channel": {}})

    assert DM == await slack.uploads.conversation(NORTH, DM)
    assert DM == await slack.uploads.conversation(NORTH, "U0MIA00001")
    assert [("conversations.open", {"users": "U0MIA00001"})] == slack.calls
    for _ in range(2):
        with pytest.raises(LinkClosed):
            await slack.uploads.conversation(NORTH, "W0MIA00001")
