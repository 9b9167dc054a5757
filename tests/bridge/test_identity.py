"""Who is who, and the ids of what is sent."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.identity import (
    MAX_NAME_BYTES,
    Unmappable,
    Visitor,
    author_team,
    digest,
    im_user,
    message_id,
    meta_id,
    visitor_of,
)
from slackkefu.slack.ids import ChannelId, TeamId, Ts, UserId
from tests.facts import load

slack_ids = st.from_regex(r"[A-Z][A-Z0-9]{1,11}", fullmatch=True)
any_ids = slack_ids | st.text(alphabet="AB1_ab -", max_size=8) | st.text(max_size=8)


def visitor(team: str, user: str, channel: str) -> Visitor:
    """Make a visitor of any ids."""
    return Visitor(TeamId(team), UserId(user), ChannelId(channel))


visitors = st.builds(visitor, slack_ids, slack_ids, slack_ids)
any_visitors = st.builds(visitor, any_ids, any_ids, any_ids)
keys = st.tuples(st.text(max_size=4), st.text(max_size=4), st.text(max_size=4), st.text(max_size=4), st.integers(0, 99))


def test_a_visitor_is_named_after_its_three_ids() -> None:
    """The IM user's name is team, user and channel in lower case."""
    assert "t0north001_u0mia00001_d0mia00001" == im_user(visitor("T0NORTH001", "U0MIA00001", "D0MIA00001"))


@given(visitors)
def test_the_way_there_and_back_is_one_visitor(somebody: Visitor) -> None:
    """Every visitor with ids of Slack's form is found again from its name, in whatever case it comes."""
    name = im_user(somebody)

    assert not isinstance(name, Unmappable)
    assert somebody == visitor_of(name)
    assert somebody == visitor_of(name.upper())


@given(any_visitors, any_visitors)
def test_no_two_visitors_share_a_name(one: Visitor, other: Visitor) -> None:
    """Different visitors have different names, whatever their ids look like."""
    names = im_user(one), im_user(other)

    if not isinstance(names[0], Unmappable):
        assert (names[0] == names[1]) == (one == other)


@pytest.mark.parametrize("bad", ["", "T", "t0north001", "T0_NORTH", "T0-N", "0TNORTH", "T0NORTH\n", "TÄ", "T٣", "T0 "])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_id_of_another_form_is_unmappable(bad: str, place: int) -> None:
    """What is not one of Slack's ids has no name, and the reason says so."""
    ids = ["T0NORTH001", "U0MIA00001", "D0MIA00001"]
    ids[place] = bad

    assert Unmappable("unmappable_id") == im_user(visitor(*ids))


def test_a_name_is_at_most_64_bytes() -> None:
    """Ids that together pass the limit are unmappable; at the limit they are not."""
    longest = "D" * (MAX_NAME_BYTES - len("T1_U1_"))

    assert "t1_u1_" + longest.lower() == im_user(visitor("T1", "U1", longest))
    assert Unmappable() == im_user(visitor("T1", "U1", longest + "D"))
    assert None is visitor_of("t1_u1_" + longest + "d")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "kefu_service",
        "a_b_c",
        "t1_u1",
        "t1_u1_d1_x1",
        "t1__d1",
        "1t_u1_d1",
        "t1_u1_d1\n",
        "tı1_u1_d1",
        "t1_u1_d\u212a",
    ],
)
def test_other_im_users_are_no_visitors(name: str) -> None:
    """A name that is not of our making leads to no visitor."""
    assert None is visitor_of(name)


@given(st.text())
def test_any_name_is_read_or_refused(name: str) -> None:
    """Whatever the name, it is a visitor that has this name, or none."""
    somebody = visitor_of(name)

    assert somebody is None or name.lower() == im_user(somebody)


@pytest.mark.parametrize(
    ("expected", "user_team", "team", "envelope_team"),
    [
        ("T1", "T1", "T2", "T3"),
        ("T2", "E1", "T2", "T3"),
        ("T2", "", "T2", "T3"),
        ("T2", None, "T2", "T3"),
        ("T3", "E1", "", "T3"),
        ("T3", None, None, "T3"),
        ("", "E1", None, None),
    ],
)
def test_the_team_is_the_author_s(
    expected: str, user_team: str | None, team: str | None, envelope_team: str | None
) -> None:
    """The author's workspace comes from user_team when that is one, else from the event, else from the envelope."""
    assert expected == author_team(user_team, team, envelope_team)


@pytest.mark.parametrize(
    ("expected", "sample"),
    [
        ("T0NORTH001", "02-dm-text"),
        ("T0PARTNER1", "14-slack-connect"),
        ("T0GRIDWS01", "16-enterprise-install"),
    ],
)
def test_the_author_s_team_in_the_samples(expected: str, sample: str) -> None:
    """In a shared channel it is the partner's workspace, in an organisation the one it happened in."""
    payload = load(f"slack-samples/{sample}.json")["envelope"]["payload"]
    event = payload["event"]

    assert expected == author_team(event.get("user_team"), event.get("team"), payload["team_id"])


# Ids of what is sent.

META_ID = 4455052679689996797
MESSAGE_ID = "96bcdcda-3107-5a67-bac7-8e0bc0098974"


def test_ids_are_the_same_for_ever() -> None:
    """These values are on the wire of every store: they change never."""
    key = (TeamId("T0NORTH001"), ChannelId("D0MIA00001"), Ts("1760000007.137731"), "", 0, digest("你好"))

    assert META_ID == meta_id(*key)
    assert MESSAGE_ID == message_id(*key)


def test_another_attempt_is_another_message_to_easemob() -> None:
    """The first attempt has the id of ever; each further one has its own, the same each time."""
    key = (TeamId("T0NORTH001"), ChannelId("D0MIA00001"), Ts("1760000007.137731"), "", 0, digest("你好"))

    assert META_ID == meta_id(*key, attempt=0)
    assert 3 == len({meta_id(*key, attempt=attempt) for attempt in (0, 1, 2)})
    assert meta_id(*key, attempt=1) == meta_id(*key, attempt=1)


@given(keys, st.text(max_size=20))
def test_ids_have_their_form(key: tuple[str, str, str, str, int], words: str) -> None:
    """An IM id is positive and fits into 63 bits; kefu's is a UUID in lower case."""
    team, channel, ts, revision, part = key
    arguments = (TeamId(team), ChannelId(channel), Ts(ts), revision, part, digest(words))

    assert 1 <= meta_id(*arguments) < 2**63
    assert str(uuid.UUID(message_id(*arguments))) == message_id(*arguments)


@given(keys, keys, st.text(max_size=4), st.text(max_size=4))
def test_ids_differ_when_anything_differs(
    one: tuple[str, str, str, str, int], other: tuple[str, str, str, str, int], words: str, other_words: str
) -> None:
    """Two messages share an id only when team, channel, ts, revision, part and words are all the same."""
    first = (TeamId(one[0]), ChannelId(one[1]), Ts(one[2]), one[3], one[4], digest(words))
    second = (TeamId(other[0]), ChannelId(other[1]), Ts(other[2]), other[3], other[4], digest(other_words))
    is_same = (one, words) == (other, other_words)

    assert is_same == (meta_id(*first) == meta_id(*second))
    assert is_same == (message_id(*first) == message_id(*second))


def test_fields_do_not_run_together() -> None:
    """Where one field ends and the next begins counts."""
    words = digest("x")

    assert meta_id(TeamId("T1"), ChannelId("C12"), Ts("3"), "", 0, words) != meta_id(
        TeamId("T1"), ChannelId("C1"), Ts("23"), "", 0, words
    )


def test_half_a_character_has_an_id_too() -> None:
    """A lone surrogate, which no UTF-8 can carry, stops nothing."""
    assert digest("\ud83d") != digest("\ud83e")
