"""
The daemon's side of the control socket.

Whoever may read the store may ask: the socket has the folder's protection, and where the kernel names the peer it must
be the store's owner or root. Everything is bounded: how long a request may take to come, to be answered and to be read,
how large it may be, how many there are at once. A client that breaks a bound, or goes away, harms nobody; what it has
asked for is done all the same.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias, final

import structlog
import trio

from slackkefu.control import wire
from slackkefu.control.place import SOCKET, address
from slackkefu.errors import RemoteProtocolError, SlackkefuError, StoreBroken, exit_code

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ControlServer", "ControlStatistics", "Handler", "peer_uid"]

log = structlog.get_logger()

Handler: TypeAlias = Callable[[Mapping[str, object]], Awaitable[Mapping[str, object]]]
"""
Does what it is asked with the given arguments, and returns what it has to say.

An error of ``errors.py`` becomes the answer. Values are what JSON has; arguments come from outside, unchecked.
"""

REQUEST_S: Final = 5.0
"""How long a request may take to come, and an answer to be read."""

WORK_S: Final = 120.0
"""How long a handler may work; a call of Slack's takes 30 s at most."""

MOST: Final = 16
"""Requests that are carried out at once; the next is told to come again."""

CROWD: Final = 64
"""Connections at once; the next is closed."""

BACKLOG: Final = 128
"""Connections that wait to be let in."""

_PIECE: Final = 1 << 16
_PEER: Final = struct.Struct("3i")
_ROOT: Final = 0

FAULT: Final = 1
MISUSED: Final = 2
CANNOT_NOW: Final = 4
"""Exit codes of answers that no error of a handler's gives (README, "Run it")."""

_FAULT: Final = "slackkefu failed at this; its log holds the traceback, please report it"
_BUSY: Final = f"slackkefu is answering {MOST} others at this moment; ask again"
_SLOW: Final = f"slackkefu has not finished this within {WORK_S:g} s; what it has done of it stays done; ask again"
_UNKNOWN: Final = "the running slackkefu does not know this command, so it is an older one: restart it"
_UNAVAILABLE: Final = "messages pass as always; commands that ask the daemon work only while it is stopped"


@dataclass(frozen=True, slots=True)
class ControlStatistics:
    """How often the control socket was used."""

    answered: int = 0
    """Requests that were carried out."""
    refused: int = 0
    """Requests that could not be carried out, for a reason that was told."""
    rejected: int = 0
    """Connections that brought no request, or came from somebody else, or were one too many."""


def peer_uid(connection: trio.socket.SocketType) -> int | None:
    """Return who is at the other end; None where the kernel does not say."""
    option = getattr(trio.socket, "SO_PEERCRED", None)
    if option is None:
        return None
    _, uid, _ = _PEER.unpack(connection.getsockopt(trio.socket.SOL_SOCKET, option, _PEER.size))
    return int(uid)


@final
class ControlServer:
    """
    Answers requests.

    Args:
        folder: The store's; its lock is held, so a socket that is there already is of a daemon that was killed.
        handlers: What can be asked, by name.
        peer: Tells who asks.

    """

    def __init__(
        self,
        folder: Path,
        handlers: Mapping[str, Handler],
        *,
        peer: Callable[[trio.socket.SocketType], int | None] = peer_uid,
    ) -> None:
        self._folder = folder
        self._handlers = handlers
        self._peer = peer
        self._open = 0
        self._working = 0
        self._statistics = ControlStatistics()

    def __repr__(self) -> str:
        return f"<ControlServer {self._open} open, {self._working} carried out>"

    def statistics(self) -> ControlStatistics:
        """Return the counts."""
        return self._statistics

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """
        Answer until cancelled; a cancellation ends what is in hand without an answer.

        Where the file system has no sockets nobody is answered, and all else goes on.

        Raises:
            StoreBroken: What was asked for has found the store broken.

        """
        try:
            listener = await self._listen()
        except OSError as exc:
            log.warning("control.unavailable", problem=exc.strerror or str(exc), meaning=_UNAVAILABLE)
            task_status.started()
            return
        try:
            task_status.started()
            await trio.serve_listeners(self._serve, [listener])
        finally:
            with contextlib.suppress(OSError):
                (self._folder / SOCKET).unlink()

    # Inside.

    async def _listen(self) -> trio.SocketListener:
        """Make the socket, for its owner alone, in place of one that was left behind; raises OSError."""
        path = self._folder / SOCKET
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(path.lstat().st_mode):
                raise OSError(f"{path} is something else")
            path.unlink()
        listening = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        try:
            with address(self._folder) as name:
                await listening.bind(name)
            # Nobody can connect before it listens, and by then only its owner may.
            path.chmod(0o600)
            listening.listen(BACKLOG)
        except BaseException:
            listening.close()
            raise
        return trio.SocketListener(listening)

    async def _serve(self, stream: trio.SocketStream) -> None:
        """Answer one connection, and close it."""
        self._open += 1
        try:
            async with stream:
                await self._answer_one(stream)
        finally:
            self._open -= 1

    async def _answer_one(self, stream: trio.SocketStream) -> None:
        uid = self._peer(stream.socket)
        if uid not in {None, _ROOT, os.geteuid()}:
            self._reject("another_user", uid=uid)
            return
        if self._open > CROWD:
            self._reject("too_many")
            return
        try:
            request = await self._hear(stream)
        except RemoteProtocolError as exc:
            self._reject("no_request", problem=str(exc))
            await self._say(stream, wire.refusal(f"what came over the control socket is no request: {exc}", MISUSED))
            return
        if request is not None:
            await self._say(stream, await self._carry_out(request))

    async def _hear(self, stream: trio.SocketStream) -> wire.Request | None:
        """Return the request; None when whoever began it went away or takes too long. Raises RemoteProtocolError."""
        line = wire.Line(max_bytes=wire.MAX_REQUEST)
        with trio.move_on_after(REQUEST_S):
            try:
                while (whole := line.feed(await stream.receive_some(_PIECE))) is None:
                    pass
            except trio.BrokenResourceError:
                self._reject("gone")
                return None
            return wire.read_request(whole)
        self._reject("too_slow")
        return None

    async def _carry_out(self, request: wire.Request) -> bytes:
        """Return the answer."""
        handler = self._handlers.get(request.do)
        if handler is None:
            return self._refuse(_UNKNOWN, MISUSED)
        if self._working >= MOST:
            return self._refuse(_BUSY, CANNOT_NOW)
        self._working += 1
        try:
            with trio.fail_after(WORK_S):
                answer = wire.answer(await handler(request.arguments))
        except StoreBroken:
            # The end of the daemon; nobody may go on as if nothing had happened.
            raise
        except trio.TooSlowError:
            log.warning("control.too_slow", do=request.do)
            return self._refuse(_SLOW, CANNOT_NOW)
        except SlackkefuError as exc:
            code = exit_code(exc)
            log.info("control.refused", do=request.do, problem=type(exc).__name__)
            return self._refuse(str(exc), FAULT if code is None else code)
        except Exception:
            # Our own fault, at the edge of one request: customers' messages must not wait for it to be mended.
            log.exception("control.failed", do=request.do)
            return self._refuse(_FAULT, FAULT)
        finally:
            self._working -= 1
        log.info("control.answered", do=request.do)
        self._statistics = replace(self._statistics, answered=self._statistics.answered + 1)
        return answer

    def _refuse(self, reason: str, code: int) -> bytes:
        self._statistics = replace(self._statistics, refused=self._statistics.refused + 1)
        return wire.refusal(reason, code)

    def _reject(self, reason: str, **facts: object) -> None:
        log.warning("control.rejected", reason=reason, **facts)
        self._statistics = replace(self._statistics, rejected=self._statistics.rejected + 1)

    async def _say(self, stream: trio.SocketStream, line: bytes) -> None:
        """Send *line* to whoever may still be there."""
        with trio.move_on_after(REQUEST_S), contextlib.suppress(trio.BrokenResourceError):
            await stream.send_all(line)
