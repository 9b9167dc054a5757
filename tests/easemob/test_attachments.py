"""A file is uploaded as one part of a form, as a stream, restricted; where it lies is read from the answer."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio

from slackkefu.demo.easemob import FakeEasemob
from slackkefu.easemob.attachments import Attachment, Attachments
from slackkefu.easemob.names import AppKey
from slackkefu.easemob.rest import RestClient
from slackkefu.errors import (
    LinkClosed,
    RemoteProtocolError,
    RestError,
    RestOutcomeUnknown,
    RestUnauthorized,
    SlackkefuError,
)
from slackkefu.net.network import TcpNetwork
from slackkefu.secret import Secret
from slackkefu.world import InlineDisk, World
from tests.easemob.fakes import APP_KEY, REST, SECRET, FixedEndpoints, MemoryStore, answer, error, make_world
from tests.facts import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from trio.testing import MockClock

UPLOADED = load("rest-samples/file-upload.json")["cases"]


class Server:
    """Easemob's REST, as far as tokens and uploads go."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = [*answers]
        self.uploads: list[httpx.Request] = []
        self.contents: list[bytes] = []
        self.tokens = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        await trio.lowlevel.checkpoint()
        if request.url.path.endswith("/token"):
            self.tokens += 1
            return answer(200, {"access_token": f"app-{self.tokens}", "expires_in": 5_184_000})
        assert isinstance(request.stream, httpx.AsyncByteStream)
        self.uploads.append(request)
        self.contents.append(b"".join([piece async for piece in request.stream]))
        given = self.answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given


async def pieces(*parts: bytes, problem: Exception | None = None) -> AsyncIterator[bytes]:
    """Yield a file."""
    for part in parts:
        yield part
        await trio.lowlevel.checkpoint()
    if problem is not None:
        raise problem


def client(server: Server, nursery: trio.Nursery) -> RestClient:
    """Make a client of *server*."""
    return RestClient(
        world=make_world(server),
        nursery=nursery,
        endpoints=FixedEndpoints(),
        app_key=APP_KEY,
        client_id="CLIENT-ID-EXAMPLE",
        client_secret=SECRET,
        store=MemoryStore(),
    )


async def upload(
    server: Server, content: AsyncIterator[bytes], *, length: int, filename: str = "a.png", mimetype: str = "image/png"
) -> Attachment:
    """Upload a file to *server*."""
    outcome: Attachment | SlackkefuError
    async with trio.open_nursery() as nursery:
        rest = client(server, nursery)
        attachments = Attachments(rest, chance=random.Random(1))
        try:
            outcome = await attachments.upload(content, length=length, filename=filename, mimetype=mimetype)
        except SlackkefuError as exc:
            outcome = exc
        await rest.aclose()
        nursery.cancel_scope.cancel()
    if isinstance(outcome, SlackkefuError):
        raise outcome
    return outcome


def sample(case: str) -> Any:
    """Return one case of the samples."""
    return next(each for each in UPLOADED if each["case"] == case)


def good(case: str = "ok-restricted") -> httpx.Response:
    """Make the answer of a sample."""
    return answer(200, sample(case)["response"]["body"])


async def test_as_in_the_sample(autojump_clock: MockClock) -> None:
    """Address, token, restriction and the one part are those of the sample; address and secret come of the answer."""
    server = Server(good())
    attachment = await upload(server, pieces(b"by", b"tes"), length=5, filename="screen.png")
    (request,) = server.uploads
    written = sample("ok-restricted")["request"]
    boundary = request.headers["content-type"].partition("boundary=")[2]

    assert (written["method"], written["url"]) == (request.method, str(request.url))
    assert ("Bearer app-1", "true") == (request.headers["authorization"], request.headers["restrict-access"])
    assert str(len(server.contents[0])) == request.headers["content-length"]
    assert (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="file"; filename="screen.png"\r\n'
        "Content-Type: image/png\r\n\r\nbytes\r\n"
        f"--{boundary}--\r\n"
    ).encode() == server.contents[0]
    uuid = "7c1d0001-2a7f-11ef-93aa-0242ac120002"
    assert Attachment(f"{REST}/acme/support/chatfiles/{uuid}", Secret("SHARE-SECRET-EXAMPLE")) == attachment


async def test_an_open_file_needs_no_secret(autojump_clock: MockClock) -> None:
    """Where a cluster gives none."""
    assert Secret("") == (await upload(Server(good("ok-open")), pieces(b"x"), length=1)).secret


@pytest.mark.parametrize(
    ("expected", "filename", "mimetype"),
    [
        ('filename="图 %22a%22.png"\r\nContent-Type: image/png\r\n', '图 "a".png', "image/png"),
        ('filename="a%0D%0Ab"\r\nContent-Type: application/octet-stream\r\n', "a\r\nb", "x/y\r\nEvil: 1"),
        ('filename="a"\r\nContent-Type: application/octet-stream\r\n', "a", ""),
    ],
)
async def test_a_name_stays_a_name(expected: str, filename: str, mimetype: str, autojump_clock: MockClock) -> None:
    """Nothing in name or type makes another header of it."""
    server = Server(good())
    await upload(server, pieces(b"x"), length=1, filename=filename, mimetype=mimetype)

    assert expected.encode() in server.contents[0]


async def test_a_new_token_after_a_401(autojump_clock: MockClock) -> None:
    """The upload itself ends, for its stream is used up; the next one has another token."""
    server = Server(error(401, "unauthorized", "Unable to authenticate due to expired access token"), good())
    async with trio.open_nursery() as nursery:
        rest = client(server, nursery)
        attachments = Attachments(rest, chance=random.Random(1))
        with pytest.raises(RestUnauthorized):
            await attachments.upload(pieces(b"x"), length=1, filename="a", mimetype="")
        await attachments.upload(pieces(b"x"), length=1, filename="a", mimetype="")
        await rest.aclose()
        nursery.cancel_scope.cancel()

    assert ["Bearer app-1", "Bearer app-2"] == [each.headers["authorization"] for each in server.uploads]


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        (RestError, error(413, "file exceeding maximum limit")),
        (RestError, error(400, "illegal_argument", "file must be provided.")),
        (RestOutcomeUnknown, httpx.ReadError("")),
        (RemoteProtocolError, answer(200, {})),
        (RemoteProtocolError, answer(200, {"entities": "x"})),
        (RemoteProtocolError, answer(200, {"entities": [{"uuid": "../../token"}]})),
        (RemoteProtocolError, answer(200, {"entities": [{"uuid": 5}]})),
        (RemoteProtocolError, httpx.Response(200, content=b"<html>")),
    ],
)
async def test_an_upload_that_fails(
    expected: type[Exception], given: httpx.Response | Exception, autojump_clock: MockClock
) -> None:
    """Not taken, or nobody knows where the file lies."""
    with pytest.raises(expected):
        await upload(Server(given), pieces(b"x"), length=1)


async def test_what_the_file_s_source_raises(autojump_clock: MockClock) -> None:
    """Is raised as it is: it is not Easemob's fault, and Easemob's server is not left for it."""
    with pytest.raises(LinkClosed):
        await upload(Server(good()), pieces(b"x", problem=LinkClosed("files.slack.com", "cut")), length=2)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_large_file_over_real_sockets(fails: bool) -> None:
    """Byte for byte, a piece at a time, with no more than some pieces under way; a source that breaks ends it."""
    easemob = FakeEasemob()
    chance = random.Random(1)
    content = [chance.randbytes(65_536) for _ in range(100)]
    problem = LinkClosed("files.slack.com", "cut") if fails else None
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            await nursery.start(easemob.serve_loopback)
            rest = RestClient(
                world=World(TcpNetwork(), disk=InlineDisk()),
                nursery=nursery,
                endpoints=FixedEndpoints(rest=(easemob.rest_url,)),
                app_key=AppKey.parse(easemob.app_key),
                client_id=easemob.client_id,
                client_secret=Secret(easemob.client_secret),
                store=MemoryStore(),
            )
            attachments = Attachments(rest, chance=chance)
            source = pieces(*content[: 50 if fails else 100], problem=problem)
            try:
                attachment = await attachments.upload(
                    source, length=65_536 * 100, filename="图.bin", mimetype="application/zip"
                )
            except LinkClosed:
                assert fails
            else:
                stored = easemob.attachment(attachment.url)
                assert b"".join(content) == stored.content
                assert ("图.bin", "application/zip") == (stored.name, stored.mimetype)
                assert attachment.secret.reveal() == stored.secret
            await rest.aclose()
            nursery.cancel_scope.cancel()


def test_facts_of_the_samples() -> None:
    """At least one sample is restricted and one open."""
    cases: Mapping[str, Any] = {each["case"]: each for each in UPLOADED}

    assert {"ok-restricted", "ok-open"} <= {*cases}
