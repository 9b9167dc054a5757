"""
Fetching a file of kefu's from where it stands, as a stream.

A ladder (facts/kefu.md §2.7): first as anybody would ask; where that is refused and the place is Easemob's IM, with the
file's own secret and the visitor's token. These two go to Easemob's REST hosts and to nobody else, nor along a redirect
that has once left them; :mod:`slackkefu.kefu.hosting` says whose place an address is. Other people's addresses have
to be public (:mod:`slackkefu.net.public`).

What comes is looked at before it is handed on: a page is no picture, nothing is no file. Where its size is known the
bytes pass through; else they go through a temporary file, because Slack wants to know the size first. Whoever takes the
bytes bounds the time.
"""

from __future__ import annotations

import re
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Final, Protocol, final

import httpx
import structlog

from slackkefu.errors import (
    AddressNotPublic,
    LinkError,
    MediaUnavailable,
    RestOutcomeUnknown,
    RestRateLimited,
    SlackkefuError,
    StoreBroken,
)
from slackkefu.kefu.hosting import Hosting, Place, link_of
from slackkefu.kefu.media_content import HEAD_BYTES, is_something_else, name_of_file

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from slackkefu.easemob.names import AppKey, ImUser
    from slackkefu.easemob.rest import UserToken
    from slackkefu.kefu.messages import Media
    from slackkefu.secret import Secret
    from slackkefu.world import World

__all__ = ["MAX_BYTES", "Content", "MediaFetch", "MediaFile"]

log = structlog.get_logger()

MAX_BYTES: Final = 100 << 20
"""Largest file that is brought over; Easemob takes 10 MB by default (facts/easemob-rest.md §7.1)."""

IN_MEMORY_BYTES: Final = 1 << 20
"""So much of a file of unknown size is kept in memory; what is larger goes to the disk."""

CHUNK_BYTES: Final = 1 << 16
CONNECT_S: Final = 10.0
SILENT_S: Final = 30.0
"""How long nothing may come."""

REDIRECTS: Final = 5

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PASSING: Final = frozenset({408, 425, 429})
_HEADER: Final = re.compile(r"[!-~]+")


class Tokens(Protocol):
    """The part of :class:`slackkefu.easemob.rest.RestClient` that this needs."""

    async def user_token(self, user: ImUser, *, rejected: Secret | None = None) -> UserToken:
        """Return a token of *user*."""
        ...


class Addresses(Protocol):
    """The part of :class:`slackkefu.easemob.discovery.Endpoints` that this needs."""

    async def rest_urls(self) -> tuple[str, ...]:
        """Return the addresses of the REST servers."""
        ...


@dataclass(frozen=True, slots=True)
class Content:
    """A file that is coming; its bytes can be had once."""

    name: str = field(repr=False)
    size: int
    """Bytes, more than none."""
    chunks: AsyncIterator[bytes] = field(repr=False)
    """Raises MediaUnavailable where they break off."""


@final
class MediaFetch:
    """
    Fetches files.

    Args:
        world: Network and disk.
        kefu_url: Address of the desk; may be empty.
        app_key: Our app at Easemob.
        addresses: Where Easemob's REST servers are.
        tokens: Where a visitor's token comes from.

    """

    def __init__(self, *, world: World, kefu_url: str, app_key: AppKey, addresses: Addresses, tokens: Tokens) -> None:
        self._world = world
        self._kefu_url = kefu_url
        self._app_key = app_key
        self._addresses = addresses
        self._tokens = tokens

    def file(self, user: ImUser, media: Media) -> MediaFile:
        """Return the file of a message to *user*; nothing is asked yet."""
        return MediaFile(self, user, media)

    # For MediaFile.

    async def hosting(self) -> Hosting:
        """Return the hosts that are known; without Easemob's where these cannot be found now."""
        try:
            rest_urls = await self._addresses.rest_urls()
        except StoreBroken:
            raise
        except SlackkefuError:
            rest_urls = ()
        return Hosting(self._kefu_url, rest_urls, self._app_key)

    async def token(self, user: ImUser, rejected: Secret | None) -> Secret:
        """Return a token of *user*; raises MediaUnavailable."""
        try:
            return (await self._tokens.user_token(user, rejected=rejected)).token
        except StoreBroken:
            raise
        except (LinkError, RestOutcomeUnknown, RestRateLimited) as exc:
            raise MediaUnavailable("no_token", is_passing=True) from exc
        except SlackkefuError as exc:
            raise MediaUnavailable("no_token") from exc

    async def ask(
        self, stack: AsyncExitStack, url: httpx.URL, headers: Mapping[str, str], *, public_only: bool
    ) -> httpx.Response:
        """Send one request; its answer is open for as long as *stack*."""
        client = self._world.network.http_client(base_url="", timeout_s=SILENT_S, public_only=public_only)
        await stack.enter_async_context(client)
        timeout = httpx.Timeout(SILENT_S, connect=CONNECT_S)
        # Compressed, its size would not be known.
        plain = {"Accept": "*/*", "Accept-Encoding": "identity"}
        try:
            request = client.stream("GET", url, headers={**plain, **headers}, timeout=timeout)
            return await stack.enter_async_context(request)
        except AddressNotPublic as exc:
            raise MediaUnavailable("not_public") from exc
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as exc:
            raise MediaUnavailable("no_url") from exc
        except httpx.HTTPError as exc:
            # Not chained: the error holds the request, and with it a token.
            raise MediaUnavailable(type(exc).__name__, is_passing=True) from None

    async def spool(self, chunks: AsyncIterator[bytes], stack: AsyncExitStack) -> tuple[int, AsyncIterator[bytes]]:
        """Bring *chunks* into a temporary file that lasts as long as *stack*; return their size, and them again."""
        disk = self._world.disk
        # It has no name, so nothing is left of it however we end.
        spooled = stack.enter_context(SpooledTemporaryFile(IN_MEMORY_BYTES))  # noqa: SIM115 - the stack closes it
        size = 0
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > MAX_BYTES:
                    raise MediaUnavailable("too_large")
                await disk.run(partial(spooled.write, chunk))
            await disk.run(partial(spooled.seek, 0))
        except OSError as exc:
            raise MediaUnavailable("no_room", is_passing=True) from exc

        async def again() -> AsyncGenerator[bytes]:
            while chunk := await disk.run(partial(spooled.read, CHUNK_BYTES)):
                yield chunk

        return size, await stack.enter_async_context(aclosing(again()))


@final
class MediaFile:
    """
    The file of one message; can be opened again and again.

    Args:
        fetch: Where requests are made.
        user: The visitor.
        media: The message.

    """

    def __init__(self, fetch: MediaFetch, user: ImUser, media: Media) -> None:
        self._fetch = fetch
        self._user = user
        self._media = media
        self.link = ""
        """Where anybody can read it, as far as is known since it was last opened; empty for nowhere."""

    def __repr__(self) -> str:
        return f"<MediaFile {self._media.kind} for {self._user}>"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Content]:
        """
        Open the file for a ``with`` block.

        Raises:
            MediaUnavailable: It cannot be had, or not now.

        """
        hosting = await self._fetch.hosting()
        url = hosting.located(self._media.url)
        if url is None:
            raise MediaUnavailable("no_url")
        self.link = link_of(url)
        async with AsyncExitStack() as stack:
            response = await self._climb(stack, hosting, url)
            try:
                content = await self._content(stack, response)
            except MediaUnavailable as exc:
                if not exc.is_passing and exc.reason != "too_large":
                    self.link = ""
                raise
            yield content

    async def _climb(self, stack: AsyncExitStack, hosting: Hosting, url: httpx.URL) -> httpx.Response:
        """Ask plainly, then with what the place deserves."""
        try:
            return await self._follow(stack, hosting, url, {})
        except MediaUnavailable as exc:
            if exc.is_passing:
                raise
            self.link = ""
            if hosting.place(url) is not Place.IM:
                raise
        token = await self._fetch.token(self._user, None)
        try:
            return await self._follow(stack, hosting, url, self._credentials(token))
        except MediaUnavailable as exc:
            if exc.reason != "http_401":
                raise
        token = await self._fetch.token(self._user, token)
        return await self._follow(stack, hosting, url, self._credentials(token))

    def _credentials(self, token: Secret) -> dict[str, str]:
        secret = self._media.secret.reveal()
        with_secret = {"share-secret": secret} if _HEADER.fullmatch(secret) else {}
        return {"Authorization": f"Bearer {token.reveal()}", **with_secret}

    async def _follow(
        self, stack: AsyncExitStack, hosting: Hosting, url: httpx.URL, credentials: Mapping[str, str]
    ) -> httpx.Response:
        """Ask, through redirects; once one has left Easemob's IM nothing secret goes along."""
        at: httpx.URL | None = url
        for _ in range(1 + REDIRECTS):
            if at is None:
                raise MediaUnavailable("no_url")
            place = hosting.place(at)
            credentials = credentials if place is Place.IM else {}
            async with AsyncExitStack() as hop:
                response = await self._fetch.ask(hop, at, credentials, public_only=place is Place.STRANGERS)
                location = response.headers.get("location", "")
                if response.status_code not in _REDIRECTS or not location:
                    _judge(response.status_code)
                    stack.push_async_exit(hop.pop_all())
                    return response
                at = hosting.onward(at, location)
        raise MediaUnavailable("too_many_redirects")

    async def _content(self, stack: AsyncExitStack, response: httpx.Response) -> Content:
        """Look at what comes, and make it ready to be handed on."""
        size = _size(response.headers)
        if size is not None and size > MAX_BYTES:
            raise MediaUnavailable("too_large")
        chunks = await stack.enter_async_context(aclosing(_chunks(response)))
        head = b""
        async for chunk in chunks:
            head += chunk
            if len(head) >= HEAD_BYTES:
                break
        if not head:
            raise MediaUnavailable("empty")
        content_type = response.headers.get("content-type", "")
        if is_something_else(self._media, content_type=content_type, head=head):
            raise MediaUnavailable("not_a_file")
        name = name_of_file(self._media, path=response.url.path, content_type=content_type, head=head)
        whole: AsyncIterator[bytes] = await stack.enter_async_context(aclosing(_with_head(head, chunks)))
        if size is None:
            size, whole = await self._fetch.spool(whole, stack)
        return Content(name, size, whole)


def _judge(status: int) -> None:
    """Raise what an answer means that does not bring a file."""
    if status != 200:
        raise MediaUnavailable(f"http_{status}", is_passing=status >= 500 or status in _PASSING)


def _size(headers: httpx.Headers) -> int | None:
    """Return how many bytes will come; None where that is not known."""
    given = headers.get("content-length", "")
    is_plain = headers.get("content-encoding", "identity").lower() == "identity"
    return int(given) if is_plain and given.isascii() and given.isdecimal() and len(given) < 20 else None


async def _chunks(response: httpx.Response) -> AsyncGenerator[bytes]:
    """Yield what comes; where it breaks off, our own error."""
    chunks = response.aiter_bytes()
    try:
        async for chunk in chunks:
            yield chunk
    except httpx.HTTPError as exc:
        raise MediaUnavailable(type(exc).__name__, is_passing=True) from None
    finally:
        # httpx's generators do not close each other: those left in their middle are brought to their end.
        await response.aclose()
        with suppress(httpx.HTTPError, httpx.StreamError):
            async for _ in chunks:
                pass


async def _with_head(head: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    yield head
    async for chunk in rest:
        yield chunk
