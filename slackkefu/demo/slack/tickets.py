"""Things Slack hands out once: connection tickets, trigger ids, response URLs, OAuth codes, upload addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar, final

__all__ = ["Ticket", "Tickets"]

T = TypeVar("T")


@final
@dataclass(slots=True)
class Ticket(Generic[T]):
    """One thing handed out."""

    subject: T
    issued_at: float
    uses_left: int


@final
class Tickets(Generic[T]):
    """
    One kind of them.

    Args:
        life_s: How long each is good.
        uses: How often each is good.

    """

    def __init__(self, *, life_s: float, uses: int = 1) -> None:
        self.life_s = life_s
        self.uses = uses
        self._issued: dict[str, Ticket[T]] = {}

    def issue(self, name: str, subject: T, *, now: float) -> str:
        """Hand out *name* for *subject*."""
        self._issued[name] = Ticket(subject, now, self.uses)
        return name

    def look(self, name: str) -> Ticket[T] | None:
        """Return what was handed out as *name*, good or not."""
        return self._issued.get(name)

    def is_late(self, ticket: Ticket[T], *, now: float) -> bool:
        """Tell whether its time is over."""
        return now - ticket.issued_at > self.life_s

    def redeem(self, name: str, *, now: float) -> T | None:
        """Use *name* once; return its subject, or None when it is unknown, used up or too old."""
        ticket = self._issued.get(name)
        if ticket is None or ticket.uses_left < 1 or self.is_late(ticket, now=now):
            return None
        ticket.uses_left -= 1
        return ticket.subject
