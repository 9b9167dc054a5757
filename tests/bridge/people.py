"""The people of these tests, what they write in Slack, and small stand-ins for the parts around the bridge."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, cast, final

import trio

from slackkefu.bridge.absence.gaps import Gaps
from slackkefu.bridge.kefu_to_slack.changing import Changing
from slackkefu.bridge.kefu_to_slack.intents import Intents
from slackkefu.bridge.kefu_to_slack.readers import Readers
from slackkefu.bridge.kefu_to_slack.recalling import Recalling
from slackkefu.bridge.kefu_to_slack.session_status import SessionStatuses
from slackkefu.bridge.proof.proof import Proof
from slackkefu.bridge.proof.proving import Proving
from slackkefu.bridge.slack_to_kefu.cargo import body_of, line_for
from slackkefu.bridge.slack_to_kefu.carrying import Brought
from slackkefu.bridge.slack_to_kefu.receipts import Receipts
from slackkefu.bridge.slack_to_kefu.routing import Forward, route
from slackkefu.easemob.attachments import Attachment
from slackkefu.errors import StoreUnwritable
from slackkefu.secret import Secret
from slackkefu.slack.envelope import parse_envelope
from slackkefu.slack.ids import TeamId, UserId
from slackkefu.slack.installation import Installation, InstallationKey, Installations
from slackkefu.store.spill import SpillStatistics
from slackkefu.world import InlineDisk, World
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.kefu_to_slack.placed import Placed
    from slackkefu.bridge.kefu_to_slack.posting import Posting
    from slackkefu.bridge.languages import Languages
    from slackkefu.bridge.proof.rereading import Rereading
    from slackkefu.bridge.slack_to_kefu.cargo import Cargo
    from slackkefu.easemob.message import OutgoingMessage
    from slackkefu.easemob.names import ImUser
    from slackkefu.net.network import Network
    from slackkefu.slack.envelope import Envelope
    from slackkefu.slack.web import WebClient
    from slackkefu.store.entries import KefuEntry, SlackEntry
    from slackkefu.store.reserve import Mark
    from slackkefu.store.spill import Piece
    from slackkefu.store.visitors import VisitorRecord

__all__ = [
    "MIA",
    "MIA_CHANNEL",
    "NORTH",
    "Carrier",
    "Changes",
    "Journal",
    "Parcels",
    "Reserve",
    "Shelf",
    "Spill",
    "envelope",
    "forward",
    "frame",
    "installation",
    "proving",
    "recalling",
    "receipts",
    "statuses",
    "world",
]

MIA = "t0north001_u0mia00001_d0mia00001"
"""Mia's name at the desk, in her direct messages with the app."""
MIA_CHANNEL = "t0north001_u0mia00001_c0support1"
"""Her name there in the channel."""


def installation(name: str = "north") -> Installation:
    """Make an installation."""
    return Installation(
        key=InstallationKey(None, TeamId(f"T0{name.upper()}001")),
        team_name=name.capitalize(),
        bot_token=Secret(f"xoxb-{name}"),
        bot_id=f"B0{name.upper()}BOT",
        bot_user_id=UserId(f"U0{name.upper()}BOT"),
        app_id="A0SLKFAPP1",
        scopes=frozenset(),
    )


NORTH = installation()


def frame(text: str | None = "hello", *, number: int = 1, retry: int = 0, **event: object) -> dict[str, Any]:
    """Make the frame of a message of Mia's to the app; *event* replaces fields, None takes one away."""
    inner = {
        "type": "message",
        "channel": "D0MIA00001",
        "channel_type": "im",
        "user": "U0MIA00001",
        "team": "T0NORTH001",
        "ts": f"1760000000.{number:06}",
        "text": text,
        **event,
    }
    authorization = {"enterprise_id": None, "team_id": "T0NORTH001", "user_id": "U0NORTHBOT", "is_bot": True}
    payload = {
        "type": "event_callback",
        "event_id": f"Ev{number}",
        "team_id": "T0NORTH001",
        "api_app_id": "A0SLKFAPP1",
        "authorizations": [authorization],
        "event": {name: value for name, value in inner.items() if value is not None},
    }
    return {"type": "events_api", "envelope_id": f"e{number}.{retry}", "retry_attempt": retry, "payload": payload}


def envelope(text: str | None = "hello", **changes: Any) -> Envelope:
    """Make the envelope of such a frame."""
    return parse_envelope(frame(text, **changes))


def forward(text: str | None = "hello", **changes: Any) -> Forward:
    """Route such a message, which must be for the desk."""
    decision = route(
        envelope(text, **changes),
        installations=Installations([NORTH]),
        channels="all",
        listens=lambda _user, _thread, _ts: False,
    )
    assert isinstance(decision, Forward), decision
    return decision


def world(chance: Random | None = None) -> World:
    """Make a world without threads, in virtual time; nothing here opens a connection."""
    return World(network=cast("Network", None), disk=InlineDisk(), wall=virtual_wall(), chance=chance or Random(7))


@final
class Journal:
    """A journal in memory; full when told so, slow when told so."""

    def __init__(self) -> None:
        self.entries: list[SlackEntry | KefuEntry] = []
        self.is_full = False
        self.takes_s = 0.0

    async def append(self, *entries: SlackEntry | KefuEntry) -> None:
        """Keep *entries*."""
        await trio.sleep(self.takes_s)
        if self.is_full:
            raise StoreUnwritable(Path("journal"), "the disk is full")
        self.entries += entries


@final
class Spill:
    """A spill in memory; full when told so, slow when told so."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.over: set[int] = set()
        self.cleared: set[int] = set()
        self.problems: list[Exception] = []
        self.is_full = False
        self.takes_s = 0.0

    async def put(self, *pieces: Piece) -> list[int]:
        """Keep *pieces*."""
        await trio.sleep(self.takes_s)
        if self.is_full:
            raise StoreUnwritable(Path("spill"), "the disk is full")
        self.pieces += pieces
        return [*range(len(self.pieces) - len(pieces) + 1, len(self.pieces) + 1)]

    async def get(self, number: int) -> bytes:
        """Return what was kept."""
        await trio.lowlevel.checkpoint()
        if self.problems:
            raise self.problems.pop()
        return self.pieces[number - 1].content

    def done(self, *numbers: int) -> None:
        """Note that these are over."""
        self.over |= {*numbers}

    async def flush(self) -> None:
        """Write what is over."""
        await trio.sleep(self.takes_s)
        if self.is_full:
            raise StoreUnwritable(Path("spill"), "the disk is full")

    async def compact(self) -> None:
        """Clear what is over: it counts no more."""
        await self.flush()
        self.cleared |= self.over

    def statistics(self) -> SpillStatistics:
        """Count what is not cleared."""
        left = [each for number, each in enumerate(self.pieces, 1) if number not in self.cleared]
        pending = len(self.pieces) - len(self.over)
        return SpillStatistics(pending=pending, bytes=sum(len(each.content) for each in left), damaged=0)

    @property
    def keys(self) -> list[str]:
        """Which messages were kept, in order, by their ``ts``."""
        return [each.key.rpartition("/")[2] for each in self.pieces]


@final
class Reserve:
    """A reserve in memory; without room when told so."""

    def __init__(self) -> None:
        self.marks: dict[int, Mark] = {}
        self.is_full = False

    async def put(self, mark: Mark) -> int:
        """Keep *mark*."""
        await trio.lowlevel.checkpoint()
        if self.is_full:
            raise StoreUnwritable(Path("reserve"), "no room")
        slot = max(self.marks, default=0) + 1
        self.marks[slot] = mark
        return slot

    async def free(self, *slots: int) -> None:
        """Free *slots*."""
        await trio.lowlevel.checkpoint()
        if self.is_full and slots:
            raise StoreUnwritable(Path("reserve"), "no room")
        for slot in slots:
            del self.marks[slot]


def receipts(journal: Journal | None = None, spill: Spill | None = None, gaps: Gaps | None = None) -> Receipts:
    """Make the book of messages in hand."""
    return Receipts(
        journal=journal or Journal(),
        spill=spill or Spill(),
        gaps=Gaps(Reserve(), on_gap=lambda _: None) if gaps is None else gaps,
        wall=virtual_wall(),
    )


@final
class Changes:
    """A Slack that changes and deletes posts, or gives the next answers; and everybody's language, English."""

    def __init__(self) -> None:
        self.answers: deque[Exception] = deque()
        self.done: list[tuple[str, str, str]] = []

    async def call(
        self, method: str, arguments: Mapping[str, object], *, token: Secret, channel: str = ""
    ) -> Mapping[str, object]:
        """Carry out a change, or give the next answer."""
        await trio.lowlevel.checkpoint()
        assert (token, channel) == (NORTH.bot_token, arguments.get("channel", ""))
        if self.answers:
            raise self.answers.popleft()
        self.done.append((method, str(arguments.get("ts") or arguments["file"]), str(arguments.get("text") or "")))
        return {"ok": True}

    async def of(self, _installation: Installation, _user: UserId) -> str:
        """Say what somebody is spoken to in."""
        await trio.lowlevel.checkpoint()
        return "en-US"


def recalling(*, book: Book, placed: Placed, posting: Posting, web: Changes) -> Recalling:
    """Make what takes messages back, with a stand-in for Slack."""
    installations = Installations([NORTH])
    return Recalling(
        world=world(),
        web=cast("WebClient", web),
        placed=placed,
        changing=Changing(world=world(), installations=installations, book=book),
        posting=posting,
        readers=Readers(book=book, installations=installations, languages=cast("Languages", web)),
    )


def statuses(
    *,
    book: Book,
    placed: Placed,
    posting: Posting,
    web: Changes,
    intents: Intents | None = None,
    journal: Journal | None = None,
    is_on: bool = True,
) -> SessionStatuses:
    """Make what shows how service sessions stand, with a stand-in for Slack."""
    installations = Installations([NORTH])
    journal = journal or Journal()
    return SessionStatuses(
        is_on=is_on,
        web=cast("WebClient", web),
        book=book,
        posting=posting,
        changing=Changing(world=world(), installations=installations, book=book),
        placed=placed,
        intents=intents or Intents(journal=journal, wall=virtual_wall()),
        journal=journal,
        readers=Readers(book=book, installations=installations, languages=cast("Languages", web)),
        wall=virtual_wall(),
    )


@final
class NoSessions:
    """Sessions of which none keeps up, so that nothing is ever sent again."""

    def drained_since(self, _user: ImUser) -> None:
        """Know of none."""

    def ask(self, user: ImUser) -> None:
        """Ask nobody."""

    def set_awaits(self, user: ImUser, awaits: bool) -> None:
        """Keep none."""

    async def send(self, user: ImUser, message: OutgoingMessage) -> None:
        """Must not be called."""
        raise AssertionError(f"{message.meta_id} is sent again as {user}")


def proving(journal: Journal | None = None) -> Proving:
    """Make what waits for the desk's confirmation, and does nothing about it."""
    return Proving(
        proof=Proof(),
        sessions=NoSessions(),
        reader=cast("Rereading", None),
        send=NoSessions().send,
        tell=lambda _: None,
        take_back=lambda _: None,
        journal=journal or Journal(),
        wall=virtual_wall(),
    )


@final
class Carrier:
    """Carrying by which every file is at Easemob at once, but those that are to be lines, for good or for now."""

    def __init__(self) -> None:
        self.lines: dict[str, bool] = {}
        """Files that are not carried, by id, and whether that is final."""
        self.asked: list[str] = []
        self.takes_s: dict[str, float] = {}
        """How long a file takes, by id."""

    def refused(self, cargo: Cargo) -> Brought:
        """Say what is sent of a file that is not taken."""
        return Brought(cargo.loaded(line_for(cargo.file)))

    async def bring(self, _: Installation, cargo: Cargo) -> Brought:
        """Bring a file."""
        self.asked.append(cargo.file.id)
        await trio.sleep(self.takes_s.get(cargo.file.id, 0.0))
        if cargo.file.id in self.lines:
            return Brought(cargo.loaded(line_for(cargo.file)), self.lines[cargo.file.id])
        attachment = Attachment(f"https://im.test/{cargo.file.id}", Secret(""))
        return Brought(cargo.loaded(body_of(cargo.file, attachment, length=cargo.file.size or 0)))


@final
class Parcels:
    """Envelopes on a connection that can break, and what was acknowledged on it when."""

    def __init__(self) -> None:
        self.acknowledged: list[tuple[str, float]] = []
        self.answers: list[Mapping[str, object] | None] = []
        """What each acknowledgement brought along."""
        self.is_gone = False

    def bring(self, envelope: Envelope, *, received_at: float | None = None) -> Parcels.Delivery:
        """Deliver an envelope, now or a while ago."""
        return Parcels.Delivery(self, envelope, trio.current_time() if received_at is None else received_at)

    @property
    def names(self) -> list[str]:
        """The acknowledged envelopes, in order."""
        return [name for name, _ in self.acknowledged]

    @final
    class Delivery:
        """One of them."""

        def __init__(self, connection: Parcels, envelope: Envelope, received_at: float) -> None:
            self._connection = connection
            self.envelope = envelope
            self.received_at = received_at

        async def acknowledge(self, payload: Mapping[str, object] | None = None) -> bool:
            """Write an acknowledgement, if the connection is still there."""
            await trio.lowlevel.checkpoint()
            self._connection.answers.append(payload)
            if not self._connection.is_gone:
                self._connection.acknowledged.append((self.envelope.envelope_id, trio.current_time()))
            return not self._connection.is_gone


@final
class Shelf:
    """A store of visitors' records that remembers what was saved; full when told so."""

    def __init__(self) -> None:
        self.saved: list[VisitorRecord] = []
        self.problem: Callable[[], None] = lambda: None

    def save(self, record: VisitorRecord) -> None:
        """Keep *record*."""
        self.problem()
        self.saved.append(record)

    def delete(self, im_user: str) -> None:
        """Keep nothing of *im_user*."""
        self.problem()
        self.saved = [record for record in self.saved if record.im_user != im_user]

    def fill(self, path: Path) -> None:
        """Be full from now on."""

        def refuse() -> None:
            raise StoreUnwritable(path, "no space left")

        self.problem = refuse

    @property
    def last(self) -> Mapping[str, VisitorRecord]:
        """What a restart would find."""
        return {record.im_user: record for record in self.saved}
