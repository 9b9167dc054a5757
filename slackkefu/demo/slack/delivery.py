"""
Socket Mode without sockets: who gets an envelope, how long it may take, and when it comes again.

The engine is told what happens (a connection opened or ended, a payload arrived, a client's text, the time) and answers
with commands: frames to send and connections to close. Its rules are those of facts/slack.md §1 and §2:

* ``hello`` first, or ``disconnect`` where the app has too many connections or Socket Mode is off;
* each payload goes to one open connection, and waits three seconds for its acknowledgement;
* an event that fails comes again in a new envelope, nearly at once, after one minute and after five, and is then given
  up; commands and clicks are lost at the first failure;
* a connection is warned, asked to leave and closed when its life is over.
"""

from __future__ import annotations

import heapq
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias, final

from slackkefu.demo.slack.ledger import Attempt, AttemptState, LinkRecord, Parcel, ParcelState, Stray

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.demo.slack.faults import LinkFaults
    from slackkefu.demo.slack.ledger import Ledger
    from slackkefu.demo.slack.mint import Mint
    from slackkefu.demo.slack.shape import Document, Shape
    from slackkefu.demo.slack.switches import Switches, Timing

__all__ = ["CloseLink", "Command", "Delivery", "SendFrame"]

HOURLY: Final = (3600.0,) * 24
"""The further retries of Delayed Events (facts/slack.md §2)."""

REMEMBERED: Final = 20_000
"""How many envelopes are remembered for acknowledgements that come late or twice."""

_BUILD: Final = 214


@final
@dataclass(frozen=True, slots=True)
class SendFrame:
    """Send this text on that connection."""

    link: int
    text: str


@final
@dataclass(frozen=True, slots=True)
class CloseLink:
    """Close that connection."""

    link: int


Command: TypeAlias = SendFrame | CloseLink


@final
@dataclass(slots=True, eq=False)
class _Link:
    """An open connection."""

    record: LinkRecord
    host: str
    leaving: bool = False
    """Whether it was asked to leave already."""
    deaf: bool = False
    """Whether envelopes get lost on it."""


@final
@dataclass(slots=True, order=True)
class _Timer:
    """Something to do at a time."""

    at: float
    number: int
    act: Callable[[float], None] = field(compare=False)


@final
class Delivery:
    """
    The Socket Mode side of one app.

    Args:
        app_id: The app.
        mint: Where ids and chance come from.
        ledger: Where connections, envelopes and acknowledgements are written down.
        faults: What goes wrong.
        switches: How the facts are read; may be set at any time.
        timing: How long things take; may be set at any time.

    """

    def __init__(
        self, *, app_id: str, mint: Mint, ledger: Ledger, faults: LinkFaults, switches: Switches, timing: Timing
    ) -> None:
        self.switches = switches
        self.timing = timing
        self.enabled = True
        """Whether Socket Mode is switched on."""
        self._app_id = app_id
        self._mint = mint
        self._ledger = ledger
        self._faults = faults
        self._links: dict[int, _Link] = {}
        self._numbers = count(1)
        self._turn = 0
        self._timers: list[_Timer] = []
        self._timer_numbers = count()
        self._envelopes: OrderedDict[str, tuple[Parcel, Attempt]] = OrderedDict()
        self._commands: list[Command] = []

    # What the engine answers.

    def commands(self) -> list[Command]:
        """Return what is to be done, and forget it."""
        commands, self._commands = self._commands, []
        return commands

    @property
    def next_deadline(self) -> float:
        """When :meth:`timeout` is due; ``inf`` while nothing is."""
        return self._timers[0].at if self._timers else inf

    @property
    def links(self) -> tuple[int, ...]:
        """Numbers of the open connections, ghosts included."""
        return tuple(self._links)

    # What the engine is told: connections.

    def open_link(self, now: float, *, life_s: float | None = None) -> int:
        """
        Let a connection in; the first frame for it is among the commands.

        Args:
            now: The time.
            life_s: How long it lives; None for what :attr:`timing` says.

        Returns:
            Its number.

        """
        number = next(self._numbers)
        record = LinkRecord(number, now)
        self._ledger.links.append(record)
        link = _Link(record, host=f"applink-{self._mint.hex(10)}-{self._mint.hex(5)}")
        if not self.enabled:
            self._turn_away(link, "link_disabled", {})
        elif len(self._links) >= self.timing.max_connections:
            told = {"num_connections": len(self._links), "connection_info": {"app_id": self._app_id}}
            self._turn_away(link, "too_many_websockets", told)
        else:
            self._links[number] = link
            self._welcome(link, self.timing.life_s if life_s is None else life_s, now)
        return number

    def link_ended(self, number: int, how: str, *, clean: bool, now: float) -> None:
        """
        Learn that a connection is over.

        Args:
            number: Which.
            how: For the ledger.
            clean: Whether the client closed it in order; else it may live on as a ghost.
            now: The time.

        """
        link = self._links.get(number)
        if link is None:
            return
        if not clean and self._faults.ghost_life_s > 0:
            self._at(now + self._faults.ghost_life_s, lambda now: self._forget(number, f"ghost of: {how}", now))
        else:
            self._forget(number, how, now)

    def deafen(self, number: int) -> None:
        """Let a connection go on as it is, but the envelopes that are its share get lost."""
        self._links[number].deaf = True

    def refresh(self, now: float) -> None:
        """Ask every connection to leave, as Slack does every few hours."""
        for number in list(self._links):
            self._ask_to_leave(number, now)

    def disable(self, now: float) -> None:
        """Switch Socket Mode off: every connection is told and closed."""
        self.enabled = False
        for number, link in list(self._links.items()):
            self._send_disconnect(link, "link_disabled")
            self._commands.append(CloseLink(number))
            self._forget(number, "link_disabled", now)

    def send_raw(self, number: int, text: str) -> None:
        """Send any text at all on a connection."""
        self._commands.append(SendFrame(number, text))

    # What the engine is told: payloads, texts, time.

    def offer(self, parcel: Parcel, now: float) -> None:
        """Take a payload for the app and send it, if a connection is open."""
        link = self._choose()
        attempt = Attempt(self._mint.uuid(), link.record.number if link else None, now, AttemptState.WAITING)
        parcel.attempts.append(attempt)
        if link is None:
            self._failed(parcel, attempt, AttemptState.NOBODY, now)
            return
        self._envelopes[attempt.envelope_id] = (parcel, attempt)
        if len(self._envelopes) > REMEMBERED:
            self._envelopes.popitem(last=False)
        frame = SendFrame(link.record.number, json.dumps(self._envelope(parcel, attempt), ensure_ascii=False))
        if not link.deaf:
            self._commands.append(frame)
        if not link.deaf and self._faults.repeat_envelopes > 0:
            self._faults.repeat_envelopes -= 1
            attempt.frames += 1
            self._commands.append(frame)
        self._at(now + self.timing.acknowledge_s, lambda now: self._overdue(parcel, attempt, now))

    def receive(self, number: int, text: str | bytes, now: float) -> None:
        """Take what a client sent on a connection: an acknowledgement, if all is well."""
        try:
            frame = json.loads(text)
        except ValueError:
            frame = None
        if not isinstance(frame, dict) or not isinstance(frame.get("envelope_id"), str):
            self._ledger.strays.append(Stray(now, number, "not an acknowledgement"))
            return
        if self._faults.lose_acknowledgements > 0:
            self._faults.lose_acknowledgements -= 1
            self._ledger.strays.append(Stray(now, number, "lost on the way", frame["envelope_id"]))
            return
        self._acknowledge(number, frame["envelope_id"], frame.get("payload"), now)

    def timeout(self, now: float) -> None:
        """Do what is due."""
        while self._timers and self._timers[0].at <= now:
            timer = heapq.heappop(self._timers)
            timer.act(max(timer.at, now))

    # Envelopes.

    def _envelope(self, parcel: Parcel, attempt: Attempt) -> Shape:
        """Return the frame of one delivery; only events are tried again, and only they say so."""
        envelope: Shape = {
            "envelope_id": attempt.envelope_id,
            "payload": [parcel.payload, *parcel.again][(len(parcel.attempts) - 1) % (len(parcel.again) + 1)],
            "type": parcel.kind,
            "accepts_response_payload": parcel.accepts_answer,
        }
        if parcel.kind == "events_api":
            tried = len(parcel.attempts) - 1
            envelope |= {"retry_attempt": tried, "retry_reason": "timeout" if tried else ""}
        return envelope

    def _choose(self) -> _Link | None:
        """Return the connection that gets the next payload. No pattern may be assumed (facts/slack.md §1)."""
        links = list(self._links.values())
        if not links:
            return None
        if self.switches.spread == "random":
            return self._mint.chance.choice(links)
        self._turn += 1
        return links[self._turn % len(links)]

    def _acknowledge(self, number: int, envelope_id: str, answer: object, now: float) -> None:
        parcel, attempt = self._envelopes.get(envelope_id, (None, None))
        problem = self._problem(number, parcel, attempt)
        if problem or parcel is None or attempt is None:
            self._ledger.strays.append(Stray(now, number, problem, envelope_id))
            return
        if answer and not parcel.accepts_answer:
            # An empty one is what the Node client always sends, and Slack takes it (facts/slack.md §1).
            self._ledger.strays.append(Stray(now, number, "an answer where none is taken", envelope_id))
        attempt.state = AttemptState.ACKNOWLEDGED
        attempt.ended_at = now
        attempt.acknowledged_on = number
        parcel.state = ParcelState.ACKNOWLEDGED
        if isinstance(answer, dict) and parcel.accepts_answer:
            parcel.answer = answer

    def _problem(self, number: int, parcel: Parcel | None, attempt: Attempt | None) -> str:
        """Say why an acknowledgement settles nothing; empty when it does."""
        if parcel is None or attempt is None:
            return "an envelope nobody sent"
        if attempt.state is AttemptState.ACKNOWLEDGED:
            return "acknowledged already"
        if attempt.state is AttemptState.TIMED_OUT and not (
            self.switches.late_acknowledgement_counts and parcel.state is ParcelState.PENDING
        ):
            return "too late"
        if attempt.link != number and not self.switches.any_connection_acknowledges:
            return "on another connection"
        return ""

    def _overdue(self, parcel: Parcel, attempt: Attempt, now: float) -> None:
        if attempt.state is AttemptState.WAITING:
            self._failed(parcel, attempt, AttemptState.TIMED_OUT, now)

    def _failed(self, parcel: Parcel, attempt: Attempt, state: AttemptState, now: float) -> None:
        """Plan the next delivery, or give the payload up."""
        attempt.state = state
        attempt.ended_at = now
        if parcel.settled:
            return  # An earlier delivery of it was acknowledged, late.
        pauses = self.timing.retries_s + (HOURLY if self.switches.delayed_events else ())
        tried = len(parcel.attempts)
        if parcel.kind != "events_api" or tried > len(pauses):
            parcel.state = ParcelState.GIVEN_UP
            return
        self._at(now + pauses[tried - 1], lambda now: self._try_again(parcel, now))

    def _try_again(self, parcel: Parcel, now: float) -> None:
        if not parcel.settled:
            self.offer(parcel, now)

    # The life of a connection.

    def _welcome(self, link: _Link, life_s: float, now: float) -> None:
        """Say hello, and plan the end."""
        number = link.record.number
        if self._faults.silent_handshakes > 0:
            self._faults.silent_handshakes -= 1
            self._forget(number, "it never got a hello", now)
            return
        debug: Shape = {"host": link.host, "build_number": _BUILD}
        if self.switches.says_connection_time:
            debug["approximate_connection_time"] = int(life_s)
        self._send(
            link,
            {
                "type": "hello",
                "num_connections": len(self._links),
                "debug_info": debug,
                "connection_info": {"app_id": self._app_id},
            },
        )
        if self.switches.warning_before_refresh:
            warned_after_s = max(life_s / 2, life_s - self.timing.warning_s)
            self._at(now + warned_after_s, lambda _: self._warn(number))
        self._at(now + life_s, lambda now: self._ask_to_leave(number, now))

    def _warn(self, number: int) -> None:
        link = self._links.get(number)
        if link is not None and not link.leaving:
            self._send_disconnect(link, "warning")

    def _ask_to_leave(self, number: int, now: float) -> None:
        """Say that the connection is being replaced; it is closed a little later in any case."""
        link = self._links.get(number)
        if link is None or link.leaving:
            return
        link.leaving = True
        self._send_disconnect(link, "refresh_requested")
        self._at(now + self.timing.close_s, lambda now: self._throw_out(number, now))

    def _throw_out(self, number: int, now: float) -> None:
        if number in self._links:
            self._commands.append(CloseLink(number))
            self._forget(number, "its life was over", now)

    def _turn_away(self, link: _Link, reason: str, told: Document) -> None:
        """Send ``disconnect`` instead of ``hello``."""
        self._send_disconnect(link, reason, told)
        self._commands.append(CloseLink(link.record.number))
        link.record.closed_at = link.record.opened_at
        link.record.how = reason

    def _forget(self, number: int, how: str, now: float) -> None:
        link = self._links.pop(number, None)
        if link is not None:
            link.record.closed_at = now
            link.record.how = how

    def _send_disconnect(self, link: _Link, reason: str, told: Document | None = None) -> None:
        self._send(link, {"type": "disconnect", "reason": reason, "debug_info": {"host": link.host}, **(told or {})})

    def _send(self, link: _Link, frame: Shape) -> None:
        self._commands.append(SendFrame(link.record.number, json.dumps(frame, ensure_ascii=False)))

    def _at(self, when: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._timers, _Timer(when, next(self._timer_numbers), act))
