"""Every sentence of the bridge's own is there in both languages, and says when the message was written."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

import slackkefu
from slackkefu.bridge.sentences import _WORDS, Sentence, label, say, when
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


def test_a_label_is_on_one_line() -> None:
    """A button has no room for a second one."""
    both = label(Sentence.NOT_ARRIVED, locale="")

    assert " / " in both
    assert "\n" not in both
    assert both.endswith(label(Sentence.NOT_ARRIVED, locale="en-US"))


CATALOGUES = {"bridge/agent_lines.py", "bridge/sentences.py", "kefu/wording.py"}


def test_no_other_module_speaks_chinese() -> None:
    """What people read is in three catalogues, and nowhere else: no literal of another module holds Chinese words."""
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
