"""What a person did becomes a message on the visitor's lane, answered where it was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.bridge.book import Book, wrote
from slackkefu.bridge.deeds.act import Act
from slackkefu.bridge.deeds.bringing import Bringing, Spot
from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
from slackkefu.easemob.names import ImUser
from slackkefu.slack.envelope import Interaction, parse_envelope
from slackkefu.slack.ids import ChannelId, Ts
from slackkefu.slack.installation import Installations
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, MIA_CHANNEL, NORTH, Parcels, Shelf, forward, installation
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from slackkefu.bridge.slack_to_kefu.custody import MessageKey
    from slackkefu.bridge.slack_to_kefu.receipts import Delivery
    from slackkefu.bridge.slack_to_kefu.routing import Forward

DEED = ForDesk(words="Refunds", answers="m")
CLICK = parse_envelope({"type": "interactive", "envelope_id": "e1", "payload": {"type": "block_actions"}})


class Lane:
    """A lane that takes, or is full; and what it was given."""

    def __init__(self) -> None:
        self.taken: list[Forward] = []
        self.is_full = False
        self.is_safe = True
        self.connection = Parcels()
        self.book = Book([], store=Shelf(), disk=InlineDisk())
        self.bringing = Bringing(
            take=self.take,
            custody=self,
            book=self.book,
            installations=Installations([NORTH, installation("other")]),
            wall=virtual_wall(),
        )
        assert isinstance(CLICK.payload, Interaction)
        self.act = Act(installation("other"), CLICK.payload, self.connection.bring(CLICK))

    async def take(self, given: Forward, delivery: Delivery) -> bool:
        """Take a message, acknowledged as the spill does."""
        if self.is_full:
            return False
        self.taken.append(given)
        await delivery.acknowledge()
        return True

    async def passed(self, key: MessageKey) -> bool:
        """Say whether it is safe."""
        await trio.lowlevel.checkpoint()
        assert key == self.taken[-1].key
        return self.is_safe

    async def brings(self, user: str, *, at: str = "1760000009.000001", spot: Spot | None = None) -> Forward:
        """Bring a click, which must go well; return the message it has become."""
        assert await self.bringing.bring(self.act, ImUser(user), DEED, label="Refunds & more", at=Ts(at), spot=spot)
        return self.taken[-1]


async def test_a_click_of_a_known_visitor(autojump_clock: trio.testing.MockClock) -> None:
    """It is on the lane of the one whose it is, by the installation that serves them, named by its own time."""
    lane = Lane()
    message = forward()
    lane.book.remember(wrote(None, message, now=0.0))
    brought = await lane.brings(MIA)

    assert (message.user, message.visitor, NORTH) == (brought.user, brought.visitor, brought.installation)
    assert (Ts("1760000009.000001"), "Refunds &amp; more") == (brought.event.ts, brought.event.text)
    assert (DEED, True, False) == (brought.deed, brought.is_direct, brought.stands_in_slack)
    assert ["e1"] == lane.connection.names


@pytest.mark.parametrize(
    ("spot", "expected"),
    [
        (None, "1760000000.000001"),
        (Spot(ChannelId("C0SUPPORT1"), Ts("1759999999.000009")), "1759999999.000009"),
        (Spot(ChannelId("C0SUPPORT1"), None), "1760000000.000001"),
        (Spot(ChannelId("D0MIA00001"), Ts("1759999999.000009")), "1760000000.000001"),
    ],
)
async def test_where_it_is_answered(autojump_clock: trio.testing.MockClock, spot: Spot | None, expected: str) -> None:
    """In the thread it was done in, where that is the visitor's conversation; else where they wrote last."""
    lane = Lane()
    lane.book.remember(wrote(None, forward(channel="C0SUPPORT1", channel_type="channel"), now=0.0))
    brought = await lane.brings(MIA_CHANNEL, spot=spot)

    assert (ChannelId("C0SUPPORT1"), Ts(expected)) == (brought.event.channel, brought.thread_ts)


async def test_after_a_lost_store(autojump_clock: trio.testing.MockClock) -> None:
    """Without a record the visitor's own name says where, and the installation is the one it came by."""
    lane = Lane()
    brought = await lane.brings(MIA, at="never")

    assert ("D0MIA00001", True) == (brought.event.channel, brought.is_direct)
    assert installation("other") == brought.installation
    assert brought.event.ts.startswith("1760000000.")


async def test_no_room(autojump_clock: trio.testing.MockClock) -> None:
    """Where there is no room it stays ours to acknowledge, and is not on its way."""
    lane = Lane()
    lane.is_full = True

    assert not await lane.bringing.bring(lane.act, ImUser(MIA), DEED)
    assert not lane.act.is_handed_over
    assert [] == lane.connection.names


async def test_one_that_was_given_back(autojump_clock: trio.testing.MockClock) -> None:
    """What was given back is not on its way."""
    lane = Lane()
    lane.is_safe = False

    assert not await lane.bringing.bring(lane.act, ImUser(MIA), DEED)
