"""
A page at the redirect address, for who can reach this machine: ``slackkefu install --listen``.

It takes what a browser brings there, shows in a few words what came of it, and is gone after one good answer. It is
HTTPS, as Slack demands of redirect addresses (facts/slack.md §12). Requests that are none harm nobody, nothing that is
brought is shown again or logged, and everything is bounded.
"""

from __future__ import annotations

import html
import ssl
from functools import partial
from typing import TYPE_CHECKING, Final, final

import h11
import structlog
import trio

from slackkefu.errors import SlackkefuError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["RedirectPage", "answer_to"]

log = structlog.get_logger()

REQUEST_S: Final = 10.0
"""How long a handshake and a request may take together."""

MAX_HEAD: Final = 16_384
"""Bytes of a request; an answer of Slack's has a few hundred."""

AT_ONCE: Final = 20
"""Connections; the next is closed."""

_PIECE: Final = 16_384

_PAGE: Final = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title></head>
<body style="font-family: sans-serif; max-width: 40em; margin: 4em auto; line-height: 1.5">
<h1>{title}</h1>
<p lang="zh-CN">{zh}</p>
<p lang="en">{en}</p>
</body></html>
"""

_DONE: Final = (
    "应用已安装。可以关闭此页面，回到 Slack 给应用发消息。",
    "The app is installed. You can close this page, and write to the app in Slack.",
)
_DENIED: Final = (
    "没有安装：授权被拒绝或不被允许。如需安装，请由工作区管理员重新打开安装链接。",
    "Nothing was installed: it was not agreed to, or not allowed. An admin of the workspace may open the link again.",
)
_FAILED: Final = (
    "没有完成安装。请联系给您发送安装链接的人，稍后重新打开同一链接。",
    "The installation did not come to its end. Ask whoever sent you the link, and open the same link again later.",
)
_NOTHING: Final = (
    "这里是安装应用时 Slack 跳转到的地址。请从安装链接开始。",
    "This is where Slack leads to while the app is being installed. Begin with the link for that.",
)


def answer_to(target: bytes, path: str) -> str | None:
    """
    Return what a browser has brought: the query; None when it wants something else.

    Args:
        target: Of the request line.
        path: Of the redirect address.

    """
    asked, _, query = target.decode("ascii", "replace").partition("?")
    if asked.rstrip("/") != path.rstrip("/"):
        return None
    return query if "code=" in query or "error=" in query else None


@final
class RedirectPage:
    """
    The page.

    Args:
        path: Of the redirect address.
        complete: Does what a query asks for; raises our errors. Once it returns all is done.

    """

    def __init__(self, path: str, complete: Callable[[str], Awaitable[None]]) -> None:
        self._path = path
        self._complete = complete
        self._turn = trio.Lock()
        self._open = 0
        self._done = trio.Event()

    def __repr__(self) -> str:
        return f"<RedirectPage {self._open} open{', done' if self._done.is_set() else ''}>"

    async def serve(
        self,
        listeners: list[trio.SocketListener],
        tls: ssl.SSLContext,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until one answer was good; what is being said then is said to its end."""
        async with trio.open_nursery() as connections:
            secured = [trio.SSLListener(listener, tls, https_compatible=True) for listener in listeners]
            async with trio.open_nursery() as accepting:
                serve = partial(trio.serve_listeners, handler_nursery=connections)
                accepting.start_soon(serve, self._serve_one, secured)
                task_status.started()
                await self._done.wait()
                accepting.cancel_scope.cancel()
            connections.cancel_scope.deadline = trio.current_time() + REQUEST_S

    async def _serve_one(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        """Serve one request."""
        if self._open >= AT_ONCE:
            log.warning("install.too_many", meaning="a connection was closed")
            await trio.aclose_forcefully(stream)
            return
        self._open += 1
        try:
            await self._answer(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError, ssl.SSLError) as exc:
            # A browser that does not like our certificate ends here; it comes again once it is told to.
            log.info("install.bad_request", problem=type(exc).__name__)
        finally:
            self._open -= 1
            with trio.move_on_after(1.0, shield=True):
                await stream.aclose()

    async def _answer(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        with trio.move_on_after(REQUEST_S) as patience:
            request = await _request(http, stream)
            patience.deadline = float("inf")
            status, words = 405, _NOTHING
            if request.method == b"GET":
                query = answer_to(request.target, self._path)
                status, words = (404, _NOTHING) if query is None else await self._carry_out(query)
            patience.deadline = trio.current_time() + REQUEST_S
            await stream.send_all(_response(http, status, words, head_only=request.method == b"HEAD"))

    async def _carry_out(self, query: str) -> tuple[int, tuple[str, str]]:
        """Complete an installation, one at a time, and say what came of it."""
        async with self._turn:
            if self._done.is_set():
                return 200, _DONE
            try:
                await self._complete(query)
            except SlackkefuError as exc:
                log.error("install.not_completed", problem=str(exc))  # noqa: TRY400 - for an operator, no traceback
                return 400, _DENIED if "access_denied" in str(exc) else _FAILED
            self._done.set()
            return 200, _DONE


async def _request(http: h11.Connection, stream: trio.abc.ReceiveStream) -> h11.Request:
    """Read the head of a request; its body, if any, nobody wants. Raises h11.RemoteProtocolError."""
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some(_PIECE)))
        elif isinstance(event, h11.Request):
            return event
        else:
            raise h11.RemoteProtocolError("no request")


def _response(http: h11.Connection, status: int, words: tuple[str, str], *, head_only: bool) -> bytes:
    zh, en = words
    body = _PAGE.format(title="slackkefu", zh=html.escape(zh), en=html.escape(en)).encode()
    headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("content-length", str(len(body))),
        ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("connection", "close"),
    ]
    parts = [http.send(h11.Response(status_code=status, headers=headers))]
    if not head_only:
        parts.append(http.send(h11.Data(data=body)))
    parts.append(http.send(h11.EndOfMessage()))
    return b"".join(part for part in parts if part)
