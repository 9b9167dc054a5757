"""A command whose input or output is not what it hoped for."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_install import CONFIG

if TYPE_CHECKING:
    from pathlib import Path


def slackkefu(folder: Path, words: str, *, typed: bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell's line in a folder that has a configuration for OAuth."""
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    line = f'"{sys.executable}" -m slackkefu {words}'
    path = os.pathsep.join(sys.path)
    environ = {**os.environ, "PYTHONPATH": path, **environ}
    return subprocess.run(  # noqa: S603 - our own command
        ["/bin/sh", "-c", line], cwd=folder, input=typed, capture_output=True, check=False, env=environ
    )


@pytest.mark.parametrize("command", ["init --config new.toml", "install", "visitors forget T0NORTH001 U0MIA"])
def test_a_closed_input_is_an_empty_one(tmp_path: Path, command: str) -> None:
    """A command that could ask, started without any input, says what it needs."""
    done = slackkefu(tmp_path, f"{command} <&-")

    assert 2 == done.returncode, done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["install", "install --answer -"])
def test_bytes_that_are_no_text(tmp_path: Path, command: str) -> None:
    """A file of another kind is no answer, and is told so."""
    done = slackkefu(tmp_path, command, typed=b"\xff\xfe\xfa", PYTHONIOENCODING="utf-8:strict")

    assert 2 == done.returncode, done.stderr
    assert b"This is not the address" in done.stderr


def test_letters_that_the_terminal_has_not(tmp_path: Path) -> None:
    """What cannot be shown is escaped, and ends nothing."""
    done = slackkefu(tmp_path, "install --help", PYTHONIOENCODING="latin-1")

    assert 0 == done.returncode, done.stderr
    assert rb"T\u2026" in done.stdout


@pytest.mark.parametrize("command", ["manifest", "install --link", "check --offline"])
def test_an_output_that_is_full(tmp_path: Path, command: str) -> None:
    """It is told in a line, and is no fault of ours."""
    done = slackkefu(tmp_path, f"{command} >/dev/full")

    assert 2 == done.returncode, done.stderr
    assert b"full" in done.stderr
    assert b"Traceback" not in done.stderr
