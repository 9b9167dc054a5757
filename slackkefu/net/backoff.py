"""
How long to wait before trying again.

The pauses are a generator, made anew whenever things have gone well, and passed to whoever waits. The first pause is
drawn from the whole of its range, so that many who lost the same server do not come back in step; the later ones
grow, are jittered, and stay below a cap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

__all__ = ["backoff"]


def backoff(chance: random.Random, *, first_s: float, cap_s: float, factor: float = 2.0) -> Iterator[float]:
    """
    Yield pauses without end.

    Args:
        chance: The source of jitter.
        first_s: Upper end of the first pause, seconds; it is drawn from 0 up to this.
        cap_s: Upper end of every pause, seconds.
        factor: Growth from one pause to the next. Each later pause is drawn from the upper half of its range.

    """
    ceiling = min(first_s, cap_s)
    yield chance.uniform(0.0, ceiling)
    while True:
        ceiling = min(ceiling * factor, cap_s)
        yield chance.uniform(ceiling / 2, ceiling)
