"""``slackkefu manifest`` as a person meets it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import slackkefu
from slackkefu.slack.manifest import manifest
from tests.cli.test_main import call
from tests.slack.manifest_schema import problem_of

ROOT = Path(slackkefu.__file__).parent.parent
"""Where ``python -m slackkefu`` is the program under test."""

REDIRECT = "https://localhost:18443/slack/oauth_redirect"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let each test begin in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(*arguments: str, **environ: str) -> Any:
    """Return the manifest that is printed, which Slack takes."""
    result = call("manifest", *arguments, **environ)
    assert (result.exit_code, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert problem_of(document) == ""
    return document


def test_it_needs_nothing() -> None:
    """In an empty folder the manifest is printed, and nothing else."""
    assert manifest(redirect_url=REDIRECT) == printed()


def test_yaml_says_the_same() -> None:
    """Slack takes either form, and both say the same."""
    result = call("manifest", "--format", "yaml", "--name", "客服: #1")

    assert result.exit_code == 0
    assert printed("--name", "客服: #1") == yaml.safe_load(result.stdout)


def test_flags() -> None:
    """Names, organisations, rotation and the redirect address are the operator's."""
    made = printed(
        "--org", "--rotation", "--name", " 客服 ", "--bot-name", "desk", "--redirect-url", "https://a.example/b"
    )

    assert made == manifest(
        redirect_url="https://a.example/b", name="客服", bot_name="desk", org_deploy=True, token_rotation=True
    )


def test_the_configuration_says_where_to(folder: Path) -> None:
    """``slack.redirect_url`` counts wherever it is said, also in a file that nothing else is in yet."""
    (folder / "config.toml").write_text('[slack]\nredirect_url = "https://a.example/file"\n', encoding="utf-8")

    assert ["https://a.example/file"] == printed()["oauth_config"]["redirect_urls"]
    from_environment = printed(SLACKKEFU_SLACK_REDIRECT_URL="https://a.example/environment")
    assert ["https://a.example/environment"] == from_environment["oauth_config"]["redirect_urls"]
    flag = printed("--redirect-url", "https://a.example/flag")
    assert ["https://a.example/flag"] == flag["oauth_config"]["redirect_urls"]


def test_the_environment_is_enough() -> None:
    """Without any file the variable counts."""
    made = printed(SLACKKEFU_SLACK_REDIRECT_URL="https://a.example/environment")

    assert ["https://a.example/environment"] == made["oauth_config"]["redirect_urls"]


def test_a_wrong_configuration_is_told(folder: Path) -> None:
    """A file that was named has to be there; one that is there has to be readable; the one key has to be right."""
    missing = call("manifest", "--config", folder / "other.toml")
    assert (missing.exit_code, missing.stdout) == (3, "")
    assert "other.toml" in missing.stderr

    (folder / "config.toml").write_text('[slack]\nredirect_url = "http://localhost/"\n', encoding="utf-8")
    wrong = call("manifest")
    assert (wrong.exit_code, wrong.stdout) == (3, "")
    assert "slack.redirect_url: found an address that does not begin with https://" in wrong.stderr

    variable = call("manifest", SLACKKEFU_SLACK_REDIRECT_URL="ftp://a")
    assert variable.exit_code == 3
    assert "$SLACKKEFU_SLACK_REDIRECT_URL" in variable.stderr


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--name", "x" * 36, "one line of at most 35 characters"),
        ("--name", "", "one line of at most 35 characters"),
        ("--name", "two\nlines", "one line of at most 35 characters"),
        ("--name", "bell\a", "one line of at most 35 characters"),
        ("--bot-name", "x" * 81, "one line of at most 80 characters"),
        ("--redirect-url", "http://localhost:1/", "does not begin with https://"),
        ("--redirect-url", "https://localhost:1/#top", "a fragment (#)"),
        ("--redirect-url", "https://a b/", "a space or control character"),
        ("--redirect-url", "https://a/" + "b" * 2500, "more than 2500 characters"),
        ("--format", "toml", "'toml' is not one of"),
    ],
)
def test_a_wrong_flag_is_told(option: str, value: str, said: str) -> None:
    """What Slack would refuse is refused here, and nothing is printed to be pasted."""
    result = call("manifest", option, value)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in " ".join(result.stderr.split())


def test_a_person_gets_hints_beside_it() -> None:
    """Where standard error is a terminal it says what to click; standard output stays the manifest alone."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        done = subprocess.run(
            [sys.executable, "-m", "slackkefu", "manifest"], stdout=subprocess.PIPE, stderr=theirs, check=True, cwd=ROOT
        )
        os.close(theirs)
        said = terminal.read(4096).decode()

    assert manifest(redirect_url=REDIRECT) == json.loads(done.stdout)
    assert "From a manifest" in said
    assert "connections:write" in said
