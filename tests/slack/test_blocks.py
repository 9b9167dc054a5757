"""The words of messages that have them in blocks or shared attachments only."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.slack.blocks import words
from slackkefu.slack.message import MessageEvent, read_message
from tests.facts import load

SAMPLE = load("slack-samples/12-mention-rich-text.json")["envelope"]["payload"]["event"]


def rich(*elements: Any, kind: str = "rich_text_section") -> list[Any]:
    """Wrap inline elements as a typed message has them."""
    return [{"type": "rich_text", "elements": [{"type": kind, "elements": list(elements)}]}]


def test_the_sample_says_what_its_text_says() -> None:
    """Where blocks and text say the same, the blocks are written as the text is, marks of formatting aside."""
    raw = copy.deepcopy(SAMPLE)
    raw["text"] = ""
    message = read_message(raw)

    assert isinstance(message, MessageEvent)
    assert message.text == (
        "Hi <@U0NORTHBOT>, <@U0LEO00001> says 3 &lt; 4 &amp;&amp; 5 &gt; 4 in <#C0SUPPORT1>, "
        "see <https://example.com/a?b=1&amp;c=2|the page> or <mailto:help@example.com|help@example.com> <!here> "
        "<!subteam^S0AGENTS01> until 9 Oct 2025 10:53 :+1::skin-tone-3: bold x &lt; y"
    )


@pytest.mark.parametrize("text", ["", None, "   "])
def test_only_a_missing_text_is_taken_from_blocks(text: str | None) -> None:
    """A text that is there wins; an empty one is taken from the blocks."""
    raw = {"ts": "1.1", "channel": "C1", "text": text, "blocks": rich({"type": "text", "text": "words"})}
    kept = read_message({**raw, "text": "as typed"})
    taken = read_message(raw)

    assert isinstance(kept, MessageEvent)
    assert isinstance(taken, MessageEvent)
    assert ("as typed", "words") == (kept.text, taken.text)


def test_lists_and_other_blocks() -> None:
    """Lists keep their points, sections, headers, contexts and markdown their texts."""
    point = {"type": "rich_text_section", "elements": [{"type": "text", "text": "one"}]}
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "a < b"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*bold* &lt;"}},
        {"type": "rich_text", "elements": [{"type": "rich_text_list", "elements": [point, point]}]},
        {"type": "context", "elements": [{"type": "plain_text", "text": "x"}, {"type": "image"}]},
        {"type": "markdown", "text": "# title"},
        {"type": "divider"},
    ]

    assert "a &lt; b\n*bold* &lt;\n• one\n• one\nx\n# title" == words(blocks, None)


def test_a_shared_message_says_whose_it_is() -> None:
    """A message that was shared without a word of one's own is read with its author; a link's preview is not."""
    shared = {"is_share": True, "author_name": "Leo", "text": "the order is late"}
    preview = {"from_url": "https://example.com", "text": "Example"}

    assert "Leo: the order is late" == words(None, [shared, preview])
    assert "" == words([], [preview])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "elements", "text", "url", "user_id", "is_share", "skin_tone"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_any_value_gives_words(blocks: object, attachments: object) -> None:
    """Whatever stands there, the result is a text."""
    assert isinstance(words(blocks, attachments), str)


def test_deep_nesting_is_cut_off() -> None:
    """Blocks nested without end are read only so far."""
    deep: Any = {"type": "rich_text_section", "elements": [{"type": "text", "text": "deep"}]}
    for _ in range(5000):
        deep = {"type": "rich_text", "elements": [deep]}

    assert "" == words([deep], None)
