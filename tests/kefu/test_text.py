"""kefu's texts: escapes, links, pictures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.kefu.text import Link, Plain, Span, is_blank, is_web_url, plain, spans, unescape


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ('5 < 6 && 7 > 6,"对吗"? it\'s fine', "5 &lt; 6 &amp;&amp; 7 &gt; 6,&quot;对吗&quot;? it&#39;s fine"),
        ("A <b> C & D", "A &amp;lt;b&amp;gt; C &amp;amp; D"),
        ("&lt;", "&amp;amp;lt;"),
        ("<", "&lt;"),
        ("&nbsp;&apos;&#60;", "&nbsp;&apos;&#60;"),
        ("a & b", "a & b"),
    ],
)
def test_escapes_are_undone_at_most_twice(expected: str, text: str) -> None:
    """The five escapes of the official clients are undone once or twice, never three times."""
    assert expected == unescape(text)


def escaped(text: str) -> str:
    """Escape *text* once, as the desk does."""
    return (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("'", "&#39;")
    )


@given(st.text())
def test_a_text_escaped_twice_is_read_back(text: str) -> None:
    """What was escaped twice is exactly what somebody wrote; escaped once too, if that holds no escape itself."""
    assert text == unescape(escaped(escaped(text)))
    if "&" not in text:
        assert text == unescape(escaped(text))


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ((Plain("x"),), "x"),
        ((Plain(" x "),), " x "),
        ((), ""),
        ((), " \n\t"),
        ((), "\x07 \u200b\u202e"),
        ((Plain("ab\n"),), "a\x00\x1bb\n"),
        ((Plain("好的🙂"),), "好的[):]"),
        ((Plain("🥳🥲".replace("🥲", "😢")),), "[&lt;o)][:&#39;(]"),
    ],
)
def test_words_are_one_span(expected: tuple[Span, ...], text: str) -> None:
    """Words are unescaped, then decoded; white space alone is nothing."""
    assert expected == spans(text, links=False)
    assert expected == spans(text, links=True)


A = Link("https://a.example/?b=1&c=2", "here")


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ((Plain("see "), A, Plain(".")), 'see <a href="https://a.example/?b=1&amp;c=2">here</a>.'),
        ((A,), "<A  target=_blank HREF = 'https://a.example/?b=1&c=2' >here</A >"),
        ((A,), "<a href=https://a.example/?b=1&c=2>here</a>"),
        ((A,), "&lt;a href=&quot;https://a.example/?b=1&amp;amp;c=2&quot;&gt;here&lt;/a&gt;"),
        ((A, A), '<a href="https://a.example/?b=1&c=2">here</a><a href="https://a.example/?b=1&c=2"> here </a>'),
        ((Link("http://a.example", "http://a.example"),), '<a href="http://a.example"> </a>'),
        ((Link("https://a.example/[:D]", "😃"),), '<a href="https://a.example/[:D]">[:D]</a>'),
        ((Plain("<a>"), Link("https://a.example", "x")), '<a><a href="https://a.example">x</a>'),
    ],
)
def test_anchors_become_links_where_they_may(expected: tuple[Span, ...], text: str) -> None:
    """A robot's anchor to an address of the web is a link, however it is written; a person's never is."""
    assert expected == spans(text, links=True)
    assert (Plain,) == tuple(type(span) for span in spans(text, links=False))


@pytest.mark.parametrize(
    "text",
    [
        '<a href="javascript:alert(1)">x</a>',
        '<a href="/faq">x</a>',
        '<a href="">x</a>',
        '<a href="https://a.example/ b">x</a>',
        '<a href="https://a.example">x',
        "<a name=x>y</a>",
        "<abbr href=https://a.example>x</abbr>",
        '<b>x</b> <img src="https://a.example/x.png">',
    ],
)
def test_other_markup_is_words(text: str) -> None:
    """What leads nowhere on the web is shown as it is written."""
    assert (Plain(text),) == spans(text, links=True)


def test_a_link_in_words_shows_its_address() -> None:
    """A reader sees where a link leads; an address that is its own label is shown once."""
    assert "see here (https://a.example/?b=1&c=2)" == plain((Plain("see "), A))
    assert "https://a.example" == plain((Link("https://a.example", "https://a.example"),))


@given(st.text(max_size=100), st.booleans())
def test_spans_are_never_empty(text: str, links: bool) -> None:
    """There is something to read in what is returned, and nothing is returned where there is nothing to read."""
    found = spans(text, links=links)

    assert bool(found) != is_blank(unescape(text))
    assert all(span.text if isinstance(span, Plain) else span.label and is_web_url(span.url) for span in found)


@given(st.text(alphabet="<a href='\">/x:ps.t= ", max_size=200))
def test_broken_markup_is_survived(text: str) -> None:
    """Nothing raises, and words outside of links are kept."""
    assert bool(spans(text, links=True)) != is_blank(text)


def test_a_long_row_of_open_anchors_takes_no_time() -> None:
    """Hostile markup is read in one pass."""
    text = "<a href=https://a.example>" * 20_000

    assert (Plain(text),) == spans(text, links=True)


def test_words_do_not_show_in_a_repr() -> None:
    """Neither words nor addresses get into logs by accident."""
    assert "secret" not in repr((Plain("secret"), Link("https://secret.example", "secret")))
