"""Whatever is typed behind the command is a wish."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.deeds.wishes import Wish, wish_of
from slackkefu.bridge.sentences import WISHED


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (Wish.HELP, ""),
        (Wish.HELP, "help"),
        (Wish.HELP, "make me a coffee"),
        (Wish.HUMAN, "human"),
        (Wish.HUMAN, "  HUMAN \t"),
        (Wish.HUMAN, "转人工"),
        (Wish.RATE, "Rate"),
        (Wish.STATUS, "status\n"),
        (Wish.END, "end"),
        (Wish.NOTE, "leave-a-note"),
        (Wish.NOTE, "Leave  a Note"),
        (Wish.NOTE, "leave_a_note"),
        (Wish.NOTE, " 留言 "),
        (Wish.HELP, "帮助"),
        (Wish.STATUS, "状态"),
        (Wish.END, "结束"),
        (Wish.RATE, "评价"),
        # The example of facts/slack-samples: words that are no wish.
        (Wish.HELP, "talk to a human"),
    ],
)
def test_a_wish(expected: Wish, text: str) -> None:
    """Any case, any spaces, either language; all else is a wish for help."""
    assert expected is wish_of(text)


def test_every_wish_has_its_word() -> None:
    """Each can be typed in English and in Chinese."""
    assert {*Wish} == {wish_of(wish.value) for wish in Wish}
    assert {*Wish} == {wish_of(word) for word in WISHED}


@given(st.text())
def test_any_text_is_a_wish(text: str) -> None:
    """Nothing that can be typed is an error."""
    assert isinstance(wish_of(text), Wish)
