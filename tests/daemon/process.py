"""The daemon as its users have it: a process of its own, between two fakes on real sockets of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import trio

from slackkefu.demo.easemob import FakeEasemob
from slackkefu.demo.slack import FakeSlack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

__all__ = ["LIMIT_S", "Daemon", "daemon", "fakes", "write_config"]

LIMIT_S: Final = 40.0
"""How long any of these tests may take."""


@dataclass
class Daemon:
    """A running process."""

    process: trio.Process = field(repr=False)
    lines: list[str] = field(default_factory=list)
    """What it has written to standard error."""
    _news: trio.Event = field(default_factory=trio.Event, repr=False)

    async def says(self, words: str) -> str:
        """Wait for a line that holds *words*, and return it."""
        while True:
            for line in self.lines:
                if words in line:
                    return line
            await self._news.wait()

    async def ends(self) -> int:
        """Wait for its end, and return the exit code."""
        return await self.process.wait()

    async def listen(self) -> None:
        """Collect its lines until it ends."""
        assert self.process.stderr is not None, "started with a pipe"
        unread = b""
        async for data in self.process.stderr:
            *whole, unread = (unread + data).split(b"\n")
            self.lines += [line.decode() for line in whole]
            self._news.set()
            self._news = trio.Event()


@asynccontextmanager
async def daemon(
    config: Path | None, *, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> AsyncIterator[Daemon]:
    """Run ``slackkefu run``, in *folder*; at the end it is asked to stop, unless it has ended already."""
    command = [sys.executable, "-m", "slackkefu", "run", *([] if config is None else ["--config", str(config)])]
    environ = {**os.environ, **(environ or {})}
    process = await trio.lowlevel.open_process(command, stderr=subprocess.PIPE, env=environ, cwd=folder)
    running = Daemon(process)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(running.listen)
            yield running
            if process.returncode is None:
                process.terminate()
                await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


@asynccontextmanager
async def fakes() -> AsyncIterator[tuple[FakeSlack, FakeEasemob]]:
    """Run a Slack with one workspace and an Easemob on loopback, for :data:`LIMIT_S` at most."""
    slack, easemob = FakeSlack(), FakeEasemob()
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(slack.serve_loopback)
            await nursery.start(easemob.serve_loopback)
            yield slack, easemob
            nursery.cancel_scope.cancel()


def write_config(folder: Path, slack: FakeSlack, easemob: FakeEasemob, bot_token: str, **changes: str) -> Path:
    """
    Write a configuration.

    *changes* replace values by key, with ``__`` for the dot; an empty one leaves the key out.
    """
    values = {
        "slack.app_token": slack.settings.app_token,
        "slack.bot_token": bot_token,
        "slack.api_url": slack.addresses.api,
        "slack.introduction": "false",
        "easemob.app_key": easemob.app_key,
        "easemob.client_id": easemob.client_id,
        "easemob.client_secret": easemob.client_secret,
        "easemob.discovery_url": easemob.discovery_url,
        "kefu.service_number": "kefu_service",
        # Where a card is not what is tested, it would be one more message in each conversation.
        "kefu.source_card": "false",
        "store.path": str(folder / "store"),
        **{key.replace("__", "."): value for key, value in changes.items()},
    }
    path = folder / "config.toml"
    path.write_text("".join(f'{key} = "{value}"\n' for key, value in values.items() if value), encoding="utf-8")
    return path
