"""What a visitor's message tells the desk."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.easemob.message import (
    Body,
    CommandBody,
    CustomBody,
    LocationBody,
    MediaBody,
    OutgoingMessage,
    TextBody,
    UnknownBody,
)
from slackkefu.easemob.names import ImUser
from slackkefu.kefu.outgoing import (
    MAX_EXT_BYTES,
    Entrance,
    VisitorCard,
    ext_bytes,
    fit,
    kind_of,
    language_of,
    mark_of,
    weichat,
)

ID = "5b0d1f00-3c3c-4d4d-8e8e-111122223333"
ANN = VisitorCard(
    "U0BBBBBB1",
    channel="#support",
    name="Ann",
    real_name="Ann Lee",
    workspace="Example Team",
    email="ann@example.com",
    phone="+49 1",
    title="Buyer",
    timezone="Europe/Berlin",
)

FIELDS = ("name", "workspace", "email", "phone", "title", "timezone")
names = st.text(max_size=400) | st.text(alphabet='"\\\n你🙂\u200d', max_size=400)
cards = st.builds(VisitorCard, st.just("U0BBBBBB1"), *[names] * (len(fields(VisitorCard)) - 1))


def visitor_in(ext: dict[str, Any]) -> dict[str, str]:
    """Return the visitor's fields in *ext*."""
    visitor: dict[str, str] = ext["weichat"]["visitor"]
    return visitor


def test_a_full_card_is_told_whole() -> None:
    """Everything known has its place in the fields kefu documents."""
    expected = {
        "weichat": {
            "visitor": {
                "userNickname": "Ann",
                "trueName": "Ann Lee",
                "companyName": "Example Team",
                "email": "ann@example.com",
                "phone": "+49 1",
                "description": "Slack, #support, U0BBBBBB1, Buyer, Europe/Berlin",
            },
            "language": "en-US",
            "msg_id_for_ack": ID,
        }
    }

    assert expected == weichat(ANN, language="en-US", message_id=ID)


@pytest.mark.parametrize(
    ("expected", "chosen"),
    [
        (
            {
                "userNickname": "Ann",
                "trueName": "Ann Lee",
                "companyName": "Example Team",
                "description": "Slack, #support, U0BBBBBB1",
            },
            ("name", "workspace"),
        ),
        ({"userNickname": "U0BBBBBB1", "description": "Slack, #support, U0BBBBBB1"}, ()),
        (
            {
                "userNickname": "U0BBBBBB1",
                "email": "ann@example.com",
                "description": "Slack, #support, U0BBBBBB1, Buyer",
            },
            ("email", "title"),
        ),
    ],
)
def test_only_what_was_chosen_leaves_slack(expected: dict[str, str], chosen: tuple[str, ...]) -> None:
    """Fields that the operator did not choose are not there at all."""
    assert expected == visitor_in(weichat(ANN.chosen(chosen), language="en-US", message_id=ID))


def test_an_unknown_language_is_left_out() -> None:
    """The desk's own choice stands where nothing is known."""
    assert "language" not in str(weichat(ANN, language=None, message_id=ID))


def test_all_fields_chosen_is_the_whole_card() -> None:
    """The names of the setting cover the card."""
    assert ANN == ANN.chosen(FIELDS)


@pytest.mark.parametrize(
    ("expected", "card"),
    [
        ("Ann", VisitorCard("U1", name=" Ann\n", real_name="Ann Lee")),
        ("Ann Lee", VisitorCard("U1", name=" ", real_name="Ann Lee")),
        ("U1", VisitorCard("U1")),
        ("U1", VisitorCard("U1", name="\u200b", real_name="\x00\u202e")),
        ("U1", VisitorCard("U1", name="\u200d")),
        ("A B", VisitorCard("U1", name="A \ud83d\r\n B")),
        ("👩‍💻", VisitorCard("U1", name="👩‍💻")),
        ("\U0001fae8", VisitorCard("U1", name="\U0001fae8")),
    ],
)
def test_a_visitor_always_has_a_name_to_read(expected: str, card: VisitorCard) -> None:
    """A name of which nothing is seen is none, and the user's id is the last resort."""
    assert expected == visitor_in(weichat(card, language="zh-CN", message_id=ID))["userNickname"]


@pytest.mark.parametrize(
    ("expected", "locale"),
    [("zh-CN", "zh-CN"), ("zh-CN", "zh-TW"), ("zh-CN", "ZH"), ("en-US", "en-GB"), ("en-US", "de-DE"), ("en-US", "")],
)
def test_the_language_is_one_the_desk_knows(expected: str, locale: str) -> None:
    """Chinese of any kind is Chinese, all else English."""
    assert expected == language_of(locale)


@given(cards, st.integers(200, MAX_EXT_BYTES))
def test_ext_always_fits(card: VisitorCard, limit: int) -> None:
    """Whatever the names, the size is kept, the id is whole, and the visitor has a name."""
    ext = weichat(card, language="en-US", message_id=ID, max_bytes=limit)

    assert ext_bytes(ext) <= limit
    assert ext_bytes(ext) == len(json.dumps(ext, ensure_ascii=False, separators=(",", ":")).encode())
    assert ID == ext["weichat"]["msg_id_for_ack"]  # type: ignore[index,call-overload] # JSON of a known shape
    assert visitor_in(ext)["userNickname"].strip()
    assert all(visitor_in(ext).values())


@given(cards)
def test_what_fits_is_not_touched(card: VisitorCard) -> None:
    """Nothing is shortened without need."""
    ext = weichat(card, language="en-US", message_id=ID, max_bytes=100_000)

    assert ext == fit(ext, ext_bytes(ext))


DESCRIBED = ',"description":"Slack, U1"'


def shortened(limit: int) -> dict[str, str]:
    """Return Ann's fields as they fit into *limit* bytes."""
    return visitor_in(weichat(ANN, language="en-US", message_id=ID, max_bytes=limit))


def test_the_least_important_goes_first() -> None:
    """Description, phone, mail, company, real name, in this order, and the nickname last; a number is never cut."""
    whole = ext_bytes(weichat(ANN, language="en-US", message_id=ID))
    least = ext_bytes(weichat(VisitorCard("U1", name="Ann"), language="en-US", message_id=ID)) - len(DESCRIBED)
    seen = [shortened(limit) for limit in range(whole, least - 1, -1)]

    assert "Slack, #support, U0BBBBBB1, Buyer, Europe/Be…" == seen[1]["description"]
    assert {"+49 1", None} == {each.get("phone") for each in seen}
    assert {"ann@example.com", None} == {each.get("email") for each in seen}
    assert [{"userNickname", "trueName", "companyName", "email", "phone", "description"}] == [set(seen[0])]
    left = [list(each) for each in seen]
    assert ["userNickname"] == left[-1]
    order = ["description", "phone", "email", "companyName", "trueName"]
    assert order == sorted(order, key=lambda name: next(i for i, each in enumerate(left) if name not in each))


def test_a_long_name_is_cut_between_characters() -> None:
    """A nickname that alone is too long keeps its beginning, and no joiner hangs at its end."""
    ext = weichat(VisitorCard("U1", name="👩‍💻" * 200), language="en-US", message_id=ID)
    name = visitor_in(ext)["userNickname"]

    assert name.startswith("👩‍💻")
    assert name.endswith(("💻…", "👩…"))
    assert MAX_EXT_BYTES - 10 < ext_bytes(ext) <= MAX_EXT_BYTES


def test_a_name_of_one_character_is_kept() -> None:
    """A nickname is never cut to nothing."""
    least = ext_bytes({"weichat": {"visitor": {"userNickname": "你"}, "language": "en-US", "msg_id_for_ack": ID}})
    card = VisitorCard("U1", name="你好")

    assert "你" == visitor_in(weichat(card, language="en-US", message_id=ID, max_bytes=least))["userNickname"]
    with pytest.raises(ValueError, match="bytes"):
        weichat(card, language="en-US", message_id=ID, max_bytes=least - 1)


@pytest.mark.parametrize("ext", [{"x": "y" * 50}, {"weichat": "y" * 50}, {"weichat": {"visitor": 5, "x": "y" * 50}}])
def test_other_parts_of_ext_are_not_shortened(ext: dict[str, Any]) -> None:
    """What is no field of the visitor's stays whole, so it may not fit."""
    assert ext == fit(ext, 100)
    with pytest.raises(ValueError, match="bytes"):
        fit(ext, 20)


def test_a_message_is_known_by_its_mark() -> None:
    """The id that was asked to be confirmed is read back; one without any has none."""
    ext = weichat(ANN, language=None, message_id=ID)

    assert ID == mark_of(OutgoingMessage(1, ImUser("kefu_service"), TextBody("x"), ext))
    for other in ({}, {"weichat": None}, {"weichat": {"msg_id_for_ack": 5}}):
        assert "" == mark_of(OutgoingMessage(1, ImUser("kefu_service"), TextBody("x"), other))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("txt", TextBody("x")),
        ("cmd", CommandBody("x")),
        ("img", MediaBody("img", "https://im.example/1")),
        ("file", MediaBody("file", "https://im.example/1")),
        ("loc", LocationBody(1.0, 2.0)),
        ("custom", CustomBody("x")),
        ("other", UnknownBody(8)),
    ],
)
def test_bodies_are_called_as_im_calls_them(kind: str, body: Body) -> None:
    """Each kind of body has its own name, by which it is learnt whether the desk confirms it."""
    assert kind == kind_of(OutgoingMessage(1, ImUser("kefu_service"), body))


def test_the_card_does_not_show_in_a_repr() -> None:
    """A person's data stays out of logs."""
    assert "VisitorCard(user_id='U0BBBBBB1')" == repr(ANN)


FAR = Entrance(queue="VIP 组", agent="lin@example.com", tags=("vip", "slack"))


def test_the_entrance() -> None:
    """Skill group, agent and tags stand where the desk looks for them (facts/kefu.md §1.2, §1.3)."""
    ext: Any = weichat(VisitorCard(user_id="U1"), language="zh-CN", message_id="m", entrance=FAR)["weichat"]

    assert ("VIP 组", "lin@example.com", ["vip", "slack"]) == (
        ext["queueName"],
        ext["agentUsername"],
        ext["visitor"]["tags"],
    )


def test_nothing_is_said_of_it() -> None:
    """A null would mean "no group" (facts/kefu.md §1.2), so what was not said is absent."""
    ext: Any = weichat(VisitorCard(user_id="U1"), language=None, message_id="m")["weichat"]

    assert not {"queueName", "agentUsername", "language"} & {*ext}
    assert "tags" not in ext["visitor"]


@given(st.lists(st.text(min_size=1, max_size=40), max_size=15), st.text(max_size=500), st.integers(200, 900))
def test_tags_are_left_out_rather_than_too_long(tags: list[str], name: str, max_bytes: int) -> None:
    """The last first, and the name last of all; what remains are the first of them."""
    card = VisitorCard(user_id="U1", name=name, workspace=name)
    ext: Any = weichat(card, language=None, message_id="m", entrance=Entrance(tags=tuple(tags)), max_bytes=max_bytes)
    kept = ext["weichat"]["visitor"].get("tags", [])

    assert ext_bytes(ext) <= max_bytes
    assert tags[: len(kept)] == kept
    assert ext["weichat"]["visitor"]["userNickname"]
