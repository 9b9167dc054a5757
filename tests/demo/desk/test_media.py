"""A host of files hands them out, fails as told, and writes down what it is shown."""

from __future__ import annotations

import httpx
import pytest

from slackkefu.demo.desk import Desk, KefuHost, MediaFault, MediaHost
from slackkefu.demo.easemob import FakeEasemob
from slackkefu.demo.serve import AnswerLost

PNG = b"\x89PNG" + bytes(100_000)


def client(host: MediaHost) -> httpx.AsyncClient:
    """Make a client of the host."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(host), base_url="http://files")


@pytest.mark.parametrize("is_sized", [True, False])
async def test_files(is_sized: bool) -> None:
    """A file is handed out as it was put there, with its size where that is to be told; another is not there."""
    host = MediaHost()
    path = host.keeps("/a.png", PNG, content_type="image/png", is_sized=is_sized)
    async with client(host) as http:
        answer = await http.get(path)

        assert (200, PNG, "image/png") == (answer.status_code, answer.content, answer.headers["content-type"])
        assert is_sized == ("content-length" in answer.headers)
        assert 404 == (await http.get("/b.png")).status_code


async def test_what_it_is_shown() -> None:
    """Tokens and secrets are noticed, by whatever header they come."""
    host = MediaHost()
    async with client(host) as http:
        await http.get("/a")
        for name in ("Authorization", "share-secret", "Cookie"):
            await http.get("/a", headers={name: "x"})

    assert [False, True, True, True] == [asked.has_secrets for asked in host.asked]
    assert {"/a"} == {asked.path for asked in host.asked}


async def test_faults() -> None:
    """Faults come in order: a status with a body, a redirect, a connection that breaks in the middle."""
    host = MediaHost()
    host.fail(MediaFault(503, body=b"sorry"), times=2)
    host.fail(MediaFault(302, location="https://elsewhere.test/x"))
    host.fail(MediaFault(0))
    async with client(host) as http:
        assert [b"sorry", b"sorry"] == [(await http.get("/a")).content for _ in range(2)]
        assert "https://elsewhere.test/x" == (await http.get("/a")).headers["location"]
        with pytest.raises(AnswerLost):
            await http.get("/a")
        assert 404 == (await http.get("/a")).status_code


async def test_the_desks_own() -> None:
    """The desk keeps an agent's upload under the tenant, and hands it out without being asked who it is."""
    easemob = FakeEasemob()
    host = KefuHost(Desk(easemob), easemob)
    path = host.keeps("a.png", PNG)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(host.asgi), base_url="http://kefu") as http:
        assert "/v1/Tenant/1001/MediaFiles/a.png" == path
        assert PNG == (await http.get(path)).content
        assert [path] == [asked.path for asked in host.media.asked]
