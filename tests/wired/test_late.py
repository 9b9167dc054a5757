"""What comes to the desk out of its time says when it was written, and is the same message with or without that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import trio
import trio.testing

from slackkefu.demo.easemob.ledger import Accepted
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack.model import Message

SOON_S = 30.0
HOUR_S = 3600.0


def late(message: Message) -> str:
    """Return what the desk reads of a message that is late."""
    written = datetime.fromtimestamp(float(message.ts), UTC)
    return f"[补发 Late · {written:%Y-%m-%d %H:%M} UTC]\n{message.shown}"


async def test_after_an_absence(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What waited for Easemob for longer than five minutes is marked, the first of it too; what came later is not."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        here.easemob.faults.black_hole = True
        here.network.hosts["rest.easemob.test"].black_hole = True  # else it is another way
        written = []
        for number in range(12):
            written.append(await mia.says(mia.dm(), f"message {number}"))
            await trio.sleep(60)
        here.easemob.faults.black_hole = False
        here.network.hosts["rest.easemob.test"].black_hole = False
        with trio.fail_after(HOUR_S):
            await here.desk.heard(count=12)
        heard = [line.text for line in here.desk.everything_heard()]
        plain = [text.startswith("message") for text in heard]

        assert [
            (message.shown, late(message))[not is_plain] for message, is_plain in zip(written, plain, strict=True)
        ] == heard
        assert sorted(plain) == plain
        assert 1 <= sum(plain) <= 5


async def test_one_that_was_overtaken(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A message that reaches us by Slack's repeat only, after a later one has left, is sent at once and marked."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        for line in here.network.lines_to("wss-primary.slack.com"):
            line.black_hole()
        first = await mia.says(mia.dm(), "first")
        await trio.sleep(40)
        await mia.says(mia.dm(), "second")
        with trio.fail_after(SOON_S):
            await here.desk.heard("second")
        with trio.fail_after(HOUR_S):
            await here.desk.heard(late(first))
        await mia.says(mia.dm(), "third")
        with trio.fail_after(SOON_S):
            await here.desk.heard("third")

        assert ["hello", "second", late(first), "third"] == [line.text for line in here.desk.everything_heard()]


async def test_one_that_was_overtaken_before_a_restart(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What had reached the desk before a restart is known after it: what was written before that is marked."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await here.stop()
        first = await mia.says(mia.dm(), "first")
        await here.start()
        await mia.says(mia.dm(), "second")
        with trio.fail_after(SOON_S):
            await here.desk.heard("second")
        await here.stop()
        await here.start()
        with trio.fail_after(HOUR_S):
            await here.desk.heard(late(first))

        assert ["second", late(first)] == [line.text for line in here.desk.everything_heard()]


async def test_one_that_was_overtaken_in_the_moment_of_a_crash(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """What was written before a crash is marked: a later one may have left, and nobody have known of it yet."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        for line in here.network.lines_to("wss-primary.slack.com"):
            line.black_hole()
        first = await mia.says(mia.dm(), "first")
        await trio.sleep(40)
        here.easemob.faults.lost_acknowledgements = 1
        await mia.says(mia.dm(), "second")
        with trio.fail_after(SOON_S):
            await here.desk.heard("second")
        await here.kill()
        await here.start()
        with trio.fail_after(HOUR_S):
            await here.desk.heard(late(first))
            await here.slack.acknowledged()

        assert ["hello", "second", late(first)] == [line.text for line in here.desk.everything_heard()]


async def test_a_mark_makes_no_other_message(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A message whose acknowledgement was lost, and that is late when it is sent again, is one message at the desk."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.easemob.faults.lost_acknowledgements = 1000
        await mia.says(mia.dm(), "again and again")
        await trio.sleep(400)
        here.easemob.faults.lost_acknowledgements = 0
        await trio.sleep(60)

        assert ["hello", "again and again"] == [line.text for line in here.desk.everything_heard()]
        assert 5 < sum(each.repeated for each in here.easemob.ledger.of(Accepted))
        assert 2 == here.statistics["messages"]().delivered  # type: ignore[attr-defined]  # that group's class
