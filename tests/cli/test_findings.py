"""Findings of the doctor on paper."""

from __future__ import annotations

import json

import pytest

from slackkefu.cli.findings import Printed, print_hosts
from slackkefu.doctor.report import ok

ODD = "North\x1b[31m\nfailure  all: is lost\u202e\ud800"
"""A name that an admin chose: it colours, begins a line, turns the direction of writing, and is no text at all."""


def test_others_words_stay_words(capsys: pytest.CaptureFixture[str]) -> None:
    """A workspace's name moves no cursor and makes no line of its own."""
    printed = Printed(as_json=False)
    printed.tell(ok("slack.installation", f"{ODD} (T1): its bot token works", about=ODD))
    (line,) = capsys.readouterr().out.removesuffix("\n").split("\n")

    assert line.isprintable()
    assert "North" in line


def test_others_words_keep_the_document_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Half a character in a name costs nobody the document."""
    printed = Printed(as_json=True)
    printed.tell(ok("slack.installation", f"{ODD} (T1): its bot token works"))
    printed.finish()
    (finding,) = json.loads(capsys.readouterr().out.encode())["findings"]

    assert finding["says"].isprintable()


@pytest.mark.parametrize("as_json", [False, True])
def test_others_words_about_hosts(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Why a list is not whole may repeat somebody's words, too."""
    print_hosts([], f"Easemob answered {ODD}", as_json=as_json)
    shown = capsys.readouterr()

    assert "\x1b" not in shown.out + shown.err
    assert 1 >= len(shown.err.splitlines())
    assert "Easemob answered North" in (shown.out.encode() + shown.err.encode()).decode()
