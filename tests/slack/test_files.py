"""A file comes from Slack as a stream, whole or not at all; the token goes to Slack's file host and nowhere else."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, final

import httpx
import pytest
import trio

from slackkefu.demo.serve import serve_streams
from slackkefu.errors import ConnectFailed, LinkClosed, SlackApiError, SlackkefuError, SlackRateLimited
from slackkefu.net.network import TcpNetwork
from slackkefu.secret import Secret
from slackkefu.slack.file_ref import FileRef
from slackkefu.slack.files import NOT_SLACKS, SIGN_IN, SILENCE_S, Files, file_host
from slackkefu.slack.web import AsGiven, Verdict
from slackkefu.world import World
from tests.bridge.people import NORTH
from tests.net.streams import MemoryNetwork

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from slackkefu.slack.installation import InstallationKey
    from slackkefu.slack.web import Tokens

URL: Final = "https://files.slack.com/files-pri/T0NORTH001-F1/a.png"
PAGE: Final = b"<!DOCTYPE html><html><body>Sign in</body></html>"


class Host(httpx.AsyncBaseTransport):
    """A file host that gives one answer after the other; the last again and again."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        await trio.lowlevel.checkpoint()
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Pieces(httpx.AsyncByteStream):
    """Bytes that come in pieces, and break off where told so."""

    def __init__(self, *pieces: bytes, problem: Exception | None = None) -> None:
        self._pieces = pieces
        self._problem = problem
        self.given = 0
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.given += 1
            yield piece
        if self._problem is not None:
            raise self._problem

    async def aclose(self) -> None:
        """Close."""
        self.is_closed = True


class Info:
    """A Web API that knows one file."""

    def __init__(self, **file: object) -> None:
        self.file = file
        self.tokens: Tokens = AsGiven()
        self.asked: list[tuple[str, Mapping[str, object], str]] = []

    async def call(self, method: str, arguments: Mapping[str, object], *, token: Secret) -> Mapping[str, object]:
        """Answer a call."""
        await trio.lowlevel.checkpoint()
        self.asked.append((method, arguments, token.reveal()))
        return {"ok": True, **self.file}


def png(**changes: Any) -> FileRef:
    """Make a file."""
    fields: dict[str, Any] = {"name": "a.png", "mimetype": "image/png", "size": None, "mode": "hosted", "url": URL}
    return FileRef("F1", **(fields | changes))


def answer(*pieces: bytes, status: int = 200, problem: Exception | None = None, **headers: str) -> httpx.Response:
    """Make an answer; header names with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, stream=Pieces(*pieces, problem=problem))


@asynccontextmanager
async def files(host: Host, api_url: str = "https://slack.com/api/", web: Info | None = None) -> AsyncIterator[Files]:
    """Make Slack's files of a host."""
    made = Files(world=World(MemoryNetwork(http=host)), web=web or Info(), api_url=api_url)
    try:
        yield made
    finally:
        await made.aclose()


async def download(host: Host, file: FileRef, api_url: str = "https://slack.com/api/") -> tuple[int | None, bytes]:
    """Download a file, and return its length as it was said and its bytes."""
    async with files(host, api_url) as slack, slack.open(NORTH, file) as coming:
        return coming.length, b"".join([piece async for piece in coming.pieces])


async def refusal(host: Host, file: FileRef) -> SlackkefuError:
    """Return why a file does not come."""
    with pytest.raises(SlackkefuError) as caught:
        await download(host, file)
    return caught.value


async def test_a_file() -> None:
    """One request, with the installation's token, for the bytes as they are."""
    host = Host(answer(b"ab", b"c", content_length="3", content_type="image/png"))

    assert (3, b"abc") == await download(host, png(size=3))
    (request,) = host.requests
    assert ("GET", URL) == (request.method, str(request.url))
    assert ("Bearer xoxb-north", "identity") == (
        request.headers["authorization"],
        request.headers["accept-encoding"],
    )


async def test_a_file_of_unknown_length() -> None:
    """It comes all the same; so does one that is compressed on the way, whose length says nothing."""
    assert (None, b"abc") == await download(Host(answer(b"abc")), png())
    compressed = httpx.Response(200, headers={"content-encoding": "deflate"}, stream=Pieces(b"K\x4c\x4a\x06\x00"))

    assert (None, b"abc") == await download(Host(compressed), png(size=3))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://example.com/files-pri/a.png",
        "http://files.slack.com/files-pri/a.png",
        "https://files.slack.com:8443/files-pri/a.png",
        "https://files.slack.com.example.com/a.png",
        "https://files.slack.com@example.com/a.png",
        "https://me:secret@files.slack.com/a.png",
        "https://slack.com/files-pri/a.png",
        "//files.slack.com/a.png",
        "files.slack.com/a.png",
        "https://files.slack.com\\@example.com/a.png",
        "https://example.com\\.files.slack.com/",
        "https://[files.slack.com]/",
        "https://files.slack.com:99999/a.png",
        "https://files.slack.com\r\nHost: example.com/",
        "https://xn--/a.png",
        "javascript:alert(1)",
        "x" * 100_000,
    ],
)
async def test_the_token_goes_nowhere_else(url: str) -> None:
    """An address that is not exactly of Slack's file host is not asked at all."""
    host = Host(answer(b"abc"))
    error = await refusal(host, png(url=url))

    assert isinstance(error, SlackApiError)
    assert NOT_SLACKS == error.code
    assert [] == host.requests


@pytest.mark.parametrize(
    ("expected", "api_url"),
    [
        ("https://files.slack.com/", "https://slack.com/api/"),
        ("https://files.slack.com/", "https://www.slack.com/api/"),
        ("https://files.slack-gov.com/", "https://slack-gov.com/api/"),
        ("http://127.0.0.1:8123/", "http://127.0.0.1:8123/api/"),
    ],
)
def test_where_files_are(expected: str, api_url: str) -> None:
    """Beside the Web API; on this machine with it."""
    assert expected == str(file_host(api_url))


@pytest.mark.parametrize(
    "page",
    [
        answer(status=302, location="https://slack.com/?redir=%2Ffiles-pri"),
        answer(status=307, location="https://files.slack.com/other"),
        answer(PAGE, content_type="text/html; charset=utf-8"),
        answer(PAGE, content_type="image/png"),
        answer(b"  \n" + PAGE.lower(), content_type="image/png"),
        answer(b"abc", content_type="image/png", x_slack_meta="?;acl_fail"),
    ],
)
async def test_a_sign_in_page_is_no_file(page: httpx.Response) -> None:
    """Whether Slack leads there or gives it at once, by whatever type; no redirect is followed with the token."""
    host = Host(page)
    error = await refusal(host, png())

    assert isinstance(error, SlackApiError)
    assert SIGN_IN == error.code
    assert 1 == len(host.requests)


async def test_a_page_that_somebody_shared() -> None:
    """Is a file like any other."""
    host = Host(answer(PAGE, content_type="text/html", content_length=str(len(PAGE))))

    assert (len(PAGE), PAGE) == await download(host, png(mimetype="text/html", size=len(PAGE)))


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        (SlackRateLimited("the download of a file", 7.0), answer(status=429, retry_after="7")),
        (SlackApiError("the download of a file", "http_404"), answer(status=404)),
        (SlackApiError("the download of a file", "http_403"), answer(status=403)),
        (LinkClosed("files.slack.com", "HTTP 408"), answer(status=408)),
        (LinkClosed("files.slack.com", "HTTP 503"), answer(PAGE, status=503)),
        (LinkClosed("files.slack.com", "HTTP 206"), answer(b"a", status=206)),
        (ConnectFailed("files.slack.com", "no route"), httpx.ConnectError("no route")),
        (LinkClosed("files.slack.com", "ReadTimeout"), httpx.ReadTimeout("")),
    ],
    ids=str,
)
async def test_no_file_for_now_or_for_good(expected: SlackkefuError, given: httpx.Response | Exception) -> None:
    """What an answer without the file means is an error of ours."""
    error = await refusal(Host(given), png())

    assert (type(expected), expected.args) == (type(error), error.args)
    assert "xoxb" not in repr(error.__cause__) + repr(error)


@pytest.mark.parametrize(
    ("given", "size"),
    [
        (answer(b"abc", content_length="3"), 4),
        (answer(b"abc"), 4),
        (answer(b"abc"), 2),
        (answer(b"abc", content_length="4"), 4),
        (answer(b"abc", problem=httpx.ReadError("")), None),
        (answer(b"abc", content_length="5", problem=httpx.RemoteProtocolError("")), 5),
    ],
)
async def test_a_part_of_a_file_is_no_file(given: httpx.Response, size: int | None) -> None:
    """Too few bytes, too many, or a connection that breaks."""
    assert isinstance(await refusal(Host(given), png(size=size)), LinkClosed)


@final
class Replaced:
    """Tokens of which one has a successor, known at once or only when Slack is asked about it."""

    def __init__(self, web: Info, *, is_known: bool) -> None:
        self._web = web
        self._is_known = is_known

    def holder(self, token: Secret) -> InstallationKey | None:
        """Return whose it is."""
        return NORTH.key if token == NORTH.bot_token else None

    async def current(self, token: Secret) -> Secret:
        """Return the successor."""
        await trio.lowlevel.checkpoint()
        return Secret("xoxb-next") if self._is_known or self._web.asked else token

    async def refused(self, token: Secret, code: str) -> Verdict:
        """Nobody calls this."""
        raise AssertionError(code)


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_token_that_was_replaced(*, is_known: bool) -> None:
    """Its successor is sent; where only a sign-in page may tell, Slack is asked whether there is one."""
    web = Info()
    web.tokens = Replaced(web, is_known=is_known)
    signs_in = answer(status=302, location="https://slack.com/")
    host = Host(*([] if is_known else [signs_in]), answer(b"abc"))
    async with files(host, web=web) as slack, slack.open(NORTH, png()) as coming:
        content = b"".join([piece async for piece in coming.pieces])

    assert b"abc" == content
    assert "Bearer xoxb-next" == host.requests[-1].headers["authorization"]
    assert ([] if is_known else [("auth.test", {}, "xoxb-north")]) == web.asked


async def test_a_token_without_a_successor_is_not_sent_twice() -> None:
    """A sign-in page is what it is for a token that is as good as any."""
    web = Info()
    web.tokens = Replaced(web, is_known=False)
    host = Host(answer(status=302), answer(status=302), answer(b"abc"))
    async with files(host, web=web) as slack:
        with pytest.raises(SlackApiError, match=SIGN_IN):
            async with slack.open(NORTH, png()):
                pass

    assert 2 == len(host.requests)


async def test_who_stops_half_way_leaves_nothing_open() -> None:
    """The connection is closed, and what was not read is not kept."""
    stream = Pieces(b"a" * 70_000, b"b" * 70_000)
    async with files(Host(httpx.Response(200, stream=stream))) as slack, slack.open(NORTH, png()) as coming:
        await anext(coming.pieces)

    assert stream.is_closed


async def test_what_a_file_is() -> None:
    """``files.info`` is asked with the same token; what cannot be read is a file of which nothing is known."""
    web = Info(file={"id": "F1", "name": "a.png", "url_private": URL})
    made = Files(world=World(MemoryNetwork(http=Host(answer()))), web=web, api_url="https://slack.com/api/")

    assert ("F1", URL) == ((await made.info(NORTH, "F1")).id, (await made.info(NORTH, "F1")).url)
    assert ("files.info", {"file": "F1"}, "xoxb-north") == web.asked[0]
    web.file = {}
    assert FileRef("", "", "", None, "") == await made.info(NORTH, "F1")
    await made.aclose()


# Over real sockets.


@pytest.mark.parametrize("sent", [100_000, 60_000])
async def test_over_real_sockets(sent: int) -> None:
    """Bytes pass while they come; a connection that breaks in the middle is an error, and nothing is left open."""

    async def host(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * sent)

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            port = await nursery.start(serve_streams, host)
            slack = Files(world=World(TcpNetwork()), web=Info(), api_url=f"http://127.0.0.1:{port}/api/")
            came = 0
            try:
                async with slack.open(NORTH, png(url=f"http://127.0.0.1:{port}/a")) as coming:
                    async for piece in coming.pieces:
                        came += len(piece)
            except LinkClosed:
                assert sent < 100_000
            else:
                assert (100_000, 100_000) == (sent, came)
            await slack.aclose()
            nursery.cancel_scope.cancel()


async def test_who_stops_half_way_over_real_sockets() -> None:
    """Reading ends at once, also of a host that sends no more, and nothing is left open."""

    async def host(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 200_000)
        await stream.receive_some()

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            port = await nursery.start(serve_streams, host)
            slack = Files(world=World(TcpNetwork()), web=Info(), api_url=f"http://127.0.0.1:{port}/api/")
            async with slack.open(NORTH, png(url=f"http://127.0.0.1:{port}/a")) as coming:
                await anext(coming.pieces)
            await slack.aclose()
            nursery.cancel_scope.cancel()


async def test_silence_is_bounded() -> None:
    """The client gives a host that says nothing so long, and no longer."""
    async with files(Host(answer(b"abc"))) as slack:
        assert (SILENCE_S, SILENCE_S) == (slack._timeout.read, slack._timeout.write)
