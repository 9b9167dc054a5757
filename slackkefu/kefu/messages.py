"""
What kefu can say, one type a kind.

Each message says who speaks, in which service session, and kefu's own id of it, by which the same message is known
however often and whichever way it comes (facts/kefu.md §2.11). ``plain`` is its honest short form in words, for where
buttons, files and cards have no form of their own: nothing is lost without a trace. It is empty only for what is not
meant for a reader. ``plain_in`` is the same in one language; ``plain`` is for a reader whose language is not known.

Ids that an answer has to carry are kept as they were given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, final

from slackkefu.kefu.offers import numbered
from slackkefu.kefu.speaker import NOBODY, Speaker
from slackkefu.kefu.text import plain as plain_text
from slackkefu.kefu.wording import Wording, phrase, tag
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.kefu.fields import Id
    from slackkefu.kefu.offers import Offer
    from slackkefu.kefu.text import Span
    from slackkefu.kefu.wording import Language

__all__ = [
    "Ack",
    "Article",
    "Articles",
    "CallStage",
    "Choice",
    "Degree",
    "Event",
    "EventName",
    "Form",
    "KefuMessage",
    "Location",
    "Media",
    "MediaKind",
    "Menu",
    "Nothing",
    "NothingReason",
    "Rating",
    "Recall",
    "Tag",
    "Text",
    "TicketNotice",
    "VideoCall",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """What all messages have."""

    msg_id: str | None = None
    """kefu's id; commands have none."""
    by: Speaker = NOBODY
    service_session_id: str | None = None
    """None for greetings, and where the session is hidden."""

    def words_in(self, _: Language | None) -> str:
        """Return the message itself in words; None is for both languages."""
        return ""

    def plain_in(self, language: Language | None) -> str:
        """Return all of the message in words; empty when there is nothing to read."""
        return self.words_in(language)

    @final
    @property
    def words(self) -> str:
        """The message itself in words, in both languages."""
        return self.words_in(None)

    @final
    @property
    def plain(self) -> str:
        """All of the message in words, in both languages."""
        return self.plain_in(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content(_Message):
    """What messages have that may carry offers."""

    offers: tuple[Offer, ...] = ()

    @property
    def offered(self) -> str:
        """A line or more for each offer."""
        return _lines(*(offer.plain for offer in self.offers))

    def plain_in(self, language: Language | None) -> str:
        """Return the words, and a line or more for each offer."""
        return _lines(self.words_in(language), self.offered)


@final
@dataclass(frozen=True, slots=True)
class Text(_Content):
    """Words."""

    kind: ClassVar[str] = "text"
    spans: tuple[Span, ...] = field(repr=False)
    """Never empty, and never of white space alone."""

    def words_in(self, _: Language | None) -> str:
        """Return the spans as plain text."""
        return plain_text(self.spans)


MediaKind: TypeAlias = Literal["image", "file", "audio", "video"]

_MEDIA: Mapping[MediaKind, Wording] = MappingProxyType(
    {"image": Wording.IMAGE, "file": Wording.FILE, "audio": Wording.VOICE, "video": Wording.VIDEO}
)


@final
@dataclass(frozen=True, slots=True)
class Media(_Content):
    """A file. A sticker is an image."""

    kind: MediaKind
    url: str = field(repr=False)
    """As kefu gave it, often a path: see :func:`~slackkefu.kefu.fields.absolute_url`. Empty when it gave none."""
    secret: Secret = field(default_factory=lambda: Secret(""))
    """Header ``share-secret``, for the IM host only (facts/kefu.md §2.7)."""
    filename: str = field(default="", repr=False)
    """What somebody named it: never a path."""
    length_bytes: int = 0
    duration_s: int = 0
    width: int = 0
    height: int = 0
    is_sticker: bool = False

    def words_in(self, language: Language | None) -> str:
        """Return the kind, the name, and how long it plays."""
        duration = f"{self.duration_s} s" if self.duration_s > 0 else ""
        kind = tag(Wording.STICKER if self.is_sticker else _MEDIA[self.kind], language)
        return " ".join(filter(None, (kind, self.filename, duration)))


@final
@dataclass(frozen=True, slots=True)
class Location(_Content):
    """A place."""

    kind: ClassVar[str] = "location"
    lat: float = field(repr=False)
    lng: float = field(repr=False)
    address: str = field(repr=False)

    def words_in(self, language: Language | None) -> str:
        """Return address and coordinates."""
        return " ".join(filter(None, (tag(Wording.LOCATION, language), self.address, f"({self.lat:g}, {self.lng:g})")))


@final
@dataclass(frozen=True, slots=True)
class Article:
    """One entry of an article message."""

    title: str = field(repr=False)
    digest: str = field(repr=False)
    url: str = field(repr=False)
    picture_url: str = field(repr=False)


@final
@dataclass(frozen=True, slots=True)
class Articles(_Content):
    """Articles (图文)."""

    kind: ClassVar[str] = "articles"
    articles: tuple[Article, ...]
    """Never empty; each has a title or an address."""

    def words_in(self, language: Language | None) -> str:
        """Return title and address of each."""
        kind = tag(Wording.ARTICLE, language)
        return "\n".join(" ".join(filter(None, (kind, each.title, each.url))) for each in self.articles)


@final
@dataclass(frozen=True, slots=True)
class Form(_Content):
    """A form (表单) on a web page."""

    kind: ClassVar[str] = "form"
    url: str = field(repr=False)
    title: str = field(repr=False)
    description: str = field(repr=False)

    def words_in(self, language: Language | None) -> str:
        """Return title and address."""
        return " ".join(filter(None, (tag(Wording.FORM, language), self.title, self.url)))


@final
@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a menu. Which ids an answer carries depends on the menu (facts/kefu.md §1.6)."""

    label: str = field(repr=False)
    """What is sent back as text."""
    menu_id: Id | None = None
    """None for entries that are plain strings."""
    queue_id: Id | None = None
    queue_type: str | None = None
    """In a transfer guide: ``txt``, ``video``, ``independentVideo`` or ``transfer``."""


@final
@dataclass(frozen=True, slots=True)
class Menu(_Message):
    """A menu to choose from."""

    kind: ClassVar[str] = "menu"
    title: str = field(repr=False)
    """The menu's title, else the message's words; may be empty."""
    choices: tuple[Choice, ...]
    """Never empty; each has a label."""
    mode: str | None
    """``transferManualGuide`` for the guide before the chat (询前引导); None usually."""

    def words_in(self, _: Language | None) -> str:
        """Return title and numbered labels."""
        return _lines(self.title, numbered(choice.label for choice in self.choices))


@final
@dataclass(frozen=True, slots=True)
class Tag:
    """A reason that may be given with a rating."""

    tag_id: Id
    name: str = field(repr=False)


@final
@dataclass(frozen=True, slots=True)
class Degree:
    """One step of a rating."""

    degree_id: Id
    name: str = field(repr=False)
    level: int | None
    score: str | None
    """What the answer gives as ``summary``."""
    tags: tuple[Tag, ...]
    is_single_tag: bool
    """At most one tag may be chosen."""


@final
@dataclass(frozen=True, slots=True)
class Rating(_Message):
    """An invitation to rate the service; may come after the session closed (facts/kefu.md §2.6)."""

    kind: ClassVar[str] = "rating"
    invite_id: int | None
    """Without one an answer cannot name the invitation."""
    rated_session_id: str | None
    """The session to rate, else the current one."""
    degrees: tuple[Degree, ...]
    """Best first; none when kefu leaves them to be fetched."""
    spans: tuple[Span, ...] = field(default=(), repr=False)

    def words_in(self, language: Language | None) -> str:
        """Return the invitation's words, or ours."""
        ours = f"{tag(Wording.RATING, language)} {phrase(Wording.PLEASE_RATE, language)}"
        return plain_text(self.spans) or ours


EventName: TypeAlias = Literal["created", "opened", "transfering", "transfered", "closed", "wait_timeout"]
"""What happened to a service session; ``closed`` also when it ended while waiting. Spelled as kefu does."""

_EVENTS: Mapping[EventName, Wording] = MappingProxyType(
    {
        "created": Wording.CREATED,
        "opened": Wording.OPENED,
        "transfering": Wording.TRANSFERRING,
        "transfered": Wording.TRANSFERRED,
        "closed": Wording.CLOSED,
        "wait_timeout": Wording.LONG_WAIT,
    }
)


@final
@dataclass(frozen=True, slots=True)
class Event(_Content):
    """Something happened to the service session. ``by`` is the agent or robot it is about."""

    kind: ClassVar[str] = "event"
    name: EventName
    spans: tuple[Span, ...] = field(default=(), repr=False)
    """Words that came with it; usually none."""

    def words_in(self, language: Language | None) -> str:
        """Return the words that came with it, or ours."""
        happened = phrase(_EVENTS[self.name], language)
        ours = " ".join(filter(None, (tag(Wording.SESSION, language), self.by.name, happened)))
        return plain_text(self.spans) or ours


@final
@dataclass(frozen=True, slots=True)
class TicketNotice(_Message):
    """News of a ticket (留言) of the visitor's."""

    kind: ClassVar[str] = "ticket-notice"
    ticket_id: Id | None
    subject: str = field(repr=False)
    comment: str = field(repr=False)
    """The answer, when there is one."""
    spans: tuple[Span, ...] = field(default=(), repr=False)

    def words_in(self, language: Language | None) -> str:
        """Return the notice, the ticket's subject, and the answer."""
        about = " ".join(filter(None, (tag(Wording.TICKET, language), self.subject)))
        return _lines(plain_text(self.spans), about, self.comment)


CallStage: TypeAlias = Literal["invited", "ended", "other"]


@final
@dataclass(frozen=True, slots=True)
class VideoCall(_Message):
    """Something about a video call, which Slack cannot take part in."""

    kind: ClassVar[str] = "video-call"
    stage: CallStage
    call_id: Id | None
    """An invitation is declined with it (facts/kefu.md §1.9)."""
    spans: tuple[Span, ...] = field(default=(), repr=False)

    def words_in(self, language: Language | None) -> str:
        """Return the words that came with it, and for an invitation that it cannot be taken."""
        kind = tag(Wording.VIDEO_CALL, language)
        note = f"{kind} {phrase(Wording.NO_CALL_HERE, language)}" if self.stage == "invited" else kind
        return _lines(plain_text(self.spans), note)


@final
@dataclass(frozen=True, slots=True)
class Recall(_Message):
    """An agent took a message back; it may come before that message, after it, or without it."""

    kind: ClassVar[str] = "recall"
    of: str
    """That message's ``msg_id``."""


@final
@dataclass(frozen=True, slots=True)
class Ack(_Message):
    """kefu has a message of the visitor's."""

    kind: ClassVar[str] = "ack"
    of: str
    """That message's ``msg_id_for_ack``."""


NothingReason: TypeAlias = Literal[
    "not_from_service_number",
    "own_echo",
    "recalled",
    "unknown_command",
    "ack_without_id",
    "recall_without_id",
    "unknown_event",
    "unknown_body",
    "video_signal",
    "empty_articles",
    "track_echo",
    "unreadable_ext",
    "empty_text",
]


@final
@dataclass(frozen=True, slots=True)
class Nothing(_Message):
    """Nothing for a reader, and nothing to act on."""

    kind: ClassVar[str] = "nothing"
    reason: NothingReason


KefuMessage: TypeAlias = (
    Text
    | Media
    | Location
    | Articles
    | Form
    | Menu
    | Rating
    | Event
    | TicketNotice
    | VideoCall
    | Recall
    | Ack
    | Nothing
)


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
