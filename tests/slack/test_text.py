"""mrkdwn becomes readable words, and foreign words stay words."""

from __future__ import annotations

from typing import final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.slack.ids import ChannelId, UserId
from slackkefu.slack.text import clean, escape, mentions, readable
from tests.facts import load

DESK = UserId("U0NORTHBOT")


@final
class SomeNames:
    """Two people and one channel."""

    def user(self, user_id: UserId, /) -> str | None:
        """Know the app and Leo."""
        return {"U0NORTHBOT": "Desk", "U0LEO00001": "Leo\nM."}.get(user_id)

    def channel(self, channel_id: ChannelId, /) -> str | None:
        """Know one channel."""
        return {"C0SUPPORT1": "support"}.get(channel_id)


def read(text: str, *, me: UserId | None = None, emoji: dict[str, str] | None = None) -> str:
    """Read a text with these names."""
    return readable(text, names=SomeNames(), emoji=emoji or {}, me=frozenset() if me is None else frozenset([me]))


# Slack to words.


@pytest.mark.parametrize("me", [None, DESK])
def test_every_form_of_sample_12(me: UserId | None) -> None:
    """Every kind of item, escape and emoji of the sample reads as it is to."""
    sample = load("slack-samples/12-mention-rich-text.json")

    text = read(sample["envelope"]["payload"]["event"]["text"], me=me)

    assert (
        "Hi @Desk, @Leo M. says 3 < 4 && 5 > 4 in #support, see the page (https://example.com/a?b=1&c=2) or "
        "help@example.com @here @agents until 9 Oct 2025 10:53 👍🏼 *bold* `x < y`" == text
    )
    assert all(each in text for each in sample["expect"]["text_contains"])
    assert not any(each in text for each in sample["expect"]["text_must_not_contain"])


@pytest.mark.parametrize(
    "sample",
    ["02-dm-text", "03-public-channel", "04-private-channel", "05-thread-reply", "14-slack-connect", "25-retry"],
)
def test_plain_samples_stay_as_they_are(sample: str) -> None:
    """A text without items and escapes is untouched."""
    loaded = load(f"slack-samples/{sample}.json")
    envelope = loaded.get("envelope") or loaded["envelopes"][0]
    text = envelope["payload"]["event"]["text"]

    assert text == read(text)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("@Desk", "<@U0NORTHBOT>"),
        ("@Desk", "<@U0NORTHBOT|old>"),
        ("@old", "<@U0NOBODY01|old>"),
        ("@W0NOBODY01", "<@W0NOBODY01>"),
        ("@Leo M.", "<@U0LEO00001>"),
        ("#support", "<#C0SUPPORT1>"),
        ("#help &", "<#C0SUPPORT1|help &amp;>"),
        ("#C0SECRET01", "<#C0SECRET01|>"),
        ("@here", "<!here>"),
        ("@channel", "<!channel|@channel>"),
        ("@everyone", "<!everyone>"),
        ("@agents", "<!subteam^S0AGENTS01|@agents>"),
        ("@S0AGENTS01", "<!subteam^S0AGENTS01>"),
        ("9 Oct", "<!date^1760003600^{date}|9 Oct>"),
        ("9 Oct (https://a.example/?b=1&c)", "<!date^1760003600^{date}^https://a.example/?b=1&amp;c|9 Oct>"),
        ("2025-10-09 09:53 UTC", "<!date^1760003600^{date}>"),
        ("999999999999", "<!date^999999999999^{date}>"),
        ("label", "<!future^thing|label>"),
        ("future^thing", "<!future^thing>"),
    ],
)
def test_items_read_as_names(expected: str, text: str) -> None:
    """Mentions, channels, groups, broadcasts and dates show what a reader of Slack sees."""
    assert expected == read(text)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("https://a.example/x", "<https://a.example/x>"),
        ("https://a.example/?b=1&c=2", "<https://a.example/?b=1&amp;c=2>"),
        ("https://a.example/?x=&lt;", "<https://a.example/?x=&amp;lt;>"),
        ("the page (https://a.example/)", "<https://a.example/|the page>"),
        ("http://a.example", "<http://a.example|a.example>"),
        ("http://a.example/", "<http://a.example/|a.example>"),
        ("http://a.example", "<http://a.example|http://a.example/>"),
        ("http://bank.example (http://evil.example)", "<http://evil.example|http://bank.example>"),
        ("help@a.example", "<mailto:help@a.example|help@a.example>"),
        ("write (help@a.example)", "<mailto:help@a.example|write>"),
        ("+49123", "<tel:+49123|+49123>"),
        ("call (+49123)", "<tel:+49123|call>"),
        ("slack://open", "<slack://open>"),
        ("yes 🎉 (https://a.example/:tada:)", "<https://a.example/:tada:|yes :tada:>"),
        ("a|b (https://a.example)", "<https://a.example|a|b>"),
    ],
)
def test_links_show_their_address(expected: str, text: str) -> None:
    """A link is its label and its address, or the address alone where the label repeats it."""
    assert expected == read(text)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("<!channel> <@U0LEO00001>", "&lt;!channel&gt; &lt;@U0LEO00001&gt;"),
        ("&lt; &amp;", "&amp;lt; &amp;amp;"),
        ("a < b", "a < b"),
        ("<https://a.example", "<https://a.example"),
        ("<@U0LEO00001 https://a.example", "<@U0LEO00001 <https://a.example>"),
        ("<b>bold</b>", "<b>bold</b>"),
        ("<>", "<>"),
        ("&nbsp;&quot;", "&nbsp;&quot;"),
    ],
)
def test_words_are_unescaped_once(expected: str, text: str) -> None:
    """What a person typed is read as typed, and a bracket that is no item is a bracket."""
    assert expected == read(text)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("`:tada:` 🎉", "`:tada:` :tada:"),
        ("```\n:x: = 1 < 2\n``` ❌", "```\n:x: = 1 &lt; 2\n``` :x:"),
        ("`see https://a.example`", "`see <https://a.example>`"),
        ("`open 🎉", "`open :tada:"),
        ("*bold* _it_ ~no~\n> quote", "*bold* _it_ ~no~\n&gt; quote"),
        ("a `b` (https://a.example) ❌ `", "<https://a.example|a `b`> :x: `"),
    ],
)
def test_formatting_stays_and_code_is_code(expected: str, text: str) -> None:
    """Marks are kept as typed; inside code a colon is a colon."""
    assert expected == read(text)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("can I get a human?", "<@U0NORTHBOT> can I get a human?"),
        ("hi", " <@U0NORTHBOT|desk>: hi"),
        ("你好", "<@U0NORTHBOT>，你好"),
        ("hi", "<@U0NORTHBOT>, <@U0NORTHBOT> hi"),
        ("🎉", "<@U0NORTHBOT>:tada:"),
        ("", "<@U0NORTHBOT>"),
        ("", "<@U0NORTHBOT>:"),
        ("ask @Desk", "ask <@U0NORTHBOT>"),
        ("@Leo M. and @Desk", "<@U0LEO00001> and <@U0NORTHBOT>"),
        ("<@U0NORTHBOT> hi", "&lt;@U0NORTHBOT&gt; hi"),
    ],
)
def test_the_app_s_own_name_at_the_beginning_is_left_out(expected: str, text: str) -> None:
    """The agent reads the words, not whom they were called to; elsewhere the name stays."""
    assert expected == read(text, me=DESK)


def test_the_app_s_own_name_stays_unless_asked() -> None:
    """Without the app's id nothing is left out."""
    assert "@Desk hi" == read("<@U0NORTHBOT> hi")


def test_the_blocks_explain_emoji() -> None:
    """Characters from the message's blocks are used."""
    assert "🦄" == read(":wonder:", emoji={"wonder": "🦄"})


@given(st.text())
def test_words_escaped_are_read_back(text: str) -> None:
    """Escaping and reading are each other's reverse for words without codes."""
    if ":" not in text:
        assert clean(text).strip() == read(escape(text))


@given(st.text(alphabet="<>@#!|&lt;gamp:UC01`~^ /x\n", max_size=80))
def test_any_text_is_read(text: str) -> None:
    """Nothing raises, and what comes out can be sent as UTF-8."""
    read(text, me=DESK).encode()
    mentions(text)


# Mentions.


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (set(), ""),
        ({"U0NORTHBOT"}, "<@U0NORTHBOT> hi"),
        ({"U0NORTHBOT", "W0NINA0001"}, "a <@U0NORTHBOT|desk>,<@W0NINA0001>"),
        (set(), "&lt;@U0NORTHBOT&gt;"),
        (set(), "@U0NORTHBOT <@U0NORTHBOT"),
        (set(), "<https://a.example/<@x|U0NORTHBOT>"),
        (set(), "<https://a.example|@U0NORTHBOT>"),
        (set(), "<#C0SUPPORT1> <!here> <@u0northbot>"),
    ],
)
def test_mentions_are_found(expected: set[str], text: str) -> None:
    """Only a real mention counts, wherever it stands."""
    assert expected == mentions(text)


# Words to Slack.


def test_the_sample_with_control_sequences_is_defused() -> None:
    """What an agent wrote can ping nobody."""
    written = load("kefu-samples/text-slack-control-sequences.json")["body"]["msg"]

    assert "大家好 &lt;!channel&gt; &lt;@U0BBBBBB1&gt; &lt;https://evil.example|点我&gt;" == escape(written)


@given(st.text())
def test_nothing_escaped_can_act(text: str) -> None:
    """No bracket is left, and every ampersand begins one of Slack's three escapes."""
    escaped = escape(text)

    assert not set("<>") & set(escaped)
    assert all(rest.startswith(("amp;", "lt;", "gt;")) for rest in escaped.split("&")[1:])
    assert not mentions(escaped)
    escaped.encode()


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("a\nb\nc\td", "a\r\nb\rc\td"),
        ("ab", "a\x00\x07\x1b\x7fb"),
        ("a\ufffdb", "a\ud83db"),
        ("\u202eabc", "\u202eabc"),
    ],
)
def test_what_no_message_can_carry_is_taken_out(expected: str, text: str) -> None:
    """Line ends are made alike, control characters vanish, half a character is replaced; the rest stays."""
    assert expected == clean(text)
