"""Reading JSON where anything may be missing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.kefu.fields import absolute_url, at, entries, flag, given_id, name_of, number, words

DOCUMENT = {"a": {"b": [1], "c": None, "d": "text"}}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("expected", "path"),
    [
        (DOCUMENT, ()),
        ([1], ("a", "b")),
        (None, ("a", "c")),
        (None, ("a", "c", "e")),
        (None, ("x",)),
        (None, ("a", "b", "0")),
        (None, ("a", "d", "text")),
    ],
)
def test_a_path_leads_there_or_to_nothing(expected: Any, path: tuple[str, ...]) -> None:
    """Where the path breaks off there is nothing, whatever is in the way."""
    assert expected == at(DOCUMENT, *path)


@pytest.mark.parametrize(
    ("expected", "value"),
    [([1], [1]), ((), None), ((), "text"), ((), b"text"), ((), {"a": 1}), ((), 5), ([], [])],
)
def test_only_a_list_has_entries(expected: Any, value: Any) -> None:
    """A text is no list of letters."""
    assert expected == entries(value)


@pytest.mark.parametrize(
    ("expected", "value"),
    [("a", "a"), (5, 5), (None, ""), (None, " "), (None, True), (None, 1.5), (None, None), (None, 10**19), (-1, -1)],
)
def test_an_id_keeps_its_type(expected: Any, value: Any) -> None:
    """Strings and numbers are ids, a boolean is none."""
    assert expected == given_id(value)
    assert type(expected) is type(given_id(value))


@pytest.mark.parametrize(("expected", "value"), [("a", " a "), ("5", 5), (None, " "), (None, True), (None, [])])
def test_a_name_is_trimmed_text(expected: str | None, value: Any) -> None:
    """A name that is blank is none."""
    assert expected == name_of(value)


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (7, 7),
        (7, " 7 "),
        (7, 7.0),
        (None, 7.5),
        (None, float("inf")),
        (None, float("nan")),
        (None, True),
        (None, "seven"),
        (None, "٧"),
        (None, "²"),
        (None, "9" * 20),
        (None, 1e300),
        (None, None),
        (None, {}),
    ],
)
def test_a_number_may_be_text(expected: int | None, value: Any) -> None:
    """Whole numbers are read from numbers and digits, and from nothing else."""
    assert expected == number(value)


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (True, True),
        (True, 1),
        (True, "true"),
        (True, " TRUE "),
        (True, "1"),
        (False, False),
        (False, 0),
        (False, 2),
        (False, "false"),
        (False, ""),
        (False, None),
        (False, [1]),
    ],
)
def test_a_switch_may_be_text(expected: bool, value: Any) -> None:
    """Only what clearly says yes is on."""
    assert expected == flag(value)


@given(json_values)
def test_no_reader_raises(value: Any) -> None:
    """Any JSON value is read as something or as nothing."""
    assert isinstance(words(value), str)
    assert isinstance(flag(value), bool)
    assert name_of(value) is None or str(name_of(value)).strip()
    number(value)
    entries(value)
    at(value, "a", "b")


@pytest.mark.parametrize(
    ("expected", "url"),
    [
        ("https://kefu.example/v1/x.png", "/v1/x.png"),
        ("https://img.example/x.png", "//img.example/x.png"),
        ("http://img.example/x.png", "http://img.example/x.png"),
        (None, ""),
        (None, "javascript:alert(1)"),
        (None, "file:///etc/passwd"),
        (None, "https://"),
        (None, "//[broken"),
        (None, "/a b"),
    ],
)
def test_an_address_is_completed_or_refused(expected: str | None, url: str) -> None:
    """Paths belong to the desk; what is not on the web is no address."""
    assert expected == absolute_url(url, kefu_url="https://kefu.example/desk/")
