"""What its writer deletes while it is in our hands never reaches the desk, over crashes and full disks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.bridge.slack_to_kefu.to_kefu import parts
from slackkefu.store.files import OPERATING_SYSTEM
from tests.wired.test_full_disk import full
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.bridge.slack_to_kefu.custody import CustodyStatistics
    from slackkefu.demo.slack.ledger import Parcel
    from slackkefu.demo.slack.model import Message
    from tests.wired.town import Town

SOON_S = 30.0
LATER_S = 600.0


def messages(here: Town) -> CustodyStatistics:
    """Count how messages ended."""
    return here.statistics["messages"]()  # type: ignore[return-value]  # that group's class


def deletion_of(here: Town, message: Message) -> Parcel:
    """Return what Slack says of the deletion of a message."""
    (parcel,) = [each for each in here.slack.ledger.parcels if each.event.get("deleted_ts") == message.ts]
    return parcel


def on_disk(tmp_path: Path, words: bytes) -> list[str]:
    """Return the files of the store that hold some words."""
    store = tmp_path / "store"
    return [str(each) for each in store.rglob("*") if each.is_file() and words in each.read_bytes()]


@pytest.mark.parametrize("restart", [False, True])
async def test_deleted_while_easemob_is_away(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, restart: bool
) -> None:
    """What waits is taken back, the first of a lane too; the rest arrives in order, and no words stay on the disk."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        here.easemob.faults.black_hole = True
        written = [await mia.says(mia.dm(), f"message {number}") for number in range(4)]
        await trio.sleep(20)
        for number in (0, 2):
            await mia.deletes(written[number])
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged()
        if restart:
            for _, line in here.network.lines:
                line.black_hole()
            await here.stop()
            await here.start()
        here.easemob.faults.black_hole = False
        with trio.fail_after(LATER_S):
            await here.desk.heard(count=2)
        await trio.sleep(3600)

        # After a restart they say when they were written.
        assert ["message 1", "message 3"] == [line.text.split("\n")[-1] for line in here.desk.everything_heard()]
        assert 0 == messages(here).in_hand
        assert [] == on_disk(tmp_path, b"message 0")


@pytest.mark.parametrize("after_s", [0.5, 20.0])
@pytest.mark.parametrize("restart", [False, True])
async def test_deleted_on_a_line_that_is_silent(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, after_s: float, restart: bool
) -> None:
    """What left on a line that nobody knows to be dead does not come to the desk when there is another one."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.easemob.faults.black_hole = True
        message = await mia.says(mia.dm(), "forget this")
        await trio.sleep(after_s)
        await mia.deletes(message)
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged(deletion_of(here, message))
        if restart:
            await here.kill()
            await here.start()
        await trio.sleep(LATER_S)
        here.easemob.faults.black_hole = False
        await trio.sleep(LATER_S)

        assert ["hello"] == [line.text for line in here.desk.everything_heard()]


async def test_deleted_at_the_desk_already(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A deletion of what was delivered takes nothing back; the desk keeps the words, and is told."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        message = await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        await mia.deletes(message)
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged(deletion_of(here, message))

        with trio.fail_after(SOON_S):
            await here.desk.heard(count=2)
        await trio.sleep(1)

        assert (2, 0) == (messages(here).delivered, messages(here).withdrawn)


@pytest.mark.parametrize("restart", [False, True])
async def test_deleted_before_it_came(tmp_path: Path, autojump_clock: trio.testing.MockClock, restart: bool) -> None:
    """A message whose deletion reaches us before its repeat does is not brought to the desk any more."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        for line in here.network.lines_to("wss-primary.slack.com"):
            line.black_hole()
        message = await mia.says(mia.dm(), "forget this")
        await trio.sleep(40)
        await mia.deletes(message)
        if restart:
            with trio.fail_after(SOON_S):
                await here.slack.acknowledged(deletion_of(here, message))
            await here.stop()
            await here.start()
        with trio.fail_after(LATER_S):
            await here.slack.acknowledged()

        assert ["hello"] == [line.text for line in here.desk.everything_heard()]


async def test_deleted_when_it_was_set_aside(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is set aside leaves the disk when its writer deletes it."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("slackkefu.bridge.slack_to_kefu.forwarding.parts", fail)
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        message = await mia.says(mia.dm(), "poison")
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged()
        kept = on_disk(tmp_path, b"poison")
        await mia.deletes(message)
        with trio.fail_after(SOON_S):
            await here.slack.acknowledged(deletion_of(here, message))
        monkeypatch.setattr("slackkefu.bridge.slack_to_kefu.forwarding.parts", parts)
        await here.stop()
        await here.start()
        await trio.sleep(3600)

        assert kept
        assert 0 == here.statistics["aside"]().kept  # type: ignore[attr-defined]  # that group's class
        assert [] == on_disk(tmp_path, b"poison")


async def test_a_full_disk_loses_no_deletion(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion that cannot be written is not acknowledged; Slack's repeat is, and the message never arrives."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        here.easemob.faults.black_hole = True
        message = await mia.says(mia.dm(), "forget this")
        await trio.sleep(10)
        with monkeypatch.context() as patched:
            patched.setattr(type(OPERATING_SYSTEM), "pwrite", staticmethod(full))
            await mia.deletes(message)
            await trio.sleep(SOON_S)

            assert not deletion_of(here, message).acknowledged

        with trio.fail_after(LATER_S):
            await here.slack.acknowledged()
        here.easemob.faults.black_hole = False
        await here.stop()
        await here.start()
        await trio.sleep(LATER_S)

        assert not here.desk.everything_heard()
