"""
Files that people share in Slack: what Slack knows of one, and its bytes as a stream (facts/slack.md §7).

The token goes to Slack's own file host and to no other, and never along a redirect. That host answers a token it does
not take with a redirect to a sign-in page, in the end a 200 of HTML: neither is taken for the file. What comes is as
long as was said, or :class:`~slackkefu.errors.LinkClosed`. Nothing is held but the piece that is being passed on.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, final

import httpx
import trio

from slackkefu import __version__
from slackkefu.errors import ConnectFailed, LinkClosed, LinkError, SlackApiError, SlackError, SlackRateLimited
from slackkefu.net.address import is_loopback
from slackkefu.net.network import reason_of
from slackkefu.slack.file_ref import FileRef, read_file
from slackkefu.slack.web import NOT_SENT, pause_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from slackkefu.secret import Secret
    from slackkefu.slack.installation import Installation
    from slackkefu.slack.web import Tokens
    from slackkefu.world import World

__all__ = ["NOT_SLACKS", "SIGN_IN", "Download", "Files", "file_host"]

CONNECT_S: Final = 10.0
SILENCE_S: Final = 30.0
"""How long no byte may come."""

PIECE: Final = 65_536

_GET: Final = "the download of a file"

SIGN_IN: Final = "sign_in_page"
"""Our code for what a token gets that may not read the file."""

NOT_SLACKS: Final = "not_slacks_host"
"""Our code for a file that lies elsewhere: no token goes there."""

_PAGE_BEGINS: Final = (b"<!doctype html", b"<html")


class Calls(Protocol):
    """The part of :class:`~slackkefu.slack.web.WebClient` that is needed."""

    @property
    def tokens(self) -> Tokens:
        """Which token stands for which."""
        ...

    async def call(self, method: str, arguments: Mapping[str, object], *, token: Secret) -> Mapping[str, object]:
        """Call *method* and return the answer."""
        ...


@final
@dataclass(frozen=True, slots=True)
class Download:
    """A file that is coming."""

    length: int | None
    """Bytes; None where nobody said, or it comes compressed."""
    pieces: AsyncGenerator[bytes] = field(repr=False)
    """
    The bytes, once.

    Raises:
        LinkClosed: They stopped coming, or were another number than was said.
        SlackApiError: It is a sign-in page after all.

    """


@final
class Files:
    """
    Slack's files.

    Args:
        world: Where the HTTP client comes from.
        web: Tells what a file is.
        api_url: Address of the Web API, by which the file host is known.

    """

    def __init__(self, *, world: World, web: Calls, api_url: str) -> None:
        self._web = web
        self._host = file_host(api_url)
        # As it is: what is compressed on the way has no length that could be told on.
        headers = {"User-Agent": f"slackkefu/{__version__}", "Accept-Encoding": "identity"}
        self._http = world.network.http_client(base_url="", headers=headers, timeout_s=SILENCE_S)
        self._timeout = httpx.Timeout(SILENCE_S, connect=CONNECT_S, pool=CONNECT_S)

    def __repr__(self) -> str:
        return f"<Files at {self._host}>"

    async def aclose(self) -> None:
        """Close the HTTP connections."""
        await self._http.aclose()

    async def info(self, installation: Installation, file_id: str) -> FileRef:
        """Ask what a file is; errors as :meth:`slackkefu.slack.web.WebClient.call`."""
        answer = await self._web.call("files.info", {"file": file_id}, token=installation.bot_token)
        raw = answer.get("file")
        return read_file(raw if isinstance(raw, Mapping) else {})

    @asynccontextmanager
    async def open(self, installation: Installation, file: FileRef) -> AsyncIterator[Download]:
        """
        Download *file* within a ``with`` block.

        Raises:
            ConnectFailed: Nothing was sent.
            LinkClosed: No usable answer, for now.
            SlackRateLimited: Later.
            SlackApiError: Slack does not give it, or it does not lie at Slack.

        """
        url = self._own(file.url)
        token = await self._web.tokens.current(installation.bot_token)
        response = await self._get(url, token)
        try:
            if _is_sign_in(response) and (better := await self._better(token)) is not None:
                await response.aclose()
                response = await self._get(url, better)
            self._judge(response, file)
            length = _length(response)
            if None not in (length, file.size) and length != file.size:
                raise LinkClosed(self._host.host, f"{length} bytes of a file of {file.size}")
            expected = file.size if length is None else length
            async with aclosing(self._pieces(response, file, expected)) as pieces:
                yield Download(length, pieces)
        finally:
            with trio.CancelScope(shield=True):
                await response.aclose()

    async def _get(self, url: httpx.URL, token: Secret) -> httpx.Response:
        """Ask for the file; who gets the response closes it."""
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        try:
            return await self._http.send(
                self._http.build_request("GET", url, headers=headers, timeout=self._timeout), stream=True
            )
        except httpx.HTTPError as exc:
            # Not chained: the error holds the request, and with it the token.
            raise self._lost(exc) from None

    async def _better(self, token: Secret) -> Secret | None:
        """Return the successor of a *token* that has expired; a sign-in page does not say whether it has."""
        if self._web.tokens.holder(token) is None:
            return None
        with suppress(SlackError, LinkError):
            await self._web.call("auth.test", {}, token=token)
        current = await self._web.tokens.current(token)
        return current if current != token else None

    def _own(self, address: str) -> httpx.URL:
        """Return *address* if it is one of Slack's file host, to which alone the token may go."""
        try:
            url = httpx.URL(address)
            # The host may be found unreadable only now.
            is_own = (url.scheme, url.host, url.port) == (self._host.scheme, self._host.host, self._host.port)
        except (httpx.InvalidURL, ValueError):
            raise SlackApiError(_GET, NOT_SLACKS) from None
        if not is_own or url.userinfo:
            raise SlackApiError(_GET, NOT_SLACKS)
        return url

    def _judge(self, response: httpx.Response, file: FileRef) -> None:
        """Raise what an answer that is not the file means."""
        status = response.status_code
        if _is_sign_in(response):
            raise SlackApiError(_GET, SIGN_IN)
        if status == 429:
            raise SlackRateLimited(_GET, pause_of(response.headers))
        if response.is_client_error and status != 408:
            raise SlackApiError(_GET, f"http_{status}")
        if status != 200:
            raise LinkClosed(self._host.host, f"HTTP {status}")
        if "html" in response.headers.get("content-type", "") and "html" not in file.mimetype:
            raise SlackApiError(_GET, SIGN_IN)

    async def _pieces(self, response: httpx.Response, file: FileRef, expected: int | None) -> AsyncGenerator[bytes]:
        came = 0
        source = response.aiter_bytes(PIECE)
        try:
            async for piece in source:
                if not came and not file.mimetype.startswith("text/") and _is_page(piece):
                    raise SlackApiError(_GET, SIGN_IN)
                came += len(piece)
                yield piece
        except httpx.HTTPError as exc:
            raise self._lost(exc) from None
        finally:
            await _abandon(response, source)
        if came != expected and expected is not None:
            raise LinkClosed(self._host.host, f"{came} bytes of a file of {expected}")

    def _lost(self, exc: httpx.HTTPError) -> ConnectFailed | LinkClosed:
        if isinstance(exc, NOT_SENT):
            return ConnectFailed(self._host.host, reason_of(exc))
        return LinkClosed(self._host.host, type(exc).__name__)


def file_host(api_url: str) -> httpx.URL:
    """
    Return where the files of the Slack at *api_url* are.

    ``https://files.slack.com`` for ``https://slack.com/api/``, and likewise for GovSlack (facts/slack.md §13). On this
    machine, where the demo and the tests are, it is the same server.
    """
    url = httpx.URL(api_url)
    if is_loopback(url.host):
        return url.copy_with(raw_path=b"/")
    return url.copy_with(host=f"files.{url.host.removeprefix('www.')}", raw_path=b"/")


def _is_sign_in(response: httpx.Response) -> bool:
    return response.is_redirect or "acl_fail" in response.headers.get("x-slack-meta", "")


def _length(response: httpx.Response) -> int | None:
    """Return how long the file is, as far as the answer says it of what it carries."""
    length = response.headers.get("content-length", "")
    is_plain = response.headers.get("content-encoding", "identity") == "identity"
    return int(length) if is_plain and length.isascii() and length.isdigit() and len(length) < 16 else None


async def _abandon(response: httpx.Response, source: AsyncIterator[bytes]) -> None:
    """
    Close *response*, of which not everything may have been read.

    What reads it is a chain of generators of httpx's, in which closing one does not close the next. So they are let run
    into the end of a connection that is closed already.
    """
    with trio.CancelScope(shield=True), suppress(httpx.HTTPError):
        await response.aclose()
        async for _ in source:
            pass


def _is_page(beginning: bytes) -> bool:
    return beginning[:64].lstrip().lower().startswith(_PAGE_BEGINS)
