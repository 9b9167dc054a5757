"""Places are a map from numbers to places, in little room."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from slackkefu.store.places import Places
from slackkefu.store.segments import Place

# Few enough to meet again, over the edges of several pages.
NUMBERS = st.one_of(st.integers(0, 5), st.integers(1020, 1030), st.integers(4090, 4100), st.integers(2**40, 2**40 + 3))
PLACES = st.builds(Place, st.integers(1, 3), st.integers(0, 2**32 - 1), st.integers(1, 2**32 - 1))


@given(st.lists(st.tuples(NUMBERS, st.none() | PLACES), max_size=60))
def test_a_map(steps: list[tuple[int, Place | None]]) -> None:
    """In any order of putting, moving and removing it holds what a dictionary would."""
    places, model = Places(), dict[int, Place]()
    for number, place in steps:
        if place is None:
            assert (model.pop(number, None) is not None) == places.remove(number)
        else:
            places.put(number, place)
            model[number] = place

        assert len(model) == len(places)

    assert model == {number: places.get(number) for number, _ in steps if number in places}
    for segment in (1, 2, 3):
        expected = [(number, place) for number, place in sorted(model.items()) if place.segment == segment]

        assert expected == [*places.in_segment(segment).items()]


def test_a_place_takes_little_room() -> None:
    """Of a hundred thousand each takes less than 20 bytes; when they are gone nothing is left."""
    tracemalloc.start()
    try:
        places = Places()
        for number in range(1, 100_001):
            places.put(number, Place(7, number * 1000, 1000))
        full, _ = tracemalloc.get_traced_memory()
        for number in range(1, 100_001):
            places.remove(number)
        empty, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert full < 20 * 100_000
    assert empty < 20_000
