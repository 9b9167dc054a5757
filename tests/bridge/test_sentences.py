"""Every sentence of the bridge's own is there in both languages, and says when the message was written."""

from __future__ import annotations

import string

import pytest

from slackkefu.bridge.sentences import _WORDS, Sentence, late, say, when
from slackkefu.slack.ids import Ts

WHEN = when(Ts("1760000000.000100"))


@pytest.mark.parametrize("sentence", Sentence)
def test_every_sentence_is_there_in_both_languages(sentence: Sentence) -> None:
    """Both say the same: they name the same facts."""
    words = _WORDS[sentence]
    fields = {
        language: {name for _, name, *_ in string.Formatter().parse(text) if name} for language, text in words.items()
    }

    assert {"zh-CN", "en-US"} == set(words)
    assert fields["zh-CN"] == fields["en-US"]


def test_the_reader_s_language() -> None:
    """One language where it is known, both where it is not, Chinese first."""
    chinese = say(Sentence.NOT_ARRIVED, locale="zh-TW", when=WHEN)
    english = say(Sentence.NOT_ARRIVED, locale="fr-FR", when=WHEN)

    assert "没有送达客服" in chinese
    assert "did not reach" in english
    assert f"{chinese}\n{english}" == say(Sentence.NOT_ARRIVED, locale="", when=WHEN)


def test_when_it_was_written() -> None:
    """Slack shows each reader their own time; one that cannot shows ours. A name that is no time is shown as it is."""
    assert "<!date^1760000000^{date_short_pretty} {time}|2025-10-09 08:53 UTC>" == WHEN
    assert "&lt;!channel&gt;" == when(Ts("<!channel>"))


def test_late() -> None:
    """The line for agents speaks both languages, and has the same length for every time."""
    assert "[补发 Late · 2026-11-26 09:41 UTC]" == late(1_795_686_060.0)
    assert len(late(0.0)) == len(late(9_999_999_999.0))
