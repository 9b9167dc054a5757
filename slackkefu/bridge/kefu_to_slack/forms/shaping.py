"""
Shaping: one message of kefu's as the posts that show it best.

The words of a message, and below them what it offers. Every post has its whole content as plain text too: notifications
show that, and it is posted instead where Slack refuses the blocks (:mod:`slackkefu.bridge.kefu_to_slack.posting`). What
is too long for one post stands in plain posts before, so that nothing of it depends on blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, final

from slackkefu.bridge.kefu_to_slack.forms import cards
from slackkefu.bridge.kefu_to_slack.forms.blocks import MAX_BLOCKS, rich
from slackkefu.bridge.kefu_to_slack.forms.hints import call_row, note_row, transfer_row
from slackkefu.bridge.kefu_to_slack.forms.menu import is_whole, menu_options, question_options, rows
from slackkefu.bridge.kefu_to_slack.forms.offered import Offered
from slackkefu.bridge.kefu_to_slack.forms.rating import Invited
from slackkefu.bridge.kefu_to_slack.forms.useful import useful_row
from slackkefu.bridge.kefu_to_slack.speaking import APP
from slackkefu.bridge.kefu_to_slack.to_slack import InPrivate, posts
from slackkefu.bridge.sentences import Sentence, label
from slackkefu.kefu.messages import Articles, Event, Form, Location, Media, Menu, Rating, Text, VideoCall
from slackkefu.kefu.offers import RelatedQuestions, TicketOffer, TransferOffer, UsefulOffer, numbered
from slackkefu.kefu.outgoing import language_of
from slackkefu.kefu.text import Plain, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from slackkefu.bridge.kefu_to_slack.forms.blocks import Block
    from slackkefu.bridge.kefu_to_slack.forms.menu import Option
    from slackkefu.bridge.kefu_to_slack.speaking import Voice
    from slackkefu.bridge.kefu_to_slack.to_slack import Place
    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.messages import KefuMessage
    from slackkefu.kefu.offers import Offer
    from slackkefu.kefu.outgoing import Language
    from slackkefu.kefu.text import Span
    from slackkefu.slack.web import Post

__all__ = ["Shape", "Source", "form_posts", "shape"]

MAX_RICH: Final = 3000
"""Characters of words beside buttons; longer ones stand in posts of their own."""

_ABOVE: Final = 3
"""Blocks that may stand above what is offered: who speaks, the channel it is about, and the words."""


@final
@dataclass(frozen=True, slots=True)
class Shape:
    """A message as it is shown."""

    words: tuple[Span, ...] = field(repr=False)
    """What is read above; empty where the blocks say all."""
    blocks: tuple[Block, ...] = field(repr=False)
    """What is offered below; never empty."""
    plain: str = field(repr=False)
    """All of it in words; never empty."""
    below: str
    """What stands above the blocks where the words do not: an invitation to choose."""

    def saying(self, words: str) -> Shape:
        """Return what is offered below other *words*, or below an invitation to choose."""
        words = words or self.below
        return Shape((Plain(words),), self.blocks, words, self.below)


@final
@dataclass(frozen=True, slots=True)
class Source:
    """What a message's elements are named by."""

    user: ImUser
    """The visitor it is for."""
    identity: str
    """kefu's id of it."""
    session_id: str | None
    at: float
    """When it was sent (wall clock)."""
    robot_id: str | None = None
    """The robot whose answer it is, where it can be rated: by the desk's own API only."""
    locale: str = ""
    """The reader's; empty for both languages."""

    @property
    def language(self) -> Language | None:
        """The reader's; None for both."""
        return language_of(self.locale) if self.locale else None

    def offered(self, kind: str) -> Offered:
        """Name the one thing of this *kind* that it offers."""
        return Offered.of(self.user, identity=self.identity, kind=kind, session_id=self.session_id, at=self.at)


def shape(message: KefuMessage, source: Source) -> Shape | None:
    """Return how a message is shown; None for one that is words alone, or shown otherwise."""
    words, said = message.words_in(source.language), message.plain_in(source.language)
    match message:
        case Menu():
            return _menu(message, source)
        case Rating():
            row = Invited.of(message).row(source.offered("rating"), locale=source.locale)
            return _shape(message.spans or (Plain(words),), [row], said, source)
        case VideoCall(stage="invited", call_id=call_id) if call_id is not None:
            row_of_call = call_row(call_id, source.offered("call"), locale=source.locale)
            return _shape((Plain(said),), [row_of_call], said, source)
        case Articles():
            return _shape((), [*cards.articles(message), *_offers(message.offers, source)], said, source)
        case Form():
            return _shape((), [*cards.form(message), *_offers(message.offers, source)], said, source)
        case Location():
            return _shape((), [*cards.place(message), *_offers(message.offers, source)], said, source)
        case Text() | Event():
            return _shape(message.spans or (Plain(words),), _offers(message.offers, source), said, source)
        case Media():
            return _shape((Plain(words),), _offers(message.offers, source), said, source)
        case _:
            return None


def _shape(words: tuple[Span, ...], blocks: Iterable[Block | None], plain: str, source: Source) -> Shape | None:
    shown = tuple(block for block in blocks if block is not None)[: MAX_BLOCKS - _ABOVE]
    return Shape(words, shown, plain, label(Sentence.CHOOSE, locale=source.locale)) if shown else None


def _menu(menu: Menu, source: Source) -> Shape | None:
    options = menu_options(menu)
    title = menu.title or label(Sentence.CHOOSE, locale=source.locale)
    words = (Plain(title), *_list(options, f"\n{numbered(each.label for each in options)}"))
    said = f"{title}\n{numbered(each.label for each in options)}"
    return _shape(words, rows(options, source.offered("menu"), locale=source.locale), said, source)


def _list(options: Sequence[Option], lines: str) -> tuple[Span, ...]:
    """Return the numbered list of what buttons cannot show in full."""
    return () if is_whole(options) else (Plain(lines),)


def _offers(offers: Iterable[Offer], source: Source) -> Iterator[Block | None]:
    """Yield what a message offers besides its words."""
    for offer in offers:
        match offer:
            case RelatedQuestions():
                options = question_options(offer)
                if not is_whole(options):
                    yield rich((Plain(offer.plain),))
                yield from rows(options, source.offered("questions"), locale=source.locale)
            case TransferOffer():
                yield transfer_row(offer, source.offered("transfer"))
            case TicketOffer():
                yield note_row(source.offered("note"), locale=source.locale)
            case UsefulOffer(key) if source.robot_id is not None:
                yield useful_row(source.robot_id, key, source.offered("useful"), locale=source.locale)
            case _:
                # Whether an answer was useful cannot be told from here.
                pass


def form_posts(shown: Shape, *, place: Place, identity: str, voice: Voice = APP, first: int = 0) -> tuple[Post, ...]:
    """
    Map a shape to the ordered posts that carry it.

    Args:
        shown: The shape.
        place: Where it belongs.
        identity: kefu's id of the message.
        voice: Who seems to speak.
        first: The number of the first post; all as for :func:`~slackkefu.bridge.kefu_to_slack.to_slack.posts`.

    """
    words = posts(shown.plain, place=place, identity=identity, voice=voice, first=first)
    if len(words) == 1 and len(plain(shown.words)) <= MAX_RICH:
        above = (*_about(place), *((rich(shown.words),) if shown.words else ()))
        return (replace(words[0], blocks=(*above, *shown.blocks)),)
    # The words stand in plain posts of their own; below them, what they offer.
    (last,) = posts(shown.below, place=place, identity=identity, voice=voice, first=first + len(words))
    return (*words, replace(last, blocks=(*_about(place), *shown.blocks)))


def _about(place: Place) -> tuple[Block, ...]:
    """Name the channel that a message in private is about."""
    if not isinstance(place, InPrivate):
        return ()
    channel = {"type": "channel", "channel_id": place.about}
    return ({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [channel]}]},)
