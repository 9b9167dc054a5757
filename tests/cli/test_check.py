"""``slackkefu check`` as a person meets it, and as a program reads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from slackkefu.cli.main import main
from slackkefu.doctor.report import IDS

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
[slack]
app_token = "xapp-hidden"
[network]
proxy = "http://buyer:hidden-word@proxy.shop.test:3128"
[easemob]
app_key = "shop#desk"
client_id = "client"
client_secret = "hidden-too"
rest_url = "https://a1.shop.test"
websocket_url = "wss://im.shop.test"
[kefu]
service_number = "Desk"
visitor_fields = []
[store]
path = "store"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a good configuration file, for its owner alone."""
    path = tmp_path / "config.toml"
    path.write_text(GOOD, encoding="utf-8")
    path.chmod(0o600)
    return path


def call(*arguments: str | Path, **environ: str) -> Result:
    """Call ``slackkefu check`` in an environment of its own."""
    nothing = dict.fromkeys(("SLACKKEFU_CONFIG", "STATE_DIRECTORY", "XDG_STATE_HOME", "CREDENTIALS_DIRECTORY"))
    command = ["check", *map(str, arguments)]
    return CliRunner().invoke(main, command, env=nothing | {"HOME": "/home/shop"} | environ)


def findings(result: Result, id_: str) -> list[dict[str, Any]]:
    """Return the findings of one id in a JSON document."""
    return [each for each in json.loads(result.stdout)["findings"] if each["id"] == id_]


def test_offline_shows_what_each_key_means_without_secrets(config: Path) -> None:
    """Nobody is asked; a good configuration is shown as it will be used, secrets only as set or not set."""
    result = call("--offline", "--config", config)

    assert 0 == result.exit_code, result.output
    lines = [line.split() for line in result.stdout.splitlines() if line.startswith("  ")]
    shown = {name: " ".join(rest) for name, *rest in lines}
    assert "set" == shown["slack.app_token"]
    assert "not set" == shown["slack.bot_token"]
    assert "2" == shown["slack.connections"]
    assert "not set" == shown["easemob.discovery_url"] or shown["easemob.discovery_url"].startswith("https://")
    assert "desk" == shown["kefu.service_number"]
    assert "none" == shown["kefu.visitor_fields"]
    assert str(config.parent / "store") == shown["store.path"]
    assert "hidden" not in result.output
    assert "net." not in result.output


def test_offline_makes_no_store(config: Path) -> None:
    """A store that is not there is not made, and that is well."""
    result = call("--offline", "--json", "--config", config)

    assert not (config.parent / "store").exists()
    assert ["ok"] == [each["level"] for each in findings(result, "store.folder")]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_terminal_that_cannot_show_all(options: tuple[str, ...], tmp_path: Path) -> None:
    """Where characters are missing there is something else in their place, and no traceback."""
    config = tmp_path / "配置.toml"
    config.write_text(GOOD, encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "slackkefu", "check", "--offline", "--config", str(config), *options],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )

    assert (0, b"") == (done.returncode, done.stderr)
    assert rb"\u914d\u7f6e.toml" in done.stdout
    if options:
        assert str(config) in json.loads(done.stdout)["findings"][0]["says"]


def test_json_is_one_document(config: Path) -> None:
    """With ``--json`` there is nothing else, and all of its parts are those that the help tells of."""
    config.chmod(0o644)
    result = call("--offline", "--json", "--config", config)
    document = json.loads(result.stdout)

    assert {"version", "level", "exit_code", "findings", "settings"} == set(document)
    assert (1, "warning", 0, 0) == (document["version"], document["level"], document["exit_code"], result.exit_code)
    assert all({"id", "level", "about", "says", "means", "do"} == set(each) for each in document["findings"])
    assert "set" == document["settings"]["slack.app_token"]
    assert "hidden" not in result.output


def test_help_tells_every_id() -> None:
    """A program that reads the document finds each id in the help."""
    result = call("--help")

    assert all(id_ in result.output for id_ in IDS)
    for option in ("--json", "--login", "--hosts", "--offline"):
        assert option in result.output


def test_without_a_file_the_next_step_is_init(tmp_path: Path) -> None:
    """Where there is no configuration at all, it says how to make one."""
    result = call("--config", tmp_path / "config.toml")

    assert 3 == result.exit_code
    assert "there is no" in result.stdout
    assert "slackkefu init" in result.stdout
    assert "config.values" not in result.stdout


def test_every_problem_of_the_configuration_is_a_finding(config: Path) -> None:
    """All are told at once, each under its key, and the code is 3."""
    config.write_text(
        "[slack]\nconnections = 0\napp_token = 'xoxb-hidden'\n[kefu]\nservice_numer = 'x'\n", encoding="utf-8"
    )
    result = call("--json", "--config", config)
    problems = {each["about"]: each for each in findings(result, "config.values")}

    assert 3 == result.exit_code
    assert "found 0; expected a whole number from 1 to 9" == problems["slack.connections"]["says"]
    assert "kefu.service_number, perhaps" in problems["kefu.service_numer"]["says"]
    assert {"slack.app_token", "easemob.app_key", "easemob.client_id", "kefu.service_number"} <= set(problems)
    assert "hidden" not in result.output
    assert all(each["level"] == "failure" and each["means"] and each["do"] for each in problems.values())


def test_a_file_that_is_no_toml(config: Path) -> None:
    """A file that cannot be read at all is told by line."""
    config.write_text("[slack\n", encoding="utf-8")
    result = call("--config", config)

    assert 3 == result.exit_code
    assert "line 1" in result.stdout


def test_the_store_is_examined_where_the_rest_is_wrong(config: Path) -> None:
    """What needs the store's path alone is said all the same."""
    config.write_text('[store]\npath = "config.toml"\n', encoding="utf-8")
    result = call("--json", "--config", config)

    assert 3 == result.exit_code
    assert ["failure"] == [each["level"] for each in findings(result, "store.folder")]


def test_a_file_that_others_may_read(config: Path) -> None:
    """Others who may read it are a warning, with the command that helps."""
    config.chmod(0o640)
    result = call("--offline", "--config", config)

    assert 0 == result.exit_code
    assert "mode 0640" in result.stdout
    assert f"chmod 0600 {config}" in result.stdout


def test_credentials_of_a_unit_cannot_be_seen_from_a_shell(config: Path) -> None:
    """Secrets that only the unit has are named, with a command that has them; what else is wrong stays."""
    given = GOOD.replace('app_token = "xapp-hidden"', "").replace('client_secret = "hidden-too"', "")
    config.write_text(given, encoding="utf-8")
    result = call("--json", "--config", config)
    (hint,) = [each for each in findings(result, "config.file") if each["level"] == "warning"]

    assert 3 == result.exit_code
    assert "slack.app_token, easemob.client_secret" in hint["says"]
    for word in (
        "systemd-run --pipe --wait --collect",
        f"--property=LoadCredential=slack.app_token:{config.parent}/slack.app_token",
        f"--property=LoadCredential=easemob.client_secret:{config.parent}/easemob.client_secret",
        f"check --config {config}",
    ):
        assert word in hint["do"]


def test_with_the_credentials_it_is_well(config: Path, tmp_path: Path) -> None:
    """What that command gives, a folder of credentials, is all that was missing."""
    config.write_text(GOOD.replace('app_token = "xapp-hidden"', ""), encoding="utf-8")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "slack.app_token").write_text("xapp-hidden\n", encoding="utf-8")
    result = call("--offline", "--config", config, CREDENTIALS_DIRECTORY=str(credentials))

    assert 0 == result.exit_code, result.output


def test_a_file_that_cannot_be_looked_at(config: Path) -> None:
    """What stands in the way to it is no reason for a traceback."""
    result = call("--config", config / "config.toml")

    assert 3 == result.exit_code
    assert "cannot be read" in result.stdout


def test_a_folder_where_a_file_belongs(tmp_path: Path) -> None:
    """What cannot be read is a fault of the file, not of its values."""
    result = call("--json", "--config", tmp_path)
    (found,) = json.loads(result.stdout)["findings"]

    assert (3, "config.file") == (result.exit_code, found["id"])
    assert "run this as the user" in found["do"]


def test_hosts_are_listed_as_lines(config: Path) -> None:
    """Behind a proxy that is one line, without its password, and nobody is asked where all is configured."""
    result = call("--hosts", "--config", config)

    assert 0 == result.exit_code
    assert ["proxy.shop.test", "3128"] == result.stdout.split()[:2]
    assert 1 == len(result.stdout.splitlines())
    assert "hidden" not in result.output


def test_hosts_as_json(config: Path) -> None:
    """Without the proxy each host is there."""
    config.write_text(GOOD.replace("[network]\nproxy =", "#"), encoding="utf-8")
    result = call("--hosts", "--json", "--config", config)
    document = json.loads(result.stdout)

    assert 0 == result.exit_code
    assert {"version", "hosts", "problem"} == set(document)
    assert {"host": "slack.com", "port": 443, "use": "Slack: Web API"} == document["hosts"][0]
    assert {"a1.shop.test", "im.shop.test", "files.slack.com"} <= {each["host"] for each in document["hosts"]}


@pytest.mark.parametrize("option", ["--login", "--hosts"])
def test_offline_asks_nobody(config: Path, option: str) -> None:
    """What asks others does not go with ``--offline``."""
    assert 2 == call("--offline", option, "--config", config).exit_code
