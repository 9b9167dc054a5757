"""What comes from the desk is read as what it is, however damaged."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.easemob.message import CommandBody, CustomBody, IncomingMessage, MediaBody, TextBody, UnknownBody
from slackkefu.kefu.fields import absolute_url
from slackkefu.kefu.incoming import read
from slackkefu.kefu.messages import (
    Ack,
    Article,
    Articles,
    Choice,
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
from slackkefu.kefu.text import Link, Plain, is_blank
from tests.facts import FACTS, load
from tests.kefu.samples import EXPECT, SERVICE_NUMBER, VISITOR, incoming, message, text

if TYPE_CHECKING:
    from slackkefu.kefu.messages import KefuMessage

SESSION = "6f1c2a34-0b1d-4c55-9a77-0d3a1e5b7c01"
LINK = "https://shop.example/1"


def reading(given_message: IncomingMessage) -> KefuMessage:
    """Read a message as the desk's visitor does."""
    return read(given_message, service_number=SERVICE_NUMBER)


def kind_of(meant: KefuMessage) -> str:
    """Name what was read in the words of the samples."""
    names = {TransferOffer: "+transfer-button", TicketOffer: "+ticket-button", RelatedQuestions: "+menu"}
    offers = meant.offers if isinstance(meant, Text) else ()
    return meant.kind + "".join(names.get(type(offer), "") for offer in offers)


# The samples, each by what expect.json says of it.


@pytest.mark.parametrize("name", sorted(EXPECT))
def test_the_sample_is_what_it_is_said_to_be(name: str) -> None:
    """Kind, speaker, names and words of each sample are read as its line in expect.json says."""
    expected = EXPECT[name]
    meant = reading(incoming(name))
    # "outgoing" is what we ourselves would send: coming back, it is nothing.
    kind = "nothing" if expected["kind"] == "outgoing" else expected["kind"]

    assert kind == kind_of(meant)
    if "by" in expected:
        assert expected["by"] == meant.by.kind
    if "name" in expected:
        assert expected["name"] == meant.by.name
    if "text" in expected and not isinstance(meant, Location):
        assert isinstance(meant, Text)
        assert expected["text"] == meant.words
    if kind not in ("nothing", "ack", "recall"):
        assert meant.plain.strip()
        assert load(f"kefu-samples/{name}.json")["ext"]["weichat"]["msgId"] == meant.msg_id
    else:
        assert "" == meant.plain


def test_every_sample_is_looked_at() -> None:
    """No sample lies about without an expectation."""
    names = {path.stem for path in (FACTS / "kefu-samples").glob("*.json")} - {"expect"}

    assert names == set(EXPECT)


@pytest.mark.parametrize("name", ["agent-text", "robot-menu", "image", "event-session-created", "satisfaction-invite"])
def test_the_service_session_is_read(name: str) -> None:
    """Messages name the service session they belong to."""
    assert SESSION == reading(incoming(name)).service_session_id


def test_emoji_codes_become_characters() -> None:
    """Known codes are pictures, an unknown one stays."""
    meant = reading(incoming("text-emoji-codes"))

    assert isinstance(meant, Text)
    assert "好的🙂收到😃 没有这个码[(zz)] 🌹" == meant.plain


def test_a_robot_s_anchor_is_a_link() -> None:
    """A robot's link keeps its address and its label."""
    meant = reading(incoming("robot-text-anchor"))
    link = Link(**EXPECT["robot-text-anchor"]["link"])

    assert isinstance(meant, Text)
    assert (Plain("请看"), link, Plain("。")) == meant.spans


@pytest.mark.parametrize("name", ["robot-menu", "robot-menu-list", "transfer-guide-menu"])
def test_a_menu_keeps_what_its_answers_need(name: str) -> None:
    """Title, labels, and the ids that the expected answer carries are there, in their own types."""
    expected = EXPECT[name]
    meant = reading(incoming(name))

    assert isinstance(meant, Menu)
    assert expected["title"] == meant.title
    assert expected["labels"] == [choice.label for choice in meant.choices]
    chosen = next(choice for choice in meant.choices if choice.label == expected["answer"]["msg"])
    answer = expected["answer"].get("ext", {}).get("msgtype", {})
    assert answer.get("mode") == meant.mode
    assert answer.get("choice", {}).get("menuid") == chosen.menu_id
    assert answer.get("choice", {}).get("queueId") == chosen.queue_id
    assert answer.get("choice", {}).get("queueType") == chosen.queue_type


def test_a_menu_in_words_is_numbered() -> None:
    """Without buttons a menu reads as its title and numbered labels."""
    assert "请选择您要咨询的问题\n1. 查询订单\n2. 退换货\n3. 转人工" == reading(incoming("robot-menu")).plain


def test_related_questions_keep_what_their_answers_need() -> None:
    """Each question has the ids that go back when it is chosen, and follows the words, numbered."""
    meant = reading(incoming("related-questions"))
    data = EXPECT["related-questions"]["answer"]["action_data"]
    second = RelatedQuestion("怎么寄回?", data["ruleId"], data["answerId"], data["relatedRuleId"])

    assert isinstance(meant, Text)
    assert isinstance(meant.offers[0], RelatedQuestions)
    assert second == meant.offers[0].questions[1]
    assert "七天内可以退货\n1. 运费谁出?\n2. 怎么寄回?" == meant.plain


def test_the_useful_question_is_kept() -> None:
    """A robot's answer that asks whether it was useful keeps the key and the robot to rate."""
    meant = reading(incoming("robot-useful-question"))

    assert isinstance(meant, Text)
    assert (UsefulOffer("key-77"),) == meant.offers
    assert "b2f0c9d2-1111-4222-8333-944455556666" == meant.by.user_id
    assert meant.words == meant.plain


def test_the_transfer_button_keeps_what_its_command_needs() -> None:
    """Label, action, hint and session of the button are those of the expected command."""
    meant = reading(incoming("transfer-hint"))
    command = EXPECT["transfer-hint"]["answer_cmd"]
    arguments = command["ctrlArgs"]
    button = TransferOffer("转人工", command["action"], arguments["id"], arguments["serviceSessionId"])

    assert isinstance(meant, Text)
    assert (button,) == meant.offers
    assert "没有找到答案,需要人工吗?\n[转人工]" == meant.plain


def test_an_invitation_to_rate_is_read_whole() -> None:
    """Number, session, degrees best first and their tags are there."""
    meant = reading(incoming("satisfaction-invite"))
    expected = EXPECT["satisfaction-invite"]

    assert isinstance(meant, Rating)
    assert (expected["inviteId"], expected["serviceSessionId"]) == (meant.invite_id, meant.rated_session_id)
    assert expected["degrees"] == len(meant.degrees)
    assert ("非常满意", "100", "5", 5) == (
        meant.degrees[0].name,
        meant.degrees[0].degree_id,
        meant.degrees[0].score,
        meant.degrees[0].level,
    )
    assert (Tag("t1", "回复慢"), Tag("t2", "没解决")) == meant.degrees[3].tags
    assert "请对我的服务做出评价" == meant.plain


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        ("[会话 Session] 等待接入 / waiting for an agent", "event-session-created"),
        ("[会话 Session] 小林 已接入 / joined", "event-session-opened"),
        ("[会话 Session] 智能助手 已接入 / joined", "event-session-opened-by-robot"),
        ("[会话 Session] 老王 已转接 / transferred", "event-session-transfered"),
        ("[会话 Session] 会话已结束 / conversation ended", "event-session-closed"),
        ("[会话 Session] 会话已结束 / conversation ended", "event-session-aborted"),
        ("您的留言有新回复\n[留言 Ticket] 发货\n今天发", "event-ticket-comment"),
        ("等待时间较长,您可以留言", "event-wait-timeout-ticket"),
        ("[图片 Image] screen.png", "image"),
        ("[文件 File] 报价单.pdf", "file"),
        ("[语音 Voice] v.amr 4 s", "audio"),
        ("[视频 Video] v.mp4 10 s", "video"),
        ("[表情 Sticker]", "custom-sticker"),
        ("[位置 Location] 北京市海淀区 (39.9839, 116.307)", "location"),
        ("[图文 Article] 春季新品 https://shop.example/news/1", "article"),
        ("[表单 Form] 预约单 https://form.example/f/1", "html-form"),
        ("客服邀请您进行视频通话\n[视频通话 Video call] 这里无法接通 / cannot be taken here", "video-call-invite"),
    ],
)
def test_every_kind_has_its_form_in_words(expected: str, name: str) -> None:
    """What has no form in Slack yet is told in a line, so nothing is lost without a trace."""
    assert expected == reading(incoming(name)).plain


@pytest.mark.parametrize("name", [name for name, each in EXPECT.items() if each["kind"] == "event"])
def test_events_have_their_names(name: str) -> None:
    """Each session event is told by its name, whichever of its two names kefu uses."""
    meant = reading(incoming(name))

    assert isinstance(meant, Event)
    assert EXPECT[name]["event"] == meant.name


def test_media_keep_what_a_download_needs() -> None:
    """Address, secret, name and size of a file are there; the secret does not show itself."""
    meant = reading(incoming("file"))

    assert isinstance(meant, Media)
    assert ("https://im.example/demo-org/demo-app/chatfiles/9c1b", "s3cr3t") == (meant.url, meant.secret.reveal())
    assert ("报价单.pdf", 1048576) == (meant.filename, meant.length_bytes)
    assert "s3cr3t" not in repr(meant)


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        ("https://kefu.example/v1/Tenant/1001/MediaFiles/77aa.jpg", "image-relative-url"),
        ("https://kefu.example/v1/emoj/tenants/1001/files/cat.gif", "custom-sticker"),
    ],
)
def test_a_path_is_completed_with_the_desk_s_address(expected: str, name: str) -> None:
    """Files of the desk are named by a path or without a scheme; with the desk's address they can be fetched."""
    meant = reading(incoming(name))

    assert isinstance(meant, Media)
    assert expected == absolute_url(meant.url, kefu_url="https://kefu.example/")


def test_an_order_is_an_article() -> None:
    """It is shown with its number, price and link; the track of a visitor's own pages is not, as in the web widget."""
    card = {"title": "Beans", "order_title": "no. 123", "price": "¥9", "desc": "1 kg", "img_url": "", "item_url": LINK}
    order = reading(text("", {"msgtype": {"order": card}}))

    assert Articles((Article("Beans · no. 123", "¥9\n1 kg", LINK, ""),)) == order
    assert "[图文 Article] Beans · no. 123 https://shop.example/1" == order.plain
    assert Nothing("track_echo") == reading(text("", {"msgtype": {"track": card}}))
    assert "see this" == reading(text("see this", {"msgtype": {"track": card}})).plain
    assert Nothing("empty_text") == reading(text("", {"msgtype": {"order": {"title": None}}}))


def test_articles_and_forms_are_read() -> None:
    """Title, address and picture of cards are there."""
    articles, form = reading(incoming("article")), reading(incoming("html-form"))

    assert isinstance(articles, Articles)
    assert EXPECT["article"]["titles"] == [each.title for each in articles.articles]
    assert "https://shop.example/news/1.png" == articles.articles[0].picture_url
    assert isinstance(form, Form)
    assert (EXPECT["html-form"]["url"], EXPECT["html-form"]["title"]) == (form.url, form.title)


def test_a_video_call_keeps_what_declining_needs() -> None:
    """The call's id is there, in its own type."""
    meant = reading(incoming("video-call-invite"))

    assert isinstance(meant, VideoCall)
    assert ("invited", 991) == (meant.stage, meant.call_id)


def test_recalls_and_acknowledgements_name_their_message() -> None:
    """A recall names kefu's id, an acknowledgement ours."""
    recall, ack = reading(incoming("recall")), reading(incoming("kf-ack"))

    assert isinstance(recall, Recall)
    assert EXPECT["recall"]["of"] == recall.of
    assert isinstance(ack, Ack)
    assert EXPECT["kf-ack"]["of"] == ack.of


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("not_from_service_number", "not-from-service-number"),
        ("own_echo", "own-message-echo"),
        ("own_echo", "visitor-rating-sent"),
        ("recalled", "recalled-message-replayed"),
        ("unknown_command", "unknown-command"),
        ("unknown_command", "agent-typing"),
        ("empty_text", "empty-text"),
    ],
)
def test_what_is_left_alone_says_why(reason: str, name: str) -> None:
    """Each ignored sample has its own named reason."""
    meant = reading(incoming(name))

    assert isinstance(meant, Nothing)
    assert reason == meant.reason


# Who may speak.


def test_the_service_number_is_compared_folded() -> None:
    """The configuration may name it in any case."""
    assert isinstance(read(incoming("agent-text"), service_number="KEFU_Service"), Text)
    assert isinstance(reading(replace(incoming("agent-text"), sender="Kefu_Service")), Text)


@pytest.mark.parametrize("name", sorted(EXPECT))
def test_nobody_else_speaks_for_the_desk(name: str) -> None:
    """Any sample sent by somebody else is nothing, be it an event, a recall or an acknowledgement."""
    assert isinstance(reading(replace(incoming(name), sender="somebody")), Nothing)


# What comes before what.


def weichat(**fields: Any) -> dict[str, Any]:
    """Make an ext of kefu's own fields."""
    return {"weichat": fields}


INVITE = {"ctrlType": "inviteEnquiry", "ctrlArgs": {"inviteId": "7"}}
CLOSED = {"event": {"eventName": "ServiceSessionClosedEvent"}}
MENU: dict[str, Any] = {"choice": {"title": "t", "items": [{"id": 1, "name": "a"}]}}


def test_a_recalled_message_is_never_shown() -> None:
    """Not even as a rating or an event."""
    for yes in (1, "1", True, "true"):
        assert isinstance(reading(text("x", weichat(recall_flag=yes, **INVITE, **CLOSED))), Nothing)
    for no in (0, None, "0", False):
        assert isinstance(reading(text("x", weichat(recall_flag=no))), Text)


def test_a_rating_comes_before_all_else() -> None:
    """An invitation is read as one whatever else the message holds, and its number may be a string."""
    ext = {**weichat(**INVITE, **CLOSED), "msgtype": MENU}
    meant = reading(replace(text(""), ext=ext, body=CommandBody("KF-ACK")))

    assert isinstance(meant, Rating)
    assert (7, None, ()) == (meant.invite_id, meant.rated_session_id, meant.degrees)
    assert meant.plain.startswith("[评价 Rating]")


@pytest.mark.parametrize(
    "body", [TextBody(""), CommandBody("transfer"), UnknownBody(8), CustomBody("x"), MediaBody("img", "u")]
)
def test_an_event_is_read_whatever_carries_it(body: Any) -> None:
    """The event's name decides, never the body or its action."""
    meant = reading(replace(text(""), ext=weichat(**CLOSED), body=body))

    assert isinstance(meant, Event)
    assert "closed" == meant.name


def test_an_event_s_own_words_are_kept() -> None:
    """A text that comes with an event is told, and an older name of an event is known."""
    event = {"eventName": "ServiceSessionTransferedForAgentQueueEvent", "eventObj": None}
    meant = reading(text("正在转接", weichat(event=event)))

    assert isinstance(meant, Event)
    assert ("transfering", "正在转接") == (meant.name, meant.plain)


def test_an_event_without_details_keeps_the_message_s_speaker() -> None:
    """Who it is about may be missing; who says it is then what is known."""
    meant = reading(text("", weichat(agent={"userNickname": "A", "userType": "Agent"}, **CLOSED)))

    assert "A" == meant.by.name


def test_a_session_may_be_named_by_the_event_alone() -> None:
    """The session is found where the event says it."""
    event = {"eventName": "ServiceSessionCreatedEvent", "eventObj": {"sessionId": 5}}

    assert "5" == reading(text("", weichat(event=event))).service_session_id


def test_a_wait_that_is_too_long_without_words_is_an_event() -> None:
    """With nothing to show but the offer of a ticket it is told in a line."""
    event = {"eventName": "ServiceSessionWillScheduleTimeoutEvent", "eventObj": {"ticketEnable": "true"}}
    meant = reading(text("", weichat(event=event)))

    assert isinstance(meant, Event)
    assert ("wait_timeout", (TicketOffer(),)) == (meant.name, meant.offers)
    assert reading(text("x", weichat(event={**event, "eventObj": {"ticketEnable": "false"}}))) == Text((Plain("x"),))


def test_an_unknown_event_shows_its_words_or_nothing() -> None:
    """What we do not know is passed over, but not what somebody wrote."""
    ext = weichat(event={"eventName": "SomethingNew2030"})

    assert Text((Plain("hi"),)) == reading(text("hi", ext))
    assert Nothing("unknown_event") == reading(text("", ext))
    assert Nothing("unknown_event") == reading(replace(text(""), ext=ext, body=CommandBody("SomethingNew2030")))


def test_a_ticket_notice_is_known_by_its_flag_too() -> None:
    """News of a ticket under a name we do not know is still news of a ticket."""
    meant = reading(text("", weichat(notification="true", event={"eventName": "New", "ticket": {"ticketId": 5}})))

    assert TicketNotice(5, "", "") == meant
    assert "[留言 Ticket]" == meant.plain


@pytest.mark.parametrize(
    ("reason", "action"), [("ack_without_id", "KF-ACK"), ("recall_without_id", "KEFU_MESSAGE_RECALL")]
)
def test_a_command_without_its_id_is_nothing(reason: str, action: str) -> None:
    """There is nothing it could be about."""
    meant = reading(replace(text(""), ext=weichat(ack_for_msg_id=" ", recall_msg_id=None), body=CommandBody(action)))

    assert isinstance(meant, Nothing)
    assert reason == meant.reason


def test_files_may_carry_the_button_of_a_hint() -> None:
    """A hint may ride on a picture: the picture and the button are both there."""
    hint = weichat(
        ctrlType="transfertokfHINT",
        ctrlArgs={"label": "a"},
        transferToHumanButtonInfo={"suggestionTransferToHumanLabel": "human", "transferToHumanId": "X"},
    )
    meant = reading(replace(text(""), ext=hint, body=MediaBody("img", "https://a.example/x.png", filename="x.png")))

    assert isinstance(meant, Media)
    assert (TransferOffer("human", "X", None, None),) == meant.offers
    assert "[图片 Image] x.png\n[human]" == meant.plain


def test_a_picture_comes_before_a_menu() -> None:
    """What can be seen is never lost to what rides on it."""
    meant = reading(replace(text(""), ext={"msgtype": MENU}, body=MediaBody("img", "u")))

    assert isinstance(meant, Media)


def test_a_hint_beside_a_menu_has_no_button() -> None:
    """The menu's own entry leads to a human."""
    ext = {**weichat(ctrlType="TransferToKfHint"), "msgtype": MENU}

    assert Menu("t", (Choice("a", 1),), None) == reading(text("x", ext))


@pytest.mark.parametrize(
    ("expected", "ext"),
    [
        ("[人工客服 Human agent]\n[转人工 / Talk to a human]", weichat(ctrlType="TransferToKfHint")),
        ("[留言 Leave a message]", weichat(ctrlType="TransferToTickets")),
        ("[相关问题 Related questions]\n1. a", {"relatedRules": {"questions": ["a"]}}),
        ("only a title", {"msgtype": {"choice": {"title": "only a title"}}}),
        ("only a title", {"msgtype": {"choice": {"title": "only a title", "items": [{"name": " "}], "list": [None]}}}),
    ],
)
def test_an_offer_without_words_gets_a_heading(expected: str, ext: dict[str, Any]) -> None:
    """A message that only offers something is no empty text."""
    assert expected == reading(text(" ", ext)).plain


def test_the_text_that_means_no_text_is_not_shown() -> None:
    """A ticket hint may carry a name in place of words."""
    assert (
        "[留言 Leave a message]"
        == reading(text("NoTransferToTicketsTitle", weichat(ctrlType="TransferToTickets"))).plain
    )
    assert "NoTransferToTicketsTitle" == reading(text("NoTransferToTicketsTitle")).plain


@pytest.mark.parametrize(
    ("expected", "words", "further"),
    [
        ("first\nsecond\nthird (https://e.test/)", "first", ["second", '<a href="https://e.test/">third</a>']),
        ("second", "", ["", "second", " "]),
        ("first", "first", [None, {}, 5.5, []]),
        ("first", "first", "second"),
    ],
)
def test_what_a_robot_says_next_is_kept(expected: str, words: str, further: Any) -> None:
    """Answers that the official client shows after a while stand below the first."""
    ext = weichat(agent={"userType": "Robot"}) | {"activeAnswerBundle": {"activeAnswers": further}}

    assert expected == reading(text(words, ext)).plain


def test_a_menu_without_a_title_takes_the_words() -> None:
    """The body's text stands in for the title."""
    assert "pick\n1. a" == reading(text("pick", {"msgtype": {"choice": {"list": ["a"]}}})).plain


def test_labels_are_unescaped() -> None:
    """Titles and labels are escaped like texts, and stay on one line."""
    ext = {"msgtype": {"choice": {"title": "A &amp;amp; B[:D]", "list": ["x\n&lt;y&gt;", 5]}}}

    assert "A & B😃\n1. x <y>\n2. 5" == reading(text("", ext)).plain


def test_articles_without_content_are_silent_unless_words_came() -> None:
    """An empty list shows nothing, but words are words."""
    ext: dict[str, Any] = {"msgtype": {"articles": [{}, None, "x"]}}

    assert Nothing("empty_articles") == reading(text("", ext))
    assert Text((Plain("x"),)) == reading(text("x", ext))


def test_a_form_without_an_address_shows_its_words() -> None:
    """There is nothing to open."""
    assert Text((Plain("x"),)) == reading(text("x", {"type": "html/form", "msgtype": {"html": {"topic": "t"}}}))


@pytest.mark.parametrize(
    ("expected", "words", "ext"),
    [
        (VideoCall("ended", None), "", {"msgtype": {"videoPlayback": {}}}),
        (VideoCall("other", None, (Plain("x"),)), "x", {"type": "rtcmedia/video"}),
        (VideoCall("other", None, (Plain("x"),)), "x", {"msgtype": {"roomData": {}}}),
        (Nothing("video_signal"), "", {"msgtype": {"microphone": 1}}),
        (Nothing("video_signal"), "", {"type": "agorartcmedia/video"}),
    ],
)
def test_video_calls_are_told_and_their_signals_are_not(expected: KefuMessage, words: str, ext: dict[str, Any]) -> None:
    """Invitations and ends are for a reader, switches of a running call are not."""
    assert expected == reading(text(words, ext))


def test_a_robot_s_document_is_read() -> None:
    """A text that is a document becomes what it holds."""
    ext = weichat(agent={"userType": "Robot"}, extRobot={"laiye": True})
    meant = reading(text('[{"type":"text","content":"a"},{"type":"image","content":"https://a.example/x.png"}]', ext))

    assert "a\n[图片 Image] (https://a.example/x.png)" == meant.plain


@pytest.mark.parametrize("kind", ["Agent", None, "Somebody"])
def test_an_anchor_is_words_unless_a_robot_or_the_system_wrote_it(kind: str | None) -> None:
    """What a person types is shown as typed."""
    anchor = '<a href="https://a.example">x</a>'
    agent = None if kind is None else {"userType": kind, "userNickname": "A"}

    assert anchor == reading(text(anchor, weichat(agent=agent))).plain


def test_other_bodies_without_meaning_are_named() -> None:
    """A kind of body that we do not read is nothing, with its reason."""
    for body in (UnknownBody(8), CustomBody("order")):
        assert Nothing("unknown_body") == reading(replace(text(""), body=body))


def test_ext_that_could_not_be_read_is_named() -> None:
    """An empty text with damaged ext may have been more: the reason says so."""
    assert Nothing("unreadable_ext") == reading(replace(text(""), bad_ext=("weichat",)))
    assert Text((Plain("x"),)) == reading(replace(text("x"), bad_ext=("weichat",)))


# Damage.

VALUES: list[Any] = [
    None,
    "",
    " ",
    "x",
    "1",
    0,
    1,
    -1,
    10**30,
    1.5,
    float("inf"),
    float("nan"),
    True,
    False,
    [],
    {},
    [None],
    {"x": None},
    [[[]]],
    "9" * 6000,
    "x" * 100_000,
    "\ud83d",
    "\x00",
    "\u200b",
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


def damaged(document: Any, path: tuple[Any, ...], change: Any) -> Any:
    """Return *document* with the value at *path* taken out (``...``) or replaced."""
    if not path:
        return change if isinstance(change, dict) else {}
    document = copy.deepcopy(document)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    if change is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = change
    return document


def check(meant: KefuMessage) -> None:
    """Nothing shown is empty, and what is not shown says why."""
    if isinstance(meant, Text):
        assert not is_blank(meant.words)
    if isinstance(meant, Menu):
        assert meant.choices
        assert not any(is_blank(choice.label) for choice in meant.choices)
    assert is_blank(meant.plain) != (not isinstance(meant, Ack | Recall | Nothing))


@pytest.mark.parametrize("name", sorted(EXPECT))
def test_damage_anywhere_is_survived(name: str) -> None:
    """Any value of a sample may be missing, null, of another type, huge or broken: never an error or an empty text."""
    sample = load(f"kefu-samples/{name}.json")
    for path in places(sample["ext"]):
        for change in (..., *VALUES):
            check(reading(message({**sample, "ext": damaged(sample["ext"], path, change)})))


@pytest.mark.parametrize("name", sorted(EXPECT))
def test_another_case_is_survived(name: str) -> None:
    """Every text of a sample in capitals, or every key: never an error or an empty text."""
    sample = load(f"kefu-samples/{name}.json")

    def shout(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shout(each) for key, each in value.items()}
        return [shout(each) for each in value] if isinstance(value, list) else str(value).upper()

    check(reading(message({**sample, "ext": shout(sample["ext"])})))
    check(reading(message({**sample, "ext": {key.upper(): each for key, each in sample["ext"].items()}})))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_several_damages_at_once_are_survived(data: st.DataObject) -> None:
    """Any values at any places: never an error or an empty text."""
    sample = load(f"kefu-samples/{data.draw(st.sampled_from(sorted(EXPECT)))}.json")
    ext = sample["ext"]
    for _ in range(data.draw(st.integers(1, 4))):
        ext = damaged(ext, data.draw(st.sampled_from(places(ext))), data.draw(json_values))

    check(reading(message({**sample, "ext": ext})))


@given(st.text(max_size=200))
def test_any_text_is_read(words: str) -> None:
    """Any words are words or nothing, also where links and documents are looked for."""
    for agent in (None, {"userType": "Robot"}):
        meant = reading(text(words, weichat(agent=agent, extRobot={"laiye": True})))

        check(meant)
        assert isinstance(meant, Text | Nothing)


def test_the_visitor_s_name_has_no_part_in_it() -> None:
    """Whom it came to does not matter."""
    assert reading(text("x")) == reading(replace(text("x"), to=VISITOR.upper()))
