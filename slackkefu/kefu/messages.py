"""
What kefu can say, one type a kind.

Each message says who speaks, in which service session, and kefu's own id of it, by which the same message is known
however often and whichever way it comes (facts/kefu.md §2.11). ``plain`` is its honest short form in words, for where
buttons, files and cards have no form of their own yet: nothing is lost without a trace. It is empty only for what is
not meant for a reader.

Ids that an answer has to carry are kept as they were given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, final

from slackkefu.kefu.offers import numbered
from slackkefu.kefu.speaker import NOBODY, Speaker
from slackkefu.kefu.text import plain as plain_text
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.kefu.fields import Id
    from slackkefu.kefu.offers import Offer
    from slackkefu.kefu.text import Span

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

    @property
    def words(self) -> str:
        """The message itself in words."""
        return ""

    @property
    def plain(self) -> str:
        """All of the message in words; empty when there is nothing to read."""
        return self.words


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content(_Message):
    """What messages have that may carry offers."""

    offers: tuple[Offer, ...] = ()

    @property
    def plain(self) -> str:
        """The words, and a line or more for each offer."""
        return _lines(self.words, *(offer.plain for offer in self.offers))


@final
@dataclass(frozen=True, slots=True)
class Text(_Content):
    """Words."""

    kind: ClassVar[str] = "text"
    spans: tuple[Span, ...] = field(repr=False)
    """Never empty, and never of white space alone."""

    @property
    def words(self) -> str:
        """The spans as plain text."""
        return plain_text(self.spans)


MediaKind: TypeAlias = Literal["image", "file", "audio", "video"]

_MEDIA_TAGS: Mapping[MediaKind, str] = MappingProxyType(
    {"image": "[图片 Image]", "file": "[文件 File]", "audio": "[语音 Voice]", "video": "[视频 Video]"}
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

    @property
    def words(self) -> str:
        """The kind, the name, and how long it plays."""
        duration = f"{self.duration_s} s" if self.duration_s > 0 else ""
        tag = "[表情 Sticker]" if self.is_sticker else _MEDIA_TAGS[self.kind]
        return " ".join(filter(None, (tag, self.filename, duration)))


@final
@dataclass(frozen=True, slots=True)
class Location(_Content):
    """A place."""

    kind: ClassVar[str] = "location"
    lat: float = field(repr=False)
    lng: float = field(repr=False)
    address: str = field(repr=False)

    @property
    def words(self) -> str:
        """Address and coordinates."""
        return " ".join(filter(None, ("[位置 Location]", self.address, f"({self.lat:g}, {self.lng:g})")))


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

    @property
    def words(self) -> str:
        """Title and address of each."""
        return "\n".join(" ".join(filter(None, ("[图文 Article]", each.title, each.url))) for each in self.articles)


@final
@dataclass(frozen=True, slots=True)
class Form(_Content):
    """A form (表单) on a web page."""

    kind: ClassVar[str] = "form"
    url: str = field(repr=False)
    title: str = field(repr=False)
    description: str = field(repr=False)

    @property
    def words(self) -> str:
        """Title and address."""
        return " ".join(filter(None, ("[表单 Form]", self.title, self.url)))


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

    @property
    def words(self) -> str:
        """Title and numbered labels."""
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

    @property
    def words(self) -> str:
        """The invitation's words, or ours."""
        return plain_text(self.spans) or "[满意度评价] 请评价本次服务 / Please rate this conversation"


EventName: TypeAlias = Literal["created", "opened", "transfering", "transfered", "closed", "wait_timeout"]
"""What happened to a service session; ``closed`` also when it ended while waiting. Spelled as kefu does."""

_EVENT_LINES: Mapping[EventName, str] = MappingProxyType(
    {
        "created": "等待接入 / waiting for an agent",
        "opened": "已接入 / joined",
        "transfering": "转接中，请稍候 / being transferred, please wait",
        "transfered": "已转接 / transferred",
        "closed": "会话已结束 / conversation ended",
        "wait_timeout": "等待时间较长 / nobody was free so far",
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

    @property
    def words(self) -> str:
        """The words that came with it, or ours."""
        ours = " ".join(filter(None, ("[会话 Session]", self.by.name, _EVENT_LINES[self.name])))
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

    @property
    def words(self) -> str:
        """The notice, the ticket's subject, and the answer."""
        about = " ".join(filter(None, ("[留言 Ticket]", self.subject)))
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

    @property
    def words(self) -> str:
        """The words that came with it, and for an invitation that it cannot be taken."""
        tag = "[视频通话 Video call]"
        note = f"{tag} 这里无法接通 / cannot be taken here" if self.stage == "invited" else tag
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
