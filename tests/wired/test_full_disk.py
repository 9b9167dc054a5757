"""A full disk is said in one line that says what to do; nobody's words are acknowledged and then lost."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.errors import StoreBroken, StoreUnwritable
from slackkefu.store.files import OPERATING_SYSTEM
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.testing import LogCapture

SOON_S = 30.0


def full(_descriptor: int, _data: memoryview, _offset: int = 0) -> int:
    """Write like a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def broken(_descriptor: int) -> None:
    """Sync like a disk that is breaking."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


async def test_a_disk_that_fills_up(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known visitors are still served, new ones wait at Slack, and both are told to the operator; room mends it."""
    async with town(tmp_path) as here:
        mia, leo = here.north.add_user(name="Mia"), here.north.add_user(name="Leo")
        await mia.says(mia.dm(), "before")
        with trio.fail_after(SOON_S):
            await here.desk.heard("before")
        with monkeypatch.context() as patched:
            patched.setattr(type(OPERATING_SYSTEM), "write", staticmethod(full))
            patched.setattr(type(OPERATING_SYSTEM), "pwrite", staticmethod(full))
            root = await mia.says(mia.dm(), "a new thread")
            await mia.says(mia.dm(), "in it", thread=root)
            unlucky = await leo.says(leo.dm(), "my first words")
            with trio.fail_after(SOON_S):
                await here.desk.heard("in it")
            await trio.sleep(10)
            (parcel,) = [each for each in here.slack.ledger.parcels if each.is_about(unlucky)]

            assert not parcel.acknowledged

        lines = [str(entry) for entry in log.entries if entry["log_level"] in ("warning", "error")]
        assert [line for line in lines if "the disk is full" in line and "Make room" in line]

        with trio.fail_after(600):
            await here.desk.heard("my first words")
            await here.slack.acknowledged(parcel)


async def test_a_disk_that_is_full_at_the_start(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that cannot be made ends the start with what happened and what to do."""
    async with town(tmp_path, started=False) as here:
        monkeypatch.setattr(type(OPERATING_SYSTEM), "write", staticmethod(full))
        with pytest.raises(StoreUnwritable, match=r"the disk is full\..*Make room on it\."):
            await here.run_once()


async def test_a_sync_that_fails_ends_the_daemon(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed sync nobody knows what is on disk: nothing is acknowledged, and the daemon ends."""
    ended: list[BaseException] = []
    try:
        async with town(tmp_path) as here:
            mia = here.north.add_user(name="Mia")
            await here.slack.connected()
            monkeypatch.setattr(type(OPERATING_SYSTEM), "fsync", staticmethod(broken))
            message = await mia.says(mia.dm(), "hello")
            await trio.sleep(SOON_S)
    except* StoreBroken as group:
        ended.append(group)
    (parcel,) = [each for each in here.slack.ledger.parcels if each.is_about(message)]

    assert 1 == len(ended)
    assert not parcel.acknowledged
