"""A command's side of the control socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import trio

from slackkefu.control import wire
from slackkefu.control.place import SOCKET, address
from slackkefu.control.server import WORK_S
from slackkefu.errors import LinkClosed, RemoteProtocolError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["NotRunning", "ask"]

ANSWER_S: Final = WORK_S + 15.0
"""How long to wait for an answer; the daemon itself gives up before."""

SLOW_S: Final = 5.0
"""After which whoever asks is told that there is no answer yet."""

_PIECE: Final = 1 << 16


@final
@dataclass(frozen=True, slots=True)
class NotRunning:
    """No daemon works on this store; at least none that answers."""


async def ask(
    store_path: Path, do: str, arguments: Mapping[str, object], *, on_slow: Callable[[], None] = lambda: None
) -> Mapping[str, object] | NotRunning:
    """
    Ask the daemon that works on the store in *store_path*.

    A cancellation leaves unknown whether it was done.

    Args:
        store_path: The store's folder.
        do: Like ``installations.list``.
        arguments: What JSON has.
        on_slow: Told once, after :data:`SLOW_S` without an answer; it is waited for all the same.

    Returns:
        What the daemon has to say, or that there is none.

    Raises:
        DaemonRefused: It did not do it, and says why.
        LinkClosed: It gave no answer; it may have done it.
        StoreError: This user may not ask.

    """
    try:
        stream = await _connect(store_path)
    except PermissionError as exc:
        raise StoreError(
            store_path, f"this user may not ask the daemon ({exc.strerror}): use its own user, or root"
        ) from exc
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return NotRunning()
    except OSError as exc:
        raise StoreError(store_path, f"the daemon cannot be asked: {exc.strerror}. Nothing was done.") from exc
    where = str(store_path / SOCKET)
    lost = f"the daemon was asked for {do} and did not answer; it may have been done. Look, then ask again"
    async with stream:
        try:
            with trio.fail_after(ANSWER_S):
                await stream.send_all(wire.request(do, arguments))
                return wire.read_answer(await _hear(stream, on_slow))
        except (RemoteProtocolError, trio.BrokenResourceError, trio.TooSlowError) as exc:
            raise LinkClosed(where, lost) from exc


async def _hear(stream: trio.SocketStream, on_slow: Callable[[], None]) -> bytes:
    """Return the line that answers; raises RemoteProtocolError."""
    line = wire.Line(max_bytes=wire.MAX_ANSWER)

    async def whole() -> bytes:
        while (heard := line.feed(await stream.receive_some(_PIECE))) is None:
            pass
        return heard

    with trio.move_on_after(SLOW_S):
        return await whole()
    on_slow()
    return await whole()


async def _connect(store_path: Path) -> trio.SocketStream:
    """Raise OSError."""
    connection = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    try:
        with address(store_path) as name:
            await connection.connect(name)
        # Where too many wait to be let in, connecting seems to have worked.
        connection.getpeername()
    except BaseException:
        connection.close()
        raise
    return trio.SocketStream(connection)
