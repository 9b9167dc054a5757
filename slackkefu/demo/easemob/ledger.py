"""
The ledger: what happened at the fake, in order.

Each line is a frozen record. Tests read it with :meth:`Ledger.of` and wait for a line with :meth:`Ledger.heard`;
nothing in the fake itself depends on it. Texts and tokens are not in it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar, final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "Accepted",
    "Acknowledged",
    "Complaint",
    "Disturbed",
    "Ended",
    "Entry",
    "Heartbeat",
    "Ledger",
    "LoggedIn",
    "LoggedOut",
    "LoginRefused",
    "Noticed",
    "Overflowed",
    "Pulled",
    "Refused",
    "RestCall",
    "TokenIssued",
]

KEPT = 100_000
"""Lines kept; older ones are dropped."""


@dataclass(frozen=True, slots=True)
class RestCall:
    """One HTTP request and its answer."""

    method: str
    path: str
    """Below ``/{org}/{app}``; ``/easemob/server.json`` for discovery."""
    status: int
    """0 when the connection was cut instead of an answer."""
    error: str
    """The ``error`` code of the answer, or empty."""
    about: str
    """The user the call is about, or empty."""


@dataclass(frozen=True, slots=True)
class TokenIssued:
    """A token was handed out; an app that fetches too many is banned (facts/easemob-rest.md §3)."""

    grant: str
    """``client_credentials``, ``inherit`` or ``password``."""
    user: str
    """Empty for an app token."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A PROVISION was answered with OK."""

    user: str
    resource: str
    prefixed: bool
    """The token came as ``$t$…``."""


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """A PROVISION was answered with another status."""

    user: str
    resource: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """An UNREAD was answered."""

    user: str
    resource: str
    queues: tuple[str, ...]
    """Names of the queues listed; the system queue is the empty name."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """A NOTICE was sent."""

    user: str
    resource: str
    queue: str


@dataclass(frozen=True, slots=True)
class Pulled:
    """A pull was answered with a page."""

    user: str
    resource: str
    queue: str
    key: int | None
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A pull with a key moved past these messages; they are not delivered to that device again."""

    user: str
    resource: str
    queue: str
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message was taken from a user, by MSYNC or (``client_id`` None) by REST or in process."""

    sender: str
    to: str
    client_id: int | None
    server_id: int
    repeated: bool
    """Its ``Meta.id`` had been seen before from this user."""
    acknowledged: bool
    """Its acknowledgement was sent, not lost."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A message was refused."""

    sender: str
    to: str
    client_id: int
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """A LOGOUT arrived."""

    user: str
    resource: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A connection that was logged in is over."""

    user: str
    resource: str
    why: str


@dataclass(frozen=True, slots=True)
class Overflowed:
    """A user had more than 500 waiting messages; the oldest was dropped (facts/easemob-rest.md §9.3)."""

    user: str
    server_id: int


@dataclass(frozen=True, slots=True)
class Disturbed:
    """A fault was met that no other line tells of."""

    user: str
    what: str
    """``notice lost``, ``pull lost``, ``page sent again``."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A client did what the facts say a client must not do."""

    user: str
    what: str


Entry: TypeAlias = (
    RestCall
    | TokenIssued
    | LoggedIn
    | LoginRefused
    | Heartbeat
    | Noticed
    | Pulled
    | Acknowledged
    | Accepted
    | Refused
    | LoggedOut
    | Ended
    | Overflowed
    | Disturbed
    | Complaint
)

E = TypeVar("E", bound=Entry)


@final
class Ledger:
    """What happened, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._written = trio.Event()

    def write(self, entry: Entry) -> None:
        """Add *entry* and wake whoever waits for it."""
        self._entries.append(entry)
        self._written.set()
        self._written = trio.Event()

    def of(self, kind: type[E]) -> tuple[E, ...]:
        """Return all lines of one *kind*."""
        return tuple(entry for entry in self._entries if isinstance(entry, kind))

    async def heard(self, kind: type[E], test: Callable[[E], bool] = lambda _: True, *, count: int = 1) -> E:
        """
        Wait until *count* lines of *kind* pass *test* and return the last of them; earlier lines count.

        The caller bounds the time.
        """
        while True:
            written = self._written
            found = [entry for entry in self.of(kind) if test(entry)]
            if len(found) >= count:
                await trio.lowlevel.checkpoint()
                return found[count - 1]
            await written.wait()

    def tokens(self, user: str = "") -> int:
        """Count the tokens issued to *user*; to the app itself when empty."""
        return sum(issued.user == user for issued in self.of(TokenIssued))

    def complaints(self) -> tuple[str, ...]:
        """Return what clients did wrong, for a test to hold empty."""
        return tuple(f"{complaint.user}: {complaint.what}" for complaint in self.of(Complaint))

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def __repr__(self) -> str:
        return f"<Ledger of {len(self._entries)}>"
