"""Every kind of message that offers something is shown in its form, inside Slack's limits, whatever it holds."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.kefu_to_slack.forms.offered import Offered, read_value
from slackkefu.bridge.kefu_to_slack.forms.shaping import Source, form_posts, shape
from slackkefu.bridge.kefu_to_slack.to_slack import MAX_POST_CHARACTERS, InChannel, InPrivate, Place
from slackkefu.demo.slack.web_api.blocks import problem_of
from slackkefu.easemob.names import ImUser
from slackkefu.kefu.incoming import read
from slackkefu.kefu.messages import Choice, Menu, Rating
from slackkefu.slack.ids import ChannelId, UserId
from tests.facts import load
from tests.kefu.samples import EXPECT, SERVICE_NUMBER, incoming, text

if TYPE_CHECKING:
    from slackkefu.easemob.message import IncomingMessage
    from slackkefu.slack.web import Post

USER = ImUser("t0aaaaaa1_u0bbbbbb1_d0cccccc1")
HERE = InChannel(ChannelId("D0CCCCCC1"), None)
ALONE = InPrivate(UserId("U0BBBBBB1"), about=ChannelId("C0CCCCCC1"))


def shown(given_message: IncomingMessage, place: Place = HERE) -> tuple[Post, ...]:
    """Return the posts that a message of kefu's takes; none where it is shown as words alone."""
    meant = read(given_message, service_number=SERVICE_NUMBER)
    source = Source(USER, "m-1", meant.service_session_id, 1_760_000_000.5)
    made = shape(meant, source)
    return () if made is None else form_posts(made, place=place, identity="m-1")


def elements(posts: tuple[Post, ...]) -> list[tuple[str, dict[str, Any]]]:
    """Return every element that can be pressed or chosen, an option like a button, with its block's id."""
    found: list[tuple[str, dict[str, Any]]] = []
    for post in posts:
        for block in json.loads(json.dumps([*post.blocks])):
            for element in block["elements"] if block["type"] == "actions" else ():
                options = element.get("options")
                found += [(block["block_id"], each) for each in (options or [element])]
    return found


def labels(posts: tuple[Post, ...]) -> list[str]:
    """Return what stands on the elements."""
    return [element["text"]["text"] for _, element in elements(posts)]


def answers(posts: tuple[Post, ...]) -> list[dict[str, Any]]:
    """Return what the desk gets of each element that is answered by its value alone."""
    read_values = [
        read_value(element["value"], label=element["text"]["text"])
        for _, element in elements(posts)
        if element.get("action_id", "answer").startswith("answer")
    ]
    return [{"msg": each.words, "ext": each.ext, "action": each.action} for each in read_values if each is not None]


def check(posts: tuple[Post, ...]) -> None:
    """Make sure of what holds for every form: inside the limits, with a text, pinging nobody, each element named."""
    for post in posts:
        assert "" == problem_of(json.loads(json.dumps([*post.blocks]))), post.blocks
        assert post.text.strip()
        assert len(post.text) <= MAX_POST_CHARACTERS + 20
        assert "<!" not in post.text
        assert "<@" not in post.text
        assert "mrkdwn" not in json.dumps([*post.blocks])
    for block_id, _ in elements(posts):
        named = Offered.read(block_id)
        assert named is not None
        assert (USER, 1_760_000_000) == (named.user, named.at)
    assert [f"m-1/{number}" for number in range(len(posts))] == [post.metadata_id for post in posts]


FORMS = (
    "robot-menu",
    "robot-menu-list",
    "transfer-guide-menu",
    "related-questions",
    "transfer-hint",
    "ticket-hint",
    "event-wait-timeout-ticket",
    "satisfaction-invite",
    "location",
    "article",
    "html-form",
    "video-call-invite",
)


@pytest.mark.parametrize("name", sorted(EXPECT))
def test_each_sample_has_the_form_of_its_kind(name: str) -> None:
    """The samples that offer something are one post with blocks; the others are words alone, and no form."""
    posts = shown(incoming(name))

    assert (name in FORMS) == bool(posts)
    assert len(posts) <= 1
    check(posts)


@pytest.mark.parametrize("name", [name for name in FORMS if "labels" in EXPECT[name]])
def test_the_labels_of_a_sample(name: str) -> None:
    """Every entry of a menu is an element, in order, and in the text that notifications show."""
    posts = shown(incoming(name))

    assert EXPECT[name]["labels"] == labels(posts)
    assert all(label in posts[0].text for label in EXPECT[name]["labels"])


@pytest.mark.parametrize("name", [name for name in FORMS if "answer" in EXPECT[name]])
def test_what_the_desk_gets(name: str) -> None:
    """An element carries what the desk gets: the label, with the ids of its menu just as they came."""
    expected = EXPECT[name]["answer"]
    (chosen,) = [each for each in answers(shown(incoming(name))) if each["msg"] == expected["msg"]]

    assert "" == chosen["action"]
    if "ext" in expected:
        assert expected["ext"] == chosen["ext"]
    elif "action_data" in expected:
        assert expected["action_data"] == json.loads(chosen["ext"]["msgtype"]["choice"]["relatedRuleClickActionData"])
    else:
        assert {} == chosen["ext"]


def test_the_button_that_leads_to_a_human() -> None:
    """The hint's button carries the command with the ids of the hint."""
    expected = EXPECT["transfer-hint"]["answer_cmd"]
    posts = shown(incoming("transfer-hint"))

    assert [EXPECT["transfer-hint"]["label"]] == labels(posts)
    assert [
        {"msg": "", "action": expected["action"], "ext": {"weichat": {"ctrlArgs": expected["ctrlArgs"]}}}
    ] == answers(posts)


def test_the_button_that_declines_a_call() -> None:
    """A video call can be declined by its own id."""
    (declined,) = answers(shown(incoming("video-call-invite")))

    assert "Agorartcmedia" == declined["action"]
    assert {"visitorRejectInvitation": {"callId": 991}} == declined["ext"]["msgtype"]


def test_ids_come_back_as_they_came() -> None:
    """A number stays a number and a text a text."""
    ext = {"msgtype": {"choice": {"title": "t", "items": [{"id": 7, "name": "a"}, {"id": "7", "name": "b"}]}}}
    ids = [each["ext"]["msgtype"]["choice"]["menuid"] for each in answers(shown(text("", ext)))]

    assert [7, "7"] == ids


def test_two_messages_are_two_offers() -> None:
    """What is offered is known by its message, its kind and its session; a session only by its mark."""
    one = Offered.of(USER, identity="m-1", kind="menu", session_id="s-1", at=5.0)
    others = [
        Offered.of(USER, identity="m-2", kind="menu", session_id="s-1", at=5.0),
        Offered.of(USER, identity="m-1", kind="transfer", session_id="s-1", at=5.0),
    ]

    assert one == Offered.read(one.block_id(3))
    assert one.mark not in {each.mark for each in others}
    assert not Offered.of(USER, identity="m-1", kind="menu", session_id=None, at=5.0).belongs_to_session


@pytest.mark.parametrize(
    "block_id", ["", "kefu", "other:0:u:s:m:1", "kefu:0:nobody:s:m:1", f"kefu:0:{USER}:s:m:x", f"kefu:0:{USER}:s:m:²"]
)
def test_a_block_that_is_not_ours(block_id: str) -> None:
    """What does not look like ours is nothing."""
    assert Offered.read(block_id) is None


@pytest.mark.parametrize("value", ["", "null", "[]", '{"x":3}', "{", "\ud800"])
def test_a_value_that_is_not_ours(value: str) -> None:
    """What an element of ours cannot carry is nothing."""
    assert read_value(value) is None


def menu(*names: str, title: str = "Choose") -> tuple[Post, ...]:
    """Return the posts of a menu with these labels."""
    choices = tuple(Choice(name, f"id-{number}") for number, name in enumerate(names))
    made = shape(Menu(title, choices, None), Source(USER, "m-1", "s-1", 1_760_000_000.0))
    assert made is not None
    return form_posts(made, place=HERE, identity="m-1")


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (5, 1), (6, 2), (25, 5)])
def test_buttons_five_a_row(count: int, rows: int) -> None:
    """Up to 25 entries are buttons, five a row."""
    posts = menu(*(f"entry {number}" for number in range(count)))

    check(posts)
    assert rows == sum(block["type"] == "actions" for block in posts[0].blocks)
    assert count == len(elements(posts))


@pytest.mark.parametrize(("count", "selects"), [(26, 1), (100, 1), (101, 2), (500, 5), (600, 5)])
def test_many_are_selects(count: int, selects: int) -> None:
    """More are selects of a hundred each; the list stands in words, and what is beyond them can still be typed."""
    posts = menu(*(f"entry {number}" for number in range(count)))

    check(posts)
    assert selects == sum(block["type"] == "actions" for block in posts[-1].blocks)
    assert min(count, 500) == len(elements(posts))
    assert f"{count}. entry {count - 1}" in "\n".join(post.text for post in posts)


def test_a_long_label() -> None:
    """A label that Slack would not show is cut on its button, stands in full above, and is answered in full."""
    long = "very " * 30 + "long"
    posts = menu("short", long)

    check(posts)
    assert len(labels(posts)[1]) <= 75
    assert long in json.dumps(posts[0].blocks)
    assert long == answers(posts)[1]["msg"]


def test_words_too_long_for_one_post() -> None:
    """Long words stand in plain posts, and what they offer below them; nothing depends on blocks."""
    posts = menu("yes", "no", title="word " * 2000)

    check(posts)
    assert len(posts) > 2
    assert [False] * (len(posts) - 1) + [True] == [bool(post.blocks) for post in posts]
    assert "2. no" in posts[-2].text


def test_in_private_the_channel_is_named() -> None:
    """A form that is shown to somebody alone says which channel it is about, as its text does."""
    posts = shown(incoming("robot-menu"), ALONE)

    assert posts[0].text.startswith("<#C0CCCCCC1> ")
    assert "C0CCCCCC1" in json.dumps(posts[0].blocks[0])
    assert "" == problem_of(json.loads(json.dumps([*posts[0].blocks])))


def test_a_place_is_a_link_to_a_map() -> None:
    """A place is its address, which leads to a map."""
    posts = shown(incoming("location"))

    assert "mlat=39.983900&mlon=116.306600" in json.dumps(posts[0].blocks)
    assert EXPECT["location"]["text"] in posts[0].text


def test_an_article_is_its_title_and_picture() -> None:
    """An article links its title, says what it is about and shows its picture; none that Slack could not fetch."""
    posts = shown(incoming("article"))
    sample = load("kefu-samples/article.json")
    sample["ext"]["msgtype"]["articles"][0]["picurl"] = "http://shop.example/1.png"

    assert ["rich_text", "image"] == [block["type"] for block in posts[0].blocks]
    assert "新品上市" in json.dumps(posts[0].blocks, ensure_ascii=False)
    assert "image" not in json.dumps(shown(text("", sample["ext"]))[0].blocks)


# Whatever stands in a sample.

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=200)
    | st.sampled_from(
        ["<!channel>", "<@U0BBBBBB1>", "&amp;lt;!here&gt;", " ", "x" * 5000, "https://a.example/?" + "y" * 4000]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where something stands in a value."""
    inner: list[tuple[Any, ...]] = []
    if isinstance(value, dict):
        inner = [each for key, one in value.items() for each in paths(one, (*path, key))]
    elif isinstance(value, list):
        inner = [each for index, one in enumerate(value) for each in paths(one, (*path, index))]
    return [path, *inner] if path else inner


@given(data=st.data(), name=st.sampled_from(FORMS))
def test_any_damage_to_a_sample(data: st.DataObject, name: str) -> None:
    """Whatever stands in place of any part of a sample, its posts keep Slack's limits and ping nobody."""
    sample = copy.deepcopy(load(f"kefu-samples/{name}.json"))
    where = data.draw(st.sampled_from(paths(sample["ext"])))
    inner = sample["ext"]
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = data.draw(JSON)
    posts = shown(text("", sample["ext"]))

    check(posts)


@given(names=st.lists(st.text(max_size=300), max_size=40), ids=st.lists(st.integers() | st.text(max_size=3000)))
def test_any_menu(names: list[str], ids: list[int | str]) -> None:
    """Empty labels, doubled ids, huge labels and ids: what can be chosen is inside the limits, the rest in words."""
    items = [{"name": name, "id": ids[number % len(ids)] if ids else None} for number, name in enumerate(names)]
    posts = shown(text("", {"msgtype": {"choice": {"title": "t", "items": items}}}))

    check(posts)


@pytest.mark.parametrize(
    ("locale", "button"), [("zh-TW", "评价"), ("en-GB", "Rate"), ("de-DE", "Rate"), ("", "评价 / Rate")]
)
def test_the_reader_s_language(locale: str, button: str) -> None:
    """What stands on our buttons is in the reader's language, and so is what is read where blocks are not shown."""
    invited = Rating(7, "s-1", ())
    made = shape(invited, Source(USER, "m-1", "s-1", 0.0, locale=locale))
    assert made is not None
    posts = form_posts(made, place=HERE, identity="m-1")

    assert [button] == labels(posts)
    assert (locale.startswith("zh"), bool(locale) and not locale.startswith("zh")) == (
        "Please" not in posts[0].text,
        "请" not in posts[0].text,
    )
