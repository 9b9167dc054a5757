"""The README is true: each command in it is run here as it is printed, and each test it names exists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

DEMO = "python3 -m venv .venv && .venv/bin/pip install '.[demo]' && .venv/bin/slackkefu demo"
ALL = "tests/run"
MANIFEST = "slackkefu manifest"
INIT = "slackkefu init"
INSTALL = "slackkefu install"
CHECK = "slackkefu check"
RUN = "slackkefu run"
HOSTS = "slackkefu check --hosts"

CONVERSATION = "mia: where is my order?\nleo: one latte, please\nagent mia: on its way\nagent leo: coming up\n"


def commands() -> list[str]:
    """Return every command that the README prints."""
    blocks = re.findall(r"(?m)^(?: {4}| {7})(?=\S)(.+)$", README)
    return [line.strip() for line in blocks]


def test_every_command_is_tried_here() -> None:
    """
    A command that is added to the README is tried below, or in the walk through all steps.

    The walk is `tests/daemon/test_from_an_empty_folder.py`; `tests/run` is what runs all this.
    """
    assert [DEMO, ALL, MANIFEST, INIT, INSTALL, CHECK, RUN, HOSTS] == commands()


@pytest.mark.timeout(300)
def test_the_demo_works_as_printed(tmp_path: Path) -> None:
    """In a fresh copy, with nothing installed, the printed line installs the demo and carries a conversation."""
    copy = tmp_path / "checkout"
    skipped = shutil.ignore_patterns(".venv", "node_modules", ".git", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, copy, ignore=skipped)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    done = subprocess.run(  # noqa: S602 - it is a shell's line
        DEMO, shell=True, cwd=copy, env=environ, input=CONVERSATION, capture_output=True, text=True, check=False
    )

    assert 0 == done.returncode, done.stderr
    for words in ("desk  Mia (North)  where is my order?", "desk  Leo (North)  one latte, please"):
        assert words in done.stdout
    for words in ("Slack to Mia (direct message)  on its way", "Slack to Leo (#help, in the thread)  coming up"):
        assert words in done.stdout


@pytest.mark.parametrize("line", [CHECK, RUN])
def test_commands_name_what_is_missing(tmp_path: Path, line: str) -> None:
    """With the example configuration as it is, both commands name every key that has to be filled in."""
    shutil.copy(ROOT / "config.example.toml", tmp_path / "config.toml")
    command = [sys.executable, "-m", *line.split()]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SLACKKEFU_")}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)  # noqa: S603

    assert 3 == done.returncode
    for key in ("slack.app_token", "easemob.client_id", "easemob.client_secret", "kefu.service_number"):
        assert key in done.stdout + done.stderr


def test_every_named_test_exists() -> None:
    """Each test that the README names beside a sentence is there."""
    named = re.findall(r"`((?:\w+/)+test_\w+\.py)(?:::(\w+))?`", README)

    assert named
    for path, function in named:
        assert f"def {function}" in (ROOT / "tests" / path).read_text(encoding="utf-8")
