"""
Ids in memory for days: millions of them in a few bytes each.

An id is kept as 8 bytes of its hash, in buckets by the hour it was noted. A bucket that is over becomes a sorted array,
8 bytes an id, and buckets go as a whole when they are old. That two different ids look alike happens once in ten
million stores of a million ids each.

Plain: time comes in as an argument, seconds on any clock that mostly goes forward. One that never jumps is best, and
:func:`restored_at` says when on it something happened before a restart.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from hashlib import blake2b
from typing import Final, final

__all__ = ["Remembered", "hash_of", "restored_at"]

BUCKET_S: Final = 3600.0


def restored_at(at: float, *, wall: float, now: float, keep_s: float) -> float:
    """
    Return when something happened, on a clock that did not run then.

    A calendar that is wrong must not take everything: what the disk still has is known for half of its time at least.

    Args:
        at: When it happened, by the calendar.
        wall: What the calendar shows now.
        now: What the clock shows now.
        keep_s: How long it is to be known.

    """
    return now - min(max(wall - at, 0.0), keep_s / 2)


@final
class Remembered:
    """
    A set of ids, each forgotten some time after it was noted.

    Args:
        keep_s: How long an id is known at least.

    """

    def __init__(self, *, keep_s: float) -> None:
        self._keep_s = keep_s
        self.longer_s = 0.0
        """How much longer, for now."""
        self._fresh: set[int] = set()
        self._fresh_until = float("-inf")
        # Each with when its last id was noted at the latest, oldest first.
        self._old: list[tuple[float, array[int]]] = []

    def __len__(self) -> int:
        return len(self._fresh) + sum(len(ids) for _, ids in self._old)

    def __contains__(self, key: str) -> bool:
        wanted = hash_of(key)
        return wanted in self._fresh or any(_has(ids, wanted) for _, ids in self._old)

    def note(self, key: str, now: float) -> None:
        """Know *key* from now on."""
        self.note_hash(hash_of(key), now)

    def note_hash(self, hashed: int, now: float) -> None:
        """Know from now on what :func:`hash_of` has made *hashed* of."""
        if now >= self._fresh_until:
            self._turn(now)
        self._fresh.add(hashed)

    def _turn(self, now: float) -> None:
        """Begin a new bucket; forget the old ones."""
        if self._fresh:
            self._old.append((self._fresh_until, array("Q", sorted(self._fresh))))
        self._fresh = set()
        self._fresh_until = now + BUCKET_S
        self._old = [(until, ids) for until, ids in self._old if until > now - self._keep_s - self.longer_s]


def hash_of(key: str) -> int:
    """Return what is kept of *key*."""
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _has(ids: array[int], wanted: int) -> bool:
    place = bisect_left(ids, wanted)
    return place < len(ids) and ids[place] == wanted
