"""Message events, typed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.slack.message import FileRef, Malformed, MessageEvent, read_message
from slackkefu.slack.profile import Profile
from tests.slack.samples import MISSING, event, paths, replaced
from tests.slack.test_profile import JSON


def read(raw: object) -> MessageEvent:
    """Read a message that can be read."""
    message = read_message(raw)
    assert isinstance(message, MessageEvent)
    return message


def test_a_direct_message() -> None:
    """Sample 02: who, where, what, when."""
    message = read(event(2))

    assert ("U0MIA00001", "D0MIA00001", "im") == (message.user, message.channel, message.channel_type)
    assert ("1760000007.137731", None) == (message.ts, message.thread_ts)
    assert message.text == "你好，我的订单还没有到"
    assert (None, None, None) == (message.subtype, message.bot_id, message.app_id)
    assert not message.hidden
    assert not message.is_mention_event
    assert ("T0NORTH001", None) == (message.team, message.user_team)


def test_a_thread_reply_names_its_root() -> None:
    """Sample 05: thread_ts is the root's (trap 12)."""
    assert read(event(5)).thread_ts == "1759999000.100100"


def test_channel_type_decides_not_the_prefix() -> None:
    """Sample 04: a private channel whose id starts with C (trap 11)."""
    message = read(event(4))

    assert ("C0PRIVATE9", "group") == (message.channel, message.channel_type)


def test_own_posts_carry_their_marks() -> None:
    """Samples 06 and 07: bot_id and app_id are there with and without a user (trap 2)."""
    plain, customised = read(event(6)), read(event(7))

    assert ("U0NORTHBOT", "B0NORTHBOT", "A0SLKFAPP1") == (plain.user, plain.bot_id, plain.app_id)
    assert (None, "B0NORTHBOT", "A0SLKFAPP1") == (customised.user, customised.bot_id, customised.app_id)
    assert customised.subtype == "bot_message"


def test_the_app_is_known_from_the_bot_profile_too() -> None:
    """app_id may stand in bot_profile only (facts/slack.md §4, mark 2)."""
    raw = event(6)
    del raw["app_id"]

    assert read(raw).app_id == "A0SLKFAPP1"


def test_an_edit() -> None:
    """Sample 09: the outer ts is the change; the message inside has the words and its own ts."""
    edit = read(event(9))

    assert edit.subtype == "message_changed"
    assert edit.hidden
    assert edit.user is None
    assert edit.message is not None
    assert edit.previous is not None
    assert ("1759999500.000200", "order 4712, sorry", True) == (edit.message.ts, edit.message.text, edit.message.edited)
    assert ("1759999530.000000", None) == (edit.message.edited_ts, edit.previous.edited_ts)
    assert ("order 4711", False) == (edit.previous.text, edit.previous.edited)
    assert ("D0MIA00001", "im", "U0MIA00001") == (edit.message.channel, edit.message.channel_type, edit.message.user)
    assert edit.deleted_ts is None


def test_a_deletion() -> None:
    """Sample 10: deleted_ts names the message, and previous is not a new one."""
    deletion = read(event(10))

    assert deletion.deleted_ts == "1759999500.000200"
    assert deletion.message is None
    assert deletion.previous is not None
    assert deletion.previous.text == "order 4712, sorry"


def test_a_deletion_named_by_its_previous_message() -> None:
    """Where deleted_ts is missing the message that was tells it."""
    raw = event(10)
    del raw["deleted_ts"]

    assert read(raw).deleted_ts == "1759999500.000200"


def test_a_reply_notice_has_a_message_inside_without_a_subtype() -> None:
    """message_replied comes without its subtype, hidden, and with a message (facts/slack.md §4)."""
    raw = event(2, hidden=True, message=event(2, text="root", blocks=None, reply_count=1))
    message = read(raw)

    assert message.subtype is None
    assert message.hidden
    assert message.message is not None
    assert message.message.text == "root"


def test_files() -> None:
    """Samples 11 and 15: what is known of a file, much or only its id."""
    (image,) = read(event(11)).files
    (foreign,) = read(event(15)).files

    assert image == FileRef("F0SHOT0001", "screenshot.png", "image/png", 48213, "hosted")
    assert foreign == FileRef("F0CONNECT1", "", "", None, "file_access")
    assert () == read(event(2, files=[None, 5, "x"])).files
    assert read(event(2, files=[{"size": True}, {"size": -1}])).files[0].size is None


def test_emoji_of_rich_text() -> None:
    """Sample 12: a shortcode with skin tone maps to its characters; custom ones and nonsense are left out."""
    assert read(event(12)).emoji == {"+1::skin-tone-3": "👍🏼"}
    elements = [
        {"type": "emoji", "name": "tada", "unicode": "1f389"},
        {"type": "emoji", "name": "company-logo"},
        {"type": "emoji", "name": "broken", "unicode": "xyz"},
        {"type": "emoji", "name": "surrogate", "unicode": "d800"},
        {"type": "emoji", "name": "beyond", "unicode": "ffffffffffffffff"},
        {"type": "emoji", "name": "control", "unicode": "7"},
        {"type": "emoji", "name": "family", "unicode": "1f468-200d-1f469-200d-1f467"},
        {"type": "emoji", "unicode": "1f389"},
    ]
    blocks = [{"type": "rich_text", "elements": [{"type": "rich_text_list", "elements": [{"elements": elements}]}]}]

    assert read(event(2, blocks=blocks)).emoji == {"tada": "🎉", "family": "👨‍👩‍👧"}


def test_the_authors_profile_comes_along() -> None:
    """Sample 14: in Slack Connect the event brings name and home team."""
    message = read(event(14))

    assert message.profile == Profile(display_name="eva", real_name="Eva Partner", team="T0PARTNER1")
    assert message.user_team == "T0PARTNER1"


def test_our_own_id_in_metadata() -> None:
    """The id of our own post is read back; anybody else's metadata is not ours."""
    ours = {"event_type": "slackkefu_message", "event_payload": {"id": "m-1"}}

    assert read(event(6, metadata=ours)).metadata_id == "m-1"
    assert read(event(6, metadata={**ours, "event_type": "other"})).metadata_id == ""
    assert read(event(6)).metadata_id == ""


@pytest.mark.parametrize("text", [None, 5, [], {}])
def test_text_that_is_no_text_is_empty(text: object) -> None:
    """A null text (trap 7), or any other non-text, is an empty one where no blocks have words."""
    assert read(event(2, text=text, blocks=None)).text == ""


def test_a_history_message_is_told_where_it_is() -> None:
    """Messages of a history have no channel of their own (facts/slack.md §14)."""
    raw = event(2)
    del raw["channel"], raw["channel_type"]
    message = read_message(raw, channel="C1", channel_type="group")

    assert isinstance(message, MessageEvent)
    assert ("C1", "group") == (message.channel, message.channel_type)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (event(2, ts=1760000007.137731), "got `float` - at `$.ts`"),
        (event(2, ts=""), "no ts"),
        (event(2, channel=None), "no channel"),
        (event(2, channel={"id": "D1"}), "at `$.channel`"),
        (event(2, user={"id": "U1"}), "at `$.user`"),
        (event(2, bot_id=7), "at `$.bot_id`"),
        (event(2, subtype=["bot_message"]), "at `$.subtype`"),
        (event(9, message=None), "an edit without a readable message"),
        (event(9, message={"text": "no ts"}), "an edit without a readable message"),
        (event(10, deleted_ts=None, previous_message=None), "names nothing"),
        ("words", "Expected `object`"),
    ],
)
def test_what_decides_must_be_readable(raw: object, reason: str) -> None:
    """A field that names a message, or marks it as not a person's, is never guessed (traps 2, 7, 8)."""
    found = read_message(raw)

    assert isinstance(found, Malformed)
    assert reason in found.reason


def test_the_reason_holds_no_words() -> None:
    """What made a message malformed is named by field and kind."""
    found = read_message(event(2, ts={"text": "private words"}, text="private words"))

    assert "private" not in repr(found)


def test_a_repr_tells_no_words() -> None:
    """Texts, names and file names are not shown."""
    shown = repr(read(event(11, user_profile={"real_name": "Mia North"}, text="private words")))

    for words in ("private words", "Mia North", "screenshot"):
        assert words not in shown


SAMPLES = [2, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17]


@st.composite
def broken(draw: st.DrawFn) -> Any:
    """Draw a sample's event with any value at any place."""
    raw = event(draw(st.sampled_from(SAMPLES)))
    path: tuple[str | int, ...] = draw(st.sampled_from([*paths(raw)]))
    huge: list[object] = ["x" * 100_000, [[]] * 1000]
    new = draw(JSON | st.sampled_from(huge))
    is_missing: bool = draw(st.booleans())
    return replaced(raw, path, MISSING if path and is_missing else new)


@given(broken())
def test_any_value_at_any_place(raw: object) -> None:
    """Whatever stands in a message, the answer is a message or a reason."""
    assert isinstance(read_message(raw), MessageEvent | Malformed)
