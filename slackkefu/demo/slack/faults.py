"""
What can be made to go wrong.

Faults of the Web API are queued by method: the next so many calls meet them, in order. A storm meets a share of all
calls until it is over. Faults of Socket Mode are counters and numbers the server looks at when their moment comes;
what a single line can do (latency, slices, silence, a reset) is in :mod:`slackkefu.demo.line`.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias, final

from slackkefu.demo.line import Weather

if TYPE_CHECKING:
    from random import Random

__all__ = [
    "Cut",
    "Drop",
    "Faults",
    "Hang",
    "Late",
    "LinkFaults",
    "Refusal",
    "Status",
    "TooMany",
    "Trickle",
    "WebFault",
    "WebFaults",
]

ANY: Final = "*"


# One call of the Web API.


@dataclass(frozen=True, slots=True)
class TooMany:
    """HTTP 429 with ``Retry-After``; the call is not carried out (facts/slack.md §10)."""

    retry_after_s: int = 1


@dataclass(frozen=True, slots=True)
class Status:
    """An HTTP status of the edge, with a page instead of JSON."""

    code: int = 503
    carried_out: bool = False
    """Whether the call took effect all the same (facts/slack.md §9)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """HTTP 200 with ``ok: false``."""

    error: str
    carried_out: bool = False
    """Whether the call took effect all the same: ``internal_error`` and the like (facts/slack.md §9)."""


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer at all; the connection stays open until the client gives up."""

    carried_out: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection breaks in the middle of the answer: the answer is lost."""

    carried_out: bool = True


@dataclass(frozen=True, slots=True)
class Cut:
    """A download that breaks off in the middle: the right head, so many of the right bytes, and no more."""

    after_bytes: int = 1000


@dataclass(frozen=True, slots=True)
class Trickle:
    """A download that comes in pieces, with so long between them."""

    pause_s: float
    piece_bytes: int = 65_536


@dataclass(frozen=True, slots=True)
class Late:
    """The right answer, this much later."""

    delay_s: float


WebFault: TypeAlias = TooMany | Status | Refusal | Hang | Drop | Late | Cut | Trickle


@final
class WebFaults:
    """
    Faults of the Web API.

    ``"*"`` stands for every method. Uploads, downloads and ``response_url`` have the names ``upload``, ``download`` and
    ``response_url`` here.
    """

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._next: defaultdict[str, deque[WebFault]] = defaultdict(deque)
        self._storms: dict[str, tuple[WebFault, float]] = {}
        self.latency_s = 0.0
        """How much later every answer comes."""
        self.jitter_s = 0.0
        """At most this much more, drawn for each answer."""

    def next(self, method: str, fault: WebFault, *, times: int = 1) -> None:
        """Let the next *times* calls of *method* meet *fault*, after those already queued."""
        self._next[method].extend([fault] * times)

    def left(self, method: str) -> int:
        """Return how many of the faults queued for *method* nobody has met yet."""
        return len(self._next[method])

    def storm(self, method: str, fault: WebFault, *, share: float = 1.0) -> None:
        """Let *share* of all calls of *method* meet *fault*, until :meth:`clear`."""
        self._storms[method] = (fault, share)

    def clear(self, method: str | None = None) -> None:
        """Forget the faults of *method*, or all."""
        if method is None:
            self._next.clear()
            self._storms.clear()
        else:
            self._next.pop(method, None)
            self._storms.pop(method, None)

    def meet(self, method: str) -> WebFault | None:
        """Return the fault that a call of *method* meets now."""
        for name in (method, ANY):
            if self._next[name]:
                return self._next[name].popleft()
        for name in (method, ANY):
            if name in self._storms:
                fault, share = self._storms[name]
                if self._chance.random() < share:
                    return fault
        return None

    def delay(self) -> float:
        """Return how much later this answer comes."""
        return self.latency_s + (self._chance.uniform(0, self.jitter_s) if self.jitter_s else 0.0)


@final
@dataclass(slots=True)
class LinkFaults:
    """Faults of Socket Mode."""

    lose_acknowledgements: int = 0
    """So many of the next acknowledgements never reach Slack (facts/slack.md §1: an app cannot know)."""
    repeat_envelopes: int = 0
    """So many of the next envelopes arrive twice, byte for byte (facts/slack.md §2, bolt-js 2487)."""
    handshakes: deque[int] = field(default_factory=deque)
    """HTTP statuses that refuse the next handshakes (facts/slack.md §1: 408 and 409 were seen)."""
    silent_handshakes: int = 0
    """So many of the next connections are accepted, and no ``hello`` ever comes."""
    ghost_life_s: float = 0.0
    """How long a connection that ended without a close frame still counts and still gets its share (§1, ghosts)."""
    slow_close_s: float = 0.0
    """
    How long a client waits for the answer to its close frame, for the next connections; ``inf``: for ever.

    Until it has come the connection counts, and gets its share.
    """
    weather: Weather = field(default_factory=Weather)
    """How the lines of new connections behave."""


@final
class Faults:
    """Everything that can go wrong, in one place."""

    def __init__(self, chance: Random) -> None:
        self.web = WebFaults(chance)
        """Faults of HTTP."""
        self.link = LinkFaults()
        """Faults of Socket Mode."""
