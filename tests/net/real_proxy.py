"""A real proxy, :mod:`tests.net.proxy_process`, run by a test: started, watched, broken, ended and started again."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

__all__ = ["Passed", "RealProxy", "proxy"]


@dataclass(frozen=True)
class Passed:
    """One request to the proxy."""

    way: str
    """``CONNECT``, ``SOCKS5``, or the method of a request it was to forward."""
    target: str
    """``host:port`` as it was asked for."""
    result: int
    """200, or an HTTP status in that sense."""


@dataclass
class RealProxy:
    """A running proxy; may be ended and started again, at the same port."""

    settings: dict[str, Any]
    passed: list[Passed] = field(default_factory=list)
    """What it was asked for, over all its lives."""
    _nursery: trio.Nursery = field(init=False)
    _process: trio.Process | None = None
    _news: trio.Event = field(default_factory=trio.Event)
    _faults_set: int = 0

    @property
    def url(self) -> str:
        """Its address, with the name and password that it wants."""
        credentials = self.settings.get("credentials", "")
        return f"{self.settings['scheme']}://{credentials}{'@' if credentials else ''}localhost:{self.port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.settings["port"])

    @property
    def targets(self) -> set[str]:
        """The hosts that it was asked for, by name or number."""
        return {passed.target for passed in self.passed}

    async def start(self) -> None:
        """Start it; returns when it listens."""
        command = [sys.executable, "-m", "tests.net.proxy_process", json.dumps(self.settings)]
        self._process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.settings["port"] = await self._nursery.start(self._listen, self._process)

    async def stop(self) -> None:
        """End it, with all connections through it; returns when it is gone."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def has(self, kind: str, after_bytes: int = 0) -> None:
        """Give it a fault, or (empty) none; returns when it has it."""
        assert self._process is not None
        assert self._process.stdin is not None
        count = self._faults_set
        await self._process.stdin.send_all(json.dumps({"kind": kind, "after_bytes": after_bytes}).encode() + b"\n")
        while self._faults_set == count:
            await self._news.wait()

    async def saw(self, count: int) -> list[Passed]:
        """Wait until it has been asked *count* times in all."""
        while len(self.passed) < count:
            await self._news.wait()
        return self.passed

    async def _listen(self, process: trio.Process, *, task_status: trio.TaskStatus[int]) -> None:
        assert process.stdout is not None
        unread = b""
        async for data in process.stdout:
            *whole, unread = (unread + data).split(b"\n")
            for line in map(json.loads, whole):
                if "port" in line:
                    task_status.started(line["port"])
                elif "fault" in line:
                    self._faults_set += 1
                else:
                    self.passed.append(Passed(**line))
            self._news.set()
            self._news = trio.Event()


@asynccontextmanager
async def proxy(scheme: str, names: Mapping[str, int], **settings: object) -> AsyncIterator[RealProxy]:
    """
    Run a proxy.

    Args:
        scheme: ``http``, ``https``, ``socks5`` or ``socks5h``.
        names: The targets it knows, ``host:port``, each with its port on this machine.
        settings: As in :class:`tests.net.proxy_process.Settings`.

    """
    running = RealProxy({"scheme": scheme, "names": dict(names), "port": 0, **settings})
    async with trio.open_nursery() as nursery:
        running._nursery = nursery
        await running.start()
        try:
            yield running
        finally:
            with trio.CancelScope(shield=True):
                await running.stop()
            nursery.cancel_scope.cancel()
