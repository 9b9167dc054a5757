"""
Reading what comes from the desk: one IM message in, one typed :data:`~slackkefu.kefu.messages.KefuMessage` out.

Only the service number speaks for the desk; everything else is left alone, our own echoes too, and that is one half of
why loops cannot happen. What a message is, is decided by the first entry of :data:`_READERS` that knows it, in the
official client's order (facts/kefu.md §2): what was recalled is not shown, a rating comes before all else, an event is
read whatever body carries it. A message that holds something for a reader in no form we know shows its text, and one
without any text becomes :class:`~slackkefu.kefu.messages.Nothing` with the reason, never an empty message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypedDict

from slackkefu.easemob.message import CommandBody, LocationBody, MediaBody, TextBody
from slackkefu.kefu.embedded import embedded
from slackkefu.kefu.emoji_codes import decode
from slackkefu.kefu.fields import at, entries, flag, given_id, name_of, number, words
from slackkefu.kefu.messages import (
    Ack,
    Article,
    Articles,
    Choice,
    Degree,
    Event,
    Form,
    Location,
    Media,
    Menu,
    Nothing,
    Rating,
    Recall,
    Tag,
    Text,
    TicketNotice,
    VideoCall,
)
from slackkefu.kefu.offers import RelatedQuestion, RelatedQuestions, TicketOffer, TransferOffer, UsefulOffer
from slackkefu.kefu.speaker import NOBODY, Speaker, speaker_of_account, speaker_of_event, speaker_of_message
from slackkefu.kefu.text import Plain, is_blank, plain, spans, unescape
from slackkefu.kefu.wording import Wording, phrase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slackkefu.easemob.message import IncomingMessage, Json
    from slackkefu.easemob.message import MediaKind as ImMediaKind
    from slackkefu.kefu.messages import CallStage, EventName, KefuMessage, MediaKind
    from slackkefu.kefu.offers import Offer
    from slackkefu.kefu.text import Span

__all__ = ["read"]


def read(message: IncomingMessage, *, service_number: str) -> KefuMessage:
    """
    Read one message.

    Args:
        message: As it came to the visitor, from whomever.
        service_number: The desk's IM user, in any case.

    Returns:
        What it means; never raises, whatever is in ``ext``.

    """
    service_number = service_number.lower()
    if message.sender.lower() != service_number:
        return Nothing("own_echo" if message.to.lower() == service_number else "not_from_service_number")
    given = _Given.of(message)
    meant = next(meant for reader in _READERS if (meant := reader(given)) is not None)
    if isinstance(meant, Nothing) and meant.reason == "empty_text" and message.bad_ext:
        return replace(meant, reason="unreadable_ext")
    return meant


class _Head(TypedDict):
    """The fields all messages have."""

    msg_id: str | None
    by: Speaker
    service_session_id: str | None


@dataclass(frozen=True, slots=True)
class _Given:
    """One message, opened."""

    message: IncomingMessage
    ext: Mapping[str, Json]
    weichat: Json
    event: Json
    head: _Head
    spans: tuple[Span, ...]
    """The body's words."""

    @classmethod
    def of(cls, message: IncomingMessage) -> _Given:
        weichat = message.ext.get("weichat")
        event = at(weichat, "event")
        by = speaker_of_message(at(weichat, "agent"))
        session = at(weichat, "service_session", "serviceSessionId")
        head: _Head = {
            "msg_id": name_of(at(weichat, "msgId")),
            "by": by if by.kind in ("agent", "robot") or event else _account(weichat, by),
            "service_session_id": name_of(session) or name_of(at(event, "eventObj", "sessionId")),
        }
        text = message.body.text if isinstance(message.body, TextBody) else ""
        is_list = bool(at(weichat, "extRobot", "laiye"))
        found = embedded(text, is_list=is_list) or spans(text, links=by.kind in ("robot", "system"))
        return cls(message, message.ext, weichat, event, head, found)

    @property
    def control(self) -> str:
        """``ctrlType``, folded: clients differ in whether case matters (facts/kefu.md §2.1)."""
        return words(at(self.weichat, "ctrlType")).lower()

    def offers(self) -> tuple[Offer, ...]:
        return tuple(offer for read_offer in _OFFERS if (offer := read_offer(self)) is not None)


def _account(weichat: Json, by: Speaker) -> Speaker:
    """Return the account that a message is from, where there is one; else who wrote it."""
    account = speaker_of_account(at(weichat, "official_account"))
    return by if account == NOBODY else account


# Not shown, or shown before everything else.


def _recalled(given: _Given) -> KefuMessage | None:
    return Nothing("recalled", **given.head) if flag(at(given.weichat, "recall_flag")) else None


def _rating(given: _Given) -> KefuMessage | None:
    if given.control != "inviteenquiry":
        return None
    arguments = at(given.weichat, "ctrlArgs")
    return Rating(
        number(at(arguments, "inviteId")),
        name_of(at(arguments, "serviceSessionId")) or given.head["service_session_id"],
        tuple(_degrees(at(arguments, "evaluationDegree"))),
        given.spans,
        **given.head,
    )


def _degrees(degrees: Json) -> Iterator[Degree]:
    for degree in entries(degrees):
        degree_id = given_id(at(degree, "id"))
        if degree_id is None:
            continue
        tags = tuple(
            Tag(tag_id, _label(at(tag, "name")))
            for tag in entries(at(degree, "appraiseTags"))
            if (tag_id := given_id(at(tag, "id"))) is not None
        )
        yield Degree(
            degree_id,
            _label(at(degree, "name")),
            number(at(degree, "level")),
            name_of(at(degree, "score")),
            tags,
            flag(at(degree, "isSingleTag")),
        )


# Events (facts/kefu.md §2.3): decided by their name alone.

_EVENTS: Mapping[str, EventName] = MappingProxyType(
    {
        "servicesessioncreatedevent": "created",
        "servicesessionopenedevent": "opened",
        "servicesessiontransferedtoagentqueueevent": "transfering",
        "servicesessiontransferedforagentqueueevent": "transfering",
        "servicesessiontransferedevent": "transfered",
        "servicesessionclosedevent": "closed",
        "servicesessionabortedevent": "closed",
        "servicesessionwillscheduletimeoutevent": "wait_timeout",
    }
)
_TICKET_EVENTS: Final = frozenset({"ticketstatuschangedevent", "commentcreatedevent"})


def _event_name(given: _Given) -> str:
    return words(at(given.event, "eventName")).strip().lower()


def _ticket_notice(given: _Given) -> KefuMessage | None:
    ticket = at(given.event, "ticket")
    is_news = flag(at(given.weichat, "notification")) and isinstance(ticket, Mapping)
    if not is_news and _event_name(given) not in _TICKET_EVENTS:
        return None
    return TicketNotice(
        given_id(at(ticket, "id")) or given_id(at(ticket, "ticketId")),
        _label(at(ticket, "subject")),
        _label(at(given.event, "comment", "content")),
        given.spans,
        **given.head,
    )


def _event(given: _Given) -> KefuMessage | None:
    name = _EVENTS.get(_event_name(given))
    if name is None:
        return None
    if name == "wait_timeout" and given.spans:
        return _text(given)
    about = speaker_of_event(at(given.event, "eventObj"))
    by = given.head["by"] if about == NOBODY else about
    head: _Head = {**given.head, "by": by}
    return Event(name, given.spans, offers=given.offers(), **head)


# Commands (facts/kefu.md §2.8): what is not known is left alone and never shown.


def _command(given: _Given) -> KefuMessage | None:
    if not isinstance(given.message.body, CommandBody):
        return None
    action = given.message.body.action
    if action == "KF-ACK":
        acked = name_of(at(given.weichat, "ack_for_msg_id"))
        return Nothing("ack_without_id", **given.head) if acked is None else Ack(acked, **given.head)
    if action == "KEFU_MESSAGE_RECALL":
        recalled = name_of(at(given.weichat, "recall_msg_id"))
        return Nothing("recall_without_id", **given.head) if recalled is None else Recall(recalled, **given.head)
    return Nothing("unknown_event" if _event_name(given) else "unknown_command", **given.head)


# Files and places: told by the body.

_MEDIA_KINDS: Mapping[ImMediaKind, MediaKind] = MappingProxyType(
    {"img": "image", "file": "file", "audio": "audio", "video": "video"}
)


def _media(given: _Given) -> KefuMessage | None:
    body = given.message.body
    if not isinstance(body, MediaBody):
        return None
    return Media(
        _MEDIA_KINDS[body.kind],
        body.remote_path,
        secret=body.secret,
        filename=_one_line(body.filename),
        length_bytes=body.length_bytes,
        duration_s=body.duration_s,
        width=body.width,
        height=body.height,
        offers=given.offers(),
        **given.head,
    )


def _location(given: _Given) -> KefuMessage | None:
    body = given.message.body
    if not isinstance(body, LocationBody):
        return None
    return Location(body.lat, body.lng, _label(body.address), offers=given.offers(), **given.head)


# Cards: told by ext (facts/kefu.md §2.4, §2.7).


def _menu(given: _Given) -> KefuMessage | None:
    choice = at(given.ext, "msgtype", "choice")
    choices = tuple(_choices(choice))
    if not choices:
        return None
    title = _label(at(choice, "title")) or Text(given.spans).words.strip()
    return Menu(title, choices, name_of(at(choice, "mode")), **given.head)


def _choices(choice: Json) -> Iterator[Choice]:
    """Yield the entries of a menu: its ``items``, else its ``list`` of strings."""
    items = [(item, label) for item in entries(at(choice, "items")) if (label := _label(at(item, "name")))]
    for item, label in items:
        queue_type = name_of(at(item, "queueType"))
        yield Choice(label, given_id(at(item, "id")), given_id(at(item, "queueId")), queue_type)
    if not items:
        yield from (Choice(label) for entry in entries(at(choice, "list")) if (label := _label(entry)))


def _articles(given: _Given) -> KefuMessage | None:
    given_articles = at(given.ext, "msgtype", "articles")
    if given_articles is None:
        return None
    articles = (
        Article(
            _label(at(entry, "title")),
            _label(at(entry, "digest")) or _label(at(entry, "description")),
            _url(at(entry, "url")),
            _url(at(entry, "picurl")) or _url(at(entry, "thumbUrl")),
        )
        for entry in entries(given_articles)
    )
    readable = tuple(article for article in articles if article.title or article.url)
    if readable:
        return Articles(readable, offers=given.offers(), **given.head)
    return None if given.spans else Nothing("empty_articles", **given.head)


def _form(given: _Given) -> KefuMessage | None:
    form = at(given.ext, "msgtype", "html")
    url = _url(at(form, "url"))
    if not url or words(given.ext.get("type")).lower() != "html/form":
        return None
    return Form(url, _label(at(form, "topic")), _label(at(form, "desc")), offers=given.offers(), **given.head)


_CALL_STAGES: Mapping[str, CallStage] = MappingProxyType(
    {
        "sendVisitorTicket": "invited",
        "sendVisitorCallback": "invited",
        "sendVisitorCallbackTicket": "invited",
        "videoPlayback": "ended",
        "agentCancelCallback": "ended",
        "roomData": "other",
        "rtcSession": "other",
        "microphone": "other",
        "camera": "other",
        "enquiryInvite": "other",
    }
)
_CALL_TYPES: Final = frozenset({"agorartcmedia/video", "rtcmedia/video"})


def _video_call(given: _Given) -> KefuMessage | None:
    cards = at(given.ext, "msgtype")
    stage = next((stage for card, stage in _CALL_STAGES.items() if at(cards, card) is not None), None)
    if stage is None and words(given.ext.get("type")).lower() not in _CALL_TYPES:
        return None
    if stage in (None, "other") and not given.spans:
        return Nothing("video_signal", **given.head)
    call_id = given_id(at(cards, "sendVisitorTicket", "ticket", "callId"))
    return VideoCall(stage or "other", call_id, given.spans, **given.head)


def _sticker(given: _Given) -> KefuMessage | None:
    url = _url(at(given.ext, "msgtype", "customMagicEmoji", "url"))
    return Media("image", url, is_sticker=True, offers=given.offers(), **given.head) if url else None


def _goods(given: _Given) -> KefuMessage | None:
    """Read an order (订单) as an article; a track (轨迹) is what the visitor's own side showed (facts/kefu.md §1.5)."""
    order = at(given.ext, "msgtype", "order")
    if order is None:
        is_track = at(given.ext, "msgtype", "track") is not None and not given.spans
        return Nothing("track_echo", **given.head) if is_track else None
    about = (_label(at(order, name)) for name in ("price", "desc"))
    article = Article(
        " · ".join(filter(None, (_label(at(order, name)) for name in ("title", "order_title")))),
        "\n".join(filter(None, (plain(given.spans), *about))),
        _url(at(order, "item_url")),
        _url(at(order, "img_url")),
    )
    return Articles((article,), offers=given.offers(), **given.head) if article.title or article.url else None


# Words, and what they may offer.

_NO_WORDS: Final = "NoTransferToTicketsTitle"
"""A ticket hint's text that stands for none (facts/kefu.md §2.5)."""


def _text(given: _Given) -> KefuMessage:
    offers = given.offers()
    found = given.spans
    if found == (Plain(_NO_WORDS),) and given.control == "transfertotickets":
        found = ()
    found = _followed(found, given)
    if not found:
        title = _label(at(given.ext, "msgtype", "choice", "title"))
        heading = next((offer.heading for offer in offers if offer.heading), "")
        found = (Plain(title or heading),) if title or heading else ()
    if found:
        return Text(found, offers=offers, **given.head)
    if not isinstance(given.message.body, TextBody):
        return Nothing("unknown_body", **given.head)
    return Nothing("unknown_event" if _event_name(given) not in ("", *_EVENTS) else "empty_text", **given.head)


def _followed(found: tuple[Span, ...], given: _Given) -> tuple[Span, ...]:
    """Return *found* and what the robot says next, which the official client shows later (facts/kefu.md §2.2)."""
    joined = [*found]
    for answer in entries(at(given.ext, "activeAnswerBundle", "activeAnswers")):
        if more := spans(words(answer), links=given.head["by"].kind == "robot"):
            joined += (Plain("\n"), *more) if joined else more
    return tuple(joined)


def _related_questions(given: _Given) -> Offer | None:
    rules = at(given.ext, "relatedRules")
    rule_id, answer_id = given_id(at(rules, "ruleId")), given_id(at(rules, "answerId"))
    ids = entries(at(rules, "relatedRuleIds"))
    questions = tuple(
        RelatedQuestion(label, rule_id, answer_id, given_id(ids[index]) if index < len(ids) else None)
        for index, question in enumerate(entries(at(rules, "questions")))
        if (label := _label(question))
    )
    return RelatedQuestions(questions) if questions else None


def _transfer(given: _Given) -> Offer | None:
    # A menu shows none: its own entry leads to a human, and the official client omits the button beside it.
    if given.control != "transfertokfhint":
        return None
    arguments = at(given.weichat, "ctrlArgs")
    # Where in the message this block sits is not said: both places are looked at (facts/kefu.md §2.5).
    button = at(given.weichat, "transferToHumanButtonInfo") or at(arguments, "transferToHumanButtonInfo")
    label = _label(at(button, "suggestionTransferToHumanLabel")) or _label(at(arguments, "label"))
    return TransferOffer(
        label or phrase(Wording.TALK_TO_HUMAN),
        name_of(at(button, "transferToHumanId")) or "TransferToKf",
        given_id(at(arguments, "id")),
        given_id(at(arguments, "serviceSessionId")),
    )


def _ticket(given: _Given) -> Offer | None:
    is_late = _EVENTS.get(_event_name(given)) == "wait_timeout" and flag(at(given.event, "eventObj", "ticketEnable"))
    return TicketOffer() if is_late or given.control == "transfertotickets" else None


def _useful(given: _Given) -> Offer | None:
    robot = at(given.weichat, "extRobot")
    key = name_of(at(robot, "satisfactionCommentInfo"))
    return UsefulOffer(key) if key and flag(at(robot, "satisfactionCommentInvitation")) else None


_OFFERS: Final[tuple[Callable[[_Given], Offer | None], ...]] = (_related_questions, _transfer, _ticket, _useful)

_READERS: Final[tuple[Callable[[_Given], KefuMessage | None], ...]] = (
    _recalled,
    _rating,
    _ticket_notice,
    _event,
    _command,
    _media,
    _location,
    _menu,
    _articles,
    _form,
    _video_call,
    _sticker,
    _goods,
    _text,
)
"""The first that knows a message says what it means; the last knows everything."""


def _label(value: Json) -> str:
    """Return a short text of kefu's: unescaped, on one line, empty where nothing is seen of it."""
    label = _one_line(decode(unescape(words(value))))
    return "" if is_blank(label) else label


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _url(value: Json) -> str:
    return unescape(value).strip() if isinstance(value, str) else ""
