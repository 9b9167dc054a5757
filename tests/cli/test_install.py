"""``slackkefu install`` as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import click
import pytest

from slackkefu.slack.features import BOT_SCOPES
from slackkefu.store.lock import hold
from tests.cli.test_main import call

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
[slack]
client_id = "1234.5678"
client_secret = "hidden"
redirect_url = "https://kefu.example/slack/cb"
[store]
path = "store"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration that has what OAuth needs and the store, and no more."""
    path = tmp_path / "config.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def test_a_link_is_printed_and_nothing_else(config: Path) -> None:
    """The link is all of the output, so that it can be piped into a mail; no store is made for it."""
    result = call("install", "--link", "--team", "T0NORTH001", "--config", config)
    (line,) = result.stdout.splitlines()
    values = parse_qs(urlsplit(line).query)

    assert 0 == result.exit_code
    assert line.startswith("https://slack.com/oauth/v2/authorize?")
    assert (["1234.5678"], ["https://kefu.example/slack/cb"]) == (values["client_id"], values["redirect_uri"])
    assert {*BOT_SCOPES} == {*values["scope"][0].split(",")}
    assert ["T0NORTH001"] == values["team"]
    assert "good for 7 days" in result.stderr
    assert "hidden" not in result.output
    assert not (config.parent / "store").exists()


def test_without_client_id_and_secret(config: Path) -> None:
    """What OAuth needs is named, and nothing that only the daemon needs."""
    config.write_text('store.path = "store"\n', encoding="utf-8")
    result = call("install", "--link", "--config", config)

    assert 3 == result.exit_code
    assert "slack.client_id: found nothing" in result.stderr
    assert "slack.client_secret: found nothing" in result.stderr
    assert "easemob" not in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--link", "--answer", "x"),
        ("--answer", "x", "--listen", "8443"),
        ("--code", "--link"),
        ("--cert", "c.pem"),
        ("--cert", "c.pem", "--key", "k.pem"),
        ("--team", "north"),
        ("--listen", "https"),
        ("--listen", "localhost:99999"),
    ],
)
def test_options_that_do_not_go_together(config: Path, options: tuple[str, ...]) -> None:
    """They are wrong use, told before anything is done."""
    assert 2 == call("install", *options, "--config", config).exit_code


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ("hello", 2, "not the address to which the browser was sent"),
        ("https://kefu.example/slack/cb?error=access_denied", 5, "did not agree"),
        ("https://kefu.example/slack/cb?code=1&state=2", 2, "cut off"),
        ("1234.5678.abcdef", 2, "add --code"),
    ],
)
def test_an_answer_that_is_none(config: Path, answer: str, code: int, words: str) -> None:
    """It is told in one line, and nobody is called."""
    result = call("install", "--answer", answer, "--config", config)

    assert (code, "") == (result.exit_code, result.stdout)
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_store_that_is_held(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever would agree for nothing is not even asked to."""
    monkeypatch.setattr("slackkefu.cli.in_store.PATIENCE_S", 0.0)
    (config.parent / "store").mkdir()
    with hold(config.parent / "store", now=0):
        for options in ((), ("--listen", "127.0.0.1:0", "--cert", "c", "--key", "k"), ("--listen", "127.0.0.1:0")):
            result = call("install", *options, "--config", config)

            assert result.exit_code == (2 if "--cert" in options else 4)
            assert "/oauth/v2/authorize" not in result.stdout


def test_a_port_that_is_taken(config: Path) -> None:
    """It is told, with the fingerprint of the certificate that was made."""
    result = call("install", "--listen", "256.0.0.1:8443", "--config", config)

    assert 2 == result.exit_code
    assert "shows this fingerprint (SHA-256):\n  " in result.stdout
    assert "--listen 256.0.0.1:8443:" in result.stderr


def test_a_wrong_port_is_told_before_anything_is_made(config: Path) -> None:
    """No certificate is shown, and no store made, for an address that is none."""
    result = call("install", "--listen", "99999", "--config", config)

    assert 2 == result.exit_code
    assert "[HOST:]PORT" in result.stderr
    assert "fingerprint" not in result.output


@pytest.mark.parametrize("ends", [click.Abort(), KeyboardInterrupt(), BaseExceptionGroup("", [KeyboardInterrupt()])])
def test_broken_off(config: Path, monkeypatch: pytest.MonkeyPatch, ends: BaseException) -> None:
    """Ctrl-C, wherever it comes, is no good end; what to do next is said."""

    def end(*_: object) -> None:
        raise ends

    monkeypatch.setattr("slackkefu.cli.install.trio.run", end)
    result = call("install", "--config", config)

    assert 2 == result.exit_code
    assert "open the same link again" in result.stderr
