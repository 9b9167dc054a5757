"""
A host of files: the desk's own, Easemob's object storage, or anybody's whom a message names (facts/kefu.md §2.7).

It hands its files out to whoever asks, and writes down what it was asked and with which headers: nobody may be shown
what is not theirs.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

import trio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from slackkefu.demo.serve import AnswerLost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from starlette.types import Receive, Scope, Send

__all__ = ["AskedFor", "MediaFault", "MediaHost"]

CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class MediaFault:
    """What happens to a request instead of the file."""

    status: int = 0
    """HTTP status; 0 breaks the connection in the middle of the file."""
    body: bytes = b""
    content_type: str = "text/html"
    location: str = ""
    """Where a redirect leads."""
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AskedFor:
    """One request."""

    path: str
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""

    @property
    def has_secrets(self) -> bool:
        """Whether a token or a secret came along, in whatever form."""
        return bool({"authorization", "cookie", "share-secret"} & {*self.headers})


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes = field(repr=False)
    content_type: str
    is_sized: bool


@final
class MediaHost:
    """The host, an ASGI application."""

    def __init__(self) -> None:
        self.asked: list[AskedFor] = []
        """What was asked for, in order."""
        self._files: dict[str, _File] = {}
        self._faults: deque[MediaFault] = deque()

    def keeps(self, path: str, content: bytes, *, content_type: str = "", is_sized: bool = True) -> str:
        """Keep a file at *path*, which is returned; its size is told only where it *is_sized*."""
        self._files[path] = _File(content, content_type or "application/octet-stream", is_sized)
        return path

    def fail(self, fault: MediaFault, *, times: int = 1) -> None:
        """Let the next *times* requests meet *fault*, after those already armed."""
        self._faults.extend([fault] * times)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Answer one request.

        Raises:
            AnswerLost: An armed fault breaks the connection.

        """
        request = Request(scope, receive)
        self.asked.append(AskedFor(request.url.path, dict(request.headers)))
        await self._answer(request.url.path)(scope, receive, send)

    def _answer(self, path: str) -> Response:
        fault = self._faults.popleft() if self._faults else None
        file = self._files.get(path)
        if fault is not None:
            return _Faulty(fault)
        if file is None:
            return Response("Not Found", status_code=404)
        sized = {"content-length": str(len(file.content))} if file.is_sized else {}
        return StreamingResponse(_chunks(file.content), media_type=file.content_type, headers=sized)


class _Faulty(Response):
    """An answer as a fault has it."""

    def __init__(self, fault: MediaFault) -> None:
        headers = {"location": fault.location} if fault.location else None
        super().__init__(fault.body, status_code=fault.status or 200, headers=headers, media_type=fault.content_type)
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep(self._fault.delay_s)
        if self._fault.status:
            await super().__call__(scope, receive, send)
            return
        headers = [(b"content-length", b"65536")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"\x89PNG", "more_body": True})
        raise AnswerLost


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), CHUNK_BYTES):
        yield content[start : start + CHUNK_BYTES]
        await trio.lowlevel.checkpoint()
