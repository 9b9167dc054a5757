"""``slackkefu init`` in a terminal: it says where each answer is found, and asks until it has one."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import slackkefu
from slackkefu.cli.main import main
from slackkefu.config import load
from slackkefu.keys import BY_NAME
from slackkefu.secret import Secret
from tests.cli.test_init import ANSWERS, good

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

ROOT = Path(slackkefu.__file__).parent.parent

ALL = ["xapp-hidden", "one", "xoxb-hidden", "shop#desk", "client", 'hidden"\\too', "n", "Desk_1", "n", ""]
"""What somebody types who has one workspace, and whom the defaults suit."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let each test begin in an empty folder, and in a terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("slackkefu.cli.init.is_terminal", lambda: True)
    return tmp_path


def typed(*lines: str, arguments: tuple[str, ...] = ()) -> Result:
    """Call the program, and type *lines*; then the input ends."""
    environ = {"SLACKKEFU_CONFIG": None, "COLUMNS": "100"}
    return CliRunner().invoke(main, ["init", *arguments], input="".join(f"{line}\n" for line in lines), env=environ)


def test_all_that_is_needed_is_asked(folder: Path) -> None:
    """From an empty folder: each question says where its answer is found, in the words of the file."""
    result = typed(*ALL)

    assert (result.exit_code, result.stderr) == (0, "")
    good(folder / "config.toml")
    shown = " ".join(result.output.split())
    asked = {*ANSWERS, "store.path"}
    assert [name for name in asked if " ".join(BY_NAME[name].doc.split()) not in shown] == []
    assert "hidden" not in result.output


def test_a_wrong_answer_is_named_and_asked_again(folder: Path) -> None:
    """The wrong kind of token, a broken paste and an empty line are told, and the question comes again."""
    wrong = ["xoxb-hidden", "", "xapp-\x1b[200~hidden", "hidden", "xapp-hidden", "some", "one", "xapp-hidden", *ALL[2:]]
    result = typed(*wrong)

    assert result.exit_code == 0
    good(folder / "config.toml")
    said = [line for line in result.output.splitlines() if line.startswith("Found")]
    assert ["Found a bot token", "Found a text", "Found another text", "Found an app-level token"] == [
        line.partition(";")[0] for line in said
    ]
    assert "expected an app-level token, xapp-…, from the app's page, Basic Information, App-Level Tokens." in said[0]
    assert "hidden" not in result.output


def test_blanks_around_an_answer_do_not_count(folder: Path) -> None:
    """What is pasted often has some."""
    lines = [line if line in {"one", "n"} else f"  {line} " for line in ALL]

    assert typed(*lines).exit_code == 0
    good(folder / "config.toml")


def test_many_workspaces_and_addresses(folder: Path) -> None:
    """Many workspaces need the client's id and secret; addresses are asked for only where there are some."""
    lines = ["xapp-hidden", "many", "1.2", "hidden", "shop#desk", "client", "hidden", "y"]
    lines += ["http://a1.easemob.com", "https://a1.easemob.com", "", "desk", "y", "http://proxy:3128", "", "state"]
    result = typed(*lines)
    config = load(folder / "config.toml", {"HOME": "/h"})

    assert result.exit_code == 0
    assert ("1.2", Secret("hidden"), None) == (
        config.slack.client_id,
        config.slack.client_secret,
        config.slack.bot_token,
    )
    assert ("https://a1.easemob.com", "") == (config.easemob.rest_url, config.easemob.websocket_url)
    assert folder / "state" == config.store.path
    assert config.network.proxy is not None
    assert "Found http:// to another machine" in result.output
    assert "slackkefu install" in result.output


def test_what_is_answered_is_not_asked(folder: Path) -> None:
    """Flags and the environment answer questions too; the explanation that two keys share is shown all the same."""
    given = ("--set", "slack.app_token=xapp-hidden", "--set", "slack.bot_token=", "--set", "easemob.client_id=client")
    result = typed("shop#desk", "hidden", "n", "desk", "n", "", arguments=given)

    assert result.exit_code == 0
    assert "slack.app_token:" not in result.output
    assert BY_NAME["easemob.client_id"].doc in result.output


def test_nothing_is_asked_where_an_answer_is_wrong(folder: Path) -> None:
    """A wrong flag is told before anybody has answered a dozen questions; ``--no-input`` asks nothing at all."""
    for arguments in (("--set", "slack.app_token=hidden"), ("--no-input",)):
        result = typed(*ALL, arguments=arguments)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert [] == list(folder.iterdir())


@pytest.mark.parametrize("answered", range(len(ALL)))
def test_an_end_of_the_input_writes_nothing(folder: Path, answered: int) -> None:
    """Whoever stops in the middle leaves nothing behind."""
    result = typed(*ALL[:answered])

    assert result.exit_code == 2
    assert "slackkefu: config.toml was not written: it was broken off." in result.stderr
    assert [] == list(folder.iterdir())


# In a real terminal.


class Terminal:
    """``slackkefu init`` at the other end of a pseudo-terminal."""

    def __init__(self, config: Path) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.in_a_terminal"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=ROOT,
            env=os.environ | {"SLACKKEFU_CONFIG": str(config)},
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    def answer(self, question: str, line: str) -> None:
        """Wait for *question*, and type *line*."""
        self.see(question)
        os.write(self._ours, f"{line}\n".encode())

    def see(self, words: str) -> None:
        """Wait until *words* are shown after what was seen before."""
        seen = ""
        while words not in seen:
            seen += (piece := self._read())
            assert piece, self.shown

    def end(self) -> int:
        """Return how the program ended, when it has."""
        while self._read():
            pass
        return self.process.wait()

    def close(self) -> None:
        """End it, if it has not."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def _read(self) -> str:
        try:
            piece = os.read(self._ours, 4096).decode(errors="replace")
        except OSError:  # how Linux tells that nobody is left at the other end
            piece = ""
        self.shown += piece
        return piece


@pytest.fixture
def terminal(folder: Path) -> Iterator[Terminal]:
    """Start it in a terminal."""
    made = Terminal(folder / "config.toml")
    yield made
    made.close()


def test_secrets_do_not_show_in_a_terminal(terminal: Terminal, folder: Path) -> None:
    """The terminal shows what is typed, but no secret."""
    labels = ["slack.app_token:", "one or many", "slack.bot_token:", "easemob.app_key:", "easemob.client_id:"]
    labels += ["easemob.client_secret:", "own addresses", "kefu.service_number:", "proxy [y/N]", "store.path"]
    for label, line in zip(labels, ALL, strict=True):
        terminal.answer(label, line)

    assert terminal.end() == 0
    good(folder / "config.toml")
    assert "shop#desk" in terminal.shown
    assert "hidden" not in terminal.shown


def test_ctrl_c_leaves_nothing(terminal: Terminal, folder: Path) -> None:
    """Ctrl-C at a hidden question ends it with one line, and the terminal shows again what is typed."""
    terminal.answer("slack.app_token:", "xapp-hidden")
    terminal.answer("one or many", "one")
    terminal.answer("slack.bot_token:", "\x03")

    assert terminal.end() == 2
    assert "was not written: it was broken off." in terminal.shown
    assert "Traceback" not in terminal.shown
    assert [] == list(folder.iterdir())
