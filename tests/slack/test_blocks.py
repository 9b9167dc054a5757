"""The words of messages that say more in blocks and shared messages than in their text."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.slack.blocks import fullest
from slackkefu.slack.message import MessageEvent, read_message
from slackkefu.slack.text import clean, readable
from tests.facts import load

NOBODY = SimpleNamespace(user=lambda _: None, channel=lambda _: None)
SAMPLE = load("slack-samples/12-mention-rich-text.json")["envelope"]["payload"]["event"]


def rich(*elements: Any, kind: str = "rich_text_section") -> list[Any]:
    """Wrap inline elements as a typed message has them."""
    return [{"type": "rich_text", "elements": [{"type": kind, "elements": list(elements)}]}]


def test_the_sample_says_what_its_text_says() -> None:
    """Where blocks and text say the same, the blocks are written as the text is, but for names only the text knows."""
    raw = copy.deepcopy(SAMPLE)
    raw["text"] = ""
    message = read_message(raw)

    assert isinstance(message, MessageEvent)
    assert message.text == (
        "Hi <@U0NORTHBOT>, <@U0LEO00001> says 3 &lt; 4 &amp;&amp; 5 &gt; 4 in <#C0SUPPORT1>, "
        "see <https://example.com/a?b=1&amp;c=2|the page> or <mailto:help@example.com|help@example.com> <!here> "
        "<!subteam^S0AGENTS01> until 9 Oct 2025 10:53 :+1::skin-tone-3: *bold* `x &lt; y`"
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

    assert "a &lt; b\n*bold* &lt;\n• one\n• one\nx\n# title" == fullest("", blocks, None)


def test_a_shared_message_says_whose_it_is() -> None:
    """A message that was shared without a word of one's own is read with its author; a link's preview is not."""
    shared = {"is_share": True, "author_name": "Leo", "text": "the order is late"}
    preview = {"from_url": "https://example.com", "text": "Example"}

    assert "&gt; Leo: the order is late" == fullest("", None, [shared, preview])
    assert "" == fullest("", [], [preview])


def test_a_text_with_structure() -> None:
    """Lists with numbers, bullets and indents, quotes and code are written out; names come from the text."""
    text = [{"type": "text", "text": "see "}, {"type": "channel", "channel_id": "C0SUPPORT1"}]

    def section(*elements: Any) -> Any:
        return {"type": "rich_text_section", "elements": list(elements)}

    def said(words: str, **style: bool) -> Any:
        return {"type": "text", "text": words, "style": style}

    def points(*elements: Any, **changes: Any) -> Any:
        return {"type": "rich_text_list", "elements": list(elements), **changes}

    blocks = [
        {
            "type": "rich_text",
            "elements": [
                section(*text, said("\n")),
                points(section(said("two", bold=True)), section(said("three\nlines")), style="ordered", offset=1),
                points(section(said("deep")), style="bullet", indent=1),
                points(section(said("deeper", strike=True, italic=True)), style="bullet", indent=7),
                {"type": "rich_text_quote", "elements": [said("first\nsecond & last")]},
                {
                    "type": "rich_text_preformatted",
                    "elements": [said("x = 1 < 2\n"), {"type": "link", "url": "http://a"}],
                },
            ],
        }
    ]
    fallback = (
        "see <#C0SUPPORT1|support>\ntwo three\nlines deep deeper first\nsecond &amp; last x = 1 &lt; 2 <http://a>"
    )

    assert fullest(fallback, blocks, None).split("\n") == [
        "see <#C0SUPPORT1|support>",
        "2. *two*",
        "3. three",
        "   lines",
        "    ◦ deep",
        f"{' ' * 28}▪ ~_deeper_~",
        "&gt; first",
        "&gt; second &amp; last",
        "```",
        "x = 1 &lt; 2",
        "<http://a>",
        "```",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", "hello"),
        ("hel", "hello"),
        ("hello and more that no block has", "hello and more that no block has"),
        ("<@U1|hello>", "<@U1|hello>"),
    ],
)
def test_whichever_says_more(text: str, expected: str) -> None:
    """A text that is only a fallback gives way; one that says all stays as it was typed."""
    assert expected == fullest(text, rich({"type": "text", "text": "hello"}), None)


def test_a_list_of_which_the_text_knows_more() -> None:
    """Structure is not worth a word."""
    blocks = rich({"type": "text", "text": "one"}, {"type": "novel", "text": "two"}, kind="rich_text_quote")

    assert "one two" == fullest("one two", blocks, None)


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        ({"text": "two\nlines &amp; more", "author_name": "Leo"}, "&gt; Leo: two\n&gt; lines &amp; more"),
        ({"files": [{"name": "a <b>.pdf"}, {"title": "c"}, {}, None]}, "&gt; 📎 a &lt;b&gt;.pdf\n&gt; 📎 c"),
        ({"message_blocks": [{"message": {"blocks": rich({"type": "text", "text": "hi"})}}, None]}, "&gt; hi"),
        ({"fallback": "[no preview]", "author_name": "Leo"}, "&gt; Leo: [no preview]"),
        ({"author_name": "Leo"}, ""),
    ],
)
def test_shared_messages(shared: dict[str, Any], expected: str) -> None:
    """What was shared is a quote behind one's own words: whose, what, and which files."""
    attachment = {"is_share": True, **shared}

    assert expected == fullest("", None, [attachment])
    assert "look" == fullest("look", None, [attachment]).removesuffix(f"\n{expected}")


NAMES = [
    *("type", "elements", "text", "url", "user_id", "is_share", "skin_tone", "style", "indent", "offset"),
    *("message_blocks", "message", "blocks", "files", "fields", "title"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner | st.sampled_from(["rich_text", "rich_text_list", "rich_text_section", "text", "section", "ordered"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.text(max_size=20), JSON, JSON)
def test_any_value_gives_words(text: str, blocks: object, attachments: object) -> None:
    """Whatever stands there, the result is a text, and not empty where there were words."""
    found = fullest(text, blocks, attachments)

    assert not text.strip() or found.strip()


ELEMENTS = st.lists(
    st.fixed_dictionaries({"type": st.just("text"), "text": st.text(min_size=1)})
    | st.fixed_dictionaries({"type": st.just("link"), "url": st.just("https://example.com/a?b=1&c=2")})
    | st.fixed_dictionaries({"type": st.just("emoji"), "name": st.just("tada")}),
    max_size=4,
)
PARTS = st.recursive(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["rich_text_section", "rich_text_quote", "rich_text_preformatted"]),
            "elements": ELEMENTS,
        }
    ),
    lambda inner: st.fixed_dictionaries(
        {
            "type": st.just("rich_text_list"),
            "elements": st.lists(inner, max_size=3),
            "style": st.sampled_from(["ordered", "bullet"]),
            "indent": st.integers(-1, 20),
            "offset": st.integers(-1, 20),
        }
    ),
    max_leaves=6,
)


def texts_in(part: Any) -> list[str]:
    """Return the words somewhere in a part of rich text."""
    own = [part["text"]] if part["type"] == "text" else []
    return own + [text for inner in part.get("elements", ()) for text in texts_in(inner)]


@given(st.lists(PARTS, max_size=4))
def test_no_word_of_rich_text_is_lost(parts: list[Any]) -> None:
    """All letters come through, in order, whatever the structure."""
    shown = readable(fullest("", [{"type": "rich_text", "elements": parts}], None), names=NOBODY, emoji={})
    letters = [letter for part in parts for text in texts_in(part) for letter in clean(text) if letter.isalpha()]
    rest = iter(shown)

    assert all(letter in rest for letter in letters)


def test_deep_nesting_is_cut_off() -> None:
    """Blocks nested without end are read only so far."""
    deep: Any = {"type": "rich_text_section", "elements": [{"type": "text", "text": "deep"}]}
    for _ in range(5000):
        deep = {"type": "rich_text", "elements": [deep]}

    assert "" == fullest("", [deep], None)
