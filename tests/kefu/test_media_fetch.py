"""A file is fetched with what its place deserves, looked at, and streamed; nothing secret goes anywhere else."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Self, cast

import httpx
import pytest
import trio

from slackkefu.easemob.names import AppKey, ImUser
from slackkefu.easemob.rest import UserToken
from slackkefu.errors import (
    AddressNotPublic,
    ConnectFailed,
    MediaUnavailable,
    RestPlanLimit,
    SlackkefuError,
    StoreBroken,
)
from slackkefu.kefu import media_fetch
from slackkefu.kefu.media_fetch import MAX_BYTES, MediaFetch, MediaFile
from slackkefu.kefu.messages import Media
from slackkefu.kefu.recovery import FETCHES, after_fetch
from slackkefu.secret import Secret
from slackkefu.world import InlineDisk, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from slackkefu.net.network import Network

MIA = ImUser("t0north001_u0mia00001_d0mia00001")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
KEFU = "https://kefu.example/v1/Tenant/1001/MediaFiles/a.png"
IM = "https://im.example/acme/support/chatfiles/9c1b"
ELSEWHERE = "https://files.example/a.png"


class Web:
    """A small web: what each address answers, and what was asked."""

    def __init__(self) -> None:
        self.pages: defaultdict[str, list[httpx.Response | Exception]] = defaultdict(list)
        self.asked: list[tuple[str, str, str, bool]] = []
        self.tokens: list[UserToken | SlackkefuError] = []
        self.rejected: list[Secret | None] = []
        self.rest_problem: SlackkefuError | None = None
        self.fetch = MediaFetch(
            world=World(network=cast("Network", self), disk=InlineDisk(), wall=lambda: 0.0, chance=random.Random(1)),
            kefu_url="https://kefu.example",
            app_key=AppKey("acme", "support"),
            addresses=self,
            tokens=self,
        )

    async def rest_urls(self) -> tuple[str, ...]:
        """Know Easemob's host."""
        await trio.lowlevel.checkpoint()
        if self.rest_problem is not None:
            raise self.rest_problem
        return ("https://im.example",)

    async def user_token(self, user: ImUser, *, rejected: Secret | None = None) -> UserToken:
        """Give a token, or a problem."""
        await trio.lowlevel.checkpoint()
        self.rejected.append(rejected)
        given = self.tokens.pop(0) if self.tokens else UserToken(Secret("token-1"), 0.0, fresh=False)
        if isinstance(given, SlackkefuError):
            raise given
        return given

    def http_client(
        self, *, base_url: str, timeout_s: float, headers: Mapping[str, str] | None = None, public_only: bool = False
    ) -> httpx.AsyncClient:
        """Make a client."""

        async def answer(request: httpx.Request) -> httpx.Response:
            await trio.lowlevel.checkpoint()
            secret, bearer = request.headers.get("share-secret", ""), request.headers.get("authorization", "")
            self.asked.append((str(request.url), secret, bearer, public_only))
            assert request.headers["accept-encoding"] == "identity"
            found = self.pages[str(request.url)]
            given = found.pop(0) if len(found) > 1 else found[0] if found else httpx.Response(404)
            if isinstance(given, Exception):
                raise given
            return given

        return httpx.AsyncClient(transport=httpx.MockTransport(answer))

    def file(self, url: str, kind: Any = "image", **fields: Any) -> MediaFile:
        """Return a file at *url*."""
        return self.fetch.file(MIA, Media(kind, url, secret=Secret("secret-1"), **fields))

    async def read(self, file: MediaFile) -> tuple[str, int, bytes]:
        """Fetch a file whole."""
        async with file.open() as content:
            return content.name, content.size, b"".join([chunk async for chunk in content.chunks])

    async def refused(self, file: MediaFile) -> tuple[str, bool, str]:
        """Fetch a file in vain; say why, whether that passes, and the link that is left."""
        with pytest.raises(MediaUnavailable) as caught:
            await self.read(file)
        return caught.value.reason, caught.value.is_passing, file.link


def picture() -> httpx.Response:
    """Answer with a picture."""
    return httpx.Response(200, content=PNG, headers={"content-type": "image/png"})


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (KEFU, KEFU),
        ("/v1/Tenant/1001/MediaFiles/a.png", KEFU),
        ("http://kefu.example/v1/Tenant/1001/MediaFiles/a.png", KEFU),
        ("//files.example/a.png", ELSEWHERE),
        (IM, IM),
    ],
)
async def test_what_is_open_is_asked_for_plainly(given: str, url: str) -> None:
    """Wherever a file stands, it is asked for as anybody would first; strangers' addresses have to be public."""
    web = Web()
    web.pages[url] = [picture()]
    file = web.file(given, filename="screen.png")

    assert ("screen.png", len(PNG), PNG) == await web.read(file)
    assert [(url, "", "", url == ELSEWHERE)] == web.asked
    assert url == file.link


async def test_a_restricted_file_of_easemobs() -> None:
    """Where Easemob refuses, secret and token are shown, a refused token's successor once; such a file has no link."""
    web = Web()
    web.pages[IM] = [httpx.Response(401), httpx.Response(401), picture()]
    web.tokens = [UserToken(Secret(f"token-{number}"), 0.0, fresh=False) for number in (1, 2)]
    file = web.file(IM)

    assert ("image.png", len(PNG), PNG) == await web.read(file)
    assert [(IM, "", ""), (IM, "secret-1", "Bearer token-1"), (IM, "secret-1", "Bearer token-2")] == [
        asked[:3] for asked in web.asked
    ]
    assert [None, Secret("token-1")] == web.rejected
    assert "" == file.link


@pytest.mark.parametrize("url", [KEFU, ELSEWHERE, "https://im.example/acme/other/chatfiles/9c1b"])
async def test_nobody_else_is_shown_a_secret(url: str) -> None:
    """A host that is not Easemob's, and another app's files there, get nothing however they refuse."""
    web = Web()
    web.pages[url] = [httpx.Response(401)]

    assert ("http_401", False, "") == await web.refused(web.file(url))
    assert [(url, "", "")] == [asked[:3] for asked in web.asked]
    assert [] == web.rejected


async def test_secrets_end_where_a_redirect_leaves() -> None:
    """Object storage is followed to, plainly; and what comes back from there to Easemob is not trusted again."""
    web = Web()
    back = "https://im.example/acme/support/chatfiles/other"
    web.pages[IM] = [httpx.Response(401), httpx.Response(302, headers={"location": ELSEWHERE})]
    web.pages[ELSEWHERE] = [httpx.Response(307, headers={"location": back})]
    web.pages[back] = [picture()]

    assert PNG == (await web.read(web.file(IM)))[2]
    assert [
        (IM, "", "", False),
        (IM, "secret-1", "Bearer token-1", False),
        (ELSEWHERE, "", "", True),
        (back, "", "", False),
    ] == web.asked


async def test_redirects_end() -> None:
    """A circle of redirects is left, and one to nowhere not followed."""
    web = Web()
    web.pages[KEFU] = [httpx.Response(301, headers={"location": KEFU})]

    assert "too_many_redirects" == (await web.refused(web.file(KEFU)))[0]

    web.pages[KEFU] = [httpx.Response(301, headers={"location": "file:///etc/passwd"})]

    assert ("no_url", False, "") == await web.refused(web.file(KEFU))


async def test_a_secret_that_cannot_be_sent() -> None:
    """A secret that is no header's value is left out; it cannot make the request another one."""
    web = Web()
    web.pages[IM] = [httpx.Response(401)]
    file = web.fetch.file(MIA, Media("image", IM, secret=Secret("a\r\nHost: evil")))
    await web.refused(file)

    assert {("", ""), ("", "Bearer token-1")} == {asked[1:3] for asked in web.asked}


@pytest.mark.parametrize(
    ("answer", "reason", "is_passing", "has_link"),
    [
        (httpx.Response(404), "http_404", False, False),
        (httpx.Response(503), "http_503", True, True),
        (httpx.Response(429), "http_429", True, True),
        (httpx.ConnectTimeout("x"), "ConnectTimeout", True, True),
        (httpx.ReadError("x"), "ReadError", True, True),
        (AddressNotPublic("files.example"), "not_public", False, False),
        (httpx.Response(200), "empty", False, False),
        (httpx.Response(200, text="<html>sign in", headers={"content-type": "text/html"}), "not_a_file", False, False),
        (httpx.Response(200, content=b"x", headers={"content-length": str(MAX_BYTES + 1)}), "too_large", False, True),
    ],
)
async def test_what_cannot_be_had(
    answer: httpx.Response | Exception, reason: str, is_passing: bool, has_link: bool
) -> None:
    """Each failure says whether it may pass, and a link is left only where it may be good."""
    web = Web()
    web.pages[ELSEWHERE] = [answer]

    assert (reason, is_passing, ELSEWHERE if has_link else "") == await web.refused(web.file(ELSEWHERE))


async def test_no_address() -> None:
    """What leads nowhere is not asked for."""
    web = Web()

    assert ("no_url", False, "") == await web.refused(web.file("ftp://files.example/a.png"))
    assert [] == web.asked


@pytest.mark.parametrize(
    ("problem", "is_passing"), [(ConnectFailed("im.example", "x"), True), (RestPlanLimit("x", 429, "x"), False)]
)
async def test_no_token(problem: SlackkefuError, is_passing: bool) -> None:
    """Without a token a restricted file cannot be had, at least not now."""
    web = Web()
    web.pages[IM] = [httpx.Response(401)]
    web.tokens = [problem]

    assert ("no_token", is_passing, "") == await web.refused(web.file(IM))


async def test_easemob_cannot_be_found() -> None:
    """While nobody knows Easemob's hosts, an address of theirs is a stranger's; a broken store ends everything."""
    web = Web()
    web.rest_problem = ConnectFailed("rs.example", "x")
    web.pages[IM] = [httpx.Response(401)]

    assert ("http_401", False, "") == await web.refused(web.file(IM))
    assert [(IM, "", "", True)] == web.asked


async def test_a_broken_store_is_not_covered_up(tmp_path: Path) -> None:
    """A sync that failed is no matter of one file."""
    web = Web()
    web.pages[IM] = [httpx.Response(401)]
    web.tokens = [StoreBroken(tmp_path, "x")]
    with pytest.raises(StoreBroken):
        await web.read(web.file(IM))
    web.rest_problem = StoreBroken(tmp_path, "x")
    with pytest.raises(StoreBroken):
        await web.read(web.file(IM))


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    """Yield bytes without a word on how many."""
    for piece in given:
        await trio.lowlevel.checkpoint()
        yield piece


@pytest.mark.parametrize("in_memory", [10, 1 << 20])
async def test_a_size_that_nobody_tells(monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    """A file of unknown size goes through memory or the disk, byte for byte, and its size is known then."""
    monkeypatch.setattr(media_fetch, "IN_MEMORY_BYTES", in_memory)
    web = Web()
    web.pages[KEFU] = [httpx.Response(200, content=pieces(PNG[:3], b"", PNG[3:70], PNG[70:]))]

    assert ("a.png", len(PNG), PNG) == await web.read(web.file(KEFU))


async def test_an_unknown_size_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that turns out too large is let go on the way."""
    monkeypatch.setattr(media_fetch, "MAX_BYTES", 100)
    web = Web()
    web.pages[KEFU] = [httpx.Response(200, content=pieces(PNG))]

    assert ("too_large", False, KEFU) == await web.refused(web.file(KEFU))


async def test_a_full_disk_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for it now, it is tried again."""

    class Full:
        def __init__(self, _: int) -> None: ...

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def write(self, _: bytes) -> None:
            raise OSError(28, "no space left")

    monkeypatch.setattr(media_fetch, "SpooledTemporaryFile", Full)
    web = Web()
    web.pages[KEFU] = [httpx.Response(200, content=pieces(PNG))]

    assert ("no_room", True, KEFU) == await web.refused(web.file(KEFU))


async def test_bytes_that_break_off() -> None:
    """Where the bytes break off, whoever takes them is told, with our own error."""

    async def broken() -> AsyncIterator[bytes]:
        yield PNG
        raise httpx.ReadError("x")

    web = Web()
    web.pages[KEFU] = [httpx.Response(200, content=broken(), headers={"content-length": "99999"})]

    assert ("ReadError", True, KEFU) == await web.refused(web.file(KEFU))


async def test_what_is_not_read_is_closed() -> None:
    """Whoever stops in the middle leaves nothing open."""
    web = Web()
    web.pages[KEFU] = [httpx.Response(200, content=pieces(PNG[:99], PNG[99:]), headers={"content-length": "9999"})]
    async with web.file(KEFU).open() as content:
        assert PNG[:99] == await anext(content.chunks)
    with pytest.raises(StopAsyncIteration):
        await anext(content.chunks)


def test_when_to_fetch_again() -> None:
    """What may pass is tried for some minutes; what does not, not at all."""
    passing = MediaUnavailable("http_503", is_passing=True)
    pauses = [after_fetch(passing, failures=number) for number in range(1, FETCHES + 1)]

    assert [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, None] == pauses
    assert after_fetch(MediaUnavailable("http_404"), failures=1) is None
    assert "a file of the desk's cannot be had: http_404" == str(MediaUnavailable("http_404"))
