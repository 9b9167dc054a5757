"""What Slack tells of a file is read, however little or odd it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.slack.file_ref import FileRef, read_file, read_files
from tests.facts import load

NOTHING = FileRef("", "", "", None, "")

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)


def test_a_clip() -> None:
    """What was recorded in Slack says so, and how long it plays."""
    clip = read_file({"id": "F1", "subtype": "slack_audio", "duration_ms": 4840, "mimetype": "audio/mp4"})

    assert ("slack_audio", 4840, "audio/mp4") == (clip.clip, clip.duration_ms, clip.mimetype)


@pytest.mark.parametrize("raw", [{"is_external": True}, {"mode": "external"}, {"is_external": "true"}])
def test_a_file_elsewhere(raw: dict[str, Any]) -> None:
    """Either mark is enough: no token may go there."""
    assert read_file(raw).is_external


def test_a_file_without_a_name_has_its_title() -> None:
    """The name may be null (facts/slack.md §7)."""
    assert "Notes" == read_file({"name": None, "title": "Notes"}).name


@pytest.mark.parametrize("raw", [None, "x", {}, [None, 1, "x", []], {"id": "F1"}])
def test_what_is_no_list_of_files(raw: object) -> None:
    """It has none in it."""
    assert () == read_files(raw)


@pytest.mark.parametrize("size", [-1, True, 1.5, "5", 2**63, None])
def test_a_size_that_is_none(size: object) -> None:
    """Is not known."""
    assert NOTHING == read_file({"size": size})


@given(
    st.dictionaries(
        st.sampled_from([*load("slack-samples/11-file-share-image.json")["envelope"]["payload"]["event"]["files"][0]]),
        json,
    )
)
def test_anything_is_read(raw: dict[str, Any]) -> None:
    """Whatever stands in the fields, there is a file of it, with text where text belongs."""
    (file,) = read_files([raw])

    assert all(isinstance(each, str) for each in (file.id, file.name, file.url, file.permalink, file.mimetype))
    assert 0 <= file.width < 2**63
