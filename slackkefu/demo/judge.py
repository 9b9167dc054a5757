"""
The judge: what became of every message.

A message is sent in a *lane*, one visitor's messages in one direction, and arrives there or not; both ends wrote down
which and when (:mod:`slackkefu.demo.conservation` reads it from the fakes). Nothing is asked of the daemon between
them. The judge says of each message whether it arrived once, and of the lane whether its order is kept.

* *lost*: it has not arrived, and nobody told its sender so.
* *doubled*: it has arrived more often than it was sent.
* *reordered*: it has arrived first after something that was sent later, though it was in the daemon's hands before that
  left; or it was not, and does not say when it was written.
* *late*: it has arrived more than some seconds after it was sent.
* *told*: its sender was told that it surely or possibly has not arrived.

The same words may be sent twice in one lane: the first to arrive is then taken for the first that was sent.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from math import inf
from statistics import median
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["LATE_S", "Arrived", "Lane", "Sent", "Verdict", "judge"]

LATE_S: Final = 10.0
"""What a person who waits for it calls late."""

NAMED: Final = 80
"""So many characters of a message name it."""


@final
@dataclass(frozen=True, slots=True)
class Sent:
    """A message as its sender's side wrote it down."""

    text: str
    at: float = 0.0
    """Calendar time, seconds; the clock of whoever arrives is the same."""
    in_hand_at: float = inf
    """When the daemon had it for certain; ``inf`` where nobody knows."""
    was_told: bool = False
    """Its sender was told that it has surely or possibly not arrived."""
    is_owed: bool = True
    """It has to arrive; what need not may, and counts then like any other."""


@final
@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as the other side wrote it down."""

    text: str
    at: float = 0.0
    says_when: bool = False
    """It says that it is late, and when it was written."""


@final
@dataclass(frozen=True, slots=True)
class Lane:
    """One visitor's messages in one direction, in order."""

    name: str
    sent: Sequence[Sent]
    arrived: Sequence[Arrived]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of the messages of all lanes; each entry names lane and text."""

    sent: int
    """Messages that had to arrive, and those that did without having to."""
    arrived: int
    lost: tuple[tuple[str, str], ...] = ()
    doubled: tuple[tuple[str, str], ...] = ()
    reordered: tuple[tuple[str, str], ...] = ()
    late: tuple[tuple[str, str], ...] = ()
    told: tuple[tuple[str, str], ...] = ()
    median_s: float = 0.0
    """How long half of what arrived was under way at most."""
    longest_s: float = 0.0
    """How long the slowest was under way."""
    absorbed: int = 0
    """Deliveries of something that was there already, by either side, which did not double it."""

    @property
    def is_clean(self) -> bool:
        """Whether everything arrived once and in order, or its sender was told."""
        return not (self.lost or self.doubled or self.reordered)

    def __str__(self) -> str:
        return (
            f"sent {self.sent}, arrived {self.arrived}, lost {len(self.lost)}, doubled {len(self.doubled)}, "
            f"reordered {len(self.reordered)}, told {len(self.told)}, late {len(self.late)} "
            f"(median {self.median_s:.1f} s, longest {self.longest_s:.1f} s), repeats absorbed {self.absorbed}"
        )


def judge(lanes: Iterable[Lane], *, late_s: float = LATE_S, absorbed: int = 0) -> Verdict:
    """
    Judge *lanes*.

    Args:
        lanes: What was sent and what has arrived.
        late_s: More than this is late.
        absorbed: Deliveries of something that was there already; only passed on.

    """
    cases = [_Case.of(lane, late_s) for lane in lanes]
    ways = [way for case in cases for way in case.ways_s]

    def all_of(name: str) -> tuple[tuple[str, str], ...]:
        return tuple(chain.from_iterable(getattr(case, name) for case in cases))

    return Verdict(
        sent=sum(case.sent for case in cases),
        arrived=len(ways),
        lost=all_of("lost"),
        doubled=all_of("doubled"),
        reordered=all_of("reordered"),
        late=all_of("late"),
        told=all_of("told"),
        median_s=median(ways) if ways else 0.0,
        longest_s=max(ways, default=0.0),
        absorbed=absorbed,
    )


_Key: TypeAlias = tuple[str, int]
"""A message by its text, and how often the same text came before in its lane."""

_Message = TypeVar("_Message", Sent, Arrived)


@final
@dataclass(frozen=True, slots=True)
class _Case:
    """What became of one lane."""

    sent: int
    ways_s: list[float]
    lost: list[tuple[str, str]]
    doubled: list[tuple[str, str]]
    reordered: list[tuple[str, str]]
    late: list[tuple[str, str]]
    told: list[tuple[str, str]]

    @classmethod
    def of(cls, lane: Lane, late_s: float) -> _Case:
        """Pair what was sent with what has arrived."""
        arrivals = dict(_numbered(lane.arrived))
        sendings = dict(_numbered(lane.sent))
        counted = {key: each for key, each in sendings.items() if each.is_owed or key in arrivals}
        ways = {key: arrivals[key].at - each.at for key, each in counted.items() if key in arrivals}

        def named(keys: Iterable[_Key]) -> list[tuple[str, str]]:
            return [(lane.name, text[:NAMED]) for text, _ in keys]

        return cls(
            sent=len(counted),
            ways_s=[*ways.values()],
            lost=named(key for key, each in counted.items() if key not in arrivals and not each.was_told),
            doubled=named(_too_often(sendings, arrivals)),
            reordered=named(_overtaken(sendings, arrivals)),
            late=named(key for key, way in ways.items() if way > late_s),
            told=named(key for key, each in sendings.items() if each.was_told),
        )


def _numbered(messages: Iterable[_Message]) -> Iterator[tuple[_Key, _Message]]:
    """Yield each message by its text and how often the same text came before."""
    times: Counter[str] = Counter()
    for message in messages:
        yield (message.text, times[message.text]), message
        times[message.text] += 1


def _too_often(sendings: dict[_Key, Sent], arrivals: dict[_Key, Arrived]) -> Iterator[_Key]:
    """Yield what has arrived more often than it was sent, once."""
    texts = {text for text, _ in sendings}
    for text, number in arrivals:
        if text in texts and (text, number) not in sendings and (text, number - 1) in sendings:
            yield text, number


def _overtaken(sendings: dict[_Key, Sent], arrivals: dict[_Key, Arrived]) -> Iterator[_Key]:
    """
    Yield what has arrived first after something that was sent later, and may not.

    It may where it says when it was written, and was not in the daemon's hands when the others left. One of these may
    have been on its way when it came; a second was not.
    """
    place = {key: number for number, key in enumerate(sendings)}
    before: list[_Key] = []
    latest = -1
    for key in filter(place.__contains__, arrivals):
        if place[key] < latest:
            ahead = [each for each in before if place[each] > place[key]]
            together = sum(arrivals[each].at > sendings[key].in_hand_at for each in ahead)
            if together > 1 or not arrivals[key].says_when:
                yield key
        before.append(key)
        latest = max(latest, place[key])
