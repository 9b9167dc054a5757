"""A full disk is said in one line that says what to do; what is acknowledged meanwhile is not lost."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.app import HOUSEKEEPING_S
from slackkefu.errors import StoreBroken, StoreUnwritable
from slackkefu.store.files import OPERATING_SYSTEM
from slackkefu.store.segments import Segments
from tests.wired.town import town

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from structlog.testing import LogCapture

    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.model import Message
    from tests.wired.town import Town

SOON_S = 30.0


def full(_descriptor: int, _data: memoryview, _offset: int = 0) -> int:
    """Write like a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_but_for_the_old(descriptor: int, data: memoryview, offset: int) -> int:
    """Write like a full disk: what a file has already can be written over."""
    if offset + len(data) > os.fstat(descriptor).st_size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return os.pwrite(descriptor, data, offset)


@contextmanager
def full_disk(pwrite: Callable[[int, memoryview, int], int] = full_but_for_the_old) -> Iterator[None]:
    """Fill the disk for a ``with`` block."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(OPERATING_SYSTEM), "write", staticmethod(full))
        patched.setattr(type(OPERATING_SYSTEM), "pwrite", staticmethod(pwrite))
        yield


def broken(_descriptor: int) -> None:
    """Sync like a disk that is breaking."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


async def talk(here: Town, people: list[Person], *, minutes: int, prefix: str) -> list[Message]:
    """Let people write in their direct messages, each once a minute."""
    said = []
    for minute in range(minutes):
        said += [await person.says(person.dm(), f"{prefix} {minute} of {person.name}") for person in people]
        await trio.sleep(60)
    return said


def heard(here: Town, person: Person) -> list[str]:
    """Return what the desk has heard of somebody's direct messages, without the time of what came late."""
    lines = here.desk.conversation(here.visitor(person, person.dm())).heard
    return [line.text.rpartition("]\n")[2] for line in lines]


async def test_a_disk_that_fills_up(tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """Known visitors are still served, new ones wait, and both are told to the operator; room mends it."""
    async with town(tmp_path) as here:
        mia, leo = here.north.add_user(name="Mia"), here.north.add_user(name="Leo")
        await mia.says(mia.dm(), "before")
        with trio.fail_after(SOON_S):
            await here.desk.heard("before")
        with full_disk():
            root = await mia.says(mia.dm(), "a new thread")
            await mia.says(mia.dm(), "in it", thread=root)
            unlucky = await leo.says(leo.dm(), "my first words")
            with trio.fail_after(SOON_S):
                await here.desk.heard("in it")
            await trio.sleep(10)
            (parcel,) = [each for each in here.slack.ledger.parcels if each.is_about(unlucky)]

            assert parcel.acknowledged

        lines = [str(entry) for entry in log.entries if entry["log_level"] in ("warning", "error")]
        assert [line for line in lines if "the disk is full" in line and "Make room" in line]

        with trio.fail_after(600):
            await here.desk.heard("my first words")


async def test_a_disk_without_any_room(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Where even the reserve cannot be written nothing is acknowledged: Slack keeps it, and its repeat arrives."""
    async with town(tmp_path) as here:
        leo = here.north.add_user(name="Leo")
        await here.slack.connected()
        with full_disk(full):
            unlucky = await leo.says(leo.dm(), "my first words")
            await trio.sleep(50)
            (parcel,) = [each for each in here.slack.ledger.parcels if each.is_about(unlucky)]

            assert not parcel.acknowledged

        with trio.fail_after(600):
            await here.desk.heard("my first words")
            await here.slack.acknowledged(parcel)


async def test_a_disk_that_is_full_for_longer_than_slack_repeats(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """Everything is acknowledged within Slack's time, and arrives once and in order; then the reserve is free again."""
    async with town(tmp_path) as here:
        mia, leo = here.north.add_user(name="Mia"), here.north.add_user(name="Leo")
        before = await talk(here, [mia], minutes=1, prefix="before")
        with full_disk():
            during = await talk(here, [mia, leo], minutes=20, prefix="full")
            marked = here.statistics["backfill"]()
        after = await talk(here, [mia, leo], minutes=20, prefix="after")
        await trio.sleep(3600)
        everything = [*before, *during, *after]
        waited_s = [each.acknowledged_after_s for each in here.slack.ledger.parcels]

        assert all(each is not None and each <= 2.5 for each in waited_s)

        for person in (mia, leo):
            assert [each.text for each in everything if each.user is person.user] == heard(here, person)

        free = here.statistics["backfill"]()

        assert (2, 0) == (marked.gaps, free.gaps)  # type: ignore[attr-defined]  # that group's class
        assert b"T0NORTH" not in (tmp_path / "store" / "reserve").read_bytes()


async def test_a_crash_on_a_full_disk(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What was acknowledged against a mark and lost with the process is read from the history."""
    async with town(tmp_path) as here:
        mia, leo = here.north.add_user(name="Mia"), here.north.add_user(name="Leo")
        before = await talk(here, [mia], minutes=12, prefix="before")
        here.easemob.faults.black_hole = True
        with full_disk():
            during = await talk(here, [mia, leo], minutes=10, prefix="full")

            assert all(each.acknowledged for each in here.slack.ledger.parcels)

            await here.kill()
        here.easemob.faults.black_hole = False
        await here.start()
        await trio.sleep(3600)
        for person in (mia, leo):
            written = [each.text for each in [*before, *during] if each.user is person.user]
            assert written == heard(here, person)


async def test_a_short_crash_on_a_full_disk(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Only the reserve knows what was lost with a process that was away for some seconds: it is read from there on."""
    async with town(tmp_path) as here:
        mia, leo = here.north.add_user(name="Mia"), here.north.add_user(name="Leo")
        await talk(here, [mia, leo], minutes=12, prefix="before")
        await trio.sleep(5)
        here.easemob.faults.black_hole = True
        with full_disk():
            lost = await mia.says(mia.dm(), "only in memory")
            await trio.sleep(10)

            assert all(each.acknowledged for each in here.slack.ledger.parcels)

            await here.kill()
        here.easemob.faults.black_hole = False
        before = len(here.slack.ledger.calls_of("conversations.history"))
        await here.start()
        await trio.sleep(300)

        assert lost.text == heard(here, mia)[-1]
        assert ["conversations.history"] == [
            call.method for call in here.slack.ledger.calls_of("conversations.history")[before:]
        ]


async def test_a_full_spill(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A spill that holds the most it may is like a full disk: what does not fit is marked, and arrives all the same."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "before")
        with trio.fail_after(SOON_S):
            await here.desk.heard("before")
        here.easemob.faults.black_hole = True
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Segments, "size", 2**30)
            during = await talk(here, [mia], minutes=10, prefix="full")
            marked = here.statistics["messages"]()
        here.easemob.faults.black_hole = False
        await trio.sleep(3600)

        assert 10 == marked.marked  # type: ignore[attr-defined]  # that group's class
        assert all(each.acknowledged for each in here.slack.ledger.parcels)
        assert ["before", *(each.text for each in during)] == heard(here, mia)


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


async def test_a_file_that_cannot_be_read_when_the_store_is_cleared(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clearing the store is no reason to end: what fails is said and tried again, and messages pass meanwhile."""

    def unreadable(_descriptor: int, _size: int, _offset: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    async with town(tmp_path) as here:
        mia, leo = here.north.add_user(name="Mia"), here.north.add_user(name="Leo")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.easemob.faults.black_hole = True
        here.network.hosts["rest.easemob.test"].black_hole = True  # else it is another way
        await leo.says(leo.dm(), "from the spill")
        await trio.sleep(10)
        with monkeypatch.context() as patched:
            patched.setattr(type(OPERATING_SYSTEM), "pread", staticmethod(unreadable))
            await trio.sleep(HOUSEKEEPING_S)
        here.easemob.faults.black_hole = False
        here.network.hosts["rest.easemob.test"].black_hole = False
        await trio.sleep(600)

        assert here.desk.everything_heard()[-1].text.endswith("from the spill")
        assert "store.not_cleared" in {entry["event"] for entry in log.entries}


async def test_a_full_disk_does_not_fill_the_log(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture
) -> None:
    """However many messages come, each kind of trouble is one line a minute; and its end is said."""
    async with town(tmp_path) as here:
        people = [here.north.add_user(name=f"Mia {number}") for number in range(20)]
        with full_disk(full):
            await talk(here, people, minutes=10, prefix="full")
        lines = [entry for entry in log.entries if str(entry["event"]).endswith(".unwritable")]
        kinds = {(entry["event"], entry["meaning"]) for entry in lines}

        assert len(lines) <= 12 * len(kinds)
        assert max(entry["writes"] for entry in lines) > 100

        await talk(here, people, minutes=10, prefix="after")

    assert "store.writable_again" in {entry["event"] for entry in log.entries}


async def test_a_click_on_a_full_disk(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A click that the disk does not take reaches the desk from memory; Slack is not told that it is safe."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        with trio.fail_after(20 * SOON_S):
            await mia.says(mia.dm(), "hello")
            visitor = (await here.desk.heard("hello")).visitor
            here.desk.offers(visitor, "Choose", {"m-1": "Orders", "m-2": "Refunds"})
            menu = (await here.slack.posted(1))[-1].message
            with full_disk():
                parcel = await mia.chooses(menu, "Refunds")
                await here.desk.heard("Refunds")
                await trio.sleep(10)
            await here.settle()

        assert not parcel.acknowledged
        assert 1 == sum(line.text == "Refunds" for line in here.desk.everything_heard())
