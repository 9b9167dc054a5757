"""Who reads what is written is said once to each, and never holds anything up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from slackkefu.bridge import first_contact
from slackkefu.bridge.book import wrote
from slackkefu.bridge.first_contact import FirstContact
from slackkefu.slack.ids import ChannelId
from tests.bridge.deeds.counter import Counter
from tests.bridge.people import NORTH, forward

if TYPE_CHECKING:
    from slackkefu.config import ChannelsMode


class Host:
    """A first contact, with what it needs."""

    def __init__(self, *, channels: ChannelsMode = "mention", is_on: bool = True) -> None:
        self.counter = Counter(locale="en-US")
        self.first = FirstContact(
            saying=self.counter.saying,
            book=self.counter.book,
            languages=self.counter.languages,
            channels=channels,
            is_on=is_on,
        )

    def hears(self, **message: Any) -> None:
        """Let Mia write."""
        written = forward(**message)
        self.counter.book.remember(wrote(self.counter.book.get(written.user), written, now=1.0))
        self.first.wrote(written)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (("chat.postMessage", "D0MIA00001", None), {}),
        (("chat.postMessage", "D0MIA00001", "1.5"), {"thread_ts": "1.5"}),
        (("chat.postEphemeral", "C0SUPPORT1", None), {"channel": "C0SUPPORT1", "channel_type": "channel"}),
        (
            ("chat.postEphemeral", "C0SUPPORT1", "1.5"),
            {"channel": "C0SUPPORT1", "channel_type": "channel", "thread_ts": "1.5"},
        ),
    ],
)
async def test_where_it_is_said(
    expected: tuple[str, str, str | None], message: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    """Where the message stands; in a channel only its writer sees it."""
    host = Host()
    async with trio.open_nursery() as nursery:
        await nursery.start(host.first.run)
        host.hears(**message)
        host.hears(**message | {"number": 2})
        await trio.sleep(10)
        nursery.cancel_scope.cancel()

    assert [expected] == [(method, each["channel"], each["thread_ts"]) for method, each in host.counter.web.calls]
    assert all(record.introduced for record in host.counter.book)


@pytest.mark.parametrize(("expected", "channels"), [("in this thread", "mention"), ("in this channel", "all")])
async def test_what_is_read_in_a_channel(
    expected: str, channels: ChannelsMode, autojump_clock: trio.testing.MockClock
) -> None:
    """A thread that a mention has opened, or everything."""
    host = Host(channels=channels)
    async with trio.open_nursery() as nursery:
        await nursery.start(host.first.run)
        host.hears(channel="C0SUPPORT1", channel_type="channel")
        await trio.sleep(10)
        nursery.cancel_scope.cancel()

    assert expected in str(host.counter.web.calls[0][1]["text"])


async def test_the_record_comes_first(autojump_clock: trio.testing.MockClock) -> None:
    """That it was said is on disk before it is posted: a crash costs the line, and doubles nothing."""
    host = Host()
    saved: list[bool] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(host.first.run)
        host.counter.web.on_call = lambda: saved.append(host.counter.shelf.saved[-1].introduced)
        host.hears()
        await trio.sleep(10)
        nursery.cancel_scope.cancel()

    assert [True] == saved


async def test_a_joining_that_is_told_twice(autojump_clock: trio.testing.MockClock) -> None:
    """Slack repeats events; the channel reads one line."""
    host = Host()
    async with trio.open_nursery() as nursery:
        await nursery.start(host.first.run)
        for channel in ("C1", "C1", "C2"):
            host.first.joined(NORTH, ChannelId(channel))
        await trio.sleep(10)
        nursery.cancel_scope.cancel()

    assert ["C1", "C2"] == [each["channel"] for each in host.counter.web.of("chat.postMessage")]
    assert 2 == host.first.statistics().said


async def test_switched_off(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing is said, and nothing noted: whoever switches it on has everybody told."""
    host = Host(is_on=False)
    async with trio.open_nursery() as nursery:
        await nursery.start(host.first.run)
        host.hears()
        host.first.joined(NORTH, ChannelId("C1"))
        await trio.sleep(10)
        nursery.cancel_scope.cancel()

    assert [] == host.counter.web.calls
    assert not any(record.introduced for record in host.counter.book)


async def test_too_much_to_say(autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no room is counted as unsaid; a fault of ours costs one line."""
    monkeypatch.setattr(first_contact, "PER_LANE", 2)
    host = Host()
    host.counter.web.problems["chat.postMessage"].append(RuntimeError("ours"))
    async with trio.open_nursery() as nursery:
        await nursery.start(host.first.run)
        for number in range(4):
            host.first.joined(NORTH, ChannelId(f"C{number}"))
        await trio.sleep(10)
        nursery.cancel_scope.cancel()

    assert (1, 3) == (host.first.statistics().said, host.first.statistics().unsaid)
    assert "<FirstContact on, 1 said>" == repr(host.first)
