"""Emoji codes become characters, and nothing else does."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.slack.emoji import emojize
from slackkefu.slack.emoji_names import NAMES


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("🎉", ":tada:"),
        ("👍", ":+1:"),
        ("👎", ":-1:"),
        ("👍", ":thumbsup:"),
        ("a 🎉 b", "a :tada: b"),
        ("🎉🎉", ":tada::tada:"),
        ("好的👍谢谢", "好的:+1:谢谢"),
        ("done:🎉", "done::tada:"),
        ("10:30🎉", "10:30:tada:"),
        ("hello🎉", "hello:tada:"),
        ("🎉hello", ":tada:hello"),
        ("💯", ":100:"),
    ],
)
def test_a_known_name_becomes_its_character(expected: str, text: str) -> None:
    """Emoji stand alone, in a row, beside Chinese, or at one end of a word."""
    assert expected == emojize(text, {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10:30:45",
        "at 10:100:45",
        "a:b:c",
        "urn:book:1",
        "::",
        ":::",
        ": tada :",
        ":company-logo:",
        ":flag-xx:",
        ":tada",
        "tada:",
        ":Tada:",
        ":" + "a" * 101 + ":",
    ],
)
def test_other_colons_are_left_alone(text: str) -> None:
    """Times, addresses, a workspace's own emoji and unknown names stay as they were written."""
    assert text == emojize(text, {})


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("🇩🇪", ":flag-de:"),
        ("🇨🇩", ":flag-cd:"),
        ("🇩🇪", ":de:"),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", ":flag-england:"),
        ("🤷‍♂️", ":man-shrugging:"),
        ("👩‍💻", ":female-technologist:"),
        ("🧙‍♂️", ":male_mage:"),
        ("👨‍👩‍👧‍👦", ":man-woman-girl-boy:"),
        ("👩‍❤️‍👨", ":woman-heart-man:"),
        ("👩‍❤️‍💋‍👩", ":woman-kiss-woman:"),
        ("🟢", ":large_green_circle:"),
        ("🏳️‍🌈", ":rainbow-flag:"),
    ],
)
def test_slack_s_spelling_is_understood(expected: str, text: str) -> None:
    """Names that Slack builds by its own rules find their characters."""
    assert expected == emojize(text, {})


@pytest.mark.parametrize(("name", "character"), NAMES.items())
def test_slack_s_own_names(name: str, character: str) -> None:
    """A name the library lacks, or gives to another picture, shows Slack's."""
    assert character == emojize(f":{name}:", {})


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("👍🏼", ":+1::skin-tone-3:"),
        ("👩🏿‍💻", ":female-technologist::skin-tone-6:"),
        ("✌🏻", ":v::skin-tone-2:"),
        ("🎉🏼", ":tada::skin-tone-3:"),
        ("👍:skin-tone-1:", ":+1::skin-tone-1:"),
        ("👍 🏼", ":+1: :skin-tone-3:"),
        (":company-logo:🏼", ":company-logo::skin-tone-3:"),
    ],
)
def test_a_second_code_gives_the_skin_tone(expected: str, text: str) -> None:
    """The tone colours the person; what takes none is followed by the tone's swatch, as in Slack."""
    assert expected == emojize(text, {})


@pytest.mark.parametrize(
    ("expected", "text", "known"),
    [
        ("🦄", ":wonder:", {"wonder": "🦄"}),
        ("🦄", ":tada:", {"tada": "🦄"}),
        ("a🎉b", "a:tada:b", {"tada": "🎉"}),
        ("👍🏼", ":+1::skin-tone-3:", {"+1": "👍🏼"}),
        ("👍🏼 👍🏿", ":+1::skin-tone-3: :+1::skin-tone-6:", {"+1": "👍🏿"}),
        ("👍🏼", ":+1::skin-tone-3:", {"+1": "👍"}),
        ("👍🏼", ":+1::skin-tone-3:", {"+1": "👍", "+1::skin-tone-3": "👍🏼"}),
        ("a🧑🏼b", "a:wonder::skin-tone-3:b", {"wonder::skin-tone-3": "🧑🏼"}),
        (":wonder:", ":wonder:", {"wonder::skin-tone-3": "🧑🏼"}),
    ],
)
def test_the_message_s_own_word_comes_first(expected: str, text: str, known: dict[str, str]) -> None:
    """What the blocks say about a code wins, also between two words; a tone is not put on twice."""
    assert expected == emojize(text, known)


@given(st.text(alphabet=":+1tadskin-o2379_ ab你", max_size=60))
def test_text_around_codes_is_never_lost(text: str) -> None:
    """Without any colon pair nothing changes, and what is outside of codes stays."""
    result = emojize(text, {})

    assert [each for each in text if each in "你 "] == [each for each in result if each in "你 "]
    if text.count(":") < 2:
        assert text == result


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    """No text stops it, and a second pass over what has no codes changes nothing."""
    if ":" not in text:
        assert text == emojize(text, {})
    else:
        emojize(text, {})


def test_the_library_is_loaded_on_first_need_only() -> None:
    """A daemon whose messages explain their own emoji does without 10 MB."""
    script = (
        "import sys\n"
        "from slackkefu.slack.emoji import emojize\n"
        "emojize(':wonder: at 10:30:45 :+1::skin-tone-3:', {'wonder': 'x', '+1::skin-tone-3': 'y'})\n"
        "assert 'emoji' not in sys.modules\n"
        "emojize(':tada:', {})\n"
        "assert 'emoji' in sys.modules\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own interpreter

    assert "" == done.stderr
    assert 0 == done.returncode
