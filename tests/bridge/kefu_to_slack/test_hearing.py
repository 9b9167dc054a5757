"""Silence after our own posts means that the connections only look alive, and is acted on once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from slackkefu.bridge.kefu_to_slack.hearing import DEAF_S, Hearing
from slackkefu.bridge.slack_to_kefu.routing import Ignored
from slackkefu.bridge.table import Reason
from slackkefu.slack.ids import ChannelId, Ts
from slackkefu.slack.web import Post, Posted
from tests.bridge.people import envelope

if TYPE_CHECKING:
    from structlog.testing import LogCapture

    from slackkefu.bridge.kefu_to_slack.echoes import Attempt

DM = ChannelId("D0MIA00001")
OWN = Ignored(Reason.OWN_MESSAGE)


class Ear:
    """A hearing whose renewals are counted."""

    def __init__(self) -> None:
        self.renewed: list[float] = []
        self.hearing = Hearing(renew=lambda: self.renewed.append(trio.current_time()))
        self.number = 0

    def posts(self, channel: ChannelId = DM) -> int:
        """Let Slack take a post; return its number."""
        self.number += 1
        self.hearing.accepted(Posted(channel, Ts(f"1760000000.{self.number:06}")))
        return self.number

    def hears(self, number: int, **changes: Any) -> None:
        """Let the echo of a post come."""
        self.hearing.took(envelope("hi", number=number, bot_id="B0NORTHBOT", **changes).payload, OWN)


@pytest.fixture
async def ear(nursery: trio.Nursery) -> Ear:
    """Make an ear that has heard something from the direct message."""
    made = Ear()
    await nursery.start(made.hearing.run)
    made.hears(made.posts())
    return made


async def test_deaf(ear: Ear, autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """A minute after a post whose echo does not come the connections are made anew, once until something is heard."""
    last = [ear.posts(), ear.posts()][-1]
    await trio.sleep(DEAF_S + 1)
    ear.posts()
    await trio.sleep(600)

    assert [DEAF_S] == ear.renewed
    assert ["slack.deaf_by_echo"] == [entry["event"] for entry in log.entries if entry["log_level"] == "warning"]
    assert (1, 3) == (ear.hearing.statistics().deaf, ear.hearing.statistics().missing)

    ear.hears(last)
    ear.posts()
    await trio.sleep(600)

    assert 2 == len(ear.renewed)


async def test_what_is_heard_in_time(ear: Ear, autojump_clock: trio.testing.MockClock) -> None:
    """Echoes that come within a minute, before the answer or after it, are no silence."""
    for _ in range(5):
        number = ear.posts()
        await trio.sleep(DEAF_S - 1)
        ear.hears(number)
    ear.hears(ear.number + 1)
    ear.posts()
    await trio.sleep(600)

    assert [] == ear.renewed
    assert (7, 0) == (ear.hearing.statistics().heard, ear.hearing.statistics().missing)


async def test_a_repeated_echo_counts_once(ear: Ear) -> None:
    """Slack repeats events, those of our own posts too; what is counted are posts."""
    for _ in range(2):
        ear.hears(2)

    assert 2 == ear.hearing.statistics().heard


async def test_one_lost_echo_is_not_deafness(ear: Ear, autojump_clock: trio.testing.MockClock) -> None:
    """While other posts are heard, one that is not was lost on the way, or went to a dead connection."""
    ear.posts()
    await trio.sleep(30)
    ear.hears(ear.posts())
    await trio.sleep(600)

    assert [] == ear.renewed
    assert 1 == ear.hearing.statistics().missing


async def test_where_no_echoes_come_from(ear: Ear, autojump_clock: trio.testing.MockClock) -> None:
    """A conversation that was never heard from says nothing: the app may not be subscribed there."""
    ear.posts(ChannelId("C0SUPPORT1"))
    ear.hearing.accepted(Posted(DM, None))
    await trio.sleep(600)

    assert [] == ear.renewed


async def test_what_is_no_echo(ear: Ear) -> None:
    """Other people's messages, changes of our own, and what is no message are not heard as posts."""
    before = ear.hearing.statistics().heard
    ear.hearing.took(envelope("hi").payload, Ignored(Reason.OTHER_BOT))
    ear.hears(3, subtype="message_changed", message={"ts": "1.1", "text": "hi", "bot_id": "B0NORTHBOT"})
    ear.hears(4, subtype="message_deleted", deleted_ts="1.1", previous_message={"ts": "1.1", "text": "hi"})
    ear.hears(5, type="app_home_opened")

    assert before == ear.hearing.statistics().heard


@pytest.mark.parametrize("channel", [DM, "U0MIA00001"])
async def test_waiting_for_an_echo(ear: Ear, autojump_clock: trio.testing.MockClock, channel: str) -> None:
    """Whoever waits is woken by the echo, and by the end of another post that it could have been."""
    ear.hearing.took(envelope("now", number=1).payload, Ignored(Reason.EMPTY))

    heard_at: list[float] = []
    post = Post(channel=DM, text="hi", metadata_id="m-1/0")

    async def wait(attempt: Attempt) -> None:
        await ear.hearing.until_heard(attempt, DM)
        heard_at.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        with ear.hearing.attempt(post) as attempt:
            ear.hearing.tried(attempt)
            nursery.start_soon(wait, attempt)
            await trio.sleep(50)
            with ear.hearing.attempt(replace(post, channel=channel)):
                ear.hears(2, ts="1760000100.000000")
                await trio.sleep(50)
            await trio.sleep(50)

    assert [100.0] == heard_at


async def test_waiting_for_a_file(ear: Ear, autojump_clock: trio.testing.MockClock) -> None:
    """A file is waited for in its conversation; one that was heard of before is there at once."""
    async with trio.open_nursery() as nursery:

        async def listen() -> None:
            assert Posted(DM, Ts("1760000000.000007")) == await ear.hearing.until_file_heard(DM, "F1")
            assert 3.0 == trio.current_time()

        nursery.start_soon(listen)
        await trio.sleep(1)
        ear.hears(5, files=[{"id": "F2"}])
        await trio.sleep(1)
        ear.hears(6, channel="D0OTHER001", files=[{"id": "F1"}])
        await trio.sleep(1)
        ear.hears(7, files=[{"id": "F1"}])
    with trio.fail_after(0.1):
        await ear.hearing.until_file_heard(DM, "F1")
