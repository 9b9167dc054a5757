"""
Places: where each of many numbered lines stands, in about 16 bytes a line.

Numbers grow as lines are added, and are asked for and taken out in any order. They are kept in pages of a thousand
neighbours, each a few arrays in the order of the numbers, so that taking one out moves no more than its page.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, final

from slackkefu.store.segments import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Places"]

_PAGE_BITS: Final = 10
_OFFSET_BITS: Final = 32
"""A segment is never that long: the spill takes no more long before."""


@final
class Places:
    """A map from numbers to places."""

    def __init__(self) -> None:
        self._pages: dict[int, _Page] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return self.get(number) is not None

    def get(self, number: int) -> Place | None:
        """Return where the line of *number* stands; None for a number that is not there."""
        page = self._pages.get(number >> _PAGE_BITS)
        return page.get(_low(number)) if page is not None else None

    def put(self, number: int, place: Place) -> None:
        """Note where the line of *number* stands, or stands now."""
        page = self._pages.setdefault(number >> _PAGE_BITS, _Page())
        self._count += page.put(_low(number), place)

    def remove(self, number: int) -> bool:
        """Forget a number; False when it is not there."""
        high = number >> _PAGE_BITS
        page = self._pages.get(high)
        if page is None or not page.remove(_low(number)):
            return False
        self._count -= 1
        if not len(page):
            del self._pages[high]
        return True

    def in_segment(self, segment: int) -> dict[int, Place]:
        """Return what stands in *segment*, by number."""
        return {
            (high << _PAGE_BITS) + low: place
            for high, page in sorted(self._pages.items())
            for low, place in page.in_segment(segment)
        }


@final
class _Page:
    """The places of neighbouring numbers; *low* is what tells a number from its neighbours."""

    __slots__ = ("_lows", "_sizes", "_starts")

    def __init__(self) -> None:
        self._lows = array("H")
        # Segment and offset in one.
        self._starts = array("Q")
        self._sizes = array("I")

    def __len__(self) -> int:
        return len(self._lows)

    def get(self, low: int) -> Place | None:
        at = bisect_left(self._lows, low)
        return self._place(at) if self._is_at(at, low) else None

    def put(self, low: int, place: Place) -> bool:
        """Tell whether it is new."""
        at = bisect_left(self._lows, low)
        start = (place.segment << _OFFSET_BITS) + place.offset
        if self._is_at(at, low):
            self._starts[at], self._sizes[at] = start, place.size
            return False
        self._lows.insert(at, low)
        self._starts.insert(at, start)
        self._sizes.insert(at, place.size)
        return True

    def remove(self, low: int) -> bool:
        at = bisect_left(self._lows, low)
        if not self._is_at(at, low):
            return False
        del self._lows[at], self._starts[at], self._sizes[at]
        return True

    def in_segment(self, segment: int) -> Iterator[tuple[int, Place]]:
        for at, (low, start) in enumerate(zip(self._lows, self._starts, strict=True)):
            if start >> _OFFSET_BITS == segment:
                yield low, self._place(at)

    def _is_at(self, at: int, low: int) -> bool:
        return at < len(self._lows) and self._lows[at] == low

    def _place(self, at: int) -> Place:
        segment, offset = divmod(self._starts[at], 1 << _OFFSET_BITS)
        return Place(segment, offset, self._sizes[at])


def _low(number: int) -> int:
    return number & ((1 << _PAGE_BITS) - 1)
