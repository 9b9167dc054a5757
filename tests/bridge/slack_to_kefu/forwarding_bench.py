"""A way to the desk that does what a test wants, and all that a forwarding needs around it."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import trio
import trio.testing

from slackkefu.bridge.aside import Aside
from slackkefu.bridge.book import Book, wrote
from slackkefu.bridge.slack_to_kefu.entrances import Entrances
from slackkefu.bridge.slack_to_kefu.forwarding import Forwarding
from slackkefu.bridge.slack_to_kefu.receipts import Parcel
from slackkefu.bridge.slack_to_kefu.sheltering import Sheltering
from slackkefu.bridge.slack_to_kefu.source_card import SourceCards
from slackkefu.bridge.slack_to_kefu.to_kefu import PART_BYTES
from slackkefu.easemob.message import Accepted, OutgoingMessage, TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.errors import (
    LinkClosed,
    LoginRefused,
    SendOutcomeUnknown,
    SendRefused,
)
from slackkefu.kefu.outgoing import Entrance
from slackkefu.slack.directory import Directory
from slackkefu.slack.installation import Installations
from slackkefu.store.entries import Untold
from slackkefu.world import InlineDisk
from tests.bridge.people import (
    MIA,
    NORTH,
    Carrier,
    Journal,
    Parcels,
    Shelf,
    Spill,
    envelope,
    forward,
    proving,
    receipts,
    world,
)
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slackkefu.bridge.slack_to_kefu.carrying import Carrying
    from slackkefu.config import VisitorField
    from slackkefu.easemob.pool import Pool
    from slackkefu.slack.web import WebClient


class Post:
    """A pool of sessions whose first answers are given (None: accepted); then all is accepted, after *takes_s*."""

    def __init__(self) -> None:
        self.takes_s = 0.0
        self.answers: deque[Exception | None] = deque()
        self.sent: list[tuple[str, OutgoingMessage, float]] = []
        self.held: set[ImUser] = set()
        self.is_there = True
        self.always_held = True

    @contextmanager
    def hold(self, user: ImUser) -> Iterator[None]:
        """Keep a session."""
        self.held.add(user)
        try:
            yield
        finally:
            self.held.remove(user)

    def is_up(self, _: ImUser) -> bool:
        """Tell whether what is sent leaves at once."""
        return self.is_there

    async def send(self, user: ImUser, message: OutgoingMessage) -> Accepted:
        """Note a message and give the next answer."""
        self.always_held = self.always_held and user in self.held
        self.sent.append((user, message, trio.current_time()))
        await trio.sleep(self.takes_s)
        problem = self.answers.popleft() if self.answers else None
        if problem is not None:
            raise problem
        return Accepted(message.meta_id, 1, 0)

    @property
    def texts(self) -> list[str]:
        """The words of what was sent, in order."""
        return [message.body.text for _, message, _ in self.sent if isinstance(message.body, TextBody)]


class Way:
    """Forwarding with a stand-in for the pool, and nobody to ask for names."""

    def __init__(self, fields: tuple[VisitorField, ...] = ("name", "workspace")) -> None:
        self.pool = Post()
        self.carrier = Carrier()
        self.connection = Parcels()
        self.spill = Spill()
        self.journal = Journal()
        self.receipts = receipts(self.journal, self.spill)
        self.proving = proving()
        self.kept = Spill()
        self.aside = Aside(self.kept, wall=virtual_wall(), keep_s=1e9)
        self.sheltering = Sheltering(receipts=self.receipts, is_live=lambda _: True)
        self.shelf = Shelf()
        self.book = Book([], store=self.shelf, disk=InlineDisk())
        self.installations = Installations([NORTH])
        self.directory = Directory(web=cast("WebClient", None))
        self.forwarding = Forwarding(
            world=world(),
            pool=cast("Pool", self.pool),
            directory=self.directory,
            book=self.book,
            receipts=self.receipts,
            sheltering=self.sheltering,
            proving=self.proving,
            aside=self.aside,
            installations=self.installations,
            fields=fields,
            sources=SourceCards(
                is_on=False,
                directory=self.directory,
                book=self.book,
                send=self.pool.send,
                service_number=ImUser("kefu_service"),
                wall=virtual_wall(),
            ),
            entrances=Entrances(Entrance(tags=("slack",))),
            service_number=ImUser("kefu_service"),
            carrying=cast("Carrying", self.carrier),
        )

    def take(self, text: str = "hello", **changes: Any) -> Parcel:
        """Take a message as the intake does."""
        message = forward(text, **changes)
        taken = self.receipts.take(message, self.connection.bring(envelope(text, **changes)))
        assert isinstance(taken, Parcel)
        self.book.remember(wrote(self.book.get(message.user), message, now=0.0))
        return taken

    async def carry(self, text: str = "hello", **changes: Any) -> None:
        """Bring one message over."""
        parcel = self.take(text, **changes)
        await self.work(parcel)

    async def work(self, parcel: Parcel) -> None:
        """Bring over one that was taken."""
        await self.forwarding.work(ImUser(MIA), parcel)

    @property
    def untold(self) -> list[Untold]:
        """What is to be told."""
        return [entry for entry in self.journal.entries if isinstance(entry, Untold)]

    def visitor(self) -> dict[str, str]:
        """Return the visitor's fields that came with the last message."""
        ext: Any = self.pool.sent[-1][1].ext
        fields: dict[str, str] = ext["weichat"]["visitor"]
        return fields


LOST = SendOutcomeUnknown("nothing in 15 s")
CUT = LinkClosed("im", "cut")
LATER = SendRefused(7, "traffic limit")
NEVER = SendRefused(7, "sensitive words")
BANNED = LoginRefused(12, "banned")
USED_UP = LoginRefused(7, "Sorry, the app day live count limit")
PART = "x" * PART_BYTES
FAULT = ZeroDivisionError


def fail(*_: object, **__: object) -> None:
    """Fail; several faults may come together."""
    raise ExceptionGroup("several", [FAULT()])


async def withdraw(way: Way, parcel: Parcel) -> bool:
    """Delete a message as the changes do; tell whether it could be taken back."""
    if not way.forwarding.stop(parcel.owed.key):
        return False
    assert await way.receipts.withdraw(parcel.owed)
    return True
