"""Every sentence of the bridge's own is there in both languages, and says when the message was written."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

import slackkefu
from slackkefu.bridge.sentences import _WORDS, Sentence, deleted, edited, label, late, say, source, when, written
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


def test_a_label_is_on_one_line() -> None:
    """A button has no room for a second one."""
    both = label(Sentence.NOT_ARRIVED, locale="")

    assert " / " in both
    assert "\n" not in both
    assert both.endswith(label(Sentence.NOT_ARRIVED, locale="en-US"))


CATALOGUES = {"bridge/sentences.py", "kefu/wording.py"}


def test_no_other_module_speaks_chinese() -> None:
    """What people read is in the two catalogues, and nowhere else: no literal of another module holds Chinese words."""
    root = Path(slackkefu.__file__).parent
    modules = [path for part in ("bridge", "kefu", "slack") for path in sorted((root / part).rglob("*.py"))]
    speaking = {str(path.relative_to(root)) for path in modules if any(map(_is_chinese, _literals(path)))}

    assert CATALOGUES == speaking


def _literals(path: Path) -> list[str]:
    """Return the strings of a module that are not docstrings."""
    tree = ast.parse(path.read_text())
    docstrings = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    return [
        each.value
        for each in ast.walk(tree)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and id(each) not in docstrings
    ]


def _is_chinese(literal: str) -> bool:
    return re.search("[\u4e00-\u9fff]", literal) is not None


def test_what_agents_are_told_of_changes() -> None:
    """One line in both languages: which message, and of a deleted one nothing else."""
    ts = Ts("1760000000.000001")

    assert "[更正 Edited · 2025-10-09 08:53 UTC]" == edited(ts)
    assert "2025-10-09 08:53 UTC" == written(ts)
    assert 2 == deleted(ts).count("2025-10-09 08:53 UTC")
    assert "[更正 Edited · no time]" == edited(Ts("no time"))
    assert len(deleted(Ts("x" * 1000))) < 200


@pytest.mark.parametrize(
    ("kind", "name", "title"),
    [
        ("im", "D1", "Slack · 私信 Direct message"),
        ("mpim", "mpdm", "Slack · 群聊 Group conversation"),
        ("channel", "support", "Slack · #support"),
        ("", "support", "Slack · #support"),
    ],
)
def test_where_somebody_writes(kind: str, name: str, title: str) -> None:
    """A channel by its name, other conversations by what they are."""
    assert title == source(kind, name)
