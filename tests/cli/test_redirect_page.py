"""The page at the redirect address, over real TLS."""

from __future__ import annotations

import hashlib
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import pytest
import trio
import trio.testing
import trustme

from slackkefu.cli import redirect_page
from slackkefu.cli.certificate import own, self_signed
from slackkefu.cli.redirect_page import RedirectPage, answer_to
from slackkefu.errors import SlackSetupError, WrongUse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from structlog.testing import LogCapture

PATH = "/slack/oauth_redirect"


@dataclass
class Installer:
    """What completes an installation, or does not."""

    queries: list[str] = field(default_factory=list)
    problems: list[Exception] = field(default_factory=list)

    async def complete(self, query: str) -> None:
        """Take a query."""
        await trio.lowlevel.checkpoint()
        self.queries.append(query)
        if self.problems:
            raise self.problems.pop(0)


@dataclass
class Served:
    """A page that is being served."""

    installer: Installer
    url: str
    port: int
    trust: ssl.SSLContext
    ended: trio.Event

    async def get(self, target: str, *, method: str = "GET") -> httpx.Response:
        """Ask as a browser does."""
        async with httpx.AsyncClient(verify=self.trust, trust_env=False) as browser:
            return await browser.request(method, self.url + target)


@asynccontextmanager
async def serving(installer: Installer) -> AsyncIterator[Served]:
    """Serve for a ``with`` block."""
    ca = trustme.CA()
    tls, trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    ca.issue_cert("127.0.0.1").configure_cert(tls)
    ca.configure_trust(trust)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    served = Served(installer, f"https://127.0.0.1:{port}", port, trust, trio.Event())

    async def serve() -> None:
        await RedirectPage(PATH, installer.complete).serve(listeners, tls)
        served.ended.set()

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            yield served
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("target", "query"),
    [
        (b"/slack/oauth_redirect?code=1&state=2", "code=1&state=2"),
        (b"/slack/oauth_redirect/?error=access_denied", "error=access_denied"),
        (b"/slack/oauth_redirect", None),
        (b"/favicon.ico", None),
        (b"/other?code=1", None),
        (b"\xff\xfe", None),
        (b"*", None),
    ],
)
def test_what_a_browser_brings(target: bytes, query: str | None) -> None:
    """Only the redirect address with an answer counts."""
    assert query == answer_to(target, PATH)


async def test_one_good_answer_ends_it() -> None:
    """The answer is completed, the person is told in Chinese and English, and the page is gone."""
    async with serving(Installer()) as served:
        shown = await served.get(f"{PATH}?code=secret-code&state=secret-state")
        await served.ended.wait()

        assert 200 == shown.status_code
        assert "应用已安装" in shown.text
        assert "The app is installed" in shown.text
        assert "no-referrer" == shown.headers["referrer-policy"]
        assert ["code=secret-code&state=secret-state"] == served.installer.queries

        with pytest.raises(httpx.ConnectError):
            await served.get(PATH)


async def test_what_is_brought_is_shown_nowhere(log: LogCapture) -> None:
    """Neither page nor log holds anything of code and state, good or not."""
    installer = Installer(problems=[WrongUse("The link is older than 7 days.")])
    async with serving(installer) as served:
        wrong = await served.get(f"{PATH}?code=secret-code&state=secret-state")
        good = await served.get(f"{PATH}?code=secret-code&state=secret-state")

        assert (400, 200) == (wrong.status_code, good.status_code)
        assert "secret" not in wrong.text + good.text + repr(log.entries)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (SlackSetupError("authorize", "access_denied", "Ask."), "授权被拒绝"),
        (SlackSetupError("oauth.v2.access", "invalid_code", "Again."), "没有完成安装"),
        (WrongUse("The link is older than 7 days."), "没有完成安装"),
    ],
)
async def test_an_answer_that_is_none_ends_nothing(problem: Exception, words: str) -> None:
    """After a refusal or a wrong answer the page waits on."""
    async with serving(Installer(problems=[problem])) as served:
        assert words in (await served.get(f"{PATH}?code=1&state=2")).text
        assert not served.ended.is_set()
        assert 200 == (await served.get(f"{PATH}?code=1&state=2")).status_code

        await served.ended.wait()


async def test_what_else_a_browser_asks_for() -> None:
    """Other pages and methods get a word of what this is, and nothing comes of them."""
    async with serving(Installer()) as served:
        assert 404 == (await served.get("/favicon.ico")).status_code
        assert 404 == (await served.get(PATH)).status_code
        assert 405 == (await served.get(f"{PATH}?code=1", method="POST")).status_code
        assert (405, "") == ((head := await served.get(f"{PATH}?code=1", method="HEAD")).status_code, head.text)
        assert [] == served.installer.queries


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 500, b"\r\n" * 9000])
async def test_no_tls_harms_nobody(data: bytes) -> None:
    """Whoever speaks something else, or goes away, leaves the page as it was."""
    async with serving(Installer()) as served:
        async with await trio.open_tcp_stream("127.0.0.1", served.port) as stream:  # noqa: TID251 - no client of ours
            if data:
                await stream.send_all(data)

        assert 200 == (await served.get(f"{PATH}?code=1")).status_code


@pytest.mark.parametrize("data", [b"nonsense\r\n\r\n", b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n", b"GET / HT"])
async def test_bad_requests_harm_nobody(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is none, too large, or never comes to its end is cut off."""
    monkeypatch.setattr(redirect_page, "REQUEST_S", 0.5)
    async with serving(Installer()) as served:
        raw = await trio.open_tcp_stream("127.0.0.1", served.port)  # noqa: TID251 - no client of ours
        async with trio.SSLStream(raw, served.trust, server_hostname="127.0.0.1", https_compatible=True) as stream:
            with pytest.raises((trio.BrokenResourceError, EOFError)):
                await send_and_read_to_the_end(stream, data)

        monkeypatch.undo()

        assert 200 == (await served.get(f"{PATH}?code=1")).status_code


async def send_and_read_to_the_end(stream: trio.SSLStream[trio.SocketStream], data: bytes) -> None:
    """Send, and expect to be cut off."""
    await stream.send_all(data)
    while await stream.receive_some(1000):
        pass
    raise EOFError


async def test_many_at_once() -> None:
    """More connections than there is room for are closed, and those inside go on."""
    async with serving(Installer()) as served, trio.open_nursery() as nursery:

        async def idle() -> None:
            async with await trio.open_tcp_stream("127.0.0.1", served.port) as stream:  # noqa: TID251 - as above
                await stream.receive_some(1)

        for _ in range(redirect_page.AT_ONCE - 2):
            nursery.start_soon(idle)
        await trio.testing.wait_all_tasks_blocked(0.05)

        assert 200 == (await served.get(f"{PATH}?code=1")).status_code

        nursery.cancel_scope.cancel()


# Certificates.


async def test_a_self_signed_certificate(tmp_path: Path) -> None:
    """What is made on the spot is a certificate for the host, with the fingerprint that a browser shows."""
    for host in ("localhost", "127.0.0.1"):
        tls, fingerprint = self_signed(host, now=trio.current_time() + 1_800_000_000)
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        shown: list[bytes | None] = []

        async def browse(listener: trio.SocketListener = listener, shown: list[bytes | None] = shown) -> None:
            port = listener.socket.getsockname()[1]
            raw = await trio.open_tcp_stream("127.0.0.1", port)  # noqa: TID251 - no client of ours
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            stream = trio.SSLStream(raw, trusting, https_compatible=True)
            await stream.do_handshake()
            shown.append(stream.getpeercert(binary_form=True))
            await trio.aclose_forcefully(stream)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(browse)
            async with trio.SSLStream(await listener.accept(), tls, server_side=True, https_compatible=True) as stream:
                await stream.do_handshake()
        await listener.aclose()

        assert shown[0] is not None
        assert hashlib.sha256(shown[0]).hexdigest().upper() == fingerprint.replace(":", "")


def test_a_certificate_of_ones_own(tmp_path: Path) -> None:
    """The operator's files are taken; a file that is none, or a key with a password, is told at once."""
    made = trustme.CA().issue_cert("kefu.example")
    made.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    made.private_key_pem.write_to_path(tmp_path / "key.pem")

    assert own(tmp_path / "cert.pem", tmp_path / "key.pem")

    (tmp_path / "bad.pem").write_text("nothing", encoding="utf-8")
    for cert, key in (("cert.pem", "bad.pem"), ("bad.pem", "key.pem"), ("nowhere.pem", "key.pem")):
        with pytest.raises(WrongUse, match="cannot be used"):
            own(tmp_path / cert, tmp_path / key)
