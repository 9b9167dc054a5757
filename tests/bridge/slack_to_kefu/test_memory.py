"""What a message costs the daemon's memory while it waits in the spill."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

import trio
import trio.testing

from slackkefu.bridge.absence.gaps import Gaps
from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.slack_to_kefu.receipts import Parcel, Receipts
from slackkefu.bridge.slack_to_kefu.sheltering import Sheltering
from slackkefu.store.segments import Segments
from slackkefu.store.spill import Spill
from slackkefu.world import InlineDisk
from tests.bridge.people import Journal, Parcels, Reserve, envelope, forward
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.easemob.names import ImUser

VISITORS = 10


async def wait(_: ImUser, __: Parcel) -> None:
    """Bring nothing over."""
    await trio.sleep_forever()


async def test_an_index_entry(tmp_path: Path, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """Two thousand more that wait cost at most 40 bytes each: their ts, their number, and where their words stand."""
    for folder in ("spill", "damaged"):
        (tmp_path / folder).mkdir()
    segments = Segments(
        tmp_path / "spill", damaged=tmp_path / "damaged", disk=InlineDisk(), wall=virtual_wall(), loss="words"
    )
    gaps = Gaps(Reserve(), on_gap=lambda _: None)
    book = Receipts(journal=Journal(), spill=Spill(segments), gaps=gaps, wall=virtual_wall())
    lanes: Lanes[ImUser, Parcel] = Lanes(wait, per_lane=1000, in_all=9999, order=lambda each: each.order, tail=book)
    sheltering = Sheltering(receipts=book, is_live=lambda _: False, on_safe=lanes.stow)
    await nursery.start(lanes.run)
    await nursery.start(sheltering.run)

    async def take(numbers: range) -> int:
        for number in numbers:
            words, channel = f"{number} ".ljust(400, "x"), f"D0MIA{number % VISITORS:05}"
            message = forward(words, number=number, channel=channel)
            parcel = book.take(message, Parcels().bring(envelope(words, number=number, channel=channel)))
            assert isinstance(parcel, Parcel)
            assert lanes.put(message.user, parcel)
            sheltering.took(message.user, parcel, received_at=trio.current_time(), is_slow=False)
            await trio.sleep(0.1)
        # The interpreter's own stocks of small objects, too.
        gc.collect()
        ours = tracemalloc.Filter(inclusive=True, filename_pattern="*/slackkefu/*")
        return sum(each.size for each in tracemalloc.take_snapshot().filter_traces([ours]).statistics("filename"))

    tracemalloc.start()
    try:
        before = await take(range(500))
        after = await take(range(500, 2500))
    finally:
        tracemalloc.stop()

    assert (2500, 2500) == (book.statistics().spilled, lanes.statistics().waiting)
    assert after - before < 40 * 2000, f"{(after - before) / 2000:.0f} bytes a message"

    nursery.cancel_scope.cancel()
