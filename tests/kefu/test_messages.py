"""The words a message is told in where it has no form of its own."""

from __future__ import annotations

import pytest

from slackkefu.kefu.messages import (
    Ack,
    Article,
    Articles,
    Choice,
    Event,
    Form,
    KefuMessage,
    Location,
    Media,
    Menu,
    Nothing,
    Rating,
    Recall,
    Text,
    TicketNotice,
    VideoCall,
)
from slackkefu.kefu.offers import RelatedQuestion, RelatedQuestions, TicketOffer, TransferOffer, UsefulOffer
from slackkefu.kefu.speaker import Speaker
from slackkefu.kefu.text import Link, Plain
from slackkefu.secret import Secret

OFFERS = (
    RelatedQuestions((RelatedQuestion("q", 1, 2, 3), RelatedQuestion("r", 1, 2, 4))),
    TransferOffer("human", "TransferToKf", None, None),
    TicketOffer(),
    UsefulOffer("key"),
)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ("", Recall("id")),
        ("", Ack("id")),
        ("", Nothing("recalled")),
        ("a\n1. q\n2. r\n[human]", Text((Plain("a"),), offers=OFFERS)),
        ("[图片 Image]", Media("image", "")),
        ("[表情 Sticker] x.gif", Media("image", "", filename="x.gif", is_sticker=True)),
        ("[语音 Voice] 3 s", Media("audio", "", duration_s=3)),
        ("[视频 Video]", Media("video", "", duration_s=-1)),
        ("[位置 Location] (1, -2.5)", Location(1.0, -2.5, "")),
        ("[图文 Article] t\n[图文 Article] u", Articles((Article("t", "d", "", ""), Article("", "", "u", "")))),
        ("[表单 Form] u", Form("u", "", "d")),
        ("1. a\n2. b", Menu("", (Choice("a"), Choice("b")), None)),
        ("x", Rating(None, None, (), (Plain("x"),))),
        ("[会话 Session] Ann 已接入 / joined", Event("opened", by=Speaker("agent", name="Ann"))),
        ("x\n[human]", Event("wait_timeout", (Plain("x"),), offers=OFFERS[1:])),
        ("[留言 Ticket] s\nc", TicketNotice(None, "s", "c")),
        (
            "see y (https://a.example)\n[视频通话 Video call]",
            VideoCall("ended", None, (Plain("see "), Link("https://a.example", "y"))),
        ),
    ],
)
def test_a_message_in_words(expected: str, message: KefuMessage) -> None:
    """Each kind says what it is, with what is known of it and without what is not."""
    assert expected == message.plain


def test_people_s_words_do_not_show_in_a_repr() -> None:
    """Words, names and addresses stay out of logs, and secrets of everything."""
    shown = repr(
        [
            Text((Plain("hidden"),), by=Speaker("agent", name="hidden")),
            Media("file", "hidden", secret=Secret("hidden"), filename="hidden"),
            Location(1.0, 2.0, "hidden"),
            Articles((Article("hidden", "hidden", "hidden", "hidden"),)),
            Form("hidden", "hidden", "hidden"),
            Menu("hidden", (Choice("hidden"),), None),
            TicketNotice(1, "hidden", "hidden"),
            TransferOffer("hidden", "TransferToKf", None, None),
            RelatedQuestions((RelatedQuestion("hidden", 1, 2, 3),)),
        ]
    )

    assert "hidden" not in shown
