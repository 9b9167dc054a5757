"""Pauses between attempts."""

from __future__ import annotations

import random
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from slackkefu.net.backoff import backoff


@given(st.integers(), st.floats(0.01, 10), st.floats(10, 1000), st.floats(1.1, 4))
def test_pauses_grow_below_the_cap(seed: int, first_s: float, cap_s: float, factor: float) -> None:
    """The first pause lies anywhere below its bound, the later ones in the upper half of a growing, capped one."""
    pauses = list(islice(backoff(random.Random(seed), first_s=first_s, cap_s=cap_s, factor=factor), 12))

    assert 0 <= pauses[0] <= first_s
    ceiling = first_s
    for pause in pauses[1:]:
        ceiling = min(ceiling * factor, cap_s)
        assert ceiling / 2 <= pause <= ceiling


def test_a_first_bound_over_the_cap_is_capped() -> None:
    """No pause is longer than the cap, not even the first."""
    assert max(islice(backoff(random.Random(1), first_s=100, cap_s=2), 50)) <= 2


def test_two_sources_of_chance_do_not_go_in_step() -> None:
    """Two daemons that lost the same server come back at different times."""
    one, other = (list(islice(backoff(random.Random(seed), first_s=1, cap_s=60), 5)) for seed in (1, 2))

    assert all(a != b for a, b in zip(one, other, strict=True))
