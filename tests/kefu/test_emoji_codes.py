"""kefu's emoji codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.kefu.emoji_codes import CODES, decode

IN_ORDER = (
    "[):] [:D] [;)] [:-o] [:p] [(H)] [:@] [:s] [:$] [:(] [:'(] [:|] [(a)] [8o|] [8-|] [+o(] [<o)] [|-)] [*-)] [:-#] "
    "[:-*] [^o)] [8-)] [(|)] [(u)] [(S)] [(*)] [(#)] [(R)] [({)] [(})] [(k)] [(F)] [(W)] [(D)]"
)
"""As listed in facts/kefu.md §2.2."""


def test_the_codes_are_those_of_the_official_clients() -> None:
    """All 35, in their order, each with a picture of its own."""
    assert IN_ORDER.split() == list(CODES)
    assert 35 == len(CODES) == len(set(CODES.values()))


@pytest.mark.parametrize(("code", "character"), CODES.items())
def test_each_code_is_decoded(code: str, character: str) -> None:
    """A code is found between any words."""
    assert f"a{character}{character}你" == decode(f"a{code}{code}你")


@pytest.mark.parametrize("text", ["", "[]", "[(zz)]", "[:d]", "[ :D]", ":D", "[[:", "a[0]", "[(A)]"])
def test_other_brackets_stay(text: str) -> None:
    """What is no code of the list stays as written, in its own case."""
    assert text == decode(text)


@given(st.lists(st.sampled_from([*CODES, "[", "]", "x", "("]), max_size=20))
def test_no_code_is_left(pieces: list[str]) -> None:
    """After decoding none of the codes is in the text."""
    assert not any(code in decode("".join(pieces)) for code in CODES)
