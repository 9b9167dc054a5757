"""Texts that are JSON."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.kefu.embedded import embedded
from slackkefu.kefu.text import Link, Plain, Span

PAGE = Link("https://a.example/?b=1&c=2", "[图文 Article]")


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"richtext","content":"https://a.example/?b=1&c=2"}',
        ' {"type": "richtext", "content": "https://a.example/?b=1&amp;c=2"} ',
        "{&quot;type&quot;:&quot;richtext&quot;,&quot;content&quot;:&quot;https://a.example/?b=1&amp;amp;c=2&quot;}",
    ],
)
def test_a_page_is_a_link(text: str) -> None:
    """A document with an address becomes a link to it, escaped or not."""
    assert (PAGE,) == embedded(text, is_list=False)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ((Plain("a"), Plain("\n"), PAGE), '[{"type":"text","content":"a"},{"type":"richtext","content":"%s"}]'),
        ((Plain("a"), Plain("\n"), Plain("b[")), '[{"type":"text","content":"a"},{"type":"text","content":"b["}]'),
        (
            (Plain("x "), Link("https://a.example", "y")),
            """[{"type":"text","content":"x <a href='https://a.example'>y</a>"}]""",
        ),
        ((Link("https://a.example/x.png", "[图片 Image]"),), '[{"type":"image","content":"https://a.example/x.png"}]'),
    ],
)
def test_a_list_is_read_in_order(expected: tuple[Span, ...], text: str) -> None:
    """Several messages in one become one text, a line each."""
    assert expected == embedded(text.replace("%s", PAGE.url), is_list=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "words",
        "[:D] hello",
        "{not json}",
        "{}",
        "[]",
        '{"type":"richtext"}',
        '{"type":"richtext","content":"/path"}',
        '{"type":"other","content":"https://a.example"}',
        '{"type":["richtext"],"content":"https://a.example"}',
        '[{"type":"text","content":" "},null,1,"x",{"type":"text"},{"type":{},"content":"x"}]',
        "[" * 100_000,
    ],
)
def test_all_else_is_words(text: str) -> None:
    """What holds nothing readable is no document."""
    assert () == embedded(text, is_list=True)


def test_a_list_is_a_list_only_where_the_robot_sends_such() -> None:
    """A person's text in brackets stays a text."""
    assert () == embedded('[{"type":"text","content":"a"}]', is_list=False)


@given(st.text(alphabet='[]{}",:typetextcontent 1e&;', max_size=80), st.booleans())
def test_any_text_is_survived(text: str, is_list: bool) -> None:
    """Nothing raises."""
    embedded(text, is_list=is_list)
