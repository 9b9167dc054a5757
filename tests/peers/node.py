"""
A peer: a program of its own, spoken to in JSON lines.

It reads one JSON document a line from standard input, its settings first, writes one a line to standard output, and
ends when its input ends. What it writes to standard error is shown when it fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

__all__ = ["HERE", "LIMIT_S", "Peer", "node_peer", "peer", "python_peer"]

HERE: Final = Path(__file__).parent

LIMIT_S: Final = 20.0
"""How long any peer may take in all."""

ENDING_S: Final = 3.0
"""How long it may take to end once its input has ended; then it is stopped by force."""

MOST_BYTES: Final = 1 << 20


@final
class Peer:
    """A running program."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._unread = b""
        self._complaints = b""

    async def tell(self, **words: Any) -> None:
        """Send it a document."""
        assert self._process.stdin is not None, "peers are started with pipes"
        await self._process.stdin.send_all(json.dumps(words).encode() + b"\n")

    async def hear(self) -> dict[str, Any]:
        """Return its next document; raises AssertionError, with its complaints, when it has ended."""
        assert self._process.stdout is not None, "peers are started with pipes"
        while b"\n" not in self._unread:
            data = await self._process.stdout.receive_some()
            assert data, f"the peer ended: {self._complaints.decode(errors='replace')}"
            self._unread += data
            assert len(self._unread) < MOST_BYTES, "a line without an end"
        line, _, self._unread = self._unread.partition(b"\n")
        document: dict[str, Any] = json.loads(line)
        return document

    async def expect(self, kind: str) -> dict[str, Any]:
        """Return its next document whose ``kind`` is this; others are passed over, but for ``failed``."""
        while True:
            document = await self.hear()
            assert document.get("kind") != "failed", document
            if document.get("kind") == kind:
                return document

    async def listen_to_complaints(self) -> None:
        """Collect what it writes to standard error."""
        assert self._process.stderr is not None, "peers are started with pipes"
        async for data in self._process.stderr:
            self._complaints = (self._complaints + data)[-MOST_BYTES:]

    async def end(self) -> int:
        """End its input and wait for it; return its exit code."""
        assert self._process.stdin is not None, "peers are started with pipes"
        await self._process.stdin.aclose()
        return await self._process.wait()


@asynccontextmanager
async def peer(command: Sequence[str], settings: Mapping[str, Any]) -> AsyncIterator[Peer]:
    """
    Run a program, and give it *settings* as its first line.

    All in all it gets :data:`LIMIT_S`; at the end its input is closed and it has to end by itself, in order.
    """
    with trio.fail_after(LIMIT_S):
        process = await trio.lowlevel.open_process(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=HERE,
            env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        )
        running = Peer(process)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(running.listen_to_complaints)
                await running.tell(**settings)
                yield running
                with trio.move_on_after(ENDING_S):
                    code = await running.end()
                    assert 0 == code, running
                assert process.returncode is not None, "the peer did not end by itself"
                nursery.cancel_scope.cancel()
        finally:
            if process.returncode is None:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    await trio.aclose_forcefully(pipe)


def node_peer(script: str, settings: Mapping[str, Any]) -> AbstractAsyncContextManager[Peer]:
    """Run a Node script of this folder; see :func:`peer`."""
    packages = HERE / "node_modules"
    assert packages.is_dir(), "the Node packages are missing: run `npm ci` in tests/peers, or tests/run"
    return peer(["node", script], settings)


def python_peer(script: str, settings: Mapping[str, Any]) -> AbstractAsyncContextManager[Peer]:
    """Run a Python script of this folder with this interpreter; see :func:`peer`."""
    return peer([sys.executable, script], settings)
