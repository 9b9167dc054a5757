"""A file passes from Slack to Easemob piece by piece; after a few tries a line goes in its place."""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
import trio.testing

from slackkefu.bridge.agent_lines import NotCarried, file_line
from slackkefu.bridge.slack_to_kefu.cargo import Cargo, line_for
from slackkefu.bridge.slack_to_kefu.carrying import AT_ONCE, PATIENCE_S, TRIES, Brought, Carrying
from slackkefu.easemob.attachments import MAX_BYTES, Attachment
from slackkefu.easemob.message import MediaBody, OutgoingMessage, TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.errors import (
    ConnectFailed,
    EasemobSetupError,
    LinkClosed,
    RestError,
    RestOutcomeUnknown,
    RestPlanLimit,
    RestRateLimited,
    RestUnauthorized,
    SlackApiError,
    SlackRateLimited,
)
from slackkefu.secret import Secret
from slackkefu.slack.file_ref import FileRef
from slackkefu.slack.files import NOT_SLACKS, SIGN_IN, Download
from slackkefu.slack.installation import Installations
from slackkefu.world import InlineDisk, World
from tests.bridge.people import NORTH, world
from tests.bridge.slack_to_kefu.test_cargo import file

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable

    from slackkefu.easemob.attachments import Attachments
    from slackkefu.slack.files import Files
    from slackkefu.slack.installation import Installation

CUT = LinkClosed("files.slack.com", "ReadError")
LOST = RestOutcomeUnknown("POST /chatfiles", "cut")


class Ends:
    """Slack's files and Easemob's, with what the next tries meet; then all goes well."""

    def __init__(self, *pieces: bytes, length: int | None = -1) -> None:
        self.pieces = pieces
        self.length = len(b"".join(pieces)) if length == -1 else length
        self.info_answers: deque[FileRef | Exception] = deque()
        self.downloads: deque[Exception] = deque()
        self.uploads: deque[Exception] = deque()
        self.asked: list[str] = []
        self.opened: list[FileRef] = []
        self.stored: list[bytes] = []
        self.most_ahead = 0
        self.under_way = self.most_under_way = 0
        self.takes_s = 0.0
        self._given = 0

    async def info(self, _: Installation, file_id: str) -> FileRef:
        """Say what a file is."""
        await trio.lowlevel.checkpoint()
        self.asked.append(file_id)
        answer = self.info_answers.popleft() if self.info_answers else file()
        if isinstance(answer, Exception):
            raise answer
        return answer

    @asynccontextmanager
    async def open(self, _: Installation, opened: FileRef) -> AsyncIterator[Download]:
        """Give a file."""
        await trio.lowlevel.checkpoint()
        self.opened.append(opened)
        if self.downloads:
            raise self.downloads.popleft()
        self._given = 0
        pieces = self._come()
        try:
            yield Download(self.length, pieces)
        finally:
            await pieces.aclose()

    async def _come(self) -> AsyncGenerator[bytes]:
        for piece in self.pieces:
            self._given += 1
            yield piece

    async def upload(self, content: AsyncIterable[bytes], *, length: int, filename: str, mimetype: str) -> Attachment:
        """Take a file."""
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await trio.sleep(self.takes_s)
        self.under_way -= 1
        if self.uploads:
            raise self.uploads.popleft()
        taken: list[bytes] = []
        async for piece in content:
            taken.append(piece)
            self.most_ahead = max(self.most_ahead, self._given - len(taken))
        self.stored.append(b"".join(taken))
        assert length == len(self.stored[-1])
        return Attachment(f"https://im.test/{filename}", Secret(""))


def carrying(ends: Ends, around: World | None = None) -> Carrying:
    """Make the way between these ends."""
    return Carrying(files=cast("Files", ends), attachments=cast("Attachments", ends), world=around or world())


def cargo(**changes: Any) -> Cargo:
    """Make a part that is a file."""
    shared = file(**changes)
    return Cargo(OutgoingMessage(7, ImUser("kefu_service"), line_for(shared)), shared)


def line(why: NotCarried, name: str = "a.png") -> str:
    """Return what stands in the file's place."""
    return file_line(name, why=why, link=file().permalink)


def said(brought: Brought) -> str:
    """Return the line that came of it."""
    assert isinstance(brought.message.body, TextBody)
    return brought.message.body.text


async def test_a_file_is_passed_on_as_it_comes(autojump_clock: trio.testing.MockClock) -> None:
    """No piece is asked for before the last one is gone; what is sent says where it lies."""
    ends = Ends(*[b"x" * 1000] * 50)
    brought = await carrying(ends).bring(NORTH, cargo(size=50_000))

    assert [b"x" * 50_000] == ends.stored
    assert 0 == ends.most_ahead
    assert Brought(brought.message, is_final=True) == brought
    assert isinstance(brought.message.body, MediaBody)
    assert ("img", "https://im.test/a.png", 50_000) == (
        brought.message.body.kind,
        brought.message.body.remote_path,
        brought.message.body.length_bytes,
    )
    assert [] == ends.asked


async def test_a_file_of_a_workspace_that_has_removed_the_app(autojump_clock: trio.testing.MockClock) -> None:
    """Nobody may read it any more, and nobody tries: a line says so at once."""
    ends = Ends(b"x")
    gone = Installations([]).in_any_case(NORTH.key)
    brought = await carrying(ends).bring(gone, cargo(size=1))

    assert line(NotCarried.APP_REMOVED) == said(brought)
    assert ([], []) == (ends.stored, ends.asked)


async def test_a_file_of_unknown_length(autojump_clock: trio.testing.MockClock) -> None:
    """Is copied to the disk first, so that its length is known, and then goes out whole."""
    ends = Ends(b"ab", b"", b"c" * 100_000, length=None)
    await carrying(ends).bring(NORTH, cargo(size=None))

    assert [b"ab" + b"c" * 100_000] == ends.stored


async def test_too_long_a_file_of_unknown_length(autojump_clock: trio.testing.MockClock) -> None:
    """No more of it is fetched than shows that, and nothing is uploaded."""
    ends = Ends(*[b"x" * 1024 * 1024] * 20, length=None)
    brought = await carrying(ends).bring(NORTH, cargo(size=None))

    assert line(NotCarried.TOO_LARGE) == said(brought)
    assert ([], 11) == (ends.stored, ends._given)


async def test_a_disk_that_takes_no_copy(autojump_clock: trio.testing.MockClock) -> None:
    """Is tried again like any other fault that may pass."""
    problems: list[OSError] = [OSError(28, "No space left on device")] * 2

    class Full(InlineDisk):
        async def run(self, work: Callable[[], Any]) -> Any:
            if problems:
                raise problems.pop()
            return await super().run(work)

    ends = Ends(b"abc", length=None)
    around = world()
    full = World(network=around.network, disk=Full(), wall=around.wall, chance=around.chance)
    await carrying(ends, full).bring(NORTH, cargo(size=None))

    assert [b"abc"] == ends.stored


@pytest.mark.parametrize(
    ("downloads", "uploads"),
    [
        ([CUT], []),
        ([ConnectFailed("files.slack.com", "no route")] * (TRIES - 1), []),
        ([SlackRateLimited("the download of a file", 20.0)], []),
        ([SlackApiError("the download of a file", SIGN_IN)], []),
        ([SlackApiError("the download of a file", "http_404")], []),
        ([], [LOST, CUT]),
        ([], [RestUnauthorized("POST /chatfiles", 401, "unauthorized")]),
        ([], [RestRateLimited("POST /chatfiles", 429, "reach_limit")] * 3),
        ([], [RestError("POST /chatfiles", 502, "")] * 2),
        ([], [EasemobSetupError("POST /token", "400", "Mend it.")]),
        ([CUT, CUT], [LOST, LOST, LOST]),
    ],
    ids=str,
)
async def test_what_may_pass_is_tried_again(
    autojump_clock: trio.testing.MockClock, downloads: list[Exception], uploads: list[Exception]
) -> None:
    """From the second time on Slack is asked first what the file is now."""
    ends = Ends(b"abcde")
    ends.downloads += downloads
    ends.uploads += uploads
    way = carrying(ends)
    brought = await way.bring(NORTH, cargo())
    failed = len(downloads) + len(uploads)

    assert [b"abcde"] == ends.stored
    assert isinstance(brought.message.body, MediaBody)
    assert ["F1"] * failed == ends.asked
    statistics = way.statistics()
    assert (1, 5, 0, failed) == (
        statistics.carried,
        statistics.carried_bytes,
        statistics.lines,
        statistics.tries_failed,
    )


@pytest.mark.parametrize(
    ("why", "is_final", "download", "upload"),
    [
        (NotCarried.FAILED, False, CUT, None),
        (NotCarried.DENIED, False, SlackApiError("the download of a file", SIGN_IN), None),
        (NotCarried.NOT_GIVEN, False, SlackApiError("the download of a file", "http_404"), None),
        (NotCarried.NOT_GIVEN, True, SlackApiError("the download of a file", NOT_SLACKS), None),
        (NotCarried.FAILED, False, None, LOST),
        (NotCarried.FAILED, False, None, EasemobSetupError("POST /token", "400", "Mend it.")),
        (NotCarried.NOT_TAKEN, True, None, RestError("POST /chatfiles", 403, "forbidden_op")),
        (NotCarried.NOT_TAKEN, True, None, RestPlanLimit("POST /chatfiles", 429, "resource_limited")),
        (NotCarried.TOO_LARGE, True, None, RestError("POST /chatfiles", 413, "file exceeding maximum limit")),
    ],
    ids=str,
)
async def test_a_line_in_its_place(
    autojump_clock: trio.testing.MockClock,
    why: NotCarried,
    is_final: bool,
    download: Exception | None,
    upload: Exception | None,
) -> None:
    """What is refused for good at once, what fails again and again after a few tries, and that only for now."""
    ends = Ends(b"abcde")
    ends.downloads += [download] * 100 if download else []
    ends.uploads += [upload] * 100 if upload else []
    way = carrying(ends)
    brought = await way.bring(NORTH, cargo())

    assert (line(why), is_final) == (said(brought), brought.is_final)
    assert (1 if is_final else TRIES) == len(ends.opened)
    assert trio.current_time() <= PATIENCE_S
    assert 1 == way.statistics().lines


@pytest.mark.parametrize(
    ("why", "info"),
    [
        (NotCarried.DELETED, SlackApiError("files.info", "file_not_found")),
        (NotCarried.DELETED, SlackApiError("files.info", "file_deleted")),
        (NotCarried.DENIED, SlackApiError("files.info", "missing_scope", needed="files:read")),
        (NotCarried.APP_REMOVED, SlackApiError("files.info", "account_inactive")),
        (NotCarried.DELETED, FileRef("F1", "", "", None, "tombstone")),
        (NotCarried.REFUSED_TYPE, file(name="a.exe")),
        (NotCarried.TOO_LARGE, file(size=MAX_BYTES + 1)),
        (NotCarried.EXTERNAL, file(is_external=True)),
    ],
    ids=str,
)
async def test_what_slack_says_when_it_is_asked(
    autojump_clock: trio.testing.MockClock, why: NotCarried, info: FileRef | Exception
) -> None:
    """Decides: of a file in Slack Connect nothing was known before."""
    ends = Ends(b"abcde")
    ends.info_answers.append(info)
    brought = await carrying(ends).bring(NORTH, cargo(access="check_file_info", url="", size=None))

    assert said(brought).startswith("[文件 File] a.")
    assert file_line("", why=why).removeprefix("[文件 File]  · ") in said(brought)
    assert brought.is_final
    assert ([], ["F1"]) == (ends.opened, ends.asked)


async def test_a_file_in_slack_connect(autojump_clock: trio.testing.MockClock) -> None:
    """Slack is asked what it is; what was learnt is what is carried."""
    ends = Ends(b"abcde")
    brought = await carrying(ends).bring(
        NORTH, cargo(name="", mimetype="", access="check_file_info", url="", size=None)
    )

    assert isinstance(brought.message.body, MediaBody)
    assert ("img", "a.png") == (brought.message.body.kind, brought.message.body.filename)
    assert ([file()], ["F1"]) == (ends.opened, ends.asked)


async def test_an_answer_about_another_file(autojump_clock: trio.testing.MockClock) -> None:
    """Is none: the file stays what it was."""
    ends = Ends(b"abcde")
    ends.downloads.append(CUT)
    ends.info_answers.append(FileRef("", "", "", None, ""))
    await carrying(ends).bring(NORTH, cargo())

    assert [file(), file()] == ends.opened


async def test_what_is_plain_beforehand(autojump_clock: trio.testing.MockClock) -> None:
    """Nobody is asked anything."""
    ends = Ends(b"abcde")
    brought = await carrying(ends).bring(NORTH, cargo(is_external=True, url="https://docs.example.com/1"))

    assert said(brought).endswith(" · https://docs.example.com/1")
    assert ([], []) == (ends.asked, ends.opened)


async def test_an_endless_try_ends(autojump_clock: trio.testing.MockClock) -> None:
    """However slowly it goes, the visitor's lane goes on after five minutes."""
    ends = Ends(b"abcde")
    ends.takes_s = 1e9
    brought = await carrying(ends).bring(NORTH, cargo())

    assert (line(NotCarried.FAILED), False) == (said(brought), brought.is_final)
    assert PATIENCE_S == pytest.approx(trio.current_time(), abs=1.0)


async def test_only_some_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """Files of many visitors take turns."""
    ends = Ends(b"abcde")
    ends.takes_s = 5.0
    way = carrying(ends)
    async with trio.open_nursery() as nursery:
        for _ in range(3 * AT_ONCE):
            nursery.start_soon(way.bring, NORTH, cargo())

    assert (AT_ONCE, 3 * AT_ONCE) == (ends.most_under_way, len(ends.stored))
