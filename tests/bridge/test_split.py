"""Splitting long texts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.split import MAX_BODY_BYTES, MAX_CHARACTER_BYTES, cut
from slackkefu.kefu.text import is_blank

FAMILY = "👨‍👩‍👧‍👦"
FLAG = "🇩🇪"
ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
WAVING = "👋🏽"
HEART = "❤️"
ACCENTED = "e\u0301"
KOREAN = "\u1112\u1161\u11ab"
OLD_KOREAN = "\u1100\u1100\uac00"

CHARACTERS = (FAMILY, FLAG, ENGLAND, WAVING, HEART, ACCENTED, KOREAN, OLD_KOREAN, "x", "你", "é", "क्")

limits = st.integers(MAX_CHARACTER_BYTES, 60)
texts = st.text(max_size=300) | st.text(alphabet="ab \n。,你🙂\u200d\u0301🇩🇪", max_size=300)


def size(text: str) -> int:
    """Return the bytes *text* takes."""
    return len(text.encode("utf-8", "surrogatepass"))


@given(texts, limits)
def test_no_part_is_too_long_or_empty(text: str, limit: int) -> None:
    """Each part fits, holds something, and neither begins nor ends with white space."""
    for part in cut(text, limit):
        assert 0 < size(part) <= limit
        assert part.strip() == part


@given(texts, limits)
def test_nothing_is_lost_but_white_space_at_the_cuts(text: str, limit: int) -> None:
    """The parts stand in the text in order, with white space alone before, between and after them."""
    rest = text
    for part in cut(text, limit):
        rest = rest.lstrip()
        assert rest.startswith(part)
        rest = rest[len(part) :]

    assert not rest.strip() or is_blank(text)


@given(texts, limits)
def test_the_cut_depends_on_the_text_alone(text: str, limit: int) -> None:
    """A repeat is cut alike, and white space around the text changes nothing."""
    assert cut(text, limit) == cut(text, limit) == cut(f" \n{text}\t", limit)


@given(st.lists(st.sampled_from(CHARACTERS), max_size=40), st.integers(28, 60))
def test_no_character_is_torn(characters: list[str], limit: int) -> None:
    """Families, flags, skin tones, accents and Korean letters stay whole where each alone would fit."""
    text = "".join(characters)
    ends = {0}
    for character in characters:
        ends.add(max(ends) + len(character))
    # What a reader sees as one flag depends on the letters before it; the list above is in step with that.
    at = 0
    for part in cut(text, limit):
        at += len(part)
        assert at in ends


@pytest.mark.parametrize("character", CHARACTERS)
def test_each_kind_of_character_stays_whole(character: str) -> None:
    """A text of one kind of character is cut only between characters."""
    text = character * 100

    assert all(part == character * (len(part) // len(character)) for part in cut(text, 60))
    assert text == "".join(cut(text, 60))


@pytest.mark.parametrize("text", ["", " ", "\n\t\r\n", "\u3000\u00a0\u2028", "\u200b", "\u200d \x00"])
def test_blank_text_has_no_parts(text: str) -> None:
    """There is no message without words."""
    assert () == cut(text)


def test_a_short_text_is_one_part() -> None:
    """What fits is left as it is, with its own lines and spaces."""
    assert ("a  b\n\n c",) == cut("a  b\n\n c")


def test_the_limit_is_reached_but_not_passed() -> None:
    """A text of exactly the limit is one part, with one byte more two."""
    assert 1 == len(cut("x" * MAX_BODY_BYTES))
    assert ("x" * MAX_BODY_BYTES, "x") == cut("x" * (MAX_BODY_BYTES + 1))


def test_1500_chinese_characters_make_three_parts() -> None:
    """The limit counts bytes, not characters."""
    parts = cut("你" * 1500)

    assert [666, 666, 168] == [len(part) for part in parts]


def test_a_line_end_is_the_best_place() -> None:
    """A line end in the last third wins over a later space."""
    assert ("aaaa aaaa\nbbbb", "bbbb cccc dddd") == cut("aaaa aaaa\nbbbb\nbbbb cccc dddd", 18)


def test_a_line_end_just_behind_the_last_character_counts() -> None:
    """A line that fills a part to the last byte is not cut before its last word."""
    assert ("aaaa bbbb", "cccc dddd") == cut("aaaa bbbb\ncccc dddd", 9)
    assert ("aaaaaaa\nb", "ccc") == cut("aaaaaaa\nb\nccc", 9)


def test_an_early_line_end_does_not_make_a_short_part() -> None:
    """A line end in the first two thirds is passed over."""
    assert ("a\nbbbbbb bbbb", "bbbb cccc") == cut("a\nbbbbbb bbbb bbbb cccc", 15)


def test_words_stay_whole() -> None:
    """Without a line end the cut is at a space."""
    assert ("alpha beta", "gamma delta") == cut("alpha beta gamma delta", 12)


def test_chinese_is_cut_after_a_phrase() -> None:
    """The mark that ends a phrase stays with it."""
    assert ("你好，我的订单，", "还没有到") == cut("你好，我的订单，还没有到", 28)


def test_a_word_longer_than_a_part_is_cut() -> None:
    """Where there is neither line end nor space, characters are counted."""
    assert ("aaaaaaaaaa", "aaaaaaaaaa", "aaaaa") == cut("a" * 25, 10)


def test_one_character_that_is_too_long_is_cut_between_code_points() -> None:
    """A letter under a tower of marks that no part can hold is cut as far as it fits, and nothing of it is lost."""
    tower = "e" + "\u0301" * 30

    parts = cut(tower, 11)

    assert tower == "".join(parts)
    assert all(size(part) <= 11 for part in parts)


def test_a_character_before_one_that_is_too_long_stands_alone() -> None:
    """What can be kept whole is kept whole."""
    assert "ab" == cut("abe" + "\u0301" * 30, 12)[0]


def test_white_space_alone_never_makes_a_part() -> None:
    """Long stretches of white space vanish at the cuts."""
    assert ("a", "b") == cut("a" + " " * 5000 + "b")


def test_line_ends_of_two_characters_are_not_torn() -> None:
    """Carriage return and line feed go together."""
    assert ("aaaa", "bbbb") == cut("aaaa\r\nbbbb", 5)
    assert not any(re.search(r"\r\Z|\A\n", part) for part in cut("aaaaa\r\nbbbbb\r\nccccc", 7))


def test_half_a_character_is_counted() -> None:
    """A lone surrogate is three bytes long, like what stands in for it."""
    assert ("\ud83d", "\ud83d") == cut("\ud83d\ud83d", 4)


@pytest.mark.parametrize("limit", [-1, 0, 3])
def test_a_part_must_hold_any_character(limit: int) -> None:
    """A limit below four bytes is refused."""
    with pytest.raises(ValueError, match="bytes"):
        cut("x", limit)
