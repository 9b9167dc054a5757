"""Typed words become text and rich text as Slack's clients make them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.demo.slack.typed import compose, escape, shown
from tests.facts import load


@pytest.mark.parametrize(
    ("typed", "text", "elements"),
    [
        ("3 < 4 && 5 > 4", "3 &lt; 4 &amp;&amp; 5 &gt; 4", [{"type": "text", "text": "3 < 4 && 5 > 4"}]),
        ("<@U0MIA00001>", "<@U0MIA00001>", [{"type": "user", "user_id": "U0MIA00001"}]),
        ("<#C0SUPPORT1|support>", "<#C0SUPPORT1|support>", [{"type": "channel", "channel_id": "C0SUPPORT1"}]),
        ("<!here>", "<!here>", [{"type": "broadcast", "range": "here"}]),
        ("<!subteam^S0A|@a>", "<!subteam^S0A|@a>", [{"type": "usergroup", "usergroup_id": "S0A"}]),
        (
            "<!date^17^{time}^https://x|then>",
            "<!date^17^{time}^https://x|then>",
            [{"type": "date", "timestamp": 17, "format": "{time}", "fallback": "then"}],
        ),
        (
            "<https://x/?a=1&b=2|page>",
            "<https://x/?a=1&amp;b=2|page>",
            [{"type": "link", "url": "https://x/?a=1&b=2", "text": "page"}],
        ),
        ("https://x/?a&b", "<https://x/?a&amp;b>", [{"type": "link", "url": "https://x/?a&b"}]),
        ("🎉", ":tada:", [{"type": "emoji", "name": "tada", "unicode": "1f389"}]),
        (
            ":+1::skin-tone-3:",
            ":+1::skin-tone-3:",
            [{"type": "emoji", "name": "+1", "unicode": "1f44d-1f3fc", "skin_tone": 3}],
        ),
        (":acme-logo:", ":acme-logo:", [{"type": "emoji", "name": "acme-logo"}]),
        ("at 12:30:45", "at 12:30:45", [{"type": "text", "text": "at 12:30:45"}]),
        ("<@nobody>", "&lt;@nobody&gt;", [{"type": "text", "text": "<@nobody>"}]),
    ],
)
def test_each_kind_of_item(typed: str, text: str, elements: list[dict[str, Any]]) -> None:
    """Each item of facts/slack.md §6 becomes its text and its element."""
    composed = compose(typed)

    assert text == composed.text
    assert elements == list(composed.elements)


def test_the_sample_with_every_item() -> None:
    """Sample 12, typed, gives the sample's own text."""
    event = load("slack-samples/12-mention-rich-text.json")["envelope"]["payload"]["event"]
    typed = event["text"].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")

    assert event["text"] == compose(typed).text


@given(st.text())
def test_escaping_is_undone_by_showing(text: str) -> None:
    """What was escaped is shown as it was."""
    assert text == shown(escape(text))


@given(st.text())
def test_any_words_make_a_message(typed: str) -> None:
    """Any typed words give a text in which every bracket belongs to a form Slack knows."""
    text = compose(typed).text

    assert text.count("<") == text.count(">")


@pytest.mark.parametrize(
    ("text", "read"),
    [("<https://x|page> &amp;lt;", "page &lt;"), ("<@U1> <!here>", "@U1 here"), ("<#C1|support>", "support")],
)
def test_a_text_as_a_person_reads_it(text: str, read: str) -> None:
    """Labels stand for links, and escapes are undone once."""
    assert read == shown(text)
