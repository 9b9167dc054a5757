"""What a visitor wrote becomes ordered IM messages within their limits, the same ones each time."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.slack_to_kefu.cargo import Cargo
from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
from slackkefu.bridge.slack_to_kefu.naming import Naming
from slackkefu.bridge.slack_to_kefu.routing import Change, Forward, route
from slackkefu.bridge.slack_to_kefu.to_kefu import PART_BYTES, Part, parts
from slackkefu.easemob.message import CommandBody, OutgoingMessage, TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.kefu.outgoing import VisitorCard, ext_bytes
from slackkefu.slack.envelope import parse_envelope
from slackkefu.slack.ids import UserId
from tests.bridge.people import forward, frame
from tests.bridge.slack_to_kefu.test_routing import SAMPLES, installations
from tests.facts import load

if TYPE_CHECKING:
    from slackkefu.slack.installation import Installations

DESK = ImUser("kefu_service")
CARD = VisitorCard(user_id="U0MIA00001", name="Mia", workspace="North")

META_ID = 6238505592808555280
MESSAGE_ID = "c6158322-1627-5120-8f49-e773c8b2548c"

FILE_META_ID = 3661877749754154238
FILE_MESSAGE_ID = "17d36092-89d4-5777-8126-2f1cbd048415"


def carry(message: Forward, card: VisitorCard = CARD, naming: Naming | None = None) -> tuple[OutgoingMessage, ...]:
    """Map one message; with a line in the place of each file."""
    return whole(parts(message, card=card, language=None, names=naming or Naming(), service_number=DESK))


def whole(made: tuple[Part, ...]) -> tuple[OutgoingMessage, ...]:
    """Return the messages, files as the lines that stand in their place."""
    return tuple(part.message if isinstance(part, Cargo) else part for part in made)


def texts(messages: tuple[OutgoingMessage, ...]) -> list[str]:
    """Return the words of each."""
    return [message.body.text for message in messages if isinstance(message.body, TextBody)]


def decide(frame: Any, known: Installations | None = None) -> Forward:
    """Route a frame that is for the desk where everything is."""
    known = known or installations()
    decision = route(parse_envelope(frame), installations=known, channels="all", listens=lambda *_: False)
    assert isinstance(decision, Forward)
    return decision


FORWARDED = [name for name in SAMPLES if load(f"slack-samples/{name}.json")["expect"]["action"] == "forward"]


@pytest.mark.parametrize("name", FORWARDED)
def test_samples(name: str) -> None:
    """Each sample that is to be forwarded says at the desk what it is expected to say, once."""
    sample = load(f"slack-samples/{name}.json")
    expect = sample["expect"]
    frames = sample.get("envelopes") or [sample["envelope"]]
    first, *repeats = [carry(decide(frame)) for frame in frames]
    said = "\n".join(texts(first))

    # Two envelopes of one message are the same messages, ids included.
    assert [first] * len(repeats) == repeats

    assert said
    assert expect.get("text", said) == said
    assert [] == [piece for piece in expect.get("text_contains", []) if piece not in said]
    assert [] == [piece for piece in expect.get("text_must_not_contain", []) if piece in said]


def test_the_samples_expect_texts() -> None:
    """At least one sample says what its text is to be, and one what it must hold and must not."""
    told = {key for name in FORWARDED for key in load(f"slack-samples/{name}.json")["expect"]}

    assert {"text", "text_contains", "text_must_not_contain"} <= told


def test_one_message_byte_for_byte() -> None:
    """Ids, words and ext of sample 02: on the wire of every store, so they change never."""
    (message,) = carry(decide(load("slack-samples/02-dm-text.json")["envelope"]))

    assert META_ID == message.meta_id
    assert DESK == message.to
    assert TextBody("你好，我的订单还没有到") == message.body
    assert {
        "weichat": {
            "visitor": {"userNickname": "Mia", "companyName": "North", "description": "Slack, U0MIA00001"},
            "msg_id_for_ack": MESSAGE_ID,
        }
    } == message.ext


def test_visitor_fields() -> None:
    """The desk gets the fields that were chosen, the channel and the language; what is unknown has no field."""
    card = VisitorCard(
        user_id="U0MIA00001",
        channel="#support",
        name="mia",
        real_name="Mia M.",
        workspace="North",
        email="mia@example.com",
        phone="+49 1",
        title="Buyer",
        timezone="Europe/Berlin",
    )
    message = forward()
    (full,) = whole(parts(message, card=card, language="zh-CN", names=Naming(), service_number=DESK))
    (bare,) = carry(message, VisitorCard(user_id="U0MIA00001"))

    assert {
        "userNickname": "mia",
        "trueName": "Mia M.",
        "companyName": "North",
        "email": "mia@example.com",
        "phone": "+49 1",
        "description": "Slack, #support, U0MIA00001, Buyer, Europe/Berlin",
    } == weichat_of(full)["visitor"]
    assert "zh-CN" == weichat_of(full)["language"]
    assert {"userNickname": "U0MIA00001", "description": "Slack, U0MIA00001"} == weichat_of(bare)["visitor"]
    assert "language" not in weichat_of(bare)


def weichat_of(message: OutgoingMessage) -> dict[str, Any]:
    """Return ``ext.weichat``, as another program reads it."""
    weichat: dict[str, Any] = json.loads(json.dumps(message.ext))["weichat"]
    return weichat


def test_the_visitor_s_fields_change_no_id() -> None:
    """A message sent again after its author's name became known is the same message."""
    first, again = carry(forward(), VisitorCard(user_id="U0MIA00001")), carry(forward())

    assert [message.meta_id for message in first] == [message.meta_id for message in again]
    assert weichat_of(first[0])["msg_id_for_ack"] == weichat_of(again[0])["msg_id_for_ack"]


@pytest.mark.parametrize(
    "change",
    [
        {"ts": "1760000000.000002"},
        {"channel": "D0MIA00002"},
        {"team": "T0SOUTH001", "user_team": "T0SOUTH001"},
        {"text": "hello!"},
    ],
)
def test_another_message_has_other_ids(change: dict[str, str]) -> None:
    """Time, place, workspace and words each make another message."""
    (one,), (other,) = carry(forward()), carry(forward(**{"text": "hello", **change}))

    assert one.meta_id != other.meta_id
    assert weichat_of(one)["msg_id_for_ack"] != weichat_of(other)["msg_id_for_ack"]


def test_a_long_text_is_carried_in_ordered_parts() -> None:
    """All words arrive in order, in parts of at most 2,000 bytes, each with ids of its own; a repeat is cut alike."""
    words = " ".join(f"{number}你好🙂" for number in range(900))
    messages = carry(forward(words))

    assert words == " ".join(texts(messages))
    assert 6 < len(messages)
    assert len(messages) == len({message.meta_id for message in messages})
    assert len(messages) == len({weichat_of(message)["msg_id_for_ack"] for message in messages})
    assert messages == carry(forward(words))


def test_equal_parts_have_ids_of_their_own() -> None:
    """Two parts with the same words are two messages."""
    one, other = carry(forward("x" * 2 * PART_BYTES))

    assert one.body == other.body
    assert one.meta_id != other.meta_id


@pytest.mark.parametrize(
    "text", ["<@U0NORTHBOT>", "<@U0NORTHBOT> ", " <@U0NORTHBOT>:", "\u200b", "<@U0NORTHBOT>\u200d"]
)
def test_nothing_readable_is_no_message(text: str) -> None:
    """A bare mention of the app, and what nobody can see, make no message."""
    assert () == carry(forward(text, channel="C0SUPPORT1", channel_type="channel"))


@pytest.mark.parametrize(
    ("expected", "text", "file"),
    [
        (["look", "[文件 File] a.png"], "look", {"id": "F1", "name": "a.png"}),
        (["[文件 File] a.png"], None, {"id": "F1", "name": "a.png"}),
        (["[文件 File] a.png"], "<@U0NORTHBOT>", {"id": "F1", "name": "a.png"}),
        (["[文件 File] F1"], "", {"id": "F1"}),
        (["[文件 File] F1"], "", {"id": "F1", "name": " \x00\n"}),
        (["[文件 File] a [Agent] b.png"], "", {"id": "F1", "name": "a\n[Agent]\tb\ud83d.png"}),
        (
            ["[文件 File] a.png · https://x.test/F1"],
            "",
            {"id": "F1", "name": "a.png", "permalink": "https://x.test/F1"},
        ),
        (["[文件 File] file"], "", {}),
    ],
)
def test_a_file_is_a_part_of_its_own(expected: list[str], text: str | None, file: dict[str, str]) -> None:
    """Behind the words, with a line in its place for where it cannot go: its name, or its id, and where it is."""
    assert expected == texts(carry(forward(text, subtype="file_share", files=[file])))


def test_files_keep_their_order_and_their_ids() -> None:
    """Each file's ids are its own, and neither the words nor what is known of the file changes them."""
    files = [{"id": "F1", "name": "a.png"}, {"id": "F2", "name": "a.png"}]
    with_words = carry(forward("look", subtype="file_share", files=files))
    alone = carry(
        forward(None, subtype="file_share", files=[{"id": "F1", "size": 5, "url_private": "x"}, {"id": "F2"}])
    )

    assert ["look", "[文件 File] a.png", "[文件 File] a.png"] == texts(with_words)
    assert 3 == len({each.meta_id for each in with_words})
    assert [each.meta_id for each in with_words[1:]] == [each.meta_id for each in alone]
    assert [weichat_of(each) for each in with_words[1:]] == [weichat_of(each) for each in alone]


def test_one_file_byte_for_byte() -> None:
    """The ids of a file are on the wire of every store, so they change never."""
    (file,) = carry(forward(None, subtype="file_share", files=[{"id": "F1"}]))

    assert (FILE_META_ID, FILE_MESSAGE_ID) == (file.meta_id, weichat_of(file)["msg_id_for_ack"])


def test_more_files_than_anybody_shares() -> None:
    """Those beyond twenty are counted in a line."""
    said = texts(carry(forward(None, subtype="file_share", files=[{"id": f"F{n}"} for n in range(5000)])))

    assert 21 == len(said)
    assert "[文件 File] 另有 4980 个文件 / 4980 more files" == said[-1]


@pytest.mark.parametrize("length", [1, 150])
def test_a_name_learnt_meanwhile_changes_nothing_else(length: int) -> None:
    """A repeat is cut alike and has the same ids, whether or not the mentioned people's names are known by then."""
    message = forward(" ".join(["<@U0LEO00001> will pay."] * length))
    unnamed = carry(message)
    named = carry(message, naming=Naming(people={UserId("U0LEO00001"): "Leopold of the Long Name"}))

    assert [each.meta_id for each in unnamed] == [each.meta_id for each in named]
    assert [each.ext for each in unnamed] == [each.ext for each in named]
    assert all(len(text.encode()) <= 2000 for text in texts(named))
    assert "@U0LEO00001 will pay." in texts(unnamed)[0]
    assert ("@Leopold of the Long Name" in texts(named)[0]) is (length == 1)


def test_mentions_are_names() -> None:
    """A mentioned person is called by name where it is known in time, and by the id else."""
    naming = Naming(people={UserId("U0LEO00001"): "Leo"})
    message = forward("<@U0LEO00001> and <@U0EVE00001>")

    assert ["@Leo and @U0EVE00001"] == texts(carry(message, naming=naming))


def test_another_attempt_has_the_same_marks() -> None:
    """It is a new message to Easemob, and to the desk the one that it may have had."""
    message = forward("x" * 2000 + " y", subtype="file_share", files=[{"id": "F1", "name": "a.png"}])
    first, again = (
        whole(parts(message, card=CARD, language=None, names=Naming(), service_number=DESK, attempt=attempt))
        for attempt in (0, 1)
    )

    assert [each.ext for each in first] == [each.ext for each in again]
    assert [each.body for each in first] == [each.body for each in again]
    assert not {each.meta_id for each in first} & {each.meta_id for each in again}


wild = st.text(max_size=700) | st.text(alphabet='"\\\x01\ud83d🙂你 a\n', max_size=700)
cards = st.builds(
    VisitorCard,
    user_id=st.just("U0MIA00001"),
    channel=wild,
    name=wild,
    real_name=wild,
    workspace=wild,
    email=wild,
    phone=wild,
    title=wild,
    timezone=wild,
)


@given(st.text(max_size=3000) | st.text(alphabet="<@U>|!&;你🙂\ud83d\n ", max_size=3000), wild, cards)
def test_limits_hold_always(text: str, name: str, card: VisitorCard) -> None:
    """Whatever is written and whatever people are called, no body passes 2,000 bytes and no ext 900."""
    raw = frame(text, subtype="file_share", files=[{"id": "F1", "name": name}])
    for message in carry(decide(raw), card):
        (body,) = texts((message,))

        assert 0 < len(body.encode()) <= 2000
        assert len(json.dumps(message.ext, ensure_ascii=False, separators=(",", ":")).encode()) <= 900
        assert weichat_of(message)["visitor"]["userNickname"].strip()
        assert 1 <= message.meta_id < 2**63


# Late ones.

WRITTEN = 1_760_000_000.0
LINE = "[补发 Late · 2025-10-09 08:53 UTC]\n"


def carry_late(message: Forward, naming: Naming | None = None) -> tuple[OutgoingMessage, ...]:
    """Map one message that comes late."""
    return whole(parts(message, card=CARD, language=None, names=naming or Naming(), service_number=DESK, late=WRITTEN))


def test_a_late_message_says_so() -> None:
    """The first part begins with when it was written; the others are as they are."""
    words = " ".join(["some words"] * 400)
    first, *rest = texts(carry_late(forward(words)))

    assert first.startswith(f"{LINE}some words")
    assert rest
    assert not any("补发" in text for text in rest)
    assert () == carry_late(forward("<@U0NORTHBOT>", channel="C0SUPPORT1", channel_type="channel"))


@given(st.text(max_size=5000), st.text(max_size=30))
def test_being_late_changes_nothing_else(text: str, name: str) -> None:
    """Late or not, a message is cut alike, has the same ids, loses no words and fits, whatever people are called."""
    naming = Naming(people={UserId("U0LEO00001"): name})
    message = forward(f"<@U0LEO00001> {text}")
    plain, late = carry(message, naming=naming), carry_late(message, naming)

    assert [each.meta_id for each in plain] == [each.meta_id for each in late]
    assert [each.ext for each in plain] == [each.ext for each in late]
    assert texts(plain)[1:] == texts(late)[1:]
    assert all(len(each.encode()) <= 2000 for each in texts(late))
    assert texts(late)[0].removeprefix(LINE) in (texts(plain)[0], texts(carry(message))[0])


def test_a_late_file_says_so_before_it() -> None:
    """A file has no room for when it was written: that is a part of its own, once; behind words it is said there."""
    files: list[dict[str, Any]] = [{"id": "F1", "name": "a.png"}, {"id": "F2"}]
    plain, late = (make(forward(None, subtype="file_share", files=files)) for make in (carry, carry_late))
    worded = carry_late(forward("look", subtype="file_share", files=files))

    assert [LINE.strip(), *texts(plain)] == texts(late)
    assert [each.meta_id for each in plain] == [each.meta_id for each in late[1:]]
    assert late[0].meta_id not in {each.meta_id for each in plain}
    assert [f"{LINE}look", *texts(plain)] == texts(worded)


def test_a_late_message_with_long_names() -> None:
    """The mark never gives way to names; where both do not fit ids stay."""
    message = forward(" ".join(["<@U0LEO00001> will pay."] * 150))
    (first, *_) = texts(carry_late(message, Naming(people={UserId("U0LEO00001"): "Leopold of the Long Name"})))

    assert first.startswith(f"{LINE}@U0LEO00001 will pay.")


# Corrections.


def correction(name: str, **inner: Any) -> Forward:
    """Return what the desk is told of a sample's change; *inner* changes the message in it."""
    raw = copy.deepcopy(load(f"slack-samples/{name}.json")["envelope"])
    if inner:
        raw["payload"]["event"]["message"].update(inner)
    decision = route(parse_envelope(raw), installations=installations(), channels="off", listens=lambda *_: False)
    assert isinstance(decision, Change)
    assert decision.correction is not None
    return decision.correction


def test_the_sample_of_an_edit() -> None:
    """The agent reads which message it was, and what it says now."""
    (told,) = carry(correction("09-edited"))

    assert ["[更正 Edited · 2025-10-09 08:45 UTC]\norder 4712, sorry"] == texts((told,))


def test_the_sample_of_a_deletion() -> None:
    """The agent reads which message it was, and never what it said."""
    assert [
        "[已删除 Deleted] 客户删除了 2025-10-09 08:45 UTC 的消息 / The message of 2025-10-09 08:45 UTC was deleted"
    ] == (texts(carry(correction("10-deleted"))))


def test_an_edit_that_leaves_no_words() -> None:
    """Words that were taken out of a message are not silently kept by the desk."""
    (told,) = texts(carry(correction("09-edited", text="")))

    assert told.endswith("UTC]\n（文字已删去 The words were removed）")


def test_corrections_are_messages_of_their_own() -> None:
    """Each edit has its own ids, also one within the same second; a repeat of it has the same."""
    told = [
        carry(correction("09-edited", **inner))[0].meta_id for inner in ({}, {}, {"text": "4713"}, {"text": "4714"})
    ]

    assert [True, 3] == [told[0] == told[1], len({*told})]
    assert carry(correction("10-deleted"))[0].meta_id not in told


@given(st.text(min_size=1))
def test_any_edit(text: str) -> None:
    """Whatever somebody makes of a message: never nothing, never too long, marked once."""
    told = texts(carry(correction("09-edited", text=text)))

    assert told
    assert all(0 < len(piece.encode()) <= 2000 for piece in told)
    assert [True] + [False] * (len(told) - 1) == [piece.startswith("[更正 Edited") for piece in told]


# What somebody does.


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (CARD, "* Mia waves at @U0LEO00001"),
        (VisitorCard(user_id="U0MIA00001"), "* waves at @U0LEO00001"),
        (VisitorCard(user_id="U0MIA00001", real_name="Mia\nM."), "* Mia M. waves at @U0LEO00001"),
    ],
)
def test_an_act(card: VisitorCard, expected: str) -> None:
    """``/me`` reads as a sentence about the one who wrote it; the ids hang on no name."""
    act = forward("waves at <@U0LEO00001>", subtype="me_message")

    assert [expected] == texts(carry(act, card))
    assert carry(act)[0].meta_id == carry(act, card)[0].meta_id


@given(st.text(max_size=3000), st.text(max_size=3000))
def test_any_act(text: str, name: str) -> None:
    """However long the words and the name are, no part is too long, and none is empty."""
    act = replace(
        forward("x", subtype="me_message"), event=replace(forward("x").event, text=text, subtype="me_message")
    )

    assert all(0 < len(piece.encode()) <= 2000 for piece in texts(carry(act, VisitorCard("U0MIA00001", name=name))))


def test_an_answer_to_a_menu() -> None:
    """What was chosen goes as the label with the id of its menu, under the ids of what was typed, never marked late."""
    message = forward("2")
    (plain,) = carry(message)
    deed = ForDesk(words="退换货", ext={"msgtype": {"choice": {"menuid": "m-2"}}}, is_typed=True)
    (answer,) = parts(
        replace(message, deed=deed), card=CARD, language=None, names=Naming(), service_number=DESK, late=1.0
    )

    assert isinstance(answer, OutgoingMessage)
    assert isinstance(plain, OutgoingMessage)
    assert TextBody("退换货") == answer.body
    assert plain.meta_id == answer.meta_id
    assert {"choice": {"menuid": "m-2"}} == answer.ext["msgtype"]
    assert plain.ext["weichat"] == answer.ext["weichat"]


def test_a_command() -> None:
    """A wish for a human is a command, with the hint's ids beside the visitor's own card."""
    deed = ForDesk(action="TransferToKf", ext={"weichat": {"ctrlArgs": {"id": "h-1"}}})
    (command,) = carry(replace(forward("human"), deed=deed))
    weichat = json.loads(json.dumps(command.ext))["weichat"]

    assert CommandBody("TransferToKf") == command.body
    assert {"id": "h-1"} == weichat["ctrlArgs"]
    assert "Mia" == weichat["visitor"]["userNickname"]
    assert weichat["msg_id_for_ack"]


@given(words=st.text(max_size=6000), detail=st.text(max_size=300))
def test_an_answer_is_inside_the_limits(words: str, detail: str) -> None:
    """However long a label or a remark is, body and ext together stay inside IM's 3 KB."""
    deed = ForDesk(words=words, ext={"weichat": {"ctrlType": "enquiry", "ctrlArgs": {"detail": detail}}})
    (answer,) = carry(replace(forward("x"), deed=deed), replace(CARD, name="n" * 500, title="t" * 500))
    assert isinstance(answer.body, TextBody)

    assert len(answer.body.text.encode()) + ext_bytes(answer.ext) <= 3000
