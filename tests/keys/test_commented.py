"""The commented configuration: one source for what is said of each key, and nothing is lost in writing it down."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import tomli
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.keys import KEYS, WrongValue
from slackkefu.keys.commented import EXAMPLE, commented, toml
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from slackkefu.keys import Key

FILE = Path(__file__).parent.parent.parent / "config.example.toml"

ANYTHING = st.characters(exclude_categories=["Cs"])
LIKELY = st.sampled_from(
    [
        *("xapp-1-A", 'xoxb-"\\', "org#app", "https://example.com/a", "wss://im.example.com", "7", "true", "all"),
        *(
            "zh-CN",
            "name, email",
            "a,b",
            "C:\\new\\table",
            'say "it"',
            "组",
            "a\x7fb",
            "tab\there",
            "two\nlines",
            "'''",
        ),
    ]
)


def test_the_example_is_what_the_table_says() -> None:
    """``config.example.toml`` is printed by ``python -m slackkefu.keys``; after a change of a key, do it again."""
    assert FILE.read_text(encoding="utf-8") == commented(EXAMPLE)


def test_it_is_printed_by_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    """``python -m slackkefu.keys`` prints that file, from an installed wheel too."""
    runpy.run_module("slackkefu.keys", run_name="__main__")

    assert FILE.read_text(encoding="utf-8") == capsys.readouterr().out


def test_every_key_is_explained() -> None:
    """Each key has words of its own, or stands below one of its table that has."""
    explained = ""
    for key in KEYS:
        table = key.name.partition(".")[0]
        explained = table if key.doc else explained

        assert explained == table


def test_no_line_is_too_long() -> None:
    """It fits a screen."""
    assert max(map(len, commented(EXAMPLE).splitlines())) <= 120


def test_given_values_stand_open() -> None:
    """What has a value has no # before it; the rest is as in the example."""
    made = commented("Ours.", {"slack.bot_token": Secret("xoxb-1"), "kefu.tags": ("a", "b"), "kefu.private_api": False})
    changed = set(made.splitlines()) - set(commented(EXAMPLE).splitlines())

    assert {"# Ours.", 'bot_token = "xoxb-1"', 'tags = ["a", "b"]', "private_api = false"} == changed


@given(text=st.text(ANYTHING))
def test_any_text_is_read_back(text: str) -> None:
    """Quotes, backslashes, line breaks and control characters of any kind come back as they were."""
    assert tomli.loads(f"a = {toml(text)}\nb = {toml((text, text))}") == {"a": text, "b": [text, text]}


@given(texts=st.dictionaries(st.sampled_from(KEYS), st.text(ANYTHING, max_size=30) | LIKELY))
def test_whatever_a_reader_takes_is_read_back(texts: Mapping[Key, str]) -> None:
    """A value that was taken from a person, written down and read again is the same; so is every other key."""
    values: dict[str, object] = {}
    for key, text in texts.items():
        try:
            values[key.name] = key.read(text)
        except WrongValue:
            continue
    document = tomli.loads(commented("Ours.", values))
    for key in KEYS:
        table, _, name = key.name.partition(".")
        if key.name in values:
            assert values[key.name] == key.read(document[table][name])
        else:
            assert (name in document[table]) == key.required
