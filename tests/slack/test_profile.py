"""What Slack tells about a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.slack.profile import Profile, read_profile, read_user

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ({"display_name": "mia", "real_name": "Mia North"}, "mia"),
        ({"display_name": "", "real_name": "Mia North"}, "Mia North"),
        ({"display_name": " \n ", "real_name": " Mia\nNorth "}, "Mia North"),
        ({"display_name": None, "real_name": None, "name": "old-handle"}, None),
        ({}, None),
    ],
)
def test_the_name_is_never_blank(raw: dict[str, object], name: str | None) -> None:
    """The display name, else the real name, else none; the old handle never (facts/slack.md §8)."""
    profile = read_profile(raw)

    assert profile is not None
    assert name == profile.name


def test_a_whole_user() -> None:
    """users.info spreads a person over two objects; both are read."""
    raw = {
        "id": "U1",
        "team_id": "T1",
        "real_name": "Mia North",
        "tz": "Europe/Berlin",
        "profile": {"display_name": "", "email": "mia@example.com", "phone": "1", "title": "Boss", "team": "E1"},
    }

    assert read_user(raw) == Profile(
        real_name="Mia North",
        email="mia@example.com",
        phone="1",
        title="Boss",
        timezone="Europe/Berlin",
        team="T1",
    )
    assert read_user({"profile": {"real_name": "Inner", "team": "E1"}, "real_name": "Outer"}) == Profile(
        real_name="Inner", team="E1"
    )


@given(JSON, st.sampled_from(["profile", "real_name", "display_name", "tz", "team_id", "email"]))
def test_any_value_anywhere(value: object, name: str) -> None:
    """Nothing that stands for a person or inside one makes reading fail."""
    assert isinstance(read_user({name: value}), Profile)
    assert isinstance(read_profile({name: value}), Profile)
    assert (read_user(value) is None) is (not isinstance(value, dict))
    assert (read_profile(value) is None) is (not isinstance(value, dict))


def test_a_repr_tells_nothing_of_the_person() -> None:
    """Names, mails and phones are not shown."""
    profile = Profile("Mia", "Mia North", "mia@example.com", "0123", "Boss", "Europe/Berlin", "en-US", "T1")

    assert repr(profile) == "Profile(team='T1')"
