"""
What can go wrong, on demand.

A test (or a person at the demo) arms a fault here, and the fake meets it the next time its occasion comes. Faults
are counted: each happens so many times and is over, but for the black hole and the delays, which last until they are
taken back.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from random import Random

__all__ = ["Faults", "Redirect", "Refusal", "RestFault"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status other than OK, with its reason (facts/msync.md §6, §8)."""

    status: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Status 5: go to another host (facts/msync.md §9)."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class RestFault:
    """What happens to an HTTP call instead of its answer."""

    status: int
    """HTTP status; 0 cuts the connection without an answer."""
    error: str = ""
    """Code of the error body; empty for an answer without a body, as from a gateway."""
    description: str = ""
    carried_out: bool = False
    """The call takes effect, and only its answer is replaced."""


@final
@dataclass(slots=True)
class Faults:
    """The faults in force."""

    black_hole: bool = False
    """Connections stay open, and nothing that arrives is read or answered; nothing is delivered."""
    login_delay_s: float = 0.0
    """Time until a PROVISION is answered."""
    reply_delay_s: float = 0.0
    """Time until any later frame of a client is answered."""
    rest_delay_s: float = 0.0
    """Time until a REST call is answered."""
    lost_acknowledgements: int = 0
    """How many of the next send acknowledgements get lost; the messages are delivered."""
    lost_notices: int = 0
    """How many of the next NOTICEs get lost."""
    lost_pulls: int = 0
    """How many of the next pulls are not answered."""
    cut_after_sends: int = 0
    """How many of the next sends are taken and delivered, the connection then cut before the acknowledgement."""
    refused_handshakes: int = 0
    """How many of the next WebSocket handshakes are answered with HTTP 503."""
    _logins: deque[tuple[str, Refusal | Redirect]] = field(default_factory=deque)
    _heartbeats: deque[Redirect] = field(default_factory=deque)
    _sends: deque[Refusal] = field(default_factory=deque)
    _calls: deque[tuple[str, RestFault]] = field(default_factory=deque)
    _storms: deque[tuple[Random, float, RestFault]] = field(default_factory=deque)

    # For tests and the demo.

    def refuse_login(self, status: int, reason: str = "", *, user: str = "", times: int = 1) -> None:
        """Answer the next login (of *user*, or of anyone) with *status* and *reason*."""
        self._logins.extend([(user.lower(), Refusal(status, reason))] * times)

    def redirect_login(self, host: str, port: int, *, user: str = "", times: int = 1) -> None:
        """Answer the next login with a REDIRECT."""
        self._logins.extend([(user.lower(), Redirect(host, port))] * times)

    def redirect_heartbeat(self, host: str, port: int, *, times: int = 1) -> None:
        """Answer the next UNREAD with a REDIRECT."""
        self._heartbeats.extend([Redirect(host, port)] * times)

    def refuse_send(self, status: int, reason: str = "", *, times: int = 1) -> None:
        """Refuse the next message sent over MSYNC."""
        self._sends.extend([Refusal(status, reason)] * times)

    def fail_rest(
        self,
        path: str,
        status: int,
        error: str = "",
        description: str = "",
        *,
        carried_out: bool = False,
        times: int = 1,
    ) -> None:
        """
        Fail the next REST call whose path (below the app) begins with *path*.

        Args:
            path: ``/token``, ``/users``, … or ``/easemob`` for discovery.
            status: HTTP status, or 0 to cut the connection.
            error: Code of the error body; empty for none.
            description: Its text.
            carried_out: Let the call take effect first.
            times: How many calls.

        """
        self._calls.extend([(path, RestFault(status, error, description, carried_out))] * times)

    def storm_rest(self, status: int, error: str = "", *, share: float, chance: Random) -> None:
        """
        Let a share of all REST calls fail, each with one of the faults that blow, until :meth:`clear`.

        Args:
            status: HTTP status, or 0 to cut the connection.
            error: Code of the error body; empty for none.
            share: Of the calls, 0 to 1.
            chance: Where it is drawn from.

        """
        self._storms.append((chance, share, RestFault(status, error)))

    def clear(self) -> None:
        """Take all faults back, those that are still to come as well."""
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, deque):
                value.clear()
            else:
                setattr(self, each.name, each.default)

    # For the fake.

    def next_login(self, user: str) -> Refusal | Redirect | None:
        """Take the fault armed for a login of *user*."""
        for position, (whom, fault) in enumerate(self._logins):
            if whom in ("", user):
                del self._logins[position]
                return fault
        return None

    def next_heartbeat(self) -> Redirect | None:
        """Take the fault armed for an UNREAD."""
        return self._heartbeats.popleft() if self._heartbeats else None

    def next_send(self) -> Refusal | None:
        """Take the fault armed for a send."""
        return self._sends.popleft() if self._sends else None

    def next_call(self, path: str) -> RestFault | None:
        """Take the fault armed for a REST call to *path*."""
        for position, (start, fault) in enumerate(self._calls):
            if path.startswith(start):
                del self._calls[position]
                return fault
        return next((fault for chance, share, fault in self._storms if chance.random() < share), None)

    def take(self, counter: str) -> bool:
        """Use up one of *counter*, the name of a counted field; tell whether there was one."""
        left: int = getattr(self, counter)
        if left > 0:
            setattr(self, counter, left - 1)
        return left > 0
