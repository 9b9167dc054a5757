"""The control socket between a daemon and a command, on a real socket."""

from __future__ import annotations

import os
import socket  # noqa: TID251 - leaves what a killed daemon leaves
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from slackkefu.control import ControlServer, ControlStatistics, NotRunning, ask, client, server, wire
from slackkefu.control.place import SOCKET, address
from slackkefu.errors import DaemonRefused, LinkClosed, LocalProtocolError, StoreBroken, StoreError, WrongUse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from structlog.testing import LogCapture

LONG = ("a" * 200, "b" * 200)
"""Names of folders that make a path no unix socket's address holds."""


class Parrot:
    """Handlers that say what they were asked, wait, or fail."""

    def __init__(self) -> None:
        self.heard: list[Mapping[str, object]] = []
        self.let_go = trio.Event()
        self.error: Exception = WrongUse("no such visitor")

    async def say(self, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """Say it back."""
        self.heard.append(arguments)
        return {"said": arguments}

    async def wait(self, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """Wait until let go."""
        await self.let_go.wait()
        return await self.say(arguments)

    async def fail(self, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """Raise."""
        raise self.error


@asynccontextmanager
async def serving(folder: Path, parrot: Parrot, *, uid: int | None = None) -> AsyncIterator[ControlServer]:
    """Serve for a ``with`` block; *uid* instead of the one at the other end."""
    handlers = {"say": parrot.say, "wait": parrot.wait, "fail": parrot.fail}
    control = ControlServer(folder, handlers, peer=server.peer_uid if uid is None else lambda _: uid)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            await nursery.start(control.run)
            yield control
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def connected(folder: Path) -> AsyncIterator[trio.SocketStream]:
    """Connect without the client."""
    with address(folder) as name:
        stream = await trio.open_unix_socket(name)
    async with stream:
        yield stream


async def everything(stream: trio.SocketStream) -> bytes:
    """Read until the server closes."""
    data = b""
    try:
        async for piece in stream:
            data += piece
    except trio.BrokenResourceError:
        pass
    return data


async def test_what_is_asked_is_answered(tmp_path: Path) -> None:
    """A request reaches its handler with its arguments, and the answer comes back whole; twice as well as once."""
    parrot = Parrot()
    async with serving(tmp_path, parrot) as control:
        words = {"name": "米娅", "long": "x" * 60_000, "list": [1, None, True]}

        assert {"said": words} == await ask(tmp_path, "say", words)
        assert {"said": {}} == await ask(tmp_path, "say", {})
        assert ControlStatistics(answered=2) == control.statistics()

    assert [words, {}] == parrot.heard


async def test_a_long_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of megabytes is read whole; one over the bound is none."""
    parrot = Parrot()
    parrot.error = WrongUse("x" * 3_000_000)
    async with serving(tmp_path, parrot):
        with pytest.raises(DaemonRefused) as caught:
            await ask(tmp_path, "fail", {})

        assert str(parrot.error) == str(caught.value)

        monkeypatch.setattr(wire, "MAX_ANSWER", 1000)
        with pytest.raises(LinkClosed):
            await ask(tmp_path, "fail", {})


async def test_nobody_else_may_use_it(tmp_path: Path) -> None:
    """The socket is its owner's alone, and is gone when the daemon is."""
    async with serving(tmp_path, Parrot()):
        assert 0o600 == (tmp_path / SOCKET).stat().st_mode & 0o777

    assert not (tmp_path / SOCKET).exists()


@pytest.mark.parametrize(("uid", "is_heard"), [(os.geteuid(), True), (0, True), (4711, False)])
async def test_who_asks(tmp_path: Path, uid: int, is_heard: bool) -> None:
    """The store's owner and root are heard; anybody else gets nothing, and no handler hears of it."""
    parrot = Parrot()
    async with serving(tmp_path, parrot, uid=uid) as control:
        if is_heard:
            await ask(tmp_path, "say", {})
        else:
            with pytest.raises(LinkClosed, match="may have been done"):
                await ask(tmp_path, "say", {})

            assert 1 == control.statistics().rejected

    assert is_heard == bool(parrot.heard)


async def test_the_kernel_names_the_peer(tmp_path: Path) -> None:
    """On a real socket the peer is this process's user."""
    seen: list[int | None] = []

    def peer(connection: trio.socket.SocketType) -> int | None:
        seen.append(server.peer_uid(connection))
        return seen[-1]

    async with trio.open_nursery() as nursery:
        await nursery.start(ControlServer(tmp_path, {"say": Parrot().say}, peer=peer).run)
        await ask(tmp_path, "say", {})
        nursery.cancel_scope.cancel()

    assert [os.geteuid()] == seen


@pytest.mark.parametrize(
    "line",
    [b"nonsense\n", b"[]\n", b"{}\n", b'{"do": 1}\n', b"\xff\xfe\n", b"\n", b"[" * 60_000 + b"\n", b"x" * 70_000],
)
async def test_what_is_no_request(tmp_path: Path, line: bytes, log: LogCapture) -> None:
    """Bad JSON, and a line that is too long, are answered by a sentence; the next request is served."""
    async with serving(tmp_path, Parrot()) as control:
        async with connected(tmp_path) as stream:
            await stream.send_all(line)
            answer = await everything(stream)

        if len(line) <= wire.MAX_REQUEST:
            with pytest.raises(DaemonRefused, match="no request") as caught:
                wire.read_answer(answer)

            assert 2 == caught.value.code

        assert 1 == control.statistics().rejected
        assert {"said": {}} == await ask(tmp_path, "say", {})

    assert ["no_request"] == [entry["reason"] for entry in log.entries if entry["event"] == "control.rejected"]


async def test_a_line_without_its_end(tmp_path: Path) -> None:
    """A request whose line break never comes, because its client is done, is not carried out."""
    parrot = Parrot()
    async with serving(tmp_path, parrot), connected(tmp_path) as stream:
        await stream.send_all(b'{"do": "say"}')
        await stream.send_eof()
        with pytest.raises(DaemonRefused, match="ended in its middle"):
            wire.read_answer(await everything(stream))

    assert not parrot.heard


async def test_a_slow_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends byte by byte for ever is cut off; others are served meanwhile."""
    monkeypatch.setattr(server, "REQUEST_S", 0.3)
    async with serving(tmp_path, Parrot()) as control, connected(tmp_path) as slow:
        assert {"said": {}} == await ask(tmp_path, "say", {})

        with pytest.raises(trio.BrokenResourceError):
            await drip(slow)

        assert 1 == control.statistics().rejected


@pytest.mark.parametrize("do", ["say", "wait"])
async def test_a_client_that_goes_away(tmp_path: Path, do: str) -> None:
    """What was asked for is done, also when whoever asked is gone before the answer."""
    parrot = Parrot()
    async with serving(tmp_path, parrot) as control:
        async with connected(tmp_path) as stream:
            await stream.send_all(wire.request(do, {"by": "ghost"}))
            await wait_all_tasks_blocked(0.02)
        parrot.let_go.set()
        await ask(tmp_path, "say", {})
        await wait_all_tasks_blocked(0.02)

        assert 2 == control.statistics().answered

    assert {"by": "ghost"} in parrot.heard


async def test_a_client_that_does_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that nobody reads is given up, and its connection closed."""
    monkeypatch.setattr(server, "REQUEST_S", 0.3)
    parrot = Parrot()
    parrot.error = WrongUse("x" * 3_000_000)
    async with serving(tmp_path, parrot) as control, connected(tmp_path) as stream:
        await stream.send_all(wire.request("fail", {}))
        await until(lambda: control.statistics().refused == 1)
        await until(lambda: "0 open" in repr(control))

        assert len(await everything(stream)) < 3_000_000


async def test_many_at_once(tmp_path: Path) -> None:
    """Sixteen are carried out at once; one more is told to come again, and a crowd of idle ones holds nobody up."""
    parrot = Parrot()
    codes: list[int] = []

    async def ask_one(number: int) -> None:
        try:
            await ask(tmp_path, "wait", {"number": number})
        except DaemonRefused as exc:
            codes.append(exc.code)

    async with serving(tmp_path, parrot) as control:
        async with trio.open_nursery() as nursery:
            for number in range(server.MOST + 3):
                nursery.start_soon(ask_one, number)
            await until(lambda: len(codes) == 3)
            parrot.let_go.set()

        assert [4, 4, 4] == codes
        assert {*range(server.MOST + 3)} >= {each["number"] for each in parrot.heard}
        assert (server.MOST, 3) == (len(parrot.heard), control.statistics().refused)

        async with trio.open_nursery() as nursery:

            async def idle() -> None:
                async with connected(tmp_path) as stream:
                    await everything(stream)

            for _ in range(server.CROWD - 4):
                nursery.start_soon(idle)
            await wait_all_tasks_blocked(0.05)

            assert {"said": {}} == await ask(tmp_path, "say", {})

            for _ in range(10):
                nursery.start_soon(idle)
            await until(lambda: control.statistics().rejected >= 6)
            nursery.cancel_scope.cancel()


async def test_what_a_handler_raises(tmp_path: Path, log: LogCapture) -> None:
    """An error of ours becomes sentence and exit code; a bug is logged with its traceback and ends nothing else."""
    parrot = Parrot()
    async with serving(tmp_path, parrot) as control:
        for error, text, code in (
            (WrongUse("no such visitor"), "no such visitor", 2),
            (StoreError(tmp_path, "is full"), f"{tmp_path}: is full", 4),
            (LocalProtocolError("oops"), "oops", 1),
            (ZeroDivisionError(), server._FAULT, 1),
        ):
            parrot.error = error
            with pytest.raises(DaemonRefused) as caught:
                await ask(tmp_path, "fail", {})

            assert (text, code) == (str(caught.value), caught.value.code)

        with pytest.raises(DaemonRefused, match="an older one"):
            await ask(tmp_path, "installations.paint", {})

        assert ControlStatistics(refused=5) == control.statistics()

    (fault,) = [entry for entry in log.entries if entry["event"] == "control.failed"]
    assert fault["exc_info"]


async def test_a_broken_store_ends_the_daemon(tmp_path: Path) -> None:
    """After a failed sync nothing goes on, whoever has asked for it."""
    parrot = Parrot()
    parrot.error = StoreBroken(tmp_path, "could not be synced")
    with pytest.RaisesGroup(StoreBroken, flatten_subgroups=True, allow_unwrapped=True):
        async with serving(tmp_path, parrot):
            with pytest.raises(LinkClosed):
                await ask(tmp_path, "fail", {})
            await trio.sleep_forever()


async def test_a_handler_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes longer than its bound is ended, and told."""
    monkeypatch.setattr(server, "WORK_S", 0.2)
    async with serving(tmp_path, Parrot()):
        with pytest.raises(DaemonRefused, match="has not finished") as caught:
            await ask(tmp_path, "wait", {})

        assert 4 == caught.value.code


async def test_the_daemon_stops_with_a_request_in_hand(tmp_path: Path) -> None:
    """Whoever waits for a daemon that stops is told that it may have been done."""
    told: list[LinkClosed] = []

    async def ask_one() -> None:
        with pytest.raises(LinkClosed) as caught:
            await ask(tmp_path, "wait", {})
        told.append(caught.value)

    async with trio.open_nursery() as nursery, serving(tmp_path, Parrot()):
        nursery.start_soon(ask_one)
        await wait_all_tasks_blocked(0.05)

    assert "may have been done" in str(told[0])


async def test_an_answer_that_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks is told once that it takes long, and has the answer when it comes."""
    monkeypatch.setattr(client, "SLOW_S", 0.05)
    parrot, told = Parrot(), []

    def on_slow() -> None:
        told.append("slow")
        parrot.let_go.set()

    async with serving(tmp_path, parrot):
        assert {"said": {"a": 1}} == await ask(tmp_path, "wait", {"a": 1}, on_slow=on_slow)

    assert ["slow"] == told


async def test_a_daemon_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command does not wait for ever."""
    monkeypatch.setattr(client, "ANSWER_S", 0.2)
    async with serving(tmp_path, Parrot()):
        with pytest.raises(LinkClosed, match="did not answer"):
            await ask(tmp_path, "wait", {})


async def test_without_a_daemon(tmp_path: Path) -> None:
    """No store, no socket, and the socket of a daemon that was killed, all mean that none runs."""
    assert NotRunning() == await ask(tmp_path / "nowhere", "say", {})
    assert NotRunning() == await ask(tmp_path, "say", {})

    leave_a_socket(tmp_path)

    assert NotRunning() == await ask(tmp_path, "say", {})


async def test_the_socket_of_a_killed_daemon_is_replaced(tmp_path: Path) -> None:
    """What a kill left behind does not stand in the way of the next run."""
    leave_a_socket(tmp_path)
    async with serving(tmp_path, Parrot()):
        assert {"said": {}} == await ask(tmp_path, "say", {})


async def test_something_else_in_its_place(tmp_path: Path, log: LogCapture) -> None:
    """A file that is no socket is left alone; the daemon goes on without."""
    (tmp_path / SOCKET).write_text("mine", encoding="utf-8")
    async with serving(tmp_path, Parrot()):
        assert "mine" == (tmp_path / SOCKET).read_text(encoding="utf-8")
        assert NotRunning() == await ask(tmp_path, "say", {})

    (entry,) = log.entries
    assert ("control.unavailable", "warning") == (entry["event"], entry["log_level"])


async def test_a_long_path(tmp_path: Path) -> None:
    """The store may lie deeper than the address of a unix socket is long."""
    folder = tmp_path.joinpath(*LONG)
    folder.mkdir(parents=True)
    async with serving(folder, Parrot()):
        assert {"said": {}} == await ask(folder, "say", {})


async def drip(stream: trio.SocketStream) -> None:
    """Send blanks, one by one, for ever."""
    while True:
        await stream.send_all(b" ")
        await trio.sleep(0.01)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until *is_so*."""
    while not is_so():
        await wait_all_tasks_blocked(0.01)


def leave_a_socket(folder: Path) -> None:
    """Leave what a daemon leaves that is killed."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / SOCKET))
