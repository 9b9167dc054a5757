"""
Messages as the rest of slackkefu sees them: what goes out, what came in, and the batch that brought it.

A message has one body and one ``ext``, a JSON object of its own (facts/msync.md §11). Whatever else a batch may
hold (receipts, recalls, contact events, what cannot be read) is an :class:`IncomingOther`: named and kept in its place,
because it is acknowledged together with its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from slackkefu.easemob.names import ImUser, Queue

__all__ = [
    "Accepted",
    "Batch",
    "Body",
    "CommandBody",
    "CustomBody",
    "IncomingMessage",
    "IncomingOther",
    "Json",
    "LocationBody",
    "MediaBody",
    "MediaKind",
    "Meta",
    "OtherKind",
    "OutgoingMessage",
    "TextBody",
    "UnknownBody",
]

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
"""A JSON value. Integers are exact, also beyond 2^53 (facts/msync.md §1.3)."""

MediaKind: TypeAlias = Literal["img", "video", "audio", "file"]

OtherKind: TypeAlias = Literal[
    "statistic",
    "group_event",
    "roster",
    "conference",
    "notify",
    "query",
    "unknown_namespace",
    "normal",
    "group_message",
    "room_message",
    "read_receipt",
    "delivery_receipt",
    "recall",
    "conversation_read",
    "edit",
    "unknown_type",
    "empty",
    "foreign_app",
    "too_large",
    "undecodable",
]
"""Why a meta is not a message of a one-to-one conversation."""


@dataclass(frozen=True, slots=True)
class TextBody:
    """Plain text."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CommandBody:
    """A command (透传): an action for the program at the other end; nothing to show."""

    action: str


@dataclass(frozen=True, slots=True)
class MediaBody:
    """A file that lies at Easemob, or wherever the sender says (facts/msync.md §11, "Attachments")."""

    kind: MediaKind
    remote_path: str = field(repr=False)
    """URL as the sender wrote it: no credentials may go to a host that is not the tenant's own."""
    secret: Secret = field(default_factory=lambda: Secret(""))
    """The ``share-secret``; empty when the file needs none."""
    filename: str = field(default="", repr=False)
    length_bytes: int = 0
    duration_s: int = 0
    width: int = 0
    height: int = 0
    thumbnail_path: str = field(default="", repr=False)
    thumbnail_secret: Secret = field(default_factory=lambda: Secret(""))


@dataclass(frozen=True, slots=True)
class LocationBody:
    """A place."""

    lat: float = field(repr=False)
    lng: float = field(repr=False)
    address: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CustomBody:
    """A body of the app's own making."""

    event: str
    exts: Mapping[str, Json] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class UnknownBody:
    """A kind of content we do not read; combined forwards are type 8."""

    type: int


Body: TypeAlias = TextBody | CommandBody | MediaBody | LocationBody | CustomBody | UnknownBody


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to one user."""

    meta_id: int
    """Ours, 1 to 2^63-1. A repeat of the same message carries the same id (facts/msync.md §8)."""
    to: ImUser
    body: Body
    ext: Mapping[str, Json] = field(default_factory=dict, repr=False)
    instead: Body | None = field(default=None, repr=False)
    """What may be sent in the place of a file, by a way that carries none."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server took a message of ours; that it arrived is another matter (facts/msync.md §8)."""

    meta_id: int
    server_id: int
    """The message's final id, as the receiver sees it."""
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message of a one-to-one conversation."""

    meta_id: int
    """The final id; the same message comes again with the same id."""
    sender: str
    """Folded to lower case; the server's word (``Meta.from``) before the sending client's (``MessageBody.from``)."""
    to: str
    """Folded to lower case."""
    timestamp_ms: int
    """The server's clock."""
    body: Body
    ext: Mapping[str, Json] = field(default_factory=dict, repr=False)
    bad_ext: tuple[str, ...] = ()
    """Keys of ``ext`` that could not be read; they are not in ``ext``, their neighbours are."""


@dataclass(frozen=True, slots=True)
class IncomingOther:
    """Anything else in a batch."""

    meta_id: int
    """0 when not even the id could be read."""
    kind: OtherKind
    sender: str = ""
    """Folded to lower case; empty when not given."""
    refers_to: int = 0
    """The message a receipt, recall or edit is about; 0 when none."""


Meta: TypeAlias = IncomingMessage | IncomingOther


@dataclass(frozen=True, slots=True)
class Batch:
    """What one pull brought; it is acknowledged as a whole (facts/msync.md §1.2)."""

    queue: Queue
    metas: tuple[Meta, ...]
    looked_through: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)
    """
    To be called when everything in it has been looked at, however long it may take to pass it on.

    Its queue counts as pulled from then on; without this, only when the batch is acknowledged.
    """
